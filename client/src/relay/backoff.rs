//! After how long to try a relay again.

use std::time::Duration;

/// Exponential back-off with full jitter over the upper half: pure; the caller brings randomness and waits.
///
/// The n-th wait in a row lies between half and all of `first * 2^n`, and never above `longest`. The jitter
/// keeps the people of a room from coming back to a restarted relay in one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
}

impl Default for Backoff {
    /// From half a second to a minute.
    fn default() -> Self {
        Self::new(Duration::from_millis(500), Duration::from_secs(60))
    }
}

impl Backoff {
    /// Starts at `first` and doubles up to `longest`.
    #[must_use]
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            failures: 0,
        }
    }

    /// Counts a failure and says how long to wait. `random` is any uniform number; `at_least_ms` is what the
    /// relay asked for, if it did ([`super::LinkError::retry_ms`]); a relay cannot make anybody wait for more
    /// than `longest`.
    pub fn failed(&mut self, random: u64, at_least_ms: Option<u32>) -> Duration {
        let doubled = self.first.saturating_mul(1_u32 << self.failures.min(20));
        self.failures = self.failures.saturating_add(1);
        let whole = doubled.min(self.longest);
        let asked = Duration::from_millis(u64::from(at_least_ms.unwrap_or(0)));
        let half = whole / 2;
        let span = u64::try_from(half.as_nanos())
            .unwrap_or(u64::MAX)
            .saturating_add(1);
        let jitter = Duration::from_nanos(random % span);
        asked
            .saturating_add(jitter)
            .max(half.saturating_add(jitter))
            .min(self.longest)
    }

    /// A connection stood: the next failure starts anew.
    pub fn succeeded(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn waits_double_up_to_the_longest_and_start_anew_after_success() {
        let mut backoff = Backoff::new(SECOND, 10 * SECOND);
        let waits: Vec<_> = (0..6).map(|_| backoff.failed(0, None)).collect();
        assert_eq!(waits, [1, 2, 4, 8, 10, 10].map(|whole| SECOND * whole / 2));
        backoff.succeeded();
        assert_eq!(backoff.failed(0, None), SECOND / 2);
    }

    #[test]
    fn jitter_stays_between_half_and_all_of_a_wait() {
        for random in [0, 1, 499_999_999, 500_000_000, 500_000_001, u64::MAX] {
            let wait = Backoff::new(SECOND, 10 * SECOND).failed(random, None);
            assert!(wait >= SECOND / 2 && wait <= SECOND, "{wait:?}");
        }
        let two = [3, 300_000_000].map(|random| Backoff::default().failed(random, None));
        assert_ne!(two[0], two[1]);
    }

    #[test]
    fn what_the_relay_asks_for_is_kept_but_never_above_the_longest() {
        assert_eq!(
            Backoff::new(SECOND, 10 * SECOND).failed(0, Some(3_000)),
            3 * SECOND
        );
        assert_eq!(
            Backoff::new(SECOND, 10 * SECOND).failed(7, Some(u32::MAX)),
            10 * SECOND
        );
    }

    #[test]
    fn a_thousand_failures_do_not_overflow() {
        let mut backoff = Backoff::default();
        for random in 0..1_000 {
            assert!(backoff.failed(random, None) <= Duration::from_secs(60));
        }
    }
}
