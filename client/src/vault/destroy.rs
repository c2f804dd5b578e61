//! The end of a vault, without its passphrase: the wrapped master key is overwritten first, so that after the
//! first milliseconds nothing opens the rest; then the rest is overwritten, then the files go.
//!
//! It looks for the key by its form, wherever in the file a copy may lie, so that it works on a damaged file
//! too. It ends at the file system: what that, a snapshot, a backup or a flash controller kept of the blocks
//! is out of its reach.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, fchmod, fstat, fsync, open, openat, statat, unlinkat};
use rustix::io::Errno;

use super::error::VaultError;
use super::folder::{LOCK, NEXT, PRIVATE_FILE, VAULT};
use super::header::{self, LENGTH};
use super::store::Vault;

/// Bytes that are looked through or overwritten at a time.
const PIECE: usize = 256 * 1024;

impl Vault {
    /// Destroys the vault of a folder: whether it is in use, whole or damaged. Answers whether there was one.
    ///
    /// # Errors
    /// `ReadOnly`, `Failed`: if the key could not be overwritten or a file could not be removed. Everything
    /// that could be done is done then all the same.
    pub fn destroy(folder: &Path) -> Result<bool, VaultError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = match open(folder, flags, Mode::empty()) {
            Ok(folder) => folder,
            Err(Errno::NOENT) => return Ok(false),
            Err(other) => return Err(other.into()),
        };
        let mut failed = None;
        let mut note = |done: Result<(), VaultError>| {
            if let Err(error) = done
                && failed.is_none()
            {
                failed = Some(error);
            }
        };
        let mut there = false;
        let mut files = Vec::new();
        for name in [VAULT, NEXT] {
            match writable(&folder, name) {
                Ok(file) => {
                    there |= name == VAULT;
                    note(blank_keys(&file));
                    files.push(file);
                }
                Err(Errno::NOENT) => {}
                Err(errno) => {
                    there |= name == VAULT;
                    // A link or the like, which only has to go: it holds no key.
                    if is_file(&folder, name) {
                        note(Err(errno.into()));
                    }
                }
            }
        }
        for file in &files {
            note(blank(file));
        }
        for name in [VAULT, NEXT, LOCK] {
            note(remove(&folder, name));
        }
        note(fsync(&folder).map_err(VaultError::from));
        failed.map_or(Ok(there), Err)
    }
}

fn writable(folder: &OwnedFd, name: &str) -> Result<File, Errno> {
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let opened = openat(folder, name, flags, Mode::empty()).or_else(|errno| {
        if errno != Errno::ACCESS {
            return Err(errno);
        }
        // Its mode may have been taken away from its owner.
        rustix::fs::chmodat(folder, name, PRIVATE_FILE, AtFlags::empty())?;
        openat(folder, name, flags, Mode::empty())
    })?;
    let file = File::from(opened);
    if FileType::from_raw_mode(fstat(&file)?.st_mode) != FileType::RegularFile {
        return Err(Errno::INVAL);
    }
    let _ = fchmod(&file, PRIVATE_FILE);
    Ok(file)
}

fn is_file(folder: &OwnedFd, name: &str) -> bool {
    statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile)
}

fn remove(folder: &OwnedFd, name: &str) -> Result<(), VaultError> {
    match unlinkat(folder, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(other) => Err(other.into()),
    }
}

/// Overwrites every header in the file, wherever a copy of one lies, and waits until that is on the disk.
fn blank_keys(file: &File) -> Result<(), VaultError> {
    let size = file.metadata()?.len();
    // Pieces overlap by a header, so that none is missed where two pieces meet.
    let mut piece = vec![0; PIECE + LENGTH];
    let mut start = 0;
    while start < size {
        let read = read_at(file, &mut piece, start)?;
        let held = piece.get(..read).unwrap_or_default();
        let mut found = Vec::new();
        for (at, window) in held.windows(header::BOUND).enumerate() {
            if header::looks_like_one(window) {
                found.push(at as u64);
            }
        }
        for at in found {
            let at = start.saturating_add(at);
            let length = size.saturating_sub(at).min(LENGTH as u64);
            let zeros = vec![0; usize::try_from(length).unwrap_or(LENGTH)];
            file.write_all_at(&zeros, at)?;
        }
        start = start.saturating_add(PIECE as u64);
    }
    file.sync_data()?;
    Ok(())
}

fn read_at(file: &File, piece: &mut [u8], start: u64) -> Result<usize, VaultError> {
    let mut read = 0;
    while let Some(rest) = piece.get_mut(read..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, start.saturating_add(read as u64)) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(read)
}

/// Overwrites a whole file.
fn blank(file: &File) -> Result<(), VaultError> {
    let zeros = vec![0; PIECE];
    let size = file.metadata()?.len();
    let mut at = 0;
    while at < size {
        let length = size.saturating_sub(at).min(PIECE as u64);
        let length = usize::try_from(length).unwrap_or(PIECE);
        file.write_all_at(zeros.get(..length).unwrap_or(&zeros), at)?;
        at = at.saturating_add(PIECE as u64);
    }
    file.sync_data()?;
    Ok(())
}
