//! Joining a group by a welcome.

use std::collections::BTreeMap;

use caucus_proto::id::{PersonaId, RoomId};
use caucus_proto::org::OLDER_LEAVES;
use openmls::prelude::{
    LeafNodeIndex, MlsMessageBodyIn, MlsMessageIn, RatchetTreeIn, StagedWelcome, Welcome, WelcomeError,
};
use tls_codec::Deserialize;

use crate::mls::bearers::Bearers;
use crate::mls::error::{MlsError, Refusal};
use crate::mls::group::{Group, group_id};
use crate::mls::leaf::Leaf;
use crate::mls::policy;
use crate::mls::provider::Provider;
use crate::mls::suite;
use crate::vault::Overlay;

/// A group that we joined.
#[derive(Debug)]
pub struct Joined {
    /// The group, in the epoch that the commit which added us created.
    pub group: Group,
    /// Who signed the welcome.
    pub by: PersonaId,
}

impl Group {
    /// Joins the group of a room by a welcome and the ratchet tree that came apart from it. Uses up the key
    /// package. A group of this room that was there before, even a damaged one, is forgotten: who is
    /// renewed starts anew.
    ///
    /// Every leaf of the tree is certified for this room, no persona holds more than a renewal leaves behind, the group has the room's id
    /// and no extensions but ours, and our own leaf is of `persona`, by these bearers of keys. Whether this is the commit that the log
    /// shows is for the caller to say (`authenticator_hash` against heads).
    ///
    /// # Errors
    /// `Unprocessable`, `Storage`, `Library`.
    pub fn join(
        overlay: &Overlay,
        room: &RoomId,
        persona: &PersonaId,
        welcome: &[u8],
        tree: &[u8],
        bearers: &Bearers,
    ) -> Result<Joined, MlsError> {
        let (welcome, tree) = (read_welcome(welcome)?, read_tree(tree)?);
        Self::forget(overlay, room)?;
        let provider = Provider::over(overlay);
        let joined = join_over(&provider, room, persona, welcome, tree, bearers);
        provider.outcome(joined)
    }

    /// Checks all of a tree that others made.
    fn admit_tree(&self, persona: &PersonaId) -> Result<(), MlsError> {
        let suite = self.inner.ciphersuite();
        let tree = self.inner.public_group();
        let mut seen: BTreeMap<PersonaId, u8> = BTreeMap::new();
        for (_, leaf) in tree.treesync().full_leaves() {
            let holder = self.bearers.of(&Leaf::of(leaf)?.certify(&self.room, suite)?);
            let older = seen.entry(holder).and_modify(|older| *older += 1).or_default();
            if *older > OLDER_LEAVES {
                return Err(Refusal::Seat.into());
            }
        }
        if policy::holder(tree, &self.bearers, self.inner.own_leaf_index()) != Some(*persona) {
            return Err(Refusal::Persona.into());
        }
        Ok(())
    }
}

fn join_over(
    provider: &Provider<'_>,
    room: &RoomId,
    persona: &PersonaId,
    welcome: Welcome,
    tree: RatchetTreeIn,
    bearers: &Bearers,
) -> Result<Joined, MlsError> {
    let builder =
        StagedWelcome::build_from_welcome(provider, &suite::join_config(), welcome).map_err(sort)?;
    let processed = builder.processed_welcome();
    let info = processed.unverified_group_info();
    if info.group_context().group_id() != &group_id(room) {
        return Err(Refusal::Group.into());
    }
    if info.extensions().ratchet_tree().is_some() || !processed.psks().is_empty() {
        return Err(Refusal::Extension.into());
    }
    let staged = builder
        .with_ratchet_tree(tree)
        .skip_lifetime_validation()
        .build()
        .map_err(sort)?;
    if *staged.group_context().extensions() != suite::group_extensions()? {
        return Err(Refusal::Extension.into());
    }
    let by: LeafNodeIndex = staged.welcome_sender_index();
    let inner = staged.into_group(provider).map_err(sort)?;
    let mut group = Group::of(room, inner);
    group.know(bearers.clone());
    group.admit_tree(persona)?;
    let by = policy::holder(group.inner.public_group(), bearers, by).ok_or(Refusal::Certificate)?;
    Ok(Joined { group, by })
}

fn read_welcome(bytes: &[u8]) -> Result<Welcome, Refusal> {
    let message = MlsMessageIn::tls_deserialize_exact(bytes).map_err(|_| Refusal::Malformed)?;
    match message.extract() {
        MlsMessageBodyIn::Welcome(welcome) => Ok(welcome),
        _ => Err(Refusal::Framing),
    }
}

fn read_tree(bytes: &[u8]) -> Result<RatchetTreeIn, Refusal> {
    RatchetTreeIn::tls_deserialize_exact(bytes).map_err(|_| Refusal::Malformed)
}

fn sort<E>(error: WelcomeError<E>) -> MlsError {
    match error {
        WelcomeError::NoMatchingKeyPackage
        | WelcomeError::JoinerSecretNotFound
        | WelcomeError::PrivateInitKeyNotFound
        | WelcomeError::UnableToDecrypt
        | WelcomeError::GroupSecrets(_) => Refusal::Sealed.into(),
        WelcomeError::CiphersuiteMismatch | WelcomeError::UnsupportedCiphersuite(_) => Refusal::Suite.into(),
        WelcomeError::UnsupportedExtensions | WelcomeError::Psk(_) => Refusal::Extension.into(),
        WelcomeError::UnsupportedCapability => Refusal::Capabilities.into(),
        _ => Refusal::Welcome.into(),
    }
}
