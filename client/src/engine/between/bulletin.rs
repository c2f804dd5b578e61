//! The body's own bulletin: published from the log by whoever is an editor, turned by whoever holds the root key, and read
//! by everybody in the body, so that what does not stand in the log is seen.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use caucus_proto::id::{ChannelId, Minutes, Position};
use caucus_proto::org::Power;
use caucus_proto::org::between::{Bulletin, Follower, Fresh, House, Posted, Rogue, SignedEntry, Taken};
use caucus_proto::wire::{Change, RefusedBecause, RelayAddress, Role, Served};
use x25519_dalek::PublicKey;

use super::feed::{fresh, take};
use super::keys::{access, append_key, entry_key, read_key, sealed_post};
use super::record::{FeedCursor, FeedRecord};
use crate::engine::blob::random_controls;
use crate::engine::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::lanes::Purpose;
use crate::engine::live::LiveRoom;
use crate::engine::relay::patiently;
use crate::relay::{Appended, Connection, LinkError, Reading};

/// Number under which the body's own bulletin is kept.
pub(in crate::engine) const OWN: u32 = 0;

/// How long the bulletin is left alone that does not open.
const CLOSED: Duration = Duration::from_secs(3);

/// Entries that are published once more where the bulletin goes on at another relay, for those who had not read them.
const CARRIED_OVER: u64 = 64;

/// How often it is looked whether something is to be published.
const TICK: Duration = Duration::from_millis(500);

/// Milliseconds that each further editor leaves publishing to those before.
const PUBLISH_TURN_MS: u64 = 3_000;

/// Minutes after which readers are told that there is nothing newer.
const FRESH: u64 = 24 * 60;

/// Runs until the bulletin's keys turn, or the relay is gone.
pub(super) async fn run(engine: Engine, live: Arc<LiveRoom>) {
    let ended = session(&engine, &live).await;
    live.feed_trouble(OWN, ended.err().map(|error| error.to_string()));
    tokio::time::sleep(CLOSED).await;
}

async fn session(engine: &Engine, live: &LiveRoom) -> Result<(), EngineError> {
    let Some((house, bulletin, persona)) = ({
        let room = live.room();
        let house = room.state().between.house().cloned();
        house.and_then(|house| {
            let bulletin = house.bulletin.clone()?;
            Some((house, bulletin, room.me()))
        })
    }) else {
        return Ok(());
    };
    let Ok(relay) = bulletin.reading.relay.parse::<RelayAddress>() else {
        return Ok(());
    };
    let connection = engine.connection(&relay, &persona, Purpose::Bulletin).await?;
    let key = read_key(&bulletin.reading.secret);
    let opened = match connection.open(bulletin.reading.channel, Role::Read, &key).await {
        Err(LinkError::Refused(RefusedBecause::NotOpened)) => {
            return turn(live, &connection, &bulletin).await;
        }
        other => other?,
    };
    let mut cursor = {
        let mut room = live.room();
        // What else stands there is seen as it is read.
        let first = house.last.0.saturating_sub(CARRIED_OVER);
        let carry_over = |cursor: &mut FeedCursor| cursor.published = cursor.published.min(first);
        let kept = room.feed_cursor_in(OWN, bulletin.reading.channel, carry_over)?;
        kept.unwrap_or_else(|| fresh(Follower::new(room.record().body, house.root)))
    };
    cursor.generation = bulletin.reading.generation;
    let mut reading = connection.read(opened.handle, cursor.position, true).await?;
    live.feed_trouble(OWN, None);
    let mut own = Own {
        engine,
        live,
        connection: &connection,
        bulletin,
        cursor,
        caught_up: false,
        awaited: Position(0),
        due: None,
        unproven: Vec::new(),
    };
    let ended = own.run(&mut reading).await;
    drop(reading);
    let _ = connection.close(opened.handle).await;
    ended
}

