//! `caucus withdraw`: says that an announcement or a directive holds no more.

use clap::Args;

use super::announce::issue;
use super::failure::Failure;
use super::session::Session;
use crate::app::ItemWord;

/// Withdraw an announcement or a directive that a body of yours sent; it goes to whom that went
///
/// Whoever has it already keeps it, and sees that it is withdrawn.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus withdraw City 4 --because \"The hall is closed\"")]
pub(super) struct Withdraw {
    /// Which of your bodies sent it
    body: String,
    /// Its number, as `caucus issued` shows it
    number: u32,
    /// Why; whoever has it sees that
    #[arg(long, default_value = "", value_name = "TEXT")]
    because: String,
}

impl Withdraw {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let item = ItemWord::Withdrawal {
            of: self.number,
            reason: self.because,
        };
        issue(session, self.body, item, Vec::new())
    }
}
