//! `caucus offices`: who holds what until when, who is next, and whom an office passes by.

use clap::{Args, Subcommand};

use super::console::{bold, dim, plain, warn};
use super::ending;
use super::failure::Failure;
use super::session::Session;
use super::table::Table;
use super::time;
use crate::app::{Answer, Intent, OfficeLine};

/// Show who holds which office until when, and who is next; let an office pass you by
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus offices show North")]
pub(super) struct Offices {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    /// Show the offices of a body
    #[command(after_help = "Example:\n  caucus offices show North")]
    Show {
        /// Which body
        body: String,
    },
    /// Let an office pass you by when it is your turn
    #[command(after_help = "Example:\n  caucus offices decline North secretary")]
    Decline {
        /// In which body
        body: String,
        /// Which, in the body's words
        office: String,
    },
    /// Take your turn again
    #[command(after_help = "Example:\n  caucus offices accept North secretary")]
    Accept {
        /// In which body
        body: String,
        /// Which, in the body's words
        office: String,
    },
}

impl Offices {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        match self.what {
            What::Show { body } => show(session, &body),
            What::Decline { body, office } => aside(
                session,
                body,
                office,
                true,
                "It passes you by; `caucus offices accept` takes your turn again.",
            ),
            What::Accept { body, office } => {
                aside(session, body, office, false, "You are in the line again.")
            }
        }
    }
}

fn aside(
    session: &mut Session,
    body: String,
    office: String,
    aside: bool,
    words: &str,
) -> Result<u8, Failure> {
    let intent = Intent::StandAside {
        body: body.clone(),
        office,
        aside,
    };
    let answer = session.ask_in(&body, &intent)?;
    ending::done(session, answer, words)
}

fn show(session: &mut Session, body: &str) -> Result<u8, Failure> {
    let intent = Intent::Offices {
        body: body.to_owned(),
    };
    let answer = session.ask_in(body, &intent)?;
    ending::show(session, answer, |session, answer| {
        let Answer::Offices { offices, .. } = answer else {
            return Err(Session::unexpected(&answer));
        };
        let mut table = Table::with_head(["OFFICE", "HELD BY", "NEXT", "PASSES BY", "MAY"]);
        for office in offices {
            let lapsed = office.holders.iter().any(|holder| holder.lapsed);
            let held = holders(&office);
            table.row([
                bold(office.office),
                if lapsed { warn(held) } else { plain(held) },
                match office.filling.as_str() {
                    "election" => dim("elected"),
                    _ => plain(listed(&office.next)),
                },
                plain(listed(&office.aside)),
                dim(listed(&office.powers)),
            ]);
        }
        table.print(&mut session.console, 0)
    })
}

fn holders(office: &OfficeLine) -> String {
    if office.holders.is_empty() {
        return "nobody".to_owned();
    }
    let words: Vec<_> = (office.holders.iter())
        .map(|holder| match holder.until {
            Some(_) if holder.lapsed => format!("{} (over)", holder.name),
            Some(until) => format!("{} until {}", holder.name, time::day(until)),
            None => holder.name.clone(),
        })
        .collect();
    words.join(", ")
}

fn listed(words: &[String]) -> String {
    if words.is_empty() {
        "-".to_owned()
    } else {
        words.join(", ")
    }
}
