//! `caucus demote`: takes somebody back a stage.

use clap::Args;

use super::ending;
use super::failure::Failure;
use super::session::Session;
use crate::app::Intent;

/// Take somebody back into the stage before
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus demote North ben --reason \"Away for a year\"")]
pub(super) struct Demote {
    /// In which body
    body: String,
    /// Whom
    name: String,
    /// Why; the body sees it
    #[arg(long, default_value = "", value_name = "TEXT")]
    reason: String,
}

impl Demote {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let intent = Intent::Demote {
            body: self.body.clone(),
            name: self.name,
            reason: self.reason,
        };
        let answer = session.ask_in(&self.body, &intent)?;
        ending::done(session, answer, "Set back.")
    }
}
