//! Case M-07: the relay goes back to an earlier log. With real relays and real agents: its folder is put back as it
//! was yesterday, before a cut or not; and it goes on from two copies of one folder.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use caucus_client::app::Answer;
use caucus_tests::process::{AgentProcess, PATIENCE, RelayProcess, binaries};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::scene::{SOON, Scene, reads, standing};
use super::virtually;
use crate::kills::cell::{await_settled, cell, log_of};

#[test]
fn a_relay_that_ends_earlier_than_before_is_told_at_the_first_look_and_caught_up_with() {
    virtually(async {
        let scene = Scene::set(141).await;
        let (ana, ben) = (&scene.people[0], &scene.people[1]);
        scene.says(ana, "today").await;
        let end = scene.end();
        scene.liar.lie(ben.device, move |log| {
            log[..log.len().min(end.0 as usize - 2)]
                .iter()
                .map(|kept| kept.entry.clone())
                .collect()
        });
        let (found, took) = scene.notices(ben, "set_back", Duration::from_secs(60)).await;
        println!("set back: noticed after {} s", took.as_secs());
        assert_eq!(
            (found.here, found.there),
            (end.0.to_string(), (end.0 - 2).to_string())
        );
        let answer = ben.try_say("waits").await;
        assert!(
            matches!(&answer, Answer::Queued { why, .. } if why.contains("set back")),
            "{answer:?}"
        );
        scene.restart(ben).await;
        assert_eq!(standing(&ben.status().await).len(), 1);
        sleep(Duration::from_secs(600)).await;
        assert_eq!(reads(ben, "today").await, 1, "what was read stays");
        scene.liar.tell_the_truth(ben.device);
        for person in &scene.people {
            person.hears("waits", SOON).await;
        }
        scene.is_well(ben, SOON).await;
        scene.ends().await;
    });
}

fn copy(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    let done = Command::new("cp")
        .arg("-a")
        .arg(from)
        .arg(to)
        .status()
        .expect("cp");
    assert!(done.success());
}

/// What stands against the relay, as the agent tells it.
fn lies(person: &AgentProcess) -> Vec<Value> {
    let status = person.ask(&json!({"do": "status"}));
    let all = status["rooms"][0]["contradictions"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    all.into_iter().filter(|one| one["stands"] == true).collect()
}

fn notices(person: &AgentProcess, kind: &str) -> Value {
    let found = person.until(PATIENCE, |person| {
        lies(person).into_iter().find(|one| one["kind"] == kind)
    });
    found.unwrap_or_else(|| {
        panic!(
            "{}: {kind}: {}",
            person.name,
            person.ask(&json!({"do": "status"}))
        )
    })
}

fn says(person: &AgentProcess, text: &str) -> Value {
    person.ask(&json!({"do": "say", "room": "North", "text": text}))
}

/// What `caucus status` prints.
fn printed(person: &AgentProcess) -> String {
    let told = Command::new(binaries().join("caucus"))
        .arg("--home")
        .arg(person.home())
        .arg("status")
        .env("NO_COLOR", "1")
        .output()
        .expect("caucus");
    assert!(told.status.success(), "{told:?}");
    String::from_utf8_lossy(&told.stdout).into_owned()
}

#[test]
fn a_relay_whose_folder_is_put_back_as_it_was_yesterday_is_told_and_loses_nothing_when_it_is_put_right() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("relay");
    let mut relay = RelayProcess::start(&data);
    let (mut people, _) = cell(folder.path(), relay.address(), &["ana", "ben"]);
    says(&people[0], "yesterday");
    await_settled(&people.iter().collect::<Vec<_>>(), PATIENCE).expect("settled");
    relay.kill();
    let (yesterday, today) = (folder.path().join("yesterday"), folder.path().join("today"));
    copy(&data, &yesterday);
    relay.start_again();
    says(&people[1], "today");
    await_settled(&people.iter().collect::<Vec<_>>(), PATIENCE).expect("settled");
    relay.kill();
    copy(&data, &today);
    copy(&yesterday, &data);
    relay.start_again();
    let before = relay.entry_bytes();
    for person in &people {
        let found = notices(person, "set_back");
        assert!(
            found["words"]
                .as_str()
                .expect("words")
                .contains("the relay was set back")
        );
    }
    // In words, with what stands against what, and what to do; after a crash of the agent too.
    people[0].kill();
    people[0].start_again();
    notices(&people[0], "set_back");
    let told = printed(&people[0]);
    for word in [
        "the relay was set back",
        "contradicted North, entry",
        "verified here",
        "ask whoever runs the relay",
    ] {
        assert!(told.contains(word), "{word}: {told}");
    }
    let answer = says(&people[0], "in between");
    assert_eq!(answer["is"], "queued", "{answer}");
    assert_eq!(relay.entry_bytes(), before, "nothing was sent");
    relay.kill();
    copy(&today, &data);
    relay.start_again();
    let all: Vec<&AgentProcess> = people.iter().collect();
    await_settled(&all, PATIENCE).expect("all is well again");
    for person in &all {
        let read: Vec<String> = log_of(person, 0)
            .0
            .said
            .into_values()
            .map(|(_, text)| text)
            .collect();
        assert_eq!(read, ["yesterday", "today", "in between"]);
        assert!(lies(person).is_empty());
    }
}

