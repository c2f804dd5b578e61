//! The relay's key on disk: `relay.key` in the data folder, PKCS#8, for its owner only; and the text it is
//! backed up as (PEM, RFC 7468).

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use rustix::fs::OFlags;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::clock::this_hour;
use crate::net::{Identity, IdentityError};

/// Its name.
pub const FILE: &str = "relay.key";

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";
const LINE: usize = 64;
/// No key in any form is larger.
const LARGEST: u64 = 4096;

/// Why a key file does not serve.
#[derive(Debug, Error)]
pub enum KeyFileError {
    /// There is none.
    #[error("there is no key in {0}")]
    Missing(PathBuf),
    /// The folder or file cannot be used.
    #[error("cannot {what} {path}: {error}")]
    Io {
        /// Attempt.
        what: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Others may read it.
    #[error("{0} may be read by other users of this machine")]
    Open(PathBuf),
    /// It holds something else.
    #[error("{path}: {error}")]
    NotAKey {
        /// Which.
        path: PathBuf,
        /// Why.
        error: IdentityError,
    },
    /// Another key is there already.
    #[error("{0} holds another key already")]
    Another(PathBuf),
}

fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> KeyFileError {
    let path = path.to_path_buf();
    move |error| KeyFileError::Io { what, path, error }
}

fn no_follow() -> i32 {
    OFlags::NOFOLLOW.bits().cast_signed()
}

/// Makes a folder and those above it; the folder itself is for its owner only.
///
/// # Errors
/// `KeyFileError::Io`.
pub fn make_folder(folder: &Path) -> Result<(), KeyFileError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(io("make the folder", folder))
}

/// The key in a data folder.
///
/// # Errors
/// `KeyFileError`; `Missing` if there is none.
pub fn load(folder: &Path) -> Result<Identity, KeyFileError> {
    let path = folder.join(FILE);
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(no_follow())
        .open(&path);
    let file = match opened {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(KeyFileError::Missing(path)),
        opened => opened.map_err(io("read", &path))?,
    };
    let mode = file.metadata().map_err(io("read", &path))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Open(path));
    }
    let bytes = read(file).map_err(io("read", &path))?;
    Identity::from_pkcs8(&bytes).map_err(|error| KeyFileError::NotAKey { path, error })
}

/// The key in a data folder; a new one if there is none.
///
/// # Errors
/// `KeyFileError`.
pub fn load_or_make(folder: &Path) -> Result<Identity, KeyFileError> {
    match load(folder) {
        Err(KeyFileError::Missing(path)) => {
            make_folder(folder)?;
            let made = Identity::generate().map_err(|error| KeyFileError::NotAKey { path, error })?;
            save(folder, &made, false)?;
            Ok(made)
        }
        loaded => loaded,
    }
}

/// Puts a key into a data folder. Another one that is there is replaced only with `force`.
///
/// # Errors
/// `KeyFileError`; `Another` if there is one.
pub fn save(folder: &Path, identity: &Identity, force: bool) -> Result<(), KeyFileError> {
    let path = folder.join(FILE);
    match load(folder) {
        Ok(there) if there.key() == identity.key() => return Ok(()),
        Err(KeyFileError::Missing(_)) => {}
        _ if force => {}
        Ok(_) | Err(KeyFileError::NotAKey { .. } | KeyFileError::Open(_)) => {
            return Err(KeyFileError::Another(path));
        }
        Err(error) => return Err(error),
    }
    make_folder(folder)?;
    let fresh = folder.join(format!("{FILE}.new"));
    // A leftover of an interrupted attempt holds nothing that anybody uses.
    let _ = fs::remove_file(&fresh);
    write_secret(&fresh, identity.pkcs8())?;
    fs::rename(&fresh, &path).map_err(io("write", &path))?;
    let durable = File::open(folder).and_then(|folder| folder.sync_all());
    durable.map_err(io("flush", folder))
}

