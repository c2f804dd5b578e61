//! Two relays that carry one room at once: whoever cannot reach the first reads on in the copy at the second.

use caucus_client::app::{Answer, CopyView, Intent, KindWord, RoomState};
use caucus_client::relay::{Appended, Pool};
use caucus_proto::codec;
use caucus_proto::envelope::{AccessSecret, Copied, seal_bytes};
use caucus_proto::id::{Counter, PersonaId, Position};
use caucus_proto::org::{Kind, RelayName};
use caucus_proto::wire::{Entry, Flag, RelayAddress, Role, bucket};
use caucus_tests::harness::{Person, RelayHost, World};
use caucus_tests::process::Cable;

use super::assembly::quick;
use super::relays::{all_go_to, joins, removes, second};

/// The charter of a cell whose rooms this relay carries too.
fn together(relay: &RelayHost) -> String {
    let name = RelayName::try_from(relay.address()).unwrap();
    quick(Kind::Cell, |charter| {
        charter.relays.alternates = vec![name];
        charter.relays.together = true;
    })
}

/// A cell "North" of these people, who reach the first relay by this cable if there is one.
async fn cell(world: &World, names: &[&str], cable: Option<&Cable>, charter: String) -> Vec<Person> {
    let first = world.stranger(names[0]).await;
    let address = world.relay.address();
    let address = cable.map_or(address.clone(), |cable| cable.address(&address));
    first.add_relay(&address).await;
    first.found_by(KindWord::Cell, "North", Some(charter)).await;
    let mut people = vec![first];
    for name in &names[1..] {
        let person = joins(world, &people[0], name).await;
        people.push(person);
    }
    people
}

async fn copy_of(person: &Person) -> CopyView {
    let body = "North".to_owned();
    match person.ask(Intent::Places { body }).await {
        Answer::Places { rooms, .. } => rooms[0].copy.clone().expect("a copy is asked for"),
        other => panic!("{other:?}"),
    }
}

/// Waits until the copy has everything that this device has read.
async fn is_copied(person: &Person) {
    person
        .until("everything is copied", || async {
            (copy_of(person).await.lacks == Some(0)).then_some(())
        })
        .await;
}

async fn reads_by_copy(person: &Person) {
    person
        .until("they read by the copy", || async {
            copy_of(person).await.reads.then_some(())
        })
        .await;
}

/// Where a device came into the room: later, where it was renewed.
fn joined_at(person: &Person) -> Position {
    let rooms = person.app.engine().unwrap().rooms();
    rooms[0].room().record().joined_at
}

