//! `caucus say`: says something.

use clap::Args;

use super::ending;
use super::failure::Failure;
use super::session::Session;
use crate::app::{Answer, Intent};

/// Most bytes read from standard input; the agent refuses less than that, and says how much it takes.
const LONGEST: u64 = 256 * 1024;

/// Say something in a room
///
/// Answers "stored at N" once the relay has it. After five seconds without the relay it answers "queued", with
/// exit code 3: your agent sends it later.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  caucus say North \"Meeting at eight\"\n  caucus say North - < minutes.txt"
)]
pub(super) struct Say {
    /// Where: BODY or BODY/ROOM
    room: String,
    /// What; - reads it from standard input
    text: String,
}

impl Say {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let text = if self.text == "-" {
            input(session)?
        } else {
            self.text
        };
        let intent = Intent::Say {
            room: self.room.clone(),
            text,
        };
        let answer = session.ask_in(&self.room, &intent)?;
        ending::show(session, answer, |session, answer| match answer {
            Answer::Stored { position } => session.console.say(&format!("stored at {position}")),
            other => Err(Session::unexpected(&other)),
        })
    }
}

/// A text from standard input, without the line breaks at its end.
///
/// # Errors
/// `Failure` if the passphrase comes from there, or it is no text.
pub(super) fn input(session: &mut Session) -> Result<String, Failure> {
    if session.source.passphrase_stdin {
        return Err(Failure::usage(
            "standard input cannot be both the text and the passphrase",
            "give --passphrase-file FILE instead",
        ));
    }
    let text = session.console.rest_of_input(LONGEST).ok().flatten();
    let mut text = text.ok_or_else(|| {
        Failure::bad_input(
            "what came on standard input is not UTF-8 or too long to be said",
            "make it shorter",
        )
    })?;
    text.truncate(text.trim_end_matches(['\r', '\n']).len());
    Ok(text)
}
