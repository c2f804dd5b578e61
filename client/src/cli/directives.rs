//! `caucus directives`: what other bodies ask of one's own, and what one's own asks of others.

use clap::{Args, Subcommand, ValueEnum};

use super::announce::{Text, issue, words};
use super::console::{Piece, bold, dim, plain, warn};
use super::failure::Failure;
use super::plain::lines;
use super::session::Session;
use super::table::Table;
use super::{board, ending, form, plain as harmless, time};
use crate::app::{Answer, Code, Problem};
use crate::app::{AnswerWord, DirectiveView, FormField, Intent, ItemWord, PriorityWord};

/// What linked bodies ask of yours, and what yours ask of them: acknowledged, adopted or declined, done, reported on
///
/// A directive binds nobody by itself: each body decides for itself whether it adopts it. Deadlines are in local time, all other times UTC.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus directives list")]
pub(super) struct Directives {
    #[command(subcommand)]
    what: What,
}

/// A directive that a body was given.
#[derive(Args, Debug)]
struct Which {
    /// Which of your bodies was given it
    body: String,
    /// Its number
    number: u32,
    /// Of which other body, where it could be of several
    #[arg(long, value_name = "BODY")]
    from: Option<String>,
}

#[derive(Subcommand, Debug)]
enum What {
    /// Show what other bodies ask of yours, and how far each is
    #[command(after_help = "Example:\n  caucus directives list North --all")]
    List {
        /// Of which of your bodies; of all if none is given
        body: Option<String>,
        /// Also what was declined, reported on, replaced or withdrawn
        #[arg(long)]
        all: bool,
    },
    /// Show one: what it asks for, by when, and what a report on it tells
    #[command(after_help = "Example:\n  caucus directives show North 3")]
    Show(Which),
    /// Ask something of the bodies that take directives of yours
    #[command(
        after_help = "Example:\n  caucus directives issue City \"Ask every tenant.\" --title \"Count the vacancies\" --due 2026-12-01 --field \"How many?=number\" --field \"Met them?=yes/no\"\n\nWhat a --field takes: number, yes/no, text, or choice: with what there is to choose from, as in \"Mood=choice:good,bad\"."
    )]
    Issue(Box<Issue>),
    /// Say that your body has read it
    #[command(after_help = "Example:\n  caucus directives acknowledge North 3")]
    Acknowledge(Which),
    /// Say that your body will do it
    #[command(after_help = "Example:\n  caucus directives adopt North 3")]
    Adopt(Which),
    /// Say that your body will not do it, and why
    #[command(after_help = "Example:\n  caucus directives decline North 3 --because \"Nobody has the time\"")]
    Decline {
        #[command(flatten)]
        which: Which,
        /// Why; the other body sees it
        #[arg(long, value_name = "TEXT")]
        because: String,
    },
    /// Say that it is done
    #[command(after_help = "Example:\n  caucus directives done North 3")]
    Done(Which),
    /// Report what came of it
    #[command(
        after_help = "Example:\n  caucus directives report North 3 --value \"How many?=12\" --value \"Met them?=yes\" --text \"Two were away.\"\n  caucus directives report North 3 --text \"The list is attached.\" --attach 41"
    )]
    Report {
        #[command(flatten)]
        which: Which,
        /// A field of the form and what it is answered with; give one option for each
        #[arg(long = "value", value_name = "FIELD=ANSWER", value_parser = form::value)]
        values: Vec<(String, String)>,
        /// In words; - reads them from standard input
        #[arg(long, default_value = "", value_name = "T")]
        text: String,
        /// Number of a file of the body (`caucus send-file` first) that goes with it; more than once for several
        #[arg(long, value_name = "N")]
        attach: Vec<u64>,
    },
    /// Show what became of directives of a body of yours: by body, and what was reported in sum
    #[command(
        after_help = "Example:\n  caucus directives board City 3\n  caucus directives board City --csv > board.csv"
    )]
    Board {
        /// Which of your bodies sent them
        body: String,
        /// One of them; all that hold if none is given
        number: Option<u32>,
        /// Also what was replaced or withdrawn
        #[arg(long)]
        all: bool,
        /// As a table for a spreadsheet (CSV)
        #[arg(long)]
        csv: bool,
    },
}

