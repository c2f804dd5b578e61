//! Opening: what is on the disk becomes the state that was acknowledged.
//!
//! 1. Segments with an index file are complete. Others are scanned; a torn tail is cut, unless records that
//!    were acknowledged before the log's last batch are missing.
//! 2. A batch lies in several segments if its records end on several days. Only the very last batch of the
//!    log can be partly there, and then nothing of it was acknowledged: what follows its first missing
//!    record is cut too, so that no channel has a hole.
//! 3. Records that sled does not know yet are replayed onto the heads, in the order of their sequences. A
//!    head knows the last record in it, so replaying twice does no harm. The checkpoint also tells how far the log
//!    reached: one that ends earlier is damaged.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::store::StoreError;
use crate::store::embedded::disk;
use crate::store::embedded::head::Head;
use crate::store::embedded::heads::{Checkpoint, Heads};
use crate::store::embedded::index::Sealed;
use crate::store::embedded::record::{Found, Kind};
use crate::store::embedded::scan::{self, Scanned, Scanner, Step};
use crate::store::embedded::segment::{Index, Segment};

/// Heads kept in memory while replaying.
const REPLAYED_HEADS: usize = 100_000;

/// The log as it was found.
#[derive(Debug)]
pub(super) struct Recovered {
    pub(super) segments: Vec<Arc<Segment>>,
    /// Those that grow on, by day.
    pub(super) open: HashMap<u64, Arc<Segment>>,
    pub(super) next_sequence: u64,
    pub(super) next_segment: u64,
    pub(super) floor: u64,
}

struct Loaded {
    segment: Segment,
    /// Of a segment without an index file.
    scanned: Option<Scanned>,
    /// Sequence of its last record.
    last: u64,
    is_newest: bool,
}

/// Reads the log, cuts what was never acknowledged, and brings the heads up to date.
pub(super) fn recover(log: &Path, heads: &Heads, checkpoint: Checkpoint) -> Result<Recovered, StoreError> {
    let mut loaded = load_all(log)?;
    check_tears(&loaded)?;
    cut_unfinished_batch(&mut loaded);
    let last = loaded.iter().map(|one| one.last).max().unwrap_or(0);
    if last < checkpoint.sequence {
        let lost = checkpoint.sequence - last;
        return Err(StoreError::Damaged(format!(
            "the last {lost} records of the log are missing"
        )));
    }
    let mut next_sequence = checkpoint.sequence + 1;
    let mut next_segment = 1;
    let mut segments = Vec::new();
    let mut open = HashMap::new();
    let mut replayed = Vec::new();
    for Loaded {
        segment,
        scanned,
        last,
        is_newest,
    } in loaded
    {
        next_sequence = next_sequence.max(last + 1);
        next_segment = next_segment.max(segment.id + 1);
        let grows = scanned.is_some() && is_newest;
        if let Some(scanned) = scanned {
            trim_file(&segment, scanned.end)?;
            segment.grown(scanned.live, scanned.end);
            if !is_newest {
                segment.seal(last)?;
            }
        }
        let segment = Arc::new(segment);
        if grows {
            open.insert(segment.day, Arc::clone(&segment));
        }
        if last > checkpoint.sequence {
            replayed.push(Arc::clone(&segment));
        }
        segments.push(segment);
    }
    let floor = replay(&replayed, heads, checkpoint)?;
    Ok(Recovered {
        segments,
        open,
        next_sequence,
        next_segment,
        floor,
    })
}

fn load_all(log: &Path) -> Result<Vec<Loaded>, StoreError> {
    let mut loaded = Vec::new();
    for day in disk::numbered(log, "")? {
        let ids = disk::numbered(&log.join(day.to_string()), ".log")?;
        let newest = ids.last().copied();
        for id in ids {
            loaded.push(load(log, day, id, newest == Some(id))?);
        }
    }
    Ok(loaded)
}

