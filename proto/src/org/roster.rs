//! Rooms of one body (law 18). The governing room decides; every other room takes its roster from claims: numbered,
//! signed by a keyholder of the governing room, and judged true in the governing room's own log before anybody
//! carries them over. A claim replaces the one before. Whoever signs one does not carry it while others could.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::codec;
use crate::id::{ChannelId, Minutes, PersonaId, Position, RoomId};
use crate::label::{Label, hash};
use crate::org::amend::Amended;
use crate::org::apply::At;
use crate::org::denied::Denied;
use crate::org::effect::Effect;
use crate::org::mandate::{Mandate, Office};
use crate::org::name::Name;
use crate::org::person::{Following, Person, Standing};
use crate::org::power::Power;
use crate::org::principles::Wording;
use crate::org::sign::{PersonaPublic, Signature};
use crate::org::sphere::Sphere;
use crate::org::state::{LARGEST_ROOM, State};
use crate::org::witness::Clock;

/// Longest claim in bytes.
pub const LONGEST_CLAIM: usize = 240 * 1024;

/// How far a claim's number may be beyond the one before.
pub const FARTHEST_CLAIM: u64 = 1_000;

/// People who may dispute one claim.
pub const MOST_DISPUTES: usize = 16;

/// A room besides the governing one, as the governing room knows it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OpenRoom {
    /// Its name, one of the charter's.
    pub name: Name,
    /// Its channel.
    pub channel: ChannelId,
    /// Who opened it.
    pub by: PersonaId,
    /// Number of the last claim for it (0: none yet).
    pub number: u64,
    /// Hash of the roster that it named ([`Roster::digest`]).
    pub claimed: [u8; 32],
    /// Its signed bytes, by their hash.
    pub claim: [u8; 32],
    /// Where it stands in the governing room's log.
    pub at: Position,
}

/// What a room besides the governing one knows of where it belongs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Annex {
    /// Its name.
    pub name: Name,
    /// The governing room's channel.
    pub governing: ChannelId,
    /// Number of the last claim (0: none yet).
    pub number: u64,
    /// Hash of its signed bytes.
    pub claim: [u8; 32],
    /// The governing position at which it was judged.
    pub decided: Position,
    /// When it came, in this room's witnessed time.
    pub came: Minutes,
    /// Who signed it.
    pub by: PersonaId,
    /// Whose signature the next claim needs, with their persona keys: the keyholders of the governing room.
    pub authority: Vec<(PersonaId, PersonaPublic)>,
    /// The offices of the governing room.
    pub offices: Vec<Mandate>,
    /// The points of unity there.
    pub principles: Option<Texts>,
    /// Who says that the governing room decided something else.
    pub disputed: Vec<PersonaId>,
}

/// Which points of unity the governing room has.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Texts {
    /// Which version.
    pub version: u32,
    /// Whoever accepted this version or a later one has accepted what counts.
    pub since: u32,
    /// Hash of each text, in order of language.
    pub hashes: Vec<[u8; 32]>,
}

/// Somebody's place in a roster.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Place {
    /// Who.
    pub persona: PersonaId,
    /// Their persona key.
    pub key: PersonaPublic,
    /// Their chosen name.
    pub name: Name,
    /// Their number in the body.
    pub number: u32,
    /// Their sphere.
    pub sphere: Sphere,
    /// Hash of the key package by which they were admitted into this room, until they are in.
    pub package: Option<[u8; 32]>,
}

/// Who is in a room, as the governing room has it at a position.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Roster {
    /// The position in the governing room's log.
    pub position: Position,
    /// The governing room's channel.
    pub governing: ChannelId,
    /// The people, in order of persona.
    pub people: Vec<Place>,
    /// Keyholders of the governing room.
    pub authority: Vec<(PersonaId, PersonaPublic)>,
    /// The offices of the governing room.
    pub offices: Vec<Mandate>,
    /// The points of unity.
    pub principles: Option<Texts>,
    /// The charter, once it is another than the founding's.
    pub amended: Option<Box<Amended>>,
}

/// A roster for a room, with its number.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Claim {
    /// For which room.
    pub room: RoomId,
    /// From 1.
    pub number: u64,
    /// The roster.
    pub roster: Roster,
}

/// A claim and who signed it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SignedClaim {
    /// Who.
    pub by: PersonaId,
    /// What.
    pub claim: Claim,
    /// By the persona key, over [`SignedClaim::digest`].
    pub signature: Signature,
}

