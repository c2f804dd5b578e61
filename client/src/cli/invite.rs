//! `caucus invite`: opens an invite.

use std::path::PathBuf;

use clap::Args;

use super::failure::Failure;
use super::poster::Poster;
use super::session::Session;
use super::{ending, qr, time};
use crate::app::{Answer, Intent};

/// Make an invite link; whoever has it may ask to join, and somebody in the body decides
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  caucus invite North --uses 3 --expires 2d\n  caucus invite North --uses 300 --expires 30d --poster poster.svg"
)]
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
    /// Write a poster to print as well: an SVG file of the size A4
    #[arg(long, value_name = "FILE")]
    poster: Option<PathBuf>,
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
                body,
            } => {
                let until = format!("{} UTC", time::clock(expires, session.now));
                if let Some(file) = &self.poster {
                    let poster = Poster {
                        body: &body,
                        link: &link,
                        until: &until,
                    };
                    poster.write(file)?;
                }
                if self.qr {
                    qr::show(&mut session.console, &link)?;
                }
                session.console.say(&link)?;
                session.console.flush()?;
                session.console.remark(&format!(
                    "Invite {number}: for {}, until {until}. Give the link only to whom it is for.",
                    if uses == 1 {
                        "one person".to_owned()
                    } else {
                        format!("{uses} people")
                    }
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
