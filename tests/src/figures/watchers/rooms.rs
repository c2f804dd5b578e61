//! Who speaks to whom: several rooms at one relay on a lively evening, and somebody who sees the datagrams of everybody but
//! nothing in them. For each two people: how alike are what the one sends and what the other gets, a moment later? The score
//! is judged by how often it is higher for two of one room than for two of two.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::sleep;

use super::correlation::{area, correlation};
use super::trace::bursts;
use crate::figures::Figure;
use crate::harness::Person;
use crate::net::Draw;
use crate::process::{Cable, Passed, RelayProcess};

const ROOMS: u8 = 6;
const PEOPLE: u8 = 3;

/// Seconds between two messages of a room, in the mean.
const PAUSE: f64 = 8.0;

/// What is compared at once.
const WINDOW: Duration = Duration::from_millis(100);

/// Windows that a message may take on its way.
const LATEST: usize = 3;

/// Seconds of the evening after which the observer is asked.
const ASKED: [u64; 4] = [10, 30, 60, 240];

pub(super) async fn measure(folder: &Path) -> Vec<Figure> {
    let relay = RelayProcess::start(&folder.join("evening-relay"));
    let cable = Arc::new(Cable::to(relay.address()));
    let address = cable.address(relay.address());
    let mut setting = JoinSet::new();
    for room in 0..ROOMS {
        setting.spawn(met(folder.join(format!("evening-{room}")), address.clone(), room));
    }
    let rooms = setting.join_all().await;
    // Cuts and refreshed keys that follow a join.
    sleep(Duration::from_secs(15)).await;
    let evening = Duration::from_secs(ASKED[ASKED.len() - 1]);
    let began = Instant::now();
    cable.watch();
    let mut talking = JoinSet::new();
    for (number, people) in rooms.into_iter().enumerate() {
        talking.spawn(talk(people, evening, number as u64));
    }
    let rooms = talking.join_all().await;
    let passed = cable.watched();
    for person in rooms.into_iter().flatten() {
        person.lock().await;
    }
    ASKED.map(|seconds| asked(&passed, began, seconds)).to_vec()
}

fn asked(passed: &[Passed], began: Instant, seconds: u64) -> Figure {
    let windows = (Duration::from_secs(seconds).as_millis() / WINDOW.as_millis()) as usize;
    let series = |room, person, up| {
        let address = IpAddr::V4(place(room, person));
        let own: Vec<_> = passed.iter().filter(|one| one.from == address).copied().collect();
        bursts(&own, up, began, WINDOW, windows)
    };
    let each: Vec<_> = (0..ROOMS)
        .flat_map(|room| (0..PEOPLE).map(move |person| (room, person)))
        .map(|(room, person)| (room, series(room, person, true), series(room, person, false)))
        .collect();
    let (mut together, mut not) = (Vec::new(), Vec::new());
    // Who has sent nothing has spoken to nobody.
    let spoke = |sent: &[f64]| sent.iter().any(|bytes| *bytes > 0.0);
    for (one, (room, sent, _)) in each.iter().enumerate().filter(|(_, (_, sent, _))| spoke(sent)) {
        for (other, (others_room, _, got)) in each.iter().enumerate() {
            if one != other {
                let score = correlation(sent, got, LATEST);
                if room == others_room {
                    &mut together
                } else {
                    &mut not
                }
                .push(score);
            }
        }
    }
    Figure::of(
        &format!("one room or two, after {seconds} s"),
        area(&together, &not),
        "AUC",
        format!(
            "{ROOMS} rooms of {PEOPLE} at one relay, a message in each every {PAUSE} s in the mean; what one sends against what \
             another gets, in windows of {} ms; 0.5 is chance, 1 always right",
            WINDOW.as_millis()
        ),
    )
}

fn place(room: u8, person: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 20 + room, 1 + person)
}

/// The people of a room.
async fn met(folder: PathBuf, relay: String, room: u8) -> Vec<Person> {
    std::fs::create_dir_all(&folder).expect("a folder");
    let mut people: Vec<Person> = Vec::new();
    for (number, name) in (0..PEOPLE).zip(["Ana", "Ben", "Cem"]) {
        let person = Person::on(place(room, number), name, &folder.join(name)).await;
        if let Some(first) = people.first() {
            person.join(&first.invite("North", 1).await).await;
            first.await_requests("North", 1).await;
            first.admit_all().await;
            person.await_joined().await;
        } else {
            person.add_relay(&relay).await;
            person.found("North").await;
        }
        people.push(person);
    }
    for person in &people {
        person.is_well().await;
    }
    people
}

/// Somebody says something, again and again.
async fn talk(people: Vec<Person>, evening: Duration, room: u64) -> Vec<Person> {
    let mut draw = Draw::part(11, room);
    let ends = Instant::now() + evening;
    loop {
        let chance = (draw.below(1 << 32) + 1) as f64 / (1_u64 << 32) as f64;
        let pause = Duration::from_secs_f64(-chance.ln() * PAUSE);
        if Instant::now() + pause > ends {
            sleep(ends.saturating_duration_since(Instant::now())).await;
            return people;
        }
        sleep(pause).await;
        let speaker = draw.below(people.len() as u64) as usize;
        people[speaker]
            .try_say("and what do the others think of it?")
            .await;
    }
}
