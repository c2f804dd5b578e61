//! Vouches, promotion and demotion, suspension: how somebody comes closer, and what sets them back.
//!
//! A rule never waits for more people than there are: of those who could vouch, as many as the charter lets be away
//! are not counted on (law 10). Nobody vouches for, promotes, demotes, suspends or lifts a suspension of themselves (law 13).

use serde::{Deserialize, Serialize};

use crate::id::{Minutes, PersonaId, Position};
use crate::org::denied::{Denied, WantedStanding};
use crate::org::effect::Effect;
use crate::org::judge::bounded;
use crate::org::mandate::DAY;
use crate::org::person::{Person, Standing};
use crate::org::power::Power;
use crate::org::sphere::Sphere;
use crate::org::state::State;

/// Days that count as a month where vouches are counted.
pub const MONTH: u64 = 30;

/// Vouches that are kept for one step.
pub const MOST_WORDS: usize = 64;

/// A word for somebody.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Vouch {
    /// Whose.
    pub by: PersonaId,
    /// When, in witnessed time.
    pub at: Minutes,
}

/// How somebody stands in the body besides their sphere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Regard {
    /// As one should.
    Good,
    /// They have not accepted the points of unity in time.
    Lapsed,
    /// Their conduct is under review.
    Suspended,
}

/// A suspension.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Suspension {
    /// Who suspended.
    pub by: PersonaId,
    /// It ends by itself then.
    pub until: Minutes,
}

impl State {
    /// How a person stands now.
    #[must_use]
    pub fn regard(&self, person: &Person) -> Regard {
        let now = self.now();
        if person.is_suspended(now) {
            Regard::Suspended
        } else if self.acceptance_due(person).is_some_and(|due| due < now) {
            Regard::Lapsed
        } else {
            Regard::Good
        }
    }

    fn is_good(&self, person: &Person) -> bool {
        person.is_present() && self.regard(person) == Regard::Good
    }

    /// Whether this person's word counts for others now, but for how often they have given it.
    #[must_use]
    pub fn may_vouch(&self, person: &Person) -> bool {
        let rule = &self.charter().vouching;
        let since = person.joined.0.saturating_add(u64::from(rule.days) * DAY);
        self.is_good(person) && person.sphere >= rule.sphere && since <= self.now().0
    }

    /// How many vouches of a rule's are waited for, where `author` decides on `subject`.
    #[must_use]
    pub fn vouches_needed(&self, asked: u16, author: &PersonaId, subject: &PersonaId) -> usize {
        let others = self
            .people
            .iter()
            .filter(|(id, person)| *id != author && *id != subject && self.may_vouch(person));
        // Many could, and more than so many change nothing.
        let asked = usize::from(asked);
        let counted = others.take(asked.saturating_add(usize::from(self.charter().absent)));
        let reckoned_with = counted.count().saturating_sub(usize::from(self.charter().absent));
        asked.min(reckoned_with)
    }

    /// Who vouched for somebody and still counts, but for `author`.
    #[must_use]
    pub fn vouchers(&self, subject: &Person, author: &PersonaId) -> Vec<PersonaId> {
        let counts = |id: &PersonaId| self.person(id).is_some_and(|person| self.is_good(person));
        let vouches = subject.vouches.iter().map(|vouch| vouch.by);
        vouches.filter(|id| id != author && counts(id)).collect()
    }

    pub(super) fn with_vouches(
        &self,
        asked: u16,
        author: &PersonaId,
        subject: &PersonaId,
    ) -> Result<(), Denied> {
        let needed = self.vouches_needed(asked, author, subject);
        let have = self
            .person(subject)
            .map_or(0, |person| self.vouchers(person, author).len());
        self.with_words(needed, have)
    }

    pub(super) fn with_words(&self, needed: usize, have: usize) -> Result<(), Denied> {
        if have < needed {
            return Err(Denied::Vouches {
                needed: narrow(needed),
                have: narrow(have),
            });
        }
        Ok(())
    }

    /// Whether this person may give their word once more.
    pub(super) fn with_word(&self, author: &PersonaId) -> Result<(), Denied> {
        let voucher = self.person(author).ok_or(Denied::NotPresent)?;
        if !self.may_vouch(voucher) {
            return Err(Denied::MayNotVouch);
        }
        let month = self.now().0.saturating_sub(MONTH * DAY);
        let lately = voucher.vouched.iter().filter(|at| at.0 > month).count();
        if lately >= usize::from(self.charter().vouching.a_month) {
            return Err(Denied::VouchedEnough);
        }
        Ok(())
    }