#[test]
fn a_relay_that_is_put_back_to_before_the_keys_turned_is_told_as_that_and_nobody_cuts_on_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("relay");
    let mut relay = RelayProcess::start(&data);
    let (people, _) = cell(folder.path(), relay.address(), &["ana", "ben", "cem"]);
    let all: Vec<&AgentProcess> = people.iter().collect();
    says(&people[0], "yesterday");
    await_settled(&all, PATIENCE).expect("settled");
    relay.kill();
    let (yesterday, today) = (folder.path().join("yesterday"), folder.path().join("today"));
    copy(&data, &yesterday);
    relay.start_again();
    people[0].ask(&json!({"do": "remove", "body": "North", "name": "cem"}));
    let cut = people[0].until(PATIENCE, |ana| {
        let room = &ana.ask(&json!({"do": "status"}))["rooms"][0];
        (room["people"] == 2 && room["uncut"].as_array()?.is_empty()).then_some(())
    });
    assert!(cut.is_some(), "the keys did not turn");
    // Who is out knows it: to a device that does not, yesterday's log is in order.
    let out = people[2].until(PATIENCE, |cem| {
        (cem.ask(&json!({"do": "status"}))["rooms"][0]["state"] == "removed").then_some(())
    });
    assert!(out.is_some(), "cem has not heard of it");
    await_settled(&all[..2], PATIENCE).expect("settled");
    relay.kill();
    copy(&data, &today);
    copy(&yesterday, &data);
    relay.start_again();
    let before = relay.entry_bytes();
    for person in &all[..2] {
        notices(person, "set_back");
    }
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(
        relay.entry_bytes(),
        before,
        "no commit and no cut was sent to the log of yesterday"
    );
    relay.kill();
    copy(&today, &data);
    relay.start_again();
    await_settled(&all[..2], PATIENCE).expect("all is well again");
    says(&people[1], "on we go");
    await_settled(&all[..2], PATIENCE).expect("settled");
    assert!(
        log_of(&people[0], 0)
            .0
            .said
            .into_values()
            .any(|(_, text)| text == "on we go")
    );
}

#[test]
fn two_relays_of_one_key_that_go_on_from_copies_of_one_folder_are_two_histories_and_nobody_merges_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("relay");
    let mut relay = RelayProcess::start(&data);
    let (mut people, _) = cell(folder.path(), relay.address(), &["ana", "ben"]);
    says(&people[0], "before");
    await_settled(&people.iter().collect::<Vec<_>>(), PATIENCE).expect("settled");
    relay.kill();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    copy(&data, &second);
    // Ana alone on the first copy.
    people[1].kill();
    relay.start_again();
    let stored = people[0].until(PATIENCE, |ana| {
        (says(ana, "on the first")["is"] == "stored").then_some(())
    });
    assert!(stored.is_some());
    people[0].kill();
    relay.kill();
    copy(&data, &first);
    // Ben alone on the second.
    copy(&second, &data);
    relay.start_again();
    people[1].start_again();
    let stored = people[1].until(PATIENCE, |ben| {
        (says(ben, "on the second")["is"] == "stored").then_some(())
    });
    assert!(stored.is_some());
    // Ana is led to the second, where she has read the first.
    people[0].start_again();
    let found = notices(&people[0], "rewritten");
    assert_ne!(found["here"], found["there"]);
    assert!(
        found["proof"]
            .as_str()
            .is_some_and(|proof| proof.len() >= 2 * 1024),
        "the other entry is kept"
    );
    assert!(printed(&people[0]).contains("the relay shows another entry"));
    assert_eq!(says(&people[0], "waits")["is"], "queued");
    let read = |person: &AgentProcess| -> Vec<String> {
        let said = log_of(person, 0).0.said;
        said.into_values().map(|(_, text)| text).collect()
    };
    assert_eq!(read(&people[0]), ["before", "on the first"]);
    assert!(!read(&people[1]).contains(&"waits".to_owned()));
    // Back on the first, all goes on for her by itself; now it is Ben who was shown another.
    relay.kill();
    copy(&first, &data);
    relay.start_again();
    let sent = people[0].until(PATIENCE, |ana| {
        read(ana).contains(&"waits".to_owned()).then_some(())
    });
    assert!(sent.is_some(), "{}", people[0].ask(&json!({"do": "status"})));
    assert!(lies(&people[0]).is_empty());
    assert_eq!(read(&people[0]), ["before", "on the first", "waits"]);
    let ben = people[1].until(PATIENCE, |ben| {
        let found = lies(ben);
        let parted = |one: &Value| one["kind"] == "rewritten" || one["kind"] == "set_back";
        found.iter().any(parted).then_some(())
    });
    assert!(ben.is_some(), "{}", people[1].ask(&json!({"do": "status"})));
    assert!(!read(&people[1]).contains(&"on the first".to_owned()));
}
