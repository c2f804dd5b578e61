//! What the system knows of a process, and how large a folder is.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Microseconds of a tick of `/proc/<pid>/stat`; the same for every program on Linux.
const TICK: u64 = 10_000;

/// CPU time that a process has used, its own and the system's for it, in steps of 10 ms.
///
/// # Panics
/// If there is no such process.
#[must_use]
pub fn cpu(pid: u32) -> Duration {
    time(pid, 11)
}

/// CPU time that the thread that asks has used (`clock_gettime(2)`).
#[must_use]
pub fn cpu_of_thread() -> Duration {
    let spent = clock_gettime(ClockId::ThreadCPUTime);
    let part = |part: i64| u64::try_from(part).unwrap_or_default();
    Duration::from_secs(part(spent.tv_sec)) + Duration::from_nanos(part(spent.tv_nsec))
}

/// CPU time of all processes that this one started and saw end, and of those that they did.
pub(crate) fn cpu_of_children() -> Duration {
    time(std::process::id(), 13)
}

/// Two fields of `/proc/<pid>/stat`, user and system, from this one after the name on.
fn time(pid: u32, first: usize) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process lives");
    // The name before the parenthesis may hold spaces.
    let (_, fields) = stat.rsplit_once(')').expect("a name");
    let ticks: u64 = fields
        .split_whitespace()
        .skip(first)
        .take(2)
        .map(|ticks| ticks.parse::<u64>().expect("ticks"))
        .sum();
    Duration::from_micros(ticks * TICK)
}

/// Memory of a process in MiB: resident now, and the most that ever was.
///
/// # Panics
/// If there is no such process.
#[must_use]
pub fn memory(pid: u32) -> (f64, f64) {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process lives");
    let kib = |key: &str| -> f64 {
        let line = status.lines().find(|line| line.starts_with(key)).expect("a line");
        let number = line.split_whitespace().nth(1).expect("a number");
        number.parse().expect("kibibytes")
    };
    (kib("VmRSS:") / 1024.0, kib("VmHWM:") / 1024.0)
}

/// Bytes of all files of a folder.
pub(crate) fn bytes(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_burns_a_while_shows_it() {
        let me = std::process::id();
        let before = cpu(me);
        let start = std::time::Instant::now();
        let mut sum = 0_u64;
        while cpu(me) < before + Duration::from_millis(20) && start.elapsed() < Duration::from_secs(20) {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(cpu(me) >= before + Duration::from_millis(20));
        let (now, most) = memory(me);
        assert!(now > 0.5 && most >= now, "{now} {most}");
    }

    #[test]
    fn what_a_child_burned_is_counted_when_it_has_ended() {
        let before = cpu_of_children();
        let loops = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done";
        let ended = std::process::Command::new("sh").args(["-c", loops]).status();
        assert!(ended.unwrap().success());
        assert!(cpu_of_children() > before);
    }

    #[test]
    fn a_folder_is_as_large_as_its_files() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("in")).unwrap();
        fs::write(folder.path().join("in/a"), [0; 100]).unwrap();
        fs::write(folder.path().join("b"), [0; 23]).unwrap();
        assert_eq!(bytes(folder.path()), 123);
    }
}