/// Writes a new file that only its owner reads; never through a link, never over another file.
///
/// # Errors
/// `KeyFileError::Io`.
pub fn write_secret(path: &Path, bytes: &[u8]) -> Result<(), KeyFileError> {
    let opened = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .custom_flags(no_follow())
        .open(path);
    let mut file = opened.map_err(io("write", path))?;
    let written = file.write_all(bytes).and_then(|()| {
        // As of every other file, it tells the hour at which it was made and no more.
        // A file system that keeps no times is no reason to stop.
        let _ = file.set_modified(this_hour());
        file.sync_all()
    });
    written.map_err(io("write", path))
}

/// The key as text for a backup.
#[must_use]
pub fn to_pem(identity: &Identity) -> Zeroizing<String> {
    let encoded = Zeroizing::new(BASE64.encode(identity.pkcs8()));
    let mut pem = Zeroizing::new(format!("{BEGIN}\n"));
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE));
        pem.push_str(line);
        pem.push('\n');
        rest = after;
    }
    pem.push_str(END);
    pem.push('\n');
    pem
}

/// A key from a backup: text or PKCS#8 bytes.
///
/// # Errors
/// `IdentityError::NotAKey`.
pub fn from_backup(bytes: &[u8]) -> Result<Identity, IdentityError> {
    let text = std::str::from_utf8(bytes).ok().map(str::trim);
    let inner = text.and_then(|text| text.strip_prefix(BEGIN)?.strip_suffix(END));
    let Some(inner) = inner else {
        return Identity::from_pkcs8(bytes);
    };
    let joined: Zeroizing<String> = Zeroizing::new(inner.split_whitespace().collect());
    let decoded = BASE64
        .decode(joined.as_bytes())
        .map_err(|_| IdentityError::NotAKey)?;
    Identity::from_pkcs8(&Zeroizing::new(decoded))
}

/// All of a small source.
///
/// # Errors
/// Whatever reading says.
pub fn read(from: impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    from.take(LARGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("a/b");
        let made = load_or_make(&data).unwrap();
        assert_eq!(load_or_make(&data).unwrap().key(), made.key());
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&data.join(FILE)), 0o600);
        assert_eq!(mode(&data), 0o700);
        fs::set_permissions(data.join(FILE), fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(load(&data), Err(KeyFileError::Open(_))));
    }

    #[test]
    fn another_key_is_replaced_only_by_force() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (Identity::generate().unwrap(), Identity::generate().unwrap());
        save(folder.path(), &one, false).unwrap();
        save(folder.path(), &one, false).unwrap();
        assert!(matches!(
            save(folder.path(), &two, false),
            Err(KeyFileError::Another(_))
        ));
        assert_eq!(load(folder.path()).unwrap().key(), one.key());
        save(folder.path(), &two, true).unwrap();
        assert_eq!(load(folder.path()).unwrap().key(), two.key());
    }

    #[test]
    fn a_planted_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let elsewhere = folder.path().join("elsewhere");
        fs::write(&elsewhere, b"mine").unwrap();
        symlink(&elsewhere, folder.path().join(FILE)).unwrap();
        assert!(matches!(load(folder.path()), Err(KeyFileError::Io { .. })));
        assert!(load_or_make(folder.path()).is_err());
        assert!(write_secret(&folder.path().join(FILE), b"x").is_err());
        assert_eq!(fs::read(&elsewhere).unwrap(), b"mine");
    }

    #[test]
    fn a_backup_reads_back_as_text_and_as_bytes_and_a_broken_one_is_refused() {
        let identity = Identity::generate().unwrap();
        let pem = to_pem(&identity);
        assert_eq!(from_backup(pem.as_bytes()).unwrap().key(), identity.key());
        assert_eq!(from_backup(identity.pkcs8()).unwrap().key(), identity.key());
        for broken in [&pem.as_bytes()[..60], b"", b"hello"] {
            assert!(from_backup(broken).is_err());
        }
    }
}
