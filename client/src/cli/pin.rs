//! `caucus pin`: pins a message for everybody.

use clap::Args;

use super::failure::Failure;
use super::reply::Message;
use super::session::Session;
use crate::app::RemarkWord;

/// Pin a message for everybody in the room, or take a pin away
///
/// Anybody may do either; a room has at most sixteen pins. `caucus pins` shows them.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus pin North 41\n  caucus pin North 41 --off")]
pub(super) struct Pin {
    #[command(flatten)]
    message: Message,
    /// Take the pin away
    #[arg(long)]
    off: bool,
}

impl Pin {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let off = self.off;
        self.message.remark(session, RemarkWord::Pin { off })
    }
}
