//! `caucus invite`: opens an invite.

use clap::Args;

use super::failure::Failure;
use super::session::Session;
use super::{ending, qr, time};
use crate::app::{Answer, Intent};

/// Make an invite link; whoever has it may ask to join, and somebody in the body decides
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus invite North --uses 3 --expires 2d")]
pub(super) struct Invite {
    /// Into which body
    body: String,
    /// How many may come by it
    #[arg(long, default_value_t = 1, value_name = "N")]
    uses: u16,
    /// How long it lives, from 1m to 30d
    #[arg(long, default_value = "7d", value_name = "TIME", value_parser = time::duration)]
    expires: u64,
    /// Show it as a QR code as well
    #[arg(long)]
    qr: bool,
}

impl Invite {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let answer = session.ask_in(
            &self.body,
            &Intent::Invite {
                body: self.body.clone(),
                uses: self.uses,
                minutes: self.expires,
            },
        )?;
        ending::show(session, answer, |session, answer| match answer {
            Answer::Invited {
                number,
                link,
                uses,
                expires,
                ..
            } => {
                if self.qr {
                    qr::show(&mut session.console, &link)?;
                }
                session.console.say(&link)?;
                session.console.flush()?;
                session.console.remark(&format!(
                    "Invite {number}: for {}, until {} UTC. Give the link only to whom it is for.",
                    if uses == 1 {
                        "one person".to_owned()
                    } else {
                        format!("{uses} people")
                    },
                    time::clock(expires, session.now)
                ));
                session
                    .console
                    .remark("  next: they run `caucus join`; `caucus requests` shows who asks");
                Ok(())
            }
            other => Err(Session::unexpected(&other)),
        })
    }
}
