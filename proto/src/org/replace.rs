//! Coming back, and another key: how a persona outlives its device, and its first key.
//!
//! Whoever lost everything applies by an invite link under a new persona key and claims to be somebody of the body. Members
//! who know them say so; whoever may admit puts the applicant's key in the place of the lost one. From there on it is a
//! renewal: a commit adds the leaf, and another removes the older ones. A persona that is heard after the claim was made has
//! lost nothing: the claim is contradicted, and no word of anybody makes it good again.
//!
//! Who still has their key changes it by an act that both keys sign.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{IntentId, PersonaId, Position, RoomId};
use crate::label::{Label, hash};
use crate::org::act::CommitOps;
use crate::org::denied::{Denied, WantedStanding};
use crate::org::effect::Effect;
use crate::org::mandate::DAY;
use crate::org::name::Name;
use crate::org::person::{Following, OLDER_LEAVES, Person, Renewal, Standing};
use crate::org::power::Power;
use crate::org::sign::{PersonaPublic, Signature};
use crate::org::state::State;
use crate::org::vouch::MOST_WORDS;

/// What an applicant claims: to be somebody of the body who lost everything.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Return {
    /// Who they say they are.
    pub persona: PersonaId,
    /// Where the request stands.
    pub since: Position,
}

/// What a new persona key signs to become a persona's.
#[must_use]
pub fn rekey_digest(
    room: &RoomId,
    persona: &PersonaId,
    old: &PersonaPublic,
    new: &PersonaPublic,
) -> [u8; 32] {
    hash(
        Label::Rekey,
        &[room.as_bytes(), persona.as_bytes(), &old.0, &new.0],
    )
}

impl Person {
    /// Whether this key is theirs, or was while leaves that it certified may still be there.
    #[must_use]
    pub fn has_key(&self, key: &PersonaPublic) -> bool {
        self.key == *key || self.former.contains(key)
    }

    /// A leaf of a lost device was removed, and the channel's keys have not turned since (law 11).
    #[must_use]
    pub const fn is_exposed(&self) -> bool {
        self.lost && (self.is_awaited() || (self.leaf.is_some() && self.older == 0))
    }
}

impl State {
    /// Whose each later key is: by what the key would be called as a first one.
    #[must_use]
    pub fn bearers(&self) -> BTreeMap<PersonaId, PersonaId> {
        let mut bearers = BTreeMap::new();
        // Most have the key that named them.
        let others = self
            .people
            .iter()
            .filter(|(_, person)| person.rekeyed > Position(0));
        for (persona, person) in others {
            for key in person.former.iter().chain([&person.key]) {
                let named = PersonaId::of(&key.0);
                if named != *persona {
                    bearers.insert(named, *persona);
                }
            }
        }
        bearers
    }

    /// Whose key this is.
    #[must_use]
    pub fn bearer(&self, key: &PersonaPublic) -> Option<PersonaId> {
        let mut all = self.people.iter();
        all.find(|(_, person)| person.key == *key)
            .map(|(persona, _)| *persona)
    }

    /// Whether a key is, or may once more be taken for, somebody's.
    pub(super) fn knows_key(&self, key: &PersonaPublic) -> bool {
        self.people.contains_key(&PersonaId::of(&key.0))
            || self.people.values().any(|person| person.has_key(key))
    }

    /// Who is claimed: somebody of the room who has this name.
    pub(super) fn claimed(&self, name: &Name) -> Result<PersonaId, Denied> {
        let mut here = self.people.iter().filter(|(_, person)| is_here(person));
        here.find(|(_, person)| person.name.is_like(name.as_str()))
            .map(|(persona, _)| *persona)
            .ok_or(Denied::NobodyClaimed)
    }

    /// Whether somebody was heard who, by this claim, has lost everything.
    #[must_use]
    pub fn is_contradicted(&self, claim: &Return) -> bool {
        self.person(&claim.persona)
            .is_some_and(|person| person.heard >= claim.since)
    }

    /// An applicant who claims to be this person, where nothing speaks against it.
    fn claimant(&self, persona: &PersonaId, applicant: &PersonaId) -> Result<&Person, Denied> {
        let person = self
            .person(applicant)
            .filter(|person| matches!(person.standing, Standing::Applied { .. }))
            .ok_or(Denied::NotStanding(WantedStanding::Applied))?;
        let claim = person.claims.filter(|claim| claim.persona == *persona);
        let claim = claim.ok_or(Denied::NoClaim)?;
        self.person(persona)
            .filter(|person| is_here(person))
            .ok_or(Denied::NotStanding(WantedStanding::Present))?;
        if self.is_contradicted(&claim) {
            return Err(Denied::Contradicted);
        }
        Ok(person)
    }

