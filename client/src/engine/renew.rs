//! Coming back: who lost the group, was set back or could not follow asks in the log to be added anew, and enters
//! again with the welcome that answers. What waited to be sent is kept and sent then.

use caucus_proto::envelope::Body;
use caucus_proto::id::{Counter, Minutes, Position};
use caucus_proto::org::{NoticeKind, ReplyDrop, SignedNotice, State};

use super::enter::Handed;
use super::error::EngineError;
use super::random;
use super::record::{Health, RenewalRecord, SecretKey};
use super::room::Room;
use super::send::Now;
use crate::mls::{Group, PersonaKeys, forget_key_package, make_key_package};
use crate::vault::{Overlay, Place, Table};

/// Number of the record of one's own request.
const RENEWAL: u64 = 4;

impl Room {
    /// Whether this device cannot go on by itself and asks to be renewed.
    #[must_use]
    pub fn wants_renewal(&self) -> bool {
        matches!(self.cursor.health, Health::Unsynced { .. } | Health::Gone)
    }

    /// Up to where what this device has read is the room's: what it could not go on with, or was shown in place of
    /// what everybody else saw, is not.
    pub(super) fn believed_to(&self) -> Position {
        let read = self.cursor.position;
        match &self.cursor.health {
            Health::Unsynced { at, .. } => read.min(Position(at.0.saturating_sub(1))),
            _ => read,
        }
    }

    fn own_renewal_place(&self) -> Place {
        self.place(Table::Rooms, RENEWAL)
    }

    /// One's own request, if there is one.
    pub(super) fn own_renewal(&self) -> Result<Option<RenewalRecord>, EngineError> {
        Ok(self.vault.overlay().get_value(&self.own_renewal_place())?)
    }

    /// Signs a request, with a fresh key package, by one who has read so far and knows this counter; the answers
    /// go to a drop that stands at the relay already. One that was made before is forgotten.
    pub(super) fn ask_renewal(
        &mut self,
        reply: ReplyDrop,
        reply_read: SecretKey,
        sealing: SecretKey,
        read: Position,
        counter: Counter,
    ) -> Result<RenewalRecord, EngineError> {
        self.transact(|room, overlay| {
            room.forget_own_renewal(overlay)?;
            let persona = PersonaKeys::from_bytes(&room.record.persona_key.0);
            let package = make_key_package(overlay, &persona, room.record.suite, &room.record.room)?;
            let request = room.notice(NoticeKind::Renewal {
                read,
                counter,
                key_package: package.bytes,
                reply,
            })?;
            let record = RenewalRecord {
                request,
                reply_read,
                sealing,
                posted: None,
                cursor: Position(0),
                answers: Vec::new(),
            };
            overlay.put_value(room.own_renewal_place(), &record)?;
            Ok(record)
        })
    }

    /// Signs the same request once more, by one who has read further meanwhile.
    pub(super) fn ask_again(
        &mut self,
        mut record: RenewalRecord,
        further: Position,
    ) -> Result<RenewalRecord, EngineError> {
        let mut kind = record.request.notice.kind.clone();
        if let NoticeKind::Renewal { read, .. } = &mut kind {
            *read = further;
        }
        record.request = self.notice(kind)?;
        record.posted = None;
        self.keep_own_request(&record)?;
        Ok(record)
    }

    /// Keeps how far one's own request is; nothing where it is not wanted any more.
    pub(super) fn keep_own_request(&mut self, record: &RenewalRecord) -> Result<(), EngineError> {
        if record.follows().is_some() {
            return self.keep_following(Some(record));
        }
        self.transact(|room, overlay| {
            if room.wants_renewal() {
                overlay.put_value(room.own_renewal_place(), record)?;
            }
            Ok(())
        })
    }

    /// Gives one's own request up, so that another is made.
    pub(super) fn drop_own_request(&mut self, record: &RenewalRecord) -> Result<(), EngineError> {
        if record.follows().is_some() {
            return self.keep_following(None);
        }
        self.transact(|room, overlay| room.forget_own_renewal(overlay))
    }

