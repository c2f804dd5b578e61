//! `cargo bench-org`: what an organization costs (`docs/organization.md`). Writes `target/bench/org.json`; ends with 1 if a
//! figure misses its target.

use std::fs;
use std::process::ExitCode;

use caucus_tests::cost::Part;
use caucus_tests::figures::table;
use caucus_tests::process::binaries;
use clap::Parser;
use serde_json::json;

/// What an organization costs, measured on this machine.
#[derive(Parser)]
struct Cli {
    /// Measures only this; may be given several times.
    #[arg(long, value_enum)]
    only: Vec<Part>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let target = binaries()
        .parent()
        .expect("the folder of all profiles")
        .join("bench");
    fs::create_dir_all(&target).expect("a folder");
    // On the disk of the project, for a temporary folder may be memory, where flushing costs nothing.
    let folder = tempfile::Builder::new()
        .prefix("org")
        .tempdir_in(&target)
        .expect("a folder");
    let mut figures = Vec::new();
    for part in Part::ALL {
        if cli.only.is_empty() || cli.only.contains(&part) {
            figures.extend(part.measure(folder.path(), &|what| eprintln!("{what}")));
        }
    }
    let report = json!({
        "profile": if cfg!(debug_assertions) { "dev" } else { "release" },
        "cores": std::thread::available_parallelism().map_or(1, usize::from),
        "figures": figures,
    });
    let report = serde_json::to_string_pretty(&report).expect("JSON");
    fs::write(target.join("org.json"), report).expect("org.json");
    println!("{}", table(&figures));
    if figures.iter().any(|figure| figure.ok == Some(false)) {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
