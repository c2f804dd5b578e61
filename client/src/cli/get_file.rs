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
    after_help = "Example:\n  caucus get-file North 41\n  caucus get-file North 41 --to ~/Documents/minutes.pdf\n  caucus get-file North 3 --of \"City Committee\"\n  caucus get-file City 3 --of North --report"
)]
pub(super) struct GetFile {
    /// Where: BODY or BODY/ROOM
    room: String,
    /// Its number, as `caucus files` shows it; with --of that of the announcement, or of the directive
    number: u64,
    /// It goes with what this body announced, whoever forwarded it; with --report, with what it reported to yours
    #[arg(long, value_name = "BODY")]
    of: Option<String>,
    /// It goes with the report of that body on a directive of yours
    #[arg(long, requires = "of")]
    report: bool,
    /// Which of the files of an announcement or a report
    #[arg(long, value_name = "K", default_value_t = 1, requires = "of")]
    nth: usize,
    /// Into which folder, or under which name
    #[arg(long, value_name = "PATH", default_value = ".", hide_default_value = true)]
    to: PathBuf,
    /// Replace the file if there is one of that name
    #[arg(long)]
    force: bool,
}

impl GetFile {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let (to, force) = (whole_of(&self.to, "a file")?, self.force);
        let intent = match self.of {
            Some(from) => {
                let (body, place) = (self.room.clone(), self.nth);
                let number = u32::try_from(self.number).unwrap_or(u32::MAX);
                if self.report {
                    Intent::GetReported {
                        body,
                        from,
                        number,
                        place,
                        to,
                        force,
                    }
                } else {
                    Intent::GetAnnounced {
                        body,
                        from,
                        number,
                        place,
                        to,
                        force,
                    }
                }
            }
            None => Intent::GetFile {
                room: self.room.clone(),
                number: self.number,
                to,
                force,
            },
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