impl Roster {
    /// Tells one roster from another; where it was looked at, and by what somebody comes in, does not count.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut same = self.clone();
        same.position = Position(0);
        for place in &mut same.people {
            place.package = None;
        }
        let bytes = codec::encode(&same, LONGEST_CLAIM).unwrap_or_default();
        hash(Label::Claim, &[b"roster", &bytes])
    }

    fn is_sound(&self) -> bool {
        let numbers: BTreeSet<_> = self.people.iter().map(|place| place.number).collect();
        self.people.len() <= LARGEST_ROOM
            && numbers.len() == self.people.len()
            && self.people.is_sorted_by(|a, b| a.persona < b.persona)
            && self
                .amended
                .as_ref()
                .is_none_or(|amended| amended.charter.check().is_ok())
            && !self.authority.is_empty()
            && self.authority.is_sorted_by(|(a, _), (b, _)| a < b)
    }
}

impl SignedClaim {
    /// What is signed.
    ///
    /// # Errors
    /// `Denied::Malformed` if it is too large.
    pub fn digest(by: &PersonaId, claim: &Claim) -> Result<[u8; 32], Denied> {
        let bytes = codec::encode(claim, LONGEST_CLAIM).map_err(|_| Denied::Malformed)?;
        Ok(hash(Label::Claim, &[by.as_bytes(), &bytes]))
    }

    /// From an act's bytes.
    ///
    /// # Errors
    /// `Denied::Malformed`.
    pub fn read(bytes: &[u8]) -> Result<Self, Denied> {
        if bytes.len() > LONGEST_CLAIM {
            return Err(Denied::Malformed);
        }
        codec::decode(bytes, LONGEST_CLAIM).map_err(|_| Denied::Malformed)
    }

    /// By which rooms name it: a hash of its bytes.
    #[must_use]
    pub fn name(bytes: &[u8]) -> [u8; 32] {
        hash(Label::Claim, &[b"claim", bytes])
    }

    fn is_signed_by(&self, key: &PersonaPublic) -> Result<(), Denied> {
        let verified = key.verify(&Self::digest(&self.by, &self.claim)?, &self.signature);
        verified.map_err(|_| Denied::NoAuthority)
    }
}

impl State {
    /// The state of a room besides the governing one that was just opened, alone in whose group is `opener`.
    ///
    /// # Errors
    /// `Denied` where the charter has no such room, or the opener does not belong into it.
    pub fn open_room(
        &self,
        opener: &PersonaId,
        name: &Name,
        channel: ChannelId,
        control: [u8; 32],
    ) -> Result<Self, Denied> {
        let rule = self.charter().room(name.as_str()).ok_or(Denied::NoRoom)?;
        let person = self.person(opener).ok_or(Denied::NotPresent)?;
        if !person.is_present() || person.sphere < rule.sphere {
            return Err(Denied::NotPresent);
        }
        let mut alone = Self::found(self.genesis.clone(), channel);
        let now = self.now();
        let me = Person {
            control: Some(control),
            latest: Some(now),
            active: Some(now),
            ..Person::new(person.key, person.name.clone(), person.number, person.sphere, now)
        };
        alone.people = BTreeMap::from([(*opener, me)]).into();
        alone.clock = Clock::start(now);
        alone.mandates.clear();
        alone.amended.clone_from(&self.amended);
        alone.annex = Some(Annex {
            name: name.clone(),
            governing: self.channel,
            number: 0,
            claim: [0; 32],
            decided: self.position,
            came: now,
            by: *opener,
            authority: vec![(*opener, person.key)],
            offices: Vec::new(),
            principles: None,
            disputed: Vec::new(),
        });
        alone.fill_seats(Position(0));
        alone.settle();
        Ok(alone)
    }

    /// A room besides the governing one, as this governing room knows it.
    #[must_use]
    pub fn open(&self, name: &str) -> Option<&OpenRoom> {
        self.rooms.iter().find(|room| room.name.as_str() == name)
    }

    /// Who belongs into a room of the body, by what is decided here.
    #[must_use]
    pub fn roster(&self, name: &str) -> Option<Roster> {
        let rule = self.charter().room(name)?;
        let charter = self.charter();
        let entrance = charter.entrance(charter.admission.sphere).map(|rule| &rule.name);
        let people = self.people.iter().filter_map(|(persona, person)| {
            let of_body = person.is_present() || person.is_awaited();
            if !(of_body || matches!(person.standing, Standing::Outer { .. })) {
                return None;
            }
            (person.sphere >= rule.sphere).then(|| Place {
                persona: *persona,
                key: person.key,
                name: person.name.clone(),
                number: person.number,
                sphere: person.sphere,
                package: person.package.filter(|_| entrance == Some(&rule.name)),
            })
        });
        let mut authority: Vec<_> = self
            .mandates(Office::Keyholder)
            .filter_map(|mandate| Some((mandate.holder, self.person(&mandate.holder)?.key)))
            .collect();
        authority.sort_unstable_by_key(|(persona, _)| *persona);
        Some(Roster {
            position: self.position,
            governing: self.channel,
            people: people.collect(),
            authority,
            offices: self.mandates.clone(),
            principles: self.principles.as_ref().map(|text| Texts {
                version: text.version,
                since: text.since,
                hashes: text.texts.iter().map(Wording::hash).collect(),
            }),
            amended: self.amended.clone(),
        })
    }

