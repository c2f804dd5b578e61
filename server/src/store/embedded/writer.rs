//! The one thread that writes the log. It takes what is queued, decides positions and fences, writes one
//! batch, flushes it, and only then makes it visible and acknowledges it, in this order.
//!
//! A full disk undoes the batch and the store goes on. Any other failed write, and every failed flush, ends
//! it: the kernel may have dropped the pages, and the next flush would lie (fsync(2), ERRORS).

use std::collections::HashMap;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;

use caucus_proto::id::{ChannelId, Counter, Hours, Position};
use caucus_proto::wire::Entry;
use tokio::sync::mpsc;

use crate::relay::guard::Guard;
use crate::store::embedded::Shared;
use crate::store::embedded::batch::{Answer, Asker, Batch, Bucket, Draft};
use crate::store::embedded::disk;
use crate::store::embedded::head::Head;
use crate::store::embedded::heads::Checkpoint;
use crate::store::embedded::index::Place;
use crate::store::embedded::record::{FIXED, Kind, LARGEST_ENTRY, LARGEST_HEAD, PREFIX};
use crate::store::embedded::seal::Seal;
use crate::store::embedded::segment::Segment;
use crate::store::{Appended, GUARD_LIFE, NewEntry, StoreError, fence, is_forgotten};

/// Heads that changed before a checkpoint is made even if no segment is complete.
const FRESH_HEADS: usize = 100_000;

/// Bytes that a head is taken for where the quota is asked.
const HEAD: usize = 1024;

/// Part of the quota kept for what makes room or keeps order: changes and ends of channels.
const RESERVE: u64 = 32;

/// What the writer is asked to do.
#[derive(Debug)]
pub(super) enum Command {
    Append(NewEntry, Asker<Appended>),
    Put(ChannelId, Option<Arc<Guard>>, Guard, Asker<bool>),
    Delete(ChannelId, Asker<()>),
    /// A new day may have begun.
    Day(Hours, Asker<()>),
    /// Writes these heads again, or forgets the channels, where their records' day is over.
    Carry(Vec<ChannelId>, Hours, Asker<()>),
    /// Takes days out of the store; their files are the asker's to remove.
    Drop(Asker<Vec<Arc<Segment>>>),
    Close(Asker<()>),
}

/// The writer.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) queue: mpsc::Receiver<Command>,
    /// Segments that grow, by day.
    pub(super) open: HashMap<u64, Arc<Segment>>,
    pub(super) next_sequence: u64,
    pub(super) next_segment: u64,
    pub(super) today: Option<u64>,
    pub(super) sealer: Option<(SyncSender<Seal>, JoinHandle<()>)>,
}

impl Writer {
    /// Until nobody can ask any more, or it is closed.
    pub(super) fn run(mut self) {
        while let Some(command) = self.queue.blocking_recv() {
            let mut batch = Batch::new(self.next_sequence);
            let mut next = Some(command);
            while let Some(command) = next.take() {
                batch = match command {
                    Command::Close(asker) => {
                        self.commit(batch);
                        let closed = self.close();
                        self.queue.close();
                        drop(asker.send(closed));
                        return;
                    }
                    command => self.take(command, batch),
                };
                if !batch.is_full() {
                    next = self.queue.try_recv().ok();
                }
            }
            self.commit(batch);
        }
        self.end_sealer();
    }

    fn take(&mut self, command: Command, mut batch: Batch) -> Batch {
        let alive = self.shared.alive();
        match command {
            Command::Append(entry, asker) => match alive.and_then(|()| self.append(&mut batch, &entry)) {
                Ok(appended) => batch.answers.push(Answer::Append(asker, appended)),
                Err(error) => drop(asker.send(Err(error))),
            },
            Command::Put(channel, expected, guard, asker) => {
                batch = self.before_trim(batch, channel, &guard);
                let put = alive.and_then(|()| self.put(&mut batch, channel, expected.as_deref(), guard));
                match put {
                    Ok(did) => batch.answers.push(Answer::Put(asker, did)),
                    Err(error) => drop(asker.send(Err(error))),
                }
            }
            Command::Delete(channel, asker) => match alive.and_then(|()| self.delete(&mut batch, channel)) {
                Ok(()) => batch.answers.push(Answer::Done(asker)),
                Err(error) => drop(asker.send(Err(error))),
            },
            Command::Day(now, asker) => {
                self.commit(batch);
                drop(asker.send(alive.and_then(|()| self.day(now))));
                batch = Batch::new(self.next_sequence);
            }
            Command::Carry(channels, now, asker) => {
                let carried = channels
                    .into_iter()
                    .try_for_each(|channel| self.carry(&mut batch, channel, now));
                match alive.and(carried) {
                    Ok(()) => batch.answers.push(Answer::Done(asker)),
                    Err(error) => drop(asker.send(Err(error))),
                }
            }
            Command::Drop(asker) => {
                self.commit(batch);
                drop(asker.send(alive.and_then(|()| self.drop_days())));
                batch = Batch::new(self.next_sequence);
            }
            Command::Close(asker) => drop(asker.send(Err(StoreError::Closed))),
        }
        batch
    }