/// Brings the channel's keys to those that the log names. A control key that an earlier root key gave is changed.
async fn turn(live: &LiveRoom, connection: &Connection, bulletin: &Bulletin) -> Result<(), EngineError> {
    let keys = {
        let room = live.room();
        if !room.holds(Power::Link) {
            return Ok(());
        }
        room.link_keys()?
    };
    let channel = bulletin.reading.channel;
    for (place, root) in keys.roots().enumerate() {
        let opened = match connection.open(channel, Role::Control, &root.control()).await {
            Err(LinkError::Refused(RefusedBecause::NotOpened)) => continue,
            other => other?,
        };
        if place > 0
            && let Some(latest) = keys.roots().next()
        {
            let mut controls = random_controls()?;
            if let Some(first) = controls.first_mut() {
                *first = PublicKey::from(&latest.control()).to_bytes();
            }
            let change = Change::Controls { controls, solo: true };
            connection.change(opened.handle, change).await?;
        }
        let posted = sealed_post(
            &entry_key(&bulletin.reading.secret),
            &channel,
            opened.counter,
            &Posted::Turned,
        )?;
        let next = access(&bulletin.reading.secret, &bulletin.publishing);
        let bytes = Bytes::from(posted);
        let cut = connection
            .cut(opened.handle, opened.counter, bytes, next, Vec::new())
            .await;
        let _ = connection.close(opened.handle).await;
        // Somebody else was first, or it is too early: it is looked at again.
        return match cut {
            Ok(_) | Err(LinkError::Refused(RefusedBecause::TooFast { .. } | RefusedBecause::Held { .. })) => {
                Ok(())
            }
            Err(error) => Err(error.into()),
        };
    }
    Ok(())
}

struct Own<'a> {
    engine: &'a Engine,
    live: &'a LiveRoom,
    connection: &'a Connection,
    bulletin: Bulletin,
    cursor: FeedCursor,
    caught_up: bool,
    /// What was published last lies here: before it is read, nothing more is.
    awaited: Position,
    /// Since when something is to be published, in milliseconds.
    due: Option<u64>,
    /// Entries that the log did not show yet when they were read.
    unproven: Vec<(u64, [u8; 32])>,
}

