//! Whoever lost their state comes back by themselves, through a real relay.

use std::time::Instant;

use caucus_client::app::{Answer, Intent, RoomState};
use caucus_tests::harness::World;

const FILE: &str = "vault.redb";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vault_of_yesterday_is_put_back_and_its_owner_is_back_within_seconds() {
    let world = World::new().await;
    let people = world.cell(&["ana", "ben", "cem"]).await;
    let (ana, ben) = (&people[0], &people[1]);
    ben.say("yesterday").await;
    ben.lock().await;
    let file = ben.home.join(FILE);
    let yesterday = std::fs::read(&file).expect("the vault");
    ben.unlock().await;
    ben.say("today").await;
    ana.await_said("today").await;
    ben.lock().await;
    std::fs::write(&file, yesterday).expect("the vault of yesterday");
    let began = Instant::now();
    ben.unlock().await;
    ben.is_well().await;
    eprintln!("renewed after {:?}", began.elapsed());
    let position = ben
        .until("ben says", || async {
            match ben.try_say("tomorrow").await {
                Answer::Stored { position } => Some(position),
                _ => None,
            }
        })
        .await;
    ana.await_said("tomorrow").await;
    let said = ana.said().await;
    let texts: Vec<_> = said.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(texts, ["yesterday", "today", "tomorrow"]);
    assert!(position > 0);
    assert_eq!(ana.standing("present").await, ["ana", "ben", "cem"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_lost_the_group_keeps_what_waits_and_sends_it_when_it_is_back() {
    let world = World::new().await;
    let people = world.cell(&["ana", "ben"]).await;
    let (ana, ben) = (&people[0], &people[1]);
    ben.lock().await;
    ben.loses_the_group();
    ben.unlock().await;
    ben.is_well().await;
    ben.say("here again").await;
    ana.await_said("here again").await;
    ana.say("good").await;
    ben.await_said("good").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_who_lost_the_group_and_was_removed_meanwhile_is_told_who_says_so() {
    let world = World::new().await;
    let people = world.cell(&["ana", "ben", "cem"]).await;
    let (ana, cem) = (&people[0], &people[2]);
    ana.say("before").await;
    cem.await_said("before").await;
    cem.lock().await;
    cem.loses_the_group();
    let intent = Intent::Remove {
        body: "North".to_owned(),
        name: "cem".to_owned(),
        reason: String::new(),
    };
    let answer = ana.ask(intent).await;
    assert!(matches!(answer, Answer::Removed { cut: true, .. }), "{answer:?}");
    cem.unlock().await;
    let told = |warning: &String| warning.contains(" says that you are not in this room any more");
    cem.until("cem is told", || async {
        cem.room().await.warnings.iter().any(told).then_some(())
    })
    .await;
    // It is somebody's word: the room is not left by it, and what was read stays.
    assert_eq!(cem.room().await.state, RoomState::Unsynced);
    assert_eq!(cem.said().await.len(), 1);
    cem.lock().await;
    cem.unlock().await;
    cem.until("cem is told again", || async {
        cem.room().await.warnings.iter().any(told).then_some(())
    })
    .await;
}
