//! `caucus body`: where a body lies, and its move to another relay.

use clap::{Args, Subcommand};

use super::console::{dim, plain, warn};
use super::ending;
use super::failure::Failure;
use super::remove;
use super::session::Session;
use super::table::Table;
use crate::app::{Answer, CopyView, Intent, PlaceView};

/// Where a body lies, and its move to another relay
#[derive(Args, Debug)]
#[command(
    arg_required_else_help = true,
    after_help = "Example:\n  caucus body relays North\n  caucus body move North caucus://KEY@relay.example:4433"
)]
pub(super) struct Body {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Move(Move),
    Relays(Relays),
}

/// Move a body to another relay, one of those that its charter names
///
/// Everybody follows by themselves: whoever is away finds the move as the last entry at the old relay, or, if that is gone,
/// in the refuge at the new one. Group, log, offices and what waits to be sent stay as they are. Open invites end, and
/// requests that came by them: make new ones. Files that were sent before stay where they are. Only a keyholder can;
/// at most once a day.
///
/// Nobody has to do this where a relay vanishes: once more than half of a room's people cannot reach it for 20 seconds,
/// their devices go on at the first relay of the charter that answers.
///
/// The new relay sees your network address and when you are there, as the old one did.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus body move North caucus://KEY@relay.example:4433")]
struct Move {
    /// Which body
    body: String,
    /// Where to: a relay's address, as the charter names it
    relay: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// Show where the rooms of a body lie, and to which relays they may go
///
/// Where the charter asks for it (`together = true` under [relays]), the first relay of the charter that is not the room's own
/// carries a copy of every entry: this says up to where, and whether this device reads by it, because the room's own cannot
/// be reached. Whoever wrote last copies first; what is missing is copied by itself once that relay can be reached.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus body relays North")]
struct Relays {
    /// Which body
    body: String,
}

impl Body {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        match self.command {
            Command::Move(Move { body, relay, yes }) => {
                let question = format!(
                    "Move {body} to another relay? Everybody follows by themselves; open invites end. It can be moved \
                     again after a day."
                );
                remove::sure(session, yes, &question)?;
                let intent = Intent::Relocate {
                    body: body.clone(),
                    relay,
                };
                let answer = session.ask_in(&body, &intent)?;
                ending::show(session, answer, |session, answer| match answer {
                    Answer::Places { rooms, .. } => moved(session, &rooms),
                    other => Err(Session::unexpected(&other)),
                })
            }
            Command::Relays(Relays { body }) => {
                let answer = session.ask_in(&body, &Intent::Places { body: body.clone() })?;
                ending::show(session, answer, |session, answer| match answer {
                    Answer::Places { rooms, alternates } => places(session, &body, &rooms, &alternates),
                    other => Err(Session::unexpected(&other)),
                })
            }
        }
    }
}

fn moved(session: &mut Session, rooms: &[PlaceView]) -> Result<(), Failure> {
    for place in rooms {
        match &place.stays {
            None => session
                .console
                .line([plain(format!("{} is moved.", place.room))])?,
            Some(why) => session
                .console
                .line([warn(format!("{} stays: {why}.", place.room))])?,
        }
    }
    Ok(())
}

fn places(
    session: &mut Session,
    body: &str,
    rooms: &[PlaceView],
    alternates: &[String],
) -> Result<(), Failure> {
    let mut table = Table::with_head(["room", "relay", ""]);
    for place in rooms {
        let state = if place.lost {
            warn("cannot be reached")
        } else {
            plain(String::new())
        };
        table.row([plain(place.room.clone()), plain(place.relay.clone()), state]);
    }
    table.print(&mut session.console, 0)?;
    for place in rooms {
        if let Some(copy) = &place.copy {
            copied(session, &place.room, copy)?;
        }
    }
    if alternates.is_empty() {
        session.console.line([dim(format!(
            "The charter names no other relay: if this one is lost, nobody finds the others. `caucus charter draft {body}` \
             and add `alternates` under [relays]."
        ))])?;
        return Ok(());
    }
    session.console.line([plain(
        "If it is lost, the body goes on at the first of these that answers:",
    )])?;
    for relay in alternates {
        session.console.line([plain(format!("  {relay}"))])?;
    }
    Ok(())
}

fn copied(session: &mut Session, room: &str, copy: &CopyView) -> Result<(), Failure> {
    let far = match copy.lacks {
        None => "this device does not know how far".to_owned(),
        Some(0) => "every entry".to_owned(),
        Some(1) => "all but one entry".to_owned(),
        Some(more) => format!("all but {more} entries"),
    };
    session
        .console
        .line([plain(format!("{room} is copied to {}: {far}.", copy.relay))])?;
    if copy.reads {
        session.console.line([warn(
            "This device reads on there, because the room's own relay cannot be reached. What you say waits."
                .to_owned(),
        )])?;
    }
    if let Some(why) = &copy.trouble {
        session.console.line([warn(format!("Not now: {why}."))])?;
    }
    Ok(())
}
