//! The machine: room on its disk, its clock, and what it does with memory.

use std::fs;
use std::path::Path;
use std::time::UNIX_EPOCH;

use rustix::fs::{StatVfsMountFlags, statvfs};

use super::super::session::Session;
use super::super::time;
use super::{broken, ok, warning};
use crate::agent::Home;
use crate::app::{self, Check, ProtectionView, Status};

const MIB: u64 = 1024 * 1024;

/// Below this nothing is sure to be written.
const LEAST: u64 = 16 * MIB;

/// Minutes since 1970-01-01T00:00Z before which this program was not written: 2026-01-01.
const BEGINNING: u64 = 29_453_760;

/// Minutes by which clocks may be apart.
const APART: u64 = 60;

/// Minutes from which on the clock counts as wrong (law 6).
const FAR_APART: u64 = 26 * 60;

pub(super) fn space(home: &Home, checks: &mut Vec<Check>) {
    let there = home.folder().ancestors().find(|folder| folder.exists());
    let Some(Ok(disk)) = there.map(statvfs) else {
        checks.push(warning(
            "disk",
            "how much room there is cannot be seen",
            "look at the disk",
        ));
        return;
    };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let vault = fs::metadata(home.folder().join("vault.redb")).map_or(0, |meta| meta.len());
    // Rewriting the vault takes its size once more.
    let needed = vault.saturating_add(LEAST);
    let shown = format!("{} MiB are free", free / MIB);
    checks.push(if disk.f_flag.contains(StatVfsMountFlags::RDONLY) {
        broken(
            "disk",
            "it is read-only",
            "mount it writable, or choose another home with --home",
        )
    } else if disk.f_files > 0 && disk.f_favail == 0 {
        broken(
            "disk",
            "no more files can be made on it",
            "remove files you do not need",
        )
    } else if free < LEAST {
        broken("disk", shown, "free some space: nothing new is kept without it")
    } else if free < needed.saturating_mul(2) {
        warning(
            "disk",
            format!("{shown}, the vault has {} MiB", vault / MIB),
            "free some space: forgetting writes the vault anew, which takes its size once more",
        )
    } else {
        ok("disk", shown)
    });
}

pub(super) fn clock(session: &Session, status: Option<&Status>, checks: &mut Vec<Check>) {
    let now = session.now;
    let written = written(&session.home.folder().join("vault.redb"));
    let room = status.and_then(|status| status.rooms.iter().map(|room| room.clock).max());
    let ahead = |other: Option<u64>| other.unwrap_or_default().saturating_sub(now);
    let next = "set it right (`timedatectl`): others see your times, and rules count them";
    checks.push(if now < BEGINNING {
        broken("clock", format!("it says {}", time::clock(now, 0)), next)
    } else if ahead(room) > APART {
        let words = format!(
            "it is {} behind the time that your rooms witness",
            time::span(ahead(room))
        );
        if ahead(room) > FAR_APART {
            broken("clock", words, next)
        } else {
            warning("clock", words, next)
        }
    } else if ahead(written) > APART {
        warning(
            "clock",
            format!(
                "the vault was last written {} from now: the clock was set back",
                time::span(ahead(written))
            ),
            next,
        )
    } else if room.is_some() {
        ok("clock", "not behind the time that your rooms witness")
    } else {
        ok(
            "clock",
            format!("it says {} UTC; no room was asked", time::clock(now, 0)),
        )
    });
}

fn written(file: &Path) -> Option<u64> {
    let modified = fs::metadata(file).ok()?.modified().ok()?;
    Some(modified.duration_since(UNIX_EPOCH).ok()?.as_secs() / 60)
}

/// The agent's word counts; without one, what this process could get, which is what an agent would.
pub(super) fn memory(status: Option<&Status>, checks: &mut Vec<Check>) {
    let kept = status.map_or_else(app::protect, |status| status.protection);
    checks.push(dumps(&kept));
    checks.push(swap(&kept));
}

fn dumps(kept: &ProtectionView) -> Check {
    if kept.undumpable {
        return ok(
            "core dumps",
            "off; no other process of yours reads this one's memory",
        );
    }
    warning(
        "core dumps",
        "they could not be switched off: a crash may leave keys on the disk",
        "switch them off for your user (`ulimit -c 0`)",
    )
}

fn swap(kept: &ProtectionView) -> Check {
    let limit = match kept.may_lock {
        Some(bytes) => format!("{} KiB", bytes / 1024),
        None => "any amount".to_owned(),
    };
    match (kept.locked, kept.swap) {
        (true, _) => ok("memory", "locked: none of it is written to the swap"),
        (false, false) => ok("memory", "there is no swap on a disk that it could be written to"),
        (false, true) => warning(
            "memory",
            format!("it may be written to the swap: {limit} may be locked, which is not enough"),
            "encrypt the swap or switch it off, or allow `memlock unlimited` for your user in /etc/security/limits.conf",
        ),
    }
}

pub(super) fn umask(checks: &mut Vec<Check>) {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let Some(umask) = status.lines().find_map(|line| line.strip_prefix("Umask:")) else {
        return;
    };
    let umask = umask.trim();
    let Ok(bits) = u32::from_str_radix(umask, 8) else {
        return;
    };
    checks.push(if bits & 0o700 != 0 {
        warning(
            "umask",
            format!("{umask}: you take rights away from yourself"),
            "set it to 077 or 022",
        )
    } else {
        ok(
            "umask",
            format!("{umask}; all of Caucus is for you alone whatever it is"),
        )
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Verdict;

    #[test]
    fn unlocked_memory_is_a_warning_only_where_there_is_a_swap() {
        let kept = |undumpable, locked, swap| ProtectionView {
            undumpable,
            locked,
            swap,
            may_lock: Some(8 * MIB),
        };
        for (locked, there, verdict) in [
            (true, true, Verdict::Ok),
            (true, false, Verdict::Ok),
            (false, false, Verdict::Ok),
            (false, true, Verdict::Warning),
        ] {
            assert_eq!(swap(&kept(true, locked, there)).verdict, verdict);
        }
        assert!(swap(&kept(true, false, true)).found.contains("8192 KiB"));
        assert_eq!(dumps(&kept(true, false, false)).verdict, Verdict::Ok);
        assert_eq!(dumps(&kept(false, true, false)).verdict, Verdict::Warning);
    }
}
