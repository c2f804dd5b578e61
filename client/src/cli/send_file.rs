//! `caucus send-file`: sends a file into a room.

use std::path::PathBuf;

use clap::Args;

use super::backup::whole_of;
use super::console::{bold, plain};
use super::ending;
use super::failure::Failure;
use super::session::Session;
use super::{plain as harmless, time};
use crate::app::{Answer, Intent, file_size};

/// Send a file into a room, with a message that names it
///
/// At most 100 MiB. Nobody is told of it before all of it is at the relay. Where it breaks off, or you end it with
/// Ctrl-C, the same command goes on with what is missing.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus send-file North minutes.pdf --text \"The minutes of Sunday\"")]
pub(super) struct SendFile {
    /// Where: BODY or BODY/ROOM
    room: String,
    /// Which file
    file: PathBuf,
    /// What to say with it
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    text: String,
}

impl SendFile {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let intent = Intent::SendFile {
            room: self.room.clone(),
            file: whole_of(&self.file, "a file")?,
            text: self.text,
        };
        let answer = session.ask_in(&self.room, &intent)?;
        ending::show(session, answer, |session, answer| {
            let Answer::FileSent {
                room,
                number,
                name,
                size,
                expires,
            } = answer
            else {
                return Err(Session::unexpected(&answer));
            };
            session.console.line([
                plain(format!("stored at {number}: ")),
                bold(name),
                plain(format!(", {}", file_size(size))),
            ])?;
            session.console.flush()?;
            session.console.remark(&format!(
                "  the others get it with `caucus get-file {} {number}`, until {} UTC",
                harmless::word(&room),
                time::clock(expires, session.now)
            ));
            Ok(())
        })
    }
}
