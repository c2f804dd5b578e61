//! The newest entries of all channels in memory, bounded, so that followers do not read from the disk what
//! was written a moment ago.

use std::collections::{HashMap, VecDeque};

use caucus_proto::id::{ChannelId, Hours, Position};
use caucus_proto::wire::Entry;

use crate::store::is_served;

/// Bytes counted for an entry besides its own.
const COST: usize = 128;

/// Newest entries; of each channel an unbroken run up to its newest one.
#[derive(Debug)]
pub(super) struct Tail {
    limit: usize,
    held: usize,
    channels: HashMap<ChannelId, VecDeque<Entry>>,
    /// Whose oldest entry goes first.
    order: VecDeque<ChannelId>,
}

impl Tail {
    /// Holds at most so many bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            held: 0,
            channels: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    /// Takes in the newest entry of a channel.
    pub(super) fn push(&mut self, channel: ChannelId, entry: Entry) {
        self.held += entry.bytes.len() + COST;
        self.channels.entry(channel).or_default().push_back(entry);
        self.order.push_back(channel);
        while self.held > self.limit {
            let Some(oldest) = self.order.pop_front() else {
                return;
            };
            let Some(entries) = self.channels.get_mut(&oldest) else {
                continue;
            };
            if let Some(entry) = entries.pop_front() {
                self.held = self.held.saturating_sub(entry.bytes.len() + COST);
            }
            if entries.is_empty() {
                self.channels.remove(&oldest);
            }
        }
    }

    /// Forgets a channel.
    pub(super) fn forget(&mut self, channel: ChannelId) {
        let Some(entries) = self.channels.remove(&channel) else {
            return;
        };
        self.order.retain(|other| *other != channel);
        for entry in entries {
            self.held = self.held.saturating_sub(entry.bytes.len() + COST);
        }
    }

    /// Entries after a position as `Store::read` gives them; none if they reach further back than it does.
    pub(super) fn read(
        &self,
        channel: ChannelId,
        after: Position,
        max_bytes: usize,
        now: Hours,
    ) -> Option<Vec<Entry>> {
        let entries = self.channels.get(&channel)?;
        let first = entries.front()?.position;
        if after.next() < first {
            return None;
        }
        let start = entries.partition_point(|entry| entry.position <= after);
        let mut found = Vec::new();
        let mut room = max_bytes;
        for entry in entries.range(start..) {
            if !is_served(entry.expires, now) {
                continue;
            }
            if entry.bytes.len() > room && !found.is_empty() {
                break;
            }
            room = room.saturating_sub(entry.bytes.len());
            found.push(entry.clone());
        }
        Some(found)
    }
}
