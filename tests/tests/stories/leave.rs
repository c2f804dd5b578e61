//! Going, and being removed.

use caucus_client::app::{Answer, Code, Intent, RoomState};
use caucus_client::engine::Room;
use caucus_client::relay::Pool;
use caucus_client::vault::{Passphrase, Vault};
use caucus_proto::envelope;
use caucus_proto::id::{PersonaId, Position};
use caucus_proto::wire::{Entry, Role, Served};
use caucus_tests::harness::{Person, World};

fn remove(name: &str) -> Intent {
    Intent::Remove {
        body: "North".to_owned(),
        name: name.to_owned(),
        reason: "broke an agreement".to_owned(),
    }
}

/// Whether the relay lets whoever holds a person's keys append.
async fn can_append(person: &Person) -> bool {
    person.lock().await;
    let vault = Vault::open(&person.home, &Passphrase::new("correct horse".to_owned())).expect("their vault");
    let room = Room::all(&vault).expect("rooms").pop().expect("a room");
    let pool = Pool::default();
    let relay = &room.record().relay;
    let connection = pool
        .connection(relay, &PersonaId([9; 32]))
        .await
        .expect("a connection");
    let key = room.cursor().access.append_key();
    let opened = connection.open(room.record().channel, Role::Append, &key).await;
    pool.close_all().await;
    opened.is_ok()
}

