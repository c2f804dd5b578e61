//! Which action it was: a room at a real relay, and somebody on the way who sees the datagrams of one person, either of who
//! acts or of one who only receives. Every action is recorded many times, in a drawn order, over the same few seconds; then
//! each trace is judged by all others.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use caucus_client::app::{
    Answer, BallotWord, Intent, ItemWord, KindWord, MethodWord, Problem, RemarkWord, SendsWord, StepWord,
    SubjectWord,
};
use caucus_client::charter;
use caucus_proto::org::Kind;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::nearest::{Confusion, Sample, guesses};
use super::percent;
use super::trace::{CARRIES, features};
use crate::figures::Figure;
use crate::harness::Person;
use crate::net::Draw;
use crate::process::{Cable, RelayProcess};

/// Rooms that are watched side by side, each at a relay of its own.
const ROOMS: u64 = 3;
/// Times that each action is recorded in each room.
const ROUNDS: usize = 10;
/// For so long.
const WINDOW: Duration = Duration::from_secs(3);
/// Before it, nothing was carried for so long.
const CALM: Duration = Duration::from_millis(800);
/// A person begins at some moment within so many milliseconds.
const BEGINS_MS: u64 = 400;

const ANA: Ipv4Addr = Ipv4Addr::new(127, 0, 10, 1);
const BEN: Ipv4Addr = Ipv4Addr::new(127, 0, 10, 2);

const NORTH: &str = "North";

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Action {
    Nothing,
    Word,
    Letter,
    Mark,
    Vote,
    Announcement,
    Admission,
    Removal,
    File,
}

const ACTIONS: [Action; 9] = [
    Action::Nothing,
    Action::Word,
    Action::Letter,
    Action::Mark,
    Action::Vote,
    Action::Announcement,
    Action::Admission,
    Action::Removal,
    Action::File,
];

const NAMES: [&str; 9] = [
    "nothing", "word", "letter", "mark", "vote", "announce", "admit", "remove", "file",
];

/// What is one thing where it is only asked whether something happened.
const SOMETHING: [usize; 9] = [0, 1, 1, 1, 1, 1, 1, 1, 1];

/// What is one thing where small entries are.
const SMALL: [usize; 9] = [0, 1, 2, 1, 1, 1, 3, 4, 5];

/// The same with a file, of which who receives gets an entry only.
const SMALL_OR_FILE: [usize; 9] = [0, 1, 2, 1, 1, 1, 3, 4, 1];

/// Those that are small entries.
const ENTRIES: [usize; 4] = [1, 3, 4, 5];

/// What was recorded with who acts, and with who receives.
type Recorded = (Vec<Sample>, Vec<Sample>);

pub(super) async fn measure(folder: &Path) -> Vec<Figure> {
    let mut rooms = JoinSet::new();
    for room in 0..ROOMS {
        rooms.spawn(recorded(folder.join(format!("watched-{room}")), room));
    }
    let (mut acting, mut receiving) = (Vec::new(), Vec::new());
    for (of_ana, of_ben) in rooms.join_all().await {
        acting.extend(of_ana);
        receiving.extend(of_ben);
    }
    let mut figures = Vec::new();
    for (whose, samples) in [("of who acts", acting), ("of who receives", receiving)] {
        let confusion = Confusion::of(&NAMES, &samples, &guesses(&samples));
        eprintln!(
            "What the datagrams {whose} are taken for (rows: what it was):\n{}",
            confusion.table()
        );
        figures.push(percent(
            &format!("which action, by datagrams {whose}"),
            confusion.accuracy(),
            format!(
                "{} traces of {} s, 5 nearest neighbours, each judged by all others, chance {:.0} %: {}",
                samples.len(),
                WINDOW.as_secs(),
                100.0 / ACTIONS.len() as f64,
                confusion.words()
            ),
        ));
        for (what, groups) in [
            ("whether something", SOMETHING),
            ("small entries as one", SMALL),
            ("small entries and files as one", SMALL_OR_FILE),
        ] {
            figures.push(percent(
                &format!("{what}, by datagrams {whose}"),
                confusion.accuracy_of(&groups),
                "the same, where what is in one group is not told apart",
            ));
        }
        figures.push(percent(
            &format!("which small entry, by datagrams {whose}"),
            confusion.accuracy_within(&ENTRIES),
            "of words, marks, votes and announcements that are taken for one of these, chance 25 %",
        ));
    }
    figures
}