fn load(log: &Path, day: u64, id: u64, is_newest: bool) -> Result<Loaded, StoreError> {
    let segment = Segment::open(log, day, id)?;
    if let Some(sealed) = Sealed::open(&segment.index_path())? {
        let size = segment
            .file
            .metadata()
            .map_err(|error| disk::failed("read", &segment.path, &error))?
            .len();
        if size < sealed.log_bytes {
            return Err(segment.damaged(size));
        }
        let last = sealed.last_sequence;
        segment.end.store(sealed.log_bytes, Ordering::Release);
        return Ok(Loaded {
            segment: segment.with_index(Index::Sealed(sealed)),
            scanned: None,
            last,
            is_newest,
        });
    }
    let scanned = scan::whole(&segment, is_newest)?;
    Ok(Loaded {
        last: last_of(&scanned),
        segment,
        scanned: Some(scanned),
        is_newest,
    })
}

fn last_of(scanned: &Scanned) -> u64 {
    scanned
        .last_batch
        .last()
        .map_or(scanned.first.saturating_sub(1), |(sequence, _)| *sequence)
}

/// A tear in a segment that the last batch may not even have touched: no record between the segment's last
/// one and the last batch may be missing from the whole log.
fn check_tears(loaded: &[Loaded]) -> Result<(), StoreError> {
    let scanned = || loaded.iter().filter_map(|one| one.scanned.as_ref());
    let newest = scanned().map(|scanned| scanned.first).max().unwrap_or(0);
    for one in loaded {
        let Some(scanned) = one.scanned.as_ref().filter(|scanned| scanned.is_torn) else {
            continue;
        };
        if scanned.first < newest && !has_all(loaded, one.last + 1, newest)? {
            return Err(one.segment.damaged(scanned.end));
        }
    }
    Ok(())
}

/// Whether every sequence of a range is in the log, as far as that can be known: once a day went after its
/// beginning, some are rightly missing.
fn has_all(loaded: &[Loaded], from: u64, to: u64) -> Result<bool, StoreError> {
    let mut present = Vec::new();
    for one in loaded.iter().filter(|one| one.last >= from) {
        let end = match &one.scanned {
            Some(scanned) => scanned.end,
            None => one.segment.end.load(Ordering::Acquire),
        };
        let mut scanner = Scanner::new(&one.segment, 0, end);
        while let Some(found) = advance(&mut scanner, &one.segment)? {
            let sequence = found.header.sequence;
            if sequence >= from && found.header.kind == Kind::Mark {
                return Ok(true);
            }
            if (from..to).contains(&sequence) {
                present.push(sequence);
            }
        }
    }
    present.sort_unstable();
    Ok(present.into_iter().eq(from..to))
}

fn cut_unfinished_batch(loaded: &mut [Loaded]) {
    let first = loaded
        .iter()
        .filter_map(|one| one.scanned.as_ref())
        .map(|scanned| scanned.first)
        .max()
        .unwrap_or(0);
    // A segment is sealed only after the batch that completed it was durable everywhere.
    let is_durable = loaded
        .iter()
        .any(|one| one.scanned.is_none() && one.last >= first);
    if is_durable {
        return;
    }
    let mut present: Vec<u64> = loaded
        .iter()
        .filter_map(|one| one.scanned.as_ref())
        .filter(|scanned| scanned.first == first)
        .flat_map(|scanned| scanned.last_batch.iter().map(|(sequence, _)| *sequence))
        .collect();
    present.sort_unstable();
    let missing = (first..)
        .zip(&present)
        .find(|(expected, found)| expected != *found)
        .map(|(expected, _)| expected);
    let Some(missing) = missing else { return };
    for one in loaded {
        if let Some(scanned) = one.scanned.as_mut().filter(|scanned| scanned.first == first) {
            scanned.cut_from(missing);
            one.last = last_of(scanned);
        }
    }
}

