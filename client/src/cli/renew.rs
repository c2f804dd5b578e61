//! `caucus renew`: the word that a doubtful request to be renewed needs.

use clap::Args;

use super::ending;
use super::failure::Failure;
use super::remove;
use super::session::Session;
use super::verify;
use crate::app::{Answer, Intent};

/// Let somebody's device back in that asks to be renewed although they spoke since: compare codes with them first
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus renew North ben")]
pub(super) struct Renew {
    /// In which body
    body: String,
    /// Whom
    name: String,
    /// The codes were compared and are the same, and they say that they ask: do it without asking
    #[arg(long)]
    yes: bool,
}

impl Renew {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        if !self.yes {
            let Answer::Code { name, code, .. } = verify::ask(session, &self.body, &self.name, false)? else {
                return Err(Session::unexpected(&Answer::Done {}));
            };
            verify::show_code(session, &name, &code)?;
            let question = format!("Does {name} read out the same code, and ask to be let back in?");
            remove::sure(session, false, &question)?;
        }
        let intent = Intent::Renew {
            body: self.body.clone(),
            name: self.name.clone(),
        };
        let answer = session.ask_in(&self.body, &intent)?;
        ending::done(session, answer, "Their device is let back in.")
    }
}
