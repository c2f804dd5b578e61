//! `caucus react`: marks a message.

use clap::Args;

use super::failure::Failure;
use super::reply::Message;
use super::session::Session;
use crate::app::RemarkWord;

/// Mark a message with an emoji or a short word, or take your mark away
///
/// At most four marks each; `caucus read` shows them with the message, how many and whose.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus react North 41 👍\n  caucus react North 41 👍 --off")]
pub(super) struct React {
    #[command(flatten)]
    message: Message,
    /// With what: at most 32 bytes, without blanks
    mark: String,
    /// Take it away
    #[arg(long)]
    off: bool,
}

impl React {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let (mark, off) = (self.mark, self.off);
        self.message.remark(session, RemarkWord::React { mark, off })
    }
}
