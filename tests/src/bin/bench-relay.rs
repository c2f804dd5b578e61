//! `cargo bench-relay`: what the relay costs, as a ratio to the floor (`docs/bench.md`). Ends with 1 if a row does
//! not reach what it should.

use std::path::PathBuf;
use std::process::ExitCode;

use caucus_tests::bench::{Plan, Work, run, serve_floor, serve_raw};
use caucus_tests::process::binaries;
use clap::{Parser, Subcommand};

/// What the relay costs, as a ratio to the least relay one can write.
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Cli {
    /// Fewer works, shorter: within three minutes.
    #[arg(long)]
    quick: bool,
    /// Measures only this; may be given several times.
    #[arg(long, value_enum)]
    only: Vec<Work>,
    /// How often each side is measured.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100))]
    runs: u16,
    #[command(subcommand)]
    floor: Option<Floor>,
}

#[derive(Subcommand)]
enum Floor {
    /// Runs the floor itself, as this bench does.
    Floor {
        /// Its folder.
        #[arg(long)]
        data: PathBuf,
        /// UDP port on the loopback.
        #[arg(long, default_value_t = 0)]
        port: u16,
    },
    /// Runs raw streams, as this bench does.
    Raw,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.floor {
        Some(Floor::Floor { data, port }) => {
            serve_floor(&data, port);
            return ExitCode::SUCCESS;
        }
        Some(Floor::Raw) => {
            serve_raw();
            return ExitCode::SUCCESS;
        }
        None => {}
    }
    let target = binaries()
        .parent()
        .expect("the folder of all profiles")
        .to_path_buf();
    let plan = Plan {
        quick: cli.quick,
        only: cli.only,
        runs: usize::from(cli.runs),
    };
    let (table, reached) = run(&plan, &target);
    if cfg!(debug_assertions) {
        println!("A development build: only the ratios say something, and little.\n");
    }
    println!("{table}");
    if reached {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
