//! The keys of an open vault: the wrapping key, the master key, and what is derived from it.

use std::fmt;

use caucus_proto::label::{Label, derive};
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::error::VaultError;
use super::place::Table;

/// Bytes of a nonce.
pub(super) const NONCE: usize = 24;
/// Bytes of an authentication tag.
pub(super) const TAG: usize = 16;
/// Bytes of a key as it is stored: nonce, key, tag.
pub(super) const WRAPPED: usize = NONCE + SecretKey::LEN + TAG;
/// Bytes of a scope as it is stored.
const SCOPE: usize = 16;

/// Where a record lies on disk: keyed hash of table and scope, then the number, big-endian.
pub(super) type Slot = [u8; SCOPE + 8];

/// 32 secret bytes.
pub(super) struct SecretKey(Zeroizing<[u8; Self::LEN]>);

impl SecretKey {
    pub(super) const LEN: usize = 32;

    pub(super) fn zero() -> Self {
        Self(Zeroizing::new([0; Self::LEN]))
    }

    pub(super) fn random() -> Result<Self, VaultError> {
        let mut key = Self::zero();
        fill(key.bytes_mut())?;
        Ok(key)
    }

    pub(super) fn bytes_mut(&mut self) -> &mut [u8; Self::LEN] {
        &mut self.0
    }

    /// A second copy.
    pub(super) fn again(&self) -> Self {
        Self(self.0.clone())
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.0).into())
    }

    /// Wraps another key, bound to `bound`.
    pub(super) fn wrap(&self, master: &Self, bound: &[u8]) -> Result<[u8; WRAPPED], VaultError> {
        let sealed = seal(&self.cipher(), bound, master.0.to_vec())?;
        sealed.try_into().map_err(|_| VaultError::Randomness)
    }

    /// Unwraps what [`SecretKey::wrap`] made with the same key and the same bytes.
    pub(super) fn unwrap(&self, wrapped: &[u8; WRAPPED], bound: &[u8]) -> Option<Self> {
        let opened = open(&self.cipher(), bound, wrapped)?;
        let mut key = Self::zero();
        *key.bytes_mut() = opened.as_slice().try_into().ok()?;
        Some(key)
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

/// What seals and places the records under one master key.
pub(super) struct Keys {
    records: XChaCha20Poly1305,
    places: SecretKey,
}

impl Keys {
    pub(super) fn of(master: &SecretKey) -> Self {
        let records = SecretKey(Zeroizing::new(derive(Label::VaultRecord, &*master.0, &[])));
        Self {
            records: records.cipher(),
            places: SecretKey(Zeroizing::new(derive(Label::VaultPlace, &*master.0, &[]))),
        }
    }

    /// Where a record lies on disk: HMAC-SHA-256 over table and scope, cut to 16 bytes, and the number.
    pub(super) fn slot(&self, table: u8, scope: &[u8], number: u64) -> Slot {
        // RFC 2104: a key shorter than a block is filled up with zeros.
        let mut block = Zeroizing::new([0; 64]);
        for (to, from) in block.iter_mut().zip(self.places.0.iter()) {
            *to = *from;
        }
        let mut mac = Hmac::<Sha256>::new((&*block).into());
        mac.update(&[table]);
        mac.update(scope);
        let full: [u8; 32] = mac.finalize().into_bytes().into();
        let mut slot = [0; SCOPE + 8];
        let bytes = full.into_iter().take(SCOPE).chain(number.to_be_bytes());
        for (to, from) in slot.iter_mut().zip(bytes) {
            *to = from;
        }
        slot
    }

    /// The first and last slot of a scope between two numbers.
    pub(super) fn slots(&self, table: Table, scope: &[u8], first: u64, last: u64) -> (Slot, Slot) {
        let table = table.number();
        (self.slot(table, scope, first), self.slot(table, scope, last))
    }

    pub(super) fn seal(&self, slot: &Slot, padded: Vec<u8>) -> Result<Vec<u8>, VaultError> {
        seal(&self.records, slot, padded)
    }

    pub(super) fn open(&self, slot: &Slot, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        open(&self.records, slot, sealed)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(..)")
    }
}

/// Random bytes of the system.
pub(super) fn fill(bytes: &mut [u8]) -> Result<(), VaultError> {
    getrandom::fill(bytes).map_err(|_| VaultError::Randomness)
}

/// Nonce, ciphertext, tag. The plaintext is overwritten in its place.
fn seal(cipher: &XChaCha20Poly1305, bound: &[u8], plain: Vec<u8>) -> Result<Vec<u8>, VaultError> {
    let mut plain = Zeroizing::new(plain);
    let mut nonce = [0; NONCE];
    fill(&mut nonce)?;
    let size = plain.len();
    let too_large = |_| VaultError::TooLarge {
        size,
        limit: super::record::LARGEST,
    };
    let tag = cipher
        .encrypt_inout_detached(&XNonce::from(nonce), bound, plain.as_mut_slice().into())
        .map_err(too_large)?;
    let mut out = Vec::with_capacity(size.saturating_add(NONCE + TAG));
    out.extend_from_slice(&nonce);
    out.extend_from_slice(&plain);
    out.extend_from_slice(&tag);
    Ok(out)
}

fn open(cipher: &XChaCha20Poly1305, bound: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, rest) = sealed.split_first_chunk::<NONCE>()?;
    let (body, tag) = rest.split_last_chunk::<TAG>()?;
    let mut plain = Zeroizing::new(body.to_vec());
    cipher
        .decrypt_inout_detached(
            &XNonce::from(*nonce),
            bound,
            plain.as_mut_slice().into(),
            &(*tag).into(),
        )
        .ok()?;
    Some(plain)
}
