//! `caucus feed`: what one's bodies, and those that they hear, announce.

use clap::{Args, Subcommand};

use super::console::{bold, dim, plain, warn};
use super::failure::Failure;
use super::issued::over;
use super::plain::lines;
use super::session::Session;
use super::table::Table;
use super::{ending, plain as harmless, time};
use crate::app::{Answer, FeedWord, Intent, ItemView, SourceView, file_size};

/// What to do where one hears nobody.
const NOBODY: &str = "  next: `caucus link list BODY` shows whom a body is linked with, `caucus link offer --help` how to link it";

/// Letters of a body's id that people compare.
const LETTERS: usize = 12;

/// Read what your bodies, and the bodies that they hear, announce; choose whom you hear, and how
///
/// What you choose here is yours alone: nobody else sees it. Times are UTC.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus feed show --unread")]
pub(super) struct Feed {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    /// Show what is announced, the latest last; on a terminal it counts as read afterwards
    #[command(
        after_help = "Example:\n  caucus feed show North --unread\n  caucus feed show --all --keep-unread"
    )]
    Show {
        /// What one of your bodies hears; all of them if none is given
        body: Option<String>,
        /// Also what is over, replaced, withdrawn or muted
        #[arg(long)]
        all: bool,
        /// Only what you have not read
        #[arg(long)]
        unread: bool,
        /// It does not count as read afterwards
        #[arg(long)]
        keep_unread: bool,
    },
    /// Show whom you hear, how, and how much of it is unread
    #[command(after_help = "Example:\n  caucus feed sources")]
    Sources {
        /// What one of your bodies hears; all of them if none is given
        body: Option<String>,
    },
    /// Hear nothing of a body any more, until you unmute it; directives wait for you all the same
    #[command(after_help = "Example:\n  caucus feed mute North \"City Committee\"")]
    Mute(Whose),
    /// See the titles only of what a body announces
    #[command(after_help = "Example:\n  caucus feed digest North \"City Committee\"")]
    Digest(Whose),
    /// See everything again that a body announces
    #[command(after_help = "Example:\n  caucus feed unmute North \"City Committee\"")]
    Unmute(Whose),
}

#[derive(Args, Debug)]
struct Whose {
    /// Which of your bodies hears it
    body: String,
    /// Whose announcements: what the other body is called, or the number of the link
    from: String,
}

impl Feed {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        match self.what {
            What::Show {
                body,
                all,
                unread,
                keep_unread,
            } => {
                let mark = session.console.seen && !keep_unread;
                let intent = Intent::Feed {
                    body,
                    all,
                    unread,
                    mark,
                };
                show(session, &intent)
            }
            What::Sources { body } => sources(session, body),
            What::Mute(whose) => set(session, whose, FeedWord::Mute, "You hear nothing of it any more."),
            What::Digest(whose) => set(
                session,
                whose,
                FeedWord::Digest,
                "You see titles only from now on.",
            ),
            What::Unmute(whose) => set(session, whose, FeedWord::Show, "You see everything of it again."),
        }
    }
}

fn set(session: &mut Session, whose: Whose, how: FeedWord, words: &str) -> Result<u8, Failure> {
    let Whose { body, from } = whose;
    let intent = Intent::SetFeed {
        body: body.clone(),
        from,
        how,
    };
    let answer = session.ask_in(&body, &intent)?;
    ending::done(session, answer, words)
}

fn ask(session: &mut Session, intent: &Intent) -> Result<Answer, Failure> {
    match intent {
        Intent::Feed { body: Some(body), .. } => session.ask_in(body, intent),
        _ => session.ask(intent),
    }
}

fn show(session: &mut Session, intent: &Intent) -> Result<u8, Failure> {
    let answer = ask(session, intent)?;
    let only_unread = matches!(intent, Intent::Feed { unread: true, .. });
    ending::show(session, answer, |session, answer| {
        let Answer::Feed { items, sources } = answer else {
            return Err(Session::unexpected(&answer));
        };
        if items.is_empty() {
            nothing(session, &sources, only_unread)?;
        }
        for (place, item) in items.iter().enumerate() {
            if place > 0 {
                session.console.say("")?;
            }
            tell(session, item)?;
        }
        warnings(session, &sources)
    })
}

fn nothing(session: &mut Session, sources: &[SourceView], only_unread: bool) -> Result<(), Failure> {
    let console = &mut session.console;
    console.say(if only_unread {
        "Nothing is new."
    } else {
        "Nothing is announced."
    })?;
    console.flush()?;
    console.remark(if sources.is_empty() {
        NOBODY
    } else {
        "  next: `caucus feed show --all` shows what is over too; `caucus feed sources` whom you hear"
    });
    Ok(())
}

