//! The feed: what one's bodies and those that they are linked with announce, in one order and without repeats.

use caucus_proto::id::{Minutes, PersonaId};
use caucus_proto::org::Attachment;
use caucus_proto::org::between::{Item, Peer, Rogue};
use serde::{Deserialize, Serialize};

use super::acquaintance::Acquaintance;
use super::answer::Answer;
use super::find;
use super::heard;
use super::issue::{FormField, PriorityWord};
use super::links::named;
use super::merge::{Shown, merge};
use super::problem::Problem;
use crate::engine::{Engine, EngineError, FeedCursor, FeedMark, Room};

/// Minutes after which what letters name of a bulletin is to have been shown.
const SETTLED: u64 = 5;

/// Items of a feed at most.
const MOST: usize = 500;

/// Something that a body announced.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ItemView {
    /// Which body says it.
    pub from: String,
    /// Of what is forwarded: that body's id.
    #[serde(default)]
    pub origin: Option<String>,
    /// Of what is forwarded, and was not heard from that body itself: the bodies that forward it.
    #[serde(default)]
    pub by_way_of: Vec<String>,
    /// Of what is forwarded: that it is this body's word is theirs who forward it. Its key is not known otherwise, or
    /// whoever signed may sign no more.
    #[serde(default)]
    pub on_their_word: bool,
    /// Its number there.
    pub number: u32,
    /// `announcement`, `directive`, `withdrawal`; among what one's own body published also `forwarded`.
    pub kind: String,
    /// In a few words.
    pub title: String,
    /// In more.
    pub text: String,
    /// Tag of its language.
    pub language: String,
    /// When it was said, in minutes since 1970-01-01T00:00Z.
    pub at: u64,
    /// When it is over.
    pub expires: Option<u64>,
    /// Number of the item whose place it takes, or which it withdraws.
    pub replaces: Option<u32>,
    /// Number of the item that took its place or withdrew it.
    pub gone: Option<u32>,
    /// Of a directive: by when it is to be done.
    pub due: Option<u64>,
    /// Of a directive: by when it is to be acknowledged.
    pub acknowledge: Option<u64>,
    /// Of a directive: how urgent it is.
    #[serde(default)]
    pub priority: PriorityWord,
    /// Of a directive: what a report on it tells.
    #[serde(default)]
    pub form: Vec<FormField>,
    /// Files that go with it.
    #[serde(default)]
    pub files: Vec<FileLine>,
    /// One's own bodies that hear it.
    #[serde(default)]
    pub heard_in: Vec<String>,
    /// It was read.
    #[serde(default)]
    pub read: bool,
    /// Of what one's own body said: who of its people did. Never said to others.
    #[serde(default)]
    pub by: Option<String>,
    /// Of what one's own body said: for whom; empty for all.
    #[serde(default)]
    pub to: Vec<String>,
    /// Who handed it over, where it was announced before this person came: it is their word, and verified by nothing.
    #[serde(default)]
    pub handed_by: Option<String>,
}

/// A file that goes with an announcement or a report.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FileLine {
    /// Its name.
    pub name: String,
    /// Bytes.
    pub size: u64,
}

impl FileLine {
    pub(super) fn of(file: &Attachment) -> Self {
        Self {
            name: file.name.to_string(),
            size: file.size,
        }
    }
}

/// A body whose announcements come in.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SourceView {
    /// What it is called.
    pub from: String,
    /// One's own body that hears it.
    pub heard_in: String,
    /// `show`, `digest` or `mute`.
    pub how: String,
    /// Items that were not read.
    pub unread: u64,
    /// When its bulletin was read to the end last, in minutes since 1970-01-01T00:00Z.
    pub up_to: Option<u64>,
    /// What a person should know, in words.
    pub warnings: Vec<String>,
}

/// How the announcements of a body are shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeedWord {
    /// Each.
    Show,
    /// Their titles only.
    Digest,
    /// Not at all.
    Mute,
}

pub(super) fn item_view(item: &Item, number: u32, at: u64, gone: Option<u32>) -> ItemView {
    let base = ItemView {
        number,
        at,
        gone,
        replaces: item.replaces(),
        ..ItemView::default()
    };
    match item {
        Item::Announcement(said) => ItemView {
            kind: "announcement".to_owned(),
            title: said.title.clone(),
            text: said.text.clone(),
            language: said.language.clone(),
            expires: said.expires.map(|time| time.0),
            files: said.files.iter().map(FileLine::of).collect(),
            ..base
        },
        Item::Order(order) => ItemView {
            kind: "directive".to_owned(),
            title: order.title.clone(),
            text: order.text.clone(),
            due: order.due.map(|time| time.0),
            acknowledge: order.acknowledge.map(|time| time.0),
            priority: PriorityWord::of(order.priority),
            form: order.form.iter().map(FormField::of).collect(),
            ..base
        },
        Item::Withdrawal { of, reason, .. } => ItemView {
            kind: "withdrawal".to_owned(),
            title: format!("{of} is withdrawn"),
            text: reason.clone(),
            ..base
        },
        Item::Forwarded(forwarded) => ItemView {
            kind: "forwarded".to_owned(),
            origin: Some(forwarded.body().to_string()),
            number,
            at,
            gone,
            replaces: None,
            ..item_view(&forwarded.item(), number, at, gone)
        },
    }
}

