//! The chapter in which people meet: called, guided, minuted, adopted; and the minutes are written down for others.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use caucus_client::calendar::stamp;
use serde_json::Value;

use super::decisions::{BODY, holds};
use super::screen::Screen;
use crate::process::{PATIENCE, Person};

/// What the relay must not know of it.
pub(super) const NEEDLES: [&str; 2] = ["The hearing on Friday", "Who speaks for the tenants?"];

/// Plays it: whoever may guide it does.
pub(super) fn play(screen: &mut Screen, folder: &Path, people: [&Person; 3]) {
    let guide = people
        .into_iter()
        .find(|person| holds(person, "facilitate").is_some());
    let guide = guide.unwrap_or(people[0]);
    let others: Vec<_> = people
        .into_iter()
        .filter(|person| person.name != guide.name)
        .collect();
    let minutes = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs() / 60);
    let (at, title) = (stamp(minutes + 60), NEEDLES[0]);
    let items = ["--item", NEEDLES[1], "--item", "The hardship fund"];
    let call = ["meeting", "call", BODY, "--title", title, "--at", &at];
    screen.see(others[0], &[&call[..], &items].concat());
    guide.until(PATIENCE, meeting);
    screen.see(guide, &["meeting", "open", BODY]);
    for person in &others {
        person.until(PATIENCE, |person| {
            (meeting(person)?["stage"] == "held").then_some(())
        });
        person.run(&["meeting", "here", BODY]);
    }
    guide.until(PATIENCE, |guide| count(guide, "here", 3));
    guide.run(&["meeting", "item", BODY, "1"]);
    screen.see(others[0], &["meeting", "ask", BODY]);
    guide.until(PATIENCE, |guide| count(guide, "queue", 1));
    screen.see(guide, &["meeting", "give", BODY, &others[0].name]);
    let hands = ["meeting", "hands", BODY, "--question", "Does ben speak for us?"];
    screen.see(guide, &[&hands[..], &["--yes", "2", "--no", "1"]].concat());
    others[0].until(PATIENCE, |other| count(other, "hands", 1));
    screen.see(others[0], &["meeting", "witness", BODY, "1"]);
    guide.until(PATIENCE, |guide| {
        (!meeting(guide)?["hands"][0]["confirmed"].as_array()?.is_empty()).then_some(())
    });
    guide.run(&["meeting", "close", BODY]);
    let draft = folder.join("minutes.md").display().to_string();
    screen.see(guide, &["meeting", "minutes", BODY, "--draft", &draft]);
    guide.run(&["meeting", "minutes", BODY, "--file", &draft]);
    for person in &others {
        person.until(PATIENCE, |person| meeting(person)?["minutes"]["version"].as_u64());
        screen.see(person, &["meeting", "adopt", BODY, "--yes"]);
    }
    let adopted = guide.until(PATIENCE, |guide| {
        (meeting(guide)?["stage"] == "adopted").then_some(())
    });
    screen.check(
        "they meet, raise their hands before a witness, and adopt the minutes",
        adopted.is_some(),
    );

    let board = folder.join("for-the-board").display().to_string();
    screen.see(guide, &["export", "minutes", BODY, "--to", &board]);
    let minutes = folder.join("for-the-board/minutes.md").display().to_string();
    let verified = screen.see(others[0], &["verify-export", &minutes]);
    screen.check(
        "the minutes are exported, and whose they are is verified",
        verified.code == 0,
    );
}

fn meeting(person: &Person) -> Option<Value> {
    let listed = person.run(&["--json", "meeting", "show", BODY, "1"]).json();
    listed["meetings"].as_array()?.first().cloned()
}

fn count(person: &Person, what: &str, count: usize) -> Option<()> {
    (meeting(person)?[what].as_array()?.len() == count).then_some(())
}
