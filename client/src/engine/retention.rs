//! How long words are kept on this device, by age and by room. What is older loses its words, names and times;
//! what heads are compared with stays, because it says nothing. That the words are gone from the file too is
//! the vault's part (`Vault::rewrite`).
//!
//! Age counts from when this device had an entry, so that no author makes words live longer or shorter by the
//! time they claim. The clock that it is measured by only grows: it follows the room's witnessed time at
//! once, and this device's own by at most 26 hours at each look, so that one wrong setting does not empty a
//! log. A clock that is turned back brings nothing back: what was forgotten is gone.

use caucus_proto::id::{Minutes, Position, RoomId};
use serde::{Deserialize, Serialize};

use super::engine::Engine;
use super::error::EngineError;
use super::files;
use super::record::{Item, LogRecord};
use super::room::Room;
use crate::vault::{Overlay, Place, Table};

/// What stands in the log where words were.
const FORGOTTEN: &str = "forgotten: it was older than this device keeps words";

const DAY: u64 = 24 * 60;

/// Minutes by which this device's clock moves the clock of a room's retention at each look.
const STEP: u64 = 26 * 60;

/// Minutes between two marks at least.
const BETWEEN_MARKS: u64 = 12 * 60;

/// Marks that are kept, a room; above that every second one goes, and the words between live as long as those
/// after them.
const MARKS: usize = 1024;

/// Log records that are rewritten in one transaction.
const BATCH: usize = 512;

/// How long words are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Retention {
    /// For so many days.
    Days(u32),
    /// For as long as the vault is there.
    Forever,
}

/// What is known of the age of a room's log.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct Ages {
    /// The clock that age is measured by.
    clock: Minutes,
    /// The first position whose words are kept.
    kept: Position,
    /// Up to which position the log went, and when.
    marks: Vec<(Position, Minutes)>,
}

impl Ages {
    /// Looks at the clocks, and notes how far the log goes.
    fn look(&mut self, position: Position, witnessed: Minutes, own: Minutes) {
        let stepped = own.0.min(self.clock.0.saturating_add(STEP));
        self.clock = Minutes(self.clock.0.max(witnessed.0).max(stepped));
        let now = self.clock.max(own);
        for (_, at) in &mut self.marks {
            if at.0 > now.0.saturating_add(STEP) {
                // Made while this device's clock was far ahead.
                *at = now;
            }
        }
        let due = self
            .marks
            .last()
            .is_none_or(|(last, at)| *last < position && now.0.saturating_sub(at.0) >= BETWEEN_MARKS);
        if due {
            self.marks.push((position, now));
        }
        if self.marks.len() > MARKS {
            let mut odd = false;
            self.marks.retain(|_| {
                odd = !odd;
                !odd
            });
        }
    }

    /// The last position that is older than so many days.
    fn older_than(&self, days: u32) -> Option<Position> {
        let before = self.clock.0.checked_sub(u64::from(days).saturating_mul(DAY))?;
        let old = |(position, at): &(Position, Minutes)| (at.0 <= before).then_some(*position);
        self.marks.iter().filter_map(old).max()
    }
}

impl Room {
    /// Up to where words were forgotten; 0 if none were.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub fn forgotten(&self) -> Result<Position, EngineError> {
        let ages = self.ages(&self.vault.overlay())?;
        Ok(Position(ages.kept.0.saturating_sub(1)))
    }

    /// Looks at the clocks, and forgets what is older than it is kept. Answers whether anything was.
    ///
    /// # Errors
    /// `EngineError::Vault`: what was forgotten until then is.
    pub fn forget_old(&mut self, own: Minutes) -> Result<bool, EngineError> {
        let before = self.ages(&self.vault.overlay())?;
        let mut ages = before.clone();
        ages.look(self.cursor.position, self.state.now(), own);
        let until = match self.retention()? {
            Retention::Days(days) => ages.older_than(days),
            Retention::Forever => None,
        };
        if ages != before {
            self.transact(|room, overlay| room.keep_ages(overlay, &ages))?;
        }
        let Some(until) = until else { return Ok(false) };
        let mut any = self.transact(|room, overlay| room.forget_handed(overlay, until))?;
        while ages.kept <= until {
            any |= self.transact(|room, overlay| room.forget_some(overlay, &mut ages, until))?;
        }
        Ok(any)
    }

    fn forget_some(
        &mut self,
        overlay: &Overlay,
        ages: &mut Ages,
        until: Position,
    ) -> Result<bool, EngineError> {
        let scope = self.record.room.as_bytes();
        let rows = overlay.range(Table::Log, scope, ages.kept.0, BATCH)?;
        let mut any = false;
        ages.kept = until.next();
        for (count, (number, _)) in (1..).zip(&rows) {
            let position = Position(*number);
            if position > until {
                break;
            }
            if count == BATCH {
                ages.kept = position.next();
            }
            let place = self.place(Table::Log, *number);
            let Some(record) = overlay.get_value::<LogRecord>(&place)? else {
                continue;
            };
            if let Item::Attached { file, .. } = &record.item {
                files::forget(overlay, file);
            }
            overlay.put_value(place, &without_words(record))?;
            any = true;
        }
        // An intent that landed so long ago is not sent again.
        let kept = ages.kept;
        let old = |landed: Option<Position>| landed.is_some_and(|at| at < kept);
        let sent: Vec<u64> = self
            .outbox
            .iter()
            .filter(|(_, item)| old(item.landed))
            .map(|(number, _)| *number)
            .collect();
        for number in sent {
            self.outbox.remove(&number);
            overlay.delete(self.place(Table::Outbox, number));
        }
        self.keep_ages(overlay, ages)?;
        Ok(any)
    }

    /// How long its words are kept.
    fn retention(&self) -> Result<Retention, EngineError> {
        let overlay = self.vault.overlay();
        let own = overlay.get_value(&chosen(Some(&self.record.room)))?;
        let default = || overlay.get_value(&chosen(None));
        Ok(own
            .map_or_else(default, |own| Ok(Some(own)))?
            .unwrap_or(Retention::Forever))
    }

    fn ages(&self, overlay: &Overlay) -> Result<Ages, EngineError> {
        Ok(overlay
            .get_value(&ages_place(&self.record.room))?
            .unwrap_or_default())
    }

    fn keep_ages(&self, overlay: &Overlay, ages: &Ages) -> Result<(), EngineError> {
        Ok(overlay.put_value(ages_place(&self.record.room), ages)?)
    }
}

