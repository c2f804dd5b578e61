//! Following a successor: a request to be added there, posted in the refuges of the old channel, and the way in with
//! the answer. Until that leads in, the old room stays as it is.

use std::time::Duration;

use caucus_proto::codec;
use caucus_proto::envelope::Body;
use caucus_proto::id::{ChannelId, Position};
use caucus_proto::org::{Deed, NoticeKind, Remark, ReplyDrop, SignedNotice};
use caucus_proto::wire::bucket;
use serde::{Deserialize, Serialize};

use super::engine::Engine;
use super::enter::Handed;
use super::error::EngineError;
use super::heal;
use super::lanes::Purpose;
use super::live::LiveRoom;
use super::proposals::kept_to;
use super::random;
use super::record::{Health, Item, OutboxRecord, RenewalRecord, SecretKey};
use super::refuge::{self, FOLLOWED};
use super::room::{LARGEST_OUTBOX, Room};
use super::send::Now;
use crate::mls::{PersonaKeys, forget_key_package, make_key_package};
use crate::relay::{Backoff, Connection};
use crate::vault::{Overlay, Place, Table};

/// Number of the record of what is followed.
const FOLLOWING: u64 = 21;

/// How long an answer is awaited before it is looked whether the request is to be posted again.
const LOOK_AGAIN: Duration = Duration::from_secs(10 * 60);

/// Days after which a request that nobody answered is made anew.
const ASK_ANEW_DAYS: u64 = 7;

/// A successor that this person follows and is not in yet.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct FollowingRecord {
    /// The proposal.
    pub proposal: SignedNotice,
    /// One's own request to be added.
    pub request: Option<RenewalRecord>,
}

impl FollowingRecord {
    /// The channel that is followed.
    pub(super) fn channel(&self) -> Option<ChannelId> {
        match &self.proposal.notice.kind {
            NoticeKind::Successor { channel, .. } => Some(*channel),
            _ => None,
        }
    }
}

impl Room {
    fn following_place(&self) -> Place {
        self.place(Table::Rooms, FOLLOWING)
    }

    /// The successor that this person follows and is not in yet.
    pub(super) fn following(&self) -> Result<Option<FollowingRecord>, EngineError> {
        Ok(self.vault.overlay().get_value(&self.following_place())?)
    }

    /// Follows the successor that somebody proposes; what was followed before is given up.
    ///
    /// # Errors
    /// `EngineError::NotFound` if they propose none, `EngineError::RoomState` for one who is out.
    pub fn follow_successor(&mut self, name: &str) -> Result<(), EngineError> {
        if matches!(
            self.cursor.health,
            Health::Out { .. } | Health::NeedsUpgrade { .. }
        ) {
            return self.may_act();
        }
        let (persona, _) = self.named(name)?;
        let Some(proposal) = self.proposal_of(&persona)? else {
            return Err(EngineError::NotFound {
                what: "successor proposed by",
                name: name.to_owned(),
            });
        };
        let followed = self.following()?;
        if followed.is_some_and(|followed| followed.proposal == proposal) {
            return Ok(());
        }
        self.transact(|room, overlay| {
            room.forget_following(overlay)?;
            let record = FollowingRecord {
                proposal,
                request: None,
            };
            overlay.put_value(room.following_place(), &record)?;
            Ok(())
        })
    }

