//! Putting a backup in place, where there is no vault. It is copied beside the vault's place and looked
//! through as a whole, with its passphrase, before it becomes the vault; the backup itself is only read.
//!
//! It is an older state of its owner. What follows from that (the rooms went on without it) is the engine's.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use redb::{ReadableDatabase, ReadableTable, ReadableTableMetadata};
use rustix::fs::OFlags;
use zeroize::Zeroizing;

use super::disk::Faults;
use super::error::{VaultError, engine};
use super::folder::Folder;
use super::key::Keys;
use super::passphrase::Passphrase;
use super::progress::{Progress, Tell};
use super::record;
use super::store::{RECORDS, Vault, open_whole, read_header};

/// Bytes that are copied at a time.
const PIECE: usize = 1024 * 1024;

impl Vault {
    /// Makes a backup the vault of a folder, which is made where it is missing.
    ///
    /// # Errors
    /// `Exists` if there is a vault; `NoBackup`, `WrongPassphrase`, `Newer`, `Damaged` of the backup; else as
    /// [`Vault::create`]. Nothing is put in place then.
    pub fn restore(
        folder: &Path,
        backup: &Path,
        passphrase: &Passphrase,
        tell: Tell<'_>,
    ) -> Result<(), VaultError> {
        let mut source = open(backup)?;
        let folder = Folder::make(folder)?;
        folder.is_free()?;
        let _lock = folder.lock()?;
        folder.is_free()?;
        let placed = place(&folder, &mut source, passphrase, tell);
        if placed.is_err() {
            // The first error is the one to tell; what stays is removed at the next open.
            let _ = folder.remove_next();
        }
        placed
    }
}

fn open(backup: &Path) -> Result<File, VaultError> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(backup)
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => VaultError::NoBackup,
            io::ErrorKind::PermissionDenied => VaultError::Unreadable,
            _ => VaultError::Failed(error),
        })?;
    if !file.metadata()?.is_file() {
        return Err(VaultError::NotPlain("backup"));
    }
    Ok(file)
}

fn place(
    folder: &Folder,
    source: &mut File,
    passphrase: &Passphrase,
    tell: Tell<'_>,
) -> Result<(), VaultError> {
    let mut file = folder.next()?;
    copy(source, &mut file, tell)?;
    check(&file, passphrase, tell)?;
    file.sync_all()?;
    folder.is_free()?;
    folder.publish()?;
    folder.sync()
}

fn copy(source: &mut File, file: &mut File, tell: Tell<'_>) -> Result<(), VaultError> {
    let total = source.metadata()?.len();
    let mut piece = vec![0; PIECE];
    let mut done = 0;
    loop {
        let read = match source.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        };
        file.write_all(piece.get(..read).unwrap_or_default())?;
        done += read as u64;
        tell(Progress {
            what: "copying the backup",
            done,
            total,
            bytes: false,
        });
    }
}

/// That it is whole, that the passphrase opens it, and that every record opens.
fn check(file: &File, passphrase: &Passphrase, tell: Tell<'_>) -> Result<(), VaultError> {
    let database = open_whole(file, &Arc::new(Faults::none()))?;
    let (master, _) = read_header(&database)?.0.open(passphrase)?;
    let keys = Keys::of(&master);
    let transaction = database.begin_read().map_err(engine)?;
    let records = transaction.open_table(RECORDS).map_err(engine)?;
    let total = records.len().map_err(engine)?;
    for (done, item) in (1..).zip(records.iter().map_err(engine)?) {
        let (slot, sealed) = item.map_err(engine)?;
        let opened = record::open(&keys, slot.value(), sealed.value())?;
        drop(Zeroizing::new(opened.scope));
        tell(Progress {
            what: "checking every record",
            done,
            total,
            bytes: false,
        });
    }
    Ok(())
}
