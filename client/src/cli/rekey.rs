//! `caucus rekey`: another key for one's persona in a body.

use clap::Args;

use super::ending;
use super::failure::Failure;
use super::session::Session;
use crate::app::Intent;

/// Change the key of your persona in a body, if somebody may have got hold of it; codes are compared anew afterwards
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus rekey North")]
pub(super) struct Rekey {
    /// In which body
    body: String,
}

impl Rekey {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let intent = Intent::Rekey {
            body: self.body.clone(),
        };
        let answer = session.ask_in(&self.body, &intent)?;
        ending::done(session, answer, "Your key is another one: compare codes anew.")
    }
}
