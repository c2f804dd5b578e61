//! The channel is gone: the room goes on in a successor, and each person decides to follow.

use std::time::Instant;

use caucus_client::app::{Answer, Code, Intent, RoomState, SuccessorView, SuccessorWord};
use caucus_client::engine::Room;
use caucus_client::vault::{Passphrase, Vault};
use caucus_tests::harness::{Person, World};

fn successor() -> Intent {
    Intent::Successor {
        body: "North".to_owned(),
    }
}

fn follow(name: &str) -> Intent {
    Intent::Follow {
        body: "North".to_owned(),
        name: Some(name.to_owned()),
    }
}

/// The relay's disk is gone; address and key are what they were.
async fn loses_everything(world: &mut World) {
    world.relay.kill().await;
    std::fs::remove_dir_all(world.relay.folder()).expect("the store");
    world.relay.start_again().await;
}

async fn is_gone(person: &Person) {
    person
        .until("the channel is gone", || async {
            (person.room().await.state == RoomState::Gone).then_some(())
        })
        .await;
}

async fn hears_of(person: &Person, by: &str) -> SuccessorView {
    person
        .until("a successor is proposed", || async {
            let successors = person.room().await.successors;
            successors.into_iter().find(|successor| successor.by == by)
        })
        .await
}

/// Nothing that a device does by itself is under way, and everybody has read everything.
async fn know_the_same(people: &[Person]) {
    let first = &people[0];
    first
        .until("everybody knows the same log", || async {
            let position = first.room().await.position;
            for person in people {
                if person.status().await.unsent > 0 || person.room().await.position != position {
                    return None;
                }
            }
            Some(())
        })
        .await;
}

