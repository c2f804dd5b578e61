//! `caucus doctor`: finds and explains what is wrong on this machine. It starts no agent and opens no vault
//! unless a passphrase is given; it changes nothing.

mod agent;
mod home;
mod machine;
mod network;

use clap::Args;

use super::console::{Look, Piece, dim, plain, warn};
use super::failure::Failure;
use super::session::Session;
use super::table::Table;
use super::time;
use crate::app::{Answer, Check, Verdict};

/// Exit code where something is worth knowing.
const WARNING: u8 = 17;

/// Exit code where something is broken.
const BROKEN: u8 = 18;

/// Find and explain what is wrong on this machine
///
/// It looks at the home folder, the agent, the vault, disk, clock, relays, and how memory is kept from the disk,
/// and changes nothing. With an open vault, or a passphrase from a file, it also tries your relays. It ends with
/// 0 if all is well, 17 with warnings, 18 if something is broken.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus doctor\n  caucus doctor --json")]
pub(super) struct Doctor {}

impl Doctor {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let mut checks = Vec::new();
        home::look(&session.home, &mut checks);
        let seen = agent::look(session, &mut checks);
        // Before the vault is looked at, which may write to its file.
        machine::clock(session, seen.status.as_ref(), &mut checks);
        home::vault(&session.home, seen.vault, &mut checks);
        machine::space(&session.home, &mut checks);
        network::look(session, seen.status.as_ref(), &mut checks);
        machine::memory(seen.status.as_ref(), &mut checks);
        machine::umask(&mut checks);
        let worst = checks.iter().map(|check| check.verdict).max();
        if session.console.json {
            session.console.answer(&Answer::Examined { checks })?;
        } else {
            tell(session, checks)?;
        }
        Ok(match worst {
            None | Some(Verdict::Ok) => 0,
            Some(Verdict::Warning) => WARNING,
            Some(Verdict::Broken) => BROKEN,
        })
    }
}

fn tell(session: &mut Session, checks: Vec<Check>) -> Result<(), Failure> {
    let count = |verdict| checks.iter().filter(|check| check.verdict == verdict).count() as u64;
    let (warnings, broken) = (count(Verdict::Warning), count(Verdict::Broken));
    let mut table = Table::default();
    for check in checks {
        table.row([
            match check.verdict {
                Verdict::Ok => dim("ok"),
                Verdict::Warning => warn("warning"),
                Verdict::Broken => Piece(Look::Warn, "BROKEN".into()),
            },
            dim(check.what),
            plain(check.found),
        ]);
        if let Some(next) = check.next {
            table.row([plain(""), plain(""), plain(format!("next: {next}"))]);
        }
    }
    let console = &mut session.console;
    table.print(console, 0)?;
    console.say("")?;
    console.say(&match (warnings, broken) {
        (0, 0) => "All is as it should be.".to_owned(),
        (_, 0) => format!("{}, nothing broken.", time::count_of(warnings, "warning")),
        (0, _) => format!("{broken} broken."),
        (..) => format!("{broken} broken, {}.", time::count_of(warnings, "warning")),
    })
}

fn ok(what: &str, found: impl Into<String>) -> Check {
    Check {
        what: what.to_owned(),
        verdict: Verdict::Ok,
        found: found.into(),
        next: None,
    }
}

fn warning(what: &str, found: impl Into<String>, next: impl Into<String>) -> Check {
    Check {
        verdict: Verdict::Warning,
        next: Some(next.into()),
        ..ok(what, found)
    }
}

fn broken(what: &str, found: impl Into<String>, next: impl Into<String>) -> Check {
    Check {
        verdict: Verdict::Broken,
        next: Some(next.into()),
        ..ok(what, found)
    }
}
