//! `caucus agent`: runs the agent here, or ends the one that runs.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::ending;
use super::failure::Failure;
use super::session::Session;
use crate::agent;
use crate::app::{Answer, App, Code, Cost, Intent, Problem, Sockets};
use crate::clock::SystemClock;

/// How long what is under way may take to end.
const LAST: Duration = Duration::from_secs(2);

/// How long an agent that is well may take to end.
const ENDING: Duration = Duration::from_secs(10);

/// Run the agent in this terminal, or end the one that runs; other commands start it by themselves
///
/// It holds the open vault and the connections. Programs may talk to it: docs/agent.md tells how.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus agent\n  caucus agent --stop")]
pub(super) struct Agent {
    /// End the agent that runs; the vault is locked then
    #[arg(long)]
    stop: bool,
}

impl Agent {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        if self.stop {
            let words = match agent::Call::connect(&session.home)? {
                Some(call) => {
                    let pid = agent::process_of(&session.home);
                    let mut call = call.with_patience(ENDING);
                    call.ask(&Intent::Stop {})
                        .and_then(|_| call.until_it_ends())
                        .map_err(|problem| hangs(problem, pid))?;
                    "The agent has ended."
                }
                None => "No agent runs.",
            };
            return ending::done(session, Answer::Done {}, words);
        }
        let failed = |error: std::io::Error| {
            Failure::Problem(Problem::new(
                Code::Agent,
                format!("the agent cannot start: {error}"),
                "look at the system's limits and try again",
            ))
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(failed)?;
        let sockets = if session.private_relays {
            Sockets::anywhere()
        } else {
            Sockets::default()
        };
        let ended = runtime.block_on(async {
            let app = App::with_bell(
                session.home.folder().to_path_buf(),
                Arc::new(SystemClock),
                Cost::standard(),
                sockets,
                agent::bell(),
            );
            let agent = agent::Agent::bind(session.home.clone(), app).map_err(Problem::from)?;
            let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
            let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
            let mut hangup = signal(SignalKind::hangup()).map_err(failed)?;
            session.console.remark(&format!(
                "The agent runs for {} (process {}); Ctrl-C ends it.",
                session.home.folder().display(),
                std::process::id()
            ));
            agent
                .run(async move {
                    tokio::select! {
                        _ = interrupt.recv() => {}
                        _ = terminate.recv() => {}
                        _ = hangup.recv() => {}
                    }
                })
                .await;
            Ok(0)
        });
        runtime.shutdown_timeout(LAST);
        ended
    }
}

/// What to do about an agent that does not end.
fn hangs(problem: Problem, pid: Option<u32>) -> Problem {
    match pid {
        Some(pid) => Problem {
            next: Some(format!(
                "end it by force: kill -9 {pid}; what was acknowledged is kept"
            )),
            ..problem
        },
        None => problem,
    }
}
