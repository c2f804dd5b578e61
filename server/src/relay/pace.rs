//! What a relay remembers of a channel while it runs: who holds it, when it was advanced, how fast it goes.
//! Nothing of it is ever written; a restart forgets it, which only shortens waits.

use caucus_proto::wire::{Control, RefusedBecause, SLOTS};

use crate::clock::Moment;
use crate::limits::Limits;

/// Milliseconds in which a control may hold once and cut once.
pub const CONTROL_INTERVAL_MS: u64 = 600_000;

/// How many seconds' worth a bucket holds.
const BURST_SECONDS: u64 = 4;
const MILLI: u64 = 1_000;

/// A token bucket in thousandths of a token.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    per_second: u64,
    capacity: u64,
    left: u64,
    at: Moment,
}

impl Bucket {
    /// Full, with room for a burst of four seconds.
    #[must_use]
    pub fn new(per_second: u32, now: Moment) -> Self {
        Self::with_burst(per_second, BURST_SECONDS, now)
    }

    /// Full, with room for a burst of so many seconds.
    #[must_use]
    pub fn with_burst(per_second: u32, seconds: u64, now: Moment) -> Self {
        let per_second = u64::from(per_second.max(1));
        let capacity = per_second.saturating_mul(seconds).saturating_mul(MILLI);
        Self {
            per_second,
            capacity,
            left: capacity,
            at: now,
        }
    }

    /// Whether nothing was taken from it lately.
    #[must_use]
    pub fn is_full(&self, now: Moment) -> bool {
        let gained = now.since(self.at).saturating_mul(self.per_second);
        self.left.saturating_add(gained) >= self.capacity
    }

    /// Takes one token.
    ///
    /// # Errors
    /// `TooFast` with the milliseconds until there is one.
    pub fn take(&mut self, now: Moment) -> Result<(), RefusedBecause> {
        let gained = now.since(self.at).saturating_mul(self.per_second);
        self.left = self.left.saturating_add(gained).min(self.capacity);
        self.at = self.at.max(now);
        if self.left >= MILLI {
            self.left -= MILLI;
            return Ok(());
        }
        let missing = (MILLI - self.left).div_ceil(self.per_second);
        Err(RefusedBecause::TooFast {
            retry_ms: u32::try_from(missing).unwrap_or(u32::MAX),
        })
    }
}

/// A channel held for a cut.
#[derive(Clone, Copy, Debug)]
pub struct Hold {
    /// By whom.
    pub control: Control,
    /// When it ends by itself.
    pub until: Moment,
}

/// When a control last did what it may do once in a while.
#[derive(Clone, Copy, Debug)]
struct Deeds {
    control: Control,
    held: Option<Moment>,
    cut: Option<Moment>,
}

/// Which of the two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deed {
    /// A hold.
    Hold,
    /// A cut.
    Cut,
}

#[derive(Clone, Copy, Debug)]
struct Draw {
    closes: Moment,
    lowest: u64,
}

/// Whether an advance may go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    /// Now.
    Go,
    /// Lots are drawn at this moment; ask [`Pace::drawn`] then.
    Draw(Moment),
}

/// The pace of one channel.
#[derive(Clone, Debug)]
pub struct Pace {
    hold: Option<Hold>,
    deeds: Vec<Deeds>,
    advanced: Option<Moment>,
    refused: bool,
    draw: Option<Draw>,
    appends: Bucket,
}

impl Pace {
    /// Of a channel nobody has used yet.
    #[must_use]
    pub fn new(limits: &Limits, now: Moment) -> Self {
        Self {
            hold: None,
            deeds: Vec::new(),
            advanced: None,
            refused: false,
            draw: None,
            appends: Bucket::new(limits.channel_appends_per_second, now),
        }
    }

    /// Whether forgetting it would change nothing.
    #[must_use]
    pub fn is_idle(&self, now: Moment) -> bool {
        let recent = |at: Option<Moment>| at.is_some_and(|at| now.since(at) < CONTROL_INTERVAL_MS);
        let deeds = self
            .deeds
            .iter()
            .any(|deed| recent(deed.held) || recent(deed.cut));
        let waits = deeds || recent(self.advanced) || self.held(now).is_some() || self.draw.is_some();
        !waits && self.appends.is_full(now)
    }

