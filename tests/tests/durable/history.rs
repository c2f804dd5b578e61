//! Histories of a relay that is stopped, killed and cut off from while some write and others read, checked against what
//! it promises: one order, no gap, no second place, what is acknowledged is readable, and nobody is shown an earlier
//! time than before. Case R-29, after what Jepsen and etcd check (linearizability of a log by its positions).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes, BytesMut};
use caucus_proto::wire::{Answer, Entry, Role};
use caucus_tests::bench::client::{Dialler, Session};
use caucus_tests::net::Draw;
use caucus_tests::process::RelayProcess;
use rustix::process::{Pid, Signal, kill_process};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{clients, configured, everything};

const WRITERS: u32 = 4;
const READERS: u32 = 2;
const ROUND: Duration = Duration::from_millis(1_200);
/// After so long without an answer nobody knows.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// What one client did, between two moments.
#[derive(Clone, Debug)]
struct Deed {
    begun: u64,
    ended: u64,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    /// An entry, and where it stands if that is known. Without an answer it may stand or not.
    Wrote { id: u64, position: Option<u64> },
    /// Everything after a position: positions and entries.
    Read { after: u64, found: Vec<(u64, u64)> },
}

/// What is wrong with a history; nothing where it is as promised.
fn wrong(history: &[Deed]) -> Option<String> {
    let mut places: BTreeMap<u64, u64> = BTreeMap::new();
    let mut stands: BTreeMap<u64, u64> = BTreeMap::new();
    let mut place = |position: u64, id: u64| {
        let one = *places.entry(position).or_insert(id);
        let other = *stands.entry(id).or_insert(position);
        let is_one = one == id && other == position;
        (!is_one).then(|| format!("position {position}: {id} and {one}; {id} at {other}"))
    };
    let mut begun: BTreeMap<u64, u64> = BTreeMap::new();
    for deed in history {
        match &deed.what {
            What::Wrote { id, position } => {
                begun.insert(*id, deed.begun);
                if let Some(wrong) = position.and_then(|position| place(position, *id)) {
                    return Some(wrong);
                }
            }
            What::Read { after, found } => {
                let whole = found.iter().map(|(position, _)| *position);
                if !whole.eq(after + 1..=after + found.len() as u64) {
                    return Some(format!("a gap after {after}: {found:?}"));
                }
                for (position, id) in found {
                    if let Some(wrong) = place(*position, *id) {
                        return Some(wrong);
                    }
                }
            }
        }
    }
    let newest = |deed: &Deed| match &deed.what {
        What::Wrote { position, .. } => *position,
        What::Read { after, found } => Some(after + found.len() as u64),
    };
    for earlier in history {
        let Some(known) = newest(earlier) else { continue };
        for later in history.iter().filter(|later| later.begun > earlier.ended) {
            match (&later.what, newest(later)) {
                (What::Wrote { .. }, Some(position)) if position <= known => {
                    return Some(format!(
                        "written at {position} after {known} was known: {earlier:?} {later:?}"
                    ));
                }
                (What::Read { .. }, Some(position)) if position < known => {
                    return Some(format!(
                        "read up to {position} after {known} was known: {earlier:?} {later:?}"
                    ));
                }
                _ => {}
            }
        }
    }
    for deed in history {
        if let What::Read { found, .. } = &deed.what {
            for (_, id) in found {
                if begun.get(id).is_none_or(|begun| *begun > deed.ended) {
                    return Some(format!("{id} was read before anybody wrote it"));
                }
            }
        }
    }
    None
}

fn entry(id: u64) -> Bytes {
    let mut bytes = BytesMut::with_capacity(1024);
    bytes.put_u64(id);
    bytes.resize(1024, 7);
    bytes.freeze()
}

fn id_of(entry: &Entry) -> u64 {
    u64::from_be_bytes(*entry.bytes.first_chunk().unwrap())
}

/// The deeds of all, and the time that they share.
struct History {
    start: Instant,
    deeds: Mutex<Vec<Deed>>,
}

impl History {
    fn now(&self) -> u64 {
        self.start.elapsed().as_micros() as u64
    }

    fn add(&self, begun: u64, what: What) {
        let ended = self.now();
        let deed = Deed { begun, ended, what };
        self.deeds.lock().unwrap().push(deed);
    }
}

/// A connection, as soon as there is one.
async fn dial(dialler: &Dialler) -> Session {
    loop {
        if let Ok(Some(session)) = timeout(PATIENCE, dialler.try_dial(0, 0, false)).await {
            return session;
        }
        sleep(Duration::from_millis(20)).await;
    }
}

async fn write(address: String, writer: u32, mut draw: Draw, history: Arc<History>) {
    let dialler = clients(&address, 1);
    let mut number = 0;
    while history.start.elapsed() < ROUND {
        let mut session = dial(&dialler).await;
        let Ok(Some(handle)) = timeout(PATIENCE, session.try_open(0, Role::Append)).await else {
            continue;
        };
        // Now and then the network is another.
        for _ in 0..draw.between(5, 60) {
            number += 1;
            let id = u64::from(writer) << 32 | number;
            let begun = history.now();
            let answer = timeout(PATIENCE, session.try_append(handle, &entry(id))).await;
            let position = match &answer {
                Ok(Some(Answer::Stored { position })) => Some(position.0),
                _ => None,
            };
            history.add(begun, What::Wrote { id, position });
            if position.is_none() || history.start.elapsed() >= ROUND {
                break;
            }
            sleep(Duration::from_millis(draw.below(8))).await;
        }
    }
}

