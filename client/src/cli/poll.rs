//! `caucus poll`: puts a proposal to the vote, and closes the vote.

use clap::{Args, Subcommand, ValueEnum};

use super::failure::Failure;
use super::proposal::take_step;
use super::session::Session;
use super::time;
use crate::app::{MethodWord, StepWord};

/// Put a proposal to the vote, close the vote
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus poll open North 4 --for 7d")]
pub(super) struct Poll {
    #[command(subcommand)]
    what: What,
}

/// How it is decided.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Way {
    /// For or against
    Majority,
    /// Pick some of several
    Choice,
    /// Rank several: instant run-off
    Ranked,
    /// Unless somebody blocks it, with a reason
    Consent,
    /// Score each of several
    Score,
}

#[derive(Subcommand, Debug)]
enum What {
    /// Put a proposal to the vote
    #[command(
        after_help = "Example:\n  caucus poll open North 4 --for 7d\n  caucus poll open North 5 --by ranked --option \"the hall\" \
                      --option \"the park\"\n  caucus poll open North 6 --by choice --winners 2"
    )]
    Open {
        /// In which body
        body: String,
        /// The proposal's number
        number: u32,
        /// How it is decided
        #[arg(long, value_enum, default_value = "majority")]
        by: Way,
        /// How long: 90m, 2h, 7d or 2w; the charter says how long at least
        #[arg(long = "for", value_name = "TIME", default_value = "7d", value_parser = time::duration)]
        minutes: u64,
        /// What there is to choose from, once for each (candidates are there by themselves)
        #[arg(long = "option", value_name = "WORDS")]
        options: Vec<String>,
        /// How many one may pick (choice), or the highest score (score)
        #[arg(long, value_name = "N")]
        most: Option<u8>,
        /// How many are chosen
        #[arg(long, value_name = "N")]
        winners: Option<u8>,
        /// Ballots are sealed until it closes: not secret, everybody sees them then, and a teller could look earlier
        #[arg(long)]
        sealed: bool,
    },
    /// Close a vote whose time is over, or in which everybody has voted
    #[command(after_help = "Example:\n  caucus poll close North 4")]
    Close {
        /// In which body
        body: String,
        /// The proposal's number
        number: u32,
    },
    /// Say that your ballot is missing from what was counted: the vote goes on
    #[command(after_help = "Example:\n  caucus poll missing North 4")]
    Missing {
        /// In which body
        body: String,
        /// The proposal's number
        number: u32,
    },
}

impl Poll {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        match self.what {
            What::Open {
                body,
                number,
                by,
                minutes,
                options,
                most,
                winners,
                sealed,
            } => {
                let what = StepWord::Open {
                    method: match by {
                        Way::Majority => MethodWord::Majority,
                        Way::Choice => MethodWord::Choice,
                        Way::Ranked => MethodWord::Ranked,
                        Way::Consent => MethodWord::Consent,
                        Way::Score => MethodWord::Score,
                    },
                    options,
                    minutes,
                    sealed,
                    most,
                    winners,
                };
                take_step(
                    session,
                    body,
                    number,
                    what,
                    "It is voted on; `caucus vote` votes.",
                )
            }
            What::Close { body, number } => {
                let words = "Closed; `caucus proposal show` tells what came out.";
                take_step(session, body, number, StepWord::Close {}, words)
            }
            What::Missing { body, number } => take_step(
                session,
                body,
                number,
                StepWord::Missing {},
                "Said; the vote goes on.",
            ),
        }
    }
}
