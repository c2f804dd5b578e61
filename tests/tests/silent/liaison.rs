//! Two cells and a committee over a real relay process: what whoever has all of the relay, and knows what is public of the
//! three bodies, can tie together.

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use caucus_proto::id::{ChannelId, Hours, Position};
use caucus_server::store::Store;
use caucus_server::store::embedded::{Embedded, Options};
use caucus_tests::needles::{Needle, address};
use caucus_tests::process::{Cable, Person, RelayProcess};
use serde_json::Value;

use super::organization::ids;
use super::{remembered, written};

/// Bytes that two channels share by no chance.
const WINDOW: usize = 16;

/// People wait so long for what must happen.
const SOON: Duration = Duration::from_secs(90);

/// A room of the script: the channel and what of it was told to whom it belongs.
struct Known {
    what: &'static str,
    channel: ChannelId,
}

fn room(person: &Person, is: impl Fn(&Value) -> bool) -> Option<Value> {
    let rooms = person.ask(&["rooms"]);
    rooms["rooms"].as_array()?.iter().find(|room| is(room)).cloned()
}

fn channel(room: &Value) -> ChannelId {
    let text = room["channel"].as_str().expect("a channel");
    let bytes = data_encoding::HEXLOWER_PERMISSIVE
        .decode(text.as_bytes())
        .or_else(|_| data_encoding::BASE32_NOPAD.decode(text.to_uppercase().as_bytes()));
    ChannelId(bytes.expect("an id").try_into().expect("32 bytes"))
}

/// Three bodies, a liaison, and a talk.
fn play(folder: &Path, relay: &str) -> (Vec<Person>, Vec<Needle>, Vec<Known>) {
    let (ana, ben, carl) = (
        Person::new("needleana", folder),
        Person::new("needleben", folder),
        Person::new("needlecarl", folder),
    );
    for person in [&ana, &ben, &carl] {
        person.ask(&["init"]);
        person.ask(&["relay", "add", relay]);
    }
    carl.ask(&["found", "committee", "Nadelkomitee", "--as", "nadelkarl"]);
    let cells = [
        (&ana, "Nadelnord", "nadelanna", "nadelrobin"),
        (&ben, "Nadelsued", "nadelbernd", "nadelmeise"),
    ];
    for (person, label, name, _) in cells {
        person.ask(&["found", "cell", label, "--as", name]);
        let terms = ["--we", "announcements,directives", "--they", "reports"];
        let offered = carl.ask(&[&["link", "offer", "Nadelkomitee"][..], &terms].concat());
        let offer = offered["offer"].as_str().expect("an offer").to_owned();
        person.ask(&["link", "accept", label, &offer, "--yes"]);
        let linked = carl.until(SOON, |carl| {
            let links = carl.ask(&["link", "list", "Nadelkomitee"]);
            let all = links["links"].as_array()?;
            all.iter().any(|link| link["with"] == label).then_some(())
        });
        assert!(linked.is_some(), "no link with {label}");
    }
    let about = "der Nadelstreik";
    let between = ["--between", "Nadelnord", "Nadelsued", "--about", about];
    carl.ask(&[&["liaison", "introduce", "Nadelkomitee"][..], &between].concat());
    for (person, label, _, fresh) in cells {
        let asked = person.until(SOON, |person| {
            let list = person.ask(&["liaison", "list"]);
            (list["introductions"][0]["stage"] == "open").then_some(())
        });
        assert!(asked.is_some(), "{label} is not asked");
        // It may wait on the device for a moment.
        let consents = person.run(&["liaison", "consent", label, "1", "--as", fresh]);
        assert!([0, 3].contains(&consents.code), "{label}: {}", consents.code);
    }
    let met = |room: &Value| room["introduced"]["signed"] == true && room["people"] == 2;
    let mut rooms = Vec::new();
    for (person, label, ..) in cells {
        let direct = person.until(SOON, |person| room(person, met));
        rooms.push((label, direct.expect("they meet")));
    }
    let texts = ["von Nadelspitze zu Nadelspitze", "und wieder durchs Nadelloehr"];
    for ((person, ..), ((_, direct), text)) in cells.iter().zip(rooms.iter().zip(texts)) {
        let name = direct["name"].as_str().expect("a name");
        let said = person.until(SOON, |person| {
            (person.run(&["say", name, text]).code == 0).then_some(())
        });
        assert!(said.is_some(), "nothing is said");
    }
    let heard = ana.until(SOON, |ana| {
        let name = rooms[0].1["name"].as_str()?;
        ana.said(name)
            .iter()
            .any(|(_, text)| text == texts[1])
            .then_some(())
    });
    assert!(heard.is_some(), "they do not hear each other");

    let of =
        |person: &Person, label: &str| channel(&room(person, |room| room["name"] == label).expect("a room"));
    let known = vec![
        Known {
            what: "the direct room",
            channel: channel(&rooms[0].1),
        },
        Known {
            what: "the first cell",
            channel: of(&ana, "Nadelnord"),
        },
        Known {
            what: "the second cell",
            channel: of(&ben, "Nadelsued"),
        },
        Known {
            what: "the committee",
            channel: of(&carl, "Nadelkomitee"),
        },
    ];
    let mut found = Vec::new();
    for person in [&ana, &ben, &carl] {
        ids(&person.ask(&["rooms"]), &mut found);
        ids(&person.ask(&["map"]), &mut found);
    }
    for (person, label, ..) in cells {
        ids(&person.ask(&["people", label]), &mut found);
    }
    found.sort();
    found.dedup();
    let (key, _) = relay.rsplit_once('@').expect("a place");
    let own = key.trim_start_matches("caucus://");
    found.retain(|text| !text.contains(own) && !text.starts_with('/'));
    // Three bodies and the room of two.
    assert!(found.len() >= 4, "{found:?}");
    let mut needles: Vec<_> = [
        "Nadelnord",
        "Nadelsued",
        "Nadelkomitee",
        "nadelanna",
        "nadelbernd",
        "nadelkarl",
        "nadelrobin",
        "nadelmeise",
        about,
        texts[0],
        texts[1],
    ]
    .into_iter()
    .map(|text| Needle::text("a name or a text", text))
    .collect();
    for id in &found {
        needles.push(Needle::text("an id", id));
        let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(id.as_bytes());
        let bytes = bytes.or_else(|_| data_encoding::BASE32_NOPAD.decode(id.to_uppercase().as_bytes()));
        if let Ok(bytes) = bytes
            && bytes.len() >= 8
        {
            needles.push(Needle::bytes("an id", &bytes));
        }
    }
    (vec![ana, ben, carl], needles, known)
}