    /// Whether a room's roster is another than the last claim said.
    #[must_use]
    pub fn claim_due(&self, name: &str) -> bool {
        self.open(name)
            .zip(self.roster(name))
            .is_some_and(|(room, roster)| room.number == 0 || room.claimed != roster.digest())
    }

    pub(super) fn judge_opening(
        &self,
        author: &PersonaId,
        name: Name,
        channel: ChannelId,
    ) -> Result<Effect, Denied> {
        self.may_speak_for(author, &name)?;
        if self.open(name.as_str()).is_some() {
            return Err(Denied::RoomOpen);
        }
        Ok(Effect::RoomOpened { name, channel })
    }

    /// A room goes on in a successor: whoever asks to come in asks there from now on.
    pub(super) fn judge_succeeding(
        &self,
        author: &PersonaId,
        name: Name,
        channel: ChannelId,
    ) -> Result<Effect, Denied> {
        self.may_speak_for(author, &name)?;
        let open = self.open(name.as_str()).ok_or(Denied::NoRoom)?;
        if open.channel == channel {
            return Err(Denied::Repeated);
        }
        Ok(Effect::RoomSucceeded { name, channel })
    }

    /// Whether somebody holds keys and belongs into a room of the charter.
    fn may_speak_for(&self, author: &PersonaId, name: &Name) -> Result<(), Denied> {
        self.with_power(author, Power::Keys)?;
        let rule = self.charter().room(name.as_str()).ok_or(Denied::NoRoom)?;
        let belongs = |person: &Person| person.sphere >= rule.sphere;
        if self.person(author).is_some_and(belongs) {
            Ok(())
        } else {
            Err(Denied::NotPresent)
        }
    }

    pub(super) fn judge_claim(&self, author: &PersonaId, bytes: &[u8]) -> Result<Effect, Denied> {
        let signed = SignedClaim::read(bytes)?;
        let (room, number) = (signed.claim.room, signed.claim.number);
        let after = |last: u64| number > last && number - last <= FARTHEST_CLAIM;
        let Some(annex) = &self.annex else {
            self.with_power(author, Power::Keys)?;
            let body = self.genesis.body();
            let open = self
                .rooms
                .iter()
                .find(|open| RoomId::of(&body, open.name.as_str()) == room)
                .ok_or(Denied::NoRoom)?;
            let person = self.person(author).ok_or(Denied::NotPresent)?;
            if signed.by != *author {
                return Err(Denied::NoAuthority);
            }
            signed.is_signed_by(&person.key)?;
            if !after(open.number) {
                return Err(Denied::OldClaim);
            }
            let mut mine = self.roster(open.name.as_str()).ok_or(Denied::NoRoom)?;
            mine.position = signed.claim.roster.position;
            if mine.position > self.position || mine != signed.claim.roster {
                return Err(Denied::FalseClaim);
            }
            return Ok(Effect::Claimed {
                name: open.name.clone(),
                signed: Box::new(signed),
                hash: SignedClaim::name(bytes),
            });
        };
        if room != self.room() {
            return Err(Denied::NoRoom);
        }
        let (_, key) = annex
            .authority
            .iter()
            .find(|(persona, _)| *persona == signed.by)
            .ok_or(Denied::NoAuthority)?;
        signed.is_signed_by(key)?;
        if !after(annex.number) {
            return Err(Denied::OldClaim);
        }
        if !signed.claim.roster.is_sound() {
            return Err(Denied::Malformed);
        }
        self.may_carry_claim(author, &signed.by)?;
        Ok(Effect::Claimed {
            name: annex.name.clone(),
            signed: Box::new(signed),
            hash: SignedClaim::name(bytes),
        })
    }

    /// Whoever carries a claim is in the governing room; and is not who signed it, while there are more who could than
    /// may be away.
    ///
    /// # Errors
    /// `Denied::OutsideHere`, `Denied::OwnCase`.
    pub fn may_carry_claim(&self, carrier: &PersonaId, signer: &PersonaId) -> Result<(), Denied> {
        let governs = |person: &Person| person.sphere >= self.charter().governing;
        if !self.person(carrier).is_some_and(governs) {
            return Err(Denied::OutsideHere);
        }
        let others = self
            .present()
            .filter(|(persona, person)| governs(person) && *persona != signer);
        if carrier == signer && others.count() > usize::from(self.charter().absent) {
            return Err(Denied::OwnCase);
        }
        Ok(())
    }

