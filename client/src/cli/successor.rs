//! `caucus successor`: a room whose channel is gone, or whose relay is hostile, goes on in another channel.

use clap::Args;

use super::ending;
use super::failure::Failure;
use super::remove;
use super::session::Session;
use crate::app::{Answer, Code, Intent, Problem, SuccessorView, SuccessorWord};

/// Go on in a new channel where the room's own is gone or its relay lies: propose one, or follow somebody's
///
/// Without an option, your device makes a new channel at the same relay from the log and the state that it has, and
/// proposes it to everybody. People and offices stay; whoever does not follow is not in it, and what others said after
/// the last entry that you have read is not in it either. Only a keyholder's device can.
///
/// With --follow you ask to be let into the one that somebody proposes (`caucus status` shows which there are and how they
/// compare with your log). The old room stays as it is until you are in.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  caucus successor North\n  caucus successor North --follow ana\n  caucus successor North --stay"
)]
pub(super) struct Successor {
    /// Of which body
    body: String,
    /// Follow the one that this person proposes
    #[arg(long, value_name = "NAME", conflicts_with = "stay")]
    follow: Option<String>,
    /// Follow none any more
    #[arg(long)]
    stay: bool,
    /// Do not ask; a successor that contradicts your log is asked about all the same
    #[arg(long)]
    yes: bool,
}

impl Successor {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let body = &self.body;
        if self.stay {
            let name = None;
            let intent = Intent::Follow {
                body: body.clone(),
                name,
            };
            let answer = session.ask_in(body, &intent)?;
            return ending::done(session, answer, "You stay; no successor is followed.");
        }
        if let Some(name) = &self.follow {
            let proposed = proposed(session, body, name)?;
            answers(self.yes, proposed.word)?;
            let compared = proposed.compared();
            let question = format!("Follow {name} into another channel? Compared with your log: {compared}.");
            remove::sure(session, self.yes, &question)?;
            let intent = Intent::Follow {
                body: body.clone(),
                name: Some(name.clone()),
            };
            let answer = session.ask_in(body, &intent)?;
            let words = "You ask to be let in: it happens when somebody who is there is online, and `caucus status` shows it.";
            return ending::done(session, answer, words);
        }
        let question = format!(
            "Leave the channel of {body} and go on in a new one? Others come along only if they follow you."
        );
        remove::sure(session, self.yes, &question)?;
        let answer = session.ask_in(body, &Intent::Successor { body: body.clone() })?;
        let words = format!(
            "{body} goes on in a new channel, with you alone so far. The others see it in `caucus status` and follow \
             with `caucus successor {body} --follow` and your name."
        );
        ending::done(session, answer, &words)
    }
}

/// What this person proposes.
fn proposed(session: &mut Session, body: &str, name: &str) -> Result<SuccessorView, Failure> {
    let Answer::Rooms { rooms } = session.ask_in(body, &Intent::Rooms {})? else {
        return Err(Session::unexpected(&Answer::Done {}));
    };
    let named = |view: &SuccessorView| view.by.to_lowercase() == name.to_lowercase();
    let here = rooms
        .into_iter()
        .filter(|room| room.name.to_lowercase() == body.to_lowercase() || room.body.starts_with(body));
    here.flat_map(|room| room.successors).find(named).ok_or_else(|| {
        Failure::Problem(Problem::new(
            Code::NotFound,
            format!("{name} proposes no successor that this device has heard of"),
            "`caucus status` shows what was heard; ask them whether theirs is made",
        ))
    })
}

/// Whether `--yes` answers the question whether to follow a successor that compares so with one's log.
fn answers(yes: bool, word: SuccessorWord) -> Result<(), Failure> {
    if yes && word == SuccessorWord::Contradicts {
        return Err(Failure::usage(
            "nothing was done: this successor contradicts your log, and --yes does not answer that",
            "ask others which log they have; to follow it all the same, leave --yes out and answer y on a terminal",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yes_alone_follows_no_successor_that_contradicts_the_log() {
        use SuccessorWord::{Behind, Beyond, Contradicts, Matches, Unknown};
        for word in [Matches, Behind, Beyond, Contradicts, Unknown] {
            assert_eq!(answers(true, word).is_err(), word == Contradicts);
            assert!(answers(false, word).is_ok(), "asked about: {word:?}");
        }
    }
}
