//! `caucus dm`: talking alone with somebody of a body.

use clap::{Args, Subcommand};

use super::console::{Piece, bold, dim, plain};
use super::failure::Failure;
use super::session::Session;
use super::table::Table;
use super::{ending, plain as harmless, time};
use crate::app::{Answer, DirectView, Intent};

/// Talk alone with somebody of a body, in a room of your own, under names and keys that nothing else has
///
/// Your device founds a direct room at the body's relay, under a fresh persona, and tells the other how to come, sealed to
/// them: others of the body see that you asked somebody, and not whom. Nothing in the new room names the body, or your
/// persona in it; it has its own connection. The relay still sees your network address on both, and when things happen: a VPN
/// moves what is seen to its operator. A direct room is a room like others: `say`, `read`, `send-file`, `verify`.
#[derive(Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Example:\n  caucus dm North ben --word \"About the hall\"\n  caucus dm list"
)]
pub(super) struct Dm {
    #[command(subcommand)]
    what: Option<What>,
    /// In which body you both are
    #[arg(required = true)]
    body: Option<String>,
    /// Whom you ask, by their name there
    #[arg(required = true)]
    name: Option<String>,
    /// Your name in the new room; not the one that you have in the body [default: one that says nothing]
    #[arg(long = "as", value_name = "NAME")]
    fresh: Option<String>,
    /// What you say with it; only they read it
    #[arg(long, default_value = "", value_name = "TEXT")]
    word: String,
}

#[derive(Subcommand, Debug)]
enum What {
    /// Come to somebody who would talk with you alone
    #[command(after_help = "Example:\n  caucus dm accept 1 --as robin")]
    Accept {
        /// Its number, as `caucus inbox` and `caucus dm list` show it
        number: u64,
        /// Your name in the new room; not the one that you have in the body [default: one that says nothing]
        #[arg(long = "as", value_name = "NAME")]
        fresh: Option<String>,
    },
    /// Do not come; nobody is told
    #[command(after_help = "Example:\n  caucus dm decline 1")]
    Decline {
        /// Its number, as `caucus inbox` and `caucus dm list` show it
        number: u64,
    },
    /// Show whom you talk with alone, whom you asked, and who asks
    #[command(after_help = "Example:\n  caucus dm list")]
    List,
}

impl Dm {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        match self.what {
            None => ask(session, self.body, self.name, self.fresh, self.word),
            Some(What::Accept { number, fresh }) => accept(session, number, fresh),
            Some(What::Decline { number }) => {
                let answer = session.ask(&Intent::DeclineDirect { number })?;
                ending::done(session, answer, "You do not come. Nobody is told.")
            }
            Some(What::List) => list(session),
        }
    }
}

fn ask(
    session: &mut Session,
    body: Option<String>,
    name: Option<String>,
    fresh: Option<String>,
    word: String,
) -> Result<u8, Failure> {
    let (body, name) = (body.unwrap_or_default(), name.unwrap_or_default());
    let intent = Intent::AskDirect {
        body: body.clone(),
        to: name.clone(),
        name: fresh,
        word,
    };
    let answer = session.ask_in(&body, &intent)?;
    ending::show(session, answer, |session, answer| {
        let Answer::Done {} = answer else {
            return Err(Session::unexpected(&answer));
        };
        session.console.say(&format!(
            "{name} is asked, and may come within 14 days. Others of {body} see that you asked somebody, not whom."
        ))?;
        session.console.flush()?;
        session
            .console
            .remark("  next: `caucus dm list` shows when they have come");
        Ok(())
    })
}

fn accept(session: &mut Session, number: u64, fresh: Option<String>) -> Result<u8, Failure> {
    let answer = session.ask(&Intent::AcceptDirect { number, name: fresh })?;
    ending::show(session, answer, |session, answer| {
        let Answer::Joining { body, .. } = answer else {
            return Err(Session::unexpected(&answer));
        };
        session.console.line([
            plain("You come. Here the room is called "),
            bold(body.clone()),
            plain("."),
        ])?;
        session.console.flush()?;
        session.console.remark(&format!(
            "  next: their device lets you in once it is online; then `caucus say {} TEXT`",
            harmless::word(&body)
        ));
        Ok(())
    })
}

fn list(session: &mut Session) -> Result<u8, Failure> {
    let answer = session.ask(&Intent::Directs {})?;
    ending::show(session, answer, |session, answer| {
        let Answer::Direct { direct } = answer else {
            return Err(Session::unexpected(&answer));
        };
        if direct.is_empty() {
            session.console.say("You talk with nobody alone.")?;
            session.console.flush()?;
            session
                .console
                .remark("  next: `caucus dm BODY NAME` asks somebody");
            return Ok(());
        }
        let mut table = Table::with_head(["NO.", "WITH", "HOW", "UNTIL"]);
        for view in &direct {
            table.row(listed(view, session.now));
        }
        table.print(&mut session.console, 0)?;
        session.console.flush()?;
        if let Some(number) = direct.iter().find_map(|view| view.number) {
            session.console.remark(&format!(
                "  next: `caucus dm accept {number}`, or `caucus dm decline {number}`"
            ));
        }
        Ok(())
    })
}

fn listed(view: &DirectView, now: u64) -> [Piece<'static>; 4] {
    let how = match (view.stage.as_str(), &view.word) {
        ("asks", Some(word)) => format!(
            "asks you: {}",
            harmless::lines(word).collect::<Vec<_>>().join(" ")
        ),
        ("asks", None) => "asks you".to_owned(),
        ("asked", _) => "was asked".to_owned(),
        ("joining", _) => "you are on your way in".to_owned(),
        ("over", _) => "did not come".to_owned(),
        _ => "open".to_owned(),
    };
    let with = match &view.body {
        Some(body) => format!("{} of {body}", view.with),
        None => view.with.clone(),
    };
    [
        view.number
            .map_or_else(|| dim("-"), |number| plain(number.to_string())),
        bold(with),
        plain(how),
        view.until.map_or_else(
            || dim("-"),
            |until| plain(format!("{} UTC", time::clock(until, now))),
        ),
    ]
}
