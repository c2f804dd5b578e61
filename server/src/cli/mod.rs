//! The command line of a relay. It holds no rule: it reads flags, calls the library and says what happened.

mod check;
mod failure;
mod info;
mod key;
mod operate;
mod pages;
mod pass;
mod run;
mod transfer;

use std::ffi::OsString;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use caucus_server::config::{self, Config, Flags, StoreChoice};
use caucus_server::control::Reread;
use caucus_server::keyfile;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use serde_json::{Value, json};

pub(crate) use failure::Failure;

/// A QUIC relay of end-to-end encrypted channels. It knows no accounts and no names.
#[derive(Parser)]
#[command(name = "caucus-relay", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// Answers, and errors, as one JSON value a line.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Folder for the key, the configuration and the store [default: the user's data folder, or
    /// /var/lib/caucus-relay for root].
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Configuration file [default: relay.toml in the data folder, if it is there].
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs a relay; the first line it prints is its address.
    #[command(after_help = "Example:\n  caucus-relay run --public relay.example")]
    Run {
        #[command(flatten)]
        place: Place,
    },
    /// Looks whether a relay can run here: configuration, folder, key, port, disk, memory, clock.
    #[command(after_help = "Example:\n  caucus-relay check --public relay.example")]
    Check {
        #[command(flatten)]
        place: Place,
    },
    /// Prints what this relay promises its clients: where entries live, how long, and its limits.
    #[command(after_help = "Example:\n  caucus-relay --json info")]
    Info {
        #[command(flatten)]
        place: Place,
    },
    /// Prints the relay's address.
    #[command(after_help = "Example:\n  caucus-relay address --public relay.example")]
    Address {
        #[command(flatten)]
        place: Place,
    },
    /// Backs up the relay's key, or brings it to another machine.
    ///
    /// The key is the relay's identity: every room names it. Whoever loses it orphans every room on this
    /// relay; whoever steals it can pretend to be the relay, but reads nothing.
    #[command(subcommand)]
    Key(Key),
    /// Puts changed limits of the configuration into force, without dropping a connection.
    #[command(after_help = "Example:\n  caucus-relay reload")]
    Reload,
    /// Deletes a channel by its id.
    ///
    /// Nobody reads it from then on. Its sealed entries leave the disk when the days end on which they would have
    /// expired.
    #[command(after_help = "Example:\n  caucus-relay delete --yes k7ro3sq..")]
    Delete {
        /// The id: 52 letters and digits, as people's devices tell it (`caucus status --json`).
        channel: String,
        /// Does it. There is no way back.
        #[arg(long)]
        yes: bool,
    },
    /// Writes the whole store to a new file, or to standard output, while the relay runs or not.
    ///
    /// The relay's key is not in it: see `caucus-relay key export`.
    #[command(after_help = "Example:\n  caucus-relay export relay-store.tar")]
    Export {
        /// The file, or - for standard output.
        #[arg(value_name = "FILE")]
        to: PathBuf,
    },
    /// Makes the store from an export, where there is none yet.
    #[command(after_help = "Example:\n  caucus-relay import relay-store.tar")]
    Import {
        /// The file, or - for standard input.
        #[arg(value_name = "FILE")]
        from: PathBuf,
    },
    /// Creation passes, for relays where `limits.creation` is "pass".
    #[command(subcommand)]
    Pass(Pass),
    /// Prints what your shell needs to complete commands.
    #[command(after_help = "Example:\n  caucus-relay completions bash > /etc/bash_completion.d/caucus-relay")]
    Completions {
        /// Which shell.
        shell: Shell,
    },
    /// Writes manual pages into a folder.
    #[command(after_help = "Example:\n  caucus-relay man /usr/local/share/man/man1")]
    Man {
        /// The folder, which is made where it is missing; pages of the same names are replaced.
        folder: PathBuf,
    },
}

#[derive(Args)]
struct Place {
    /// UDP address to listen on; port 0 takes a free one [default: 0.0.0.0:4433].
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Host under which clients reach this relay, for its address.
    #[arg(long, value_name = "HOST[:PORT]")]
    public: Option<String>,
    /// Where entries live; `memory` forgets everything on a restart, and says so in the address.
    #[arg(long, value_name = "WHERE")]
    store: Option<Store>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Store {
    Disk,
    Memory,
}

#[derive(Subcommand)]
enum Key {
    /// Writes the key to a new file that only you can read, or to standard output.
    #[command(after_help = "Example:\n  caucus-relay key export --to relay-key-backup.pem")]
    Export {
        /// The file, or - for standard output [default: standard output, unless it is a terminal].
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// Takes a key from a file, or from standard input.
    #[command(after_help = "Example:\n  caucus-relay key import relay-key-backup.pem")]
    Import {
        /// The file, or - for standard input.
        #[arg(value_name = "FILE")]
        from: PathBuf,
        /// Replaces another key that is there. Its rooms are orphaned unless it was exported.
        #[arg(long)]
        force: bool,
    },
}

#[derive(Subcommand)]
enum Pass {
    /// Prints new passes. Each creates one channel; the relay need not be asked.
    #[command(after_help = "Example:\n  caucus-relay pass mint --count 10 --days 30")]
    Mint {
        /// How many.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
        count: u16,
        /// Days they are good for.
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=365))]
        days: u16,
    },
}

