//! Reading by the copy: where the room's own relay is lost, its people take in what stands in the copy by the one ingest
//! path, and follow it. What was read so is marked until the room's own relay has shown it too: where that shows
//! something else, the copy gives way.

use std::time::Duration;

use caucus_proto::envelope::Joiner;
use caucus_proto::id::{PersonaId, Position};
use caucus_proto::wire::{Entry, Flag, RelayAddress, Role, Served};

use super::beside::note_to;
use super::copier::{self, Copies};
use super::copy::Copy;
use super::engine::Engine;
use super::error::EngineError;
use super::lanes::Purpose;
use super::live::LiveRoom;
use super::pump::take_in;
use super::record::Health;
use super::room::Room;
use crate::relay::{Connection, Reading};

/// How often a device looks whether the room's own relay is back.
const LOOK: Duration = Duration::from_millis(500);

/// How often a copy that is not there is looked for.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// Milliseconds that each leaves to those before in completing the copy, and between two attempts of one.
const TURN_MS: (u64, u64) = (500, 5_000);

/// People who complete it.
const COMPLETERS: usize = 16;

/// What became of an entry of a copy.
enum Took {
    /// It was read before, or is not the next one.
    Nothing,
    /// It was taken in.
    Taken,
    /// It was a cut: the next entry stands in another copy.
    Turned,
    /// The room cannot be read on as it was.
    Stopped,
}

impl Room {
    /// From this entry on, what is taken in comes from a copy.
    pub(super) fn begin_by_copy(&mut self, at: Position) -> Result<(), EngineError> {
        if self.cursor.by_copy.is_some() {
            return Ok(());
        }
        self.move_cursor(|cursor| cursor.by_copy = Some(at))
    }

    /// The room's own relay has shown everything that this device has read.
    pub(super) fn end_by_copy(&mut self) -> Result<(), EngineError> {
        if self.cursor.by_copy.is_none() {
            return Ok(());
        }
        self.move_cursor(|cursor| cursor.by_copy = None)
    }

    /// The room's relay ends here, and has shown everything that this device did not read in a copy: then the copy was
    /// false, or that relay was set back; in either case nobody goes on after what stands in the copy alone.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub(super) fn drop_copied(&mut self, ends: Position) -> Result<bool, EngineError> {
        let copied = self.cursor.by_copy.filter(|first| *first <= ends.next());
        if copied.is_none() || ends >= self.cursor.position || !self.reads_by_copy() {
            return Ok(false);
        }
        self.move_cursor(|cursor| {
            cursor.by_copy = None;
            cursor.health = Health::Unsynced {
                at: ends.next(),
                why: "a copy at another relay showed more than the room's own relay has".to_owned(),
            };
        })?;
        Ok(true)
    }

    /// Whether this entry was read in a copy, and the room's own relay has not shown it yet.
    pub(super) fn is_by_copy(&self, at: Position) -> bool {
        self.cursor.by_copy.is_some_and(|first| first <= at)
    }

    /// Gives up what was read in a copy from there on, where the room's relay shows something else and no more people attest
    /// what was read than attest that.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub(super) fn give_up_copied(&mut self, from: Position, attesting: usize) -> Result<bool, EngineError> {
        let me = self.record.persona;
        let attested = |(persona, to): &(&PersonaId, &Position)| **persona != me && **to >= from;
        let here = self.cursor.heads.iter().filter(attested).count();
        if !self.is_by_copy(from) || attesting < here {
            return Ok(false);
        }
        self.move_cursor(|cursor| {
            cursor.by_copy = None;
            cursor.health = Health::Unsynced {
                at: from,
                why: "what was read in a copy at another relay is not what the room's own relay shows"
                    .to_owned(),
            };
        })?;
        Ok(true)
    }
}

/// Reads by the copy, and follows it, until the room's own relay is back. True where the pump has to begin anew.
pub(super) async fn read(
    engine: &Engine,
    room: &LiveRoom,
    relay: &RelayAddress,
) -> Result<bool, EngineError> {
    let mut copies = room.copies.lock().await;
    let (persona, id) = {
        let room = room.room();
        (room.me(), room.id())
    };
    copies.used = Some(engine.now().ms);
    let connection = engine.connection(relay, &persona, Purpose::Copy(id)).await?;
    let mut reader = Reader {
        engine,
        room,
        relay,
        connection,
        copies: &mut copies,
        tried: None,
    };
    let stopped = reader.run().await;
    copies.used = Some(engine.now().ms);
    room.note_copy(|state| state.reads = None);
    engine.changed();
    stopped
}

/// A device that reads by the copy.
struct Reader<'a> {
    engine: &'a Engine,
    room: &'a LiveRoom,
    relay: &'a RelayAddress,
    connection: Connection,
    copies: &'a mut Copies,
    /// When this device completed the copy last.
    tried: Option<u64>,
}

