//! Reading a segment from its beginning, record by record, and judging where it ends.

use std::os::unix::fs::FileExt;

use crate::store::StoreError;
use crate::store::embedded::disk;
use crate::store::embedded::index::{Live, Place};
use crate::store::embedded::record::{self, Found, Kind, LARGEST, NoRecord};
use crate::store::embedded::segment::Segment;

/// Bytes read at a time.
const CHUNK: usize = 64 * 1024;

/// A place in a segment, and what was read around it.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    segment: &'a Segment,
    buffer: Vec<u8>,
    /// Offset in the segment of the buffer's first byte.
    begin: u64,
    /// Place in the buffer.
    at: usize,
    /// Where to stop.
    end: u64,
}

/// What comes next.
#[derive(Debug)]
pub(super) enum Step {
    /// A record; its ranges are within `Scanner::bytes`.
    Record(u64, Found),
    /// Nothing.
    End,
    /// Something that is no record.
    Bad(u64),
}

/// What a whole segment holds.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    pub(super) live: Live,
    /// Where the last whole record ends.
    pub(super) end: u64,
    /// Whether something that is no record was left out behind it.
    pub(super) is_torn: bool,
    /// Sequence and offset of the records of its last batch, and that batch's first sequence.
    pub(super) last_batch: Vec<(u64, u64)>,
    pub(super) first: u64,
}

impl<'a> Scanner<'a> {
    /// From an offset to another.
    pub(super) fn new(segment: &'a Segment, begin: u64, end: u64) -> Self {
        Self {
            segment,
            buffer: Vec::new(),
            begin,
            at: 0,
            end,
        }
    }

    /// The bytes that the last step's ranges count from.
    pub(super) fn bytes(&self, found: &Found) -> &[u8] {
        let from = self.at.saturating_sub(found.size);
        self.buffer.get(from..self.at).unwrap_or_default()
    }

    /// The next record.
    pub(super) fn step(&mut self) -> Result<Step, StoreError> {
        loop {
            let rest = self.buffer.get(self.at..).unwrap_or_default();
            let offset = self.begin + self.at as u64;
            match record::read(self.segment.id, offset, rest) {
                Ok(found) => {
                    self.at += found.size;
                    return Ok(Step::Record(offset, found));
                }
                Err(NoRecord::Bad) => return Ok(Step::Bad(offset)),
                Err(NoRecord::Short) => {
                    let is_empty = rest.is_empty();
                    if !self.fill()? {
                        return Ok(if is_empty { Step::End } else { Step::Bad(offset) });
                    }
                }
            }
        }
    }

    /// Reads on; false at the end.
    fn fill(&mut self) -> Result<bool, StoreError> {
        self.buffer.drain(..self.at);
        self.begin += self.at as u64;
        self.at = 0;
        let from = self.begin + self.buffer.len() as u64;
        let wanted = self.end.saturating_sub(from).min(CHUNK as u64);
        if wanted == 0 {
            return Ok(false);
        }
        let held = self.buffer.len();
        self.buffer
            .resize(held + usize::try_from(wanted).unwrap_or(CHUNK), 0);
        let into = self.buffer.get_mut(held..).unwrap_or_default();
        self.segment
            .file
            .read_exact_at(into, from)
            .map_err(|error| disk::failed("read", &self.segment.path, &error))?;
        Ok(true)
    }
}

/// Reads a segment that has no index file. A torn tail is left out only if the segment is the newest of its
/// day and nothing after the tear was acknowledged: a later record that belongs to a batch that began after
/// the tear proves that what is torn had been flushed.
pub(super) fn whole(segment: &Segment, is_newest: bool) -> Result<Scanned, StoreError> {
    let size = segment
        .file
        .metadata()
        .map_err(|error| disk::failed("read", &segment.path, &error))?
        .len();
    let mut scanned = Scanned::default();
    let mut scanner = Scanner::new(segment, 0, size);
    loop {
        match scanner.step()? {
            Step::End => return Ok(scanned),
            Step::Bad(offset) if is_newest && !has_later_batch(segment, offset, size)? => {
                scanned.is_torn = true;
                return Ok(scanned);
            }
            Step::Bad(offset) => return Err(segment.damaged(offset)),
            Step::Record(offset, found) => scanned.take(offset, &found),
        }
    }
}

fn has_later_batch(segment: &Segment, tear: u64, size: u64) -> Result<bool, StoreError> {
    let mut window = Vec::new();
    let mut begin = tear;
    while begin < size {
        let wanted = (size - begin).min(2 * LARGEST as u64);
        window.resize(usize::try_from(wanted).unwrap_or(2 * LARGEST), 0);
        segment
            .file
            .read_exact_at(&mut window, begin)
            .map_err(|error| disk::failed("read", &segment.path, &error))?;
        let is_last = begin + wanted >= size;
        // A record that begins in the first half of the window ends within it.
        let to = if is_last { window.len() } else { LARGEST };
        for at in 0..to {
            let rest = window.get(at..).unwrap_or_default();
            if let Ok(found) = record::read(segment.id, begin + at as u64, rest)
                && u64::from(found.header.start) > tear
            {
                return Ok(true);
            }
        }
        begin += to as u64;
    }
    Ok(false)
}

impl Scanned {
    fn take(&mut self, offset: u64, found: &Found) {
        let header = &found.header;
        self.end = offset + found.size as u64;
        if header.first != self.first {
            self.first = header.first;
            self.last_batch.clear();
        }
        self.last_batch.push((header.sequence, offset));
        if let Kind::Entry(_) = header.kind {
            let place = Place {
                offset: narrow(offset),
                size: narrow(found.size as u64),
                bytes: narrow(found.entry.len() as u64),
            };
            self.live.insert((header.channel, header.position), place);
        }
    }

    /// Leaves out what belongs to its last batch from a sequence on.
    pub(super) fn cut_from(&mut self, sequence: u64) {
        let Some((_, offset)) = self.last_batch.iter().find(|(of, _)| *of >= sequence).copied() else {
            return;
        };
        self.last_batch.retain(|(of, _)| *of < sequence);
        self.live.retain(|_, place| u64::from(place.offset) < offset);
        self.end = offset;
    }
}

fn narrow(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
