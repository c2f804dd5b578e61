//! Copying: what this device has read at the room's relay, and what the relay beside lacks, is put there. Only what is as
//! this device read it counts as copied, so what somebody else put there in bad faith is written over by the truth.

use std::collections::{HashMap, VecDeque};

use caucus_proto::envelope::{AccessSecret, Joiner};
use caucus_proto::id::{ChannelId, Position};
use caucus_proto::org::Running;
use caucus_proto::wire::{Entry, Flag, RefusedBecause, RelayAddress, Role, Served};

use super::copy::Copy;
use super::engine::Engine;
use super::error::EngineError;
use super::lanes::Purpose;
use super::live::LiveRoom;
use super::record::LogRecord;
use super::room::Room;
use crate::relay::{Connection, LinkError};

/// Entries that are copied before it is looked whether there is something better to do.
const MOST: usize = 2_000;

/// Entries that are copied at once.
const AT_ONCE: usize = 128;

/// Entries, and bytes of these, that are kept at hand as the room's relay showed them: they can be copied where it is
/// lost meanwhile.
const RECENT: (usize, usize) = (128, 1024 * 1024);

/// What this process knows of one copy.
#[derive(Default, Debug)]
pub(super) struct Known {
    /// How far it was read.
    read: Position,
    /// Up to which entry of the log it has what this device has read.
    pub have: Option<Position>,
    /// It has the cut that ends the segment.
    over: bool,
}

/// What this process knows of a room's copies at one relay.
#[derive(Default, Debug)]
pub(super) struct Copies {
    relay: Option<RelayAddress>,
    known: HashMap<ChannelId, Known>,
    /// When a connection was used last, in milliseconds.
    pub used: Option<u64>,
}

impl Copies {
    pub(super) fn known(&mut self, relay: &RelayAddress, copy: &Copy) -> &mut Known {
        if self.relay.as_ref() != Some(relay) {
            self.known.clear();
            self.relay = Some(relay.clone());
        }
        self.known.entry(copy.channel()).or_default()
    }

    fn retain(&mut self, of: impl Fn(&ChannelId) -> bool) {
        self.known.retain(|channel, _| of(channel));
    }

    /// Up to which entry of the log they have what this device has read.
    pub(super) fn to(&self) -> Option<Position> {
        self.known.values().filter_map(|known| known.have).max()
    }

    /// The relay at which copies are known.
    pub(super) const fn relay(&self) -> Option<&RelayAddress> {
        self.relay.as_ref()
    }
}

/// The latest entries of a room, as its relay showed them.
#[derive(Default, Debug)]
pub(super) struct Recent {
    entries: VecDeque<Entry>,
    bytes: usize,
}

impl Recent {
    /// The next one; where it does not follow, those before are of no use.
    pub(super) fn push(&mut self, entry: &Entry) {
        if self
            .entries
            .back()
            .is_some_and(|last| last.position.next() != entry.position)
        {
            *self = Self::default();
        }
        self.bytes = self.bytes.saturating_add(entry.bytes.len());
        self.entries.push_back(entry.clone());
        while self.entries.len() > RECENT.0 || self.bytes > RECENT.1 {
            let Some(first) = self.entries.pop_front() else {
                break;
            };
            self.bytes = self.bytes.saturating_sub(first.bytes.len());
        }
    }

    /// Those from this position on; none where it is not among them.
    pub(super) fn from(&self, position: Position) -> Vec<Entry> {
        let has = self
            .entries
            .front()
            .is_some_and(|first| first.position <= position);
        let later = self.entries.iter().filter(|entry| entry.position >= position);
        if has { later.cloned().collect() } else { Vec::new() }
    }
}

impl Room {
    /// Whether an entry is what this device read there; none where it does not know.
    pub(super) fn is_as_read(&self, entry: &Entry) -> Result<Option<bool>, EngineError> {
        let at = entry.position;
        if at <= self.record.joined_at || at > self.cursor.position {
            return Ok(None);
        }
        let before = self.log_at(Position(at.0.saturating_sub(1)))?;
        let after = self.log_at(at)?;
        let running = |record: LogRecord| record.facts.running;
        let around: Option<(Running, Running)> = before.map(running).zip(after.map(running));
        Ok(around.map(|(before, after)| {
            before.then(entry.position, entry.counter, entry.flag.byte(), &entry.bytes) == after
        }))
    }

