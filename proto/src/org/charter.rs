//! The charter: the rules of a body as data. The machine reads numbers and powers from it and nothing else; what a
//! body calls things stands in it too, for those who show them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::org::genesis::GOVERNING_ROOM;
use crate::org::mandate::{Filling, Office};
use crate::org::name::Name;
use crate::org::power::Power;
use crate::org::relays::{MOST_ALTERNATES, Relays};
use crate::org::rules::Polls;
use crate::org::sphere::Sphere;

/// Most days of any term or deadline.
pub const MOST_DAYS: u16 = 3_650;

/// Most vouches that a rule may ask for.
pub const MOST_VOUCHES: u16 = 20;

/// Most vouches of one person within thirty days.
pub const MOST_A_MONTH: u16 = 100;

/// Most rooms besides the governing one.
pub const MOST_ROOMS: usize = 8;

/// Longest name of a room, in bytes.
pub const LONGEST_ROOM: usize = 24;

/// Most seats of an office.
pub const MOST_SEATS: u16 = 20;

/// Most keyholders: a channel has so many places for control keys.
pub const MOST_KEYHOLDERS: u16 = 8;

/// A charter.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Charter {
    /// How many may be away without anything being locked: that many of those who could are not waited for.
    pub absent: u16,
    /// The spheres of the body, from the outermost.
    pub spheres: Vec<Sphere>,
    /// Who is in its governing room: from this sphere on.
    pub governing: Sphere,
    /// What the body calls things.
    pub words: Words,
    /// How people come in.
    pub admission: Admission,
    /// Who may vouch.
    pub vouching: Vouching,
    /// How one becomes a member.
    pub member: Promotion,
    /// How one becomes cadre.
    pub cadre: Promotion,
    /// How the points of unity are accepted.
    pub principles: Acceptance,
    /// How long a review lasts.
    pub review: Review,
    /// How somebody comes back who lost everything.
    pub replacing: Replacing,
    /// How decisions are made.
    pub polls: Polls,
    /// The office that the founder begins with, and that is there while nobody is secretary.
    pub caretaker: OfficeRule,
    /// The office that holds the channel's keys.
    pub keyholder: OfficeRule,
    /// The other offices.
    #[serde(default)]
    pub offices: BTreeMap<Office, OfficeRule>,
    /// The rooms that the body may have besides its governing one.
    #[serde(default)]
    pub rooms: Vec<RoomRule>,
    /// What the body has to do with others.
    #[serde(default)]
    pub between: Dealings,
    /// Where its rooms may lie.
    #[serde(default)]
    pub relays: Relays,
    /// What newcomers are handed of what was said before they came.
    #[serde(default)]
    pub history: HandedOver,
}

/// What newcomers are handed of what was said before they came.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HandedOver {
    /// What was said within so many days; 0: nothing.
    #[serde(default)]
    pub days: u16,
    /// What other bodies announced to it.
    #[serde(default)]
    pub announcements: bool,
}

/// By whom something is decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// By whoever holds the power.
    #[default]
    Mandate,
    /// By everybody, in a poll.
    Poll,
}

/// What a body has to do with others.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dealings {
    /// Who accepts a link.
    pub links: How,
    /// Who adopts or declines a directive of another body.
    pub directives: How,
    /// Days between two turns of its bulletin's keys, where others ask for one.
    pub beat: u16,
}

impl Default for Dealings {
    fn default() -> Self {
        Self {
            links: How::Mandate,
            directives: How::Mandate,
            beat: 7,
        }
    }
}

/// A room besides the governing one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoomRule {
    /// Its name: small letters, digits, hyphens.
    pub name: Name,
    /// Who is in it: from this sphere on.
    pub sphere: Sphere,
}

