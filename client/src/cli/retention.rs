//! `caucus retention`: how long words are kept on this device.

use clap::Args;

use super::console::{dim, plain};
use super::failure::Failure;
use super::session::Session;
use super::table::Table;
use super::{ending, time, vanish};
use crate::app::{Answer, Intent, Keep};

/// Show or choose how long words are kept on this device
///
/// What is older is forgotten: words, names and times leave the log, and the vault's file is written anew under
/// a new key, so that nothing brings them back, not even the passphrase. Others keep their copies as they chose.
/// Age counts from when this device had the words. Where the room lets messages vanish (`caucus vanish`), the shorter time counts.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  caucus retention --days 30\n  caucus retention North --days 7\n  caucus retention North --default"
)]
pub(super) struct Retention {
    /// Of which room; without it, of all rooms that have no choice of their own
    room: Option<String>,
    /// Keep words for so many days
    #[arg(long, value_name = "N", group = "keep", value_parser = clap::value_parser!(u32).range(1..=36_525))]
    days: Option<u32>,
    /// Keep words for so many hours
    #[arg(long, value_name = "N", group = "keep", value_parser = clap::value_parser!(u32).range(1..=876_600))]
    hours: Option<u32>,
    /// Keep words for as long as the vault is there
    #[arg(long, group = "keep")]
    forever: bool,
    /// Take the room's own choice back
    #[arg(long, group = "keep", requires = "room")]
    default: bool,
}

impl Retention {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let keep = match (self.days, self.hours, self.forever, self.default) {
            (Some(days), ..) => Some(Keep::Days(days)),
            (None, Some(hours), ..) => Some(Keep::Hours(hours)),
            (None, None, true, _) => Some(Keep::Forever),
            (None, None, false, true) => Some(Keep::Default),
            (None, None, false, false) => None,
        };
        let intent = Intent::Retention {
            room: self.room.clone(),
            keep,
        };
        let answer = match &self.room {
            Some(room) => session.ask_in(room, &intent)?,
            None => session.ask(&intent)?,
        };
        ending::show(session, answer, |session, answer| match answer {
            Answer::Retention { default, rooms } => {
                let mut table = Table::with_head(["ROOM", "WORDS ARE KEPT", ""]);
                table.row([
                    plain("every room"),
                    plain(word(default)),
                    dim("unless told otherwise below"),
                ]);
                for view in rooms {
                    table.row([
                        plain(view.room),
                        match view.own {
                            Some(own) => plain(word(own)),
                            None => dim(word(default)),
                        },
                        dim(notes(view.vanish_hours, view.forgotten)),
                    ]);
                }
                table.print(&mut session.console, 0)
            }
            other => Err(Session::unexpected(&other)),
        })
    }
}

fn notes(vanish_hours: Option<u32>, forgotten: u64) -> String {
    let vanishes = vanish_hours.map(|hours| format!("messages vanish after {}", vanish::span(hours)));
    let forgotten = (forgotten > 0).then(|| format!("forgotten up to entry {forgotten}"));
    let notes: Vec<_> = vanishes.into_iter().chain(forgotten).collect();
    notes.join("; ")
}

fn word(keep: Keep) -> String {
    match keep {
        Keep::Days(days) => format!("for {}", time::count_of(u64::from(days), "day")),
        Keep::Hours(hours) => format!("for {}", time::count_of(u64::from(hours), "hour")),
        Keep::Forever => "forever".to_owned(),
        Keep::Default => "as every room".to_owned(),
    }
}
