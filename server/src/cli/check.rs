//! `check`: whether a relay could run here, before it does.

use std::fs;
use std::io;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use caucus_server::config::{Config, StoreChoice};
use caucus_server::keyfile::{self, KeyFileError};
use caucus_server::memory;
use serde_json::json;

use super::run::STORE;
use super::{Cli, Failure, Home, answer};

const MIB: u64 = 1 << 20;
/// The first of January 2026: no machine's clock is before the program was written.
const WRITTEN: u64 = 1_767_225_600;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Ok,
    Warning,
    Broken,
}

impl Verdict {
    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Broken => "broken",
        }
    }
}

/// What was looked at, what was found, and what to do next where it is not well.
struct Finding {
    verdict: Verdict,
    what: &'static str,
    found: String,
    next: &'static str,
}

impl Finding {
    fn ok(what: &'static str, found: impl Into<String>) -> Self {
        Self::new(Verdict::Ok, what, found, "")
    }

    fn new(verdict: Verdict, what: &'static str, found: impl Into<String>, next: &'static str) -> Self {
        let found = found.into();
        Self {
            verdict,
            what,
            found,
            next,
        }
    }
}

pub(super) fn check(cli: &Cli, home: &Home, config: &Config) -> Result<(), Failure> {
    let running = is_used(&home.data.join(STORE).join("lock"));
    let findings = [
        Finding::ok(
            "configuration",
            format!("{} is understood", home.config.display()),
        ),
        folder(&home.data),
        key(&home.data, config),
        port(config, running),
        address(config),
        disk(&home.data, config),
        room(config),
        clock(),
    ];
    for finding in &findings {
        let Finding {
            verdict,
            what,
            found,
            next,
        } = finding;
        let mut text = format!("{:<8} {what}: {found}", verdict.word());
        if !next.is_empty() {
            text.push_str("\n         ");
            text.push_str(next);
        }
        let value = json!({ "what": what, "state": verdict.word(), "found": found, "next": next });
        answer(cli, &text, &value)?;
    }
    let broken = findings
        .iter()
        .filter(|finding| finding.verdict == Verdict::Broken);
    match broken.count() {
        0 => Ok(()),
        count => Err(Failure::check(count)),
    }
}

fn folder(data: &Path) -> Finding {
    const WHAT: &str = "folder";
    let name = data.display();
    match fs::metadata(data) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Finding::ok(WHAT, format!("{name} is made at the first run"))
        }
        Err(error) => Finding::new(
            Verdict::Broken,
            WHAT,
            format!("{name}: {error}"),
            "Check its name and its owner, or name another with --data.",
        ),
        Ok(found) if !found.is_dir() => Finding::new(
            Verdict::Broken,
            WHAT,
            format!("{name} is no folder"),
            "Name another with --data.",
        ),
        Ok(found) if found.permissions().mode() & 0o077 != 0 => Finding::new(
            Verdict::Warning,
            WHAT,
            format!("other users of this machine may look into {name}"),
            "Close it: chmod 700.",
        ),
        Ok(_) => Finding::ok(WHAT, format!("{name} is for its owner only")),
    }
}

fn key(data: &Path, config: &Config) -> Finding {
    const WHAT: &str = "key";
    match keyfile::load(data) {
        Ok(_) => Finding::new(
            Verdict::Ok,
            WHAT,
            "it is there, and private",
            "Is a copy put away? `caucus-relay key export --to FILE`: without it every room here is orphaned.",
        ),
        Err(KeyFileError::Missing(_)) if config.store == StoreChoice::Memory => {
            Finding::ok(WHAT, "none yet: a relay in memory has a new one at each start")
        }
        Err(KeyFileError::Missing(_)) => Finding::ok(WHAT, "none yet: it is made at the first run"),
        Err(error) => Finding::new(
            Verdict::Broken,
            WHAT,
            error.to_string(),
            "Set its mode to 600, or bring the right key: `caucus-relay key import FILE`.",
        ),
    }
}