/// What a body calls things.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// The body's kind.
    pub body: Name,
    /// The outermost sphere.
    pub volunteer: Name,
    /// The middle one.
    pub member: Name,
    /// The innermost one.
    pub cadre: Name,
    /// The text that people accept.
    pub principles: Name,
    /// Who keeps the body going while nobody is secretary.
    pub caretaker: Name,
    /// Who holds the keys.
    pub keyholder: Name,
    /// The other offices.
    #[serde(default)]
    pub offices: BTreeMap<Office, Name>,
}

/// How people come in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admission {
    /// Into which sphere.
    pub sphere: Sphere,
    /// Vouches of others than who admits.
    pub vouches: u16,
}

/// Who may vouch.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vouching {
    /// From this sphere on.
    pub sphere: Sphere,
    /// After so many days in the body.
    pub days: u16,
    /// At most so often within thirty days.
    pub a_month: u16,
}

/// What a promotion asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promotion {
    /// Vouches of others than who promotes.
    pub vouches: u16,
    /// Days in the sphere before.
    pub days: u16,
    /// The points of unity are accepted.
    pub principles: bool,
}

/// How the points of unity are accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acceptance {
    /// Within so many days of joining, or of a change of substance.
    pub days: u16,
}

/// A review of somebody's conduct.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// A suspension ends by itself after so many days.
    pub days: u16,
}

/// How somebody comes back who lost everything.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replacing {
    /// Others than who decides who say that it is them.
    pub vouches: u16,
    /// After so many days, in which a device that is not lost at all may speak.
    pub days: u16,
}

/// An office.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfficeRule {
    /// How many hold it.
    pub seats: u16,
    /// How long; 0: until they hand it over.
    pub days: u16,
    /// From this sphere on.
    pub sphere: Sphere,
    /// What it may do.
    pub powers: Vec<Power>,
    /// How it comes to its holders.
    #[serde(default)]
    pub filling: Filling,
    /// How often the same person may be elected, one term after another; 0: as often as they are.
    #[serde(default)]
    pub terms: u16,
}

/// Why a charter cannot be one.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum BadCharter {
    /// A number is too large or zero.
    #[error("{what} must be between {least} and {most}")]
    Number {
        /// Which.
        what: &'static str,
        /// Least.
        least: u16,
        /// Most.
        most: u16,
    },
    /// The spheres are none, twice, or out of order.
    #[error("spheres must name at least one sphere, each once, from volunteer to cadre")]
    Spheres,
    /// A rule names a sphere that the body has not.
    #[error("{what} names the sphere \"{sphere}\", which is not among spheres")]
    NoSphere {
        /// Which.
        what: &'static str,
        /// The sphere.
        sphere: &'static str,
    },
    /// Nobody could do it.
    #[error("the power \"{power}\" lies in too few hands: while {absent} are away nobody could use it")]
    LockOut {
        /// The power.
        power: &'static str,
        /// How many may be away.
        absent: u16,
    },
    /// One office both removes people and turns the keys.
    #[error(
        "\"remove\" and \"keys\" must lie in two offices: whoever holds one of them is checked by the other"
    )]
    Together,
    /// A room's name is none, or taken.
    #[error("a room has a name of its own, of at most {LONGEST_ROOM} small letters, digits and hyphens")]
    RoomName,
    /// Too many rooms.
    #[error("a body has at most {MOST_ROOMS} rooms besides its governing one")]
    Rooms,
    /// Somebody would be nowhere.
    #[error("whoever is \"{sphere}\" is in no room")]
    Nowhere {
        /// The sphere.
        sphere: &'static str,
    },
    /// Who is not in the governing room has no voice in it.
    #[error("{what} begins with a sphere that is not in the governing room")]
    Outside {
        /// Which.
        what: &'static str,
    },
    /// Keys without their office.
    #[error("\"keys\" belongs to the keyholders and to nobody else")]
    Keys,
    /// Too much, or too little to bind anybody.
    #[error("{what}.threshold must be between \"at least 1/2\" and \"at least 9/10\"")]
    Threshold {
        /// Which.
        what: &'static str,
    },
    /// More than can be hoped for.
    #[error("{what}.quorum must be at most \"at least 9/10\"")]
    Quorum {
        /// Which.
        what: &'static str,
    },
    /// Too many relays, or one twice.
    #[error(
        "relays.alternates names at most {MOST_ALTERNATES} relays, each once, by addresses that begin with caucus://"
    )]
    Alternates,
    /// An office without its name, or two of one name.
    #[error("the {office} needs a name of its own in [words.offices]")]
    OfficeName {
        /// Which.
        office: &'static str,
    },
    /// Only what stands in `offices` may stand there.
    #[error("the {office} has its own place in a charter, not in [offices]")]
    Misplaced {
        /// Which.
        office: &'static str,
    },
    /// Nobody is elected keyholder or caretaker, and only elections count terms.
    #[error("the {office} goes round: it is not elected and counts no terms")]
    NotElected {
        /// Which.
        office: &'static str,
    },
    /// While nobody is secretary there would be no one who may.
    #[error("the caretaker stands in for the secretary: it needs the secretary's powers, \"{power}\" too")]
    StandIn {
        /// The power.
        power: &'static str,
    },
    /// A second relay, and none is named.
    #[error("relays.together needs another relay: name one in relays.alternates, or leave it out")]
    NoneBeside,
}

