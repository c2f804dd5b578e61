//! What to send next: a pending commit, a commit that executes what was decided, an intent, a heartbeat. What
//! leaves stands in the vault before it leaves.

use caucus_proto::codec;
use caucus_proto::envelope::{self, AccessSecret, Body, Content};
use caucus_proto::id::{Counter, EntryHash, Minutes, Nonce, RoomId};
use caucus_proto::org::{Act, Deed, Denied, Notice, NoticeKind, Power, SignedNotice};
use caucus_proto::wire::Access;

use super::error::EngineError;
use super::random;
use super::record::{Health, OutboxRecord, SealedRecord, WelcomeRecord};
use super::requests::Seat;
use super::room::Room;
use crate::vault::Table;

/// Milliseconds that decisions still in the outbox are waited for, so that one commit executes many.
const GATHER_MS: u64 = 3_000;

/// Milliseconds between two advances that a relay takes of a channel: until then a commit would only wait there.
const ADVANCE_MS: u64 = 2_000;

/// The time, as a shell passes it in.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Minutes since 1970.
    pub minutes: Minutes,
    /// Milliseconds, for pauses: they go on evenly, also where the machine's clock is set.
    pub ms: u64,
}

/// What to send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outgoing {
    /// A plain entry.
    Append {
        /// Under this counter.
        counter: Counter,
        /// One bucket.
        bytes: Vec<u8>,
    },
    /// First hand welcome and tree of the pending commit to those it adds, then call [`Room::handed`].
    HandOut {
        /// To whom.
        seats: Vec<Seat>,
        /// What.
        welcome: WelcomeRecord,
        /// The commit.
        commit: EntryHash,
    },
    /// The pending commit.
    Commit {
        /// Under this counter.
        counter: Counter,
        /// One bucket.
        bytes: Vec<u8>,
        /// The keys of the segment after it, where it is to cut.
        cut: Option<Access>,
    },
}

/// The next thing to do, or why a waiting intent was given up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Next {
    /// Send this.
    Send(Outgoing),
    /// The machine refuses an intent that was fine when it was submitted.
    Refused(caucus_proto::id::IntentId, Denied),
    /// Nothing now.
    Nothing,
}

impl Room {
    /// What to send next. `controls` says whether this device has a control handle on the channel.
    ///
    /// # Errors
    /// `EngineError`.
    pub fn next(&mut self, now: Now, controls: bool) -> Result<Next, EngineError> {
        self.freshen()?;
        match self.cursor.health {
            Health::Open => {}
            Health::Holding { .. } => return self.complain(now),
            // Where others saw another history, one still says what one saw, and nothing else.
            Health::Forked { .. } => return self.heartbeat(now),
            _ => return Ok(Next::Nothing),
        }
        if self.pending.is_some() {
            return self.next_of_pending(now);
        }
        if self.leaf_is_behind() || self.myself().is_some_and(|me| me.wants.is_some()) {
            // This device follows, so whoever asks in its name has no need: a message of its own says so. And its leaf is
            // certified by its key of now as soon as that has changed.
            self.stage_refresh(false, now)?;
            return self.next_of_pending(now);
        }
        let waiting = self.state.unexecuted().next().is_some();
        if !waiting {
            self.plan.unexecuted_since = None;
        } else if self.plan.unexecuted_since.is_none() {
            self.plan.unexecuted_since = Some(now.ms);
        }
        let since = self
            .plan
            .unexecuted_since
            .map_or(0, |since| now.ms.saturating_sub(since));
        let unsent = self
            .outbox
            .iter()
            .find(|(_, item)| item.landed.is_none())
            .map(|(number, item)| (*number, item.clone()));
        let gather = match self.is_batch_full() {
            true => ADVANCE_MS,
            false => GATHER_MS,
        };
        let gather = unsent.is_some() && since < gather;
        // What this device cannot execute must hold up nothing else.
        let in_turn = since >= self.turn_ms();
        if waiting && !gather && in_turn && self.stage_decided(now, controls)? {
            return self.next_of_pending(now);
        }
        if let Some((number, item)) = unsent {
            return self.send_intent(number, item, now);
        }
        let idle = !waiting || in_turn;
        if idle && self.cut_is_due(controls, now) {
            self.stage_refresh(true, now)?;
            return self.next_of_pending(now);
        }
        if idle && now.minutes >= self.cursor.refresh {
            self.stage_refresh(false, now)?;
            return self.next_of_pending(now);
        }
        if let Some(notice) = self.next_own_notice().or_else(|| self.next_carried()) {
            let bytes = self.entry(Body::Notice(notice), now.minutes, true)?;
            let counter = self.cursor.counter;
            return Ok(Next::Send(Outgoing::Append { counter, bytes }));
        }
        self.heartbeat(now)
    }

