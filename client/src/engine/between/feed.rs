//! Reading the bulletin of a body that one's own is linked with: everybody's device for itself. What is to be done stands
//! in the body's log too, carried there by whoever reads it first.

use std::sync::Arc;
use std::time::Duration;

use caucus_proto::codec;
use caucus_proto::envelope;
use caucus_proto::id::{ChannelId, Minutes, PersonaId, Position};
use caucus_proto::org::between::{
    Follower, LinkSecret, LinkStep, Peer, Posted, Rogue, SignedEntry, SignedMasthead, Taken,
};
use caucus_proto::wire::{Entry, Flag, RefusedBecause, RelayAddress, Role, Served};

use super::keys::{entry_key, read_key};
use super::offer::between;
use super::record::{FeedCursor, FeedRecord};
use crate::engine::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::lanes::Purpose;
use crate::engine::live::LiveRoom;
use crate::relay::{Connection, Handle, LinkError, Reading};

/// How long a bulletin is left alone that does not open, or whose keys are still to come.
const CLOSED: Duration = Duration::from_secs(3);

/// Milliseconds that each further person leaves a directive to be carried to those before, and at most.
const CARRY_TURN_MS: (u64, u64) = (400, 8_000);

/// How long what is carried may take to land.
const LANDING: Duration = Duration::from_secs(30);

/// What opens a bulletin now.
struct Source {
    relay: RelayAddress,
    channel: ChannelId,
    keys: Vec<(u32, LinkSecret)>,
}

/// Reads a bulletin for as long as it opens.
pub(super) async fn read(engine: Engine, live: Arc<LiveRoom>, link: u32) {
    let ended = follow(&engine, &live, link).await;
    live.feed_trouble(link, ended.err().map(|error| error.to_string()));
    tokio::time::sleep(CLOSED).await;
}

async fn follow(engine: &Engine, live: &LiveRoom, link: u32) -> Result<(), EngineError> {
    let Some((source, cursor, persona)) = begin(live, link)? else {
        return Ok(());
    };
    let connection = engine
        .connection(&source.relay, &persona, Purpose::Feed(link))
        .await?;
    let Some((handle, mut reading, mut cursor, secret)) = open(&connection, &source, cursor).await? else {
        return Ok(());
    };
    live.feed_trouble(link, None);
    let mut reader = Reader {
        engine,
        live,
        link,
        channel: source.channel,
        secret,
    };
    let ended = reader.run(&mut reading, &mut cursor).await;
    drop(reading);
    let _ = connection.close(handle).await;
    if ended? {
        // The keys turned: the next generation begins behind the cut that ended this one.
        cursor.generation = cursor.generation.saturating_add(1);
        live.room().keep_feed((link, source.channel), &cursor, None)?;
    }
    Ok(())
}

fn begin(live: &LiveRoom, link: u32) -> Result<Option<(Source, FeedCursor, PersonaId)>, EngineError> {
    let mut room = live.room();
    let over = room.state().between.links.get(&link);
    let Some(peer) = over.and_then(|link| link.live()).cloned() else {
        return Ok(None);
    };
    let Some(source) = source(&peer) else {
        return Ok(None);
    };
    let cursor = match room.feed_cursor_in(link, source.channel, |_| ())? {
        Some(mut cursor) => {
            if cursor.follower.root.number < peer.card.root.number {
                cursor.follower.root = peer.card.root;
            }
            cursor
        }
        None => {
            let cursor = FeedCursor {
                named: peer.published.1,
                ..fresh(Follower::new(peer.card.body, peer.card.root))
            };
            // Before the relay is asked: one that shows nothing at all is seen to.
            room.keep_feed((link, source.channel), &cursor, None)?;
            cursor
        }
    };
    Ok(Some((source, cursor, room.me())))
}

fn source(peer: &Peer) -> Option<Source> {
    let bulletin = peer.card.bulletin.as_ref()?;
    Some(Source {
        relay: bulletin.relay.parse().ok()?,
        channel: bulletin.channel,
        keys: peer.keys.iter().cloned().collect(),
    })
}

pub(super) const fn fresh(follower: Follower) -> FeedCursor {
    FeedCursor {
        follower,
        generation: 0,
        position: Position(0),
        masthead_in: 0,
        published: 0,
        read: Minutes(0),
        missing: 0,
        named: 0,
        rogues: Vec::new(),
    }
}

