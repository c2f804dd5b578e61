//! A scripted organization over a real relay process.

use std::net::SocketAddrV4;
use std::path::Path;
use std::time::{Duration, Instant};

use caucus_tests::attack::long;
use caucus_tests::needles::{Needle, address, exact_times};
use caucus_tests::process::{Cable, Person, RelayProcess};
use serde_json::Value;

use super::{remembered, written};

/// After so long without its clients no more than this is left of their addresses: QUIC's own tables keep the address
/// of each in its place until somebody else takes the place, and the stack may keep that of the last packet.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(20);
const LEFT_ON_THE_STACK: usize = 2;

/// Every string of an answer that is long enough to be an id.
pub(super) fn ids(answer: &Value, into: &mut Vec<String>) {
    match answer {
        Value::String(text) if text.len() >= 16 && !text.contains(' ') => into.push(text.clone()),
        Value::Array(all) => all.iter().for_each(|value| ids(value, into)),
        // The id of a channel is the relay's own name for it.
        Value::Object(all) => all
            .iter()
            .filter(|(name, _)| *name != "channel")
            .for_each(|(_, value)| ids(value, into)),
        _ => {}
    }
}

/// What happens, and what of it nobody else may know.
fn play(folder: &Path, relay: &str) -> (Vec<Person>, Vec<Needle>) {
    let ana = Person::new("needleana", folder);
    let ben = Person::new("needleben", folder);
    for person in [&ana, &ben] {
        person.ask(&["init"]);
    }
    ana.ask(&["relay", "add", relay]);
    ana.ask(&["found", "cell", "Nadelhausen", "--as", "nadelanna"]);
    let link = ana.ask(&["invite", "Nadelhausen"])["link"]
        .as_str()
        .expect("a link")
        .to_owned();
    ben.run(&[
        "join",
        &link,
        "--as",
        "nadelbernd",
        "--word",
        "der Heuhaufen schickt mich",
        "--no-wait",
    ]);
    let asked = ana.until(Duration::from_secs(60), |ana| {
        let requests = ana.ask(&["requests"]);
        requests.to_string().contains("nadelbernd").then_some(())
    });
    assert!(asked.is_some(), "nobody asked to join");
    ana.ask(&["admit", "--all"]);
    let inside = ben.until(Duration::from_secs(60), |ben| {
        (ben.run(&["say", "Nadelhausen", "wir treffen uns am Nadelbaum"])
            .code
            == 0)
            .then_some(())
    });
    assert!(inside.is_some(), "nobody is let in");
    ana.ask(&["say", "Nadelhausen", "und bringt den Nadelstreifen mit"]);
    let heard = ana.until(Duration::from_secs(60), |ana| {
        (ana.said("Nadelhausen").len() >= 2).then_some(())
    });
    assert!(heard.is_some(), "nobody hears the other");
    let file = folder.join("nadelkissen.txt");
    std::fs::write(&file, "im Nadelkissen steckt der Schlüssel\n".repeat(20_000)).expect("a file");
    let sent = ana.ask(&["send-file", "Nadelhausen", &file.display().to_string()]);
    let copy = folder.join("copy");
    let number = sent["number"].to_string();
    ana.ask(&[
        "get-file",
        "Nadelhausen",
        &number,
        "--to",
        &copy.display().to_string(),
    ]);
    assert_eq!(
        std::fs::read(&copy).expect("the copy"),
        std::fs::read(&file).expect("the file")
    );
    ana.ask(&["found", "committee", "Nadelkomitee", "--as", "nadelanna"]);
    let terms = ["--we", "announcements,directives", "--they", "reports"];
    let offered = ana.ask(&[&["link", "offer", "Nadelkomitee"][..], &terms].concat());
    let offer = offered["offer"].as_str().expect("an offer").to_owned();
    ana.ask(&["link", "accept", "Nadelhausen", &offer, "--yes"]);
    let linked = ana.until(Duration::from_secs(60), |ana| {
        (ana.ask(&["link", "list", "Nadelkomitee"])["links"][0]["stage"] == "linked").then_some(())
    });
    assert!(linked.is_some(), "no link");
    let (title, text) = ("die Nadelprobe beginnt", "in jedem Nadelwald zugleich");
    ana.ask(&["announce", "Nadelkomitee", text, "--title", title]);
    let title = "fädelt die Nadel ein";
    ana.ask(&[
        "directives",
        "issue",
        "Nadelkomitee",
        "mit ruhiger Hand",
        "--title",
        title,
    ]);
    let directed = ben.until(Duration::from_secs(60), |ben| {
        (ben.ask(&["directives", "list"])["directives"][0]["title"] == title).then_some(())
    });
    assert!(directed.is_some(), "no directive");
    let mut found = Vec::new();
    for person in [&ana, &ben] {
        for command in [&["rooms"][..], &["people", "Nadelhausen"], &["status"]] {
            let mut all = vec!["--json"];
            all.extend_from_slice(command);
            ids(&person.run(&all).json(), &mut found);
        }
    }
    ana.run(&[
        "remove",
        "Nadelhausen",
        "nadelbernd",
        "--reason",
        "er redet vom Nadelwald",
        "--yes",
    ]);
    found.sort();
    found.dedup();
    // The relay's own address is known to it.
    let (key, _) = relay.rsplit_once('@').expect("a place");
    let own = key.trim_start_matches("caucus://");
    found.retain(|text| !text.contains(own) && !text.starts_with('/'));
    let mut needles: Vec<_> = [
        ("a room", "Nadelhausen"),
        ("a name", "nadelanna"),
        ("a name", "nadelbernd"),
        ("a word of introduction", "der Heuhaufen schickt mich"),
        ("a text", "wir treffen uns am Nadelbaum"),
        ("a text", "und bringt den Nadelstreifen mit"),
        ("a reason", "er redet vom Nadelwald"),
        ("a linked body", "Nadelkomitee"),
        ("an announcement's title", "die Nadelprobe beginnt"),
        ("an announcement", "in jedem Nadelwald zugleich"),
        ("a directive's title", "fädelt die Nadel ein"),
        ("a directive", "mit ruhiger Hand"),
        ("a file's name", "nadelkissen.txt"),
        ("what is in a file", "im Nadelkissen steckt der Schlüssel"),
        ("a passphrase", "the long passphrase of needleana"),
        ("a passphrase", "the long passphrase of needleben"),
        ("a home", "needleana"),
    ]
    .into_iter()
    .map(|(what, text)| Needle::text(what, text))
    .collect();
    let secret = link.trim_start_matches("caucus-invite:");
    needles.push(Needle::text("the beginning of an invite", &secret[..24]));
    needles.push(Needle::text("the end of an invite", &secret[secret.len() - 24..]));
    let secret = offer.trim_start_matches("caucus-link:");
    needles.push(Needle::text("the beginning of an offer", &secret[8..32]));
    needles.push(Needle::text("the end of an offer", &secret[secret.len() - 24..]));
    assert!(found.len() >= 2, "{found:?}");
    for id in &found {
        needles.push(Needle::text("an id", id));
        for decoded in [
            data_encoding::HEXLOWER_PERMISSIVE.decode(id.as_bytes()).ok(),
            data_encoding::BASE32_NOPAD
                .decode(id.to_uppercase().as_bytes())
                .ok(),
        ]
        .into_iter()
        .flatten()
        {
            if decoded.len() >= 8 {
                needles.push(Needle::bytes("an id", &decoded));
            }
        }
    }
    (vec![ana, ben], needles)
}