    pub(super) fn judge_vouch(
        &self,
        author: &PersonaId,
        persona: PersonaId,
        sphere: Sphere,
    ) -> Result<Effect, Denied> {
        if persona == *author {
            return Err(Denied::OwnCase);
        }
        self.with_word(author)?;
        let subject = self
            .person(&persona)
            .ok_or(Denied::NotStanding(WantedStanding::Applied))?;
        if subject.claims.is_some() {
            return Err(Denied::Claims);
        }
        let next = match subject.standing {
            Standing::Applied { .. } => Some(self.charter().admission.sphere),
            Standing::Present { .. } | Standing::Outer { seated: false, .. } => {
                self.charter().next_sphere(subject.sphere)
            }
            _ => None,
        };
        if next != Some(sphere) {
            return Err(Denied::NoSuchStep);
        }
        if subject.vouches.len() >= MOST_WORDS {
            return Err(Denied::TooManyWaiting);
        }
        if subject.vouches.iter().any(|vouch| vouch.by == *author) {
            return Err(Denied::Repeated);
        }
        Ok(Effect::Vouched { persona, sphere })
    }

    pub(super) fn judge_promotion(
        &self,
        author: &PersonaId,
        persona: PersonaId,
        sphere: Sphere,
    ) -> Result<Effect, Denied> {
        self.with_power(author, Power::Promote)?;
        let person = self.other(author, &persona)?;
        if self.charter().next_sphere(person.sphere) != Some(sphere) {
            return Err(Denied::NoSuchStep);
        }
        if self.regard(person) != Regard::Good {
            return Err(Denied::NotGood);
        }
        let rule = self.charter().promotion(sphere);
        let due = person.sphere_since.0.saturating_add(u64::from(rule.days) * DAY);
        if due > self.now().0 {
            return Err(Denied::TooEarly { days: rule.days });
        }
        if rule.principles && !self.has_accepted(person) {
            return Err(Denied::NotAccepted);
        }
        self.with_vouches(rule.vouches, author, &persona)?;
        Ok(Effect::Promoted { persona, sphere })
    }

    pub(super) fn judge_demotion(
        &self,
        author: &PersonaId,
        persona: PersonaId,
        sphere: Sphere,
        reason: String,
    ) -> Result<Effect, Denied> {
        self.with_power(author, Power::Promote)?;
        let person = self.other(author, &persona)?;
        if sphere >= person.sphere || !self.charter().spheres.contains(&sphere) {
            return Err(Denied::NoSuchStep);
        }
        Ok(Effect::Demoted {
            persona,
            sphere,
            reason: bounded(reason)?,
        })
    }

    pub(super) fn judge_suspension(
        &self,
        author: &PersonaId,
        persona: PersonaId,
        reason: String,
    ) -> Result<Effect, Denied> {
        self.with_power(author, Power::Remove)?;
        let person = self.other(author, &persona)?;
        if person.is_suspended(self.now()) {
            return Err(Denied::Repeated);
        }
        Ok(Effect::Suspended {
            persona,
            reason: bounded(reason)?,
        })
    }

    pub(super) fn judge_lifting(&self, author: &PersonaId, persona: PersonaId) -> Result<Effect, Denied> {
        self.with_power(author, Power::Remove)?;
        let person = self.other(author, &persona)?;
        if !person.is_suspended(self.now()) {
            return Err(Denied::NotSuspended);
        }
        Ok(Effect::Lifted { persona })
    }

    /// Somebody else who is of the body.
    fn other(&self, author: &PersonaId, persona: &PersonaId) -> Result<&Person, Denied> {
        if persona == author {
            return Err(Denied::OwnCase);
        }
        self.person(persona)
            .filter(|person| person.is_present() || person.is_outer())
            .ok_or(Denied::NotStanding(WantedStanding::Present))
    }

    pub(super) fn vouch(&mut self, author: &PersonaId, persona: &PersonaId) {
        let at = self.now();
        let month = at.0.saturating_sub(MONTH * DAY);
        if let Some(voucher) = self.people.get_mut(author) {
            voucher.vouched.retain(|at| at.0 > month);
            voucher.vouched.push(at);
        }
        if let Some(subject) = self.people.get_mut(persona) {
            subject.vouches.push(Vouch { by: *author, at });
        }
    }

    pub(super) fn move_to(&mut self, persona: &PersonaId, sphere: Sphere, since: Position) {
        let (now, governs) = (self.now(), sphere >= self.charter().governing);
        if let Some(person) = self.people.get_mut(persona) {
            match person.standing {
                Standing::Outer { seated: false, .. } if governs => {
                    person.standing = Standing::Awaited { since, asks: None };
                }
                Standing::Present { .. } if !governs => {
                    person.standing = Standing::Outer {
                        since,
                        seated: true,
                        uncut: false,
                    };
                }
                _ => {}
            }
            person.sphere = sphere;
            person.sphere_since = now;
            person.vouches.clear();
        }
    }
}

fn narrow(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}
