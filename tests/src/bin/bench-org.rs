//! `cargo bench-org`: what the organization machine costs (`docs/organization.md`). Writes `target/bench/org.json`; ends with 1 if a
//! figure misses its target.

use std::fs;
use std::process::ExitCode;

use caucus_tests::figures::table;
use caucus_tests::machine::cost;
use caucus_tests::process::binaries;
use serde_json::json;

fn main() -> ExitCode {
    let figures = cost(&|what| eprintln!("{what}"));
    let target = binaries()
        .parent()
        .expect("the folder of all profiles")
        .join("bench");
    fs::create_dir_all(&target).expect("a folder");
    let report = json!({
        "profile": if cfg!(debug_assertions) { "dev" } else { "release" },
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
