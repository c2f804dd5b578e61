//! What this process does so that its secrets stay in its memory: no core dumps, no reading by other processes
//! of the same user, and no page of it in the swap where the system allows that.
//!
//! Without the right to lock memory without limit nothing is locked: a limit that is met later would end the
//! process in the middle of its work. Then it is told (`caucus status`, `caucus doctor`).

use std::fs;
use std::sync::OnceLock;

#[cfg(target_os = "linux")]
use rustix::mm::{MlockAllFlags, mlockall};
#[cfg(target_os = "linux")]
use rustix::process::{DumpableBehavior, dumpable_behavior, set_dumpable_behavior};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How a process is protected.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Protection {
    /// It leaves no core dump and no other process of its user reads its memory.
    pub undumpable: bool,
    /// No page of it is written to the swap.
    pub locked: bool,
    /// There is a swap on a disk.
    pub swap: bool,
    /// Bytes that may be locked; none for no limit.
    pub may_lock: Option<u64>,
}

/// The right to lock memory, in the kernel's numbering (`CAP_IPC_LOCK`).
const MAY_LOCK: u32 = 14;

/// Memory in bytes that is enough for whatever the process maps: nearer limits count as none.
const ENOUGH: u64 = 64 * 1024 * 1024 * 1024;

/// Protects this process, once; how far that went.
pub fn protect() -> Protection {
    static DONE: OnceLock<Protection> = OnceLock::new();
    *DONE.get_or_init(|| {
        let undumpable = forbid_dumps();
        raise_lock_limit();
        Protection {
            undumpable,
            locked: may_lock_all() && lock_all(),
            swap: fs::read_to_string("/proc/swaps").is_ok_and(|text| is_on_disk(&text)),
            may_lock: getrlimit(Resource::Memlock).current,
        }
    })
}

fn forbid_dumps() -> bool {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let limited = setrlimit(Resource::Core, none).is_ok();
    limited && forbid_tracing()
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

/// To what it may be raised without asking anybody.
fn raise_lock_limit() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Memlock);
    // Where that is refused, the limit is what it was.
    let _ = setrlimit(
        Resource::Memlock,
        Rlimit {
            current: maximum,
            maximum,
        },
    );
}

fn may_lock_all() -> bool {
    let limit = getrlimit(Resource::Memlock).current;
    limit.is_none_or(|limit| limit >= ENOUGH)
        || fs::read_to_string("/proc/self/status").is_ok_and(|text| has_right_to_lock(&text))
}

#[cfg(target_os = "linux")]
fn lock_all() -> bool {
    // Pages are locked as they come to be used, so that what is only mapped costs nothing.
    mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT).is_ok()
}

#[cfg(not(target_os = "linux"))]
const fn lock_all() -> bool {
    false
}

fn has_right_to_lock(status: &str) -> bool {
    status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|rights| u64::from_str_radix(rights.trim(), 16).ok())
        .is_some_and(|rights| rights >> MAY_LOCK & 1 == 1)
}

/// Whether any swap lies elsewhere than in memory itself.
fn is_on_disk(swaps: &str) -> bool {
    swaps
        .lines()
        .skip(1)
        .any(|line| !line.trim().is_empty() && !line.starts_with("/dev/zram"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swap_counts_unless_it_lies_in_memory() {
        let head = "Filename Type Size Used Priority\n";
        assert!(!is_on_disk(head) && !is_on_disk(""));
        assert!(!is_on_disk(&format!("{head}/dev/zram0 partition 1 0 100\n")));
        assert!(is_on_disk(&format!(
            "{head}/dev/zram0 x\n/swapfile file 1 0 -2\n"
        )));
    }

    #[test]
    fn the_right_to_lock_is_read_from_the_kernels_list() {
        assert!(has_right_to_lock("Name:\tx\nCapEff:\t0000000000004000\n"));
        assert!(!has_right_to_lock("CapEff:\t0000000000000000\n"));
        assert!(!has_right_to_lock("CapPrm:\t0000000000004000\n") && !has_right_to_lock(""));
    }
}