fn port(config: &Config, running: bool) -> Finding {
    const WHAT: &str = "port";
    let listen = config.listen;
    match UdpSocket::bind(listen) {
        Ok(_) => Finding::ok(WHAT, format!("UDP {listen} is free")),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && running => Finding::ok(
            WHAT,
            format!("UDP {listen} is used by the relay that runs on this folder"),
        ),
        Err(error) => Finding::new(
            Verdict::Broken,
            WHAT,
            format!("UDP {listen}: {error}"),
            "Stop the program that has it, or give another with --listen.",
        ),
    }
}

fn address(config: &Config) -> Finding {
    const WHAT: &str = "address";
    let place = config.place(config.listen.port());
    let port = place.port.unwrap_or(config.listen.port());
    if config.is_local() {
        return Finding::new(
            Verdict::Warning,
            WHAT,
            format!("{} works on this machine only", place.host),
            "For others set public = \"HOST\" in relay.toml, and let UDP through the firewall.",
        );
    }
    Finding::ok(WHAT, format!("clients reach it at {}, UDP {port}", place.host))
}

fn disk(data: &Path, config: &Config) -> Finding {
    const WHAT: &str = "disk";
    if config.store == StoreChoice::Memory {
        return Finding::ok(WHAT, "nothing is kept on it");
    }
    // A folder that is not there yet will lie where the one above it does.
    let place = data.ancestors().find(|place| place.exists()).unwrap_or(data);
    let free = match rustix::fs::statvfs(place) {
        Ok(found) => found.f_bavail.saturating_mul(found.f_frsize),
        Err(error) => {
            return Finding::new(
                Verdict::Broken,
                WHAT,
                format!("{}: {error}", place.display()),
                "Check the disk, or name another folder with --data.",
            );
        }
    };
    let used = size(&data.join(STORE));
    let wanted = config.quota_bytes.saturating_sub(used);
    let told = format!(
        "{} MiB used, {} MiB free, up to {} MiB may be used",
        used / MIB,
        free / MIB,
        config.quota_bytes / MIB
    );
    if free < wanted {
        return Finding::new(
            Verdict::Warning,
            WHAT,
            told,
            "The disk is full before the quota is: lower quota_bytes in relay.toml, so that expiry keeps its room.",
        );
    }
    Finding::ok(WHAT, told)
}

fn room(config: &Config) -> Finding {
    const WHAT: &str = "memory";
    let mut most = memory::most(&config.limits);
    if config.store == StoreChoice::Memory {
        most = most.saturating_add(config.memory_bytes);
    }
    let told = format!("at most {} MiB with these limits", most / MIB);
    match installed() {
        Some(all) if all < most => Finding::new(
            Verdict::Warning,
            WHAT,
            format!("{told}, {} MiB are installed", all / MIB),
            "Lower `connections` or the windows under [limits] (docs/relay.md has the sum).",
        ),
        Some(all) => Finding::ok(WHAT, format!("{told}, {} MiB are installed", all / MIB)),
        None => Finding::ok(WHAT, told),
    }
}

fn clock() -> Finding {
    const WHAT: &str = "clock";
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    if seconds < WRITTEN {
        return Finding::new(
            Verdict::Broken,
            WHAT,
            "it is years behind: entries would live too long",
            "Set it, and let it be kept by NTP (timedatectl set-ntp true).",
        );
    }
    Finding::ok(WHAT, "it is set")
}

/// Bytes of all files of a folder.
fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let each = entries.map(|entry| match entry.metadata() {
        Ok(found) if found.is_dir() => size(&entry.path()),
        Ok(found) => found.len(),
        Err(_) => 0,
    });
    each.sum()
}

/// Bytes of memory of this machine, where it says so (proc_meminfo(5)).
fn installed() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    kib.checked_mul(1024)
}

/// Whether a relay holds this lock.
fn is_used(lock: &Path) -> bool {
    fs::File::open(lock).is_ok_and(|file| matches!(file.try_lock(), Err(fs::TryLockError::WouldBlock)))
}
