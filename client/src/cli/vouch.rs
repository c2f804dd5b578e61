//! `caucus vouch`: gives one's word for somebody.

use clap::Args;

use super::ending;
use super::failure::Failure;
use super::session::Session;
use crate::app::Intent;

/// Give your word for somebody who asks to join, or for their next stage
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus vouch North ben")]
pub(super) struct Vouch {
    /// In which body
    body: String,
    /// For whom
    name: String,
}

impl Vouch {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let intent = Intent::Vouch {
            body: self.body.clone(),
            name: self.name,
        };
        let answer = session.ask_in(&self.body, &intent)?;
        ending::done(session, answer, "Your word is given.")
    }
}
