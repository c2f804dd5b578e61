//! The chapter in which a relay is killed for good, and the people who met there go on at another by themselves.

use std::path::Path;
use std::time::{Duration, Instant};

use super::screen::Screen;
use crate::process::{PATIENCE, Person, RelayProcess};

const BODY: &str = "Lighthouse";

/// What neither relay must know of it.
pub(super) const NEEDLES: [&str; 3] = [BODY, "The tide is at six", "We are still here"];

/// A relay may be silent for twenty seconds before anybody says that it is lost, and machines are slow.
const GOING_OVER: Duration = Duration::from_secs(180);

/// Plays it.
pub(super) fn play(screen: &mut Screen, folder: &Path, people: [&Person; 3]) {
    let [ana, ben, cem] = people;
    let mut one = RelayProcess::start(&folder.join("one"));
    let other = RelayProcess::start(&folder.join("other"));
    println!("\n  host $ caucus-relay run\n    {}", one.address());
    println!("  friends $ caucus-relay run\n    {}", other.address());
    let charter = folder.join("lighthouse.toml").display().to_string();
    ana.run(&["charter", "draft", "cell", &charter]);
    let text = std::fs::read_to_string(&charter).unwrap_or_default();
    let named = format!("[relays]\nalternates = [\"{}\"]", other.address());
    let example = "# [relays]\n# alternates = [\"caucus://KEY@relay.example:4433\"]";
    let text = text.replacen(example, &named, 1);
    std::fs::write(&charter, text).expect("a file");
    println!("\n  In the charter: [relays] alternates, the relay of friends.");
    screen.see(ana, &["relay", "add", one.address()]);
    let found = ["found", "cell", BODY, "--as", "ana", "--charter", &charter];
    let founded = screen.see(ana, &found);
    screen.check("ana founds a cell that may go on elsewhere", founded.code == 0);
    let invited = ana.ask(&["invite", BODY, "--uses", "2"]);
    let link = invited["link"].as_str().unwrap_or_default().to_owned();
    for person in [ben, cem] {
        person.run(&["join", &link, "--as", &person.name, "--no-wait"]);
        ana.until(PATIENCE, |ana| {
            let waiting = ana.ask(&["requests", BODY]);
            (waiting["requests"].as_array()?.len() == 1).then_some(())
        });
        ana.run(&["admit", "--all"]);
        person.until(PATIENCE, |person| lies_at(person, one.address()));
    }
    ana.run(&["say", BODY, NEEDLES[1]]);
    let heard = cem.until(PATIENCE, |cem| has(cem, NEEDLES[1]));
    screen.see(ana, &["body", "relays", BODY]);
    screen.check("all three are in it", heard.is_some());

    let first = one.address().to_owned();
    one.kill();
    let killed = Instant::now();
    println!("\n  host $ kill -9 (the relay), which never comes back");
    let waits = screen.see(ben, &["say", BODY, NEEDLES[2]]);
    screen.check("what ben says waits on his device", waits.code == 3);
    let over: Vec<_> = people
        .iter()
        .filter_map(|person| person.until(GOING_OVER, |person| lies_at(person, other.address())))
        .collect();
    println!(
        "\n  All three were at the other relay {:.0} s after the kill.",
        killed.elapsed().as_secs_f64()
    );
    screen.check("everybody goes over, without doing anything", over.len() == 3);
    let heard = people.map(|person| person.until(PATIENCE, |person| has(person, NEEDLES[2])));
    screen.see(cem, &["read", BODY, "--limit", "4"]);
    screen.see(cem, &["body", "relays", BODY]);
    screen.check("what waited is said there, and what was said before is there", {
        heard.iter().all(Option::is_some) && has(cem, NEEDLES[1]).is_some() && first != other.address()
    });
    screen.relay_sees(&other, &NEEDLES);
}

fn has(person: &Person, text: &str) -> Option<()> {
    person
        .said(BODY)
        .iter()
        .any(|(_, said)| said == text)
        .then_some(())
}

fn lies_at(person: &Person, relay: &str) -> Option<()> {
    let status = person.ask(&["status"]);
    let mut rooms = status["rooms"].as_array()?.iter();
    let here = rooms.find(|room| room["name"] == BODY)?;
    (here["relay"] == relay && here["live"] == true).then_some(())
}
