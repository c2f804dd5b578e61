//! A persona whose rooms share no connection, as whoever watches the way to the relay sees it.

use std::time::{Duration, Instant};

use caucus_client::app::{Answer, Code, Intent, KindWord};
use caucus_client::charter;
use caucus_proto::org::Kind;
use caucus_tests::harness::{Person, World};
use caucus_tests::process::Cable;

/// Longer than a connection may be silent.
const SILENCE: Duration = Duration::from_secs(5);

async fn isolate(person: &Person, isolated: Option<bool>) -> (bool, u64) {
    let body = "North".to_owned();
    match person.ask(Intent::Isolate { body, isolated }).await {
        Answer::Isolation {
            isolated,
            connections,
            ..
        } => (isolated, connections),
        other => panic!("{other:?}"),
    }
}

async fn has_connections(person: &Person, count: u64) {
    let stand = || async { (isolate(person, None).await.1 == count).then_some(()) };
    person
        .until(&format!("there are {count} connections"), stand)
        .await;
}

/// Ana, who reaches the relay by this cable, in a chapter with an open room and a core.
async fn chapter(world: &World, cable: &Cable) -> Person {
    let ana = world.stranger("ana").await;
    ana.add_relay(&cable.address(&world.relay.address())).await;
    let charter = charter::read(charter::shipped(Kind::Chapter)).unwrap();
    ana.found_by(KindWord::Chapter, "North", Some(charter::written(&charter)))
        .await;
    for room in ["open", "core"] {
        let (body, room) = ("North".to_owned(), room.to_owned());
        let known = ana.room_named(&format!("North/{room}")).await.is_some();
        if !known {
            ana.ask(Intent::OpenRoom { body, room }).await;
        }
    }
    for room in ["North", "North/open", "North/core"] {
        ana.is_in(room).await;
    }
    ana
}

/// Those that were heard lately.
fn alive(cable: &Cable) -> usize {
    let traffic = cable.traffic();
    traffic.iter().filter(|one| one.last.elapsed() < SILENCE).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_isolated_persona_has_a_connection_for_each_room_and_no_two_begin_at_one_time() {
    let world = World::new().await;
    let cable = Cable::to(&world.relay.address());
    let ana = chapter(&world, &cable).await;
    assert_eq!(isolate(&ana, None).await, (false, 1), "three rooms share one");
    let before = cable.traffic().len();

    assert!(isolate(&ana, Some(true)).await.0);
    let began = Instant::now();
    has_connections(&ana, 3).await;
    for room in ["North", "North/open", "North/core"] {
        ana.is_in(room).await;
        ana.says_in(room, "still here").await;
        assert!(ana.room_named(room).await.unwrap().isolated);
    }
    let came: Vec<_> = cable
        .traffic()
        .split_off(before)
        .iter()
        .map(|one| one.began)
        .collect();
    assert_eq!(came.len(), 3, "one for each room and none besides");
    assert!(came.iter().all(|at| *at >= began), "none of those before");
    let apart: Vec<_> = came.windows(2).map(|two| two[1].duration_since(two[0])).collect();
    assert!(
        apart.iter().all(|apart| *apart >= Duration::from_millis(450)),
        "{apart:?}"
    );
    ana.until("the shared one has parted", || async {
        (alive(&cable) == 3).then_some(())
    })
    .await;

    // A loss does not bring them back in one instant.
    cable.pass(false, false);
    ana.until("nothing stands", || async {
        (isolate(&ana, None).await.1 == 0).then_some(())
    })
    .await;
    let before = cable.traffic().len();
    cable.pass(true, true);
    has_connections(&ana, 3).await;
    let came: Vec<_> = cable
        .traffic()
        .split_off(before)
        .iter()
        .filter(|one| one.datagrams > 10)
        .map(|one| one.began)
        .collect();
    let apart: Vec<_> = came.windows(2).map(|two| two[1].duration_since(two[0])).collect();
    assert!(
        apart.iter().all(|apart| *apart >= Duration::from_millis(450)),
        "{apart:?}"
    );

    // It holds over a restart, and is taken back.
    ana.app.lock().await;
    ana.unlock().await;
    assert!(isolate(&ana, None).await.0);
    has_connections(&ana, 3).await;
    assert!(!isolate(&ana, Some(false)).await.0);
    has_connections(&ana, 1).await;
    ana.is_in("North/core").await;
    ana.says_in("North/core", "together again").await;
    has_connections(&ana, 1).await;
    let unknown = Intent::Isolate {
        body: "South".to_owned(),
        isolated: Some(true),
    };
    assert_eq!(ana.refused(unknown).await.code, Code::NotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_is_come_into_over_its_own_connection_and_bodies_are_isolated_one_by_one() {
    let world = World::new().await;
    let cable = Cable::to(&world.relay.address());
    let ana = chapter(&world, &cable).await;
    ana.found("South").await;
    isolate(&ana, Some(true)).await;
    has_connections(&ana, 3).await;
    let south = ana.room_named("South").await.unwrap();
    assert!(!south.isolated && south.live);

    // What the room is made with goes over the connection that it has from then on.
    let link = ana.invite("North", 1).await;
    let ben = world.stranger("ben").await;
    ben.join(&link).await;
    ana.await_requests("North", 1).await;
    ana.admit_all().await;
    ben.await_joined().await;
    ben.is_in("North/open").await;
    ben.says_in("North/open", "good morning").await;
    ana.hears_in("North/open", "good morning").await;
    assert_eq!(isolate(&ana, None).await, (true, 3));
}
