//! `caucus verify`: the code that two people compare.

use clap::Args;

use super::console::bold;
use super::ending;
use super::failure::Failure;
use super::session::Session;
use crate::app::{Answer, Intent};

/// Groups of the code on a line.
const GROUPS: usize = 4;

/// Compare codes with somebody, face to face or by phone: the same code on both sides means nobody stands between
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus verify North ben")]
pub(super) struct Verify {
    /// In which body
    body: String,
    /// With whom
    name: String,
    /// The codes were compared and are the same: remember it without asking
    #[arg(long)]
    yes: bool,
}

impl Verify {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let answer = ask(session, &self.body, &self.name, self.yes)?;
        ending::show(session, answer, |session, answer| {
            let Answer::Code { name, code, verified } = answer else {
                return Err(Session::unexpected(&answer));
            };
            show_code(session, &name, &code)?;
            if verified {
                return session
                    .console
                    .say(&format!("You have compared codes with {name}."));
            }
            if session
                .console
                .confirm(&format!("Does {name} read out the same code?"))
            {
                ask(session, &self.body, &self.name, true)?;
                session.console.say(&format!("{name} is verified."))?;
            } else {
                session.console.remark(&format!(
                    "Compare it with what {name} sees, then run this with --yes. If it differs, somebody stands between you: do not go on."
                ));
            }
            Ok(())
        })
    }
}

/// Asks for the code, or says that it was compared.
pub(super) fn ask(session: &mut Session, body: &str, name: &str, confirmed: bool) -> Result<Answer, Failure> {
    let intent = Intent::Verify {
        body: body.to_owned(),
        name: name.to_owned(),
        confirmed,
    };
    session.ask_in(body, &intent)
}

/// Shows the code in groups.
pub(super) fn show_code(session: &mut Session, name: &str, code: &str) -> Result<(), Failure> {
    show_groups(session, &format!("The code between you and {name}:"), code)
}

/// Shows the code of one's own request, for whoever is to recognize one.
pub(super) fn show_request_code(session: &mut Session, code: &str) -> Result<(), Failure> {
    show_groups(
        session,
        "The code of your request, to be read out to those who know you:",
        code,
    )
}

/// Shows the code of somebody's request.
pub(super) fn show_code_of(session: &mut Session, name: &str, code: &str) -> Result<(), Failure> {
    show_groups(session, &format!("The code of {name}'s request:"), code)
}

fn show_groups(session: &mut Session, what: &str, code: &str) -> Result<(), Failure> {
    session.console.say(what)?;
    let groups: Vec<&str> = code.split_whitespace().collect();
    for line in groups.chunks(GROUPS) {
        session.console.line([bold(format!("    {}", line.join(" ")))])?;
    }
    session.console.flush()
}
