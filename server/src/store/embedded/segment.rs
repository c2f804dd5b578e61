//! A segment: one file of the log, with its index. All its records lie in one day folder and go together.

use std::fs::File;
use std::io;
use std::ops::Bound;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use caucus_proto::id::{ChannelId, Position};

use crate::store::StoreError;
use crate::store::embedded::disk;
use crate::store::embedded::index::{Live, Place, Sealed};
use crate::store::embedded::record::{self, Found};
use crate::store::embedded::scan;

/// Bytes a segment that goes is shortened by at a time, so that no flush waits long behind it.
const SHORTEN: u64 = 8 * 1024 * 1024;

/// Pause between two shortenings.
const PAUSE: Duration = Duration::from_millis(10);

/// One file of the log.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) id: u64,
    pub(super) day: u64,
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) index: RwLock<Index>,
    /// Bytes of whole batches.
    pub(super) end: AtomicU64,
    /// Its day is over: what it holds is no longer read.
    pub(super) gone: AtomicBool,
}

/// Where its records lie.
#[derive(Debug)]
pub(super) enum Index {
    Live(Live),
    Sealed(Sealed),
}

impl Index {
    fn find(&self, channel: ChannelId, after: Position, limit: usize) -> io::Result<Vec<(Position, Place)>> {
        match self {
            Self::Live(live) => {
                let from = Bound::Excluded((channel, after));
                let to = Bound::Included((channel, Position(u64::MAX)));
                let found = live.range((from, to)).take(limit);
                Ok(found.map(|((_, position), place)| (*position, *place)).collect())
            }
            Self::Sealed(sealed) => sealed.find(channel, after, limit),
        }
    }
}

impl Segment {
    /// Opens the file of a segment, or makes it, durable under its name.
    pub(super) fn open(folder: &Path, day: u64, id: u64) -> Result<Self, StoreError> {
        let day_folder = folder.join(day.to_string());
        disk::make_folder(&day_folder)?;
        let path = day_folder.join(format!("{id}.log"));
        let is_new = !path.try_exists().unwrap_or(false);
        let file = disk::open(&path)?;
        if is_new {
            disk::blur(&file);
            file.sync_all()
                .map_err(|error| disk::failed("flush", &path, &error))?;
            disk::sync_folder(&day_folder)?;
        }
        Ok(Self {
            id,
            day,
            path,
            file,
            index: RwLock::new(Index::Live(Live::new())),
            end: AtomicU64::new(0),
            gone: AtomicBool::new(false),
        })
    }

    /// With an index that was found.
    pub(super) fn with_index(mut self, index: Index) -> Self {
        self.index = RwLock::new(index);
        self
    }

    /// Takes in what a scan found.
    pub(super) fn grown(&self, live: Live, end: u64) {
        *self.index.write().unwrap_or_else(PoisonError::into_inner) = Index::Live(live);
        self.end.store(end, Ordering::Release);
    }

    /// Where its index file is.
    pub(super) fn index_path(&self) -> PathBuf {
        self.path.with_extension("idx")
    }

    /// Bytes it takes on the disk.
    pub(super) fn bytes(&self) -> u64 {
        let index = match &*self.index.read().unwrap_or_else(PoisonError::into_inner) {
            Index::Live(_) => 0,
            Index::Sealed(sealed) => sealed.bytes,
        };
        self.end.load(Ordering::Acquire) + index
    }

    /// Records it grew by so far, if it still grows.
    pub(super) fn live_records(&self) -> usize {
        match &*self.index.read().unwrap_or_else(PoisonError::into_inner) {
            Index::Live(live) => live.len(),
            Index::Sealed(_) => 0,
        }
    }

    /// Adds to the live index.
    pub(super) fn placed(&self, records: impl Iterator<Item = ((ChannelId, Position), Place)>) {
        if let Index::Live(live) = &mut *self.index.write().unwrap_or_else(PoisonError::into_inner) {
            live.extend(records);
        }
    }

    /// Writes the index file of a segment that is complete, reads from it henceforth, and tells its bytes.
    pub(super) fn seal(&self, last_sequence: u64) -> Result<u64, StoreError> {
        let path = self.index_path();
        {
            let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
            let Index::Live(live) = &*index else { return Ok(0) };
            Sealed::write(&path, live, last_sequence, self.end.load(Ordering::Acquire))?;
        }
        let Some(sealed) = Sealed::open(&path)? else {
            return Err(StoreError::Damaged(format!(
                "{} is not what was written",
                path.display()
            )));
        };
        let bytes = sealed.bytes;
        *self.index.write().unwrap_or_else(PoisonError::into_inner) = Index::Sealed(sealed);
        Ok(bytes)
    }

    /// Records of a channel after a position, in order, at most `limit`.
    pub(super) fn find(
        &self,
        channel: ChannelId,
        after: Position,
        limit: usize,
    ) -> Result<Vec<(Position, Place)>, StoreError> {
        let broken = |error: io::Error| disk::failed("read", &self.index_path(), &error);
        let found = {
            let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
            index.find(channel, after, limit)
        };
        match found {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                self.index_anew()?;
                let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
                index.find(channel, after, limit).map_err(broken)
            }
            found => found.map_err(broken),
        }
    }

    /// Writes the index of a complete segment again, from the segment.
    fn index_anew(&self) -> Result<(), StoreError> {
        tracing::error!(
            "the index {} is damaged: it is made anew",
            self.index_path().display()
        );
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        let Index::Sealed(sealed) = &*index else {
            return Ok(());
        };
        let live = scan::whole(self, false)?.live;
        Sealed::write(&self.index_path(), &live, sealed.last_sequence, sealed.log_bytes)?;
        if let Some(sealed) = Sealed::open(&self.index_path())? {
            *index = Index::Sealed(sealed);
        }
        Ok(())
    }

    /// One record.
    pub(super) fn record(&self, place: Place) -> Result<(Found, Bytes), StoreError> {
        let mut bytes = vec![0; place.size as usize];
        self.file
            .read_exact_at(&mut bytes, u64::from(place.offset))
            .map_err(|error| disk::failed("read", &self.path, &error))?;
        let found = record::read(self.id, u64::from(place.offset), &bytes)
            .map_err(|_| self.damaged(u64::from(place.offset)))?;
        Ok((found, bytes.into()))
    }

    /// What is said of a record that is not what it was.
    pub(super) fn damaged(&self, offset: u64) -> StoreError {
        StoreError::Damaged(format!(
            "no valid record at byte {offset} of {}",
            self.path.display()
        ))
    }

    /// Gives its bytes back in steps, so that no flush of the log waits long behind it. Call only after
    /// `gone` was set.
    pub(super) fn shrink(&self) -> Result<(), StoreError> {
        let broken = |error: io::Error| disk::failed("remove", &self.path, &error);
        let mut left = self.file.metadata().map_err(broken)?.len();
        while left > SHORTEN {
            left -= SHORTEN;
            self.file.set_len(left).map_err(broken)?;
            thread::sleep(PAUSE);
        }
        Ok(())
    }
}
