//! `caucus people`: who is in a body.

use clap::Args;

use super::console::{bold, dim, plain, warn};
use super::ending;
use super::failure::Failure;
use super::session::Session;
use super::table::Table;
use super::time;
use crate::app::{Answer, Intent, OfficeView, PersonView};

/// Show who is in a body, what they may do, and with whom you compared codes
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus people North")]
pub(super) struct People {
    /// Which body
    body: String,
}

impl People {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let intent = Intent::People {
            body: self.body.clone(),
        };
        let answer = session.ask_in(&self.body, &intent)?;
        ending::show(session, answer, |session, answer| {
            let Answer::People { people, .. } = answer else {
                return Err(Session::unexpected(&answer));
            };
            let mut table = Table::with_head(["NAME", "STANDING", "STAGE", "OFFICE", "MAY", "CODES"]);
            let mut warnings = Vec::new();
            for person in people {
                let standing = standing(&person);
                let of = |warning: &String| format!("  {}: {warning}", person.name);
                warnings.extend(person.warnings.iter().map(of));
                table.row([
                    bold(person.name),
                    if person.uncut {
                        warn(match person.standing.as_str() {
                            "present" | "awaited" => "back on another device, the lost one not yet cut off",
                            _ => "removed, access not yet cut",
                        })
                    } else if let Some(days) = person.silent_days {
                        warn(format!("in, silent for {days} days"))
                    } else {
                        standing
                    },
                    plain(person.sphere),
                    offices(&person.offices),
                    if person.standing != "present" {
                        dim("-")
                    } else if person.powers.is_empty() {
                        dim("talk")
                    } else {
                        plain(person.powers.join(", "))
                    },
                    if person.me {
                        plain("you")
                    } else if person.verified {
                        plain("verified")
                    } else {
                        dim("not compared")
                    },
                ]);
            }
            table.print(&mut session.console, 0)?;
            for warning in warnings {
                session.console.line([warn(warning)])?;
            }
            Ok(())
        })
    }
}

fn offices(offices: &[OfficeView]) -> super::console::Piece<'static> {
    if offices.is_empty() {
        return dim("-");
    }
    let lapsed = offices.iter().any(|office| office.lapsed);
    let words: Vec<_> = offices
        .iter()
        .map(|office| match office.until {
            Some(_) if office.lapsed => format!("{} (over)", office.office),
            Some(until) => format!("{} until {}", office.office, time::day(until)),
            None => office.office.clone(),
        })
        .collect();
    let words = words.join(", ");
    if lapsed { warn(words) } else { plain(words) }
}

fn standing(person: &PersonView) -> super::console::Piece<'static> {
    match person.standing.as_str() {
        "present" if person.regard == "suspended" => warn("in, suspended"),
        "present" if person.regard == "lapsed" => warn("in, has not accepted in time"),
        "present" => plain("in"),
        "applied" => plain("asks to join"),
        "admitted" => plain("admitted, not yet in"),
        "going" => warn("going"),
        "gone" => dim("gone"),
        "awaited" => dim("belongs here, not in yet"),
        "outer" => plain("in another room"),
        other => plain(other.to_owned()),
    }
}
