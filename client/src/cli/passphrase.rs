//! `caucus passphrase`: changes the passphrase.

use std::path::PathBuf;

use clap::Args;

use super::failure::Failure;
use super::session::Session;
use super::{ending, secret};
use crate::app::Intent;

/// Change the passphrase of your vault
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  caucus passphrase\n  caucus passphrase --passphrase-file OLD --new-passphrase-file NEW"
)]
pub(super) struct Passphrase {
    /// Read the new passphrase from this file; one newline at its end does not count
    #[arg(long, value_name = "FILE")]
    new_passphrase_file: Option<PathBuf>,
}

impl Passphrase {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let old = session
            .source
            .known(&mut session.console, "The passphrase it has: ")?;
        let new = match &self.new_passphrase_file {
            Some(path) => secret::from_file(path)?,
            None => secret::asked_twice(&mut session.console)?,
        };
        // Whoever knows the old one may open the vault; if it is wrong, this says so.
        session.ask_as_it_is(&Intent::Unlock {
            passphrase: old.clone(),
        })?;
        let answer = session.ask_as_it_is(&Intent::Passphrase { old, new })?;
        ending::done(
            session,
            answer,
            "The passphrase is changed; the old one opens nothing any more.",
        )
    }
}
