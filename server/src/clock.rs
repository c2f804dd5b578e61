//! Time, as the relay reads it: through one trait, so that tests move it. The program has no clock switch.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use caucus_proto::id::Hours;
use tokio::sync::watch;

use crate::relay::calendar::Calendar;

const HOUR_MS: u64 = 3_600_000;

/// A point of a process's own time in milliseconds: never goes back, means nothing outside the process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub struct Moment(pub u64);

impl Moment {
    /// So many milliseconds later.
    #[must_use]
    pub const fn plus(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from an earlier moment to this one; 0 if it is not earlier.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Milliseconds from here until `later`, as a refusal tells them.
    #[must_use]
    pub fn until(self, later: Self) -> u32 {
        u32::try_from(later.since(self)).unwrap_or(u32::MAX)
    }
}

/// A boxed wait.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What the relay knows of time.
pub trait Clock: Send + Sync + 'static {
    /// Now, for intervals.
    fn now(&self) -> Moment;

    /// The calendar's hour that is sure: what ends by it has ended.
    fn hours(&self) -> Hours;

    /// The latest hour it may be: for what is promised from now on.
    fn latest(&self) -> Hours {
        self.hours()
    }

    /// Ends at `moment`, or at once if it has passed.
    fn sleep_until(&self, moment: Moment) -> Sleep;
}

/// The machine's clock, as far as it is believed.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
    calendar: Mutex<Calendar>,
}

impl SystemClock {
    /// Its moments count from here. A store may know that it is at least some hour.
    #[must_use]
    pub fn new(known: Option<Hours>) -> Self {
        Self {
            started: Instant::now(),
            calendar: Mutex::new(Calendar::new(wall(), known, Moment(0))),
        }
    }

    fn calendar(&self) -> MutexGuard<'_, Calendar> {
        self.calendar.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the machine says.
fn wall() -> Hours {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Hours(since.as_secs() / 3_600)
}

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        Moment(u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    fn hours(&self) -> Hours {
        let (sure, doubted, doubts) = {
            let mut calendar = self.calendar();
            let doubted = calendar.is_in_doubt();
            let sure = calendar.sure(wall(), self.now());
            (sure, doubted, calendar.is_in_doubt())
        };
        if doubts && !doubted {
            tracing::warn!("the clock is far ahead: nothing expires until it has stood by that for a day");
        }
        sure
    }

    fn latest(&self) -> Hours {
        self.calendar().latest(wall(), self.now())
    }

    fn sleep_until(&self, moment: Moment) -> Sleep {
        Box::pin(tokio::time::sleep(Duration::from_millis(
            moment.since(self.now()),
        )))
    }
}

/// The beginning of this hour: no file of the relay tells a nearer time.
pub(crate) fn this_hour() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(wall().0 * 3_600)
}

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct ManualClock {
    at: watch::Sender<u64>,
    ahead: AtomicU64,
    epoch_ms: u64,
}

impl ManualClock {
    /// Stands at the beginning of this hour.
    #[must_use]
    pub fn at(hour: Hours) -> Self {
        Self {
            at: watch::Sender::new(0),
            ahead: AtomicU64::new(0),
            epoch_ms: hour.0.saturating_mul(HOUR_MS),
        }
    }

    /// It may be so many hours later than it is sure to be.
    pub fn doubt(&self, hours: u64) {
        self.ahead.store(hours, Ordering::Relaxed);
    }

    /// Moves on and wakes whoever waited for less.
    pub fn advance(&self, by: Duration) {
        let ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.at.send_modify(|at| *at = at.saturating_add(ms));
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Moment {
        Moment(*self.at.borrow())
    }

    fn hours(&self) -> Hours {
        Hours(self.epoch_ms.saturating_add(*self.at.borrow()) / HOUR_MS)
    }

    fn latest(&self) -> Hours {
        Hours(self.hours().0.saturating_add(self.ahead.load(Ordering::Relaxed)))
    }

    fn sleep_until(&self, moment: Moment) -> Sleep {
        let mut at = self.at.subscribe();
        Box::pin(async move {
            // A clock that is gone moves no more; whoever waited for it would wait for ever.
            let _ = at.wait_for(|now| *now >= moment.0).await;
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sleeper_wakes_when_the_clock_was_moved_far_enough_and_not_before() {
        let clock = ManualClock::at(Hours(10));
        let mut sleep = clock.sleep_until(Moment(7_200_000));
        clock.advance(Duration::from_secs(3600));
        let early = tokio::time::timeout(Duration::from_millis(20), &mut sleep).await;
        assert!(early.is_err());
        clock.advance(Duration::from_secs(3600));
        sleep.await;
        assert_eq!(clock.hours(), Hours(12));
    }
}
