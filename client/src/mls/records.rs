//! The library's storage, in an overlay of the vault.
//!
//! All records of a group lie in two scopes, so that they can be deleted even where they cannot be read. Scopes
//! hold a hash of the library's key: a post-quantum public key is longer than a scope may be. Each record
//! begins with a byte that names its codec and version.

use std::sync::{Mutex, PoisonError};

use caucus_proto::codec;
use caucus_proto::label::{Label, hash};
use openmls::group::GroupId;
use openmls_traits::storage::{CURRENT_VERSION, StorageProvider, traits};
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::mls::record::{Kind, compact, decode, encode};
use crate::vault::{Damage, Overlay, Place, Table, VaultError};

/// Longest key of the library in bytes; it is hashed.
const LONGEST_KEY: usize = 16 * 1024;

/// First byte of the scope that holds what a group has one of; numbers in it are kinds.
const GROUP: u8 = 0;

/// First byte of the scope that holds a group's path keys, by epoch.
const EPOCHS: u8 = Kind::EpochKeys as u8;

/// The records of an overlay, as the library sees them.
pub(super) struct Records<'a> {
    overlay: &'a Overlay,
    fault: Mutex<Option<VaultError>>,
}

/// The vault did not do it; [`Records::fault`] says why.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("the vault did not do it")]
pub(super) struct Faulted;

/// A record as it lies in a scope of a group: which scope, its number, its bytes.
pub(super) type CopiedRecord = (u8, u64, Vec<u8>);

/// Items of a list, each encoded by itself.
type Items = Vec<Vec<u8>>;

/// Proposals, each with its reference.
type Queue = Vec<(Vec<u8>, Vec<u8>)>;

impl<'a> Records<'a> {
    pub(super) fn over(overlay: &'a Overlay) -> Self {
        Self {
            overlay,
            fault: Mutex::default(),
        }
    }

    /// Why the vault failed, if it did.
    pub(super) fn fault(&self) -> Option<VaultError> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn failed(&self, error: VaultError) -> Faulted {
        let mut fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        fault.get_or_insert(error);
        Faulted
    }

    /// Deletes all records of a group.
    pub(super) fn wipe(&self, group: &GroupId) -> Result<(), Faulted> {
        for kind in [GROUP, EPOCHS] {
            self.overlay.delete_scope(Table::Mls, &self.scope(kind, group)?);
        }
        Ok(())
    }

    /// All records of a group, as they lie in its two scopes.
    pub(super) fn copy(&self, group: &GroupId) -> Result<Vec<CopiedRecord>, Faulted> {
        let mut copied = Vec::new();
        for kind in [GROUP, EPOCHS] {
            let scope = self.scope(kind, group)?;
            let rows = self.overlay.range(Table::Mls, &scope, 0, usize::MAX);
            for (number, _) in rows.map_err(|error| self.failed(error))? {
                let place = Place::new(Table::Mls, scope.clone(), number);
                if let Some(bytes) = self.overlay.get(&place).map_err(|error| self.failed(error))? {
                    copied.push((kind, number, bytes.to_vec()));
                }
            }
        }
        Ok(copied)
    }

    /// Puts all records of a group back as they were copied.
    pub(super) fn put_back(&self, group: &GroupId, copied: &[CopiedRecord]) -> Result<(), Faulted> {
        self.wipe(group)?;
        for (kind, number, bytes) in copied {
            let place = Place::new(Table::Mls, self.scope(*kind, group)?, *number);
            self.overlay
                .put(place, bytes.as_slice())
                .map_err(|error| self.failed(error))?;
        }
        Ok(())
    }

    fn scope<K: Serialize>(&self, kind: u8, key: &K) -> Result<Vec<u8>, Faulted> {
        let key = compact(key, LONGEST_KEY).map_err(|error| self.failed(error))?;
        let mut scope = vec![kind];
        scope.extend_from_slice(&hash(Label::VaultPlace, &[&key]));
        Ok(scope)
    }

    fn place<K: Serialize>(&self, kind: Kind, key: &K) -> Result<Place, Faulted> {
        let (scope, number) = if kind.is_of_group() {
            (self.scope(GROUP, key)?, u64::from(kind as u8))
        } else {
            (self.scope(kind as u8, key)?, 0)
        };
        Ok(Place::new(Table::Mls, scope, number))
    }

