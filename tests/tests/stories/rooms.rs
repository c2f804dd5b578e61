//! A chapter in its rooms: volunteers in the open one, members where it is decided, cadre in the core.

use std::time::Duration;

use caucus_client::app::{Answer, Code, Intent, KindWord, RemovedView, RoomState};
use caucus_client::charter;
use caucus_client::engine::{EngineError, Room};
use caucus_client::mls::PersonaKeys;
use caucus_proto::codec;
use caucus_proto::id::{IntentId, RoomId};
use caucus_proto::org::roster::LONGEST_CLAIM;
use caucus_proto::org::{Claim, Deed, Kind, Roster, SignedClaim};
use caucus_tests::harness::{Person, World};

/// The charter of a chapter, in which nothing waits for days that no test has.
fn quick() -> String {
    let mut charter = charter::read(charter::shipped(Kind::Chapter)).unwrap();
    charter.admission.vouches = 0;
    charter.vouching.days = 0;
    charter.replacing.days = 0;
    for step in [&mut charter.member, &mut charter.cadre] {
        step.vouches = 0;
        step.days = 0;
    }
    charter::written(&charter)
}

fn promote(name: &str) -> Intent {
    Intent::Promote {
        body: "North".to_owned(),
        name: name.to_owned(),
    }
}

fn demote(name: &str) -> Intent {
    Intent::Demote {
        body: "North".to_owned(),
        name: name.to_owned(),
        reason: String::new(),
    }
}

/// The number of the one request that waits.
async fn request(person: &Person) -> u64 {
    let intent = Intent::Requests {
        body: Some("North".to_owned()),
    };
    match person.ask(intent).await {
        Answer::Requests { requests } => requests[0].number,
        other => panic!("{other:?}"),
    }
}

/// Somebody who comes in as a volunteer.
async fn volunteer(world: &World, ana: &Person, name: &str) -> Person {
    let link = ana.invite("North", 1).await;
    let person = world.stranger(name).await;
    person.join(&link).await;
    ana.await_requests("North", 1).await;
    ana.admit_all().await;
    person.await_joined().await;
    person.is_in("North/open").await;
    person
}

