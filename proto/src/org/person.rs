//! A person of a body as the machine knows them.

use serde::{Deserialize, Serialize};

use crate::id::{IntentId, Minutes, PersonaId, Position};
use crate::org::intents::{Intent, Intents};
use crate::org::mandate::Office;
use crate::org::name::Name;
use crate::org::principles::Accepted;
use crate::org::replace::Return;
use crate::org::sign::PersonaPublic;
use crate::org::sphere::Sphere;
use crate::org::vouch::{Suspension, Vouch};

/// Leaves of a person that may wait to be removed; then they are removed before the next renewal.
pub const OLDER_LEAVES: u8 = 7;

/// Where a person stands in the body.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Standing {
    /// Asked to join.
    Applied {
        /// By which invite.
        invite: IntentId,
        /// Hash of the key package.
        key_package: [u8; 32],
    },
    /// Admitted; a commit has yet to seat them.
    Admitted {
        /// Hash of the key package that the commit must add.
        key_package: [u8; 32],
        /// Who admitted.
        by: PersonaId,
    },
    /// In the room.
    Present {
        /// Position of the commit that seated them (0 for the founder).
        since: Position,
    },
    /// Left, or removed; a commit has yet to take the seat away.
    Going {
        /// Who removed; none if they left.
        by: Option<PersonaId>,
    },
    /// Out of the MLS group.
    Gone {
        /// Who removed; none if they left.
        by: Option<PersonaId>,
        /// The channel's keys have not turned since: access not yet cut (law 11).
        uncut: bool,
    },
    /// Of the room, but not in the group of this channel: the room went on here (`State::succeed`), and they have not
    /// followed yet. No voice, no power, no key.
    Awaited {
        /// Position of the commit that seated them in the channel before; their place among the others comes from it.
        since: Position,
        /// They ask to be added.
        asks: Option<Following>,
    },
    /// Of the body, but not of this room: who belongs into an outer room only, or has to leave and comes again, by another
    /// key or because it was decided once more.
    Outer {
        /// Position of what made them so.
        since: Position,
        /// A commit has yet to take the seat away that they had.
        seated: bool,
        /// The channel's keys have not turned since it did: access not yet cut (law 11).
        uncut: bool,
    },
}

/// A request to be added to a successor, as the log carried it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Following {
    /// The author's clock when they signed it.
    pub asked: Minutes,
    /// Hash of the key package.
    pub key_package: [u8; 32],
}

impl Following {
    /// By the key package that one was admitted by: any request of one's own is later.
    pub(crate) const fn once(key_package: [u8; 32]) -> Self {
        Self {
            asked: Minutes(0),
            key_package,
        }
    }
}

/// A request to be added anew (renewal), as the log carried it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Renewal {
    /// Up to where its author had read when they signed it.
    pub read: Position,
    /// Hash of the key package.
    pub key_package: [u8; 32],
    /// Somebody who may admit has compared codes with them: then it does not matter that they spoke later.
    pub compared: bool,
}

/// A person.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Person {
    /// Their persona key of now; the first one named them.
    pub key: PersonaPublic,
    /// Their chosen name.
    pub name: Name,
    /// Their number among all who ever applied; the founder has 0.
    pub number: u32,
    /// Where they stand.
    pub standing: Standing,
    /// Their control key of the channel, once named.
    pub control: Option<[u8; 32]>,
    /// Their clock at their latest entry.
    pub latest: Option<Minutes>,
    /// Witnessed time at their latest entry.
    pub active: Option<Minutes>,
    /// Their latest intents.
    pub intents: Intents,
    /// Position of the newest intent that is no longer among them (0: none).
    pub forgotten: Position,
    /// Position of the last renewal of their leaf (0: none).
    pub renewed: Position,
    /// Signature key of the leaf that they were seated by, or renewed by since (the founder's first: none).
    pub leaf: Option<[u8; 32]>,
    /// Older leaves that a commit has yet to remove.
    pub older: u8,
    /// Position of their latest MLS message.
    pub spoke: Position,
    /// They ask to be renewed.
    pub wants: Option<Renewal>,
    /// How close they are; of an applicant: what they would come into.
    pub sphere: Sphere,
    /// When they were seated, in witnessed time; of an applicant: when they applied.
    pub joined: Minutes,
    /// When they came into their sphere.
    pub sphere_since: Minutes,
    /// Who vouches for the next step.
    pub vouches: Vec<Vouch>,
    /// Whose vouches they were admitted by.
    pub sponsors: Vec<PersonaId>,
    /// When they vouched for others lately.
    pub vouched: Vec<Minutes>,
    /// Their conduct is, or was, under review.
    pub suspended: Option<Suspension>,
    /// The points of unity that they accepted last.
    pub accepted: Option<Accepted>,
    /// Hash of the key package by which they come into the room that their link led to, until that is said there.
    pub package: Option<[u8; 32]>,
    /// Persona keys before, the earliest first, while leaves that they certified may be in the group.
    pub former: Vec<PersonaPublic>,
    /// Position of the last change of their persona key (0: none).
    pub rekeyed: Position,
    /// Position of their latest entry of any kind (0: none).
    pub heard: Position,
    /// Position of the latest request that claims to be them (0: none).
    pub claimed: Position,
    /// Their device was lost, and what it knows was not cut off yet.
    pub lost: bool,
    /// Of an applicant: who they claim to be.
    pub claims: Option<Return>,
    /// When they left or were removed, in witnessed time.
    pub left: Option<Minutes>,
    /// Offices that pass them by.
    pub aside: Vec<Office>,
    /// Up to where their heads show that they were served the same log as everybody.
    pub seen: Position,
    /// Whose heads are waited for until something is final.
    pub elector: bool,
    /// Whose will be.
    pub next_elector: bool,
    /// A day, and how often they whispered on it.
    pub whispered: (u64, u8),
}

