//! The file under the database, with a seam through which tests make the disk fail.

use std::fs::File;
use std::io;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};

use super::error::{VaultError, engine};

/// Counts commits, and makes them fail where a test asks for it. What fails, fails as on a full disk.
#[derive(Debug)]
pub struct Faults {
    commits: AtomicU64,
    commits_left: AtomicU64,
    writes_left: AtomicU64,
}

const UNLIMITED: u64 = u64::MAX;

impl Faults {
    pub(super) const fn none() -> Self {
        Self {
            commits: AtomicU64::new(0),
            commits_left: AtomicU64::new(UNLIMITED),
            writes_left: AtomicU64::new(UNLIMITED),
        }
    }

    /// Commits that succeeded since the vault was opened, those that made or rewrote it included.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::SeqCst)
    }

    /// Lets so many commits succeed; later ones fail before they write.
    pub fn fail_commits_after(&self, commits: u64) {
        self.commits_left.store(commits, Ordering::SeqCst);
    }

    /// Lets so many writes to the disk succeed (pages, growth, flushes); later ones fail.
    pub fn fail_writes_after(&self, writes: u64) {
        self.writes_left.store(writes, Ordering::SeqCst);
    }

    /// Nothing fails any more.
    pub fn heal(&self) {
        self.fail_commits_after(UNLIMITED);
        self.fail_writes_after(UNLIMITED);
    }

    pub(super) fn before_commit(&self) -> Result<(), VaultError> {
        spend(&self.commits_left).then_some(()).ok_or(VaultError::Full)
    }

    pub(super) fn committed(&self) {
        self.commits.fetch_add(1, Ordering::SeqCst);
    }

    fn before_write(&self) -> io::Result<()> {
        spend(&self.writes_left)
            .then_some(())
            .ok_or_else(|| io::ErrorKind::StorageFull.into())
    }
}

fn spend(left: &AtomicU64) -> bool {
    left.try_update(Ordering::SeqCst, Ordering::SeqCst, |left| match left {
        UNLIMITED => Some(UNLIMITED),
        other => other.checked_sub(1),
    })
    .is_ok()
}

/// A file as the database's storage.
#[derive(Debug)]
pub(super) struct Disk {
    file: FileBackend,
    faults: Arc<Faults>,
}

impl Disk {
    pub(super) fn new(file: File, faults: Arc<Faults>) -> Result<Self, VaultError> {
        let file = FileBackend::new(file).map_err(engine)?;
        Ok(Self { file, faults })
    }
}

type Range = Bound<u64>;

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.faults.before_write()?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.faults.before_write()?;
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.faults.before_write()?;
        self.file.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Range, end: Range) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Range, end: Range) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Range, end: Range) -> Result<(), BackendError> {
        self.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Range, end: Range) -> Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Range, end: Range) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Range, end: Range) -> Result<bool, BackendError> {
        self.file.query_lock_range(start, end)
    }
}
