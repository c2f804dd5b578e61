//! A person inside the test's process: the app over a real vault, with a cheap passphrase.

use std::net::{Ipv4Addr, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use caucus_client::app::{
    Answer, App, Cost, Intent, JoinStage, JoinView, KindWord, MessageView, PersonView, Problem, RoomState,
    RoomView, Secret, Status,
};
use caucus_client::clock::{Clock, SystemClock};
use caucus_client::engine::Room;
use caucus_client::mls::Group;
use caucus_client::relay::Sockets;
use caucus_client::vault::{Passphrase, Vault};
use quinn::{Runtime, TokioRuntime};

use super::SOON;

/// A person.
pub struct Person {
    /// The chosen name.
    pub name: String,
    /// Where their vault is.
    pub home: PathBuf,
    /// Their Caucus.
    pub app: App,
}

fn passphrase() -> Secret {
    Secret("correct horse".to_owned())
}

fn cheap() -> Cost {
    Cost::new(64, 1, 1)
}

impl Person {
    /// Somebody with a fresh vault.
    pub async fn new(name: &str, home: &Path) -> Self {
        Self::with_clock(name, home, Arc::new(SystemClock)).await
    }

    /// Somebody with a fresh vault and a clock of their own.
    pub async fn with_clock(name: &str, home: &Path, clock: Arc<dyn Clock>) -> Self {
        Self::over(name, home, clock, Sockets::anywhere()).await
    }

    /// Somebody with a fresh vault on a device that has this address, one of the loopback's.
    pub async fn on(address: Ipv4Addr, name: &str, home: &Path) -> Self {
        let sockets = Sockets::from_fn(move |_| {
            let socket = UdpSocket::bind((address, 0))?;
            socket.set_nonblocking(true)?;
            TokioRuntime.wrap_udp_socket(socket)
        });
        Self::over(name, home, Arc::new(SystemClock), sockets).await
    }

    async fn over(name: &str, home: &Path, clock: Arc<dyn Clock>, sockets: Sockets) -> Self {
        let person = Self {
            name: name.to_owned(),
            home: home.to_owned(),
            app: App::over(home.to_owned(), clock, cheap(), sockets),
        };
        person
            .ask(Intent::Init {
                passphrase: passphrase(),
            })
            .await;
        person
    }

    /// The same home, held by another process as it were.
    pub async fn reopen(name: &str, home: &Path) -> Self {
        Self::reopen_by(name, home, Arc::new(SystemClock)).await
    }

    /// As [`Person::reopen`], by a clock of their own.
    pub async fn reopen_by(name: &str, home: &Path, clock: Arc<dyn Clock>) -> Self {
        let person = Self {
            name: name.to_owned(),
            home: home.to_owned(),
            app: App::over(home.to_owned(), clock, cheap(), Sockets::anywhere()),
        };
        person.unlock().await;
        person
    }

    /// Asks, and expects it to be done.
    pub async fn ask(&self, intent: Intent) -> Answer {
        let asked = format!("{intent:?}");
        match self.app.handle(intent).await {
            Ok(answer) => answer,
            Err(problem) => panic!("{}: {asked}: {problem:?}", self.name),
        }
    }

    /// Asks, and expects a problem.
    pub async fn refused(&self, intent: Intent) -> Problem {
        match self.app.handle(intent).await {
            Ok(answer) => panic!("{}: {answer:?} where a problem was due", self.name),
            Err(problem) => problem,
        }
    }

    /// Adds a relay.
    pub async fn add_relay(&self, address: &str) {
        self.ask(Intent::RelayAdd {
            address: address.to_owned(),
            passes: Vec::new(),
        })
        .await;
    }

    /// Founds a cell.
    pub async fn found(&self, label: &str) {
        self.found_by(KindWord::Cell, label, None).await;
    }

    /// Founds a body by a charter, or by the one of its kind.
    pub async fn found_by(&self, kind: KindWord, label: &str, charter: Option<String>) {
        self.ask(Intent::Found {
            kind,
            charter,
            label: label.to_owned(),
            name: Some(self.name.clone()),
            suite: caucus_client::app::SuiteWord::Hybrid,
        })
        .await;
    }

    /// Opens an invite and gives its link.
    pub async fn invite(&self, body: &str, uses: u16) -> String {
        let intent = Intent::Invite {
            body: body.to_owned(),
            uses,
            minutes: 7 * 24 * 60,
        };
        match self.ask(intent).await {
            Answer::Invited { link, .. } => link,
            other => panic!("{other:?}"),
        }
    }

    /// Asks to join, under their own name.
    pub async fn join(&self, link: &str) -> u64 {
        let intent = Intent::Join {
            link: link.to_owned(),
            name: self.name.clone(),
            word: format!("it is {}", self.name),
            claims: None,
        };
        match self.ask(intent).await {
            Answer::Joining { number, .. } => number,
            other => panic!("{other:?}"),
        }
    }

    /// Their requests to join.
    pub async fn joins(&self) -> Vec<JoinView> {
        match self.ask(Intent::Joins {}).await {
            Answer::Joins { joins } => joins,
            other => panic!("{other:?}"),
        }
    }

    /// Waits until the latest request is over, and gives it.
    pub async fn await_decision(&self) -> JoinView {
        self.until("the request is decided", || async {
            let join = self.joins().await.pop()?;
            matches!(
                join.stage,
                JoinStage::Joined | JoinStage::Declined | JoinStage::Failed
            )
            .then_some(join)
        })
        .await
    }

    /// Waits until the latest request has led into the room.
    pub async fn await_joined(&self) {
        let join = self.await_decision().await;
        assert_eq!(join.stage, JoinStage::Joined, "{join:?}");
        // The vault says so a moment before the room runs.
        self.until("the room is there", || async {
            let answer = self.ask(Intent::Rooms {}).await;
            matches!(&answer, Answer::Rooms { rooms } if !rooms.is_empty()).then_some(())
        })
        .await;
    }

    /// Waits until so many requests wait.
    pub async fn await_requests(&self, body: &str, count: usize) {
        let body = body.to_owned();
        self.until("requests are there", || async {
            let answer = self
                .ask(Intent::Requests {
                    body: Some(body.clone()),
                })
                .await;
            let Answer::Requests { requests } = answer else {
                panic!("{answer:?}")
            };
            (requests.len() >= count).then_some(())
        })
        .await;
    }

    /// Admits everybody who waits.
    pub async fn admit_all(&self) {
        self.ask(Intent::Admit {
            numbers: Vec::new(),
            all: true,
        })
        .await;
    }

    /// Says something, and expects it to be stored.
    pub async fn say(&self, text: &str) -> u64 {
        match self.try_say(text).await {
            Answer::Stored { position } => position,
            other => panic!("{}: {other:?}", self.name),
        }
    }

    /// Says something.
    pub async fn try_say(&self, text: &str) -> Answer {
        self.ask(Intent::Say {
            room: "North".to_owned(),
            text: text.to_owned(),
        })
        .await
    }

    /// Says something, as often as needed until it stands in the log.
    pub async fn says(&self, text: &str) {
        self.until("it is said", || async {
            matches!(self.try_say(text).await, Answer::Stored { .. }).then_some(())
        })
        .await;
    }

    /// Waits until the room is live and this device is in it.
    pub async fn is_well(&self) {
        self.until("the room is live and open", || async {
            let room = self.room().await;
            (room.state == RoomState::Open && room.live).then_some(())
        })
        .await;
    }

    /// Their vault, while it is locked.
    pub fn vault(&self) -> Vault {
        let passphrase = Passphrase::new("correct horse".to_owned());
        Vault::open(&self.home, &passphrase).expect("the vault")
    }

    /// The device loses what it knows of the encrypted group. Its vault is locked.
    pub fn loses_the_group(&self) {
        let vault = self.vault();
        let room = Room::all(&vault).expect("rooms").pop().expect("a room").id();
        let overlay = vault.overlay();
        Group::forget(&overlay, &room).expect("forgotten");
        overlay.commit().expect("committed");
    }

    /// What was said, in order: author and text.
    pub async fn said(&self) -> Vec<(String, String)> {
        self.messages(false)
            .await
            .into_iter()
            .filter(|message| message.kind == caucus_client::app::MessageKind::Said)
            .map(|message| (message.author.unwrap_or_default(), message.text))
            .collect()
    }

    /// The log as this device shows it.
    pub async fn messages(&self, all: bool) -> Vec<MessageView> {
        let mut read: Vec<MessageView> = Vec::new();
        loop {
            let intent = Intent::Read {
                room: "North".to_owned(),
                since: Some(read.last().map_or(0, |message| message.position)),
                limit: Some(1_000),
                follow: false,
                all,
                mark: false,
            };
            match self.ask(intent).await {
                Answer::Messages { messages, .. } if messages.is_empty() => return read,
                Answer::Messages { messages, .. } => read.extend(messages),
                other => panic!("{other:?}"),
            }
        }
    }

    /// Waits until this was said here.
    pub async fn await_said(&self, text: &str) {
        self.until(&format!("\"{text}\" is read"), || async {
            self.said()
                .await
                .iter()
                .any(|(_, said)| said == text)
                .then_some(())
        })
        .await;
    }

    /// The room "North".
    pub async fn room(&self) -> RoomView {
        match self.ask(Intent::Rooms {}).await {
            Answer::Rooms { mut rooms } => {
                let place = rooms.iter().position(|room| room.name == "North");
                rooms.swap_remove(place.unwrap_or(0))
            }
            other => panic!("{other:?}"),
        }
    }

    /// The room of this name, if they know one.
    pub async fn room_named(&self, name: &str) -> Option<RoomView> {
        match self.ask(Intent::Rooms {}).await {
            Answer::Rooms { rooms } => rooms.into_iter().find(|room| room.name == name),
            other => panic!("{other:?}"),
        }
    }

    /// Waits until they are in the room of this name.
    pub async fn is_in(&self, name: &str) {
        self.until(&format!("they are in {name}"), || async {
            let room = self.room_named(name).await?;
            (room.state == RoomState::Open && room.live).then_some(())
        })
        .await;
    }

    /// Waits until they are out of the room of this name.
    pub async fn is_out_of(&self, name: &str) {
        self.until(&format!("they are out of {name}"), || async {
            let room = self.room_named(name).await?;
            matches!(room.state, RoomState::Removed | RoomState::Left).then_some(())
        })
        .await;
    }

    /// Says something in a room, as often as needed until it stands in the log.
    pub async fn says_in(&self, room: &str, text: &str) {
        self.until("it is said", || async {
            let intent = Intent::Say {
                room: room.to_owned(),
                text: text.to_owned(),
            };
            matches!(self.ask(intent).await, Answer::Stored { .. }).then_some(())
        })
        .await;
    }

    /// Waits until this was said in a room.
    pub async fn hears_in(&self, room: &str, text: &str) {
        self.until(&format!("\"{text}\" is read in {room}"), || async {
            let intent = Intent::Read {
                room: room.to_owned(),
                since: None,
                limit: Some(1_000),
                follow: false,
                all: true,
                mark: false,
            };
            let Answer::Messages { messages, .. } = self.ask(intent).await else {
                panic!("no messages")
            };
            messages
                .iter()
                .any(|message| message.text.contains(text))
                .then_some(())
        })
        .await;
    }

    /// The people of "North".
    pub async fn people(&self) -> Vec<PersonView> {
        self.people_of("North").await
    }

    /// The people of a body, or of one of its rooms.
    pub async fn people_of(&self, body: &str) -> Vec<PersonView> {
        let intent = Intent::People {
            body: body.to_owned(),
        };
        match self.ask(intent).await {
            Answer::People { people, .. } => people,
            other => panic!("{other:?}"),
        }
    }

    /// What waits for them: kind and command of each.
    pub async fn inbox(&self) -> Vec<(String, String)> {
        match self.ask(Intent::Inbox {}).await {
            Answer::Inbox { items } => items.into_iter().map(|item| (item.kind, item.next)).collect(),
            other => panic!("{other:?}"),
        }
    }

    /// Waits until this kind of thing waits for them, and gives the command that does it.
    pub async fn await_in_inbox(&self, kind: &str) -> String {
        self.until(&format!("the inbox has a {kind}"), || async {
            let items = self.inbox().await;
            items.into_iter().find(|(of, _)| of == kind).map(|(_, next)| next)
        })
        .await
    }

    /// Who stands so, by name.
    pub async fn standing(&self, standing: &str) -> Vec<String> {
        self.people()
            .await
            .into_iter()
            .filter(|person| person.standing == standing)
            .map(|person| person.name)
            .collect()
    }

    /// How things stand.
    pub async fn status(&self) -> Status {
        match self.ask(Intent::Status {}).await {
            Answer::Status(status) => status,
            other => panic!("{other:?}"),
        }
    }

    /// Goes offline: no keys, no connection, no sync.
    pub async fn lock(&self) {
        self.ask(Intent::Lock {}).await;
    }

    /// Comes back.
    pub async fn unlock(&self) {
        self.ask(Intent::Unlock {
            passphrase: passphrase(),
        })
        .await;
    }

    /// Waits until the room is followed to its end.
    pub async fn await_live(&self) {
        self.until("the room is live", || async {
            self.room().await.live.then_some(())
        })
        .await;
    }

    /// Waits until something is there.
    pub async fn until<T, F, R>(&self, what: &str, look: F) -> T
    where
        F: Fn() -> R,
        R: Future<Output = Option<T>>,
    {
        let start = Instant::now();
        loop {
            if let Some(found) = look().await {
                return found;
            }
            if start.elapsed() > SOON {
                let status = self.status().await;
                panic!("{}: waited in vain until {what}; {status:#?}", self.name);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
