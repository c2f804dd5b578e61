//! Ends that commands have in common.

use super::failure::Failure;
use super::session::Session;
use crate::app::{Answer, Code};

/// Exit code of an answer: an act that waits on this device has its own.
#[must_use]
pub(super) const fn exit_of(answer: &Answer) -> u8 {
    match answer {
        Answer::Queued { .. } | Answer::Removed { position: None, .. } => Code::Queued.exit(),
        _ => 0,
    }
}

/// Shows an answer: with `--json` as it is, else in the words of `tell`; what waits is told alike everywhere.
///
/// # Errors
/// `Failure` if nobody reads, or of `tell`.
pub(super) fn show(
    session: &mut Session,
    answer: Answer,
    tell: impl FnOnce(&mut Session, Answer) -> Result<(), Failure>,
) -> Result<u8, Failure> {
    let exit = exit_of(&answer);
    if session.console.json {
        session.console.answer(&answer)?;
    } else if let Answer::Queued { waiting, why } = &answer {
        session
            .console
            .say("queued: it will be sent when the relay is there")?;
        session.console.flush()?;
        session.console.remark(&format!("  why: {why}"));
        if *waiting > 1 {
            session
                .console
                .remark(&format!("  {waiting} things wait in this room"));
        }
    } else {
        tell(session, answer)?;
    }
    Ok(exit)
}

/// Shows that something was done.
///
/// # Errors
/// As `show`.
pub(super) fn done(session: &mut Session, answer: Answer, words: &str) -> Result<u8, Failure> {
    show(session, answer, |session, answer| match answer {
        Answer::Done {} => session.console.say(words),
        other => Err(Session::unexpected(&other)),
    })
}