    fn epoch_place<G: Serialize, E: Serialize>(
        &self,
        group: &G,
        epoch: &E,
        leaf_index: u32,
    ) -> Result<Place, Faulted> {
        let key = compact(&(epoch, leaf_index), LONGEST_KEY).map_err(|error| self.failed(error))?;
        let [a, b, c, d, e, f, g, h, ..] = hash(Label::VaultPlace, &[&key]);
        let number = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
        Ok(Place::new(Table::Mls, self.scope(EPOCHS, group)?, number))
    }

    fn write<K: Serialize, V: Serialize>(&self, kind: Kind, key: &K, value: &V) -> Result<(), Faulted> {
        self.write_at(self.place(kind, key)?, kind, value)
    }

    fn write_at<V: Serialize>(&self, place: Place, kind: Kind, value: &V) -> Result<(), Faulted> {
        let bytes = encode(kind, value).map_err(|error| self.failed(error))?;
        self.overlay
            .put(place, bytes.as_slice())
            .map_err(|error| self.failed(error))
    }

    fn read<K: Serialize, V: Serialize + DeserializeOwned>(
        &self,
        kind: Kind,
        key: &K,
    ) -> Result<Option<V>, Faulted> {
        self.read_at(&self.place(kind, key)?)
    }

    fn read_at<V: Serialize + DeserializeOwned>(&self, place: &Place) -> Result<Option<V>, Faulted> {
        let Some(bytes) = self.overlay.get(place).map_err(|error| self.failed(error))? else {
            return Ok(None);
        };
        decode(&bytes).map(Some).map_err(|error| self.failed(error))
    }

    fn erase<K: Serialize>(&self, kind: Kind, key: &K) -> Result<(), Faulted> {
        self.overlay.delete(self.place(kind, key)?);
        Ok(())
    }

    fn item<V: Serialize>(&self, value: &V) -> Result<Vec<u8>, Faulted> {
        compact(value, codec::LOCAL_LIMIT).map_err(|error| self.failed(error))
    }

    fn value<V: Serialize + DeserializeOwned>(&self, item: &[u8]) -> Result<V, Faulted> {
        codec::decode(item, codec::LOCAL_LIMIT).map_err(|_| self.failed(VaultError::Damaged(Damage::Value)))
    }

    fn queue<K: Serialize>(&self, group: &K) -> Result<Queue, Faulted> {
        Ok(self.read(Kind::Proposals, group)?.unwrap_or_default())
    }
}

/// Writing, reading and deleting of a record of which a group has one.
macro_rules! of_group {
    ($($kind:ident: $bound:ident, $write:ident, $read:ident, $delete:ident;)*) => {$(
        fn $write<G: traits::GroupId<CURRENT_VERSION>, V: traits::$bound<CURRENT_VERSION>>(
            &self,
            group: &G,
            value: &V,
        ) -> Result<(), Faulted> {
            self.write(Kind::$kind, group, value)
        }

        fn $read<G: traits::GroupId<CURRENT_VERSION>, V: traits::$bound<CURRENT_VERSION>>(
            &self,
            group: &G,
        ) -> Result<Option<V>, Faulted> {
            self.read(Kind::$kind, group)
        }

        fn $delete<G: traits::GroupId<CURRENT_VERSION>>(&self, group: &G) -> Result<(), Faulted> {
            self.erase(Kind::$kind, group)
        }
    )*};
}

/// Writing and deleting of a record with a key of its own.
macro_rules! of_key {
    ($($kind:ident: $key:ident, $bound:ident, $write:ident, $delete:ident;)*) => {$(
        fn $write<K: traits::$key<CURRENT_VERSION>, V: traits::$bound<CURRENT_VERSION>>(
            &self,
            key: &K,
            value: &V,
        ) -> Result<(), Faulted> {
            self.write(Kind::$kind, key, value)
        }

        fn $delete<K: traits::$key<CURRENT_VERSION>>(&self, key: &K) -> Result<(), Faulted> {
            self.erase(Kind::$kind, key)
        }
    )*};
}

