//! A state in pieces, so that whoever keeps it after every entry writes what changed and not what there is: people in groups
//! by their numbers, and everything else.

use std::collections::BTreeMap;

use crate::codec;
use crate::error::Misuse;
use crate::id::PersonaId;
use crate::org::person::Person;
use crate::org::state::{LARGEST_SNAPSHOT, State};

/// Numbers of people that make a group.
const GROUP: u32 = 8;

/// Groups that are noted before all count as changed.
const NOTED: usize = 1024;

/// Which groups changed since they were kept last.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Changed {
    /// Nothing is known of what is kept: all of them, and others are none any more.
    #[default]
    All,
    /// These, maybe more than once.
    Groups(Vec<u32>),
}

/// What a state notes of it. Two states are equal whatever is kept of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Noted(Changed);

impl PartialEq for Noted {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Noted {}

impl Noted {
    pub(super) fn person(&mut self, person: &Person) {
        let group = person.number / GROUP;
        if let Changed::Groups(groups) = &mut self.0
            && groups.last() != Some(&group)
        {
            if groups.len() < NOTED {
                groups.push(group);
            } else {
                self.everybody();
            }
        }
    }

    pub(super) fn everybody(&mut self) {
        self.0 = Changed::All;
    }
}

impl State {
    /// Which groups changed since this was asked last. What else there is may have changed with every entry.
    pub fn take_changed(&mut self) -> Changed {
        self.pass();
        let mut changed = std::mem::replace(&mut self.noted.0, Changed::Groups(Vec::new()));
        if let Changed::Groups(groups) = &mut changed {
            groups.sort_unstable();
            groups.dedup();
        }
        changed
    }

    /// What is kept of another state says nothing of this one.
    pub fn is_kept_nowhere(&mut self) {
        self.noted.everybody();
    }

    /// Everything but the people, encoded: a state without any.
    ///
    /// # Errors
    /// `Misuse::TooLarge`.
    pub fn encode_without_people(&mut self) -> Result<Vec<u8>, Misuse> {
        let people = std::mem::take(&mut self.people);
        let encoded = codec::encode(self, LARGEST_SNAPSHOT);
        self.people = people;
        encoded
    }

    /// The people of these groups, or of all.
    #[must_use]
    pub fn groups(&self, changed: &Changed) -> BTreeMap<u32, Vec<(&PersonaId, &Person)>> {
        let mut groups: BTreeMap<u32, Vec<_>> = match changed {
            Changed::All => BTreeMap::new(),
            // Also those that have nobody any more.
            Changed::Groups(numbers) => numbers.iter().map(|number| (*number, Vec::new())).collect(),
        };
        for (persona, person) in &self.people {
            let number = person.number / GROUP;
            match (changed, groups.get_mut(&number)) {
                (_, Some(group)) => group.push((persona, person)),
                (Changed::All, None) => drop(groups.insert(number, vec![(persona, person)])),
                (Changed::Groups(_), None) => {}
            }
        }
        groups
    }

    /// Takes back in what was kept of people.
    pub fn put_people(&mut self, people: impl IntoIterator<Item = (PersonaId, Person)>) {
        for (persona, person) in people {
            self.people.insert(persona, person);
        }
        self.settle();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::org::act::Deed;
    use crate::org::tests::world::{World, persona};

    /// What somebody keeps who keeps a state after every step.
    #[derive(Default)]
    struct Keeper {
        rest: Vec<u8>,
        groups: BTreeMap<u32, Vec<u8>>,
        /// Groups that were written.
        written: usize,
    }

    impl Keeper {
        fn keep(&mut self, state: &mut State) {
            let changed = state.take_changed();
            if changed == Changed::All {
                self.groups.clear();
            }
            for (number, people) in state.groups(&changed) {
                self.written += 1;
                self.groups
                    .insert(number, codec::encode(&people, LARGEST_SNAPSHOT).unwrap());
            }
            self.rest = state.encode_without_people().unwrap();
        }

        fn read(&self) -> State {
            let mut state: State = codec::decode(&self.rest, LARGEST_SNAPSHOT).unwrap();
            for group in self.groups.values() {
                let people: Vec<(PersonaId, Person)> = codec::decode(group, LARGEST_SNAPSHOT).unwrap();
                state.put_people(people);
            }
            state
        }
    }

    #[test]
    fn what_is_kept_step_by_step_is_the_whole_state() {
        let mut world = World::new();
        let mut keeper = Keeper::default();
        let mut check = |world: &mut World| {
            keeper.keep(&mut world.state);
            let read = keeper.read();
            assert!(read == world.state);
            assert_eq!(read.root(), world.state.root());
            std::mem::take(&mut keeper.written)
        };
        check(&mut world);
        for seed in 1..30 {
            world.joins(seed);
            check(&mut world);
        }
        world.says(0);
        assert_eq!(check(&mut world), 1, "a word changes the record of who said it");
        assert_eq!(check(&mut world), 0);
        // An applicant who is declined is there no more.
        let invite = world.invites(0, 1);
        world.applies(0, 40, "Dia", invite);
        check(&mut world);
        let reason = "not now".to_owned();
        world.does(
            0,
            &Deed::Decline {
                persona: persona(40),
                reason,
            },
        );
        check(&mut world);
        assert!(world.state.person(&persona(40)).is_none());
        // Another state in its place.
        let mut other = World::new();
        other.state.is_kept_nowhere();
        check(&mut other);
    }

    #[test]
    fn who_changes_more_than_is_noted_counts_as_all() {
        let mut noted = Noted(Changed::Groups(Vec::new()));
        let world = World::new();
        let mut person = world.state.person(&persona(0)).unwrap().clone();
        for n in 0..=NOTED as u32 {
            person.number = (n % 2) * GROUP;
            assert!(matches!(noted.0, Changed::Groups(_)));
            noted.person(&person);
        }
        assert_eq!(noted.0, Changed::All);
    }
}
