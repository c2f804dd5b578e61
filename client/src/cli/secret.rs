//! Where passphrases come from: the terminal, a file, or standard input. Never from arguments or the
//! environment, where other programs of the machine could read them.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use zeroize::{Zeroize, Zeroizing};

use super::console::Console;
use super::failure::Failure;
use crate::app::Secret;

/// Longest passphrase in bytes.
const LONGEST: u64 = 4096;

/// Where the passphrase comes from, if not from the terminal.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Source {
    /// Read the passphrase from this file; one newline at its end does not count
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        conflicts_with = "passphrase_stdin",
        help_heading = "Global options"
    )]
    pub(super) passphrase_file: Option<PathBuf>,
    /// Read the passphrase from standard input; one newline at its end does not count
    #[arg(long, global = true, help_heading = "Global options")]
    pub(super) passphrase_stdin: bool,
}

impl Source {
    /// Whether there is one beside the terminal.
    #[must_use]
    pub(super) const fn is_given(&self) -> bool {
        self.passphrase_file.is_some() || self.passphrase_stdin
    }

    /// The passphrase of an existing vault.
    ///
    /// # Errors
    /// `Failure` if there is nobody to ask, or what was given cannot be read.
    pub(super) fn known(&self, console: &mut Console, prompt: &str) -> Result<Secret, Failure> {
        match self.given(console)? {
            Some(secret) => Ok(secret),
            None => asked(console, prompt),
        }
    }

    /// The passphrase of a vault to be: asked twice where it is typed.
    ///
    /// # Errors
    /// As `known`.
    pub(super) fn chosen(&self, console: &mut Console) -> Result<Secret, Failure> {
        match self.given(console)? {
            Some(secret) => Ok(secret),
            None => asked_twice(console),
        }
    }

    fn given(&self, console: &mut Console) -> Result<Option<Secret>, Failure> {
        if let Some(path) = &self.passphrase_file {
            return from_file(path).map(Some);
        }
        if self.passphrase_stdin {
            let text = console.rest_of_input(LONGEST).ok().flatten().ok_or_else(|| {
                Failure::bad_input(
                    "the passphrase on standard input is not UTF-8 or longer than 4096 bytes",
                    "give the passphrase alone",
                )
            })?;
            return Ok(Some(trimmed(text)));
        }
        Ok(None)
    }
}

/// A passphrase from a file.
///
/// # Errors
/// `Failure` if it cannot be read.
pub(super) fn from_file(path: &Path) -> Result<Secret, Failure> {
    let cannot = |why: String| {
        Failure::bad_input(
            format!("the passphrase file {} cannot be used: {why}", path.display()),
            "give a file with the passphrase alone",
        )
    };
    let file = File::open(path).map_err(|error| cannot(error.to_string()))?;
    let mut text = Zeroizing::new(String::new());
    let read = file
        .take(LONGEST + 1)
        .read_to_string(&mut text)
        .map_err(|error| cannot(error.to_string()))?;
    if read as u64 > LONGEST {
        return Err(cannot("it is longer than 4096 bytes".to_owned()));
    }
    Ok(trimmed(std::mem::take(&mut *text)))
}

/// Asks on the terminal twice, until both are the same.
pub(super) fn asked_twice(console: &mut Console) -> Result<Secret, Failure> {
    loop {
        let first = asked(console, "New passphrase: ")?;
        if first.0.is_empty() {
            console.remark("It must not be empty.");
            continue;
        }
        let again = asked(console, "The same again: ")?;
        if first == again {
            return Ok(first);
        }
        console.remark("These are not the same.");
    }
}

fn asked(console: &mut Console, prompt: &str) -> Result<Secret, Failure> {
    if !console.interactive {
        return Err(Failure::usage(
            "a passphrase is needed, and there is no terminal to ask on",
            "give --passphrase-file FILE or --passphrase-stdin",
        ));
    }
    console.flush()?;
    rpassword::prompt_password(prompt).map(Secret).map_err(|error| {
        Failure::bad_input(
            format!("the passphrase was not read: {error}"),
            "try again, or give --passphrase-file FILE",
        )
    })
}

fn trimmed(mut text: String) -> Secret {
    let mut length = text.len();
    if text.ends_with('\n') {
        length -= 1;
        if text.ends_with("\r\n") {
            length -= 1;
        }
    }
    let secret = Secret(text.get(..length).unwrap_or_default().to_owned());
    text.zeroize();
    secret
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_newline_at_the_end_does_not_count() {
        for (given, meant) in [
            ("a b\n", "a b"),
            ("a\r\n", "a"),
            ("a\n\n", "a\n"),
            (" a ", " a "),
            ("\n", ""),
        ] {
            assert_eq!(trimmed(given.to_owned()).0, meant);
        }
    }
}
