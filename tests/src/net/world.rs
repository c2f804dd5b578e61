//! A relay and people on one network.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use caucus_client::app::{Answer, Intent, JoinStage};
use tempfile::TempDir;

use super::clock::Clock;
use super::fabric::Fabric;
use super::relay::RelayHost;
use super::somebody::Somebody;

/// How long a calm network may need for what must happen, in virtual time.
pub const SOON: Duration = Duration::from_secs(120);

/// A world whose time is the runtime's.
pub struct World {
    /// Its network.
    pub fabric: Fabric,
    /// Its time.
    pub clock: Clock,
    relay: Option<RelayHost>,
    folder: TempDir,
}

impl World {
    /// A relay, and nobody yet. Call inside a runtime whose clock is paused.
    pub async fn new(seed: u64) -> Self {
        let fabric = Fabric::new(seed);
        let clock = Clock::begin();
        let relay = RelayHost::start(&fabric, clock).await;
        Self {
            fabric,
            clock,
            relay: Some(relay),
            folder: folder(),
        }
    }

    /// A network without a relay, for a story that brings its own.
    #[must_use]
    pub fn without_relay(seed: u64) -> Self {
        Self {
            fabric: Fabric::new(seed),
            clock: Clock::begin(),
            relay: None,
            folder: folder(),
        }
    }

    /// Its relay.
    #[must_use]
    pub fn relay(&self) -> &RelayHost {
        self.relay.as_ref().expect("it was not taken")
    }

    /// Takes the relay, for a part of a story that kills it.
    pub fn take_relay(&mut self) -> RelayHost {
        self.relay.take().expect("it was not taken")
    }

    /// Somebody with a fresh vault who knows nothing.
    pub async fn stranger(&self, name: &str) -> Arc<Somebody> {
        let home = self.folder.path().join(name);
        Arc::new(Somebody::new(name, &home, &self.fabric, self.clock).await)
    }

    /// A founder, and others who joined a cell "North" by one link.
    pub async fn cell(&self, names: &[&str]) -> Vec<Arc<Somebody>> {
        self.cell_at(&self.relay().address().to_string(), names).await
    }

    /// The same at the relay of this address.
    pub async fn cell_at(&self, relay: &str, names: &[&str]) -> Vec<Arc<Somebody>> {
        let (first, rest) = names.split_first().expect("a founder");
        let founder = self.stranger(first).await;
        founder.add_relay(relay).await;
        founder.found("North").await;
        let mut people = vec![founder];
        if rest.is_empty() {
            return people;
        }
        let link = people[0].invite("North", rest.len() as u16).await;
        for name in rest {
            let person = self.stranger(name).await;
            person.join(&link).await;
            people.push(person);
        }
        for person in &people[1..] {
            admitted(&people[0], person, SOON).await;
        }
        people
    }
}

/// Lets whoever waits in, as often as needed, until this one is in the room.
pub async fn admitted(admitter: &Somebody, newcomer: &Somebody, limit: Duration) {
    let look = || async {
        // Nobody waiting, or one's own agent being away, are no reasons to give up.
        let intent = Intent::Admit {
            numbers: Vec::new(),
            all: true,
        };
        let _ = admitter.attempt(intent).await;
        match newcomer.attempt(Intent::Joins {}).await {
            Ok(Answer::Joins { joins }) => joins
                .last()
                .is_some_and(|join| join.stage == JoinStage::Joined)
                .then_some(()),
            _ => None,
        }
    };
    newcomer.wait("they are in the room", limit, look).await;
}

/// A folder in memory where the system has one: a vault flushes at every step, and a campaign has millions.
fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() {
        tempfile::tempdir_in(memory).or_else(|_| tempfile::tempdir())
    } else {
        tempfile::tempdir()
    };
    made.expect("a temporary folder")
}
