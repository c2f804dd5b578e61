//! The agent: whether one runs, answers, and is of this version.

use std::time::Duration;

use super::super::session::Session;
use super::{broken, ok, warning};
use crate::agent::{Call, process_of};
use crate::app::{Answer, Check, Intent, Status, VaultWord};

/// How long an agent that is well may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// What the agent says.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) vault: Option<VaultWord>,
    pub(super) status: Option<Status>,
}

pub(super) fn look(session: &mut Session, checks: &mut Vec<Check>) -> Seen {
    let mut call = match Call::connect(&session.home) {
        Ok(Some(call)) => call.with_patience(PATIENCE),
        Ok(None) => {
            checks.push(match process_of(&session.home) {
                Some(pid) => broken(
                    "agent",
                    format!("process {pid} is the agent of this home, but listens to nobody"),
                    format!("end it: kill {pid}; what was acknowledged is kept"),
                ),
                None => ok("agent", "none runs; the next command starts it"),
            });
            return Seen::default();
        }
        Err(problem) => {
            checks.push(broken("agent", problem.message, problem.next.unwrap_or_default()));
            return Seen::default();
        }
    };
    let (version, vault, pid) = match call.ask(&Intent::Hello {}) {
        Ok(Answer::Agent { version, vault, pid }) => (version, vault, pid),
        Ok(_) | Err(_) => {
            let pid = process_of(&session.home).map_or_else(|| "PID".to_owned(), |pid| pid.to_string());
            checks.push(broken(
                "agent",
                format!(
                    "process {pid} does not answer within {} seconds",
                    PATIENCE.as_secs()
                ),
                format!("end it: kill {pid}, or kill -9 {pid} if it stays; what was acknowledged is kept"),
            ));
            return Seen::default();
        }
    };
    let ours = env!("CARGO_PKG_VERSION");
    checks.push(if version == ours {
        ok("agent", format!("process {pid}, version {version}, answers"))
    } else {
        warning(
            "agent",
            format!("process {pid} is version {version}, this program {ours}"),
            "end it with `caucus agent --stop`; the next command starts the right one",
        )
    });
    let mut vault = vault;
    if vault == VaultWord::Locked && session.source.is_given() {
        // A wrong passphrase is told, and the rest is looked at all the same.
        match session.unlock() {
            Ok(()) => vault = VaultWord::Open,
            Err(failure) => checks.push(broken(
                "passphrase",
                failure.words(),
                "give the right one, or none",
            )),
        }
    }
    let status = match call.ask(&Intent::Status {}) {
        Ok(Answer::Status(status)) => Some(status),
        Ok(_) | Err(_) => None,
    };
    Seen {
        vault: Some(vault),
        status,
    }
}
