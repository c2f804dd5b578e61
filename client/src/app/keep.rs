//! The vault's file as a whole: put away, put back, looked at, destroyed.

use std::path::{Path, PathBuf};

use super::problem::{Code, Problem};
use crate::vault::{Examined, Passphrase, Tell, Vault, VaultError};

/// Writes a copy of an open vault.
pub(super) fn backup(vault: &Vault, file: &Path, replace: bool, tell: Tell<'_>) -> Result<(), Problem> {
    whole(file)?;
    vault
        .backup(file, replace, tell)
        .map_err(|error| of_backup(error, file))
}

/// Makes a backup the vault of a home.
pub(super) fn restore(
    home: &Path,
    file: &Path,
    passphrase: &Passphrase,
    tell: Tell<'_>,
) -> Result<(), Problem> {
    whole(file)?;
    Vault::restore(home, file, passphrase, tell).map_err(|error| of_restore(error, file))
}

/// Destroys the vault of a home, without its passphrase. Answers whether there was one.
///
/// # Errors
/// `Problem` if the key could not be overwritten or a file could not be removed.
pub fn destroy(home: &Path) -> Result<bool, Problem> {
    Vault::destroy(home).map_err(|error| {
        Problem::new(
            Code::Vault,
            format!("not everything could be destroyed: {error}"),
            format!(
                "make {} writable and run this again; if that does not help, destroy the disk",
                home.display()
            ),
        )
    })
}

/// What can be said of the vault of a home that no agent has open, without its passphrase.
///
/// # Errors
/// `Problem`: what is wrong with it.
pub fn examine(home: &Path) -> Result<Examined, Problem> {
    Ok(Vault::examine(home)?)
}

/// The agent's current folder is not its asker's.
fn whole(file: &Path) -> Result<(), Problem> {
    if file.is_absolute() {
        return Ok(());
    }
    Err(Problem::new(
        Code::BadInput,
        format!("{} is not a whole path", file.display()),
        "give the path from / on",
    ))
}

fn of_backup(error: VaultError, file: &Path) -> Problem {
    let shown = file.display();
    match error {
        VaultError::Taken => Problem::new(
            Code::BadInput,
            format!("{shown} is there already"),
            "choose another name, or replace it with --force",
        ),
        VaultError::NoFolder => Problem::new(
            Code::BadInput,
            format!("the folder of {shown} is not there"),
            "make it, or choose another",
        ),
        VaultError::NotPlain(_) => Problem::new(
            Code::BadInput,
            format!("{shown} cannot be the name of a file"),
            "give the name of a file",
        ),
        VaultError::Full => Problem::new(
            Code::Vault,
            format!("there is no room for the backup at {shown}"),
            "free some space or choose another disk; nothing of the backup was left there",
        ),
        VaultError::ReadOnly => Problem::new(
            Code::Vault,
            format!("{shown} cannot be written"),
            "choose a folder that you may write to",
        ),
        other => other.into(),
    }
}

fn of_restore(error: VaultError, file: &Path) -> Problem {
    let shown = file.display();
    match error {
        VaultError::Exists => Problem::new(
            Code::VaultExists,
            "there is a vault in this home: it is left as it is",
            "restore into another home (--home DIR). If this one is to go: `caucus backup` puts it away, `caucus destroy` removes it for good",
        ),
        VaultError::NoBackup => Problem::new(
            Code::BadInput,
            format!("there is no file {shown}"),
            "look where the backup is",
        ),
        VaultError::Unreadable => Problem::new(
            Code::BadInput,
            format!("{shown} may not be read by you"),
            "make it readable for you, or copy it",
        ),
        VaultError::NotPlain("backup") => Problem::new(
            Code::BadInput,
            format!("{shown} is no file"),
            "give the file that `caucus backup` wrote",
        ),
        VaultError::WrongPassphrase => Problem::new(
            Code::WrongPassphrase,
            "the passphrase does not open this backup",
            "it opens with the passphrase that the vault had when the backup was made; nothing was put in place",
        ),
        VaultError::Damaged(_) => Problem::new(
            Code::Vault,
            format!("{shown} is damaged, or no backup"),
            "use another copy of it; nothing was put in place",
        ),
        other => other.into(),
    }
}

/// A path from an intent.
pub(super) fn path(text: &str) -> PathBuf {
    PathBuf::from(text)
}
