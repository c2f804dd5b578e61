//! `caucus mark`: a room counts as read, or not.

use clap::Args;

use super::ending;
use super::failure::Failure;
use super::session::Session;
use crate::app::Intent;

/// Mark a room as read, or from a message on as not read
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus mark North\n  caucus mark North --unread 41")]
pub(super) struct Mark {
    /// Which: BODY or BODY/ROOM
    room: String,
    /// This message, and what comes after it, counts as not read
    #[arg(long, value_name = "NUMBER")]
    unread: Option<u64>,
}

impl Mark {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let words = match self.unread {
            None => "All of it counts as read.".to_owned(),
            Some(number) => format!("From {number} on it counts as not read."),
        };
        let intent = Intent::Mark {
            room: self.room.clone(),
            unread: self.unread,
        };
        let answer = session.ask_in(&self.room, &intent)?;
        ending::done(session, answer, &words)
    }
}