#[derive(Args, Debug)]
struct Issue {
    /// Which of your bodies asks
    body: String,
    #[command(flatten)]
    text: Text,
    /// What it is about, in a few words
    #[arg(long, value_name = "T")]
    title: String,
    /// Only of these linked bodies, by name or number of the link; of all that take directives if none is given
    #[arg(long, value_delimiter = ',', value_name = "BODY,..")]
    to: Vec<String>,
    /// By when it is to be done: a day, or a day and a time, by your clock
    #[arg(long, value_name = "DATE", value_parser = time::deadline)]
    due: Option<u64>,
    /// By when it is to be acknowledged
    #[arg(long, value_name = "DATE", value_parser = time::deadline)]
    acknowledge: Option<u64>,
    /// How urgent it is
    #[arg(long, value_enum, default_value_t = Priority::Normal)]
    priority: Priority,
    /// What a report on it tells; give one option for each field
    #[arg(long = "field", value_name = "LABEL=WHAT", value_parser = form::field)]
    fields: Vec<FormField>,
    /// Number of the directive whose place it takes
    #[arg(long, value_name = "N")]
    replaces: Option<u32>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Priority {
    /// As it comes
    Normal,
    /// Before others
    High,
    /// At once
    Urgent,
}

impl Directives {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        match self.what {
            What::List { body, all } => list(session, body.as_deref(), all),
            What::Show(which) => show(session, &which),
            What::Issue(what) => what.run(session),
            What::Acknowledge(which) => acknowledge(session, which),
            What::Adopt(which) => {
                let next = next(&which, "done");
                let words = "Your body has adopted it; the other is told.";
                answer(session, which, AnswerWord::Adopt {}, words, Some(next))
            }
            What::Decline { which, because } => {
                let decline = AnswerWord::Decline { reason: because };
                let words = "Your body has declined it; the other is told why.";
                answer(session, which, decline, words, None)
            }
            What::Done(which) => {
                let next = next(&which, "report");
                let words = "It is said to be done; the other is told.";
                answer(session, which, AnswerWord::CarriedOut {}, words, Some(next))
            }
            What::Report {
                which,
                values,
                text,
                attach: files,
            } => {
                let values = form::values(values).map_err(|label| {
                    Failure::usage(
                        format!("\"{label}\" is answered twice"),
                        "give one --value for each field",
                    )
                })?;
                let text = words(text, session)?;
                let report = AnswerWord::Report { values, text, files };
                answer(session, which, report, "The report is sent.", None)
            }
            What::Board {
                body,
                number,
                all,
                csv,
            } => board::show(session, &body, number, all, csv),
        }
    }
}

impl Issue {
    fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let item = ItemWord::Directive {
            title: self.title,
            text: self.text.read(session)?,
            due: self.due,
            acknowledge: self.acknowledge,
            priority: match self.priority {
                Priority::Normal => PriorityWord::Normal,
                Priority::High => PriorityWord::High,
                Priority::Urgent => PriorityWord::Urgent,
            },
            form: self.fields,
            replaces: self.replaces,
        };
        issue(session, self.body, item, self.to)
    }
}

/// A command that goes on with a directive.
fn next(which: &Which, verb: &str) -> String {
    let from = which
        .from
        .as_ref()
        .map_or_else(String::new, |from| format!(" --from {}", harmless::word(from)));
    format!(
        "`caucus directives {verb} {} {}{from}`",
        harmless::word(&which.body),
        which.number
    )
}

fn acknowledge(session: &mut Session, which: Which) -> Result<u8, Failure> {
    let next = format!("{} tells what may be done with it now", next(&which, "show"));
    let words = "The other body is told that yours has read it.";
    answer(session, which, AnswerWord::Acknowledge {}, words, Some(next))
}

fn answer(
    session: &mut Session,
    which: Which,
    answer: AnswerWord,
    words: &str,
    next: Option<String>,
) -> Result<u8, Failure> {
    let intent = Intent::AnswerDirective {
        body: which.body.clone(),
        from: which.from,
        number: which.number,
        answer,
    };
    let answer = session.ask_in(&which.body, &intent)?;
    ending::show(session, answer, |session, answer| {
        let Answer::Done {} = answer else {
            return Err(Session::unexpected(&answer));
        };
        session.console.say(words)?;
        session.console.flush()?;
        if let Some(next) = next {
            session.console.remark(&format!("  next: {next}"));
        }
        Ok(())
    })
}

fn ask(session: &mut Session, body: Option<&str>, all: bool) -> Result<Answer, Failure> {
    let intent = Intent::Directives {
        body: body.map(str::to_owned),
        all,
    };
    match body {
        Some(body) => session.ask_in(body, &intent),
        None => session.ask(&intent),
    }
}

/// A stage in words.
pub(super) fn stage_words(stage: &str) -> &str {
    match stage {
        "not_received" => "not received yet",
        "carried_out" => "done",
        other => other,
    }
}

fn list(session: &mut Session, body: Option<&str>, all: bool) -> Result<u8, Failure> {
    let answer = ask(session, body, all)?;
    ending::show(session, answer, |session, answer| {
        let Answer::Directives { directives } = answer else {
            return Err(Session::unexpected(&answer));
        };
        if directives.is_empty() {
            session.console.say("No other body waits for anything.")?;
            session.console.flush()?;
            session.console.remark(if all {
                "  next: `caucus link list BODY` shows which bodies may send directives"
            } else {
                "  next: `caucus directives list --all` shows what is over too"
            });
            return Ok(());
        }
        let mut table = Table::with_head(["BODY", "FROM", "NO.", "TITLE", "DUE", "HOW FAR"]);
        for directive in directives {
            let item = &directive.item;
            let number = match item.priority {
                PriorityWord::Normal => bold(item.number.to_string()),
                PriorityWord::High => warn(format!("{} high", item.number)),
                PriorityWord::Urgent => warn(format!("{} urgent", item.number)),
            };
            table.row([
                plain(item.heard_in.join(", ")),
                plain(item.from.clone()),
                number,
                plain(item.title.clone()),
                due(item.due, directive.late),
                far(&directive),
            ]);
        }
        table.print(&mut session.console, 0)
    })
}

