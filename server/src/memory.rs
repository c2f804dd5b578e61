//! The most memory a relay may come to need, as a function of its limits: every bounded thing at its bound at the
//! same time. What one thing costs is measured or counted, and rounded up; `docs/relay.md` shows the sum.

use crate::limits::Limits;
use crate::net::budget::READS;
use crate::net::endpoint::INCOMING_BYTES_TOTAL;
use crate::net::frames::FREE;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// A connection that is idle, with the state of QUIC and TLS, its tasks and its tables of streams.
const CONNECTION: u64 = 40 * KIB;
/// Answers of a connection that wait for its stream.
const ANSWERS: u64 = 8 * KIB;
/// A stream that is being read from, on both sides of the seam to QUIC.
const READING: u64 = 6 * KIB;
/// A handle, with its place in the table of its connection.
const HANDLE: u64 = 320;
/// A channel that is in use.
const CHANNEL: u64 = 512;
/// The program itself, its allocator's slack, and the stacks of its threads.
const PROGRAM: u64 = 32 * MIB;
/// Newest entries, sled's cache (as much again for its own needs), changed heads, indices of segments that grow.
const STORE: u64 = 32 * MIB + 64 * MIB + 48 * MIB + 32 * MIB;
/// What one reading fetches from the store: a batch, and an entry that does not fit into it.
const BATCH: u64 = (64 + 256) * KIB;

/// A part of the sum.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Part {
    /// What it is.
    pub what: &'static str,
    /// Bytes.
    pub bytes: u64,
}

/// Every part.
#[must_use]
pub fn parts(limits: &Limits) -> Vec<Part> {
    let connections = limits.connections as u64;
    let wide = connections.min(limits.wide_connections as u64);
    let narrow = connections - wide;
    let free = FREE as u64;
    let part = |what, bytes| Part { what, bytes };
    let windows = u64::from(limits.send_window) + u64::from(limits.receive_window);
    // Every channel that is in use has a handle, or was used within the last minutes.
    let live = limits.channels.min(limits.open_handles as u64);
    vec![
        part("the program", PROGRAM),
        part("the store", STORE + READS as u64 * BATCH),
        part("connections", connections * (CONNECTION + ANSWERS + free)),
        part("windows of wide connections", wide * windows),
        part(
            "windows of narrow connections",
            narrow * 2 * u64::from(limits.narrow_window),
        ),
        part(
            "handshakes",
            INCOMING_BYTES_TOTAL + limits.handshakes as u64 * 64 * KIB,
        ),
        part("requests", limits.request_bytes as u64),
        part("what readers do not take", limits.stalled_bytes as u64),
        part("fresh entries", limits.fresh_bytes as u64),
        part("readings", limits.readings as u64 * READING),
        part("handles", limits.open_handles as u64 * HANDLE),
        part("channels in use", live * CHANNEL),
    ]
}

/// The sum of all parts, in bytes.
#[must_use]
pub fn most(limits: &Limits) -> u64 {
    parts(limits).iter().map(|part| part.bytes).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_default_limits_reached_at_once_leave_a_gibibyte_room_for_the_system() {
        let limits = Limits::default();
        let most = most(&limits);
        assert!(most <= 896 * MIB, "{most}: {:#?}", parts(&limits));
    }

    #[test]
    fn every_limit_that_can_grow_grows_the_sum() {
        let base = most(&Limits::default());
        let grown = |change: &dyn Fn(&mut Limits)| {
            let mut limits = Limits::default();
            change(&mut limits);
            most(&limits)
        };
        let changes: [&dyn Fn(&mut Limits); 11] = [
            &|limits| limits.connections *= 2,
            &|limits| limits.wide_connections *= 2,
            &|limits| limits.send_window *= 2,
            &|limits| limits.receive_window *= 2,
            &|limits| limits.narrow_window *= 2,
            &|limits| limits.handshakes *= 2,
            &|limits| limits.request_bytes *= 2,
            &|limits| limits.stalled_bytes *= 2,
            &|limits| limits.fresh_bytes *= 2,
            &|limits| limits.readings *= 2,
            &|limits| limits.open_handles *= 2,
        ];
        for (place, change) in changes.into_iter().enumerate() {
            assert!(grown(change) > base, "{place}");
        }
    }
}