/// Does what is asked.
pub(crate) fn act(cli: &Cli) -> Result<(), Failure> {
    match &cli.command {
        Command::Completions { shell } => return pages::completions(cli, *shell),
        Command::Man { folder } => return pages::man(cli, folder),
        _ => {}
    }
    let home = Home::of(cli)?;
    match &cli.command {
        // Answered above: they need no folder.
        Command::Completions { .. } | Command::Man { .. } => Ok(()),
        Command::Run { place } => run::run(cli, &home, &home.config(place)?),
        Command::Check { place } => check::check(cli, &home, &home.config(place)?),
        Command::Info { place } => info::info(cli, &home.config(place)?),
        Command::Address { place } => {
            let config = home.config(place)?;
            let key = keyfile::load(&home.data)?.key();
            let address = config
                .address(key, config.listen.port())
                .ok_or_else(Failure::no_address)?;
            answer(
                cli,
                &address.to_string(),
                &json!({ "address": address.to_string() }),
            )
        }
        Command::Key(Key::Export { to }) => key::export(cli, &home.data, to.as_deref()),
        Command::Key(Key::Import { from, force }) => key::import(cli, &home.data, from, *force),
        Command::Reload => operate::reload(cli, &home),
        Command::Delete { channel, yes } => operate::delete(cli, &home, channel, *yes),
        Command::Export { to } => transfer::export(cli, &home, to),
        Command::Import { from } => transfer::import(cli, &home, from),
        Command::Pass(Pass::Mint { count, days }) => pass::mint(cli, &home, &home.filed()?, *count, *days),
    }
}

/// Where a relay lives.
struct Home {
    data: PathBuf,
    named: bool,
    config: PathBuf,
    config_named: bool,
}

impl Home {
    fn of(cli: &Cli) -> Result<Self, Failure> {
        let data = match &cli.data {
            Some(data) => data.clone(),
            None => default_data().ok_or_else(Failure::no_folder)?,
        };
        Ok(Self {
            config: cli.config.clone().unwrap_or_else(|| data.join(config::FILE)),
            config_named: cli.config.is_some(),
            named: cli.data.is_some(),
            data,
        })
    }

    /// The configuration of the file alone.
    fn filed(&self) -> Result<Config, Failure> {
        Ok(Config::load(&self.config, self.config_named, &Flags::default())?)
    }

    /// Reads the limits of the file again, as often as it is asked.
    fn reread(&self) -> Reread {
        let (file, named) = (self.config.clone(), self.config_named);
        Arc::new(move || match Config::load(&file, named, &Flags::default()) {
            Ok(config) => Ok(config.limits),
            Err(error) => Err(error.to_string()),
        })
    }

    fn config(&self, place: &Place) -> Result<Config, Failure> {
        let flags = Flags {
            listen: place.listen,
            public: place.public.clone(),
            store: place.store.map(|store| match store {
                Store::Disk => StoreChoice::Disk,
                Store::Memory => StoreChoice::Memory,
            }),
        };
        Ok(Config::load(&self.config, self.config_named, &flags)?)
    }
}

/// XDG Base Directory Specification; a service's folder for root.
fn default_data() -> Option<PathBuf> {
    if rustix::process::geteuid().is_root() {
        return Some(PathBuf::from("/var/lib/caucus-relay"));
    }
    let absolute = |value: Option<OsString>| value.map(PathBuf::from).filter(|path| path.is_absolute());
    let data = absolute(std::env::var_os("XDG_DATA_HOME"))
        .or_else(|| Some(absolute(std::env::var_os("HOME"))?.join(".local/share")));
    data.map(|data| data.join("caucus-relay"))
}

/// One line on standard output.
fn answer(cli: &Cli, text: &str, value: &Value) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written = if cli.json {
        writeln!(out, "{value}")
    } else {
        writeln!(out, "{text}")
    };
    written
        .and_then(|()| out.flush())
        .map_err(|error| Failure::output(&error))
}

/// One line for people on standard error.
fn note(cli: &Cli, text: &str) {
    if !cli.json {
        // Whoever closed standard error does not want to know.
        let _ = writeln!(io::stderr(), "{text}");
    }
}

fn is_dash(path: &Path) -> bool {
    path.as_os_str() == "-"
}