fn due(due: Option<u64>, late: bool) -> Piece<'static> {
    let words = due.map_or_else(|| "-".to_owned(), time::due);
    if late {
        warn(format!("{words} late"))
    } else {
        plain(words)
    }
}

fn far(directive: &DirectiveView) -> Piece<'static> {
    match directive.item.gone {
        Some(by) => dim(format!("holds no more: see {by}")),
        None => plain(stage_words(&directive.stage).to_owned()),
    }
}

fn show(session: &mut Session, which: &Which) -> Result<u8, Failure> {
    let mut answer = ask(session, Some(&which.body), true)?;
    if let Answer::Directives { directives } = &mut answer {
        let is_from = |directive: &DirectiveView| {
            which
                .from
                .as_ref()
                .is_none_or(|from| directive.item.from.to_lowercase() == from.trim().to_lowercase())
        };
        directives.retain(|directive| directive.item.number == which.number && is_from(directive));
        one(directives, which)?;
    }
    ending::show(session, answer, |session, answer| {
        let Answer::Directives { directives } = answer else {
            return Err(Session::unexpected(&answer));
        };
        directives
            .iter()
            .try_for_each(|directive| tell(session, which, directive))
    })
}

fn one(found: &[DirectiveView], which: &Which) -> Result<(), Failure> {
    let body = harmless::word(&which.body);
    match found {
        [_] => Ok(()),
        [] => Err(Failure::Problem(Problem::new(
            Code::NotFound,
            format!("there is no directive {} here", which.number),
            format!(
                "see which there are with `caucus directives list {body} --all`; `caucus directives board {body}` shows your own"
            ),
        ))),
        several => {
            let names: Vec<_> = several.iter().map(|one| one.item.from.as_str()).collect();
            Err(Failure::bad_input(
                format!("directive {} could be of several bodies", which.number),
                format!("say of which with --from: {}", names.join(", ")),
            ))
        }
    }
}

fn tell(session: &mut Session, which: &Which, directive: &DirectiveView) -> Result<(), Failure> {
    let (now, item) = (session.now, &directive.item);
    let late = directive.late;
    session.console.line([
        bold(format!("{}. {}", item.number, item.title)),
        dim(format!("  of {}, {} UTC", item.from, time::clock(item.at, now))),
    ])?;
    for line in lines(&item.text).filter(|_| !item.text.is_empty()) {
        session.console.line([plain("  | "), plain(line)])?;
    }
    let mut table = Table::default();
    table.row([dim("how far"), far(directive)]);
    let urgent = match item.priority {
        PriorityWord::Normal => None,
        PriorityWord::High => Some("high: before others"),
        PriorityWord::Urgent => Some("urgent: at once"),
    };
    if let Some(words) = urgent {
        table.row([dim("priority"), warn(words)]);
    }
    let dates = [("acknowledge by", item.acknowledge), ("do it by", item.due)];
    for (words, date) in dates {
        if let Some(date) = date {
            let is_late = late && date < now;
            let shown = time::due(date);
            table.row([
                dim(words),
                if is_late {
                    warn(format!("{shown}: late"))
                } else {
                    plain(shown)
                },
            ]);
        }
    }
    if let Some(of) = item.replaces {
        table.row([dim("takes the place of"), plain(of.to_string())]);
    }
    if !directive.words.is_empty() {
        table.row([dim("in words"), plain(directive.words.as_str())]);
    }
    table.print(&mut session.console, 2)?;
    if !item.form.is_empty() {
        session.console.line([dim("  a report on it tells:")])?;
    }
    for field in &item.form {
        session.console.line([
            plain("    "),
            bold(field.label.as_str()),
            plain(": "),
            plain(form::takes(field)),
        ])?;
    }
    session.console.flush()?;
    if let Some(next) = to_do(which, directive) {
        session.console.remark(&format!("  next: {next}"));
    }
    Ok(())
}

fn to_do(which: &Which, directive: &DirectiveView) -> Option<String> {
    if directive.item.gone.is_some() {
        return None;
    }
    match directive.stage.as_str() {
        "received" => Some(next(which, "acknowledge")),
        "acknowledged" if directive.by_poll => Some(format!(
            "by the charter everybody decides: `caucus propose directive {} {}`",
            harmless::word(&which.body),
            which.number
        )),
        "acknowledged" => Some(format!("{} or {}", next(which, "adopt"), next(which, "decline"))),
        "adopted" => Some(next(which, "done")),
        "carried_out" if !directive.item.form.is_empty() => Some(next(which, "report")),
        _ => None,
    }
}
