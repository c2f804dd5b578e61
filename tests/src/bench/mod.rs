//! `cargo bench-relay`: what the relay costs, as a ratio to the floor, the least relay one can write
//! with quinn. Both run as processes of their own on the loopback, by turns, under the same load. `docs/bench.md` says
//! how to read it.

mod apart;
mod bulk;
pub mod client;
mod floor;
mod load;
mod report;
mod server;
mod store;
mod works;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::runtime::Runtime;

pub use bulk::serve as serve_raw;
pub use floor::serve as serve_floor;
use report::{CPU, Reach, Report, Sample};
use server::{Server, Side};

/// What can be measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Work {
    /// 100 followers of one channel, 16 entries in flight.
    W1,
    /// The same at 20 and at 200 entries a second.
    W1Quiet,
    /// 500 channels of five people.
    W2,
    /// Connected followers that hear nothing.
    W3,
    /// 10,000 entries fetched.
    W4,
    /// 2,000 clients after a restart.
    W5,
    /// 5,000 followers of one channel.
    W6,
    /// 10^4, 10^5 and 10^6 channels.
    W7,
    /// Bytes of the disk by entry.
    Disk,
    /// The store alone.
    Store,
    /// A file of 100 MiB, sent and fetched.
    Attachment,
    /// Nine rooms of one persona at rest, over one connection and over nine.
    Isolation,
}

impl Work {
    const ALL: [Self; 12] = [
        Self::W1,
        Self::W1Quiet,
        Self::W2,
        Self::W3,
        Self::W4,
        Self::W5,
        Self::W6,
        Self::W7,
        Self::Disk,
        Self::Store,
        Self::Attachment,
        Self::Isolation,
    ];
    const QUICK: [Self; 6] = [Self::W1, Self::W1Quiet, Self::W2, Self::W3, Self::W4, Self::Disk];
}

/// What to measure, and how long.
pub struct Plan {
    /// Ends within three minutes.
    pub quick: bool,
    /// Only these; all where none is named.
    pub only: Vec<Work>,
    /// How often each side is measured.
    pub runs: usize,
}

/// Measures, prints to standard error what it does meanwhile, and writes `bench/relay.json` in this folder. Gives
/// the table, and whether everything reached what it should.
///
/// # Panics
/// If something that is measured does not work.
pub fn run(plan: &Plan, target: &Path) -> (String, bool) {
    let bench = target.join("bench");
    fs::create_dir_all(&bench).expect("a folder");
    // On the disk of the project, for a temporary folder may be memory, where flushing costs nothing.
    let folder = tempfile::Builder::new()
        .prefix("run")
        .tempdir_in(&bench)
        .expect("a folder");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let works = match (&plan.only[..], plan.quick) {
        ([], true) => Work::QUICK.to_vec(),
        ([], false) => Work::ALL.to_vec(),
        (only, _) => only.to_vec(),
    };
    let mut report = Report::default();
    for run in 0..plan.runs {
        for work in &works {
            eprintln!("run {} of {}: {work:?} ...", run + 1, plan.runs);
            let folder = folder.path().join(format!("{run}-{work:?}"));
            fs::create_dir(&folder).expect("a folder");
            measure(*work, plan.quick, &folder, &runtime, &mut report);
            fs::remove_dir_all(&folder).expect("its folder goes");
        }
    }
    report.judge(reach);
    let text = json!({
        "profile": if cfg!(debug_assertions) { "dev" } else { "release" },
        "cores": std::thread::available_parallelism().map_or(1, usize::from),
        "quick": plan.quick,
        "rows": report.rows(),
    });
    let text = serde_json::to_string_pretty(&text).expect("JSON");
    fs::write(bench.join("relay.json"), text).expect("relay.json");
    (report.table(), report.is_reached())
}

fn reach(work: &str, what: &str) -> Option<Reach> {
    Some(match (work, what) {
        ("W1 saturated", CPU) => Reach::Ratio(0.9),
        ("W1 20/s", CPU) => Reach::Ratio(0.65),
        ("W1 200/s", CPU) => Reach::Ratio(0.75),
        ("W2", CPU) => Reach::Ratio(0.68),
        ("W3 1,000" | "W3 5,000", "memory") => Reach::Ratio(0.75),
        ("W4", "time") => Reach::Value(80.0),
        ("W4", CPU) => Reach::Value(40.0),
        ("W5", CPU) => Reach::Ratio(1.2),
        ("W5", "until all are served") => Reach::Value(5.0),
        ("W6", CPU) => Reach::OwnRatio("W1 saturated", 1.0),
        ("W7 10^5" | "W7 10^6", "CPU of an open" | "CPU of an append") => Reach::OwnRatio("W7 10^4", 1.5),
        ("disk", "disk") => Reach::Value(1_150.0),
        // 85, 8 and 3.2 us where a plain file takes 76, 5.4 and 1.9.
        ("store, batch 1", CPU) => Reach::Ratio(1.12),
        ("store, batch 16", CPU) => Reach::Ratio(1.48),
        ("store, batch 64", CPU) => Reach::Ratio(1.68),
        // 25 and 60 % of a stream's rate.
        ("attachment", "upload") => Reach::Ratio(4.0),
        ("attachment", "download") => Reach::Ratio(1.67),
        ("W7 10^6", "CPU to fill") => Reach::Value(10.0),
        ("W7 10^6", "start") => Reach::Value(30.0),
        ("W7 10^6", "memory at rest") => Reach::Value(1_536.0),
        ("W7 10^6", "ack p99") => Reach::Value(20.0),
        _ => return None,
    })
}

