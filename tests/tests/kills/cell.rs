//! A relay and a cell of real processes.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use caucus_tests::process::{AgentProcess, PATIENCE};
use serde_json::json;

use super::verdict::Log;

/// A cell "North" of these people, by the relay's address as they are to know it. The first founds it. Gives the
/// people and a link for one more.
pub fn cell(folder: &Path, address: &str, names: &[&str]) -> (Vec<AgentProcess>, String) {
    let people: Vec<AgentProcess> = names.iter().map(|name| AgentProcess::new(name, folder)).collect();
    let (ana, others) = people.split_first().expect("somebody");
    ana.ask(&json!({"do": "relay_add", "address": address}));
    ana.ask(&json!({"do": "found", "kind": "cell", "label": "North", "as": ana.name}));
    let invited = ana.ask(&json!({"do": "invite", "body": "North", "uses": names.len(), "minutes": 600}));
    let link = invited["link"].as_str().expect("a link").to_owned();
    for person in others {
        ask_in(person, &link);
    }
    let waiting = ana.until(PATIENCE, |ana| {
        let requests = ana.ask(&json!({"do": "requests"}));
        (requests["requests"].as_array()?.len() == others.len()).then_some(())
    });
    assert!(waiting.is_some(), "the requests did not come");
    ana.ask(&json!({"do": "admit", "all": true}));
    for person in others {
        let inside = person.until(PATIENCE, came_in);
        assert!(inside.is_some(), "{} did not come in", person.name);
    }
    (people, link)
}

/// Asks to join.
pub fn ask_in(person: &AgentProcess, link: &str) {
    person.ask(&json!({"do": "join", "link": link, "as": person.name}));
}

/// Whether somebody is in the room, and from which position at the latest.
pub fn came_in(person: &AgentProcess) -> Option<u64> {
    let rooms = person.try_ask(&json!({"do": "rooms"})).ok()?;
    let room = &rooms["rooms"][0];
    (room["state"] == "open").then(|| room["position"].as_u64())?
}

/// How far somebody has read, where everything that they said stands.
pub fn settled(person: &AgentProcess) -> Option<u64> {
    let status = person.try_ask(&json!({"do": "status"})).ok()?;
    let room = &status["rooms"][0];
    (room["unsent"] == 0 && room["state"] == "open" && room["live"] == true)
        .then(|| room["position"].as_u64())?
}

/// Waits until everybody has read equally far and nothing is unsent; what is not so, if it does not come to that.
pub fn await_settled(people: &[&AgentProcess], patience: Duration) -> Result<(), String> {
    let first = people.first().expect("somebody");
    let all = first.until(patience, |_| {
        let read: Option<Vec<u64>> = people.iter().map(|person| settled(person)).collect();
        read?.windows(2).all(|pair| pair[0] == pair[1]).then_some(())
    });
    all.ok_or_else(|| {
        people
            .iter()
            .map(|person| {
                let status = person.try_ask(&json!({"do": "status"}));
                format!("{}: {status:?}", person.name)
            })
            .collect::<Vec<_>>()
            .join("\n")
    })
}

/// Everything that somebody reads, and how many entries changed nothing.
pub fn log_of(person: &AgentProcess, since: u64) -> (Log, u64) {
    let mut said = BTreeMap::new();
    let mut no_ops = 0;
    let mut after = 0;
    loop {
        let page =
            person.ask(&json!({"do": "read", "room": "North", "since": after, "limit": 1000, "all": true}));
        let messages = page["messages"].as_array().cloned().unwrap_or_default();
        let Some(last) = messages.last() else { break };
        after = last["position"].as_u64().expect("a position");
        for message in &messages {
            let word = |key: &str| message[key].as_str().unwrap_or_default().to_owned();
            match message["kind"].as_str() {
                Some("said") => {
                    let position = message["position"].as_u64().expect("a position");
                    said.insert(position, (word("author"), word("text")));
                }
                Some("no_op") => no_ops += 1,
                _ => {}
            }
        }
    }
    let log = Log {
        name: person.name.clone(),
        since,
        said,
    };
    (log, no_ops)
}
