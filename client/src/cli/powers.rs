//! `caucus powers`: who may do what now, and why.

use clap::Args;

use super::console::{bold, dim, plain, warn};
use super::ending;
use super::failure::Failure;
use super::session::Session;
use super::table::Table;
use crate::app::{Answer, Intent};

/// Show who may do what now, and by which office
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus powers North")]
pub(super) struct Powers {
    /// In which body
    body: String,
}

impl Powers {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let intent = Intent::Powers {
            body: self.body.clone(),
        };
        let answer = session.ask_in(&self.body, &intent)?;
        ending::show(session, answer, |session, answer| {
            let Answer::Powers { powers, .. } = answer else {
                return Err(Session::unexpected(&answer));
            };
            let mut table = Table::with_head(["MAY", "WHO, AND BY WHAT", "YOU", "WHAT FOR"]);
            for power in powers {
                let holders: Vec<_> = power
                    .holders
                    .iter()
                    .map(|(name, by)| format!("{name} ({by})"))
                    .collect();
                table.row([
                    bold(power.power),
                    if holders.is_empty() {
                        warn("nobody now")
                    } else {
                        plain(holders.join(", "))
                    },
                    if power.mine { plain("yes") } else { dim("-") },
                    dim(power.what),
                ]);
            }
            table.print(&mut session.console, 0)
        })
    }
}
