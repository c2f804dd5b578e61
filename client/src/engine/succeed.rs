//! A successor of the room: the same room, its people and offices, in a new channel with a new group, made by one
//! keyholder's device from the state that it has, for when the channel is gone or its relay is hostile. Proposed in
//! the refuges of the old channel, without a secret of the new one. Who follows, everybody decides
//! ([`super::cross`]).

use std::collections::BTreeMap;

use caucus_proto::codec;
use caucus_proto::envelope::{AccessSecret, Body};
use caucus_proto::id::{ChannelId, IntentId, Minutes};
use caucus_proto::org::{Deed, Denied, NoticeKind};
use caucus_proto::wire::{ChannelSpec, Retention, bucket};
use x25519_dalek::{PublicKey, StaticSecret};

use super::blob::random_controls;
use super::engine::Engine;
use super::error::EngineError;
use super::lanes::Purpose;
use super::live::LiveRoom;
use super::random;
use super::record::{Cursor, Health, Job, SecretKey};
use super::refuge::REFUGES;
use super::relay::patiently;
use super::room::{Plan, Room};
use super::send::Now;
use crate::mls::{Group, PersonaKeys};
use crate::vault::{Overlay, Table};

/// Refuges, the latest, in which a successor is proposed: a quarter of weekly cuts.
const TOLD: usize = 13;

/// Days until the maker renews their leaf, as in a body that was just founded.
const REFRESH_DAYS: u64 = 7;

/// Keys of a new channel.
struct Keys {
    channel: ChannelId,
    access: AccessSecret,
    control: StaticSecret,
}

/// Makes a successor, goes on there alone, and tells the refuges. No session of the room may run meanwhile.
pub(super) async fn make(engine: &Engine, live: &LiveRoom) -> Result<(), EngineError> {
    let record = {
        let room = live.room();
        room.may_propose()?;
        room.record().clone()
    };
    let connection = engine
        .connection(&record.relay, &record.persona, Purpose::Room(record.room))
        .await?;
    let info = connection.info().await?;
    let creation = StaticSecret::from(random::bytes::<32>()?);
    let control = StaticSecret::from(random::bytes::<32>()?);
    // Of one's own making, not from the group: whoever comes in is handed it.
    let access = AccessSecret::from_bytes(random::bytes()?);
    let mut controls = random_controls()?;
    if let Some(first) = controls.first_mut() {
        *first = PublicKey::from(&control).to_bytes();
    }
    let plain = Retention::Month.min(info.plain);
    let spec = {
        let room = live.room();
        ChannelSpec {
            creation_key: PublicKey::from(&creation).to_bytes(),
            salt: random::bytes()?,
            access: access.access(),
            controls,
            solo: true,
            plain,
            flagged: Retention::Quarter.min(info.flagged).max(plain),
            counter: room.cursor().counter,
            after: room.cursor().position,
        }
    };
    let pass = engine.take_pass(&record.relay);
    patiently(|| connection.create(&spec, &creation, pass)).await?;
    let keys = Keys {
        channel: spec.id(),
        access,
        control,
    };
    live.room().go_on_in(keys, engine.now())
}

impl Room {
    /// Whether this device may make a successor of the room.
    ///
    /// # Errors
    /// `EngineError::RoomState`, `EngineError::Denied`.
    pub fn may_propose(&self) -> Result<(), EngineError> {
        match &self.cursor.health {
            Health::Open | Health::Forked { .. } | Health::Gone => {}
            _ => self.may_act()?,
        }
        if self.following()?.is_some() {
            return Err(EngineError::RoomState(
                "you follow somebody else's successor and wait to be let in".to_owned(),
            ));
        }
        if !self.myself().is_some_and(|me| me.is_present()) {
            return Err(Denied::NotPresent.into());
        }
        if !self.state.may_succeed(&self.record.persona) {
            return Err(Denied::NoKeyholder.into());
        }
        Ok(())
    }

