//! `caucus relay add`, `caucus relay info`: relays that this person uses.

use std::fs;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::console::{dim, plain, warn};
use super::failure::Failure;
use super::session::Session;
use super::table::Table;
use super::{ending, join, time};
use crate::app::{Answer, Intent, RelayView};

/// How a relay address begins.
pub(super) const SCHEME: &str = "caucus://";

/// Most bytes of a file of passes.
const MOST_PASSES: u64 = 1024 * 1024;

/// The relays you use
#[derive(Args, Debug)]
#[command(
    arg_required_else_help = true,
    after_help = "Example:\n  caucus relay add caucus://KEY@relay.example:4433\n  caucus relay info"
)]
pub(super) struct Relay {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Add(Add),
    Info(Info),
}

/// Remember a relay; bodies that you found go to the one added last
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus relay add caucus://KEY@relay.example:4433")]
struct Add {
    /// As `caucus-relay address` prints it
    address: String,
    /// Creation passes, one a line, where the relay asks for them
    #[arg(long, value_name = "FILE")]
    passes: Option<PathBuf>,
}

/// Show what a relay promises
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus relay info")]
struct Info {
    /// Which relay; by default the one that new bodies go to
    address: Option<String>,
}

impl Relay {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let (intent, added) = match self.command {
            Command::Add(Add { address, passes }) => {
                refuse_invite(&address)?;
                let passes = passes.map_or_else(|| Ok(Vec::new()), |path| read_passes(&path))?;
                (Intent::RelayAdd { address, passes }, true)
            }
            Command::Info(Info { address }) => {
                if let Some(address) = &address {
                    refuse_invite(address)?;
                }
                (Intent::RelayInfo { address }, false)
            }
        };
        let answer = session.ask(&intent)?;
        ending::show(session, answer, |session, answer| match answer {
            Answer::Relay(relay) => tell(session, &relay, added),
            other => Err(Session::unexpected(&other)),
        })
    }
}

fn tell(session: &mut Session, relay: &RelayView, added: bool) -> Result<(), Failure> {
    if added {
        session
            .console
            .say("The relay answers; bodies that you found go there from now on.")?;
    }
    let mut table = Table::default();
    table.row([dim("address"), plain(relay.address.clone())]);
    table.row([dim("software"), plain(relay.software.clone())]);
    table.row([
        dim("store"),
        if relay.store == "memory" {
            warn("memory: a restart of the relay forgets everything")
        } else {
            plain(relay.store.clone())
        },
    ]);
    table.row([
        dim("keeps"),
        plain(format!(
            "messages for {}, changes of keys for {}",
            time::count_of(relay.message_days, "day"),
            time::count_of(relay.commit_days, "day")
        )),
    ]);
    table.row([
        dim("a channel"),
        plain(format!(
            "holds {} entries, {} MiB",
            relay.channel_entries,
            relay.channel_bytes / (1024 * 1024)
        )),
    ]);
    table.row([
        dim("new bodies"),
        plain(match relay.creation.as_str() {
            "open" => "anyone may found one".to_owned(),
            "pass" => "need a creation pass of whoever runs it".to_owned(),
            other => other.to_owned(),
        }),
    ]);
    if !added {
        table.row([
            dim("yours go"),
            plain(if relay.default { "here" } else { "elsewhere" }),
        ]);
    }
    table.print(&mut session.console, 2)
}

fn refuse_invite(address: &str) -> Result<(), Failure> {
    if address.trim_start().starts_with(join::SCHEME) {
        return Err(Failure::bad_input(
            "this is an invite link, not a relay's address",
            "join with it: `caucus join LINK --as NAME`; it names its relay itself",
        ));
    }
    Ok(())
}

fn read_passes(path: &PathBuf) -> Result<Vec<String>, Failure> {
    let cannot = |why: String| {
        Failure::bad_input(
            format!("the file of passes {} cannot be used: {why}", path.display()),
            "give the file that `caucus-relay pass` wrote, one pass a line",
        )
    };
    let size = fs::metadata(path)
        .map_err(|error| cannot(error.to_string()))?
        .len();
    if size > MOST_PASSES {
        return Err(cannot("it is larger than 1 MiB".to_owned()));
    }
    let text = fs::read_to_string(path).map_err(|error| cannot(error.to_string()))?;
    Ok(text.lines().map(str::to_owned).collect())
}
