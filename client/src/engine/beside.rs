//! Two relays that carry one room, where its charter asks for it: the room's own, which decides the order, and the one
//! *beside*, the first alternate, which has a copy of every entry. Whoever spoke last copies first, then those who came
//! first into the room. Where the room's relay is lost, its people read on in the copy: by the same ingest path, across cuts,
//! and before anybody says that they are stranded.

use std::time::Duration;

use caucus_proto::id::Position;
use caucus_proto::wire::RelayAddress;

use super::by_copy::read;
use super::copier;
use super::engine::Engine;
use super::error::EngineError;
use super::lanes::Purpose;
use super::live::LiveRoom;
use super::random;
use super::record::Health;
use super::room::Room;
use super::send::Now;
use crate::relay::Backoff;

/// How often a device looks whether there is something to do.
const LOOK: Duration = Duration::from_millis(500);

/// How often where no copy is asked for.
const LOOK_SELDOM: Duration = Duration::from_secs(5);

/// Milliseconds without the room's relay after which its people read in the copy.
const LOST_MS: u64 = 2_000;

/// Milliseconds that each leaves to those before.
const TURN_MS: u64 = 5_000;

/// People who copy what others said.
const COPIERS: usize = 3;

/// Milliseconds for which a connection stays that copies nothing.
const IDLE_MS: u64 = 60_000;

/// Pauses after failures, the first and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

/// The longest pause where this device has no relay to read at.
const AGAIN: Duration = Duration::from_secs(15);

/// What a device knows of the copy of its room.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct CopyState {
    /// Up to which entry it was complete when this device looked last.
    pub to: Option<Position>,
    /// Why nothing is copied, or read there.
    pub trouble: Option<String>,
    /// The relay at which this device reads by it, because the room's own cannot be reached.
    pub reads: Option<RelayAddress>,
    /// It was read to its end, or cannot be, since the room's relay is lost.
    pub(super) ended: bool,
}

impl Room {
    /// The relay that carries a copy of this room, where its charter asks for it.
    #[must_use]
    pub fn beside(&self) -> Option<RelayAddress> {
        let together = self.state.charter().relays.together;
        together.then(|| self.alternates().into_iter().next()).flatten()
    }

    /// Whether the room is in a state in which entries of a copy can be taken in.
    pub(super) fn reads_by_copy(&self) -> bool {
        matches!(
            self.cursor.health,
            Health::Open | Health::Forked { .. } | Health::Gone
        )
    }

    /// After how many milliseconds it is this device's turn to copy the last entry; none where it is not.
    fn turn_to_copy(&self) -> Result<Option<u64>, EngineError> {
        if self.is_mine(self.cursor.position)? {
            return Ok(Some(0));
        }
        Ok(self.copies_after(TURN_MS, COPIERS))
    }

    /// Whether this person wrote an entry.
    pub(super) fn is_mine(&self, at: Position) -> Result<bool, EngineError> {
        let record = self.log_at(at)?;
        Ok(record.is_some_and(|record| record.author == Some(self.record.persona)))
    }

    pub(super) fn copies_after(&self, each: u64, most: usize) -> Option<u64> {
        let me = self.record.persona;
        let place = self.state.in_order().iter().position(|other| *other == me);
        place
            .filter(|place| *place < most)
            .map(|place| each.saturating_mul(place.saturating_add(1) as u64))
    }
}

impl LiveRoom {
    /// Whether the copy is to be read to its end before anybody goes on without the room's relay.
    pub(super) fn reads_copy_first(&self) -> bool {
        let named = self.room().beside().is_some();
        named && !self.copied().ended
    }
}

