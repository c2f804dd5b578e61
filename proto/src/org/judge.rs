//! The only authority (law 2): may this person do this now? Runs before sending and at replay.

use std::collections::BTreeSet;

use crate::id::{ChannelId, IntentId, Minutes, PersonaId, Position};
use crate::org::FEATURE;
use crate::org::act::{Act, CommitOps, Deed, LONGEST_TEXT};
use crate::org::application::{Application, LARGEST_KEY_PACKAGE, LONGEST_WORD, key_package_hash};
use crate::org::attachment::LARGEST_FILE;
use crate::org::between::MOST_FEED_HEADS;
use crate::org::denied::{Denied, WantedStanding};
use crate::org::effect::Effect;
use crate::org::notice::{NoticeKind, SignedNotice};
use crate::org::person::{Person, Standing};
use crate::org::power::Power;
use crate::org::principles::Accepted;
use crate::org::state::{Invite, LARGEST_ROOM, OPEN_INVITES, State, WAITING_REQUESTS};

/// Seats that one commit may add.
pub const LARGEST_BATCH: usize = 50;

impl State {
    /// Judges an act of `author` as if it stood at `position`.
    ///
    /// # Errors
    /// `Denied`, with the reason in plain words.
    pub fn judge(&self, position: Position, author: &PersonaId, act: &Act) -> Result<Effect, Denied> {
        let person = self.author(author)?;
        if act.judged_at >= position {
            return Err(Denied::FromTheFuture);
        }
        if act.feature > self.floor {
            return Err(Denied::AboveFloor {
                feature: act.feature,
                floor: self.floor,
            });
        }
        if person.has_done(&act.id) {
            return Err(Denied::Repeated);
        }
        if act.judged_at < person.forgotten {
            return Err(Denied::TooOld);
        }
        let deed = act.read_deed().map_err(|_| Denied::Malformed)?;
        if act.feature != deed.feature() {
            return Err(Denied::Malformed);
        }
        self.judge_deed(author, act.id, deed)
    }

    /// Judges what a commit of `author` does.
    ///
    /// # Errors
    /// `Denied`.
    pub fn judge_commit(&self, author: &PersonaId, ops: &CommitOps) -> Result<Vec<Effect>, Denied> {
        let person = self.author(author)?;
        let certified = |persona: &PersonaId, key| self.person(persona).is_some_and(|p| p.key == key);
        if ops.path.is_some_and(|key| key != person.key)
            || ops
                .adds
                .iter()
                .any(|add| self.person(&add.persona).is_some() && !certified(&add.persona, add.key))
        {
            return Err(Denied::AnotherKey);
        }
        if ops.adds.len() > LARGEST_BATCH || ops.removes.len().max(ops.older.len()) > LARGEST_ROOM {
            return Err(Denied::OddCommit);
        }
        let mut effects = Vec::new();
        for persona in &ops.removes {
            let going = self.person(persona).is_some_and(Person::is_leaving);
            if !going {
                return Err(Denied::RemovesUnremoved);
            }
            effects.push(Effect::Unseated { persona: *persona });
        }
        for kept in &ops.older {
            let renewed = self.person(&kept.persona).is_some_and(|person| {
                person.is_present() && person.older > 0 && person.leaf == Some(kept.leaf)
            });
            if !renewed {
                return Err(Denied::RemovesUnremoved);
            }
            effects.push(Effect::OlderRemoved {
                persona: kept.persona,
            });
        }
        for add in &ops.adds {
            let (persona, leaf) = (add.persona, add.leaf);
            let person = self.person(&persona);
            effects.push(match person.map(|person| &person.standing) {
                Some(Standing::Admitted { key_package, .. }) if *key_package == add.key_package => {
                    Effect::Seated { persona, leaf }
                }
                Some(Standing::Present { .. }) => {
                    person
                        .and_then(Person::renewal)
                        .filter(|wants| wants.key_package == add.key_package)
                        .ok_or(Denied::NoRenewal)?;
                    Effect::Renewed { persona, leaf }
                }
                Some(Standing::Awaited { asks, .. }) => {
                    asks.filter(|asks| asks.key_package == add.key_package)
                        .ok_or(Denied::NoRenewal)?;
                    Effect::Followed { persona, leaf }
                }
                _ => return Err(Denied::AddsUnadmitted),
            });
        }
        let personas: BTreeSet<_> = (ops.removes.iter())
            .chain(ops.older.iter().map(|kept| &kept.persona))
            .chain(ops.adds.iter().map(|add| &add.persona))
            .collect();
        let only_adds = ops.removes.is_empty() && ops.older.is_empty() && !ops.adds.is_empty();
        if personas.len() != effects.len() || !(ops.path.is_some() || only_adds) {
            return Err(Denied::OddCommit);
        }
        if effects.is_empty() {
            effects.push(Effect::Refreshed);
        }
        Ok(effects)
    }

