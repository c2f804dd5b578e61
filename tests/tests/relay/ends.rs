//! How a relay ends: asked to, or killed.

use std::sync::Mutex;
use std::task::Poll;
use std::time::{Duration, Instant};

use caucus_client::relay::{LinkError, Patience, Pool};
use caucus_proto::id::PersonaId;
use caucus_proto::wire::StoreKind;
use caucus_server::limits::Limits;
use caucus_tests::process::{RelayProcess, Traced};

use super::{Client, Running};

#[tokio::test]
async fn a_relay_that_is_asked_to_end_tells_its_clients_and_exits_with_0() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path());
    let client = Client::first(&running.address()).await;
    assert_eq!(client.say(1, 1024).await, Ok(1));
    let stopping = tokio::task::spawn_blocking(|| running.stop());
    let word = client.connection.closed().await;
    assert!(matches!(word, LinkError::Draining { .. }), "{word:?}");
    let (status, err) = stopping.await.unwrap();
    assert_eq!(status.code(), Some(0), "{err}");
    let again = Running::start(folder.path());
    assert_eq!(Client::later(&again.address()).await.all().await.len(), 1);
}

#[tokio::test]
async fn what_was_acknowledged_outlives_twenty_kills_under_load() {
    const ROUNDS: u8 = 20;
    let rounds = if std::env::var_os("CAUCUS_LONG").is_some_and(|long| long == "1") {
        200
    } else {
        ROUNDS
    };
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged: Vec<(u64, u8)> = Vec::new();
    for round in 0..rounds {
        let running = Running::start(folder.path());
        let address = running.address();
        let client = if round == 0 {
            Client::first(&address).await
        } else {
            Client::later(&address).await
        };
        let kept = client.all().await;
        for (position, fill) in &acknowledged {
            let entry = kept.iter().find(|entry| entry.position.0 == *position);
            let entry = entry.unwrap_or_else(|| panic!("round {round}: {position} is lost"));
            assert!(
                entry.bytes.iter().all(|byte| byte == fill),
                "round {round}: {position} is another"
            );
        }
        let mut positions: Vec<_> = kept.iter().map(|entry| entry.position.0).collect();
        positions.dedup();
        assert_eq!(positions.len(), kept.len(), "round {round}: a position is twice");
        let told = Mutex::new(Vec::new());
        let (client, noted) = (&client, &told);
        let writers = (0..8).map(|_| async move {
            while let Ok(position) = client.say(round, 1024).await {
                noted.lock().unwrap().push((position, round));
            }
        });
        let killed = async {
            tokio::time::sleep(Duration::from_millis(40 + u64::from(round) % 20 * 5)).await;
            tokio::task::spawn_blocking(move || running.kill()).await.unwrap();
            // What it had sent before it died still comes in; nothing would ever tell that it is dead.
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        // Writers that come to their end before the kill were told to slow down.
        tokio::join!(killed, async {
            let _ = tokio::time::timeout(Duration::from_millis(400), together(writers)).await;
        });
        let before = acknowledged.len();
        acknowledged.extend(told.into_inner().unwrap());
        assert!(
            acknowledged.len() > before,
            "round {round}: the kill met no appends"
        );
    }
}

/// Runs all to their ends.
async fn together(all: impl Iterator<Item = impl Future<Output = ()>>) {
    let mut waiting: Vec<_> = all.map(Box::pin).collect();
    std::future::poll_fn(|cx| {
        waiting.retain_mut(|one| one.as_mut().poll(cx).is_pending());
        if waiting.is_empty() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

#[tokio::test]
async fn a_relay_in_memory_says_so_and_leaves_nothing_behind() {
    let running = Running::with(&["--store", "memory"], &[]);
    let address = running.address();
    assert!(
        address.memory && running.first.ends_with("?memory"),
        "{}",
        running.first
    );
    let client = Client::first(&address).await;
    assert_eq!(client.connection.info().await.unwrap().store, StoreKind::Memory);
    assert_eq!(client.say(1, 1024).await, Ok(1));
    let (status, err) = tokio::task::spawn_blocking(|| running.stop()).await.unwrap();
    assert!(status.success(), "{err}");
    assert!(err.contains("in memory only"), "{err}");
}

#[tokio::test]
async fn a_relay_in_memory_opens_no_file_to_write() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    let calls =
        "trace=open,openat,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,mknod";
    let strace = ["-o", super::text(&trace), "-e", calls];
    let relay = Traced::start(&strace, &["--listen", "127.0.0.1:0", "--store", "memory"]);
    let client = Client::first(&relay.address().parse().unwrap()).await;
    for fill in 1..=50 {
        client.say(fill, 16 * 1024).await.unwrap();
    }
    assert_eq!(client.all().await.len(), 50);
    drop(relay);
    let trace = std::fs::read_to_string(&trace).unwrap();
    assert!(trace.lines().count() > 5, "{trace}");
    let written: Vec<_> = trace
        .lines()
        .filter(|line| !line.contains("O_RDONLY") && !line.contains("+++") && !line.contains("resumed"))
        .filter(|line| !line.contains("\"/dev/null\"") && !line.contains("---"))
        .collect();
    assert!(written.is_empty(), "{written:#?}");
}

#[tokio::test]
async fn a_relay_that_was_killed_and_started_again_ends_the_connections_of_before_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let mut relay = RelayProcess::start(folder.path());
    let address = relay.address().parse().unwrap();
    let pool = Pool::new(Patience {
        idle: Duration::from_secs(60),
        keep_alive: Duration::from_millis(200),
        ..Patience::default()
    });
    let connection = pool.connection(&address, &PersonaId([1; 32])).await.unwrap();
    let killed = Instant::now();
    relay.kill();
    relay.start_again();
    connection.closed().await;
    // Left alone, they end with the idle timeout of QUIC.
    let idle = Duration::from_secs(u64::from(Limits::default().idle_seconds));
    assert!(killed.elapsed() < idle / 2, "{:?}", killed.elapsed());
    assert!(pool.connection(&address, &PersonaId([1; 32])).await.is_ok());
}
