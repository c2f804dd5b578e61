//! The runtime's clock, for relay and client.

use std::time::Duration;

use caucus_client::clock::Clock as ClientClock;
use caucus_proto::id::Hours;
use caucus_server::clock::{Clock as RelayClock, Moment, Sleep};
use tokio::time::Instant;

/// When virtual time begins, in milliseconds since 1970-01-01T00:00Z.
const EPOCH_MS: u64 = 1_800_000_000_000;

/// Time of day and intervals by the clock of the tokio runtime: where that is paused, all is virtual.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    begun: Instant,
}

impl Clock {
    /// Begins now. Call inside the runtime.
    #[must_use]
    pub fn begin() -> Self {
        Self {
            begun: Instant::now(),
        }
    }

    /// Since the beginning.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    fn ms(&self) -> u64 {
        u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl ClientClock for Clock {
    fn now_ms(&self) -> u64 {
        EPOCH_MS + self.ms()
    }
}

impl RelayClock for Clock {
    fn now(&self) -> Moment {
        Moment(self.ms())
    }

    fn hours(&self) -> Hours {
        Hours((EPOCH_MS + self.ms()) / 3_600_000)
    }

    fn sleep_until(&self, moment: Moment) -> Sleep {
        let wait = moment.since(RelayClock::now(self));
        Box::pin(tokio::time::sleep(Duration::from_millis(wait)))
    }
}
