//! `cargo model`: plays the organization machine against an independent interpreter (`docs/organization.md`). Ends with 1 if they
//! differ anywhere.

use std::process::ExitCode;

use caucus_tests::machine::{Plan, play, play_rooms};
use clap::Parser;

/// The organization machine against a slow, obvious interpreter.
#[derive(Parser)]
struct Cli {
    /// So many entries, in histories of up to 400; a quarter of them between two rooms of a body.
    #[arg(long, default_value_t = 200_000)]
    acts: u64,
    /// The seed of the first history; each of the others has one more.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// So many machines.
    #[arg(long, default_value_t = 4)]
    replicas: usize,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let replicas = cli.replicas.max(1);
    let rooms = cli.acts / 4;
    let plan = |acts| Plan {
        acts,
        seed: cli.seed,
        replicas,
    };
    let mut account = play(plan(cli.acts - rooms));
    account.add(play_rooms(plan(rooms)));
    for (what, count) in &account.seen {
        println!("{count:>9} {what}");
    }
    for difference in &account.differences {
        println!("{difference}");
    }
    println!(
        "{} acts, {replicas} replicas, {} differences",
        account.acts,
        account.differences.len()
    );
    if account.differences.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
