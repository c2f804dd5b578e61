//! A body and its relays: moved by people, or gone for good without a word.

use std::sync::Arc;
use std::time::{Duration, Instant};

use caucus_client::app::{
    Answer, BallotWord, Intent, KindWord, MethodWord, PlaceView, RoomState, StepWord, SubjectWord,
};
use caucus_client::clock::{Clock, SystemClock};
use caucus_proto::org::{Kind, RelayName};
use caucus_tests::harness::{Person, RelayHost, World};

use super::assembly::{body_by, quick};

/// How long a relay may be lost until its people have gone on, on a machine that is shared.
const GOING_OVER: Duration = Duration::from_secs(180);

/// The charter of a cell that may go on at these relays, in which nothing waits for days that no test has.
fn with_alternates(relays: &[&RelayHost]) -> String {
    let name = |relay: &&RelayHost| RelayName::try_from(relay.address()).unwrap();
    quick(Kind::Cell, |charter| {
        charter.relays.alternates = relays.iter().map(name).collect();
    })
}

/// A cell "North" at the world's relay, and everybody well.
async fn cell(world: &World, names: &[&str], charter: String) -> Vec<Person> {
    let people = body_by(world, "North", KindWord::Cell, names, charter).await;
    for person in &people {
        person.is_well().await;
    }
    people
}

