//! A storm: people of a cell talk, come, go and lose their agents while the network misbehaves, by a seed; then
//! it is calm, and the account is taken.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use caucus_client::app::{Answer, Intent, PersonView};
use tokio::sync::Mutex;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::account::{Account, Ledger};
use super::draw::Draw;
use super::fabric::Device;
use super::relay::RelayHost;
use super::somebody::Somebody;
use super::weather::Weather;
use super::world::{World, admitted};

/// Names by the order in which people come; the first founds.
const NAMES: [&str; 9] = ["ana", "ben", "cem", "dia", "eli", "fay", "gus", "hal", "ida"];
/// People at the beginning, at least and at most.
const FIRST: (u64, u64) = (3, 5);
/// How long the calm may take until everybody is at the end of the log.
const REST: Duration = Duration::from_secs(20 * 60);

/// What happened in a storm.
#[derive(Clone, Copy, Default, Debug)]
pub struct Storm {
    /// Times somebody was let in.
    pub joins: u64,
    /// Times somebody was removed.
    pub removals: u64,
    /// Agents that died and came back.
    pub restarts: u64,
    /// Times the relay died and came back.
    pub relay_kills: u64,
    /// Times a device was cut off.
    pub partitions: u64,
    /// Times a device changed its address, on either side of its translation.
    pub moves: u64,
    /// Datagrams that were sent.
    pub datagrams: u64,
    /// Datagrams that did not arrive.
    pub vanished: u64,
    /// Virtual seconds from the end of the storm until everybody was at the end of the log.
    pub rest_seconds: u64,
}

impl Storm {
    /// Adds another's; the longest rest stays.
    pub fn add(&mut self, other: &Self) {
        self.joins += other.joins;
        self.removals += other.removals;
        self.restarts += other.restarts;
        self.relay_kills += other.relay_kills;
        self.partitions += other.partitions;
        self.moves += other.moves;
        self.datagrams += other.datagrams;
        self.vanished += other.vanished;
        self.rest_seconds = self.rest_seconds.max(other.rest_seconds);
    }
}

/// Everybody who ever came, and who of them is in the room as far as was decided.
struct Cast {
    all: Vec<Arc<Somebody>>,
    members: Vec<Arc<Somebody>>,
}

struct Stage {
    world: World,
    relay: Mutex<Option<RelayHost>>,
    seed: u64,
    end: Instant,
    cast: RefCell<Cast>,
    happened: RefCell<Storm>,
    ledger: Ledger,
}

/// Runs a storm of this length. Call inside a runtime of one thread whose clock is paused.
pub async fn storm(seed: u64, length: Duration) -> (Account, Storm) {
    LocalSet::new().run_until(run(seed, length)).await
}

async fn run(seed: u64, length: Duration) -> (Account, Storm) {
    let mut world = World::new(seed).await;
    let count = Draw::part(seed, 1_000).between(FIRST.0, FIRST.1) as usize;
    let people = world.cell(&NAMES[..count]).await;
    let relay = world.take_relay();
    let stage = Rc::new(Stage {
        world,
        relay: Mutex::new(Some(relay)),
        seed,
        end: Instant::now() + length,
        cast: RefCell::new(Cast {
            all: people.clone(),
            members: people.clone(),
        }),
        happened: RefCell::default(),
        ledger: Ledger::default(),
    });
    let mut troubles = JoinSet::new();
    for (number, person) in people.into_iter().enumerate() {
        troubles.spawn_local(talk(Rc::clone(&stage), person, number as u64));
    }
    troubles.spawn_local(weather(Rc::clone(&stage)));
    troubles.spawn_local(restarts(Rc::clone(&stage)));
    troubles.spawn_local(membership(Rc::clone(&stage)));
    troubles.spawn_local(relay_kills(Rc::clone(&stage)));
    while let Some(ended) = troubles.join_next().await {
        ended.expect("no part of a storm fails by itself");
    }
    let rest = come_to_rest(&stage).await;
    let people = stage.cast.borrow().all.clone();
    let mut account = Account::take(&stage.ledger, &people).await;
    for fault in &mut account.faults {
        *fault = format!("seed {seed}: {fault}");
    }
    let traffic = stage.world.fabric.traffic();
    let mut happened = *stage.happened.borrow();
    happened.datagrams = traffic.sent;
    happened.vanished = traffic.lost + traffic.unreachable + traffic.too_large;
    happened.rest_seconds = rest.as_secs();
    for person in &people {
        person.lock().await;
    }
    if let Some(relay) = stage.relay.lock().await.as_mut() {
        relay.kill().await;
    }
    (account, happened)
}

