//! The way from answers into the room: what answers name is fetched, checked against the relay's log, and
//! entered. Answers come from anybody in the room, so one that leads nowhere must not keep another from leading in.

use std::collections::HashSet;
use std::time::Duration;

use caucus_proto::codec;
use caucus_proto::id::{EntryHash, Position};
use caucus_proto::label::{Label, hash};
use caucus_proto::wire::{RefusedBecause, Role, Served};

use super::answer::Reply;
use super::blob::{self, BlobRef};
use super::engine::Engine;
use super::enter::Handed;
use super::error::EngineError;
use super::join::{Step, place};
use super::link::InviteLink;
use super::pump::COARSE;
use super::record::{AppliedStep, JoinRecord, JoinStep};
use super::relay::patiently;
use super::room::Room;
use crate::relay::{Connection, LinkError};

/// What a landed commit, and the welcome that names it, say together.
struct Entrance<'a> {
    welcome: &'a Reply,
    landed: &'a Reply,
}

impl Entrance<'_> {
    /// Tells one entrance from another.
    fn name(&self) -> Result<[u8; 32], EngineError> {
        let bytes = codec::encode(&(self.welcome, self.landed), codec::LOCAL_LIMIT)?;
        Ok(hash(Label::SealedAnswer, &[&bytes]))
    }
}

fn entrances(answers: &[Reply]) -> Vec<Entrance<'_>> {
    let mut found = Vec::new();
    for landed in answers {
        let Reply::Landed { commit, .. } = landed else {
            continue;
        };
        for welcome in answers {
            if matches!(welcome, Reply::Welcome { commit: named, .. } if named == commit) {
                found.push(Entrance { welcome, landed });
            }
        }
    }
    found
}

/// Tries every pair of answers that was not tried before; none if no pair leads in.
pub(super) async fn enter(
    engine: &Engine,
    number: u64,
    record: &mut JoinRecord,
    step: &AppliedStep,
    link: &InviteLink,
    connection: &Connection,
    tried: &mut HashSet<[u8; 32]>,
) -> Result<Option<Step>, EngineError> {
    for entrance in entrances(&step.answers) {
        let name = entrance.name()?;
        // What led nowhere once is not fetched again.
        if tried.contains(&name) {
            continue;
        }
        match try_enter(engine, number, record, link, connection, &entrance).await {
            Ok(Some(room)) => {
                engine.add_room(room);
                return Ok(Some(Step::Over));
            }
            Ok(None) => return Ok(Some(Step::Over)),
            // Somebody's answer that leads nowhere: another may.
            Err(Refusal::Nowhere) => {
                tried.insert(name);
            }
            Err(Refusal::Engine(error)) => return Err(error),
        }
    }
    Ok(None)
}

enum Refusal {
    Nowhere,
    Engine(EngineError),
}

impl<E: Into<EngineError>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Engine(error.into())
    }
}

async fn fetched(connection: &Connection, blob: &BlobRef) -> Result<Vec<u8>, Refusal> {
    match blob::fetch(connection, blob).await {
        Ok(bytes) => Ok(bytes),
        Err(EngineError::Blob(_) | EngineError::Relay(LinkError::Refused(RefusedBecause::NotOpened))) => {
            Err(Refusal::Nowhere)
        }
        Err(error) => Err(Refusal::Engine(error)),
    }
}

/// Enters the room: only if the relay admits the handed keys on that channel and its log shows, flagged, the
/// commit whose hash the answer names. Everything happens in one overlay. None if the request was given up.
async fn try_enter(
    engine: &Engine,
    number: u64,
    record: &mut JoinRecord,
    link: &InviteLink,
    connection: &Connection,
    entrance: &Entrance<'_>,
) -> Result<Option<Room>, Refusal> {
    let (
        Reply::Welcome {
            channel,
            genesis,
            welcome,
            tree,
            ..
        },
        Reply::Landed {
            commit,
            position,
            counter,
            running,
            access,
            snapshot,
        },
    ) = (entrance.welcome, entrance.landed)
    else {
        return Err(Refusal::Nowhere);
    };
    // An answer for another body than the link's: somebody in the room made it up.
    if InviteLink::commit(channel, &genesis.body(), &link.secret) != link.commitment {
        return Err(Refusal::Nowhere);
    }
    let handed = Handed {
        relay: &link.relay,
        channel: *channel,
        genesis,
        persona_key: &record.persona_key,
        welcome: &fetched(connection, welcome).await?,
        tree: &fetched(connection, tree).await?,
        snapshot: &fetched(connection, snapshot).await?,
        position: *position,
        counter: *counter,
        running: *running,
        access,
    };
    if handed.state().is_none() || !stands_in_log(connection, &handed, *commit).await? {
        return Err(Refusal::Nowhere);
    }
    let vault = engine.vault();
    let _turn = vault.turn();
    let overlay = vault.overlay();
    if overlay.get(&place(number))?.is_none() {
        return Ok(None);
    }
    let Some(room) = handed.enter(vault, &overlay, engine.now())? else {
        return Err(Refusal::Nowhere);
    };
    let stage = JoinStep::Joined {
        room: room.id(),
        label: genesis.label.to_string(),
    };
    record.stage = stage;
    overlay.put_value(place(number), &*record)?;
    engine.remember_relay(&overlay, &link.relay)?;
    overlay.commit()?;
    Ok(Some(room))
}

async fn stands_in_log(
    connection: &Connection,
    handed: &Handed<'_>,
    commit: EntryHash,
) -> Result<bool, EngineError> {
    let key = handed.access.read_key();
    let opened = match patiently(|| connection.open(handed.channel, Role::Read, &key)).await {
        Err(LinkError::Refused(_)) => return Ok(false),
        other => other?,
    };
    let position = handed.position;
    let mut reading = connection.read(opened.handle, coarse(position), true).await?;
    let shown = tokio::time::timeout(Duration::from_secs(10), async {
        loop {
            match reading.next().await? {
                Served::Entry(entry) if entry.position == position => {
                    return Ok(entry.flag.moves()
                        && entry.counter.next() == handed.counter
                        && EntryHash::of(&entry.bytes) == commit);
                }
                Served::Entry(entry) if entry.position > position => return Ok(false),
                Served::Entry(_) | Served::CaughtUp { .. } => {}
                _ => return Ok::<bool, EngineError>(false),
            }
        }
    })
    .await;
    drop(reading);
    let _ = connection.close(opened.handle).await;
    shown.unwrap_or(Ok(false))
}

/// Where a reader begins who wants what stands at a position: a cursor is no pseudonym.
fn coarse(position: Position) -> Position {
    let before = position.0.saturating_sub(1);
    Position(before - before % COARSE)
}
