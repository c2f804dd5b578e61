//! The works: what is asked of a server, and the figures that come of it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use caucus_proto::wire::Role;
use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinSet;

use super::client::{Dialler, Frames, Session, count};
use super::load::{ENTRY, Phase, Run, beat, draw, saturate, watch};
use super::report::Sample;
use super::server::Server;
use crate::figures::samples::Times;

/// Connections that are being made at a time.
const AT_ONCE: usize = 64;
/// Followers of the chapter, and what its writer has in flight.
const CHAPTER: usize = 100;
const IN_FLIGHT: usize = 16;
/// Cells, and people in each.
const CELLS: u32 = 500;
const CELL: u32 = 5;
/// Rest before memory is looked at.
const REST: Duration = Duration::from_secs(3);
/// What one who was away fetches.
const BACKLOG: u64 = 10_000;
/// How often it is fetched: the CPU of one time is a few ticks.
const FETCHES: u32 = 5;
/// Who comes back after a restart, and what was acknowledged before it.
const STORM: usize = 2_000;
const WRITTEN: u64 = 100;
const AGAIN: Duration = Duration::from_millis(100);

/// How long load lasts before it counts, and while it does.
pub(super) type Pace = (Duration, Duration);

/// W1 and W6, saturated: one channel, one writer, all others follow.
pub(super) async fn chapter(server: &Server, followers: usize, pace: Pace) -> Vec<Sample> {
    let run = one_channel(server, followers, pace, None).await;
    let mut samples = vec![
        Sample::cpu(run.cpu_per_delivery()),
        Sample::of("deliveries", "/s", run.deliveries_per_second()),
    ];
    samples.extend(acks(&run));
    samples
}

/// W1 quiet: the same, so many entries a second.
pub(super) async fn quiet(server: &Server, rate: u32, pace: Pace) -> Vec<Sample> {
    let run = one_channel(server, CHAPTER, pace, Some(rate)).await;
    let mut samples = vec![Sample::cpu(run.cpu_per_delivery())];
    samples.extend(acks(&run));
    samples
}

/// The followers of W1.
pub(super) const fn chapter_size() -> usize {
    CHAPTER
}

async fn one_channel(server: &Server, followers: usize, pace: Pace, rate: Option<u32>) -> Run {
    let dialler = Arc::new(server.dialler(followers + 1));
    let mut writer = dialler.dial(followers, 0, false).await;
    writer.create(0).await;
    let handle = writer.open(0, Role::Append).await;
    let entries = Arc::new(AtomicU64::new(0));
    let held = follow(&dialler, &entries, (0..followers).map(|number| (number, 0))).await;
    let phase = Phase::default();
    let mut writers = JoinSet::new();
    match rate {
        None => writers.spawn(saturate(writer, handle, IN_FLIGHT, phase.clone())),
        Some(rate) => writers.spawn(beat(writer, handle, Duration::from_secs(1) / rate, phase.clone())),
    };
    let run = watch(server, &entries, &phase, pace, writers).await;
    drop(held);
    run
}

/// W2: many small channels; whoever is drawn writes.
pub(super) async fn cells(server: &Server, pace: Pace) -> Vec<Sample> {
    let dialler = Arc::new(server.dialler((CELLS * CELL) as usize));
    let entries = Arc::new(AtomicU64::new(0));
    create(&dialler, CELLS).await;
    let places = (0..CELLS * CELL).map(|number| (number as usize, number / CELL));
    let sessions = follow(&dialler, &entries, places).await;
    let mut members = Vec::new();
    for (mut session, channel) in sessions {
        let handle = session.open(channel, Role::Append).await;
        members.push(Mutex::new((session, handle)));
    }
    let members = Arc::new(members);
    let phase = Phase::default();
    let mut writers = JoinSet::new();
    for lane in 0..IN_FLIGHT {
        writers.spawn(draw(Arc::clone(&members), lane as u64 + 1, phase.clone()));
    }
    let run = watch(server, &entries, &phase, pace, writers).await;
    let mut samples = vec![
        Sample::cpu(run.cpu_per_delivery()),
        Sample::of("deliveries", "/s", run.deliveries_per_second()),
    ];
    samples.extend(acks(&run));
    samples.push(Sample::of("memory", "MiB", server.memory()));
    samples
}

