//! The folder of a vault and the files in it: private from their first moment whatever the umask, never
//! through a symbolic link, replaced whole or not at all.

use std::fs::{DirBuilder, File, TryLockError};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, fchmod, fstat, fsync, open, openat, renameat, statat, unlinkat,
};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::error::VaultError;

/// The vault.
pub(super) const VAULT: &str = "vault.redb";
/// The vault while it is being written anew; what a crash left of one is removed at open.
pub(super) const NEXT: &str = "vault.redb.next";
/// Held locked by whoever has the vault open. A file of its own, because the vault's is replaced.
pub(super) const LOCK: &str = "vault.lock";

pub(super) const PRIVATE_FILE: Mode = Mode::from_raw_mode(0o600);
const PRIVATE_FOLDER: Mode = Mode::from_raw_mode(0o700);
const OTHERS_MAY_WRITE: Mode = Mode::from_raw_mode(0o022);

/// A folder of ours, open.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    handle: OwnedFd,
}

impl Folder {
    /// Whether there is a vault in this folder, or anything in its place.
    pub(super) fn has_vault(path: &Path) -> bool {
        path.join(VAULT).symlink_metadata().is_ok()
    }

    /// Opens the folder, which must be ours and must not be writable by others; makes it, and those above
    /// it, where it is missing.
    pub(super) fn make(path: &Path) -> Result<Self, VaultError> {
        match Self::open(path) {
            Err(VaultError::Missing) => {}
            other => return other,
        }
        let path = plain(path);
        if let Some(above) = path.parent().filter(|above| !above.as_os_str().is_empty()) {
            DirBuilder::new().recursive(true).mode(0o700).create(above)?;
        }
        match DirBuilder::new().mode(0o700).create(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error.into()),
            _ => {}
        }
        let folder = Self::open(&path)?;
        fchmod(&folder.handle, PRIVATE_FOLDER)?;
        Ok(folder)
    }

    /// Opens the folder.
    pub(super) fn open(path: &Path) -> Result<Self, VaultError> {
        let path = plain(path);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = open(&path, flags, Mode::empty()).map_err(|errno| match errno {
            Errno::NOENT => VaultError::Missing,
            Errno::LOOP | Errno::NOTDIR => VaultError::NotPlain("folder"),
            other => other.into(),
        })?;
        let stat = fstat(&handle)?;
        let mode = Mode::from_raw_mode(stat.st_mode);
        if stat.st_uid != geteuid().as_raw() || mode.intersects(OTHERS_MAY_WRITE) {
            return Err(VaultError::Exposed("folder"));
        }
        Ok(Self { path, handle })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Locks the vault for as long as the answer lives.
    pub(super) fn lock(&self) -> Result<File, VaultError> {
        let file = self.file(LOCK, OFlags::RDWR | OFlags::CREATE)?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(VaultError::InUse),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    /// The vault's file.
    pub(super) fn vault(&self) -> Result<File, VaultError> {
        self.file(VAULT, OFlags::RDWR)
    }

    /// An empty file that may become the vault.
    pub(super) fn next(&self) -> Result<File, VaultError> {
        self.remove_next()?;
        self.file(NEXT, OFlags::RDWR | OFlags::CREATE | OFlags::EXCL)
    }

    /// Removes what was to become the vault, if there is any.
    pub(super) fn remove_next(&self) -> Result<(), VaultError> {
        match unlinkat(&self.handle, NEXT, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(other) => Err(other.into()),
        }
    }

    /// Makes what [`Folder::next`] gave the vault, in place of the one before. Not yet durable.
    pub(super) fn publish(&self) -> Result<(), VaultError> {
        Ok(renameat(&self.handle, NEXT, &self.handle, VAULT)?)
    }

    /// Makes what was published durable.
    pub(super) fn sync(&self) -> Result<(), VaultError> {
        Ok(fsync(&self.handle)?)
    }

    /// That nothing stands where a new vault would.
    pub(super) fn is_free(&self) -> Result<(), VaultError> {
        match statat(&self.handle, VAULT, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => Ok(()),
            Err(other) => Err(other.into()),
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile => {
                Err(VaultError::Exists)
            }
            Ok(_) => Err(VaultError::NotPlain(VAULT)),
        }
    }

    fn file(&self, name: &'static str, how: OFlags) -> Result<File, VaultError> {
        // NONBLOCK, so that a planted pipe or device cannot make us wait.
        let flags = how | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let handle = openat(&self.handle, name, flags, PRIVATE_FILE).map_err(|errno| match errno {
            Errno::NOENT => VaultError::Missing,
            Errno::LOOP | Errno::ISDIR | Errno::NXIO => VaultError::NotPlain(name),
            other => other.into(),
        })?;
        let stat = fstat(&handle)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(VaultError::NotPlain(name));
        }
        if stat.st_uid != geteuid().as_raw() {
            return Err(VaultError::Exposed(name));
        }
        if Mode::from_raw_mode(stat.st_mode) != PRIVATE_FILE {
            fchmod(&handle, PRIVATE_FILE)?;
        }
        Ok(File::from(handle))
    }
}

/// Without a slash at the end, which would follow a link.
fn plain(path: &Path) -> PathBuf {
    path.components().collect()
}
