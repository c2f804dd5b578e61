//! `caucus leave`: leaves a body.

use clap::Args;

use super::failure::Failure;
use super::session::Session;
use super::{ending, remove};
use crate::app::Intent;

/// Leave a body: what you said stays, and you read nothing that is said later
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus leave North")]
pub(super) struct Leave {
    /// Which body
    body: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Leave {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        remove::sure(session, self.yes, &format!("Leave {}?", self.body))?;
        let intent = Intent::Leave {
            body: self.body.clone(),
        };
        let answer = session.ask_in(&self.body, &intent)?;
        ending::done(session, answer, "You have left; the next who may turns the keys.")
    }
}
