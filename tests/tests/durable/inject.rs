//! System calls of the real relay that fail or are slow, by strace.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use caucus_proto::wire::{Answer, Role};
use caucus_tests::process::{RelayProcess, binaries};

use super::{clients, configured, entry, everything, written};

/// Of a folder or a disk that cannot be used (docs/relay.md).
const DISK: i32 = 5;

/// A relay whose system calls are tampered with.
struct Tampered {
    strace: Child,
    address: String,
}

impl Tampered {
    fn start(data: &Path, tamper: &str) -> Self {
        let mut strace = Command::new("strace")
            .args([
                "-f",
                "-qq",
                "-o",
                "/dev/null",
                "-e",
                "trace=fdatasync,fsync",
                "-e",
                tamper,
            ])
            .arg(binaries().join("caucus-relay"))
            .args(["run", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("strace, which tests/run installs");
        let mut line = String::new();
        BufReader::new(strace.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line.trim().to_owned();
        assert!(
            address.starts_with("caucus://"),
            "it does not run under strace: {address:?}"
        );
        Self { strace, address }
    }

    /// How the relay ended, which strace passes on.
    fn ended(mut self) -> i32 {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(30) {
            if let Some(status) = self.strace.try_wait().unwrap() {
                return status.code().unwrap_or(-1);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("it goes on after its disk has failed");
    }
}

impl Drop for Tampered {
    fn drop(&mut self) {
        // strace ends with what it started.
        let id = self.strace.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        for child in children.split_whitespace().filter_map(|child| child.parse().ok()) {
            if let Some(pid) = rustix::process::Pid::from_raw(child) {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
        let _ = self.strace.wait();
    }
}

#[tokio::test]
async fn after_a_flush_that_failed_nothing_is_acknowledged_any_more_the_relay_ends_and_nothing_is_lost() {
    for failing in [4, 6, 13, 30] {
        let folder = tempfile::tempdir().unwrap();
        configured(folder.path());
        // The key, the first segment and the format are on the disk before.
        drop(RelayProcess::start(folder.path()));
        let tamper = format!("inject=fdatasync:error=EIO:when={failing}");
        let relay = Tampered::start(folder.path(), &tamper);
        let mut writer = clients(&relay.address, 1).dial(0, 0, false).await;
        writer.create(0).await;
        let handle = writer.open(0, Role::Append).await;
        let mut acknowledged = 0;
        let mut refused = 0;
        for number in 1..=60 {
            match writer.try_append(handle, &entry(1, number)).await {
                Some(Answer::Stored { position }) => {
                    assert_eq!(refused, 0, "an acknowledgement after a failed flush");
                    assert_eq!(position.0, number);
                    acknowledged = number;
                }
                Some(_) => refused += 1,
                None => break,
            }
        }
        assert!(acknowledged < 60, "flush {failing} did not fail");
        assert_eq!(relay.ended(), DISK);

        let relay = RelayProcess::start(folder.path());
        let kept: Vec<_> = everything(&relay, 0).await.iter().map(written).collect();
        let most = acknowledged + 1;
        assert!(
            kept.len() as u64 >= acknowledged && kept.len() as u64 <= most,
            "{failing}: {}",
            kept.len()
        );
        assert!(
            kept.iter()
                .copied()
                .eq((1..=kept.len() as u64).map(|number| (1, number)))
        );
    }
}

#[tokio::test]
async fn neither_an_acknowledgement_nor_a_delivery_comes_before_the_flush_has_ended() {
    const SLOW: Duration = Duration::from_millis(400);
    let folder = tempfile::tempdir().unwrap();
    configured(folder.path());
    let tamper = format!("inject=fdatasync:delay_exit={}", SLOW.as_micros());
    let relay = Tampered::start(folder.path(), &tamper);
    let dialler = clients(&relay.address, 2);
    let mut writer = dialler.dial(0, 0, false).await;
    writer.create(0).await;
    let handle = writer.open(0, Role::Append).await;
    let mut follower = dialler.dial(1, 0, true).await;
    let mut stream = follower.follow(0).await;
    for number in 1..=5 {
        let asked = Instant::now();
        let bytes = entry(1, number);
        let delivered = async {
            let mut prefix = [0; 4];
            stream.read_exact(&mut prefix).await.unwrap();
            let when = asked.elapsed();
            let mut rest = vec![0; u32::from_be_bytes(prefix) as usize];
            stream.read_exact(&mut rest).await.unwrap();
            when
        };
        let acknowledged = async {
            writer.append(handle, &bytes).await;
            asked.elapsed()
        };
        let (delivered, acknowledged) = tokio::join!(delivered, acknowledged);
        assert!(delivered >= SLOW, "delivered after {delivered:?}");
        assert!(acknowledged >= SLOW, "acknowledged after {acknowledged:?}");
    }
}
