//! `caucus found`: founds a body.

use clap::{Args, ValueEnum};

use super::console::{bold, plain};
use super::ending;
use super::failure::Failure;
use super::session::Session;
use crate::app::{Answer, Intent, KindWord, SuiteWord};

/// Found a body at the relay that you added last
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus found cell \"North\" --as ana")]
pub(super) struct Found {
    /// What kind of body
    kind: Kind,
    /// What it is called; every member sees it, the relay does not
    label: String,
    /// Your name in it, which need not be your name elsewhere
    #[arg(long = "as", value_name = "NAME")]
    name: Option<String>,
    /// Without post-quantum key exchange: smaller entries, for slow networks
    #[arg(long)]
    classical: bool,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum Kind {
    /// Small and closed
    Cell,
}

impl Found {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let answer = session.ask(&Intent::Found {
            kind: match self.kind {
                Kind::Cell => KindWord::Cell,
            },
            label: self.label,
            name: self.name,
            suite: if self.classical {
                SuiteWord::Classical
            } else {
                SuiteWord::Hybrid
            },
        })?;
        ending::show(session, answer, |session, answer| match answer {
            Answer::Founded { body, name, .. } => {
                session.console.line([
                    plain("The cell "),
                    bold(format!("\"{body}\"")),
                    plain(format!(" is founded; you are \"{name}\" in it.")),
                ])?;
                session.console.remark(&format!(
                    "  next: `caucus invite \"{body}\"` makes a link for the next person"
                ));
                Ok(())
            }
            other => Err(Session::unexpected(&other)),
        })
    }
}
