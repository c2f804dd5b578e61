//! `caucus unlock`: opens the vault.

use clap::Args;

use super::ending;
use super::failure::Failure;
use super::session::Session;
use crate::app::{Answer, Code, Intent, Problem, VaultWord};

/// Open the vault with your passphrase
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus unlock\n  caucus unlock --passphrase-file FILE")]
pub(super) struct Unlock {}

impl Unlock {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        if let Answer::Agent { vault, .. } = session.ask_as_it_is(&Intent::Hello {})? {
            match vault {
                VaultWord::None => {
                    return Err(Failure::Problem(Problem::new(
                        Code::NoVault,
                        format!("there is no vault in {}", session.home.folder().display()),
                        "make one with `caucus init`",
                    )));
                }
                VaultWord::Open if !session.source.is_given() => {
                    return ending::done(session, Answer::Done {}, "It is open already.");
                }
                VaultWord::Open | VaultWord::Locked => {}
            }
        }
        session.unlock()?;
        ending::done(session, Answer::Done {}, "Unlocked.")
    }
}
