//! How long words are kept on this device, by age and by room. What is older loses its words, names and times;
//! what heads are compared with stays, because it says nothing. That the words are gone from the file too is
//! the vault's part (`Vault::rewrite`).
//!
//! Two rules hold beside each other, and the shorter time counts: what this person chose, for everything in the log, and
//! what the room says of the messages that came after it said so (`Remark::Vanish`). What happened to the body, what was
//! said about proposals, and minutes do not vanish by the room's word.
//!
//! Age counts from when this device had an entry, so that no author makes words live longer or shorter by the
//! time they claim. The clock that it is measured by only grows: it follows the room's witnessed time at
//! once, and this device's own by at most 26 hours at each look, which is once an hour (by a quarter of an hour at those
//! between), so that one wrong setting does not empty a log. A clock that is turned back brings nothing back: what was forgotten is gone.

use caucus_proto::id::{Minutes, Position, RoomId};
use caucus_proto::org::Written;
use serde::{Deserialize, Serialize};

use super::engine::Engine;
use super::error::EngineError;
use super::files;
use super::record::{Item, LogRecord, Remarks};
use super::room::Room;
use crate::vault::{Overlay, Place, Table};

/// What stands in the log where words were.
const FORGOTTEN: &str = "forgotten: it was older than this device keeps words";

const HOUR: u64 = 60;

const DAY: u64 = 24 * HOUR;

/// Minutes by which this device's clock moves the clock of a room's retention at each look.
const STEP: u64 = 26 * HOUR;

/// The same at a quick look.
const QUICK_STEP: u64 = 15;

/// Minutes between two marks at least.
const BETWEEN_MARKS: u64 = 12 * 60;

/// The same where words vanish soon, at least.
const BETWEEN_QUICK: u64 = 5;

/// A room in which words vanish has a mark in this part of the time at least.
const PARTS: u64 = 12;

/// Spans that are kept, a room.
const SPANS: usize = 64;

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
    /// For so many hours.
    Hours(u32),
}

impl Retention {
    const fn minutes(self) -> Option<u64> {
        match self {
            Self::Days(days) => Some((days as u64).saturating_mul(DAY)),
            Self::Hours(hours) => Some((hours as u64).saturating_mul(HOUR)),
            Self::Forever => None,
        }
    }
}

/// How closely the age of words is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Look {
    /// As once an hour.
    Hourly,
    /// As every few minutes between, where words vanish.
    Quick,
    /// The last one before the vault is locked: what is there by then is no younger when it is opened again.
    Last,
}

impl Look {
    const fn step(self) -> u64 {
        match self {
            Self::Hourly => STEP,
            Self::Quick | Self::Last => QUICK_STEP,
        }
    }
}

/// A stretch of the log in which the room has one word on how long messages are kept. It goes up to the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Span {
    /// Where it begins.
    from: Position,
    /// After how many hours messages vanish; 0: they do not.
    hours: u32,
    /// The first position whose messages are kept.
    kept: Position,
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
    /// What the room said of how long messages are kept, the earliest first.
    spans: Vec<Span>,
}

