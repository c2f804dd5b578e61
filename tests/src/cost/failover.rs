//! How long people are without a relay when theirs is killed for good: many cells at once, at real relays, the clients'
//! own engines in this process.

use std::path::Path;
use std::time::{Duration, Instant};

use caucus_client::app::{KindWord, RoomState};
use caucus_client::charter;
use caucus_proto::org::{Kind, RelayName};
use tokio::task::JoinSet;

use crate::figures::samples::Times;
use crate::figures::{Figure, Target};
use crate::harness::Person;
use crate::process::RelayProcess;

/// Cells, each with three people.
const CELLS: usize = 40;

/// So many cells are founded at once.
const AT_ONCE: usize = 4;

/// How long a relay may be silent before it counts as lost.
const SILENCE: Duration = Duration::from_secs(20);

/// How long it may take at most.
const PATIENCE: Duration = Duration::from_secs(5 * 60);

/// Measures it.
pub(super) fn measure(folder: &Path, say: &dyn Fn(&str)) -> Vec<Figure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let mut all = Times::new();
    let mut cells = Times::new();
    let mut one = RelayProcess::start(&folder.join("relay-that-goes"));
    let other = RelayProcess::start(&folder.join("relay-that-stays"));
    runtime.block_on(async {
        say(&format!("{CELLS} cells of three ..."));
        let people = founded(&folder.join("cells"), one.address(), other.address()).await;
        one.kill();
        let killed = Instant::now();
        say("their relay is killed ...");
        let mut going = JoinSet::new();
        for cell in people {
            going.spawn(gone_over(cell, other.address().to_owned(), killed));
        }
        while let Some(took) = going.join_next().await {
            let took = took.expect("a cell at the other relay");
            for one in &took {
                all.add(one.saturating_sub(SILENCE));
            }
            cells.add(took.iter().max().copied().unwrap_or_default());
        }
    });
    let (persons, cells) = (all.seconds(), cells.seconds());
    let how = format!(
        "{CELLS} cells of three whose relay is killed at one moment, all clients in one process; a relay counts as lost after {} s",
        SILENCE.as_secs()
    );
    vec![
        Figure {
            spread: Some(persons),
            ..Figure::of(
                "a person goes over, after the relay counts as lost, p99",
                persons.p99,
                "s",
                how.clone(),
            )
            .aim(Target::below(30.0))
        },
        Figure {
            spread: Some(cells),
            ..Figure::of("a whole cell is over, after the kill, p99", cells.p99, "s", how)
        },
    ]
}

/// Cells of three at one relay, that may go on at the other.
async fn founded(folder: &Path, one: &str, other: &str) -> Vec<Vec<Person>> {
    let mut rules = charter::read(charter::shipped(Kind::Cell)).expect("a charter");
    rules.relays.alternates = vec![RelayName::try_from(other.to_owned()).expect("an address")];
    let rules = charter::written(&rules);
    let mut cells = Vec::new();
    let numbers: Vec<_> = (0..CELLS).collect();
    for some in numbers.chunks(AT_ONCE) {
        let mut founding = JoinSet::new();
        for number in some {
            let (home, relay, rules) = (
                folder.join(format!("cell-{number}")),
                one.to_owned(),
                rules.clone(),
            );
            founding.spawn(async move {
                let ana = Person::new("ana", &home.join("ana")).await;
                ana.add_relay(&relay).await;
                ana.found_by(KindWord::Cell, "North", Some(rules)).await;
                let link = ana.invite("North", 2).await;
                let mut people = vec![ana];
                for name in ["ben", "cem"] {
                    let person = Person::new(name, &home.join(name)).await;
                    person.join(&link).await;
                    people[0].await_requests("North", 1).await;
                    people[0].admit_all().await;
                    person.await_joined().await;
                    people.push(person);
                }
                for person in &people {
                    person.is_well().await;
                }
                people
            });
        }
        cells.extend(founding.join_all().await);
    }
    cells
}

/// How long after the kill each of a cell is at the other relay.
async fn gone_over(cell: Vec<Person>, relay: String, killed: Instant) -> Vec<Duration> {
    let mut took = vec![None; cell.len()];
    while took.iter().any(Option::is_none) {
        assert!(
            killed.elapsed() < PATIENCE,
            "waited in vain until all are at the other relay"
        );
        for (person, took) in cell.iter().zip(&mut took) {
            if took.is_none() {
                let room = person.room().await;
                if room.relay == relay && room.live && room.state == RoomState::Open {
                    *took = Some(killed.elapsed());
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    took.into_iter().flatten().collect()
}
