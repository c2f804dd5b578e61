//! `caucus init`: makes the vault.

use clap::Args;

use super::ending;
use super::failure::Failure;
use super::session::Session;
use crate::app::{Answer, Code, Intent, Problem, VaultWord};

/// Make your vault, the encrypted store of everything Caucus keeps on this device
///
/// Nobody can open it without the passphrase, and nobody can restore a passphrase that is lost.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus init\n  caucus init --passphrase-file FILE")]
pub(super) struct Init {}

impl Init {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        // Nobody should choose a passphrase for a vault that cannot be made.
        if let Answer::Agent { vault, .. } = session.ask_as_it_is(&Intent::Hello {})?
            && vault != VaultWord::None
        {
            return Err(Failure::Problem(Problem::new(
                Code::VaultExists,
                format!("there is a vault already in {}", session.home.folder().display()),
                "use it (`caucus status`), or choose another folder with --home",
            )));
        }
        let answer = make(session)?;
        let folder = session.home.folder().display().to_string();
        ending::show(session, answer, |session, _| {
            session.console.say(&format!("Your vault is in {folder}"))?;
            session
                .console
                .remark("Keep the passphrase well: nobody can restore it.");
            session.console.remark(
                "  next: `caucus relay add ADDRESS` to found a body, or `caucus join` with an invite link",
            );
            Ok(())
        })
    }
}

/// Makes the vault with a chosen passphrase.
pub(super) fn make(session: &mut Session) -> Result<Answer, Failure> {
    let passphrase = session.source.chosen(&mut session.console)?;
    session.ask_as_it_is(&Intent::Init { passphrase })
}
