//! `caucus propose`: proposes what the body should decide.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::charter::read_file;
use super::console::{bold, plain};
use super::failure::Failure;
use super::session::Session;
use super::{ending, link};
use crate::app::{Answer, Intent, SubjectWord};

/// Propose what the body should decide: words, people, offices, rules, links with other bodies
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  caucus propose text North \"A hall for the winter\" --text \"We rent it.\""
)]
pub(super) struct Propose {
    #[command(subcommand)]
    what: What,
}

#[derive(Args, Debug, Default)]
struct Words {
    /// What it says; what is left out of it is not decided
    #[arg(long, value_name = "TEXT", default_value = "")]
    text: String,
    /// As --text, from a file
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    file: Option<PathBuf>,
}

#[derive(Subcommand, Debug)]
enum What {
    /// That the body says, does or agrees to something
    #[command(after_help = "Example:\n  caucus propose text North \"A hall for the winter\" --file hall.txt")]
    Text {
        /// In which body
        body: String,
        /// In a few words
        title: String,
        #[command(flatten)]
        words: Words,
    },
    /// That somebody who asks to join is let in
    #[command(after_help = "Example:\n  caucus propose admit North Gus --text \"I know him from work.\"")]
    Admit {
        /// In which body
        body: String,
        /// Who asks
        name: String,
        #[command(flatten)]
        words: Words,
    },
    /// That somebody is removed
    #[command(after_help = "Example:\n  caucus propose remove North Eve --text \"She took the money.\"")]
    Remove {
        /// In which body
        body: String,
        /// Whom
        name: String,
        #[command(flatten)]
        words: Words,
    },
    /// That an office is given to one of these, or to some
    #[command(after_help = "Example:\n  caucus propose elect North treasurer Ana Ben")]
    Elect {
        /// In which body
        body: String,
        /// Which office, in the body's words
        office: String,
        /// Who may be elected
        #[arg(required = true)]
        names: Vec<String>,
        #[command(flatten)]
        words: Words,
    },
    /// That an office is taken from whoever holds it
    #[command(after_help = "Example:\n  caucus propose recall North secretary --text \"Nothing was done.\"")]
    Recall {
        /// In which body
        body: String,
        /// Which office, in the body's words
        office: String,
        /// From whom, where several hold it
        #[arg(long, value_name = "NAME")]
        of: Option<String>,
        #[command(flatten)]
        words: Words,
    },
    /// Another charter, from a file
    #[command(
        after_help = "Example:\n  caucus propose charter North north.toml\n\n`caucus charter show North --toml > north.toml` writes the one there is, to change it."
    )]
    Charter {
        /// In which body
        body: String,
        /// The file
        charter: PathBuf,
        #[command(flatten)]
        words: Words,
    },
    /// Other points of unity
    #[command(after_help = "Example:\n  caucus propose principles North en=unity.txt es=unidad.txt")]
    Principles {
        /// In which body
        body: String,
        /// A language tag and the file with the text in it, for every language
        #[arg(required = true, value_name = "TAG=FILE")]
        texts: Vec<String>,
        /// Only a slip of the pen is mended: nobody has to accept it anew
        #[arg(long)]
        typo: bool,
        #[command(flatten)]
        words: Words,
    },
    /// An amendment that whoever made a proposal did not take over, to be voted on
    #[command(after_help = "Example:\n  caucus propose amendment North 4 2")]
    Amendment {
        /// In which body
        body: String,
        /// Number of the proposal
        proposal: u32,
        /// Number of the amendment
        amendment: u32,
        #[command(flatten)]
        words: Words,
    },
    /// That the offer of a link with another body is accepted
    #[command(
        after_help = "Example:\n  caucus propose link North\n\n`caucus link preview North` shows first what an offer says."
    )]
    Link {
        /// In which body
        body: String,
        /// The text of the offer; asked for if none is given; - reads it from standard input
        offer: Option<String>,
        /// In a few words; says with whom if none is given
        #[arg(long, default_value = "", value_name = "T")]
        title: String,
        #[command(flatten)]
        words: Words,
    },
    /// That a directive of another body is adopted; voted down, it is declined
    #[command(after_help = "Example:\n  caucus propose directive North 3")]
    Directive {
        /// In which body
        body: String,
        /// Its number
        number: u32,
        /// Of which other body, where it could be of several
        #[arg(long, value_name = "BODY")]
        from: Option<String>,
        /// In a few words; says which if none is given
        #[arg(long, default_value = "", value_name = "T")]
        title: String,
        #[command(flatten)]
        words: Words,
    },
}