/// Every action in one room, so often.
async fn recorded(folder: PathBuf, number: u64) -> Recorded {
    let mut stage = Stage::set(folder, number).await;
    let mut order: Vec<usize> = (0..ACTIONS.len() * ROUNDS)
        .map(|turn| turn % ACTIONS.len())
        .collect();
    for last in (1..order.len()).rev() {
        let other = stage.draw.below(last as u64 + 1) as usize;
        order.swap(last, other);
    }
    let (mut acting, mut receiving) = (Vec::new(), Vec::new());
    let mut failures = 0;
    while let Some(class) = order.pop() {
        stage.prepare(ACTIONS[class]).await;
        stage.calm().await;
        let began = Instant::now();
        stage.cable.watch();
        let (acted, ()) = tokio::join!(stage.act(ACTIONS[class]), sleep(WINDOW));
        let passed = stage.cable.watched();
        stage.after(ACTIONS[class]).await;
        if let Err(problem) = acted {
            eprintln!("{:?} is tried again: {problem:?}", ACTIONS[class]);
            failures += 1;
            assert!(failures < ROUNDS, "too many fail");
            order.insert(0, class);
            continue;
        }
        for (address, samples) in [(ANA, &mut acting), (BEN, &mut receiving)] {
            let of_one: Vec<_> = passed
                .iter()
                .filter(|one| one.from == IpAddr::V4(address) && one.at < began + WINDOW)
                .copied()
                .collect();
            samples.push(Sample {
                class,
                features: features(&of_one, began),
            });
        }
    }
    stage.strike().await;
    (acting, receiving)
}

/// A room of Ana, who acts, Ben, who is watched too, and guests who come and go; its body is linked with another.
struct Stage {
    _relay: RelayProcess,
    cable: Cable,
    folder: PathBuf,
    ana: Person,
    ben: Person,
    dora: Person,
    guests: Vec<Person>,
    /// Who has asked to come in.
    asking: Option<Person>,
    /// Where a message stands that can be marked.
    message: u64,
    /// A proposal that can be voted on.
    proposal: u32,
    /// How Ana votes next: the same again would be no vote.
    yes: bool,
    /// Whether the message is to have her mark: a message has few.
    marked: bool,
    draw: Draw,
    turn: u64,
}

impl Stage {
    async fn set(folder: PathBuf, number: u64) -> Self {
        std::fs::create_dir_all(&folder).expect("a folder");
        let relay = RelayProcess::start(&folder.join("relay"));
        let cable = Cable::to(relay.address());
        let address = cable.address(relay.address());
        let ana = Person::on(ANA, "Ana", &folder.join("ana")).await;
        let ben = Person::on(BEN, "Ben", &folder.join("ben")).await;
        let dora = Person::new("Dora", &folder.join("dora")).await;
        for person in [&ana, &dora] {
            person.add_relay(&address).await;
        }
        ana.found_by(KindWord::Cell, NORTH, Some(quick())).await;
        dora.found_by(KindWord::Cell, "South", Some(quick())).await;
        ben.join(&ana.invite(NORTH, 1).await).await;
        ana.await_requests(NORTH, 1).await;
        ana.admit_all().await;
        ben.await_joined().await;
        for person in [&ana, &ben] {
            person.is_well().await;
        }
        link(&ana, &dora).await;
        let message = ana.say("Who is for it?").await;
        let proposal = polled(&ana).await;
        Self {
            _relay: relay,
            cable,
            folder,
            ana,
            ben,
            dora,
            guests: Vec::new(),
            asking: None,
            message,
            proposal,
            yes: false,
            marked: false,
            draw: Draw::part(10, number),
            turn: 0,
        }
    }

    /// What has to be there before the action.
    async fn prepare(&mut self, action: Action) {
        self.turn += 1;
        match action {
            Action::Admission => self.ask_to_come_in().await,
            Action::Removal if self.guests.is_empty() => {
                self.ask_to_come_in().await;
                self.ana.admit_all().await;
                self.after(Action::Admission).await;
            }
            Action::Vote => self.yes = !self.yes,
            Action::Mark => self.marked = !self.marked,
            Action::File => {
                let bytes: Vec<u8> = (0..20_000).map(|_| self.draw.number() as u8).collect();
                std::fs::write(self.file(), bytes).expect("a file");
            }
            _ => {}
        }
    }

    async fn ask_to_come_in(&mut self) {
        if self.asking.is_none() {
            let name = format!("Guest {}", self.turn);
            let guest = Person::new(&name, &self.folder.join(format!("guest-{}", self.turn))).await;
            guest.join(&self.ana.invite(NORTH, 1).await).await;
            self.asking = Some(guest);
        }
        self.ana.await_requests(NORTH, 1).await;
    }

    fn file(&self) -> PathBuf {
        self.folder.join(format!("leaflet-{}.pdf", self.turn))
    }

