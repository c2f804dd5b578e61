//! A cut whose keys are not those that its commit gives, or whose commit is none: the segment after it opens to
//! nobody honest. A keyholder answers with a cut without a commit, whose keys everybody derives from the secret
//! before; the others look for that answer, and are heard in the refuge meanwhile.

use std::time::Duration;

use bytes::Bytes;
use caucus_proto::codec;
use caucus_proto::envelope::{AccessSecret, Body};
use caucus_proto::id::{Counter, Position};
use caucus_proto::org::NoticeKind;
use caucus_proto::wire::{Flag, RefusedBecause, Role, SegmentReader, Served, bucket};
use x25519_dalek::StaticSecret;

use super::engine::Engine;
use super::error::EngineError;
use super::lanes::Purpose;
use super::live::LiveRoom;
use super::pump::{Ended, drain};
use super::record::{Health, RoomRecord};
use super::refuge::{self, OLDER};
use super::relay::patiently;
use super::room::Room;
use crate::relay::{Appended, Connection, LinkError};

/// Counters after the wrong cut for which an answer is looked for every time.
const AHEAD: u64 = 8;

/// Further counters for which it is looked for, some of them each time, one after the other: whoever has the wrong
/// keys can move the counter on.
const FURTHER: u64 = 4096;

/// How many of these at a time.
const AT_A_TIME: u64 = 32;

/// How often an answer is looked for.
const LOOK: Duration = Duration::from_secs(2);

/// Times that nothing was found before it is looked for less often.
const OFTEN: u32 = 30;

/// How often then.
const LOOK_LATER: Duration = Duration::from_secs(60);

/// Seconds that each further keyholder leaves the answer to those before.
const TURN: u64 = 4;

/// Seconds that a keyholder who could follow leaves to those who could not.
const FOR_OTHERS: u64 = 25;

/// Milliseconds between two answers for others.
const FOR_OTHERS_AGAIN_MS: u64 = 60 * 60 * 1000;

/// Milliseconds after which a newcomer who finds no answer asks to be let in anew.
const NO_PART_MS: u64 = 10 * 60 * 1000;

/// Seconds that a keyholder who holds leaves to those who do not.
const HOLDS: u64 = 15;

/// A secret from which the keys after a wrong cut may come, and the keys that open what was written since.
pub(super) struct Way {
    /// The secret before the wrong cut.
    pub base: AccessSecret,
    /// The secret that the answer gives.
    pub answer: AccessSecret,
}

impl Room {
    /// The secret before the cut after which this device cannot read on; none where no cut was read last.
    pub(super) fn secret_before(&self) -> Option<&AccessSecret> {
        if let (Health::Holding { .. }, Some(skimmed)) = (&self.cursor.health, &self.plan.skimmed) {
            return skimmed.over.then_some(&skimmed.access);
        }
        if self.cursor.flagged != self.cursor.position || self.cursor.position <= self.record.joined_at {
            return None;
        }
        if self.state.access == self.cursor.position {
            return self.cursor.older.last();
        }
        let last = self.log_at(self.cursor.position).ok().flatten()?;
        (last.flag == Flag::Cut).then_some(&self.cursor.access)
    }

    fn counter_read(&self) -> Counter {
        match (&self.cursor.health, &self.plan.skimmed) {
            (Health::Holding { .. }, Some(skimmed)) => skimmed.counter,
            _ => self.cursor.counter,
        }
    }

    /// The answers that may have been given.
    pub(super) fn ways(&self, round: u32) -> Vec<Way> {
        let Some(base) = self.secret_before() else {
            return Vec::new();
        };
        let from = self.counter_read().0;
        let turn = u64::from(round)
            .saturating_mul(AT_A_TIME)
            .checked_rem(FURTHER)
            .unwrap_or(0);
        let first = AHEAD.saturating_add(turn);
        (1..=AHEAD)
            .chain(first.saturating_add(1)..=first.saturating_add(AT_A_TIME))
            .map(|ahead| Way {
                base: base.clone(),
                answer: base.answer(&self.record.channel, Counter(from.saturating_add(ahead))),
            })
            .collect()
    }

