//! `caucus status`: how things stand.

use clap::Args;

use super::console::{Console, bold, dim, plain, warn};
use super::failure::Failure;
use super::session::Session;
use super::table::Table;
use super::{ending, joins, rooms, time};
use crate::app::{Answer, ContradictionView, Intent, RelayState, VaultWord};

/// Show how things stand: the agent, relays, rooms, what is unsent
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus status")]
pub(super) struct Status {}

impl Status {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let answer = session.ask_as_it_is(&Intent::Status {})?;
        ending::show(session, answer, |session, answer| match answer {
            Answer::Status(status) => tell(session, status),
            other => Err(Session::unexpected(&other)),
        })
    }
}

fn tell(session: &mut Session, status: crate::app::Status) -> Result<(), Failure> {
    let now = session.now;
    let folder = session.home.folder().display().to_string();
    let console = &mut session.console;
    let mut table = Table::default();
    table.row([
        dim("agent"),
        plain(format!("version {}, process {}", status.version, status.pid)),
    ]);
    table.row([dim("home"), plain(folder)]);
    table.row([
        dim("vault"),
        match status.vault {
            VaultWord::None => warn("none yet: `caucus init` makes it"),
            VaultWord::Locked => warn("locked: no keys, no connection, no sync; `caucus unlock` opens it"),
            VaultWord::Open if status.idle_minutes == 0 => plain("open, never locks by itself"),
            VaultWord::Open => plain(format!(
                "open, locks after {} without use",
                time::span(u64::from(status.idle_minutes))
            )),
        },
    ]);
    if status.vault == VaultWord::Open {
        table.row([
            dim("unsent"),
            match status.unsent {
                0 => plain("nothing"),
                unsent => warn(format!("{unsent}: sent when the relay is there")),
            },
        ]);
        if status.requests > 0 {
            table.row([
                dim("requests"),
                plain(format!(
                    "{} to decide: `caucus requests`",
                    time::count_of(status.requests, "request")
                )),
            ]);
        }
    }
    table.print(console, 0)?;
    if !status.relays.is_empty() {
        console.say("")?;
        let mut table = Table::with_head(["RELAY", "STATE"]);
        for relay in &status.relays {
            table.row([plain(relay.address.clone()), relay_state(relay)]);
        }
        table.print(console, 0)?;
    }
    if !status.rooms.is_empty() {
        console.say("")?;
        rooms::table(&status.rooms, now).print(console, 0)?;
    }
    if !status.joins.is_empty() {
        console.say("")?;
        let mut table = Table::with_head(["REQUEST", "BODY", "YOU", "STAGE"]);
        for join in status.joins {
            table.row([
                plain(join.number.to_string()),
                bold(join.body),
                plain(join.name),
                plain(joins::stage(join.stage)),
            ]);
        }
        table.print(console, 0)?;
    }
    if !status.warnings.is_empty() {
        console.say("")?;
        for warning in status.warnings {
            console.line([warn("! "), plain(warning)])?;
        }
    }
    for room in &status.rooms {
        for one in &room.contradictions {
            contradiction(console, &room.name, one, now)?;
        }
    }
    Ok(())
}

/// What contradicts, and what it says against what.
fn contradiction(
    console: &mut Console,
    room: &str,
    one: &ContradictionView,
    now: u64,
) -> Result<(), Failure> {
    let noticed = one
        .noticed
        .map_or_else(String::new, |noticed| format!(", {}", time::ago(noticed, now)));
    let title = format!("{room}, entry {}{noticed}", one.at);
    console.say("")?;
    console.line(if one.stands {
        [warn("contradicted "), bold(title)]
    } else {
        [dim("contradicted before, and right again "), plain(title)]
    })?;
    console.line([plain(format!("  {}", one.words))])?;
    console.line([dim("  verified here  "), plain(one.here.clone())])?;
    console.line([dim("  shown instead  "), plain(one.there.clone())])?;
    if one.stands {
        console.line([dim("  next           "), plain(one.next.clone())])?;
    }
    Ok(())
}

fn relay_state(relay: &RelayState) -> super::console::Piece<'static> {
    let default = if relay.default {
        ", new bodies go there"
    } else {
        ""
    };
    match (&relay.trouble, relay.connections) {
        (None, 0) => plain(format!("nothing to do there{default}")),
        (_, 1..) => plain(format!("connected{default}")),
        (Some(trouble), 0) => warn(format!("{trouble}{default}")),
    }
}
