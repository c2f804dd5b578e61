//! Time enters the client through one trait, so that tests move it. Binaries have no clock switch.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use caucus_proto::id::{Hours, Minutes};

/// Where the time of day comes from.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since 1970-01-01T00:00Z.
    fn now_ms(&self) -> u64;

    /// Whole minutes since 1970-01-01T00:00Z.
    fn minutes(&self) -> Minutes {
        Minutes(self.now_ms() / 60_000)
    }

    /// Whole hours since 1970-01-01T00:00Z.
    fn hours(&self) -> Hours {
        Hours(self.now_ms() / 3_600_000)
    }
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

/// `2026-11-24`, of minutes since 1970-01-01T00:00Z.
#[must_use]
pub fn day(minutes: u64) -> String {
    let (year, month, day) = date(minutes / (24 * 60));
    format!("{year:04}-{month:02}-{day:02}")
}

/// Year, month and day of a day since 1970-01-01 (Howard Hinnant's `civil_from_days`).
fn date(day: u64) -> (u64, u64, u64) {
    // A clock that lies by more than ten thousand years is shown as the last day of them.
    let shifted = day.min(2_932_896) + 719_468;
    let era = shifted / 146_097;
    let of_era = shifted % 146_097;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

/// The first minute of a day, `2026-11-24`, since 1970-01-01T00:00Z; none if there is no such day.
#[must_use]
pub fn of_day(text: &str) -> Option<u64> {
    let mut parts = text.splitn(3, '-').map(|part| part.parse::<u64>().ok());
    let (year, month, of_month) = (parts.next()??, parts.next()??, parts.next()??);
    if !(1970..=9999).contains(&year) {
        return None;
    }
    // Howard Hinnant's `days_from_civil`.
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let year_of_era = if month > 2 { year } else { year - 1 };
    let of_year = (153 * shifted + 2) / 5 + of_month.checked_sub(1)?;
    let days = 365 * year_of_era + year_of_era / 4 - year_of_era / 100 + year_of_era / 400 + of_year;
    let minutes = days.checked_sub(719_468)? * 24 * 60;
    // What is no day of the calendar comes back as another.
    (day(minutes) == text).then_some(minutes)
}

/// A clock that a test moves.
#[derive(Clone, Debug, Default)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    /// Starts at so many milliseconds.
    #[must_use]
    pub fn at_ms(ms: u64) -> Self {
        Self(Arc::new(AtomicU64::new(ms)))
    }

    /// Is turned to so many milliseconds, forward or back.
    pub fn set_ms(&self, ms: u64) {
        self.0.store(ms, Ordering::Relaxed);
    }

    /// Goes forward.
    pub fn advance_ms(&self, ms: u64) {
        self.0.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
