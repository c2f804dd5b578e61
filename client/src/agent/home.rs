//! The home folder of one person: private, with the agent's socket and lock in it.
//!
//! A socket's path may have 107 bytes. Where the home folder's is longer, the socket is reached through an open
//! handle of the folder (`/proc/self/fd/N/agent.sock`), so that it lies in the folder wherever that is.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;
use thiserror::Error;

use crate::app::{Code, Problem};

const SOCKET: &str = "agent.sock";
const LOCK: &str = "agent.lock";

/// Longest path of a Unix socket in bytes.
const LONGEST_PATH: usize = 107;

const OTHERS_MAY_WRITE: u32 = 0o022;

/// A person's home folder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Home(PathBuf);

/// Why a folder cannot be a home.
#[derive(Debug, Error)]
pub enum HomeError {
    /// A link or a file is in its place.
    #[error("the home folder is a symbolic link or no folder")]
    NotPlain,
    /// It belongs to, or is writable by, somebody else.
    #[error("the home folder belongs to somebody else, or others may write to it")]
    Exposed,
    /// It cannot be made or read.
    #[error("the home folder cannot be used: {0}")]
    Io(#[from] io::Error),
}

impl Home {
    /// A home folder by its path. Nothing is touched yet.
    ///
    /// # Errors
    /// `HomeError::Io` if there is no current folder to begin a relative path from.
    pub fn at(folder: &Path) -> Result<Self, HomeError> {
        Ok(Self(std::path::absolute(folder)?))
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// Makes the folder where it is missing, and keeps others out of it.
    ///
    /// # Errors
    /// `HomeError`.
    pub fn prepare(&self) -> Result<(), HomeError> {
        if let Some(above) = self.0.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(above)?;
        }
        match DirBuilder::new().mode(0o700).create(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error.into()),
            _ => {}
        }
        if self.checked()? & 0o777 != 0o700 {
            fs::set_permissions(&self.0, Permissions::from_mode(0o700))?;
        }
        Ok(())
    }

    /// Its mode, if it is a folder of ours that nobody else may write to.
    fn checked(&self) -> Result<u32, HomeError> {
        let found = self.0.symlink_metadata()?;
        if !found.is_dir() {
            return Err(HomeError::NotPlain);
        }
        if found.uid() != geteuid().as_raw() || found.mode() & OTHERS_MAY_WRITE != 0 {
            return Err(HomeError::Exposed);
        }
        Ok(found.mode())
    }

    /// Whether a socket in it can be trusted; false where the folder is missing.
    ///
    /// # Errors
    /// `HomeError`.
    pub(super) fn is_there(&self) -> Result<bool, HomeError> {
        match self.checked() {
            Ok(_) => Ok(true),
            Err(HomeError::Io(error)) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Where the agent's socket lies.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.0.join(SOCKET)
    }

    pub(super) fn lock_file(&self) -> PathBuf {
        self.0.join(LOCK)
    }

    /// Does something with a path of the socket that is short enough.
    pub(super) fn with_socket<T>(&self, act: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
        let path = self.socket();
        if path.as_os_str().as_bytes().len() <= LONGEST_PATH {
            return act(&path);
        }
        let folder = File::open(&self.0)?;
        act(Path::new(&format!(
            "/proc/self/fd/{}/{SOCKET}",
            folder.as_raw_fd()
        )))
    }
}

impl From<HomeError> for Problem {
    fn from(error: HomeError) -> Self {
        let next = match &error {
            HomeError::NotPlain => "choose another folder with --home",
            HomeError::Exposed => {
                "make it yours alone (`chmod 700`) if you trust what is in it, or choose another with --home"
            }
            HomeError::Io(_) => "make it readable and writable for you, or choose another with --home",
        };
        Self::new(Code::Vault, error.to_string(), next)
    }
}
