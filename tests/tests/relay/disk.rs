//! A disk that is full, and a client that never reads.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use caucus_client::relay::LinkError;
use caucus_proto::id::Position;
use caucus_proto::wire::RefusedBecause;

use super::{Client, Running};

const LARGE: usize = 256 * 1024;

/// Fills the relay; it refuses in words, serves what it has, and has it after a restart.
async fn fills(data: &Path) {
    let running = Running::start(data);
    let client = Client::first(&running.address()).await;
    let mut stored = Vec::new();
    let refused = loop {
        match client.say(stored.len() as u8, LARGE).await {
            Ok(position) => stored.push(position),
            Err(refused) => break refused,
        }
        assert!(stored.len() < 100, "it was never full");
    };
    assert_eq!(
        refused,
        LinkError::Refused(RefusedBecause::RelayFull),
        "after {} entries",
        stored.len()
    );
    assert!(!stored.is_empty());
    let positions = |entries: Vec<caucus_proto::wire::Entry>| {
        entries.iter().map(|entry| entry.position.0).collect::<Vec<_>>()
    };
    assert_eq!(positions(client.all().await), stored);
    let (status, err) = tokio::task::spawn_blocking(|| running.stop()).await.unwrap();
    assert!(status.success(), "{err}");
    let again = Running::start(data);
    assert_eq!(
        positions(Client::later(&again.address()).await.all().await),
        stored
    );
}

#[tokio::test]
async fn a_relay_whose_quota_is_used_up_refuses_and_keeps_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("relay.toml"), "quota_bytes = 4000000\n").unwrap();
    fills(folder.path()).await;
}

/// A file system of 8 MiB, gone again at the end.
struct Tiny(PathBuf);

impl Tiny {
    fn mount(at: &Path) -> Option<Self> {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"])
            .arg(at)
            .output();
        mounted
            .is_ok_and(|done| done.status.success())
            .then(|| Self(at.to_owned()))
    }
}

impl Drop for Tiny {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[tokio::test]
async fn a_relay_whose_disk_is_full_refuses_and_keeps_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let Some(tiny) = Tiny::mount(folder.path()) else {
        eprintln!("SKIPPED: no small file system can be mounted here; the quota's story stands for it");
        return;
    };
    fills(&tiny.0.join("relay")).await;
}

/// Resident bytes of a process.
fn resident(running: &Running) -> u64 {
    let pid = running.pid().as_raw_nonzero();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[tokio::test]
async fn a_client_that_never_reads_costs_the_relay_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path());
    let client = Client::first(&running.address()).await;
    for fill in 0..128 {
        client.say(fill, LARGE).await.unwrap();
    }
    client.all().await;
    let before = resident(&running);
    let deaf = Client::later(&running.address()).await;
    let mut streams = Vec::new();
    for _ in 0..64 {
        streams.push(deaf.connection.read(deaf.read, Position(0), true).await.unwrap());
    }
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let grown = resident(&running).saturating_sub(before);
    // 64 streams want 32 MiB each; the window is 1 MiB, and each stream holds the entry it is at.
    assert!(grown < 48 << 20, "{} MiB for one client", grown >> 20);
    assert_eq!(client.say(1, 1024).await, Ok(129));
}
