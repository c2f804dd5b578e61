//! `caucus notify`: whether the desktop is told that there is something new.

use clap::{Args, ValueEnum};

use super::ending;
use super::failure::Failure;
use super::session::Session;
use crate::app::{Answer, Intent};

/// Show or choose whether your desktop tells you that there is something new
///
/// It says "Caucus: something new" and nothing else: no words, no name, no room; once a minute at most, and never for a muted
/// room. It is off until you turn it on: whoever sees your screen then sees that you use Caucus, and the desktop may keep a list
/// of its notifications.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus notify\n  caucus notify on\n  caucus notify off")]
pub(super) struct Notify {
    /// From now on
    choice: Option<Choice>,
}

/// On or off.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Choice {
    /// It tells.
    On,
    /// It does not.
    Off,
}

impl Notify {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let on = self.choice.map(|choice| choice == Choice::On);
        let answer = session.ask(&Intent::Notify { on })?;
        ending::show(session, answer, |session, answer| {
            session.console.say(match answer {
                Answer::Notifications { on: true, .. } => {
                    "Your desktop is told that there is something new, and nothing of what."
                }
                Answer::Notifications { possible: false, .. } => {
                    "Your desktop is told nothing: this program was built without notifications."
                }
                Answer::Notifications { .. } => "Your desktop is told nothing.",
                other => return Err(Session::unexpected(&other)),
            })
        })
    }
}
