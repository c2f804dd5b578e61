//! An invite outlives a removal. The removal closes it, because whoever is out knows the keys that requests are sealed to;
//! whoever opened it opens it again by themselves, for what is left of it: a new act, a new drop, and a new card under the
//! same link, with the keys after the cut.

use caucus_proto::id::{ChannelId, IntentId};
use caucus_proto::org::{Act, Deed, Power, Standing};
use caucus_proto::wire::RefusedBecause;

use super::error::EngineError;
use super::follow::invite_number;
use super::invite::{InviteDraft, life, make_drop, put_card};
use super::jobs::delete;
use super::link::InviteLink;
use super::record::{InviteRecord, Job, OutboxRecord, OwnInvite};
use super::room::Room;
use super::session::Session;
use crate::relay::LinkError;
use crate::vault::{Overlay, Table};

/// An invite that is to be opened again.
pub(super) struct Reissue {
    old: IntentId,
    own: OwnInvite,
    link: InviteLink,
    uses: u16,
    draft: InviteDraft,
}

/// An invite that a removal closed, as people see it.
pub struct ClosedInvite {
    /// Its number, while it was open.
    pub number: u32,
    /// How many may still come by it.
    pub left: u16,
    /// Its link.
    pub link: InviteLink,
    /// Why it is not open again yet.
    pub why: &'static str,
}

impl Room {
    /// How many may still come by an invite of one's own.
    pub(super) fn count_invite(&self, overlay: &Overlay, id: &IntentId) -> Result<(), EngineError> {
        let place = self.place(Table::Invites, invite_number(id));
        if let Some(invite) = self.state.invites.get(id)
            && let Some(mut record) = overlay.get_value::<InviteRecord>(&place)?
            && let Some(own) = &mut record.own
        {
            (own.number, own.left) = (invite.number, invite.left);
            overlay.put_value(place, &record)?;
        }
        Ok(())
    }

    /// Invites that the machine closed are not read any more: those of one's own wait to be opened again, the others are
    /// forgotten.
    pub(super) fn close_invites(&self, overlay: &Overlay) -> Result<(), EngineError> {
        let room = self.record.room;
        for (number, record) in overlay.values::<InviteRecord>(Table::Invites, room.as_bytes(), 0)? {
            let stands = match self.state.invites.get(&record.id) {
                Some(invite) => !invite.closed,
                // Its keys are looked at again when it is sent.
                None => self.is_unsent(&record.id),
            };
            if stands {
                continue;
            }
            self.count_invite(overlay, &record.id)?;
            self.close_invite(overlay, number)?;
        }
        Ok(())
    }

    fn is_unsent(&self, id: &IntentId) -> bool {
        let mut outbox = self.outbox.values();
        outbox.any(|item| item.id == *id && item.landed.is_none())
    }

    /// Whoever is out could read what is dropped from now on, so the drop ends at once.
    fn close_invite(&self, overlay: &Overlay, number: u64) -> Result<(), EngineError> {
        let place = self.place(Table::Invites, number);
        let Some(mut record) = overlay.get_value::<InviteRecord>(&place)? else {
            return Ok(());
        };
        let drop = record.drop;
        match record.own.as_mut().filter(|own| own.left > 0) {
            None => self.end_invite(overlay, number),
            Some(own) if own.closed => Ok(()),
            Some(own) => {
                own.closed = true;
                let control = own.control.clone();
                overlay.put_value(place, &record)?;
                self.keep_job(overlay, &Job::EndDrop { drop, control })
            }
        }
    }

    /// An act that opens an invite is about to be sent, and the keys turned since its card was made: it is given up, and made
    /// anew. True if so.
    pub(super) fn give_up_invite(&mut self, number: u64, item: &OutboxRecord) -> Result<bool, EngineError> {
        let at = invite_number(&item.id);
        let kept: Option<InviteRecord> = self.vault.overlay().get_value(&self.place(Table::Invites, at))?;
        let keys = self.cursor.access.invite(&item.id);
        if kept.is_none_or(|kept| kept.sealing.0 == *keys.sealing.bytes()) {
            return Ok(false);
        }
        self.transact(|room, overlay| {
            room.outbox.remove(&number);
            overlay.delete(room.place(Table::Outbox, number));
            room.close_invite(overlay, at)
        })?;
        Ok(true)
    }

    /// Invites of one's own that a removal closed.
    fn closed(&self) -> Result<Vec<(InviteRecord, OwnInvite, InviteLink)>, EngineError> {
        let mut closed = Vec::new();
        for record in self.invites()? {
            if let Some(own) = record.own.clone().filter(|own| own.closed) {
                let link = own.link.parse()?;
                closed.push((record, own, link));
            }
        }
        Ok(closed)
    }

    /// How many may come by an invite when it is opened again: those who asked before may still be admitted by the old one.
    fn uses_again(&self, id: &IntentId, left: u16) -> u16 {
        let waits =
            |standing: &Standing| matches!(standing, Standing::Applied { invite, .. } if invite == id);
        let people = self.state.people.values();
        let waiting = people.filter(|person| waits(&person.standing)).count();
        left.saturating_sub(u16::try_from(waiting).unwrap_or(u16::MAX))
    }