/// Cuts what lies after the last whole record.
fn trim_file(segment: &Segment, end: u64) -> Result<(), StoreError> {
    let broken = |error| disk::failed("cut", &segment.path, &error);
    let size = segment.file.metadata().map_err(broken)?.len();
    if size > end {
        tracing::warn!("a batch that was never acknowledged was cut from the log");
        segment.file.set_len(end).map_err(broken)?;
        disk::blur(&segment.file);
        segment.file.sync_all().map_err(broken)?;
    }
    Ok(())
}

/// Replays what sled does not know, and tells the floor.
fn replay(segments: &[Arc<Segment>], heads: &Heads, checkpoint: Checkpoint) -> Result<u64, StoreError> {
    let mut floor = checkpoint.floor;
    let mut scanners: Vec<_> = segments
        .iter()
        .map(|segment| Scanner::new(segment, 0, segment.end.load(Ordering::Acquire)))
        .collect();
    let mut next = BinaryHeap::new();
    let mut current: Vec<Option<Found>> = Vec::new();
    for (number, (scanner, segment)) in scanners.iter_mut().zip(segments).enumerate() {
        let found = advance(scanner, segment)?;
        next.extend(
            found
                .as_ref()
                .map(|found| Reverse((found.header.sequence, number))),
        );
        current.push(found);
    }
    while let Some(Reverse((sequence, number))) = next.pop() {
        let (Some(scanner), Some(segment), Some(slot)) = (
            scanners.get_mut(number),
            segments.get(number),
            current.get_mut(number),
        ) else {
            break;
        };
        if let Some(found) = slot.take().filter(|_| sequence > checkpoint.sequence) {
            let bytes = scanner.bytes(&found);
            if found.header.kind == Kind::Mark {
                floor = floor.max(found.header.position.0);
            }
            apply(heads, segment, &found, bytes)?;
            if heads.fresh() >= REPLAYED_HEADS {
                heads.spill()?;
            }
        }
        *slot = advance(scanner, segment)?;
        next.extend(
            slot.as_ref()
                .map(|found| Reverse((found.header.sequence, number))),
        );
    }
    Ok(floor)
}

fn advance(scanner: &mut Scanner<'_>, segment: &Segment) -> Result<Option<Found>, StoreError> {
    match scanner.step()? {
        Step::Record(_, found) => Ok(Some(found)),
        Step::End => Ok(None),
        Step::Bad(offset) => Err(segment.damaged(offset)),
    }
}

fn apply(heads: &Heads, segment: &Segment, found: &Found, bytes: &[u8]) -> Result<(), StoreError> {
    let header = &found.header;
    if header.kind == Kind::Mark {
        return Ok(());
    }
    let known = heads.head(header.channel)?;
    if known
        .as_ref()
        .is_some_and(|head| head.marks.sequence >= header.sequence)
    {
        return Ok(());
    }
    let written = bytes.get(found.head.clone()).filter(|head| !head.is_empty());
    let head = match (header.kind, written, known) {
        (Kind::Gone, _, None) => return Ok(()),
        (Kind::Gone, _, Some(_)) => None,
        (_, Some(written), _) => {
            let head = Head::decode(written).ok_or_else(|| {
                StoreError::Damaged(format!("a head in {} does not decode", segment.path.display()))
            })?;
            Some(Arc::new(head))
        }
        // Its head lies in a day that is gone, and was written again later in the log.
        (_, None, None) => return Ok(()),
        (_, None, Some(head)) => {
            let mut head = Head::clone(&head);
            let size = found.entry.len();
            head.took(header.position, header.sequence, segment.day, size, 0);
            Some(Arc::new(head))
        }
    };
    heads.changed([(header.channel, head)]);
    Ok(())
}

/// Removes what the last run was removing.
pub(super) fn remove_leftovers(log: &Path) -> Result<(), StoreError> {
    for day in disk::numbered(log, ".gone")? {
        let path = log.join(format!("{day}.gone"));
        fs::remove_dir_all(&path).map_err(|error| disk::failed("remove", &path, &error))?;
    }
    Ok(())
}
