//! A relay that is restarted in an ordinary way, with five hundred people following: case R-26.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use caucus_client::relay::{LinkError, Pool};
use caucus_proto::id::{PersonaId, Position};
use caucus_proto::wire::{RelayAddress, Role, Served};
use hdrhistogram::Histogram;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{Client, Running, channel, secret};

const FOLLOWERS: u16 = 500;
const RESTARTS: u32 = 2;
/// Waiting for a place where the relay's own word does not say how long.
const AGAIN: Duration = Duration::from_millis(250);

/// What everybody knows of everybody.
#[derive(Default)]
struct Scene {
    caught_up: AtomicU64,
    over: AtomicBool,
    /// When the relay was asked to end.
    stopped: Mutex<Option<Instant>>,
    ending: Notify,
}

/// Follows until the end, over every restart: each position once, without a gap. How long after each end of the relay it had caught up.
async fn follow(number: u16, address: RelayAddress, scene: Arc<Scene>) -> (u64, Vec<Duration>) {
    let mut who = [0; 32];
    who[..2].copy_from_slice(&number.to_be_bytes());
    let (pool, who) = (Pool::default(), PersonaId(who));
    let mut newest = 0;
    let mut lost = false;
    let mut away = Vec::new();
    loop {
        let once = async {
            let connection = pool.connection(&address, &who).await?;
            let handle = connection.open(channel(), Role::Read, &secret(3)).await?.handle;
            let mut reading = connection.read(handle, Position(newest), true).await?;
            loop {
                match reading.next().await? {
                    Served::Entry(entry) => {
                        assert_eq!(entry.position.0, newest + 1, "a gap, or the same again");
                        newest = entry.position.0;
                    }
                    Served::CaughtUp { .. } => {
                        scene.caught_up.fetch_add(1, Ordering::Relaxed);
                        if std::mem::take(&mut lost) {
                            let stopped = scene.stopped.lock().unwrap();
                            away.extend(stopped.map(|stopped| stopped.elapsed()));
                        }
                    }
                    other => panic!("{other:?}"),
                }
            }
        };
        let ended: Result<(), LinkError> = tokio::select! {
            ended = once => ended,
            () = scene.ending.notified() => return (newest, away),
        };
        if scene.over.load(Ordering::Relaxed) {
            return (newest, away);
        }
        lost = true;
        match ended {
            Err(LinkError::Draining { back_in_ms }) => sleep(Duration::from_millis(back_in_ms.into())).await,
            _ => sleep(AGAIN).await,
        }
    }
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(timeout(Duration::from_secs(120), waiting).await.is_ok(), "{what}");
}

#[tokio::test]
async fn five_hundred_followers_go_on_where_they_were_whenever_a_relay_is_restarted() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = Running::start(folder.path());
    let address = running.address();
    let place = format!("127.0.0.1:{}", address.port);
    let mut writer = Client::first(&address).await;
    let scene = Arc::new(Scene::default());
    let mut followers = JoinSet::new();
    for number in 0..FOLLOWERS {
        followers.spawn(follow(number, address.clone(), Arc::clone(&scene)));
    }
    let mut said = 0;
    for restart in 0..=RESTARTS {
        let all = u64::from(FOLLOWERS) * u64::from(restart + 1);
        until("all follow", || scene.caught_up.load(Ordering::Relaxed) >= all).await;
        for _ in 0..5 {
            said += 1;
            assert_eq!(writer.say(said as u8, 1024).await, Ok(said));
        }
        if restart < RESTARTS {
            *scene.stopped.lock().unwrap() = Some(Instant::now());
            let stopped = tokio::task::spawn_blocking(|| running.stop()).await.unwrap();
            assert!(stopped.0.success(), "{}", stopped.1);
            running = Running::told(&["--data", super::text(folder.path()), "--listen", &place], &[]);
            writer = Client::later(&address).await;
        }
    }
    // The last words reach everybody, then it is over.
    sleep(Duration::from_secs(2)).await;
    scene.over.store(true, Ordering::Relaxed);
    scene.ending.notify_waiters();
    let mut away = Histogram::<u64>::new(3).unwrap();
    while let Some(follower) = followers.join_next().await {
        let (newest, times) = follower.unwrap();
        assert_eq!(newest, said);
        for time in times {
            away.record(time.as_millis() as u64).unwrap();
        }
    }
    println!(
        "R-26: {FOLLOWERS} followers over {RESTARTS} restarts: 0 gaps, 0 twice; away p50 {} ms, p99 {} ms, most {} ms",
        away.value_at_quantile(0.5),
        away.value_at_quantile(0.99),
        away.max()
    );
}