    /// Invites of one's own that a removal closed, with why they are not open again yet.
    ///
    /// # Errors
    /// `EngineError`.
    pub fn closed_invites(&self) -> Result<Vec<ClosedInvite>, EngineError> {
        let mut closed = Vec::new();
        for (record, own, link) in self.closed()? {
            let why = if !self.holds(Power::Admit) {
                "a removal closed it, and you may not admit any more: nobody can ask by it"
            } else if self.state.is_uncut() {
                "a removal closed it: it is open again when the keys have turned"
            } else if self.uses_again(&record.id, own.left) == 0 {
                "a removal closed it: it is open again if those who asked before are declined"
            } else {
                "a removal closed it: it is being opened again"
            };
            closed.push(ClosedInvite {
                number: own.number,
                left: own.left,
                link,
                why,
            });
        }
        Ok(closed)
    }

    /// Ends an invite of one's own that a removal closed, before it is opened again. False if there is none of this number.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub fn end_closed_invite(&mut self, number: u32) -> Result<bool, EngineError> {
        let closed = self.closed()?;
        let Some((record, ..)) = closed.into_iter().find(|(_, own, _)| own.number == number) else {
            return Ok(false);
        };
        self.transact(|room, overlay| room.end_invite(overlay, invite_number(&record.id)))?;
        Ok(true)
    }

    /// The next invite that is to be opened again now. What cannot be opened any more ends.
    pub(super) fn next_reissue(&mut self) -> Result<Option<Reissue>, EngineError> {
        if self.may_act().is_err() || self.state.is_uncut() {
            return Ok(None);
        }
        for (record, own, link) in self.closed()? {
            let Ok(draft) = self.draft_invite(link.secret) else {
                continue;
            };
            // A link commits to the channel that it was made for.
            if link.expires <= self.state.now() || draft.commitment() != link.commitment {
                self.transact(|room, overlay| room.end_invite(overlay, invite_number(&record.id)))?;
                continue;
            }
            let uses = self.uses_again(&record.id, own.left);
            let deed = Deed::Invite {
                uses,
                expires: link.expires,
                drop: record.drop,
            };
            let act = Act::new(draft.id, self.state.position, &deed)?;
            let next = self.state.position.next();
            if uses > 0 && self.state.judge(next, &self.record.persona, &act).is_ok() {
                return Ok(Some(Reissue {
                    old: record.id,
                    own,
                    link,
                    uses,
                    draft,
                }));
            }
        }
        Ok(None)
    }

    /// Puts the act into the outbox that opens an invite again, whose card and drop stand; from then on the old one is
    /// forgotten. Where the keys turned meanwhile, it is made once more.
    pub(super) fn submit_reissue(&mut self, again: Reissue, drop: ChannelId) -> Result<(), EngineError> {
        if again.draft.access != self.state.access {
            return Ok(());
        }
        let deed = Deed::Invite {
            uses: again.uses,
            expires: again.link.expires,
            drop,
        };
        let own = OwnInvite {
            number: 0,
            left: again.uses,
            closed: false,
            ..again.own
        };
        let record = again.draft.record(drop, own);
        let (old, number) = (again.old, invite_number(&record.id));
        let submitted = self.submit_with(record.id, &deed, |room, overlay| {
            overlay.delete(room.place(Table::Invites, invite_number(&old)));
            overlay.put_value(room.place(Table::Invites, number), &record)?;
            Ok(())
        });
        match submitted {
            Err(EngineError::Denied(_) | EngineError::RoomState(_)) => return Ok(()),
            other => other?,
        }
        // The removal that closed it was found void: its drop is gone all the same.
        if self.state.invites.get(&old).is_some_and(|invite| !invite.closed) {
            self.submit_once(&Deed::Revoke { invite: old })?;
        }
        Ok(())
    }
}

impl Session<'_> {
    /// Opens an invite of one's own again that a removal closed.
    pub(super) async fn reissue(&mut self) -> Result<(), EngineError> {
        if !self.is_synced() || self.was_refused() {
            return Ok(());
        }
        let next = self.room.room().next_reissue()?;
        let Some(again) = next else { return Ok(()) };
        match self.publish_again(&again).await {
            Ok(drop) => {
                self.room.room().submit_reissue(again, drop)?;
                self.room.wake.notify_one();
                Ok(())
            }
            // The card is gone: its link leads nowhere any more.
            Err(EngineError::Relay(LinkError::Refused(RefusedBecause::NotOpened))) => {
                self.room.room().end_closed_invite(again.own.number).map(|_| ())
            }
            Err(EngineError::Relay(LinkError::Refused(because))) => {
                self.refused(because);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// A new drop, and a card that leads to it.
    async fn publish_again(&self, again: &Reissue) -> Result<ChannelId, EngineError> {
        let Reissue { own, link, draft, .. } = again;
        let now = self.engine.now().minutes;
        let promised = self.connection.info().await?.plain;
        let life = life(link.expires.0.saturating_sub(now.0)).min(promised);
        let pass = self.engine.take_pass(&self.relay());
        let drop = make_drop(&self.connection, draft, &own.control, life, pass).await?;
        let put = put_card(&self.connection, draft, own.card, &own.control, drop).await;
        if put.is_err() {
            // It is made anew the next time; where this fails too, it ends with its time.
            let _ = delete(&self.connection, drop, &own.control).await;
        }
        put.map(|()| drop)
    }
}
