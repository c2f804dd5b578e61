//! Who may do what: a pure table. Until offices are elected the founding charter's caretaker rule holds:
//! the two who have been in the room longest hold the keys and admit; the first of them removes.

use serde::{Deserialize, Serialize};

use crate::id::PersonaId;
use crate::org::person::Standing;
use crate::org::state::State;

/// How many hold the channel's controls.
pub const KEYHOLDERS: usize = 2;

/// What one may be allowed to do.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Power {
    /// Open and end invites, carry requests, admit and decline.
    Admit,
    /// Remove a person.
    Remove,
    /// Hold a control key: cut.
    Keys,
    /// Raise the feature floor.
    Floor,
}

impl Power {
    /// In words, for views and refusals.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Admit => "admit",
            Self::Remove => "remove",
            Self::Keys => "keys",
            Self::Floor => "floor",
        }
    }
}

impl State {
    /// Who holds the channel's controls: the earliest in the room, in order.
    #[must_use]
    pub fn keyholders(&self) -> Vec<PersonaId> {
        let mut holders = self.in_order();
        holders.truncate(KEYHOLDERS);
        holders
    }

    /// Everybody in the room, the earliest first.
    #[must_use]
    pub fn in_order(&self) -> Vec<PersonaId> {
        let mut present: Vec<_> = self
            .people
            .iter()
            .filter_map(|(id, person)| match person.standing {
                Standing::Present { since } => Some((since, person.number, *id)),
                _ => None,
            })
            .collect();
        present.sort_unstable();
        present.into_iter().map(|(_, _, id)| id).collect()
    }

    /// Whether this person may propose a successor of the room: who is awaited in this one counts as if they were in
    /// it, so that two proposals can be judged in either.
    #[must_use]
    pub fn may_succeed(&self, persona: &PersonaId) -> bool {
        let mut order: Vec<_> = self
            .people
            .iter()
            .filter_map(|(id, person)| match person.standing {
                Standing::Present { since } | Standing::Awaited { since, .. } => {
                    Some((since, person.number, id))
                }
                _ => None,
            })
            .collect();
        order.sort_unstable();
        order.iter().take(KEYHOLDERS).any(|(_, _, id)| *id == persona)
    }

    /// Whether this person may do it now.
    #[must_use]
    pub fn holds(&self, persona: &PersonaId, power: Power) -> bool {
        self.holders(power).contains(persona)
    }

    /// Everybody who may do it now.
    #[must_use]
    pub fn holders(&self, power: Power) -> Vec<PersonaId> {
        let mut holders = self.keyholders();
        match power {
            Power::Admit | Power::Keys => {}
            Power::Remove | Power::Floor => holders.truncate(1),
        }
        holders
    }
}
