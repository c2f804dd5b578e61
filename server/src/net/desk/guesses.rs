//! Case R-10: whoever guesses learns nothing. A channel that does not exist, a key that is none of its keys and
//! a channel whose time is over are one answer, for the same work and after the same wait.

use std::sync::Arc;
use std::time::Duration;

use caucus_proto::id::{ChannelId, Hours};
use caucus_proto::wire::proof::{Binding, Purpose};
use caucus_proto::wire::{
    Access, Answer, Answered, ChannelSpec, Proof, RefusedBecause, Request, Role, frame,
};
use tokio::time::Instant;
use x25519_dalek::StaticSecret;
use zeroize::Zeroizing;

use crate::clock::{Clock, ManualClock};
use crate::limits::Limits;
use crate::net::desk::Desk;
use crate::net::session::Session;
use crate::relay::open::PROVED;
use crate::relay::sample::{CREATION_SECRET, public, spec};
use crate::store::Store;
use crate::store::memory::Memory;

const START: Hours = Hours(480_000);
const READ: [u8; 32] = [12; 32];
const CLASSES: [Class; 4] = [Class::Unknown, Class::WrongKey, Class::Forged, Class::Expired];

/// What is wrong with a guess.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Class {
    /// No such channel.
    Unknown,
    /// A channel, and a key that is none of its keys.
    WrongKey,
    /// The right public key without its secret.
    Forged,
    /// The right key of a channel whose time is over.
    Expired,
}

struct World {
    desk: Arc<Desk<Memory>>,
    session: Arc<Session>,
    living: ChannelId,
    expired: ChannelId,
}

fn room(salt: u8) -> ChannelSpec {
    ChannelSpec {
        salt: [salt; 32],
        access: Access {
            append: public([11; 32]),
            read: public(READ),
        },
        ..spec()
    }
}

impl World {
    async fn new() -> Self {
        let clock = Arc::new(ManualClock::at(START));
        let limits = Limits {
            opens_per_second: u32::MAX,
            ..Limits::default()
        };
        let desk = Desk::new(
            Arc::new(Memory::new(1 << 24)),
            Arc::clone(&clock) as Arc<dyn Clock>,
            limits.clone(),
            Zeroizing::new([1; 32]),
            &Zeroizing::new([2; 32]),
        );
        let session = Session::new(
            Binding {
                relay_key: desk.proof_key,
                exporter: [3; 32],
            },
            &limits,
            clock.now(),
        );
        let world = Self {
            living: room(1).id(),
            expired: room(2).id(),
            desk: Arc::new(desk),
            session: Arc::new(session),
        };
        world.create(room(2)).await;
        clock.advance(Duration::from_secs(401 * 24 * 3600));
        world.create(room(1)).await;
        // It is still there: nobody has made the round that gives its place back.
        assert!(world.desk.store.guard(world.expired).await.unwrap().is_some());
        world
    }

    async fn create(&self, spec: ChannelSpec) {
        let proof = self.proof(CREATION_SECRET, &spec.id(), Purpose::Create);
        let created = self
            .ask(Request::Create {
                spec,
                proof,
                pass: None,
            })
            .await;
        assert_eq!(created, Answer::Created);
    }

    fn proof(&self, secret: [u8; 32], channel: &ChannelId, purpose: Purpose) -> Proof {
        Proof::make(
            &StaticSecret::from(secret),
            channel,
            purpose,
            &self.session.binding,
        )
        .unwrap()
    }

    async fn ask(&self, request: Request) -> Answer {
        self.desk.answer(&self.session, request).await
    }

    fn open(&self, channel: ChannelId, secret: [u8; 32]) -> Request {
        let role = Role::Read;
        Request::Open {
            channel,
            role,
            key: public(secret),
            proof: self.proof(secret, &channel, Purpose::Open(role)),
        }
    }

    fn guess(&self, class: Class) -> Request {
        let role = Role::Read;
        match class {
            Class::Unknown => self.open(ChannelId([9; 32]), READ),
            Class::WrongKey => self.open(self.living, [77; 32]),
            Class::Expired => self.open(self.expired, READ),
            Class::Forged => Request::Open {
                channel: self.living,
                role,
                key: public(READ),
                proof: self.proof([77; 32], &self.living, Purpose::Open(role)),
            },
        }
    }
}

