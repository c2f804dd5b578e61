//! What went wrong, what to do next, and the exit code that says which of them it was.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use caucus_server::config::ConfigError;
use caucus_server::control::Reply;
use caucus_server::keyfile::KeyFileError;
use caucus_server::net::{EndpointError, IdentityError};
use caucus_server::run::StartError;
use caucus_server::store::StoreError;
use caucus_server::store::embedded::ImportError;
use serde_json::{Value, json};

/// A failure as a person is told.
#[derive(Debug)]
pub(crate) struct Failure {
    /// Exit code.
    pub(crate) code: u8,
    what: String,
    next: &'static str,
}

const OTHER: u8 = 1;
/// As clap ends it.
const USAGE: u8 = 2;
const CONFIG: u8 = 3;
const LISTEN: u8 = 4;
const FOLDER: u8 = 5;
const IN_USE: u8 = 6;
const NEWER: u8 = 7;
const DAMAGED: u8 = 8;
const KEY: u8 = 9;
const KEY_EXISTS: u8 = 10;
const FULL: u8 = 11;
const CHECK: u8 = 12;
const NOT_RUNNING: u8 = 13;
const ARCHIVE: u8 = 14;

impl Failure {
    fn new(code: u8, what: impl ToString, next: &'static str) -> Self {
        Self {
            code,
            what: what.to_string(),
            next,
        }
    }

    pub(crate) fn text(&self) -> String {
        format!("caucus-relay: {}\n{}", self.what, self.next)
    }

    pub(crate) fn json(&self) -> Value {
        json!({ "error": { "code": self.code, "what": self.what, "next": self.next } })
    }

    pub(crate) fn no_folder() -> Self {
        Self::new(
            FOLDER,
            "there is no home folder to keep data in",
            "Name a folder with --data.",
        )
    }

    pub(crate) fn no_address() -> Self {
        Self::new(
            CONFIG,
            "this relay has no address yet",
            "Give --public HOST:PORT.",
        )
    }

    pub(crate) fn terminal() -> Self {
        Self::new(
            OTHER,
            "the key would be left on this terminal",
            "Give --to FILE, or --to - to print it all the same.",
        )
    }

    pub(crate) fn output(error: &io::Error) -> Self {
        Self::new(
            OTHER,
            format!("cannot write the answer: {error}"),
            "Check where the output goes.",
        )
    }

    pub(crate) fn pages(folder: &Path, error: &io::Error) -> Self {
        Self::new(
            OTHER,
            format!("cannot write the pages to {}: {error}", folder.display()),
            "Give a folder that you may write to.",
        )
    }

    pub(crate) fn input(error: &io::Error) -> Self {
        Self::new(
            KEY,
            format!("cannot read the key: {error}"),
            "Check the file's name and its owner.",
        )
    }

    pub(crate) fn check(broken: usize) -> Self {
        let what = match broken {
            1 => "one thing keeps a relay from running here".to_owned(),
            many => format!("{many} things keep a relay from running here"),
        };
        Self::new(
            CHECK,
            what,
            "The lines above that begin with `broken` say what to do.",
        )
    }

    pub(crate) fn metrics(place: SocketAddr, error: &io::Error) -> Self {
        Self::new(
            LISTEN,
            format!("cannot tell metrics on {place}: {error}"),
            "Give a free port of the loopback under `metrics` in relay.toml, or remove the line.",
        )
    }

    pub(crate) fn not_running(data: &Path) -> Self {
        Self::new(
            NOT_RUNNING,
            format!("no relay runs on {}, and there is no store in it", data.display()),
            "Start it with `caucus-relay run`, or name its folder with --data.",
        )
    }

    pub(crate) fn control(error: &io::Error) -> Self {
        Self::new(
            NOT_RUNNING,
            format!("the relay does not answer: {error}"),
            "Try again as the user it runs as; its log says whether it opened its socket.",
        )
    }

    pub(crate) fn reply(reply: &Reply) -> Self {
        let why = match reply {
            Reply::Failed { why } => why.clone(),
            other => format!("the relay answered something else: {other:?}"),
        };
        Self::new(OTHER, why, "Nothing was changed. The relay's log says more.")
    }

    pub(crate) fn no_channel(text: &str) -> Self {
        let text: String = text.chars().filter(char::is_ascii_graphic).take(80).collect();
        Self::new(
            USAGE,
            format!("{text:?} is no id of a channel"),
            "Give 52 letters and digits, as `caucus status --json` tells them.",
        )
    }

