//! What our part costs over the bare MLS library: CPU of the process by message sealed and processed, and by commit
//! staged, processed and merged twice. Both run by turns, in one process and one thread.

use std::path::Path;
use std::time::Duration;

use caucus_client::mls::PersonaKeys;
use caucus_proto::envelope::{self, AccessSecret, Body, Content};
use caucus_proto::id::{ChannelId, Counter, Minutes, Position, StateRoot};
use caucus_proto::org::{Head, Running, SignedHead};

use super::bare::{Bare, Stranger};
use super::group::{Inside, Outside, packages, room};
use crate::figures::{Figure, Target, vitals};

/// People of the groups.
const SIZES: [usize; 3] = [2, 50, 1_000];

/// Rounds in which each has its turn.
const ROUNDS: usize = 5;

/// CPU of a turn: clock ticks are 10 ms.
const TURN: Duration = Duration::from_millis(700);

/// Bytes of a message: an act with a line of text.
const TEXT: [u8; 80] = [b'a'; 80];

pub(super) fn measure(folder: &Path, say: &dyn Fn(&str)) -> Vec<Figure> {
    let mut figures = Vec::new();
    for people in SIZES {
        say(&format!("a group of {people} ..."));
        let mut bare = bare_pair(people);
        let mut ours = our_pair(people, &folder.join(people.to_string()));
        for (what, commits) in [("a message", false), ("a commit", true)] {
            let mut alone = || match commits {
                true => bare_commit(&mut bare),
                false => bare_message(&mut bare),
            };
            // The first pays for what is only made once.
            alone();
            let cost = cost_of(&mut alone);
            let turn = (TURN.as_secs_f64() / cost.max(1e-6)).ceil().clamp(4.0, 20_000.0) as u32;
            // A write waits for the disk, which is no CPU.
            let few = (turn / 8).clamp(4, 300);
            let mut rounds = [(); 3].map(|()| Vec::new());
            for _ in 0..ROUNDS {
                rounds[0].push(turn_of(turn, &mut alone));
                for (writes, turn) in [(false, turn), (true, few)] {
                    ours.iter_mut().for_each(|one| one.writes = writes);
                    let mut one = || match commits {
                        true => our_commit(&mut ours),
                        false => our_message(&mut ours),
                    };
                    rounds[1 + usize::from(writes)].push(turn_of(turn, &mut one));
                }
            }
            // The mean of all turns: clock ticks are coarse beside a few writes.
            let [bare, unwritten, written] = rounds.map(|rounds| rounds.iter().sum::<f64>() / ROUNDS as f64);
            let how = format!(
                "sealed or staged by one and processed by another, {ROUNDS} turns of {turn} each, {few} with writes; CPU of the process"
            );
            let figure = |of: &str, value, unit| {
                Figure::of(
                    &format!("{what}, {people} people: {of}"),
                    value,
                    unit,
                    how.clone(),
                )
            };
            figures.push(figure("bare", bare, "us"));
            figures.push(figure("ours by bare", unwritten / bare, "x").aim(Target::below(1.15)));
            figures.push(figure("vault writes", written - unwritten, "us"));
        }
    }
    figures.extend(around());
    figures
}

/// What goes around a message besides MLS, on both sides together; judging and root are the machine's (`machine/cost.rs`).
fn around() -> Vec<Figure> {
    let persona = PersonaKeys::generate().expect("a key");
    let (room, access, channel) = (room(), AccessSecret::from_bytes([5; 32]), ChannelId([9; 32]));
    let body = Body::Mls(vec![3; 300]);
    let head = Head {
        position: Position(7),
        running: Running::start(&room),
        epoch: 3,
        authenticator: [1; 32],
        root: StateRoot([2; 32]),
        time: Minutes(29_000_000),
        body: body.digest(),
    };
    let sign = || {
        let author = persona.id();
        let signature = persona.sign(&SignedHead::digest(&room, &author, &head));
        SignedHead {
            author,
            head,
            signature,
        }
    };
    let content = Content { head: sign(), body };
    let mut signed = || sign().verify(&room, &persona.public()).expect("one's own");
    let mut sealed = || {
        let key = access.envelope_key();
        let entry = envelope::seal(&key, &channel, Counter(3), [4; 24], &content).expect("small");
        let opened = envelope::open(&access.envelope_key(), &channel, Counter(3), &entry);
        assert!(opened.is_ok());
    };
    let how = "both sides together; CPU of the process";
    vec![
        Figure::of(
            "a head signed and verified",
            turn_of(5_000, &mut signed),
            "us",
            how,
        ),
        Figure::of(
            "an envelope sealed and opened",
            turn_of(20_000, &mut sealed),
            "us",
            how,
        ),
    ]
}

type BarePair = [Bare; 2];
type OurPair = [Inside; 2];

fn bare_pair(people: usize) -> BarePair {
    let second = Stranger::new();
    let mut packages: Vec<_> = (2..people).map(|_| Stranger::new().key_package()).collect();
    packages.push(second.key_package());
    let mut first = Stranger::new().founds();
    let (welcome, tree) = first.adds(&packages);
    [first, second.joins(&welcome, &tree)]
}

fn our_pair(people: usize, folder: &Path) -> OurPair {
    std::fs::create_dir_all(folder).expect("a folder");
    let mut packages = packages(people.saturating_sub(2), &folder.join("others"));
    let second = Outside::new(&folder.join("second"));
    packages.push(second.key_package());
    let mut first = Outside::new(&folder.join("first")).founds();
    first.writes = true;
    let (welcome, tree) = first.adds(&packages);
    [first, second.joins(&welcome, &tree)]
}

fn bare_message([first, second]: &mut BarePair) {
    let sealed = first.seals(&TEXT);
    assert_eq!(second.processes(&sealed).as_deref(), Some(TEXT.as_slice()));
}

fn our_message([first, second]: &mut OurPair) {
    let sealed = first.seals(&TEXT);
    assert_eq!(second.processes(&sealed).as_deref(), Some(TEXT.as_slice()));
}

fn bare_commit([first, second]: &mut BarePair) {
    let commit = first.refreshes();
    first.lands();
    assert_eq!(second.processes(&commit), None);
}

fn our_commit([first, second]: &mut OurPair) {
    let commit = first.refreshes();
    first.lands();
    assert_eq!(second.processes(&commit), None);
}

/// Seconds that one takes, about.
fn cost_of(one: &mut dyn FnMut()) -> f64 {
    let start = std::time::Instant::now();
    let mut count = 0_u32;
    while start.elapsed() < Duration::from_millis(200) {
        one();
        count += 1;
    }
    start.elapsed().as_secs_f64() / f64::from(count)
}

/// Microseconds of CPU by each of so many.
fn turn_of(count: u32, one: &mut dyn FnMut()) -> f64 {
    let before = vitals::cpu(std::process::id());
    for _ in 0..count {
        one();
    }
    let took = vitals::cpu(std::process::id()) - before;
    took.as_secs_f64() * 1e6 / f64::from(count)
}
