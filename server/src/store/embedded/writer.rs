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
use std::thread::{self, JoinHandle};
use std::time::Duration;

use caucus_proto::id::{ChannelId, Hours, Position};
use caucus_proto::wire::Entry;
use tokio::sync::mpsc;

use crate::relay::guard::Guard;
use crate::store::embedded::Shared;
use crate::store::embedded::batch::{Answer, Asker, Batch, Bucket, Draft};
use crate::store::embedded::decide::guard_day;
use crate::store::embedded::disk;
use crate::store::embedded::heads::Checkpoint;
use crate::store::embedded::index::Place;
use crate::store::embedded::record::Kind;
use crate::store::embedded::seal::Seal;
use crate::store::embedded::segment::Segment;
use crate::store::{Appended, Committed, NewEntry, StoreError};

/// Heads that changed before a checkpoint is made even if no segment is complete.
const FRESH_HEADS: usize = 100_000;

/// Where the last batch was of more than one, the next gathers for a moment: those who ask at the same time then share
/// one flush instead of two. Whoever is alone never waits.
const GATHERING: Duration = Duration::from_micros(50);
/// Waiting for more than these gains nothing.
const ENOUGH: usize = 64;

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
    /// All segments, and where what was acknowledged ends in each.
    Snapshot(Asker<Vec<(Arc<Segment>, u64)>>),
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
        let mut company = false;
        while let Some(command) = self.queue.blocking_recv() {
            if company && self.queue.len() < ENOUGH {
                thread::sleep(GATHERING);
            }
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
            company = batch.records() > 1;
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
            Command::Snapshot(asker) => {
                self.commit(batch);
                let whole = |segment: Arc<Segment>| {
                    let end = segment.end.load(Ordering::Acquire);
                    (segment, end)
                };
                let segments = self.shared.segments().into_iter().map(whole);
                drop(asker.send(alive.map(|()| segments.filter(|(_, end)| *end > 0).collect())));
                batch = Batch::new(self.next_sequence);
            }
            Command::Close(asker) => drop(asker.send(Err(StoreError::Closed))),
        }
        batch
    }

    /// Makes sure that the batch can take records of a day.
    pub(super) fn bucket(&mut self, batch: &mut Batch, day: u64) -> Result<(), StoreError> {
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
    pub(super) fn commit(&mut self, mut batch: Batch) {
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
        let entries = self.publish(&mut batch);
        let answers = batch.answers;
        let tell = move || answers.into_iter().for_each(Answer::tell);
        self.shared.handover.give(Committed::new(entries, tell));
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

    /// Makes the batch visible; gives its entries.
    fn publish(&self, batch: &mut Batch) -> Vec<(ChannelId, Entry)> {
        let mut entries = Vec::new();
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
                let entry = Entry {
                    position: placed.position,
                    counter: placed.counter,
                    flag: placed.flag,
                    expires: placed.expires,
                    bytes: written.slice(placed.entry..placed.end),
                };
                entries.push((placed.channel, entry.clone()));
                tail.push(placed.channel, entry);
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
        entries
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

/// Offsets and sizes within a segment, whose size is bounded by `Options` far below what the type holds.
fn narrow(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
