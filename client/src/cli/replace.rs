//! `caucus replace`: puts whoever lost everything back into their place.

use clap::Args;

use super::ending;
use super::failure::Failure;
use super::recognize;
use super::remove;
use super::session::Session;
use crate::app::Intent;

/// Put somebody who lost everything back into their place: the same person, with office and voice, on a new device
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus replace 3")]
pub(super) struct Replace {
    /// The request's number, as `caucus requests` shows it
    number: u64,
    /// Do not ask whether you are sure
    #[arg(long)]
    yes: bool,
}

impl Replace {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        if !self.yes {
            let request = recognize::returning(session, self.number)?;
            let claims = request.claims.unwrap_or_default();
            let question = format!(
                "Put \"{}\" in the place of {claims}? Their old device is shut out for good.",
                request.name
            );
            remove::sure(session, false, &question)?;
        }
        let intent = Intent::Replace { number: self.number };
        let answer = session.ask(&intent)?;
        ending::done(session, answer, "They come back; their old device is shut out.")
    }
}
