//! Witnessed time (law 6): the room's clock, which no single liar moves in rooms of three or more.

use serde::{Deserialize, Serialize};

use crate::id::{Minutes, PersonaId};
use crate::org::state::State;

/// A larger step needs half of all witnesses, or moves by this much per k entries.
pub const STEP: u64 = 26 * 60;

/// Who posted within this many witnessed minutes counts as recent.
pub const RECENT: u64 = 14 * 24 * 60;

/// The room's clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Clock {
    /// Witnessed time; it only grows.
    pub now: Minutes,
    /// Entries since the clock last took a bounded step.
    pub entries: u32,
}

impl Clock {
    /// A clock that begins with the founder's.
    #[must_use]
    pub const fn start(founded: Minutes) -> Self {
        Self {
            now: founded,
            entries: 0,
        }
    }
}

impl State {
    /// Takes in the time that the author of an entry claims.
    pub(crate) fn witness(&mut self, author: &PersonaId, time: Minutes) {
        let now = self.clock.now;
        match self.people.get_mut(author) {
            Some(person) if person.is_present() => {
                person.latest = Some(person.latest.map_or(time, |before| before.max(time)));
                person.active = Some(now);
            }
            _ => return,
        }
        self.clock.entries = self.clock.entries.saturating_add(1);

        let mut claims: Vec<Minutes> = self.present().filter_map(|(_, person)| person.latest).collect();
        claims.sort_unstable_by(|a, b| b.cmp(a));
        let all = self.present().count();
        let half = all.div_ceil(2);
        let recent = self.present().filter(|(_, person)| {
            person
                .active
                .is_some_and(|active| now.0.saturating_sub(active.0) <= RECENT)
        });
        // In rooms of three or more one witness is never enough.
        let fewest = if all >= 3 { 2 } else { 1 };
        let few = recent.count().div_ceil(3).max(3);
        let witnesses = half.min(few).max(fewest);

        let reached = |k: usize| claims.get(k.saturating_sub(1)).copied().unwrap_or(now);
        let target = reached(witnesses);
        if target <= now {
            return;
        }
        if target.0 - now.0 <= STEP {
            self.clock.now = target;
            return;
        }
        let by_half = reached(half.max(fewest)).max(now);
        if by_half.0 - now.0 > STEP || by_half == target {
            self.clock.now = by_half;
            self.clock.entries = 0;
        } else if usize::try_from(self.clock.entries).unwrap_or(usize::MAX) >= witnesses {
            self.clock.now = Minutes(now.0.saturating_add(STEP)).min(target);
            self.clock.entries = 0;
        }
    }
}
