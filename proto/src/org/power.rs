//! Who may do what: a pure table of mandates and what the charter gives their offices.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::id::{PersonaId, Position};
use crate::org::mandate::{Mandate, Office};
use crate::org::person::{Person, Standing};
use crate::org::state::State;

/// What one may be allowed to do.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Power {
    /// Open and end invites, carry requests, admit and decline.
    Admit,
    /// Remove a person, suspend and restore.
    Remove,
    /// Hold a control key: cut.
    Keys,
    /// Raise the feature floor.
    Floor,
    /// Promote and demote.
    Promote,
    /// Change the points of unity.
    Principles,
    /// Put proposals to a poll, state outcomes.
    Poll,
    /// Guide meetings.
    Facilitate,
    /// Open sealed ballots.
    Tell,
    /// Hold the body's root key: link with other bodies, say who may publish.
    Link,
    /// Announce to other bodies.
    Announce,
    /// Issue directives, and answer those of other bodies.
    Direct,
}

impl Power {
    /// All.
    pub const ALL: [Self; 12] = [
        Self::Admit,
        Self::Remove,
        Self::Keys,
        Self::Floor,
        Self::Promote,
        Self::Principles,
        Self::Poll,
        Self::Facilitate,
        Self::Tell,
        Self::Link,
        Self::Announce,
        Self::Direct,
    ];

    /// Whether no body lives without somebody who holds it. Without the others there are other ways.
    #[must_use]
    pub const fn is_vital(&self) -> bool {
        !matches!(
            self,
            Self::Poll | Self::Facilitate | Self::Tell | Self::Link | Self::Announce | Self::Direct
        )
    }

    /// In words, for views and refusals.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Admit => "admit",
            Self::Remove => "remove",
            Self::Keys => "keys",
            Self::Floor => "floor",
            Self::Promote => "promote",
            Self::Principles => "principles",
            Self::Poll => "poll",
            Self::Facilitate => "facilitate",
            Self::Tell => "tell",
            Self::Link => "link",
            Self::Announce => "announce",
            Self::Direct => "direct",
        }
    }
}

impl State {
    /// Who holds the channel's controls, in the order in which they came.
    #[must_use]
    pub fn keyholders(&self) -> Vec<PersonaId> {
        self.holders(Power::Keys)
    }

    /// Everybody in the room, the earliest first.
    #[must_use]
    pub fn in_order(&self) -> Vec<PersonaId> {
        let mut present: Vec<_> = self.people.iter().filter_map(place).collect();
        present.sort_unstable();
        present.into_iter().map(|(_, _, id)| id).collect()
    }

    /// Whether this person may propose a successor of the room: a keyholder. Who is awaited in this one counts as if they
    /// were in it, so that two proposals can be judged in either.
    #[must_use]
    pub fn may_succeed(&self, persona: &PersonaId) -> bool {
        self.mandates
            .iter()
            .any(|mandate| mandate.office == Office::Keyholder && mandate.holder == *persona)
    }

    /// Whether this person may do it now.
    #[must_use]
    pub fn holds(&self, persona: &PersonaId, power: Power) -> bool {
        self.person(persona).is_some_and(Person::is_present)
            && self
                .mandates
                .iter()
                .chain(self.offices_elsewhere())
                .any(|mandate| {
                    mandate.holder == *persona
                        && !mandate.has_lapsed(self.now())
                        && self
                            .charter()
                            .office(mandate.office)
                            .is_some_and(|rule| rule.powers.contains(&power))
                })
    }

    /// Offices that the governing room gave, but for the keys, which every room has for itself.
    fn offices_elsewhere(&self) -> impl Iterator<Item = &Mandate> {
        let offices = self.annex.iter().flat_map(|annex| &annex.offices);
        offices.filter(|mandate| mandate.office != Office::Keyholder)
    }

    /// Everybody who may do it now, in the order in which they came.
    #[must_use]
    pub fn holders(&self, power: Power) -> Vec<PersonaId> {
        // Mandates are few, people many.
        let offices = self.mandates.iter().chain(self.offices_elsewhere());
        let holders: BTreeSet<_> = offices
            .filter(|mandate| self.holds(&mandate.holder, power))
            .filter_map(|mandate| place(self.people.get_key_value(&mandate.holder)?))
            .collect();
        holders.into_iter().map(|(_, _, id)| id).collect()
    }
}

/// Where somebody stands in the order of those who are in the room.
const fn place((id, person): (&PersonaId, &Person)) -> Option<(Position, u32, PersonaId)> {
    match person.standing {
        Standing::Present { since } => Some((since, person.number, *id)),
        _ => None,
    }
}
