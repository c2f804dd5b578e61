//! The home folder, what lies in it, and the vault as far as it can be seen from outside.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use rustix::process::geteuid;

use super::{broken, ok, warning};
use crate::agent::{Home, process_of};
use crate::app::{self, Check, Code, VaultWord};

const STICKY: u32 = 0o1000;

/// The folder and the modes of what lies in it.
pub(super) fn look(home: &Home, checks: &mut Vec<Check>) {
    let folder = home.folder();
    let shown = folder.display().to_string();
    let meta = match folder.symlink_metadata() {
        Ok(meta) => meta,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            checks.push(ok(
                "home",
                format!("{shown} is not there yet: the first command makes it"),
            ));
            return;
        }
        Err(error) => {
            checks.push(broken(
                "home",
                format!("{shown} cannot be looked at: {error}"),
                "make it readable for you, or choose another with --home",
            ));
            return;
        }
    };
    let mine = geteuid().as_raw();
    checks.push(if !meta.is_dir() {
        broken(
            "home",
            format!("{shown} is a link or no folder"),
            "choose the folder itself with --home",
        )
    } else if meta.uid() != mine {
        broken(
            "home",
            format!("{shown} belongs to user {}, not to you ({mine})", meta.uid()),
            "run this as its owner, or choose another with --home",
        )
    } else if meta.mode() & 0o022 != 0 {
        broken(
            "home",
            format!("others may write to {shown} (mode {:04o})", meta.mode() & 0o7777),
            format!("look what is in it; if you trust that: chmod 700 {shown}"),
        )
    } else if meta.mode() & 0o077 != 0 {
        warning(
            "home",
            format!("others may look into {shown} (mode {:04o})", meta.mode() & 0o7777),
            format!("chmod 700 {shown}"),
        )
    } else {
        ok("home", format!("{shown}, for you alone"))
    });
    if let Some((above, owner)) = exposed_above(home) {
        checks.push(warning(
            "above home",
            format!("user {owner} or others may replace what is in {above}"),
            "move the home to where only you may write, with --home or CAUCUS_HOME",
        ));
    }
    for (name, socket) in [
        ("vault.redb", false),
        ("agent.lock", false),
        ("vault.lock", false),
        ("agent.sock", true),
    ] {
        let path = folder.join(name);
        let Ok(meta) = path.symlink_metadata() else {
            continue;
        };
        let kind = meta.file_type();
        let plain = if socket { kind.is_socket() } else { kind.is_file() };
        let shown = path.display();
        if !plain || meta.uid() != mine {
            checks.push(broken(
                name,
                format!("{shown} is not what should be there, or not yours"),
                "somebody may have tampered with the folder: look at it before going on",
            ));
        } else if meta.mode() & 0o177 != 0 {
            checks.push(warning(
                name,
                format!("others may open {shown} (mode {:04o})", meta.mode() & 0o7777),
                format!("chmod 600 {shown}"),
            ));
        }
    }
}

/// The first folder above the home that somebody else may change, and whose it is.
fn exposed_above(home: &Home) -> Option<(String, u32)> {
    let mine = geteuid().as_raw();
    home.folder().ancestors().skip(1).find_map(|above| {
        let meta = fs::metadata(above).ok()?;
        let others = meta.mode() & 0o022 != 0 && meta.mode() & STICKY == 0;
        let foreign = meta.uid() != mine && meta.uid() != 0;
        (others || foreign).then(|| (above.display().to_string(), meta.uid()))
    })
}

/// The vault: what the agent says, or what its file shows where none has it open.
pub(super) fn vault(home: &Home, word: Option<VaultWord>, checks: &mut Vec<Check>) {
    if word == Some(VaultWord::Open) {
        checks.push(ok("vault", "open"));
        return;
    }
    if word.is_none() && process_of(home).is_some() {
        checks.push(ok(
            "vault",
            "not looked at: the agent that does not answer may have it open",
        ));
        return;
    }
    checks.push(match app::examine(home.folder()) {
        Ok(seen) => ok(
            "vault",
            format!(
                "locked, whole, format {}, {} KiB; whether its passphrase is right only unlocking tells",
                seen.format,
                seen.bytes / 1024
            ),
        ),
        Err(problem) if problem.code == Code::NoVault => ok(
            "vault",
            "none yet: `caucus init` makes one, `caucus restore` puts a backup in place",
        ),
        Err(problem) => broken("vault", problem.message, problem.next.unwrap_or_default()),
    });
}
