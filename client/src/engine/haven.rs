//! What a device does whose room's relay is lost: it says so in the room's refuge at the relays that the charter names,
//! in their order. Where more than half of the room's people say so, the room goes on at the first of these that answers:
//! in a channel that everybody can find and make who has the access secret, from the last entry that any of them has read.
//! Who had read less or more is renewed there; what they said waits and is sent again.
//!
//! Fewer than that wait: they alone are cut off, and the others go on where they were. Whoever comes back to the old relay,
//! or looks there for the first time, finds in the refuge where the room lies now.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use caucus_proto::codec;
use caucus_proto::envelope::{Body, Content, RefugeSecret};
use caucus_proto::id::{ChannelId, Minutes, PersonaId, Position};
use caucus_proto::org::{NoticeKind, RelayName, SignedNotice};
use caucus_proto::wire::{RefusedBecause, RelayAddress, Role, Served, bucket};

use super::engine::Engine;
use super::error::EngineError;
use super::lanes::Purpose;
use super::live::LiveRoom;
use super::record::{Health, Job};
use super::refuge;
use super::room::Room;
use super::send::Now;
use super::site::{self, Site};
use crate::relay::{Connection, LinkError};
use crate::vault::Overlay;

/// How often a device whose relay is lost looks elsewhere.
const LOOK: Duration = Duration::from_secs(1);

/// Milliseconds without the relay after which it counts as lost: longer than it takes to start one anew.
const LOST_MS: u64 = 20_000;

/// Milliseconds for which a relay that is lost leaves people to read its copy to the end.
const COPY_MS: u64 = 30_000;

/// Milliseconds after which a device says again that it is stranded, at first and later.
const SAY_AGAIN_MS: (u64, u64) = (60_000, 10 * 60_000);

/// How often it says so at first.
const OFTEN: u32 = 10;

/// Milliseconds for which somebody who says so counts as stranded.
const FRESH_MS: u64 = 2 * SAY_AGAIN_MS.1;

/// Minutes by which others' clocks may be behind this device's.
const CLOCKS: u64 = 60;

/// Milliseconds in which people are heard before the room goes on, and that each leaves to those who have read further.
const SETTLE_MS: u64 = 2_000;
const TURN_MS: u64 = 3_000;

/// Channels that are tried: one that leads nowhere may have been made by somebody who means harm.
const ATTEMPTS: u8 = 4;

/// Refuges, the latest, in which it stands where the room lies: a quarter of weekly cuts.
const TOLD: usize = 13;

/// Milliseconds after which the relay of before is tried again, to leave word there.
const FAREWELL_AGAIN_MS: u64 = 15_000;

/// Somebody who says that they are stranded.
#[derive(Clone, Copy, Debug)]
struct Voice {
    /// How far they had read.
    position: Position,
    /// Their clock, in minutes.
    made: u64,
    /// Heard at this millisecond; none where it may have been said long ago.
    heard: Option<u64>,
}

/// What was heard at one relay.
#[derive(Default)]
struct Heard {
    /// How far its refuge was read.
    read: Position,
    voices: BTreeMap<PersonaId, Voice>,
    /// When this device said it last, and how often it has.
    said: Option<u64>,
    times: u32,
    /// Since when enough people are stranded.
    enough: Option<u64>,
}

/// Where a keyholder says that the room lies.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Hint {
    relay: RelayAddress,
    channel: ChannelId,
    after: Position,
}

/// What is left at the relay of before.
struct Farewell {
    relay: RelayAddress,
    refuges: Vec<RefugeSecret>,
    content: Vec<u8>,
}

/// A channel that carries the room on.
struct Found {
    site: Site,
    after: Position,
}

impl Room {
    /// As whom, and for what, a relay is asked about this room.
    pub(super) const fn asks_as(&self) -> (PersonaId, Purpose) {
        (self.record.persona, Purpose::Room(self.record.room))
    }