fn measure(work: Work, quick: bool, folder: &Path, runtime: &Runtime, report: &mut Report) {
    let seconds = Duration::from_secs;
    let warm = seconds(1);
    let (short, long) = if quick {
        (seconds(2), seconds(4))
    } else {
        (seconds(5), seconds(8))
    };
    let mut both = |name: &'static str, load: &dyn Fn(&mut Server) -> Vec<Sample>| {
        for side in Side::BOTH {
            let place = works::folder(folder, &format!("{name} {side:?}").replace([' ', '/', ','], "-"));
            let mut server = Server::start(side, &place);
            let samples = load(&mut server);
            report.add(name, side, samples);
        }
    };
    match work {
        Work::W1 => both("W1 saturated", &|server| {
            runtime.block_on(works::chapter(server, works::chapter_size(), (warm, short)))
        }),
        Work::W1Quiet => {
            for (name, rate) in [("W1 20/s", 20), ("W1 200/s", 200)] {
                let pace = (warm, if rate < 100 { long } else { short });
                both(name, &|server| runtime.block_on(works::quiet(server, rate, pace)));
            }
        }
        Work::W2 => both("W2", &|server| {
            runtime.block_on(works::cells(server, (warm, short)))
        }),
        Work::W3 => {
            both("W3 1,000", &|server| runtime.block_on(works::idle(server, 1_000)));
            if !quick {
                both("W3 5,000", &|server| runtime.block_on(works::idle(server, 5_000)));
            }
        }
        Work::W5 => both("W5", &|server| runtime.block_on(works::storm(server))),
        Work::W6 => both("W6", &|server| {
            runtime.block_on(works::chapter(server, 5_000, (seconds(2), seconds(8))))
        }),
        Work::W4 => {
            let server = Server::start(Side::Relay, &works::folder(folder, "W4"));
            report.add("W4", Side::Relay, runtime.block_on(works::catch_up(&server)));
        }
        Work::Disk => {
            let server = Server::start(Side::Relay, &works::folder(folder, "disk"));
            // Past the first sealed segment.
            report.add(
                "disk",
                Side::Relay,
                runtime.block_on(works::disk(&server, 300_000)),
            );
        }
        Work::Attachment => {
            let server = Server::start(Side::Relay, &works::folder(folder, "relay"));
            let file = runtime.block_on(bulk::file(&server, folder));
            report.add("attachment", Side::Relay, file);
            report.add("attachment", Side::Floor, runtime.block_on(bulk::stream()));
        }
        Work::Isolation => {
            let server = Server::start(Side::Relay, &works::folder(folder, "relay"));
            let time = seconds(if quick { 30 } else { 120 });
            for (name, samples) in runtime.block_on(apart::idle(&server, folder, time)) {
                report.add(name, Side::Relay, samples);
            }
        }
        Work::W7 => {
            for (name, channels) in [("W7 10^4", 10_000), ("W7 10^5", 100_000), ("W7 10^6", 1_000_000)] {
                let place = works::folder(folder, name);
                let mut samples = runtime.block_on(store::fill(&place, channels));
                let began = Instant::now();
                let server = Server::start(Side::Relay, &place);
                samples.push(Sample::of("start", "s", began.elapsed().as_secs_f64()));
                samples.extend(runtime.block_on(works::grown(&server, channels, 2_000)));
                report.add(name, Side::Relay, samples);
                drop(server);
                fs::remove_dir_all(&place).expect("its folder goes");
            }
        }
        Work::Store => {
            for (name, batch, records) in [
                ("store, batch 1", 1, 20_000),
                ("store, batch 16", 16, 200_000),
                ("store, batch 64", 64, 400_000),
            ] {
                let place = works::folder(folder, name);
                report.add(
                    name,
                    Side::Relay,
                    runtime.block_on(store::appends(&place, batch, records)),
                );
                report.add(name, Side::Floor, store::plain(&place, batch, records));
                fs::remove_dir_all(&place).expect("its folder goes");
            }
        }
    }
}