impl Propose {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let (body, title, words, subject) = match self.what {
            What::Text { body, title, words } => (body, title, words, SubjectWord::Text {}),
            What::Admit { body, name, words } => (body, String::new(), words, SubjectWord::Admit { name }),
            What::Remove { body, name, words } => (body, String::new(), words, SubjectWord::Remove { name }),
            What::Elect {
                body,
                office,
                names,
                words,
            } => (body, String::new(), words, SubjectWord::Elect { office, names }),
            What::Recall {
                body,
                office,
                of: name,
                words,
            } => (body, String::new(), words, SubjectWord::Recall { office, name }),
            What::Charter { body, charter, words } => {
                let toml = read_file(&charter)?;
                (body, String::new(), words, SubjectWord::Charter { toml })
            }
            What::Principles {
                body,
                texts,
                typo,
                words,
            } => {
                let texts = read_texts(&texts)?;
                let substance = !typo;
                (
                    body,
                    String::new(),
                    words,
                    SubjectWord::Principles { texts, substance },
                )
            }
            What::Amendment {
                body,
                proposal,
                amendment,
                words,
            } => (
                body,
                String::new(),
                words,
                SubjectWord::Amendment { proposal, amendment },
            ),
            What::Link {
                body,
                offer,
                title,
                words,
            } => {
                let offer = link::text(offer, session)?;
                (body, title, words, SubjectWord::Link { offer })
            }
            What::Directive {
                body,
                number,
                from,
                title,
                words,
            } => (body, title, words, SubjectWord::Directive { from, number }),
        };
        propose(session, body, title, words, subject)
    }
}

/// Another charter: `caucus charter propose`.
pub(super) fn charter(session: &mut Session, body: String, charter: &PathBuf) -> Result<u8, Failure> {
    let toml = read_file(charter)?;
    propose(
        session,
        body,
        String::new(),
        Words::default(),
        SubjectWord::Charter { toml },
    )
}

fn propose(
    session: &mut Session,
    body: String,
    title: String,
    words: Words,
    subject: SubjectWord,
) -> Result<u8, Failure> {
    let text = match words.file {
        Some(file) => read_file(&file)?,
        None => words.text,
    };
    let intent = Intent::Propose {
        body: body.clone(),
        title,
        text,
        subject,
    };
    let answer = session.ask_in(&body, &intent)?;
    ending::show(session, answer, |session, answer| {
        let Answer::Proposed { body, number } = answer else {
            return Err(Session::unexpected(&answer));
        };
        session
            .console
            .line([plain("Proposed: number "), bold(number.to_string()), plain(".")])?;
        session.console.flush()?;
        session.console.remark(&format!(
            "  next: `caucus poll open \"{body}\" {number}` puts it to the vote; `caucus proposal show \"{body}\" {number}` shows it"
        ));
        Ok(())
    })
}

/// Texts by language, from `TAG=FILE`.
pub(super) fn read_texts(texts: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    let mut read = BTreeMap::new();
    for pair in texts {
        let (language, file) = pair.split_once('=').ok_or_else(|| {
            Failure::usage(format!("\"{pair}\" is no TAG=FILE"), "write it as en=unity.txt")
        })?;
        let text = read_file(&PathBuf::from(file))?;
        if read.insert(language.to_lowercase(), text).is_some() {
            return Err(Failure::usage(
                format!("there are two texts for \"{language}\""),
                "give one for each language",
            ));
        }
    }
    Ok(read)
}
