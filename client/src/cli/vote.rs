//! `caucus vote`: votes.

use clap::{Args, Subcommand};

use super::failure::Failure;
use super::proposal::take_step;
use super::session::Session;
use crate::app::{BallotWord, StepWord};

/// Vote on a proposal; until the vote closes you may vote otherwise
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  caucus vote yes North 4\n  caucus vote rank North 5 \"the park\" \"the hall\"\n  caucus vote block North 6 \
                  --reason \"it puts the newest at risk\""
)]
pub(super) struct Vote {
    #[command(subcommand)]
    ballot: Ballot,
}

#[derive(Args, Debug)]
struct On {
    /// In which body
    body: String,
    /// The proposal's number
    number: u32,
}

#[derive(Subcommand, Debug)]
enum Ballot {
    /// For it
    #[command(after_help = "Example:\n  caucus vote yes North 4")]
    Yes {
        #[command(flatten)]
        on: On,
    },
    /// Against it
    #[command(after_help = "Example:\n  caucus vote no North 4")]
    No {
        #[command(flatten)]
        on: On,
    },
    /// Neither; it counts for the quorum
    #[command(after_help = "Example:\n  caucus vote abstain North 4")]
    Abstain {
        #[command(flatten)]
        on: On,
    },
    /// Stop it (consent)
    #[command(after_help = "Example:\n  caucus vote block North 4 --reason \"it puts the newest at risk\"")]
    Block {
        #[command(flatten)]
        on: On,
        /// Why
        #[arg(long, value_name = "WHY")]
        reason: String,
    },
    /// Pick options, by their words or numbers (choice)
    #[command(after_help = "Example:\n  caucus vote pick North 4 1 3")]
    Pick {
        #[command(flatten)]
        on: On,
        /// Which
        #[arg(required = true)]
        options: Vec<String>,
    },
    /// Rank options, the best first (ranked)
    #[command(after_help = "Example:\n  caucus vote rank North 4 2 1 3")]
    Rank {
        #[command(flatten)]
        on: On,
        /// Which
        #[arg(required = true)]
        options: Vec<String>,
    },
    /// Score options (score); those left out get 0
    #[command(after_help = "Example:\n  caucus vote score North 4 1=5 2=3")]
    Score {
        #[command(flatten)]
        on: On,
        /// Which, and how many points
        #[arg(required = true, value_name = "OPTION=POINTS", value_parser = points)]
        scores: Vec<(String, u8)>,
    },
}

fn points(text: &str) -> Result<(String, u8), String> {
    let wrong = || "write it as 2=5 or \"the park\"=5".to_owned();
    let (option, points) = text.rsplit_once('=').ok_or_else(wrong)?;
    Ok((option.to_owned(), points.parse().map_err(|_| wrong())?))
}

impl Vote {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let (on, ballot) = match self.ballot {
            Ballot::Yes { on } => (on, BallotWord::Yes {}),
            Ballot::No { on } => (on, BallotWord::No {}),
            Ballot::Abstain { on } => (on, BallotWord::Abstain {}),
            Ballot::Block { on, reason } => (on, BallotWord::Block { reason }),
            Ballot::Pick { on, options } => (on, BallotWord::Pick { options }),
            Ballot::Rank { on, options } => (on, BallotWord::Rank { options }),
            Ballot::Score { on, scores } => (on, BallotWord::Score { scores }),
        };
        let words = "Voted; until the vote closes you may vote otherwise.";
        take_step(session, on.body, on.number, StepWord::Vote { ballot }, words)
    }
}