impl Ages {
    /// Looks at the clocks, and notes how far the log goes.
    fn look(&mut self, position: Position, witnessed: Minutes, own: Minutes, look: Look) {
        let stepped = own.0.min(self.clock.0.saturating_add(look.step()));
        self.clock = Minutes(self.clock.0.max(witnessed.0).max(stepped));
        let now = self.clock.max(own);
        for (_, at) in &mut self.marks {
            if at.0 > now.0.saturating_add(STEP) {
                // Made while this device's clock was far ahead.
                *at = now;
            }
        }
        let between = if look == Look::Last {
            0
        } else {
            self.between_marks()
        };
        let due = self
            .marks
            .last()
            .is_none_or(|(last, at)| *last < position && now.0.saturating_sub(at.0) >= between);
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

    fn between_marks(&self) -> u64 {
        let hours = self
            .spans
            .iter()
            .map(|span| span.hours)
            .filter(|hours| *hours > 0);
        let shortest = hours.min().map(|hours| u64::from(hours) * HOUR / PARTS);
        shortest.map_or(BETWEEN_MARKS, |part| part.clamp(BETWEEN_QUICK, BETWEEN_MARKS))
    }

    /// Whether there are messages that vanish.
    fn vanishes(&self) -> bool {
        self.spans.iter().any(|span| span.hours > 0)
    }

    /// From here on messages are kept for so many hours.
    fn begin(&mut self, from: Position, hours: u32) {
        // Where a room goes back to before a commit, it says the same once more.
        self.spans.retain(|span| span.from < from);
        self.spans.push(Span {
            from,
            hours,
            kept: from,
        });
        self.drop_spans();
    }

    /// Forgets spans of which nothing is left to do. Of too many, the first two become one of the longer time.
    fn drop_spans(&mut self) {
        while let [first, second, ..] = self.spans.as_slice() {
            if first.hours > 0 && first.kept < second.from {
                break;
            }
            self.spans.remove(0);
        }
        if self.spans.len() > SPANS
            && let [first, second, ..] = self.spans.as_mut_slice()
        {
            (second.from, second.kept) = (first.from, first.kept);
            second.hours = second.hours.max(first.hours);
            self.spans.remove(0);
        }
        if let [only] = self.spans.as_slice()
            && only.hours == 0
        {
            self.spans.clear();
        }
    }

    /// Messages that have vanished by now and are still there: which span, from where, up to where.
    fn vanished(&self) -> Vec<(usize, Position, Position)> {
        let ends = self
            .spans
            .iter()
            .skip(1)
            .map(|span| span.from.0.saturating_sub(1));
        let ends = ends.chain([u64::MAX]);
        let spans = self.spans.iter().enumerate().zip(ends);
        spans
            .filter(|((_, span), _)| span.hours > 0)
            .filter_map(|((number, span), end)| {
                let until = self.older_than(u64::from(span.hours) * HOUR)?.0.min(end);
                (span.kept.0 <= until).then_some((number, span.kept, Position(until)))
            })
            .collect()
    }

    /// The last position that is older than so many minutes.
    fn older_than(&self, minutes: u64) -> Option<Position> {
        let before = self.clock.0.checked_sub(minutes)?;
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

    /// Looks at the clocks, and forgets what is older than it is kept. Answers whether anything was, or words were deleted or
    /// replaced since the last look.
    ///
    /// # Errors
    /// `EngineError::Vault`: what was forgotten until then is.
    pub fn forget_old(&mut self, own: Minutes, look: Look) -> Result<bool, EngineError> {
        let before = self.ages(&self.vault.overlay())?;
        let mut ages = before.clone();
        ages.look(self.cursor.position, self.state.now(), own, look);
        let kept = self.retention()?.minutes();
        let until = kept.and_then(|minutes| ages.older_than(minutes));
        if ages != before {
            self.transact(|room, overlay| room.keep_ages(overlay, &ages))?;
        }
        let mut any = std::mem::take(&mut self.plan.destroyed);
        if let Some(until) = until {
            any |= self.transact(|room, overlay| room.forget_handed(overlay, until))?;
        }
        while let Some(until) = until.filter(|until| ages.kept <= *until) {
            any |= self.transact(|room, overlay| {
                let (next, any) = room.forget_some(overlay, (ages.kept, until), &|_| true)?;
                ages.kept = next;
                room.keep_ages(overlay, &ages)?;
                Ok(any)
            })?;
        }
        while let Some((number, from, until)) = ages.vanished().first().copied() {
            any |= self.transact(|room, overlay| {
                let (next, any) = room.forget_some(overlay, (from, until), &is_message)?;
                if let Some(span) = ages.spans.get_mut(number) {
                    span.kept = next;
                }
                ages.drop_spans();
                room.keep_ages(overlay, &ages)?;
                Ok(any)
            })?;
        }
        Ok(any)
    }

    /// Notes how old what is there is before the vault is locked, where messages vanish.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub fn note_age(&mut self, own: Minutes) -> Result<(), EngineError> {
        let before = self.ages(&self.vault.overlay())?;
        let mut ages = before.clone();
        if ages.vanishes() {
            ages.look(self.cursor.position, self.state.now(), own, Look::Last);
        }
        if ages == before {
            return Ok(());
        }
        self.transact(|room, overlay| room.keep_ages(overlay, &ages))
    }

    /// The room says how long messages are kept from the entry on that is taken in.
    pub(super) fn begin_vanishing(&self, overlay: &Overlay, hours: u32) -> Result<(), EngineError> {
        let mut ages = self.ages(overlay)?;
        ages.begin(self.cursor.position.next(), hours);
        self.keep_ages(overlay, &ages)
    }

    /// What the room said before this device came in holds for what it reads from here on.
    pub(super) fn keep_vanishing(&self, overlay: &Overlay) -> Result<(), EngineError> {
        let vanishing = self.state.vanishing;
        let mut ages = self.ages(overlay)?;
        let from = self.cursor.position.max(vanishing.since).next();
        let last = ages.spans.last().map_or(0, |span| span.hours);
        if last != vanishing.hours {
            ages.begin(from, vanishing.hours);
            self.keep_ages(overlay, &ages)?;
        }
        Ok(())
    }

    /// Whether there are messages in it that vanish.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub fn vanishes(&self) -> Result<bool, EngineError> {
        Ok(self.ages(&self.vault.overlay())?.vanishes())
    }

