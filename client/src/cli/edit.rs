//! `caucus edit`: says a message of one's own in other words.

use clap::Args;

use super::failure::Failure;
use super::reply::{Message, text};
use super::session::Session;
use crate::app::RemarkWord;

/// Say a message of your own in other words
///
/// It is shown as edited. The words before are gone from every device of the room that takes the edit in; whoever read them
/// has read them, and the relay keeps both as ciphertext until its own term is over.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus edit North 41 \"Meeting at nine\"")]
pub(super) struct Edit {
    #[command(flatten)]
    message: Message,
    /// The words; - reads them from standard input
    text: String,
}

impl Edit {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let text = text(session, self.text)?;
        self.message.remark(session, RemarkWord::Edit { text })
    }
}
