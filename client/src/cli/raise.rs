//! `caucus raise`: brings a motion, a report or a question before another body.

use clap::{Args, ValueEnum};

use super::announce::words;
use super::failure::Failure;
use super::session::Session;
use super::{ending, plain as harmless};
use crate::app::{Answer, Intent, RaiseWord};

/// Bring a motion, a report or a question before a body that yours is linked with
///
/// A motion asks it to decide something, a question to answer; a report tells it something and asks for no answer.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  caucus raise North \"City Committee\" question \"When is the next assembly?\" --days 7"
)]
pub(super) struct Raise {
    /// By which of your bodies
    body: String,
    /// With which: what the other body is called, or the number of the link
    to: String,
    /// What it is
    #[arg(value_enum)]
    kind: Kind,
    /// What it says; - reads it from standard input
    text: String,
    /// Within how many days an answer is owed
    #[arg(long, default_value_t = 14, value_name = "N")]
    days: u16,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// It is asked to decide something
    Motion,
    /// It is told something
    Report,
    /// It is asked something
    Question,
}

impl Raise {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let intent = Intent::Raise {
            body: self.body.clone(),
            to: self.to,
            kind: match self.kind {
                Kind::Motion => RaiseWord::Motion,
                Kind::Report => RaiseWord::Report,
                Kind::Question => RaiseWord::Question,
            },
            text: words(self.text, session)?,
            days: self.days,
        };
        let answer = session.ask_in(&self.body, &intent)?;
        ending::show(session, answer, |session, answer| {
            let Answer::Done {} = answer else {
                return Err(Session::unexpected(&answer));
            };
            session.console.say("It is sent to the other body.")?;
            session.console.flush()?;
            session.console.remark(&format!(
                "  next: `caucus raised {}` shows whether it is answered",
                harmless::word(&self.body)
            ));
            Ok(())
        })
    }
}
