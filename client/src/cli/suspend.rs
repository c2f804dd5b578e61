//! `caucus suspend`: begins a review of somebody's conduct.

use clap::Args;

use super::ending;
use super::failure::Failure;
use super::session::Session;
use crate::app::Intent;

/// Begin a review of somebody's conduct: no office, no vouch, no promotion until it ends
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus suspend North ben --reason \"Complaint of 3 May\"")]
pub(super) struct Suspend {
    /// In which body
    body: String,
    /// Whose
    name: String,
    /// Why; the body sees it
    #[arg(long, default_value = "", value_name = "TEXT")]
    reason: String,
}

impl Suspend {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let intent = Intent::Suspend {
            body: self.body.clone(),
            name: self.name,
            reason: self.reason,
        };
        let answer = session.ask_in(&self.body, &intent)?;
        ending::done(
            session,
            answer,
            "Suspended; it ends by itself, or with `caucus lift`.",
        )
    }
}
