//! What the writer decides at the moment it writes: position, fence, quota, and which day folder keeps what.
//! Everything is decided on the heads as they are after the records already in the batch.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use caucus_proto::id::{ChannelId, Hours, Position};

use crate::relay::guard::Guard;
use crate::store::embedded::batch::{Batch, Draft};
use crate::store::embedded::head::Head;
use crate::store::embedded::record::{FRAME, Kind, LARGEST_ENTRY};
use crate::store::embedded::writer::Writer;
use crate::store::{Appended, GUARD_LIFE, NewEntry, StoreError, fence, is_forgotten};

/// Bytes that a head is taken for where the quota is asked.
const HEAD: usize = 1024;

/// Part of the quota kept for what makes room or keeps order: changes and ends of channels.
const RESERVE: u64 = 32;

impl Writer {
    pub(super) fn append(&mut self, batch: &mut Batch, entry: &NewEntry) -> Result<Appended, StoreError> {
        if entry.bytes.len() > LARGEST_ENTRY {
            return Err(StoreError::Failed(
                "the entry is larger than any record".to_owned(),
            ));
        }
        let shared = Arc::clone(&self.shared);
        let floor = shared.floor.load(Ordering::Acquire);
        let Some(head) = batch.head(&shared.heads, entry.channel)? else {
            return Ok(Appended::Gone);
        };
        if let Some(refusal) = fence::refusal(&head.guard, head.marks.newest, entry) {
            return Ok(refusal);
        }
        let position = head.marks.newest.next();
        if position == head.marks.newest {
            return Err(StoreError::Full);
        }
        let following = entry
            .flag
            .moves()
            .then(|| fence::following(&head.guard, entry.guard.as_ref(), position));
        self.room(batch, entry.bytes.len(), false)?;
        let day = (entry.expires.0 / 24).max(floor);
        self.bucket(batch, day)?;
        let sequence = batch.next_sequence();
        let mut written = Vec::new();
        let Some(head) = batch.head(&shared.heads, entry.channel)? else {
            return Ok(Appended::Gone);
        };
        if let Some(guard) = following {
            let mut next = Head {
                guard: Arc::new(guard),
                marks: head.marks.clone(),
            };
            next.took(position, sequence, day, entry.bytes.len(), floor);
            next.written_in(sequence, day);
            written = next.encode()?;
            *head = next;
        } else {
            head.took(position, sequence, day, entry.bytes.len(), floor);
        }
        batch.push(
            day,
            &Draft {
                kind: Kind::Entry(entry.flag),
                channel: entry.channel,
                position,
                counter: entry.counter,
                expires: entry.expires,
                head: &written,
                entry: &entry.bytes,
            },
        );
        Ok(Appended::Stored(position))
    }

    pub(super) fn put(
        &mut self,
        batch: &mut Batch,
        channel: ChannelId,
        expected: Option<&Guard>,
        guard: Guard,
    ) -> Result<bool, StoreError> {
        let shared = Arc::clone(&self.shared);
        let sequence = batch.next_sequence();
        let next = match (expected, batch.head(&shared.heads, channel)?) {
            (None, None) => {
                self.room(batch, HEAD, false)?;
                Head::new(guard, sequence)
            }
            (Some(expected), Some(head)) if fence::same_but_newest(expected, &head.guard) => {
                let mut next = head.clone();
                self.room(batch, HEAD, true)?;
                let (from, to) = (next.guard.trimmed, guard.trimmed);
                next.guard = Arc::new(guard);
                self.uncount(&mut next, channel, from, to)?;
                next
            }
            _ => return Ok(false),
        };
        self.write_head(batch, channel, next)?;
        batch.created += u64::from(expected.is_none());
        Ok(true)
    }

    pub(super) fn delete(&mut self, batch: &mut Batch, channel: ChannelId) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        let floor = shared.floor.load(Ordering::Acquire);
        let Some(head) = batch.head(&shared.heads, channel)? else {
            return Ok(());
        };
        // Where no record of the channel with a head outlives it.
        let day = head.marks.last_day.max(floor);
        self.bucket(batch, day)?;
        batch.push(day, &Draft::bare(Kind::Gone, channel));
        batch.set_head(channel, None);
        batch.deleted.push(channel);
        Ok(())
    }

    pub(super) fn carry(
        &mut self,
        batch: &mut Batch,
        channel: ChannelId,
        now: Hours,
    ) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        let floor = shared.floor.load(Ordering::Acquire);
        let Some(head) = batch.head(&shared.heads, channel)? else {
            return Ok(());
        };
        if is_forgotten(head.guard.used, now) {
            return self.delete(batch, channel);
        }
        if head.rests_on() >= floor {
            return Ok(());
        }
        let head = head.clone();
        self.write_head(batch, channel, head)
    }

    fn write_head(
        &mut self,
        batch: &mut Batch,
        channel: ChannelId,
        mut head: Head,
    ) -> Result<(), StoreError> {
        let floor = self.shared.floor.load(Ordering::Acquire);
        let day = guard_day(head.guard.used.0, floor).max(head.marks.last_day);
        self.bucket(batch, day)?;
        head.written_in(batch.next_sequence(), day);
        let written = head.encode()?;
        let draft = Draft {
            position: head.marks.newest,
            counter: head.guard.counter,
            head: &written,
            ..Draft::bare(Kind::Head, channel)
        };
        batch.push(day, &draft);
        batch.set_head(channel, Some(head));
        Ok(())
    }

    /// What a trim reaches must be in the index before it is counted.
    pub(super) fn before_trim(&mut self, mut batch: Batch, channel: ChannelId, guard: &Guard) -> Batch {
        let heads = &self.shared.heads;
        let trims = batch
            .head(heads, channel)
            .is_ok_and(|head| head.is_some_and(|head| head.guard.trimmed < guard.trimmed));
        if trims && !batch.is_empty() {
            self.commit(batch);
            return Batch::new(self.next_sequence);
        }
        batch
    }

    /// Takes what a trim reaches out of the counts.
    fn uncount(
        &self,
        head: &mut Head,
        channel: ChannelId,
        from: Position,
        to: Position,
    ) -> Result<(), StoreError> {
        if to <= from {
            return Ok(());
        }
        for segment in self.shared.segments() {
            let mut after = from;
            loop {
                let found = segment.find(channel, after, 1024)?;
                for (_, place) in found.iter().filter(|(position, _)| *position <= to) {
                    head.lost(segment.day, u64::from(place.bytes));
                }
                match found.last() {
                    Some((last, _)) if *last < to => after = *last,
                    _ => break,
                }
            }
        }
        Ok(())
    }

    /// Whether the quota allows a record more that holds so many bytes.
    fn room(&self, batch: &Batch, holds: usize, from_reserve: bool) -> Result<(), StoreError> {
        let quota = self.shared.options.quota_bytes;
        let limit = if from_reserve {
            quota.saturating_add(quota / RESERVE)
        } else {
            quota
        };
        let used = self.shared.bytes.load(Ordering::Acquire);
        let wanted = batch.bytes() + (FRAME + holds) as u64;
        if used.saturating_add(wanted) > limit {
            return Err(StoreError::Full);
        }
        Ok(())
    }
}

/// The day folder for a head: the one that ends when the channel is forgotten.
pub(super) fn guard_day(used: u64, floor: u64) -> u64 {
    (used.saturating_add(GUARD_LIFE) / 24).max(floor)
}
