//! `caucus restore`: a backup becomes the vault of a home that has none.

use std::path::PathBuf;

use clap::Args;

use super::failure::Failure;
use super::session::Session;
use super::{backup, ending};
use crate::app::{Answer, Code, Intent, Problem, VaultWord};

/// How often a person may mistype the passphrase.
const TRIES: usize = 3;

/// Put a backup in place, where there is no vault
///
/// The backup is looked through as a whole before it becomes the vault; nothing happens with a wrong
/// passphrase. It is an older state of yours: your rooms went on without it, and heal by themselves when you
/// unlock it.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus restore /media/stick/caucus.backup")]
pub(super) struct Restore {
    /// The file that `caucus backup` wrote
    file: PathBuf,
}

impl Restore {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let file = backup::whole(&self.file)?;
        if let Err(error) = std::fs::metadata(&self.file) {
            return Err(Failure::bad_input(
                format!("{file} cannot be read: {error}"),
                "give the file that `caucus backup` wrote",
            ));
        }
        // Nobody should type a passphrase for a backup that cannot be put in place.
        if let Answer::Agent { vault, .. } = session.ask_as_it_is(&Intent::Hello {})?
            && vault != VaultWord::None
        {
            return Err(Failure::Problem(Problem::new(
                Code::VaultExists,
                format!(
                    "there is a vault in {} already: it is left as it is",
                    session.home.folder().display()
                ),
                "restore into another home (--home DIR). If this one is to go: `caucus backup` puts it away, `caucus destroy` removes it for good",
            )));
        }
        let answer = asked(session, &file)?;
        let exit = ending::done(session, answer, "The backup is your vault now; it is locked.")?;
        session.console.flush()?;
        for line in [
            "  It is an older state of yours: your rooms went on without it. Each heals by itself when you open the",
            "  vault and somebody of the room is online; what was said meanwhile may be missing here.",
            "  next: `caucus unlock`",
        ] {
            session.console.remark(line);
        }
        Ok(exit)
    }
}

fn asked(session: &mut Session, file: &str) -> Result<Answer, Failure> {
    let mut left = if session.source.is_given() { 1 } else { TRIES };
    loop {
        let passphrase = session
            .source
            .known(&mut session.console, "Passphrase of the backup: ")?;
        left -= 1;
        let file = file.to_owned();
        match session.ask_as_it_is(&Intent::Restore { file, passphrase }) {
            Err(Failure::Problem(problem)) if problem.code == Code::WrongPassphrase && left > 0 => {
                session.console.remark("That is not it.");
            }
            other => return other,
        }
    }
}
