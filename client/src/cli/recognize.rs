//! `caucus recognize`: gives one's word that a request is from whom it claims to be from.

use clap::Args;

use super::ending;
use super::failure::Failure;
use super::remove;
use super::session::Session;
use super::verify;
use crate::app::{Answer, Code, Intent, Problem, RequestView};

/// Say that whoever asks to come back is who they say: compare the request's code with them first
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus recognize 3")]
pub(super) struct Recognize {
    /// The request's number, as `caucus requests` shows it
    number: u64,
    /// You spoke with them, and they read out the same code: do it without asking
    #[arg(long)]
    yes: bool,
}

impl Recognize {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        if !self.yes {
            let request = returning(session, self.number)?;
            let claims = request.claims.unwrap_or_default();
            verify::show_code_of(session, &request.name, &request.code)?;
            let question = format!(
                "Did you speak with {claims} yourself, and do they read out the same code from `caucus joins`?"
            );
            remove::sure(session, false, &question)?;
        }
        let intent = Intent::Recognize { number: self.number };
        let answer = session.ask(&intent)?;
        ending::done(session, answer, "Your word is given.")
    }
}

/// The request of somebody who says that they lost everything.
pub(super) fn returning(session: &mut Session, number: u64) -> Result<RequestView, Failure> {
    let answer = session.ask(&Intent::Requests { body: None })?;
    let Answer::Requests { requests } = answer else {
        return Err(Session::unexpected(&answer));
    };
    let found = requests.into_iter().find(|request| request.number == number);
    found.filter(|request| request.claims.is_some()).ok_or_else(|| {
        Failure::Problem(Problem::new(
            Code::NotFound,
            format!("request {number} is from nobody who says that they lost everything"),
            "see `caucus requests`",
        ))
    })
}
