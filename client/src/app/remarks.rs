//! What people do with each other's messages, and how a message shows it.

use std::collections::BTreeMap;

use caucus_proto::id::Position;
use caucus_proto::org::{Deed, Mark, Remark, Written};
use serde::{Deserialize, Serialize};

use super::answer::{Answer, MessageView};
use super::app::PATIENCE;
use super::membership::waiting_because;
use super::problem::{Code, Problem};
use super::{find, mentions, view};
use crate::engine::{Engine, EngineError, Fate, Item, LiveRoom, LogRecord, Remarked, Room};

/// Characters of a message that are shown where another answers it.
const EXCERPT: usize = 80;

/// What is done with a message.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case", deny_unknown_fields)]
pub enum RemarkWord {
    /// It is answered.
    Reply {
        /// With what.
        text: String,
    },
    /// It is marked.
    React {
        /// With what: an emoji or a short word, at most 32 bytes without blanks.
        mark: String,
        /// The mark is taken away.
        #[serde(default)]
        off: bool,
    },
    /// One's own is said in other words.
    Edit {
        /// The words.
        text: String,
    },
    /// One's own is deleted.
    Unsay {},
    /// It is pinned for everybody.
    Pin {
        /// The pin is taken away.
        #[serde(default)]
        off: bool,
    },
}

// What people write stays out of logs.
impl core::fmt::Debug for RemarkWord {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("RemarkWord(..)")
    }
}

/// What was done with a message, and whom it is about.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct RemarksView {
    /// The message that it answers.
    #[serde(default)]
    pub answers: Option<QuoteView>,
    /// What it was marked with, in order.
    #[serde(default)]
    pub marks: Vec<MarkView>,
    /// Its author said it in other words since.
    #[serde(default)]
    pub edited: bool,
    /// Its author deleted it.
    #[serde(default)]
    pub deleted: bool,
    /// It is pinned.
    #[serde(default)]
    pub pinned: bool,
    /// The names of those whom it mentions.
    #[serde(default)]
    pub mentions: Vec<String>,
    /// It mentions this person, or answers them.
    #[serde(default)]
    pub for_me: bool,
}

/// A message that another answers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct QuoteView {
    /// Where it stands.
    pub position: u64,
    /// Who wrote it, as far as this device knows.
    pub author: Option<String>,
    /// How it begins; none where it is deleted, forgotten, or was never here.
    pub excerpt: Option<String>,
    /// Why there are no words of it.
    pub why: Option<String>,
}

/// A mark on a message.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MarkView {
    /// The mark.
    pub mark: String,
    /// How many put it there.
    pub count: u64,
    /// Who.
    pub names: Vec<String>,
    /// This person did too.
    pub own: bool,
}

/// Does something with a message.
pub(super) async fn remark(
    engine: &Engine,
    room: &str,
    number: u64,
    what: RemarkWord,
) -> Result<Answer, Problem> {
    let live = find::room(engine, room)?;
    let remark = written(&live.room(), Position(number), what)?;
    done(&live, remark).await
}

async fn done(live: &LiveRoom, remark: Remark) -> Result<Answer, Problem> {
    let remark = Box::new(remark);
    Ok(match live.act(&Deed::Remark { remark }, PATIENCE).await? {
        Fate::Landed(position) => Answer::Stored { position: position.0 },
        Fate::Waits => Answer::Queued {
            waiting: live.room().unsent(),
            why: waiting_because(live),
        },
    })
}

