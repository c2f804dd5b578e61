//! The refuge of an access secret: a channel that whoever has the secret can find, where one who cannot follow a
//! cut is still heard, and where everybody says after a cut what they saw. Anybody carries what stands there into
//! the room.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use caucus_proto::codec;
use caucus_proto::envelope::{self, AccessSecret, Body, CommonKeys, Content, RefugeSecret};
use caucus_proto::id::{ChannelId, Counter, Minutes, Position};
use caucus_proto::org::{NoticeKind, SignedNotice};
use caucus_proto::wire::{Access, ChannelSpec, Entry, Pass, RefusedBecause, Retention, Role, Served, bucket};
use tokio::sync::mpsc;
use x25519_dalek::PublicKey;

use super::engine::Engine;
use super::error::EngineError;
use super::live::LiveRoom;
use super::pump::Ended;
use super::record::Job;
use super::relay::patiently;
use super::room::Room;
use super::session::Session;
use crate::relay::{Appended, Connection, LinkError, Reading};
use crate::vault::Overlay;

/// Access secrets from before that are kept: to answer wrong keys, and to follow an answer.
pub(super) const OLDER: usize = 2;

/// Refuges that are looked into: a year of weekly cuts.
pub(super) const REFUGES: usize = 52;

/// Of these, the latest, which are followed: that of the secret of now, and of the two before.
pub(super) const FOLLOWED: usize = 3;

/// Notices that wait to be carried.
const CARRIED: usize = 64;

/// People, the earliest first, whose devices follow refuges.
const FOLLOWERS: usize = 3;

/// How often a refuge that is not there is looked for by those who follow it.
const LOOK: Duration = Duration::from_secs(10);

/// How often everybody else looks there.
const LOOK_SELDOM: Duration = Duration::from_secs(10 * 60);

/// Entries of a refuge that are read at once.
const READ_AT_ONCE: usize = 1000;

impl Room {
    /// The keys turned: the secret of now is one from before.
    pub(super) fn turn_keys(&mut self, next: AccessSecret) {
        let before = std::mem::replace(&mut self.cursor.access, next);
        self.cursor.refuges.push(before.refuge());
        let excess = self.cursor.refuges.len().saturating_sub(REFUGES);
        self.cursor.refuges.drain(..excess);
        self.cursor.older.push(before);
        let excess = self.cursor.older.len().saturating_sub(OLDER);
        self.cursor.older.drain(..excess);
        self.cursor.cut = self.state.now();
    }

    /// Says in the refuge of the secret before what this device saw after a cut.
    pub(super) fn speak_in_refuge(&self, overlay: &Overlay, now: Minutes) -> Result<(), EngineError> {
        let Some(refuge) = self.cursor.refuges.last() else {
            return Ok(());
        };
        if self.state.present().count() < 2 {
            return Ok(());
        }
        let body = Body::Notice(self.notice(NoticeKind::Heartbeat)?);
        let content = self.content(body, now, true)?;
        let job = Job::SpeakInRefuge {
            refuge: refuge.clone(),
            content: codec::encode(&content, bucket::LARGEST)?,
        };
        self.keep_job(overlay, &job)
    }

    /// Takes note of what stands in a refuge: requests and complaints are carried into the room, proposals of a
    /// successor are kept for the person.
    pub(super) fn found_in_refuge(&mut self, content: Content) -> Result<(), EngineError> {
        let Body::Notice(notice) = content.body else {
            return Ok(());
        };
        if matches!(notice.notice.kind, NoticeKind::Successor { .. }) {
            return self.hear_proposal(&notice);
        }
        if matches!(notice.notice.kind, NoticeKind::Relocated { .. }) {
            self.hear_relocation(&notice);
            return Ok(());
        }
        if self.asks_from_outside(&notice) {
            return self.answer_outside(&notice);
        }
        if self.plan.carried.len() < CARRIED
            && self.is_worth_carrying(&notice)
            && !self.plan.carried.contains(&notice)
        {
            self.plan.carried.push_back(notice);
        }
        Ok(())
    }