    pub(super) fn judge_dispute(&self, author: &PersonaId, number: u64) -> Result<Effect, Denied> {
        let annex = self.annex.as_ref().ok_or(Denied::NoRoom)?;
        let governs = |person: &Person| person.sphere >= self.charter().governing;
        if !self.person(author).is_some_and(governs) {
            return Err(Denied::OutsideHere);
        }
        if number != annex.number || number == 0 {
            return Err(Denied::OldClaim);
        }
        if annex.disputed.contains(author) || annex.disputed.len() >= MOST_DISPUTES {
            return Err(Denied::Repeated);
        }
        Ok(Effect::Disputed { number, by: annex.by })
    }

    pub(super) fn room_opened(&mut self, author: &PersonaId, name: &Name, channel: ChannelId) {
        self.rooms.push(OpenRoom {
            name: name.clone(),
            channel,
            by: *author,
            number: 0,
            claimed: [0; 32],
            claim: [0; 32],
            at: Position(0),
        });
    }

    pub(super) fn room_succeeded(&mut self, name: &Name, channel: ChannelId) {
        if let Some(room) = self.rooms.iter_mut().find(|room| room.name == *name) {
            room.channel = channel;
        }
    }

    pub(super) fn take_claim(&mut self, at: At, name: &Name, signed: &SignedClaim, hash: [u8; 32]) {
        let roster = &signed.claim.roster;
        if self.annex.is_some() {
            return self.take_roster(at, signed, hash);
        }
        let Some(room) = self.rooms.iter_mut().find(|room| room.name == *name) else {
            return;
        };
        room.number = signed.claim.number;
        room.claimed = roster.digest();
        room.claim = hash;
        room.at = at.position;
        // By what they come in is said; it opens the door once.
        for place in roster.people.iter().filter(|place| place.package.is_some()) {
            if let Some(person) = self.people.get_mut(&place.persona) {
                person.package = None;
            }
        }
    }

    fn take_roster(&mut self, at: At, signed: &SignedClaim, hash: [u8; 32]) {
        let (roster, now) = (&signed.claim.roster, self.now());
        let since = at.position;
        let leaving = |since| Standing::Outer {
            since,
            seated: true,
            uncut: false,
        };
        for place in &roster.people {
            let Some(person) = self.people.get_mut(&place.persona) else {
                let asks = place.package.map(Following::once);
                let person = Person {
                    standing: Standing::Awaited { since, asks },
                    ..Person::new(place.key, place.name.clone(), place.number, place.sphere, now)
                };
                self.people.insert(place.persona, person);
                continue;
            };
            person.name = place.name.clone();
            if person.sphere != place.sphere {
                person.sphere = place.sphere;
                person.sphere_since = now;
            }
            match person.standing {
                // What was decided stands until it is executed (law 19): they go, and may come again.
                Standing::Going { .. } => person.standing = leaving(since),
                Standing::Gone { .. } => person.standing = Standing::Awaited { since, asks: None },
                // By another key they come in anew, at their place.
                Standing::Present { since } if person.key != place.key => {
                    person.standing = leaving(since);
                    person.package = place.package;
                }
                Standing::Awaited { since, .. } if person.key != place.key => {
                    let asks = place.package.map(Following::once);
                    person.standing = Standing::Awaited { since, asks };
                }
                _ => {}
            }
            if person.key != place.key {
                self.rekey(since, &place.persona, place.key);
            }
        }
        let listed = |persona: &PersonaId| {
            let found = roster.people.binary_search_by_key(persona, |place| place.persona);
            found.is_ok()
        };
        let out: Vec<_> = self
            .people
            .iter()
            .filter(|(id, person)| {
                let here = person.since().is_some() || matches!(person.standing, Standing::Outer { .. });
                here && !listed(id)
            })
            .map(|(id, _)| *id)
            .collect();
        for persona in out {
            self.remove(&persona, Some(signed.by));
        }
        self.amended.clone_from(&roster.amended);
        if let Some(annex) = &mut self.annex {
            annex.governing = roster.governing;
            annex.number = signed.claim.number;
            annex.claim = hash;
            annex.decided = roster.position;
            annex.came = now;
            annex.by = signed.by;
            annex.authority.clone_from(&roster.authority);
            annex.offices.clone_from(&roster.offices);
            annex.principles.clone_from(&roster.principles);
            annex.disputed.clear();
        }
    }
}