impl Person {
    /// Somebody who was just heard of.
    pub(crate) fn new(key: PersonaPublic, name: Name, number: u32, sphere: Sphere, now: Minutes) -> Self {
        Self {
            key,
            name,
            number,
            standing: Standing::Present { since: Position(0) },
            control: None,
            latest: None,
            active: None,
            intents: Intents::default(),
            forgotten: Position(0),
            renewed: Position(0),
            leaf: None,
            older: 0,
            spoke: Position(0),
            wants: None,
            sphere,
            joined: now,
            sphere_since: now,
            vouches: Vec::new(),
            sponsors: Vec::new(),
            vouched: Vec::new(),
            suspended: None,
            accepted: None,
            package: None,
            former: Vec::new(),
            rekeyed: Position(0),
            heard: Position(0),
            claimed: Position(0),
            lost: false,
            claims: None,
            left: None,
            aside: Vec::new(),
            seen: Position(0),
            elector: false,
            next_elector: false,
            whispered: (0, 0),
        }
    }

    /// Position of the commit that seated them, while they have or are kept a seat.
    #[must_use]
    pub const fn since(&self) -> Option<Position> {
        match self.standing {
            Standing::Present { since } | Standing::Awaited { since, .. } => Some(since),
            _ => None,
        }
    }

    /// Whether their conduct is under review.
    #[must_use]
    pub fn is_suspended(&self, now: Minutes) -> bool {
        self.suspended.is_some_and(|review| review.until > now)
    }

    /// In the room, with voice.
    #[must_use]
    pub const fn is_present(&self) -> bool {
        matches!(self.standing, Standing::Present { .. })
    }

    /// Of the room, but still outside the group of the channel in which it goes on.
    #[must_use]
    pub const fn is_awaited(&self) -> bool {
        matches!(self.standing, Standing::Awaited { .. })
    }

    /// Of the body, in an outer room, and with no seat here.
    #[must_use]
    pub const fn is_outer(&self) -> bool {
        matches!(self.standing, Standing::Outer { seated: false, .. })
    }

    /// A commit has to take their seat away.
    #[must_use]
    pub const fn is_leaving(&self) -> bool {
        matches!(
            self.standing,
            Standing::Going { .. } | Standing::Outer { seated: true, .. }
        )
    }

    /// The keys that they knew have not turned since their seat was taken away.
    #[must_use]
    pub const fn is_uncut(&self) -> bool {
        self.is_exposed()
            || matches!(
                self.standing,
                Standing::Gone { uncut: true, .. } | Standing::Outer { uncut: true, .. }
            )
    }

    /// Holds a seat in the MLS group, or one is kept for them.
    #[must_use]
    pub const fn is_seated(&self) -> bool {
        matches!(
            self.standing,
            Standing::Present { .. }
                | Standing::Going { .. }
                | Standing::Awaited { .. }
                | Standing::Outer { seated: true, .. }
        )
    }

    /// Whether this intent was applied and is still remembered.
    #[must_use]
    pub fn has_done(&self, id: &IntentId) -> bool {
        self.intents.contains(id)
    }

    /// A request to be renewed that a commit may execute: nothing that they said in the group is newer than
    /// what they had read when they signed it, or codes were compared.
    #[must_use]
    pub fn renewal(&self) -> Option<&Renewal> {
        self.wants
            .as_ref()
            .filter(|wants| self.is_present() && (wants.compared || self.spoke <= wants.read))
            .filter(|_| self.older < OLDER_LEAVES)
    }

    /// Hash of the key package by which a commit may add them without anybody's word: they ask to be renewed, or to be
    /// added to a successor.
    #[must_use]
    pub fn comes_back_by(&self) -> Option<[u8; 32]> {
        match &self.standing {
            Standing::Awaited { asks, .. } => asks.map(|asks| asks.key_package),
            _ => self.renewal().map(|wants| wants.key_package),
        }
    }

    /// A request to be renewed that only a compared code can allow.
    #[must_use]
    pub fn doubtful_renewal(&self) -> Option<&Renewal> {
        self.wants
            .as_ref()
            .filter(|wants| self.is_present() && !wants.compared && self.spoke > wants.read)
    }

    /// Remembers an intent.
    pub(crate) fn remember(&mut self, intent: Intent) {
        if let Some(oldest) = self.intents.push(intent) {
            self.forgotten = oldest.position;
        }
    }

    /// Forgets what only somebody with a seat in the group needs.
    pub(crate) fn step_out(&mut self) {
        self.control = None;
        self.wants = None;
        self.leaf = None;
        self.older = 0;
        self.former.clear();
        self.lost = false;
    }

    /// Forgets what only somebody with voice needs.
    pub(crate) fn retire(&mut self) {
        self.step_out();
        self.intents.clear();
        self.vouches.clear();
        self.vouched.clear();
        self.suspended = None;
        self.accepted = None;
        self.package = None;
        self.aside.clear();
    }
}
