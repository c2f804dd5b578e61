//! Power cuts. What a store, and a whole relay, wrote and synced is recorded by strace; then the disks that a cut at
//! any moment could leave are made and opened.

mod disk;
mod trace;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use caucus_proto::id::{ChannelId, Counter, Hours, Position};
use caucus_proto::wire::{Flag, Role};
use caucus_server::relay::guard::Guard;
use caucus_server::store::embedded::{Embedded, Options};
use caucus_server::store::{Appended, NewEntry, Store};
use caucus_tests::bench::client::spec;
use caucus_tests::net::Draw;
use caucus_tests::process::RelayProcess;
use tokio::task::JoinSet;

use super::{CONFIG, clients};
use disk::Disk;
use trace::{STRACE, events};

const CHANNELS: u32 = 6;
/// Entries of 1, 16 and 256 KiB: the buckets of 1, 8 and 150.
const SIZES: [usize; 3] = [1 << 10, 1 << 14, 1 << 18];
const MARK: &[u8; 16] = b"entry of channel";
/// The first hour of a day. Nothing here looks at the machine's clock.
const NOW: Hours = Hours(20_600 * 24);
const FOLDER: &str = "CAUCUS_TEST_STORE";

fn entry(channel: u32, number: u64, size: usize) -> Bytes {
    let mut bytes = BytesMut::with_capacity(size);
    bytes.put_slice(MARK);
    bytes.put_u32(channel);
    bytes.put_u64(number);
    bytes.resize(size, number as u8);
    bytes.freeze()
}

/// Which channel's entry it is, and its number.
fn told(bytes: &[u8]) -> Option<(u32, u64)> {
    let rest = bytes.strip_prefix(MARK)?;
    let (channel, rest) = rest.split_first_chunk()?;
    Some((
        u32::from_be_bytes(*channel),
        u64::from_be_bytes(*rest.first_chunk()?),
    ))
}

/// The newest entry of each channel in what became durable in a segment.
fn newest_of(bytes: &[u8]) -> BTreeMap<u32, u64> {
    let mut newest = BTreeMap::new();
    for place in 0..bytes.len() {
        if let Some((channel, number)) = told(&bytes[place..]) {
            newest.insert(channel, number);
        }
    }
    newest
}

/// Small segments, so that many are completed.
fn options() -> Options {
    Options {
        segment_bytes: 300 * 1024,
        segment_records: 60,
        ..Options::default()
    }
}

/// Not a test: what the one below records, in a process of its own.
#[tokio::test]
#[ignore = "started by a_power_cut_at_any_moment_loses_nothing_that_was_acknowledged"]
async fn a_store_is_filled() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let store = Arc::new(Embedded::open(&Path::new(&folder).join("store"), options()).unwrap());
    store.expire(NOW).await.unwrap();
    let mut guards = BTreeMap::new();
    for channel in 0..CHANNELS {
        let spec = spec(channel);
        let guard = Guard::new(&spec, None, NOW);
        assert!(store.put_guard(spec.id(), None, guard.clone()).await.unwrap());
        guards.insert(channel, guard);
    }
    let mut draw = Draw::of(5);
    let mut numbers = BTreeMap::new();
    for round in 0..120_u64 {
        let mut appends = JoinSet::new();
        for _ in 0..draw.between(1, 6) {
            let channel = draw.below(u64::from(CHANNELS)) as u32;
            let number: &mut u64 = numbers.entry(channel).or_default();
            *number += 1;
            let flagged = draw.percent(15);
            let guard = guards.get_mut(&channel).unwrap();
            let counter = guard.counter;
            if flagged {
                guard.counter = counter.next();
            }
            // Flagged ones live longer: they lie in another day.
            let days = if flagged { 90 } else { 30 };
            let new = NewEntry {
                channel: spec(channel).id(),
                counter,
                flag: if flagged { Flag::Advance } else { Flag::Plain },
                expires: Hours(NOW.0 + days * 24),
                bytes: entry(
                    channel,
                    *number,
                    SIZES[if draw.percent(6) {
                        2
                    } else {
                        draw.below(2) as usize
                    }],
                ),
                guard: flagged.then(|| guard.clone()),
            };
            let store = Arc::clone(&store);
            appends.spawn(async move { store.append(new).await });
        }
        while let Some(appended) = appends.join_next().await {
            assert!(matches!(appended, Ok(Ok(Appended::Stored(_)))), "{appended:?}");
        }
        if round % 30 == 29 {
            // A day later: segments are completed, nothing has ended yet.
            store.expire(Hours(NOW.0 + round / 30 * 24 + 24)).await.unwrap();
        }
    }
    store.close().await.unwrap();
}

