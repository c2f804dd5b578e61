//! `cargo figures`: measures a release build and prints a table (`docs/figures.md`). Ends with 1 if a figure misses
//! its target.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use caucus_tests::figures::{Figure, Part, table};
use caucus_tests::process::binaries;
use clap::Parser;
use serde_json::json;

/// What Caucus costs, measured on this machine.
#[derive(Parser)]
struct Cli {
    /// Prints JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// Builds everything from nothing as well, which takes minutes.
    #[arg(long)]
    clean_build: bool,
    /// Measures only this; may be given several times.
    #[arg(long, value_enum)]
    only: Vec<Part>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut parts = if cli.only.is_empty() {
        Part::USUAL.to_vec()
    } else {
        cli.only
    };
    if cli.clean_build && !parts.contains(&Part::CleanBuild) {
        parts.push(Part::CleanBuild);
    }
    let target = binaries()
        .parent()
        .expect("the folder of all profiles")
        .to_path_buf();
    // On the disk of the project, for a temporary folder may be memory, where flushing costs nothing.
    let folder = tempfile::Builder::new()
        .prefix("fig")
        .tempdir_in(&target)
        .expect("a folder");
    let mut figures = Vec::new();
    for part in parts {
        eprintln!("measuring {part:?} ...");
        figures.extend(part.measure(folder.path()));
    }
    let report = report(&figures);
    let file: PathBuf = target.join("figures.json");
    fs::write(&file, &report).expect("figures.json");
    if cli.json {
        println!("{report}");
    } else {
        if cfg!(debug_assertions) {
            println!("A development build: these figures say nothing.\n");
        }
        println!("{}", table(&figures));
    }
    if figures.iter().any(|figure| figure.ok == Some(false)) {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn report(figures: &[Figure]) -> String {
    let report = json!({
        "profile": if cfg!(debug_assertions) { "dev" } else { "release" },
        "cores": std::thread::available_parallelism().map_or(1, usize::from),
        "figures": figures,
    });
    serde_json::to_string_pretty(&report).expect("JSON")
}