impl Engine {
    /// How long words of a room are kept, or of all that have no choice of their own; none if nothing was chosen.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub fn retention(&self, room: Option<&RoomId>) -> Result<Option<Retention>, EngineError> {
        Ok(self.vault().overlay().get_value(&chosen(room))?)
    }

    /// Chooses it, or takes the choice back.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub fn retain(&self, room: Option<&RoomId>, choice: Option<Retention>) -> Result<(), EngineError> {
        let _turn = self.vault().turn();
        let overlay = self.vault().overlay();
        match choice {
            Some(choice) => overlay.put_value(chosen(room), &choice)?,
            None => overlay.delete(chosen(room)),
        }
        Ok(overlay.commit()?)
    }

    /// Forgets in every room what is older than it is kept. Answers whether anything was.
    ///
    /// # Errors
    /// `EngineError::Vault`, after all rooms had their turn.
    pub fn forget_old(&self) -> Result<bool, EngineError> {
        let now = self.now().minutes;
        let mut any = Ok(false);
        for live in self.rooms() {
            match (live.room().forget_old(now), &mut any) {
                (Ok(forgotten), Ok(any)) => *any |= forgotten,
                (Err(error), Ok(_)) => any = Err(error),
                (_, Err(_)) => {}
            }
        }
        any
    }
}

fn without_words(record: LogRecord) -> LogRecord {
    LogRecord {
        author: None,
        name: String::new(),
        time: None,
        item: Item::Quiet(FORGOTTEN.to_owned()),
        ..record
    }
}

fn chosen(room: Option<&RoomId>) -> Place {
    let room = room.map(RoomId::as_bytes).unwrap_or_default();
    Place::new(Table::Settings, [b"retention ".as_slice(), room].concat(), 0)
}

fn ages_place(room: &RoomId) -> Place {
    Place::new(
        Table::Settings,
        [b"ages ".as_slice(), room.as_bytes()].concat(),
        0,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 29_000_000;

    fn at(days: u64) -> Minutes {
        Minutes(START + days * DAY)
    }

    #[test]
    fn what_came_before_a_mark_is_as_old_as_the_mark() {
        let mut ages = Ages::default();
        for day in 0..10 {
            ages.look(Position(day * 10), at(day), at(day));
        }
        assert_eq!(ages.older_than(7), Some(Position(20)));
        assert_eq!(ages.older_than(0), Some(Position(90)));
        assert_eq!(ages.older_than(30), None);
    }

    #[test]
    fn a_clock_that_is_far_ahead_for_an_hour_ages_words_by_a_day_at_most_and_keeps_none_for_ever() {
        let mut ages = Ages::default();
        ages.look(Position(5), at(0), at(0));
        ages.look(Position(6), at(0), at(30_000));
        assert_eq!(ages.older_than(2), None, "nothing is lost");
        for day in 1..=9 {
            ages.look(Position(6), at(0), at(day));
        }
        assert_eq!(ages.older_than(7), Some(Position(6)), "nothing stays");
    }

    #[test]
    fn a_clock_that_is_turned_back_makes_nothing_younger() {
        let mut ages = Ages::default();
        for day in 0..10 {
            ages.look(Position(day), at(day), at(day));
        }
        let before = ages.older_than(7);
        ages.look(Position(9), at(0), Minutes(0));
        ages.look(Position(10), at(0), at(1));
        assert_eq!(ages.older_than(7), before);
        assert_eq!(ages.clock, at(9));
    }

    #[test]
    fn after_a_long_absence_the_clock_catches_up_by_a_day_at_each_look_or_at_once_with_the_room() {
        let mut ages = Ages::default();
        ages.look(Position(1), at(0), at(0));
        ages.look(Position(1), at(0), at(30));
        assert_eq!(ages.clock.0, at(0).0 + STEP);
        ages.look(Position(1), at(30), at(30));
        assert_eq!(ages.older_than(29), Some(Position(1)));
    }

    #[test]
    fn marks_do_not_grow_without_end_and_thinning_shortens_no_life() {
        let mut ages = Ages::default();
        for day in 0..3_000 {
            ages.look(Position(day), at(day), at(day));
        }
        assert!(ages.marks.len() <= MARKS);
        for days in [1, 30, 400] {
            let oldest_kept = ages.older_than(days).map_or(0, |last| last.0 + 1);
            assert!(oldest_kept <= 3_000 - u64::from(days), "{days}");
        }
    }
}
