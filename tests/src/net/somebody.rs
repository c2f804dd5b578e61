//! A person on the network: the app over a real vault, on a device whose ways have weather.

use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use caucus_client::app::{Answer, App, Cost, Intent, MessageView, Problem, RoomState, Secret};
use caucus_client::relay::Sockets;
use tokio::time::{Instant, sleep};

use super::clock::Clock;
use super::fabric::{Device, Fabric};
use super::socket::Socket;
use crate::harness::Person;

/// How often a wait looks, in virtual time.
const LOOK: Duration = Duration::from_millis(250);
/// Records of a log that are asked for at once.
const PAGE: u32 = 1_000;

/// A person and their device. Everything that a [`Person`] can do.
pub struct Somebody {
    /// Their device.
    pub device: Device,
    fabric: Fabric,
    person: Person,
}

impl Deref for Somebody {
    type Target = Person;

    fn deref(&self) -> &Person {
        &self.person
    }
}

/// Sockets of a device.
#[must_use]
pub fn sockets(fabric: &Fabric, device: Device) -> Sockets {
    let fabric = fabric.clone();
    Sockets::from_fn(move |_| Ok(Arc::new(Socket::bind(&fabric, device, None))))
}

fn passphrase() -> Secret {
    Secret("correct horse".to_owned())
}

impl Somebody {
    /// Somebody with a fresh vault, on a device of their own.
    pub async fn new(name: &str, home: &Path, fabric: &Fabric, clock: Clock) -> Self {
        let device = fabric.device();
        let cost = Cost::new(64, 1, 1);
        let sockets = sockets(fabric, device);
        let person = Person {
            name: name.to_owned(),
            home: home.to_owned(),
            app: App::over(home.to_owned(), Arc::new(clock), cost, sockets),
        };
        let passphrase = passphrase();
        person.ask(Intent::Init { passphrase }).await;
        Self {
            device,
            fabric: fabric.clone(),
            person,
        }
    }

    /// Asks, and takes a problem for an answer.
    ///
    /// # Errors
    /// What the app says.
    pub async fn attempt(&self, intent: Intent) -> Result<Answer, Problem> {
        self.app.handle(intent).await
    }

    /// Says something in "North", however that ends.
    ///
    /// # Errors
    /// What the app says.
    pub async fn utter(&self, text: &str) -> Result<Answer, Problem> {
        self.attempt(Intent::Say {
            room: "North".to_owned(),
            text: text.to_owned(),
        })
        .await
    }

    /// The agent dies without a word, and another opens the vault.
    pub async fn restart(&self, away: Duration) {
        self.fabric.set_online(self.device, false);
        self.lock().await;
        sleep(away).await;
        self.fabric.set_online(self.device, true);
        let begun = Instant::now();
        // What was being asked when the agent died still holds the vault for the app's patience.
        while let Err(problem) = self
            .attempt(Intent::Unlock {
                passphrase: passphrase(),
            })
            .await
        {
            let waited = begun.elapsed();
            assert!(waited < Duration::from_secs(60), "{}: {problem:?}", self.name);
            sleep(LOOK).await;
        }
    }

    /// The whole log as this device shows it, with what usually is not shown.
    pub async fn whole_log(&self) -> Vec<MessageView> {
        let mut log: Vec<MessageView> = Vec::new();
        loop {
            let intent = Intent::Read {
                room: "North".to_owned(),
                since: Some(log.last().map_or(0, |last| last.position)),
                limit: Some(PAGE),
                follow: false,
                all: true,
                mark: false,
            };
            match self.ask(intent).await {
                Answer::Messages { messages, .. } if messages.is_empty() => return log,
                Answer::Messages { messages, .. } => log.extend(messages),
                other => panic!("{other:?}"),
            }
        }
    }

    /// The whole log; empty for one who was never in a room.
    pub async fn whole_log_if_any(&self) -> Vec<MessageView> {
        match self.attempt(Intent::Rooms {}).await {
            Ok(Answer::Rooms { rooms }) if !rooms.is_empty() => self.whole_log().await,
            _ => Vec::new(),
        }
    }

    /// Whether everything is read and sent: the room is followed to its end, or they are out of it.
    pub async fn is_settled(&self) -> bool {
        let Ok(Answer::Rooms { rooms }) = self.attempt(Intent::Rooms {}).await else {
            return false;
        };
        match rooms.first() {
            Some(room) => match room.state {
                RoomState::Open => room.live && room.unsent == 0,
                RoomState::Removed | RoomState::Left => true,
                _ => false,
            },
            // Never admitted.
            None => true,
        }
    }

    /// Waits in virtual time until something is there.
    pub async fn wait<T, F, R>(&self, what: &str, limit: Duration, look: F) -> T
    where
        F: Fn() -> R,
        R: Future<Output = Option<T>>,
    {
        let begun = Instant::now();
        loop {
            if let Some(found) = look().await {
                return found;
            }
            if begun.elapsed() > limit {
                let status = self.status().await;
                panic!("{}: waited in vain until {what}; {status:#?}", self.name);
            }
            sleep(LOOK).await;
        }
    }

    /// Waits until this was said here.
    pub async fn hears(&self, text: &str, limit: Duration) {
        let what = format!("\"{text}\" is read");
        let look = || async {
            let said = self.said().await;
            said.iter().any(|(_, said)| said == text).then_some(())
        };
        self.wait(&what, limit, look).await;
    }
}
