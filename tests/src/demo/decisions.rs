//! The chapter in which a cell decides: a secretary goes round, a proposal is amended and voted on, a rule of the charter changes, an
//! officer is recalled, and what was decided is written down for others.

use std::path::Path;

use super::screen::Screen;
use crate::process::{PATIENCE, Person};

pub(super) const BODY: &str = "Tenants";

/// What the relay must not know of it.
pub(super) const NEEDLES: [&str; 3] = ["Tenants", "rent strike in May", "Nothing was done"];

/// Plays it.
pub(super) fn play(screen: &mut Screen, folder: &Path, ana: &Person, ben: &Person, cem: &Person) {
    let charter = folder.join("tenants.toml");
    let file = charter.display().to_string();
    ana.run(&["charter", "draft", "cell", &file]);
    // The days that people wait in life are none here.
    let text = std::fs::read_to_string(&charter).unwrap_or_default();
    let text = text.replacen("vouches = 2", "vouches = 0", 1);
    let text = text.replacen("grace = 6", "grace = 0", 1);
    let polls = text.find("[polls.ordinary]").unwrap_or_default();
    let (before, rules) = text.split_at(polls);
    let rules = rules.replacen("\ndays = 1\n", "\ndays = 0\n", 2);
    let rules = rules.replacen("\ndays = 3\n", "\ndays = 0\n", 1);
    std::fs::write(&charter, format!("{before}{rules}")).expect("a file");
    screen.see(ana, &["found", "cell", BODY, "--as", "ana", "--charter", &file]);
    for person in [ben, cem] {
        comes_in(ana, person);
    }

    screen.see(ben, &["offices", "decline", BODY, "secretary"]);
    ana.until(PATIENCE, |ana| passes_by(ana, "ben"));
    screen.see(ana, &["handover", BODY, "caretaker"]);
    let goes_round = cem.until(PATIENCE, |cem| holds(cem, "remove"));
    screen.see(cem, &["offices", "show", BODY]);
    screen.see(cem, &["powers", BODY]);
    screen.check(
        "the founder's time as caretaker ends, ben lets the office pass by, and cem is secretary",
        goes_round.is_some(),
    );

    screen.see(
        ben,
        &[
            "propose",
            "text",
            BODY,
            "A rent strike",
            "--text",
            "We begin a rent strike in April.",
        ],
    );
    cem.until(PATIENCE, |cem| stage(cem, 1, "open"));
    screen.see(
        cem,
        &[
            "proposal",
            "discuss",
            BODY,
            "1",
            "April is too early for the north block",
        ],
    );
    screen.see(
        cem,
        &[
            "proposal",
            "amend",
            BODY,
            "1",
            "--text",
            "We begin a rent strike in May.",
        ],
    );
    ben.until(PATIENCE, |ben| has(ben, "amendment"));
    screen.see(ben, &["proposal", "take", BODY, "1", "1"]);
    let taken = cem.until(PATIENCE, |cem| (proposal(cem, 1)?["version"] == 2).then_some(()));
    screen.check(
        "cem would have another date, and ben takes it over",
        taken.is_some(),
    );
    screen.see(cem, &["poll", "open", BODY, "1", "--for", "2h"]);
    let early = screen.see(cem, &["poll", "close", BODY, "1"]);
    screen.check("nobody closes a vote before its time", early.code == 11);
    for (person, says) in [(ana, "yes"), (ben, "yes"), (cem, "abstain")] {
        person.until(PATIENCE, |person| has(person, "vote"));
        screen.see(person, &["vote", says, BODY, "1"]);
    }
    let decided = ana.until(PATIENCE, |ana| stage(ana, 1, "decided"));
    screen.see(ana, &["proposal", "show", BODY, "1"]);
    screen.check("it is decided, on everybody's device", decided.is_some());

    let other = folder.join("other.toml").display().to_string();
    let toml = ana.ask(&["charter", "show", BODY])["toml"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    std::fs::write(&other, toml.replacen("a_month = 3", "a_month = 5", 1)).expect("a file");
    screen.see(ana, &["charter", "propose", BODY, &other]);
    cem.until(PATIENCE, |cem| stage(cem, 2, "open"));
    screen.see(cem, &["proposal", "show", BODY, "2"]);
    cem.run(&["poll", "open", BODY, "2", "--for", "2h"]);
    vote(&[ana, ben, cem], "2");
    let changed = ben.until(PATIENCE, |ben| {
        let charter = ben.ask(&["charter", "show", BODY]);
        charter["toml"].as_str()?.contains("a_month = 5").then_some(())
    });
    screen.check("a rule of the charter changes by vote", changed.is_some());

    screen.see(
        ana,
        &[
            "propose",
            "recall",
            BODY,
            "secretary",
            "--text",
            "Nothing was done.",
        ],
    );
    ana.run(&["poll", "open", BODY, "3", "--for", "2h"]);
    vote(&[ana, ben], "3");
    let recalled = cem.until(PATIENCE, |cem| stage(cem, 3, "decided"));
    let refused = screen.see(cem, &["remove", BODY, "ana", "--yes"]);
    screen.check(
        "cem is recalled, and what he does as secretary is refused",
        recalled.is_some() && refused.code == 11,
    );
    screen.see(ana, &["proposals", BODY]);

    let bank = folder.join("for-the-bank").display().to_string();
    screen.see(ana, &["export", "decisions", BODY, "--to", &bank]);
    let decisions = folder.join("for-the-bank/decisions.md");
    let verified = screen.see(ana, &["verify-export", &decisions.display().to_string()]);
    screen.check("what was decided is written down and signed", verified.code == 0);
    let text = std::fs::read_to_string(&decisions).unwrap_or_default();
    std::fs::write(&decisions, text.replace("3 of 3", "2 of 3")).expect("a file");
    let changed = screen.see(ben, &["verify-export", &decisions.display().to_string()]);
    screen.check(
        "a number that was changed afterwards is noticed",
        changed.code == 4,
    );
}

fn comes_in(ana: &Person, person: &Person) {
    let invited = ana.ask(&["invite", BODY]);
    let link = invited["link"].as_str().unwrap_or_default().to_owned();
    person.run(&["join", &link, "--as", &person.name, "--no-wait"]);
    ana.until(PATIENCE, |ana| {
        (!ana.ask(&["requests", BODY])["requests"].as_array()?.is_empty()).then_some(())
    });
    ana.until(PATIENCE, |ana| {
        (ana.run(&["admit", "--all"]).code == 0).then_some(())
    });
    person.until(PATIENCE, |person| {
        let rooms = person.ask(&["rooms"]);
        let live = |room: &serde_json::Value| room["name"] == BODY && room["live"] == true;
        rooms["rooms"].as_array()?.iter().any(live).then_some(())
    });
}

/// Everybody is for it, once they are asked.
fn vote(people: &[&Person], number: &str) {
    for person in people {
        person.until(PATIENCE, |person| has(person, "vote"));
        person.run(&["vote", "yes", BODY, number]);
    }
}

fn proposal(person: &Person, number: u32) -> Option<serde_json::Value> {
    let listed = person.ask(&["proposals", BODY]);
    let found = listed["proposals"]
        .as_array()?
        .iter()
        .find(|one| one["number"] == number)?;
    Some(found.clone())
}

fn stage(person: &Person, number: u32, stage: &str) -> Option<()> {
    (proposal(person, number)?["stage"] == stage).then_some(())
}

fn passes_by(person: &Person, name: &str) -> Option<()> {
    let offices = person.ask(&["offices", "show", BODY]);
    let aside = |office: &serde_json::Value| {
        office["aside"]
            .as_array()
            .is_some_and(|all| all.iter().any(|one| one == name))
    };
    offices["offices"].as_array()?.iter().any(aside).then_some(())
}

/// Whether somebody may do something now.
pub(super) fn holds(person: &Person, power: &str) -> Option<()> {
    let powers = person.ask(&["powers", BODY]);
    let mine = |one: &serde_json::Value| one["power"] == power && one["mine"] == true;
    powers["powers"].as_array()?.iter().any(mine).then_some(())
}

fn has(person: &Person, kind: &str) -> Option<()> {
    let inbox = person.ask(&["inbox"]);
    let of = |item: &serde_json::Value| item["kind"] == kind && item["body"] == BODY;
    inbox["items"].as_array()?.iter().any(of).then_some(())
}