fn access(person: &Person) -> Vec<AccessSecret> {
    let rooms = person.app.engine().unwrap().rooms();
    let room = rooms[0].room();
    let cursor = room.cursor();
    [cursor.older.clone(), vec![cursor.access.clone()]].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_only_its_author_had_read_is_read_in_the_copy_when_the_relay_is_gone_and_nobody_is_renewed() {
    let mut world = World::new().await;
    let other = second(&world, "other").await;
    let people = cell(&world, &["ana", "ben", "cem"], None, together(&other)).await;
    let [ana, ben, cem] = &people[..] else { panic!() };
    let joined: Vec<_> = people.iter().map(joined_at).collect();
    for person in [ben, cem] {
        person.lock().await;
    }
    ana.says("nobody else has read this").await;
    is_copied(ana).await;
    world.relay.kill().await;
    ana.lock().await;
    for person in [ben, cem] {
        person.unlock().await;
    }
    // Before anybody goes anywhere.
    cem.await_said("nobody else has read this").await;
    assert_eq!(cem.room().await.relay, world.relay.address());
    all_go_to(&[ben, cem], &other).await;
    ben.says("we go on").await;
    cem.await_said("we go on").await;
    ana.unlock().await;
    all_go_to(&[ana], &other).await;
    ana.await_said("we go on").await;
    for person in &people {
        let said = person.said().await;
        let times = said
            .iter()
            .filter(|(_, text)| text == "nobody else has read this");
        assert_eq!(times.count(), 1, "{said:?}");
    }
    let now: Vec<_> = people.iter().map(joined_at).collect();
    assert_eq!(now, joined, "nobody was renewed");
    assert_eq!(
        ben.app.engine().unwrap().rooms()[0].room().beside(),
        None,
        "the charter names no third relay"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_alone_cannot_reach_the_relay_reads_live_in_the_copy_across_a_cut_and_who_was_removed_does_not() {
    let world = World::new().await;
    let cable = Cable::to(&world.relay.address());
    let other = second(&world, "other").await;
    let names = ["ana", "ben", "cem", "dil"];
    let people = cell(&world, &names, Some(&cable), together(&other)).await;
    let [ana, ben, cem, dil] = &people[..] else {
        panic!()
    };
    let joined = joined_at(cem);
    cem.lock().await;
    cable.admit(false);
    ana.says("while cem cannot reach us").await;
    cem.unlock().await;
    cem.await_said("while cem cannot reach us").await;
    reads_by_copy(cem).await;
    let warnings = cem.room().await.warnings;
    let told = |warning: &String| warning.contains("reads on in the copy at");
    assert!(warnings.iter().any(told), "{warnings:?}");
    let waits = cem.try_say("cem's own").await;
    assert!(matches!(waits, Answer::Queued { .. }), "{waits:?}");
    ben.says("live").await;
    cem.await_said("live").await;

    removes(ana, dil).await;
    ben.says("after the cut").await;
    cem.await_said("after the cut").await;
    let known = access(dil);
    let now = access(ana).pop().unwrap();
    assert_eq!(
        access(cem).last(),
        Some(&now),
        "the keys turned, and cem followed"
    );
    assert!(!known.contains(&now));
    let relay = other.address();
    let theirs: Vec<_> = known
        .iter()
        .map(|known| known.copy(&relay).keys().channel())
        .collect();
    assert!(!theirs.contains(&now.copy(&relay).keys().channel()));

    // It is their own relay again as soon as it can be reached.
    cable.admit(true);
    ana.await_said("cem's own").await;
    cem.await_live().await;
    cem.until("they read by their own relay", || async {
        (!copy_of(cem).await.reads).then_some(())
    })
    .await;
    assert_eq!(joined_at(cem), joined, "they were not renewed");
}

/// Puts an entry that the room's relay never had into the copy, as anybody in the room could.
async fn puts_a_lie(person: &Person, relay: &RelayHost) -> Position {
    let (secret, entry) = {
        let rooms = person.app.engine().unwrap().rooms();
        let room = rooms[0].room();
        let cursor = room.cursor();
        let entry = Entry {
            position: cursor.position.next(),
            counter: cursor.counter,
            flag: Flag::Plain,
            expires: caucus_proto::id::Hours(0),
            bytes: vec![7; 1024].into(),
        };
        (cursor.access.clone(), entry)
    };
    let keys = secret.copy(&relay.address()).keys();
    let channel = keys.channel();
    let pool = Pool::default();
    let address: RelayAddress = relay.address().parse().unwrap();
    let connection = pool.connection(&address, &PersonaId([9; 32])).await.unwrap();
    let opened = connection
        .open(channel, Role::Append, &keys.append)
        .await
        .unwrap();
    for half in Copied::of(&entry, &secret.envelope_key(), &channel) {
        let content = codec::encode(&vec![half], bucket::LARGEST).unwrap();
        let bytes = seal_bytes(&keys.envelope, &channel, Counter(0), [3; 24], &content).unwrap();
        let put = connection
            .append(opened.handle, opened.counter, bytes.into())
            .await;
        assert!(matches!(put, Ok(Appended::Stored(_))), "{put:?}");
    }
    entry.position
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_puts_into_the_copy_in_bad_faith_keeps_nobody_from_what_everybody_else_reads() {
    let world = World::new().await;
    let cable = Cable::to(&world.relay.address());
    let other = second(&world, "other").await;
    let people = cell(&world, &["ana", "ben", "cem"], Some(&cable), together(&other)).await;
    let [ana, ben, cem] = &people[..] else { panic!() };
    ana.says("before").await;
    is_copied(ana).await;
    cem.await_said("before").await;
    cem.lock().await;
    cable.admit(false);
    cem.unlock().await;
    reads_by_copy(cem).await;
    let at = puts_a_lie(ben, &other).await;
    cem.until("the lie is read", || async {
        (Position(cem.room().await.position) >= at).then_some(())
    })
    .await;
    // Copied after it all the same, and cem sees that it is not the same.
    ana.says("the truth").await;
    cem.until("the copy is not trusted", || async {
        let trouble = copy_of(cem).await.trouble?;
        trouble.contains("two histories").then_some(())
    })
    .await;
    assert!(!cem.said().await.iter().any(|(_, text)| text == "the truth"));
    cable.admit(true);
    // Renewed: what was said before that is for the others.
    let joined = joined_at(cem);
    cem.until("cem is well", || async {
        let room = cem.room().await;
        (room.live && room.state == RoomState::Open && joined_at(cem) > joined).then_some(())
    })
    .await;
    ana.says("as it goes on").await;
    cem.await_said("as it goes on").await;
    cem.says("that was not so").await;
    ben.await_said("that was not so").await;
    let root = |person: &Person| {
        let rooms = person.app.engine().unwrap().rooms();
        let room = rooms[0].room();
        (room.cursor().position, room.cursor().running)
    };
    ana.until("all have one history", || async {
        let all: Vec<_> = people.iter().map(root).collect();
        all.iter().all(|one| *one == all[0]).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_beside_that_is_down_disturbs_nobody_and_is_filled_when_it_is_back() {
    let world = World::new().await;
    let mut other = second(&world, "other").await;
    let charter = together(&other);
    other.kill().await;
    let people = cell(&world, &["ana", "ben"], None, charter).await;
    let [ana, ben] = &people[..] else { panic!() };
    for n in 0..40 {
        ana.says(&format!("word {n}")).await;
    }
    ben.await_said("word 39").await;
    ana.until("it is said why nothing is copied", || async {
        copy_of(ana).await.trouble.map(|_| ())
    })
    .await;
    assert_eq!(ana.room().await.warnings.len(), ben.room().await.warnings.len());
    let copy = copy_of(ben).await;
    assert_eq!((copy.to, copy.reads), (None, false));
    other.start_again().await;
    is_copied(ana).await;
    is_copied(ben).await;
}
