//! `caucus promote`: takes somebody into the next stage.

use clap::Args;

use super::ending;
use super::failure::Failure;
use super::session::Session;
use crate::app::Intent;

/// Take somebody into the next stage, where the charter's rule is met
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus promote North ben")]
pub(super) struct Promote {
    /// In which body
    body: String,
    /// Whom
    name: String,
}

impl Promote {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let intent = Intent::Promote {
            body: self.body.clone(),
            name: self.name,
        };
        let answer = session.ask_in(&self.body, &intent)?;
        ending::done(session, answer, "Promoted.")
    }
}
