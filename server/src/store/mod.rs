//! Where channels live: a narrow interface on plain data that every engine meets, and a story that every
//! engine passes. The store decides the order of a channel; nothing is acknowledged before it is durable in
//! the engine's sense.

mod committed;
pub mod embedded;
mod fence;
pub mod memory;
#[cfg(test)]
mod story;

use std::future::Future;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use caucus_proto::id::{ChannelId, Counter, Hours, Position};
use caucus_proto::wire::{Entry, Flag, StoreKind};
use thiserror::Error;

use crate::relay::guard::Guard;

pub use committed::{Committed, Outlet};

/// One entry on its way into the store.
#[derive(Clone, Debug)]
pub struct NewEntry {
    /// Into which channel.
    pub channel: ChannelId,
    /// Accepted only if this is the channel's counter at that moment.
    pub counter: Counter,
    /// What it does.
    pub flag: Flag,
    /// When it ends for readers.
    pub expires: Hours,
    /// One bucket.
    pub bytes: Bytes,
    /// For a flagged entry: the guard that follows it, in one write with it. The store takes from it what a
    /// flagged entry may change (`access`, `segments`, and `used` if it is later) and keeps everything else
    /// as the guard in force has it, so that a guard computed from an outdated one undoes no change. It
    /// moves the counter by one and sets `newest` to the entry's position itself. Ignored for a plain
    /// entry; for a flagged one none means that only the counter moves.
    pub guard: Option<Guard>,
}

/// What became of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Appended {
    /// Durable at this position.
    Stored(Position),
    /// The counter is another: nothing was stored.
    Moved {
        /// The channel's counter.
        counter: Counter,
        /// Position of its newest entry.
        newest: Position,
    },
    /// No such channel.
    Gone,
}

/// How much of the store is used.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Usage {
    /// Bytes on disk, or in memory.
    pub bytes: u64,
    /// Channels.
    pub channels: u64,
    /// How often an entry that was asked for was not what it was, and left out, since the start.
    pub damaged: u64,
}

/// How much a channel holds now.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct ChannelUsage {
    /// Entries that have not expired.
    pub entries: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Hours a guard lives after its last use.
pub const GUARD_LIFE: u64 = 400 * 24;

/// Whether an entry is still served: through the hour it names.
#[must_use]
pub const fn is_served(expires: Hours, now: Hours) -> bool {
    now.0 <= expires.0
}

/// Whether a guard is past its life.
#[must_use]
pub const fn is_forgotten(used: Hours, now: Hours) -> bool {
    now.0 > used.0.saturating_add(GUARD_LIFE)
}

/// A store.
pub trait Store: Send + Sync + 'static {
    /// What it promises.
    fn kind(&self) -> StoreKind;

    /// From now on every entry that became durable is handed over here, before its append is answered. The last
    /// call counts.
    fn hand_over(&self, outlet: Outlet);

    /// The guard of a channel, with the newest position, and what it holds.
    fn guard(
        &self,
        channel: ChannelId,
    ) -> impl Future<Output = Result<Option<(Arc<Guard>, ChannelUsage)>, StoreError>> + Send;

    /// Writes a guard: a new channel (`expected` is none and there is no channel), or a change of one whose
    /// guard is still `expected` but for `newest`. Answers whether it did. Durable before it answers.
    fn put_guard(
        &self,
        channel: ChannelId,
        expected: Option<Arc<Guard>>,
        guard: Guard,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Appends one entry. Durable before it answers.
    fn append(&self, entry: NewEntry) -> impl Future<Output = Result<Appended, StoreError>> + Send;

    /// Entries of a channel after a position, in order, that have not expired at `now` and were not trimmed:
    /// at most `max_bytes`, but at least one if there is one.
    fn read(
        &self,
        channel: ChannelId,
        after: Position,
        max_bytes: usize,
        now: Hours,
    ) -> impl Future<Output = Result<Vec<Entry>, StoreError>> + Send;

    /// Forgets a channel and its entries.
    fn delete(&self, channel: ChannelId) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Gives back the space of entries whose day is over, and forgets channels unused for [`GUARD_LIFE`].
    fn expire(&self, now: Hours) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Everything as it is now, to be written elsewhere; none where nothing outlives the process.
    fn export(&self) -> impl Future<Output = Result<Option<Box<dyn Export>>, StoreError>> + Send;

    /// An hour that has surely come; none where nothing is known of the time before this process.
    fn known_hour(&self) -> Option<Hours>;

    /// What is used.
    fn usage(&self) -> Usage;

    /// Writes what is still in memory and ends; later calls fail.
    fn close(&self) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// A whole store as it was at a moment.
pub trait Export: Send {
    /// Writes it, and tells how many bytes. Blocks; meanwhile the store goes on, but frees no space.
    ///
    /// # Errors
    /// Of reading or writing.
    fn write(self: Box<Self>, to: &mut dyn io::Write) -> io::Result<u64>;
}

/// Why the store did not do it.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The disk, or the quota for it, is full.
    #[error("the store is full")]
    Full,
    /// The disk failed. After a failed flush nothing more is accepted: its state is unknown.
    #[error("the store failed: {0}")]
    Failed(String),
    /// What is on disk is damaged.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// Written by a newer version.
    #[error("the store is of format {found}, this program knows {known}")]
    Newer {
        /// On disk.
        found: u32,
        /// Known.
        known: u32,
    },
    /// Another process uses it.
    #[error("another relay uses this folder")]
    InUse,
    /// It was closed.
    #[error("the store is closed")]
    Closed,
}