    /// Judges a notice; whether its author signed it is for the caller to check. Others may carry it into the
    /// log.
    ///
    /// # Errors
    /// `Denied`.
    pub fn judge_notice(&self, position: Position, notice: &SignedNotice) -> Result<Vec<Effect>, Denied> {
        let (read, key_package) = match &notice.notice.kind {
            NoticeKind::Renewal {
                read, key_package, ..
            } => (read, key_package),
            NoticeKind::Follow {
                channel,
                asked,
                key_package,
                ..
            } => return self.judge_following(&notice.author, channel, *asked, key_package),
            NoticeKind::Leave => return self.judge_leaving(&notice.author).map(|effect| vec![effect]),
            NoticeKind::Accept {
                version,
                language,
                hash,
            } => {
                let accepted = Accepted {
                    version: *version,
                    language: language.clone(),
                    hash: *hash,
                };
                return self.judge_told_acceptance(&notice.author, accepted);
            }
            NoticeKind::Heard(heads) if heads.len() > MOST_FEED_HEADS => return Err(Denied::Malformed),
            _ => return Ok(Vec::new()),
        };
        let person = self.author(&notice.author)?;
        let Standing::Present { since } = person.standing else {
            return Err(Denied::NotPresent);
        };
        if *read >= position {
            return Err(Denied::FromTheFuture);
        }
        if *read < since.max(person.renewed) {
            return Err(Denied::RenewedSince);
        }
        // An older request that somebody carries in late takes the place of no newer one.
        if person.wants.as_ref().is_some_and(|wants| wants.read > *read) {
            return Err(Denied::Repeated);
        }
        if key_package.len() > LARGEST_KEY_PACKAGE {
            return Err(Denied::Malformed);
        }
        Ok(vec![Effect::RenewalAsked {
            persona: notice.author,
            read: *read,
            key_package: key_package_hash(key_package),
        }])
    }

    /// Somebody leaves the body.
    fn judge_leaving(&self, persona: &PersonaId) -> Result<Effect, Denied> {
        let person = self.person(persona).ok_or(Denied::NotPresent)?;
        if !(person.is_present() || person.is_outer() || person.is_awaited()) {
            return Err(Denied::NotPresent);
        }
        if person.is_present() && self.present().count() < 2 {
            return Err(Denied::LastOne);
        }
        Ok(Effect::Left { persona: *persona })
    }

    /// A request to be added to the successor in this channel. Who is in it already and asks once more, by a clock
    /// that is later than their latest entry, was set back to before: that is for compared codes to allow.
    fn judge_following(
        &self,
        author: &PersonaId,
        channel: &ChannelId,
        asked: Minutes,
        key_package: &[u8],
    ) -> Result<Vec<Effect>, Denied> {
        if self.floor > FEATURE {
            return Err(Denied::Outdated { floor: self.floor });
        }
        if *channel != self.channel {
            return Err(Denied::AnotherChannel);
        }
        if key_package.len() > LARGEST_KEY_PACKAGE {
            return Err(Denied::Malformed);
        }
        let person = self.person(author).ok_or(Denied::NotPresent)?;
        let (persona, key_package) = (*author, key_package_hash(key_package));
        match &person.standing {
            Standing::Awaited { asks, .. } if asks.is_some_and(|asks| asks.asked >= asked) => {
                Err(Denied::Repeated)
            }
            Standing::Awaited { .. } => Ok(vec![Effect::FollowAsked {
                persona,
                asked,
                key_package,
            }]),
            Standing::Present { .. } if person.latest.is_some_and(|latest| latest >= asked) => {
                Err(Denied::Repeated)
            }
            Standing::Present { .. } if person.wants.is_some() => Err(Denied::Repeated),
            Standing::Present { .. } => Ok(vec![Effect::RenewalAsked {
                persona,
                read: Position(0),
                key_package,
            }]),
            _ => Err(Denied::NotPresent),
        }
    }

    /// Judges a cut without a commit, which answers wrong keys.
    ///
    /// # Errors
    /// `Denied`.
    pub fn judge_answer(&self, author: &PersonaId, notice: &SignedNotice) -> Result<Vec<Effect>, Denied> {
        let NoticeKind::Answer { .. } = notice.notice.kind else {
            return Err(Denied::WrongFlag);
        };
        self.author(author)?;
        if notice.author != *author {
            return Err(Denied::WrongFlag);
        }
        self.with_power(author, Power::Keys)?;
        Ok(vec![Effect::Answered])
    }