impl Stage {
    fn draw(&self, part: u64) -> Draw {
        Draw::part(self.seed, part)
    }

    /// Waits; false if the storm is over by then.
    async fn pause(&self, seconds: u64) -> bool {
        let until = Instant::now() + Duration::from_secs(seconds);
        sleep_until(until.min(self.end)).await;
        until < self.end
    }

    fn somebody(&self, draw: &mut Draw) -> Arc<Somebody> {
        let all = &self.cast.borrow().all;
        Arc::clone(draw.one(all))
    }
}

/// Somebody says things until the end, whether they are in the room or not.
async fn talk(stage: Rc<Stage>, person: Arc<Somebody>, number: u64) {
    let mut draw = stage.draw(2_000 + number);
    let mut count = 0;
    while stage.pause(draw.between(3, 45)).await {
        count += 1;
        let text = format!("{} {count}", person.name);
        let answer = person.utter(&text).await;
        stage.ledger.note(&person.name, &text, &answer);
    }
}

async fn weather(stage: Rc<Stage>) {
    let mut draw = stage.draw(3_000);
    let fabric = &stage.world.fabric;
    let mut changes = JoinSet::new();
    while stage.pause(draw.between(3, 40)).await {
        let device = stage.somebody(&mut draw).device;
        let now = match draw.below(100) {
            0..55 => {
                let loss = *draw.one(&[1, 5, 10, 20, 30]);
                let rough = Weather::rough(loss);
                fabric.weather(device, if draw.percent(30) { rough.narrow() } else { rough });
                continue;
            }
            55..65 => {
                fabric.weather(device, Weather::CALM);
                continue;
            }
            65..75 => {
                stage.happened.borrow_mut().moves += 1;
                fabric.change_network(device);
                continue;
            }
            75..85 => {
                stage.happened.borrow_mut().moves += 1;
                fabric.rebind(device);
                continue;
            }
            85..95 => vec![(0, draw.between(5, 240))],
            // Flapping.
            _ => (0..8).map(|_| (draw.between(1, 8), draw.between(1, 8))).collect(),
        };
        stage.happened.borrow_mut().partitions += now.len() as u64;
        changes.spawn_local(cut_off(Rc::clone(&stage), device, now));
    }
    // What was cut off comes back before the calm is measured.
    changes.abort_all();
}

/// Puts a device on and off the network: seconds on, seconds off.
async fn cut_off(stage: Rc<Stage>, device: Device, times: Vec<(u64, u64)>) {
    for (on, off) in times {
        stage.pause(on).await;
        stage.world.fabric.set_online(device, false);
        stage.pause(off).await;
        stage.world.fabric.set_online(device, true);
    }
}

async fn restarts(stage: Rc<Stage>) {
    let mut draw = stage.draw(4_000);
    while stage.pause(draw.between(30, 180)).await {
        let person = stage.somebody(&mut draw);
        person.restart(Duration::from_secs(draw.between(0, 60))).await;
        stage.happened.borrow_mut().restarts += 1;
    }
}

