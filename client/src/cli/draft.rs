//! `caucus draft`: what a person wrote and did not say yet.

use clap::Args;

use super::failure::Failure;
use super::session::Session;
use super::{ending, reply};
use crate::app::{Answer, DraftWord, Intent};

/// Keep what you wrote for a room, and say it later
///
/// A room has one draft, in your vault; `caucus rooms` says where there is one.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  caucus draft North \"What I want to say\"\n  caucus draft North\n  caucus draft North --send"
)]
pub(super) struct Draft {
    /// Of which room: BODY or BODY/ROOM
    room: String,
    /// The text, in place of the one that is there; - reads it from standard input
    text: Option<String>,
    /// Say it now
    #[arg(long, conflicts_with = "drop")]
    send: bool,
    /// Drop it
    #[arg(long, conflicts_with = "text")]
    drop: bool,
}

impl Draft {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let text = self.text.map(|text| reply::text(session, text)).transpose()?;
        let kept = text.is_some();
        let intent = Intent::Draft {
            room: self.room.clone(),
            text,
            then: match (self.send, self.drop) {
                (true, _) => DraftWord::Send,
                (false, true) => DraftWord::Drop,
                (false, false) => DraftWord::Keep,
            },
        };
        let answer = session.ask_in(&self.room, &intent)?;
        if self.send {
            return reply::stored(session, answer);
        }
        let dropped = self.drop;
        ending::show(session, answer, |session, answer| match answer {
            Answer::Draft { .. } if dropped => session.console.say("The draft is dropped."),
            Answer::Draft { .. } if kept => session
                .console
                .say("The draft is kept: `caucus draft ROOM --send` says it."),
            Answer::Draft { text: Some(text), .. } => session.console.page(&text),
            Answer::Draft { text: None, .. } => session.console.say("There is no draft."),
            other => Err(Session::unexpected(&other)),
        })
    }
}