impl Charter {
    /// The rule of an office, if the body has it.
    #[must_use]
    pub fn office(&self, office: Office) -> Option<&OfficeRule> {
        match office {
            Office::Caretaker => Some(&self.caretaker),
            Office::Keyholder => Some(&self.keyholder),
            other => self.offices.get(&other),
        }
    }

    /// The offices that the body has, with their rules.
    pub fn offices(&self) -> impl Iterator<Item = (Office, &OfficeRule)> {
        let rule = |office| Some((office, self.office(office)?));
        Office::ALL.into_iter().filter_map(rule)
    }

    /// What the body calls a sphere.
    #[must_use]
    pub const fn sphere_word(&self, sphere: Sphere) -> &Name {
        match sphere {
            Sphere::Volunteer => &self.words.volunteer,
            Sphere::Member => &self.words.member,
            Sphere::Cadre => &self.words.cadre,
        }
    }

    /// What the body calls an office.
    #[must_use]
    pub fn office_word(&self, office: Office) -> &str {
        match office {
            Office::Caretaker => self.words.caretaker.as_str(),
            Office::Keyholder => self.words.keyholder.as_str(),
            other => self.words.offices.get(&other).map_or(other.word(), Name::as_str),
        }
    }

    /// The office that the body calls so.
    #[must_use]
    pub fn named_office(&self, word: &str) -> Option<Office> {
        let called =
            |office: &Office| Name::new(self.office_word(*office)).is_ok_and(|name| name.is_like(word));
        self.offices().map(|(office, _)| office).find(called)
    }

    /// The rule of a room besides the governing one.
    #[must_use]
    pub fn room(&self, name: &str) -> Option<&RoomRule> {
        self.rooms.iter().find(|rule| rule.name.as_str() == name)
    }

    /// Where somebody of this sphere comes in: the innermost room besides the governing one that takes them; none where
    /// that is the governing room.
    #[must_use]
    pub fn entrance(&self, sphere: Sphere) -> Option<&RoomRule> {
        let fits = self.rooms.iter().filter(|rule| rule.sphere <= sphere);
        fits.max_by_key(|rule| rule.sphere)
            .filter(|_| sphere < self.governing)
    }

    /// What it takes to come into a sphere from the one before.
    #[must_use]
    pub const fn promotion(&self, sphere: Sphere) -> &Promotion {
        match sphere {
            Sphere::Volunteer | Sphere::Member => &self.member,
            Sphere::Cadre => &self.cadre,
        }
    }

    /// The sphere after this one, in this body.
    #[must_use]
    pub fn next_sphere(&self, sphere: Sphere) -> Option<Sphere> {
        self.spheres.iter().copied().find(|next| *next > sphere)
    }

