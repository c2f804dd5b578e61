//! `caucus principles`: the points of unity of a body, and who has accepted them.

use clap::{Args, Subcommand};

use super::console::{bold, dim, plain};
use super::ending;
use super::failure::Failure;
use super::propose::read_texts;
use super::remove::sure;
use super::session::Session;
use super::time;
use crate::app::{Answer, Intent, PrinciplesView, TextView};

/// Read, set and accept a body's points of unity (a cell's cardinal principles)
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus principles show North")]
pub(super) struct Principles {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    /// Show the text, and who has accepted it
    #[command(after_help = "Example:\n  caucus principles show North --language es")]
    Show {
        /// Of which body
        body: String,
        /// In which language; in all if none is given
        #[arg(long, value_name = "TAG")]
        language: Option<String>,
    },
    /// Accept the text
    #[command(after_help = "Example:\n  caucus principles accept North --language en")]
    Accept {
        /// Of which body
        body: String,
        /// In which language you read it; needed if there are several
        #[arg(long, value_name = "TAG")]
        language: Option<String>,
        /// You have read it: do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Set the text; needs the power "principles"
    #[command(
        after_help = "Example:\n  caucus principles set North en=unity.txt es=unidad.txt\n  \
                            caucus principles set North en=unity.txt --typo"
    )]
    Set {
        /// Of which body
        body: String,
        /// A language tag and the file with the text in it, for every language
        #[arg(required = true, value_name = "TAG=FILE")]
        texts: Vec<String>,
        /// Only a slip of the pen is mended: nobody has to accept it anew
        #[arg(long)]
        typo: bool,
    },
}

impl Principles {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        match self.what {
            What::Show { body, language } => show(session, &body, language.as_deref()),
            What::Accept { body, language, yes } => accept(session, &body, language.as_deref(), yes),
            What::Set { body, texts, typo } => set(session, body, &texts, typo),
        }
    }
}

fn ask(session: &mut Session, body: &str) -> Result<Answer, Failure> {
    let intent = Intent::Principles {
        body: body.to_owned(),
    };
    session.ask_in(body, &intent)
}

fn show(session: &mut Session, body: &str, language: Option<&str>) -> Result<u8, Failure> {
    let answer = ask(session, body)?;
    ending::show(session, answer, |session, answer| {
        let Answer::Principles(view) = answer else {
            return Err(Session::unexpected(&answer));
        };
        if view.version == 0 {
            return session.console.say(&format!("There are no {} yet.", view.word));
        }
        let wanted = |text: &&TextView| language.is_none_or(|language| language == text.language);
        for text in view.texts.iter().filter(wanted) {
            tell_text(session, &view, text)?;
        }
        for one in &view.accepted {
            session.console.line([
                plain("  accepted by "),
                bold(one.name.as_str()),
                dim(format!(", version {}, {}", one.version, one.language)),
            ])?;
        }
        for name in &view.missing {
            session
                .console
                .line([plain("  not yet by "), bold(name.as_str())])?;
        }
        if let Some(due) = view.due {
            session.console.flush()?;
            session.console.remark(&format!(
                "  next: `caucus principles accept \"{}\"` before {}",
                view.body,
                time::day(due)
            ));
        }
        Ok(())
    })
}

fn tell_text(session: &mut Session, view: &PrinciplesView, text: &TextView) -> Result<(), Failure> {
    session.console.line([
        bold(format!("{} of {}", view.word, view.body)),
        dim(format!(", version {}, {}", view.version, text.language)),
    ])?;
    for line in text.text.lines() {
        session.console.line([plain("  "), plain(line)])?;
    }
    Ok(())
}

fn accept(session: &mut Session, body: &str, language: Option<&str>, yes: bool) -> Result<u8, Failure> {
    let Answer::Principles(view) = ask(session, body)? else {
        return Err(Session::unexpected(&Answer::Done {}));
    };
    let languages: Vec<_> = view.texts.iter().map(|text| text.language.as_str()).collect();
    let text = match (language, &view.texts[..]) {
        (None, [only]) => only,
        (None, []) => {
            return Err(Failure::usage(
                format!("there are no {} to accept", view.word),
                "wait until somebody sets them",
            ));
        }
        (language, texts) => texts
            .iter()
            .find(|text| Some(text.language.as_str()) == language)
            .ok_or_else(|| {
                Failure::usage(
                    format!("the text is there in: {}", languages.join(", ")),
                    "give one of them with --language",
                )
            })?,
    };
    if !yes {
        tell_text(session, &view, text)?;
        session.console.flush()?;
        sure(session, false, &format!("Do you accept the {}?", view.word))?;
    }
    let intent = Intent::Accept {
        body: body.to_owned(),
        language: text.language.clone(),
        hash: text.hash.clone(),
    };
    let answer = session.ask_in(body, &intent)?;
    ending::done(session, answer, &format!("You have accepted the {}.", view.word))
}

fn set(session: &mut Session, body: String, texts: &[String], typo: bool) -> Result<u8, Failure> {
    let intent = Intent::SetPrinciples {
        body: body.clone(),
        texts: read_texts(texts)?,
        substance: !typo,
    };
    let answer = session.ask_in(&body, &intent)?;
    ending::done(
        session,
        answer,
        if typo {
            "Set; what people accepted before still counts."
        } else {
            "Set; everybody is asked to accept it."
        },
    )
}
