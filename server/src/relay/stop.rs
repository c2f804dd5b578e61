//! Why a request ends without being done.

use caucus_proto::id::{Counter, Position};
use caucus_proto::wire::{Answer, RefusedBecause};

use crate::relay::guard::Guard;

/// A request that is not carried out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// The counter named is not the channel's.
    Moved {
        /// The channel's.
        counter: Counter,
        /// Position of its newest entry.
        newest: Position,
    },
    /// A rule says no.
    Refused(RefusedBecause),
}

impl Stop {
    /// The channel has moved on.
    #[must_use]
    pub const fn moved(guard: &Guard) -> Self {
        Self::Moved {
            counter: guard.counter,
            newest: guard.newest,
        }
    }
}

impl From<RefusedBecause> for Stop {
    fn from(because: RefusedBecause) -> Self {
        Self::Refused(because)
    }
}

impl From<Stop> for Answer {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Moved { counter, newest } => Self::Moved { counter, newest },
            Stop::Refused(because) => Self::Refused(because),
        }
    }
}
