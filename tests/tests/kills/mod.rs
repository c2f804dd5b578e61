//! Nothing lost, nobody stuck, with real processes: agents and the relay are killed by SIGKILL at any moment while
//! people talk, and started again. A text that was answered "stored at N" stands at N for everybody who was in the
//! room there, once; one that was queued stands once; all read one order; everybody can say one more text.
//!
//! A seed fixes who is killed and when, not what the processes do meanwhile. What is not killed here: the machine
//! (what a process wrote is in the kernel's hands after it). `CAUCUS_LONG=1` plays the whole campaign; with
//! `CAUCUS_KILLS=200` as well, so many kills of it, and with `CAUCUS_SEED=7` that seed alone (docs/kills.md).

mod answers;
mod campaign;
pub mod cell;
mod chance;
mod speaker;
pub mod verdict;

use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use campaign::{Report, play};

/// Kills of the whole campaign.
const KILLS: u64 = 2_000;

/// The seed of the ordinary run.
const SEED: u64 = 4;

/// Kills of one seed.
const SHARE: u64 = 50;

/// Cells that are killed at the same time: what a cell does most is to wait for a connection that is dead.
const AT_ONCE: usize = 3;

const PEOPLE: [&str; 4] = ["ana", "ben", "cem", "dia"];

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Says it even where the runner keeps what a test prints to itself.
fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

#[test]
fn after_a_dozen_kills_nothing_is_lost_doubled_or_out_of_order_and_nobody_is_stuck() {
    let report = play(number("CAUCUS_SEED").unwrap_or(SEED), &PEOPLE[..3], 12);
    tell(&format!("kills: seed {}: {report}", report.seed));
    assert!(
        report.is_clean(),
        "seed {}: {report}\n{}",
        report.seed,
        report.verdict.wrong.join("\n")
    );
    assert!(report.kills_of_relay > 0 && report.kills_of_agents > 0 && report.stored > 20);
}

#[test]
fn after_two_thousand_kills_nothing_is_lost_doubled_or_out_of_order_and_nobody_is_stuck() {
    if std::env::var_os("CAUCUS_LONG").is_none_or(|long| long != "1") {
        println!("skipped: set CAUCUS_LONG=1 for {KILLS} kills");
        return;
    }
    let began = Instant::now();
    let seeds: Vec<u64> = match number("CAUCUS_SEED") {
        Some(seed) => vec![seed],
        None => (0..number("CAUCUS_KILLS").unwrap_or(KILLS).div_ceil(SHARE)).collect(),
    };
    let next = AtomicU64::new(0);
    let total = Mutex::new((Report::default(), Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::SeqCst) as usize) {
                    let report = play(*seed, &PEOPLE, SHARE);
                    let mut total = total.lock().expect("the total");
                    total.0.add(&report);
                    total.0.took = began.elapsed();
                    tell(&format!("kills: seed {seed}: {report}"));
                    if !report.is_clean() {
                        let shown: Vec<_> = report.verdict.wrong.iter().take(20).cloned().collect();
                        tell(&format!("kills: SEED {seed} FAILED:\n{}", shown.join("\n")));
                        total.1.push(*seed);
                    }
                    tell(&format!("kills: so far: {}", total.0));
                }
            });
        }
    });
    let (total, failed) = total.into_inner().expect("the total");
    tell(&format!("kills: all {} seeds: {total}", seeds.len()));
    assert!(failed.is_empty(), "seeds {failed:?}: {total}");
}
