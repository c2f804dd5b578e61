//! The memory engine: channels in a table of this process, nothing on disk. A restart forgets everything,
//! and the relay says so (`StoreKind::Memory`); acknowledged means only that it is in the table.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use caucus_proto::id::{ChannelId, Hours, Position};
use caucus_proto::wire::{Entry, StoreKind};

use crate::relay::guard::Guard;
use crate::store::committed::Handover;
use crate::store::{
    Appended, ChannelUsage, Committed, Export, NewEntry, Outlet, Store, StoreError, Usage, fence,
    is_forgotten, is_served,
};

/// Bytes counted for a channel besides its entries: its guard and its place in the table.
const CHANNEL_COST: u64 = 2048;

/// Bytes counted for an entry besides its own.
const ENTRY_COST: u64 = 64;

/// A store in memory.
#[derive(Debug)]
pub struct Memory {
    quota: u64,
    table: Mutex<Table>,
    handover: Handover,
}

#[derive(Debug, Default)]
struct Table {
    channels: HashMap<ChannelId, Channel>,
    bytes: u64,
    closed: bool,
}

#[derive(Debug)]
struct Channel {
    guard: Arc<Guard>,
    newest: Position,
    entries: VecDeque<Entry>,
    bytes: u64,
}

impl Memory {
    /// An empty store that holds at most `quota` bytes.
    #[must_use]
    pub fn new(quota: u64) -> Self {
        Self {
            quota,
            table: Mutex::default(),
            handover: Handover::default(),
        }
    }