    /// The room goes on in another channel, with a group of this device alone.
    fn go_on_in(&mut self, keys: Keys, now: Now) -> Result<(), EngineError> {
        let (me, id) = (self.record.persona, self.record.room);
        let Some(facts) = self.log_at(self.cursor.position)?.map(|record| record.facts) else {
            return Err(EngineError::RoomState(
                "this device does not have the last entry that it read".to_owned(),
            ));
        };
        let control = PublicKey::from(&keys.control).to_bytes();
        let next = self.state.succeed(&me, keys.channel, control)?;
        let proposal = self.notice(NoticeKind::Successor {
            channel: keys.channel,
            position: self.cursor.position,
            running: self.cursor.running,
            root: facts.root,
            made: now.minutes,
        })?;
        let proposal = self.content(Body::Notice(proposal), now.minutes, true)?;
        let proposal = codec::encode(&proposal, bucket::LARGEST)?;
        self.transact(|room, overlay| {
            let persona = PersonaKeys::from_bytes(&room.record.persona_key.0);
            Group::forget(overlay, &id)?;
            room.group = Some(Group::found(overlay, &id, room.record.suite, &persona)?);
            let refuges = room.known_refuges();
            room.leave_channel(overlay)?;
            room.record.channel = keys.channel;
            room.record.site = None;
            room.record.control_key = SecretKey(keys.control.to_bytes());
            room.record.joined_at = room.cursor.position;
            room.take_state(next);
            room.know_bearers();
            room.cursor = Cursor {
                position: room.cursor.position,
                counter: room.cursor.counter,
                running: room.cursor.running,
                flagged: room.cursor.position,
                access: keys.access,
                controls: vec![control],
                health: Health::Open,
                heads: BTreeMap::new(),
                seen: room.cursor.seen,
                synced: Some(now.minutes),
                refresh: Minutes(now.minutes.0.saturating_add(REFRESH_DAYS * 24 * 60)),
                cut: room.state.now(),
                disputes: BTreeMap::new(),
                voids: Vec::new(),
                older: Vec::new(),
                refuges,
                by_copy: None,
            };
            for refuge in room.cursor.refuges.iter().rev().take(TOLD) {
                let job = Job::SpeakInRefuge {
                    refuge: refuge.clone(),
                    content: proposal.clone(),
                };
                room.keep_job(overlay, &job)?;
            }
            room.keep_telling(overlay)?;
            room.send_again(overlay)?;
            room.keep_record(overlay)?;
            room.keep(overlay)
        })
    }

    /// Where this is not the governing room, that one is to hear of the channel.
    pub(super) fn keep_telling(&self, overlay: &Overlay) -> Result<(), EngineError> {
        if self.state.annex.is_some() {
            let channel = self.record.channel;
            self.keep_job(overlay, &Job::TellGoverning { channel })?;
        }
        Ok(())
    }

    /// The refuges of the channel of now, that of its access secret among them.
    pub(super) fn known_refuges(&self) -> Vec<caucus_proto::envelope::RefugeSecret> {
        let mut refuges = self.cursor.refuges.clone();
        refuges.push(self.cursor.access.refuge());
        let excess = refuges.len().saturating_sub(REFUGES);
        refuges.drain(..excess);
        refuges
    }

    /// Forgets what belongs to the channel of now and its group. Log, state and what waits to be sent stay.
    pub(super) fn leave_channel(&mut self, overlay: &Overlay) -> Result<(), EngineError> {
        let scope = self.record.room;
        self.pending = None;
        self.keep_pending(overlay)?;
        self.jobs_change();
        for table in [
            Table::Sent,
            Table::Parts,
            Table::Jobs,
            Table::Snapshots,
            Table::Notices,
        ] {
            overlay.delete_scope(table, scope.as_bytes());
        }
        self.doubts.clear();
        self.keep_doubts(overlay)?;
        self.end_invites(overlay)?;
        self.forget_requests(overlay)?;
        self.forget_own_renewal(overlay)?;
        self.plan = Plan::default();
        Ok(())
    }
}

/// Says in the governing room that a room of its body went on in this channel, so that whoever belongs there asks there to come
/// in. False where that is to be tried again; where it is known there, or not this person's to say, nothing is.
pub(super) fn tell_governing(
    engine: &Engine,
    room: &LiveRoom,
    channel: ChannelId,
) -> Result<bool, EngineError> {
    let (governing, name) = {
        let room = room.room();
        match &room.state().annex {
            Some(annex) if room.record().channel == channel => {
                (room.state().genesis.room(), annex.name.clone())
            }
            _ => return Ok(true),
        }
    };
    let Some(governing) = engine.room(&governing) else {
        return Ok(true);
    };
    let deed = Deed::SucceedRoom { name, channel };
    let mut there = governing.room();
    match there.may_do(&deed) {
        Ok(()) => there.submit(IntentId(random::bytes()?), &deed)?,
        Err(EngineError::Denied(_)) => return Ok(true),
        Err(_) => return Ok(false),
    }
    drop(there);
    governing.wake.notify_one();
    Ok(true)
}
