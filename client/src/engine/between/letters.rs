//! Letters between bodies: those that wait in the log are sealed and dropped by whoever holds the root key; those of
//! others are carried into the log by whoever reads them first.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use caucus_proto::codec;
use caucus_proto::envelope::{self, EnvelopeKey};
use caucus_proto::id::{ChannelId, Counter, PersonaId, Position};
use caucus_proto::label::Label;
use caucus_proto::org::between::{Link, LinkSecret, LinkStep, Peer, SignedLetter};
use caucus_proto::org::{Denied, Power};
use caucus_proto::wire::{RelayAddress, Role, Served};
use tokio::task::JoinSet;

use super::desk::Desk;
use super::keys::{LinkKeys, drop_key};
use super::offer::between;
use crate::engine::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::invite::put;
use crate::engine::lanes::Purpose;
use crate::engine::live::LiveRoom;
use crate::engine::random;
use crate::engine::relay::patiently;
use crate::engine::room::Room;
use crate::engine::sealed::seal;
use crate::relay::Reading;
use crate::vault::Table;

/// Records of drops among those of a room begin here; the link's number is added.
const DROPS: u64 = 1 << 32;

/// Milliseconds that each further holder of the root key leaves letters to those before.
const WRITE_TURN_MS: u64 = 8_000;

/// Milliseconds that each further person leaves a letter to be carried to those before, and at most.
const CARRY_TURN_MS: (u64, u64) = (400, 8_000);

/// Milliseconds after which a letter that is not acknowledged is dropped once more, at first and at most.
const AGAIN_MS: (u64, u64) = (5 * 60 * 1000, 6 * 60 * 60 * 1000);

/// Milliseconds after which the other is told how far its letters were read, where nothing else is written.
const ACKNOWLEDGE_MS: u64 = 20_000;

/// Milliseconds after which a drop that did not take a letter is tried again.
const PAUSE_MS: u64 = 5_000;

/// Milliseconds for which letters over a link that has ended are still sent.
const FAREWELL_MS: u64 = 24 * 60 * 60 * 1000;

/// Links that are written over at once.
const AT_ONCE: usize = 16;

/// Letters of one link that are sealed at once.
const OF_ONE: u64 = 8;

/// How long a drop that does not open, or whose next letter cannot be taken in yet, is left alone.
const CLOSED: Duration = Duration::from_secs(5);

/// How long a letter may take to land before it is looked at again.
const LANDING: Duration = Duration::from_secs(30);

/// What this process remembers of the letters that it sent.
#[derive(Default)]
pub(super) struct Post(HashMap<u32, Sent>);

#[derive(Default)]
struct Sent {
    /// Up to which number, and when.
    up_to: u64,
    at: u64,
    /// How often the first of them was sent again.
    again: u32,
    /// How far the other was told that its letters were read.
    told: u64,
    /// Since when something waits.
    since: Option<u64>,
    not_before: u64,
}

/// Letters over one link, ready to be dropped.
struct Bundle {
    link: u32,
    relay: RelayAddress,
    drop: ChannelId,
    append: LinkSecret,
    letters: Vec<(u64, u64, Vec<u8>)>,
}

impl Post {
    /// Sends what waits and is this device's to send.
    pub(super) async fn send(&mut self, engine: &Engine, live: &LiveRoom) {
        let bundles = match self.bundles(engine, live) {
            Ok(bundles) if !bundles.is_empty() => bundles,
            // What cannot be sealed now is tried again.
            Ok(_) | Err(_) => return,
        };
        let persona = live.room().me();
        let mut waiting = bundles.into_iter();
        let mut sending = JoinSet::new();
        loop {
            while sending.len() < AT_ONCE
                && let Some(bundle) = waiting.next()
            {
                let engine = engine.clone();
                sending.spawn(async move {
                    let link = bundle.link;
                    (link, drop_all(&engine, &persona, link, bundle).await)
                });
            }
            let Some(done) = sending.join_next().await else {
                break;
            };
            let Ok((link, (last, result))) = done else {
                continue;
            };
            let now = engine.now().ms;
            let sent = self.0.entry(link).or_default();
            if let Some((number, heard)) = last {
                sent.at = now;
                sent.up_to = sent.up_to.max(number);
                sent.told = sent.told.max(heard);
                sent.since = None;
            }
            if result.is_err() {
                sent.not_before = now.saturating_add(PAUSE_MS);
            }
            live.link_trouble(link, result.err().map(|error| error.to_string()));
        }
        engine.changed();
    }