fn tell(session: &mut Session, item: &ItemView) -> Result<(), Failure> {
    let now = session.now;
    let mut head = vec![bold(item.title.as_str())];
    if !item.read {
        head.push(warn("  new"));
    }
    let mut from = item.from.clone();
    if let Some(origin) = item.origin.as_ref().filter(|_| !item.by_way_of.is_empty()) {
        let id: String = origin.chars().take(LETTERS).collect();
        let how = if item.on_their_word {
            "on the word of"
        } else {
            "by way of"
        };
        from.push_str(&format!(
            " (its id begins with {id}), {how} {}",
            item.by_way_of.join(", ")
        ));
    }
    let heard: Vec<_> = (item.heard_in.iter())
        .filter(|name| **name != item.from)
        .map(String::as_str)
        .collect();
    let mut beside = format!(
        "  {from}, {} {}, {}",
        item.kind,
        item.number,
        time::clock(item.at, now)
    );
    if !heard.is_empty() {
        beside.push_str(&format!(", to {}", heard.join(", ")));
    }
    if let Some(by) = &item.handed_by {
        beside.push_str(&format!(", handed over by {by}"));
    }
    session.console.line(head)?;
    session.console.line([dim(beside)])?;
    for line in lines(&item.text).filter(|_| !item.text.is_empty()) {
        session.console.line([plain("  | "), plain(line)])?;
    }
    for (place, file) in item.files.iter().enumerate() {
        session.console.line([
            plain("  [file "),
            plain((place + 1).to_string()),
            plain(format!(": {}, {}]", file.name, file_size(file.size))),
        ])?;
    }
    let note = |words: String| [plain("  "), dim(words)];
    if let (Some(of), "announcement" | "directive") = (item.replaces, item.kind.as_str()) {
        session.console.line(note(format!("takes the place of {of}")))?;
    }
    if let Some(gone) = item.gone {
        session
            .console
            .line([plain("  "), warn(format!("holds no more: see {gone}"))])?;
    } else if let Some(why) = over(item, now) {
        session.console.line(note(format!("it held {why}")))?;
    } else if let Some(expires) = item.expires {
        session
            .console
            .line(note(format!("until {} UTC", time::clock(expires, now))))?;
    }
    if item.kind == "directive" && item.gone.is_none() {
        let due = item
            .due
            .map_or_else(String::new, |due| format!("to be done by {}; ", time::due(due)));
        session
            .console
            .line(note(format!("{due}`caucus directives list` shows how far it is")))?;
    }
    Ok(())
}

fn warnings(session: &mut Session, sources: &[SourceView]) -> Result<(), Failure> {
    for source in sources {
        for words in &source.warnings {
            session.console.line([warn(format!(
                "! {}, in {}: {words}",
                source.from, source.heard_in
            ))])?;
        }
    }
    Ok(())
}

fn sources(session: &mut Session, body: Option<String>) -> Result<u8, Failure> {
    let intent = Intent::Feed {
        body,
        all: false,
        unread: true,
        mark: false,
    };
    let mut answer = ask(session, &intent)?;
    if let Answer::Feed { items, .. } = &mut answer {
        items.clear();
    }
    ending::show(session, answer, |session, answer| {
        let Answer::Feed { sources, .. } = answer else {
            return Err(Session::unexpected(&answer));
        };
        if sources.is_empty() {
            session.console.say("You hear no body yet.")?;
            session.console.flush()?;
            session.console.remark(NOBODY);
            return Ok(());
        }
        let mut table = Table::with_head(["FROM", "HEARD IN", "HOW", "UNREAD", "READ UP TO (UTC)"]);
        for source in &sources {
            let up_to = source
                .up_to
                .map_or_else(|| "-".to_owned(), |time| time::clock(time, session.now));
            table.row([
                bold(source.from.as_str()),
                plain(source.heard_in.as_str()),
                match source.how.as_str() {
                    "mute" => dim("muted"),
                    "digest" => dim("titles only"),
                    _ => plain("everything"),
                },
                plain(source.unread.to_string()),
                plain(up_to),
            ]);
        }
        table.print(&mut session.console, 0)?;
        warnings(session, &sources)?;
        session.console.flush()?;
        if let Some(source) = sources.iter().find(|source| source.from != source.heard_in) {
            session.console.remark(&format!(
                "  next: `caucus feed mute {} {}` hears nothing of it, `digest` titles only, `unmute` everything",
                harmless::word(&source.heard_in),
                harmless::word(&source.from)
            ));
        }
        Ok(())
    })
}