/// Ana's chapter, with these volunteers.
async fn chapter(world: &World, names: &[&str]) -> (Person, Vec<Person>) {
    let ana = world.person("ana").await;
    ana.found_by(KindWord::Chapter, "North", Some(quick())).await;
    let mut people = Vec::new();
    for name in names {
        people.push(volunteer(world, &ana, name).await);
    }
    (ana, people)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn volunteers_talk_in_the_open_room_and_members_decide_in_theirs() {
    let world = World::new().await;
    let (ana, people) = chapter(&world, &["ben", "cem"]).await;
    let [ben, cem] = &people[..] else { panic!() };
    ben.says_in("North/open", "the soup is ready").await;
    ana.hears_in("North/open", "the soup is ready").await;
    cem.hears_in("North/open", "the soup is ready").await;
    assert!(
        ben.room_named("North").await.is_none(),
        "a volunteer is not where it is decided"
    );
    // A body is named by its label also by who is only in an outer room.
    ben.says_in("North", "who cooks tomorrow").await;
    ana.hears_in("North/open", "who cooks tomorrow").await;

    ana.ask(promote("ben")).await;
    ben.is_in("North").await;
    ben.says_in("North", "I am a member now").await;
    ana.hears_in("North", "I am a member now").await;
    assert!(cem.room_named("North").await.is_none());

    ana.ask(demote("ben")).await;
    ben.is_out_of("North").await;
    ben.says_in("North/open", "still here").await;
    cem.hears_in("North/open", "still here").await;
    ana.ask(promote("ben")).await;
    ben.is_in("North").await;
    ben.says_in("North", "and back again").await;
    ana.hears_in("North", "and back again").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_removed_is_out_of_every_room_and_it_is_said_where_keys_have_turned() {
    let world = World::new().await;
    let (ana, people) = chapter(&world, &["ben", "cem"]).await;
    let [ben, cem] = &people[..] else { panic!() };
    ana.ask(promote("ben")).await;
    ben.is_in("North").await;
    let removal = Intent::Remove {
        body: "North".to_owned(),
        name: "ben".to_owned(),
        reason: String::new(),
    };
    let Answer::Removed { rooms, .. } = ana.ask(removal).await else {
        panic!("no removal")
    };
    let told: Vec<_> = rooms
        .iter()
        .map(|RemovedView { room, .. }| room.as_str())
        .collect();
    assert_eq!(told, ["members", "open"]);
    ben.is_out_of("North").await;
    ben.is_out_of("North/open").await;
    cem.says_in("North/open", "without ben").await;
    let cut = || async {
        let room = ana.room_named("North/open").await?;
        room.uncut.is_empty().then_some(())
    };
    ana.until("the keys of the open room have turned", cut).await;
    let gone = |view: &caucus_client::app::PersonView| view.name == "ben" && view.standing == "gone";
    ana.until("ana sees that ben is gone there", || async {
        ana.people_of("North/open").await.iter().any(gone).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_for_the_core_is_opened_on_demand_and_who_belongs_there_comes_in_by_themselves() {
    let world = World::new().await;
    let (ana, people) = chapter(&world, &["ben"]).await;
    let [ben] = &people[..] else { panic!() };
    let open = |room: &str| Intent::OpenRoom {
        body: "North".to_owned(),
        room: room.to_owned(),
    };
    assert_eq!(ana.refused(open("cellar")).await.code, Code::NotFound);
    ana.ask(open("core")).await;
    assert_eq!(ana.refused(open("core")).await.code, Code::Denied);
    ana.ask(promote("ben")).await;
    ben.is_in("North").await;
    assert!(ben.room_named("North/core").await.is_none());
    ana.ask(promote("ben")).await;
    ben.is_in("North/core").await;
    ben.says_in("North/core", "good evening").await;
    ana.hears_in("North/core", "good evening").await;
    ana.ask(demote("ben")).await;
    ben.is_out_of("North/core").await;
    ben.says_in("North", "a member still").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_comes_into_a_room_that_went_on_in_a_successor_finds_it_there() {
    let world = World::new().await;
    let (ana, people) = chapter(&world, &["ben"]).await;
    let [ben] = &people[..] else { panic!() };
    ana.ask(promote("ben")).await;
    ben.is_in("North").await;
    let room = "core".to_owned();
    let body = "North".to_owned();
    ana.ask(Intent::OpenRoom { body, room }).await;
    for (room, text) in [
        ("North/core", "in another core"),
        ("North/open", "in another hall"),
    ] {
        let before = ana.room_named(room).await.expect("the room").channel;
        let body = room.to_owned();
        ana.ask(Intent::Successor { body }).await;
        let moved = || async {
            let room = ana.room_named(room).await?;
            (room.channel != before && room.live).then_some(())
        };
        ana.until("the successor is there", moved).await;
        ana.says_in(room, text).await;
    }
    for name in ["core", "open"] {
        let line = format!("said that the room \"{name}\" goes on in a successor");
        ben.hears_in("North", &line).await;
    }
    // Who belongs into a room later comes in where it is, and so does who was not in the body before.
    ana.ask(promote("ben")).await;
    ben.is_in("North/core").await;
    ben.says_in("North/core", "good evening").await;
    ana.hears_in("North/core", "good evening").await;
    let cem = volunteer(&world, &ana, "cem").await;
    cem.says_in("North/open", "good morning").await;
    ana.hears_in("North/open", "good morning").await;
    // Who was in the room before is not moved by anybody.
    let ben_there = ben.room_named("North/open").await.expect("the room");
    assert_ne!(
        ben_there.channel,
        cem.room_named("North/open").await.expect("the room").channel
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_volunteer_reads_and_accepts_the_points_of_unity_and_leaves_by_themselves() {
    let world = World::new().await;
    let (ana, people) = chapter(&world, &["ben", "cem"]).await;
    let [ben, cem] = &people[..] else { panic!() };
    ana.ask(Intent::SetPrinciples {
        body: "North".to_owned(),
        texts: [("en".to_owned(), "We decide together.".to_owned())].into(),
        substance: true,
    })
    .await;
    assert_eq!(ana.refused(promote("ben")).await.code, Code::Denied);
    ben.await_in_inbox("accept").await;
    let show = Intent::Principles {
        body: "North/open".to_owned(),
    };
    let Answer::Principles(text) = ben.ask(show).await else {
        panic!("no text")
    };
    ben.ask(Intent::Accept {
        body: "North".to_owned(),
        language: "en".to_owned(),
        hash: text.texts[0].hash.clone(),
    })
    .await;
    ana.hears_in("North", "ben accepted").await;
    ana.ask(promote("ben")).await;
    ben.is_in("North").await;

    cem.ask(Intent::Leave {
        body: "North".to_owned(),
    })
    .await;
    cem.is_out_of("North/open").await;
    let out = |view: &caucus_client::app::PersonView| view.name == "cem" && view.standing == "gone";
    ana.until("the members know that cem left", || async {
        ana.people().await.iter().any(out).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_decided_while_a_device_slept_or_died_is_caught_up_with_in_every_room() {
    let world = World::new().await;
    let (ana, people) = chapter(&world, &["ben", "cem"]).await;
    let [ben, cem] = &people[..] else { panic!() };
    ben.lock().await;
    ana.ask(promote("ben")).await;
    ana.ask(promote("cem")).await;
    cem.is_in("North").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    ben.unlock().await;
    ben.is_in("North").await;
    // Asked for again after it was locked in the middle.
    ana.ask(demote("ben")).await;
    ben.lock().await;
    ana.lock().await;
    ana.unlock().await;
    ben.unlock().await;
    ben.is_out_of("North").await;
    ben.says_in("North/open", "all of us").await;
    for person in [&ana, cem] {
        person.hears_in("North/open", "all of us").await;
        let room = person.room_named("North/open").await.unwrap();
        assert_eq!(room.state, RoomState::Open, "{room:?}");
        assert!(room.roster.unwrap().disputed.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_who_lost_their_phone_is_back_in_every_room_and_the_lost_one_in_none() {
    let world = World::new().await;
    let (ana, people) = chapter(&world, &["ben", "cem", "dia"]).await;
    let [ben, cem, dia] = &people[..] else { panic!() };
    for (name, person) in [("ben", ben), ("cem", cem), ("dia", dia)] {
        ana.ask(promote(name)).await;
        person.is_in("North").await;
    }
    // Ben's phone is at the bottom of the harbour.
    ben.lock().await;
    let link = ana.invite("North", 1).await;
    let new = world.stranger("ben on a new phone").await;
    new.ask(Intent::Join {
        link,
        name: "ben again".to_owned(),
        word: String::new(),
        claims: Some("ben".to_owned()),
    })
    .await;
    ana.await_requests("North", 1).await;
    for person in [cem, dia] {
        person.await_requests("North", 1).await;
        let number = request(person).await;
        person.ask(Intent::Recognize { number }).await;
    }
    let number = request(&ana).await;
    ana.until("ben is recognized", || async {
        let replaced = ana.app.handle(Intent::Replace { number }).await;
        matches!(replaced, Ok(Answer::Done {})).then_some(())
    })
    .await;
    new.await_joined().await;
    new.is_in("North/open").await;
    new.is_in("North").await;
    new.says_in("North", "it is me").await;
    ana.hears_in("North", "it is me").await;
    new.says_in("North/open", "and here").await;
    cem.hears_in("North/open", "and here").await;
    let people = ana.people().await;
    let ben_is = people.iter().find(|person| person.name == "ben").unwrap();
    assert_eq!(ben_is.offices[0].office, "keyholder", "{ben_is:?}");
    assert_eq!(
        people
            .iter()
            .filter(|person| person.name.starts_with("ben"))
            .count(),
        1
    );
    ben.unlock().await;
    for room in ["North", "North/open"] {
        ben.until("the lost phone is told", || async {
            let room = ben.room_named(room).await?;
            (room.state != RoomState::Open).then_some(())
        })
        .await;
    }
}

/// The room of this name in the vault of somebody who is locked.
fn in_vault(person: &Person, name: &str) -> Room {
    let vault = person.vault();
    let rooms = Room::all(&vault).unwrap();
    let named = |room: &Room| room.state().room_name() == name;
    rooms.into_iter().find(named).unwrap()
}

/// What a keyholder signs who says something else than what was decided.
fn lie(signer: &Person, change: impl FnOnce(&mut Roster)) -> Vec<u8> {
    let room = in_vault(signer, "members");
    let mut roster = room.state().roster("open").unwrap();
    change(&mut roster);
    let claim = Claim {
        room: RoomId::of(&room.record().body, "open"),
        number: room.state().open("open").unwrap().number + 1,
        roster,
    };
    let by = room.me();
    let keys = PersonaKeys::from_bytes(&room.record().persona_key.0);
    let signature = keys.sign(&SignedClaim::digest(&by, &claim).unwrap());
    codec::encode(&SignedClaim { by, claim, signature }, LONGEST_CLAIM).unwrap()
}

fn submit(person: &Person, room: &str, id: u8, claim: &[u8]) -> Result<(), EngineError> {
    let deed = Deed::Claim {
        claim: claim.to_vec(),
    };
    in_vault(person, room).submit(IntentId([id; 16]), &deed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_false_claim_needs_two_and_is_called_out_by_the_others_and_set_right() {
    let world = World::new().await;
    let (ana, people) = chapter(&world, &["ben", "cem", "dia"]).await;
    let [ben, cem, dia] = &people[..] else { panic!() };
    for (name, person) in [("ben", ben), ("cem", cem)] {
        ana.ask(promote(name)).await;
        person.is_in("North").await;
    }
    let settled = || async {
        let people = ana.people_of("North/open").await;
        let members = people.iter().filter(|person| person.sphere == "member").count();
        (members == 2).then_some(())
    };
    ana.until("the open room knows its members", settled).await;
    cem.says_in("North/open", "before").await;
    ben.hears_in("North/open", "before").await;
    ben.lock().await;
    cem.lock().await;
    // Ben holds keys; he says that Dia does not belong to the volunteers.
    let dropped = lie(ben, |roster| {
        roster.people.retain(|place| place.name.as_str() != "dia");
    });
    assert!(
        submit(ben, "members", 1, &dropped).is_err(),
        "in front of everyone it is false"
    );
    assert!(
        submit(ben, "open", 2, &dropped).is_err(),
        "nobody carries what they signed"
    );
    submit(cem, "open", 3, &dropped).unwrap();
    cem.unlock().await;
    ana.until("ana calls it out", || async {
        let room = ana.room_named("North/open").await?;
        let told = room
            .warnings
            .iter()
            .any(|warning| warning.contains("is not what was decided"));
        (told && room.roster?.disputed.contains(&"ana".to_owned())).then_some(())
    })
    .await;
    ana.until("it is set right", || async {
        let roster = ana.room_named("North/open").await?.roster?;
        (roster.by == "ana" && roster.disputed.is_empty()).then_some(())
    })
    .await;
    // What two did to her is seen by everybody, and not undone by itself: she asks to come in again.
    dia.until("dia is told", || async {
        let room = dia.room_named("North/open").await?;
        (room.state == RoomState::Removed).then_some(())
    })
    .await;
}
