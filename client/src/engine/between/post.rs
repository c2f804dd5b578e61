//! Letters to other bodies: those that wait in the log are sealed and dropped by whoever holds the root key, where the other
//! body is, and, where that fails or nobody reads them there, also where it may have gone.

use std::collections::HashMap;

use caucus_proto::codec;
use caucus_proto::envelope::{self, EnvelopeKey};
use caucus_proto::id::{ChannelId, Counter, PersonaId};
use caucus_proto::label::Label;
use caucus_proto::org::between::{Link, LinkSecret, SignedLetter};
use caucus_proto::org::{Power, RelayName};
use tokio::task::JoinSet;

use super::keys::{LinkKeys, drop_key};
use super::places::DropPlace;
use crate::engine::engine::Engine;
use crate::engine::errand::Errand;
use crate::engine::error::EngineError;
use crate::engine::invite::put;
use crate::engine::lanes::Purpose;
use crate::engine::live::LiveRoom;
use crate::engine::random;
use crate::engine::room::Room;
use crate::engine::sealed::seal;
use crate::relay::Connection;

/// Milliseconds that each further holder of the root key leaves letters to those before.
const WRITE_TURN_MS: u64 = 8_000;

/// Milliseconds after which a letter that is not acknowledged is dropped once more, at first and at most.
const AGAIN_MS: (u64, u64) = (5 * 60 * 1000, 6 * 60 * 60 * 1000);

/// Milliseconds after which the other is told how far its letters were read, where nothing else is written.
const ACKNOWLEDGE_MS: u64 = 20_000;

/// Milliseconds after which a drop that did not take a letter is tried again.
const PAUSE_MS: u64 = 5_000;

/// Milliseconds for which letters over a link that has ended are still sent.
const FAREWELL_MS: u64 = 24 * 60 * 60 * 1000;

/// Milliseconds for which a drop has to fail until the other body is looked for at its alternates: longer than it takes to
/// start a relay anew.
const LOST_MS: u64 = 20_000;

/// Milliseconds after which the other body is looked for at its alternates once more, at first and at most. Of two that look
/// for each other whoever comes second finds the first, so it may be long.
const LOOK_MS: (u64, u64) = (5_000, 15 * 60 * 1000);

/// Links that are written over at once, and whose other bodies are looked for at once.
const AT_ONCE: usize = 16;

/// Letters of one link that are sealed at once.
const OF_ONE: u64 = 8;

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
    /// How far the other had read when that was looked at last.
    acked: u64,
    /// How far the other was told that its letters were read.
    told: u64,
    /// Since when something waits.
    since: Option<u64>,
    not_before: u64,
    /// Since when its drop takes nothing.
    failing: Option<u64>,
    /// How often the other body was looked for at its alternates in a row, and when it is next.
    looked: u32,
    look_at: u64,
    /// The relay where the other was, if it had gone to one.
    site: Option<RelayName>,
    /// The relay where this body was, if it had gone to one.
    ours: Option<RelayName>,
}

/// Letters over one link, ready to be dropped.
struct Bundle {
    link: u32,
    /// Where the other body is, and then where it may have gone.
    places: Vec<DropPlace>,
    /// Its drop took letters before, and nobody read them.
    unread: bool,
    append: LinkSecret,
    /// Whom they are sealed to.
    sealing: Vec<u8>,
    letters: Vec<Ready>,
}

/// A signed letter, and what it may be sealed under.
struct Ready {
    signed: SignedLetter,
    pair: Option<(u32, LinkSecret)>,
}

