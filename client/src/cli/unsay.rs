//! `caucus unsay`: deletes a message of one's own.

use clap::Args;

use super::failure::Failure;
use super::remove;
use super::reply::Message;
use super::session::Session;
use crate::app::RemarkWord;

/// Delete a message of your own, with the file that it names; nothing brings it back
///
/// It is shown as deleted. The words are gone from every device of the room that takes this in; whoever read them has read
/// them, and the relay keeps the ciphertext until its own term is over.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus unsay North 41")]
pub(super) struct Unsay {
    #[command(flatten)]
    message: Message,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Unsay {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        remove::sure(session, self.yes, &format!("Delete {}?", self.message.words()))?;
        self.message.remark(session, RemarkWord::Unsay {})
    }
}
