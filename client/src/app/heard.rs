//! What a person's bodies hear, source by source.

use std::collections::BTreeMap;

use caucus_proto::id::{BodyId, Minutes};
use caucus_proto::org::between::{Forwarded, Item};

use super::acquaintance::Origin;
use super::feed::{ItemView, SourceView, bulletin_warnings, item_view, withheld};
use super::merge::Key;
use super::view;
use crate::engine::{EngineError, FeedMark, Room};

/// What a person is told of one source that forwards what does not hold.
const MOST_WARNINGS: usize = 8;

/// One source of a feed, with its items.
pub(super) struct Source {
    pub(super) view: SourceView,
    pub(super) mark: FeedMark,
    /// Whose bulletin and letters these are.
    pub(super) body: BodyId,
    pub(super) items: Vec<Heard>,
    /// What was said of what it forwards, so far.
    pub(super) warned: usize,
}

/// An item of a source.
pub(super) struct Heard {
    pub(super) view: ItemView,
    /// Its number in this source.
    pub(super) place: u32,
    /// Hash of the entry, where there is one.
    pub(super) hash: Option<[u8; 32]>,
    /// Of what is forwarded: by whose keys.
    pub(super) origin: Option<Origin>,
    pub(super) shown_as: Option<Key>,
}

impl Heard {
    /// This device has read it itself: it was not handed over.
    pub(super) const fn is_read(&self) -> bool {
        self.view.handed_by.is_none()
    }
}

impl Source {
    /// Number of its last item.
    pub(super) fn last(&self) -> u32 {
        self.items.iter().map(|item| item.place).max().unwrap_or(0)
    }

    pub(super) fn warn(&mut self, words: String) {
        let warnings = &mut self.view.warnings;
        if self.warned < MOST_WARNINGS && !warnings.contains(&words) {
            warnings.push(words);
            self.warned += 1;
        }
    }
}

/// The sources of a room: its own body first.
pub(super) fn sources(room: &Room, now: Minutes) -> Result<Vec<Source>, EngineError> {
    let state = room.state();
    let mut sources = Vec::new();
    if !state.between.issued.is_empty() {
        let mut items = BTreeMap::new();
        for (number, issued) in &state.between.issued {
            let entry = issued.entry.and_then(|(entry, _)| state.entry(entry));
            let hash = entry.and_then(|entry| entry.hash().ok());
            items.insert(
                *number,
                heard(&issued.item, *number, (issued.at.0, issued.gone), hash),
            );
        }
        sources.push(source(room, 0, room.record().body, items)?);
    }
    for (number, link) in &state.between.links {
        let Some(peer) = &link.peer else { continue };
        let mut items = BTreeMap::new();
        for record in room.feed(*number)? {
            let entry = record.entry;
            let hash = entry.hash().ok();
            let mut seen = heard(&entry.item, entry.item_number, (entry.at.0, None), hash);
            seen.view.handed_by = record.handed_by.map(|by| room.name_of(&by));
            // What this device has read itself goes before what it was handed.
            let known = items.get(&entry.item_number);
            if seen.is_read() || known.is_none_or(|known: &Heard| !known.is_read()) {
                items.insert(entry.item_number, seen);
            }
        }
        let told = state.between.told.range((*number, 0)..=(*number, u32::MAX));
        for ((_, item_number), told) in told {
            if let Some(item) = &told.item {
                let seen = heard(item, *item_number, (told.at.0, told.gone), None);
                items.entry(*item_number).or_insert(seen);
            }
        }
        if link.live().is_some() || !items.is_empty() {
            let mut heard = source(room, *number, peer.card.body, items)?;
            let cursor = room.feed_cursor(*number)?;
            if let Some(peer) = link.live() {
                let kept = withheld(room, (*number, peer), cursor.as_ref(), now)?;
                heard.view.warnings.extend(kept);
            }
            sources.push(heard);
        }
    }
    Ok(sources)
}

fn heard(item: &Item, place: u32, (at, gone): (u64, Option<u32>), hash: Option<[u8; 32]>) -> Heard {
    let (view, hash, origin) = match item {
        Item::Forwarded(forwarded) => (
            forwarded_view(forwarded, gone),
            forwarded.entry().hash().ok(),
            Some(Origin::of(forwarded)),
        ),
        item => (item_view(item, place, at, gone), hash, None),
    };
    Heard {
        view,
        place,
        hash,
        origin,
        shown_as: None,
    }
}

fn forwarded_view(forwarded: &Forwarded, gone: Option<u32>) -> ItemView {
    ItemView {
        from: forwarded.name.to_string(),
        origin: Some(forwarded.body().to_string()),
        ..item_view(&forwarded.item(), forwarded.item_number, forwarded.at.0, gone)
    }
}

fn source(
    room: &Room,
    link: u32,
    body: BodyId,
    mut items: BTreeMap<u32, Heard>,
) -> Result<Source, EngineError> {
    let heard_in = view::room_name(room);
    let from = match link {
        0 => heard_in.clone(),
        link => crate::engine::linked_name(room.state(), link),
    };
    // Whoever forwarded something may forward it no more.
    let replaced: Vec<_> = (items.values())
        .filter(|item| item.origin.is_none())
        .filter_map(|item| Some((item.view.replaces?, item.place)))
        .collect();
    for (of, by) in replaced {
        let taken_back = match items.get_mut(&of) {
            Some(item) if item.origin.is_some() => {
                item.view.gone = Some(by);
                format!(
                    "\"{}\" of {} is forwarded no more",
                    item.view.title, item.view.from
                )
            }
            _ => continue,
        };
        if let Some(withdrawal) = items.get_mut(&by) {
            withdrawal.view.title = taken_back;
        }
    }
    let mark = room.feed_mark(link)?;
    for item in items.values_mut() {
        match &item.origin {
            None => item.view.from.clone_from(&from),
            Some(_) => item.view.by_way_of = vec![from.clone()],
        }
        item.view.heard_in = vec![heard_in.clone()];
        item.view.read = item.place <= mark.read;
    }
    let cursor = room.feed_cursor(link)?;
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
            unread: 0,
            up_to: cursor
                .as_ref()
                .map(|cursor| cursor.read.0)
                .filter(|time| *time > 0),
            warnings: bulletin_warnings(cursor.as_ref(), link == 0),
        },
        mark,
        items: items.into_values().collect(),
        warned: 0,
    })
}
