//! The chapter in which a committee brings two people of different cells together: each under a fresh name, and
//! neither cell hears of the other.

use serde_json::Value;

use super::council::{COUNCIL, TERMS};
use super::screen::Screen;
use crate::process::{PATIENCE, Person};

/// What the relay must not know of it.
pub(super) const NEEDLES: [&str; 5] = [
    "Boatyard",
    "Ropewalk",
    "robin",
    "The harbour strike",
    "Where do we meet?",
];

const ABOUT: &str = NEEDLES[3];

/// Plays it: one leads the committee, the others found a cell each.
pub(super) fn play(screen: &mut Screen, lead: &Person, cells: [(&Person, &str); 2]) {
    for (person, cell) in cells {
        screen.see(person, &["found", "cell", cell, "--as", &person.name]);
        let offered = lead.ask(&[&["link", "offer", COUNCIL][..], &TERMS].concat());
        let offer = offered["offer"].as_str().unwrap_or_default().to_owned();
        person.run(&["link", "accept", cell, &offer, "--yes"]);
    }
    let linked = lead.until(PATIENCE, |lead| {
        let links = lead.ask(&["link", "list", COUNCIL]);
        let is_linked = |cell: &str| {
            let mut links = links["links"].as_array().into_iter().flatten();
            links.any(|link| link["with"] == cell && link["stage"] == "linked")
        };
        cells.iter().all(|(_, cell)| is_linked(cell)).then_some(())
    });
    screen.check(
        "two cells are linked with the committee, and not with each other",
        linked.is_some(),
    );

    let [(host, first), (guest, second)] = cells;
    let introduce = [
        "liaison",
        "introduce",
        COUNCIL,
        "--between",
        first,
        second,
        "--about",
        ABOUT,
    ];
    screen.see(lead, &introduce);
    for ((person, cell), name) in cells.into_iter().zip(["robin", "meise"]) {
        let asked = person.until(PATIENCE, |person| stands(person, cell, "open"));
        let number = asked.unwrap_or_default().to_string();
        screen.see(person, &["liaison", "list", cell]);
        screen.see(person, &["liaison", "consent", cell, &number, "--as", name]);
    }
    let rooms = [host, guest].map(|person| person.until(PATIENCE, met));
    screen.check(
        "both come into a room of their own, under fresh names",
        rooms.iter().all(Option::is_some),
    );
    let [here, there] = rooms.map(Option::unwrap_or_default);
    screen.see(host, &["say", &here, NEEDLES[4]]);
    let heard = guest.until(PATIENCE, |guest| {
        let said = guest.said(&there);
        said.iter()
            .any(|(author, text)| author == "robin" && text == NEEDLES[4])
            .then_some(())
    });
    screen.see(guest, &["read", &there]);
    screen.check("they talk, and see who introduced them", heard.is_some());
    let known = [(host, first, "meise"), (guest, second, "robin")]
        .iter()
        .any(|(person, cell, other)| {
            let log = person.ask(&["read", cell, "--since", "0", "--all"]).to_string();
            log.contains(other)
                || cells
                    .iter()
                    .any(|(_, foreign)| foreign != cell && log.contains(foreign))
        });
    screen.check("neither cell's log has a name of the other", !known);
}

/// The number of the introduction that stands so in a body.
fn stands(person: &Person, body: &str, stage: &str) -> Option<u64> {
    let listed: Value = person.ask(&["liaison", "list", body]);
    let mut all = listed["introductions"].as_array()?.iter();
    all.find(|view| view["stage"] == stage)?["number"].as_u64()
}

/// The room in which somebody met whom a committee introduced.
fn met(person: &Person) -> Option<String> {
    let listed: Value = person.ask(&["rooms"]);
    let mut rooms = listed["rooms"].as_array()?.iter();
    let room = rooms.find(|room| room["introduced"] != Value::Null && room["people"] == 2)?;
    room["name"].as_str().map(ToOwned::to_owned)
}