    /// The hold that is on.
    #[must_use]
    pub fn held(&self, now: Moment) -> Option<&Hold> {
        self.hold.as_ref().filter(|hold| hold.until > now)
    }

    /// Puts a hold on.
    pub fn hold(&mut self, control: Control, until: Moment) {
        self.hold = Some(Hold { control, until });
    }

    /// Ends the hold of this control.
    pub fn release(&mut self, control: &Control) {
        self.hold = self.hold.filter(|hold| hold.control != *control);
    }

    /// Whether a control may do this deed again.
    ///
    /// # Errors
    /// `TooFast` with the milliseconds until it may.
    pub fn may(&self, control: &Control, deed: Deed, now: Moment) -> Result<(), RefusedBecause> {
        let mine = self.deeds.iter().find(|deeds| deeds.control == *control);
        let last = mine.and_then(|deeds| match deed {
            Deed::Hold => deeds.held,
            Deed::Cut => deeds.cut,
        });
        match last.map(|last| last.plus(CONTROL_INTERVAL_MS)) {
            Some(again) if again > now => Err(RefusedBecause::TooFast {
                retry_ms: now.until(again),
            }),
            _ => Ok(()),
        }
    }

    /// Notes that it was done.
    pub fn did(&mut self, control: &Control, deed: Deed, now: Moment) {
        let recent = |at: Option<Moment>| at.is_some_and(|at| now.since(at) < CONTROL_INTERVAL_MS);
        self.deeds.retain(|deeds| recent(deeds.held) || recent(deeds.cut));
        if !self.deeds.iter().any(|deeds| deeds.control == *control) {
            // Changed controls leave their deeds behind for ten minutes; more than these do not matter.
            if self.deeds.len() >= 4 * SLOTS {
                self.deeds.remove(0);
            }
            self.deeds.push(Deeds {
                control: *control,
                held: None,
                cut: None,
            });
        }
        for deeds in self.deeds.iter_mut().filter(|deeds| deeds.control == *control) {
            match deed {
                Deed::Hold => deeds.held = Some(now),
                Deed::Cut => deeds.cut = Some(now),
            }
        }
    }

    /// Takes one append from the channel's rate.
    ///
    /// # Errors
    /// `TooFast`.
    pub fn append(&mut self, now: Moment) -> Result<(), RefusedBecause> {
        self.appends.take(now)
    }

    /// Whether an advance may go now. If some were told to wait, those that come back draw lots for a short
    /// while, so that being near to the relay is no advantage; `ticket` is random.
    ///
    /// # Errors
    /// `TooFast` until the interval is over.
    pub fn advance(&mut self, ticket: u64, limits: &Limits, now: Moment) -> Result<Turn, RefusedBecause> {
        let interval = u64::from(limits.advance_interval_ms);
        let free = self.advanced.map_or(now, |last| last.plus(interval));
        if free > now {
            self.refused = true;
            return Err(RefusedBecause::TooFast {
                retry_ms: now.until(free),
            });
        }
        if !self.refused {
            return Ok(Turn::Go);
        }
        let closes = now.plus(u64::from(limits.advance_draw_ms));
        // A draw whose winner never came is over a while after it closed.
        let fresh = self.draw.filter(|draw| draw.closes.plus(interval) > now);
        let mut draw = fresh.unwrap_or(Draw {
            closes,
            lowest: u64::MAX,
        });
        if draw.closes < now {
            return Err(RefusedBecause::TooFast {
                retry_ms: limits.advance_interval_ms,
            });
        }
        draw.lowest = draw.lowest.min(ticket);
        self.draw = Some(draw);
        Ok(Turn::Draw(draw.closes))
    }

    /// Whether this ticket won the draw that has closed.
    ///
    /// # Errors
    /// `TooFast` for every other.
    pub fn drawn(&self, ticket: u64, limits: &Limits) -> Result<(), RefusedBecause> {
        if self.draw.is_some_and(|draw| draw.lowest == ticket) {
            Ok(())
        } else {
            Err(RefusedBecause::TooFast {
                retry_ms: limits.advance_interval_ms,
            })
        }
    }

