//! The demo: what a person would do in the first quarter of an hour, in one minute.

mod chapter;
mod council;
mod decisions;
mod delegates;
mod kill;
mod meeting;
mod relays;
mod screen;
mod script;

use std::time::Instant;

use screen::Screen;

use crate::process::binaries;

/// Runs the demo and gives its exit code.
pub fn run() -> i32 {
    println!(
        "Caucus: cells, chapters and a committee, from founding to decisions and directives, with real programs on this machine."
    );
    println!("First the two programs are built, which takes minutes the first time.");
    let building = Instant::now();
    binaries();
    println!(
        "Built in {:.0} s. The demo itself takes three minutes.",
        building.elapsed().as_secs_f64()
    );

    let began = Instant::now();
    let mut screen = Screen::default();
    let folder = tempfile::tempdir().expect("a temporary folder");
    script::play(&mut screen, folder.path());
    screen.summary(began.elapsed())
}
