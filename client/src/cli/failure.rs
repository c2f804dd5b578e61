//! How a command ends when it does not get its way: what happened, what to do next, and an exit code.

use std::io;

use serde::Serialize;

use super::console::Console;
use crate::app::{Code, Problem};

/// Exit code of wrong usage.
pub(super) const USAGE: u8 = 2;

/// Why a command does not get its way.
#[derive(Debug)]
pub(super) enum Failure {
    /// The agent's answer, or the like.
    Problem(Problem),
    /// The command cannot mean anything as it was given.
    Usage(Problem),
    /// Nobody reads standard output any more: an end without a word.
    Closed,
}

impl Failure {
    /// Wrong usage, and what would be right.
    pub(super) fn usage(message: impl Into<String>, next: impl Into<String>) -> Self {
        Self::Usage(Problem::new(Code::BadInput, message, next))
    }

    /// Something given is wrong.
    pub(super) fn bad_input(message: impl Into<String>, next: impl Into<String>) -> Self {
        Self::Problem(Problem::new(Code::BadInput, message, next))
    }

    pub(super) fn closed(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::Closed;
        }
        Self::Problem(Problem::new(
            Code::Internal,
            format!("the answer cannot be written: {error}"),
            "look at where the output goes; what was asked may be done",
        ))
    }

    /// The exit code.
    #[must_use]
    pub(super) const fn exit(&self) -> u8 {
        match self {
            Self::Problem(problem) => problem.code.exit(),
            Self::Usage(_) => USAGE,
            Self::Closed => 0,
        }
    }

    /// What kind it is, where the agent said so.
    #[must_use]
    pub(super) const fn code(&self) -> Option<Code> {
        match self {
            Self::Problem(problem) => Some(problem.code),
            Self::Usage(_) | Self::Closed => None,
        }
    }

    /// What happened, in words.
    #[must_use]
    pub(super) fn words(&self) -> String {
        match self {
            Self::Problem(problem) | Self::Usage(problem) => problem.message.clone(),
            Self::Closed => String::new(),
        }
    }

    /// Says it on standard error.
    pub(super) fn tell(&self, console: &mut Console) {
        #[derive(Serialize)]
        struct Told<'a> {
            error: &'a Problem,
        }
        let (Self::Problem(problem) | Self::Usage(problem)) = self else {
            return;
        };
        if console.json {
            console.complain_json(&Told { error: problem });
            return;
        }
        console.complain(&format!("caucus: {}", problem.message));
        if let Some(next) = &problem.next {
            console.complain(&format!("  next: {next}"));
        }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}
