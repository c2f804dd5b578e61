//! `caucus remove`: removes somebody.

use clap::Args;

use super::ending;
use super::failure::Failure;
use super::session::Session;
use crate::app::{Answer, Intent};

/// Remove somebody from every room of a body: the keys turn, and they read nothing that is said later
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus remove North ben --reason \"Lost phone\"")]
pub(super) struct Remove {
    /// From which body
    body: String,
    /// Whom
    name: String,
    /// Why; the body sees it
    #[arg(long, default_value = "", value_name = "TEXT")]
    reason: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Remove {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let question = format!("Remove {} from {}?", self.name, self.body);
        sure(session, self.yes, &question)?;
        let intent = Intent::Remove {
            body: self.body.clone(),
            name: self.name,
            reason: self.reason,
        };
        let answer = session.ask_in(&self.body, &intent)?;
        ending::show(session, answer, |session, answer| match answer {
            Answer::Removed {
                name,
                position,
                cut,
                rooms,
            } => {
                session.console.say(&match (position, cut) {
                    (Some(_), true) => format!("{name} is removed and reads nothing from here on."),
                    (Some(_), false) => {
                        format!("{name} is removed; access not yet cut: `caucus people` shows when it is.")
                    }
                    (None, _) => "queued: it will be sent when the relay is there".to_owned(),
                })?;
                for room in rooms.iter().filter(|_| rooms.len() > 1) {
                    let how = match (room.out, room.cut) {
                        (_, true) => "out, and the keys have turned",
                        (true, false) => "out, access not yet cut",
                        (false, false) => "not yet out",
                    };
                    session.console.say(&format!("  {}: {how}", room.room))?;
                }
                Ok(())
            }
            other => Err(Session::unexpected(&other)),
        })
    }
}

/// Asks whether it is meant; without a terminal only `--yes` says so.
pub(super) fn sure(session: &mut Session, yes: bool, question: &str) -> Result<(), Failure> {
    if yes || session.console.confirm(question) {
        return Ok(());
    }
    Err(Failure::usage(
        "nothing was done: it was not confirmed",
        "answer y on a terminal, or give --yes",
    ))
}
