//! Coming back: somebody who lost the encrypted group is renewed by the only other person who is online.

use std::path::Path;
use std::time::{Duration, Instant};

use caucus_client::app::Answer;

use super::figure::{Figure, Target};
use super::samples::Times;
use super::talk::ROOM;
use crate::harness::Person;
use crate::process::RelayProcess;

/// Times that the state is lost.
const LOSSES: usize = 100;

/// In the order of their seats. The last is the one online: everybody else's turn to renew comes before hers.
const PEOPLE: [&str; 6] = ["Ana", "Ben", "Cem", "Dora", "Eve", "Fay"];

/// Seconds.
const RENEWED: Target = Target::below(5.0);

pub(super) fn measure(folder: &Path) -> Vec<Figure> {
    let relay = RelayProcess::start(&folder.join("renewal-relay"));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(lose(folder, relay.address()))
}

async fn lose(folder: &Path, relay: &str) -> Vec<Figure> {
    let mut people = Vec::new();
    for name in PEOPLE {
        people.push(Person::new(name, &folder.join(format!("renewal-{name}"))).await);
    }
    let ana = &people[0];
    ana.add_relay(relay).await;
    ana.found(ROOM).await;
    for person in &people[1..] {
        person.join(&ana.invite(ROOM, 1).await).await;
        ana.await_requests(ROOM, 1).await;
        ana.admit_all().await;
        person.await_joined().await;
    }
    for person in &people {
        person.is_well().await;
    }
    for person in &people[..5] {
        person.lock().await;
    }
    let (ben, fay) = (&people[1], &people[5]);
    let mut times = Times::new();
    for number in 0..LOSSES {
        ben.loses_the_group();
        let began = Instant::now();
        ben.unlock().await;
        ben.is_well().await;
        times.add(began.elapsed());
        let text = format!("back for the {number}. time");
        let answer = ben.try_say(&text).await;
        assert!(matches!(answer, Answer::Stored { .. }), "{answer:?}");
        fay.until("she hears him", || async {
            let said = fay.said().await;
            said.iter().any(|(_, said)| *said == text).then_some(())
        })
        .await;
        // The lost leaf is out before the next is lost.
        tokio::time::sleep(Duration::from_secs(5)).await;
        ben.lock().await;
    }
    fay.lock().await;
    let spread = times.seconds();
    vec![
        Figure::of(
            "renewed, p99",
            spread.p99,
            "s",
            format!(
                "from unlocking a vault that lost the encrypted group to a live room; one of {} people is online, \
                 whose turn comes last; {LOSSES} losses",
                PEOPLE.len()
            ),
        )
        .aim(RENEWED),
        Figure::median("renewed", spread, "s", "the same"),
    ]
}
