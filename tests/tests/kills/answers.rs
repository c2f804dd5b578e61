//! Answers that are lost on the way: an entry is stored, and whoever sent it is not told.

use std::time::{Duration, Instant};

use caucus_tests::process::{AgentProcess, Cable, Line, PATIENCE, RelayProcess};
use serde_json::json;
use tempfile::TempDir;

use super::cell::{await_settled, cell, log_of};

/// A relay behind a cable, and a cell of two whose founder is about to speak.
struct Scene {
    folder: TempDir,
    relay: RelayProcess,
    cable: Cable,
    people: Vec<AgentProcess>,
}

impl Scene {
    fn set() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let relay = RelayProcess::start(&folder.path().join("relay"));
        let cable = Cable::to(relay.address());
        let address = cable.address(relay.address());
        let (people, _) = cell(folder.path(), &address, &["ana", "ben"]);
        Self {
            folder,
            relay,
            cable,
            people,
        }
    }

    /// Says texts at once and waits until the relay has stored something of it, while its answers are cut off.
    fn say_unanswered(&self, texts: u64) -> Line {
        let mut line = self.people[0].line().expect("an agent");
        line.ask(&json!({"do": "say", "room": "North", "text": "before"}), PATIENCE)
            .expect("an answer");
        await_settled(&self.people.iter().collect::<Vec<_>>(), PATIENCE).expect("all read it");
        self.cable.pass(true, false);
        let before = self.relay.entry_bytes();
        for number in 0..texts {
            line.send(&json!({"do": "say", "room": "North", "text": format!("text {number}")}))
                .expect("to send");
        }
        let start = Instant::now();
        while self.relay.entry_bytes() == before {
            assert!(start.elapsed() < PATIENCE, "the relay stored nothing");
            std::thread::sleep(Duration::from_millis(1));
        }
        line
    }

    /// Everybody reads these texts once, in one order, and can say another.
    fn stands_once(&self, texts: u64) {
        let people: Vec<&AgentProcess> = self.people.iter().collect();
        let came = self.people[0].until(PATIENCE, |ana| {
            (log_of(ana, 0).0.said.len() as u64 > texts).then_some(())
        });
        assert!(came.is_some(), "{:?}", log_of(people[0], 0));
        for person in &self.people {
            person.ask(&json!({"do": "say", "room": "North", "text": format!("{} is here", person.name)}));
        }
        let settled = await_settled(&people, PATIENCE);
        assert!(settled.is_ok(), "{settled:?}");
        let logs: Vec<_> = people.iter().map(|person| log_of(person, 0).0.said).collect();
        assert_eq!(logs[0], logs[1]);
        let mut read: Vec<String> = logs[0].values().map(|(_, text)| text.clone()).collect();
        let mut wanted: Vec<String> = (0..texts).map(|number| format!("text {number}")).collect();
        wanted.extend(["before", "ana is here", "ben is here"].map(str::to_owned));
        read.sort();
        wanted.sort();
        assert_eq!(read, wanted);
        assert!(self.folder.path().exists());
    }
}

#[test]
fn a_relay_killed_between_flush_and_answer_has_the_text_once() {
    let mut scene = Scene::set();
    let _line = scene.say_unanswered(1);
    scene.relay.kill();
    scene.relay.start_again();
    scene.cable.pass(true, true);
    scene.stands_once(1);
}

#[test]
fn an_agent_killed_between_the_relays_flush_and_its_answer_has_the_text_once() {
    let mut scene = Scene::set();
    let line = scene.say_unanswered(1);
    scene.people[0].kill();
    drop(line);
    scene.cable.pass(true, true);
    scene.people[0].start_again();
    scene.stands_once(1);
}

#[test]
fn a_connection_lost_in_the_middle_of_a_batch_leaves_every_text_once() {
    let scene = Scene::set();
    let mut line = scene.say_unanswered(20);
    scene.cable.pass(false, false);
    // Until both ends have given the connection up.
    std::thread::sleep(Duration::from_secs(11));
    scene.cable.pass(true, true);
    for _ in 0..20 {
        let heard = line.hear(PATIENCE).expect("an answer");
        assert!(
            ["stored", "queued"].contains(&heard["ok"]["is"].as_str().unwrap_or_default()),
            "{heard}"
        );
    }
    scene.stands_once(20);
}

#[test]
fn a_relay_and_the_author_killed_together_in_the_middle_of_a_batch_leave_every_text_once() {
    let mut scene = Scene::set();
    let mut line = scene.say_unanswered(20);
    // All twenty lie in the vault before any is answered: the first answers say so.
    for _ in 0..20 {
        let heard = line.hear(PATIENCE).expect("an answer");
        assert_eq!(heard["ok"]["is"], "queued", "{heard}");
    }
    scene.relay.kill();
    scene.people[0].kill();
    scene.relay.start_again();
    scene.cable.pass(true, true);
    scene.people[0].start_again();
    scene.stands_once(20);
}
