//! `caucus export`: writes decisions, a roster or minutes, signed, for people without this program.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use data_encoding::BASE64;

use super::console::{bold, plain};
use super::ending;
use super::failure::Failure;
use super::session::Session;
use super::time;
use crate::app::{Answer, ExportWord, Intent};

/// Write decisions, a roster or minutes as Markdown and CSV, signed: anybody checks it without Caucus
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus export decisions North --to for-the-bank")]
pub(super) struct Export {
    /// What
    #[arg(value_enum)]
    what: What,
    /// Of which body
    body: String,
    /// Into which folder; it is made if it is not there
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    to: PathBuf,
    /// A roster as of this day: 2026-11-24
    #[arg(long, value_name = "DATE", value_parser = time::end_of_day)]
    at: Option<u64>,
    /// Write over files that are there
    #[arg(long)]
    force: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
    /// What was decided
    Decisions,
    /// Minutes that were adopted
    Minutes,
    /// Who is in the body
    Roster,
}

impl Export {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let intent = Intent::Export {
            body: self.body.clone(),
            what: match self.what {
                What::Decisions => ExportWord::Decisions,
                What::Minutes => ExportWord::Minutes,
                What::Roster => ExportWord::Roster,
            },
            at: self.at,
        };
        let answer = session.ask_in(&self.body, &intent)?;
        if let Answer::Exported { files, .. } = &answer {
            let refused = |what: String| {
                Failure::bad_input(
                    what,
                    "name another folder with --to, or give --force to write over what is there",
                )
            };
            std::fs::create_dir_all(&self.to)
                .map_err(|error| refused(format!("{} cannot be made: {error}", self.to.display())))?;
            for file in files {
                let path = self.to.join(&file.name);
                // The key is the same in every export of one person.
                let over = self.force || file.name == "signer.pem";
                let content = BASE64.decode(file.content.as_bytes()).unwrap_or_default();
                OpenOptions::new()
                    .write(true)
                    .create(true)
                    .truncate(true)
                    .create_new(!over)
                    .mode(0o600)
                    .open(&path)
                    .and_then(|mut file| file.write_all(&content))
                    .map_err(|error| refused(format!("{} cannot be written: {error}", path.display())))?;
            }
        }
        ending::show(session, answer, |session, answer| {
            let Answer::Exported { files, .. } = answer else {
                return Err(Session::unexpected(&answer));
            };
            for file in &files {
                let path = self.to.join(&file.name);
                session
                    .console
                    .line([plain("written: "), bold(path.display().to_string())])?;
            }
            session.console.flush()?;
            let first = files.iter().find(|file| file.name.ends_with(".md"));
            if let Some(first) = first {
                let path = self.to.join(&first.name);
                session.console.remark(&format!(
                    "  next: `caucus verify-export {}` checks it; the file says how others do without Caucus",
                    path.display()
                ));
            }
            Ok(())
        })
    }
}
