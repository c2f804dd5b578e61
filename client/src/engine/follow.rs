//! What an effect makes this device remember or do.

use caucus_proto::id::{ChannelId, EntryHash, IntentId, PersonaId, Position};
use caucus_proto::org::{Deed, Effect, SignedNotice, Standing};

use super::error::EngineError;
use super::record::{Health, InviteRecord, Job, SecretKey};
use super::room::Room;
use crate::vault::{Overlay, Table};

/// An entry whose effects are followed.
#[derive(Clone, Copy)]
pub(super) struct Cause<'a> {
    /// The deed, if it was an act.
    pub deed: Option<&'a Deed>,
    /// Who.
    pub author: Option<PersonaId>,
    /// It is a commit of one's own.
    pub ours: bool,
    /// The notice, if it was one.
    pub notice: Option<&'a SignedNotice>,
    /// Hash of its bytes.
    pub hash: &'a EntryHash,
}

impl Room {
    /// Follows one effect up.
    pub(super) fn follow_up(
        &mut self,
        overlay: &Overlay,
        effect: &Effect,
        cause: Cause<'_>,
    ) -> Result<(), EngineError> {
        match effect {
            Effect::Invited { invite, drop, .. } => {
                self.know_invite(overlay, invite, *drop)?;
                self.end_forgotten_invites(overlay)
            }
            Effect::Revoked { invite } => self.end_invite(overlay, invite_number(invite)),
            Effect::Applied { persona, .. } => {
                if let Some(Deed::Apply { application }) = cause.deed {
                    self.keep_request(overlay, persona, application)?;
                }
                self.follow_keys(overlay, effect)
            }
            Effect::Replaced { invite, .. } => {
                self.count_invite(overlay, invite)?;
                self.follow_keys(overlay, effect)
            }
            Effect::Declined { persona, reason } => {
                if let Some(request) = self.forget_request(overlay, persona)?
                    && cause.author == Some(self.record.persona)
                {
                    let job = Job::TellDeclined {
                        application: request.application,
                        reason: reason.clone(),
                    };
                    self.keep_job(overlay, &job)?;
                }
                Ok(())
            }
            Effect::Admitted { persona, invite, .. } => {
                self.count_invite(overlay, invite)?;
                self.seat_elsewhere(overlay, persona)
            }
            Effect::Claimed { name, hash, .. } => match cause.deed {
                Some(Deed::Claim { claim }) => self.keep_claim(overlay, name, claim, *hash),
                _ => Ok(()),
            },
            Effect::Unseated { persona } => self.unseated(overlay, persona, cause),
            Effect::Seated { persona, .. } => {
                // Whatever their heads said before, they begin anew.
                self.cursor.heads.remove(persona);
                self.cursor.disputes.remove(persona);
                if cause.ours || self.rank().is_some() {
                    self.plan.greet.push((*persona, true));
                    Ok(())
                } else {
                    self.forget_request(overlay, persona).map(|_| ())
                }
            }
            Effect::RenewalAsked { .. } | Effect::FollowAsked { .. } => match cause.notice {
                Some(request) => self.keep_renewal(overlay, request),
                None => Ok(()),
            },
            Effect::Renewed { persona, .. } => self.renewed(overlay, persona, cause, false),
            // Into a room besides the governing one people come so; whoever comes into a successor has a log, and takes
            // nothing of what is handed over.
            Effect::Followed { persona, .. } => self.renewed(overlay, persona, cause, true),
            Effect::Answered
            | Effect::Said { .. }
            | Effect::Attached { .. }
            | Effect::RenewalAllowed { .. }
            | Effect::Removed { .. }
            | Effect::Left { .. }
            | Effect::ControlNamed { .. }
            | Effect::FloorRaised { .. }
            | Effect::OlderRemoved { .. }
            | Effect::Vouched { .. }
            | Effect::Promoted { .. }
            | Effect::Demoted { .. }
            | Effect::Suspended { .. }
            | Effect::Lifted { .. }
            | Effect::PrinciplesSet { .. }
            | Effect::PrinciplesAccepted { .. }
            | Effect::HandedOver { .. }
            | Effect::RoomOpened { .. }
            | Effect::RoomSucceeded { .. }
            | Effect::Disputed { .. }
            | Effect::Recognized { .. }
            | Effect::Objected { .. }
            | Effect::Rekeyed { .. }
            | Effect::StoodAside { .. }
            | Effect::Vacated { .. }
            | Effect::Recalled { .. }
            | Effect::Elected { .. }
            | Effect::CharterChanged { .. }
            | Effect::Proposed { .. }
            | Effect::Decided { .. }
            | Effect::Refreshed
            | Effect::MeetingCalled { .. }
            | Effect::Met { .. } => Ok(()),
            Effect::Between { step, void, .. } => self.follow_between(overlay, step, *void),
            Effect::Relocated { relay } => match cause.deed {
                Some(Deed::Relocate { seed, .. }) => self.relocated(overlay, relay, *seed),
                _ => Ok(()),
            },
            Effect::Remarked { remark } => match &cause.author {
                Some(author) => self.follow_remark(overlay, author, remark),
                None => Ok(()),
            },
            Effect::Whispered { sealed } => match cause.author {
                Some(author) => self.hear_whisper(overlay, &author, sealed),
                None => Ok(()),
            },
            Effect::Moved { proposal, moved } => {
                self.follow_decision(proposal, moved);
                Ok(())
            }
        }
    }

