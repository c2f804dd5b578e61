//! `caucus meeting`: call a meeting, hold it, write its minutes and adopt them.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::charter::read_file;
use super::failure::Failure;
use super::remove::sure;
use super::session::Session;
use super::{ending, meetings};
use crate::app::{Answer, Intent, MeetingAct, MeetingView, MeetingWord};
use crate::calendar;

/// Most bytes of minutes read from standard input; the body takes 16 KiB.
const LONGEST: u64 = 64 * 1024;

/// Call and hold meetings: agenda, who is there, who speaks, votes by hands, minutes
///
/// Whoever may facilitate guides a meeting; while nobody who may is there, whoever called it does too. A vote by hands is
/// recorded as one and decides nothing. All times are UTC.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus meeting show North")]
pub(super) struct Meeting {
    #[command(subcommand)]
    what: What,
}

/// Of which body, and which of its meetings.
#[derive(Args, Debug)]
struct Which {
    /// Of which body
    body: String,
    /// Which meeting, where it could be several
    #[arg(long, value_name = "N")]
    meeting: Option<u32>,
}

#[derive(Subcommand, Debug)]
enum What {
    /// Call a meeting
    #[command(
        after_help = "Example:\n  caucus meeting call North --title \"The winter\" --at \"2026-12-01 19:00\" --item \"The hall\" --item \"The heating\""
    )]
    Call {
        /// Of which body
        body: String,
        /// What it is about, in a few words
        #[arg(long, value_name = "T")]
        title: String,
        /// For when, in UTC: YYYY-MM-DD HH:MM
        #[arg(long, value_name = "DATE", value_parser = date)]
        at: u64,
        /// A point of the agenda; give one option for each
        #[arg(long = "item", value_name = "TEXT")]
        items: Vec<String>,
    },
    /// Show which meetings there are
    #[command(after_help = "Example:\n  caucus meeting list North")]
    List {
        /// Of which body
        body: String,
    },
    /// Show how a meeting stands: who is there, who speaks, votes, minutes
    #[command(after_help = "Example:\n  caucus meeting show North 3")]
    Show {
        /// Of which body
        body: String,
        /// Its number; the latest that is not over if none is given
        number: Option<u32>,
    },
    /// Set the agenda; what was reached stays where it is
    #[command(after_help = "Example:\n  caucus meeting agenda North --item \"The hall\" --item \"The roof\"")]
    Agenda {
        #[command(flatten)]
        which: Which,
        /// A point; give one option for each
        #[arg(long = "item", value_name = "TEXT")]
        items: Vec<String>,
    },
    /// Begin it; you are there then
    #[command(after_help = "Example:\n  caucus meeting open North")]
    Open(Which),
    /// Say that you are there
    #[command(after_help = "Example:\n  caucus meeting here North")]
    Here(Which),
    /// Say that you leave
    #[command(after_help = "Example:\n  caucus meeting leave North")]
    Leave(Which),
    /// Ask to speak
    #[command(after_help = "Example:\n  caucus meeting ask North")]
    Ask(Which),
    /// Take that back, or say that you have spoken
    #[command(after_help = "Example:\n  caucus meeting withdraw North")]
    Withdraw(Which),
    /// Give the word to somebody who asked
    #[command(after_help = "Example:\n  caucus meeting give North ben")]
    Give {
        #[command(flatten)]
        which: Which,
        /// To whom
        name: String,
    },
    /// Go to a point of the agenda
    #[command(after_help = "Example:\n  caucus meeting item North 2")]
    Item {
        #[command(flatten)]
        which: Which,
        /// Its number
        number: u16,
    },
    /// Record a vote by hands; it decides nothing
    #[command(
        after_help = "Example:\n  caucus meeting hands North --question \"Do we rent it?\" --yes 4 --no 1 --abstain 0"
    )]
    Hands {
        #[command(flatten)]
        which: Which,
        /// On what
        #[arg(long, value_name = "Q")]
        question: String,
        /// For it
        #[arg(long, value_name = "N")]
        yes: u16,
        /// Against it
        #[arg(long, value_name = "N")]
        no: u16,
        /// Neither
        #[arg(long, value_name = "N", default_value_t = 0)]
        abstain: u16,
    },
    /// Confirm the counts of a vote by hands that somebody else recorded, or contest them
    #[command(
        after_help = "Example:\n  caucus meeting witness North 1\n  caucus meeting witness North 1 --contest"
    )]
    Witness {
        #[command(flatten)]
        which: Which,
        /// Which vote
        vote: u16,
        /// They are not right
        #[arg(long)]
        contest: bool,
    },
    /// End it
    #[command(after_help = "Example:\n  caucus meeting close North")]
    Close(Which),
    /// Draft the minutes from the log, or submit them; without an option the draft is only shown
    #[command(
        after_help = "Example:\n  caucus meeting minutes North --draft minutes.md\n  caucus meeting minutes North --file minutes.md"
    )]
    Minutes {
        #[command(flatten)]
        which: Which,
        /// Write the draft into this new file
        #[arg(long, value_name = "FILE", conflicts_with = "file")]
        draft: Option<PathBuf>,
        /// Submit the text of this file; - reads it from standard input
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Adopt the minutes
    #[command(after_help = "Example:\n  caucus meeting adopt North")]
    Adopt {
        #[command(flatten)]
        which: Which,
        /// You have read them: do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Say that the minutes are not right
    #[command(after_help = "Example:\n  caucus meeting contest North --reason \"Ben was there too\"")]
    Contest {
        #[command(flatten)]
        which: Which,
        /// Why; the body sees it
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Call it off
    #[command(after_help = "Example:\n  caucus meeting cancel North")]
    Cancel(Which),
}

fn date(text: &str) -> Result<u64, String> {
    calendar::minute(text).ok_or_else(|| "give a day and a time, in UTC: \"2026-12-01 19:00\"".to_owned())
}

impl Meeting {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let (which, act, words) = match self.what {
            What::Call {
                body,
                title,
                at,
                items,
            } => return call(session, body, title, at, items),
            What::List { body } => return meetings::list(session, &body),
            What::Show { body, number } => return meetings::show(session, &body, number),
            What::Minutes { which, draft, file } => return minutes(session, &which, draft, file),
            What::Adopt { which, yes } => return adopt(session, which, yes),
            What::Contest { which, reason } => {
                let version = to_judge(session, &which)?.1;
                let act = MeetingAct::Contest { version, reason };
                (which, act, "You have contested the minutes.")
            }
            What::Agenda { which, items } => (which, MeetingAct::Agenda { items }, "The agenda is set."),
            What::Open(which) => (which, MeetingAct::Open {}, "It is open, and you are there."),
            What::Here(which) => (which, MeetingAct::Here {}, "You are there."),
            What::Leave(which) => (which, MeetingAct::Leave {}, "You have left."),
            What::Ask(which) => (which, MeetingAct::Ask {}, "You ask to speak."),
            What::Withdraw(which) => (which, MeetingAct::Withdraw {}, "You do not ask to speak."),
            What::Give { which, name } => (which, MeetingAct::Give { name }, "The word is given."),
            What::Item { which, number } => (which, MeetingAct::Item { number }, "The point is reached."),
            What::Hands {
                which,
                question,
                yes,
                no,
                abstain,
            } => {
                let act = MeetingAct::Hands {
                    question,
                    yes,
                    no,
                    abstain,
                };
                (
                    which,
                    act,
                    "It is recorded; others confirm the counts with `caucus meeting witness`.",
                )
            }
            What::Witness { which, vote, contest } => {
                let right = !contest;
                let words = if right {
                    "You have confirmed the counts."
                } else {
                    "You have contested the counts."
                };
                (which, MeetingAct::Witness { vote, right }, words)
            }
            What::Close(which) => (
                which,
                MeetingAct::Close {},
                "It is closed; `caucus meeting minutes` drafts its minutes.",
            ),
            What::Cancel(which) => (which, MeetingAct::Cancel {}, "It is called off."),
        };
        act_on(session, &which, act, words)
    }
}

fn act_on(session: &mut Session, which: &Which, act: MeetingAct, words: &str) -> Result<u8, Failure> {
    let intent = Intent::Meeting {
        body: which.body.clone(),
        number: which.meeting,
        act,
    };
    let answer = session.ask_in(&which.body, &intent)?;
    ending::done(session, answer, words)
}

fn call(
    session: &mut Session,
    body: String,
    title: String,
    at: u64,
    agenda: Vec<String>,
) -> Result<u8, Failure> {
    let intent = Intent::CallMeeting {
        body: body.clone(),
        title,
        at,
        agenda,
    };
    let answer = session.ask_in(&body, &intent)?;
    ending::show(session, answer, |session, answer| match answer {
        Answer::Meetings { meetings, .. } => {
            let number = meetings.first().map_or(0, |made| made.number);
            session.console.say(&format!("Meeting {number} is called."))
        }
        Answer::Done {} => session.console.say("It is called."),
        other => Err(Session::unexpected(&other)),
    })
}

fn minutes(
    session: &mut Session,
    which: &Which,
    draft: Option<PathBuf>,
    file: Option<PathBuf>,
) -> Result<u8, Failure> {
    if let Some(file) = file {
        let text = submitted(session, &file)?;
        let act = MeetingAct::Minutes { text };
        let words = "They are written; whoever was there is asked to adopt them.";
        return act_on(session, which, act, words);
    }
    let intent = Intent::DraftMinutes {
        body: which.body.clone(),
        number: which.meeting,
    };
    let answer = session.ask_in(&which.body, &intent)?;
    let Answer::DraftMinutes { text, .. } = &answer else {
        return Err(Session::unexpected(&answer));
    };
    match draft {
        None => {
            let text = text.clone();
            ending::show(session, answer, |session, _| session.console.page(&text))
        }
        Some(path) => {
            written(&path, text)?;
            let words = format!("The draft is in {}.", path.display());
            ending::show(session, answer, |session, _| session.console.say(&words))
        }
    }
}

/// Nothing that is there is overwritten.
fn written(path: &Path, text: &str) -> Result<(), Failure> {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| {
            Failure::bad_input(
                format!("{} cannot be written: {error}", path.display()),
                "give the name of a file that is not there yet",
            )
        })
}

