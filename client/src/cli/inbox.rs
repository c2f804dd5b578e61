//! `caucus inbox`: what waits for this person.

use clap::Args;

use super::console::{bold, dim, plain, warn};
use super::ending;
use super::failure::Failure;
use super::session::Session;
use super::time;
use crate::app::{Answer, Intent};

/// Show what waits for you: requests to judge, texts to accept, vouches, offices to hand on
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus inbox")]
pub(super) struct Inbox {}

impl Inbox {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let answer = session.ask(&Intent::Inbox {})?;
        ending::show(session, answer, |session, answer| {
            let Answer::Inbox { items } = answer else {
                return Err(Session::unexpected(&answer));
            };
            if items.is_empty() {
                return session.console.say("Nothing waits for you.");
            }
            let now = session.now;
            for item in items {
                session
                    .console
                    .line([bold(item.body), plain(": "), plain(item.what)])?;
                let mut line = vec![dim("  "), dim(item.next)];
                match item.due {
                    Some(due) if due < now => line.push(warn("  overdue")),
                    Some(due) => line.push(plain(format!("  until {}", time::day(due)))),
                    None => {}
                }
                session.console.line(line)?;
            }
            Ok(())
        })
    }
}