/// W3: connected followers that hear nothing, each of a channel of its own.
pub(super) async fn idle(server: &Server, followers: u32) -> Vec<Sample> {
    let dialler = Arc::new(server.dialler(followers as usize));
    create(&dialler, followers).await;
    tokio::time::sleep(REST).await;
    let before = server.memory();
    let entries = Arc::new(AtomicU64::new(0));
    let places = (0..followers).map(|number| (number as usize, number));
    let began = server.cpu();
    let held = follow(&dialler, &entries, places).await;
    let cpu = (server.cpu() - began).as_secs_f64() * 1e6 / f64::from(followers);
    tokio::time::sleep(REST).await;
    let each = (server.memory() - before) * 1024.0 / f64::from(followers);
    drop(held);
    vec![
        Sample::of("memory", "KiB each", each),
        Sample::of("CPU to connect", "us each", cpu),
    ]
}

/// W4: one reader fetches what was written while it was away.
pub(super) async fn catch_up(server: &Server) -> Vec<Sample> {
    let dialler = server.dialler(2);
    let mut writer = dialler.dial(0, 0, false).await;
    writer.create(0).await;
    let handle = writer.open(0, Role::Append).await;
    fill(&mut writer, handle, BACKLOG).await;
    let before = server.cpu();
    let mut took = Duration::ZERO;
    for _ in 0..FETCHES {
        let mut reader = dialler.dial(1, 0, false).await;
        let began = Instant::now();
        let stream = reader.read(0, 0, false).await;
        let entries = Arc::new(AtomicU64::new(0));
        count(stream, Arc::clone(&entries), BACKLOG).await;
        took += began.elapsed();
        assert_eq!(entries.load(Ordering::Relaxed), BACKLOG);
    }
    let cpu = server.cpu() - before;
    let each = |time: Duration| time.as_secs_f64() * 1e3 / f64::from(FETCHES);
    vec![
        Sample::of("time", "ms", each(took)),
        Sample::of("CPU", "ms", each(cpu)),
    ]
}

/// W5: everybody comes back within a second of a restart, and nothing that was acknowledged is lost.
pub(super) async fn storm(server: &mut Server) -> Vec<Sample> {
    let is_relay = server.is_relay();
    let channel = 0;
    let before = server.dialler(1);
    let mut writer = before.dial(0, channel, false).await;
    writer.create(channel).await;
    let handle = writer.open(channel, Role::Append).await;
    fill(&mut writer, handle, WRITTEN).await;
    server.restart();
    let dialler = Arc::new(server.dialler(STORM));
    let cpu = server.cpu();
    let began = Instant::now();
    let mut coming = JoinSet::new();
    for number in 0..STORM {
        let dialler = Arc::clone(&dialler);
        coming.spawn(async move {
            tokio::time::sleep(Duration::from_secs(1) / STORM as u32 * number as u32).await;
            let mut session = loop {
                match dialler.try_dial(number, channel, true).await {
                    Some(session) => break session,
                    // As everybody does who finds no place.
                    None => tokio::time::sleep(AGAIN).await,
                }
            };
            // Nobody missed anything: the first frame says that they have caught up.
            let mut frames = Frames::new(session.read(channel, WRITTEN, true).await);
            frames.next().await.expect("that it follows");
            (session, began.elapsed())
        });
    }
    let mut last = Duration::ZERO;
    let mut held = Vec::new();
    while let Some(came) = coming.join_next().await {
        let (session, when) = came.expect("one who comes back");
        last = last.max(when);
        held.push(session);
    }
    let cpu = (server.cpu() - cpu).as_secs_f64() * 1e6 / STORM as f64;
    if is_relay {
        let kept = held[0]
            .entries(channel, 0)
            .await
            .expect("what was written before");
        assert_eq!(kept.len() as u64, WRITTEN);
    }
    vec![
        Sample::of("CPU", "us each", cpu),
        Sample::of("until all are served", "s", last.as_secs_f64()),
    ]
}