    /// Whether this device, which could follow, is to answer a cut for those who could not, and from which secret;
    /// once an hour at most.
    pub(super) fn answers_for_others(
        &mut self,
        now_ms: u64,
    ) -> Result<Option<(Position, AccessSecret)>, EngineError> {
        let divided = self.divided_at().filter(|_| self.cursor.health == Health::Open);
        let (Some(at), Some(rank)) = (divided, self.rank()) else {
            self.plan.divided_since = None;
            return Ok(None);
        };
        let since = *self.plan.divided_since.get_or_insert(now_ms);
        let wait = TURN.saturating_mul(rank as u64).saturating_add(FOR_OTHERS);
        let ready = since
            .saturating_add(wait.saturating_mul(1_000))
            .max(self.plan.no_answer_before);
        if now_ms < ready {
            return Ok(None);
        }
        self.plan.no_answer_before = now_ms.saturating_add(FOR_OTHERS_AGAIN_MS);
        Ok(self.secret_at(at)?.map(|base| (at, base)))
    }

    /// Whether the answer that others may have given comes from a secret before this device's time: then it has to
    /// be let in anew. A keyholder, and whoever has the secrets before, waits.
    fn has_no_part(&mut self, waited_ms: u64) -> Result<bool, EngineError> {
        let holds = matches!(self.cursor.health, Health::Holding { .. });
        let knows = self.cursor.older.len() >= OLDER || self.record.joined_at == Position(0);
        if holds || knows || self.is_keyholder() || waited_ms < NO_PART_MS {
            return Ok(false);
        }
        let at = self.cursor.position;
        self.move_cursor(|cursor| {
            cursor.health = Health::Unsynced {
                at,
                why: "the keys turned, and this device has no part in it".to_owned(),
            };
        })?;
        Ok(true)
    }

    /// The secret from before is the one to read on with: the keys of the cut are wrong.
    pub(super) fn go_by(&mut self, way: &Way) -> Result<(), EngineError> {
        if self.cursor.access == way.base || matches!(self.cursor.health, Health::Holding { .. }) {
            return Ok(());
        }
        let base = way.base.clone();
        self.move_cursor(|cursor| {
            cursor.older.retain(|older| *older != base);
            cursor.access = base;
        })
    }
}