    /// The relays that the charter names, but for the one of now.
    pub(super) fn alternates(&self) -> Vec<RelayAddress> {
        let named = self.state.charter().relays.alternates.iter();
        named
            .filter_map(|name| name.as_str().parse().ok())
            .filter(|relay| *relay != self.record.relay)
            .collect()
    }

    /// A notice in a refuge that says where the room lies. One who follows its log goes by the log.
    pub(super) fn hear_relocation(&mut self, notice: &SignedNotice) {
        let NoticeKind::Relocated {
            relay,
            channel,
            after,
        } = &notice.notice.kind
        else {
            return;
        };
        let Ok(relay) = relay.as_str().parse::<RelayAddress>() else {
            return;
        };
        let counts = notice.author != self.record.persona
            && self.state.keyholders().contains(&notice.author)
            && relay != self.record.relay
            && !self.record.former.iter().any(|former| former.relay == relay)
            && self.is_signed(notice);
        if counts {
            self.plan.hint = Some(Hint {
                relay,
                channel: *channel,
                after: *after,
            });
        }
    }

    fn hear_stranded(&self, notice: &SignedNotice, heard: &mut Heard, first: bool, now: Now) {
        let NoticeKind::Stranded { position, made, .. } = notice.notice.kind else {
            return;
        };
        let near = made.0.abs_diff(now.minutes.0) <= FRESH_MS / 60_000;
        if !self.is_signed(notice) {
            return;
        }
        let voice = Voice {
            position,
            made: made.0,
            heard: (!first || near).then_some(now.ms),
        };
        let known = heard.voices.entry(notice.author).or_insert(voice);
        if known.made <= voice.made {
            *known = voice;
        }
    }

    /// Whether so many are stranded that the room may go on elsewhere: this device among them.
    fn are_enough<'a>(&self, voices: impl Iterator<Item = &'a PersonaId>) -> bool {
        let me = self.record.persona;
        self.state.may_go_on_without(voices.copied().chain([me]))
    }

    /// Since this device was last in step with the others: what was said before is about another time.
    fn in_step_until(&self) -> u64 {
        self.cursor
            .synced
            .map_or(0, |synced| synced.0.saturating_sub(CLOCKS))
    }

    /// Place of this device among those who may make the channel: who has read furthest is the first.
    fn place_among(&self, voices: &BTreeMap<PersonaId, Voice>, now: Now) -> usize {
        let order = self.state.in_order();
        let place = |persona: &PersonaId| order.iter().position(|other| other == persona);
        let mine = (self.cursor.position, place(&self.record.persona));
        let before = |(persona, voice): &(&PersonaId, &Voice)| {
            let theirs = (voice.position, place(persona));
            **persona != self.record.persona
                && is_fresh(voice, now)
                && (theirs.0 > mine.0 || theirs.0 == mine.0 && theirs.1 < mine.1)
        };
        voices.iter().filter(before).count()
    }

    /// From the entry after `after` on the log lies there. Who has read less or more asks to be renewed.
    fn go_over(
        &mut self,
        relay: &RelayAddress,
        site: Site,
        after: Position,
        now: Now,
    ) -> Result<(), EngineError> {
        self.transact(|room, overlay| {
            let read = room.cursor.position;
            room.go_to(overlay, relay.clone(), site, after)?;
            room.forget_own_renewal(overlay)?;
            if read == after && matches!(room.cursor.health, Health::Open | Health::Gone) {
                room.cursor.health = Health::Open;
            } else {
                if read > after {
                    room.say_again(overlay, after)?;
                }
                let why = match read.0.saturating_sub(after.0) {
                    0 => "the relay was lost, and the others had read further".to_owned(),
                    more => format!(
                        "the relay was lost, and the others go on without the last entries that it showed this device: {more}"
                    ),
                };
                let at = read.min(after).next();
                room.cursor.health = Health::Unsynced { at, why };
            }
            room.tell_where(overlay, now.minutes)?;
            room.keep(overlay)
        })?;
        self.forgive()
    }

    /// Leaves word in the refuges of the relay of now where the room lies: for who looks for it there.
    pub(super) fn tell_where(&self, overlay: &Overlay, now: Minutes) -> Result<(), EngineError> {
        if !self.is_keyholder() {
            return Ok(());
        }
        if let Some(content) = self.word_of_relocation(now)? {
            for refuge in self.known_refuges().into_iter().rev().take(TOLD) {
                let content = content.clone();
                self.keep_job(overlay, &Job::SpeakInRefuge { refuge, content })?;
            }
        }
        Ok(())
    }

    fn word_of_relocation(&self, now: Minutes) -> Result<Option<Vec<u8>>, EngineError> {
        let Some(former) = self.record.former.last() else {
            return Ok(None);
        };
        let Ok(relay) = RelayName::try_from(self.record.relay.to_string()) else {
            return Ok(None);
        };
        let notice = self.notice(NoticeKind::Relocated {
            relay,
            channel: self.record.lies_in(),
            after: former.until,
        })?;
        let content = self.content(Body::Notice(notice), now, true)?;
        Ok(Some(codec::encode(&content, bucket::LARGEST)?))
    }

    /// The relay that is still to be told, with the refuges and what to say there.
    fn farewell(&self, now: Now) -> Result<Option<Farewell>, EngineError> {
        let untold = self.record.former.last().filter(|former| !former.told);
        let (Some(former), true) = (untold, self.is_keyholder()) else {
            return Ok(None);
        };
        let refuges = self.known_refuges().into_iter().rev().take(TOLD).collect();
        let content = self.word_of_relocation(now.minutes)?;
        Ok(content.map(|content| Farewell {
            relay: former.relay.clone(),
            refuges,
            content,
        }))
    }

    fn farewell_said(&mut self) -> Result<(), EngineError> {
        self.transact(|room, overlay| {
            if let Some(former) = room.record.former.last_mut() {
                former.told = true;
            }
            room.keep_record(overlay)
        })
    }
}

