//! What a relay knows and what it keeps: nothing that was said, named or secret, and of addresses only what it needs
//! while somebody is there (cases ).

mod leaks;
mod liaison;
mod organization;

use std::fs;

use caucus_tests::needles::{Hit, Needle, memory_of, search};
use caucus_tests::process::RelayProcess;

/// Everything that a relay has written: its folder and its log.
fn written(needles: &[Needle], relay: &RelayProcess, log: &std::path::Path) -> Vec<Hit> {
    let mut hits = search(needles, "the log", &fs::read(log).expect("a log"));
    for (path, bytes) in relay.disk() {
        hits.extend(search(needles, &path.display().to_string(), &bytes));
        let name = path.display().to_string();
        hits.extend(search(needles, "a name of a file", name.as_bytes()));
    }
    hits
}

/// The needles that lie in the memory of a process; none where this process may not look.
fn remembered(needles: &[Needle], pid: u32) -> Option<(Vec<Hit>, usize)> {
    let memory = match memory_of(pid) {
        Ok(memory) => memory,
        Err(error) => {
            assert!(!rustix::process::geteuid().is_root(), "{error}");
            println!("skipped: only root reads the memory of a relay ({error})");
            return None;
        }
    };
    let bytes = memory.iter().map(|(_, bytes)| bytes.len()).sum();
    let hits = memory
        .iter()
        .flat_map(|(name, bytes)| search(needles, name, bytes));
    Some((hits.collect(), bytes))
}
