//! The pump of a room: keeps a connection, takes in what comes, and hands on to the [`Session`] what is to be
//! sent. It decides nothing about the body: the room does.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use caucus_proto::id::Position;
use caucus_proto::wire::{Entry, RefusedBecause, Role, Served};
use tokio::sync::mpsc;

use super::adrift;
use super::beside;
use super::cross;
use super::elsewhere::MOST;
use super::engine::Engine;
use super::error::EngineError;
use super::haven;
use super::heal;
use super::lanes::Purpose;
use super::lie::Lie;
use super::live::LiveRoom;
use super::random;
use super::record::{Health, RoomRecord};
use super::session::Session;
use super::site;
use super::succeed;
use crate::relay::{Backoff, Connection, Handle, LinkError, Reading};

/// How often the pump looks at what time alone makes due.
const TICK: Duration = Duration::from_secs(1);

/// Positions to which a reader's start is rounded, so that a cursor is no pseudonym.
pub(super) const COARSE: u64 = 64;

/// Requests of applicants that may wait between a drop and the room.
const WAITING_DROPS: usize = 64;

/// How long a channel that the relay does not open is left alone.
const GONE: Duration = Duration::from_secs(10 * 60);

/// Why a session with the relay ended.
pub(super) enum Ended {
    /// The segment was read to its end: the keys turned.
    SegmentOver,
    /// There is more to read, with the keys of now.
    NextSegment,
    /// The relay does not open the channel.
    Gone,
    /// The room cannot go on as it did: how it stands says what is to be done.
    Halted,
    /// The room needs no pump any more.
    Stopped,
}

/// Runs until the room needs it no more, or the task is ended.
pub(super) async fn run(engine: Engine, room: Arc<LiveRoom>) {
    let mut backoff = Backoff::default();
    // It goes on beside one turn after the other, and never while anything else touches the room.
    let mut haven = Box::pin(haven::session(&engine, &room));
    let mut beside = Box::pin(beside::session(&engine, &room));
    loop {
        if let Some(order) = room.take_order() {
            let made = succeed::make(&engine, &room).await;
            part(&engine, &room).await;
            // Whoever asked may have gone.
            let _ = order.send(made);
        }
        let follows = room.room().following().is_ok_and(|following| following.is_some());
        // Never two at a time: what is entered takes the place of what the other reads.
        tokio::select! {
            biased;
            () = room.anew.notified() => {
                room.live.store(false, Ordering::Relaxed);
                part(&engine, &room).await;
            }
            crossed = cross::session(&engine, &room), if follows => {
                room.live.store(false, Ordering::Relaxed);
                if let Err(error) = crossed {
                    rest(&engine, &room, &mut backoff, &error).await;
                }
                part(&engine, &room).await;
            }
            () = &mut haven => {
                room.live.store(false, Ordering::Relaxed);
                room.note_lost(None);
                backoff.succeeded();
                engine.changed();
                haven = Box::pin(haven::session(&engine, &room));
            }
            () = &mut beside => {
                room.live.store(false, Ordering::Relaxed);
                engine.changed();
                beside = Box::pin(beside::session(&engine, &room));
            }
            stopped = turn(&engine, &room, &mut backoff) => if stopped {
                return;
            },
        }
    }
}

/// Handles of what is read no longer go with the connection.
async fn part(engine: &Engine, room: &LiveRoom) {
    let record = room.room().record().clone();
    let room = Purpose::Room(record.room);
    engine.part(&record.relay, &record.persona, room).await;
    engine.changed();
}

/// One session, and the pause after it; true if the room needs no pump any more.
async fn turn(engine: &Engine, room: &LiveRoom, backoff: &mut Backoff) -> bool {
    let mut ended = session(engine, room, backoff).await;
    if matches!(ended, Ok(Ended::SegmentOver)) && room.room().segment_over() {
        ended = adrift::session(engine, room).await;
    }
    room.live.store(false, Ordering::Relaxed);
    match ended {
        Ok(Ended::SegmentOver | Ended::NextSegment | Ended::Halted) => {}
        Ok(Ended::Gone) => {
            room.note_lost(Some(engine.now().ms));
            engine.changed();
            // A relay that is put back as it was opens it again.
            tokio::time::sleep(GONE).await;
        }
        Ok(Ended::Stopped) => {
            room.set_trouble(None);
            return true;
        }
        Err(error) => rest(engine, room, backoff, &error).await,
    }
    false
}