/// Opens the first generation from the cursor's on that the relay still has.
async fn open(
    connection: &Connection,
    source: &Source,
    mut cursor: FeedCursor,
) -> Result<Option<(Handle, Reading, FeedCursor, LinkSecret)>, EngineError> {
    for (generation, secret) in &source.keys {
        if *generation < cursor.generation {
            continue;
        }
        match connection
            .open(source.channel, Role::Read, &read_key(secret))
            .await
        {
            Ok(opened) => {
                cursor.generation = *generation;
                let reading = connection.read(opened.handle, cursor.position, true).await?;
                return Ok(Some((opened.handle, reading, cursor, secret.clone())));
            }
            Err(LinkError::Refused(RefusedBecause::NotOpened)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}

struct Reader<'a> {
    engine: &'a Engine,
    live: &'a LiveRoom,
    link: u32,
    channel: ChannelId,
    secret: LinkSecret,
}

impl Reader<'_> {
    /// Reads to the end of the segment; true if that is where it ended.
    async fn run(&mut self, reading: &mut Reading, cursor: &mut FeedCursor) -> Result<bool, EngineError> {
        loop {
            let entry = match reading.next().await? {
                Served::Entry(entry) => entry,
                Served::CaughtUp { .. } => {
                    cursor.read = self.engine.now().minutes;
                    self.live
                        .room()
                        .keep_feed((self.link, self.channel), cursor, None)?;
                    self.engine.changed();
                    continue;
                }
                Served::End => return Ok(true),
                _ => return Ok(false),
            };
            let at = self.engine.now().minutes;
            let taken = take(cursor, &self.secret, &self.channel, &entry, at);
            let record = match &taken {
                Some((Posted::Entry(signed), Taken::Entry { .. })) => {
                    Some(FeedRecord::read(signed.clone(), at))
                }
                _ => None,
            };
            if let Some((Posted::Entry(signed), Taken::Entry { .. })) = &taken
                && signed.entry.item.directs()
            {
                // Before the cursor moves: nothing that is to be done is lost with this process.
                self.carry(cursor.follower.masthead.as_ref(), signed).await?;
            }
            self.live
                .room()
                .keep_feed((self.link, self.channel), cursor, record.as_ref())?;
            self.engine.changed();
        }
    }

    /// Carries what is to be done into the body's log, unless somebody else has.
    async fn carry(
        &self,
        masthead: Option<&SignedMasthead>,
        signed: &SignedEntry,
    ) -> Result<(), EngineError> {
        let Some(masthead) = masthead else { return Ok(()) };
        let deed = between(LinkStep::Carry {
            link: self.link,
            masthead: Box::new(masthead.clone()),
            signed: Box::new(signed.clone()),
        });
        loop {
            let (judged, turn) = {
                let room = self.live.room();
                let order = room.state().in_order();
                let place = order
                    .iter()
                    .position(|who| *who == room.me())
                    .unwrap_or(usize::MAX) as u64;
                let (step, most) = CARRY_TURN_MS;
                (
                    room.may_do(&deed),
                    Duration::from_millis(step.saturating_mul(place).min(most)),
                )
            };
            match judged {
                Ok(()) => {}
                Err(EngineError::Denied(_)) => return Ok(()),
                Err(_) => {
                    tokio::time::sleep(CLOSED).await;
                    continue;
                }
            }
            tokio::time::sleep(turn).await;
            if self.live.room().may_do(&deed).is_ok() {
                match self.live.act(&deed, LANDING).await {
                    Ok(_) | Err(EngineError::Denied(_) | EngineError::RoomState(_)) => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }
}

/// Takes in an entry of the channel; what it is and what was new in it, or nothing where it is no word of the body.
pub(super) fn take(
    cursor: &mut FeedCursor,
    secret: &LinkSecret,
    channel: &ChannelId,
    entry: &Entry,
    at: Minutes,
) -> Option<(Posted, Taken)> {
    cursor.position = entry.position;
    if entry.flag == Flag::Cut {
        return None;
    }
    let opened = envelope::open_bytes(&entry_key(secret), channel, entry.counter, &entry.bytes)
        .ok()
        .and_then(|bytes| codec::decode::<Posted>(&bytes, codec::LIMIT).ok());
    let Some(posted) = opened else {
        cursor.note(at, Rogue::Malformed);
        return None;
    };
    match cursor.follower.take(&posted) {
        Ok(taken) => {
            if let Taken::Entry { missing, forked, .. } = &taken {
                cursor.missing = cursor.missing.saturating_add(*missing);
                if *forked {
                    cursor.note(at, Rogue::TwoVersions);
                }
            }
            Some((posted, taken))
        }
        Err(rogue) => {
            cursor.note(at, rogue);
            None
        }
    }
}
