//! A copy of the vault to put away: a file of its own, under a master key of its own, opened by the
//! passphrase that the vault has now. It holds what one moment held, whatever is written meanwhile, and
//! nothing that was deleted before.
//!
//! It is written beside its place under a name of its own and gets its name when it is whole and on the disk:
//! there is the whole file or none. It is encrypted from its first byte.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{
    AtFlags, Mode, OFlags, RenameFlags, fchmod, fsync, linkat, open, openat, renameat, renameat_with, statat,
    unlinkat,
};
use rustix::io::Errno;

use super::error::VaultError;
use super::folder::PRIVATE_FILE;
use super::key::fill;
use super::progress::Tell;
use super::rewrite::copy;
use super::store::{Vault, write_into};

impl Vault {
    /// Writes a copy to a file. Reads and commits go on meanwhile.
    ///
    /// # Errors
    /// `Taken` if there is a file of that name and `replace` is not set; `NoFolder`, `NotPlain`, `Full`,
    /// `ReadOnly`, `Failed`; `Damaged` if the vault is. Nothing is left of it then, and what had the name
    /// still has it.
    pub fn backup(&self, file: &Path, replace: bool, tell: Tell<'_>) -> Result<(), VaultError> {
        let parcel = Parcel::begin(file, replace)?;
        let written = self
            .write_copy(&parcel, tell)
            .and_then(|()| parcel.publish(replace));
        if written.is_err() {
            parcel.discard();
        }
        written
    }

    fn write_copy(&self, parcel: &Parcel, tell: Tell<'_>) -> Result<(), VaultError> {
        let state = self.0.state()?;
        let wrapping = state.wrapping.again();
        let (database, _) = write_into(&parcel.file, &self.0.faults, &wrapping, |into, keys| {
            copy(&state, into, keys, "copying the vault", tell)
        })?;
        drop(database);
        parcel.file.sync_all()?;
        Ok(())
    }
}

/// A file that has not got its name yet.
struct Parcel {
    folder: OwnedFd,
    name: std::ffi::OsString,
    part: String,
    file: File,
}

impl Parcel {
    fn begin(path: &Path, replace: bool) -> Result<Self, VaultError> {
        let name = path.file_name().ok_or(VaultError::NotPlain("backup"))?.to_owned();
        let above = path
            .parent()
            .filter(|above| !above.as_os_str().is_empty())
            .unwrap_or_else(|| Path::new("."));
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = open(above, flags, Mode::empty()).map_err(|errno| match errno {
            Errno::NOENT | Errno::NOTDIR => VaultError::NoFolder,
            other => other.into(),
        })?;
        if !replace && statat(&folder, &name, AtFlags::SYMLINK_NOFOLLOW).is_ok() {
            return Err(VaultError::Taken);
        }
        let mut random = [0; 8];
        fill(&mut random)?;
        let part = format!(".caucus-backup-{:016x}", u64::from_be_bytes(random));
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = openat(&folder, part.as_str(), flags, PRIVATE_FILE)?;
        let parcel = Self {
            folder,
            name,
            part,
            file: File::from(handle),
        };
        // A umask may have taken away what its owner needs.
        if let Err(errno) = fchmod(&parcel.file, PRIVATE_FILE)
            && errno != Errno::PERM
        {
            parcel.discard();
            return Err(errno.into());
        }
        Ok(parcel)
    }

    /// Gives it its name, for good.
    fn publish(&self, replace: bool) -> Result<(), VaultError> {
        let (folder, part, name) = (&self.folder, self.part.as_str(), &self.name);
        let taken = |errno| match errno {
            Errno::EXIST => VaultError::Taken,
            Errno::ISDIR | Errno::NOTEMPTY => VaultError::NotPlain("backup"),
            other => VaultError::from(other),
        };
        if replace {
            renameat(folder, part, folder, name).map_err(taken)?;
        } else {
            match renameat_with(folder, part, folder, name, RenameFlags::NOREPLACE) {
                // Not every file system can rename without replacing; a second name never replaces.
                Err(Errno::INVAL | Errno::NOSYS) => {
                    linkat(folder, part, folder, name, AtFlags::empty()).map_err(taken)?;
                    self.discard();
                }
                other => other.map_err(taken)?,
            }
        }
        match fsync(folder) {
            // Some file systems do not sync folders; they have nothing to sync then.
            Ok(()) | Err(Errno::INVAL) => Ok(()),
            Err(other) => Err(other.into()),
        }
    }

    /// Removes it. What cannot be removed is encrypted.
    fn discard(&self) {
        let _ = unlinkat(&self.folder, self.part.as_str(), AtFlags::empty());
    }
}
