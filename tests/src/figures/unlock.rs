//! Opening a vault: the passphrase's hash alone, and the whole command.

use std::path::Path;
use std::time::Instant;

use caucus_client::vault::{Cost, Passphrase, Vault};

use super::figure::{Figure, Target};
use super::samples::Times;
use crate::process::Person;

const TIMES: usize = 5;

/// Seconds.
const TARGET: Target = Target {
    least: 0.25,
    below: 1.5,
};

pub(super) fn measure(folder: &Path) -> Vec<Figure> {
    vec![command(folder), vault(folder)]
}

fn command(folder: &Path) -> Figure {
    let person = Person::new("uma", folder);
    person.ask(&["init"]);
    let mut times = Times::new();
    for _ in 0..TIMES {
        person.ask(&["lock"]);
        let start = Instant::now();
        person.ask(&["unlock"]);
        times.add(start.elapsed());
    }
    person.stop();
    let how = "`caucus unlock` as a process, its agent running and locked, vault without rooms";
    Figure::median("unlock", times.seconds(), "s", how).aim(TARGET)
}

fn vault(folder: &Path) -> Figure {
    let home = folder.join("vault");
    let passphrase = Passphrase::new("the passphrase of nobody".to_owned());
    drop(Vault::create(&home, &passphrase, Cost::standard()).expect("a vault"));
    let mut times = Times::new();
    for _ in 0..TIMES {
        let start = Instant::now();
        drop(Vault::open(&home, &passphrase).expect("the vault"));
        times.add(start.elapsed());
    }
    let how = "the vault alone, in one process: Argon2id with 192 MiB, three passes, one lane, and the file read once";
    Figure::median("unlock, vault alone", times.seconds(), "s", how)
}
