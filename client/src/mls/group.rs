//! One group: founding, loading, sealing, and the secrets of its epoch.

use core::fmt;

use caucus_proto::envelope::AccessSecret;
use caucus_proto::id::{ChannelId, Counter, PersonaId, RoomId};
use caucus_proto::label::{Label, hash};
use caucus_proto::org::{PersonaPublic, SuiteChoice};
use openmls::group::{GroupId, MlsGroup, StagedCommit};
use openmls_basic_credential::SignatureKeyPair;
use openmls_traits::OpenMlsProvider;
use tls_codec::Serialize;
use zeroize::Zeroizing;

use crate::mls::bearers::Bearers;
use crate::mls::certificate::Certificate;
use crate::mls::error::{Misuse, MlsError};
use crate::mls::key_package::new_leaf_key;
use crate::mls::persona::PersonaKeys;
use crate::mls::provider::Provider;
use crate::mls::suite;
use crate::vault::{Overlay, VaultError};

/// The MLS group of a room, as one of its members holds it.
pub struct Group {
    pub(super) room: RoomId,
    pub(super) inner: MlsGroup,
    pub(super) bearers: Bearers,
}

impl Group {
    /// Founds the group of a room, with the founder alone in it.
    ///
    /// # Errors
    /// `Misuse::Exists`, `Storage`, `Library`.
    pub fn found(
        overlay: &Overlay,
        room: &RoomId,
        suite: SuiteChoice,
        persona: &PersonaKeys,
    ) -> Result<Self, MlsError> {
        if Self::load(overlay, room)?.is_some() {
            return Err(Misuse::Exists.into());
        }
        let provider = Provider::over(overlay);
        let founded = Self::found_over(&provider, room, suite, persona);
        provider.outcome(founded)
    }

    fn found_over(
        provider: &Provider<'_>,
        room: &RoomId,
        suite: SuiteChoice,
        persona: &PersonaKeys,
    ) -> Result<Self, MlsError> {
        let config = suite::create_config(suite::ciphersuite(suite))?;
        let (signer, credential) = new_leaf_key(provider, persona, room)?;
        let inner = MlsGroup::new_with_group_id(provider, &signer, &config, group_id(room), credential)
            .map_err(|_| MlsError::Library("found a group"))?;
        Ok(Self::of(room, inner))
    }

    /// The group of a room as the overlay holds it, if it does.
    ///
    /// # Errors
    /// `Storage`.
    pub fn load(overlay: &Overlay, room: &RoomId) -> Result<Option<Self>, MlsError> {
        let provider = Provider::over(overlay);
        let loaded = MlsGroup::load(provider.storage(), &group_id(room))
            .map_err(|_| MlsError::Library("load a group"));
        let inner = provider.outcome(loaded)?;
        Ok(inner.map(|inner| Self::of(room, inner)))
    }

    pub(super) fn of(room: &RoomId, inner: MlsGroup) -> Self {
        Self {
            room: *room,
            inner,
            bearers: Bearers::default(),
        }
    }

    /// Tells it whose the later persona keys are. A group knows none when it is founded, loaded or put back.
    pub fn know(&mut self, bearers: Bearers) {
        self.bearers = bearers;
    }

    /// The room.
    #[must_use]
    pub const fn room(&self) -> RoomId {
        self.room
    }

    /// The suite of the room.
    #[must_use]
    pub fn suite(&self) -> SuiteChoice {
        if self.inner.ciphersuite() == suite::ciphersuite(SuiteChoice::Hybrid) {
            SuiteChoice::Hybrid
        } else {
            SuiteChoice::Classical
        }
    }