    /// Forgets a batch of what is to be forgotten in a stretch of the log. Answers where it has to go on, and whether anything
    /// was forgotten.
    fn forget_some(
        &mut self,
        overlay: &Overlay,
        (from, until): (Position, Position),
        goes: &dyn Fn(&LogRecord) -> bool,
    ) -> Result<(Position, bool), EngineError> {
        let scope = self.record.room.as_bytes();
        let rows = overlay.range(Table::Log, scope, from.0, BATCH)?;
        let (mut any, mut next) = (false, until.next());
        for (count, (number, _)) in (1..).zip(&rows) {
            let position = Position(*number);
            if position > until {
                break;
            }
            if count == BATCH {
                next = position.next();
            }
            let place = self.place(Table::Log, *number);
            let Some(record) = overlay.get_value::<LogRecord>(&place)?.filter(goes) else {
                continue;
            };
            if let Item::Attached { file, .. } = &record.item {
                files::forget(overlay, file);
            }
            overlay.put_value(place, &without_words(record))?;
            any = true;
        }
        // An intent that landed so long ago is not sent again.
        let old = |landed: Option<Position>| landed.is_some_and(|at| from <= at && at < next);
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
        Ok((next, any))
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

    /// Forgets in every room what is older than it is kept. Answers whether anything was, or words were deleted or replaced
    /// since the last look.
    ///
    /// # Errors
    /// `EngineError::Vault`, after all rooms had their turn.
    pub fn forget_old(&self, look: Look) -> Result<bool, EngineError> {
        let now = self.now().minutes;
        let mut any = Ok(false);
        for live in self.rooms() {
            match (live.room().forget_old(now, look), &mut any) {
                (Ok(forgotten), Ok(any)) => *any |= forgotten,
                (Err(error), Ok(_)) => any = Err(error),
                (_, Err(_)) => {}
            }
        }
        any
    }

    /// Notes how old what is there is before the vault is locked, where messages vanish. Where that cannot be written, they
    /// are as old as when they were looked at last.
    pub fn note_ages(&self) {
        let now = self.now().minutes;
        for live in self.rooms() {
            let _ = live.room().note_age(now);
        }
    }

    /// Whether there is a room in which messages vanish, so that it is looked at often.
    #[must_use]
    pub fn vanishes(&self) -> bool {
        self.rooms()
            .iter()
            .any(|live| live.room().vanishes().unwrap_or(false))
    }
}

/// Whether it is what people said to each other, outside of decisions.
fn is_message(record: &LogRecord) -> bool {
    matches!(record.words(), Written::Own | Written::Deleted) || matches!(record.item, Item::Remarked { .. })
}

fn without_words(record: LogRecord) -> LogRecord {
    LogRecord {
        author: None,
        name: String::new(),
        time: None,
        item: Item::Quiet(FORGOTTEN.to_owned()),
        remarks: Remarks::default(),
        ..record
    }
}

pub(super) fn chosen(room: Option<&RoomId>) -> Place {
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
            ages.look(Position(day * 10), at(day), at(day), Look::Hourly);
        }
        assert_eq!(ages.older_than(7 * DAY), Some(Position(20)));
        assert_eq!(ages.older_than(0), Some(Position(90)));
        assert_eq!(ages.older_than(30 * DAY), None);
    }

    #[test]
    fn a_clock_that_is_far_ahead_for_an_hour_ages_words_by_a_day_at_most_and_keeps_none_for_ever() {
        let mut ages = Ages::default();
        ages.look(Position(5), at(0), at(0), Look::Hourly);
        ages.look(Position(6), at(0), at(30_000), Look::Hourly);
        assert_eq!(ages.older_than(2 * DAY), None, "nothing is lost");
        for day in 1..=9 {
            ages.look(Position(6), at(0), at(day), Look::Hourly);
        }
        assert_eq!(ages.older_than(7 * DAY), Some(Position(6)), "nothing stays");
    }

    #[test]
    fn a_clock_that_is_turned_back_makes_nothing_younger() {
        let mut ages = Ages::default();
        for day in 0..10 {
            ages.look(Position(day), at(day), at(day), Look::Hourly);
        }
        let before = ages.older_than(7 * DAY);
        ages.look(Position(9), at(0), Minutes(0), Look::Hourly);
        ages.look(Position(10), at(0), at(1), Look::Hourly);
        assert_eq!(ages.older_than(7 * DAY), before);
        assert_eq!(ages.clock, at(9));
    }

    #[test]
    fn after_a_long_absence_the_clock_catches_up_by_a_day_at_each_look_or_at_once_with_the_room() {
        let mut ages = Ages::default();
        ages.look(Position(1), at(0), at(0), Look::Hourly);
        ages.look(Position(1), at(0), at(30), Look::Hourly);
        assert_eq!(ages.clock.0, at(0).0 + STEP);
        ages.look(Position(1), at(30), at(30), Look::Hourly);
        assert_eq!(ages.older_than(29 * DAY), Some(Position(1)));
    }

    /// Minutes after the start.
    fn after(minutes: u64) -> Minutes {
        Minutes(START + minutes)
    }

    #[test]
    fn messages_vanish_after_the_time_that_the_room_said_when_they_came_and_a_twelfth_of_it() {
        let mut ages = Ages::default();
        let look = |ages: &mut Ages, position, minutes| {
            ages.look(Position(position), after(minutes), after(minutes), Look::Quick);
        };
        look(&mut ages, 10, 0);
        ages.begin(Position(11), 2);
        assert!(ages.vanishes());
        for five in 1..=12 {
            look(&mut ages, 10 + five, five * 5);
        }
        ages.begin(Position(23), 0);
        look(&mut ages, 30, 65);
        assert_eq!(ages.vanished(), [], "nothing is two hours old");
        look(&mut ages, 30, 2 * HOUR + 10);
        let until = ages.vanished()[0].2;
        assert!(until >= Position(11) && until <= Position(12), "{until}");
        look(&mut ages, 30, 30 * HOUR);
        assert_eq!(
            ages.vanished(),
            [(0, Position(11), Position(22))],
            "and none besides"
        );
        ages.spans[0].kept = Position(23);
        ages.drop_spans();
        assert!(!ages.vanishes() && ages.spans.is_empty());
    }

    #[test]
    fn what_a_room_says_of_its_messages_is_kept_bounded_and_said_twice_counts_once() {
        let mut ages = Ages::default();
        ages.begin(Position(5), 0);
        assert_eq!(ages.spans, []);
        for number in 1..=200 {
            ages.begin(Position(number * 10), u32::try_from(number).unwrap());
            assert!(ages.spans.len() <= SPANS);
        }
        assert!(ages.spans.is_sorted_by_key(|span| span.from));
        let before = ages.clone();
        ages.begin(Position(2_000), 200);
        assert_eq!(ages, before);
    }

    #[test]
    fn looking_often_lets_a_wrong_clock_empty_no_log() {
        let mut ages = Ages::default();
        ages.look(Position(5), at(0), at(0), Look::Hourly);
        for _ in 0..12 {
            ages.look(Position(5), at(0), at(30_000), Look::Quick);
        }
        assert_eq!(ages.clock, after(12 * QUICK_STEP));
    }

    #[test]
    fn marks_do_not_grow_without_end_and_thinning_shortens_no_life() {
        let mut ages = Ages::default();
        for day in 0..3_000 {
            ages.look(Position(day), at(day), at(day), Look::Hourly);
        }
        assert!(ages.marks.len() <= MARKS);
        for days in [1, 30, 400] {
            let oldest_kept = ages.older_than(days * DAY).map_or(0, |last| last.0 + 1);
            assert!(oldest_kept <= 3_000 - days, "{days}");
        }
    }
}
