//! What can go wrong with a vault, sorted by whose fault it is.

use std::io;

use rustix::io::Errno;
use thiserror::Error;

/// Which part of a vault is damaged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum Damage {
    /// The file is no database, or its pages do not fit together.
    #[error("its file is broken")]
    File,
    /// The header is missing or cannot be one.
    #[error("its header is broken")]
    Header,
    /// A record does not open at its place.
    #[error("a record does not open")]
    Record,
    /// A record opens but is no value of the type that belongs there.
    #[error("a record is not what belongs at its place")]
    Value,
}

/// Why the vault did not do it. Nothing that was committed before is lost by any of them.
#[derive(Debug, Error)]
pub enum VaultError {
    /// The passphrase does not open this vault. A header that was changed on purpose looks the same.
    #[error("the passphrase does not open this vault")]
    WrongPassphrase,
    /// A vault needs a passphrase of at least one byte.
    #[error("the passphrase is empty")]
    EmptyPassphrase,
    /// There is no vault in this folder.
    #[error("there is no vault in this folder")]
    Missing,
    /// There is a vault in this folder already.
    #[error("there is a vault in this folder already")]
    Exists,
    /// There is a file of that name already.
    #[error("there is a file of that name already")]
    Taken,
    /// The folder that a file should go to is not there.
    #[error("the folder that it should go to is not there")]
    NoFolder,
    /// There is no such backup.
    #[error("there is no such file")]
    NoBackup,
    /// The backup may not be read by us.
    #[error("the file may not be read by you")]
    Unreadable,
    /// Another process, or another part of this one, has it open.
    #[error("the vault is in use by another process")]
    InUse,
    /// Written by a newer version of the program.
    #[error("the vault has format {found}, this program knows {known}")]
    Newer {
        /// In the file.
        found: u32,
        /// The newest this program knows.
        known: u32,
    },
    /// Argon2 parameters outside what a vault may ask for.
    #[error("a passphrase cost of {mem_kib} KiB, {passes} passes and {lanes} lanes is outside the limits")]
    Cost {
        /// Memory in KiB.
        mem_kib: u32,
        /// Passes.
        passes: u32,
        /// Lanes.
        lanes: u32,
    },
    /// The memory for Argon2 cannot be had.
    #[error("unlocking takes {mem_kib} KiB of memory, which this machine does not give")]
    Memory {
        /// Memory in KiB.
        mem_kib: u32,
    },
    /// A record or a scope larger than the vault takes.
    #[error("{size} bytes do not fit into the vault: at most {limit}")]
    TooLarge {
        /// Bytes wanted.
        size: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// A symbolic link, or something else that is no plain file or folder, where the vault should be.
    #[error("`{0}` is a link or no plain file, where only the vault's own may be")]
    NotPlain(&'static str),
    /// The folder or the file belongs to somebody else, or others may write into the folder.
    #[error("`{0}` can be changed by others: it must be yours, and writable by you alone")]
    Exposed(&'static str),
    /// The disk, or the quota on it, is full.
    #[error("the disk is full")]
    Full,
    /// The folder is on a read-only file system, or may not be written by us.
    #[error("the vault's folder cannot be written")]
    ReadOnly,
    /// The bytes on disk are not what was written.
    #[error("the vault is damaged: {0}")]
    Damaged(Damage),
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    Randomness,
    /// The disk or its file system failed.
    #[error("the vault's disk failed: {0}")]
    Failed(#[source] io::Error),
}

impl From<io::Error> for VaultError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::Full
            }
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => Self::ReadOnly,
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => Self::Damaged(Damage::File),
            _ => Self::Failed(error),
        }
    }
}

impl From<Errno> for VaultError {
    fn from(errno: Errno) -> Self {
        Self::from(io::Error::from(errno))
    }
}

/// Sorts what the database says.
pub(super) fn engine(error: impl Into<redb::Error>) -> VaultError {
    match error.into() {
        redb::Error::Io(error) => error.into(),
        redb::Error::DatabaseAlreadyOpen => VaultError::InUse,
        redb::Error::ValueTooLarge(size) => VaultError::TooLarge {
            size,
            limit: super::record::LARGEST,
        },
        redb::Error::Corrupted(_)
        | redb::Error::RepairAborted
        | redb::Error::UpgradeRequired(_)
        | redb::Error::TableTypeMismatch { .. }
        | redb::Error::TableIsMultimap(_)
        | redb::Error::TableDoesNotExist(_)
        | redb::Error::TypeDefinitionChanged { .. } => VaultError::Damaged(Damage::File),
        other => VaultError::Failed(io::Error::other(other)),
    }
}
