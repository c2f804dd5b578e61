//! The feed: what one's bodies and those that they are linked with announce, in one order and without repeats.

use std::collections::BTreeMap;

use caucus_proto::id::{BodyId, Minutes};
use caucus_proto::org::Attachment;
use caucus_proto::org::between::Item;
use serde::{Deserialize, Serialize};

use super::answer::Answer;
use super::issue::{FormField, PriorityWord};
use super::links::named;
use super::problem::Problem;
use super::{find, view};
use crate::engine::{Engine, EngineError, FeedMark, Room};

/// Items of a feed at most.
const MOST: usize = 500;

/// Something that a body announced.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ItemView {
    /// Which body says it.
    pub from: String,
    /// Its number there.
    pub number: u32,
    /// `announcement`, `directive` or `withdrawal`.
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

/// A file that goes with an announcement.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FileLine {
    /// Its name.
    pub name: String,
    /// Bytes.
    pub size: u64,
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
            files: (said.files.iter())
                .map(|file| FileLine {
                    name: file.name.to_string(),
                    size: file.size,
                })
                .collect(),
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
    }
}

/// The files that go with an announcement of one's own body, or of one that it hears.
pub(super) fn announced(room: &Room, from: &str, number: u32) -> Result<Vec<Attachment>, EngineError> {
    let state = room.state();
    let item = if state.genesis.label.is_like(from) {
        state
            .between
            .issued
            .get(&number)
            .map(|issued| issued.item.clone())
    } else {
        let link = named(room, from)?;
        let told = state
            .between
            .told
            .get(&(link, number))
            .and_then(|told| told.item.clone());
        let mut entries = room.feed(link)?.into_iter().map(|record| record.entry);
        told.or_else(|| {
            entries
                .find(|entry| entry.item_number == number)
                .map(|entry| entry.item)
        })
    };
    match item {
        Some(Item::Announcement(said)) => Ok(said.files),
        _ => Err(EngineError::NotFound {
            what: "announcement",
            name: number.to_string(),
        }),
    }
}

/// One source of a feed, with its items.
struct Source {
    body: BodyId,
    view: SourceView,
    mark: FeedMark,
    items: Vec<ItemView>,
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
    let (mut merged, mut sources) = (BTreeMap::<(BodyId, u32), ItemView>::new(), Vec::new());
    for live in find::rooms(engine, body)? {
        if live.room().state().annex.is_some() {
            continue;
        }
        let found = of_room(&live.room())?;
        for mut source in found {
            source.view.warnings.extend(live.troubles_of(source.mark.link));
            let last = source.items.iter().map(|item| item.number).max().unwrap_or(0);
            let muted = source.view.how == "mute";
            let digest = source.view.how == "digest";
            for mut item in source.items {
                if !all && (muted || is_over(&item, now)) || unread && item.read {
                    continue;
                }
                if digest && !all {
                    item.text.clear();
                }
                let key = (source.body, item.number);
                match merged.get_mut(&key) {
                    Some(known) => {
                        known.read |= item.read;
                        known.heard_in.extend(item.heard_in);
                    }
                    None => {
                        merged.insert(key, item);
                    }
                }
            }
            if mark && last > source.mark.read {
                let mark = FeedMark {
                    read: last,
                    ..source.mark
                };
                live.room().keep_feed_mark(&mark)?;
            }
            sources.push(source.view);
        }
    }
    let mut items: Vec<_> = merged.into_iter().collect();
    items.sort_by(|((a_body, _), a), ((b_body, _), b)| {
        (a.at, a_body, a.number).cmp(&(b.at, b_body, b.number))
    });
    let excess = items.len().saturating_sub(MOST);
    let items = items.into_iter().skip(excess).map(|(_, item)| item).collect();
    Ok(Answer::Feed { items, sources })
}

fn is_over(item: &ItemView, now: Minutes) -> bool {
    item.gone.is_some() || item.expires.is_some_and(|time| time <= now.0)
}

fn of_room(room: &Room) -> Result<Vec<Source>, EngineError> {
    let state = room.state();
    let mut sources = Vec::new();
    if !state.between.issued.is_empty() {
        let issued = &state.between.issued;
        let items = issued
            .iter()
            .map(|(number, issued)| item_view(&issued.item, *number, issued.at.0, issued.gone));
        sources.push(source(room, 0, room.record().body, items.collect())?);
    }
    for (number, link) in &state.between.links {
        let Some(peer) = &link.peer else { continue };
        let mut items = BTreeMap::new();
        for record in room.feed(*number)? {
            let entry = record.entry;
            let view = ItemView {
                handed_by: record.handed_by.map(|by| room.name_of(&by)),
                ..item_view(&entry.item, entry.item_number, entry.at.0, None)
            };
            // What this device has read itself goes before what it was handed.
            let known = items.get(&entry.item_number);
            if view.handed_by.is_none() || known.is_none_or(|known: &ItemView| known.handed_by.is_some()) {
                items.insert(entry.item_number, view);
            }
        }
        let told = state.between.told.range((*number, 0)..=(*number, u32::MAX));
        for ((_, item_number), told) in told {
            if let Some(item) = &told.item {
                let seen = item_view(item, *item_number, told.at.0, told.gone);
                items.entry(*item_number).or_insert(seen);
            }
        }
        // Corrections and withdrawals supersede, visibly.
        let replaced: Vec<_> = items
            .iter()
            .filter_map(|(by, item)| Some((item.replaces?, *by)))
            .collect();
        for (of, by) in replaced {
            if let Some(item) = items.get_mut(&of) {
                item.gone = Some(by);
            }
        }
        if link.live().is_some() || !items.is_empty() {
            sources.push(source(
                room,
                *number,
                peer.card.body,
                items.into_values().collect(),
            )?);
        }
    }
    Ok(sources)
}

fn source(room: &Room, link: u32, body: BodyId, mut items: Vec<ItemView>) -> Result<Source, EngineError> {
    let heard_in = view::room_name(room);
    let from = match link {
        0 => heard_in.clone(),
        link => crate::engine::linked_name(room.state(), link),
    };
    let mark = room.feed_mark(link)?;
    for item in &mut items {
        item.from.clone_from(&from);
        item.heard_in = vec![heard_in.clone()];
        item.read = item.number <= mark.read;
    }
    let cursor = room.feed_cursor(link)?;
    let mut warnings = Vec::new();
    if let Some(cursor) = &cursor {
        if cursor.missing > 0 {
            warnings.push(format!(
                "{} of its announcements were not shown here",
                cursor.missing
            ));
        }
        warnings.extend(
            cursor
                .rogues
                .iter()
                .map(|(_, rogue)| format!("there was {}", rogue.words())),
        );
    }
    let how = match (mark.muted, mark.digest) {
        (true, _) => "mute",
        (false, true) => "digest",
        (false, false) => "show",
    };
    Ok(Source {
        body,
        view: SourceView {
            from,
            heard_in,
            how: how.to_owned(),
            unread: items
                .iter()
                .filter(|item| !item.read && item.gone.is_none())
                .count() as u64,
            up_to: cursor.map(|cursor| cursor.read.0),
            warnings,
        },
        mark,
        items,
    })
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