/// A way that the relay opens, if there is one.
async fn find(
    connection: &Connection,
    record: &RoomRecord,
    ways: Vec<Way>,
) -> Result<Option<Way>, EngineError> {
    for way in ways {
        match connection
            .open(record.lies_in(), Role::Read, &way.answer.read_key())
            .await
        {
            Ok(opened) => {
                let _ = connection.close(opened.handle).await;
                return Ok(Some(way));
            }
            Err(LinkError::Refused(RefusedBecause::NotOpened)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}

/// Waits for an answer, gives one where this device may, and is heard meanwhile. Over once the room can be read on.
pub(super) async fn session(engine: &Engine, room: &LiveRoom) -> Result<Ended, EngineError> {
    let record = room.room().record().clone();
    let connection = engine
        .connection(&record.relay, &record.persona, Purpose::Room(record.room))
        .await?;
    let mut heard = Position(0);
    let began = engine.now().ms;
    for round in 0_u32.. {
        let ways = room.room().ways(round);
        if ways.is_empty() {
            return Ok(Ended::Gone);
        }
        if let Some(way) = find(&connection, &record, ways).await? {
            room.room().go_by(&way)?;
            return read_on(engine, room, &connection, &record, &way).await;
        }
        // Perhaps the keys that the commit gives are right after all.
        let expected = {
            let room = room.room();
            let turned = room.state().access == room.cursor().position;
            turned.then(|| room.cursor().access.read_key())
        };
        if let Some(access) = expected
            && let Ok(opened) = connection.open(record.lies_in(), Role::Read, &access).await
        {
            let _ = connection.close(opened.handle).await;
            return Ok(Ended::NextSegment);
        }
        let waited = engine.now().ms.saturating_sub(began);
        let (after, base) = {
            let room = room.room();
            (room.read_to(), room.secret_before().cloned())
        };
        if let Some(base) = base
            && is_turn(room, waited)
            && answer(engine, room, &connection, after, &base).await?
        {
            continue;
        }
        if room.room().has_no_part(waited)? {
            return Ok(Ended::Halted);
        }
        if be_heard(engine, room, &connection, &mut heard).await? {
            return Ok(Ended::Halted);
        }
        room.set_trouble(Some(
            "the keys of the channel are not the room's: a keyholder's device is awaited".to_owned(),
        ));
        engine.changed();
        tokio::time::sleep(if round < OFTEN { LOOK } else { LOOK_LATER }).await;
    }
    Ok(Ended::Gone)
}

fn is_turn(room: &LiveRoom, waited_ms: u64) -> bool {
    let room = room.room();
    let holds = matches!(room.cursor().health, Health::Holding { .. });
    let wait = |rank: usize| {
        let turn = TURN.saturating_mul(rank as u64);
        turn.saturating_add(if holds { HOLDS } else { 0 })
    };
    room.rank()
        .is_some_and(|rank| waited_ms >= wait(rank).saturating_mul(1_000))
}

/// Cuts without a commit, to keys that come from the secret in force at this position. False where this device may
/// not.
pub(super) async fn answer(
    engine: &Engine,
    room: &LiveRoom,
    connection: &Connection,
    at: Position,
    base: &AccessSecret,
) -> Result<bool, EngineError> {
    let (channel, lies_in, control) = {
        let room = room.room();
        let record = room.record();
        let control = StaticSecret::from(record.control_key.0);
        (record.channel, record.lies_in(), control)
    };
    let opened = match connection.open(lies_in, Role::Control, &control).await {
        Err(LinkError::Refused(RefusedBecause::NotOpened)) => return Ok(false),
        other => other?,
    };
    let mut firsts = Vec::new();
    let before = Position(at.0.saturating_sub(1));
    let mut reading = connection.read(opened.handle, before, false).await?;
    loop {
        match reading.next().await? {
            Served::Entry(entry) if entry.flag == Flag::Cut => firsts.push(entry.position.next()),
            Served::Entry(_) => {}
            _ => break,
        }
    }
    drop(reading);
    let (bytes, answer) = {
        let room = room.room();
        let answer = base.answer(&channel, opened.counter.next());
        let notice = room.notice(NoticeKind::Answer { wrong: at })?;
        let now = engine.now().minutes;
        let entry = room.entry_under(base, opened.counter, Body::Notice(notice), now, true)?;
        (Bytes::from(entry), answer)
    };
    let access = answer.access();
    let readers = firsts
        .into_iter()
        .map(|first| SegmentReader {
            first,
            read: access.read,
        })
        .collect();
    let cut = connection
        .cut(opened.handle, opened.counter, bytes, access, readers)
        .await;
    let _ = connection.close(opened.handle).await;
    match cut {
        Ok(Appended::Stored(_)) => Ok(true),
        // Somebody was faster, or it is too early: it is looked for again.
        Ok(Appended::Moved { .. }) | Err(LinkError::Refused(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Posts the complaint of a device that holds, and hears what others say. True if the verdict fell.
async fn be_heard(
    engine: &Engine,
    room: &LiveRoom,
    connection: &Connection,
    heard: &mut Position,
) -> Result<bool, EngineError> {
    let secret = match room.room().secret_before() {
        Some(secret) => secret.clone(),
        None => return Ok(false),
    };
    if !matches!(room.room().cursor().health, Health::Holding { .. }) {
        return Ok(false);
    }
    let complaint = room.room().complaint(engine.now())?;
    if let Some(complaint) = complaint {
        let content = codec::encode(&complaint, bucket::LARGEST)?;
        let pass = engine.take_pass(&room.room().record().relay.clone());
        refuge::put(connection, &secret.refuge(), &content, pass).await?;
        room.room().complained();
    }
    let (contents, last) = refuge::read(connection, &secret.refuge(), *heard).await?;
    *heard = last;
    let now = engine.now().minutes;
    Ok(room.room().hear_refuge(&contents, now)?.stopped)
}

/// Reads what was written since the wrong cut, up to the answer.
async fn read_on(
    engine: &Engine,
    room: &LiveRoom,
    connection: &Connection,
    record: &RoomRecord,
    way: &Way,
) -> Result<Ended, EngineError> {
    let key = way.answer.read_key();
    let opened = patiently(|| connection.open(record.lies_in(), Role::Read, &key)).await?;
    let after = room.room().read_to();
    let mut reading = connection.read(opened.handle, after, false).await?;
    let ended = drain(room, engine, &mut reading).await;
    drop(reading);
    let _ = connection.close(opened.handle).await;
    Ok(match ended? {
        Ended::SegmentOver => Ended::NextSegment,
        ended => ended,
    })
}
