//! The unfinished file beside its place: mode 0600, locked while it is written, named for what it is. Under its own name
//! a file appears only whole, and never in place of another unless that is wanted.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::FileError;

/// What the name of an unfinished file ends with.
const ENDING: &str = ".part";

/// Bytes after which the system is told that it may write them to the disk.
const STRETCH: u64 = 4 * 1024 * 1024;

/// An unfinished file.
pub(super) struct Part {
    file: File,
    path: PathBuf,
    target: PathBuf,
}

impl Part {
    /// The unfinished file of a target: the one that is there, if it is `known`, else a new one. True if it was there.
    ///
    /// # Errors
    /// `FileError::{PartTaken, Busy, Unwritable}`.
    pub(super) fn open(target: &Path, known: bool) -> Result<(Self, bool), FileError> {
        let mut path = target.as_os_str().to_owned();
        path.push(ENDING);
        let path = PathBuf::from(path);
        let unwritable = |error: io::Error| FileError::Unwritable {
            path: path.clone(),
            why: error.to_string(),
        };
        let mut options = OpenOptions::new();
        options
            .read(true)
            .write(true)
            .mode(0o600)
            .custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
        let found = match known.then(|| options.open(&path)) {
            Some(Ok(file)) => Some(file),
            Some(Err(error)) if error.kind() != ErrorKind::NotFound => return Err(unwritable(error)),
            _ => None,
        };
        let was_there = found.is_some();
        let file = match found {
            Some(file) => file,
            None => match options.create_new(true).open(&path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    return Err(FileError::PartTaken(path));
                }
                made => made.map_err(unwritable)?,
            },
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(FileError::Busy),
            // Where locks are not known, the turn of this agent is all there is.
            Err(TryLockError::Error(_)) => {}
        }
        let target = target.to_owned();
        Ok((Self { file, path, target }, was_there))
    }

    pub(super) fn write(&self, at: u64, data: &[u8]) -> Result<(), FileError> {
        self.file
            .write_all_at(data, at)
            .map_err(|error| self.unwritable(&error))?;
        let end = at + data.len() as u64;
        if end / STRETCH > at / STRETCH {
            self.offer((end / STRETCH - 1) * STRETCH);
        }
        Ok(())
    }

    /// The system may begin to write a stretch that is complete, so that less is left for the end. What it makes of the hint,
    /// `finish` makes sure of.
    #[cfg(target_os = "linux")]
    fn offer(&self, at: u64) {
        use rustix::fs::{Advice, fadvise};
        let _ = fadvise(
            &self.file,
            at,
            std::num::NonZeroU64::new(STRETCH),
            Advice::DontNeed,
        );
    }

    #[cfg(not(target_os = "linux"))]
    fn offer(&self, _: u64) {}

    pub(super) fn read(&self, at: u64, length: usize) -> Option<Vec<u8>> {
        let mut data = vec![0; length];
        self.file.read_exact_at(&mut data, at).ok()?;
        Some(data)
    }

    /// Gives it its own name, once it is on the disk.
    pub(super) fn finish(self, size: u64, replace: bool) -> Result<(), FileError> {
        let done = self.file.set_len(size).and_then(|()| self.file.sync_all());
        done.map_err(|error| self.unwritable(&error))?;
        let named = if replace {
            fs::rename(&self.path, &self.target)
        } else {
            self.take_name()
        };
        match named {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(FileError::Taken(self.target)),
            other => other.map_err(|error| self.unwritable(&error)),
        }
    }

    /// A link fails where there is something of the name, in one step; some file systems have none.
    fn take_name(&self) -> io::Result<()> {
        match fs::hard_link(&self.path, &self.target) {
            Ok(()) => fs::remove_file(&self.path),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(error),
            Err(_) if self.target.symlink_metadata().is_ok() => Err(ErrorKind::AlreadyExists.into()),
            Err(_) => fs::rename(&self.path, &self.target),
        }
    }

    /// It is of no use.
    pub(super) fn discard(self) {
        // What stays has no name that anybody takes for the file.
        let _ = fs::remove_file(&self.path);
    }

    fn unwritable(&self, error: &io::Error) -> FileError {
        FileError::Unwritable {
            path: self.path.clone(),
            why: error.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_has_its_name_only_when_it_is_finished_and_nobody_else_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("minutes.pdf");
        let (part, was_there) = Part::open(&target, false).unwrap();
        assert!(!was_there && !target.exists());
        part.write(0, b"whole").unwrap();
        part.finish(5, false).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"whole");
        assert_eq!(target.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!folder.path().join("minutes.pdf.part").exists());
    }

    #[test]
    fn what_is_there_is_replaced_only_where_that_is_wanted() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a");
        fs::write(&target, b"mine").unwrap();
        let (part, _) = Part::open(&target, false).unwrap();
        part.write(0, b"new").unwrap();
        assert_eq!(part.finish(3, false), Err(FileError::Taken(target.clone())));
        assert_eq!(fs::read(&target).unwrap(), b"mine");
        let (part, was_there) = Part::open(&target, true).unwrap();
        assert!(was_there, "what was fetched is kept");
        part.finish(3, true).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"new");
    }

    #[test]
    fn a_file_that_only_looks_unfinished_is_left_alone_and_no_link_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a");
        let beside = folder.path().join("a.part");
        fs::write(&beside, b"somebody's").unwrap();
        let taken = Part::open(&target, false).err();
        assert_eq!(taken, Some(FileError::PartTaken(beside.clone())));
        fs::remove_file(&beside).unwrap();
        std::os::unix::fs::symlink("/dev/null", &beside).unwrap();
        assert!(matches!(
            Part::open(&target, true),
            Err(FileError::Unwritable { .. })
        ));
    }

    #[test]
    fn two_do_not_write_into_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a");
        let (_held, _) = Part::open(&target, false).unwrap();
        assert_eq!(Part::open(&target, true).err(), Some(FileError::Busy));
    }
}
