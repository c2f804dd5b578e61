//! The embedded engine: entries in append-only segment files grouped by the day they end, heads of channels
//! in sled.
//!
//! ```text
//! lock, format                  one relay at a time; the newest version that wrote here
//! log/<day>/<id>.log, .idx      records of entries and heads; the index of a complete segment
//! heads/                        sled: heads and the checkpoint. Deleted, it is rebuilt from the log
//! ```
//!
//! A record is acknowledged after its batch was written and flushed (`fdatasync`), whoever else waits in the
//! batch; sled takes part in no acknowledgement. Positions and fences are decided by the one writer thread.
//! Space comes back by whole days: what a channel deletes, trims or outlives within a day stays on the disk
//! until that day is over, and `ChannelUsage` counts expired entries until then. Entries of a deleted channel
//! are unreachable at once. Every file is for its owner only, and no file of the log tells a time finer than
//! the hour; sled's files do tell when the last checkpoint was.
//!
//! Call `expire` after opening and then about hourly: it also tells the store what day it is.

mod batch;
#[cfg(test)]
mod damage;
mod decide;
mod disk;
mod expire;
mod export;
mod head;
mod heads;
mod index;
mod read;
mod record;
mod recover;
mod scan;
mod seal;
mod segment;
mod tail;
#[cfg(test)]
mod tests;
mod writer;

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::thread::{self, JoinHandle};

use caucus_proto::id::{ChannelId, Hours, Position};
use caucus_proto::wire::{Entry, StoreKind};
use tokio::sync::{RwLock as RwLockOfTasks, mpsc, oneshot};
use tokio::task;

use crate::relay::guard::Guard;
use crate::store::committed::Handover;
use crate::store::embedded::batch::Asker;
use crate::store::embedded::disk::Disk;
use crate::store::embedded::head::Head;
use crate::store::embedded::heads::{Heads, Kept};
use crate::store::embedded::segment::Segment;
use crate::store::embedded::tail::Tail;
use crate::store::embedded::writer::{Command, Writer};
use crate::store::{
    Appended, ChannelUsage, Export, NewEntry, Outlet, Store, StoreError, Usage, is_forgotten,
};

pub use export::ImportError;

/// The version of the format on disk.
const FORMAT: u32 = 2;

/// Commands that may wait for the writer.
const QUEUE: usize = 1024;

/// Largest size of a segment: offsets are 32 bits.
const LARGEST_SEGMENT: u64 = 1 << 30;

/// How much the store may take.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Bytes of log and index files; at the limit appends are refused (`StoreError::Full`). sled's heads, about
    /// a kilobyte a channel, come on top.
    pub quota_bytes: u64,
    /// Bytes after which a segment is complete.
    pub segment_bytes: u64,
    /// Entries after which a segment is complete; bounds the index in memory.
    pub segment_records: usize,
    /// Bytes of newest entries kept in memory.
    pub tail_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            quota_bytes: u64::MAX,
            segment_bytes: 256 * 1024 * 1024,
            segment_records: 250_000,
            tail_bytes: 32 * 1024 * 1024,
        }
    }
}

/// A store on the disk.
#[derive(Debug)]
pub struct Embedded {
    shared: Arc<Shared>,
    queue: Option<mpsc::Sender<Command>>,
    writer: Option<JoinHandle<()>>,
}

/// What the writer, the sealer and readers share.
#[derive(Debug)]
struct Shared {
    options: Options,
    log: PathBuf,
    disk: Disk,
    heads: Heads,
    segments: RwLock<Vec<Arc<Segment>>>,
    tail: Mutex<Tail>,
    /// The first day that is not over.
    floor: AtomicU64,
    bytes: AtomicU64,
    channels: AtomicU64,
    /// Entries that were asked for and are not what they were.
    damaged: AtomicU64,
    failed: OnceLock<String>,
    closed: AtomicBool,
    handover: Handover,
    /// Held to read while an export needs the files of all days, to write while some go.
    days: Arc<RwLockOfTasks<()>>,
    _lock: File,
}

