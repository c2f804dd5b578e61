//! Which hour it is, where the machine's clock may be wrong by years.
//!
//! What expires is gone for good, so a clock that jumps must not let anything expire. The hour that is *sure* goes on at
//! the pace of the process's own time, follows the clock where that is a little ahead, never goes back, and takes a
//! jump ahead only when the clock has stood by it for a day. What is promised from now on is reckoned from the *latest*
//! hour it may be.

use caucus_proto::id::Hours;

use crate::clock::Moment;

const HOUR_MS: u64 = 3_600_000;
/// How far ahead the clock is followed at once.
const NEAR_MS: u64 = 2 * HOUR_MS;
/// A clock that is followed again and again may gain a twelfth of the time that passes, two hours a day.
const GAIN: u64 = 12;
/// How long a clock must stand by a jump ahead until it is believed.
const DOUBT_MS: u64 = 24 * HOUR_MS;
/// A relay that was not running for so long believes its clock at once.
const OFF_HOURS: u64 = 3 * 24;

/// What is known of the hour.
#[derive(Debug)]
pub struct Calendar {
    /// Milliseconds since 1970 that have surely passed, as of `at`.
    sure_ms: u64,
    at: Moment,
    /// What the clock may still gain.
    gain_ms: u64,
    /// Since when the clock has been far ahead, and how far.
    ahead: Option<(Moment, u64)>,
}

impl Calendar {
    /// At the start of a process whose store knows that it was at least `known`; a new store knows nothing.
    #[must_use]
    pub fn new(wall: Hours, known: Option<Hours>, now: Moment) -> Self {
        let known = known.unwrap_or(wall);
        let is_near = wall >= known && wall.0 - known.0 <= OFF_HOURS;
        let sure = if is_near { wall } else { known };
        Self {
            sure_ms: sure.0.saturating_mul(HOUR_MS),
            at: now,
            gain_ms: NEAR_MS,
            ahead: None,
        }
    }

    /// The hour that is sure, when the clock says `wall`.
    pub fn sure(&mut self, wall: Hours, now: Moment) -> Hours {
        let passed = now.since(self.at);
        self.at = self.at.max(now);
        self.sure_ms = self.sure_ms.saturating_add(passed);
        self.gain_ms = NEAR_MS.min(self.gain_ms + passed / GAIN);
        let ahead = wall.0.saturating_mul(HOUR_MS).saturating_sub(self.sure_ms);
        if ahead <= self.gain_ms {
            self.sure_ms += ahead;
            self.gain_ms -= ahead;
            self.ahead = None;
        } else {
            let jump = self.ahead.filter(|(_, far)| far.abs_diff(ahead) <= NEAR_MS);
            let (since, _) = *self.ahead.insert(jump.unwrap_or((now, ahead)));
            if now.since(since) >= DOUBT_MS {
                self.sure_ms += ahead;
                self.ahead = None;
            }
        }
        Hours(self.sure_ms / HOUR_MS)
    }

    /// The latest hour it may be.
    pub fn latest(&mut self, wall: Hours, now: Moment) -> Hours {
        self.sure(wall, now).max(wall)
    }

    /// Whether the clock is far ahead and not believed yet.
    #[must_use]
    pub fn is_in_doubt(&self) -> bool {
        self.ahead.is_some()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Hours = Hours(490_000);
    const YEAR: u64 = 365 * 24;

    fn at(hours: u64) -> Moment {
        Moment(hours * HOUR_MS)
    }

    #[test]
    fn a_clock_that_is_right_is_followed() {
        let mut calendar = Calendar::new(NOW, Some(Hours(NOW.0 - 24)), at(0));
        for hour in 0..1_000 {
            assert_eq!(calendar.sure(Hours(NOW.0 + hour), at(hour)), Hours(NOW.0 + hour));
        }
        assert!(!calendar.is_in_doubt());
    }

    #[test]
    fn a_jump_ahead_is_believed_after_a_day_and_a_jump_back_never() {
        let mut calendar = Calendar::new(NOW, None, at(0));
        let far = |hour: u64| Hours(NOW.0 + 10 * YEAR + hour);
        for hour in 1..25 {
            assert_eq!(calendar.sure(far(hour), at(hour)), Hours(NOW.0 + hour));
            assert!(calendar.is_in_doubt());
            assert_eq!(calendar.latest(far(hour), at(hour)), far(hour));
        }
        assert_eq!(calendar.sure(far(25), at(25)), far(25));
        for hour in 26..60 {
            assert_eq!(calendar.sure(Hours(5), at(hour)), far(hour));
        }
    }

    #[test]
    fn a_relay_that_was_off_for_long_waits_a_day_and_one_that_was_off_for_days_does_not() {
        let soon = Calendar::new(NOW, Some(Hours(NOW.0 - OFF_HOURS)), at(0)).sure(NOW, at(0));
        assert_eq!(soon, NOW);
        let mut late = Calendar::new(NOW, Some(Hours(NOW.0 - YEAR)), at(0));
        assert_eq!(late.sure(NOW, at(0)), Hours(NOW.0 - YEAR));
        assert_eq!(late.sure(Hours(NOW.0 + 24), at(24)), Hours(NOW.0 + 24));
        // The clock of a machine whose battery is empty begins in 1970.
        assert_eq!(
            Calendar::new(Hours(0), Some(NOW), at(0)).sure(Hours(0), at(0)),
            NOW
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

        /// The clock jumps up to ten years either way, or stands, every 1 to 23 hours.
        #[test]
        fn however_the_clock_jumps_nothing_ends_before_its_time(
            jumps in proptest::collection::vec((1_u64..24, -10 * YEAR as i64..10 * YEAR as i64, any::<bool>()), 50)
        ) {
            const LIFE: u64 = 30 * 24;
            let mut calendar = Calendar::new(NOW, None, at(0));
            let mut hour = 0;
            let mut kept: Vec<(u64, Hours)> = Vec::new();
            for (jump, (hours, offset, stands)) in (0_i64..).zip(jumps) {
                // A small step is followed, and an offset that is stood by for a day is believed: no two are alike here.
                let offset = offset / 10_000 * 10_000 + 100 * jump;
                let begin = hour;
                for _ in 0..hours {
                    hour += 1;
                    let shown = if stands { begin } else { hour };
                    let wall = Hours((NOW.0 + shown).saturating_add_signed(offset));
                    let latest = calendar.latest(wall, at(hour));
                    kept.push((hour, Hours(latest.0 + LIFE)));
                    let sure = calendar.sure(wall, at(hour));
                    for (stored, expires) in &kept {
                        prop_assert!(sure < *expires || hour >= stored + LIFE, "{stored}, {hour}");
                    }
                }
            }
        }
    }
}