/// Every entry that the relay serves to whoever holds a person's keys.
async fn served_to(person: &Person) -> (Room, Vec<Entry>) {
    person.lock().await;
    let vault = Vault::open(&person.home, &Passphrase::new("correct horse".to_owned())).expect("their vault");
    let room = Room::all(&vault).expect("rooms").pop().expect("a room");
    let pool = Pool::default();
    let connection = pool
        .connection(&room.record().relay, &PersonaId([9; 32]))
        .await
        .expect("a connection");
    let access = &room.cursor().access;
    let mut entries = Vec::new();
    if let Ok(opened) = connection
        .open(room.record().channel, Role::Read, &access.read_key())
        .await
    {
        let mut reading = connection
            .read(opened.handle, Position(0), false)
            .await
            .expect("a reading");
        while let Ok(Served::Entry(entry)) = reading.next().await {
            entries.push(entry);
        }
    }
    pool.close_all().await;
    (room, entries)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_removed_one_reads_nothing_later_not_even_as_ciphertext() {
    let world = World::new().await;
    let people = world.cell(&["ana", "ben", "mal"]).await;
    let (ana, ben, mal) = (&people[0], &people[1], &people[2]);
    ana.say("before").await;
    mal.await_said("before").await;
    let answer = ana.ask(remove("mal")).await;
    assert!(matches!(answer, Answer::Removed { cut: true, .. }), "{answer:?}");
    mal.until("mal knows", || async {
        (mal.room().await.state == RoomState::Removed).then_some(())
    })
    .await;
    let secret = ana.say("after the cut").await;
    ben.await_said("after the cut").await;
    assert_eq!(ana.standing("gone").await, ["mal"]);
    assert!(ana.room().await.uncut.is_empty());
    assert_eq!(
        mal.refused(Intent::Say {
            room: "North".to_owned(),
            text: "hi".to_owned()
        })
        .await
        .code,
        Code::RoomState
    );
    assert_eq!(mal.said().await, [("ana".to_owned(), "before".to_owned())]);

    assert!(!can_append(mal).await, "the removed one can still append");
    assert!(can_append(ben).await, "the same way in is open to who is there");
    let (theirs, entries) = served_to(mal).await;
    assert!(!entries.is_empty(), "the check must see their own segment");
    assert!(entries.iter().all(|entry| entry.position.0 < secret));
    let (_, all) = served_to(ben).await;
    let later = all.iter().filter(|entry| entry.position.0 >= secret);
    assert!(later.clone().count() > 0);
    for entry in later {
        let key = theirs.cursor().access.envelope_key();
        let opened = envelope::open(&key, &theirs.record().channel, entry.counter, &entry.bytes);
        assert!(
            opened.is_err(),
            "a removed person opens an envelope at {}",
            entry.position
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_no_keyholder_may_cut_yet_a_removal_is_told_as_not_yet_cut_and_no_text_is_read_all_the_same() {
    let world = World::new().await;
    let people = world.cell(&["ana", "ben", "mal", "may", "max"]).await;
    let (ana, ben, max) = (&people[0], &people[1], &people[4]);
    // Each control may cut once in ten minutes: ana's device cuts, then ben's does it for her, then nobody may.
    assert!(matches!(
        ana.ask(remove("mal")).await,
        Answer::Removed { cut: true, .. }
    ));
    ana.ask(remove("may")).await;
    ana.until("ben's device has cut may", || async {
        ana.room().await.uncut.is_empty().then_some(())
    })
    .await;
    let answer = ana.ask(remove("max")).await;
    assert!(
        matches!(
            answer,
            Answer::Removed {
                cut: false,
                position: Some(_),
                ..
            }
        ),
        "{answer:?}"
    );
    max.until("max is out of the group", || async {
        (max.room().await.state == RoomState::Removed).then_some(())
    })
    .await;
    assert_eq!(ana.room().await.uncut, ["max"]);
    assert!(
        ana.status()
            .await
            .warnings
            .iter()
            .any(|warning| warning.contains("not yet cut"))
    );
    ana.say("behind max's back").await;
    ben.await_said("behind max's back").await;
    // The envelope still opens for max, as SECURITY.md says; what is in it does not.
    let (theirs, entries) = served_to(max).await;
    let newest = entries.last().expect("an entry");
    let key = theirs.cursor().access.envelope_key();
    let content = envelope::open(&key, &theirs.record().channel, newest.counter, &newest.bytes);
    let content =
        caucus_proto::codec::encode(&content.expect("an open envelope"), caucus_proto::codec::LIMIT);
    let content = content.expect("its bytes");
    let needle = b"behind max's back";
    assert!(content.windows(needle.len()).all(|window| window != needle));
    drop(theirs);
    let again = Person::reopen("max", &max.home).await;
    assert!(again.said().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_leaves_and_the_others_carry_it_out() {
    let world = World::new().await;
    let people = world.cell(&["ana", "ben", "cem"]).await;
    let (ana, ben, cem) = (&people[0], &people[1], &people[2]);
    cem.ask(Intent::Leave {
        body: "North".to_owned(),
    })
    .await;
    cem.until("cem is out", || async {
        (cem.room().await.state == RoomState::Left).then_some(())
    })
    .await;
    ana.say("two of us").await;
    ben.await_said("two of us").await;
    assert_eq!(ben.standing("present").await, ["ana", "ben"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_founder_can_leave_and_the_rest_goes_on() {
    let world = World::new().await;
    let people = world.cell(&["ana", "ben", "cem"]).await;
    let (ana, ben, cem) = (&people[0], &people[1], &people[2]);
    ana.ask(Intent::Leave {
        body: "North".to_owned(),
    })
    .await;
    ana.until("ana is out", || async {
        (ana.room().await.state == RoomState::Left).then_some(())
    })
    .await;
    ben.until("ben says", || async {
        matches!(ben.try_say("without ana").await, Answer::Stored { .. }).then_some(())
    })
    .await;
    cem.await_said("without ana").await;
    let link = ben.invite("North", 1).await;
    let dia = world.stranger("dia").await;
    dia.join(&link).await;
    ben.await_requests("North", 1).await;
    ben.admit_all().await;
    dia.await_joined().await;
    cem.say("hello dia").await;
    dia.await_said("hello dia").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_no_power_removes_nobody_and_the_last_one_cannot_leave() {
    let world = World::new().await;
    let people = world.cell(&["ana", "ben", "cem"]).await;
    assert_eq!(people[2].refused(remove("ana")).await.code, Code::Denied);
    assert_eq!(people[1].refused(remove("cem")).await.code, Code::Denied);
    assert_eq!(people[0].refused(remove("ana")).await.code, Code::Denied);
    let other = World::new().await;
    let zoe = other.person("zoe").await;
    zoe.found("North").await;
    assert_eq!(
        zoe.refused(Intent::Leave {
            body: "North".to_owned()
        })
        .await
        .code,
        Code::Denied
    );
}
