//! Where a room's channel may lie: the relays that the charter names besides the one of now, and the move to one of
//! them. The room stays what it is: its group, its log and its numbering go on from the entry that moves it.

use core::fmt;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::id::{Minutes, PersonaId};
use crate::org::denied::Denied;
use crate::org::effect::Effect;
use crate::org::mandate::DAY;
use crate::org::name::is_unsafe;
use crate::org::person::{Person, Standing};
use crate::org::power::Power;
use crate::org::state::State;

/// Longest address of a relay in bytes.
pub const LONGEST_RELAY: usize = 256;

/// How the address of a relay begins.
const SCHEME: &str = "caucus://";

/// Most relays that a charter names.
pub const MOST_ALTERNATES: usize = 4;

/// Minutes of witnessed time between two moves of a room.
const BETWEEN_MOVES: u64 = DAY;

/// The address of a relay as people write it. What it says is for those who connect to know.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RelayName(String);

/// A text is no address of a relay.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("a relay's address has at most {LONGEST_RELAY} bytes, without spaces")]
pub struct NoRelayName;

impl RelayName {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it begins as one.
    pub(super) fn is_address(&self) -> bool {
        self.0.starts_with(SCHEME)
    }
}

impl TryFrom<String> for RelayName {
    type Error = NoRelayName;

    fn try_from(text: String) -> Result<Self, NoRelayName> {
        let is_address = (1..=LONGEST_RELAY).contains(&text.len())
            && !text.chars().any(|c| c.is_whitespace() || is_unsafe(c));
        is_address.then_some(Self(text)).ok_or(NoRelayName)
    }
}

impl From<RelayName> for String {
    fn from(name: RelayName) -> Self {
        name.0
    }
}

impl fmt::Display for RelayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RelayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RelayName(..)")
    }
}

/// The relays of a body.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relays {
    /// Where its rooms may go: by a move, and in this order where theirs is lost.
    #[serde(default)]
    pub alternates: Vec<RelayName>,
    /// Whether the first of them that is not the room's own carries a copy of every entry.
    #[serde(default)]
    pub together: bool,
}

impl Relays {
    /// Few, each once, and addresses.
    pub(super) fn are_fit(&self) -> bool {
        let twice = |(place, name)| self.alternates.iter().take(place).any(|other| other == name);
        self.alternates.len() <= MOST_ALTERNATES
            && self.alternates.iter().all(RelayName::is_address)
            && !self.alternates.iter().enumerate().any(twice)
    }

    /// Whether there is a relay that can carry what is asked of a second one.
    pub(super) fn can_be_together(&self) -> bool {
        !self.together || !self.alternates.is_empty()
    }
}

impl State {
    /// A keyholder moves the room to a relay of the charter. Once a day: moving costs everybody a connection.
    pub(super) fn judge_relocation(&self, author: &PersonaId, relay: RelayName) -> Result<Effect, Denied> {
        self.with_power(author, Power::Keys)?;
        if !self.charter().relays.alternates.contains(&relay) {
            return Err(Denied::NoAlternate);
        }
        // Their answers go where they asked, and an admission stands until it is carried out (law 19).
        let comes_in = |person: &Person| matches!(person.standing, Standing::Admitted { .. });
        if self.people.values().any(comes_in) {
            return Err(Denied::SomebodyComesIn);
        }
        let rested = |moved: Minutes| self.now().0 >= moved.0.saturating_add(BETWEEN_MOVES);
        if !self.relocated.is_none_or(rested) {
            return Err(Denied::MovedToday);
        }
        Ok(Effect::Relocated { relay })
    }

    /// The room goes on at another relay. What leads to the one before ends: invites, and requests that came by them.
    pub(super) fn relocate(&mut self) {
        self.relocated = Some(self.now());
        self.invites.clear();
        self.people
            .retain(|_, person| !matches!(person.standing, Standing::Applied { .. }));
    }

    /// Whether people who say that they cannot reach the room's relay are enough for it to go on elsewhere: more than
    /// half of those who are in it. Fewer would leave the others behind.
    #[must_use]
    pub fn may_go_on_without(&self, stranded: impl IntoIterator<Item = PersonaId>) -> bool {
        let present = |persona: &PersonaId| self.person(persona).is_some_and(|person| person.is_present());
        let stranded: BTreeSet<_> = stranded.into_iter().filter(present).collect();
        stranded.len().saturating_mul(2) > self.present().count()
    }
}
