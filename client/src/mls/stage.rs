//! Staging a commit of our own: it is pending until the relay's log shows it, or another one wins.

use std::cell::RefCell;

use caucus_proto::envelope::AccessSecret;
use caucus_proto::id::{ChannelId, Counter, PersonaId};
use caucus_proto::org::{CommitOps, SeatKept};
use openmls::group::StagedCommit;
use openmls::prelude::{CredentialWithKey, LeafNodeIndex, LeafNodeParameters, SignatureScheme};
use openmls_basic_credential::SignatureKeyPair;
use openmls_traits::OpenMlsProvider;
use openmls_traits::signatures::{Signer, SignerError};
use tls_codec::Serialize;

use crate::mls::certificate::Certificate;
use crate::mls::error::{Misuse, MlsError, Refusal};
use crate::mls::framing::{Body, Content, signed_content};
use crate::mls::group::{Group, authenticator, staged_access};
use crate::mls::key_package;
use crate::mls::persona::PersonaKeys;
use crate::mls::policy;
use crate::mls::provider::Provider;
use crate::vault::Overlay;

/// A commit of our own that is pending, as it goes out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Staged {
    /// The commit. It comes back as bytes with the same hash; only then is it merged.
    pub message: Vec<u8>,
    /// The welcome for all who are added, if any are.
    pub welcome: Option<Vec<u8>>,
    /// The ratchet tree that goes with the welcome.
    pub tree: Option<Vec<u8>>,
    /// What the machine judges.
    pub ops: CommitOps,
}

impl Group {
    /// Stages a commit that adds these key packages, removes every leaf of these personas, and refreshes our own
    /// leaf, by the persona key of now, where `path` asks for it; a commit that does more than add always does.
    ///
    /// # Errors
    /// `Misuse`: a commit is pending, we are out, a persona is not there. `Unprocessable`: it would break a
    /// rule, as a key package that does. `Storage`, `Library`.
    pub fn stage(
        &mut self,
        overlay: &Overlay,
        persona: &PersonaKeys,
        adds: &[Vec<u8>],
        removes: &[PersonaId],
        path: bool,
    ) -> Result<Staged, MlsError> {
        let tree = self.inner.public_group();
        let mut removed = Vec::new();
        for persona in removes {
            let leaves = policy::leaves_of(tree, &self.bearers, persona);
            if leaves.is_empty() {
                return Err(Misuse::NoSuchLeaf.into());
            }
            removed.extend(leaves.into_iter().map(|(index, _)| index));
        }
        self.stage_removing(overlay, persona, adds, removed, path)
    }

    /// Stages a commit that removes every leaf but these of those who hold them.
    ///
    /// # Errors
    /// As [`Group::stage`].
    pub fn stage_older(
        &mut self,
        overlay: &Overlay,
        persona: &PersonaKeys,
        kept: &[SeatKept],
    ) -> Result<Staged, MlsError> {
        let tree = self.inner.public_group();
        let mut removed = Vec::new();
        for kept in kept {
            let leaves = policy::leaves_of(tree, &self.bearers, &kept.persona);
            if !leaves.iter().any(|(_, leaf)| *leaf == kept.leaf) {
                return Err(Misuse::NoSuchLeaf.into());
            }
            let older = leaves.into_iter().filter(|(_, leaf)| *leaf != kept.leaf);
            removed.extend(older.map(|(index, _)| index));
        }
        if removed.is_empty() {
            return Err(Misuse::NoSuchLeaf.into());
        }
        self.stage_removing(overlay, persona, &[], removed, true)
    }

    fn stage_removing(
        &mut self,
        overlay: &Overlay,
        persona: &PersonaKeys,
        adds: &[Vec<u8>],
        removed: Vec<LeafNodeIndex>,
        path: bool,
    ) -> Result<Staged, MlsError> {
        if self.inner.pending_commit().is_some() {
            return Err(Misuse::Pending.into());
        }
        if self.own_persona() != Some(self.bearers.of(&persona.public())) {
            return Err(Misuse::Persona.into());
        }
        let provider = Provider::over(overlay);
        let staged = self.stage_over(&provider, persona, adds, removed, path);
        provider.outcome(staged)
    }