fn written(room: &Room, position: Position, what: RemarkWord) -> Result<Remark, Problem> {
    // A pin may stay where a message is gone.
    let pinned = room.state().pins.iter().find(|pin| pin.position == position);
    if let (RemarkWord::Pin { off: true }, Some(pinned)) = (&what, pinned) {
        return Ok(Remark::Pin {
            to: *pinned,
            on: false,
        });
    }
    let to = room.message_at(position)?;
    Ok(match what {
        RemarkWord::Reply { text } => Remark::Reply {
            to,
            text: words(text)?,
        },
        RemarkWord::React { mark, off } => Remark::React {
            to,
            mark: Mark::new(&mark).ok_or_else(|| {
                Problem::new(
                    Code::BadInput,
                    "a mark is an emoji or a short word, at most 32 bytes without blanks",
                    "give a shorter one; more is said with `caucus reply`",
                )
            })?,
            on: !off,
        },
        RemarkWord::Edit { text } => Remark::Edit {
            of: to,
            text: words(text)?,
        },
        RemarkWord::Unsay {} => Remark::Unsay { of: to },
        RemarkWord::Pin { off } => Remark::Pin { to, on: !off },
    })
}

fn words(text: String) -> Result<String, Problem> {
    if text.trim().is_empty() {
        return Err(Problem::new(
            Code::BadInput,
            "there is nothing to say",
            "give a text, or - to read it from standard input",
        ));
    }
    Ok(text)
}

/// The pinned messages of a room, the first pinned first.
pub(super) fn pins(engine: &Engine, room: &str) -> Result<Answer, Problem> {
    let live = find::room(engine, room)?;
    let room = live.room();
    let mut pins = Vec::new();
    for pin in &room.state().pins {
        let record = room.named_message(pin)?;
        pins.push(match record {
            Some(record) if record.words() != Written::None => view::message(&room, pin.position, &record)?,
            record => missing(&room, pin.position, record.as_ref()),
        });
    }
    Ok(Answer::Pins {
        room: view::room_name(&room),
        pins,
    })
}

/// A pin of which this device has no words.
fn missing(room: &Room, position: Position, record: Option<&LogRecord>) -> MessageView {
    MessageView {
        room: view::room_name(room),
        position: position.0,
        author: None,
        time: None,
        kind: super::answer::MessageKind::Event,
        text: why_missing(room, position, record).to_owned(),
        own: false,
        file: None,
        handed_by: None,
        remarks: RemarksView {
            pinned: true,
            ..RemarksView::default()
        },
    }
}

fn why_missing(room: &Room, position: Position, record: Option<&LogRecord>) -> &'static str {
    match record {
        Some(record) if record.words() == Written::Deleted => "deleted by its author",
        Some(_) => "forgotten here",
        None if position <= room.record().joined_at => "from before this device came in",
        None => "a message that is not here",
    }
}

/// Shows after how many hours what is said in a room vanishes, or changes it; 0: it does not.
pub(super) async fn vanish(engine: &Engine, room: &str, hours: Option<u32>) -> Result<Answer, Problem> {
    let live = find::room(engine, room)?;
    if let Some(hours) = hours {
        return done(&live, Remark::Vanish { hours }).await;
    }
    let room = live.room();
    let vanishing = room.state().vanishing;
    Ok(Answer::Vanishing {
        room: view::room_name(&room),
        hours: vanishing.hours,
        since: vanishing.since.0,
    })
}

/// What was done with a message.
pub(super) fn of_message(
    room: &Room,
    position: Position,
    record: &LogRecord,
) -> Result<RemarksView, EngineError> {
    let (state, me) = (room.state(), room.me());
    let remarks = &record.remarks;
    let mut marks: Vec<MarkView> = Vec::new();
    let mut places: BTreeMap<&Mark, usize> = BTreeMap::new();
    for (by, mark) in remarks.marks.iter() {
        let place = *places.entry(mark).or_insert(marks.len());
        if place == marks.len() {
            marks.push(MarkView {
                mark: mark.to_string(),
                count: 0,
                names: Vec::new(),
                own: false,
            });
        }
        if let Some(view) = marks.get_mut(place) {
            view.count += 1;
            view.names.push(room.name_of(by));
            view.own |= *by == me;
        }
    }
    let named = record
        .said()
        .map(|text| mentions::mentioned(state, text))
        .unwrap_or_default();
    let answered = answered(room, record)?;
    Ok(RemarksView {
        answers: answered.as_ref().map(|(quote, _)| quote.clone()),
        marks,
        edited: remarks.edited,
        deleted: record.words() == Written::Deleted,
        pinned: state
            .pins
            .iter()
            .any(|pin| pin.position == position && record.act == Some(pin.id)),
        for_me: record.author != Some(me)
            && (named.iter().any(|(persona, _)| **persona == me) || answered.is_some_and(|(_, own)| own)),
        mentions: named.iter().map(|(_, name)| name.to_string()).collect(),
    })
}

