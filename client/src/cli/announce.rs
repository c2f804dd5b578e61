//! `caucus announce`: tells something to the bodies that one's own is linked with.

use std::path::PathBuf;

use clap::Args;

use super::charter::read_file;
use super::console::{bold, plain};
use super::failure::Failure;
use super::session::Session;
use super::{ending, plain as harmless, say, time};
use crate::app::{Answer, Intent, ItemWord};

/// Tell something to the bodies that hear yours: to all of them, or to some
///
/// They see which body says it, not who in it. With --corrects the earlier one is shown as replaced everywhere.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  caucus announce City \"Doors open at six.\" --title \"Assembly on Friday\" --expires 7d\n  caucus announce City --title \"Rent strike\" --file strike.txt --to North,South"
)]
pub(super) struct Announce {
    /// Which of your bodies says it
    body: String,
    #[command(flatten)]
    text: Text,
    /// What it is about, in a few words
    #[arg(long, value_name = "T")]
    title: String,
    /// Only to these linked bodies, by name or number of the link; to all that hear yours if none is given
    #[arg(long, value_delimiter = ',', value_name = "BODY,..")]
    to: Vec<String>,
    /// Tag of the language that it is in, such as en
    #[arg(long, default_value = "", value_name = "TAG")]
    language: String,
    /// After which time it is over: 90m, 2h, 7d or 2w
    #[arg(long, value_name = "TIME", value_parser = time::duration)]
    expires: Option<u64>,
    /// Number of the announcement whose place it takes
    #[arg(long, value_name = "N")]
    corrects: Option<u32>,
    /// Number of a file of the body (`caucus send-file` first) that goes with it; more than once for several
    #[arg(long, value_name = "N")]
    attach: Vec<u64>,
}

/// A text that is given, in a file, or on standard input.
#[derive(Args, Debug)]
pub(super) struct Text {
    /// What it says; - reads it from standard input
    text: Option<String>,
    /// As TEXT, from a file
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    file: Option<PathBuf>,
}

impl Text {
    /// The text; empty if none is given.
    ///
    /// # Errors
    /// `Failure` if it cannot be read.
    pub(super) fn read(self, session: &mut Session) -> Result<String, Failure> {
        match (self.file, self.text) {
            (Some(file), _) => read_file(&file),
            (None, text) => words(text.unwrap_or_default(), session),
        }
    }
}

/// A text as given; - is what stands on standard input.
///
/// # Errors
/// `Failure` if that cannot be read.
pub(super) fn words(given: String, session: &mut Session) -> Result<String, Failure> {
    if given == "-" {
        say::input(session)
    } else {
        Ok(given)
    }
}

impl Announce {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let item = ItemWord::Announcement {
            title: self.title,
            text: self.text.read(session)?,
            language: self.language,
            expires: self.expires.map(|minutes| session.now.saturating_add(minutes)),
            replaces: self.corrects,
            files: self.attach,
        };
        issue(session, self.body, item, self.to)
    }
}

/// Publishes something, or sends it to some.
///
/// # Errors
/// `Failure`.
pub(super) fn issue(
    session: &mut Session,
    body: String,
    item: ItemWord,
    to: Vec<String>,
) -> Result<u8, Failure> {
    let what = match item {
        ItemWord::Announcement { .. } => "announcement",
        ItemWord::Directive { .. } => "directive",
        ItemWord::Withdrawal { .. } => "withdrawal",
    };
    let intent = Intent::Issue {
        body: body.clone(),
        item,
        to,
    };
    let answer = session.ask_in(&body, &intent)?;
    ending::show(session, answer, |session, answer| {
        let Answer::Issued { body, number } = answer else {
            return Err(Session::unexpected(&answer));
        };
        session.console.line([
            plain("Sent: "),
            plain(what),
            plain(" "),
            bold(number.to_string()),
            plain("."),
        ])?;
        session.console.flush()?;
        let body = harmless::word(&body);
        session.console.remark(&match what {
            "directive" => {
                format!("  next: `caucus directives board {body} {number}` shows what becomes of it")
            }
            "announcement" => format!(
                "  next: `caucus issued {body}` shows what went out; `caucus withdraw {body} {number}` withdraws it"
            ),
            _ => format!("  next: `caucus issued {body}` shows what went out"),
        });
        Ok(())
    })
}