fn is_fresh(voice: &Voice, now: Now) -> bool {
    voice
        .heard
        .is_some_and(|heard| now.ms.saturating_sub(heard) < FRESH_MS)
}

/// Looks after a room whose relay may be lost, or that lies elsewhere already. Over once this device has gone over.
pub(super) async fn session(engine: &Engine, room: &LiveRoom) {
    let mut heard: HashMap<RelayAddress, Heard> = HashMap::new();
    let mut told: u64 = 0;
    loop {
        tokio::time::sleep(LOOK).await;
        let now = engine.now();
        if now.ms.saturating_sub(told) >= FAREWELL_AGAIN_MS {
            told = now.ms;
            // A relay that stays away needs no farewell, and is tried again.
            let _ = say_farewell(engine, room, now).await;
        }
        let hint = room.room().plan.hint.take();
        if let Some(hint) = hint
            && matches!(follow_hint(engine, room, &hint).await, Ok(true))
        {
            return;
        }
        if !room.is_lost(now.ms, LOST_MS) {
            leave(engine, room, &mut heard).await;
            continue;
        }
        if room.reads_copy_first() && !room.is_lost(now.ms, LOST_MS.saturating_add(COPY_MS)) {
            continue;
        }
        if look(engine, room, &mut heard).await {
            return;
        }
    }
}

/// Gives up the connections to relays that are of no use any more.
async fn leave(engine: &Engine, room: &LiveRoom, heard: &mut HashMap<RelayAddress, Heard>) {
    if heard.is_empty() {
        return;
    }
    let (persona, purpose) = room.room().asks_as();
    for (relay, _) in heard.drain() {
        engine.part(&relay, &persona, purpose).await;
    }
}