fn on_the_wire(answer: Answer) -> Vec<u8> {
    frame::frame(&Answered { tag: 7, answer }).unwrap().to_vec()
}

fn long() -> bool {
    std::env::var_os("CAUCUS_LONG").is_some_and(|long| long == "1")
}

fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).unwrap();
    bytes
}

#[tokio::test]
async fn unknown_wrong_forged_and_expired_are_the_same_bytes_for_the_same_work_after_the_same_wait() {
    let world = World::new().await;
    let expected = on_the_wire(Answer::Refused(RefusedBecause::NotOpened));
    for class in CLASSES {
        let request = world.guess(class);
        let proved = PROVED.get();
        let asked = Instant::now();
        let answer = world.ask(request).await;
        assert!(
            asked.elapsed() >= Duration::from_millis(5),
            "{class:?} was answered early"
        );
        assert_eq!(PROVED.get() - proved, 1, "{class:?}: not one Diffie-Hellman");
        assert_eq!(on_the_wire(answer), expected, "{class:?}");
    }
    let right = world.ask(world.open(world.living, READ)).await;
    assert!(matches!(right, Answer::Opened { .. }));
}

#[tokio::test]
async fn random_ids_and_random_keys_open_nothing() {
    let world = Arc::new(World::new().await);
    let (guesses, at_once) = if long() {
        (1_000_000, 2_000)
    } else {
        (10_000, 2_000)
    };
    let mut hits = 0;
    for _ in 0..guesses / at_once {
        let mut asked = tokio::task::JoinSet::new();
        for n in 0..at_once {
            let world = Arc::clone(&world);
            asked.spawn(async move {
                // Half of them know a channel and lack its key.
                let channel = if n % 2 == 0 {
                    ChannelId(random())
                } else {
                    world.living
                };
                world.ask(world.open(channel, random())).await
            });
        }
        while let Some(answer) = asked.join_next().await {
            hits += usize::from(answer.unwrap() != Answer::Refused(RefusedBecause::NotOpened));
        }
    }
    assert_eq!(hits, 0);
}

/// Welch's t between two samples.
fn welch(one: &[f64], other: &[f64]) -> f64 {
    let moments = |sample: &[f64]| {
        let count = sample.len() as f64;
        let mean = sample.iter().sum::<f64>() / count;
        let variance = sample.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (count - 1.0);
        (mean, variance / count)
    };
    let ((mean, spread), (other_mean, other_spread)) = (moments(one), moments(other));
    (mean - other_mean) / (spread + other_spread).sqrt()
}

#[test]
fn the_statistic_tells_samples_that_differ_from_samples_that_do_not() {
    let sample = |shift: f64| {
        (0..1_000)
            .map(|n| f64::from(n * 7919 % 1_000) + shift)
            .collect::<Vec<_>>()
    };
    assert!(welch(&sample(0.0), &sample(0.0)).abs() < 0.01);
    assert!(welch(&sample(100.0), &sample(0.0)) > 4.5);
}

/// Only with `CAUCUS_LONG=1`: a loaded machine makes any wall clock lie, so the ordinary run counts instead.
#[tokio::test]
async fn over_many_guesses_the_time_to_the_answer_tells_no_class_from_another() {
    const TASKS: usize = 50;
    if !long() {
        return;
    }
    let each = 4 * 100_000 / TASKS;
    let world = Arc::new(World::new().await);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..TASKS {
        let world = Arc::clone(&world);
        tasks.spawn(async move {
            let requests = CLASSES.map(|class| world.guess(class));
            let mut samples = CLASSES.map(|_| Vec::new());
            for _ in 0..each {
                let class = usize::from(random()[0]) % CLASSES.len();
                let request = requests[class].clone();
                let asked = Instant::now();
                world.ask(request).await;
                samples[class].push(asked.elapsed().as_nanos() as f64);
            }
            samples
        });
    }
    let mut samples = CLASSES.map(|_| Vec::new());
    while let Some(done) = tasks.join_next().await {
        for (all, some) in samples.iter_mut().zip(done.unwrap()) {
            all.extend(some);
        }
    }
    for (one, class) in samples.iter().zip(CLASSES).skip(1) {
        let t = welch(one, &samples[0]);
        eprintln!(
            "{class:?} against {:?}: t = {t:.2}, {} samples",
            CLASSES[0],
            one.len()
        );
        assert!(t.abs() < 4.5, "{class:?}: t = {t}");
    }
}