async fn relay_kills(stage: Rc<Stage>) {
    let mut draw = stage.draw(5_000);
    while stage.pause(draw.between(200, 900)).await {
        let away = Duration::from_secs(draw.between(0, 40));
        if let Some(relay) = stage.relay.lock().await.as_mut() {
            relay.kill().await;
            sleep(away).await;
            relay.start_again().await;
        }
        stage.happened.borrow_mut().relay_kills += 1;
    }
}

async fn membership(stage: Rc<Stage>) {
    let mut draw = stage.draw(6_000);
    let mut newcomers = JoinSet::new();
    while stage.pause(draw.between(60, 300)).await {
        let (founder, all, members) = {
            let cast = stage.cast.borrow();
            (Arc::clone(&cast.all[0]), cast.all.len(), cast.members.len())
        };
        if draw.percent(60) && all < NAMES.len() {
            let Some(link) = invite(&founder).await else {
                continue;
            };
            let person = stage.world.stranger(NAMES[all]).await;
            stage.cast.borrow_mut().all.push(Arc::clone(&person));
            let stage = Rc::clone(&stage);
            newcomers.spawn_local(come_in(stage, founder, person, link, all as u64));
        } else if members > 2 {
            let place = draw.between(1, members as u64 - 1) as usize;
            let person = stage.cast.borrow_mut().members.remove(place);
            let intent = Intent::Remove {
                body: "North".to_owned(),
                name: person.name.clone(),
                reason: String::new(),
            };
            if founder.attempt(intent).await.is_ok() {
                stage.happened.borrow_mut().removals += 1;
            }
        }
    }
    while newcomers.join_next().await.is_some() {}
}

async fn invite(founder: &Somebody) -> Option<String> {
    let intent = Intent::Invite {
        body: "North".to_owned(),
        uses: 1,
        minutes: 7 * 24 * 60,
    };
    match founder.attempt(intent).await {
        Ok(Answer::Invited { link, .. }) => Some(link),
        _ => None,
    }
}

/// Somebody asks to join, is let in, and talks.
async fn come_in(stage: Rc<Stage>, founder: Arc<Somebody>, person: Arc<Somebody>, link: String, number: u64) {
    let intent = Intent::Join {
        link,
        name: person.name.clone(),
        word: String::new(),
        claims: None,
    };
    if person.attempt(intent).await.is_err() {
        return;
    }
    let limit = Duration::from_secs(60 * 60);
    let Ok(()) = timeout_at(stage.end, admitted(&founder, &person, limit)).await else {
        return;
    };
    stage.happened.borrow_mut().joins += 1;
    stage.cast.borrow_mut().members.push(Arc::clone(&person));
    talk(stage, person, number).await;
}

/// Calm for everybody, until all are at the same end of the log; says how long that took.
async fn come_to_rest(stage: &Stage) -> Duration {
    let people = stage.cast.borrow().all.clone();
    for person in &people {
        stage.world.fabric.set_online(person.device, true);
        stage.world.fabric.weather(person.device, Weather::CALM);
    }
    let begun = Instant::now();
    while begun.elapsed() < REST && !at_rest(&people).await {
        sleep(Duration::from_secs(2)).await;
    }
    begun.elapsed()
}

async fn at_rest(people: &[Arc<Somebody>]) -> bool {
    let mut newest = None;
    let Ok(Answer::People { people: known, .. }) = people[0]
        .attempt(Intent::People {
            body: "North".to_owned(),
        })
        .await
    else {
        return false;
    };
    for person in people {
        let Ok(Answer::Rooms { rooms }) = person.attempt(Intent::Rooms {}).await else {
            return false;
        };
        let Some(room) = rooms.first() else {
            // Whoever is in the room by its own log must come in.
            let seated = |view: &PersonView| view.name == person.name && view.standing == "present";
            if known.iter().any(seated) {
                return false;
            }
            continue;
        };
        let out = !room.live && room.unsent == 0;
        if !person.is_settled().await {
            return false;
        }
        if !out && *newest.get_or_insert(room.position) != room.position {
            return false;
        }
    }
    true
}