    fn heartbeat(&mut self, now: Now) -> Result<Next, EngineError> {
        if !self.heartbeat_is_due(now)? {
            return Ok(Next::Nothing);
        }
        let kind = self.heartbeat_kind()?;
        let body = Body::Notice(self.notice(kind)?);
        let bytes = self.entry(body, now.minutes, true)?;
        Ok(Next::Send(Outgoing::Append {
            counter: self.cursor.counter,
            bytes,
        }))
    }

    fn send_intent(&mut self, number: u64, item: OutboxRecord, now: Now) -> Result<Next, EngineError> {
        let deed: Deed = codec::decode(&item.deed, codec::LIMIT).map_err(|_| Denied::Malformed)?;
        let act = Act::new(item.id, self.state.position, &deed)?;
        if matches!(deed, Deed::Invite { .. }) && self.give_up_invite(number, &item)? {
            return Ok(Next::Refused(item.id, Denied::NoInvite));
        }
        if let Err(denied) = self.judge_own(&act, &deed)? {
            self.transact(|room, overlay| {
                room.outbox.remove(&number);
                overlay.delete(room.place(Table::Outbox, number));
                Ok(())
            })?;
            return Ok(Next::Refused(item.id, denied));
        }
        let (epoch, counter) = (self.epoch(), self.cursor.counter);
        let sealed = item.sealed.as_ref().filter(|sealed| sealed.epoch == epoch);
        if let Some(sealed) = sealed.filter(|sealed| sealed.counter == counter) {
            return Ok(Next::Send(Outgoing::Append {
                counter,
                bytes: sealed.entry.clone(),
            }));
        }
        let sealed = sealed.map(|sealed| sealed.message.clone());
        let exact = !deed.is_said();
        let bytes = self.transact(|room, overlay| {
            // In one epoch the same message goes into every envelope, however often the counter moves.
            let message = match sealed {
                Some(message) => message,
                None => {
                    let act = codec::encode(&act, codec::LIMIT)?;
                    let message = room.group()?.seal(overlay, &act)?;
                    room.keep_sent(overlay, Body::Mls(message.clone()).digest(), act)?;
                    message
                }
            };
            let entry = room.entry(Body::Mls(message.clone()), now.minutes, exact)?;
            let mut item = item;
            item.sealed = Some(SealedRecord {
                epoch,
                message,
                counter,
                entry: entry.clone(),
            });
            overlay.put_value(room.place(Table::Outbox, number), &item)?;
            room.outbox.insert(number, item);
            Ok(entry)
        })?;
        Ok(Next::Send(Outgoing::Append { counter, bytes }))
    }

    /// Seals a body with one's head into an entry. For chat the head is rounded down to the last flagged entry.
    pub(super) fn entry(&self, body: Body, now: Minutes, exact: bool) -> Result<Vec<u8>, EngineError> {
        self.entry_for(self.cursor.counter, body, now, exact)
    }

    /// As [`Room::entry`], under another counter than the one this device has come to.
    pub(super) fn entry_for(
        &self,
        counter: Counter,
        body: Body,
        now: Minutes,
        exact: bool,
    ) -> Result<Vec<u8>, EngineError> {
        self.entry_under(&self.cursor.access, counter, body, now, exact)
    }

    /// A body with one's head.
    pub(super) fn content(&self, body: Body, now: Minutes, exact: bool) -> Result<Content, EngineError> {
        Ok(Content {
            head: self.head(&body, now, exact)?,
            body,
        })
    }

    /// As [`Room::entry_for`], in the envelope of another access secret.
    pub(super) fn entry_under(
        &self,
        access: &AccessSecret,
        counter: Counter,
        body: Body,
        now: Minutes,
        exact: bool,
    ) -> Result<Vec<u8>, EngineError> {
        let content = self.content(body, now, exact)?;
        Ok(envelope::seal(
            &access.envelope_key(),
            &self.record.channel,
            counter,
            random::bytes()?,
            &content,
        )?)
    }

    pub(super) fn notice(&self, kind: NoticeKind) -> Result<SignedNotice, EngineError> {
        self.notice_for(&self.record.room, kind)
    }

    /// A notice of one's own, signed for this room or another of the body.
    pub(super) fn notice_for(&self, room: &RoomId, kind: NoticeKind) -> Result<SignedNotice, EngineError> {
        let notice = Notice {
            kind,
            nonce: Nonce(random::bytes()?),
        };
        let digest = SignedNotice::digest(room, &self.record.persona, &notice);
        Ok(SignedNotice {
            author: self.record.persona,
            notice,
            signature: self.persona.sign(&digest),
        })
    }

    /// Whether this device's control key is named and it should hold a control handle.
    #[must_use]
    pub fn is_keyholder(&self) -> bool {
        self.holds(Power::Keys)
    }
}
