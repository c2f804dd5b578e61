//! `caucus destroy`: one command before the door opens.

use clap::Args;

use super::failure::Failure;
use super::session::Session;
use crate::agent;
use crate::app::{self, Answer};

/// Destroy your vault at once, without its passphrase
///
/// It ends the agent, makes the vault's key unreadable first and the rest after it, and removes the files: as
/// fast as it can, also where the agent hangs or the vault is damaged. Nobody can undo it. What it does not
/// reach: backups, others' copies of what you said, and what a snapshot or a flash disk kept by itself.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus destroy\n  caucus destroy --yes")]
pub(super) struct Destroy {
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Destroy {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let folder = session.home.folder().to_path_buf();
        let shown = folder.display().to_string();
        if !self.yes {
            if !session.console.interactive {
                return Err(Failure::usage(
                    "nothing is destroyed without a yes, and there is no terminal to ask on",
                    "give --yes",
                ));
            }
            let question = format!("Destroy the vault in {shown} for good, with all that is in it?");
            if !session.console.confirm(&question) {
                session.console.say("Nothing was destroyed.")?;
                return Ok(0);
            }
        }
        let ended = agent::end_at_once(&session.home);
        let destroyed = app::destroy(&folder);
        let home = agent::clear(&session.home);
        let vault = destroyed?;
        let answer = Answer::Destroyed {
            vault,
            agent: ended,
            home,
        };
        super::ending::show(session, answer, |session, _| {
            session.console.say(match vault {
                true => "The vault is destroyed.",
                false => "There was no vault.",
            })?;
            if vault {
                session.console.remark(
                    "  Backups of it, where there are any, still open with the passphrase of their time.",
                );
            }
            if !home {
                session.console.remark(&format!(
                    "  Other files lie in {shown}; they are left as they are."
                ));
            }
            Ok(())
        })
    }
}
