//! Letters of other bodies: read where they come in, and carried into the log by whoever reads them first.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use caucus_proto::codec;
use caucus_proto::envelope::{self, EnvelopeKey};
use caucus_proto::id::{ChannelId, Counter, Position};
use caucus_proto::label::Label;
use caucus_proto::org::between::{LinkStep, Peer, SignedLetter};
use caucus_proto::org::{Denied, Power};
use caucus_proto::wire::{RefusedBecause, Role, Served};

use super::desk::{Desk, DropRead};
use super::keys::drop_key;
use super::offer::between;
use super::places::DropPlace;
use crate::engine::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::lanes::Purpose;
use crate::engine::live::LiveRoom;
use crate::engine::relay::patiently;
use crate::engine::room::Room;
use crate::relay::{LinkError, Opened, Reading};
use crate::vault::{Place, Table};

/// Records of drops among those of a room begin here; the link's number is added.
const DROPS: u64 = 1 << 32;

/// Milliseconds that each further person leaves a letter to be carried to those before, and at most.
const CARRY_TURN_MS: (u64, u64) = (400, 8_000);

/// How long a drop that does not open, or whose next letter cannot be taken in yet, is left alone.
const CLOSED: Duration = Duration::from_secs(5);

/// How long a drop is left alone that somebody else made.
const TAKEN: Duration = Duration::from_secs(5 * 60);

/// What is said of it.
const TAKEN_WORDS: &str = "somebody who is, or was, in one of the two bodies made the channel where its letters come in: they do \
                           not arrive. Move to another relay of the charter, or link anew";

/// How long a letter may take to land before it is looked at again.
const LANDING: Duration = Duration::from_secs(30);

/// Opens a letter that is sealed under what the other body's last letter with keys came with.
#[must_use]
pub fn open_under(peer: &Peer, drop: &ChannelId, bytes: &[u8]) -> Option<SignedLetter> {
    let (generation, pair) = peer.pair.as_ref()?;
    let key = EnvelopeKey::from_bytes(pair.0);
    let content = envelope::open_bytes(&key, drop, Counter(u64::from(*generation)), bytes).ok()?;
    codec::decode(&content, codec::LIMIT).ok()
}

/// What became of a letter that was read.
enum Read {
    /// It stands in the log, or is none for it.
    Done,
    /// It is this device's turn later, or it could not be taken in yet.
    Later(Duration),
}

/// Reads the drop of a link for as long as it opens.
pub(super) async fn read(engine: Engine, live: Arc<LiveRoom>, desk: Arc<Desk>, link: u32) {
    // Whatever ended it, it is tried again by whoever runs this.
    let _ = follow(&engine, &live, &desk, link).await;
    tokio::time::sleep(CLOSED).await;
}

async fn follow(engine: &Engine, live: &LiveRoom, desk: &Desk, link: u32) -> Result<(), EngineError> {
    let Some((ours, place, persona)) = ({
        let room = live.room();
        let over = room.state().between.links.get(&link);
        over.and_then(|over| Some((over.ours.clone(), DropPlace::ours(over)?, room.me())))
    }) else {
        return Ok(());
    };
    let moved = place.seed.as_ref().map(|_| place.channel);
    let after = live.room().drop_read_to(link, moved)?;
    let purpose = Purpose::Drop(link);
    let connection = engine.connection(&place.relay, &persona, purpose).await?;
    let key = drop_key(&ours.read);
    let open = || patiently(|| connection.open(place.channel, Role::Read, &key));
    let mut opened = open().await;
    if moved.is_some() && is_not_there(&opened) {
        // One of all is enough: each that would make it spends a pass.
        let turn = live.room().letter_turn();
        tokio::time::sleep(turn).await;
        opened = open().await;
        if is_not_there(&opened) {
            if let Err(error) = place.make(engine, &connection, &ours).await {
                live.drop_trouble(link, Some(error.to_string()));
                return Err(error);
            }
            opened = open().await;
        }
        if is_not_there(&opened) {
            live.drop_trouble(link, Some(TAKEN_WORDS.to_owned()));
            tokio::time::sleep(TAKEN).await;
            return Ok(());
        }
    }
    let opened = opened?;
    live.drop_trouble(link, None);
    // One that is gone from the relay and was made anew begins anew.
    let after = if opened.newest < after { Position(0) } else { after };
    let mut reading = connection.read(opened.handle, after, true).await?;
    let ended = take_all(live, desk, (link, moved), &place.channel, &mut reading).await;
    drop(reading);
    let _ = connection.close(opened.handle).await;
    ended
}

