//! `caucus proposals`: what is proposed, and how far it is.

use clap::Args;

use super::console::{bold, dim, plain};
use super::ending;
use super::failure::Failure;
use super::session::Session;
use super::table::Table;
use super::time;
use crate::app::{Answer, Intent, ProposalView};

/// Show what is proposed, voted on and decided
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus proposals North\n  caucus proposals --open")]
pub(super) struct Proposals {
    /// Of which body; of all if none is given
    body: Option<String>,
    /// Only what is not decided yet
    #[arg(long)]
    open: bool,
}

impl Proposals {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let intent = Intent::Proposals {
            body: self.body.clone(),
        };
        let mut answer = match &self.body {
            Some(body) => session.ask_in(body, &intent)?,
            None => session.ask(&intent)?,
        };
        if let Answer::Proposals { proposals } = &mut answer {
            proposals.retain(|proposal| !self.open || proposal.stage != "decided");
        }
        ending::show(session, answer, |session, answer| {
            let Answer::Proposals { proposals } = answer else {
                return Err(Session::unexpected(&answer));
            };
            if proposals.is_empty() {
                session.console.say("Nothing is proposed.")?;
                session.console.flush()?;
                session
                    .console
                    .remark("  next: `caucus propose --help` tells what can be");
                return Ok(());
            }
            let mut table = Table::with_head(["BODY", "NO.", "TITLE", "WHAT", "BY", "HOW FAR"]);
            for proposal in proposals {
                let far = far(&proposal, session.now);
                table.row([
                    plain(proposal.body),
                    bold(proposal.number.to_string()),
                    plain(proposal.title),
                    dim(proposal.kind),
                    plain(proposal.by),
                    plain(far),
                ]);
            }
            table.print(&mut session.console, 0)
        })
    }
}

/// How far a proposal is, in words.
pub(super) fn far(proposal: &ProposalView, now: u64) -> String {
    let result = proposal.result.as_ref();
    match (proposal.stage.as_str(), &proposal.poll) {
        ("polled", Some(poll)) => format!(
            "{} of {} voted, until {}{}",
            poll.voted,
            poll.voters,
            time::clock(poll.until, now),
            match (&poll.mine, poll.may_vote) {
                (None, true) => "; you have not",
                _ => "",
            }
        ),
        ("open", _) => match proposal.supporters.len() {
            0 => "discussed".to_owned(),
            n => format!("discussed, {} support it", n),
        },
        _ => match result {
            Some(result) if !result.is_final => "closed, not final yet".to_owned(),
            Some(result) if !result.passed => "not decided".to_owned(),
            Some(result) if !result.carried => "decided, could not be done".to_owned(),
            _ => "decided".to_owned(),
        },
    }
}
