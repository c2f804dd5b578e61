//! `caucus-relay`: a QUIC server of channels.

mod cli;

use std::alloc::System;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use zeroizing_alloc::ZeroAlloc;

use crate::cli::Cli;

/// What was freed is overwritten: the addresses of clients who have gone must not lie about in memory.
#[global_allocator]
static HEAP: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    let cli = Cli::parse();
    log();
    match cli::act(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let text = if cli.json {
                failure.json().to_string()
            } else {
                failure.text()
            };
            // With standard error gone, the exit code still tells.
            let _ = writeln!(io::stderr(), "{text}");
            ExitCode::from(failure.code)
        }
    }
}

/// Only our own words, which are totals and the relay's own life: libraries would name addresses. No times:
/// whoever keeps the log has their own.
fn log() {
    let ours = Targets::new().with_target("caucus_server", LevelFilter::INFO);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(false)
        .with_target(false)
        .without_time();
    tracing_subscriber::registry().with(ours).with(lines).init();
}