async fn read(address: String, mut draw: Draw, history: Arc<History>) {
    let dialler = clients(&address, 1);
    while history.start.elapsed() < ROUND {
        let mut session = dial(&dialler).await;
        let mut newest = 0;
        loop {
            let after = draw.below(newest + 1);
            let begun = history.now();
            let Ok(Some(entries)) = timeout(PATIENCE, session.entries(0, after)).await else {
                break;
            };
            newest = after + entries.len() as u64;
            let found = entries
                .iter()
                .map(|entry| (entry.position.0, id_of(entry)))
                .collect();
            history.add(begun, What::Read { after, found });
            if history.start.elapsed() >= ROUND {
                break;
            }
            sleep(Duration::from_millis(draw.below(15))).await;
        }
    }
}

/// Stops and kills a relay under writers and readers.
async fn play(seed: u64) -> Vec<Deed> {
    let folder = tempfile::tempdir().unwrap();
    configured(folder.path());
    let mut relay = RelayProcess::start(folder.path());
    clients(relay.address(), 1)
        .dial(0, 0, false)
        .await
        .create(0)
        .await;
    let history = Arc::new(History {
        start: Instant::now(),
        deeds: Mutex::default(),
    });
    let mut all = JoinSet::new();
    for writer in 0..WRITERS {
        let draw = Draw::part(seed, u64::from(writer));
        all.spawn(write(
            relay.address().to_owned(),
            writer,
            draw,
            Arc::clone(&history),
        ));
    }
    for reader in 0..READERS {
        let draw = Draw::part(seed, 100 + u64::from(reader));
        all.spawn(read(relay.address().to_owned(), draw, Arc::clone(&history)));
    }
    let mut draw = Draw::part(seed, 1_000);
    while history.start.elapsed() < ROUND {
        sleep(Duration::from_millis(draw.between(20, 300))).await;
        if draw.percent(50) {
            let pid = Pid::from_raw(relay.pid().unwrap() as i32).unwrap();
            kill_process(pid, Signal::STOP).unwrap();
            sleep(Duration::from_millis(draw.between(10, 250))).await;
            kill_process(pid, Signal::CONT).unwrap();
        } else {
            relay.kill();
            relay.start_again();
        }
    }
    while let Some(ended) = all.join_next().await {
        ended.unwrap();
    }
    let begun = history.now();
    let entries = everything(&relay, 0).await;
    let found = entries
        .iter()
        .map(|entry| (entry.position.0, id_of(entry)))
        .collect();
    history.add(begun, What::Read { after: 0, found });
    history.deeds.lock().unwrap().clone()
}

#[tokio::test]
async fn whatever_happens_to_a_relay_its_histories_are_those_of_one_log() {
    let seeds = if caucus_tests::attack::long() { 500 } else { 6 };
    let (mut deeds, mut acknowledged, mut unknown) = (0, 0, 0);
    for seed in 0..seeds {
        let history = play(seed).await;
        assert_eq!(wrong(&history), None, "seed {seed}");
        deeds += history.len();
        for deed in &history {
            match deed.what {
                What::Wrote {
                    position: Some(_), ..
                } => acknowledged += 1,
                What::Wrote { position: None, .. } => unknown += 1,
                What::Read { .. } => {}
            }
        }
    }
    println!(
        "R-29: {seeds} histories, {deeds} deeds, {acknowledged} acknowledged, {unknown} without an answer: 0 wrong"
    );
    assert!(acknowledged > 30 * seeds as usize && unknown > 0);
}

#[test]
fn the_check_finds_every_kind_of_wrong_history() {
    let wrote = |times: (u64, u64), id, position| Deed {
        begun: times.0,
        ended: times.1,
        what: What::Wrote { id, position },
    };
    let read = |times: (u64, u64), after, found: &[(u64, u64)]| Deed {
        begun: times.0,
        ended: times.1,
        what: What::Read {
            after,
            found: found.to_vec(),
        },
    };
    let good = vec![
        wrote((0, 5), 10, Some(1)),
        wrote((3, 9), 11, Some(2)),
        wrote((6, 8), 12, None),
        read((10, 12), 0, &[(1, 10), (2, 11), (3, 12)]),
        read((13, 14), 2, &[(3, 12)]),
    ];
    assert_eq!(wrong(&good), None);
    for (what, bad) in [
        ("two at one position", wrote((0, 5), 13, Some(2))),
        (
            "one at two positions",
            read((20, 21), 0, &[(1, 10), (2, 11), (3, 12), (4, 10)]),
        ),
        ("a gap", read((20, 21), 0, &[(1, 10), (3, 12)])),
        ("lost", read((20, 21), 0, &[(1, 10), (2, 11)])),
        ("an earlier position later", wrote((20, 21), 14, Some(3))),
        (
            "from nowhere",
            read((20, 21), 0, &[(1, 10), (2, 11), (3, 12), (4, 99)]),
        ),
        ("exchanged", read((20, 21), 0, &[(1, 10), (2, 12), (3, 11)])),
    ] {
        let history = [good.clone(), vec![bad]].concat();
        assert!(wrong(&history).is_some(), "{what}");
    }
}