    fn stage_over(
        &mut self,
        provider: &Provider<'_>,
        persona: &PersonaKeys,
        adds: &[Vec<u8>],
        removed: Vec<LeafNodeIndex>,
        path: bool,
    ) -> Result<Staged, MlsError> {
        let (suite, room) = (self.suite(), self.room);
        let added = adds
            .iter()
            .map(|bytes| key_package::verify(bytes, suite, &room).map(|(key_package, _)| key_package))
            .collect::<Result<Vec<_>, _>>()?;
        let path = path || !removed.is_empty() || adds.is_empty();

        let key = self.signer(provider)?;
        let signer = Signing::with(&key);
        // Whatever path there is certifies our leaf by the persona key of now.
        let leaf = if path {
            LeafNodeParameters::builder()
                .with_credential_with_key(CredentialWithKey {
                    credential: Certificate::issue(persona, key.public(), &room).credential()?,
                    signature_key: key.public().into(),
                })
                .build()
        } else {
            LeafNodeParameters::default()
        };
        let before = self.inner.export_ratchet_tree();
        let bundle = self
            .inner
            .commit_builder()
            .consume_proposal_store(false)
            .force_self_update(path)
            .leaf_node_parameters(leaf)
            .propose_removals(removed)
            .propose_adds(added)
            .load_psks(provider.storage())
            .map_err(|_| MlsError::Library("begin a commit"))?
            .use_ratchet_tree_extension(false)
            .build(provider.rand(), provider.crypto(), &signer, |_| true)
            .map_err(|_| Refusal::Commit)?
            .stage_commit(provider)
            .map_err(|_| MlsError::Library("stage a commit"))?;

        let content = signer.content.take().ok_or(MlsError::Library("sign a commit"))?;
        let Body::Commit(commit) = Content::read(&content)?.body else {
            return Err(MlsError::Library("read a commit of our own"));
        };
        let own = self.inner.own_leaf_index();
        let ops = policy::judge(
            &commit,
            own,
            &room,
            suite,
            self.inner.public_group(),
            &self.bearers,
        )?;
        let (message, welcome, _) = bundle.into_messages();
        let tree = match &welcome {
            Some(_) => Some(
                self.pending()?
                    .export_ratchet_tree(provider.crypto(), before)
                    .ok()
                    .flatten()
                    .and_then(|tree| tree.tls_serialize_detached().ok())
                    .ok_or(MlsError::Library("export the tree"))?,
            ),
            None => None,
        };
        let encode = |message: openmls::prelude::MlsMessageOut| {
            message
                .tls_serialize_detached()
                .map_err(|_| MlsError::Library("encode a commit"))
        };
        Ok(Staged {
            message: encode(message)?,
            welcome: welcome.map(encode).transpose()?,
            tree,
            ops,
        })
    }

    /// Whether a commit of ours is pending.
    #[must_use]
    pub fn has_pending(&self) -> bool {
        self.inner.pending_commit().is_some()
    }

    /// The access secret of the epoch that the pending commit creates, for the counter after it.
    ///
    /// # Errors
    /// `Misuse::NothingPending`, `Library`.
    pub fn pending_access(
        &self,
        channel: &ChannelId,
        counter_after: Counter,
    ) -> Result<AccessSecret, MlsError> {
        staged_access(self.pending()?, channel, counter_after)
    }

    /// The authenticator, as in heads, of the epoch that the pending commit creates.
    ///
    /// # Errors
    /// `Misuse::NothingPending`.
    pub fn pending_authenticator_hash(&self) -> Result<[u8; 32], MlsError> {
        let secret = self.pending()?.epoch_authenticator();
        secret
            .map(|secret| authenticator(secret.as_slice()))
            .ok_or_else(|| Misuse::NothingPending.into())
    }

    /// Merges the pending commit: the log showed the bytes that we sent.
    ///
    /// # Errors
    /// `Misuse::NothingPending`, `Storage`, `Library`.
    pub fn merge_own(&mut self, overlay: &Overlay) -> Result<(), MlsError> {
        self.pending()?;
        let provider = Provider::over(overlay);
        let merged = self
            .inner
            .merge_pending_commit(&provider)
            .map_err(|_| MlsError::Library("merge a commit of our own"));
        provider.outcome(merged)
    }

    /// Drops the pending commit, if there is one: it lost, or was refused.
    ///
    /// # Errors
    /// `Storage`.
    pub fn drop_pending(&mut self, overlay: &Overlay) -> Result<(), MlsError> {
        let provider = Provider::over(overlay);
        let dropped = self
            .inner
            .clear_pending_commit(provider.storage())
            .map_err(|_| MlsError::Library("drop a commit"));
        provider.outcome(dropped)
    }

    fn pending(&self) -> Result<&StagedCommit, MlsError> {
        self.inner
            .pending_commit()
            .ok_or_else(|| Misuse::NothingPending.into())
    }
}

/// Our leaf key, which also keeps the content of the message that it signed.
struct Signing<'a> {
    key: &'a SignatureKeyPair,
    content: RefCell<Option<Vec<u8>>>,
}

impl<'a> Signing<'a> {
    fn with(key: &'a SignatureKeyPair) -> Self {
        Self {
            key,
            content: RefCell::default(),
        }
    }
}

impl Signer for Signing<'_> {
    fn sign(&self, payload: &[u8]) -> Result<Vec<u8>, SignerError> {
        if let Some(content) = signed_content(payload) {
            *self.content.borrow_mut() = Some(content);
        }
        self.key.sign(payload)
    }

    fn signature_scheme(&self) -> SignatureScheme {
        self.key.signature_scheme()
    }
}