    pub(super) fn is_worth_carrying(&self, notice: &SignedNotice) -> bool {
        let person = self.state.person(&notice.author);
        let present = person.is_some_and(|person| person.is_present());
        if let NoticeKind::Leave | NoticeKind::Accept { .. } = &notice.notice.kind {
            let judged = self.state.judge_notice(self.cursor.position.next(), notice);
            return judged.is_ok() && self.is_signed(notice);
        }
        if let NoticeKind::Follow { .. } = &notice.notice.kind {
            // Before they have spoken here, nothing tells their request of before from another.
            let asks = person.is_some_and(|person| person.is_awaited() || person.spoke > person.renewed);
            let judged = self.state.judge_notice(self.cursor.position.next(), notice);
            return asks && judged.is_ok() && notice.author != self.record.persona && self.is_signed(notice);
        }
        if !present || notice.author == self.record.persona || !self.is_signed(notice) {
            return false;
        }
        match &notice.notice.kind {
            NoticeKind::Renewal { read, .. } => {
                let waits = self
                    .state
                    .person(&notice.author)
                    .and_then(|person| person.wants.as_ref());
                self.state
                    .judge_notice(self.cursor.position.next(), notice)
                    .is_ok()
                    && waits.is_none_or(|waits| waits.read < *read)
            }
            NoticeKind::Complaint { position, .. } => self
                .doubts
                .iter()
                .any(|tally| tally.position() == *position && !tally.has_spoken(&notice.author)),
            NoticeKind::Heartbeat
            | NoticeKind::Heard(_)
            | NoticeKind::Answer { .. }
            | NoticeKind::Successor { .. }
            | NoticeKind::Follow { .. }
            | NoticeKind::Leave
            | NoticeKind::Accept { .. }
            | NoticeKind::Elsewhere { .. }
            | NoticeKind::Stranded { .. }
            | NoticeKind::Relocated { .. } => false,
        }
    }

    /// The next notice from a refuge that is still worth carrying.
    pub(super) fn next_carried(&mut self) -> Option<SignedNotice> {
        while let Some(notice) = self.plan.carried.pop_front() {
            if self.is_worth_carrying(&notice) {
                return Some(notice);
            }
        }
        None
    }
}

/// A channel of keys that everybody in the room has.
pub(super) fn spec(keys: &CommonKeys) -> ChannelSpec {
    ChannelSpec {
        creation_key: PublicKey::from(&keys.creation).to_bytes(),
        salt: keys.salt,
        access: Access {
            append: PublicKey::from(&keys.append).to_bytes(),
            read: PublicKey::from(&keys.read).to_bytes(),
        },
        controls: keys.slots(),
        solo: false,
        plain: Retention::Month,
        flagged: Retention::Month,
        counter: Counter(0),
        after: Position(0),
    }
}

/// Puts an encoded content into a refuge; makes the refuge if it is not there.
pub(super) async fn put(
    connection: &Connection,
    refuge: &RefugeSecret,
    content: &[u8],
    pass: Option<Pass>,
) -> Result<(), EngineError> {
    let keys = refuge.keys();
    let channel = keys.channel();
    let nonce = super::random::bytes()?;
    let bytes = Bytes::from(envelope::seal_bytes(
        &keys.envelope,
        &channel,
        Counter(0),
        nonce,
        content,
    )?);
    let opened = match patiently(|| connection.open(channel, Role::Append, &keys.append)).await {
        Err(LinkError::Refused(RefusedBecause::NotOpened)) => {
            let spec = spec(&keys);
            match patiently(|| connection.create(&spec, &keys.creation, pass)).await {
                // Somebody else was faster.
                Ok(_) | Err(LinkError::Refused(RefusedBecause::Exists)) => {}
                Err(error) => return Err(error.into()),
            }
            patiently(|| connection.open(channel, Role::Append, &keys.append)).await?
        }
        other => other?,
    };
    let appended = patiently(|| connection.append(opened.handle, opened.counter, bytes.clone())).await;
    let _ = connection.close(opened.handle).await;
    match appended? {
        Appended::Stored(_) => Ok(()),
        Appended::Moved { .. } => Err(EngineError::RoomState(
            "the refuge was changed meanwhile".to_owned(),
        )),
    }
}