/// The pause after a failure.
async fn rest(engine: &Engine, room: &LiveRoom, backoff: &mut Backoff, error: &EngineError) {
    if let EngineError::Contradicted(lie) = error {
        // Where the vault cannot be written now, it is noticed again.
        let _ = room.room().note_lie(*lie, engine.now().minutes);
    }
    let at_least = match error {
        EngineError::Relay(LinkError::Draining { back_in_ms }) => Some(*back_in_ms),
        _ => None,
    };
    if let EngineError::Relay(error) = error
        && (error.ends_connection() || matches!(error, LinkError::Timeout { .. } | LinkError::WrongKey))
    {
        room.note_lost(Some(engine.now().ms));
    }
    room.set_trouble(Some(error.to_string()));
    engine.changed();
    let pause = backoff.failed(random::below(u64::MAX).unwrap_or(0), at_least);
    tokio::time::sleep(pause).await;
}

async fn session(engine: &Engine, room: &LiveRoom, backoff: &mut Backoff) -> Result<Ended, EngineError> {
    let (record, access, after, health) = {
        let room = room.room();
        let cursor = room.cursor();
        let (access, position) = room.reads();
        // What was read last is shown again in any case.
        let before = position.0.saturating_sub(1);
        // So is what was read in a copy.
        let before = cursor
            .by_copy
            .map_or(before, |copied| before.min(copied.0.saturating_sub(1)));
        let first = before - before % COARSE;
        (
            room.record().clone(),
            access,
            Position(first),
            cursor.health.clone(),
        )
    };
    match health {
        Health::Open | Health::Holding { .. } | Health::Forked { .. } | Health::Gone => {}
        Health::Unsynced { .. } => return heal::session(engine, room).await,
        Health::NeedsUpgrade { .. } | Health::Out { .. } | Health::Replaced => return Ok(Ended::Stopped),
    }
    let connection = engine
        .connection(&record.relay, &record.persona, Purpose::Room(record.room))
        .await?;
    let read_key = access.read_key();
    let open = || connection.open(record.lies_in(), Role::Read, &read_key);
    let mut opened = open().await;
    if matches!(opened, Err(LinkError::Refused(RefusedBecause::NotOpened)))
        && site::make(engine, room, &connection).await?
    {
        opened = open().await;
    }
    let opened = match opened {
        Err(LinkError::Refused(RefusedBecause::NotOpened)) => {
            look_back(room, &connection, &record).await?;
            // Where a cut was read last, its keys may be wrong.
            let adrift = room.room().secret_before().is_some();
            if adrift {
                return adrift::session(engine, room).await;
            }
            // The channel is gone, or this device was away for so long that its segment is: then others renew it.
            room.room().mark_gone()?;
            return heal::session(engine, room).await;
        }
        other => other?,
    };
    if room.room().drop_copied(opened.newest)? {
        let _ = connection.close(opened.handle).await;
        return Ok(Ended::Halted);
    }
    room.room().judge_newest(opened.newest)?;
    let mut reading = connection.read(opened.handle, after, true).await?;
    let append = connection
        .open(record.lies_in(), Role::Append, &access.append_key())
        .await;
    let ended = match append {
        // The segment is over already: read it to its end, then open the next.
        Err(LinkError::Refused(RefusedBecause::NotOpened)) => drain(room, engine, &mut reading).await,
        Err(error) => return Err(error.into()),
        Ok(append) => {
            room.room().mark_back()?;
            follow(engine, room, backoff, &connection, &mut reading, append.handle).await
        }
    };
    drop(reading);
    let ended = match ended {
        Err(EngineError::Contradicted(lie @ Lie::Rewritten { at, .. })) => {
            // What was read in a copy is no word of this relay's.
            if !room.room().is_by_copy(at) {
                room.room().note_lie(lie, engine.now().minutes)?;
            }
            match look_elsewhere(room, &connection, opened.handle, at).await? {
                true => Ok(Ended::Halted),
                false => Err(EngineError::Contradicted(lie)),
            }
        }
        ended => ended,
    };
    // Handles are few on a connection.
    let _ = connection.close(opened.handle).await;
    ended
}

