//! Reading entries from the disk.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use caucus_proto::id::{ChannelId, Hours, Position};
use caucus_proto::wire::Entry;

use crate::store::embedded::Shared;
use crate::store::embedded::index::Place;
use crate::store::embedded::record::Kind;
use crate::store::embedded::segment::Segment;
use crate::store::{StoreError, is_served};

/// Places looked up in a segment at a time, at least.
const LEAST: usize = 16;

/// The smallest entry a relay takes; it bounds how many can be asked for.
const SMALLEST: usize = 1024;

/// An entry, the segment it is in and its place there.
type Found<'a> = (Position, &'a Segment, Place);

/// Entries of a channel after a position, as `Store::read` gives them; records before `born` are those of a
/// deleted channel of the same name. What is damaged is left out and told to the operator: whoever reads the channel
/// sees that a position is missing, and everything else goes on.
pub(super) fn read(
    shared: &Shared,
    channel: ChannelId,
    after: Position,
    born: u64,
    max_bytes: usize,
    now: Hours,
) -> Result<Vec<Entry>, StoreError> {
    let mut segments = shared.segments();
    segments.retain(|segment| segment.day >= now.0 / 24);
    let limit = (max_bytes / SMALLEST).clamp(LEAST, 1024);
    let mut found = Vec::new();
    let mut room = max_bytes;
    let mut after = after;
    loop {
        let (places, horizon) = places(&segments, channel, after, limit)?;
        for (position, segment, place) in places.iter().filter(|(position, ..)| *position <= horizon) {
            // Before it is read and its hash taken.
            if place.bytes as usize > room && !found.is_empty() {
                return Ok(found);
            }
            let entry = match entry(segment, channel, *position, *place, born) {
                Ok(Some(entry)) => entry,
                Ok(None) => continue,
                Err(error @ StoreError::Damaged(_)) => {
                    shared.miss(&error);
                    continue;
                }
                Err(error) => return Err(error),
            };
            if !is_served(entry.expires, now) {
                continue;
            }
            room = room.saturating_sub(entry.bytes.len());
            found.push(entry);
        }
        if horizon.0 == u64::MAX {
            return Ok(found);
        }
        after = horizon;
    }
}

/// Places after a position in all segments, in order, and the position up to which none is left out.
fn places(
    segments: &[Arc<Segment>],
    channel: ChannelId,
    after: Position,
    limit: usize,
) -> Result<(Vec<Found<'_>>, Position), StoreError> {
    let mut places = Vec::new();
    let mut horizon = Position(u64::MAX);
    for segment in segments {
        let found = segment.find(channel, after, limit)?;
        if let Some((last, _)) = found.last().filter(|_| found.len() >= limit) {
            horizon = horizon.min(*last);
        }
        places.extend(
            found
                .into_iter()
                .map(|(position, place)| (position, &**segment, place)),
        );
    }
    places.sort_by_key(|(position, ..)| *position);
    Ok((places, horizon))
}

fn entry(
    segment: &Segment,
    channel: ChannelId,
    position: Position,
    place: Place,
    born: u64,
) -> Result<Option<Entry>, StoreError> {
    let (found, bytes) = match segment.record(place) {
        Ok(read) => read,
        // Its day ended while it was read.
        Err(_) if segment.gone.load(Ordering::Acquire) => return Ok(None),
        Err(error) => return Err(error),
    };
    let header = &found.header;
    let Kind::Entry(flag) = header.kind else {
        return Err(segment.damaged(u64::from(place.offset)));
    };
    if header.channel != channel || header.position != position {
        return Err(segment.damaged(u64::from(place.offset)));
    }
    if header.sequence < born {
        return Ok(None);
    }
    Ok(Some(Entry {
        position,
        counter: header.counter,
        flag,
        expires: header.expires,
        bytes: bytes.slice(found.entry),
    }))
}
