//! `caucus liaison`: brings people of different bodies together, and comes where one is asked to.

use clap::{Args, Subcommand};

use super::console::{Piece, bold, dim, plain};
use super::failure::Failure;
use super::session::Session;
use super::table::Table;
use super::{ending, plain as harmless, time};
use crate::app::{Answer, Intent, IntroductionView};

/// Bring people of different bodies together, without either body learning anything of the other
///
/// A body that is linked with several others, and sends them directives, introduces one of each. Who consents comes under a
/// fresh name and key, in a room of their own; with them comes an introduction that the body's key signed. Their own body sees
/// who of it consented, and neither under which name and key, nor whom they meet. Whoever links the introducing body with
/// others chooses the keys, so could sit between: compare codes with `caucus verify`. The relay still sees your network
/// address on every connection, and when things happen: a VPN moves what is seen to its operator. The room stands at the relay of
/// the body that introduces; where that one wants passes, whoever founds the room needs some (`caucus relay add`). Times are UTC.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus liaison list")]
pub(super) struct Liaison {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    /// Ask linked bodies for one person each, to bring them together
    #[command(
        after_help = "Example:\n  caucus liaison introduce City --between North South --about \"The harbour strike\""
    )]
    Introduce {
        /// Which of your bodies introduces them
        body: String,
        /// Of which linked bodies, by name or number of the link; who comes of the first founds the room
        #[arg(long, required = true, num_args = 2..=8, value_name = "BODY")]
        between: Vec<String>,
        /// What it is for; everybody in those bodies reads it
        #[arg(long, value_name = "TEXT")]
        about: String,
        /// In how many days they may consent, from 1 to 21
        #[arg(long, default_value_t = 14, value_name = "N")]
        days: u16,
    },
    /// Come when a linked body introduces somebody of yours, under a fresh name and key
    ///
    /// Others of your body see that you come, and not under which name and key.
    #[command(after_help = "Example:\n  caucus liaison consent North 1 --as robin")]
    Consent {
        #[command(flatten)]
        which: Which,
        /// Your name in the new room; not the one that you have in your body [default: one that says nothing]
        #[arg(long = "as", value_name = "NAME")]
        fresh: Option<String>,
    },
    /// Take your consent back; or say for your body that nobody comes, if you link it with others
    #[command(after_help = "Example:\n  caucus liaison decline North 1")]
    Decline {
        #[command(flatten)]
        which: Which,
    },
    /// Show the introductions that your bodies make, and are asked for
    #[command(after_help = "Example:\n  caucus liaison list City")]
    List {
        /// Of one of your bodies; of all if none is given
        body: Option<String>,
    },
}

#[derive(Args, Debug)]
struct Which {
    /// Which of your bodies is asked
    body: String,
    /// The number of the introduction, as `caucus inbox` and `caucus liaison list` show it
    number: u32,
    /// Of which other body it is, where several introduce
    #[arg(long, value_name = "BODY")]
    from: Option<String>,
}

impl Liaison {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        match self.what {
            What::Introduce {
                body,
                between,
                about,
                days,
            } => {
                let intent = Intent::Introduce {
                    body: body.clone(),
                    between,
                    about,
                    days,
                };
                let answer = session.ask_in(&body, &intent)?;
                let words =
                    "They are asked. Once somebody of each consents they are told how to find each other.";
                said(session, answer, words, "caucus liaison list` shows who comes")
            }
            What::Consent { which, fresh } => {
                let intent = Intent::ConsentIntroduction {
                    body: which.body.clone(),
                    from: which.from,
                    number: which.number,
                    name: fresh,
                };
                let answer = session.ask_in(&which.body, &intent)?;
                let words =
                    "You come. Once the others consent too, your devices find each other by themselves.";
                said(
                    session,
                    answer,
                    words,
                    "caucus rooms` shows the room when it is there",
                )
            }
            What::Decline { which } => {
                let intent = Intent::DeclineIntroduction {
                    body: which.body.clone(),
                    from: which.from,
                    number: which.number,
                };
                let answer = session.ask_in(&which.body, &intent)?;
                ending::done(session, answer, "Nobody of your body comes.")
            }
            What::List { body } => list(session, body),
        }
    }
}

fn said(session: &mut Session, answer: Answer, words: &str, next: &str) -> Result<u8, Failure> {
    ending::show(session, answer, |session, answer| {
        let Answer::Done {} = answer else {
            return Err(Session::unexpected(&answer));
        };
        session.console.say(words)?;
        session.console.flush()?;
        session.console.remark(&format!("  next: `{next}"));
        Ok(())
    })
}

fn list(session: &mut Session, body: Option<String>) -> Result<u8, Failure> {
    let intent = Intent::Introductions { body: body.clone() };
    let answer = match &body {
        Some(body) => session.ask_in(body, &intent)?,
        None => session.ask(&intent)?,
    };
    ending::show(session, answer, |session, answer| {
        let Answer::Introductions { introductions } = answer else {
            return Err(Session::unexpected(&answer));
        };
        if introductions.is_empty() {
            session.console.say("Nobody is introduced to anybody.")?;
            session.console.flush()?;
            session.console.remark(
                "  next: `caucus liaison introduce --help` tells how a body brings people of others together",
            );
            return Ok(());
        }
        let mut table = Table::with_head(["NO.", "BODY", "BY", "HOW", "UNTIL", "ABOUT"]);
        for view in &introductions {
            table.row(listed(view, session.now));
        }
        table.print(&mut session.console, 0)?;
        session.console.flush()?;
        let open = |view: &&IntroductionView| view.stage == "open" && view.from.is_some();
        if let Some(view) = introductions.iter().find(open) {
            session.console.remark(&format!(
                "  next: `caucus liaison consent {} {}`",
                harmless::word(&view.body),
                view.number
            ));
        }
        Ok(())
    })
}

fn listed(view: &IntroductionView, now: u64) -> [Piece<'static>; 6] {
    let how = match (view.stage.as_str(), &view.consented) {
        ("open", _) if view.from.is_none() => {
            let bodies = view.between.iter();
            let each =
                bodies.map(|(body, comes)| format!("{body}: {}", if *comes { "comes" } else { "asked" }));
            each.collect::<Vec<_>>().join(", ")
        }
        ("open", _) => "waits for somebody of you".to_owned(),
        ("consented", Some(who)) => format!("{who} comes; waits for the others"),
        ("met", _) => "they were told how to find each other".to_owned(),
        ("declined", _) => "somebody would not come".to_owned(),
        _ => "not everybody came in time".to_owned(),
    };
    [
        plain(view.number.to_string()),
        bold(view.body.clone()),
        view.from.clone().map_or_else(|| dim("itself"), plain),
        plain(how),
        plain(format!("{} UTC", time::clock(view.until, now))),
        plain(harmless::lines(&view.about).collect::<Vec<_>>().join(" ")),
    ]
}