    /// Notes that an advance was stored.
    pub fn advanced(&mut self, now: Moment) {
        self.advanced = Some(now);
        self.refused = false;
        self.draw = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh() -> (Pace, Limits) {
        let limits = Limits::default();
        (Pace::new(&limits, Moment(0)), limits)
    }

    fn too_fast(retry_ms: u32) -> RefusedBecause {
        RefusedBecause::TooFast { retry_ms }
    }

    #[test]
    fn a_bucket_empties_by_bursts_and_fills_by_time() {
        let mut bucket = Bucket::new(10, Moment(0));
        for _ in 0..40 {
            assert_eq!(bucket.take(Moment(0)), Ok(()));
        }
        assert_eq!(bucket.take(Moment(0)), Err(too_fast(100)));
        assert_eq!(bucket.take(Moment(100)), Ok(()));
        assert_eq!(bucket.take(Moment(100)), Err(too_fast(100)));
    }

    #[test]
    fn two_advances_are_two_seconds_apart() {
        let (mut pace, limits) = fresh();
        assert_eq!(pace.advance(5, &limits, Moment(0)), Ok(Turn::Go));
        pace.advanced(Moment(0));
        assert_eq!(pace.advance(5, &limits, Moment(1_500)), Err(too_fast(500)));
        let (mut quiet, _) = fresh();
        quiet.advanced(Moment(0));
        assert_eq!(quiet.advance(5, &limits, Moment(2_000)), Ok(Turn::Go));
    }

    #[test]
    fn of_those_that_were_told_to_wait_lots_decide_and_not_who_is_first() {
        let (mut pace, limits) = fresh();
        pace.advanced(Moment(0));
        assert!(pace.advance(1, &limits, Moment(10)).is_err());
        // The neighbour of the relay comes first, the one far away 120 ms later, with the luckier ticket.
        assert_eq!(
            pace.advance(90, &limits, Moment(2_000)),
            Ok(Turn::Draw(Moment(2_150)))
        );
        assert_eq!(
            pace.advance(40, &limits, Moment(2_120)),
            Ok(Turn::Draw(Moment(2_150)))
        );
        assert!(pace.drawn(90, &limits).is_err());
        assert_eq!(pace.drawn(40, &limits), Ok(()));
        pace.advanced(Moment(2_150));
        assert_eq!(pace.advance(1, &limits, Moment(2_151)), Err(too_fast(1_999)));
    }

    #[test]
    fn a_winner_that_never_comes_does_not_stop_the_channel() {
        let (mut pace, limits) = fresh();
        pace.advanced(Moment(0));
        assert!(pace.advance(1, &limits, Moment(10)).is_err());
        assert!(matches!(
            pace.advance(3, &limits, Moment(2_000)),
            Ok(Turn::Draw(_))
        ));
        assert!(pace.advance(4, &limits, Moment(2_400)).is_err());
        let again = pace.advance(4, &limits, Moment(4_400));
        assert_eq!(again, Ok(Turn::Draw(Moment(4_550))));
        assert_eq!(pace.drawn(4, &limits), Ok(()));
    }

    #[test]
    fn a_control_cuts_and_holds_once_in_ten_minutes_each_by_itself() {
        let (mut pace, _) = fresh();
        let (one, other) = ([1; 32], [2; 32]);
        pace.did(&one, Deed::Cut, Moment(0));
        assert_eq!(pace.may(&one, Deed::Cut, Moment(1)), Err(too_fast(599_999)));
        assert_eq!(pace.may(&one, Deed::Hold, Moment(1)), Ok(()));
        assert_eq!(pace.may(&other, Deed::Cut, Moment(1)), Ok(()));
        assert_eq!(pace.may(&one, Deed::Cut, Moment(600_000)), Ok(()));
    }

    #[test]
    fn a_pace_is_forgotten_only_when_nothing_of_it_matters() {
        let (mut pace, _) = fresh();
        assert!(pace.is_idle(Moment(0)));
        pace.did(&[1; 32], Deed::Cut, Moment(0));
        assert!(!pace.is_idle(Moment(599_999)));
        assert!(pace.is_idle(Moment(600_000)));
        assert_eq!(pace.append(Moment(600_000)), Ok(()));
        assert!(
            !pace.is_idle(Moment(600_000)),
            "who leaves and comes back has no fresh burst"
        );
        assert!(pace.is_idle(Moment(600_005)));
    }
}
