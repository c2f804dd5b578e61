//! System calls of the real relay that fail or are slow, by strace.

use std::path::Path;
use std::time::{Duration, Instant};

use caucus_proto::wire::{Answer, Role};
use caucus_tests::process::{RelayProcess, Traced};

use super::{clients, configured, entry, everything, written};

/// Of a folder or a disk that cannot be used (docs/relay.md).
const DISK: i32 = 5;

/// A relay on this folder whose flushes are tampered with.
fn tampered(data: &Path, tamper: &str) -> Traced {
    let strace = ["-o", "/dev/null", "-e", "trace=fdatasync,fsync", "-e", tamper];
    let data = data.to_str().expect("a path");
    Traced::start(&strace, &["--listen", "127.0.0.1:0", "--data", data])
}

#[tokio::test]
async fn after_a_flush_that_failed_nothing_is_acknowledged_any_more_the_relay_ends_and_nothing_is_lost() {
    for failing in [4, 6, 13, 30] {
        let folder = tempfile::tempdir().unwrap();
        configured(folder.path());
        // The key, the first segment and the format are on the disk before.
        drop(RelayProcess::start(folder.path()));
        let tamper = format!("inject=fdatasync:error=EIO:when={failing}");
        let relay = tampered(folder.path(), &tamper);
        let mut writer = clients(relay.address(), 1).dial(0, 0, false).await;
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
    let relay = tampered(folder.path(), &tamper);
    let dialler = clients(relay.address(), 2);
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