    fn append(&mut self, batch: &mut Batch, entry: &NewEntry) -> Result<Appended, StoreError> {
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

    fn put(
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

    fn delete(&mut self, batch: &mut Batch, channel: ChannelId) -> Result<(), StoreError> {
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

    fn carry(&mut self, batch: &mut Batch, channel: ChannelId, now: Hours) -> Result<(), StoreError> {
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
    fn before_trim(&mut self, mut batch: Batch, channel: ChannelId, guard: &Guard) -> Batch {
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
                let found = segment
                    .find(channel, after, 1024)
                    .map_err(|error| disk::failed("read", &segment.index_path(), &error))?;
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
        let wanted = batch.bytes() + (PREFIX + FIXED + holds) as u64;
        if used.saturating_add(wanted) > limit {
            return Err(StoreError::Full);
        }
        Ok(())
    }

    /// Makes sure that the batch can take records of a day.
    fn bucket(&mut self, batch: &mut Batch, day: u64) -> Result<(), StoreError> {
        if batch.buckets.contains_key(&day) {
            return Ok(());
        }
        let segment = match self.open.get(&day) {
            Some(segment) => Arc::clone(segment),
            None => {
                let segment = Segment::open(&self.shared.log, day, self.next_segment)?;
                self.next_segment += 1;
                let segment = Arc::new(segment);
                self.shared.add_segment(Arc::clone(&segment));
                self.open.insert(day, Arc::clone(&segment));
                segment
            }
        };
        let start = segment.end.load(Ordering::Acquire);
        batch.buckets.insert(day, Bucket::new(segment, start));
        Ok(())
    }

    /// Writes, flushes, makes visible, acknowledges.
    fn commit(&mut self, mut batch: Batch) {
        if batch.is_empty() {
            batch.answers.into_iter().for_each(Answer::tell);
            return;
        }
        if let Err(error) = self.write(&batch) {
            let error = if disk::is_full(&error) && self.undo(&batch).is_ok() {
                StoreError::Full
            } else {
                self.shared.fail(format!("cannot write the log: {error}"))
            };
            let is_full = matches!(error, StoreError::Full);
            for answer in batch.answers {
                answer.fail(if is_full {
                    StoreError::Full
                } else {
                    self.shared.failure()
                });
            }
            return;
        }
        self.next_sequence = batch.next_sequence();
        self.publish(&mut batch);
        batch.answers.into_iter().for_each(Answer::tell);
        self.complete();
    }

    fn write(&self, batch: &Batch) -> io::Result<()> {
        let disk = &self.shared.disk;
        for bucket in batch.buckets.values() {
            disk.write(&bucket.segment.file, &bucket.buffer, bucket.start)?;
            disk::blur(&bucket.segment.file);
        }
        for bucket in batch.buckets.values() {
            if let Err(error) = disk.sync(&bucket.segment.file) {
                // Also if it was for want of room: what the flush left behind is unknown.
                return Err(io::Error::other(error));
            }
        }
        Ok(())
    }

    /// Takes what was written of a batch away again, durably: the next one uses the same sequences.
    fn undo(&self, batch: &Batch) -> io::Result<()> {
        for bucket in batch.buckets.values() {
            bucket.segment.file.set_len(bucket.start)?;
            self.shared.disk.sync(&bucket.segment.file)?;
        }
        Ok(())
    }

    fn publish(&self, batch: &mut Batch) {
        let shared = &self.shared;
        let mut tail = shared.tail.lock().unwrap_or_else(PoisonError::into_inner);
        for bucket in std::mem::take(&mut batch.buckets).into_values() {
            let written = bucket.buffer.freeze();
            let end = bucket.start + written.len() as u64;
            bucket.segment.placed(bucket.placed.iter().map(|placed| {
                let place = Place {
                    offset: narrow(bucket.start + placed.record as u64),
                    size: narrow((placed.end - placed.record) as u64),
                    bytes: narrow((placed.end - placed.entry) as u64),
                };
                ((placed.channel, placed.position), place)
            }));
            bucket.segment.end.store(end, Ordering::Release);
            for placed in &bucket.placed {
                tail.push(
                    placed.channel,
                    Entry {
                        position: placed.position,
                        counter: placed.counter,
                        flag: placed.flag,
                        expires: placed.expires,
                        bytes: written.slice(placed.entry..placed.end),
                    },
                );
            }
        }
        for channel in &batch.deleted {
            tail.forget(*channel);
        }
        drop(tail);
        let deleted = batch.deleted.len() as u64;
        shared.bytes.fetch_add(batch.bytes(), Ordering::AcqRel);
        shared.channels.fetch_add(batch.created, Ordering::AcqRel);
        shared.channels.fetch_sub(deleted, Ordering::AcqRel);
        shared.heads.changed(batch.take_heads());
    }

    /// Hands complete segments, and heads when there are many, to the sealer.
    fn complete(&mut self) {
        let options = self.shared.options;
        let complete: Vec<_> = self
            .open
            .iter()
            .filter(|(_, segment)| {
                segment.end.load(Ordering::Acquire) >= options.segment_bytes
                    || segment.live_records() >= options.segment_records
            })
            .map(|(day, _)| *day)
            .collect();
        if !complete.is_empty() || self.shared.heads.fresh() >= FRESH_HEADS {
            self.seal(&complete);
        }
    }

    /// Waits if the sealer is three behind: that bounds what is only in memory.
    fn seal(&mut self, days: &[u64]) {
        let segments = days.iter().filter_map(|day| self.open.remove(day)).collect();
        let seal = Seal {
            segments,
            layer: self.shared.heads.freeze(),
            checkpoint: Checkpoint {
                sequence: self.next_sequence - 1,
                floor: self.shared.floor.load(Ordering::Acquire),
            },
        };
        if let Some((sealer, _)) = &self.sealer
            && sealer.send(seal).is_err()
        {
            self.shared
                .fail("the thread that seals segments ended".to_owned());
        }
    }

    /// From now on nothing is written into days that are over; segments of yesterday are complete.
    fn day(&mut self, now: Hours) -> Result<(), StoreError> {
        let today = now.0 / 24;
        self.shared.floor.fetch_max(today, Ordering::AcqRel);
        if self.today.replace(today).is_some_and(|before| before < today) {
            let grown = |segment: &Arc<Segment>| segment.end.load(Ordering::Acquire) > 0;
            let days: Vec<_> = self
                .open
                .iter()
                .filter(|(_, segment)| grown(segment))
                .map(|(day, _)| *day)
                .collect();
            if !days.is_empty() {
                self.seal(&days);
            }
        }
        Ok(())
    }

    fn drop_days(&mut self) -> Result<Vec<Arc<Segment>>, StoreError> {
        let floor = self.shared.floor.load(Ordering::Acquire);
        let mut segments = self.shared.segments();
        segments.retain(|segment| segment.day < floor);
        if segments.is_empty() {
            return Ok(segments);
        }
        // The last batch of the log is checked to be whole at the next opening: it must lie in days that
        // stay. The mark also remembers the floor.
        let mut batch = Batch::new(self.next_sequence);
        let day = guard_day(floor.saturating_mul(24), floor);
        self.bucket(&mut batch, day)?;
        let draft = Draft {
            position: Position(floor),
            ..Draft::bare(Kind::Mark, ChannelId([0; 32]))
        };
        batch.push(day, &draft);
        let before = self.next_sequence;
        self.commit(batch);
        if self.next_sequence == before {
            return Err(self.shared.alive().err().unwrap_or(StoreError::Full));
        }
        self.open.retain(|day, _| *day >= floor);
        self.shared.remove_segments(floor);
        for segment in &segments {
            segment.gone.store(true, Ordering::Release);
        }
        Ok(segments)
    }

    fn close(&mut self) -> Result<(), StoreError> {
        let alive = self.shared.alive();
        if alive.is_ok() {
            self.seal(&[]);
        }
        self.end_sealer();
        alive.and(self.shared.alive())
    }

    fn end_sealer(&mut self) {
        if let Some((sealer, thread)) = self.sealer.take() {
            drop(sealer);
            // A sealer that panicked has said so; what it did not seal is sealed at the next opening.
            let _ = thread.join();
        }
    }
}

impl Draft<'_> {
    fn bare(kind: Kind, channel: ChannelId) -> Self {
        Self {
            kind,
            channel,
            position: Position(0),
            counter: Counter(0),
            expires: Hours(0),
            head: &[],
            entry: &[],
        }
    }
}

/// The day folder for a head: the one that ends when the channel is forgotten.
fn guard_day(used: u64, floor: u64) -> u64 {
    (used.saturating_add(GUARD_LIFE) / 24).max(floor)
}

/// Offsets and sizes within a segment, whose size is bounded by `Options` far below what the type holds.
fn narrow(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

// A head is bounded, so that a batch is.
const _: () = assert!(LARGEST_HEAD < 1024 * 1024);
