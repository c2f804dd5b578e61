//! The store alone: durable appends of so many at a time, and folders filled for other works. CPU is that of this
//! whole process meanwhile, who asks included.

use std::fs::DirBuilder;
use std::future::poll_fn;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use caucus_proto::id::{ChannelId, Counter, Hours};
use caucus_proto::wire::Flag;
use caucus_server::relay::guard::Guard;
use caucus_server::store::embedded::{Embedded, Options};
use caucus_server::store::{Appended, Committed, NewEntry, Store};
use tokio::sync::mpsc;
use tokio::task::unconstrained;

use super::client::spec;
use super::load::ENTRY;
use super::report::Sample;
use crate::figures::vitals;

/// Guards and entries that are put in at a time where a folder is filled.
const FILL: usize = 256;
const CHANNELS: u32 = 500;

/// Durable appends over 500 channels, so many at a time.
pub(super) async fn appends(folder: &Path, batch: usize, records: usize) -> Vec<Sample> {
    let mut asked = open(folder);
    let ids = channels(&mut asked, CHANNELS).await;
    let bytes = Bytes::from(vec![7; ENTRY]);
    let (before, size) = (cpu(), asked.store.usage().bytes);
    append(
        &mut asked,
        (0..records).map(|n| ids[n * 7 % ids.len()]),
        &bytes,
        batch,
    )
    .await;
    let cpu = cpu() - before;
    let grown = asked.store.usage().bytes - size;
    asked.store.close().await.expect("a close");
    vec![
        Sample::of("CPU", "us/record", cpu.as_secs_f64() * 1e6 / records as f64),
        Sample::of("disk", "B/record", grown as f64 / records as f64),
    ]
}

/// The least that a durable append can be: one file, so many entries with one write, and a flush.
pub(super) fn plain(folder: &Path, batch: usize, records: usize) -> Vec<Sample> {
    std::fs::create_dir_all(folder).expect("a folder");
    let mut file = std::fs::File::create(folder.join("plain")).expect("a file");
    let bytes = vec![7; batch * ENTRY];
    let before = cpu();
    for _ in 0..records / batch {
        file.write_all(&bytes).expect("a write");
        file.sync_data().expect("a flush");
    }
    let cpu = cpu() - before;
    vec![
        Sample::of("CPU", "us/record", cpu.as_secs_f64() * 1e6 / records as f64),
        Sample::of("disk", "B/record", ENTRY as f64),
    ]
}

/// So many channels with ten entries each, round robin, which is the worst order.
pub(super) async fn fill(folder: &Path, count: u32) -> Vec<Sample> {
    let mut asked = open(folder);
    let ids = channels(&mut asked, count).await;
    let bytes = Bytes::from(vec![7; ENTRY]);
    let before = cpu();
    let records = ids.len() * 10;
    append(&mut asked, (0..records).map(|n| ids[n % ids.len()]), &bytes, FILL).await;
    let each = (cpu() - before).as_secs_f64() * 1e6 / records as f64;
    asked.store.close().await.expect("a close");
    vec![Sample::of("CPU to fill", "us/record", each)]
}

/// A store, with what takes what becomes durable.
struct Asked {
    store: Embedded,
    durable: mpsc::UnboundedReceiver<Committed>,
}

fn open(folder: &Path) -> Asked {
    let mut builder = DirBuilder::new();
    builder
        .mode(0o700)
        .recursive(true)
        .create(folder)
        .expect("a folder");
    let store = Embedded::open(&folder.join("store"), Options::default()).expect("a store");
    let (outlet, durable) = mpsc::unbounded_channel();
    store.hand_over(outlet);
    Asked { store, durable }
}

/// Channels as the clients of this bench know them.
async fn channels(asked: &mut Asked, count: u32) -> Vec<ChannelId> {
    let Asked { store, durable } = asked;
    let now = now();
    store.expire(now).await.expect("a day");
    let mut ids = Vec::with_capacity(count as usize);
    let numbers: Vec<u32> = (0..count).collect();
    for step in numbers.chunks(FILL) {
        let puts = step.iter().map(|number| {
            let spec = spec(*number);
            let id = spec.id();
            ids.push(id);
            store.put_guard(id, None, Guard::new(&spec, None, now))
        });
        for put in together(durable, puts).await {
            assert!(put.expect("a guard"), "the channel was there");
        }
    }
    ids
}

async fn append(asked: &mut Asked, to: impl Iterator<Item = ChannelId>, bytes: &Bytes, batch: usize) {
    let Asked { store, durable } = asked;
    let expires = Hours(now().0 + 30 * 24);
    let mut to = to.peekable();
    while to.peek().is_some() {
        let appends = to.by_ref().take(batch).map(|channel| {
            store.append(NewEntry {
                channel,
                counter: Counter(0),
                flag: Flag::Plain,
                expires,
                bytes: bytes.clone(),
                guard: None,
            })
        });
        for appended in together(durable, appends).await {
            assert!(matches!(appended, Ok(Appended::Stored(_))), "{appended:?}");
        }
    }
}

/// Begins all of them, takes what becomes durable as the relay does, which answers them, and then waits for one after the
/// other.
async fn together<F: Future>(
    durable: &mut mpsc::UnboundedReceiver<Committed>,
    futures: impl Iterator<Item = F>,
) -> Vec<F::Output> {
    let mut begun = Vec::new();
    for future in futures {
        // The runtime's budget would let only the first 64 begin, and the others one by one.
        let mut future = Box::pin(unconstrained(future));
        let first = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await;
        begun.push((future, first));
    }
    let mut ended = Vec::with_capacity(begun.len());
    for (mut future, first) in begun {
        ended.push(match first {
            Poll::Ready(output) => output,
            Poll::Pending => loop {
                tokio::select! {
                    biased;
                    output = &mut future => break output,
                    Some(batch) = durable.recv() => drop(batch),
                }
            },
        });
    }
    ended
}

fn now() -> Hours {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Hours(since.unwrap_or(Duration::ZERO).as_secs() / 3600)
}

fn cpu() -> Duration {
    vitals::cpu(std::process::id())
}
