//! `caucus pins`: the pinned messages of a room.

use clap::Args;

use super::failure::Failure;
use super::session::Session;
use super::{ending, read};
use crate::app::{Answer, Intent};

/// Show the pinned messages of a room, the first pinned first
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus pins North")]
pub(super) struct Pins {
    /// Which: BODY or BODY/ROOM
    room: String,
}

impl Pins {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let room = self.room.clone();
        let answer = session.ask_in(&self.room, &Intent::Pins { room })?;
        let now = session.now;
        ending::show(session, answer, |session, answer| {
            let Answer::Pins { pins, .. } = answer else {
                return Err(Session::unexpected(&answer));
            };
            if pins.is_empty() {
                return session.console.say("Nothing is pinned.");
            }
            pins.iter()
                .try_for_each(|pin| read::show(&mut session.console, pin, now))
        })
    }
}
