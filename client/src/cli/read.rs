//! `caucus read`: reads a room, and follows it.

use clap::Args;

use super::console::{Console, Look, Piece, dim, plain};
use super::failure::Failure;
use super::session::Session;
use super::{ending, plain as harmless, time, vanish};
use crate::app::{Answer, Intent, MessageKind, MessageView};
use crate::clock::{Clock, SystemClock};

/// Width of the column of positions.
const POSITION: usize = 5;

/// Marks what this person wrote. In a column of its own, where no name can stand.
const OWN: &str = ">";

/// Marks what somebody handed over.
const HANDED: &str = "~";

/// Marks what mentions this person or answers them.
const FOR_ME: &str = "@";

/// People up to whom a mark tells names.
const NAMED: usize = 3;

/// Read a room, the latest messages last; times are UTC by each author's clock
///
/// The number before a message is what `reply`, `react`, `edit`, `unsay` and `pin` take. Your own messages are marked with
/// `>`, those that mention or answer you with `@`, what happened to the body with `*`. What was said before you came, where
/// the charter wants that it is handed over, is marked with `~` and with who handed it over: it is that person's word, and
/// nothing shows that it was said so.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus read North --follow\n  caucus read North --since 41")]
pub(super) struct Read {
    /// Which: BODY or BODY/ROOM
    room: String,
    /// Go on with what comes, until Ctrl-C
    #[arg(long, short)]
    follow: bool,
    /// Only after this position
    #[arg(long, value_name = "P")]
    since: Option<u64>,
    /// At most so many [default: 50]
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
    /// Everything that stands in the log, not only what people want to see
    #[arg(long)]
    all: bool,
    /// All of the room counts as read, not only what is shown
    #[arg(long)]
    mark: bool,
}

impl Read {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let intent = Intent::Read {
            room: self.room.clone(),
            since: self.since,
            limit: self.limit,
            follow: self.follow,
            all: self.all,
            mark: self.mark,
        };
        if !self.follow {
            let answer = session.ask_in(&self.room, &intent)?;
            let now = session.now;
            return ending::show(session, answer, |session, answer| {
                tell(&mut session.console, answer, now)
            });
        }
        session.follow(&self.room, &intent, |console, answer| {
            if console.json {
                console.answer(&answer)?;
            } else {
                tell(console, answer, SystemClock.minutes().0)?;
            }
            console.flush()
        })?;
        Ok(0)
    }
}

fn tell(console: &mut Console, answer: Answer, now: u64) -> Result<(), Failure> {
    match answer {
        Answer::Messages {
            messages,
            vanish_hours,
            ..
        } => {
            if let Some(hours) = vanish_hours {
                console.remark(&format!(
                    "What is said here vanishes after {}; others can copy it before.",
                    vanish::span(hours)
                ));
            }
            if messages.is_empty() {
                console.remark("Nothing was said.");
            }
            messages
                .iter()
                .try_for_each(|message| show(console, message, now))
        }
        Answer::Message(message) => show(console, &message, now),
        other => Err(Session::unexpected(&other)),
    }
}

/// Shows a message, or what happened.
///
/// # Errors
/// `Failure` if nobody reads.
pub(super) fn show(console: &mut Console, message: &MessageView, now: u64) -> Result<(), Failure> {
    let time = message
        .time
        .map_or_else(|| "--:--".to_owned(), |time| time::clock(time, now));
    let author = harmless::line(message.author.as_deref().unwrap_or("somebody"));
    let mut lines = harmless::lines(&message.text);
    let first = lines.next().unwrap_or_default();
    let position = dim(format!("{:>POSITION$}  ", message.position));
    let time_piece = dim(format!("{time}  "));
    let indent = match message.kind {
        MessageKind::Said => {
            let (mark, by) = match &message.handed_by {
                Some(by) => (HANDED, format!(" (handed over by {})", harmless::line(by))),
                None if message.own => (OWN, String::new()),
                None if message.remarks.for_me => (FOR_ME, String::new()),
                None => (" ", String::new()),
            };
            let first = if message.remarks.deleted {
                dim(first)
            } else {
                plain(first)
            };
            let named = author.chars().count() + by.chars().count();
            let indent = POSITION + 2 + time.chars().count() + 2 + 2 + named + 2;
            let look = if message.own { Look::Plain } else { Look::Bold };
            console.line([
                position,
                time_piece,
                plain(format!("{mark} ")),
                Piece(look, author.into()),
                dim(by),
                plain("  "),
                first,
                dim(notes(message)),
            ])?;
            indent
        }
        MessageKind::Event | MessageKind::NoOp | MessageKind::Remark => {
            let by = match &message.author {
                Some(_) => format!("{author}: "),
                None => String::new(),
            };
            let first = match &message.handed_by {
                Some(by) => format!("{first} (handed over by {})", harmless::line(by)),
                None => first.to_owned(),
            };
            console.line([position, time_piece, dim("* "), dim(by), dim(first)])?;
            POSITION + 2 + time.chars().count() + 4
        }
    };
    for line in lines {
        console.line([plain(" ".repeat(indent)), plain(line)])?;
    }
    for line in [answers(message), marks(message)].into_iter().flatten() {
        console.line([plain(" ".repeat(indent)), dim(line)])?;
    }
    Ok(())
}

/// What is to be known of the words beside them.
fn notes(message: &MessageView) -> String {
    let notes = [
        (message.remarks.edited, "  (edited)"),
        (message.remarks.pinned, "  (pinned)"),
    ];
    let held = notes.into_iter().filter(|(is, _)| *is);
    held.map(|(_, note)| note).collect()
}

/// What a message answers.
fn answers(message: &MessageView) -> Option<String> {
    let quote = message.remarks.answers.as_ref()?;
    let author = match &quote.author {
        Some(author) => format!(", {author}"),
        None => String::new(),
    };
    let words = quote.excerpt.as_ref().or(quote.why.as_ref())?;
    Some(format!("answers {}{author}: {words}", quote.position))
}

/// What a message was marked with. Names are told of few.
fn marks(message: &MessageView) -> Option<String> {
    let marks = &message.remarks.marks;
    let words = marks.iter().map(|mark| {
        if mark.names.len() <= NAMED {
            format!("{} {}", mark.mark, mark.names.join(", "))
        } else {
            format!("{} {}", mark.mark, mark.count)
        }
    });
    (!marks.is_empty()).then(|| words.collect::<Vec<_>>().join("   "))
}
