//! The same conversation without agents and sockets: two engines in this process, and a relay of its own.

use std::path::Path;
use std::time::{Duration, Instant};

use caucus_client::app::{Answer, Intent};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::figure::Figure;
use super::samples::Times;
use super::talk::{LENGTH, PAUSE, ROOM};
use crate::harness::{Person, SOON};
use crate::process::RelayProcess;

const SAYINGS: usize = 100;

pub(super) fn measure(folder: &Path) -> Vec<Figure> {
    let relay = RelayProcess::start(&folder.join("engine-relay"));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(talk(folder, relay.address()))
}

async fn talk(folder: &Path, relay: &str) -> Vec<Figure> {
    let ana = Person::new("Ana", &folder.join("engine-ana")).await;
    let ben = Person::new("Ben", &folder.join("engine-ben")).await;
    ana.add_relay(relay).await;
    ana.found(ROOM).await;
    ben.join(&ana.invite(ROOM, 1).await).await;
    ana.await_requests(ROOM, 1).await;
    ana.admit_all().await;
    ben.await_joined().await;
    for person in [&ana, &ben] {
        person
            .until("the room is live", || async {
                match person.ask(Intent::Rooms {}).await {
                    Answer::Rooms { rooms } if rooms.iter().any(|room| room.live) => Some(()),
                    _ => None,
                }
            })
            .await;
    }
    // Cuts and refreshed keys that follow a join.
    sleep(Duration::from_secs(3)).await;
    let mut follow = ben.app.follow(ROOM, false).expect("a room");
    let (sender, mut texts) = mpsc::unbounded_channel();
    let following = tokio::spawn(async move {
        while let Some(message) = follow.next().await {
            if sender.send((message.text, Instant::now())).is_err() {
                return;
            }
        }
    });
    let (mut seen, mut stored) = (Times::new(), Times::new());
    for number in 0..SAYINGS {
        let text = format!("{number:0>LENGTH$}");
        let said = Instant::now();
        let answer = ana.try_say(&text).await;
        stored.add(said.elapsed());
        assert!(matches!(answer, Answer::Stored { .. }), "{answer:?}");
        let (read, at) = timeout(SOON, texts.recv())
            .await
            .expect("in time")
            .expect("Ben reads it");
        assert_eq!(read, text);
        seen.add(at - said);
        sleep(PAUSE).await;
    }
    following.abort();
    ana.lock().await;
    ben.lock().await;
    vec![
        Figure::median(
            "say to seen, engines alone",
            seen.milliseconds(),
            "ms",
            "two engines in one process and a relay in another, no agents and no sockets",
        ),
        Figure::median(
            "say to stored, engines alone",
            stored.milliseconds(),
            "ms",
            "the same: until the own engine has it back and taken in",
        ),
    ]
}
