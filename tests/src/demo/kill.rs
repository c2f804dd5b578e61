//! The chapter in which the relay and an agent are killed while two people talk, and nothing is missing.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use super::screen::Screen;
use super::script::same;
use crate::process::{Outcome, PATIENCE, Person, RelayProcess};

/// Texts of each.
const POINTS: usize = 10;

/// Answers after which both are killed.
const MIDDLE: usize = 4;

/// What somebody said, and what they were told.
struct Said {
    text: String,
    outcome: Outcome,
}

impl Said {
    /// Where it stands, if it was answered "stored at".
    fn stored(&self) -> Option<u64> {
        self.outcome.json()["position"]
            .as_u64()
            .filter(|_| self.outcome.code == 0)
    }

    fn queued(&self) -> bool {
        self.outcome.code == 3
    }
}

/// Plays it.
pub(super) fn play(screen: &mut Screen, relay: &mut RelayProcess, ana: &Person, ben: &Person, cem: &Person) {
    println!("\n  ana and ben say {POINTS} texts each, at the same time.");
    let (tell, told) = channel();
    let said: Vec<Said> = std::thread::scope(|scope| {
        for person in [ana, ben] {
            let tell = tell.clone();
            scope.spawn(move || speak(person, &tell));
        }
        drop(tell);
        strike(relay, ben, &told)
    });
    let count = |what: fn(&Said) -> bool| said.iter().filter(|text| what(text)).count();
    let stored = count(|text| text.stored().is_some());
    let queued = count(Said::queued);
    println!(
        "\n  of {} texts {stored} were answered \"stored\", {queued} \"queued\" (exit code 3), {} not at all",
        said.len(),
        said.len() - stored - queued
    );
    screen.check(
        "while the relay is dead, one is told that it waits, by an exit code of its own (3)",
        queued > 0,
    );
    let landed = |some: &[Said]| some.iter().any(|text| text.stored().is_some());
    let (before, after) = said.split_at(MIDDLE.min(said.len()));
    screen.check(
        "texts were stored before, and others after the relay came back",
        landed(before) && landed(after),
    );

    let people = [ana, ben, cem];
    let came = cem.until(PATIENCE, |_| {
        people
            .iter()
            .all(|person| missing(person, &said).is_empty())
            .then_some(())
    });
    screen.see(cem, &["read", "North", "--limit", "5"]);
    screen.check(
        &format!(
            "nothing is missing: all {stored} stand at their positions, all {queued} once, for all three"
        ),
        came.is_some(),
    );
    let twice = people.iter().any(|person| {
        let mut seen = HashMap::new();
        for (_, text) in person.said("North") {
            *seen.entry(text).or_insert(0) += 1;
        }
        seen.values().any(|times| *times > 1)
    });
    screen.check("nothing stands twice", !twice);
    screen.check("all three read the same in the same order", same(&people));
}

fn speak(person: &Person, tell: &Sender<Said>) {
    for number in 1..=POINTS {
        let text = format!("point {number} of {}", person.name);
        let outcome = person.run(&["--json", "say", "North", &text]);
        if tell.send(Said { text, outcome }).is_err() {
            return;
        }
    }
}

/// Kills both in the middle and starts the relay again once somebody was told that their text waits. The agent is
/// started by the next command, as ever. Gives all that was said.
fn strike(relay: &mut RelayProcess, victim: &Person, told: &Receiver<Said>) -> Vec<Said> {
    let mut said: Vec<Said> = told.iter().take(MIDDLE).collect();
    victim.kill_agent();
    println!("\n  {} $ kill -9 (the agent)", victim.name);
    relay.kill();
    println!("  host $ kill -9 (the relay)");
    while let Ok(next) = told.recv_timeout(Duration::from_secs(60)) {
        let waits = next.queued();
        said.push(next);
        if waits && relay.pid().is_none() {
            relay.start_again();
            println!("  host $ caucus-relay run");
        }
    }
    if relay.pid().is_none() {
        relay.start_again();
    }
    said
}

/// What somebody does not read where it should stand.
fn missing(person: &Person, said: &[Said]) -> Vec<String> {
    let answer = person.ask(&["read", "North", "--since", "0", "--limit", "1000"]);
    let messages = answer["messages"].as_array().cloned().unwrap_or_default();
    let place = |text: &str| {
        messages
            .iter()
            .find(|message| message["text"] == text)
            .and_then(|message| message["position"].as_u64())
    };
    said.iter()
        .filter(|text| match text.stored() {
            Some(position) => place(&text.text) != Some(position),
            None => text.queued() && place(&text.text).is_none(),
        })
        .map(|text| text.text.clone())
        .collect()
}
