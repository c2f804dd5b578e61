//! `caucus files`: the files of a room.

use clap::Args;

use super::console::{bold, dim, plain};
use super::ending;
use super::failure::Failure;
use super::session::Session;
use super::table::Table;
use super::{plain as harmless, time};
use crate::app::{Answer, Intent, file_size};

/// Show the files of a room, and until when each can be fetched
///
/// A file's number is that of its message in `caucus read`. Times are UTC.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus files North")]
pub(super) struct Files {
    /// Where: BODY or BODY/ROOM
    room: String,
}

impl Files {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let answer = session.ask_in(
            &self.room,
            &Intent::Files {
                room: self.room.clone(),
            },
        )?;
        let now = session.now;
        ending::show(session, answer, |session, answer| {
            let Answer::Files { room, files } = answer else {
                return Err(Session::unexpected(&answer));
            };
            let console = &mut session.console;
            if files.is_empty() {
                console.remark("No files were sent.");
                return Ok(());
            }
            let mut table = Table::with_head(["", "name", "size", "from", "sent", "until"]);
            for file in &files {
                let sent = file
                    .time
                    .map_or_else(|| "-".to_owned(), |time| time::clock(time, now));
                let until = if file.expires <= now {
                    dim("gone")
                } else {
                    plain(time::clock(file.expires, now))
                };
                table.row([
                    plain(file.number.to_string()),
                    bold(file.name.clone()),
                    plain(file_size(file.size)),
                    plain(file.by.clone().unwrap_or_else(|| "somebody".to_owned())),
                    plain(sent),
                    until,
                ]);
            }
            table.print(console, 0)?;
            console.flush()?;
            if let Some(file) = files.iter().rfind(|file| file.expires > now) {
                console.remark(&format!(
                    "  next: `caucus get-file {} {}`",
                    harmless::word(&room),
                    file.number
                ));
            }
            Ok(())
        })
    }
}
