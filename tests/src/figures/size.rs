//! How large it is, and how long it takes to build.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use super::figure::{Figure, Target};
use super::vitals;
use crate::process::binaries;

/// Megabytes, as file managers count them.
const PROGRAM: Target = Target::below(30.0);
const CRATES: Target = Target::below(425.0);
/// Minutes.
const BUILD: Target = Target::below(8.0);

pub(super) fn measure() -> Vec<Figure> {
    let program = |name: &str| {
        let file = fs::metadata(binaries().join(name)).expect("the program");
        file.len() as f64 / 1e6
    };
    let how = "as `cargo build` leaves it, with the symbols stripped by the profile";
    vec![
        Figure::of("caucus", program("caucus"), "MB", how).aim(PROGRAM),
        Figure::of("caucus-relay", program("caucus-relay"), "MB", how),
        crates(),
    ]
}

fn crates() -> Figure {
    let lock = fs::read_to_string(workspace().join("Cargo.lock")).expect("Cargo.lock");
    let count = lock.lines().filter(|line| *line == "[[package]]").count();
    let how = "packages in Cargo.lock, the four of the project and those for other systems included";
    Figure::of("crates", count as f64, "crates", how).aim(CRATES)
}

/// Builds all programs into an empty folder, which goes afterwards.
pub(super) fn clean_build(folder: &Path) -> Vec<Figure> {
    let target = folder.join("build");
    let (start, cpu) = (Instant::now(), vitals::cpu_of_children());
    let built = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--release", "--workspace", "--bins", "--locked"])
        .arg("--target-dir")
        .arg(&target)
        .current_dir(workspace())
        .stdin(Stdio::null())
        .status()
        .expect("cargo");
    let minutes = start.elapsed().as_secs_f64() / 60.0;
    let cpu = (vitals::cpu_of_children() - cpu).as_secs_f64() / 60.0;
    assert!(built.success(), "the workspace does not build");
    // What stays goes with the folder of all.
    let _ = fs::remove_dir_all(&target);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let how = format!(
        "`cargo build --release --workspace --bins` into an empty folder on {cores} cores, crates fetched before"
    );
    let rest = "the same in CPU time, which says more on a machine that has other work";
    vec![
        Figure::of("clean build", minutes, "min", how).aim(BUILD),
        Figure::of("clean build, CPU", cpu, "min", rest),
    ]
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