/// Looks after the copy of a room: copies, or reads by it. Over where the pump has to begin anew.
pub(super) async fn session(engine: &Engine, room: &LiveRoom) {
    let mut backoff = Backoff::new(PAUSES.0, PAUSES.1);
    // Nothing is copied, and nothing read, before then.
    let (mut copies_again, mut reads_again) = (0, 0);
    let (mut since, mut known) = (None, room.room().beside());
    loop {
        tokio::select! {
            () = tokio::time::sleep(if known.is_some() { LOOK } else { LOOK_SELDOM }) => {}
            () = room.taken.notified() => {}
        }
        let now = engine.now();
        let beside = room.room().beside();
        let lost = room.is_lost(now.ms, LOST_MS);
        if !room.is_lost(now.ms, 0) {
            room.note_copy(|state| {
                state.ended = false;
                state.reads = None;
            });
        }
        if known != beside {
            known.clone_from(&beside);
            (copies_again, reads_again) = (0, 0);
            room.note_copy(|state| state.to = None);
        }
        let again = if lost { &mut reads_again } else { &mut copies_again };
        let Some(relay) = beside.filter(|_| now.ms >= *again) else {
            rest(engine, room, now).await;
            continue;
        };
        let may = room.room().reads_by_copy();
        let done = if lost && may {
            Box::pin(read(engine, room, &relay)).await
        } else if !lost && may && is_due(room, now, &mut since) {
            copy(engine, room, &relay).await.map(|()| false)
        } else {
            if lost {
                room.note_copy(|state| state.ended = true);
            }
            rest(engine, room, now).await;
            continue;
        };
        match done {
            Ok(stopped) => {
                backoff.succeeded();
                room.note_copy(|state| state.trouble = None);
                since = None;
                if stopped {
                    return;
                }
            }
            Err(error) => {
                let mut pause = backoff.failed(random::below(u64::MAX).unwrap_or(0), None);
                if lost {
                    pause = pause.min(AGAIN);
                }
                let pause = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
                *again = engine.now().ms.saturating_add(pause);
                room.note_copy(|state| {
                    state.trouble = Some(error.to_string());
                    state.reads = None;
                    state.ended = true;
                });
                engine.changed();
            }
        }
    }
}

/// Whether there is something to copy, and this device's turn has come.
fn is_due(room: &LiveRoom, now: Now, since: &mut Option<u64>) -> bool {
    let to = room.copied().to;
    let (newest, turn) = {
        let room = room.room();
        (room.cursor().position, room.turn_to_copy())
    };
    if !room.is_live() || to.is_some_and(|to| to >= newest) {
        *since = None;
        return false;
    }
    let began = *since.get_or_insert(now.ms);
    let turn = turn.ok().flatten();
    turn.is_some_and(|turn| now.ms.saturating_sub(began) >= turn)
}

async fn copy(engine: &Engine, room: &LiveRoom, relay: &RelayAddress) -> Result<(), EngineError> {
    let newest = room.room().cursor().position;
    let mut copies = room.copies.lock().await;
    let to = copier::look(engine, room, relay, &mut copies, true).await?;
    note_to(engine, room, to);
    match to {
        Some(to) if to >= newest => Ok(()),
        // Others have read the segment from its beginning, or it is long: again, after a pause.
        _ => Err(EngineError::RoomState(
            "not everything is copied yet: that goes on by itself".to_owned(),
        )),
    }
}

pub(super) fn note_to(engine: &Engine, room: &LiveRoom, to: Option<Position>) {
    if room.copied().to != to {
        room.note_copy(|state| state.to = to);
        engine.changed();
    }
}

impl Engine {
    /// Looks how far the copy of a room is, for whoever asks.
    ///
    /// # Errors
    /// `EngineError`; what was known stays.
    pub async fn look_at_copy(&self, room: &LiveRoom) -> Result<(), EngineError> {
        let Some(relay) = room.room().beside() else {
            return Ok(());
        };
        // Where it is copied or read at this moment, it is known.
        let Ok(mut copies) = room.copies.try_lock() else {
            return Ok(());
        };
        let to = copier::look(self, room, &relay, &mut copies, false).await?;
        note_to(self, room, to);
        Ok(())
    }
}

/// Ends the connection to a relay at which there was nothing to do for a while.
async fn rest(engine: &Engine, room: &LiveRoom, now: Now) {
    let Ok(mut copies) = room.copies.try_lock() else {
        return;
    };
    let idle = |used: u64| now.ms.saturating_sub(used) >= IDLE_MS;
    if copies.used.is_some_and(idle) {
        copies.used = None;
        if let Some(relay) = copies.relay().cloned() {
            let (persona, id) = {
                let room = room.room();
                (room.me(), room.id())
            };
            engine.part(&relay, &persona, Purpose::Copy(id)).await;
        }
    }
}