    pub(crate) fn unconfirmed() -> Self {
        Self::new(
            USAGE,
            "a deleted channel does not come back",
            "Give --yes to delete it. The people's devices keep what they have.",
        )
    }

    pub(crate) fn archive_on_terminal() -> Self {
        Self::new(
            OTHER,
            "an archive is nothing for a terminal",
            "Give a file, or pipe it on.",
        )
    }

    pub(crate) fn archive(file: &Path, error: &io::Error) -> Self {
        Self::new(
            ARCHIVE,
            format!("cannot use {}: {error}", file.display()),
            "Give a file that you may read, or for an export one that is not there yet.",
        )
    }

    pub(crate) fn runtime(error: &io::Error) -> Self {
        Self::new(
            OTHER,
            format!("cannot start: {error}"),
            "Check the limits on open files and processes (ulimit -a).",
        )
    }

    pub(crate) fn randomness(error: impl ToString) -> Self {
        Self::new(
            OTHER,
            error,
            "Wait until the system has started fully, then try again.",
        )
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::new(
            CONFIG,
            error,
            "Correct the line, or remove it to get the default; `caucus-relay run --help` names the flags.",
        )
    }
}

impl From<KeyFileError> for Failure {
    fn from(error: KeyFileError) -> Self {
        match &error {
            KeyFileError::Missing(_) => Self::new(
                KEY,
                error,
                "Start the relay once with `caucus-relay run`, or bring a key with `caucus-relay key import`.",
            ),
            KeyFileError::Io { .. } => Self::new(
                FOLDER,
                error,
                "Check that the folder exists, is yours and is not read-only, or name another with --data.",
            ),
            KeyFileError::Open(_) => Self::new(KEY, error, "Set its mode to 600 (chmod 600)."),
            KeyFileError::NotAKey { .. } => Self::new(
                KEY,
                error,
                "Bring the right key with `caucus-relay key import --force FILE`.",
            ),
            KeyFileError::Another(_) => Self::new(
                KEY_EXISTS,
                error,
                "Its rooms would be orphaned. Export it first, then import with --force.",
            ),
        }
    }
}

impl From<IdentityError> for Failure {
    fn from(error: IdentityError) -> Self {
        Self::new(KEY, error, "Give a file that `caucus-relay key export` wrote.")
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Endpoint(EndpointError::Bind { error, address })
                if error.kind() == io::ErrorKind::AddrInUse =>
            {
                Self::new(
                    LISTEN,
                    format!("another program listens on {address} already"),
                    "Stop it, or give another port with --listen.",
                )
            }
            StartError::Endpoint(EndpointError::Bind { .. }) => Self::new(
                LISTEN,
                error,
                "Give an address of this machine, with a port you may use, with --listen.",
            ),
            StartError::Endpoint(_) => Self::new(KEY, error, "Check the relay's key."),
            StartError::Public(_) => Self::new(CONFIG, error, "Give --public HOST:PORT."),
            StartError::Randomness(_) => Self::randomness(error),
        }
    }
}

impl From<ImportError> for Failure {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Exists(_) => Self::new(
                ARCHIVE,
                error,
                "Nothing was changed. Move the folder away first, or import into another with --data.",
            ),
            ImportError::Read(_) | ImportError::Broken(_) => Self::new(
                ARCHIVE,
                error,
                "Nothing was changed. Export it again with `caucus-relay export`.",
            ),
            ImportError::Store(error) => Self::from(error),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::InUse => Self::new(
                IN_USE,
                error,
                "Stop the other relay, or give this one its own folder with --data.",
            ),
            StoreError::Newer { .. } => Self::new(
                NEWER,
                error,
                "Use the version of caucus-relay that wrote it, or a newer one.",
            ),
            StoreError::Damaged(_) => Self::new(
                DAMAGED,
                error,
                "Nothing was changed. Restore the folder `store` from a backup, or move it away to start \
                 empty: the people's devices keep what they have.",
            ),
            StoreError::Full => Self::new(FULL, error, "Free some space on the disk, or raise quota_bytes."),
            StoreError::Failed(_) | StoreError::Closed => Self::new(
                FOLDER,
                error,
                "Check the disk, and that the folder is yours and not read-only.",
            ),
        }
    }
}
