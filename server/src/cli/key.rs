//! `key export` and `key import`.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use caucus_server::keyfile;
use serde_json::json;

use super::{Cli, Failure, answer, is_dash, note};

pub(super) fn export(cli: &Cli, data: &Path, to: Option<&Path>) -> Result<(), Failure> {
    let identity = keyfile::load(data)?;
    let pem = keyfile::to_pem(&identity);
    let key = identity.key().to_string();
    match to {
        Some(file) if !is_dash(file) => {
            keyfile::write_secret(file, pem.as_bytes())?;
            let text = format!("The key {key} is in {}.", file.display());
            answer(cli, &text, &json!({ "key": key, "file": file }))?;
            note(
                cli,
                "Keep it where nobody else reads it: without it every room on this relay is orphaned.",
            );
            Ok(())
        }
        None if io::stdout().is_terminal() => Err(Failure::terminal()),
        _ if cli.json => answer(cli, "", &json!({ "key": key, "pem": pem.as_str() })),
        _ => {
            let mut out = io::stdout().lock();
            let written = out.write_all(pem.as_bytes()).and_then(|()| out.flush());
            written.map_err(|error| Failure::output(&error))
        }
    }
}

pub(super) fn import(cli: &Cli, data: &Path, from: &Path, force: bool) -> Result<(), Failure> {
    let bytes = if is_dash(from) {
        keyfile::read(io::stdin().lock())
    } else {
        File::open(from).and_then(keyfile::read)
    };
    let bytes = bytes.map_err(|error| Failure::input(&error))?;
    let identity = keyfile::from_backup(&bytes)?;
    keyfile::save(data, &identity, force)?;
    let key = identity.key().to_string();
    let text = format!("This relay has the key {key} now. A relay that runs takes it up at its next start.");
    answer(cli, &text, &json!({ "key": key }))
}