    fn author(&self, author: &PersonaId) -> Result<&Person, Denied> {
        if self.floor > FEATURE {
            return Err(Denied::Outdated { floor: self.floor });
        }
        self.person(author)
            .filter(|person| person.is_present())
            .ok_or(Denied::NotPresent)
    }

    pub(super) fn with_power(&self, author: &PersonaId, power: Power) -> Result<(), Denied> {
        if self.holds(author, power) {
            return Ok(());
        }
        Err(Denied::Powerless {
            power: power.word().to_owned(),
        })
    }

    fn judge_deed(&self, author: &PersonaId, id: IntentId, deed: Deed) -> Result<Effect, Denied> {
        if self.annex.is_some() && deed.governs() {
            return Err(Denied::NotHere);
        }
        match deed {
            Deed::Say { text } => {
                if text.is_empty() || text.len() > LONGEST_TEXT {
                    return Err(Denied::Text);
                }
                Ok(Effect::Said { text })
            }
            Deed::Attach { text, file } => {
                if text.len() > LONGEST_TEXT {
                    return Err(Denied::Text);
                }
                if file.size > LARGEST_FILE {
                    return Err(Denied::File);
                }
                Ok(Effect::Attached { text, file })
            }
            Deed::Invite { uses, expires, drop } => {
                self.with_power(author, Power::Admit)?;
                let live = |invite: &&Invite| invite.is_live(self.now());
                if self.invites.values().filter(live).count() >= OPEN_INVITES {
                    return Err(Denied::TooManyWaiting);
                }
                if uses == 0 || self.invites.contains_key(&id) {
                    return Err(Denied::InviteUsedUp);
                }
                if expires <= self.now() {
                    return Err(Denied::InviteExpired);
                }
                Ok(Effect::Invited {
                    invite: id,
                    uses,
                    expires,
                    drop,
                })
            }
            Deed::Revoke { invite } => {
                self.with_power(author, Power::Admit)?;
                self.invites.get(&invite).ok_or(Denied::NoInvite)?;
                Ok(Effect::Revoked { invite })
            }
            Deed::Apply { application } => self.judge_application(author, &application),
            Deed::Admit { persona } => self.judge_admission(author, persona),
            Deed::Decline { persona, reason } => {
                self.with_power(author, Power::Admit)?;
                self.applied(&persona)?;
                Ok(Effect::Declined {
                    persona,
                    reason: bounded(reason)?,
                })
            }
            Deed::Remove { persona, reason } => {
                self.with_power(author, Power::Remove)?;
                if persona == *author {
                    return Err(Denied::Oneself);
                }
                self.removable(&persona)?;
                Ok(Effect::Removed {
                    persona,
                    reason: bounded(reason)?,
                })
            }
            Deed::Leave => self.judge_leaving(author),
            Deed::ControlKey { key } => {
                self.with_power(author, Power::Keys)?;
                Ok(Effect::ControlNamed { key })
            }
            Deed::RaiseFloor { feature } => {
                self.with_power(author, Power::Floor)?;
                // What this program knows may not decide it: programs of every age must agree (law 15). One
                // step at a time, so that nobody can raise it beyond every program there will be.
                if feature != self.floor.saturating_add(1) {
                    return Err(Denied::Floor);
                }
                Ok(Effect::FloorRaised { feature })
            }
            Deed::Renew { persona, key_package } => {
                self.with_power(author, Power::Admit)?;
                if persona == *author {
                    return Err(Denied::Oneself);
                }
                self.person(&persona)
                    .and_then(Person::doubtful_renewal)
                    .filter(|wants| wants.key_package == key_package)
                    .ok_or(Denied::NoRenewal)?;
                Ok(Effect::RenewalAllowed { persona })
            }
            Deed::Vouch { persona, sphere } => self.judge_vouch(author, persona, sphere),
            Deed::Promote { persona, sphere } => self.judge_promotion(author, persona, sphere),
            Deed::Demote {
                persona,
                sphere,
                reason,
            } => self.judge_demotion(author, persona, sphere, reason),
            Deed::Suspend { persona, reason } => self.judge_suspension(author, persona, reason),
            Deed::Lift { persona } => self.judge_lifting(author, persona),
            Deed::Principles { texts, substance } => self.judge_principles(author, texts, substance),
            Deed::Accept {
                version,
                language,
                hash,
            } => self.judge_acceptance(
                author,
                Accepted {
                    version,
                    language,
                    hash,
                },
            ),
            Deed::HandOver { office, holder } => self.judge_hand_over(author, office, holder),
            Deed::OpenRoom { name, channel } => self.judge_opening(author, name, channel),
            Deed::SucceedRoom { name, channel } => self.judge_succeeding(author, name, channel),
            Deed::Claim { claim } => self.judge_claim(author, &claim),
            Deed::Dispute { number } => self.judge_dispute(author, number),
            Deed::Recognize { applicant, persona } => self.judge_recognition(author, applicant, persona),
            Deed::Replace { persona, applicant } => self.judge_replacement(author, persona, applicant),
            Deed::Rekey { key, proof } => self.judge_rekey(author, key, &proof),
            Deed::StandAside { office, aside } => self.judge_standing_aside(author, office, aside),
            Deed::Propose { title, text, subject } => {
                self.judge_proposal(author, id, (title, text), *subject)
            }
            Deed::Step { proposal, step } => self.judge_step(author, proposal, *step),
            Deed::CallMeeting { title, at, agenda } => self.judge_call(author, id, title, at, agenda),
            Deed::Meeting { meeting, step } => self.judge_meeting(author, meeting, *step),
            Deed::Between { step } => self.judge_between(author, id, *step),
            Deed::Relocate { relay, .. } => self.judge_relocation(author, relay),
            Deed::Remark { remark } => self.judge_remark(author, remark),
            Deed::Whisper { sealed } => self.judge_whisper(author, sealed),
        }
    }

