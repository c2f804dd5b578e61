//! `cargo bench-bulletin`: what a committee's device does with many bodies (`docs/bench.md`). Writes
//! `target/bench/bulletin.json`; ends with 1 if a figure misses its target or grows faster than the number of bodies.

use std::fs;
use std::process::ExitCode;

use caucus_tests::bulletin::{QUICK, SIZES, growth, run};
use caucus_tests::figures::table;
use caucus_tests::process::binaries;
use clap::Parser;
use serde_json::json;

/// What one device of a committee does with many bodies: linking, a directive to all and what comes back, other keys.
///
/// Not here: the relay's CPU for 5,000 followers of one channel, which is W6 of `cargo bench-relay --only w6`.
#[derive(Parser)]
struct Cli {
    /// With so many bodies, ascending; 10,100,1000 if nothing is said.
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u16).range(2..=4_000))]
    bodies: Vec<u16>,
    /// With 10 and 100 bodies: within a minute after the build.
    #[arg(long, conflicts_with = "bodies")]
    quick: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let target = binaries()
        .parent()
        .expect("the folder of all profiles")
        .join("bench");
    fs::create_dir_all(&target).expect("a folder");
    let bodies: Vec<usize> = match (&cli.bodies[..], cli.quick) {
        ([], true) => QUICK.to_vec(),
        ([], false) => SIZES.to_vec(),
        (named, _) => named.iter().copied().map(usize::from).collect(),
    };
    let mut sizes = Vec::new();
    for bodies in bodies {
        // On the disk of the project, for a temporary folder may be memory, where flushing costs nothing.
        let folder = tempfile::Builder::new()
            .prefix("bulletin")
            .tempdir_in(&target)
            .expect("a folder");
        let size = run(bodies, folder.path(), &|what| eprintln!("{what}"));
        println!("{bodies} bodies\n\n{}", table(&size.figures));
        sizes.push(size);
    }
    let (grows, linear) = growth(&sizes);
    println!(
        "With {} bodies:\n{grows}",
        words(&sizes.iter().map(|size| size.bodies).collect::<Vec<_>>())
    );
    println!("The relay's CPU for 5,000 followers of one channel, beside W1: `cargo bench-relay --only w6`.");
    let of = |size: &caucus_tests::bulletin::Size| json!({ "bodies": size.bodies, "figures": size.figures });
    let report = json!({
        "profile": if cfg!(debug_assertions) { "dev" } else { "release" },
        "cores": std::thread::available_parallelism().map_or(1, usize::from),
        "linear": linear,
        "sizes": sizes.iter().map(of).collect::<Vec<_>>(),
    });
    let report = serde_json::to_string_pretty(&report).expect("JSON");
    fs::write(target.join("bulletin.json"), report).expect("bulletin.json");
    let missed =
        |size: &caucus_tests::bulletin::Size| size.figures.iter().any(|figure| figure.ok == Some(false));
    if !linear || sizes.iter().any(missed) {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn words(sizes: &[usize]) -> String {
    let words: Vec<_> = sizes.iter().map(usize::to_string).collect();
    words.join(", ")
}
