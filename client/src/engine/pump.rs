//! The pump of a room: keeps a connection, takes in what comes, and hands on to the [`Session`] what is to be
//! sent. It decides nothing about the body: the room does.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use caucus_proto::id::Position;
use caucus_proto::wire::{Entry, RefusedBecause, Role, Served};
use tokio::sync::mpsc;

use super::engine::Engine;
use super::error::EngineError;
use super::heal;
use super::live::LiveRoom;
use super::random;
use super::record::Health;
use super::session::Session;
use crate::relay::{Backoff, LinkError, Reading};

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
    /// The keys turned: open the next segment.
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
    loop {
        let ended = session(&engine, &room, &mut backoff).await;
        room.live.store(false, Ordering::Relaxed);
        match ended {
            Ok(Ended::NextSegment | Ended::Halted) => {}
            Ok(Ended::Gone) => {
                engine.changed();
                // A relay that is put back as it was opens it again.
                tokio::time::sleep(GONE).await;
            }
            Ok(Ended::Stopped) => {
                room.set_trouble(None);
                return;
            }
            Err(error) => {
                let at_least = match &error {
                    EngineError::Relay(LinkError::Draining { back_in_ms }) => Some(*back_in_ms),
                    _ => None,
                };
                room.set_trouble(Some(error.to_string()));
                engine.changed();
                let pause = backoff.failed(random::below(u64::MAX).unwrap_or(0), at_least);
                tokio::time::sleep(pause).await;
            }
        }
    }
}

async fn session(engine: &Engine, room: &LiveRoom, backoff: &mut Backoff) -> Result<Ended, EngineError> {
    let (record, access, after, health) = {
        let room = room.room();
        let cursor = room.cursor();
        let first = cursor.position.0 - cursor.position.0 % COARSE;
        (
            room.record().clone(),
            cursor.access.clone(),
            Position(first),
            cursor.health.clone(),
        )
    };
    match health {
        Health::Open | Health::Holding { .. } | Health::Forked { .. } | Health::Gone => {}
        Health::Unsynced { .. } => return heal::session(engine, room).await,
        Health::NeedsUpgrade { .. } | Health::Out { .. } => return Ok(Ended::Stopped),
    }
    let connection = engine.pool().connection(&record.relay, &record.persona).await?;
    let opened = connection
        .open(record.channel, Role::Read, &access.read_key())
        .await;
    let opened = match opened {
        Err(LinkError::Refused(RefusedBecause::NotOpened)) => {
            room.room().mark_gone()?;
            return Ok(Ended::Gone);
        }
        other => other?,
    };
    let mut reading = connection.read(opened.handle, after, true).await?;
    let append = connection
        .open(record.channel, Role::Append, &access.append_key())
        .await;
    let append = match append {
        // The segment is over already: read it to its end, then open the next.
        Err(LinkError::Refused(RefusedBecause::NotOpened)) => return drain(room, engine, &mut reading).await,
        other => other?.handle,
    };
    room.room().mark_back()?;
    let (sender, mut requests) = mpsc::channel(WAITING_DROPS);
    let mut session = Session::new(engine, room, connection, append, sender);
    session.open_control().await?;
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let may_carry = session.may_carry();
        tokio::select! {
            served = reading.next() => {
                if let Some(ended) = session.served(served?)? {
                    return Ok(ended);
                }
                if session.is_synced() {
                    backoff.succeeded();
                    session.work().await?;
                }
            }
            () = room.wake.notified(), if session.is_synced() => session.work().await?,
            Some((invite, entry)) = requests.recv(), if may_carry => {
                session.carry(&invite, &entry)?;
                session.work().await?;
            }
            _ = tick.tick(), if session.is_synced() => session.tick().await?,
        }
    }
}

/// Reads a segment that is over to its end.
async fn drain(room: &LiveRoom, engine: &Engine, reading: &mut Reading) -> Result<Ended, EngineError> {
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
                return Ok(Ended::NextSegment);
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
    let ingested = room.room().ingest(entry)?;
    if let Some((id, landing)) = ingested.landed {
        room.land(id, landing);
    }
    if let Some(record) = ingested.record {
        // Nobody following is no error.
        let _ = room.log.send(record);
    }
    if !ingested.effects.is_empty() || ingested.stopped {
        engine.changed();
    }
    Ok(ingested.stopped)
}
