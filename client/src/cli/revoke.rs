//! `caucus revoke`: ends an invite.

use clap::Args;

use super::ending;
use super::failure::Failure;
use super::session::Session;
use crate::app::Intent;

/// End an invite: nobody may ask to join by it any more
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus revoke North 2")]
pub(super) struct Revoke {
    /// Of which body
    body: String,
    /// Its number, as `caucus invites` shows it
    number: u32,
}

impl Revoke {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let intent = Intent::Revoke {
            body: self.body.clone(),
            number: self.number,
        };
        let answer = session.ask_in(&self.body, &intent)?;
        ending::done(session, answer, &format!("Invite {} has ended.", self.number))
    }
}