    /// The epoch: how many commits were merged since the founding.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.inner.epoch().as_u64()
    }

    /// The epoch's authenticator as it appears in heads: alike for all who are in the same epoch of the same
    /// history, and for nobody else.
    #[must_use]
    pub fn authenticator_hash(&self) -> [u8; 32] {
        authenticator(self.inner.epoch_authenticator().as_slice())
    }

    /// Whether we are in the group; not once a commit that removed us was merged.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.inner.is_active()
    }

    /// Who is in the group, in the order of the tree.
    #[must_use]
    pub fn roster(&self) -> Vec<PersonaId> {
        self.inner
            .members()
            .filter_map(|member| Certificate::key(&member.credential).ok())
            .map(|key| self.bearers.of(&key))
            .collect()
    }

    /// By which persona keys its leaves are certified, and whose they are, in the order of the tree.
    pub fn certified(&self) -> impl Iterator<Item = (PersonaId, PersonaPublic)> {
        self.inner
            .members()
            .filter_map(|member| Certificate::key(&member.credential).ok())
            .map(|key| (self.bearers.of(&key), key))
    }

    /// The persona whose leaf we hold; none once we were removed.
    #[must_use]
    pub fn own_persona(&self) -> Option<PersonaId> {
        let credential = self.inner.credential().ok()?;
        let key = Certificate::key(credential).ok()?;
        Some(self.bearers.of(&key))
    }

    /// Seals bytes for the group as a message. The moved ratchet is in the overlay.
    ///
    /// # Errors
    /// `Misuse::NotMember`, `Storage`, `Library`.
    pub fn seal(&mut self, overlay: &Overlay, plaintext: &[u8]) -> Result<Vec<u8>, MlsError> {
        let provider = Provider::over(overlay);
        let sealed = self.seal_over(&provider, plaintext);
        provider.outcome(sealed)
    }

    fn seal_over(&mut self, provider: &Provider<'_>, plaintext: &[u8]) -> Result<Vec<u8>, MlsError> {
        let signer = self.signer(provider)?;
        self.inner
            .create_message(provider, &signer, plaintext)
            .map_err(|_| MlsError::Library("seal a message"))?
            .tls_serialize_detached()
            .map_err(|_| MlsError::Library("encode a message"))
    }

    /// The access secret that the current epoch gives: a function of the epoch, the channel, and the counter
    /// after the cut.
    ///
    /// # Errors
    /// `Misuse::NotMember`, `Library`.
    pub fn access(&self, channel: &ChannelId, counter: Counter) -> Result<AccessSecret, MlsError> {
        if !self.is_active() {
            return Err(Misuse::NotMember.into());
        }
        let context = AccessSecret::exporter_context(channel, counter);
        let crypto = openmls_rust_crypto::RustCrypto::default();
        let secret = self
            .inner
            .export_secret(&crypto, Label::AccessSecret.text(), &context, 32)
            .map_err(|_| MlsError::Library("export a secret"))?;
        access_secret(secret)
    }

    /// Deletes everything that is kept of the group of a room, leaf key included; also of one that was
    /// damaged, whose leaf key alone may stay.
    ///
    /// # Errors
    /// `Storage`.
    pub fn forget(overlay: &Overlay, room: &RoomId) -> Result<(), MlsError> {
        let leaf_key = match Self::load(overlay, room) {
            Ok(group) => group.and_then(|group| Some(group.inner.own_leaf_node()?.signature_key().clone())),
            Err(MlsError::Storage(VaultError::Damaged(_))) => None,
            Err(error) => return Err(error),
        };
        let provider = Provider::over(overlay);
        let deleted = leaf_key
            .map_or(Ok(()), |key| {
                SignatureKeyPair::delete(provider.storage(), key.as_slice(), suite::LEAF_SCHEME)
            })
            .and_then(|()| provider.storage().wipe(&group_id(room)))
            .map_err(|_| MlsError::Library("delete a group"));
        provider.outcome(deleted)
    }

    /// Our leaf key.
    pub(super) fn signer(&self, provider: &Provider<'_>) -> Result<SignatureKeyPair, MlsError> {
        if !self.is_active() {
            return Err(Misuse::NotMember.into());
        }
        self.inner
            .own_leaf_node()
            .and_then(|leaf| {
                let key = leaf.signature_key().as_slice();
                SignatureKeyPair::read(provider.storage(), key, suite::LEAF_SCHEME)
            })
            .ok_or(MlsError::Library("find the leaf key"))
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Group({:?}, epoch {})", self.room, self.epoch())
    }
}

/// The library's name of a room's group.
pub(super) fn group_id(room: &RoomId) -> GroupId {
    GroupId::from_slice(room.as_bytes())
}

/// The access secret of the epoch that a staged commit creates.
pub(super) fn staged_access(
    staged: &StagedCommit,
    channel: &ChannelId,
    counter: Counter,
) -> Result<AccessSecret, MlsError> {
    let context = AccessSecret::exporter_context(channel, counter);
    let crypto = openmls_rust_crypto::RustCrypto::default();
    let secret = staged
        .export_secret(&crypto, Label::AccessSecret.text(), &context, 32)
        .map_err(|_| Misuse::NotMember)?;
    access_secret(secret)
}

/// An epoch authenticator as it appears in heads.
pub(super) fn authenticator(secret: &[u8]) -> [u8; 32] {
    hash(Label::EpochAuthenticator, &[secret])
}

fn access_secret(secret: Vec<u8>) -> Result<AccessSecret, MlsError> {
    let secret = Zeroizing::new(secret);
    secret
        .as_slice()
        .try_into()
        .map(AccessSecret::from_bytes)
        .map_err(|_| MlsError::Library("export 32 bytes"))
}
