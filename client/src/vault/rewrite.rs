//! Forgetting: everything that still counts is copied into a new file under a new master key, which takes
//! the place of the old one. What was deleted or replaced, and the old master key, are in no file after.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::Ordering;

use redb::{ReadableDatabase, ReadableTable, ReadableTableMetadata, Table as RedbTable};
use rustix::fs::fstat;

use super::error::{VaultError, engine};
use super::header::Wrapping;
use super::key::Keys;
use super::passphrase::Passphrase;
use super::progress::{Progress, Tell, silent};
use super::record;
use super::store::{Inner, RECORDS, State, Vault, read_header, write_new};

impl Vault {
    /// Whether something was deleted or replaced since the last rewrite.
    #[must_use]
    pub fn needs_forgetting(&self) -> bool {
        self.0
            .state()
            .is_ok_and(|state| state.forget.load(Ordering::SeqCst))
    }

    /// Rewrites the vault if something was deleted or replaced since the last time. Answers whether it did.
    ///
    /// # Errors
    /// As [`Vault::rewrite`].
    pub fn forget_if_needed(&self) -> Result<bool, VaultError> {
        if !self.needs_forgetting() {
            return Ok(false);
        }
        self.rewrite()?;
        Ok(true)
    }

    /// Copies everything into a new file under a new master key and puts it in the place of the old one, in
    /// one step: after a crash there is either. The passphrase stays. Reads and commits wait meanwhile.
    /// The old file is overwritten with zeros before it goes, unless something else still links to it; where
    /// the file system copies on write that adds nothing.
    ///
    /// # Errors
    /// `Full`, `ReadOnly`, `Failed`, `Damaged`: the old file stays in use.
    pub fn rewrite(&self) -> Result<(), VaultError> {
        self.rewrite_telling(&silent)
    }

    /// As [`Vault::rewrite`], and tells how far it is.
    ///
    /// # Errors
    /// As [`Vault::rewrite`].
    pub fn rewrite_telling(&self, tell: Tell<'_>) -> Result<(), VaultError> {
        self.0.replace(None, tell)
    }

    /// Whether this is the passphrase.
    ///
    /// # Errors
    /// `WrongPassphrase`; else as reading.
    pub fn check(&self, passphrase: &Passphrase) -> Result<(), VaultError> {
        let header = {
            let state = self.0.state()?;
            self.0.watch(read_header(state.database()?))?.0
        };
        header.open(passphrase).map(|_| ())
    }

    /// Replaces the passphrase at the same cost, under a new master key and in a new file, so that the old
    /// passphrase opens nothing that is left.
    ///
    /// # Errors
    /// `WrongPassphrase` if `old` is not the passphrase, `EmptyPassphrase`; else as [`Vault::rewrite`].
    pub fn change_passphrase(
        &self,
        old: &Passphrase,
        new: &Passphrase,
        tell: Tell<'_>,
    ) -> Result<(), VaultError> {
        let header = {
            let state = self.0.state()?;
            self.0.watch(read_header(state.database()?))?.0
        };
        let (_, wrapping) = header.open(old)?;
        self.0.replace(Some(Wrapping::fresh(new, wrapping.cost())?), tell)
    }
}

impl Inner {
    fn replace(&self, wrapping: Option<Wrapping>, tell: Tell<'_>) -> Result<(), VaultError> {
        let mut state = self.state_mut()?;
        let wrapping = wrapping.unwrap_or_else(|| state.wrapping.again());
        let written = write_new(&self.folder, &self.faults, wrapping, |into, keys| {
            copy(&state, into, keys, "rewriting the vault", tell)
        });
        let next = self.watch(written)?;
        if let Err(error) = self.folder.publish() {
            drop(next);
            let _ = self.folder.remove_next();
            return Err(error);
        }
        // From here the new file is the vault, whether or not the folder's entry is on the disk yet: until
        // it is, no commit is accepted.
        let old = std::mem::replace(&mut *state, next);
        self.folder.sync()?;
        state.published.store(true, Ordering::SeqCst);
        drop(state);
        erase(&old.close());
        Ok(())
    }
}

/// Copies every record, sealed anew under other keys.
pub(super) fn copy(
    state: &State,
    into: &mut RedbTable<'_, &'static [u8], &'static [u8]>,
    keys: &Keys,
    what: &'static str,
    tell: Tell<'_>,
) -> Result<(), VaultError> {
    let transaction = state.database()?.begin_read().map_err(engine)?;
    let records = transaction.open_table(RECORDS).map_err(engine)?;
    let total = records.len().map_err(engine)?;
    for (done, item) in (1..).zip(records.iter().map_err(engine)?) {
        let (slot, sealed) = item.map_err(engine)?;
        let opened = record::open(&state.keys, slot.value(), sealed.value())?;
        let (slot, sealed) = record::seal(keys, opened.table, &opened.scope, opened.number, &opened.bytes)?;
        into.insert(slot.as_slice(), sealed.as_slice()).map_err(engine)?;
        tell(Progress {
            what,
            done,
            total,
            bytes: false,
        });
    }
    Ok(())
}

/// Overwrites a file that no name leads to any more. An error is not told: the file is gone either way.
fn erase(file: &File) {
    static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];
    let Ok(stat) = fstat(file) else { return };
    let Ok(size) = u64::try_from(stat.st_size) else {
        return;
    };
    if stat.st_nlink != 0 {
        return;
    }
    let mut at = 0;
    while at < size {
        if file.write_all_at(&ZEROS, at).is_err() {
            return;
        }
        at = at.saturating_add(ZEROS.len() as u64);
    }
    let _ = file.sync_data();
}