/// Opens images of a trace and compares: how many.
async fn cut(trace: &Path, root: &Path, store: &str, options: Options, images: u64) -> u64 {
    let text = std::fs::read_to_string(trace).unwrap();
    let events = events(&text, root);
    assert!(events.len() > 300, "{} moments", events.len());
    let mut draw = Draw::of(images);
    let mut moments: Vec<_> = (0..images)
        .map(|_| draw.below(events.len() as u64) as usize)
        .collect();
    moments.sort_unstable();
    let mut moments = moments.into_iter().peekable();
    let mut disk = Disk::default();
    let mut flushed: BTreeMap<u32, u64> = BTreeMap::new();
    // What may have been acknowledged: a batch is once all its segments are flushed, and only then comes the next.
    let mut acknowledged = flushed.clone();
    let mut opened = 0;
    for (number, event) in events.iter().enumerate() {
        for (path, bytes) in disk.step(event) {
            if path.extension().is_some_and(|ending| ending == "log") {
                for (channel, newest) in newest_of(&bytes) {
                    let known = flushed.entry(channel).or_default();
                    *known = (*known).max(newest);
                }
            }
        }
        if disk.is_settled("log") {
            acknowledged.clone_from(&flushed);
        }
        while moments.next_if_eq(&number).is_some() {
            let image = tempfile::tempdir().unwrap();
            disk.image(&mut draw, image.path());
            let place = image.path().join(store);
            if !place.is_dir() {
                assert!(acknowledged.is_empty(), "no store is left of {acknowledged:?}");
                continue;
            }
            let store = match Embedded::open(&place, options) {
                Ok(store) => store,
                Err(error) => panic!("after moment {number} of {}, {event:?}: {error}", events.len()),
            };
            for channel in 0..CHANNELS {
                let numbers = numbers(&store, channel).await;
                let least = acknowledged.get(&channel).copied().unwrap_or(0);
                let at =
                    format!("moment {number}, channel {channel}: acknowledged {least}, found {numbers:?}");
                assert!(numbers.iter().copied().eq(1..=numbers.len() as u64), "{at}");
                assert!(numbers.len() as u64 >= least, "{at}");
            }
            // It goes on: a position that is free is not one that was given.
            if let Some((guard, _)) = store.guard(spec(0).id()).await.unwrap() {
                let next = numbers(&store, 0).await.len() as u64 + 1;
                let position = append(&store, spec(0).id(), guard.counter, entry(0, next, SIZES[0])).await;
                assert_eq!(position, Position(next));
            }
            opened += 1;
        }
    }
    opened
}

async fn append(store: &Embedded, channel: ChannelId, counter: Counter, bytes: Bytes) -> Position {
    let entry = NewEntry {
        channel,
        counter,
        flag: Flag::Plain,
        expires: Hours(NOW.0 + 30 * 24),
        bytes,
        guard: None,
    };
    match store.append(entry).await {
        Ok(Appended::Stored(position)) => position,
        other => panic!("{other:?}"),
    }
}

/// The entries of a channel, by their numbers.
async fn numbers(store: &Embedded, channel: u32) -> Vec<u64> {
    let mut numbers = Vec::new();
    let mut after = Position(0);
    loop {
        let entries = store
            .read(spec(channel).id(), after, 1 << 20, Hours(0))
            .await
            .unwrap();
        let Some(last) = entries.last() else {
            return numbers;
        };
        after = last.position;
        for entry in entries {
            let (of, number) = told(&entry.bytes).unwrap();
            assert_eq!(of, channel);
            numbers.push(number);
        }
    }
}

fn images(few: u64, many: u64) -> u64 {
    if caucus_tests::attack::long() { many } else { few }
}

fn canonical(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().canonicalize().unwrap()
}

#[tokio::test]
async fn a_power_cut_at_any_moment_loses_nothing_that_was_acknowledged() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (root, trace) = (canonical(&folder), other.path().join("trace"));
    let done = Command::new("strace")
        .args(STRACE)
        .arg(&trace)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "durable::powercut::a_store_is_filled", "--ignored"])
        .env(FOLDER, &root)
        .output()
        .expect("strace, which tests/run installs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
    let opened = cut(&trace, &root, "store", options(), images(400, 20_000)).await;
    println!("{opened} images of a store: nothing acknowledged is missing, doubled or moved");
}

#[tokio::test]
async fn a_power_cut_under_a_working_relay_loses_nothing_that_was_acknowledged() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (root, trace) = (canonical(&folder).join("data"), other.path().join("trace"));
    let strace: Vec<&str> = ["strace"]
        .into_iter()
        .chain(STRACE)
        .chain([trace.to_str().unwrap()])
        .collect();
    let mut relay = RelayProcess::configured(&root, CONFIG, &other.path().join("log"), &strace);
    let mut writers = JoinSet::new();
    for channel in 0..CHANNELS {
        let dialler = clients(relay.address(), 1);
        writers.spawn(async move {
            let mut writer = dialler.dial(0, channel, false).await;
            writer.create(channel).await;
            let handle = writer.open(channel, Role::Append).await;
            let mut draw = Draw::part(7, u64::from(channel));
            for number in 1..=30 {
                let size = SIZES[if draw.percent(10) {
                    2
                } else {
                    draw.below(2) as usize
                }];
                writer.append(handle, &entry(channel, number, size)).await;
            }
        });
    }
    while let Some(written) = writers.join_next().await {
        written.unwrap();
    }
    relay.interrupt_child();
    let opened = cut(&trace, &root, "store", Options::default(), images(200, 5_000)).await;
    println!("{opened} images under a relay: nothing acknowledged is missing, doubled or moved");
}