fn is_not_there(opened: &Result<Opened, LinkError>) -> bool {
    matches!(opened, Err(LinkError::Refused(RefusedBecause::NotOpened)))
}

async fn take_all(
    live: &LiveRoom,
    desk: &Desk,
    (link, moved): (u32, Option<ChannelId>),
    drop: &ChannelId,
    reading: &mut Reading,
) -> Result<(), EngineError> {
    loop {
        let entry = match reading.next().await? {
            Served::Entry(entry) => entry,
            Served::CaughtUp { .. } => continue,
            _ => return Ok(()),
        };
        let (recipients, peer) = {
            let room = live.room();
            let peer = room
                .state()
                .between
                .links
                .get(&link)
                .and_then(|link| link.peer.clone());
            (room.letter_recipients(), peer)
        };
        let open = |recipient: &crate::engine::sealed::Recipient| {
            recipient
                .open::<SignedLetter>(Label::SealedLetter, drop, &entry.bytes)
                .ok()
        };
        // What opens by no key of this device was read by others while they had it, or is noise.
        let under = || peer.and_then(|peer| open_under(&peer, drop, &entry.bytes));
        if let Some(signed) = recipients.iter().find_map(open).or_else(under) {
            while let Read::Later(pause) = carry(live, desk, link, &signed).await? {
                tokio::time::sleep(pause).await;
            }
        }
        desk.read_to(link, (moved, entry.position));
    }
}

/// Carries a letter into the log, when it is this device's turn and nobody else has.
async fn carry(live: &LiveRoom, desk: &Desk, link: u32, signed: &SignedLetter) -> Result<Read, EngineError> {
    let deed = between(LinkStep::Hear {
        link,
        signed: Box::new(signed.clone()),
    });
    let (judged, turn) = {
        let room = live.room();
        (room.may_do(&deed), room.letter_turn())
    };
    match judged {
        Ok(()) => {}
        Err(EngineError::Denied(Denied::TooManyLetters)) => return Ok(Read::Later(CLOSED * 12)),
        Err(EngineError::Denied(_)) => return Ok(Read::Done),
        Err(_) => return Ok(Read::Later(CLOSED)),
    }
    tokio::time::sleep(turn).await;
    if live.room().may_do(&deed).is_err() {
        return Ok(Read::Later(Duration::ZERO));
    }
    desk.put(link, signed);
    let _turn = desk.turn.lock().await;
    let Some(deed) = desk.take(&live.room(), link) else {
        return Ok(Read::Later(Duration::ZERO));
    };
    match live.act(&deed, LANDING).await {
        Ok(_) | Err(EngineError::Denied(_) | EngineError::RoomState(_)) => Ok(Read::Later(Duration::ZERO)),
        Err(error) => Err(error),
    }
}

impl Room {
    /// How long this device leaves a letter to others: holders of the power come first.
    fn letter_turn(&self) -> Duration {
        let holders = self.state().holders(Power::Link);
        let mut all = holders.clone();
        all.extend(
            self.state()
                .in_order()
                .into_iter()
                .filter(|who| !holders.contains(who)),
        );
        let place = all.iter().position(|who| *who == self.me()).unwrap_or(usize::MAX) as u64;
        let (step, most) = CARRY_TURN_MS;
        Duration::from_millis(step.saturating_mul(place).min(most))
    }

    fn drop_place(&self, link: u32, moved: Option<ChannelId>) -> Place {
        let Some(channel) = moved else {
            return self.place(Table::Between, DROPS + u64::from(link));
        };
        let mut scope = self.record().room.as_bytes().to_vec();
        scope.extend_from_slice(b"drop");
        scope.extend_from_slice(channel.as_bytes());
        Place::new(Table::Between, scope, u64::from(link))
    }

    fn drop_read_to(&self, link: u32, moved: Option<ChannelId>) -> Result<Position, EngineError> {
        let place = self.drop_place(link, moved);
        Ok(self.vault.overlay().get_value(&place)?.unwrap_or(Position(0)))
    }

    /// Writes down how far drops were read.
    pub(super) fn keep_drops_read_to(&mut self, read: &BTreeMap<u32, DropRead>) -> Result<(), EngineError> {
        if read.is_empty() {
            return Ok(());
        }
        self.transact(|room, overlay| {
            for (link, (moved, position)) in read {
                overlay.put_value(room.drop_place(*link, *moved), position)?;
            }
            Ok(())
        })
    }
}
