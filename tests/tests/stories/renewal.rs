//! Whoever lost their state comes back by themselves, through a real relay.

use std::time::Instant;

use caucus_client::app::{Answer, RoomState};
use caucus_client::engine::Room;
use caucus_client::mls::Group;
use caucus_client::vault::{Passphrase, Vault};
use caucus_tests::harness::{Person, World};

const FILE: &str = "vault.redb";

async fn is_well(person: &Person) {
    person
        .until("the room is well again", || async {
            let room = person.room().await;
            (room.state == RoomState::Open && room.live).then_some(())
        })
        .await;
}

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
    is_well(ben).await;
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
    {
        let vault = Vault::open(&ben.home, &Passphrase::new("correct horse".to_owned())).expect("the vault");
        let room = Room::all(&vault).expect("rooms").pop().expect("a room").id();
        let overlay = vault.overlay();
        Group::forget(&overlay, &room).expect("forgotten");
        overlay.commit().expect("committed");
    }
    ben.unlock().await;
    is_well(ben).await;
    ben.say("here again").await;
    ana.await_said("here again").await;
    ana.say("good").await;
    ben.await_said("good").await;
}
