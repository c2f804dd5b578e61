//! A person of a body as the machine knows them.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::id::{IntentId, Minutes, PersonaId, Position};
use crate::org::name::Name;
use crate::org::sign::PersonaPublic;

/// How many of an author's latest intents are remembered so that each counts once.
pub const REMEMBERED_INTENTS: usize = 256;

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
}

/// A person.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Person {
    /// Their persona key.
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
    /// Their latest intents, oldest first.
    pub intents: VecDeque<IntentId>,
}

impl Person {
    /// In the room, with voice.
    #[must_use]
    pub const fn is_present(&self) -> bool {
        matches!(self.standing, Standing::Present { .. })
    }

    /// Holds a seat in the MLS group.
    #[must_use]
    pub const fn is_seated(&self) -> bool {
        matches!(self.standing, Standing::Present { .. } | Standing::Going { .. })
    }

    /// Remembers an intent.
    pub(crate) fn remember(&mut self, id: IntentId) {
        if self.intents.len() >= REMEMBERED_INTENTS {
            self.intents.pop_front();
        }
        self.intents.push_back(id);
    }
}
