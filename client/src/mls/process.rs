//! The one way in for what others sealed.

use core::fmt;

use caucus_proto::envelope::AccessSecret;
use caucus_proto::id::{ChannelId, Counter, PersonaId};
use caucus_proto::org::CommitOps;
use openmls::group::{ProcessMessageError, StageCommitError, StagedCommit, ValidationError};
use openmls::prelude::{MlsMessageBodyIn, MlsMessageIn, ProcessedMessageContent, ProtocolMessage};
use openmls_traits::OpenMlsProvider;
use openmls_traits::storage::StorageProvider;
use tls_codec::Deserialize;

use crate::mls::error::{Misuse, MlsError, Refusal};
use crate::mls::framing::{Body, Content};
use crate::mls::group::{Group, authenticator, group_id, staged_access};
use crate::mls::policy;
use crate::mls::provider::Provider;
use crate::vault::Overlay;

/// What came.
#[derive(Debug)]
pub enum Incoming {
    /// A message.
    Message {
        /// Who sealed it, by the leaf whose key signed it.
        author: PersonaId,
        /// What it says.
        plaintext: Vec<u8>,
    },
    /// A commit. Nothing happened yet: the machine judges it, then [`Group::merge`] or discard.
    Commit(Box<IncomingCommit>),
    /// Sealed by our own leaf, or pretending so: this is not authenticated. The caller knows its own entries
    /// by the hash of their bytes; what it does not know is a no-op.
    Own,
}

/// A commit of somebody else that verified in full.
pub struct IncomingCommit {
    /// Who made it.
    pub author: PersonaId,
    /// What the machine judges.
    pub ops: CommitOps,
    staged: StagedCommit,
}

impl IncomingCommit {
    /// Whether it removes us.
    #[must_use]
    pub fn removes_us(&self) -> bool {
        self.staged.self_removed()
    }

    /// The access secret of the epoch that it creates, for the counter after it.
    ///
    /// # Errors
    /// `Misuse::NotMember` if it removes us.
    pub fn access(&self, channel: &ChannelId, counter_after: Counter) -> Result<AccessSecret, MlsError> {
        staged_access(&self.staged, channel, counter_after)
    }

    /// The authenticator, as in heads, of the epoch that it creates; none if it removes us.
    #[must_use]
    pub fn authenticator_hash(&self) -> Option<[u8; 32]> {
        let secret = self.staged.epoch_authenticator()?;
        Some(authenticator(secret.as_slice()))
    }
}

impl fmt::Debug for IncomingCommit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IncomingCommit({:?}, {:?})", self.author, self.ops)
    }
}

impl Group {
    /// Processes what came. The moved ratchet is in the overlay, to be committed together with the plaintext
    /// or after [`Group::merge`]; on an error, or where the machine refuses the commit, the caller discards
    /// the overlay and loads the group again, and the same bytes can be processed once more.
    ///
    /// # Errors
    /// `Unprocessable` for what nobody can process, `Broken` for a signed commit that fails here,
    /// `Misuse::NotMember`, `Storage`.
    pub fn process(&mut self, overlay: &Overlay, bytes: &[u8]) -> Result<Incoming, MlsError> {
        if !self.is_active() {
            return Err(Misuse::NotMember.into());
        }
        let message = self.open_framing(bytes)?;
        let provider = Provider::over(overlay);
        let processed = self.process_over(&provider, message);
        provider.outcome(processed)
    }

    /// Merges a commit that the machine allowed. A pending commit of our own is dropped by it. Where it
    /// removes us, secrets of the last epoch stay until [`Group::forget`].
    ///
    /// # Errors
    /// `Storage`, `Library`.
    pub fn merge(&mut self, overlay: &Overlay, commit: IncomingCommit) -> Result<(), MlsError> {
        let provider = Provider::over(overlay);
        let merged = self.merge_over(&provider, commit);
        provider.outcome(merged)
    }

    fn merge_over(&mut self, provider: &Provider<'_>, commit: IncomingCommit) -> Result<(), MlsError> {
        let (id, epoch, leaf) = (
            group_id(&self.room),
            self.inner.epoch(),
            self.inner.own_leaf_index(),
        );
        let removes_us = commit.removes_us();
        self.inner
            .merge_staged_commit(provider, commit.staged)
            .map_err(|_| MlsError::Library("merge a commit"))?;
        if removes_us {
            // The library moves an evicted member to the new epoch and leaves the path keys under the old one.
            provider
                .storage()
                .delete_encryption_epoch_key_pairs(&id, &epoch, leaf.u32())
                .map_err(|_| MlsError::Library("delete path keys"))?;
        }
        Ok(())
    }

