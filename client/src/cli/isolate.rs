//! `caucus isolate`: whether the rooms of a body share a connection.

use clap::{Args, ValueEnum};

use super::console::plain;
use super::failure::Failure;
use super::session::Session;
use super::{ending, time};
use crate::app::{Answer, Intent};

/// Show or choose whether each room of a body has a connection of its own
///
/// As a rule all that you do in a body goes over one connection for each relay, so a relay can see that its rooms, and the
/// bodies linked with it, have a person in common. Isolated, every room and every end of a link has a connection of its
/// own, opened and closed at moments of its own. Then connections do not tie them together. Your network address still
/// does, unless it is one that many share, and so does what happens in several rooms at one time, as when your agent
/// starts. It takes effect at once; what the relay saw before it has seen. It costs a connection for each room, and your
/// rooms come back one after another, seconds apart. Bodies never share a connection.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus isolate North on\n  caucus isolate North")]
pub(super) struct Isolate {
    /// Which body
    body: String,
    /// From now on; without it nothing is changed
    #[arg(value_name = "on|off")]
    isolated: Option<Switch>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Switch {
    /// Each room has a connection of its own
    On,
    /// They share one
    Off,
}

impl Isolate {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let intent = Intent::Isolate {
            body: self.body.clone(),
            isolated: self.isolated.map(|switch| switch == Switch::On),
        };
        let answer = session.ask_in(&self.body, &intent)?;
        ending::show(session, answer, |session, answer| {
            let Answer::Isolation {
                body,
                isolated,
                connections,
            } = answer
            else {
                return Err(Session::unexpected(&answer));
            };
            let now = time::count_of(connections, "connection");
            session.console.line([plain(match isolated {
                true => format!("{body} is isolated: each room has a connection of its own, {now} now."),
                false => format!("{body} is not isolated: its rooms share what they can, {now} now."),
            })])
        })
    }
}