/// What became of letters.
#[derive(Default)]
struct Dropped {
    /// The last that stands somewhere: its number, and up to which the other's were read by it.
    last: Option<(u64, u64)>,
    /// Why the other's own drop did not take all of them.
    error: Option<EngineError>,
    /// Some drop took all of them.
    taken: bool,
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
                sending.spawn(async move { (bundle.link, drop_all(&engine, &persona, &bundle).await) });
            }
            let Some(done) = sending.join_next().await else {
                break;
            };
            let Ok((link, dropped)) = done else {
                continue;
            };
            let now = engine.now().ms;
            let sent = self.0.entry(link).or_default();
            if let Some((number, heard)) = dropped.last {
                sent.at = now;
                sent.up_to = sent.up_to.max(number);
                sent.told = sent.told.max(heard);
                sent.since = None;
            }
            match &dropped.error {
                Some(_) => _ = sent.failing.get_or_insert(now),
                None => sent.stands(),
            }
            if !dropped.taken {
                sent.not_before = now.saturating_add(PAUSE_MS);
            }
            let error = dropped.error.filter(|_| !dropped.taken);
            live.link_trouble(link, error.map(|error| error.to_string()));
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
        let (mut bundles, mut looking) = (Vec::new(), 0);
        for (number, letters) in due {
            let sent = self.0.entry(number).or_default();
            let since = *sent.since.get_or_insert(now);
            if now.saturating_sub(since) < WRITE_TURN_MS.saturating_mul(rank as u64) {
                continue;
            }
            let elsewhere = looking < AT_ONCE && sent.looks_elsewhere(now);
            if elsewhere {
                looking += 1;
                sent.looks(now);
            }
            let unread = sent.again > 0;
            bundles.extend(bundle(&room, &keys, (number, elsewhere, unread), &letters));
        }
        Ok(bundles)
    }
}

impl Sent {
    /// Whether its drop fails for long.
    fn is_lost(&self, now: u64) -> bool {
        self.failing
            .is_some_and(|since| now.saturating_sub(since) >= LOST_MS)
    }

    /// Whether the other body is looked for now where it did not say that it is: its drop fails for long, or takes letters
    /// and nobody reads them.
    fn looks_elsewhere(&self, now: u64) -> bool {
        now >= self.look_at && (self.again > 0 || self.is_lost(now))
    }

    /// It is looked for; the next time later than this one.
    fn looks(&mut self, now: u64) {
        let (first, most) = LOOK_MS;
        let pause = first.saturating_mul(1 << self.looked.min(10)).min(most);
        self.look_at = now.saturating_add(pause);
        self.looked = self.looked.saturating_add(1);
    }

    /// Its drop takes letters.
    fn stands(&mut self) {
        self.failing = None;
        if self.again == 0 {
            self.looks_anew();
        }
    }

    /// Something changed since it was looked for: the next time is at once.
    fn looks_anew(&mut self) {
        (self.looked, self.look_at) = (0, 0);
    }

