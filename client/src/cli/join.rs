//! `caucus join`: asks to join by an invite link, and waits for the decision. On a bare machine it makes the
//! vault too.

use clap::Args;

use super::failure::Failure;
use super::session::Session;
use super::{ending, init, relay, verify};
use crate::app::{Answer, Code, Intent, JoinStage, JoinView};

/// How an invite link begins.
pub(super) const SCHEME: &str = "caucus-invite:";

/// Most bytes of a link with whatever surrounds it.
const LONGEST: u64 = 64 * 1024;

/// How long one question for the decision waits, in milliseconds; a waiting command asks again and again.
const TURN: u64 = 10_000;

/// Ask to join a body by an invite link; makes your vault too if there is none
///
/// Then it waits until you are let in. You may end the waiting at any time: the agent goes on by itself.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  caucus join caucus-invite:... --as ana\n  caucus join - --as ana < link.txt\n  caucus join - --return-as ana"
)]
pub(super) struct Join {
    /// The invite link; - or nothing reads it from standard input, where it stays out of the shell's history
    link: Option<String>,
    /// Your name in the body, which need not be your name elsewhere
    #[arg(long = "as", value_name = "NAME", required_unless_present = "claims")]
    name: Option<String>,
    /// You lost everything and were NAME in this body: ask to come back as the same person
    #[arg(long = "return-as", value_name = "NAME")]
    claims: Option<String>,
    /// A word to those who decide
    #[arg(long, default_value = "", value_name = "TEXT")]
    word: String,
    /// Do not wait for the decision
    #[arg(long)]
    no_wait: bool,
}

impl Join {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let link = link(self.link, session)?;
        // The name that one had is taken, by oneself.
        let again = self.claims.as_ref().map(|claims| format!("{claims} again"));
        let intent = Intent::Join {
            link,
            name: self.name.or(again).unwrap_or_default(),
            word: self.word,
            claims: self.claims,
        };
        let answer = match session.ask(&intent) {
            Err(Failure::Problem(problem)) if problem.code == Code::NoVault => {
                session.console.remark(
                    "There is no vault yet; this makes one. Keep its passphrase well: nobody can restore it.",
                );
                init::make(session)?;
                session.ask(&intent)?
            }
            other => other?,
        };
        let waits = !self.no_wait && !session.console.json;
        let Answer::Joining { number, body } = &answer else {
            return Err(Session::unexpected(&answer));
        };
        let (number, body) = (*number, body.clone());
        ending::show(session, answer, |session, _| asked(session, &body, waits))?;
        session.console.flush()?;
        if waits { wait(session, number) } else { Ok(0) }
    }
}

fn asked(session: &mut Session, body: &str, waits: bool) -> Result<(), Failure> {
    if body.is_empty() {
        session
            .console
            .say("waiting for the relay: the request is sent when it is there")?;
    } else {
        session
            .console
            .say(&format!("waiting for admission in \"{body}\""))?;
    }
    if waits {
        session
            .console
            .remark("  Somebody there decides. You may close this (Ctrl-C): your agent goes on by itself.");
    } else {
        session.console.remark(
            "  Somebody there decides; your agent goes on by itself. `caucus joins` shows how far it is.",
        );
    }
    Ok(())
}

fn wait(session: &mut Session, number: u64) -> Result<u8, Failure> {
    let mut told: Option<String> = None;
    let mut sending = true;
    loop {
        let answer = session.ask(&Intent::AwaitJoin {
            number,
            milliseconds: TURN,
        })?;
        let Answer::Joins { joins } = &answer else {
            return Err(Session::unexpected(&answer));
        };
        let Some(join) = joins.first() else {
            return Err(Session::unexpected(&answer));
        };
        match join.stage {
            JoinStage::Sending | JoinStage::Waiting => {
                if sending && join.stage == JoinStage::Waiting {
                    sending = false;
                    if let Some(code) = join.code.as_ref().filter(|_| join.claims.is_some()) {
                        verify::show_request_code(session, code)?;
                    }
                    if told.take().is_some() {
                        session
                            .console
                            .say(&format!("waiting for admission in \"{}\"", join.body))?;
                        session.console.flush()?;
                    }
                }
                if join.why.is_some() && join.why != told {
                    session
                        .console
                        .remark(&format!("  {}", join.why.as_deref().unwrap_or_default()));
                    told.clone_from(&join.why);
                }
            }
            JoinStage::Joined | JoinStage::Declined | JoinStage::Failed => return end(session, join),
        }
    }
}

fn end(session: &mut Session, join: &JoinView) -> Result<u8, Failure> {
    let why = join.why.as_deref().unwrap_or_default();
    let because = if why.is_empty() {
        String::new()
    } else {
        format!(": {why}")
    };
    match join.stage {
        JoinStage::Declined => Err(Failure::Problem(crate::app::Problem::new(
            Code::Denied,
            format!("\"{}\" declined the request{because}", join.body),
            "talk to whoever gave you the link; for another try you need a new one",
        ))),
        JoinStage::Failed => Err(Failure::Problem(crate::app::Problem::new(
            Code::RoomState,
            format!("the request cannot go on{because}"),
            "ask for a new link",
        ))),
        _ => {
            let body = &join.body;
            session
                .console
                .say(&format!("You are in \"{body}\" as \"{}\".", join.name))?;
            session.console.flush()?;
            session.console.remark(&format!(
                "  next: `caucus say \"{body}\" \"Hello\"`; `caucus read \"{body}\" --follow` listens"
            ));
            Ok(0)
        }
    }
}

/// The link as given, from standard input, or asked for on a terminal.
fn link(given: Option<String>, session: &mut Session) -> Result<String, Failure> {
    let link = match given {
        Some(link) if link != "-" => link,
        _ if session.console.interactive => {
            session.console.ask("Paste the invite link: ").unwrap_or_default()
        }
        _ if session.source.passphrase_stdin => {
            return Err(Failure::usage(
                "standard input cannot be both the link and the passphrase",
                "give --passphrase-file FILE instead",
            ));
        }
        _ => session
            .console
            .rest_of_input(LONGEST)
            .ok()
            .flatten()
            .ok_or_else(|| {
                Failure::bad_input(
                    "what came on standard input is no invite link",
                    "give the link alone",
                )
            })?,
    };
    let link = link.trim();
    if link.is_empty() {
        return Err(Failure::usage(
            "an invite link is needed",
            "give it as `caucus join LINK --as NAME`, or on standard input",
        ));
    }
    if link.starts_with(relay::SCHEME) {
        return Err(Failure::bad_input(
            "this is a relay's address, not an invite link",
            "add the relay with `caucus relay add ADDRESS`; to join, ask a member for a link that begins with caucus-invite:",
        ));
    }
    Ok(link.to_owned())
}
