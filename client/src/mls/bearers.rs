//! Whose a persona key is: a persona is named by its first key and may have another since.

use std::collections::BTreeMap;

use caucus_proto::id::PersonaId;
use caucus_proto::org::PersonaPublic;

/// Whose the later keys are, each by what it would name as a first one. What is not among them is a first key. Which keys are
/// whose is for the machine to say (`State::bearers`).
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Bearers(BTreeMap<PersonaId, PersonaId>);

impl Bearers {
    /// Whose this key is.
    #[must_use]
    pub fn of(&self, key: &PersonaPublic) -> PersonaId {
        let named = PersonaId::of(&key.0);
        self.0.get(&named).copied().unwrap_or(named)
    }
}

impl From<BTreeMap<PersonaId, PersonaId>> for Bearers {
    fn from(bearers: BTreeMap<PersonaId, PersonaId>) -> Self {
        Self(bearers)
    }
}