    pub(super) fn judge_recognition(
        &self,
        author: &PersonaId,
        applicant: PersonaId,
        persona: PersonaId,
    ) -> Result<Effect, Denied> {
        if persona == *author {
            return Err(Denied::OwnCase);
        }
        self.with_word(author)?;
        let claimant = self.claimant(&persona, &applicant)?;
        if claimant.vouches.len() >= MOST_WORDS {
            return Err(Denied::TooManyWaiting);
        }
        if claimant.vouches.iter().any(|vouch| vouch.by == *author) {
            return Err(Denied::Repeated);
        }
        Ok(Effect::Recognized { applicant, persona })
    }

    pub(super) fn judge_replacement(
        &self,
        author: &PersonaId,
        persona: PersonaId,
        applicant: PersonaId,
    ) -> Result<Effect, Denied> {
        self.with_power(author, Power::Admit)?;
        if persona == *author {
            return Err(Denied::OwnCase);
        }
        let claimant = self.claimant(&persona, &applicant)?;
        let (invite, key_package) = self.applied(&applicant)?;
        self.live_invite(&invite)?;
        let full = |person: &Person| {
            person.older >= OLDER_LEAVES || person.former.len() >= usize::from(OLDER_LEAVES)
        };
        if self.person(&persona).is_some_and(full) {
            return Err(Denied::TooManyWaiting);
        }
        let rule = &self.charter().replacing;
        if claimant.joined.0.saturating_add(u64::from(rule.days) * DAY) > self.now().0 {
            return Err(Denied::MayStillObject { days: rule.days });
        }
        let needed = self.vouches_needed(rule.vouches, author, &persona);
        self.with_words(needed, self.vouchers(claimant, author).len())?;
        Ok(Effect::Replaced {
            persona,
            applicant,
            key: claimant.key,
            invite,
            key_package,
        })
    }

    pub(super) fn judge_rekey(
        &self,
        author: &PersonaId,
        key: PersonaPublic,
        proof: &Signature,
    ) -> Result<Effect, Denied> {
        let person = self.person(author).ok_or(Denied::NotPresent)?;
        if !person.former.is_empty() {
            return Err(Denied::KeyWaits);
        }
        if self.knows_key(&key) {
            return Err(Denied::KnownKey);
        }
        key.verify(&rekey_digest(&self.room(), author, &person.key, &key), proof)
            .map_err(|_| Denied::Unproven)?;
        Ok(Effect::Rekeyed { key })
    }

    /// The applicant's key and key package take the place of the lost ones: what is left to do, a commit does as for anybody
    /// who is renewed. Name, number, stage, offices and regard stay.
    pub(super) fn replace(
        &mut self,
        at: Position,
        persona: &PersonaId,
        applicant: &PersonaId,
        key_package: [u8; 32],
        invite: &IntentId,
    ) {
        let Some(key) = self.people.remove(applicant).map(|claimant| claimant.key) else {
            return;
        };
        if let Some(invite) = self.invites.get_mut(invite) {
            invite.left = invite.left.saturating_sub(1);
        }
        let charter = self.charter();
        let elsewhere = charter.entrance(charter.admission.sphere).is_some();
        let asked = self.now();
        self.rekey(at, persona, key);
        let Some(person) = self.people.get_mut(persona) else {
            return;
        };
        // It lies on the lost device.
        person.control = None;
        if let Standing::Awaited { asks, .. } = &mut person.standing {
            *asks = Some(Following { asked, key_package });
            return;
        }
        // Links lead into another room: they come in there, and from there here.
        if elsewhere && let Some(since) = person.since() {
            person.standing = Standing::Outer {
                since,
                seated: true,
                uncut: false,
            };
            person.package = Some(key_package);
            return;
        }
        person.lost = true;
        person.leaf = None;
        person.wants = Some(Renewal {
            read: at,
            key_package,
            compared: true,
        });
    }

    pub(super) fn rekey(&mut self, at: Position, persona: &PersonaId, key: PersonaPublic) {
        if let Some(person) = self.people.get_mut(persona) {
            let before = std::mem::replace(&mut person.key, key);
            if !person.is_awaited() {
                person.former.push(before);
            }
            person.rekeyed = at;
        }
    }

    /// The leaf of a commit's author is certified by their key of now. Where they have no other, no key before it is
    /// needed any more.
    pub(super) fn certify(&mut self, author: &PersonaId, ops: &CommitOps) {
        if ops.path.is_some()
            && let Some(person) = self.people.get_mut(author)
            && person.older == 0
            && !person.former.is_empty()
        {
            person.former.clear();
        }
    }

    /// Somebody is heard. Whether that contradicts a claim that nothing contradicted yet.
    pub(super) fn heard(&mut self, at: Position, persona: &PersonaId) -> bool {
        let Some(person) = self.people.get_mut(persona) else {
            return false;
        };
        let objects = person.heard < person.claimed;
        person.heard = at;
        objects
    }
}

const fn is_here(person: &Person) -> bool {
    person.is_present() || person.is_awaited()
}