    /// Takes note of an entry that stands in a copy.
    pub(super) fn note_copied(&self, entry: &Entry, known: &mut Known) -> Result<(), EngineError> {
        let follows = known.have.is_none_or(|have| have.next() == entry.position);
        if !follows || known.over {
            return Ok(());
        }
        let same = self.is_as_read(entry)? == Some(true);
        // What was before this device came in is for those who were there.
        if same || entry.position <= self.record.joined_at {
            known.have = Some(entry.position);
            known.over = same && entry.flag == Flag::Cut;
        }
        Ok(())
    }

    /// Secrets of the segments that this device copies, the earliest first: what is before has to be whole.
    pub(super) fn copied_segments(&self) -> Vec<AccessSecret> {
        let mut segments = self.cursor.older.clone();
        segments.push(self.cursor.access.clone());
        segments
    }

    /// The first entry of the segment of now.
    fn segment_first(&self) -> Position {
        self.state.access.next()
    }
}

/// Looks how far the copies at this relay are, and brings them up to what this device has read if that is wanted. Answers
/// up to which entry they have everything.
pub(super) async fn look(
    engine: &Engine,
    room: &LiveRoom,
    relay: &RelayAddress,
    copies: &mut Copies,
    brings: bool,
) -> Result<Option<Position>, EngineError> {
    let (persona, id, log, segments) = {
        let room = room.room();
        let record = room.record();
        (
            record.persona,
            record.room,
            record.channel,
            room.copied_segments(),
        )
    };
    copies.used = Some(engine.now().ms);
    let connection = engine.connection(relay, &persona, Purpose::Copy(id)).await?;
    let segments: Vec<_> = segments
        .into_iter()
        .map(|access| (Copy::of(&access, relay, log), access))
        .collect();
    copies.retain(|channel| segments.iter().any(|(copy, _)| copy.channel() == *channel));
    let mut to = None;
    for (copy, access) in &segments {
        let known = copies.known(relay, copy);
        if !known.over {
            hear(room, &connection, copy, known).await?;
            if brings {
                bring(engine, room, relay, &connection, (access, copy), known).await?;
            }
        }
        to = to.max(known.have);
    }
    copies.used = Some(engine.now().ms);
    Ok(to)
}

/// Reads what stands in a copy since the last time.
async fn hear(
    room: &LiveRoom,
    connection: &Connection,
    copy: &Copy,
    known: &mut Known,
) -> Result<(), EngineError> {
    let Some(opened) = copy.open(connection, Role::Read).await? else {
        // Perhaps it expired: whoever copies begins anew.
        *known = Known::default();
        return Ok(());
    };
    if opened.newest > known.read {
        let position = room.room().cursor().position;
        let after = match known.read {
            Position(0) => copy.start(connection, &opened, position).await?,
            read => read,
        };
        let mut reading = connection.read(opened.handle, after, false).await?;
        let mut joiner = Joiner::default();
        loop {
            match reading.next().await? {
                Served::Entry(entry) => {
                    known.read = entry.position;
                    for entry in copy.entries(&mut joiner, &entry) {
                        room.room().note_copied(&entry, known)?;
                    }
                }
                Served::CaughtUp { .. } => {}
                Served::End | Served::Gone | Served::Refused(_) => break,
            }
        }
    }
    let _ = connection.close(opened.handle).await;
    Ok(())
}

/// Appends what a copy lacks and this device has read: from memory, or as the room's relay shows it again.
async fn bring(
    engine: &Engine,
    room: &LiveRoom,
    relay: &RelayAddress,
    connection: &Connection,
    (access, copy): (&AccessSecret, &Copy),
    known: &mut Known,
) -> Result<(), EngineError> {
    if known.over {
        return Ok(());
    }
    let (from, newest) = {
        let room = room.room();
        let of_now = room.cursor().access == *access;
        let first = of_now.then(|| room.segment_first());
        (known.have.map(Position::next).or(first), room.cursor().position)
    };
    if from.is_some_and(|from| from > newest) {
        return Ok(());
    }
    let mut sink = Sink {
        engine,
        room,
        relay,
        connection,
        copy,
        known,
        waiting: Vec::new(),
    };
    let recent = from.map(|from| room.recent_from(from)).unwrap_or_default();
    if !recent.is_empty() {
        for entry in recent {
            if !sink.takes(entry).await? {
                break;
            }
        }
        return sink.flush().await;
    }
    if room.is_live() {
        again(&mut sink, access).await?;
    }
    sink.flush().await
}

