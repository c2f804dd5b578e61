//! Writers: as many in flight as asked for, or so many a second whatever comes back; and what the server used
//! meanwhile.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use caucus_proto::id::Counter;
use caucus_proto::wire::{Answer, Answered, Asked, Request, frame};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::client::{Session, encoded};
use super::server::Server;
use crate::figures::samples::Times;

/// Bytes of an entry: the smallest bucket.
pub(super) const ENTRY: usize = 1024;

/// Tells writers when to begin counting and when to end.
#[derive(Clone, Default)]
pub(super) struct Phase {
    counting: Arc<AtomicBool>,
    over: Arc<AtomicBool>,
}

impl Phase {
    fn is_counting(&self) -> bool {
        self.counting.load(Ordering::Relaxed)
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}

/// What came of a while of load.
pub(super) struct Run {
    /// From asking to the answer.
    pub(super) acks: Times,
    /// Entries that followers got.
    pub(super) deliveries: u64,
    pub(super) cpu: Duration,
    pub(super) took: Duration,
}

impl Run {
    /// The server's CPU microseconds by delivery.
    pub(super) fn cpu_per_delivery(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.deliveries as f64
    }

    pub(super) fn deliveries_per_second(&self) -> f64 {
        self.deliveries as f64 / self.took.as_secs_f64()
    }
}

/// Lets writers write, looks at a while in the middle, and ends them.
pub(super) async fn watch(
    server: &Server,
    entries: &AtomicU64,
    phase: &Phase,
    (warm, counted): (Duration, Duration),
    mut writers: JoinSet<Times>,
) -> Run {
    tokio::time::sleep(warm).await;
    phase.counting.store(true, Ordering::Relaxed);
    let began = Instant::now();
    let (before, cpu) = (entries.load(Ordering::Relaxed), server.cpu());
    tokio::time::sleep(counted).await;
    let deliveries = entries.load(Ordering::Relaxed) - before;
    let cpu = server.cpu() - cpu;
    let took = began.elapsed();
    phase.over.store(true, Ordering::Relaxed);
    let mut acks = Times::new();
    while let Some(times) = writers.join_next().await {
        acks.join(&times.expect("a writer"));
    }
    Run {
        acks,
        deliveries,
        cpu,
        took,
    }
}

/// Keeps so many in flight on one connection.
pub(super) async fn saturate(mut session: Session, handle: u32, in_flight: usize, phase: Phase) -> Times {
    let bytes = Bytes::from(vec![7; ENTRY]);
    let mut times = Times::new();
    let mut asked = HashMap::new();
    let mut tag = 1_000;
    loop {
        while asked.len() < in_flight && !phase.is_over() {
            tag += 1;
            asked.insert(tag, Instant::now());
            ask_append(&mut session, tag, handle, &bytes).await;
        }
        if asked.is_empty() {
            // The followers read on while this one is let go.
            return times;
        }
        let since = asked
            .remove(&stored(&mut session).await)
            .expect("a tag that was asked");
        if phase.is_counting() {
            times.add(since.elapsed());
        }
    }
}

/// Appends so often, whatever comes back.
pub(super) async fn beat(mut session: Session, handle: u32, every: Duration, phase: Phase) -> Times {
    let bytes = Bytes::from(vec![7; ENTRY]);
    let mut times = Times::new();
    let mut beats = tokio::time::interval(every);
    let mut asked = HashMap::new();
    let mut tag = 1_000;
    while !phase.is_over() {
        tokio::select! {
            _ = beats.tick() => {
                tag += 1;
                asked.insert(tag, Instant::now());
                ask_append(&mut session, tag, handle, &bytes).await;
            }
            payload = session.frames.next() => {
                let tag = tag_of(&payload.expect("an answer"));
                let since = asked.remove(&tag).expect("a tag that was asked");
                if phase.is_counting() {
                    times.add(since.elapsed());
                }
            }
        }
    }
    times
}

/// One lane: asks whoever it draws to append, waits for the answer, draws again.
pub(super) async fn draw(members: Arc<Vec<Mutex<(Session, u32)>>>, mut seed: u64, phase: Phase) -> Times {
    let bytes = Bytes::from(vec![7; ENTRY]);
    let mut times = Times::new();
    while !phase.is_over() {
        // Knuth's linear congruence: any spread will do.
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let member = &members[(seed >> 33) as usize % members.len()];
        let (session, handle) = &mut *member.lock().await;
        let asked = Instant::now();
        session.append(*handle, &bytes).await;
        if phase.is_counting() {
            times.add(asked.elapsed());
        }
    }
    times
}

/// Asks without waiting.
pub(super) async fn ask_append(session: &mut Session, tag: u32, handle: u32, bytes: &Bytes) {
    let request = Request::Append {
        handle,
        counter: Counter(0),
        bytes: bytes.clone(),
    };
    let asked = encoded(&Asked { tag, request });
    session.send.write_all(&asked).await.expect("a request");
}

/// The tag of the next answer, which says that it was stored.
pub(super) async fn stored(session: &mut Session) -> u32 {
    tag_of(&session.frames.next().await.expect("an answer"))
}

fn tag_of(payload: &Bytes) -> u32 {
    let answered: Answered = frame::payload(payload).expect("an answer");
    assert!(matches!(answered.answer, Answer::Stored { .. }), "{answered:?}");
    answered.tag
}