/// Waits until everybody has read the same, and nothing more comes for some seconds.
async fn rest(people: &[Person]) {
    let mut last = Vec::new();
    let mut quiet = 0;
    for _ in 0..300 {
        let mut positions = Vec::new();
        for person in people {
            positions.push(person.room().await.position);
        }
        let same = positions.iter().all(|position| *position == positions[0]);
        quiet = if same && positions == last { quiet + 1 } else { 0 };
        if quiet == 15 {
            return;
        }
        last = positions;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    panic!("they have not read the same: {last:?}");
}

/// Comes into "North", let in by this person.
pub(crate) async fn joins(world: &World, by: &Person, name: &str) -> Person {
    let link = by.invite("North", 1).await;
    let person = world.stranger(name).await;
    person.join(&link).await;
    by.await_requests("North", 1).await;
    by.admit_all().await;
    person.await_joined().await;
    person.is_in("North").await;
    person
}

/// Puts somebody out of "North".
pub(crate) async fn removes(by: &Person, person: &Person) {
    let remove = Intent::Remove {
        body: "North".to_owned(),
        name: person.name.clone(),
        reason: String::new(),
    };
    by.ask(remove).await;
    person.is_out_of("North").await;
}

pub(crate) async fn second(world: &World, name: &str) -> RelayHost {
    RelayHost::start(&world.folder.path().join(name)).await
}

async fn places(person: &Person) -> Vec<PlaceView> {
    let intent = Intent::Places {
        body: "North".to_owned(),
    };
    match person.ask(intent).await {
        Answer::Places { rooms, .. } => rooms,
        other => panic!("{other:?}"),
    }
}

async fn lies_at(person: &Person, relay: &RelayHost) -> bool {
    let here = person.room().await;
    here.relay == relay.address() && here.live && here.state == RoomState::Open
}

/// Waits until everybody is well at this relay; answers how long that took.
pub(crate) async fn all_go_to(people: &[&Person], relay: &RelayHost) -> Duration {
    let start = Instant::now();
    for person in people {
        while !lies_at(person, relay).await {
            if start.elapsed() > GOING_OVER {
                panic!("{} has not gone over: {:#?}", person.name, person.status().await);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    start.elapsed()
}

fn relocate(relay: &RelayHost) -> Intent {
    Intent::Relocate {
        body: "North".to_owned(),
        relay: relay.address(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_moves_and_everybody_follows_by_themselves_also_who_was_away() {
    let mut world = World::new().await;
    let other = second(&world, "other").await;
    let unnamed = second(&world, "unnamed").await;
    let people = cell(&world, &["ana", "ben", "cem", "dil"], with_alternates(&[&other])).await;
    let [ana, ben, cem, dil] = &people[..] else {
        panic!()
    };
    ana.says("before the move").await;
    cem.await_said("before the move").await;
    cem.lock().await;
    let refused = ana.refused(relocate(&unnamed)).await;
    assert!(
        refused.message.contains("does not name that relay"),
        "{refused:?}"
    );
    let refused = dil.refused(relocate(&other)).await;
    assert!(refused.message.contains("the power \"keys\""), "{refused:?}");
    let Answer::Places { rooms, .. } = ana.ask(relocate(&other)).await else {
        panic!()
    };
    assert!(rooms.iter().all(|place| place.stays.is_none()), "{rooms:?}");
    all_go_to(&[ana, ben, dil], &other).await;
    ben.says("at the other relay").await;
    dil.await_said("at the other relay").await;
    // Who was away finds the move where they left, and nothing of what was said is lost.
    cem.unlock().await;
    all_go_to(&[cem], &other).await;
    cem.await_said("at the other relay").await;
    cem.says("I have found you").await;
    ana.await_said("I have found you").await;
    let before: Vec<_> = places(cem)
        .await
        .into_iter()
        .flat_map(|place| place.before)
        .collect();
    assert_eq!(before, [world.relay.address()]);
    let refused = ana.refused(relocate(&other)).await;
    assert!(refused.message.contains("lies there already"), "{refused:?}");
    // The old relay is needed no more: people come in and the keys turn at the other one.
    world.relay.kill().await;
    let eva = joins(&world, ana, "eva").await;
    assert_eq!(eva.room().await.relay, other.address());
    eva.says("new here").await;
    dil.await_said("new here").await;
    removes(ana, dil).await;
    eva.says("one fewer").await;
    ben.await_said("one fewer").await;
}

/// Days later than it is.
struct Later(u64);

impl Clock for Later {
    fn now_ms(&self) -> u64 {
        SystemClock.now_ms() + self.0 * 24 * 60 * 60 * 1000
    }
}

/// Their device goes on, so many days later.
async fn days_later(person: &Person, days: u64) -> Person {
    person.lock().await;
    let later = Person::reopen_by(&person.name, &person.home, Arc::new(Later(days))).await;
    later.is_well().await;
    later
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_moves_while_half_its_people_are_away_for_two_weeks() {
    let mut world = World::new().await;
    let other = second(&world, "other").await;
    let people = cell(&world, &["ana", "ben", "cem", "dil"], with_alternates(&[&other])).await;
    let [ana, ben, cem, dil] = &people[..] else {
        panic!()
    };
    ana.says("before the move").await;
    for away in [cem, dil] {
        away.await_said("before the move").await;
        away.lock().await;
    }
    ana.ask(relocate(&other)).await;
    all_go_to(&[ana, ben], &other).await;
    let mut here = [days_later(ana, 0).await, days_later(ben, 0).await];
    for (days, text) in [(7, "a week later"), (14, "two weeks later")] {
        here = [days_later(&here[0], days).await, days_later(&here[1], days).await];
        here[0].says(text).await;
        here[1].await_said(text).await;
    }
    let back = [days_later(cem, 14).await, days_later(dil, 14).await];
    all_go_to(&[&back[0], &back[1]], &other).await;
    for person in &back {
        for text in ["before the move", "a week later", "two weeks later"] {
            person.await_said(text).await;
        }
    }
    // From now on the old relay is not needed by anybody.
    world.relay.kill().await;
    back[0].says("we have found you").await;
    for person in [&here[0], &here[1], &back[1]] {
        person.await_said("we have found you").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_disappears_for_good_in_the_middle_of_a_vote_and_the_vote_ends_as_it_would_have() {
    let mut world = World::new().await;
    let other = second(&world, "other").await;
    let people = cell(&world, &["ana", "ben", "cem"], with_alternates(&[&other])).await;
    let [ana, ben, cem] = &people[..] else { panic!() };
    let propose = Intent::Propose {
        body: "North".to_owned(),
        title: "A hall for the winter".to_owned(),
        text: "We rent it.".to_owned(),
        subject: SubjectWord::Text {},
    };
    let Answer::Proposed { number, .. } = ana.ask(propose).await else {
        panic!()
    };
    let step = |what| Intent::Step {
        body: "North".to_owned(),
        number,
        what,
    };
    let open = StepWord::Open {
        method: MethodWord::Majority,
        options: Vec::new(),
        minutes: 60,
        sealed: false,
        most: None,
        winners: None,
    };
    assert_eq!(ana.ask(step(open)).await, Answer::Done {});
    let yes = || {
        step(StepWord::Vote {
            ballot: BallotWord::Yes {},
        })
    };
    let no = step(StepWord::Vote {
        ballot: BallotWord::No {},
    });
    assert_eq!(ana.ask(yes()).await, Answer::Done {});
    ben.await_in_inbox("vote").await;
    assert_eq!(ben.ask(no).await, Answer::Done {});
    cem.await_in_inbox("vote").await;
    world.relay.kill().await;
    // Said while nobody can be reached: it waits on the device.
    let waits = cem.app.handle(yes()).await;
    assert!(waits.is_ok(), "{waits:?}");
    let took = all_go_to(&[ana, ben, cem], &other).await;
    println!("everybody was at the other relay {took:?} after theirs was killed");
    for person in &people {
        person
            .until("the vote is over", || async {
                let body = Some("North".to_owned());
                let Answer::Proposals { proposals } = person.ask(Intent::Proposals { body }).await else {
                    panic!()
                };
                let view = proposals.into_iter().find(|view| view.number == number)?;
                let result = view.result.filter(|_| view.stage == "decided")?;
                assert!(
                    result.passed && result.counts.starts_with("2 for, 1 against"),
                    "{result:?}"
                );
                Some(())
            })
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_who_alone_cannot_reach_the_relay_stays_and_what_only_they_had_read_is_said_again() {
    let mut world = World::new().await;
    let other = second(&world, "other").await;
    let people = cell(&world, &["ana", "ben", "cem"], with_alternates(&[&other])).await;
    let [ana, ben, cem] = &people[..] else { panic!() };
    // Who goes first must not have read less.
    rest(&people).await;
    tokio::join!(ben.lock(), cem.lock());
    ana.says("nobody else has read this").await;
    world.relay.kill().await;
    // One of three is not enough to go on without the others.
    tokio::time::sleep(Duration::from_secs(45)).await;
    assert_eq!(ana.room().await.relay, world.relay.address());
    ana.lock().await;
    // Two of three are: they go on from what they have read.
    for person in [ben, cem] {
        person.unlock().await;
    }
    all_go_to(&[ben, cem], &other).await;
    ben.says("we go on").await;
    cem.await_said("we go on").await;
    // The third comes in again, and what only they had is said once more.
    ana.unlock().await;
    all_go_to(&[ana], &other).await;
    ben.says("you are back").await;
    ana.await_said("you are back").await;
    for person in [ben, cem] {
        person.await_said("nobody else has read this").await;
    }
    let said = cem.said().await;
    let times = said
        .iter()
        .filter(|(_, text)| text == "nobody else has read this")
        .count();
    assert_eq!(times, 1, "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_comes_back_sends_on_who_looks_for_the_others_there() {
    let mut world = World::new().await;
    let other = second(&world, "other").await;
    let people = cell(&world, &["ana", "ben", "cem", "dil"], with_alternates(&[&other])).await;
    let [ana, ben, cem, dil] = &people[..] else {
        panic!()
    };
    dil.lock().await;
    world.relay.kill().await;
    all_go_to(&[ana, ben, cem], &other).await;
    ana.says("we are here now").await;
    world.relay.start_again().await;
    // Keyholders leave word there within some seconds of its being back; who comes then finds it.
    tokio::time::sleep(Duration::from_secs(45)).await;
    dil.unlock().await;
    all_go_to(&[dil], &other).await;
    dil.await_said("we are here now").await;
    dil.says("found you").await;
    cem.await_said("found you").await;
}
