//! Joining in numbers: a relay as a process, the clients' own engines in this one. Ten may admit and three of them are
//! there; most of those who ask have only left their request, and fifty wait for their answers. Each admitter lets in a third,
//! as somebody who goes through a list does; the rest is what devices do by themselves. At the end the room moves.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use caucus_client::app::{Answer, Intent, JoinStage, KindWord, RoomView};
use caucus_client::charter;
use caucus_proto::org::{Kind, Power, RelayName, Sphere};
use tokio::task::JoinSet;

use super::inbox;
use crate::figures::samples::Times;
use crate::figures::{Figure, Target, vitals};
use crate::harness::Person;
use crate::process::RelayProcess;

/// Who may admit: so many caretakers, most of whom hold keys too.
const ADMITTERS: usize = 10;

/// Those of them who are there, by the order in which they came: two hold keys, one does not.
const THERE: [usize; 3] = [2, 5, 8];

/// People in the room before the last joins.
const BEFORE: usize = 999;

/// Those who wait for their answers.
const REAL: usize = 50;

/// Requests that are made at once.
pub(super) const AT_ONCE: usize = 12;

/// How long everything may take.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

pub(super) fn measure(folder: &Path, say: &dyn Fn(&str)) -> Vec<Figure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let relay = RelayProcess::start(&folder.join("relay"));
    let other = RelayProcess::start(&folder.join("other-relay"));
    runtime.block_on(joins(&relay, other.address(), folder, say))
}

/// The chapter's charter with one room, that may move to these relays, with admission by the word of one who may admit, and many who may.
pub(super) fn charter(alternates: &[&str]) -> String {
    let mut charter = charter::read(charter::shipped(Kind::Chapter)).expect("a charter");
    charter.spheres = vec![Sphere::Member, Sphere::Cadre];
    charter.rooms.clear();
    charter.admission.sphere = Sphere::Member;
    charter.admission.vouches = 0;
    charter.caretaker.seats = ADMITTERS as u16;
    charter.keyholder.seats = 8;
    let named = alternates
        .iter()
        .map(|relay| RelayName::try_from((*relay).to_owned()));
    charter.relays.alternates = named.collect::<Result<_, _>>().expect("addresses");
    assert!(charter.caretaker.powers.contains(&Power::Admit));
    charter::written(&charter)
}

async fn joins(relay: &RelayProcess, other: &str, folder: &Path, say: &dyn Fn(&str)) -> Vec<Figure> {
    let home = |name: &str| folder.join(name.replace(' ', "-"));
    say("ten who may admit ...");
    let founder = Person::new("Ana", &home("Ana")).await;
    founder.add_relay(relay.address()).await;
    founder
        .found_by(KindWord::Chapter, "North", Some(charter(&[other])))
        .await;
    let link = founder.invite("North", ADMITTERS as u16).await;
    let mut admitters = vec![founder];
    for n in 1..ADMITTERS {
        let name = format!("Admitter {n}");
        let person = Person::new(&name, &home(&name)).await;
        person.join(&link).await;
        admitters[0].await_requests("North", 1).await;
        admitters[0].admit_all().await;
        person.await_joined().await;
        admitters.push(person);
    }
    let link = admitters[0].invite("North", BEFORE as u16).await;
    for admitter in &admitters {
        admitter.await_live().await;
    }
    for admitter in &admitters {
        admitter.lock().await;
    }

    let left = BEFORE - ADMITTERS - REAL;
    say(&format!("{left} leave a request ..."));
    let names: Vec<_> = (0..left).map(|n| format!("Person {n}")).collect();
    for names in names.chunks(AT_ONCE) {
        let mut asking = JoinSet::new();
        for name in names {
            asking.spawn(leaves_a_request(name.clone(), home(name), link.clone()));
        }
        asking.join_all().await;
    }
    let mut waiting = Vec::new();
    for n in 0..REAL {
        let name = format!("Joiner {n}");
        waiting.push(Person::new(&name, &home(&name)).await);
    }

    say(&format!("{REAL} more ask, and three of ten are there ..."));
    let cpu = || vitals::cpu(std::process::id());
    let relays = || relay.pid().map_or(Duration::ZERO, vitals::cpu);
    let (begun, before) = (Instant::now(), (cpu(), relays()));
    let there: Vec<_> = admitters
        .into_iter()
        .enumerate()
        .filter(|(n, _)| THERE.contains(n))
        .map(|(_, person)| Arc::new(person))
        .collect();
    for admitter in &there {
        admitter.unlock().await;
    }
    let mut lists = JoinSet::new();
    for (third, admitter) in there.iter().enumerate() {
        lists.spawn(admits(Arc::clone(admitter), third));
    }
    let mut joining = JoinSet::new();
    for person in waiting {
        let link = link.clone();
        joining.spawn(async move {
            person.join(&link).await;
            let asked = Instant::now();
            is_ready(&person).await;
            (asked.elapsed(), person)
        });
    }
    let mut times = Times::new();
    let mut inside = Vec::new();
    while let Some(joined) = joining.join_next().await {
        let (took, person) = joined.expect("in the room");
        times.add(took);
        inside.push(person);
        if inside.len() == 1 || inside.len() == REAL {
            let (count, seconds) = (inside.len(), took.as_secs());
            say(&format!(
                "{count} of {REAL} are in, this one after {seconds} s ..."
            ));
        }
    }
    until("all are in the room", || async {
        (present(&there[0]).await >= BEFORE).then_some(())
    })
    .await;
    let all = begun.elapsed();
    let spent = (cpu() - before.0, relays() - before.1);
    let spread = times.seconds();

    say("one into a room of 1,000 ...");
    lists.abort_all();
    let last = Person::new("Last", &home("Last")).await;
    last.join(&link).await;
    there[0].await_requests("North", 1).await;
    there[0].admit_all().await;
    let admitted = Instant::now();
    is_ready(&last).await;
    let ready = admitted.elapsed();
    inside.push(last);
    let list = inbox::opened(&[&there[0], &there[1], &there[2]], &there[1], say).await;

    say("all of them move to another relay ...");
    let moved = moves(&there, &inside, other).await;

    let how = format!(
        "{} requests by one invite, {left} left before, {REAL} clients wait from their request to a room that is live; three \
         of ten admitters there from the first of them on; all clients in one process",
        BEFORE - ADMITTERS
    );
    vec![
        Figure {
            spread: Some(spread),
            ..Figure::of("joined, p99", spread.p99, "s", how.clone()).aim(Target::below(60.0))
        },
        Figure::of("all are in", all.as_secs_f64(), "s", how.clone()),
        Figure::of("CPU of all clients", spent.0.as_secs_f64(), "s", how.clone()),
        Figure::of("CPU of the relay", spent.1.as_secs_f64(), "s", how),
        Figure::of(
            "ready in a room of 1,000",
            ready.as_secs_f64(),
            "s",
            "from the admission in the log to a room that is live: commit, tree, welcome and snapshot are made and fetched",
        )
        .aim(Target::below(3.0)),
        list,
        moved,
    ]
}

