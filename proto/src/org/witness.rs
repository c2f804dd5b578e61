//! Witnessed time (law 6): the room's clock, which no single liar moves in rooms of three or more.

use serde::{Deserialize, Serialize};

use crate::id::{Minutes, PersonaId};
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

    /// Takes in the time that the author of an entry claims.
    pub(crate) fn witness(&mut self, author: &PersonaId, time: Minutes) {
        let now = self.clock.now;
        match self.people.get_mut(author) {
            Some(person) if person.is_present() => {
                person.latest = Some(time.min(LAST));
                person.active = Some(now);
            }
            _ => return,
        }
        self.clock.entries = self.clock.entries.saturating_add(1);

        let (mut claims, mut people, mut recent) = (Vec::new(), 0_usize, 0_usize);
        for (_, person) in self.present() {
            people += 1;
            claims.extend(person.latest);
            recent += usize::from(
                person
                    .active
                    .is_some_and(|active| now.0.saturating_sub(active.0) <= RECENT),
            );
        }
        // The largest time that so many have reached.
        let mut reached = |k: usize| match k.checked_sub(1).filter(|place| *place < claims.len()) {
            Some(place) => {
                let (_, time, _) = claims.select_nth_unstable_by(place, |a, b| b.cmp(a));
                (*time).max(now)
            }
            None => now,
        };
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
