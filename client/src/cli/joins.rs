//! `caucus joins`: requests of one's own.

use clap::Args;

use super::console::{bold, plain, warn};
use super::ending;
use super::failure::Failure;
use super::session::Session;
use super::table::Table;
use super::verify;
use crate::app::{Answer, Intent, JoinStage};

/// Show your own requests to join, or give one up
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus joins\n  caucus joins --cancel 1")]
pub(super) struct Joins {
    /// Give up this request
    #[arg(long, value_name = "N")]
    cancel: Option<u64>,
}

impl Joins {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        if let Some(number) = self.cancel {
            let answer = session.ask(&Intent::CancelJoin { number })?;
            return ending::done(session, answer, &format!("Request {number} is given up."));
        }
        let answer = session.ask(&Intent::Joins {})?;
        ending::show(session, answer, |session, answer| {
            let Answer::Joins { joins } = answer else {
                return Err(Session::unexpected(&answer));
            };
            if joins.is_empty() {
                return session.console.say("You have asked nowhere.");
            }
            let mut table = Table::with_head(["N", "BODY", "YOU", "STAGE", ""]);
            let mut codes = Vec::new();
            let mut warnings = Vec::new();
            for join in joins {
                let number = join.number;
                codes.extend(join.code.filter(|_| join.claims.is_some()));
                warnings.extend((join.warnings.into_iter()).map(|warning| format!("  {number}: {warning}")));
                table.row([
                    plain(join.number.to_string()),
                    bold(join.body),
                    plain(join.name),
                    plain(stage(join.stage)),
                    plain(join.why.unwrap_or_default()),
                ]);
            }
            table.print(&mut session.console, 0)?;
            for code in codes {
                verify::show_request_code(session, &code)?;
            }
            for warning in warnings {
                session.console.line([warn(warning)])?;
            }
            Ok(())
        })
    }
}

/// How far, in words.
pub(super) const fn stage(stage: JoinStage) -> &'static str {
    match stage {
        JoinStage::Sending => "not yet at the relay",
        JoinStage::Waiting => "waiting for admission",
        JoinStage::Joined => "in",
        JoinStage::Declined => "declined",
        JoinStage::Failed => "failed",
    }
}
