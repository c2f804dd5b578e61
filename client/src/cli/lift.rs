//! `caucus lift`: ends a review of somebody's conduct.

use clap::Args;

use super::ending;
use super::failure::Failure;
use super::session::Session;
use crate::app::Intent;

/// End a review before its time
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus lift North ben")]
pub(super) struct Lift {
    /// In which body
    body: String,
    /// Whose
    name: String,
}

impl Lift {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let intent = Intent::Lift {
            body: self.body.clone(),
            name: self.name,
        };
        let answer = session.ask_in(&self.body, &intent)?;
        ending::done(session, answer, "The review has ended.")
    }
}
