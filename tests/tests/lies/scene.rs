//! A lying relay, and a cell of three on it.

use std::sync::Arc;
use std::time::Duration;

use caucus_client::app::{ContradictionView, Intent, RoomState, Status};
use caucus_proto::id::Position;
use caucus_tests::net::{Liar, Somebody, World};
use tokio::time::{Instant, sleep};

/// How long a calm network may need, in virtual time.
pub const SOON: Duration = Duration::from_secs(180);

/// Within which everybody's next heartbeat is, in a room of three: a heartbeat is due once in an hour at most.
pub const HEARTBEAT: Duration = Duration::from_secs(65 * 60);

/// The scene.
pub struct Scene {
    /// Whoever lies.
    pub liar: Liar,
    /// Ana, who founded it, Ben and Cem.
    pub people: Vec<Arc<Somebody>>,
    world: World,
}

impl Scene {
    /// Everybody is in the room, has read everything and said something.
    pub async fn set(seed: u64) -> Self {
        Self::of(seed, &["ana", "ben", "cem"]).await
    }

    /// The same with these people.
    pub async fn of(seed: u64, names: &[&str]) -> Self {
        let world = World::without_relay(seed);
        let liar = Liar::start(&world.fabric);
        let people = world.cell_at(&liar.address().to_string(), names).await;
        let scene = Self { liar, people, world };
        for person in &scene.people {
            scene.says(person, &format!("{} is here", person.name)).await;
        }
        // What follows a founding (controls, first refreshes of keys) is done.
        sleep(Duration::from_secs(40 * 60)).await;
        scene.settled().await;
        scene
    }

    /// Somebody says something, and all read it.
    pub async fn says(&self, who: &Somebody, text: &str) {
        who.say(text).await;
        for person in &self.people {
            person.hears(text, SOON).await;
        }
    }

    /// Waits until everybody has read and sent everything, and reads the same.
    pub async fn settled(&self) {
        for person in &self.people {
            let look = || async {
                let is_caught_up = person.room().await.position == self.liar.newest().0;
                (person.is_settled().await && is_caught_up).then_some(())
            };
            person.wait("everything is sent and read", SOON, look).await;
        }
    }

    /// Waits until somebody's status tells of a contradiction of this kind that stands, and how long that took.
    pub async fn notices(
        &self,
        who: &Somebody,
        kind: &str,
        limit: Duration,
    ) -> (ContradictionView, Duration) {
        let begun = Instant::now();
        loop {
            let found = standing(&who.status().await)
                .into_iter()
                .find(|one| one.kind == kind);
            if let Some(found) = found {
                return (found, begun.elapsed());
            }
            assert!(
                begun.elapsed() < limit,
                "{}: {kind} is not noticed: {:#?}",
                who.name,
                who.status().await
            );
            // Seldom: what takes an hour is looked at some hundred times.
            sleep(Duration::from_secs(10)).await;
        }
    }

    /// Waits until a room stands so.
    pub async fn notices_state(&self, who: &Somebody, state: RoomState, limit: Duration) {
        let begun = Instant::now();
        while who.room().await.state != state {
            let status = || async { who.status().await };
            assert!(begun.elapsed() < limit, "{}: {:#?}", who.name, status().await);
            sleep(Duration::from_secs(5)).await;
        }
    }

    /// Waits until nothing stands against the relay any more, and the room is open and live.
    pub async fn is_well(&self, who: &Somebody, limit: Duration) {
        let look = || async {
            let status = who.status().await;
            let well = status.rooms[0].state == RoomState::Open && status.rooms[0].live;
            (well && standing(&status).iter().all(|one| one.kind == "head")).then_some(())
        };
        who.wait("all is well again", limit, look).await;
    }

    /// From where somebody's device appends.
    pub fn ip(&self, who: &Somebody) -> std::net::IpAddr {
        self.world.fabric.ip(who.device)
    }

    /// The true log's end.
    pub fn end(&self) -> Position {
        self.liar.newest()
    }

    /// A restart: the agent dies, and another opens the vault.
    pub async fn restart(&self, who: &Somebody) {
        who.restart(Duration::from_secs(1)).await;
    }

    /// Everybody goes home.
    pub async fn ends(self) {
        for person in &self.people {
            person.ask(Intent::Lock {}).await;
        }
    }
}

/// What stands.
pub fn standing(status: &Status) -> Vec<ContradictionView> {
    let room = status.rooms.first();
    let all = room.map_or_else(Vec::new, |room| room.contradictions.clone());
    all.into_iter().filter(|one| one.stands).collect()
}

/// Whether somebody reads it.
pub async fn reads(who: &Somebody, text: &str) -> usize {
    who.said().await.iter().filter(|(_, said)| said == text).count()
}
