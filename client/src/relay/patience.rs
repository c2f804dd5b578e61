//! How long the client waits for a relay.

use std::time::Duration;

/// How long to wait before giving up, for each thing that can be waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Patience {
    /// From the look-up of the name to the relay's greeting. 10 s.
    pub connect: Duration,
    /// From a request to its answer; between two frames of a reading that has not caught up; and from the first
    /// byte of a frame to its last, with a second more for each KiB of it that came. 15 s.
    pub request: Duration,
    /// A relay that is silent for so long is gone. 10 s.
    pub idle: Duration,
    /// How often an idle connection asks for a sign of life; a third of `idle`, so that one lost packet
    /// does not end it. 3 s.
    pub keep_alive: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            request: Duration::from_secs(15),
            idle: Duration::from_secs(10),
            keep_alive: Duration::from_secs(3),
        }
    }
}
