//! `caucus mute`: what is said in a room is no news.

use clap::Args;

use super::failure::Failure;
use super::session::Session;
use super::{ending, time};
use crate::app::Intent;

/// Mute a room for yourself: no notifications, and what is new is shown quietly
///
/// What mentions or answers you still shows in `caucus inbox`. Nobody else sees that you muted it.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  caucus mute North\n  caucus mute North --for 8h\n  caucus mute North --off"
)]
pub(super) struct Mute {
    /// Which: BODY or BODY/ROOM
    room: String,
    /// For how long: 90m, 8h, 7d or 2w; until you say otherwise if none is given
    #[arg(long = "for", value_name = "TIME", value_parser = time::duration, conflicts_with = "off")]
    minutes: Option<u64>,
    /// Not any more
    #[arg(long)]
    off: bool,
}

impl Mute {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let words = match (self.off, self.minutes) {
            (true, _) => "It is not muted any more.".to_owned(),
            (false, Some(minutes)) => format!("It is muted for {}.", time::span(minutes)),
            (false, None) => "It is muted.".to_owned(),
        };
        let intent = Intent::Mute {
            room: self.room.clone(),
            minutes: self.minutes,
            off: self.off,
        };
        let answer = session.ask_in(&self.room, &intent)?;
        ending::done(session, answer, &words)
    }
}
