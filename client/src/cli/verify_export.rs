//! `caucus verify-export`: checks the signature of an export.

use std::path::PathBuf;

use clap::Args;

use super::console::{bold, plain};
use super::ending;
use super::failure::Failure;
use super::session::Session;
use crate::app::{Answer, verify};

/// Check that nobody changed an export, and by whose key it is signed; needs no vault
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus verify-export for-the-bank/decisions.md")]
pub(super) struct VerifyExport {
    /// The file; its .sig and signer.pem lie beside it
    file: PathBuf,
    /// The key that must have signed it, where you have it from elsewhere
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

impl VerifyExport {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let verified = verify(&self.file, self.key.as_deref()).map_err(Failure::Problem)?;
        ending::show(session, Answer::Verified { key: verified }, |session, answer| {
            let Answer::Verified { key } = answer else {
                return Err(Session::unexpected(&answer));
            };
            session.console.line([
                plain("The signature fits: nobody has changed it since it was signed by the key "),
                bold(key),
            ])?;
            session.console.flush()?;
            if self.key.is_none() {
                session.console.remark(
                    "  whose key that is, its owner tells you: compare it with one that you have from them",
                );
            }
            Ok(())
        })
    }
}