impl StorageProvider<CURRENT_VERSION> for Records<'_> {
    type Error = Faulted;

    of_group! {
        JoinConfig: MlsGroupJoinConfig, write_mls_join_config, mls_group_join_config, delete_group_config;
        Tree: TreeSync, write_tree, tree, delete_tree;
        InterimHash: InterimTranscriptHash, write_interim_transcript_hash, interim_transcript_hash,
            delete_interim_transcript_hash;
        Context: GroupContext, write_context, group_context, delete_context;
        ConfirmationTag: ConfirmationTag, write_confirmation_tag, confirmation_tag, delete_confirmation_tag;
        MessageSecrets: MessageSecrets, write_message_secrets, message_secrets, delete_message_secrets;
        Resumption: ResumptionPskStore, write_resumption_psk_store, resumption_psk_store,
            delete_all_resumption_psk_secrets;
        OwnLeafIndex: LeafNodeIndex, write_own_leaf_index, own_leaf_index, delete_own_leaf_index;
        EpochSecrets: GroupEpochSecrets, write_group_epoch_secrets, group_epoch_secrets,
            delete_group_epoch_secrets;
    }

    of_key! {
        SignatureKey: SignaturePublicKey, SignatureKeyPair, write_signature_key_pair,
            delete_signature_key_pair;
        EncryptionKey: EncryptionKey, HpkeKeyPair, write_encryption_key_pair, delete_encryption_key_pair;
        KeyPackage: HashReference, KeyPackage, write_key_package, delete_key_package;
        Psk: PskId, PskBundle, write_psk, delete_psk;
    }

    fn signature_key_pair<
        K: traits::SignaturePublicKey<CURRENT_VERSION>,
        V: traits::SignatureKeyPair<CURRENT_VERSION>,
    >(
        &self,
        key: &K,
    ) -> Result<Option<V>, Faulted> {
        self.read(Kind::SignatureKey, key)
    }

    fn encryption_key_pair<
        V: traits::HpkeKeyPair<CURRENT_VERSION>,
        K: traits::EncryptionKey<CURRENT_VERSION>,
    >(
        &self,
        key: &K,
    ) -> Result<Option<V>, Faulted> {
        self.read(Kind::EncryptionKey, key)
    }

    fn key_package<K: traits::HashReference<CURRENT_VERSION>, V: traits::KeyPackage<CURRENT_VERSION>>(
        &self,
        key: &K,
    ) -> Result<Option<V>, Faulted> {
        self.read(Kind::KeyPackage, key)
    }

    fn psk<V: traits::PskBundle<CURRENT_VERSION>, K: traits::PskId<CURRENT_VERSION>>(
        &self,
        key: &K,
    ) -> Result<Option<V>, Faulted> {
        self.read(Kind::Psk, key)
    }

    fn write_group_state<V: traits::GroupState<CURRENT_VERSION>, G: traits::GroupId<CURRENT_VERSION>>(
        &self,
        group: &G,
        value: &V,
    ) -> Result<(), Faulted> {
        self.write(Kind::GroupState, group, value)
    }

    fn group_state<V: traits::GroupState<CURRENT_VERSION>, G: traits::GroupId<CURRENT_VERSION>>(
        &self,
        group: &G,
    ) -> Result<Option<V>, Faulted> {
        self.read(Kind::GroupState, group)
    }

    fn delete_group_state<G: traits::GroupId<CURRENT_VERSION>>(&self, group: &G) -> Result<(), Faulted> {
        self.erase(Kind::GroupState, group)
    }

    fn append_own_leaf_node<G: traits::GroupId<CURRENT_VERSION>, V: traits::LeafNode<CURRENT_VERSION>>(
        &self,
        group: &G,
        leaf: &V,
    ) -> Result<(), Faulted> {
        let mut items: Items = self.read(Kind::OwnLeaves, group)?.unwrap_or_default();
        items.push(self.item(leaf)?);
        self.write(Kind::OwnLeaves, group, &items)
    }

    fn own_leaf_nodes<G: traits::GroupId<CURRENT_VERSION>, V: traits::LeafNode<CURRENT_VERSION>>(
        &self,
        group: &G,
    ) -> Result<Vec<V>, Faulted> {
        let items: Items = self.read(Kind::OwnLeaves, group)?.unwrap_or_default();
        items.iter().map(|item| self.value(item)).collect()
    }

    fn delete_own_leaf_nodes<G: traits::GroupId<CURRENT_VERSION>>(&self, group: &G) -> Result<(), Faulted> {
        self.erase(Kind::OwnLeaves, group)
    }

    fn queue_proposal<
        G: traits::GroupId<CURRENT_VERSION>,
        R: traits::ProposalRef<CURRENT_VERSION>,
        V: traits::QueuedProposal<CURRENT_VERSION>,
    >(
        &self,
        group: &G,
        reference: &R,
        proposal: &V,
    ) -> Result<(), Faulted> {
        let reference = self.item(reference)?;
        let mut queue = self.queue(group)?;
        queue.retain(|(other, _)| *other != reference);
        queue.push((reference, self.item(proposal)?));
        self.write(Kind::Proposals, group, &queue)
    }

    fn queued_proposal_refs<G: traits::GroupId<CURRENT_VERSION>, R: traits::ProposalRef<CURRENT_VERSION>>(
        &self,
        group: &G,
    ) -> Result<Vec<R>, Faulted> {
        let queue = self.queue(group)?;
        queue.iter().map(|(reference, _)| self.value(reference)).collect()
    }

    fn queued_proposals<
        G: traits::GroupId<CURRENT_VERSION>,
        R: traits::ProposalRef<CURRENT_VERSION>,
        V: traits::QueuedProposal<CURRENT_VERSION>,
    >(
        &self,
        group: &G,
    ) -> Result<Vec<(R, V)>, Faulted> {
        self.queue(group)?
            .iter()
            .map(|(reference, proposal)| Ok((self.value(reference)?, self.value(proposal)?)))
            .collect()
    }

    fn remove_proposal<G: traits::GroupId<CURRENT_VERSION>, R: traits::ProposalRef<CURRENT_VERSION>>(
        &self,
        group: &G,
        reference: &R,
    ) -> Result<(), Faulted> {
        let reference = self.item(reference)?;
        let mut queue = self.queue(group)?;
        queue.retain(|(other, _)| *other != reference);
        self.write(Kind::Proposals, group, &queue)
    }

    fn clear_proposal_queue<G: traits::GroupId<CURRENT_VERSION>, R: traits::ProposalRef<CURRENT_VERSION>>(
        &self,
        group: &G,
    ) -> Result<(), Faulted> {
        self.erase(Kind::Proposals, group)
    }

    fn write_encryption_epoch_key_pairs<
        G: traits::GroupId<CURRENT_VERSION>,
        E: traits::EpochKey<CURRENT_VERSION>,
        V: traits::HpkeKeyPair<CURRENT_VERSION>,
    >(
        &self,
        group: &G,
        epoch: &E,
        leaf_index: u32,
        pairs: &[V],
    ) -> Result<(), Faulted> {
        self.write_at(
            self.epoch_place(group, epoch, leaf_index)?,
            Kind::EpochKeys,
            &pairs,
        )
    }

    fn encryption_epoch_key_pairs<
        G: traits::GroupId<CURRENT_VERSION>,
        E: traits::EpochKey<CURRENT_VERSION>,
        V: traits::HpkeKeyPair<CURRENT_VERSION>,
    >(
        &self,
        group: &G,
        epoch: &E,
        leaf_index: u32,
    ) -> Result<Vec<V>, Faulted> {
        let pairs = self.read_at(&self.epoch_place(group, epoch, leaf_index)?)?;
        Ok(pairs.unwrap_or_default())
    }

    fn delete_encryption_epoch_key_pairs<
        G: traits::GroupId<CURRENT_VERSION>,
        E: traits::EpochKey<CURRENT_VERSION>,
    >(
        &self,
        group: &G,
        epoch: &E,
        leaf_index: u32,
    ) -> Result<(), Faulted> {
        self.overlay.delete(self.epoch_place(group, epoch, leaf_index)?);
        Ok(())
    }
}