    fn open_framing(&self, bytes: &[u8]) -> Result<ProtocolMessage, Refusal> {
        let message = MlsMessageIn::tls_deserialize_exact(bytes).map_err(|_| Refusal::Malformed)?;
        let MlsMessageBodyIn::PrivateMessage(message) = message.extract() else {
            return Err(Refusal::Framing);
        };
        if message.group_id() != &group_id(&self.room) {
            return Err(Refusal::Group);
        }
        if message.epoch() != self.inner.epoch() {
            return Err(Refusal::Epoch);
        }
        Ok(message.into())
    }

    fn process_over(
        &mut self,
        provider: &Provider<'_>,
        message: ProtocolMessage,
    ) -> Result<Incoming, MlsError> {
        let processed = self.inner.process_message(provider, message);
        let verified = provider.crypto().verified();
        let processed = match processed {
            Ok(processed) => processed.into_content(),
            Err(error) => return Err(self.sort(&error, verified.as_deref())),
        };
        if matches!(
            processed,
            ProcessedMessageContent::OwnPrivateMessage | ProcessedMessageContent::OwnPendingCommit
        ) {
            return Ok(Incoming::Own);
        }
        let content = Content::read(&verified.ok_or(Refusal::Signature)?)?;
        let (author, ops) = self.judge(&content)?;
        match (processed, ops) {
            (ProcessedMessageContent::ApplicationMessage(message), None) => Ok(Incoming::Message {
                author,
                plaintext: message.into_bytes(),
            }),
            (ProcessedMessageContent::StagedCommitMessage(staged), Some(ops)) => {
                Ok(Incoming::Commit(Box::new(IncomingCommit {
                    author,
                    ops,
                    staged: *staged,
                })))
            }
            _ => Err(Refusal::Standalone.into()),
        }
    }

    /// Checks signed content against every rule that everybody sees, and says what a commit does.
    fn judge(&self, content: &Content) -> Result<(PersonaId, Option<CommitOps>), Refusal> {
        let tree = self.inner.public_group();
        let author = policy::holder(tree, &self.bearers, content.author).ok_or(Refusal::Signature)?;
        if content.aad {
            return Err(Refusal::Aad);
        }
        let ops = match &content.body {
            Body::Application => None,
            Body::Proposal => return Err(Refusal::Standalone),
            Body::Commit(commit) => Some(policy::judge(
                commit,
                content.author,
                &self.room,
                self.suite(),
                tree,
                &self.bearers,
            )?),
        };
        Ok((author, ops))
    }

    /// Sorts what the library refused. A signed commit that keeps the visible rules and fails in what only
    /// its receivers can compute is broken; all else is nothing to anybody.
    fn sort<E>(&self, error: &ProcessMessageError<E>, verified: Option<&[u8]>) -> MlsError {
        let Some(verified) = verified else {
            return unsigned(error).into();
        };
        match Content::read(verified).and_then(|content| self.judge(&content)) {
            Err(refusal) => refusal.into(),
            Ok((author, Some(ops))) if fails_here(error) => MlsError::Broken {
                author,
                ops: Box::new(ops),
            },
            Ok(_) => Refusal::Commit.into(),
        }
    }
}

/// Why a message failed whose signature did not verify, or was never reached.
const fn unsigned<E>(error: &ProcessMessageError<E>) -> Refusal {
    match error {
        ProcessMessageError::IncompatibleWireFormat => Refusal::Framing,
        ProcessMessageError::ValidationError(error) => match error {
            ValidationError::WrongGroupId => Refusal::Group,
            ValidationError::WrongEpoch | ValidationError::NoPastEpochData => Refusal::Epoch,
            ValidationError::UnableToDecrypt(_) => Refusal::Sealed,
            ValidationError::UnknownMember | ValidationError::InvalidSignature => Refusal::Signature,
            _ => Refusal::Malformed,
        },
        _ => Refusal::Malformed,
    }
}

/// Whether a commit fails in what depends on secrets or on the tree that we hold: path and tag.
const fn fails_here<E>(error: &ProcessMessageError<E>) -> bool {
    match error {
        ProcessMessageError::InvalidCommit(error) => matches!(
            error,
            StageCommitError::UpdatePathError(_)
                | StageCommitError::VerifiedUpdatePathError(_)
                | StageCommitError::ConfirmationTagMismatch
                | StageCommitError::MissingDecryptionKey
                | StageCommitError::OwnKeyNotFound
                | StageCommitError::LibraryError(_)
        ),
        ProcessMessageError::LibraryError(_) => true,
        _ => false,
    }
}