    /// Remembers how requests by an invite are read. Where this device opened it, the record with the link is
    /// there already.
    fn know_invite(&self, overlay: &Overlay, invite: &IntentId, drop: ChannelId) -> Result<(), EngineError> {
        let keys = self.cursor.access.invite(invite);
        let place = self.place(Table::Invites, invite_number(invite));
        let known = overlay.get_value::<InviteRecord>(&place)?;
        let record = InviteRecord {
            id: *invite,
            drop,
            read: SecretKey(keys.read.to_bytes()),
            sealing: SecretKey(*keys.sealing.bytes()),
            cursor: known.as_ref().map_or(Position(0), |known| known.cursor),
            own: known.and_then(|known| known.own),
        };
        overlay.put_value(place, &record)?;
        self.count_invite(overlay, invite)
    }

    /// Remembers the open invites that the state knows and whose keys come from the access secret of now.
    pub(super) fn know_invites(&self, overlay: &Overlay) -> Result<(), EngineError> {
        for (id, invite) in &self.state.invites {
            if invite.access == self.state.access && !invite.closed {
                self.know_invite(overlay, id, invite.drop)?;
            }
        }
        Ok(())
    }

    /// Somebody's leaf was renewed. Whatever their heads said before, they begin anew.
    fn renewed(
        &mut self,
        overlay: &Overlay,
        persona: &PersonaId,
        cause: Cause<'_>,
        is_new: bool,
    ) -> Result<(), EngineError> {
        self.cursor.heads.remove(persona);
        self.cursor.disputes.remove(persona);
        if *persona == self.record.persona {
            self.cursor.health = Health::Unsynced {
                at: self.cursor.position,
                why: "another copy of this device was renewed".to_owned(),
            };
            return Ok(());
        }
        if cause.ours || self.rank().is_some() {
            self.plan.greet.push((*persona, is_new));
            Ok(())
        } else {
            self.forget_renewal(overlay, persona);
            self.forget_request(overlay, persona).map(|_| ())
        }
    }

    fn unseated(
        &mut self,
        overlay: &Overlay,
        persona: &PersonaId,
        cause: Cause<'_>,
    ) -> Result<(), EngineError> {
        let room = self.record.room;
        if *persona == self.record.persona {
            self.end_invites(overlay)?;
        } else {
            self.close_invites(overlay)?;
        }
        self.cursor.heads.remove(persona);
        self.cursor.disputes.remove(persona);
        if cause.ours
            && let Some(request) = self.renewal(overlay, persona)?
        {
            self.tell_out(overlay, &request)?;
        }
        self.forget_renewal(overlay, persona);
        if *persona == self.record.persona {
            let removed = self
                .state
                .person(persona)
                .is_some_and(|person| matches!(person.standing, Standing::Gone { by: Some(_), .. }));
            self.cursor.health = Health::Out { removed };
            self.outbox.clear();
            overlay.delete_scope(Table::Outbox, room.as_bytes());
            self.jobs_change();
            overlay.delete_scope(Table::Jobs, room.as_bytes());
            self.forget_requests(overlay)?;
        }
        Ok(())
    }

    /// Invites that the machine has forgotten: used up or expired.
    pub(super) fn end_forgotten_invites(&self, overlay: &Overlay) -> Result<(), EngineError> {
        let room = self.record.room;
        for (number, record) in overlay.values::<InviteRecord>(Table::Invites, room.as_bytes(), 0)? {
            if !self.state.invites.contains_key(&record.id)
                && !record.is_closed()
                && !self.outbox.values().any(|item| item.id == record.id)
            {
                self.end_invite(overlay, number)?;
            }
        }
        Ok(())
    }

    /// Ends every invite that this device knows.
    pub(super) fn end_invites(&self, overlay: &Overlay) -> Result<(), EngineError> {
        for (number, _) in overlay.range(Table::Invites, self.record.room.as_bytes(), 0, usize::MAX)? {
            self.end_invite(overlay, number)?;
        }
        Ok(())
    }

    pub(super) fn end_invite(&self, overlay: &Overlay, number: u64) -> Result<(), EngineError> {
        let place = self.place(Table::Invites, number);
        if let Some(record) = overlay.get_value::<InviteRecord>(&place)?
            && let Some(own) = record.own
        {
            let job = Job::EndInvite {
                card: own.card,
                drop: record.drop,
                control: own.control,
            };
            self.keep_job(overlay, &job)?;
        }
        overlay.delete(place);
        Ok(())
    }
}

/// The number under which this device keeps an invite.
pub(super) fn invite_number(invite: &IntentId) -> u64 {
    invite
        .0
        .first_chunk::<8>()
        .map_or(0, |bytes| u64::from_be_bytes(*bytes))
}
