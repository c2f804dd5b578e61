//! Kinds of records, and the bytes of one.

use caucus_proto::codec;
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::vault::{Damage, VaultError};

/// First byte of a record in the codec of the protocol.
const COMPACT: u8 = 1;

/// First byte of a record in JSON.
const JSON: u8 = 2;

/// Kinds of records. The numbers are on disk: they never change, and none is used twice.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(super) enum Kind {
    JoinConfig = 1,
    OwnLeaves = 2,
    Proposals = 3,
    Tree = 4,
    InterimHash = 5,
    Context = 6,
    ConfirmationTag = 7,
    GroupState = 8,
    MessageSecrets = 9,
    Resumption = 10,
    OwnLeafIndex = 11,
    EpochSecrets = 12,
    SignatureKey = 13,
    EncryptionKey = 14,
    EpochKeys = 15,
    KeyPackage = 16,
    Psk = 17,
}

impl Kind {
    /// Whether a group has one of it.
    pub(super) const fn is_of_group(self) -> bool {
        (self as u8) < Self::SignatureKey as u8
    }

    /// The join configuration is read by serde's untagged way, which only a self-describing codec can do. The
    /// state of a group may hold a pending commit, whose proposals lie in a hash map: in no fixed order, so it
    /// has no canonical form.
    const fn format(self) -> u8 {
        match self {
            Self::JoinConfig | Self::GroupState => JSON,
            _ => COMPACT,
        }
    }
}

pub(super) fn compact<V: Serialize>(value: &V, limit: usize) -> Result<Vec<u8>, VaultError> {
    codec::encode(value, limit).map_err(|_| VaultError::TooLarge {
        size: usize::MAX,
        limit,
    })
}

pub(super) fn encode<V: Serialize>(kind: Kind, value: &V) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let body = Zeroizing::new(match kind.format() {
        JSON => serde_json::to_vec(value).map_err(|_| VaultError::Damaged(Damage::Value))?,
        _ => compact(value, codec::LOCAL_LIMIT)?,
    });
    let mut out = Zeroizing::new(Vec::with_capacity(body.len().saturating_add(1)));
    out.push(kind.format());
    out.extend_from_slice(&body);
    Ok(out)
}

pub(super) fn decode<V: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<V, VaultError> {
    let damaged = || VaultError::Damaged(Damage::Value);
    match bytes.split_first() {
        Some((&COMPACT, body)) => codec::decode(body, codec::LOCAL_LIMIT).map_err(|_| damaged()),
        Some((&JSON, body)) => serde_json::from_slice(body).map_err(|_| damaged()),
        _ => Err(damaged()),
    }
}

#[cfg(test)]
impl Kind {
    pub(super) const OF_GROUP: [Self; 12] = [
        Self::JoinConfig,
        Self::OwnLeaves,
        Self::Proposals,
        Self::Tree,
        Self::InterimHash,
        Self::Context,
        Self::ConfirmationTag,
        Self::GroupState,
        Self::MessageSecrets,
        Self::Resumption,
        Self::OwnLeafIndex,
        Self::EpochSecrets,
    ];
}