/// Bytes of the disk by entry, once segments are sealed.
pub(super) async fn disk(server: &Server, entries: u64) -> Vec<Sample> {
    let dialler = server.dialler(1);
    let mut writer = dialler.dial(0, 0, false).await;
    writer.create(0).await;
    let handle = writer.open(0, Role::Append).await;
    let before = server.disk();
    fill(&mut writer, handle, entries).await;
    let each = (server.disk() - before) as f64 / entries as f64;
    vec![Sample::of("disk", "B per entry", each)]
}

/// W7: what an open and an append cost among so many channels.
pub(super) async fn grown(server: &Server, channels: u32, touched: u32) -> Vec<Sample> {
    let dialler = server.dialler(1);
    let mut session = dialler.dial(0, 0, false).await;
    let memory = server.memory();
    let step = channels / touched;
    let drawn: Vec<u32> = (0..touched).map(|n| n.wrapping_mul(step)).collect();
    let before = server.cpu();
    let mut handles = Vec::new();
    for channel in &drawn {
        handles.push(session.open(*channel, Role::Append).await);
    }
    let opened = server.cpu();
    let bytes = Bytes::from(vec![7; ENTRY]);
    let mut waited = Times::new();
    for handle in handles {
        let asked = Instant::now();
        session.append(handle, &bytes).await;
        waited.add(asked.elapsed());
    }
    let appended = server.cpu();
    let each = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(touched);
    vec![
        Sample::of("CPU of an open", "us", each(opened - before)),
        Sample::of("CPU of an append", "us", each(appended - opened)),
        Sample::of("ack p99", "ms", waited.milliseconds().p99),
        Sample::of("memory at rest", "MiB", memory),
    ]
}

/// Appends so many entries, as fast as one connection can.
async fn fill(session: &mut Session, handle: u32, entries: u64) {
    use super::load::{ask_append, stored};
    let bytes = Bytes::from(vec![7; ENTRY]);
    let (mut asked, mut answered) = (0, 0);
    while answered < entries {
        while asked < entries && asked - answered < 64 {
            asked += 1;
            ask_append(session, asked as u32 + 1_000, handle, &bytes).await;
        }
        stored(session).await;
        answered += 1;
    }
}

async fn create(dialler: &Arc<Dialler>, channels: u32) {
    let mut makers = JoinSet::new();
    // Several at once share a flush.
    const LANES: u32 = 32;
    for lane in 0..LANES.min(channels) {
        let dialler = Arc::clone(dialler);
        makers.spawn(async move {
            let mut session = dialler.dial(lane as usize, lane, false).await;
            for channel in (lane..channels).step_by(LANES as usize) {
                session.create(channel).await;
            }
        });
    }
    while let Some(made) = makers.join_next().await {
        made.expect("channels");
    }
}

/// Connects followers and counts what they get; gives their sessions with their channels, in order.
async fn follow(
    dialler: &Arc<Dialler>,
    entries: &Arc<AtomicU64>,
    places: impl Iterator<Item = (usize, u32)>,
) -> Vec<(Session, u32)> {
    let gate = Arc::new(Semaphore::new(AT_ONCE));
    let mut coming = JoinSet::new();
    for (number, channel) in places {
        let (dialler, entries, gate) = (Arc::clone(dialler), Arc::clone(entries), Arc::clone(&gate));
        coming.spawn(async move {
            let _turn = gate.acquire().await.expect("a turn");
            let mut session = dialler.dial(number, channel, true).await;
            let stream = session.follow(channel).await;
            tokio::spawn(count(stream, entries, u64::MAX));
            (number, session, channel)
        });
    }
    let mut sessions = Vec::new();
    while let Some(came) = coming.join_next().await {
        sessions.push(came.expect("a follower"));
    }
    sessions.sort_by_key(|(number, ..)| *number);
    sessions
        .into_iter()
        .map(|(_, session, channel)| (session, channel))
        .collect()
}

fn acks(run: &Run) -> [Sample; 2] {
    let spread = run.acks.milliseconds();
    [
        Sample::of("ack p50", "ms", spread.p50),
        Sample::of("ack p99", "ms", spread.p99),
    ]
}

/// A folder of its own for every server.
pub(super) fn folder(of: &Path, name: &str) -> std::path::PathBuf {
    let folder = of.join(name);
    assert!(!folder.exists(), "{} is used twice", folder.display());
    folder
}
