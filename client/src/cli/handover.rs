//! `caucus handover`: hands an office to the next in line.

use clap::Args;

use super::ending;
use super::failure::Failure;
use super::session::Session;
use crate::app::Intent;

/// Hand an office to the next in line: your own, or one whose time is over
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus handover North caretaker")]
pub(super) struct Handover {
    /// In which body
    body: String,
    /// Which, in the body's words
    office: String,
    /// Whose; yours or the one whose time is over, if none is given
    #[arg(long, value_name = "NAME")]
    of: Option<String>,
}

impl Handover {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let intent = Intent::HandOver {
            body: self.body.clone(),
            office: self.office,
            name: self.of,
        };
        let answer = session.ask_in(&self.body, &intent)?;
        ending::done(session, answer, "Handed over; `caucus people` shows to whom.")
    }
}
