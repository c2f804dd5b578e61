//! `caucus vanish`: after how long messages of a room vanish.

use clap::Args;

use super::failure::Failure;
use super::session::Session;
use super::{ending, reply, time};
use crate::app::{Answer, Intent};

/// Show or choose after how long what is said in a room vanishes, for everybody
///
/// It holds for what is said from then on, on every device of the room: each forgets a message so long after it had it (and
/// at most a twelfth of that time later), its file too. Whoever facilitates chooses. What this does not do: others can copy
/// what they read, a backup keeps what it held, and the relay keeps the ciphertext until its own term is over. What happened
/// to the body, discussions of proposals and minutes stay.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  caucus vanish North\n  caucus vanish North 24h\n  caucus vanish North off"
)]
pub(super) struct Vanish {
    /// Which: BODY or BODY/ROOM
    room: String,
    /// After whole hours: 24h, 7d or 2w, at most a year; or off
    #[arg(value_parser = hours)]
    after: Option<u32>,
}

fn hours(text: &str) -> Result<u32, String> {
    if text == "off" {
        return Ok(0);
    }
    let minutes = time::duration(text)?;
    let hours = u32::try_from(minutes / 60).ok().filter(|hours| *hours > 0);
    hours
        .filter(|_| minutes.is_multiple_of(60))
        .ok_or_else(|| "give whole hours, days or weeks: 24h, 7d or 2w; or off".to_owned())
}

impl Vanish {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let intent = Intent::Vanish {
            room: self.room.clone(),
            hours: self.after,
        };
        let answer = session.ask_in(&self.room, &intent)?;
        if self.after.is_some() {
            return reply::stored(session, answer);
        }
        ending::show(session, answer, |session, answer| match answer {
            Answer::Vanishing { hours: 0, .. } => session
                .console
                .say("What is said here stays for as long as each device keeps it."),
            Answer::Vanishing { hours, since, .. } => session.console.say(&format!(
                "What is said here vanishes after {}, since entry {since}.",
                span(hours)
            )),
            other => Err(Session::unexpected(&other)),
        })
    }
}

/// `24 hours`, `7 days`.
pub(super) fn span(hours: u32) -> String {
    match hours {
        days if days > 24 && days % 24 == 0 => time::count_of(u64::from(days / 24), "day"),
        hours => time::count_of(u64::from(hours), "hour"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_vanish_after_whole_hours() {
        for (text, is) in [
            ("1h", Some(1)),
            ("24h", Some(24)),
            ("7d", Some(168)),
            ("120m", Some(2)),
            ("off", Some(0)),
            ("90m", None),
            ("0h", None),
            ("soon", None),
        ] {
            assert_eq!(hours(text).ok(), is, "{text}");
        }
        assert_eq!(
            [1, 24, 25, 168].map(span),
            ["1 hour", "24 hours", "25 hours", "7 days"]
        );
    }
}
