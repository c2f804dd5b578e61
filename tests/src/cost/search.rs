//! What it costs to find a word in everything that was said.

use std::path::Path;
use std::time::Instant;

use caucus_client::app::{Answer, Intent};
use caucus_client::engine::Item;
use caucus_client::vault::{Place, Table};

use crate::figures::samples::Times;
use crate::figures::{Figure, Target};
use crate::harness::Person;
use crate::process::RelayProcess;

/// Messages in the log.
const MESSAGES: u64 = 20_000;

/// Messages that are written in one transaction.
const BATCH: u64 = 1_000;

/// How often each search is made.
const SEARCHES: usize = 100;

/// Words that messages are made of; some of them have letters that are no ASCII.
const WORDS: [&str; 24] = [
    "we",
    "meet",
    "at",
    "eight",
    "in",
    "the",
    "hall",
    "bring",
    "soup",
    "and",
    "chairs",
    "for",
    "thirty",
    "people",
    "Käthe",
    "says",
    "that",
    "the",
    "café",
    "lends",
    "us",
    "its",
    "большой",
    "room",
];

/// Measures it in the log of one person's vault.
pub(super) fn measure(folder: &Path, say: &dyn Fn(&str)) -> Vec<Figure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let relay = RelayProcess::start(&folder.join("relay-of-search"));
    runtime.block_on(async {
        let ana = Person::new("Ana", &folder.join("search")).await;
        ana.add_relay(relay.address()).await;
        ana.found("North").await;
        ana.await_live().await;
        let position = ana.say("the needle lies at the very beginning").await;
        say(&format!("{MESSAGES} messages are put into the log ..."));
        let bytes = filled(&ana, position);
        vec![
            searched(&ana, "a word that only the oldest has", &["needle"], 1, bytes).await,
            searched(
                &ana,
                "two words that stand nowhere together",
                &["cafe", "needle"],
                0,
                bytes,
            )
            .await,
        ]
    })
}

/// Copies what was said, each time with other words. Bytes of all of them.
fn filled(person: &Person, said: u64) -> u64 {
    let engine = person.app.engine().expect("an open vault");
    let live = engine.rooms().pop().expect("a room");
    let (room, record) = {
        let room = live.room();
        let log = room.log_at(caucus_proto::id::Position(said)).expect("the log");
        (room.id(), log.expect("what was said"))
    };
    let mut bytes = 0;
    for first in (1..MESSAGES).step_by(BATCH as usize) {
        let _turn = engine.vault().turn();
        let overlay = engine.vault().overlay();
        for number in first..(first + BATCH).min(MESSAGES) {
            let words = 4 + number % 20;
            let text: Vec<_> = (0..words)
                .map(|word| WORDS[((number * 7 + word * word) % WORDS.len() as u64) as usize])
                .collect();
            let text = text.join(" ");
            bytes += text.len() as u64;
            let record = caucus_client::engine::LogRecord {
                item: Item::Said(text),
                ..record.clone()
            };
            let place = Place::new(Table::Log, room.as_bytes(), said + number);
            overlay.put_value(place, &record).expect("to write");
        }
        overlay.commit().expect("to commit");
    }
    bytes
}

async fn searched(person: &Person, what: &str, words: &[&str], found: usize, bytes: u64) -> Figure {
    let mut times = Times::new();
    for _ in 0..SEARCHES {
        let intent = Intent::Search {
            words: words.iter().map(|word| (*word).to_owned()).collect(),
            room: None,
            from: None,
            since: None,
            limit: None,
        };
        let begun = Instant::now();
        let answer = person.ask(intent).await;
        times.add(begun.elapsed());
        assert!(
            matches!(&answer, Answer::Found { hits, .. } if hits.len() == found),
            "{answer:?}"
        );
    }
    let spread = times.milliseconds();
    Figure {
        spread: Some(spread),
        ..Figure::of(
            &format!("search in {MESSAGES} messages, {what}, p50"),
            spread.p50,
            "ms",
            format!(
                "{bytes} bytes of text, {SEARCHES} times, in the program that holds the vault; the whole log is read each time"
            ),
        )
        .aim(Target::below(100.0))
    }
}
