//! `caucus invites`: open invites.

use clap::Args;

use super::console::{bold, plain};
use super::failure::Failure;
use super::session::Session;
use super::table::Table;
use super::{ending, time};
use crate::app::{Answer, Intent};

/// Show open invites, with their links where this device made them
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus invites North")]
pub(super) struct Invites {
    /// Of which body; of all if none is given
    body: Option<String>,
}

impl Invites {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let intent = Intent::Invites {
            body: self.body.clone(),
        };
        let answer = session.ask_in(self.body.as_deref().unwrap_or_default(), &intent)?;
        ending::show(session, answer, |session, answer| {
            let Answer::Invites { invites } = answer else {
                return Err(Session::unexpected(&answer));
            };
            if invites.is_empty() {
                return session.console.say("No invite is open.");
            }
            let mut table = Table::with_head(["BODY", "N", "BY", "LEFT", "UNTIL (UTC)", "LINK"]);
            let mut remarks = Vec::new();
            for invite in invites {
                let closed = invite
                    .closed
                    .map(|why| format!("Invite {}: {why}.", invite.number));
                remarks.extend(closed);
                table.row([
                    bold(invite.body),
                    plain(invite.number.to_string()),
                    plain(invite.by),
                    plain(invite.left.to_string()),
                    plain(time::clock(invite.expires, session.now)),
                    plain(
                        invite
                            .link
                            .unwrap_or_else(|| "on the inviter's device".to_owned()),
                    ),
                ]);
            }
            table.print(&mut session.console, 0)?;
            session.console.flush()?;
            for remark in remarks {
                session.console.remark(&remark);
            }
            Ok(())
        })
    }
}
