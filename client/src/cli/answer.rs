//! `caucus answer`: answers what another body raised.

use clap::Args;

use super::announce::words;
use super::ending;
use super::failure::Failure;
use super::session::Session;
use crate::app::Intent;

/// Answer a motion or a question of another body
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus answer City North 2 \"On the first of December.\"")]
pub(super) struct Answer {
    /// By which of your bodies
    body: String,
    /// To which: what the other body is called, or the number of the link
    to: String,
    /// Number of what it raised, as `caucus raised` shows it
    number: u32,
    /// The answer; - reads it from standard input
    text: String,
}

impl Answer {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let intent = Intent::Reply {
            body: self.body.clone(),
            to: self.to,
            number: self.number,
            text: words(self.text, session)?,
        };
        let answer = session.ask_in(&self.body, &intent)?;
        ending::done(session, answer, "The answer is sent.")
    }
}
