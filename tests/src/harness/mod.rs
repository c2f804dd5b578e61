//! Worlds for stories.

mod person;
mod relay;

pub use person::Person;
pub use relay::RelayHost;

use std::time::Duration;

/// How long a story waits for something that must happen. Generous: these machines are shared.
pub const SOON: Duration = Duration::from_secs(60);

/// A relay and a temporary folder for everybody's homes.
pub struct World {
    /// Where homes and stores are.
    pub folder: tempfile::TempDir,
    /// The relay.
    pub relay: RelayHost,
}

impl World {
    /// A relay with the embedded store, and nobody yet.
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let relay = RelayHost::start(&folder.path().join("relay")).await;
        Self { folder, relay }
    }

    /// Somebody with a fresh vault who knows the relay.
    pub async fn person(&self, name: &str) -> Person {
        let person = Person::new(name, &self.folder.path().join(name)).await;
        person.add_relay(&self.relay.address()).await;
        person
    }

    /// Somebody with a fresh vault who knows nothing.
    pub async fn stranger(&self, name: &str) -> Person {
        Person::new(name, &self.folder.path().join(name)).await
    }

    /// A founder, and so many others who joined a cell "North" by one link.
    pub async fn cell(&self, names: &[&str]) -> Vec<Person> {
        let (first, rest) = names.split_first().expect("a founder");
        let founder = self.person(first).await;
        founder.found("North").await;
        let mut people = vec![founder];
        if !rest.is_empty() {
            let link = people[0].invite("North", rest.len() as u16).await;
            for name in rest {
                let person = self.stranger(name).await;
                person.join(&link).await;
                people.push(person);
            }
            people[0].await_requests("North", rest.len()).await;
            people[0].admit_all().await;
            for person in &people[1..] {
                person.await_joined().await;
            }
        }
        people
    }
}
