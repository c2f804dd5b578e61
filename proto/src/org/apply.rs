//! One entry moves the state on: total and deterministic (laws 1 to 3). What breaks a rule changes nothing
//! but position and clock, and says why.

use std::collections::BTreeSet;

use crate::codec;
use crate::id::{Minutes, PersonaId, Position};
use crate::org::FEATURE;
use crate::org::act::{Act, CommitOps};
use crate::org::denied::Denied;
use crate::org::effect::Effect;
use crate::org::intents::Intent;
use crate::org::mandate::DAY;
use crate::org::notice::SignedNotice;
use crate::org::person::{Following, Person, Renewal, Standing};
use crate::org::replace::Return;
use crate::org::state::{GONE_REMEMBERED, Invite, State};
use crate::org::vouch::Suspension;

/// Where an entry stands and what the relay says it did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct At {
    /// Its position.
    pub position: Position,
    /// It moved the counter.
    pub flagged: bool,
    /// It turned the keys.
    pub cut: bool,
    /// Up to where its author's head shows that they were served the same log (0: nothing).
    pub seen: Position,
}

/// What an entry turned out to hold.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    /// An application message: an encoded [`Act`].
    Act(&'a [u8]),
    /// A commit that MLS can process, and what it does.
    Commit(&'a CommitOps),
    /// A notice whose author signed it.
    Notice(&'a SignedNotice),
    /// One part of a commit, which does nothing alone.
    Part,
    /// Nothing that the machine can use.
    Nothing(Denied),
}

/// What became of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The state changed so.
    Done(Vec<Effect>),
    /// A recorded no-op.
    NoOp(Denied),
    /// The room's floor is above this program: it must stop here (law 15).
    UpgradeNeeded {
        /// The room's floor.
        floor: u16,
    },
}

impl State {
    /// Applies the entry at `at`. `author` is who wrote it as far as that was authenticated, with the time
    /// they claim.
    pub fn apply(&mut self, at: At, author: Option<(PersonaId, Minutes)>, input: &Input<'_>) -> Outcome {
        if self.floor > FEATURE {
            return Outcome::UpgradeNeeded { floor: self.floor };
        }
        if at.position <= self.position {
            return Outcome::NoOp(Denied::OutOfOrder);
        }
        let mut outcome = self.outcome(at, author.map(|(persona, _)| persona), input);
        self.position = at.position;
        if let Outcome::Done(effects) = &outcome {
            for effect in effects {
                if let Some((persona, _)) = author {
                    self.enact(at, &persona, effect);
                }
            }
            if effects.iter().any(Effect::moves_people) {
                self.fill_seats(at.position);
            }
            if at.cut && !effects.contains(&Effect::Answered) {
                self.cut(at.position);
            }
            if let (Input::Commit(ops), Some((persona, _))) = (input, author) {
                self.certify(&persona, ops);
            }
        }
        if let Some((persona, time)) = author {
            if self.heard(at.position, &persona)
                && let Outcome::Done(effects) = &mut outcome
            {
                effects.push(Effect::Objected { persona });
            }
            self.hear(at.position, &persona, input);
            let decides = matches!(&outcome, Outcome::Done(effects) if !effects.iter().any(Effect::is_said));
            let seen = if decides { self.counted(at) } else { None };
            self.witness(&persona, time, seen);
            if let (Outcome::Done(effects), true) = (&mut outcome, decides) {
                effects.extend(self.settle_decisions(at));
            }
        }
        self.pass();
        outcome
    }

    /// What is final by now is done.
    fn settle_decisions(&mut self, at: At) -> Vec<Effect> {
        if self.finality.next.is_none() && self.finality.waiting.is_empty() {
            return Vec::new();
        }
        let effects = self.finalize(at);
        if effects.iter().any(Effect::moves_people) {
            self.fill_seats(at.position);
        }
        effects
    }

    /// Counts what was touched where it counts.
    pub(super) fn pass(&mut self) {
        self.witnesses
            .follow(&self.people, self.clock.now, &mut self.noted);
        self.people.pass();
        self.invites.pass();
        self.proposals.pass();
        self.voters.pass();
        self.meetings.pass();
        self.between.pass();
    }

    /// Remembers the hashes of what was touched, so that the next [`State::root`] costs no more than what is touched from
    /// now on.
    pub fn settle(&mut self) {
        self.pass();
        self.people.settle();
        self.invites.settle();
        self.proposals.settle();
        self.voters.settle();
        self.meetings.settle();
        self.between.settle();
    }

    fn outcome(&mut self, at: At, author: Option<PersonaId>, input: &Input<'_>) -> Outcome {
        let judged = match (input, author) {
            (Input::Nothing(denied), _) => Err(denied.clone()),
            (_, None) => Err(Denied::NotPresent),
            (Input::Notice(notice), Some(author)) if at.cut => self.judge_answer(&author, notice),
            (Input::Notice(_) | Input::Part, Some(_)) if at.flagged => Err(Denied::WrongFlag),
            (Input::Part, Some(_)) => Ok(Vec::new()),
            (Input::Notice(notice), Some(_)) => self.judge_notice(at.position, notice),
            (Input::Act(_), Some(_)) if at.flagged => Err(Denied::WrongFlag),
            (Input::Commit(_), Some(_)) if !at.flagged => Err(Denied::WrongFlag),
            (Input::Commit(ops), Some(author)) => self.judge_commit(&author, ops),
            (Input::Act(bytes), Some(author)) => match codec::decode::<Act>(bytes, codec::LIMIT) {
                Err(_) => Err(Denied::Malformed),
                Ok(act) => {
                    let judged = self.judge(at.position, &author, &act);
                    if judged.is_ok()
                        && let Some(person) = self.people.get_mut(&author)
                    {
                        person.remember(Intent {
                            id: act.id,
                            position: at.position,
                        });
                    }
                    judged.map(|effect| vec![effect])
                }
            },
        };
        match judged {
            Ok(effects) => Outcome::Done(effects),
            Err(denied) => Outcome::NoOp(denied),
        }
    }

    /// Whoever speaks in the group does not need to be renewed.
    fn hear(&mut self, position: Position, author: &PersonaId, input: &Input<'_>) {
        if matches!(input, Input::Act(_) | Input::Commit(_))
            && let Some(person) = self.people.get_mut(author)
        {
            person.spoke = position;
            person.wants = None;
        }
    }

    pub(super) fn enact(&mut self, at: At, author: &PersonaId, effect: &Effect) {
        match effect {
            Effect::Said { .. } | Effect::Attached { .. } | Effect::Refreshed | Effect::Objected { .. } => {}
            Effect::Invited {
                invite,
                uses,
                expires,
                drop,
            } => {
                let opened = Invite {
                    number: self.next_invite,
                    by: *author,
                    left: *uses,
                    expires: *expires,
                    drop: *drop,
                    access: self.access,
                    closed: false,
                };
                let now = self.now();
                self.invites.retain(|_, invite| invite.is_live(now));
                self.next_invite = self.next_invite.saturating_add(1);
                self.invites.insert(*invite, opened);
            }
            Effect::Revoked { invite } => {
                self.invites.remove(invite);
            }
            Effect::Applied {
                persona,
                key,
                name,
                invite,
                key_package,
                claims,
            } => {
                let sphere = self.charter().admission.sphere;
                let since = at.position;
                if let Some(claimed) = claims.as_ref().and_then(|persona| self.people.get_mut(persona)) {
                    claimed.claimed = since;
                }
                let person = Person {
                    claims: claims.map(|persona| Return { persona, since }),
                    standing: Standing::Applied {
                        invite: *invite,
                        key_package: *key_package,
                    },
                    ..Person::new(*key, name.clone(), self.next_person, sphere, self.now())
                };
                self.next_person = self.next_person.saturating_add(1);
                self.people.insert(*persona, person);
            }
            Effect::Admitted {
                persona,
                invite,
                key_package,
                sponsors,
            } => {
                if let Some(invite) = self.invites.get_mut(invite) {
                    invite.left = invite.left.saturating_sub(1);
                }
                if let Some(person) = self.people.get_mut(persona) {
                    person.sponsors.clone_from(sponsors);
                    person.vouches.clear();
                }
                self.admit(persona, at.position, *key_package, *author);
            }
            Effect::Declined { persona, .. } => {
                self.people.remove(persona);
            }
            Effect::Removed { persona, .. } => self.remove(persona, Some(*author)),
            Effect::Left { persona } => {
                self.remove(persona, None);
                self.unelect(persona);
            }
            Effect::ControlNamed { key } => {
                if let Some(person) = self.people.get_mut(author) {
                    person.control = Some(*key);
                }
            }
            Effect::FloorRaised { feature } => self.floor = *feature,
            Effect::RenewalAsked {
                persona,
                read,
                key_package,
            } => {
                if let Some(person) = self.people.get_mut(persona) {
                    person.wants = Some(Renewal {
                        read: *read,
                        key_package: *key_package,
                        compared: false,
                    });
                }
            }
            Effect::RenewalAllowed { persona } => {
                if let Some(wants) = self
                    .people
                    .get_mut(persona)
                    .and_then(|person| person.wants.as_mut())
                {
                    wants.compared = true;
                }
            }
            Effect::Answered => {
                self.access = at.position;
                self.answered = true;
            }
            Effect::Renewed { persona, leaf } => {
                self.finality.seated = at.position;
                if let Some(person) = self.people.get_mut(persona) {
                    person.leaf = Some(*leaf);
                    person.older = person.older.saturating_add(1);
                    person.renewed = at.position;
                    person.spoke = at.position;
                    person.wants = None;
                }
            }
            Effect::FollowAsked {
                persona,
                asked,
                key_package,
            } => {
                if let Some(person) = self.people.get_mut(persona)
                    && let Standing::Awaited { asks, .. } = &mut person.standing
                {
                    *asks = Some(Following {
                        asked: *asked,
                        key_package: *key_package,
                    });
                }
            }
            Effect::Followed { persona, leaf } => {
                self.finality.seated = at.position;
                if let Some(person) = self.people.get_mut(persona)
                    && let Standing::Awaited { since, .. } = person.standing
                {
                    person.standing = Standing::Present { since };
                    person.leaf = Some(*leaf);
                    person.renewed = at.position;
                    person.spoke = at.position;
                }
            }
            Effect::OlderRemoved { persona } => {
                if let Some(person) = self.people.get_mut(persona) {
                    person.older = 0;
                }
            }
            Effect::Seated { persona, leaf } => {
                self.finality.seated = at.position;
                self.stand(persona, Standing::Present { since: at.position });
                let now = self.now();
                if let Some(person) = self.people.get_mut(persona) {
                    person.leaf = Some(*leaf);
                    person.joined = now;
                    person.sphere_since = now;
                }
            }
            Effect::Unseated { persona } => {
                self.unseat(persona, at);
                self.forget_gone();
                self.close_invites();
                self.bulletin_is_known_outside();
            }
            Effect::Vouched { persona, .. } => self.vouch(author, persona),
            Effect::Promoted { persona, sphere } | Effect::Demoted { persona, sphere, .. } => {
                self.move_to(persona, *sphere, at.position);
            }
            Effect::Suspended { persona, .. } => {
                let days = u64::from(self.charter().review.days);
                let until = Minutes(self.now().0.saturating_add(days * DAY));
                if let Some(person) = self.people.get_mut(persona) {
                    person.suspended = Some(Suspension { by: *author, until });
                }
            }
            Effect::Lifted { persona } => {
                if let Some(person) = self.people.get_mut(persona) {
                    person.suspended = None;
                }
            }
            Effect::PrinciplesSet {
                version,
                texts,
                substance,
            } => self.set_principles(*version, texts, *substance),
            Effect::PrinciplesAccepted { persona, accepted } => {
                if let Some(person) = self.people.get_mut(persona) {
                    person.accepted = Some(accepted.clone());
                }
            }
            Effect::HandedOver { office, holder, to } => self.hand_over(*office, holder, *to, at.position),
            Effect::RoomOpened { name, channel } => self.room_opened(author, name, *channel),
            Effect::RoomSucceeded { name, channel } => self.room_succeeded(name, *channel),
            Effect::Claimed { name, signed, hash } => self.take_claim(at, name, signed, *hash),
            Effect::Disputed { .. } => {
                if let Some(annex) = &mut self.annex {
                    annex.disputed.push(*author);
                }
            }
            Effect::Recognized { applicant, .. } => self.vouch(author, applicant),
            Effect::Replaced {
                persona,
                applicant,
                invite,
                key_package,
                ..
            } => {
                self.forget_keys_of(persona);
                self.replace(at.position, persona, applicant, *key_package, invite);
            }
            Effect::Rekeyed { key } => self.rekey(at.position, author, *key),
            Effect::StoodAside { office, aside } => {
                if let Some(person) = self.people.get_mut(author) {
                    person.aside.retain(|other| other != office);
                    person.aside.extend(aside.then_some(*office));
                }
            }
            Effect::Vacated { office, holder } => self.vacate(*office, holder),
            Effect::Recalled { office, holder } => {
                self.vacate(*office, holder);
                if let Some(person) = self.people.get_mut(holder)
                    && !person.aside.contains(office)
                {
                    person.aside.push(*office);
                }
            }
            Effect::Elected { office, holders } => self.elect(*office, holders, at.position),
            Effect::CharterChanged { charter } => self.set_charter(charter, at.position),
            Effect::Proposed {
                proposal,
                title,
                text,
                subject,
            } => self.propose((author, at.position), *proposal, (title, text), subject),
            Effect::Moved { proposal, moved } => self.step((author, at.position), proposal, moved),
            Effect::Decided { .. } => {}
            Effect::MeetingCalled {
                meeting,
                title,
                at: date,
                agenda,
            } => self.call_meeting(author, *meeting, title, *date, agenda),
            Effect::Met { meeting, moved } => self.meet((author, at.position), meeting, moved),
            Effect::Between { step, void, .. } => self.link_step(author, step, *void),
            Effect::Relocated { .. } => self.relocate(),
            Effect::Remarked { remark } => self.remark(at.position, remark),
            Effect::Whispered { .. } => self.whispered(author),
        }
    }

    /// A seat is taken away: of who is out, and of who is to come again or belongs into another room only.
    fn unseat(&mut self, persona: &PersonaId, at: At) {
        let (is_annex, governing) = (self.annex.is_some(), self.charter().governing);
        let Some(person) = self.people.get_mut(persona) else {
            return;
        };
        let uncut = !at.cut;
        match person.standing {
            Standing::Outer { since, .. } => {
                person.step_out();
                if !is_annex && person.sphere < governing {
                    person.standing = Standing::Outer {
                        since,
                        seated: false,
                        uncut,
                    };
                    return;
                }
                // Only in an annex does anybody come in by the key package that they were admitted by.
                let asks = person.package.take_if(|_| is_annex).map(Following::once);
                person.standing = Standing::Awaited { since, asks };
                person.lost = uncut;
            }
            Standing::Going { by } => {
                person.standing = Standing::Gone { by, uncut };
                person.retire();
            }
            _ => {}
        }
    }

    /// Who is admitted into a sphere that is not in the governing room belongs to the body at once: another room seats
    /// them.
    fn admit(&mut self, persona: &PersonaId, since: Position, key_package: [u8; 32], by: PersonaId) {
        let (now, governing) = (self.now(), self.charter().governing);
        let Some(person) = self.people.get_mut(persona) else {
            return;
        };
        if person.sphere >= governing {
            person.standing = Standing::Admitted { key_package, by };
            return;
        }
        person.joined = now;
        person.sphere_since = now;
        person.standing = Standing::Outer {
            since,
            seated: false,
            uncut: false,
        };
        person.package = Some(key_package);
    }

    /// Whoever has no seat in this group yet needs no commit to be out of it, and knows none of its keys.
    pub(super) fn remove(&mut self, persona: &PersonaId, by: Option<PersonaId>) {
        let now = self.now();
        let Some(person) = self.people.get_mut(persona) else {
            return;
        };
        person.left = Some(now);
        if !(person.is_awaited() || person.is_outer()) {
            return self.stand(persona, Standing::Going { by });
        }
        let uncut = person.is_uncut();
        self.stand(persona, Standing::Gone { by, uncut });
        if let Some(person) = self.people.get_mut(persona) {
            person.retire();
        }
        self.forget_gone();
    }

    fn stand(&mut self, persona: &PersonaId, standing: Standing) {
        if let Some(person) = self.people.get_mut(persona) {
            person.standing = standing;
        }
    }

    fn cut(&mut self, position: Position) {
        if self.is_uncut() {
            self.close_invites();
        }
        self.access = position;
        self.answered = false;
        let who: Vec<_> = self
            .people
            .iter()
            .filter(|(_, person)| person.is_uncut())
            .map(|(id, _)| *id)
            .collect();
        for persona in who {
            if let Some(person) = self.people.get_mut(&persona) {
                person.lost = false;
                if let Standing::Gone { uncut, .. } | Standing::Outer { uncut, .. } = &mut person.standing {
                    *uncut = false;
                }
            }
        }
    }

    /// Whoever is out knows the access secret that the invites opened so far are sealed under.
    fn close_invites(&mut self) {
        let waiting: BTreeSet<_> = self
            .people
            .values()
            .filter_map(|person| match person.standing {
                Standing::Applied { invite, .. } => Some(invite),
                _ => None,
            })
            .collect();
        self.invites.retain(|id, invite| {
            invite.closed = true;
            waiting.contains(id)
        });
    }

    /// Keeps the number of those who are out bounded. Who still knows the channel's keys is forgotten last.
    pub(super) fn forget_gone(&mut self) {
        let gone = |person: &Person| match person.standing {
            Standing::Gone { uncut, .. } => Some((uncut, person.number)),
            _ => None,
        };
        let mut out: Vec<_> = self
            .people
            .iter()
            .filter_map(|(id, person)| gone(person).map(|key| (key, *id)))
            .collect();
        out.sort_unstable();
        let excess = out.len().saturating_sub(GONE_REMEMBERED);
        for (_, first) in out.into_iter().take(excess) {
            self.people.remove(&first);
        }
    }
}