/// One look at every alternate. True once this device has gone over.
async fn look(engine: &Engine, room: &LiveRoom, heard: &mut HashMap<RelayAddress, Heard>) -> bool {
    let (alternates, (persona, purpose)) = {
        let room = room.room();
        (room.alternates(), room.asks_as())
    };
    let mut leads = true;
    for relay in alternates {
        let Ok(connection) = engine.connection(&relay, &persona, purpose).await else {
            continue;
        };
        let heard = heard.entry(relay.clone()).or_default();
        match at(engine, room, &relay, &connection, heard, leads).await {
            Ok(true) => return true,
            Ok(false) => leads = false,
            // Of no use now; the next one may be.
            Err(_) => {}
        }
    }
    false
}

/// Looks at one alternate. The first that answers leads: there the room goes on if enough are stranded.
async fn at(
    engine: &Engine,
    room: &LiveRoom,
    relay: &RelayAddress,
    connection: &Connection,
    heard: &mut Heard,
    leads: bool,
) -> Result<bool, EngineError> {
    hear(engine, room, connection, heard).await?;
    let now = engine.now();
    let followed = {
        let room = room.room();
        let since = room.in_step_until();
        let voices = heard.voices.iter().filter(|(_, voice)| voice.made >= since);
        room.are_enough(voices.map(|(persona, _)| persona))
    };
    if followed && let Some(found) = find(room, relay, connection, heard).await? {
        room.room().go_over(relay, found.site, found.after, now)?;
        return Ok(true);
    }
    if !leads {
        return Ok(false);
    }
    say(engine, room, relay, connection, heard).await?;
    let (enough, place, able) = {
        let room = room.room();
        let fresh = heard.voices.iter().filter(|(_, voice)| is_fresh(voice, now));
        let able = matches!(room.cursor().health, Health::Open | Health::Gone);
        let enough = room.are_enough(fresh.map(|(persona, _)| persona));
        (enough, room.place_among(&heard.voices, now), able)
    };
    if !enough {
        heard.enough = None;
        return Ok(false);
    }
    let since = *heard.enough.get_or_insert(now.ms);
    let turn = SETTLE_MS.saturating_add(TURN_MS.saturating_mul(place as u64));
    if able && now.ms.saturating_sub(since) >= turn {
        make(engine, room, relay, connection).await?;
    }
    Ok(false)
}

