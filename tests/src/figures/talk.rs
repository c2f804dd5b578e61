//! Two people in a cell, each with an agent of their own, and a relay: saying, seeing, and what stays.

use std::path::Path;
use std::sync::mpsc::Receiver;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::json;

use super::figure::{Figure, Target};
use super::samples::Times;
use super::socket::Socket;
use super::vitals;
use crate::process::{Person, RelayProcess};

pub(super) const ROOM: &str = "North";
/// Texts through the sockets.
const SAYINGS: usize = 250;
/// Between two of them: people do not talk back to back, and the relay allows 50 writes a second.
pub(super) const PAUSE: Duration = Duration::from_millis(25);
/// Runs of a whole command.
const COMMANDS: usize = 40;
/// Characters of a text.
pub(super) const LENGTH: usize = 200;
/// How long something that must happen may take.
const SOON: Duration = Duration::from_secs(60);

/// Milliseconds.
const SEEN: Target = Target::below(15.0);
const COMMAND: Target = Target::below(50.0);

pub(super) fn measure(folder: &Path) -> Vec<Figure> {
    let relay = RelayProcess::start(&folder.join("relay"));
    let (ana, ben) = (Person::new("ana", folder), Person::new("ben", folder));
    meet(&relay, &ana, &ben);
    let mut figures = vec![memory(&ana)];
    let texts = Socket::of(ben.home()).follow(ROOM);
    // The first words after a join bring heartbeats and refreshed keys with them.
    Conversation::new(&ana, &texts).hold(SAYINGS / 10);
    let before = vitals::bytes(relay.data());
    let log_before = vitals::bytes(&relay.data().join("store/log"));
    let talk = Conversation::new(&ana, &texts).hold(SAYINGS);
    let grown = (vitals::bytes(relay.data()) - before) as f64 / SAYINGS as f64;
    let log_grown = (vitals::bytes(&relay.data().join("store/log")) - log_before) as f64 / SAYINGS as f64;
    figures.extend(talk.figures());
    figures.push(Figure::of(
        "disk per text",
        log_grown,
        "bytes",
        format!(
            "the relay's log, grown by {SAYINGS} texts of {LENGTH} characters said through the agent, by each; \
             with the table of heads beside it, whose file grows in steps, {grown:.0}"
        ),
    ));
    figures.extend(commands(&ana));
    ana.stop();
    ben.stop();
    figures
}

/// Ana founds the cell, Ben joins it by a link.
fn meet(relay: &RelayProcess, ana: &Person, ben: &Person) {
    ana.ask(&["init"]);
    ben.ask(&["init"]);
    let (mut a, mut b) = (Socket::of(ana.home()), Socket::of(ben.home()));
    a.ask(json!({"do": "relay_add", "address": relay.address()}));
    a.ask(json!({"do": "found", "kind": "cell", "label": ROOM, "as": "Ana"}));
    let invited = a.ask(json!({"do": "invite", "body": ROOM, "uses": 1, "minutes": 60}));
    let joining = b.ask(json!({"do": "join", "link": invited["link"], "as": "Ben"}));
    until("the request is there", || {
        let requests = a.ask(json!({"do": "requests"}));
        requests["requests"]
            .as_array()
            .is_some_and(|requests| !requests.is_empty())
    });
    a.ask(json!({"do": "admit", "all": true}));
    until("he has joined", || {
        let waited = b.ask(json!({"do": "await_join", "number": joining["number"], "milliseconds": 1000}));
        waited["joins"][0]["stage"] == "joined"
    });
    for socket in [&mut a, &mut b] {
        until("the room is live", || {
            let rooms = socket.ask(json!({"do": "rooms"}));
            rooms["rooms"][0]["live"] == true
        });
    }
    // Cuts and refreshed keys that follow a join.
    sleep(Duration::from_secs(3));
}

fn memory(ana: &Person) -> Figure {
    let status = Socket::of(ana.home()).ask(json!({"do": "status"}));
    let pid = status["pid"]
        .as_u64()
        .and_then(|pid| u32::try_from(pid).ok())
        .expect("a process");
    let (now, most) = vitals::memory(pid);
    let how = format!(
        "VmRSS of an agent with one room of two; the most so far, while hashing the passphrase, {most:.0}"
    );
    Figure::of("agent's memory", now, "MiB", how)
}

/// Ana says, Ben follows.
struct Conversation<'a> {
    socket: Socket,
    texts: &'a Receiver<(String, Instant)>,
    seen: Times,
    stored: Times,
}

impl<'a> Conversation<'a> {
    fn new(ana: &Person, texts: &'a Receiver<(String, Instant)>) -> Self {
        Self {
            socket: Socket::of(ana.home()),
            texts,
            seen: Times::new(),
            stored: Times::new(),
        }
    }

    fn hold(mut self, sayings: usize) -> Self {
        for number in 0..sayings {
            let text = format!("{number:0>LENGTH$}");
            let said = Instant::now();
            let answer = self.socket.ask(json!({"do": "say", "room": ROOM, "text": text}));
            assert_eq!(answer["is"], "stored", "{answer}");
            self.stored.add(said.elapsed());
            let (read, seen) = self.texts.recv_timeout(SOON).expect("Ben reads it");
            assert_eq!(read, text);
            self.seen.add(seen - said);
            sleep(PAUSE);
        }
        self
    }

    fn figures(&self) -> [Figure; 2] {
        let how = "from the line into one agent's socket to the line out of the other's, a relay between them, all \
                   three on loopback; both vaults and the relay have it on their disks by then";
        let answered =
            "the same: from the line into the agent's socket to its answer that it is stored and taken in";
        [
            Figure::median("say to seen", self.seen.milliseconds(), "ms", how).aim(SEEN),
            Figure::median("say to stored", self.stored.milliseconds(), "ms", answered),
        ]
    }
}

fn commands(ana: &Person) -> [Figure; 2] {
    let (mut say, mut version) = (Times::new(), Times::new());
    for number in 0..COMMANDS {
        let text = format!("{number:0>LENGTH$}");
        let start = Instant::now();
        let outcome = ana.run(&["say", ROOM, &text]);
        say.add(start.elapsed());
        assert_eq!(outcome.code, 0, "{outcome:?}");
        let start = Instant::now();
        let outcome = ana.run(&["--version"]);
        version.add(start.elapsed());
        assert_eq!(outcome.code, 0, "{outcome:?}");
        sleep(PAUSE);
    }
    [
        Figure::median(
            "caucus say",
            say.milliseconds(),
            "ms",
            "the whole process, from before it is started until after it ended, its agent running",
        )
        .aim(COMMAND),
        Figure::median(
            "caucus --version",
            version.milliseconds(),
            "ms",
            "a process that only starts and ends: what of the row above is no saying",
        ),
    ]
}

fn until(what: &str, mut look: impl FnMut() -> bool) {
    let start = Instant::now();
    while !look() {
        assert!(start.elapsed() < SOON, "waited in vain until {what}");
        sleep(Duration::from_millis(20));
    }
}