/// Reads the log again where it lies, after what the copy has.
async fn again(sink: &mut Sink<'_>, access: &AccessSecret) -> Result<(), EngineError> {
    let record = sink.room.room().record().clone();
    let own = sink
        .engine
        .connection(&record.relay, &record.persona, Purpose::Room(record.room))
        .await?;
    let opened = match own.open(record.lies_in(), Role::Read, &access.read_key()).await {
        // It expired, or lies where the room was before.
        Err(LinkError::Refused(RefusedBecause::NotOpened)) => return Ok(()),
        other => other?,
    };
    let after = sink.known.have.unwrap_or_default();
    let mut reading = own.read(opened.handle, after, false).await?;
    for _ in 0..MOST {
        match reading.next().await? {
            Served::Entry(entry) => {
                if !sink.takes(entry).await? {
                    break;
                }
            }
            Served::CaughtUp { .. } => {}
            Served::End | Served::Gone | Served::Refused(_) => break,
        }
    }
    drop(reading);
    let _ = own.close(opened.handle).await;
    Ok(())
}

/// Where entries go that are copied.
struct Sink<'a> {
    engine: &'a Engine,
    room: &'a LiveRoom,
    relay: &'a RelayAddress,
    connection: &'a Connection,
    copy: &'a Copy,
    known: &'a mut Known,
    waiting: Vec<Entry>,
}

impl Sink<'_> {
    /// Takes the next one. False where it does not follow, or is not what this device has read: a copy that begins in
    /// the middle of a segment is left to those who have read it from the beginning.
    async fn takes(&mut self, entry: Entry) -> Result<bool, EngineError> {
        let last = self.waiting.last().map(|last| last.position).or(self.known.have);
        let follows = last.is_none_or(|last| last.next() == entry.position);
        let same = self.room.room().is_as_read(&entry)? == Some(true);
        if !follows || !same {
            return Ok(false);
        }
        let over = entry.flag == Flag::Cut;
        self.waiting.push(entry);
        if self.waiting.len() >= AT_ONCE {
            self.flush().await?;
        }
        Ok(!over)
    }

    async fn flush(&mut self) -> Result<(), EngineError> {
        let Some(last) = self.waiting.last() else {
            return Ok(());
        };
        let (to, over) = (last.position, last.flag == Flag::Cut);
        let pass = || self.engine.take_pass(self.relay);
        self.copy.append(self.connection, &self.waiting, pass).await?;
        self.waiting.clear();
        self.known.have = Some(to);
        self.known.over = over;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use caucus_proto::id::{Counter, Hours};

    use super::*;

    fn entry(position: u64, size: usize) -> Entry {
        Entry {
            position: Position(position),
            counter: Counter(0),
            flag: Flag::Plain,
            expires: Hours(0),
            bytes: Bytes::from(vec![0; size]),
        }
    }

    fn positions(entries: &[Entry]) -> Vec<u64> {
        entries.iter().map(|entry| entry.position.0).collect()
    }

    #[test]
    fn the_latest_entries_are_kept_as_long_as_they_follow_and_are_few() {
        let mut recent = Recent::default();
        for position in 5..=9 {
            recent.push(&entry(position, 1024));
        }
        assert_eq!(positions(&recent.from(Position(8))), [8, 9]);
        assert_eq!(positions(&recent.from(Position(4))), [] as [u64; 0]);
        recent.push(&entry(20, 1024));
        assert_eq!(positions(&recent.from(Position(8))), [] as [u64; 0]);
        for position in 21..1_000 {
            recent.push(&entry(position, 64 * 1024));
            assert!(recent.entries.len() <= RECENT.0 && recent.bytes <= RECENT.1);
        }
        assert_eq!(positions(&recent.from(Position(998))), [998, 999]);
    }
}