#[cfg(test)]
impl Records<'_> {
    /// How many records there are of a room's group.
    pub(super) fn group_records(&self, room: &caucus_proto::id::RoomId) -> usize {
        let group = super::group::group_id(room);
        let kept = |kind: &Kind| {
            let place = self.place(*kind, &group).unwrap();
            self.overlay.get(&place).unwrap().is_some()
        };
        Kind::OF_GROUP.iter().filter(|kind| kept(kind)).count()
    }

    /// The epochs of which path keys are kept, below a number, for leaves below another.
    pub(super) fn epochs_kept(&self, room: &caucus_proto::id::RoomId, epochs: u64, leaves: u32) -> Vec<u64> {
        let group = super::group::group_id(room);
        let kept = |epoch: u64, leaf: u32| {
            let epoch = openmls::group::GroupEpoch::from(epoch);
            let place = self.epoch_place(&group, &epoch, leaf).unwrap();
            self.overlay.get(&place).unwrap().is_some()
        };
        (0..epochs)
            .filter(|epoch| (0..leaves).any(|leaf| kept(*epoch, leaf)))
            .collect()
    }
}

/// Puts nonsense in place of a group's message secrets.
#[cfg(test)]
pub(super) fn spoil(overlay: &Overlay, room: &caucus_proto::id::RoomId) {
    let records = Records::over(overlay);
    let place = records
        .place(Kind::MessageSecrets, &super::group::group_id(room))
        .unwrap();
    overlay.put(place, b"nonsense".as_slice()).unwrap();
}