    /// Waits until neither of the two who are watched sends or gets anything, or for a while.
    async fn calm(&self) {
        for _ in 0..15 {
            self.cable.watch();
            sleep(CALM).await;
            let watched = [IpAddr::V4(ANA), IpAddr::V4(BEN)];
            let passed = self.cable.watched();
            if !passed
                .iter()
                .any(|one| one.size >= CARRIES && watched.contains(&one.from))
            {
                return;
            }
        }
    }

    async fn act(&self, action: Action) -> Result<(), Problem> {
        let begins = Draw::part(self.turn, 0).below(BEGINS_MS);
        sleep(Duration::from_millis(begins)).await;
        let north = NORTH.to_owned();
        let intent = match action {
            Action::Nothing => return Ok(()),
            Action::Word => say("I shall be there at eight."),
            Action::Letter => say(&"We met for two hours and agreed on most of it. ".repeat(64)),
            Action::Mark => Intent::Remark {
                room: north,
                number: self.message,
                what: RemarkWord::React {
                    mark: "seen".to_owned(),
                    off: !self.marked,
                },
            },
            Action::Vote => step(
                self.proposal,
                StepWord::Vote {
                    ballot: if self.yes {
                        BallotWord::Yes {}
                    } else {
                        BallotWord::No {}
                    },
                },
            ),
            Action::Announcement => Intent::Issue {
                body: north,
                item: ItemWord::Announcement {
                    title: format!("Assembly {}", self.turn),
                    text: "All of you come on Sunday.".to_owned(),
                    language: "en".to_owned(),
                    expires: None,
                    replaces: None,
                    files: Vec::new(),
                },
                to: Vec::new(),
            },
            Action::Admission => Intent::Admit {
                numbers: Vec::new(),
                all: true,
            },
            Action::Removal => Intent::Remove {
                body: north,
                name: self
                    .guests
                    .last()
                    .map_or_else(String::new, |guest| guest.name.clone()),
                reason: String::new(),
            },
            Action::File => Intent::SendFile {
                room: north,
                file: self.file().display().to_string(),
                text: String::new(),
            },
        };
        self.ana.app.handle(intent).await.map(drop)
    }

    /// Until what follows from it is over.
    async fn after(&mut self, action: Action) {
        match action {
            Action::Admission => {
                if let Some(guest) = self.asking.take() {
                    guest.await_joined().await;
                    guest.is_well().await;
                    self.guests.push(guest);
                }
            }
            Action::Removal => {
                if let Some(guest) = self.guests.pop() {
                    guest.lock().await;
                }
            }
            _ => {}
        }
    }

    async fn strike(self) {
        for person in [self.ana, self.ben, self.dora].into_iter().chain(self.guests) {
            person.lock().await;
        }
    }
}

/// A charter in which nothing waits for days.
fn quick() -> String {
    let mut charter = charter::read(charter::shipped(Kind::Cell)).expect("a charter");
    charter.admission.vouches = 0;
    charter.polls.ordinary.days = 0;
    charter::written(&charter)
}

fn say(text: &str) -> Intent {
    Intent::Say {
        room: NORTH.to_owned(),
        text: text.to_owned(),
    }
}

fn step(number: u32, what: StepWord) -> Intent {
    Intent::Step {
        body: NORTH.to_owned(),
        number,
        what,
    }
}

/// A proposal on which a poll is open for long.
async fn polled(person: &Person) -> u32 {
    let intent = Intent::Propose {
        body: NORTH.to_owned(),
        title: "A hall".to_owned(),
        text: "We rent the hall from November on.".to_owned(),
        subject: SubjectWord::Text {},
    };
    let Answer::Proposed { number, .. } = person.ask(intent).await else {
        panic!("no proposal")
    };
    let open = StepWord::Open {
        method: MethodWord::Majority,
        options: Vec::new(),
        minutes: 7 * 24 * 60,
        sealed: false,
        most: None,
        winners: None,
    };
    person.ask(step(number, open)).await;
    number
}

/// The one's body announces to the other's.
async fn link(north: &Person, south: &Person) {
    const SENDS: SendsWord = SendsWord {
        announcements: true,
        directives: false,
        reports: false,
    };
    let offer = Intent::OfferLink {
        body: NORTH.to_owned(),
        we: SENDS,
        they: SENDS,
        minutes: 24 * 60,
    };
    let Answer::LinkOffered { offer, .. } = north.ask(offer).await else {
        panic!("no offer")
    };
    let body = "South".to_owned();
    south.ask(Intent::AcceptLink { body, offer }).await;
    for (person, body) in [(north, NORTH), (south, "South")] {
        person
            .until("the bodies are linked", || async {
                let body = body.to_owned();
                let Answer::Links { links, .. } = person.ask(Intent::Links { body }).await else {
                    return None;
                };
                links.iter().any(|link| link.stage == "linked").then_some(())
            })
            .await;
    }
}
