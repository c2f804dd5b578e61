//! `caucus man`: writes manual pages.

use std::fs;
use std::path::PathBuf;

use clap::{Args, CommandFactory};

use super::command::Cli;
use super::failure::Failure;
use super::session::Session;
use super::{ending, time};
use crate::app::Answer;

/// Write manual pages into a folder
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus man ~/.local/share/man/man1\n  man caucus-say")]
pub(super) struct Man {
    /// The folder, which is made where it is missing; pages of the same names are replaced
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

impl Man {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let shown = self.folder.display().to_string();
        let cannot = |error: std::io::Error| {
            Failure::bad_input(
                format!("the pages cannot be written to {shown}: {error}"),
                "give a folder that you may write to",
            )
        };
        fs::create_dir_all(&self.folder).map_err(cannot)?;
        clap_mangen::generate_to(Cli::command(), &self.folder).map_err(cannot)?;
        let mut pages = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(cannot)?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with("caucus") && !name.starts_with("caucus-relay.") && name.ends_with(".1") {
                pages.push(name);
            }
        }
        pages.sort();
        let count = pages.len() as u64;
        let answer = Answer::Manual { pages };
        ending::show(session, answer, |session, _| {
            session
                .console
                .say(&format!("{} in {shown}", time::count_of(count, "page")))
        })
    }
}
