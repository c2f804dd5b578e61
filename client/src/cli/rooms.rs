//! `caucus rooms`: the rooms one is in.

use clap::Args;

use super::console::{Piece, bold, dim, plain, warn};
use super::failure::Failure;
use super::session::Session;
use super::table::Table;
use super::{ending, time, vanish};
use crate::app::{Answer, Intent, RoomState, RoomView};

/// Show the rooms you are in
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus rooms")]
pub(super) struct Rooms {}

impl Rooms {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let answer = session.ask(&Intent::Rooms {})?;
        ending::show(session, answer, |session, answer| {
            let Answer::Rooms { rooms } = answer else {
                return Err(Session::unexpected(&answer));
            };
            if rooms.is_empty() {
                return session.console.say(
                    "You are in no room yet: `caucus found cell NAME`, or `caucus join` with an invite link.",
                );
            }
            table(&rooms, session.now).print(&mut session.console, 0)
        })
    }
}

/// Rooms, a line each.
pub(super) fn table(rooms: &[RoomView], now: u64) -> Table<'static> {
    let mut table = Table::with_head(["ROOM", "YOU", "PEOPLE", "NEW", "FOR YOU", "UNSENT", "STATE"]);
    for room in rooms {
        table.row([
            bold(room.name.clone()),
            plain(room.me.clone()),
            plain(room.people.to_string()),
            if room.muted {
                dim(room.unread.to_string())
            } else {
                count(room.unread)
            },
            count(room.for_me),
            count(room.unsent),
            noted(state(room, now), room, now),
        ]);
    }
    table
}

fn count(count: u64) -> Piece<'static> {
    if count == 0 {
        dim("-")
    } else {
        bold(count.to_string())
    }
}

/// How it stands, and what this person set or should know.
fn noted<'a>(Piece(look, state): Piece<'a>, room: &RoomView, now: u64) -> Piece<'a> {
    let mut words = state.into_owned();
    match (room.muted, room.muted_until) {
        (true, Some(until)) => words.push_str(&format!("; muted until {}", time::clock(until, now))),
        (true, None) => words.push_str("; muted"),
        (false, _) => {}
    }
    if room.draft {
        words.push_str("; a draft");
    }
    if let Some(hours) = room.vanish_hours {
        words.push_str(&format!("; what is said vanishes after {}", vanish::span(hours)));
    }
    Piece(look, words.into())
}

fn state(room: &RoomView, now: u64) -> Piece<'static> {
    let connected = if room.isolated {
        "connected apart"
    } else {
        "connected"
    };
    match room.state {
        RoomState::Open if room.live => plain(match &room.roster {
            None => match &room.introduced {
                Some(introduced) if introduced.signed => {
                    format!(
                        "direct; introduced by {} about {}",
                        introduced.by, introduced.about
                    )
                }
                Some(introduced) => format!("direct; {}'s introduction is not signed by it", introduced.by),
                None if room.direct => format!("direct; {connected}"),
                None => connected.to_owned(),
            },
            Some(roster) if roster.number == 0 => {
                format!("{connected}; nobody has said yet who belongs here")
            }
            Some(roster) => {
                let came = time::ago(roster.came, now);
                format!(
                    "{connected}; who belongs here was last said {came}, by {}",
                    roster.by
                )
            }
        }),
        RoomState::Open => warn(match room.synced {
            Some(synced) => format!("not connected, last sync {}", time::ago(synced, now)),
            None => "not connected, never synced".to_owned(),
        }),
        RoomState::Holding => warn("waits for the others: a change of keys did not arrive here as it should"),
        RoomState::Unsynced => {
            warn("this device lost its place: readable, and it asks the others to be renewed")
        }
        RoomState::Forked => warn("people were shown different histories: nothing can be done in it"),
        RoomState::NeedsUpgrade => warn("needs a newer program"),
        RoomState::Left => dim("you left"),
        RoomState::Removed => warn("you were removed"),
        RoomState::Gone => warn("the relay does not have it any more"),
        RoomState::Replaced => warn("another device has your place"),
    }
}