    pub(super) fn forget_own_renewal(&self, overlay: &Overlay) -> Result<(), EngineError> {
        let place = self.own_renewal_place();
        if let Some(record) = overlay.get_value::<RenewalRecord>(&place)?
            && let NoticeKind::Renewal { key_package, .. } = &record.request.notice.kind
        {
            forget_key_package(overlay, key_package, self.record.suite, &self.record.room)?;
        }
        overlay.delete(place);
        Ok(())
    }

    /// A notice as an entry of the segment that this device can read, for the counter of now.
    pub(super) fn notice_entry(
        &self,
        notice: &SignedNotice,
        counter: Counter,
        now: Minutes,
    ) -> Result<Vec<u8>, EngineError> {
        self.entry_for(counter, Body::Notice(notice.clone()), now, true)
    }

    /// Enters the room anew with what was handed over; false if it leads nowhere. What waits in the outbox is
    /// sent again: what was done already counts once.
    pub(super) fn enter_anew(&mut self, handed: &Handed<'_>, now: Now) -> Result<bool, EngineError> {
        if handed.channel != self.record.channel {
            return self.cross(handed, now);
        }
        let Some(state) = handed.state().filter(|state| state.genesis == self.state.genesis) else {
            return Ok(false);
        };
        let believed = self.believed_to();
        if handed.position <= believed || !self.wants_renewal() {
            return Ok(false);
        }
        self.transact(|room, overlay| {
            let Some(group) = handed.join(overlay, &state)? else {
                return Ok(false);
            };
            let missed = handed.position.0 - believed.0 - 1;
            let event = match missed {
                0 => "this device was renewed".to_owned(),
                1 => "this device was renewed; one entry before was missed".to_owned(),
                more => format!("this device was renewed; {more} entries before were missed"),
            };
            room.cursor.seen = room.cursor.seen.min(believed);
            room.pending = None;
            room.keep_pending(overlay)?;
            let scope = room.record.room;
            overlay.delete_scope(Table::Sent, scope.as_bytes());
            overlay.delete_scope(Table::Parts, scope.as_bytes());
            // What was read before stays to be read; nothing is compared with it any more.
            for (number, _) in overlay.range(Table::Log, scope.as_bytes(), handed.position.0, usize::MAX)? {
                overlay.delete(room.place(Table::Log, number));
            }
            room.record.site = handed.site();
            // The key package is used up: only the record goes.
            overlay.delete(room.own_renewal_place());
            room.settle_in(overlay, handed, group, state, event, now)?;
            Ok(true)
        })
    }

    /// Takes over group, state and cursor of a room that was entered anew.
    pub(super) fn settle_in(
        &mut self,
        overlay: &Overlay,
        handed: &Handed<'_>,
        group: Group,
        state: State,
        event: String,
        now: Now,
    ) -> Result<(), EngineError> {
        let first = handed.first(&group, &state, event);
        let seen = self.cursor.seen;
        self.cursor = handed.cursor(&state, now)?;
        self.cursor.seen = seen;
        self.record.joined_at = handed.position;
        self.group = Some(group);
        self.take_state(state);
        self.know_bearers();
        overlay.put_value(self.place(Table::Log, handed.position.0), &first)?;
        self.send_again(overlay)?;
        self.take_doubts(overlay, handed)?;
        self.know_invites(overlay)?;
        self.keep_vanishing(overlay)?;
        self.end_forgotten_invites(overlay)?;
        self.close_invites(overlay)?;
        self.keep_record(overlay)?;
        self.keep(overlay)?;
        self.want_heartbeat(now.ms.saturating_add(random::below(1_000)?));
        Ok(())
    }

    /// Whatever the state does not know as done waits again.
    pub(super) fn send_again(&mut self, overlay: &Overlay) -> Result<(), EngineError> {
        let me = self.state.person(&self.record.persona).cloned();
        let scope = self.record.room;
        for (number, item) in &mut self.outbox {
            if !me.as_ref().is_some_and(|me| me.has_done(&item.id)) {
                item.landed = None;
            }
            item.sealed = None;
            overlay.put_value(Place::new(Table::Outbox, scope.as_bytes(), *number), item)?;
        }
        Ok(())
    }
}
