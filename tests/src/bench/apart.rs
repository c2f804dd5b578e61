//! What it costs that a persona is isolated: somebody alone in a body of nine rooms, to whom nothing happens, with one
//! connection and then with one for each room. Bytes are those on the wire, as a cable before the relay counts them.

use std::path::Path;
use std::time::Duration;

use caucus_client::app::{Answer, Intent, KindWord};
use caucus_client::charter;
use caucus_proto::org::charter::{MOST_ROOMS, RoomRule};
use caucus_proto::org::{Kind, Name, Sphere};

use super::report::Sample;
use super::server::Server;
use crate::harness::Person;
use crate::process::Cable;

/// Headers of UDP and IPv4 on every datagram.
const HEADERS: u64 = 28;

const DAY: f64 = 24.0 * 60.0 * 60.0;

/// Idle figures with and without, each over so long.
pub(super) async fn idle(server: &Server, folder: &Path, time: Duration) -> [(&'static str, Vec<Sample>); 2] {
    let Server::Relay(relay) = server else {
        return [("", Vec::new()), ("", Vec::new())];
    };
    let cable = Cable::to(relay.address());
    let mut charter = charter::read(charter::shipped(Kind::Chapter)).expect("a charter");
    charter.rooms = (0..MOST_ROOMS)
        .map(|number| RoomRule {
            name: Name::new(&format!("room-{number}")).expect("a name"),
            sphere: Sphere::Volunteer,
        })
        .collect();
    let ana = Person::new("ana", &folder.join("ana")).await;
    ana.add_relay(&cable.address(relay.address())).await;
    ana.found_by(KindWord::Chapter, "North", Some(charter::written(&charter)))
        .await;
    let rooms = MOST_ROOMS as u64 + 1;
    settled(&ana, 1).await;
    let shared = measure(server, &cable, time, 1).await;
    let body = "North".to_owned();
    ana.ask(Intent::Isolate {
        body,
        isolated: Some(true),
    })
    .await;
    settled(&ana, rooms).await;
    let apart = measure(server, &cable, time, rooms).await;
    [("nine rooms, shared", shared), ("nine rooms, isolated", apart)]
}

/// Waits until so many connections stand and all rooms are live, and then until what goes with beginning is over.
async fn settled(ana: &Person, connections: u64) {
    ana.until("everything stands", || async {
        let answer = ana
            .ask(Intent::Isolate {
                body: "North".to_owned(),
                isolated: None,
            })
            .await;
        let stand = matches!(answer, Answer::Isolation { connections: stand, .. } if stand == connections);
        let Answer::Rooms { rooms } = ana.ask(Intent::Rooms {}).await else {
            return None;
        };
        (stand && rooms.iter().all(|room| room.live)).then_some(())
    })
    .await;
    tokio::time::sleep(Duration::from_secs(15)).await;
}

async fn measure(server: &Server, cable: &Cable, time: Duration, connections: u64) -> Vec<Sample> {
    let sum = || {
        let traffic = cable.traffic();
        traffic.iter().fold((0, 0), |(bytes, datagrams), one| {
            (bytes + one.bytes, datagrams + one.datagrams)
        })
    };
    let before = sum();
    tokio::time::sleep(time).await;
    let after = sum();
    let datagrams = after.1 - before.1;
    let bytes = after.0 - before.0 + datagrams * HEADERS;
    let a_day = |count: u64| count as f64 * DAY / time.as_secs_f64();
    vec![
        Sample::of("connections", "", connections as f64),
        Sample::of("bytes by idle day", "MB", a_day(bytes) / 1e6),
        Sample::of("datagrams by idle day", "thousand", a_day(datagrams) / 1e3),
        Sample::of("memory of the relay", "MiB", server.memory()),
    ]
}
