//! `caucus found`: founds a body.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::charter::read_file;
use super::console::{bold, plain};
use super::ending;
use super::failure::Failure;
use super::session::Session;
use crate::app::{Answer, Intent, KindWord, SuiteWord};

/// Found a body at the relay that you added last
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  caucus found cell \"North\" --as ana\n  caucus found chapter \"Harbour\" --charter harbour.toml"
)]
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
    /// The rules it begins with, as `caucus charter draft` writes them [default: those of its kind]
    #[arg(long, value_name = "FILE")]
    charter: Option<PathBuf>,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
pub(super) enum Kind {
    /// Small and closed, everyone a cadre
    Cell,
    /// A mass organization
    Chapter,
    /// An organizing committee or an editorial board
    Committee,
}

impl Kind {
    const fn word(self) -> KindWord {
        match self {
            Self::Cell => KindWord::Cell,
            Self::Chapter => KindWord::Chapter,
            Self::Committee => KindWord::Committee,
        }
    }

    /// What the machine calls it.
    pub(super) const fn machine(self) -> caucus_proto::org::Kind {
        match self {
            Self::Cell => caucus_proto::org::Kind::Cell,
            Self::Chapter => caucus_proto::org::Kind::Chapter,
            Self::Committee => caucus_proto::org::Kind::Committee,
        }
    }
}

impl Found {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let charter = self.charter.as_ref().map(read_file).transpose()?;
        let kind = self.kind;
        let answer = session.ask(&Intent::Found {
            kind: kind.word(),
            charter,
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
                    plain(match kind {
                        Kind::Cell => "The cell ",
                        Kind::Chapter => "The chapter ",
                        Kind::Committee => "The committee ",
                    }),
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
