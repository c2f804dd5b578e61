//! The way from answers into the room, for newcomers and for those who are renewed: what answers name is fetched
//! and checked against the relay's log. Answers come from anybody in the room, so one that leads nowhere must not keep another from leading in.

use std::collections::HashSet;

use caucus_proto::codec;
use caucus_proto::envelope::AccessSecret;
use caucus_proto::id::{ChannelId, Counter, EntryHash, Position};
use caucus_proto::label::{Label, hash};
use caucus_proto::org::{Genesis, Running};
use caucus_proto::wire::{RefusedBecause, RelayAddress, Role, Served};

use super::answer::Reply;
use super::blob::{self, BlobRef};
use super::enter::Handed;
use super::error::EngineError;
use super::pump::COARSE;
use super::record::SecretKey;
use super::relay::patiently;
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

/// What an entrance leads to, fetched and found in the relay's log.
pub(super) struct Fetched {
    channel: ChannelId,
    lies_in: ChannelId,
    pub(super) genesis: Genesis,
    welcome: Vec<u8>,
    tree: Vec<u8>,
    snapshot: Vec<u8>,
    position: Position,
    counter: Counter,
    running: Running,
    access: AccessSecret,
    history: Option<BlobRef>,
}

impl Fetched {
    /// As it is handed to whoever enters.
    pub(super) fn handed<'a>(&'a self, relay: &'a RelayAddress, persona_key: &'a SecretKey) -> Handed<'a> {
        Handed {
            relay,
            channel: self.channel,
            lies_in: self.lies_in,
            genesis: &self.genesis,
            persona_key,
            welcome: &self.welcome,
            tree: &self.tree,
            snapshot: &self.snapshot,
            position: self.position,
            counter: self.counter,
            running: self.running,
            access: &self.access,
            history: self.history.as_ref(),
        }
    }
}

/// Whom an entrance must fit.
pub(super) struct Entrant<'a> {
    /// Where the room's channel is.
    pub relay: &'a RelayAddress,
    /// The persona key.
    pub persona_key: &'a SecretKey,
    /// Whether the room is the one that is wanted: somebody in it may have made an answer up.
    pub fits: &'a (dyn Fn(&ChannelId, &Genesis) -> bool + Send + Sync),
}

/// Tries every pair of answers that was not tried before: the first for which the relay admits the handed keys
/// on that channel, and whose commit, by its hash, its log shows with its flag.
pub(super) async fn find(
    connection: &Connection,
    answers: &[Reply],
    entrant: &Entrant<'_>,
    tried: &mut HashSet<[u8; 32]>,
) -> Result<Option<Fetched>, EngineError> {
    for entrance in entrances(answers) {
        let name = entrance.name()?;
        // What led nowhere once is not fetched again.
        if tried.contains(&name) {
            continue;
        }
        match look(connection, &entrance, entrant).await {
            Ok(fetched) => {
                tried.insert(name);
                return Ok(Some(fetched));
            }
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

async fn look(
    connection: &Connection,
    entrance: &Entrance<'_>,
    entrant: &Entrant<'_>,
) -> Result<Fetched, Refusal> {
    let (
        Reply::Welcome {
            channel,
            lies_in,
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
            history,
        },
    ) = (entrance.welcome, entrance.landed)
    else {
        return Err(Refusal::Nowhere);
    };
    if !(entrant.fits)(channel, genesis) {
        return Err(Refusal::Nowhere);
    }
    let fetched = Fetched {
        channel: *channel,
        lies_in: *lies_in,
        genesis: genesis.clone(),
        welcome: fetched(connection, welcome).await?,
        tree: fetched(connection, tree).await?,
        snapshot: fetched(connection, snapshot).await?,
        position: *position,
        counter: *counter,
        running: *running,
        access: access.clone(),
        history: history.clone(),
    };
    let handed = fetched.handed(entrant.relay, entrant.persona_key);
    if handed.state().is_none() || !stands_in_log(connection, &handed, *commit).await? {
        return Err(Refusal::Nowhere);
    }
    Ok(fetched)
}

async fn stands_in_log(
    connection: &Connection,
    handed: &Handed<'_>,
    commit: EntryHash,
) -> Result<bool, EngineError> {
    let key = handed.access.read_key();
    let opened = match patiently(|| connection.open(handed.lies_in, Role::Read, &key)).await {
        Err(LinkError::Refused(_)) => return Ok(false),
        other => other?,
    };
    let position = handed.position;
    // Only what the log shows says that it does not stand there: a way that is lost or slow is tried again.
    let mut reading = connection.read(opened.handle, coarse(position), false).await?;
    let stands = loop {
        match reading.next().await? {
            Served::Entry(entry) if entry.position == position => {
                break entry.flag.moves()
                    && entry.counter.next() == handed.counter
                    && EntryHash::of(&entry.bytes) == commit;
            }
            Served::Entry(entry) if entry.position > position => break false,
            Served::Entry(_) | Served::CaughtUp { .. } => {}
            Served::End | Served::Gone | Served::Refused(_) => break false,
        }
    };
    drop(reading);
    let _ = connection.close(opened.handle).await;
    Ok(stands)
}

/// Where a reader begins who wants what stands at a position: a cursor is no pseudonym.
fn coarse(position: Position) -> Position {
    let before = position.0.saturating_sub(1);
    Position(before - before % COARSE)
}