    fn bundles(&mut self, engine: &Engine, live: &LiveRoom) -> Result<Vec<Bundle>, EngineError> {
        let now = engine.now().ms;
        let room = live.room();
        let state = room.state();
        let Some(house) = state.between.house() else {
            return Ok(Vec::new());
        };
        if room.may_act().is_err() || !room.holds(Power::Link) {
            return Ok(Vec::new());
        }
        let mut due: Vec<(u32, Vec<u64>)> = Vec::new();
        for (number, link) in &state.between.links {
            let letters = self.0.entry(*number).or_default().due(link, now);
            if !letters.is_empty() {
                due.push((*number, letters));
            }
        }
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let holders = state.root_holders();
        let Some(rank) = holders.iter().position(|who| *who == room.me()) else {
            return Ok(Vec::new());
        };
        let keys = room.link_keys()?;
        if keys.root(&house.root).is_none() {
            return Ok(Vec::new());
        }
        let mut bundles = Vec::new();
        for (number, letters) in due {
            let sent = self.0.entry(number).or_default();
            let since = *sent.since.get_or_insert(now);
            if now.saturating_sub(since) < WRITE_TURN_MS.saturating_mul(rank as u64) {
                continue;
            }
            bundles.extend(bundle(&room, &keys, number, &letters));
        }
        Ok(bundles)
    }
}

impl Sent {
    /// Numbers of the letters that are to be sent now; 0 for one that only acknowledges.
    fn due(&mut self, link: &Link, now: u64) -> Vec<u64> {
        let over = link.ended.as_ref().is_some_and(|ended| {
            let ms = ended.at.0.saturating_mul(60_000).saturating_add(FAREWELL_MS);
            !ended.by_us || now > ms
        });
        if link.peer.is_none() || over || now < self.not_before {
            return Vec::new();
        }
        if self.up_to < link.acked {
            (self.up_to, self.again) = (link.acked, 0);
        }
        let (first, most) = AGAIN_MS;
        let pause = first.saturating_mul(1 << self.again.min(10)).min(most);
        if self.up_to > link.acked && now.saturating_sub(self.at) > pause {
            self.up_to = link.acked;
            self.again = self.again.saturating_add(1);
        }
        let last = link.sent.min(self.up_to.saturating_add(OF_ONE));
        if last > self.up_to {
            return (self.up_to.saturating_add(1)..=last).collect();
        }
        if link.heard > self.told && link.ended.is_none() {
            let since = *self.since.get_or_insert(now);
            if now.saturating_sub(since) >= ACKNOWLEDGE_MS {
                return vec![0];
            }
        }
        Vec::new()
    }
}

fn bundle(room: &Room, keys: &LinkKeys, number: u32, letters: &[u64]) -> Option<Bundle> {
    let state = room.state();
    let card = &state.between.links.get(&number)?.peer.as_ref()?.card;
    let sealed = |letter: &u64| -> Option<(u64, u64, Vec<u8>)> {
        let root = keys.numbered(state.signs(number, *letter)?)?;
        let pair = state.seals(number, *letter);
        let letter = state.letter(number, *letter)?;
        let signature = root.keys().sign(&SignedLetter::digest(&letter).ok()?);
        let (number, heard) = (letter.number, letter.heard);
        let signed = SignedLetter { letter, signature };
        let bytes = match pair {
            Some((generation, pair)) => sealed_under(&pair, generation, &card.drop, &signed).ok()?,
            None => seal(&card.sealing, Label::SealedLetter, &card.drop, &signed).ok()?,
        };
        Some((number, heard, bytes))
    };
    Some(Bundle {
        link: number,
        relay: card.relay.parse().ok()?,
        drop: card.drop,
        append: card.append.clone(),
        letters: letters.iter().map_while(sealed).collect(),
    })
}

