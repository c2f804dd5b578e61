//! The chapter in which a body lives by a charter: it is founded by rules of its own, volunteers come in, are vouched for, accept the
//! points of unity and become members, and one is suspended and removed from every room.

use std::path::Path;

use super::screen::Screen;
use crate::process::{PATIENCE, Person};

const BODY: &str = "Harbour";

/// What the relay must not know of it.
pub(super) const NEEDLES: [&str; 4] = [
    "Harbour",
    "The soup is ready",
    "Nobody is evicted",
    "took the money box",
];

/// Plays it.
pub(super) fn play(screen: &mut Screen, folder: &Path, ana: &Person, ben: &Person, cem: &Person) {
    let charter = folder.join("harbour.toml").display().to_string();
    screen.see(ana, &["charter", "draft", "chapter", &charter]);
    // The days that people wait in life are none here.
    let text = std::fs::read_to_string(&charter).unwrap_or_default();
    let text = text.replacen(
        "sphere = \"member\"\ndays = 30",
        "sphere = \"member\"\ndays = 0",
        1,
    );
    let text = text.replacen("vouches = 2\ndays = 30", "vouches = 1\ndays = 0", 1);
    std::fs::write(&charter, text).expect("a file");
    let refused = {
        let bad = folder.join("bad.toml").display().to_string();
        let text = std::fs::read_to_string(&charter).unwrap_or_default();
        std::fs::write(&bad, text.replace("\"keys\", ", "\"keys\", \"remove\", ")).expect("a file");
        screen.see(ana, &["charter", "check", &bad])
    };
    screen.check(
        "rules that no body could live by are refused, in words",
        refused.code == 4,
    );
    let founded = screen.see(
        ana,
        &["found", "chapter", BODY, "--as", "ana", "--charter", &charter],
    );
    screen.check("ana founds a chapter by rules of her own", founded.code == 0);
    screen.see(ana, &["charter", "show", BODY]);

    for person in [ben, cem] {
        comes_in(screen, ana, person);
    }
    screen.see(ben, &["say", BODY, "The soup is ready"]);
    screen.see(cem, &["read", BODY]);
    screen.check(
        "volunteers talk in a room of their own, and have no other",
        is_in(ben, "Harbour/open") && !knows(ben, BODY),
    );
    for person in [ben, cem] {
        ana.until(PATIENCE, |ana| {
            (ana.run(&["promote", BODY, &person.name]).code == 0).then_some(())
        });
        let in_members = is_in(person, BODY);
        screen.check(
            &format!("{} is a member, and where it is decided", person.name),
            in_members,
        );
    }
    let dia = Person::new("dia", folder);
    asks(ana, &dia);
    let waits = ben.until(PATIENCE, |ben| has(ben, "vouch"));
    screen.see(ben, &["inbox"]);
    screen.check("ben's inbox asks whether he knows dia", waits.is_some());
    let early = screen.see(ana, &["admit", "--all"]);
    screen.check(
        "without a vouch of another dia is not admitted, not even by the founder",
        early.code == 11,
    );
    screen.see(ben, &["vouch", BODY, "dia"]);
    cem.until(PATIENCE, |cem| has(cem, "vouch"));
    screen.see(cem, &["vouch", BODY, "dia"]);
    ana.until(PATIENCE, |ana| has(ana, "request"));
    screen.see(ana, &["requests", BODY]);
    screen.see(ana, &["admit", "--all"]);
    screen.check("with it she is", is_in(&dia, "Harbour/open"));

    let unity = folder.join("unity.txt");
    std::fs::write(&unity, "Nobody is evicted while we are here.\n").expect("a file");
    let wording = format!("en={}", unity.display());
    screen.see(ana, &["principles", "set", BODY, &wording]);
    dia.until(PATIENCE, |dia| has(dia, "accept"));
    screen.see(&dia, &["inbox"]);
    let early = screen.see(ana, &["promote", BODY, "dia"]);
    screen.check(
        "who has not accepted the points of unity does not become a member",
        early.code == 11,
    );
    screen.see(&dia, &["principles", "accept", BODY, "--yes"]);
    screen.see(ben, &["vouch", BODY, "dia"]);
    let promoted = ana.until(PATIENCE, |ana| {
        (ana.run(&["promote", BODY, "dia"]).code == 0).then_some(())
    });
    screen.check(
        "dia has accepted, ben vouches, and she becomes a member",
        promoted.is_some() && is_in(&dia, BODY),
    );
    screen.see(ana, &["open", BODY, "core"]);
    screen.see(ana, &["rooms"]);

    let forged = screen.see(cem, &["promote", BODY, "cem"]);
    screen.check("cem, who holds no office, promotes nobody", forged.code == 11);
    screen.see(
        ana,
        &["suspend", BODY, "ben", "--reason", "he took the money box"],
    );
    let handed = ana.until(PATIENCE, |ana| {
        let people = ana.ask(&["people", BODY]);
        let cem = people["people"]
            .as_array()?
            .iter()
            .find(|one| one["name"] == "cem")?;
        (cem["offices"][0]["office"] == "keyholder").then_some(())
    });
    screen.see(ana, &["people", BODY]);
    screen.check(
        "while ben is under review his keys are with the next in line",
        handed.is_some(),
    );
    let removed = screen.see(ana, &["remove", BODY, "ben", "--yes"]);
    screen.check(
        "ben is removed from every room, and the keys turn",
        removed.code == 0,
    );
    let gone = ben.until(PATIENCE, |ben| {
        (!knows(ben, BODY) && !knows(ben, "Harbour/open")).then_some(())
    });
    screen.check("ben is in none of them any more", gone.is_some());
    dia.stop();
}

fn asks(ana: &Person, person: &Person) {
    let invited = ana.ask(&["invite", BODY]);
    let link = invited["link"].as_str().unwrap_or_default().to_owned();
    person.run(&["join", &link, "--as", &person.name, "--no-wait"]);
    ana.until(PATIENCE, |ana| {
        (!ana.ask(&["requests", BODY])["requests"].as_array()?.is_empty()).then_some(())
    });
}

fn comes_in(screen: &mut Screen, ana: &Person, person: &Person) {
    asks(ana, person);
    ana.until(PATIENCE, |ana| {
        (ana.run(&["admit", "--all"]).code == 0).then_some(())
    });
    let there = is_in(person, "Harbour/open");
    screen.check(&format!("{} is in as a volunteer", person.name), there);
}

fn knows(person: &Person, room: &str) -> bool {
    let rooms = person.ask(&["rooms"]);
    let known = rooms["rooms"].as_array();
    known.is_some_and(|rooms| {
        rooms
            .iter()
            .any(|known| known["name"] == room && known["live"] == true)
    })
}

fn is_in(person: &Person, room: &str) -> bool {
    person
        .until(PATIENCE, |person| knows(person, room).then_some(()))
        .is_some()
}

fn has(person: &Person, kind: &str) -> Option<()> {
    let inbox = person.ask(&["inbox"]);
    inbox["items"]
        .as_array()?
        .iter()
        .any(|item| item["kind"] == kind)
        .then_some(())
}
