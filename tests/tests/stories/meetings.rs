//! A meeting from its call to its adopted minutes, by the programs that people run.

use caucus_tests::process::{PATIENCE, Person, RelayProcess};
use serde_json::Value;

/// A cell of these people at a relay.
fn cell(folder: &std::path::Path, relay: &RelayProcess, names: &[&str]) -> Vec<Person> {
    let people: Vec<_> = names.iter().map(|name| Person::new(name, folder)).collect();
    let (ana, others) = people.split_first().expect("somebody");
    ana.ask(&["init"]);
    ana.ask(&["relay", "add", relay.address()]);
    ana.ask(&["found", "cell", "North", "--as", &ana.name]);
    for person in others {
        let invited = ana.ask(&["invite", "North"]);
        let link = invited["link"].as_str().expect("a link").to_owned();
        person.ask(&["join", &link, "--as", &person.name, "--no-wait"]);
        let admitted = ana.until(PATIENCE, |ana| {
            let decided = ana.run(&["--json", "admit", "--all"]).json();
            decided["decided"]
                .as_array()
                .is_some_and(|all| !all.is_empty())
                .then_some(())
        });
        assert!(admitted.is_some(), "{} is admitted", person.name);
        let inside = person.until(PATIENCE, |person| {
            let rooms = person.ask(&["rooms"]);
            rooms["rooms"][0]["live"].as_bool().filter(|live| *live)
        });
        assert!(inside.is_some(), "{} is in", person.name);
    }
    people
}

/// The first meeting, as they see it.
fn meeting(person: &Person) -> Value {
    person.run(&["--json", "meeting", "show", "North", "1"]).json()["meetings"][0].clone()
}

/// Waits until the first meeting is so for them.
fn sees(person: &Person, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    let seen = person.until(PATIENCE, |person| {
        let view = meeting(person);
        is(&view).then_some(view)
    });
    seen.unwrap_or_else(|| panic!("{}: {what}: {}", person.name, meeting(person)))
}

/// What waits for them of one kind: the command that does it.
fn waits(person: &Person, kind: &str) -> String {
    let found = person.until(PATIENCE, |person| {
        let inbox = person.ask(&["inbox"]);
        let items = inbox["items"].as_array()?;
        let item = items.iter().find(|item| item["kind"] == kind)?;
        Some(item["next"].as_str()?.to_owned())
    });
    found.unwrap_or_else(|| panic!("{}: no {kind} in {}", person.name, person.ask(&["inbox"])))
}

fn words(value: &Value) -> Vec<&str> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