impl Own<'_> {
    async fn run(&mut self, reading: &mut Reading) -> Result<(), EngineError> {
        loop {
            tokio::select! {
                served = reading.next() => match served? {
                    Served::Entry(entry) => {
                        let at = self.engine.now().minutes;
                        let taken = take(
                            &mut self.cursor,
                            &self.bulletin.reading.secret,
                            &self.bulletin.reading.channel,
                            &entry,
                            at,
                        );
                        self.note(taken, at)?;
                    }
                    Served::CaughtUp { .. } => {
                        self.caught_up = true;
                        self.cursor.read = self.engine.now().minutes;
                        self.live.room().keep_feed(self.place(), &self.cursor, None)?;
                    }
                    _ => return Ok(()),
                },
                () = tokio::time::sleep(TICK) => {
                    if self.is_turned() {
                        return Ok(());
                    }
                    self.prove()?;
                    if self.caught_up && self.cursor.position >= self.awaited {
                        self.publish().await?;
                    }
                }
            }
        }
    }

    const fn place(&self) -> (u32, ChannelId) {
        (OWN, self.bulletin.reading.channel)
    }

    fn is_turned(&self) -> bool {
        let room = self.live.room();
        let bulletin = room
            .state()
            .between
            .house()
            .and_then(|house| house.bulletin.as_ref());
        bulletin.is_none_or(|now| now.reading.generation != self.bulletin.reading.generation)
    }

    fn note(&mut self, taken: Option<(Posted, Taken)>, at: Minutes) -> Result<(), EngineError> {
        let mut record = None;
        match taken {
            Some((Posted::Masthead(signed), _)) => {
                let known = self.cursor.follower.masthead.as_ref();
                if known.is_some_and(|known| known.masthead.number == signed.masthead.number) {
                    self.cursor.masthead_in = self.bulletin.reading.generation;
                }
            }
            Some((Posted::Entry(signed), taken)) => {
                self.unproven.push((signed.entry.number, signed.entry.hash()?));
                if let Taken::Entry { .. } = taken {
                    record = Some(FeedRecord::read(signed, at));
                }
            }
            _ => {}
        }
        self.live
            .room()
            .keep_feed(self.place(), &self.cursor, record.as_ref())?;
        self.engine.changed();
        Ok(())
    }

    /// What was published and does not stand in the log is no word of the body.
    fn prove(&mut self) -> Result<(), EngineError> {
        if self.unproven.is_empty() || !self.live.is_live() {
            return Ok(());
        }
        let at = self.engine.now().minutes;
        let unproven = std::mem::take(&mut self.unproven);
        for (number, hash) in unproven {
            match self.stands(number, hash) {
                Some(true) => self.cursor.published = self.cursor.published.max(number),
                Some(false) => self.cursor.note(at, Rogue::NotDecided),
                None => {}
            }
        }
        self.live.room().keep_feed(self.place(), &self.cursor, None)?;
        self.engine.changed();
        Ok(())
    }

    /// Whether the log has an entry; nothing where it remembers that far no more.
    fn stands(&self, number: u64, hash: [u8; 32]) -> Option<bool> {
        let room = self.live.room();
        let state = room.state();
        if let Some(entry) = state.entry(number) {
            return Some(entry.hash().ok() == Some(hash));
        }
        let oldest = state.between.issued.values().find_map(|issued| issued.entry);
        let remembered = oldest.is_some_and(|(first, _)| number >= first);
        let last = state.between.house().map_or(0, |house| house.last.0);
        (remembered || number > last).then_some(false)
    }

    /// Publishes the next of what the log has and the channel has not, where this person is an editor.
    async fn publish(&mut self) -> Result<(), EngineError> {
        let Some(posted) = self.next_post()? else {
            self.due = None;
            return Ok(());
        };
        let now = self.engine.now().ms;
        let since = *self.due.get_or_insert(now);
        let rank = self.rank().unwrap_or(usize::MAX) as u64;
        if now.saturating_sub(since) < PUBLISH_TURN_MS.saturating_mul(rank) {
            return Ok(());
        }
        let channel = self.bulletin.reading.channel;
        let key = append_key(&self.bulletin.publishing);
        let opened = match patiently(|| self.connection.open(channel, Role::Append, &key)).await {
            // The keys are about to turn.
            Err(LinkError::Refused(RefusedBecause::NotOpened)) => return Ok(()),
            other => other?,
        };
        let entries = entry_key(&self.bulletin.reading.secret);
        let bytes = Bytes::from(sealed_post(&entries, &channel, opened.counter, &posted)?);
        let appended = patiently(|| {
            self.connection
                .append(opened.handle, opened.counter, bytes.clone())
        })
        .await;
        let _ = self.connection.close(opened.handle).await;
        match appended? {
            // It is seen as it comes back.
            Appended::Stored(position) => self.awaited = position,
            Appended::Moved { .. } => {}
        }
        Ok(())
    }

    fn rank(&self) -> Option<usize> {
        let room = self.live.room();
        let key = room.link_keys().ok()?.editor()?.public();
        let editors = &room.state().between.house()?.masthead.as_ref()?.masthead.editors;
        editors.iter().position(|editor| editor.key == key)
    }

    fn next_post(&self) -> Result<Option<Posted>, EngineError> {
        let room = self.live.room();
        let (Some(house), Some(editor)) = (room.state().between.house(), room.link_keys()?.editor()) else {
            return Ok(None);
        };
        let Some(masthead) = &house.masthead else {
            return Ok(None);
        };
        let mine = masthead
            .masthead
            .editors
            .iter()
            .any(|known| known.key == editor.public());
        if !mine || room.may_act().is_err() {
            return Ok(None);
        }
        if let Some(posted) = self.house_post(house) {
            return Ok(Some(posted));
        }
        let mut issued = room.state().between.issued.values();
        let oldest = issued
            .find_map(|issued| issued.entry)
            .map_or(0, |(number, _)| number);
        // What the log remembers no more cannot be published again.
        let number = self.cursor.published.saturating_add(1).max(oldest);
        let masthead = masthead.masthead.number;
        if number <= house.last.0
            && let Some(entry) = room.state().entry(number)
        {
            let signature = editor.sign(&entry.digest(masthead)?);
            return Ok(Some(Posted::Entry(SignedEntry {
                entry,
                masthead,
                key: editor.public(),
                signature,
            })));
        }
        let now = room.state().now();
        let old = self.cursor.follower.fresh.0.saturating_add(FRESH) <= now.0;
        if house.last.0 == 0 || !old || number <= house.last.0 {
            return Ok(None);
        }
        let mut fresh = Fresh {
            body: room.record().body,
            number: house.last.0,
            hash: house.last.1,
            at: now,
            masthead,
            key: editor.public(),
            signature: [0; 64].into(),
        };
        fresh.signature = editor.sign(&fresh.digest());
        Ok(Some(Posted::Fresh(fresh)))
    }

    /// Who may publish has to stand there, under the keys of now, before anything that they publish.
    fn house_post(&self, house: &House) -> Option<Posted> {
        if self.cursor.follower.root.number < house.root.number {
            return house.chain.map(|chain| Posted::Root(house.root, chain));
        }
        let masthead = house.masthead.as_ref()?;
        let known = self.cursor.follower.masthead.as_ref();
        let stands = known.is_some_and(|known| known.masthead.number >= masthead.masthead.number)
            && self.cursor.masthead_in == self.bulletin.reading.generation;
        (!stands).then(|| Posted::Masthead(masthead.clone()))
    }
}