    /// Whether a body could live by it: every number has a bound, every rule names a sphere that there is, and every
    /// power lies in as many hands as the charter says may be away, and one more (law 10). The one who may remove
    /// waits for nobody: their term ends, and then anybody hands the office on.
    ///
    /// # Errors
    /// `BadCharter`, in plain words.
    pub fn check(&self) -> Result<(), BadCharter> {
        if self.spheres.is_empty() || !self.spheres.is_sorted_by(|a, b| a < b) {
            return Err(BadCharter::Spheres);
        }
        for (what, number, least, most) in [
            ("absent", self.absent, 0, 100),
            ("admission.vouches", self.admission.vouches, 0, MOST_VOUCHES),
            ("vouching.days", self.vouching.days, 0, MOST_DAYS),
            ("vouching.a_month", self.vouching.a_month, 1, MOST_A_MONTH),
            ("member.vouches", self.member.vouches, 0, MOST_VOUCHES),
            ("member.days", self.member.days, 0, MOST_DAYS),
            ("cadre.vouches", self.cadre.vouches, 0, MOST_VOUCHES),
            ("cadre.days", self.cadre.days, 0, MOST_DAYS),
            ("principles.days", self.principles.days, 1, MOST_DAYS),
            ("review.days", self.review.days, 1, MOST_DAYS),
            ("history.days", self.history.days, 0, MOST_DAYS),
            ("caretaker.seats", self.caretaker.seats, 1, MOST_SEATS),
            // It ends by itself: nobody is caretaker for ever.
            ("caretaker.days", self.caretaker.days, 1, MOST_DAYS),
            ("keyholder.seats", self.keyholder.seats, 2, MOST_KEYHOLDERS),
            ("keyholder.days", self.keyholder.days, 0, MOST_DAYS),
            ("replacing.vouches", self.replacing.vouches, 1, MOST_VOUCHES),
            ("replacing.days", self.replacing.days, 0, MOST_DAYS),
        ] {
            if !(least..=most).contains(&number) {
                return Err(BadCharter::Number { what, least, most });
            }
        }
        for (what, sphere) in [
            ("governing", self.governing),
            ("admission.sphere", self.admission.sphere),
            ("vouching.sphere", self.vouching.sphere),
            ("caretaker.sphere", self.caretaker.sphere),
            ("keyholder.sphere", self.keyholder.sphere),
        ] {
            if !self.spheres.contains(&sphere) {
                let sphere = sphere.word();
                return Err(BadCharter::NoSphere { what, sphere });
            }
        }
        for (what, sphere) in [
            ("vouching.sphere", self.vouching.sphere),
            ("caretaker.sphere", self.caretaker.sphere),
            ("keyholder.sphere", self.keyholder.sphere),
        ] {
            if sphere < self.governing {
                return Err(BadCharter::Outside { what });
            }
        }
        if !(1..=30).contains(&self.between.beat) {
            return Err(BadCharter::Number {
                what: "between.beat",
                least: 1,
                most: 30,
            });
        }
        if !self.relays.are_fit() {
            return Err(BadCharter::Alternates);
        }
        if !self.relays.can_be_together() {
            return Err(BadCharter::NoneBeside);
        }
        self.check_rooms()?;
        self.polls.check(&self.spheres, self.governing)?;
        self.check_offices()
    }