/// The message that one answers, and whether it is this person's own.
fn answered(room: &Room, record: &LogRecord) -> Result<Option<(QuoteView, bool)>, EngineError> {
    let Some(to) = &record.remarks.answers else {
        return Ok(None);
    };
    let there = room.named_message(to)?;
    let text = there.as_ref().and_then(|record| excerpt_of(to.position, record));
    let author = there.as_ref().filter(|record| record.words() != Written::None);
    let own = author.is_some_and(|record| record.author == Some(room.me()));
    let quote = QuoteView {
        position: to.position.0,
        author: author.map(|record| record.name.clone()),
        why: text
            .is_none()
            .then(|| why_missing(room, to.position, there.as_ref()).to_owned()),
        excerpt: text,
    };
    Ok(Some((quote, own)))
}

/// Whether words of somebody else are for this person: they are mentioned, or answered.
pub(super) fn is_for_me(room: &Room, record: &LogRecord) -> Result<Option<ForMe>, EngineError> {
    let me = room.me();
    let Some(text) = record.said().filter(|_| record.author != Some(me)) else {
        return Ok(None);
    };
    if mentions::mentions(room.state(), text, &me) {
        return Ok(Some(ForMe::Mention));
    }
    let Some(to) = &record.remarks.answers else {
        return Ok(None);
    };
    let there = room.named_message(to)?;
    let own = there.is_some_and(|record| record.author == Some(me));
    Ok(own.then_some(ForMe::Answer))
}

/// In which way words are for this person.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ForMe {
    Mention,
    Answer,
}

/// How what was said begins, on one line; none if there are no words.
pub(super) fn excerpt_of(position: Position, record: &LogRecord) -> Option<String> {
    let text = match &record.item {
        Item::Attached { text, file } => super::attachments::words(position, file, text),
        _ => record.said()?.to_owned(),
    };
    Some(excerpt(&text))
}

fn excerpt(text: &str) -> String {
    let mut words = text.split_whitespace();
    let mut line = words.next().unwrap_or_default().to_owned();
    for word in words {
        if line.chars().count() > EXCERPT {
            break;
        }
        line.push(' ');
        line.push_str(word);
    }
    match line.char_indices().nth(EXCERPT) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default().trim_end()),
        None => line,
    }
}

/// A line for whoever follows the room when something is done with a message.
pub(super) fn line(room: &Room, of: Position, what: &Remarked) -> Result<String, EngineError> {
    let there = room.log_at(of)?;
    let words = there.as_ref().and_then(|record| excerpt_of(of, record));
    let after = words.map_or_else(String::new, |words| format!(": {words}"));
    Ok(match what {
        Remarked::Marked(mark) => format!("{mark} on {of}{after}"),
        Remarked::Unmarked(mark) => format!("took {mark} from {of}{after}"),
        Remarked::Edited => format!("edited {of}{after}"),
        Remarked::Deleted => format!("deleted {of}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_one_line_and_short() {
        assert_eq!(excerpt("one\n two\t three "), "one two three");
        assert_eq!(excerpt(""), "");
        let long = excerpt(&"wört ".repeat(100));
        assert!(
            long.chars().count() <= EXCERPT + 1 && long.ends_with('…'),
            "{long}"
        );
        let word = excerpt(&"ö".repeat(100));
        assert_eq!(word, format!("{}…", "ö".repeat(EXCERPT)));
    }
}
