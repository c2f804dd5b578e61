//! `caucus requests`: who asks to be let in.

use clap::Args;

use super::console::{bold, plain, warn};
use super::ending;
use super::failure::Failure;
use super::session::Session;
use super::table::Table;
use crate::app::{Answer, Intent};

/// Show who asks to be let in
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus requests\n  caucus requests North")]
pub(super) struct Requests {
    /// Into which body; into all if none is given
    body: Option<String>,
}

impl Requests {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let intent = Intent::Requests {
            body: self.body.clone(),
        };
        let answer = session.ask_in(self.body.as_deref().unwrap_or_default(), &intent)?;
        ending::show(session, answer, |session, answer| {
            let Answer::Requests { requests } = answer else {
                return Err(Session::unexpected(&answer));
            };
            if requests.is_empty() {
                return session.console.say("Nobody waits.");
            }
            let mut table = Table::with_head(["N", "BODY", "NAME", "INVITE", "VOUCHES", "WORD"]);
            let mut returning = false;
            let mut warnings = Vec::new();
            for request in requests {
                let number = request.number;
                warnings
                    .extend((request.warnings.into_iter()).map(|warning| format!("  {number}: {warning}")));
                returning |= request.claims.is_some();
                let claims = match (request.claims, request.contradicted) {
                    (Some(claims), true) => {
                        format!("says that they are {claims}, who was heard since: an imposter. ")
                    }
                    (Some(claims), false) => format!("says that they are {claims} and lost everything. "),
                    (None, _) => String::new(),
                };
                table.row([
                    plain(request.number.to_string()),
                    plain(request.body),
                    bold(request.name),
                    plain(request.invite.to_string()),
                    plain(match request.vouches_needed {
                        0 => request.vouches.join(", "),
                        needed if request.vouches.is_empty() => format!("none, {needed} needed"),
                        needed => format!("{}; {needed} needed", request.vouches.join(", ")),
                    }),
                    plain(format!("{claims}{}", request.word)),
                ]);
            }
            table.print(&mut session.console, 0)?;
            for warning in warnings {
                session.console.line([warn(warning)])?;
            }
            session.console.flush()?;
            session
                .console
                .remark("  next: `caucus admit N` or `caucus decline N --reason TEXT`");
            if returning {
                session
                    .console
                    .remark("  who lost everything: `caucus recognize N`, then `caucus replace N`");
            }
            Ok(())
        })
    }
}
