//! Files and folders: who may read them, what they must not tell (exact times), and errors that name the
//! path.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::OFlags;
use rustix::process::{Resource, getrlimit, setrlimit};

use crate::clock::this_hour;
use crate::store::StoreError;

/// Open files that a large store may need.
const OPEN_FILES: u64 = 16_384;

/// The log's writes and flushes.
#[derive(Debug, Default)]
pub(super) struct Disk {
    /// Flushes of the log so far.
    pub(super) syncs: AtomicU64,
    #[cfg(test)]
    pub(super) fault: std::sync::Mutex<Option<Fault>>,
}

/// What goes wrong next, once.
#[cfg(test)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    /// A write stops in the middle: the disk is full.
    Full,
    /// A flush fails.
    Sync,
}

impl Disk {
    /// Writes all bytes at the offset.
    pub(super) fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        #[cfg(test)]
        if self.strikes(Fault::Full) {
            file.write_all_at(bytes.get(..bytes.len() / 2).unwrap_or_default(), offset)?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        file.write_all_at(bytes, offset)
    }

    /// Flushes data and size.
    pub(super) fn sync(&self, file: &File) -> io::Result<()> {
        #[cfg(test)]
        if self.strikes(Fault::Sync) {
            return Err(io::Error::other("injected"));
        }
        self.syncs.fetch_add(1, Ordering::Relaxed);
        file.sync_data()
    }

    #[cfg(test)]
    fn strikes(&self, fault: Fault) -> bool {
        let mut next = self.fault.lock().unwrap();
        let strikes = *next == Some(fault);
        if strikes {
            *next = None;
        }
        strikes
    }
}

/// Names what could not be done.
pub(super) fn failed(what: &str, path: &Path, error: &io::Error) -> StoreError {
    if is_full(error) {
        return StoreError::Full;
    }
    StoreError::Failed(format!("cannot {what} {}: {error}", path.display()))
}

/// Whether it failed for want of room.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

/// Opens a file for reading and writing, never through a link; makes it if it is not there.
pub(super) fn open(path: &Path) -> Result<File, StoreError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(no_follow())
        .open(path)
        .map_err(|error| failed("write", path, &error))
}

/// Opens a file that is there for reading, never through a link.
pub(super) fn open_to_read(path: &Path) -> Result<File, StoreError> {
    OpenOptions::new()
        .read(true)
        .custom_flags(no_follow())
        .open(path)
        .map_err(|error| failed("read", path, &error))
}

/// Makes a folder that only its owner enters.
pub(super) fn make_folder(path: &Path) -> Result<(), StoreError> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => path.parent().map_or(Ok(()), sync_folder),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(failed("make the folder", path, &error)),
    }
}

/// Makes the names in a folder durable, and hides the minute at which they changed.
pub(super) fn sync_folder(path: &Path) -> Result<(), StoreError> {
    // A relative folder's parent is the empty path.
    let path = if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    };
    let folder = File::open(path).map_err(|error| failed("read", path, &error))?;
    blur(&folder);
    folder.sync_all().map_err(|error| failed("flush", path, &error))
}

/// Sets the time of the last change to the whole hour.
pub(super) fn blur(file: &File) {
    // A file system that keeps no times, or a folder of another owner, is no reason to stop.
    let _ = file.set_modified(this_hour());
}

/// Names in a folder that are numbers with this ending (none: folders), in order.
pub(super) fn numbered(path: &Path, ending: &str) -> Result<Vec<u64>, StoreError> {
    let broken = |error: io::Error| failed("read", path, &error);
    let mut found = Vec::new();
    for item in fs::read_dir(path).map_err(broken)? {
        let name = item.map_err(broken)?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(ending));
        found.extend(number.and_then(|number| number.parse::<u64>().ok()));
    }
    found.sort_unstable();
    Ok(found)
}

/// Lets this process open as many files as a large store has, where that is allowed.
pub(super) fn raise_open_files() {
    let mut limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(OPEN_FILES, |most| most.min(OPEN_FILES));
    if limit.current.is_some_and(|now| now < wanted) {
        limit.current = Some(wanted);
        // Without it a small store works as well.
        let _ = setrlimit(Resource::Nofile, limit);
    }
}

fn no_follow() -> i32 {
    OFlags::NOFOLLOW.bits().cast_signed()
}
