//! `caucus issued`: what a body of one's own announced and asked for.

use clap::Args;

use super::console::{bold, dim, plain};
use super::failure::Failure;
use super::session::Session;
use super::table::Table;
use super::{ending, plain as harmless, time};
use crate::app::{Answer, Intent, ItemView};

/// Show what a body of yours announced, asked for and withdrew, and who in it sent that
///
/// Times are UTC.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus issued City")]
pub(super) struct Issued {
    /// Which of your bodies
    body: String,
}

impl Issued {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let intent = Intent::Issued {
            body: self.body.clone(),
        };
        let answer = session.ask_in(&self.body, &intent)?;
        ending::show(session, answer, |session, answer| {
            let Answer::Items { body, items } = answer else {
                return Err(Session::unexpected(&answer));
            };
            if items.is_empty() {
                session.console.say(&format!("{body} has sent nothing yet."))?;
                session.console.flush()?;
                session.console.remark(&format!(
                    "  next: `caucus announce {} TEXT --title TITLE` tells something to the bodies that hear it",
                    harmless::word(&body)
                ));
                return Ok(());
            }
            let mut table = Table::with_head(["NO.", "WHAT", "TITLE", "SENT", "BY", "TO", "HOLDS"]);
            for item in items {
                let now = session.now;
                table.row([
                    bold(item.number.to_string()),
                    dim(item.kind.clone()),
                    plain(item.title.clone()),
                    plain(time::clock(item.at, now)),
                    plain(item.by.clone().unwrap_or_default()),
                    if item.to.is_empty() {
                        dim("all")
                    } else {
                        plain(item.to.join(", "))
                    },
                    match over(&item, now) {
                        Some(why) => dim(why),
                        None => plain("yes"),
                    },
                ]);
            }
            table.print(&mut session.console, 0)
        })
    }
}

/// Why an item holds no more; none while it does.
pub(super) fn over(item: &ItemView, now: u64) -> Option<String> {
    match (item.gone, item.expires) {
        (Some(by), _) => Some(format!("no: see {by}")),
        (None, Some(time)) if time <= now => Some(format!("until {}", time::clock(time, now))),
        _ => None,
    }
}
