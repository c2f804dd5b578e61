//! `caucus lock`: closes the vault, now or after a time without use.

use clap::Args;

use super::ending;
use super::failure::Failure;
use super::session::Session;
use super::time;
use crate::app::{Answer, Intent};

/// Lock the vault: no keys in memory, no connection, no sync
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus lock\n  caucus lock --after 2h")]
pub(super) struct Lock {
    /// Not now, but from now on after so much time without use; "never" means never
    #[arg(long, value_name = "TIME", value_parser = idle)]
    after: Option<u32>,
}

impl Lock {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        if let Some(minutes) = self.after {
            let answer = session.ask(&Intent::Idle { minutes })?;
            let words = match minutes {
                0 => "It never locks by itself.".to_owned(),
                _ => format!("It locks after {} without use.", time::span(u64::from(minutes))),
            };
            return ending::done(session, answer, &words);
        }
        // Without an agent nothing is open.
        let answer = session.ask_running(&Intent::Lock {})?.unwrap_or(Answer::Done {});
        ending::done(session, answer, "Locked.")
    }
}

fn idle(text: &str) -> Result<u32, String> {
    if text == "never" {
        return Ok(0);
    }
    match time::duration(text)? {
        0 => Err("give at least one minute, or \"never\"".to_owned()),
        minutes => u32::try_from(minutes).map_err(|_| "this is too long; say \"never\"".to_owned()),
    }
}
