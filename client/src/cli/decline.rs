//! `caucus decline`: turns requests down.

use clap::Args;

use super::admit::decided;
use super::failure::Failure;
use super::session::Session;
use crate::app::Intent;

/// Turn down who asks
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus decline 2 --reason \"We do not know you yet\"")]
pub(super) struct Decline {
    /// Numbers, as `caucus requests` shows them
    #[arg(required = true, value_name = "N")]
    numbers: Vec<u64>,
    /// Why; they and the body see it
    #[arg(long, default_value = "", value_name = "TEXT")]
    reason: String,
}

impl Decline {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let answer = session.ask(&Intent::Decline {
            numbers: self.numbers,
            reason: self.reason,
        })?;
        decided(session, answer, "declined")
    }
}
