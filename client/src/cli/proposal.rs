//! `caucus proposal`: one proposal: read, discuss, support, amend, take back, say what came of it.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::charter::read_file;
use super::console::{bold, dim, plain, warn};
use super::ending;
use super::failure::Failure;
use super::plain::lines;
use super::proposals::far;
use super::session::Session;
use super::time;
use crate::app::{Answer, Intent, PollView, ProposalView, ResultView, StepWord, WordView};

/// Read a proposal and what was said about it; discuss, support, amend it
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus proposal show North 4")]
pub(super) struct Proposal {
    #[command(subcommand)]
    what: What,
}

#[derive(Args, Debug)]
struct Which {
    /// In which body
    body: String,
    /// The proposal's number
    number: u32,
}

#[derive(Subcommand, Debug)]
enum What {
    /// Show it: text, amendments, poll, result, and what was said about it
    #[command(after_help = "Example:\n  caucus proposal show North 4")]
    Show {
        #[command(flatten)]
        which: Which,
    },
    /// Say something about it
    #[command(after_help = "Example:\n  caucus proposal discuss North 4 \"How much is it?\"")]
    Discuss {
        #[command(flatten)]
        which: Which,
        /// What
        text: String,
    },
    /// Support it, so that it comes to a vote
    #[command(after_help = "Example:\n  caucus proposal support North 4")]
    Support {
        #[command(flatten)]
        which: Which,
    },
    /// Another text for it: whoever made it changes it so, anybody else suggests it
    #[command(after_help = "Example:\n  caucus proposal amend North 4 --file other.txt")]
    Amend {
        #[command(flatten)]
        which: Which,
        /// The whole text as it should be
        #[arg(long, value_name = "TEXT", required_unless_present = "file")]
        text: Option<String>,
        /// As --text, from a file
        #[arg(long, value_name = "FILE", conflicts_with = "text")]
        file: Option<PathBuf>,
    },
    /// Take an amendment over into your proposal
    #[command(after_help = "Example:\n  caucus proposal take North 4 2")]
    Take {
        #[command(flatten)]
        which: Which,
        /// The amendment's number
        amendment: u32,
    },
    /// Take your proposal back
    #[command(after_help = "Example:\n  caucus proposal withdraw North 4")]
    Withdraw {
        #[command(flatten)]
        which: Which,
    },
    /// Say what the decision means, once, and when to look at it again
    #[command(after_help = "Example:\n  caucus proposal outcome North 4 \"We rent the hall.\" --review 26w")]
    Outcome {
        #[command(flatten)]
        which: Which,
        /// In words
        text: String,
        /// When to look at it again: 90m, 2h, 7d or 2w from now
        #[arg(long, value_name = "TIME", value_parser = time::duration)]
        review: Option<u64>,
    },
    /// You have looked at the decision again
    #[command(after_help = "Example:\n  caucus proposal reviewed North 4 --again 26w")]
    Reviewed {
        #[command(flatten)]
        which: Which,
        /// When to do so once more
        #[arg(long, value_name = "TIME", value_parser = time::duration)]
        again: Option<u64>,
    },
}

impl Proposal {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        match self.what {
            What::Show { which } => show(session, &which),
            What::Discuss { which, text } => step(session, which, StepWord::Discuss { text }, "Said."),
            What::Support { which } => step(session, which, StepWord::Support {}, "You support it."),
            What::Amend { which, text, file } => {
                let text = match (text, file) {
                    (Some(text), _) => text,
                    (None, Some(file)) => read_file(&file)?,
                    (None, None) => String::new(),
                };
                step(
                    session,
                    which,
                    StepWord::Amend { text },
                    "There is another text for it.",
                )
            }
            What::Take { which, amendment } => step(
                session,
                which,
                StepWord::Take { amendment },
                "The proposal has that text now.",
            ),
            What::Withdraw { which } => step(session, which, StepWord::Withdraw {}, "Taken back."),
            What::Outcome { which, text, review } => step(
                session,
                which,
                StepWord::Outcome { text, review },
                "Said what it means.",
            ),
            What::Reviewed { which, again } => {
                step(session, which, StepWord::Reviewed { again }, "Looked at again.")
            }
        }
    }
}

fn step(session: &mut Session, which: Which, what: StepWord, words: &str) -> Result<u8, Failure> {
    take_step(session, which.body, which.number, what, words)
}

/// Does something with a proposal.
pub(super) fn take_step(
    session: &mut Session,
    body: String,
    number: u32,
    what: StepWord,
    words: &str,
) -> Result<u8, Failure> {
    let intent = Intent::Step {
        body: body.clone(),
        number,
        what,
    };
    let answer = session.ask_in(&body, &intent)?;
    ending::done(session, answer, words)
}

/// Asks for one.
pub(super) fn ask(session: &mut Session, body: &str, number: u32) -> Result<Answer, Failure> {
    let intent = Intent::Proposal {
        body: body.to_owned(),
        number,
    };
    session.ask_in(body, &intent)
}