#[test]
fn a_relay_that_carried_an_organization_has_none_of_it_on_its_disk_in_its_log_or_in_its_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("relay.log");
    let relay = RelayProcess::configured(&folder.path().join("relay"), "", &log, &[]);
    let cable = Cable::from(address, relay.address());
    let (people, needles) = play(folder.path(), &cable.address(relay.address()));
    let pid = relay.pid().expect("it runs");
    let seen = cable.seen();
    assert!(seen.len() >= 2, "two people came: {seen:?}");
    let places: Vec<_> = seen.iter().map(|place| Needle::address(*place)).collect();
    let bare: Vec<_> = seen
        .iter()
        .map(|place| Needle::address(SocketAddrV4::new(*place.ip(), 0)))
        .collect();
    assert_eq!(written(&needles, &relay, &log), []);
    assert_eq!(written(&places, &relay, &log), []);
    assert_eq!(written(&bare, &relay, &log), []);
    let count = needles
        .iter()
        .chain(&places)
        .map(|needle| needle.forms().len())
        .sum::<usize>();
    let Some((known, bytes)) = remembered(&needles, pid) else {
        return;
    };
    assert_eq!(known, []);
    // While somebody is there the relay must know where.
    let (here, _) = remembered(&places, pid).expect("as above");
    assert!(
        !here.is_empty(),
        "the search finds no address where there must be some"
    );
    for person in &people {
        person.stop();
    }
    let gone = Instant::now();
    let mut after = Vec::new();
    while gone.elapsed() < FORGOTTEN_AFTER {
        let (left, _) = remembered(&places, pid).expect("as above");
        after.push((gone.elapsed().as_secs(), left.len()));
        if left.is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_secs(if long() { 5 } else { 3 }));
    }
    println!(
        "R-23, R-25: {count} forms of needles in {:.1} MiB of memory and in all files: 0; addresses of {} clients after \
         they went: {after:?}",
        bytes as f64 / f64::from(1 << 20),
        seen.len()
    );
    let (left, _) = remembered(&places, pid).expect("as above");
    assert!(left.len() <= seen.len() + LEFT_ON_THE_STACK, "{left:?}");
    assert_eq!(written(&needles, &relay, &log), []);
    assert_eq!(written(&places, &relay, &log), []);
    let exact = exact_times(relay.data());
    let told: Vec<_> = exact
        .iter()
        .filter(|path| {
            !path.ends_with("relay.toml") && !path.components().any(|part| part.as_os_str() == "heads")
        })
        .collect();
    assert!(told.is_empty(), "{told:?}");
}
