//! The chapter in which bodies have to do with each other: a committee and three chapters link, announcements come in
//! everywhere, a directive is adopted here and declined there, and the committee's board shows it.

use std::path::Path;

use serde_json::Value;

use super::screen::Screen;
use crate::process::{PATIENCE, Person};

pub(super) const COUNCIL: &str = "Tenants' Council";

/// What the committee and another body may send to each other.
pub(super) const TERMS: [&str; 4] = [
    "--we",
    "announcements,directives",
    "--they",
    "announcements,reports",
];

/// What the relay must not know of it.
pub(super) const NEEDLES: [&str; 5] = [
    "Tenants' Council",
    "Elmstreet",
    "Assembly on the first of May",
    "Count the broken boilers",
    "two of us are ill",
];

/// Plays it: one leads the committee, the others a chapter each.
pub(super) fn play(screen: &mut Screen, folder: &Path, lead: &Person, chapters: [(&Person, &str); 3]) {
    screen.see(lead, &["found", "committee", COUNCIL, "--as", &lead.name]);
    let charter = folder.join("quick-chapter.toml").display().to_string();
    lead.run(&["charter", "draft", "chapter", &charter]);
    // In life everybody decides on a directive, in a poll that is open for days.
    let text = std::fs::read_to_string(&charter).unwrap_or_default();
    let text = text.replacen("directives = \"poll\"", "directives = \"mandate\"", 1);
    std::fs::write(&charter, text).expect("a file");
    for (place, (person, chapter)) in chapters.into_iter().enumerate() {
        person.run(&[
            "found",
            "chapter",
            chapter,
            "--as",
            &person.name,
            "--charter",
            &charter,
        ]);
        let offered = lead.ask(&[&["link", "offer", COUNCIL][..], &TERMS].concat());
        let offer = offered["offer"].as_str().unwrap_or_default().to_owned();
        if place == 0 {
            let shown = offer.get(..40).unwrap_or(&offer);
            println!(
                "\n  {} $ caucus link offer \"{COUNCIL}\" {}",
                lead.name,
                TERMS.join(" ")
            );
            println!("    {shown}...");
            screen.see(person, &["link", "accept", chapter, &offer, "--yes"]);
        } else {
            person.run(&["link", "accept", chapter, &offer, "--yes"]);
        }
    }
    let linked = lead.until(PATIENCE, |lead| {
        let links = lead.ask(&["link", "list", COUNCIL]);
        let links = links["links"]
            .as_array()?
            .iter()
            .filter(|link| link["stage"] == "linked")
            .count();
        (links == 3).then_some(())
    });
    screen.see(lead, &["link", "list", COUNCIL]);
    screen.check("three chapters are linked with the committee", linked.is_some());

    let (first, name) = chapters[0];
    screen.see(
        lead,
        &["announce", COUNCIL, "Bring chairs.", "--title", NEEDLES[2]],
    );
    first.run(&[
        "announce",
        name,
        "On Sunday.",
        "--title",
        "The soup kitchen opens",
    ]);
    let all = [lead].into_iter().chain(chapters.map(|(person, _)| person));
    let heard = all.map(|person| person.until(PATIENCE, |person| announced(person, NEEDLES[2])));
    let heard = heard.flatten().count();
    lead.until(PATIENCE, |lead| announced(lead, "The soup kitchen opens"));
    screen.see(lead, &["feed", "show"]);
    screen.check(
        "what is announced is read in every body that hears it",
        heard == 4,
    );

    let order = [
        "directives",
        "issue",
        COUNCIL,
        "In every house.",
        "--title",
        NEEDLES[3],
    ];
    let form = [
        "--field",
        "Boilers=number",
        "--field",
        "Landlord told?=yes/no",
        "--priority",
        "high",
    ];
    screen.see(lead, &[&order[..], &form].concat());
    for (person, _) in chapters {
        person.until(PATIENCE, directive);
    }
    let number = directive(first)
        .map(|number| number.to_string())
        .unwrap_or_default();
    for (person, chapter) in &chapters[..2] {
        person.run(&["directives", "acknowledge", chapter, &number]);
        person.run(&["directives", "adopt", chapter, &number]);
    }
    screen.see(first, &["directives", "done", name, &number]);
    let values = ["--value", "Boilers=7", "--value", "Landlord told?=yes"];
    screen.see(
        first,
        &[&["directives", "report", name, &number][..], &values].concat(),
    );
    let (last, other) = chapters[2];
    screen.see(
        last,
        &["directives", "decline", other, &number, "--because", NEEDLES[4]],
    );
    let shown = lead.until(PATIENCE, |lead| {
        let board = lead.ask(&["directives", "board", COUNCIL]);
        let rows = board["boards"][0]["rows"].as_array()?;
        let stage = |stage: &str| rows.iter().filter(|row| row["stage"] == stage).count();
        (stage("reported") == 1 && stage("adopted") == 1 && stage("declined") == 1).then_some(())
    });
    screen.see(lead, &["directives", "board", COUNCIL]);
    screen.check(
        "the board shows who reported, who is at it, and who declined and why",
        shown.is_some(),
    );

    let map = folder.join("map.svg").display().to_string();
    screen.see(lead, &["map", "--svg", &map]);
    let drawn = std::fs::read_to_string(&map).unwrap_or_default();
    let whole = chapters.iter().all(|(_, chapter)| drawn.contains(chapter)) && drawn.starts_with("<svg");
    screen.check("the map of the bodies is drawn, as text and as a picture", whole);
}

fn announced(person: &Person, title: &str) -> Option<()> {
    let feed = person.run(&["--json", "feed", "show", "--keep-unread"]).json();
    let items = feed["items"].as_array()?;
    items.iter().any(|item| item["title"] == title).then_some(())
}

/// The number of the directive that somebody received.
fn directive(person: &Person) -> Option<u64> {
    let listed: Value = person.ask(&["directives", "list"]);
    listed["directives"][0]["number"].as_u64()
}
