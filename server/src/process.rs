//! What the process does so that what it holds in memory stays there: no core dumps, and no reading by another
//! process of its user (prctl(2), `PR_SET_DUMPABLE`; setrlimit(2), `RLIMIT_CORE`). Root still can.

use std::hint::black_box;

#[cfg(target_os = "linux")]
use rustix::process::{DumpableBehavior, dumpable_behavior, set_dumpable_behavior};
use rustix::process::{Resource, Rlimit, setrlimit};

/// Protects this process; whether that worked.
pub fn protect() -> bool {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, none).is_ok() && forbid_tracing()
}

/// Bytes of the stack that calls in the depths of QUIC come to use.
const STACK: usize = 128 * 1024;

/// Overwrites what ended calls have left on this thread's stack, such as the address of the last packet.
#[inline(never)]
pub fn scrub_stack() {
    let mut room = [0_u8; STACK];
    black_box(&mut room);
}

#[cfg(target_os = "linux")]
fn forbid_tracing() -> bool {
    set_dumpable_behavior(DumpableBehavior::NotDumpable).is_ok()
        && matches!(dumpable_behavior(), Ok(DumpableBehavior::NotDumpable))
}

#[cfg(not(target_os = "linux"))]
const fn forbid_tracing() -> bool {
    true
}
