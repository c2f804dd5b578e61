//! `caucus charter`: the rules of a body.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::console::{bold, plain};
use super::ending;
use super::failure::Failure;
use super::found::Kind;
use super::session::Session;
use crate::app::{Answer, Intent};
use crate::charter;

/// Show a body's rules, propose others, or write some to found a body by
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus charter show North")]
pub(super) struct Charter {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    /// Show the rules of a body, in words or as TOML
    #[command(
        after_help = "Example:\n  caucus charter show North\n  caucus charter show North --toml > north.toml"
    )]
    Show {
        /// Which body
        body: String,
        /// As the TOML that `caucus found --charter` takes
        #[arg(long)]
        toml: bool,
    },
    /// Write the charter that comes with the program, to change it and found a body by it
    #[command(
        after_help = "Example:\n  caucus charter draft cell north.toml\n  caucus charter check north.toml\n  \
                            caucus found cell North --charter north.toml"
    )]
    Draft {
        /// Of which kind of body
        kind: Kind,
        /// Into which new file; to the terminal if none is given
        file: Option<PathBuf>,
    },
    /// Propose another charter: what is in the file, in place of what there is
    #[command(
        after_help = "Example:\n  caucus charter propose North north.toml\n\n`caucus charter show North --toml > north.toml` writes the one there is, to change it."
    )]
    Propose {
        /// In which body
        body: String,
        /// The file
        file: PathBuf,
    },
    /// Say whether a body could live by the charter in a file, and what it says in words
    #[command(after_help = "Example:\n  caucus charter check north.toml")]
    Check {
        /// Which file
        file: PathBuf,
    },
}

impl Charter {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        match self.what {
            What::Show { body, toml } => show(session, &body, toml),
            What::Draft { kind, file } => draft(session, kind, file),
            What::Propose { body, file } => super::propose::charter(session, body, &file),
            What::Check { file } => check(session, &file),
        }
    }
}

fn show(session: &mut Session, body: &str, toml: bool) -> Result<u8, Failure> {
    let intent = Intent::Charter {
        body: body.to_owned(),
    };
    let answer = session.ask_in(body, &intent)?;
    ending::show(session, answer, |session, answer| {
        let Answer::Charter {
            body,
            toml: text,
            rules,
            ..
        } = answer
        else {
            return Err(Session::unexpected(&answer));
        };
        if toml {
            return session.console.page(&text);
        }
        session.console.line([plain("The charter of "), bold(body)])?;
        tell(session, &rules)
    })
}

fn tell(session: &mut Session, rules: &[String]) -> Result<(), Failure> {
    for rule in rules {
        session.console.line([plain("  - "), plain(rule.as_str())])?;
    }
    Ok(())
}

fn draft(session: &mut Session, kind: Kind, file: Option<PathBuf>) -> Result<u8, Failure> {
    let text = charter::shipped(kind.machine());
    let Some(path) = file else {
        return unfounded(session, "this", text, |session, _| session.console.page(text));
    };
    // Nothing that is there is overwritten.
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| {
        Failure::bad_input(
            format!("{} cannot be written: {error}", path.display()),
            "give the name of a file that is not there yet",
        )
    })?;
    ending::done(
        session,
        Answer::Done {},
        &format!("written to {}", path.display()),
    )
}

fn check(session: &mut Session, file: &PathBuf) -> Result<u8, Failure> {
    let text = read_file(file)?;
    unfounded(session, &file.display().to_string(), &text, tell)
}

/// Shows rules that no body lives by yet.
fn unfounded(
    session: &mut Session,
    name: &str,
    text: &str,
    show: impl FnOnce(&mut Session, &[String]) -> Result<(), Failure>,
) -> Result<u8, Failure> {
    let read = charter::read(text).map_err(|error| {
        Failure::bad_input(
            format!("no body could live by {name}: {error}"),
            "`caucus charter draft` writes one that is right",
        )
    })?;
    let answer = Answer::Charter {
        body: String::new(),
        kind: read.words.body.to_string(),
        toml: text.to_owned(),
        rules: charter::in_words(&read),
    };
    ending::show(session, answer, |session, answer| match answer {
        Answer::Charter { rules, .. } => show(session, &rules),
        other => Err(Session::unexpected(&other)),
    })
}

/// The text of a file that is a charter or points of unity.
pub(super) fn read_file(path: &PathBuf) -> Result<String, Failure> {
    let refused = |why: String| {
        Failure::bad_input(
            format!("{} cannot be read: {why}", path.display()),
            "name a text file",
        )
    };
    let size = std::fs::metadata(path)
        .map_err(|error| refused(error.to_string()))?
        .len();
    if size > charter::LARGEST as u64 {
        return Err(refused(format!("it has more than {} bytes", charter::LARGEST)));
    }
    std::fs::read_to_string(path).map_err(|error| refused(error.to_string()))
}
