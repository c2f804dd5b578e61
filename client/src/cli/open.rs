//! `caucus open`: opens another room of a body.

use clap::Args;

use super::ending;
use super::failure::Failure;
use super::session::Session;
use crate::app::Intent;

/// Open another room of a body, one that its charter has
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus open North core")]
pub(super) struct Open {
    /// Of which body
    body: String,
    /// Which room
    room: String,
}

impl Open {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let done = format!(
            "Opened. Whoever belongs into it comes in by themselves; talk there with `caucus say \"{}/{}\"`.",
            self.body, self.room
        );
        let intent = Intent::OpenRoom {
            body: self.body.clone(),
            room: self.room,
        };
        let answer = session.ask_in(&self.body, &intent)?;
        ending::done(session, answer, &done)
    }
}