    /// Follows no successor any more.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub fn follow_none(&mut self) -> Result<(), EngineError> {
        self.transact(|room, overlay| room.forget_following(overlay))
    }

    fn forget_following(&self, overlay: &Overlay) -> Result<(), EngineError> {
        let place = self.following_place();
        let record = overlay.get_value::<FollowingRecord>(&place)?;
        if let Some(request) = record.and_then(|record| record.request)
            && let NoticeKind::Follow { key_package, .. } = &request.request.notice.kind
        {
            forget_key_package(overlay, key_package, self.record.suite, &self.record.room)?;
        }
        overlay.delete(place);
        Ok(())
    }

    /// Signs a request to be added to what is followed, with a fresh key package.
    fn ask_to_follow(
        &mut self,
        channel: ChannelId,
        drop: (ReplyDrop, SecretKey, SecretKey),
        now: Now,
    ) -> Result<RenewalRecord, EngineError> {
        let (reply, reply_read, sealing) = drop;
        self.transact(|room, overlay| {
            let persona = PersonaKeys::from_bytes(&room.record.persona_key.0);
            let package = make_key_package(overlay, &persona, room.record.suite, &room.record.room)?;
            let request = room.notice(NoticeKind::Follow {
                channel,
                asked: now.minutes,
                key_package: package.bytes,
                reply,
            })?;
            let request = RenewalRecord {
                request,
                reply_read,
                sealing,
                posted: None,
                cursor: Position(0),
                answers: Vec::new(),
            };
            let place = room.following_place();
            if let Some(mut record) = overlay.get_value::<FollowingRecord>(&place)?
                && record.channel() == Some(channel)
            {
                record.request = Some(request.clone());
                overlay.put_value(place, &record)?;
            }
            Ok(request)
        })
    }

    /// Keeps how far one's own request to follow is; nothing where another is followed meanwhile.
    pub(super) fn keep_following(&mut self, request: Option<&RenewalRecord>) -> Result<(), EngineError> {
        self.transact(|room, overlay| {
            let place = room.following_place();
            if let Some(mut record) = overlay.get_value::<FollowingRecord>(&place)? {
                let same = |request: &&RenewalRecord| request.follows() == record.channel();
                if request.is_none() {
                    let proposal = record.proposal.clone();
                    room.forget_following(overlay)?;
                    let request = None;
                    record = FollowingRecord { proposal, request };
                } else if let Some(request) = request.filter(same) {
                    record.request = Some(request.clone());
                }
                overlay.put_value(place, &record)?;
            }
            Ok(())
        })
    }

    /// Enters the successor that is followed with what was handed over; false if it leads nowhere.
    pub(super) fn cross(&mut self, handed: &Handed<'_>, now: Now) -> Result<bool, EngineError> {
        let Some(following) = self.following()? else {
            return Ok(false);
        };
        let kept = kept_to(&following.proposal);
        if following.channel() != Some(handed.channel) || handed.position <= kept {
            return Ok(false);
        }
        let by = self.name_of(&following.proposal.author);
        let fits = handed.state().filter(|state| state.carries_on(&self.state, kept));
        let Some(state) = fits else {
            return Ok(false);
        };
        self.transact(|room, overlay| {
            let Some(group) = handed.join(overlay, &state)? else {
                return Ok(false);
            };
            let ours = room.cursor.position.min(kept);
            let missed = handed.position.0.saturating_sub(ours.0).saturating_sub(1);
            let given_up = room.cursor.position.0.saturating_sub(kept.0);
            let mut event = format!("this device followed {by} into another channel");
            if missed > 0 {
                event.push_str(&format!("; entries before that it did not see: {missed}"));
            }
            if given_up > 0 {
                event.push_str(&format!("; entries of the old channel that are gone: {given_up}"));
            }
            room.say_again(overlay, kept)?;
            let refuges = room.known_refuges();
            room.leave_channel(overlay)?;
            room.forget_log_after(overlay, kept)?;
            // The key package is used up: only the record goes.
            overlay.delete(room.following_place());
            let seen = room.cursor.seen.min(kept);
            room.record.channel = handed.channel;
            room.record.site = handed.site();
            room.record.control_key = SecretKey(random::bytes()?);
            room.settle_in(overlay, handed, group, state, event, now)?;
            room.cursor.seen = seen;
            room.cursor.refuges = refuges;
            room.keep_telling(overlay)?;
            room.keep(overlay)?;
            Ok(true)
        })
    }

    /// One's own words after this position wait again: what goes on does not keep them.
    pub(super) fn say_again(&mut self, overlay: &Overlay, kept: Position) -> Result<(), EngineError> {
        let intents: Vec<_> = self
            .myself()
            .map(|me| me.intents.iter().copied().collect())
            .unwrap_or_default();
        for intent in intents {
            let known = self.outbox.values().any(|item| item.id == intent.id);
            if intent.position <= kept || known || self.outbox.len() >= LARGEST_OUTBOX {
                continue;
            }
            let Some(record) = self.log_at(intent.position)? else {
                continue;
            };
            let answers = record.remarks.answers.filter(|to| to.position <= kept);
            let said = match (record.item, answers) {
                (Item::Said(text), Some(to)) => {
                    let remark = Box::new(Remark::Reply { to, text });
                    Some(Deed::Remark { remark })
                }
                (Item::Said(text), None) => Some(Deed::Say { text }),
                (Item::Attached { text, file }, _) => Some(Deed::Attach { text, file }),
                _ => None,
            };
            if let Some(deed) = said {
                let number = self.outbox.last_key_value().map_or(1, |(last, _)| last + 1);
                let item = OutboxRecord {
                    id: intent.id,
                    deed: codec::encode(&deed, codec::LIMIT)?,
                    landed: None,
                    sealed: None,
                };
                overlay.put_value(self.place(Table::Outbox, number), &item)?;
                self.outbox.insert(number, item);
            }
        }
        Ok(())
    }

    fn forget_log_after(&self, overlay: &Overlay, kept: Position) -> Result<(), EngineError> {
        let from = kept.0.saturating_add(1);
        for (number, _) in overlay.range(Table::Log, self.record.room.as_bytes(), from, usize::MAX)? {
            overlay.delete(self.place(Table::Log, number));
        }
        Ok(())
    }
}