/// Seals a letter under what the last one with keys came with.
fn sealed_under(
    pair: &LinkSecret,
    generation: u32,
    drop: &ChannelId,
    signed: &SignedLetter,
) -> Result<Vec<u8>, EngineError> {
    let content = codec::encode(signed, codec::LIMIT)?;
    let key = EnvelopeKey::from_bytes(pair.0);
    let counter = Counter(u64::from(generation));
    Ok(envelope::seal_bytes(
        &key,
        drop,
        counter,
        random::bytes()?,
        &content,
    )?)
}

/// Opens a letter that is sealed under what the other body's last letter with keys came with.
#[must_use]
pub fn open_under(peer: &Peer, drop: &ChannelId, bytes: &[u8]) -> Option<SignedLetter> {
    let (generation, pair) = peer.pair.as_ref()?;
    let key = EnvelopeKey::from_bytes(pair.0);
    let content = envelope::open_bytes(&key, drop, Counter(u64::from(*generation)), bytes).ok()?;
    codec::decode(&content, codec::LIMIT).ok()
}

/// Drops letters in their order. Says which was the last that stands, whatever came after.
async fn drop_all(
    engine: &Engine,
    persona: &PersonaId,
    link: u32,
    bundle: Bundle,
) -> (Option<(u64, u64)>, Result<(), EngineError>) {
    let (mut last, purpose) = (None, Purpose::Letters(link));
    let relay = bundle.relay.clone();
    let result = async {
        let connection = engine.connection(&bundle.relay, persona, purpose).await?;
        for (number, heard, bytes) in bundle.letters {
            put(&connection, bundle.drop, &drop_key(&bundle.append), bytes).await?;
            last = Some((number, heard));
        }
        Ok(())
    }
    .await;
    engine.part_if_apart(&relay, persona, purpose).await;
    (last, result)
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
    let Some((ours, record, after)) = ({
        let room = live.room();
        let ours = room
            .state()
            .between
            .links
            .get(&link)
            .map(|link| link.ours.clone());
        let after = room.drop_read_to(link)?;
        ours.map(|ours| (ours, room.record().clone(), after))
    }) else {
        return Ok(());
    };
    let Ok(relay) = ours.relay.parse::<RelayAddress>() else {
        return Ok(());
    };
    let purpose = Purpose::Drop(link);
    let connection = engine.connection(&relay, &record.persona, purpose).await?;
    let key = drop_key(&ours.read);
    let opened = patiently(|| connection.open(ours.drop, Role::Read, &key)).await?;
    let mut reading = connection.read(opened.handle, after, true).await?;
    let ended = take_all(live, desk, link, &ours.drop, &mut reading).await;
    drop(reading);
    let _ = connection.close(opened.handle).await;
    ended
}

async fn take_all(
    live: &LiveRoom,
    desk: &Desk,
    link: u32,
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
        desk.read_to(link, entry.position);
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

    fn drop_read_to(&self, link: u32) -> Result<Position, EngineError> {
        let place = self.place(Table::Between, DROPS + u64::from(link));
        Ok(self.vault.overlay().get_value(&place)?.unwrap_or(Position(0)))
    }

    /// Writes down how far drops were read.
    pub(super) fn keep_drops_read_to(&mut self, read: &BTreeMap<u32, Position>) -> Result<(), EngineError> {
        if read.is_empty() {
            return Ok(());
        }
        self.transact(|room, overlay| {
            for (link, position) in read {
                overlay.put_value(room.place(Table::Between, DROPS + u64::from(*link)), position)?;
            }
            Ok(())
        })
    }
}
