//! What can be said of a vault without its passphrase.

use std::path::Path;
use std::sync::Arc;

use super::disk::Faults;
use super::error::VaultError;
use super::folder::Folder;
use super::header::FORMAT;
use super::store::{Vault, open_whole, read_header};

/// What can be said of a vault without its passphrase.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Examined {
    /// Its format.
    pub format: u32,
    /// Bytes of its file.
    pub bytes: u64,
}

impl Vault {
    /// Looks whether the file of a folder's vault is whole and of a format that this program knows. Whether its
    /// records open, only the passphrase tells.
    ///
    /// # Errors
    /// As [`Vault::open`], but for the passphrase.
    pub fn examine(folder: &Path) -> Result<Examined, VaultError> {
        if !Self::exists(folder) {
            return Err(VaultError::Missing);
        }
        let folder = Folder::open(folder)?;
        let _lock = folder.lock()?;
        let file = folder.vault()?;
        let bytes = file.metadata()?.len();
        let database = open_whole(&file, &Arc::new(Faults::none()))?;
        read_header(&database)?;
        Ok(Examined {
            format: FORMAT,
            bytes,
        })
    }
}