/// Asks to be let into what is followed, and waits. Over once it was entered, or is not followed any more.
pub(super) async fn session(engine: &Engine, room: &LiveRoom) -> Result<(), EngineError> {
    let mut backoff = Backoff::default();
    loop {
        match ask_and_wait(engine, room).await {
            Ok(true) => return Ok(()),
            Ok(false) => backoff.succeeded(),
            Err(error @ EngineError::Vault(_)) => return Err(error),
            Err(error) => {
                room.set_trouble(Some(error.to_string()));
                engine.changed();
                let pause = backoff.failed(random::below(u64::MAX).unwrap_or(0), None);
                tokio::time::sleep(pause).await;
            }
        }
    }
}

async fn ask_and_wait(engine: &Engine, room: &LiveRoom) -> Result<bool, EngineError> {
    let Some(following) = room.room().following()? else {
        return Ok(true);
    };
    let Some(channel) = following.channel() else {
        room.room().follow_none()?;
        return Ok(true);
    };
    let record = room.room().record().clone();
    let connection = engine
        .connection(&record.relay, &record.persona, Purpose::Room(record.room))
        .await?;
    let now = engine.now();
    let age = |posted: caucus_proto::id::Minutes| now.minutes.0.saturating_sub(posted.0) / (24 * 60);
    let stands = |request: &RenewalRecord| request.posted.is_none_or(|at| age(at) < ASK_ANEW_DAYS);
    let request = match following.request {
        Some(request) if stands(&request) => request,
        other => {
            if other.is_some() {
                room.room().keep_following(None)?;
            }
            let drop = heal::reply_drop(engine, &connection, &record.relay).await?;
            room.room().ask_to_follow(channel, drop, now)?
        }
    };
    let request = post(engine, room, &connection, request).await?;
    let waits = heal::await_answers(engine, room, &connection, &record, request);
    match tokio::time::timeout(LOOK_AGAIN, waits).await {
        Ok(ended) => ended.map(|_| room.room().following().is_ok_and(|following| following.is_none())),
        Err(_) => Ok(false),
    }
}

/// Posts the request in the refuges into which those who went before look, if it does not stand there yet.
async fn post(
    engine: &Engine,
    room: &LiveRoom,
    connection: &Connection,
    mut request: RenewalRecord,
) -> Result<RenewalRecord, EngineError> {
    if request.posted.is_some() {
        return Ok(request);
    }
    let now = engine.now().minutes;
    let (refuges, content, relay) = {
        let room = room.room();
        let body = Body::Notice(request.request.clone());
        let content = codec::encode(&room.content(body, now, true)?, bucket::LARGEST)?;
        (room.known_refuges(), content, room.record().relay.clone())
    };
    for refuge in refuges.iter().rev().take(FOLLOWED) {
        refuge::put(connection, refuge, &content, engine.take_pass(&relay)).await?;
    }
    request.posted = Some(now);
    room.room().keep_following(Some(&request))?;
    Ok(request)
}
