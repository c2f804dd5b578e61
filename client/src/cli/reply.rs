//! `caucus reply`: answers a message. And what the commands have in common that do something with a message.

use clap::Args;

use super::failure::Failure;
use super::session::Session;
use super::{ending, say};
use crate::app::{Answer, Intent, RemarkWord};

/// Answer a message: your words show with the beginning of what they answer
///
/// Its number is what `caucus read` shows before it.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  caucus reply North 41 \"Yes, at eight\"\n  caucus reply North 41 - < answer.txt"
)]
pub(super) struct Reply {
    #[command(flatten)]
    message: Message,
    /// What; - reads it from standard input
    text: String,
}

/// Which message.
#[derive(Args, Debug)]
pub(super) struct Message {
    /// Where: BODY or BODY/ROOM
    room: String,
    /// The message's number, as `caucus read` shows it
    number: u64,
}

impl Message {
    /// Does something with it, and says where that stands.
    ///
    /// # Errors
    /// `Failure`.
    pub(super) fn remark(self, session: &mut Session, what: RemarkWord) -> Result<u8, Failure> {
        let intent = Intent::Remark {
            room: self.room.clone(),
            number: self.number,
            what,
        };
        let answer = session.ask_in(&self.room, &intent)?;
        stored(session, answer)
    }

    /// In words.
    pub(super) fn words(&self) -> String {
        format!("message {} in {}", self.number, self.room)
    }
}

impl Reply {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let text = text(session, self.text)?;
        self.message.remark(session, RemarkWord::Reply { text })
    }
}

/// A text, from standard input where it is -.
///
/// # Errors
/// As [`say::input`].
pub(super) fn text(session: &mut Session, text: String) -> Result<String, Failure> {
    if text == "-" {
        return say::input(session);
    }
    Ok(text)
}

/// Shows where something stands.
///
/// # Errors
/// As [`ending::show`].
pub(super) fn stored(session: &mut Session, answer: Answer) -> Result<u8, Failure> {
    ending::show(session, answer, |session, answer| match answer {
        Answer::Stored { position } => session.console.say(&format!("stored at {position}")),
        other => Err(Session::unexpected(&other)),
    })
}
