//! `caucus backup`: a copy of the vault to put away.

use std::path::PathBuf;

use clap::Args;

use super::ending;
use super::failure::Failure;
use super::session::Session;
use crate::app::Intent;

/// Write an encrypted copy of your vault to a file
///
/// It opens with the passphrase that the vault has now, also after that was changed. What you delete or forget
/// later stays in it: keep few, and destroy old ones.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  caucus backup /media/stick/caucus.backup\n  caucus backup caucus.backup --force"
)]
pub(super) struct Backup {
    /// The file; it is readable for you alone
    file: PathBuf,
    /// Replace the file if there is one of that name
    #[arg(long)]
    force: bool,
}

impl Backup {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let file = whole(&self.file)?;
        let answer = session.ask(&Intent::Backup {
            file: file.clone(),
            force: self.force,
        })?;
        let exit = ending::done(session, answer, &format!("The backup is in {file}"))?;
        session.console.flush()?;
        session
            .console
            .remark("  It opens with the passphrase the vault has now. `caucus restore` puts it back.");
        Ok(exit)
    }
}

/// The whole path of a file, as the agent needs it.
///
/// # Errors
/// `Failure` if it is no text, or there is no current folder.
pub(super) fn whole(file: &std::path::Path) -> Result<String, Failure> {
    whole_of(file, "a backup")
}

/// The same, for anything.
///
/// # Errors
/// As `whole`.
pub(super) fn whole_of(file: &std::path::Path, what: &str) -> Result<String, Failure> {
    let wrong = |why: String| {
        Failure::bad_input(
            format!("{} cannot be the path of {what}: {why}", file.display()),
            "give another path",
        )
    };
    let whole = std::path::absolute(file).map_err(|error| wrong(error.to_string()))?;
    whole
        .into_os_string()
        .into_string()
        .map_err(|_| wrong("it is not UTF-8".to_owned()))
}