    /// Numbers of the letters that are to be sent now; 0 for one that only acknowledges.
    fn due(&mut self, link: &Link, now: u64) -> Vec<u64> {
        let over = link.ended.as_ref().is_some_and(|ended| {
            let ms = ended.at.0.saturating_mul(60_000).saturating_add(FAREWELL_MS);
            !ended.by_us || now > ms
        });
        let Some(peer) = link.peer.as_ref().filter(|_| !over) else {
            return Vec::new();
        };
        // What was dropped where it was before, it does not read.
        if self.site != peer.site {
            self.site.clone_from(&peer.site);
            (self.up_to, self.again, self.told) = (link.acked, 0, 0);
            self.not_before = 0;
            self.stands();
        }
        // Whoever came after it finds it.
        if self.ours != link.site {
            self.ours.clone_from(&link.site);
            self.looks_anew();
        }
        if now < self.not_before {
            return Vec::new();
        }
        if self.acked < link.acked {
            (self.acked, self.again) = (link.acked, 0);
            self.up_to = self.up_to.max(link.acked);
            self.looks_anew();
        }
        // What was dropped before its drop was lost may not have been read: where it is looked for, it finds all.
        if self.looked == 0 && self.is_lost(now) {
            self.up_to = link.acked;
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

fn bundle(
    room: &Room,
    keys: &LinkKeys,
    (number, elsewhere, unread): (u32, bool, bool),
    letters: &[u64],
) -> Option<Bundle> {
    let state = room.state();
    let peer = state.between.links.get(&number)?.peer.as_ref()?;
    let known = DropPlace::theirs(peer)?;
    let others = elsewhere.then(|| known.alternates(peer));
    let places = [known].into_iter().chain(others.into_iter().flatten());
    let ready = |letter: &u64| -> Option<Ready> {
        let root = keys.numbered(state.signs(number, *letter)?)?;
        let pair = state.seals(number, *letter);
        let letter = state.letter(number, *letter)?;
        let signature = root.keys().sign(&SignedLetter::digest(&letter).ok()?);
        let signed = SignedLetter { letter, signature };
        Some(Ready { signed, pair })
    };
    Some(Bundle {
        link: number,
        places: places.collect(),
        unread,
        append: peer.card.append.clone(),
        sealing: peer.card.sealing.clone(),
        letters: letters.iter().map_while(ready).collect(),
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

impl Ready {
    /// As it lies in a drop, which it is bound to.
    fn sealed(&self, sealing: &[u8], drop: &ChannelId) -> Result<Vec<u8>, EngineError> {
        match &self.pair {
            Some((generation, pair)) => sealed_under(pair, *generation, drop, &self.signed),
            None => seal(sealing, Label::SealedLetter, drop, &self.signed)
                .map_err(|error| EngineError::RoomState(error.to_string())),
        }
    }
}

/// Drops letters wherever the other body may read them: first where it is, as far as it said. Elsewhere it is looked for over
/// connections of nobody's, which end with that.
async fn drop_all(engine: &Engine, persona: &PersonaId, bundle: &Bundle) -> Dropped {
    let (mut dropped, purpose) = (Dropped::default(), Purpose::Letters(bundle.link));
    let mut places = bundle.places.iter();
    if let Some(known) = places.next() {
        let result = match engine.connection(&known.relay, persona, purpose).await {
            Ok(connection) => drop_at(&connection, bundle, known, &mut dropped.last).await,
            Err(error) => Err(error),
        };
        engine.part_if_apart(&known.relay, persona, purpose).await;
        dropped.taken = result.is_ok();
        dropped.error = result.err();
    }
    // A drop that takes them again is the one to use: its relay was away, or this device's network.
    if dropped.taken && !bundle.unread {
        return dropped;
    }
    for place in places {
        // Where it cannot be dropped, the other body has not gone.
        if let Ok((_errand, connection)) = Errand::to(engine, &place.relay).await {
            let result = drop_at(&connection, bundle, place, &mut dropped.last).await;
            dropped.taken |= result.is_ok();
        }
    }
    dropped
}

/// Drops letters in their order in one drop. Says which was the last that stands, whatever came after.
async fn drop_at(
    connection: &Connection,
    bundle: &Bundle,
    place: &DropPlace,
    last: &mut Option<(u64, u64)>,
) -> Result<(), EngineError> {
    for ready in &bundle.letters {
        let bytes = ready.sealed(&bundle.sealing, &place.channel)?;
        put(connection, place.channel, &drop_key(&bundle.append), bytes).await?;
        let letter = &ready.signed.letter;
        *last = (*last).max(Some((letter.number, letter.heard)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_body_is_looked_for_later_and_later_until_something_changes() {
        let mut sent = Sent {
            failing: Some(0),
            ..Sent::default()
        };
        assert!(!sent.looks_elsewhere(LOST_MS - 1));
        let day = 24 * 60 * 60 * 1000;
        let (mut now, mut looks) = (LOST_MS, 0);
        while now < day {
            if sent.looks_elsewhere(now) {
                sent.looks(now);
                looks += 1;
            }
            now += PAUSE_MS;
        }
        assert!((90..120).contains(&looks), "{looks} times a day");
        // Its drop takes letters, and fails anew.
        sent.stands();
        assert!(!sent.looks_elsewhere(now));
        sent.failing = Some(now);
        assert!(sent.looks_elsewhere(now + LOST_MS));
        // One that takes letters which nobody reads is no reason to look at once again.
        let mut sent = Sent {
            again: 1,
            ..Sent::default()
        };
        assert!(sent.looks_elsewhere(0));
        sent.looks(0);
        sent.stands();
        assert!(!sent.looks_elsewhere(LOOK_MS.0 - 1));
        sent.looks_anew();
        assert!(sent.looks_elsewhere(LOOK_MS.0 - 1));
    }
}