async fn texts(person: &Person) -> Vec<String> {
    person.said().await.into_iter().map(|(_, text)| text).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_relay_lost_everything_the_room_goes_on_with_who_follows() {
    let mut world = World::new().await;
    let people = world.cell(&["ana", "ben", "cem"]).await;
    let (ana, ben, cem) = (&people[0], &people[1], &people[2]);
    ana.says("before").await;
    ben.await_said("before").await;
    cem.await_said("before").await;
    know_the_same(&people).await;
    world.relay.kill().await;
    // All know the same log; what ben says now waits on his device.
    let position = ana.room().await.position;
    for person in [ben, cem] {
        assert_eq!(person.room().await.position, position);
    }
    assert!(matches!(ben.try_say("it waits").await, Answer::Queued { .. }));
    loses_everything(&mut world).await;
    for person in [ana, ben, cem] {
        is_gone(person).await;
    }
    // Cem is no keyholder.
    assert_eq!(cem.refused(successor()).await.code, Code::Denied);
    // Nobody proposes anything yet.
    assert_eq!(ben.refused(follow("ana")).await.code, Code::NotFound);

    ana.ask(successor()).await;
    ana.is_well().await;
    assert_eq!(ana.standing("present").await, ["ana"]);
    assert_eq!(ana.standing("awaited").await, ["ben", "cem"]);
    ana.says("alone so far").await;
    let heard = hears_of(ben, "ana").await;
    assert_eq!(
        (heard.word, heard.position, heard.followed),
        (SuccessorWord::Matches, position, false)
    );
    let status = ben.status().await;
    let told = status
        .warnings
        .iter()
        .any(|warning| warning.contains("`caucus successor North --follow ana`"));
    assert!(told, "{:?}", status.warnings);
    // Nothing happens by itself.
    assert_eq!(ben.room().await.state, RoomState::Gone);

    let began = Instant::now();
    ben.ask(follow("ana")).await;
    ben.is_well().await;
    eprintln!("followed after {:?}", began.elapsed());
    ana.await_said("it waits").await;
    ben.says("here").await;
    ana.says("good").await;
    ben.await_said("good").await;
    ana.await_said("here").await;
    let waited = |said: &[String]| said.iter().filter(|text| *text == "it waits").count();
    for person in [ana, ben] {
        assert_eq!(waited(&texts(person).await), 1);
        assert_eq!(person.standing("present").await, ["ana", "ben"]);
        assert_eq!(person.standing("awaited").await, ["cem"]);
        assert_eq!(person.room().await.people, 2);
        // What a device asked for while the old channel was gone alarms nobody in the next.
        let warnings = person.room().await.warnings;
        assert!(
            !warnings.iter().any(|warning| warning.contains("renewed")),
            "{warnings:?}"
        );
    }
    assert!(texts(ben).await.contains(&"before".to_owned()));
    // Cem does not follow, and is left where they were.
    hears_of(cem, "ana").await;
    assert_eq!(cem.room().await.state, RoomState::Gone);
    assert_eq!(texts(cem).await, ["before"]);
    // What holds after a restart too.
    for person in [ana, ben] {
        person.lock().await;
        person.unlock().await;
        person.is_well().await;
    }
    ben.says("still here").await;
    ana.await_said("still here").await;
}

/// The vault of somebody whose log says something else than everybody's.
fn tamper(person: &Person) {
    let vault = Vault::open(&person.home, &Passphrase::new("correct horse".to_owned())).expect("their vault");
    let room = Room::all(&vault).expect("rooms").pop().expect("a room");
    let position = room.cursor().position;
    let place =
        caucus_client::vault::Place::new(caucus_client::vault::Table::Log, room.id().as_bytes(), position.0);
    let mut record = room.log_at(position).expect("the log").expect("an entry");
    record.facts.root.0[0] ^= 1;
    let overlay = vault.overlay();
    overlay.put_value(place, &record).expect("put");
    overlay.commit().expect("committed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_successor_that_contradicts_is_shown_as_such_and_one_that_lacks_entries_says_how_many() {
    let mut world = World::new().await;
    let people = world.cell(&["ana", "ben", "cem"]).await;
    let (ana, ben, cem) = (&people[0], &people[1], &people[2]);
    ana.says("before").await;
    for person in [ben, cem] {
        person.await_said("before").await;
    }
    // Ben sleeps while more is said, and his own is a log of his own.
    ben.lock().await;
    cem.says("one more").await;
    ana.await_said("one more").await;
    let level = || async {
        let (ana, cem) = (ana.room().await, cem.room().await);
        (ana.position == cem.position && ana.unsent + cem.unsent == 0).then_some(())
    };
    cem.until("ana and cem have read the same", level).await;
    world.relay.kill().await;
    tamper(ben);
    loses_everything(&mut world).await;
    ben.unlock().await;
    for person in [ana, ben, cem] {
        is_gone(person).await;
    }
    ben.ask(successor()).await;
    for person in [ana, cem] {
        let heard = hears_of(person, "ben").await;
        assert_eq!(heard.word, SuccessorWord::Contradicts);
        let status = person.status().await;
        assert!(
            status
                .warnings
                .iter()
                .any(|warning| warning.contains("CONTRADICTS"))
        );
    }
    // Ana's has everything; cem, who could go to either, goes there.
    ana.ask(successor()).await;
    assert_eq!(hears_of(cem, "ana").await.word, SuccessorWord::Matches);
    cem.ask(follow("ben")).await;
    cem.ask(Intent::Follow {
        body: "North".to_owned(),
        name: None,
    })
    .await;
    cem.ask(follow("ana")).await;
    cem.is_well().await;
    cem.says("with ana").await;
    ana.await_said("with ana").await;
    assert_eq!(ana.standing("present").await, ["ana", "cem"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_read_further_than_the_successor_keeps_says_their_own_words_again() {
    let mut world = World::new().await;
    let people = world.cell(&["ana", "ben", "cem"]).await;
    let (ana, ben, cem) = (&people[0], &people[1], &people[2]);
    ana.says("before").await;
    for person in [ben, cem] {
        person.await_said("before").await;
    }
    ana.lock().await;
    ben.says("ana did not see it").await;
    cem.await_said("ana did not see it").await;
    world.relay.kill().await;
    loses_everything(&mut world).await;
    ana.unlock().await;
    is_gone(ana).await;
    ana.ask(successor()).await;
    let heard = hears_of(ben, "ana").await;
    assert_eq!(heard.word, SuccessorWord::Behind);
    assert!(heard.entries > 0);
    ben.ask(follow("ana")).await;
    ben.is_well().await;
    ana.await_said("ana did not see it").await;
    ben.await_said("ana did not see it").await;
    for person in [ana, ben] {
        assert_eq!(texts(person).await, ["before", "ana did not see it"]);
    }
}