/// What a person should know of a bulletin that is read here, in words: another body's, or their own.
pub(super) fn bulletin_warnings(cursor: Option<&FeedCursor>, own: bool) -> Vec<String> {
    let Some(cursor) = cursor else { return Vec::new() };
    let mut warnings = Vec::new();
    if cursor.missing > 0 && !own {
        warnings.push(format!(
            "{} of its announcements were not shown here",
            cursor.missing
        ));
    }
    warnings.extend(cursor.rogues.iter().map(|(_, rogue)| match own {
        false => format!("its bulletin has {}", rogue.words()),
        true => format!(
            "the body's own bulletin has {}: say so to those who read it",
            rogue.words()
        ),
    }));
    warnings
}

/// What a linked body published and was not shown here, though its letters name it or others in the body were shown it, in
/// words.
pub(super) fn withheld(
    room: &Room,
    (link, peer): (u32, &Peer),
    cursor: Option<&FeedCursor>,
    now: Minutes,
) -> Result<Vec<String>, EngineError> {
    let Some(cursor) = cursor else {
        return Ok(Vec::new());
    };
    let mut warnings = Vec::new();
    // What was published a moment ago is about to be read.
    let settled = Minutes(now.0.saturating_sub(SETTLED));
    if let Some(number) = peer.withheld(cursor.follower.last.0.max(cursor.named))
        && peer.heard <= settled
    {
        let words = Rogue::Withheld { number }.words();
        warnings.push(format!(
            "its bulletin has {words}; ask it to send that to your body by name"
        ));
    }
    let apart = room.heads_apart(link, settled)?;
    let shown = cursor.follower.last.0;
    warnings.extend(apart.further.map(|(number, by)| {
        let by = some_of(room, &by);
        format!("{by} was shown its bulletin up to entry {number}, and this device up to {shown}: ask them what it says")
    }));
    warnings.extend(apart.other.iter().map(|(number, by)| {
        let by = some_of(room, by);
        format!("{by} was shown another version of entry {number} of its bulletin: compare what you read")
    }));
    Ok(warnings)
}

/// One of them by name, and how many more.
fn some_of(room: &Room, people: &[PersonaId]) -> String {
    let name = people
        .first()
        .map_or_else(String::new, |first| room.name_of(first));
    match people.len().saturating_sub(1) {
        0 => name,
        1 => format!("{name}, like one other,"),
        more => format!("{name}, like {more} others,"),
    }
}

/// The feed of a body, or of all. What is muted, over, or was replaced is left out unless everything is asked for.
pub(super) fn feed(
    engine: &Engine,
    body: Option<&str>,
    all: bool,
    unread: bool,
    mark: bool,
) -> Result<Answer, Problem> {
    let now = engine.now().minutes;
    let mut known = Acquaintance::default();
    for live in engine.rooms() {
        known.learn(&live.room())?;
    }
    let (mut sources, mut rooms) = (Vec::new(), Vec::new());
    for live in find::rooms(engine, body)? {
        if live.room().state().annex.is_some() {
            continue;
        }
        let found = heard::sources(&live.room(), now)?;
        for mut source in found {
            source.view.warnings.extend(live.troubles_of(source.mark.link));
            sources.push(source);
            rooms.push(live.clone());
        }
    }
    let merged = merge(&mut sources, &known);
    let wanted = |shown: &Shown| {
        let hidden = !all && (shown.muted || is_over(&shown.view, now));
        !(hidden || unread && shown.view.read)
    };
    let mut items: Vec<_> = (merged.into_iter())
        .filter(|(_, shown)| wanted(shown))
        .map(|(key, mut shown)| {
            if shown.digest && !all {
                shown.view.text.clear();
            }
            (key, shown.view)
        })
        .collect();
    items.sort_by(|(a_key, a), (b_key, b)| (a.at, a_key).cmp(&(b.at, b_key)));
    if mark {
        for (source, live) in sources.iter().zip(&rooms) {
            let last = source.last();
            if last > source.mark.read {
                let mark = FeedMark {
                    read: last,
                    ..source.mark
                };
                live.room().keep_feed_mark(&mark)?;
            }
        }
    }
    let excess = items.len().saturating_sub(MOST);
    Ok(Answer::Feed {
        items: items.into_iter().skip(excess).map(|(_, item)| item).collect(),
        sources: sources.into_iter().map(|source| source.view).collect(),
    })
}

fn is_over(item: &ItemView, now: Minutes) -> bool {
    item.gone.is_some() || item.expires.is_some_and(|time| time <= now.0)
}

/// Sets how the announcements of a body are shown.
pub(super) fn set(engine: &Engine, body: &str, from: &str, how: FeedWord) -> Result<Answer, Problem> {
    let live = find::room(engine, body)?;
    let mut room = live.room();
    let own = room.state().genesis.label.is_like(from);
    let link = if own { 0 } else { named(&room, from)? };
    let mark = FeedMark {
        muted: how == FeedWord::Mute,
        digest: how == FeedWord::Digest,
        ..room.feed_mark(link)?
    };
    room.keep_feed_mark(&mark)?;
    Ok(Answer::Done {})
}
