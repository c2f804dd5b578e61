//! Witnessed time (law 6): the room's clock, which no single liar moves in rooms of three or more.

use serde::{Deserialize, Serialize};

use crate::id::{Minutes, PersonaId, Position};
use crate::org::state::State;

/// A larger step needs half of all witnesses, or moves by this much per k entries; in minutes.
pub const STEP: u64 = 26 * 60;

/// Who posted within this many witnessed minutes counts as recent.
pub const RECENT: u64 = 14 * 24 * 60;

/// The last minute of the year 9999. A claim beyond it counts as this one, so that there is always a later
/// time for an invite to end.
pub const LAST: Minutes = Minutes(4_223_371_679);

/// The room's clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Clock {
    /// Witnessed time; it only grows.
    pub now: Minutes,
    /// Entries since the clock last moved on the word of fewer than half by a bounded step.
    pub entries: u32,
}

impl Clock {
    /// A clock that begins with the founder's.
    #[must_use]
    pub fn start(founded: Minutes) -> Self {
        Self {
            now: founded.min(LAST),
            entries: 0,
        }
    }
}

/// Days of silence after which somebody counts as idle.
pub const IDLE_DAYS: u64 = 30;

impl State {
    /// Days of witnessed time since each person in the room was last heard, of those who are idle: what their devices
    /// hold of the room's keys is as old.
    pub fn idle(&self) -> impl Iterator<Item = (&PersonaId, u64)> {
        let now = self.clock.now.0;
        let days = move |active: Minutes| now.saturating_sub(active.0) / (24 * 60);
        self.present()
            .filter_map(move |(persona, person)| Some((persona, person.active.map(days)?)))
            .filter(|(_, days)| *days >= IDLE_DAYS)
    }

    /// Takes in the time that the author of an entry claims, and up to where they have seen the log.
    pub(crate) fn witness(&mut self, author: &PersonaId, time: Minutes, seen: Option<Position>) {
        let now = self.clock.now;
        match self.people.get_mut(author) {
            Some(person) if person.is_present() => {
                person.latest = Some(time.min(LAST));
                person.active = Some(now);
                person.seen = person.seen.max(seen.unwrap_or_default());
            }
            _ => return,
        }
        self.clock.entries = self.clock.entries.saturating_add(1);

        self.pass();
        let (people, recent) = (self.witnesses.people(), self.witnesses.recent());
        let reached = |k: usize| self.witnesses.reached(k);
        let half = people.div_ceil(2);
        let few = recent.div_ceil(3).max(3);
        let witnesses = half.min(few);

        let target = reached(witnesses);
        if target.0 - now.0 <= STEP {
            self.clock.now = target;
            return;
        }
        let by_half = reached(half);
        let by_step = Minutes(now.0 + STEP);
        let enough = usize::try_from(self.clock.entries).unwrap_or(usize::MAX) >= witnesses;
        if by_half < by_step && enough {
            self.clock = Clock {
                now: by_step,
                entries: 0,
            };
        } else {
            self.clock.now = by_half;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::org::person::{Person, Standing};
    use crate::org::sphere::Sphere;
    use crate::org::tests::world::{FOUNDED, World, persona, public};

    /// What one entry makes of the clock, by looking at everybody.
    fn looked_at_everybody(before: &State, author: &PersonaId, time: Minutes) -> Clock {
        let mut state = before.clone();
        let now = state.clock.now;
        let Some(person) = state.people.get_mut(author).filter(|person| person.is_present()) else {
            return state.clock;
        };
        person.latest = Some(time.min(LAST));
        person.active = Some(now);
        let mut claims: Vec<Minutes> = state.present().filter_map(|(_, person)| person.latest).collect();
        claims.sort_unstable_by(|a, b| b.cmp(a));
        let reached = |k: usize| claims.get(k - 1).map_or(now, |time| (*time).max(now));
        let active = state.present().filter_map(|(_, person)| person.active);
        let recent = active
            .filter(|active| now.0.saturating_sub(active.0) <= RECENT)
            .count();
        let half = state.present().count().div_ceil(2);
        let witnesses = half.min(recent.div_ceil(3).max(3));
        let entries = state.clock.entries + 1;
        let target = reached(witnesses);
        if target.0 > now.0 + STEP && reached(half).0 < now.0 + STEP && entries as usize >= witnesses {
            return Clock {
                now: Minutes(now.0 + STEP),
                entries: 0,
            };
        }
        let far = target.0 > now.0 + STEP;
        Clock {
            now: if far { reached(half) } else { target },
            entries,
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        /// Somebody's entry, so many minutes from witnessed time.
        Hear(u32, i64),
        Come(u32),
        Go(u32),
        Forget(u32),
        /// Goes on from a snapshot.
        Reload,
        /// Hashes are remembered.
        Settle,
        /// The clock is another.
        Set(i64),
    }

    fn minutes() -> impl Strategy<Value = i64> {
        prop_oneof![
            8 => -100..3_000_i64,
            3 => Just(0),
            2 => -60_000..60_000_i64,
            1 => Just(i64::MAX),
        ]
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            24 => (0..25_u32, minutes()).prop_map(|(who, minutes)| Step::Hear(who, minutes)),
            6 => (1..25_u32).prop_map(Step::Come),
            2 => (0..25_u32).prop_map(Step::Go),
            1 => (0..25_u32).prop_map(Step::Forget),
            1 => Just(Step::Reload),
            1 => Just(Step::Settle),
            1 => (-30_000..30_000_i64).prop_map(Step::Set),
        ]
    }

    proptest! {
        #[test]
        fn what_is_counted_along_is_what_looking_at_everybody_gives(
            steps in proptest::collection::vec(step(), 1..200),
        ) {
            let mut state = World::new().state;
            let near = |state: &State, by: i64| Minutes(state.now().0.saturating_add_signed(by));
            for step in steps {
                match step {
                    Step::Hear(who, by) => {
                        let time = near(&state, by);
                        let expected = looked_at_everybody(&state, &persona(who), time);
                        state.witness(&persona(who), time, None);
                        prop_assert_eq!(state.clock, expected);
                    }
                    Step::Come(who) => {
                        let name = state.genesis.founder_name.clone();
                        let person = Person::new(public(who), name, who, Sphere::Member, Minutes(FOUNDED));
                        state.people.insert(persona(who), person);
                    }
                    Step::Go(who) => {
                        if let Some(person) = state.people.get_mut(&persona(who)) {
                            person.standing = match person.standing {
                                Standing::Present { .. } => Standing::Going { by: None },
                                _ => Standing::Present { since: Position(0) },
                            };
                        }
                    }
                    Step::Forget(who) => {
                        state.people.remove(&persona(who));
                    }
                    Step::Reload => state = State::from_snapshot(&state.snapshot().unwrap()).unwrap(),
                    Step::Settle => state.settle(),
                    Step::Set(by) => state.clock.now = near(&state, by).min(LAST),
                }
            }
        }
    }
}