fn submitted(session: &mut Session, file: &PathBuf) -> Result<String, Failure> {
    if file.as_os_str() != "-" {
        return read_file(file);
    }
    if session.source.passphrase_stdin {
        return Err(Failure::usage(
            "standard input cannot be both the minutes and the passphrase",
            "give --passphrase-file FILE instead",
        ));
    }
    let text = session.console.rest_of_input(LONGEST).ok().flatten();
    text.ok_or_else(|| {
        Failure::bad_input(
            "what came on standard input is not UTF-8 or too long for minutes",
            "make it shorter",
        )
    })
}

/// The meeting whose minutes are to be judged, and their version.
fn to_judge(session: &mut Session, which: &Which) -> Result<(MeetingView, u32), Failure> {
    let closed = |view: &MeetingView| view.stage == MeetingWord::Closed && view.minutes.is_some();
    let view = meetings::ask(session, &which.body, which.meeting, closed)?;
    let version = view.minutes.as_ref().map(|minutes| minutes.version);
    let version = version.ok_or_else(|| {
        Failure::bad_input(
            format!("there are no minutes of meeting {} yet", view.number),
            "`caucus meeting minutes` drafts some",
        )
    })?;
    Ok((view, version))
}

fn adopt(session: &mut Session, mut which: Which, yes: bool) -> Result<u8, Failure> {
    let (view, version) = to_judge(session, &which)?;
    which.meeting = Some(view.number);
    if !yes {
        if let Some(text) = view.minutes.as_ref().and_then(|minutes| minutes.text.as_ref()) {
            session.console.page(text)?;
            session.console.flush()?;
        }
        sure(
            session,
            false,
            &format!("Do you adopt the minutes of meeting {}?", view.number),
        )?;
    }
    let act = MeetingAct::Adopt { version };
    act_on(session, &which, act, "You have adopted the minutes.")
}