impl Reader<'_> {
    fn is_lost(&self) -> bool {
        self.room.is_lost(self.engine.now().ms, 0)
    }

    async fn run(&mut self) -> Result<bool, EngineError> {
        while self.is_lost() {
            let (copy, position) = {
                let room = self.room.room();
                let record = room.record();
                let copy = Copy::of(&room.cursor().access, self.relay, record.channel);
                (copy, room.cursor().position)
            };
            let Some(opened) = copy.open(&self.connection, Role::Read).await? else {
                // Nobody has said anything since the last cut, as far as the copies know.
                let began = self.engine.now().ms;
                self.ended();
                tokio::time::sleep(LOOK_AGAIN).await;
                self.complete(began).await?;
                continue;
            };
            let after = copy.start(&self.connection, &opened, position).await?;
            let mut reading = self.connection.read(opened.handle, after, true).await?;
            let took = self.follow(&copy, &mut reading).await;
            drop(reading);
            let _ = self.connection.close(opened.handle).await;
            match took? {
                Took::Stopped => return Ok(true),
                Took::Turned => {}
                Took::Nothing | Took::Taken => tokio::time::sleep(LOOK).await,
            }
        }
        Ok(false)
    }

    async fn follow(&mut self, copy: &Copy, reading: &mut Reading) -> Result<Took, EngineError> {
        let mut joiner = Joiner::default();
        let mut tick = tokio::time::interval(LOOK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut since = None;
        loop {
            tokio::select! {
                served = reading.next() => match served? {
                    Served::Entry(entry) => for entry in copy.entries(&mut joiner, &entry) {
                        let took = take(self.engine, self.room, self.relay, &entry)?;
                        let known = self.copies.known(self.relay, copy);
                        self.room.room().note_copied(&entry, known)?;
                        if matches!(took, Took::Stopped | Took::Turned) {
                            return Ok(took);
                        }
                    },
                    Served::CaughtUp { .. } => {
                        since = Some(self.engine.now().ms);
                        self.ended();
                    }
                    Served::End | Served::Gone | Served::Refused(_) => return Ok(Took::Nothing),
                },
                _ = tick.tick() => {
                    if !self.is_lost() {
                        return Ok(Took::Nothing);
                    }
                    if let Some(since) = since {
                        self.complete(since).await?;
                    }
                }
            }
        }
    }

    /// The copy was read to its end.
    fn ended(&self) {
        let to = self.copies.to();
        let relay = self.relay.clone();
        self.room.note_copy(|state| {
            state.ended = true;
            state.trouble = None;
            state.reads = Some(relay);
            state.to = to.or(state.to);
        });
        self.engine.changed();
    }

    /// Puts into the copy what the room's relay showed last and nobody has copied.
    async fn complete(&mut self, since: u64) -> Result<(), EngineError> {
        let now = self.engine.now().ms;
        let (newest, turn) = {
            let room = self.room.room();
            let newest = room.cursor().position;
            let mine = room.is_mine(newest)?;
            let turn = if mine {
                Some(0)
            } else {
                room.copies_after(TURN_MS.0, COMPLETERS)
            };
            (newest, turn)
        };
        let lacks =
            self.copies.to().is_none_or(|to| to < newest) && !self.room.recent_from(newest).is_empty();
        let due = turn.is_some_and(|turn| now.saturating_sub(since) >= turn);
        let rested = self
            .tried
            .is_none_or(|tried| now.saturating_sub(tried) >= TURN_MS.1);
        if !(lacks && due && rested) {
            return Ok(());
        }
        self.tried = Some(now);
        let to = copier::look(self.engine, self.room, self.relay, self.copies, true).await?;
        note_to(self.engine, self.room, to);
        Ok(())
    }
}

/// Takes in an entry of a copy if it is the next one.
fn take(engine: &Engine, room: &LiveRoom, relay: &RelayAddress, entry: &Entry) -> Result<Took, EngineError> {
    let (position, counter, copied, may, same) = {
        let room = room.room();
        let cursor = room.cursor();
        let copied = room.is_by_copy(entry.position);
        let same = room.is_as_read(entry)?;
        (
            cursor.position,
            cursor.counter,
            copied,
            room.reads_by_copy(),
            same,
        )
    };
    if !may {
        return Ok(Took::Stopped);
    }
    if entry.position <= position {
        // What the room's own relay has shown is not in doubt, whatever somebody puts there.
        if copied && same == Some(false) {
            return Err(EngineError::RoomState(format!(
                "the copy at {relay} shows two histories from entry {} on: nothing more is read there, and what was read \
                 there since may be false until the room's own relay is back",
                entry.position
            )));
        }
        return Ok(Took::Nothing);
    }
    if entry.position != position.next() || entry.counter != counter {
        return Ok(Took::Nothing);
    }
    room.room().begin_by_copy(entry.position)?;
    if take_in(room, engine, entry)? {
        return Ok(Took::Stopped);
    }
    Ok(if entry.flag == Flag::Cut {
        Took::Turned
    } else {
        Took::Taken
    })
}