impl Embedded {
    /// Opens the store in a folder, or makes it; the folder above must be there. Blocks: reads what was
    /// written since the last checkpoint (about half a second for a gigabyte).
    ///
    /// # Errors
    /// `InUse`, `Newer`; `Damaged` if something acknowledged is not what it was; `Full` or `Failed`, which
    /// names the path, if it cannot be written.
    pub fn open(folder: &Path, options: Options) -> Result<Self, StoreError> {
        let options = Options {
            segment_bytes: options.segment_bytes.min(LARGEST_SEGMENT),
            ..options
        };
        disk::make_folder(folder)?;
        let lock = lock(folder)?;
        check_format(folder)?;
        disk::raise_open_files();
        let log = folder.join("log");
        disk::make_folder(&log)?;
        recover::remove_leftovers(&log)?;
        let (kept, checkpoint) = Kept::open(folder.join("heads"))?;
        let heads = Heads::new(kept);
        let recovered = recover::recover(&log, &heads, checkpoint)?;
        let shared = Arc::new(Shared {
            options,
            log,
            disk: Disk::default(),
            bytes: AtomicU64::new(recovered.segments.iter().map(|segment| segment.bytes()).sum()),
            channels: AtomicU64::new(heads.count()?),
            heads,
            segments: RwLock::new(recovered.segments),
            tail: Mutex::new(Tail::new(options.tail_bytes)),
            floor: AtomicU64::new(recovered.floor),
            damaged: AtomicU64::new(0),
            failed: OnceLock::new(),
            closed: AtomicBool::new(false),
            handover: Handover::default(),
            days: Arc::default(),
            _lock: lock,
        });
        let no_thread = |error| StoreError::Failed(format!("cannot start a thread: {error}"));
        let (queue, commands) = mpsc::channel(QUEUE);
        let writer = Writer {
            shared: Arc::clone(&shared),
            queue: commands,
            open: recovered.open,
            next_sequence: recovered.next_sequence,
            next_segment: recovered.next_segment,
            today: None,
            sealer: Some(seal::start(Arc::clone(&shared)).map_err(no_thread)?),
        };
        let writer = thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || writer.run())
            .map_err(no_thread)?;
        Ok(Self {
            shared,
            queue: Some(queue),
            writer: Some(writer),
        })
    }

    async fn ask<T>(&self, command: impl FnOnce(Asker<T>) -> Command) -> Result<T, StoreError> {
        self.shared.is_open()?;
        let (asker, answer) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or(StoreError::Closed)?;
        if queue.send(command(asker)).await.is_err() {
            return Err(self.shared.ended());
        }
        answer.await.unwrap_or_else(|_| Err(self.shared.ended()))
    }

    async fn head(&self, channel: ChannelId) -> Result<Option<Arc<Head>>, StoreError> {
        self.shared.is_open()?;
        if let Some(head) = self.shared.heads.recent(channel) {
            return Ok(head);
        }
        let shared = Arc::clone(&self.shared);
        blocking(move || shared.heads.head(channel)).await
    }
}

impl Store for Embedded {
    fn kind(&self) -> StoreKind {
        StoreKind::Disk
    }

    fn hand_over(&self, outlet: Outlet) {
        self.shared.handover.to(outlet);
    }

    async fn guard(&self, channel: ChannelId) -> Result<Option<(Arc<Guard>, ChannelUsage)>, StoreError> {
        let head = self.head(channel).await?;
        let floor = self.shared.floor.load(Ordering::Acquire);
        Ok(head.map(|head| (head.guard(), head.usage(floor))))
    }

    async fn put_guard(
        &self,
        channel: ChannelId,
        expected: Option<Arc<Guard>>,
        guard: Guard,
    ) -> Result<bool, StoreError> {
        self.ask(|asker| Command::Put(channel, expected, guard, asker))
            .await
    }

    async fn append(&self, entry: NewEntry) -> Result<Appended, StoreError> {
        self.ask(|asker| Command::Append(entry, asker)).await
    }

    async fn read(
        &self,
        channel: ChannelId,
        after: Position,
        max_bytes: usize,
        now: Hours,
    ) -> Result<Vec<Entry>, StoreError> {
        let Some(head) = self.head(channel).await? else {
            return Ok(Vec::new());
        };
        let after = after.max(head.guard.trimmed);
        if after >= head.marks.newest {
            return Ok(Vec::new());
        }
        let recent = {
            let tail = self.shared.tail.lock().unwrap_or_else(PoisonError::into_inner);
            tail.read(channel, after, max_bytes, now)
        };
        if let Some(entries) = recent {
            return Ok(entries);
        }
        let shared = Arc::clone(&self.shared);
        blocking(move || read::read(&shared, channel, after, head.marks.born, max_bytes, now)).await
    }

    async fn delete(&self, channel: ChannelId) -> Result<(), StoreError> {
        self.ask(|asker| Command::Delete(channel, asker)).await
    }

    async fn expire(&self, now: Hours) -> Result<(), StoreError> {
        self.ask(|asker| Command::Day(now, asker)).await?;
        let shared = Arc::clone(&self.shared);
        let floor = shared.floor.load(Ordering::Acquire);
        let channels = blocking(move || {
            shared
                .heads
                .matching(|head| is_forgotten(head.guard.used, now) || head.rests_on() < floor)
        })
        .await?;
        for step in channels.chunks(expire::STEP) {
            self.ask(|asker| Command::Carry(step.to_vec(), now, asker))
                .await?;
        }
        let segments = self.ask(Command::Drop).await?;
        if segments.is_empty() {
            return Ok(());
        }
        let shared = Arc::clone(&self.shared);
        let going = Arc::clone(&shared.days).write_owned().await;
        blocking(move || {
            let _going = going;
            expire::remove(&shared.log, &segments)
        })
        .await
    }

