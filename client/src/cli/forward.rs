//! `caucus forward`: passes on what another body announced, with that body's signature.

use clap::Args;

use super::console::{bold, plain};
use super::failure::Failure;
use super::session::Session;
use super::{ending, plain as harmless};
use crate::app::{Answer, Intent};

/// Pass on what another body announced, or withdrew, to the bodies that hear yours
///
/// It stays that body's word: whoever reads it checks that body's signature and sees that it came by way of yours. Only
/// what it announced to all who hear it can be forwarded, and nothing in it can be changed.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  caucus forward North \"City Committee\" 4\n\nWhose key that is, readers who are not linked with that body have from yours: forward what comes from bodies that you know. `caucus withdraw BODY N`, with the number that this prints, takes it back."
)]
pub(super) struct Forward {
    /// Which of your bodies passes it on
    body: String,
    /// Whose announcement it is: what that body is called, or the first letters of its id
    from: String,
    /// Its number, as `caucus feed show` shows it
    number: u32,
}

impl Forward {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let Self { body, from, number } = self;
        let intent = Intent::Forward {
            body: body.clone(),
            from,
            number,
        };
        let answer = session.ask_in(&body, &intent)?;
        ending::show(session, answer, |session, answer| {
            let Answer::Issued { body, number } = answer else {
                return Err(Session::unexpected(&answer));
            };
            session
                .console
                .line([plain("Forwarded as "), bold(number.to_string()), plain(".")])?;
            session.console.flush()?;
            let body = harmless::word(&body);
            session.console.remark(&format!(
                "  next: `caucus issued {body}` shows what went out; `caucus withdraw {body} {number}` forwards it no more"
            ));
            Ok(())
        })
    }
}
