//! `export` and `import`: the whole store to another place.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use caucus_server::control::{self, Reply, Request};
use caucus_server::keyfile;
use caucus_server::store::Store;
use caucus_server::store::embedded::Embedded;
use serde_json::json;

use super::run::{STORE, options, runtime, stopped};
use super::{Cli, Failure, Home, answer, is_dash, note};

pub(super) fn export(cli: &Cli, home: &Home, to: &Path) -> Result<(), Failure> {
    if is_dash(to) {
        if io::stdout().is_terminal() {
            return Err(Failure::archive_on_terminal());
        }
        // What comes out is the archive and nothing else.
        let bytes = written(home, &mut io::stdout().lock())?;
        note(cli, &format!("{bytes} bytes were exported. {WITHOUT_KEY}"));
        return Ok(());
    }
    let opened = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(to);
    let mut file = opened.map_err(|error| Failure::archive(to, &error))?;
    let done = written(home, &mut file).and_then(|bytes| {
        file.sync_all()
            .map(|()| bytes)
            .map_err(|error| Failure::archive(to, &error))
    });
    let bytes = match done {
        Ok(bytes) => bytes,
        Err(failure) => {
            // Half an archive is of no use.
            let _ = fs::remove_file(to);
            return Err(failure);
        }
    };
    let text = format!("The store is in {}, {bytes} bytes.", to.display());
    answer(cli, &text, &json!({ "file": to, "bytes": bytes }))?;
    note(cli, WITHOUT_KEY);
    Ok(())
}

const WITHOUT_KEY: &str = "The relay's key is not in it: see `caucus-relay key export`.";

/// Writes the archive, and tells its bytes.
fn written(home: &Home, to: &mut dyn Write) -> Result<u64, Failure> {
    let asked = control::ask(&home.data, &Request::Export).map_err(|error| Failure::control(&error))?;
    match asked {
        Some((Reply::Archive, mut archive)) => copy(&mut archive, to),
        Some((reply, _)) => Err(Failure::reply(&reply)),
        None => {
            let (runtime, store) = stopped(home)?;
            let export = runtime.block_on(store.export())?;
            let export = export.ok_or_else(|| Failure::not_running(&home.data))?;
            let bytes = export.write(to).map_err(|error| Failure::output(&error))?;
            runtime.block_on(store.close())?;
            Ok(bytes)
        }
    }
}

/// Passes an archive on. It ends where its own last words stand: a relay that is killed meanwhile ends it too.
fn copy(from: &mut dyn Read, to: &mut dyn Write) -> Result<u64, Failure> {
    /// A tar archive ends with two empty blocks (POSIX.1-1988, ustar).
    const ENDING: usize = 1024;
    let mut buffer = vec![0; 64 * 1024];
    let (mut bytes, mut zeros) = (0, 0);
    loop {
        let read = from.read(&mut buffer).map_err(|error| Failure::control(&error))?;
        let part = buffer.get(..read).unwrap_or_default();
        if part.is_empty() {
            break;
        }
        let last = part.iter().rev().take_while(|byte| **byte == 0).count();
        zeros = if last == part.len() { zeros + last } else { last };
        to.write_all(part).map_err(|error| Failure::output(&error))?;
        bytes += read as u64;
    }
    to.flush().map_err(|error| Failure::output(&error))?;
    if zeros < ENDING {
        return Err(Failure::control(&io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(bytes)
}

pub(super) fn import(cli: &Cli, home: &Home, from: &Path) -> Result<(), Failure> {
    let config = home.filed()?;
    keyfile::make_folder(&home.data)?;
    let input: Box<dyn Read> = if is_dash(from) {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(from).map_err(|error| Failure::archive(from, &error))?)
    };
    let runtime = runtime()?;
    let usage = runtime.block_on(Embedded::import(&home.data.join(STORE), input, options(&config)))?;
    let text = format!(
        "The store is here: {} channels, {} bytes.",
        usage.channels, usage.bytes
    );
    answer(
        cli,
        &text,
        &json!({ "channels": usage.channels, "bytes": usage.bytes }),
    )?;
    if keyfile::load(&home.data).is_err() {
        note(
            cli,
            "Bring the relay's key too (`caucus-relay key import`): with another one it is another relay.",
        );
    }
    Ok(())
}
