//! `completions` and `man`: for the shell, and for whoever reads manuals.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;
use serde_json::json;

use super::{Cli, Failure, answer};

pub(super) fn completions(cli: &Cli, shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "caucus-relay", &mut script);
    if cli.json {
        let script = String::from_utf8_lossy(&script);
        return answer(cli, "", &json!({ "script": script }));
    }
    let mut out = io::stdout().lock();
    out.write_all(&script)
        .and_then(|()| out.flush())
        .map_err(|error| Failure::output(&error))
}

pub(super) fn man(cli: &Cli, folder: &Path) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::pages(folder, &error);
    fs::create_dir_all(folder).map_err(failed)?;
    clap_mangen::generate_to(Cli::command(), folder).map_err(failed)?;
    let text = format!("The pages are in {}.", folder.display());
    answer(cli, &text, &json!({ "folder": folder }))
}