#[test]
fn a_meeting_is_called_held_minuted_and_its_minutes_adopted() {
    let folder = tempfile::tempdir().expect("a folder");
    let relay = RelayProcess::start(&folder.path().join("relay"));
    let people = cell(folder.path(), &relay, &["ana", "ben", "cem"]);
    let [ana, ben, cem] = &people[..] else {
        unreachable!()
    };

    // Ben calls it; a date that is none is refused with what would be right.
    let wrong = ben.run(&["meeting", "call", "North", "--title", "T", "--at", "tomorrow"]);
    assert_eq!(wrong.code, 2);
    assert!(wrong.err.contains("2026-12-01 19:00"), "{wrong:?}");
    let tomorrow = caucus_client::calendar::stamp(
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .expect("a clock")
            .as_secs()
            / 60
            + 24 * 60,
    );
    let call = [
        "meeting",
        "call",
        "North",
        "--title",
        "The \u{1b}[31mwinter",
        "--at",
        &tomorrow,
    ];
    let called = ben.ask(&[&call[..], &["--item", "The hall", "--item", "The heating"]].concat());
    assert_eq!(called["meetings"][0]["number"], 1);
    assert_eq!(waits(cem, "meeting"), "caucus meeting show \"North\" 1");
    let list = ana.run(&["meeting", "list", "North"]);
    assert!(
        list.out.contains(&tomorrow) && !list.out.contains('\u{1b}'),
        "{list:?}"
    );

    // Cem does not guide it; ana, who may facilitate, does.
    assert_eq!(cem.run(&["meeting", "open", "North"]).code, 11);
    ana.ask(&["meeting", "open", "North"]);
    for person in [ben, cem] {
        sees(person, "it is open", |view| view["stage"] == "held");
        person.ask(&["meeting", "here", "North"]);
    }
    assert!(
        !cem.ask(&["inbox"]).to_string().contains("\"meeting\""),
        "it has begun"
    );
    sees(ana, "three are there", |view| words(&view["here"]).len() == 3);
    ana.ask(&["meeting", "item", "North", "1"]);

    // Cem asks first, ben next; ana gives the word to ben.
    cem.ask(&["meeting", "ask", "North"]);
    assert_eq!(
        waits(ana, "word"),
        "caucus meeting give \"North\" \"cem\" --meeting 1"
    );
    sees(ben, "cem asks", |view| words(&view["queue"]) == ["cem"]);
    ben.ask(&["meeting", "ask", "North"]);
    sees(ana, "both ask", |view| words(&view["queue"]) == ["cem", "ben"]);
    ana.ask(&["meeting", "give", "North", "ben"]);
    sees(cem, "ben has the word", |view| {
        view["speaker"] == "ben" && words(&view["queue"]) == ["cem"]
    });
    ana.ask(&["meeting", "give", "North", "cem"]);

    // Hands are counted; one confirms them, one contests, and the guide does neither.
    let hands = |yes| {
        [
            "meeting",
            "hands",
            "North",
            "--question",
            "Do we rent it?",
            "--yes",
            yes,
            "--no",
            "1",
        ]
    };
    assert_eq!(ana.run(&hands("3")).code, 11);
    ana.ask(&hands("2"));
    for person in [ben, cem] {
        sees(person, "the vote is there", |view| view["hands"][0]["yes"] == 2);
    }
    assert_eq!(ana.run(&["meeting", "witness", "North", "1"]).code, 11);
    ben.ask(&["meeting", "witness", "North", "1"]);
    cem.ask(&["meeting", "witness", "North", "1", "--contest"]);
    let view = sees(ana, "two witnesses", |view| {
        view["hands"][0]["contested"][0] == "cem"
    });
    assert_eq!(words(&view["hands"][0]["confirmed"]), ["ben"]);
    let shown = ana.run(&["meeting", "show", "North"]);
    assert!(
        shown
            .out
            .contains("2 for, 1 against, 0 abstained, as ana counted"),
        "{shown:?}"
    );

    // The draft says what was; nothing is sent before somebody submits it.
    ana.ask(&["meeting", "close", "North"]);
    let draft = ana.run(&["meeting", "minutes", "North"]);
    for part in [
        "## Who was there",
        "- cem from ",
        "### 1. The hall",
        "Spoke: ben, cem.",
        "### 2. The heating (not reached)",
        "Vote 1 by hands: Do we rent it?",
        "2 for, 1 against, 0 abstained, as ana counted; confirmed by ben, contested by cem.",
    ] {
        assert!(draft.out.contains(part), "{part}: {}", draft.out);
    }
    assert!(!draft.out.contains('\u{1b}'));
    assert_eq!(meeting(ana)["minutes"], Value::Null);
    let write = |how| format!("caucus meeting minutes \"North\" --meeting 1 --{how} minutes.md");
    assert_eq!(waits(ana, "draft"), write("draft"));
    let file = folder.path().join("minutes.md");
    let file = file.to_str().expect("a path");
    let json = ana.ask(&["meeting", "minutes", "North", "--draft", file]);
    let text = std::fs::read_to_string(file).expect("the draft");
    assert_eq!(json["text"].as_str(), Some(text.as_str()));
    assert_eq!(ana.run(&["meeting", "minutes", "North", "--draft", file]).code, 4);
    ana.ask(&["meeting", "minutes", "North", "--file", file]);
    assert_eq!(
        waits(ben, "minutes"),
        "caucus meeting adopt \"North\" --meeting 1"
    );
    cem.until(PATIENCE, |cem| {
        (meeting(cem)["minutes"]["version"] == 1).then_some(())
    });

    // Cem contests them; another version is written on standard input, and both who were there adopt it.
    cem.ask(&["meeting", "contest", "North", "--reason", "I counted otherwise"]);
    sees(ana, "cem contests", |view| {
        view["minutes"]["contested"][0] == "cem"
    });
    assert_eq!(waits(ana, "contested"), write("file"));
    let better = "Two were for it as ana counted, and cem counted otherwise.\n";
    let submitted = ana.run_with(&["meeting", "minutes", "North", "--file", "-"], better);
    assert_eq!(submitted.code, 0, "{submitted:?}");
    for person in [ben, cem] {
        let view = sees(person, "the second version", |view| {
            view["minutes"]["version"] == 2
        });
        assert_eq!(view["minutes"]["text"], better);
        assert_eq!(
            person.run(&["meeting", "adopt", "North"]).code,
            2,
            "nobody was asked"
        );
        person.ask(&["meeting", "adopt", "North", "--yes"]);
    }
    for person in &people {
        let view = sees(person, "they are adopted", |view| view["stage"] == "adopted");
        assert_eq!(
            (&view["attended"], &view["minutes"]["text"]),
            (&3.into(), &better.into())
        );
        assert!(!person.ask(&["inbox"]).to_string().contains("minutes"));
        person.stop();
    }
}