/// What stands in a refuge after a position, and how far that is; nothing where there is none.
pub(super) async fn read(
    connection: &Connection,
    refuge: &RefugeSecret,
    after: Position,
) -> Result<(Vec<Content>, Position), EngineError> {
    let keys = refuge.keys();
    let (mut contents, mut last) = (Vec::new(), after);
    let opened = match patiently(|| connection.open(keys.channel(), Role::Read, &keys.read)).await {
        Err(LinkError::Refused(RefusedBecause::NotOpened)) => return Ok((contents, last)),
        other => other?,
    };
    let mut reading = connection.read(opened.handle, after, false).await?;
    while contents.len() < READ_AT_ONCE
        && let Served::Entry(entry) = reading.next().await?
    {
        last = entry.position;
        contents.extend(open(&keys, &entry));
    }
    drop(reading);
    let _ = connection.close(opened.handle).await;
    Ok((contents, last))
}

fn open(keys: &CommonKeys, entry: &Entry) -> Option<Content> {
    let bytes = envelope::open_bytes(&keys.envelope, &keys.channel(), Counter(0), &entry.bytes).ok()?;
    codec::decode(&bytes, bucket::LARGEST).ok()
}

/// Follows a refuge for as long as the connection lasts, or looks there now and then.
async fn watch(connection: Connection, refuge: RefugeSecret, found: mpsc::Sender<Content>, follow: bool) {
    let keys = refuge.keys();
    let mut after = Position(0);
    loop {
        if let Ok(opened) = connection.open(keys.channel(), Role::Read, &keys.read).await {
            if let Ok(mut reading) = connection.read(opened.handle, after, follow).await {
                while let Ok(Served::Entry(entry)) = next_entry(&mut reading).await {
                    after = entry.position;
                    if let Some(content) = open(&keys, &entry)
                        && found.send(content).await.is_err()
                    {
                        return;
                    }
                }
            }
            let _ = connection.close(opened.handle).await;
        }
        if !connection.is_open() {
            return;
        }
        tokio::time::sleep(if follow { LOOK } else { LOOK_SELDOM }).await;
    }
}

/// Looks for proposals of a successor, for a device that the channel does not open to. Only a failure ends it.
pub(super) async fn look_out(
    engine: &Engine,
    room: &LiveRoom,
    connection: &Connection,
) -> Result<Ended, EngineError> {
    let mut heard: HashMap<ChannelId, Position> = HashMap::new();
    loop {
        let refuges = room.room().known_refuges();
        for refuge in refuges.iter().rev() {
            let last = heard.entry(refuge.keys().channel()).or_default();
            let (contents, to) = read(connection, refuge, *last).await?;
            *last = to;
            for content in contents {
                if let Body::Notice(notice) = &content.body {
                    room.room().hear_proposal(notice)?;
                    room.room().hear_relocation(notice);
                    engine.changed();
                }
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn next_entry(reading: &mut Reading) -> Result<Served, LinkError> {
    loop {
        match reading.next().await? {
            Served::CaughtUp { .. } => {}
            served => return Ok(served),
        }
    }
}

impl Session<'_> {
    /// Watches refuges: the first few people follow the latest and look into the others seldom; everybody else
    /// looks into the latest seldom.
    pub(super) fn watch_refuges(&mut self) {
        let (refuges, leads) = {
            let room = self.room.room();
            let place = room.state().in_order().iter().position(|id| *id == room.me());
            let leads = place.is_some_and(|place| place < FOLLOWERS);
            (room.known_refuges(), leads)
        };
        let looked_at = if leads { REFUGES } else { FOLLOWED };
        let open: HashMap<ChannelId, (RefugeSecret, bool)> = refuges
            .into_iter()
            .rev()
            .enumerate()
            .take(looked_at)
            .map(|(age, refuge)| (refuge.keys().channel(), (refuge, leads && age < FOLLOWED)))
            .collect();
        self.refuges.retain(|channel, task| {
            let keep = open.contains_key(channel) && !task.is_finished();
            if !keep {
                task.abort();
            }
            keep
        });
        for (channel, (refuge, follow)) in open {
            if !self.refuges.contains_key(&channel) {
                let task = watch(self.connection.clone(), refuge, self.found.clone(), follow);
                self.refuges.insert(channel, self.drops.spawn(task));
            }
        }
    }
}
