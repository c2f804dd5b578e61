//! The passphrase, and what it costs to try one.

use std::fmt;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use zeroize::{Zeroize, Zeroizing};

use super::error::VaultError;
use super::key::SecretKey;

/// Most memory that a vault's header may ask for: 1 GiB.
const MOST_MEM_KIB: u32 = 1024 * 1024;
const MOST_PASSES: u32 = 16;
const MOST_LANES: u32 = 16;

/// Length of the salt in bytes.
pub(super) const SALT: usize = 16;

/// What opens a vault. Its bytes are used as given: no Unicode normalization, no trimming.
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// From text. The caller has cut the newline that ended the line, if there was one.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// Whether it has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The key that wraps the master key: Argon2id (RFC 9106), 32 bytes.
    pub(super) fn stretch(&self, salt: &[u8; SALT], cost: Cost) -> Result<SecretKey, VaultError> {
        let params = cost.params()?;
        let memory = VaultError::Memory {
            mem_kib: cost.mem_kib,
        };
        let mut blocks: Vec<Block> = Vec::new();
        if blocks.try_reserve_exact(params.block_count()).is_err() {
            return Err(memory);
        }
        blocks.resize(params.block_count(), Block::new());
        let mut key = SecretKey::zero();
        let done = Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into_with_memory(
            self.0.as_bytes(),
            salt,
            key.bytes_mut(),
            &mut blocks,
        );
        for block in &mut blocks {
            block.zeroize();
        }
        done.map(|()| key).map_err(|_| cost.refused())
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(..)")
    }
}

/// Argon2id parameters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cost {
    pub(super) mem_kib: u32,
    pub(super) passes: u32,
    pub(super) lanes: u32,
}

impl Cost {
    /// What the program uses: 192 MiB, three passes, one lane.
    #[must_use]
    pub const fn standard() -> Self {
        Self::new(192 * 1024, 3, 1)
    }

    /// Memory in KiB (at least 8 per lane), passes, lanes. Checked where a vault is made or opened: at most
    /// 1 GiB, 16 passes, 16 lanes, so that a hostile file can exhaust neither memory nor patience.
    #[must_use]
    pub const fn new(mem_kib: u32, passes: u32, lanes: u32) -> Self {
        Self {
            mem_kib,
            passes,
            lanes,
        }
    }

    fn params(self) -> Result<Params, VaultError> {
        if self.mem_kib > MOST_MEM_KIB || self.passes > MOST_PASSES || self.lanes > MOST_LANES {
            return Err(self.refused());
        }
        Params::new(self.mem_kib, self.passes, self.lanes, Some(SecretKey::LEN)).map_err(|_| self.refused())
    }

    /// Whether a vault may ask for it.
    pub(super) fn is_allowed(self) -> bool {
        self.params().is_ok()
    }

    const fn refused(self) -> VaultError {
        VaultError::Cost {
            mem_kib: self.mem_kib,
            passes: self.passes,
            lanes: self.lanes,
        }
    }
}
