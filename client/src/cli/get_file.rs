//! `caucus get-file`: fetches a file.

use std::path::PathBuf;

use clap::Args;

use super::backup::whole_of;
use super::console::{bold, plain};
use super::ending;
use super::failure::Failure;
use super::session::Session;
use crate::app::{Answer, Intent, file_size};

/// Fetch a file that somebody sent
///
/// It gets its name when it is whole and verified; until then it is NAME.part beside it. Where it breaks off, or you end
/// it with Ctrl-C, the same command goes on with what is missing. Nothing is opened by itself, and nothing is replaced
/// without --force.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  caucus get-file North 41\n  caucus get-file North 41 --to ~/Documents/minutes.pdf"
)]
pub(super) struct GetFile {
    /// Where: BODY or BODY/ROOM
    room: String,
    /// Its number, as `caucus files` shows it
    number: u64,
    /// Into which folder, or under which name
    #[arg(long, value_name = "PATH", default_value = ".", hide_default_value = true)]
    to: PathBuf,
    /// Replace the file if there is one of that name
    #[arg(long)]
    force: bool,
}

impl GetFile {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let intent = Intent::GetFile {
            room: self.room.clone(),
            number: self.number,
            to: whole_of(&self.to, "a file")?,
            force: self.force,
        };
        let answer = session.ask_in(&self.room, &intent)?;
        ending::show(session, answer, |session, answer| match answer {
            Answer::FileSaved { path, size, .. } => session.console.line([
                plain("written: "),
                bold(path),
                plain(format!(", {}", file_size(size))),
            ]),
            other => Err(Session::unexpected(&other)),
        })
    }
}