/// Makes the first channel that nobody else has made in bad faith.
async fn make(
    engine: &Engine,
    room: &LiveRoom,
    relay: &RelayAddress,
    connection: &Connection,
) -> Result<(), EngineError> {
    let access = room.room().cursor().access.clone();
    for attempt in 0..ATTEMPTS {
        let seed = access.haven(&relay.to_string(), attempt);
        site::create(engine, room, connection, relay, &seed).await?;
        let opened = connection
            .open(seed.channel(), Role::Read, &access.read_key())
            .await;
        match opened {
            Err(LinkError::Refused(RefusedBecause::NotOpened)) => {}
            Err(error) => return Err(error.into()),
            Ok(opened) => {
                let _ = connection.close(opened.handle).await;
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The channel in which others went on: it begins after an entry that one of them, or this device, had read last.
async fn find(
    room: &LiveRoom,
    relay: &RelayAddress,
    connection: &Connection,
    heard: &Heard,
) -> Result<Option<Found>, EngineError> {
    let (access, mine) = {
        let room = room.room();
        (room.cursor().access.clone(), room.cursor().position)
    };
    for attempt in 0..ATTEMPTS {
        let channel = access.haven(&relay.to_string(), attempt).channel();
        let opened = match connection.open(channel, Role::Read, &access.read_key()).await {
            Err(LinkError::Refused(RefusedBecause::NotOpened)) => continue,
            other => other?,
        };
        let mut reading = connection.read(opened.handle, Position(0), false).await?;
        let after = match reading.next().await? {
            Served::Entry(entry) => Position(entry.position.0.saturating_sub(1)),
            _ => opened.newest,
        };
        drop(reading);
        let _ = connection.close(opened.handle).await;
        let known = after == mine || heard.voices.values().any(|voice| voice.position == after);
        if known {
            let site = Site {
                channel,
                begins: None,
            };
            return Ok(Some(Found { site, after }));
        }
    }
    Ok(None)
}

/// Reads what stands in the refuge of the secret of now.
async fn hear(
    engine: &Engine,
    room: &LiveRoom,
    connection: &Connection,
    heard: &mut Heard,
) -> Result<(), EngineError> {
    let refuge = room.room().cursor().access.refuge();
    let first = heard.said.is_none();
    let (contents, read) = refuge::read(connection, &refuge, heard.read).await?;
    heard.read = read;
    let now = engine.now();
    let mut room = room.room();
    for Content { body, .. } in contents {
        if let Body::Notice(notice) = body {
            room.hear_stranded(&notice, heard, first, now);
            room.hear_relocation(&notice);
        }
    }
    Ok(())
}

/// Says that this device is stranded, now and then.
async fn say(
    engine: &Engine,
    room: &LiveRoom,
    relay: &RelayAddress,
    connection: &Connection,
    heard: &mut Heard,
) -> Result<(), EngineError> {
    let now = engine.now();
    let pause = if heard.times < OFTEN {
        SAY_AGAIN_MS.0
    } else {
        SAY_AGAIN_MS.1
    };
    if heard.said.is_some_and(|said| now.ms.saturating_sub(said) < pause) {
        return Ok(());
    }
    let (refuge, content) = {
        let room = room.room();
        let cursor = room.cursor();
        let notice = room.notice(NoticeKind::Stranded {
            position: cursor.position,
            running: cursor.running,
            made: now.minutes,
        })?;
        let content = room.content(Body::Notice(notice), now.minutes, true)?;
        (cursor.access.refuge(), codec::encode(&content, bucket::LARGEST)?)
    };
    refuge::put(connection, &refuge, &content, engine.take_pass(relay)).await?;
    heard.said = Some(now.ms);
    heard.times = heard.times.saturating_add(1);
    Ok(())
}

/// Goes where a keyholder says that the room lies. One who follows its log at the old relay only if more than half say
/// that they left.
async fn follow_hint(engine: &Engine, room: &LiveRoom, hint: &Hint) -> Result<bool, EngineError> {
    let (persona, purpose) = room.room().asks_as();
    let connection = engine.connection(&hint.relay, &persona, purpose).await?;
    let mut heard = Heard::default();
    hear(engine, room, &connection, &mut heard).await?;
    let now = engine.now();
    let (left, follows) = {
        let room_ = room.room();
        let follows = room.is_live() && room_.cursor().health == Health::Open;
        (room_.are_enough(heard.voices.keys()), follows)
    };
    if left && let Some(found) = find(room, &hint.relay, &connection, &heard).await? {
        room.room().go_over(&hint.relay, found.site, found.after, now)?;
        return Ok(true);
    }
    if follows {
        return Ok(false);
    }
    let site = Site {
        channel: hint.channel,
        begins: None,
    };
    room.room().go_over(&hint.relay, site, hint.after, now)?;
    Ok(true)
}

/// Leaves word at the relay of before where the room lies now, once it can be reached.
async fn say_farewell(engine: &Engine, room: &LiveRoom, now: Now) -> Result<(), EngineError> {
    let farewell = room.room().farewell(now)?;
    let Some(Farewell {
        relay,
        refuges,
        content,
    }) = farewell
    else {
        return Ok(());
    };
    let (persona, purpose) = room.room().asks_as();
    let connection = engine.connection(&relay, &persona, purpose).await?;
    for refuge in &refuges {
        refuge::put(&connection, refuge, &content, engine.take_pass(&relay)).await?;
    }
    engine.part(&relay, &persona, purpose).await;
    room.room().farewell_said()
}