/// Looks at the history that the relay shows now in place of the one that was read from there on. True if it is the
/// one that more than half of all people attest: then this device asks to be renewed.
async fn look_elsewhere(
    room: &LiveRoom,
    connection: &Connection,
    handle: Handle,
    from: Position,
) -> Result<bool, EngineError> {
    let Some(mut elsewhere) = room.room().elsewhere(from)? else {
        return Ok(false);
    };
    let before = Position(from.0.saturating_sub(1));
    let mut reading = connection.read(handle, before, false).await?;
    for _ in 0..MOST {
        let Served::Entry(entry) = reading.next().await? else {
            break;
        };
        if !room.room().look_at(&mut elsewhere, &entry) {
            break;
        }
    }
    room.room().give_up(&elsewhere)
}

/// The keys of now open nothing. That those from before still append, to a log that ends before what was read, says
/// that the relay was set back to before a cut.
async fn look_back(room: &LiveRoom, connection: &Connection, record: &RoomRecord) -> Result<(), EngineError> {
    let older = room.room().cursor().older.clone();
    for access in older.iter().rev() {
        let key = access.append_key();
        match connection.open(record.lies_in(), Role::Append, &key).await {
            Ok(opened) => {
                let _ = connection.close(opened.handle).await;
                room.room().judge_newest(opened.newest)?;
            }
            Err(LinkError::Refused(RefusedBecause::NotOpened)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Follows the log and does what is to be done, until the segment or the session is over.
async fn follow(
    engine: &Engine,
    room: &LiveRoom,
    backoff: &mut Backoff,
    connection: &Connection,
    reading: &mut Reading,
    append: Handle,
) -> Result<Ended, EngineError> {
    let (sender, mut requests) = mpsc::channel(WAITING_DROPS);
    let (found, mut heard) = mpsc::channel(WAITING_DROPS);
    let mut session = Session::new(engine, room, connection.clone(), append, sender, found);
    session.open_control().await?;
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let ended = loop {
        let may_carry = session.may_carry();
        tokio::select! {
            served = reading.next() => {
                if let Some(ended) = session.served(served?)? {
                    break ended;
                }
                if session.is_synced() {
                    backoff.succeeded();
                    session.work().await?;
                }
            }
            () = room.wake.notified(), if session.is_synced() => session.work().await?,
            Some(request) = requests.recv(), if may_carry => {
                session.carry(&request)?;
                session.work().await?;
            }
            Some(content) = heard.recv() => {
                session.heard(content)?;
                if session.is_synced() {
                    session.work().await?;
                }
            }
            _ = tick.tick(), if session.is_synced() => session.tick().await?,
        }
    };
    session.close().await;
    Ok(ended)
}

/// Reads a segment that is over to its end.
pub(super) async fn drain(
    room: &LiveRoom,
    engine: &Engine,
    reading: &mut Reading,
) -> Result<Ended, EngineError> {
    loop {
        match reading.next().await? {
            Served::Entry(entry) => {
                if take_in(room, engine, &entry)? {
                    return Ok(Ended::Halted);
                }
            }
            Served::CaughtUp { .. } => {}
            Served::End => {
                // The cut that ends the segment was its last entry: the keys are others now.
                return Ok(Ended::SegmentOver);
            }
            Served::Gone | Served::Refused(_) => {
                room.room().mark_gone()?;
                return Ok(Ended::Gone);
            }
        }
    }
}

/// Takes in one entry; true if the room is stopped by it.
pub(super) fn take_in(room: &LiveRoom, engine: &Engine, entry: &Entry) -> Result<bool, EngineError> {
    let (ingested, is_news, copied) = {
        let (mut room, now) = (room.room(), engine.now().minutes);
        room.judge_gap(entry, now)?;
        let ingested = room.ingest(entry)?;
        let taken = ingested.record.as_ref();
        let is_news = taken.is_some_and(|(_, record)| room.is_news(record, now));
        let copied = taken.is_some() && room.state().charter().relays.together;
        (ingested, is_news, copied)
    };
    if copied {
        room.note_recent(entry);
    }
    if let Some((id, landing)) = ingested.landed {
        room.land(id, landing);
    }
    if let Some(record) = ingested.record {
        // Nobody following is no error.
        let _ = room.log.send(record);
    }
    if is_news {
        engine.heard();
    }
    if !ingested.effects.is_empty() || ingested.stopped {
        engine.changed();
    }
    Ok(ingested.stopped)
}
