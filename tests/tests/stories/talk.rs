//! People talk in a cell.

use std::sync::Arc;

use caucus_client::clock::{Clock, ManualClock, SystemClock};
use caucus_tests::harness::{Person, World};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_founds_a_cell_and_talks_to_herself() {
    let world = World::new().await;
    let ana = world.person("ana").await;
    ana.found("North").await;
    ana.await_live().await;
    let first = ana.say("hello").await;
    let second = ana.say("again").await;
    assert!(second > first);
    assert_eq!(
        ana.said().await,
        [
            ("ana".to_owned(), "hello".to_owned()),
            ("ana".to_owned(), "again".to_owned())
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_talk() {
    let world = World::new().await;
    let people = world.cell(&["ana", "ben"]).await;
    let (ana, ben) = (&people[0], &people[1]);
    ana.say("hello ben").await;
    ben.await_said("hello ben").await;
    ben.say("hello ana").await;
    ana.await_said("hello ana").await;
    let log = [("ana", "hello ben"), ("ben", "hello ana")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(ana.said().await, log);
    assert_eq!(ben.said().await, log);
}

/// The relay makes a device wait that says as much; how long it waits must not hang on a clock that a person sets.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_stands_still_or_is_turned_back_keeps_nobody_from_talking() {
    let world = World::new().await;
    let clock = ManualClock::at_ms(SystemClock.now_ms());
    let home = world.folder.path().join("ana");
    let ana = Person::with_clock("ana", &home, Arc::new(clock.clone())).await;
    ana.add_relay(&world.relay.address()).await;
    ana.found("North").await;
    ana.await_live().await;
    for number in 0..300 {
        if number == 250 {
            clock.set_ms(SystemClock.now_ms() - 24 * 60 * 60 * 1_000);
        }
        ana.say(&number.to_string()).await;
    }
    assert_eq!(ana.said().await.len(), 300);
}