    async fn export(&self) -> Result<Option<Box<dyn Export>>, StoreError> {
        let stay = Arc::clone(&self.shared.days).read_owned().await;
        let segments = self.ask(Command::Snapshot).await?;
        Ok(Some(Box::new(export::Segments {
            segments,
            _stay: stay,
        })))
    }

    fn known_hour(&self) -> Option<Hours> {
        let floor = self.shared.floor.load(Ordering::Acquire);
        (floor > 0).then(|| Hours(floor.saturating_mul(24)))
    }

    fn usage(&self) -> Usage {
        Usage {
            bytes: self.shared.bytes.load(Ordering::Acquire),
            channels: self.shared.channels.load(Ordering::Acquire),
            damaged: self.shared.damaged.load(Ordering::Relaxed),
        }
    }

    async fn close(&self) -> Result<(), StoreError> {
        let closed = self.ask(Command::Close).await;
        self.shared.closed.store(true, Ordering::Release);
        closed
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(writer) = self.writer.take() {
            // A writer that panicked answered nobody; there is no more to do for it here.
            let _ = writer.join();
        }
    }
}

impl Shared {
    fn segments(&self) -> Vec<Arc<Segment>> {
        self.segments
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn add_segment(&self, segment: Arc<Segment>) {
        let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
        segments.push(segment);
    }

    /// Takes out the segments of days before the floor.
    fn remove_segments(&self, floor: u64) {
        let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
        segments.retain(|segment| {
            let stays = segment.day >= floor;
            if !stays {
                self.bytes.fetch_sub(segment.bytes(), Ordering::AcqRel);
            }
            stays
        });
    }

    /// An entry is left out, because it is damaged.
    fn miss(&self, error: &StoreError) {
        self.damaged.fetch_add(1, Ordering::Relaxed);
        tracing::error!("an entry is left out: {error}");
    }

    /// Accepts nothing from now on.
    fn fail(&self, why: String) -> StoreError {
        if self.failed.set(why).is_ok() {
            tracing::error!("the store failed and accepts nothing more: {}", self.failure());
        }
        self.failure()
    }

    fn failure(&self) -> StoreError {
        let why = self.failed.get().map_or("it ended", String::as_str);
        StoreError::Failed(why.to_owned())
    }

    fn alive(&self) -> Result<(), StoreError> {
        match self.failed.get() {
            Some(why) => Err(StoreError::Failed(why.clone())),
            None => Ok(()),
        }
    }

    fn is_open(&self) -> Result<(), StoreError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(StoreError::Closed);
        }
        Ok(())
    }

    /// Why the writer no longer answers.
    fn ended(&self) -> StoreError {
        if self.closed.load(Ordering::Acquire) {
            return StoreError::Closed;
        }
        self.alive().err().unwrap_or(StoreError::Closed)
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(_) => Err(StoreError::Failed("a read was interrupted".to_owned())),
    }
}

fn lock(folder: &Path) -> Result<File, StoreError> {
    let path = folder.join("lock");
    let file = disk::open(&path)?;
    match file.try_lock() {
        Ok(()) => {
            disk::blur(&file);
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse),
        Err(TryLockError::Error(error)) => Err(disk::failed("lock", &path, &error)),
    }
}

fn check_format(folder: &Path) -> Result<(), StoreError> {
    let path = folder.join("format");
    if path.try_exists().unwrap_or(false) {
        let bytes = fs::read(&path).map_err(|error| disk::failed("read", &path, &error))?;
        if !bytes.is_empty() {
            let found = std::str::from_utf8(&bytes)
                .ok()
                .and_then(|text| text.trim().parse::<u32>().ok())
                .ok_or_else(|| StoreError::Damaged(format!("{} is no number", path.display())))?;
            if found > FORMAT {
                return Err(StoreError::Newer { found, known: FORMAT });
            }
            // Records tell their own version, so all that is old stays as it is; older relays must not read the new.
            return if found < FORMAT {
                write_format(folder)
            } else {
                Ok(())
            };
        }
    }
    if folder.join("log").try_exists().unwrap_or(true) {
        return Err(StoreError::Damaged(format!("{} is missing", path.display())));
    }
    write_format(folder)
}

fn write_format(folder: &Path) -> Result<(), StoreError> {
    let (path, new) = (folder.join("format"), folder.join("format.new"));
    let written = disk::open(&new).map(|mut file| {
        file.set_len(0)?;
        file.write_all(format!("{FORMAT}\n").as_bytes())?;
        disk::blur(&file);
        file.sync_all()?;
        fs::rename(&new, &path)
    })?;
    written.map_err(|error| disk::failed("write", &path, &error))?;
    disk::sync_folder(folder)
}
