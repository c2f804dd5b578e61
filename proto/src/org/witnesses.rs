//! What witnessed time is reckoned from (law 6), in order and counted, so that an entry costs what it changed and not how
//! many people there are. It follows from the people and the clock: it is no part of the state, and is not encoded.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::id::{Minutes, PersonaId};
use crate::org::kept::Noted;
use crate::org::person::Person;
use crate::org::records::Records;
use crate::org::witness::RECENT;

/// Counts over the people in the room.
#[derive(Clone)]
pub(super) struct Witnesses {
    /// Everybody in the room, by their number, as they are counted below.
    known: BTreeMap<u32, Heard>,
    /// Claims later than `now`.
    ahead: Times,
    /// When those were active who count as recent.
    recent: Times,
    /// Witnessed time that both are counted for.
    now: Minutes,
}

/// What counts of a person: the claim of their latest entry, and witnessed time before it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Heard {
    latest: Option<Minutes>,
    active: Option<Minutes>,
}

/// Times, each as often as it occurs.
#[derive(Clone, Default)]
struct Times {
    counts: BTreeMap<Minutes, usize>,
    len: usize,
}

impl Witnesses {
    /// How many people are in the room.
    pub(super) fn people(&self) -> usize {
        self.known.len()
    }

    /// How many of them posted in the last [`RECENT`] minutes.
    pub(super) const fn recent(&self) -> usize {
        self.recent.len
    }

    /// The largest time that so many have reached; what is counted for, where that is later.
    pub(super) fn reached(&self, many: usize) -> Minutes {
        self.ahead.largest(many).unwrap_or(self.now)
    }

    /// Counts anew whoever was touched since the last entry, for this witnessed time, and notes who that is.
    pub(super) fn follow(&mut self, people: &Records<PersonaId, Person>, now: Minutes, noted: &mut Noted) {
        if people.is_new() || now < self.now {
            noted.everybody();
            return self.count_all(people, now);
        }
        if now > self.now {
            self.now = now;
            self.ahead.forget_before(Minutes(now.0.saturating_add(1)));
            self.recent.forget_before(first_recent(now));
        }
        for persona in people.touched() {
            match people.get(persona) {
                Some(person) => {
                    noted.person(person);
                    self.count(person);
                }
                None => {
                    noted.everybody();
                    return self.count_all(people, now);
                }
            }
        }
    }

    fn count_all(&mut self, people: &Records<PersonaId, Person>, now: Minutes) {
        *self = Self {
            now,
            ..Self::default()
        };
        for person in people.values() {
            self.count(person);
        }
    }

    fn count(&mut self, person: &Person) {
        let heard = person.is_present().then_some(Heard {
            latest: person.latest,
            active: person.active,
        });
        let before = match (self.known.entry(person.number), heard) {
            (Entry::Occupied(mut known), Some(heard)) => Some(known.insert(heard)),
            (Entry::Occupied(known), None) => Some(known.remove()),
            (Entry::Vacant(unknown), Some(heard)) => {
                unknown.insert(heard);
                None
            }
            (Entry::Vacant(_), None) => None,
        };
        let ahead = |heard: Heard| heard.latest.filter(|time| *time > self.now);
        let (was, is) = (before.and_then(ahead), heard.and_then(ahead));
        self.ahead.replace(was, is);
        let first = first_recent(self.now);
        let recent = |heard: Heard| heard.active.filter(|time| *time >= first);
        let (was, is) = (before.and_then(recent), heard.and_then(recent));
        self.recent.replace(was, is);
    }
}

// Two states are equal by what they are reckoned from.
impl PartialEq for Witnesses {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Witnesses {}

impl core::fmt::Debug for Witnesses {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Witnesses").finish_non_exhaustive()
    }
}

impl Default for Witnesses {
    fn default() -> Self {
        Self {
            known: BTreeMap::new(),
            ahead: Times::default(),
            recent: Times::default(),
            now: Minutes(0),
        }
    }
}

/// The earliest time at which who was active then counts as recent.
const fn first_recent(now: Minutes) -> Minutes {
    Minutes(now.0.saturating_sub(RECENT))
}

impl Times {
    fn replace(&mut self, was: Option<Minutes>, is: Option<Minutes>) {
        if was == is {
            return;
        }
        if let Some(Entry::Occupied(mut count)) = was.map(|time| self.counts.entry(time)) {
            self.len = self.len.saturating_sub(1);
            if *count.get() > 1 {
                *count.get_mut() -= 1;
            } else {
                count.remove();
            }
        }
        if let Some(time) = is {
            *self.counts.entry(time).or_default() += 1;
            self.len += 1;
        }
    }

    fn forget_before(&mut self, time: Minutes) {
        while let Some(first) = self.counts.first_entry().filter(|first| *first.key() < time) {
            self.len = self.len.saturating_sub(first.remove());
        }
    }

    /// The `place`-th largest, counted from 1. It is looked for from the smallest: mostly few are smaller.
    fn largest(&self, place: usize) -> Option<Minutes> {
        let smaller = self.len.checked_sub(place).filter(|_| place > 0)?;
        let mut seen = 0;
        self.counts.iter().find_map(|(time, count)| {
            seen += count;
            (seen > smaller).then_some(*time)
        })
    }
}