/// A room of 1,000 is moved, and everybody who is there follows.
async fn moves(there: &[Arc<Person>], inside: &[Person], other: &str) -> Figure {
    let intent = Intent::Relocate {
        body: "North".to_owned(),
        relay: other.to_owned(),
    };
    let begun = Instant::now();
    there[0].ask(intent).await;
    let people: Vec<&Person> = there.iter().map(AsRef::as_ref).chain(inside).collect();
    let mut took = vec![None; people.len()];
    while took.iter().any(Option::is_none) {
        assert!(
            begun.elapsed() < PATIENCE,
            "waited in vain until all are at the other relay"
        );
        for (person, took) in people.iter().zip(&mut took) {
            if took.is_none()
                && room(person)
                    .await
                    .is_some_and(|room| room.live && room.relay == other)
            {
                *took = Some(begun.elapsed());
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut times = Times::new();
    for took in took.into_iter().flatten() {
        times.add(took);
    }
    let spread = times.seconds();
    Figure {
        spread: Some(spread),
        ..Figure::of(
            "a room of 1,000 moves to another relay, p99",
            spread.p99,
            "s",
            "from the command until each of those who are there is live at the other relay; who is away follows when they come",
        )
    }
}

pub(super) async fn leaves_a_request(name: String, home: PathBuf, link: String) {
    let person = Person::new(&name, &home).await;
    person.join(&link).await;
    until("the request is there", || async {
        let join = person.joins().await.pop()?;
        (join.stage == JoinStage::Waiting).then_some(())
    })
    .await;
    person.lock().await;
}

/// Admits a third of those who ask, by their names, until it is ended.
async fn admits(admitter: Arc<Person>, third: usize) {
    loop {
        let asked = admitter.app.handle(Intent::Requests { body: None }).await;
        let Ok(Answer::Requests { requests }) = asked else {
            tokio::time::sleep(Duration::from_millis(200)).await;
            continue;
        };
        let share = |name: &str| name.bytes().map(usize::from).sum::<usize>() % THERE.len();
        let numbers: Vec<_> = requests
            .iter()
            .filter(|request| share(&request.name) == third)
            .map(|request| request.number)
            .collect();
        if !numbers.is_empty() {
            // What somebody else decided meanwhile is refused, and is not there the next time.
            let _ = admitter.app.handle(Intent::Admit { numbers, all: false }).await;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn is_ready(person: &Person) {
    until("the room is live", || async {
        room(person).await.filter(|room| room.live).map(|_| ())
    })
    .await;
}

async fn present(person: &Person) -> usize {
    room(person).await.map_or(0, |room| room.people as usize)
}

async fn room(person: &Person) -> Option<RoomView> {
    match person.app.handle(Intent::Rooms {}).await {
        Ok(Answer::Rooms { rooms }) => rooms.into_iter().next(),
        _ => None,
    }
}

async fn until<T, F, R>(what: &str, look: F) -> T
where
    F: Fn() -> R,
    R: Future<Output = Option<T>>,
{
    let start = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