    fn judge_application(&self, author: &PersonaId, bytes: &[u8]) -> Result<Effect, Denied> {
        self.with_power(author, Power::Admit)?;
        let application = Application::read(bytes).map_err(|_| Denied::Malformed)?;
        let invite = self.live_invite(&application.invite)?;
        if invite.closed {
            return Err(Denied::NoInvite);
        }
        let persona = application.persona();
        if self.knows_key(&application.key) {
            return Err(Denied::KnownPersona);
        }
        let here = |p: &Person| !matches!(p.standing, Standing::Gone { .. });
        if self
            .people
            .values()
            .any(|p| here(p) && p.name.is_like(application.name.as_str()))
        {
            return Err(Denied::NameTaken);
        }
        let waiting = |p: &&Person| matches!(p.standing, Standing::Applied { .. });
        if self.people.values().filter(waiting).count() >= WAITING_REQUESTS {
            return Err(Denied::TooManyWaiting);
        }
        let claims = application.claims.as_ref().map(|name| self.claimed(name));
        Ok(Effect::Applied {
            persona,
            claims: claims.transpose()?,
            key: application.key,
            key_package: application.key_package_hash(),
            invite: application.invite,
            name: application.name,
        })
    }

    fn judge_admission(&self, author: &PersonaId, persona: PersonaId) -> Result<Effect, Denied> {
        self.with_power(author, Power::Admit)?;
        let (invite, key_package) = self.admissible(&persona)?;
        self.with_vouches(self.charter().admission.vouches, author, &persona)?;
        let sponsors = self
            .person(&persona)
            .map(|person| self.vouchers(person, author))
            .unwrap_or_default();
        Ok(Effect::Admitted {
            persona,
            invite,
            key_package,
            sponsors,
        })
    }

    /// Whether somebody can be admitted, by whomever: by which invite, and the hash of their key package.
    pub(super) fn admissible(&self, persona: &PersonaId) -> Result<(IntentId, [u8; 32]), Denied> {
        let (invite, key_package) = self.applied(persona)?;
        if self.person(persona).is_some_and(|person| person.claims.is_some()) {
            return Err(Denied::Claims);
        }
        self.live_invite(&invite)?;
        let seats =
            |p: &&Person| p.is_seated() || p.is_outer() || matches!(p.standing, Standing::Admitted { .. });
        if self.people.values().filter(seats).count() >= LARGEST_ROOM {
            return Err(Denied::RoomFull);
        }
        Ok((invite, key_package))
    }

    pub(super) fn applied(&self, persona: &PersonaId) -> Result<(IntentId, [u8; 32]), Denied> {
        match self.person(persona).map(|person| &person.standing) {
            Some(Standing::Applied { invite, key_package }) => Ok((*invite, *key_package)),
            _ => Err(Denied::NotStanding(WantedStanding::Applied)),
        }
    }

    pub(super) fn live_invite(&self, id: &IntentId) -> Result<&Invite, Denied> {
        let invite = self.invites.get(id).ok_or(Denied::NoInvite)?;
        if invite.left == 0 {
            return Err(Denied::InviteUsedUp);
        }
        if !invite.is_live(self.now()) {
            return Err(Denied::InviteExpired);
        }
        Ok(invite)
    }
}

pub(super) fn bounded(reason: String) -> Result<String, Denied> {
    if reason.len() > LONGEST_WORD {
        Err(Denied::Text)
    } else {
        Ok(reason)
    }
}
