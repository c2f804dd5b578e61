//! `caucus completions`: what a shell needs to complete commands.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::command::Cli;
use super::failure::Failure;
use super::session::Session;
use crate::app::Answer;

/// Print what your shell needs to complete commands
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  caucus completions bash > ~/.local/share/bash-completion/completions/caucus\n  caucus completions zsh > ~/.zfunc/_caucus\n  caucus completions fish > ~/.config/fish/completions/caucus.fish"
)]
pub(super) struct Completions {
    /// Which shell
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "caucus", &mut script);
        let script = String::from_utf8_lossy(&script).into_owned();
        if session.console.json {
            session.console.answer(&Answer::Completions { script })?;
        } else {
            session.console.page(&script)?;
        }
        Ok(0)
    }
}