    fn check_offices(&self) -> Result<(), BadCharter> {
        for (office, rule) in &self.offices {
            let word = office.word();
            if matches!(office, Office::Caretaker | Office::Keyholder) {
                return Err(BadCharter::Misplaced { office: word });
            }
            for (what, number, least, most) in [
                ("seats of an office", rule.seats, 1, MOST_SEATS),
                ("days of an office", rule.days, 1, MOST_DAYS),
                ("terms of an office", rule.terms, 0, 100),
            ] {
                if !(least..=most).contains(&number) {
                    return Err(BadCharter::Number { what, least, most });
                }
            }
            if !self.spheres.contains(&rule.sphere) {
                let (what, sphere) = ("sphere of an office", rule.sphere.word());
                return Err(BadCharter::NoSphere { what, sphere });
            }
            if rule.sphere < self.governing {
                return Err(BadCharter::Outside { what: word });
            }
        }
        for (office, rule) in self.offices() {
            let fixed = matches!(office, Office::Caretaker | Office::Keyholder);
            if rule.terms > 0 && rule.filling == Filling::Rotation
                || fixed && rule.filling == Filling::Election
            {
                return Err(BadCharter::NotElected {
                    office: office.word(),
                });
            }
            let same = |other: Office| self.office_word(other) == self.office_word(office);
            let mut before = Office::ALL.into_iter().take_while(|other| *other < office);
            if before.any(|other| self.office(other).is_some() && same(other)) {
                return Err(BadCharter::OfficeName {
                    office: office.word(),
                });
            }
            if office != Office::Keyholder && rule.powers.contains(&Power::Keys) {
                return Err(BadCharter::Keys);
            }
        }
        if self.keyholder.powers.contains(&Power::Remove) {
            return Err(BadCharter::Together);
        }
        self.check_powers()
    }

    /// Every power lies in enough hands: in those of the founding, and in those of later.
    fn check_powers(&self) -> Result<(), BadCharter> {
        let secretary = self.offices.get(&Office::Secretary);
        let stands_in = |power: &&Power| !self.caretaker.powers.contains(power);
        if let Some(power) = secretary.and_then(|rule| rule.powers.iter().find(stands_in)) {
            return Err(BadCharter::StandIn { power: power.word() });
        }
        let begins = [&self.caretaker, &self.keyholder];
        // Nobody may be elected; then the secretary's powers are the caretaker's.
        let turns = (self.offices.iter())
            .filter(|(office, rule)| **office == Office::Secretary || rule.filling == Filling::Rotation)
            .map(|(_, rule)| rule);
        let later: Vec<_> = match secretary {
            Some(_) => turns.chain([&self.keyholder]).collect(),
            None => turns.chain(begins).collect(),
        };
        for power in Power::ALL.into_iter().filter(Power::is_vital) {
            let least = match power {
                Power::Admit | Power::Keys => self.absent.saturating_add(1),
                _ => 1,
            };
            for offices in [&begins[..], &later] {
                // Whoever holds two offices is one pair of hands.
                let able = offices.iter().filter(|rule| rule.powers.contains(&power));
                if able.map(|rule| rule.seats).max().unwrap_or(0) < least {
                    return Err(BadCharter::LockOut {
                        power: power.word(),
                        absent: self.absent,
                    });
                }
            }
        }
        Ok(())
    }

    fn check_rooms(&self) -> Result<(), BadCharter> {
        if self.rooms.len() > MOST_ROOMS {
            return Err(BadCharter::Rooms);
        }
        for (place, rule) in self.rooms.iter().enumerate() {
            let name = rule.name.as_str();
            let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            let taken = self.rooms.iter().take(place).any(|other| other.name == rule.name);
            if taken || name == GOVERNING_ROOM || name.len() > LONGEST_ROOM || !name.bytes().all(letter) {
                return Err(BadCharter::RoomName);
            }
            if !self.spheres.contains(&rule.sphere) {
                let sphere = rule.sphere.word();
                return Err(BadCharter::NoSphere {
                    what: "rooms.sphere",
                    sphere,
                });
            }
        }
        let nowhere = |sphere: &&Sphere| **sphere < self.governing && self.entrance(**sphere).is_none();
        match self.spheres.iter().find(nowhere) {
            Some(sphere) => Err(BadCharter::Nowhere {
                sphere: sphere.word(),
            }),
            None => Ok(()),
        }
    }
}
