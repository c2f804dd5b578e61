//! Durable appends: raw clients against a relay of its own with the embedded store and rates that do not hold
//! them up.

use std::fs::{self, DirBuilder, File};
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use caucus_client::relay::{Appended, Connection, Handle, Pool};
use caucus_proto::id::{Counter, PersonaId, Position};
use caucus_proto::wire::{Access, ChannelSpec, RelayAddress, Retention, Role, SLOTS};
use tokio::task::JoinSet;
use x25519_dalek::{PublicKey, StaticSecret};

use super::figure::Figure;
use super::samples::Times;
use super::vitals;
use crate::process::RelayProcess;

/// Bytes of an entry: the smallest bucket.
const ENTRY: usize = 1024;
/// Before anything is counted.
const WARM: Duration = Duration::from_millis(500);
const COUNTED: Duration = Duration::from_secs(3);
/// Writes of the disk's own figure.
const WRITES: usize = 300;
/// In flight on one connection; more go over several.
const DEEPEST: usize = 64;

/// Everybody may write as fast as the store can.
const CONFIG: &str = "[limits]
appends_per_second = 1000000
channel_appends_per_second = 1000000
channel_entries = 100000000
channel_bytes = 1000000000000
";

pub(super) fn measure(folder: &Path) -> Vec<Figure> {
    let data = folder.join("appends");
    DirBuilder::new().mode(0o700).create(&data).expect("a folder");
    fs::write(data.join("relay.toml"), CONFIG).expect("a file");
    let relay = RelayProcess::start(&data);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(with(folder, &relay))
}

async fn with(folder: &Path, relay: &RelayProcess) -> Vec<Figure> {
    let address: RelayAddress = relay.address().parse().expect("an address");
    let pid = relay.pid().expect("it runs");
    let pool = Pool::default();
    let mut figures = vec![disk(folder)];
    let mut stored = 0;
    let mut before = 0;
    for in_flight in [1, 16, 256] {
        let connections = connections(&pool, &address, in_flight).await;
        if before == 0 {
            before = vitals::bytes(relay.data());
        }
        let run = run(&connections, in_flight, pid).await;
        stored += run.stored;
        figures.extend(run.figures(in_flight, connections.len()));
    }
    let grown = vitals::bytes(relay.data()).saturating_sub(before);
    let how = format!(
        "all files of the relay's folder, grown by {stored} entries of {ENTRY} bytes on three channels, \
         index and heads included"
    );
    let each = grown as f64 / stored as f64;
    figures.push(Figure::of("disk per 1 KiB entry", each, "bytes", how));
    pool.close_all().await;
    figures
}

/// What one write that is on the disk costs here: what every durable append stands on.
fn disk(folder: &Path) -> Figure {
    let mut file = File::create(folder.join("disk")).expect("a file");
    let mut times = Times::new();
    for _ in 0..WRITES {
        let start = Instant::now();
        file.write_all(&[7; ENTRY]).expect("a write");
        file.sync_data().expect("a flush");
        times.add(start.elapsed());
    }
    let how =
        "one write of 1 KiB at a file's end and fdatasync, from here: the floor under every durable append";
    Figure::median("write and flush", times.milliseconds(), "ms", how)
}

/// Connections of as many personas as it takes, all with a handle on the same new channel.
async fn connections(pool: &Pool, address: &RelayAddress, in_flight: usize) -> Vec<(Connection, Handle)> {
    let [creation, append, read, salt] = [(); 4].map(|()| random());
    let spec = ChannelSpec {
        creation_key: public(creation),
        salt,
        access: Access {
            append: public(append),
            read: public(read),
        },
        controls: [(); SLOTS].map(|()| random()),
        solo: true,
        plain: Retention::Month,
        flagged: Retention::Month,
        counter: Counter(0),
        after: Position(0),
    };
    let mut connections = Vec::new();
    for _ in 0..in_flight.div_ceil(DEEPEST) {
        let persona = PersonaId(random());
        let connection = pool.connection(address, &persona).await.expect("a connection");
        if connections.is_empty() {
            let secret = StaticSecret::from(creation);
            connection.create(&spec, &secret, None).await.expect("a channel");
        }
        let secret = StaticSecret::from(append);
        let opened = connection.open(spec.id(), Role::Append, &secret).await;
        connections.push((connection, opened.expect("a handle").handle));
    }
    connections
}

struct Run {
    times: Times,
    took: Duration,
    cpu: Duration,
    /// Before the count, too.
    stored: u64,
}

/// Keeps so many appends in flight, each asked when one before it was answered.
async fn run(connections: &[(Connection, Handle)], in_flight: usize, pid: u32) -> Run {
    let bytes = Bytes::from(vec![7; ENTRY]);
    let begin = Instant::now() + WARM;
    let mut lanes = JoinSet::new();
    for (connection, handle) in connections.iter().cycle().take(in_flight) {
        let (connection, handle, bytes) = (connection.clone(), *handle, bytes.clone());
        lanes.spawn(async move {
            let (mut times, mut stored) = (Times::new(), 0);
            loop {
                let asked = Instant::now();
                let answer = connection.append(handle, Counter(0), bytes.clone()).await;
                assert!(matches!(answer, Ok(Appended::Stored(_))), "{answer:?}");
                stored += 1;
                let answered = Instant::now();
                if answered >= begin + COUNTED {
                    return (times, stored);
                }
                if answered >= begin {
                    times.add(answered - asked);
                }
            }
        });
    }
    tokio::time::sleep_until(begin.into()).await;
    let cpu = vitals::cpu(pid);
    tokio::time::sleep_until((begin + COUNTED).into()).await;
    let cpu = vitals::cpu(pid) - cpu;
    let mut run = Run {
        times: Times::new(),
        took: COUNTED,
        cpu,
        stored: 0,
    };
    while let Some(lane) = lanes.join_next().await {
        let (times, stored) = lane.expect("a lane");
        run.times.join(&times);
        run.stored += stored;
    }
    run
}

impl Run {
    fn figures(&self, in_flight: usize, connections: usize) -> [Figure; 3] {
        let spread = self.times.milliseconds();
        let rate = spread.n as f64 / self.took.as_secs_f64();
        let cpu = self.cpu.as_secs_f64() * 1e6 / spread.n as f64;
        let plural = if connections == 1 { "" } else { "s" };
        let how = format!(
            "{in_flight} in flight on {connections} connection{plural}, one channel, entries of 1 KiB, each \
             answered when it is on the disk; {:.1} s",
            self.took.as_secs_f64()
        );
        [
            Figure::of(&format!("appends, {in_flight} in flight"), rate, "per s", how),
            Figure::median(
                &format!("append, {in_flight} in flight"),
                spread,
                "ms",
                "the same: from asking to the answer",
            ),
            Figure::of(
                &format!("relay's CPU, {in_flight} in flight"),
                cpu,
                "us each",
                "the same: CPU time of the relay's process by number of appends",
            ),
        ]
    }
}

fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("randomness");
    bytes
}

fn public(secret: [u8; 32]) -> [u8; 32] {
    PublicKey::from(&StaticSecret::from(secret)).to_bytes()
}
