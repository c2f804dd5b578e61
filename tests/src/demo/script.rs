//! The story of the demo.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::chapter;
use super::council;
use super::decisions;
use super::delegates;
use super::kill;
use super::meeting;
use super::relays;
use super::screen::Screen;
use crate::process::{Person, RelayProcess};

const PATIENCE: Duration = Duration::from_secs(30);

/// Plays it in a folder.
pub fn play(screen: &mut Screen, folder: &Path) {
    screen.chapter("A relay, and a cell");
    let mut relay = RelayProcess::start(&folder.join("relay"));
    println!("\n  host $ caucus-relay run\n    {}", relay.address());
    let (ana, ben, cem) = (
        Person::new("ana", folder),
        Person::new("ben", folder),
        Person::new("cem", folder),
    );
    screen.see(&ana, &["init"]);
    screen.see(&ana, &["relay", "add", relay.address()]);
    let founded = screen.see(&ana, &["found", "cell", "North", "--as", "ana"]);
    screen.check("ana founds the cell", founded.code == 0);

    screen.chapter("Two come in by a link, each on a bare machine");
    let invited = ana.ask(&["invite", "North", "--uses", "2"]);
    let link = invited["link"].as_str().unwrap_or_default().to_owned();
    println!(
        "\n  ana $ caucus invite North --uses 2\n    {}...",
        link.get(..60).unwrap_or(&link)
    );
    screen.see(&ben, &["join", &link, "--as", "ben", "--no-wait"]);
    screen.see(&cem, &["join", &link, "--as", "cem", "--no-wait"]);
    let waiting = ana.until(PATIENCE, |ana| {
        (ana.ask(&["requests"])["requests"].as_array()?.len() == 2).then_some(())
    });
    screen.see(&ana, &["requests"]);
    screen.check("both requests wait for ana", waiting.is_some());
    screen.see(&ana, &["admit", "--all"]);
    for person in [&ben, &cem] {
        let inside = person.until(PATIENCE, |person| {
            let rooms = person.ask(&["rooms"]);
            (rooms["rooms"].as_array()?.len() == 1).then_some(())
        });
        screen.check(
            &format!("{} is in the room, without doing anything more", person.name),
            inside.is_some(),
        );
    }
    let third = Person::new("mal", folder);
    third.run(&["join", &link, "--as", "mal", "--no-wait"]);
    let refused = third.until(PATIENCE, |mal| {
        let joins = mal.ask(&["joins"]);
        (joins["joins"][0]["stage"] == "declined").then_some(())
    });
    screen.see(&third, &["joins"]);
    screen.check(
        "a third by the same link is refused, and told why",
        refused.is_some(),
    );

    screen.chapter("They compare codes and talk");
    let code = |person: &Person, other: &str| person.ask(&["verify", "North", other])["code"].clone();
    let (one, two) = (code(&ana, "ben"), code(&ben, "ana"));
    println!(
        "\n  ana and ben each read aloud: {}",
        one.as_str().unwrap_or_default()
    );
    screen.check("ana and ben see the same code", one == two && one != Value::Null);
    screen.see(&ana, &["say", "North", "The meeting is on Thursday at eight"]);
    let heard = ben.until(PATIENCE, |ben| (ben.said("North").len() == 1).then_some(()));
    screen.check("ben reads it", heard.is_some());
    screen.see(&ben, &["say", "North", "I bring the minutes"]);
    cem.until(PATIENCE, |cem| (cem.said("North").len() == 2).then_some(()));
    screen.see(&cem, &["read", "North"]);
    screen.check(
        "all three read the same in the same order",
        same(&[&ana, &ben, &cem]),
    );

    screen.chapter("Cem goes offline and catches up");
    screen.see(&cem, &["lock"]);
    screen.see(&ana, &["say", "North", "Cem is on the train"]);
    screen.see(&ben, &["say", "North", "He will read it later"]);
    screen.see(&cem, &["unlock"]);
    let caught_up = cem.until(PATIENCE, |cem| (cem.said("North").len() == 4).then_some(()));
    screen.see(&cem, &["read", "North"]);
    screen.check(
        "cem reads what he missed, in order",
        caught_up.is_some() && same(&[&ana, &ben, &cem]),
    );

    screen.chapter("The relay and an agent are killed in the middle");
    kill::play(screen, &mut relay, &ana, &ben, &cem);

    screen.chapter("Cem is removed");
    let before = ana.said("North").len();
    let removed = screen.see(
        &ana,
        &["remove", "North", "cem", "--reason", "he moved away", "--yes"],
    );
    screen.check("the keys of the room turned with the removal", removed.code == 0);
    let out = cem.until(PATIENCE, |cem| {
        (cem.ask(&["rooms"])["rooms"][0]["state"] == "removed").then_some(())
    });
    screen.check("cem's own device says so", out.is_some());
    screen.see(&ana, &["say", "North", "We change the place of the meeting"]);
    let heard = ben.until(PATIENCE, |ben| {
        (ben.said("North").len() == before + 1).then_some(())
    });
    screen.check("ben reads what comes after", heard.is_some());
    screen.see(&cem, &["read", "North", "--limit", "3"]);
    screen.check("cem reads nothing of it", cem.said("North").len() == before);
    let refused = screen.see(&cem, &["say", "North", "Let me in"]);
    screen.check("cem says nothing any more", refused.code != 0);
    screen.see(&ana, &["people", "North"]);
    screen.see(&ana, &["status"]);

    screen.chapter("A chapter lives by its charter");
    chapter::play(screen, folder, &ana, &ben, &cem);

    screen.chapter("A cell decides");
    decisions::play(screen, folder, &ana, &ben, &cem);
    meeting::play(screen, folder, [&ana, &ben, &cem]);

    screen.chapter("A committee and three chapters");
    third.run(&["relay", "add", relay.address()]);
    let chapters = [(&ben, "Elmstreet"), (&cem, "Harbourside"), (&third, "Millpond")];
    council::play(screen, folder, &ana, chapters);

    screen.chapter("Two cells, and two of them who meet");
    delegates::play(screen, &ana, [(&ben, "Boatyard"), (&cem, "Ropewalk")]);

    screen.chapter("A relay is killed for good");
    relays::play(screen, folder, [&ana, &ben, &cem]);

    screen.chapter("What the relay has seen");
    let needles = [
        "North",
        "ana",
        "ben",
        "cem",
        "mal",
        "The meeting is on Thursday at eight",
        "I bring the minutes",
        "Cem is on the train",
        "point 1 of ana",
        "he moved away",
        "We change the place",
        "127.0.0.1",
    ];
    let longer: Vec<&str> = needles
        .into_iter()
        .chain(chapter::NEEDLES)
        .chain(decisions::NEEDLES)
        .chain(meeting::NEEDLES)
        .chain(council::NEEDLES)
        .chain(delegates::NEEDLES)
        .chain(relays::NEEDLES)
        .filter(|needle| needle.len() > 4)
        .collect();
    screen.relay_sees(&relay, &longer);
    println!(
        "\n  It saw connections, sizes in steps of 1, 4, 16.. KiB, times, and when keys turned; not who, not what."
    );
    for person in [&ana, &ben, &cem, &third] {
        person.stop();
    }
}

pub(super) fn same(people: &[&Person]) -> bool {
    let logs: Vec<_> = people.iter().map(|person| person.said("North")).collect();
    logs.windows(2).all(|pair| pair[0] == pair[1])
}
