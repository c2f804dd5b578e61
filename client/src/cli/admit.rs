//! `caucus admit`: lets people in.

use clap::Args;

use super::ending;
use super::failure::Failure;
use super::session::Session;
use crate::app::{Answer, Code, DecidedView, Intent};

/// Let in who asks
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus admit 1 2\n  caucus admit --all")]
pub(super) struct Admit {
    /// Numbers, as `caucus requests` shows them
    #[arg(required_unless_present = "all", value_name = "N")]
    numbers: Vec<u64>,
    /// Everybody who waits
    #[arg(long, conflicts_with = "numbers")]
    all: bool,
}

impl Admit {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let answer = session.ask(&Intent::Admit {
            numbers: self.numbers,
            all: self.all,
        })?;
        decided(session, answer, "admitted")
    }
}

/// Shows what became of each; what only waits gives the exit code of that.
pub(super) fn decided(session: &mut Session, answer: Answer, word: &str) -> Result<u8, Failure> {
    let waits = match &answer {
        Answer::Decided { decided } => decided.iter().any(|one| one.position.is_none()),
        _ => false,
    };
    let exit = ending::show(session, answer, |session, answer| {
        let Answer::Decided { decided } = answer else {
            return Err(Session::unexpected(&answer));
        };
        if decided.is_empty() {
            return session.console.say("Nobody waits.");
        }
        for DecidedView { name, position, .. } in decided {
            session.console.say(&match position {
                Some(position) => format!("{name}: {word}, stored at {position}"),
                None => format!("{name}: queued, it will be sent when the relay is there"),
            })?;
        }
        Ok(())
    })?;
    Ok(if waits { Code::Queued.exit() } else { exit })
}
