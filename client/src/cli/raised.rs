//! `caucus raised`: what was brought before one's bodies by others, and by them before others.

use clap::Args;

use super::console::{bold, dim, plain, warn};
use super::failure::Failure;
use super::plain::lines;
use super::session::Session;
use super::{ending, plain as harmless, time};
use crate::app::{Answer, Intent, RaisedView};

/// Show the motions, reports and questions between your bodies and others, and which wait for an answer
///
/// Times are UTC.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus raised North --all")]
pub(super) struct Raised {
    /// Of which of your bodies; of all if none is given
    body: Option<String>,
    /// Also reports, and what was answered
    #[arg(long)]
    all: bool,
}

impl Raised {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let intent = Intent::Raised {
            body: self.body.clone(),
            all: self.all,
        };
        let answer = match &self.body {
            Some(body) => session.ask_in(body, &intent)?,
            None => session.ask(&intent)?,
        };
        ending::show(session, answer, |session, answer| {
            let Answer::Raised { raised } = answer else {
                return Err(Session::unexpected(&answer));
            };
            if raised.is_empty() {
                session.console.say("Nothing waits for an answer.")?;
                session.console.flush()?;
                session.console.remark(if self.all {
                    "  next: `caucus raise --help` tells how to ask another body something"
                } else {
                    "  next: `caucus raised --all` shows reports and what was answered too"
                });
                return Ok(());
            }
            raised.iter().try_for_each(|raised| tell(session, raised))?;
            session.console.flush()?;
            let open = |raised: &&RaisedView| !raised.ours && raised.due.is_some() && raised.reply.is_none();
            if let Some(raised) = raised.iter().find(open) {
                session.console.remark(&format!(
                    "  next: `caucus answer {} {} {} TEXT`",
                    harmless::word(&raised.body),
                    harmless::word(&raised.with),
                    raised.number
                ));
            }
            Ok(())
        })
    }
}

fn tell(session: &mut Session, raised: &RaisedView) -> Result<(), Failure> {
    let now = session.now;
    let (from, to) = if raised.ours {
        (&raised.body, &raised.with)
    } else {
        (&raised.with, &raised.body)
    };
    let mut head = vec![
        bold(format!("{} {}", raised.kind, raised.number)),
        plain(format!(" of {from} to {to}")),
        dim(format!(", {}", time::clock(raised.at, now))),
    ];
    if let (Some(due), None) = (raised.due, &raised.reply) {
        let until = time::due(due);
        head.push(if raised.late {
            warn(format!("  answer late: was owed by {until}"))
        } else {
            plain(format!("  answer owed by {until}"))
        });
    }
    session.console.line(head)?;
    for line in lines(&raised.text) {
        session.console.line([plain("  | "), plain(line)])?;
    }
    if let Some(reply) = &raised.reply {
        session.console.line([dim(format!("  {to} answers:"))])?;
        for line in lines(reply) {
            session.console.line([plain("  | "), plain(line)])?;
        }
    }
    Ok(())
}