    fn table(&self) -> Result<MutexGuard<'_, Table>, StoreError> {
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if table.closed {
            return Err(StoreError::Closed);
        }
        Ok(table)
    }

    fn append_now(&self, entry: NewEntry) -> Result<Appended, StoreError> {
        let mut table = self.table()?;
        let Table { channels, bytes, .. } = &mut *table;
        let Some(channel) = channels.get_mut(&entry.channel) else {
            return Ok(Appended::Gone);
        };
        if let Some(refusal) = fence::refusal(&channel.guard, channel.newest, &entry) {
            return Ok(refusal);
        }
        let size = cost(entry.bytes.len());
        if bytes.saturating_add(size) > self.quota {
            return Err(StoreError::Full);
        }
        let position = channel.newest.next();
        if entry.flag.moves() {
            channel.guard = Arc::new(fence::following(&channel.guard, entry.guard.as_ref(), position));
        }
        channel.newest = position;
        channel.bytes += entry.bytes.len() as u64;
        *bytes += size;
        let stored = Entry {
            position,
            counter: entry.counter,
            flag: entry.flag,
            expires: entry.expires,
            bytes: entry.bytes,
        };
        channel.entries.push_back(stored.clone());
        self.handover
            .give(Committed::new(vec![(entry.channel, stored)], || {}));
        Ok(Appended::Stored(position))
    }

    fn put_guard_now(
        &self,
        id: ChannelId,
        expected: Option<&Guard>,
        guard: Guard,
    ) -> Result<bool, StoreError> {
        let mut table = self.table()?;
        let Table { channels, bytes, .. } = &mut *table;
        match (expected, channels.get_mut(&id)) {
            (None, None) => {
                if bytes.saturating_add(CHANNEL_COST) > self.quota {
                    return Err(StoreError::Full);
                }
                *bytes += CHANNEL_COST;
                channels.insert(
                    id,
                    Channel {
                        newest: guard.newest,
                        guard: Arc::new(guard),
                        entries: VecDeque::new(),
                        bytes: 0,
                    },
                );
                Ok(true)
            }
            (Some(expected), Some(channel)) if fence::same_but_newest(expected, &channel.guard) => {
                let trimmed = guard.trimmed;
                channel.guard = Arc::new(guard);
                *bytes = bytes.saturating_sub(channel.drop_where(|entry| entry.position <= trimmed));
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}

impl Channel {
    fn guard(&self) -> Arc<Guard> {
        if self.guard.newest == self.newest {
            return Arc::clone(&self.guard);
        }
        let mut guard = Guard::clone(&self.guard);
        guard.newest = self.newest;
        Arc::new(guard)
    }

    /// Drops entries and tells the bytes they cost.
    fn drop_where(&mut self, goes: impl Fn(&Entry) -> bool) -> u64 {
        let mut freed = 0;
        let held = &mut self.bytes;
        self.entries.retain(|entry| {
            let stays = !goes(entry);
            if !stays {
                freed += cost(entry.bytes.len());
                *held = held.saturating_sub(entry.bytes.len() as u64);
            }
            stays
        });
        freed
    }

    fn usage(&self) -> ChannelUsage {
        ChannelUsage {
            entries: self.entries.len() as u64,
            bytes: self.bytes,
        }
    }
}

impl Store for Memory {
    fn kind(&self) -> StoreKind {
        StoreKind::Memory
    }

    fn hand_over(&self, outlet: Outlet) {
        self.handover.to(outlet);
    }

    async fn guard(&self, channel: ChannelId) -> Result<Option<(Arc<Guard>, ChannelUsage)>, StoreError> {
        let table = self.table()?;
        Ok(table.channels.get(&channel).map(|c| (c.guard(), c.usage())))
    }

    async fn put_guard(
        &self,
        channel: ChannelId,
        expected: Option<Arc<Guard>>,
        guard: Guard,
    ) -> Result<bool, StoreError> {
        self.put_guard_now(channel, expected.as_deref(), guard)
    }

    async fn append(&self, entry: NewEntry) -> Result<Appended, StoreError> {
        self.append_now(entry)
    }

    async fn read(
        &self,
        channel: ChannelId,
        after: Position,
        max_bytes: usize,
        now: Hours,
    ) -> Result<Vec<Entry>, StoreError> {
        let table = self.table()?;
        let Some(channel) = table.channels.get(&channel) else {
            return Ok(Vec::new());
        };
        let after = after.max(channel.guard.trimmed);
        let start = channel.entries.partition_point(|entry| entry.position <= after);
        let mut found = Vec::new();
        let mut room = max_bytes;
        for entry in channel.entries.range(start..) {
            if !is_served(entry.expires, now) {
                continue;
            }
            if entry.bytes.len() > room && !found.is_empty() {
                break;
            }
            room = room.saturating_sub(entry.bytes.len());
            found.push(entry.clone());
        }
        Ok(found)
    }

    async fn delete(&self, channel: ChannelId) -> Result<(), StoreError> {
        let mut table = self.table()?;
        if let Some(mut gone) = table.channels.remove(&channel) {
            let freed = gone.drop_where(|_| true) + CHANNEL_COST;
            table.bytes = table.bytes.saturating_sub(freed);
        }
        Ok(())
    }

    async fn expire(&self, now: Hours) -> Result<(), StoreError> {
        let mut table = self.table()?;
        let mut freed = 0;
        table.channels.retain(|_, channel| {
            let forgotten = is_forgotten(channel.guard.used, now);
            freed += channel.drop_where(|entry| forgotten || !is_served(entry.expires, now));
            if forgotten {
                freed += CHANNEL_COST;
            }
            !forgotten
        });
        table.bytes = table.bytes.saturating_sub(freed);
        Ok(())
    }

    async fn export(&self) -> Result<Option<Box<dyn Export>>, StoreError> {
        Ok(None)
    }

    fn known_hour(&self) -> Option<Hours> {
        None
    }

    fn usage(&self) -> Usage {
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        Usage {
            bytes: table.bytes,
            channels: table.channels.len() as u64,
            damaged: 0,
        }
    }

    async fn close(&self) -> Result<(), StoreError> {
        let mut table = self.table()?;
        table.closed = true;
        table.channels.clear();
        table.bytes = 0;
        Ok(())
    }
}

fn cost(bytes: usize) -> u64 {
    bytes as u64 + ENTRY_COST
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::story;

    #[tokio::test]
    async fn memory_passes_the_story() {
        story::whole(|| Memory::new(u64::MAX)).await;
    }

    #[tokio::test]
    async fn a_full_memory_says_so_and_stores_nothing() {
        let store = Memory::new(CHANNEL_COST + cost(1024));
        story::full(&store).await;
    }
}