fn show(session: &mut Session, which: &Which) -> Result<u8, Failure> {
    let answer = ask(session, &which.body, which.number)?;
    ending::show(session, answer, |session, answer| {
        let Answer::Proposal { proposal, words } = answer else {
            return Err(Session::unexpected(&answer));
        };
        tell(session, &proposal)?;
        said(session, &words)
    })
}

fn tell(session: &mut Session, proposal: &ProposalView) -> Result<(), Failure> {
    let now = session.now;
    session.console.line([
        bold(format!("{}. {}", proposal.number, proposal.title)),
        dim(format!("  {}, {}", proposal.body, far(proposal, now))),
    ])?;
    session.console.line([
        plain(format!("  by {}, {}: ", proposal.by, time::ago(proposal.at, now))),
        plain(proposal.aim.as_str()),
    ])?;
    for line in lines(&proposal.text).filter(|_| !proposal.text.is_empty()) {
        session.console.line([plain("  | "), plain(line)])?;
    }
    if !proposal.changes.is_empty() {
        session.console.line([dim("  what changes:")])?;
    }
    for change in &proposal.changes {
        session.console.line([plain("    "), plain(change.as_str())])?;
    }
    if !proposal.supporters.is_empty() {
        let names = proposal.supporters.join(", ");
        session.console.line([dim("  supported by "), plain(names)])?;
    }
    for amendment in &proposal.amendments {
        session.console.line([
            bold(format!("  amendment {}", amendment.number)),
            plain(format!(", by {}:", amendment.by)),
        ])?;
        for line in lines(&amendment.text) {
            session.console.line([plain("    | "), plain(line)])?;
        }
    }
    if let Some(poll) = &proposal.poll {
        tell_poll(session, proposal, poll)?;
    }
    if let Some(result) = &proposal.result {
        tell_result(session, result)?;
    }
    if let Some(outcome) = &proposal.outcome {
        let review = outcome.review.map_or_else(String::new, |at| {
            format!(", to be looked at again on {}", time::day(at))
        });
        session
            .console
            .line([bold("  outcome"), plain(format!(", by {}{review}:", outcome.by))])?;
        for line in lines(&outcome.text) {
            session.console.line([plain("  | "), plain(line)])?;
        }
    }
    Ok(())
}

fn tell_poll(session: &mut Session, proposal: &ProposalView, poll: &PollView) -> Result<(), Failure> {
    let now = session.now;
    session.console.line([
        bold("  vote"),
        plain(format!(
            ", {}, until {}: {}",
            poll.method,
            time::clock(poll.until, now),
            poll.rule
        )),
    ])?;
    for (number, option) in (1..).zip(&poll.options) {
        session
            .console
            .line([plain(format!("    {number}. ")), plain(option.as_str())])?;
    }
    if poll.sealed {
        session.console.line([warn(
            "    ballots are sealed until it closes, not secret: then everybody sees who voted what, and a teller could look earlier",
        )])?;
    }
    for (name, ballot) in &poll.ballots {
        session.console.line([
            plain("    "),
            bold(name.as_str()),
            plain(": "),
            plain(ballot.as_str()),
        ])?;
    }
    match (&poll.mine, poll.may_vote) {
        (Some(mine), true) => session
            .console
            .line([dim(format!("    your ballot: {mine}; you may change it"))])?,
        (None, true) => {
            session.console.flush()?;
            let how = match poll.method.as_str() {
                "majority" => "yes",
                "consent" => "yes",
                "choice" => "pick",
                "ranked" => "rank",
                _ => "score",
            };
            session.console.remark(&format!(
                "  next: `caucus vote {how} \"{}\" {}`; `caucus vote --help` tells what else one may say",
                proposal.body, proposal.number
            ));
        }
        _ => {}
    }
    Ok(())
}

fn tell_result(session: &mut Session, result: &ResultView) -> Result<(), Failure> {
    let now = session.now;
    session
        .console
        .line([bold("  result"), plain(": "), plain(result.counts.as_str())])?;
    let word = match (result.passed, result.carried, result.is_final) {
        (true, true, true) => "decided",
        (true, false, true) => "decided; it could not be done any more",
        (true, _, false) => "decided, once it is final",
        (false, ..) => "not decided",
    };
    session.console.line([plain(format!("  {word}"))])?;
    if !result.chosen.is_empty() {
        session
            .console
            .line([plain("  chosen: "), bold(result.chosen.join(", "))])?;
    }
    if let Some((seen, all)) = result.seen {
        session.console.line([dim(format!(
            "  final from {} on, until when a missing ballot may be told, once enough are seen to have it: {seen} of {all} so far",
            time::clock(result.grace, now)
        ))])?;
    }
    Ok(())
}

fn said(session: &mut Session, words: &[WordView]) -> Result<(), Failure> {
    for word in words {
        let time = word
            .time
            .map_or_else(String::new, |at| time::clock(at, session.now));
        session.console.line([
            dim(format!("  {time} ")),
            bold(word.author.as_str()),
            dim(word
                .handed_by
                .as_ref()
                .map_or_else(String::new, |by| format!(" (handed over by {by})"))),
            plain(": "),
            plain(word.text.as_str()),
        ])?;
    }
    Ok(())
}
