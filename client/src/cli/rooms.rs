//! `caucus rooms`: the rooms one is in.

use clap::Args;

use super::console::{Piece, bold, dim, plain, warn};
use super::failure::Failure;
use super::session::Session;
use super::table::Table;
use super::{ending, time};
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
    let mut table = Table::with_head(["ROOM", "YOU", "PEOPLE", "NEW", "UNSENT", "STATE"]);
    for room in rooms {
        table.row([
            bold(room.name.clone()),
            plain(room.me.clone()),
            plain(room.people.to_string()),
            count(room.unread),
            count(room.unsent),
            state(room, now),
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

fn state(room: &RoomView, now: u64) -> Piece<'static> {
    let connected = if room.isolated {
        "connected apart"
    } else {
        "connected"
    };
    match room.state {
        RoomState::Open if room.live => plain(match &room.roster {
            None => connected.to_owned(),
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
