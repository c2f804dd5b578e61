//! The one record that is readable without the passphrase: format, Argon2 parameters, wrapped master key.
//!
//! ```text
//! format 4 | memory in KiB 4 | passes 4 | lanes 4 | salt 16 | wrapped master key 72 (nonce, key, tag)
//! ```
//!
//! Numbers are big-endian. Everything before the wrapped key is its associated data, so parameters that were
//! lowered by hand open nothing. The format stands first for ever, so that any version can say "newer".

use super::error::{Damage, VaultError};
use super::key::{SecretKey, WRAPPED, fill};
use super::passphrase::{Cost, Passphrase, SALT};

/// The format that this program writes, and the newest it knows.
pub(super) const FORMAT: u32 = 1;
/// Bytes before the wrapped key.
pub(super) const BOUND: usize = 4 + 4 + 4 + 4 + SALT;
/// Bytes of a header.
pub(super) const LENGTH: usize = BOUND + WRAPPED;

pub(super) struct Header {
    cost: Cost,
    salt: [u8; SALT],
    wrapped: [u8; WRAPPED],
}

/// Whether bytes begin as a header does: a format of ours, and a cost that a vault may ask for.
pub(super) fn looks_like_one(bytes: &[u8]) -> bool {
    let costs = || {
        let (format, rest) = number(bytes)?;
        let (mem_kib, rest) = number(rest)?;
        let (passes, rest) = number(rest)?;
        let (lanes, _) = number(rest)?;
        Some((1..=FORMAT).contains(&format) && Cost::new(mem_kib, passes, lanes).is_allowed())
    };
    costs().unwrap_or(false)
}

/// What a passphrase became, with what is needed to wrap another master key under it.
pub(super) struct Wrapping {
    cost: Cost,
    salt: [u8; SALT],
    key: SecretKey,
}

impl Wrapping {
    /// Stretches a passphrase with a fresh salt.
    pub(super) fn fresh(passphrase: &Passphrase, cost: Cost) -> Result<Self, VaultError> {
        if passphrase.is_empty() {
            return Err(VaultError::EmptyPassphrase);
        }
        let mut salt = [0; SALT];
        fill(&mut salt)?;
        let key = passphrase.stretch(&salt, cost)?;
        Ok(Self { cost, salt, key })
    }

    /// A header that holds a master key under this passphrase.
    pub(super) fn header(&self, master: &SecretKey) -> Result<Header, VaultError> {
        let wrapped = self.key.wrap(master, &bound(self.cost, &self.salt))?;
        Ok(Header {
            cost: self.cost,
            salt: self.salt,
            wrapped,
        })
    }

    /// The same, for another master key.
    pub(super) fn again(&self) -> Self {
        Self {
            cost: self.cost,
            salt: self.salt,
            key: self.key.again(),
        }
    }

    pub(super) const fn cost(&self) -> Cost {
        self.cost
    }
}

impl Header {
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(BOUND + WRAPPED);
        out.extend_from_slice(&bound(self.cost, &self.salt));
        out.extend_from_slice(&self.wrapped);
        out
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, VaultError> {
        let damaged = || VaultError::Damaged(Damage::Header);
        let (found, rest) = number(bytes).ok_or_else(damaged)?;
        if found > FORMAT {
            return Err(VaultError::Newer { found, known: FORMAT });
        }
        if found != FORMAT {
            return Err(damaged());
        }
        let (mem_kib, rest) = number(rest).ok_or_else(damaged)?;
        let (passes, rest) = number(rest).ok_or_else(damaged)?;
        let (lanes, rest) = number(rest).ok_or_else(damaged)?;
        let (salt, wrapped) = rest.split_first_chunk::<SALT>().ok_or_else(damaged)?;
        Ok(Self {
            cost: Cost::new(mem_kib, passes, lanes),
            salt: *salt,
            wrapped: wrapped.try_into().map_err(|_| damaged())?,
        })
    }

    /// Opens it: the master key, and what wraps the next one.
    pub(super) fn open(&self, passphrase: &Passphrase) -> Result<(SecretKey, Wrapping), VaultError> {
        let key = passphrase.stretch(&self.salt, self.cost)?;
        let master = key
            .unwrap(&self.wrapped, &bound(self.cost, &self.salt))
            .ok_or(VaultError::WrongPassphrase)?;
        let wrapping = Wrapping {
            cost: self.cost,
            salt: self.salt,
            key,
        };
        Ok((master, wrapping))
    }
}

fn bound(cost: Cost, salt: &[u8; SALT]) -> Vec<u8> {
    let mut out = Vec::with_capacity(BOUND);
    for number in [FORMAT, cost.mem_kib, cost.passes, cost.lanes] {
        out.extend_from_slice(&number.to_be_bytes());
    }
    out.extend_from_slice(salt);
    out
}

fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*number), rest))
}