/// All that the relay keeps of a channel: public keys, then entries.
async fn kept(store: &Embedded, channel: ChannelId) -> Vec<Vec<u8>> {
    let (guard, _) = store.guard(channel).await.expect("a store").expect("a channel");
    let mut parts = vec![
        channel.0.to_vec(),
        guard.access.append.to_vec(),
        guard.access.read.to_vec(),
    ];
    parts.extend(guard.controls.iter().map(|key| key.to_vec()));
    parts.extend(
        guard
            .segments
            .iter()
            .flat_map(|segment| &segment.readers)
            .map(|key| key.to_vec()),
    );
    let mut after = Position(0);
    loop {
        let read = store
            .read(channel, after, 1 << 20, Hours(0))
            .await
            .expect("entries");
        let Some(last) = read.last() else { break };
        after = last.position;
        parts.extend(read.iter().map(|entry| entry.bytes.to_vec()));
    }
    parts
}

/// What ties two channels: bytes that both have.
fn shared(one: &[Vec<u8>], other: &[Vec<u8>]) -> usize {
    let windows = |parts: &[Vec<u8>]| -> HashSet<[u8; WINDOW]> {
        let all = parts.iter().flat_map(|part| part.windows(WINDOW));
        all.map(|window| window.try_into().expect("its size")).collect()
    };
    windows(one).intersection(&windows(other)).count()
}

#[test]
fn whoever_has_all_of_the_relay_ties_the_room_of_two_who_were_introduced_to_no_cell_and_no_committee() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("relay.log");
    let mut relay = RelayProcess::configured(&folder.path().join("relay"), "", &log, &[]);
    let cable = Cable::from(address, relay.address());
    let (people, needles, known) = play(folder.path(), &cable.address(relay.address()));
    // Names, texts and ids of the three bodies, their people and the room: on the disk, in the log, in the memory.
    assert_eq!(written(&needles, &relay, &log), []);
    let memory = remembered(&needles, relay.pid().expect("it runs"));
    if let Some((found, bytes)) = &memory {
        assert_eq!(found, &[]);
        println!(
            "N-20: {} needles in {bytes} bytes of memory and in all files: 0",
            needles.len()
        );
    }
    // What is left is where they come from: the relay, and so whoever has it, must know that.
    let seen: Vec<_> = cable.seen().into_iter().map(Needle::address).collect();
    if let Some((here, _)) = remembered(&seen, relay.pid().expect("it runs")) {
        assert!(
            !here.is_empty(),
            "the search finds no address where there must be some"
        );
    }
    for person in &people {
        person.stop();
    }
    relay.kill();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let store =
            Embedded::open(&relay.data().join("store"), Options::default()).expect("the relay's store");
        let mut all = Vec::new();
        for one in &known {
            all.push((one.what, kept(&store, one.channel).await));
        }
        let (_, direct) = &all[0];
        assert!(direct.len() > 12, "keys and entries: {}", direct.len());
        for (what, other) in &all[1..] {
            assert_eq!(shared(direct, other), 0, "the room of two and {what}");
            // The same search finds a tie where there is one.
            let mut tied = direct.clone();
            tied.push(other[1].clone());
            assert!(shared(&tied, other) > 0);
        }
        store.close().await.expect("closed");
    });
}
