//! What a person's bodies hear, source by source, and what it comes to: each announcement once, the word of its origin
//! before that of anybody who forwards it.
//!
//! Who forwards something says by which root key its origin speaks. Where the origin is known, its own key counts. Where
//! it is not, that is their word: two who name different keys are shown apart, and neither withdraws what the other told.

use std::collections::{BTreeMap, BTreeSet};

use caucus_proto::id::{BodyId, Minutes};
use caucus_proto::org::between::{Forwarded, Item, RootKey};

use super::feed::{ItemView, SourceView, bulletin_warnings, item_view, withheld};
use super::view;
use crate::engine::{EngineError, FeedMark, Room};

/// What a person is told of one source that forwards what does not hold.
const MOST_WARNINGS: usize = 8;

/// Letters of a body's id that people compare.
const LETTERS: usize = 12;

type Hash = [u8; 32];

/// Which announcement: whose, its number, by whose word where that stands alone, and its hash where only others told it.
pub(super) type Key = (BodyId, u32, Option<usize>, Option<Hash>);

/// One source of a feed, with its items.
pub(super) struct Source {
    pub(super) view: SourceView,
    pub(super) mark: FeedMark,
    /// Whose bulletin and letters these are.
    body: BodyId,
    items: Vec<Heard>,
}

struct Heard {
    view: ItemView,
    /// Its number in this source.
    place: u32,
    /// Hash of the entry, where there is one.
    hash: Option<Hash>,
    /// Of what is forwarded: the origin and its root key.
    origin: Option<(BodyId, RootKey)>,
    shown_as: Option<Key>,
}

/// An item of the feed.
pub(super) struct Shown {
    pub(super) view: ItemView,
    pub(super) muted: bool,
    pub(super) digest: bool,
    /// Places of the sources that it came from.
    ways: BTreeSet<usize>,
}

/// The bodies that this person is in or linked with.
#[derive(Default)]
pub(super) struct Acquaintance(BTreeMap<BodyId, Known>);

struct Known {
    name: String,
    root: Option<RootKey>,
    own: bool,
    live: bool,
}

/// What is thought of the root key that somebody names for an origin.
enum Trust {
    /// It is the one that is known.
    Known,
    /// Nobody knows another.
    Word,
    /// It may have come after the one that was known when the link ended.
    WordAlone,
    /// It is one from before, or to come: the origin itself is heard.
    Unheard,
    /// It is another than the known one.
    Forged,
}

impl Acquaintance {
    /// Learns whom a room's body is, and whom it is or was linked with.
    pub(super) fn learn(&mut self, room: &Room) {
        let state = room.state();
        let root = state.between.house().map(|house| house.root);
        let name = state.genesis.label.to_string();
        let own = Known {
            name,
            root,
            own: true,
            live: true,
        };
        self.meet(room.record().body, own);
        for link in state.between.links.values() {
            let Some(peer) = &link.peer else { continue };
            let known = Known {
                name: peer.card.name.to_string(),
                root: Some(peer.card.root),
                own: false,
                live: link.live().is_some(),
            };
            self.meet(peer.card.body, known);
        }
    }

    fn meet(&mut self, body: BodyId, known: Known) {
        let rank = |known: &Known| (known.own, known.live, known.root.map_or(0, |root| root.number));
        match self.0.get(&body) {
            Some(before) if rank(before) >= rank(&known) => {}
            _ => {
                self.0.insert(body, known);
            }
        }
    }

    fn trust(&self, body: &BodyId, root: &RootKey) -> Trust {
        let Some(known) = self.0.get(body) else {
            return Trust::Word;
        };
        match known.root {
            Some(of) if of.number == root.number && of.key == root.key => Trust::Known,
            Some(of) if of.number == root.number => Trust::Forged,
            None => Trust::Forged,
            Some(of) if known.live || root.number < of.number => Trust::Unheard,
            Some(_) => Trust::WordAlone,
        }
    }

    /// Whether a body of this name is known that is another one.
    fn has_another(&self, name: &str, body: &BodyId) -> bool {
        let same = |known: &Known| known.name.to_lowercase() == name.to_lowercase();
        self.0.iter().any(|(id, known)| id != body && same(known))
    }

    fn is_own(&self, body: &BodyId) -> bool {
        self.0.get(body).is_some_and(|known| known.own)
    }
}

impl Heard {
    /// This device has read it itself: it was not handed over.
    const fn is_read(&self) -> bool {
        self.view.handed_by.is_none()
    }
}

impl Source {
    /// Number of its last item.
    pub(super) fn last(&self) -> u32 {
        self.items.iter().map(|item| item.place).max().unwrap_or(0)
    }

    fn warn(&mut self, words: String) {
        let warnings = &mut self.view.warnings;
        if warnings.len() < MOST_WARNINGS && !warnings.contains(&words) {
            warnings.push(words);
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
            let live = link.live();
            let kept = live.and_then(|peer| withheld(peer, cursor.as_ref(), now));
            heard.view.warnings.extend(kept);
            sources.push(heard);
        }
    }
    Ok(sources)
}

fn heard(item: &Item, place: u32, (at, gone): (u64, Option<u32>), hash: Option<Hash>) -> Heard {
    let (view, hash, origin) = match item {
        Item::Forwarded(forwarded) => (
            forwarded_view(forwarded, gone),
            forwarded.entry().hash().ok(),
            Some((forwarded.body(), forwarded.root)),
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
            up_to: cursor.as_ref().map(|cursor| cursor.read.0),
            warnings: bulletin_warnings(cursor.as_ref(), link == 0),
        },
        mark,
        items: items.into_values().collect(),
    })
}

/// Puts together what all sources say.
pub(super) fn merge(sources: &mut [Source], known: &Acquaintance) -> BTreeMap<Key, Shown> {
    let mut shown = BTreeMap::new();
    let mut hashes = BTreeMap::new();
    for (way, source) in sources.iter_mut().enumerate() {
        for item in &mut source.items {
            if item.origin.is_none() {
                let key = (source.body, item.view.number, None, None);
                if let Some(hash) = item.hash.filter(|_| item.is_read()) {
                    hashes.insert(key, hash);
                }
                put(&mut shown, key, item, way);
            }
        }
    }
    let disputed = disputed(sources, known);
    for (way, source) in sources.iter_mut().enumerate() {
        let mut warnings = Vec::new();
        for item in &mut source.items {
            let Some((body, root)) = item.origin.filter(|_| item.view.gone.is_none()) else {
                continue;
            };
            let (name, number) = (item.view.from.clone(), item.view.number);
            let alone = match known.trust(&body, &root) {
                Trust::Known => None,
                Trust::Word if disputed.contains_key(&body) => Some(way),
                Trust::Word => None,
                Trust::WordAlone => Some(way),
                Trust::Unheard => continue,
                Trust::Forged => {
                    warnings.push(format!(
                        "it forwards in the name of {name} what is not signed by the key that you know of that body"
                    ));
                    continue;
                }
            };
            let direct = (body, number, None, None);
            if alone.is_none()
                && let Some(known) = shown.get(&direct)
            {
                // What somebody handed over gives way to what the origin has signed.
                let hearsay = known.view.handed_by.is_some() && item.is_read();
                if hearsay || hashes.get(&direct) == item.hash.as_ref() {
                    put(&mut shown, direct, item, way);
                } else {
                    warnings.push(format!(
                        "it forwards another version of number {number} of {name} than {name} published itself"
                    ));
                }
                continue;
            }
            // What one's own body does not know of is no word of it.
            if known.is_own(&body) {
                continue;
            }
            if known.has_another(&name, &body) {
                let id: String = body.to_string().chars().take(LETTERS).collect();
                warnings.push(format!(
                    "it forwards what a {name} says whose id begins with {id}: that is not the {name} that you know"
                ));
            }
            put(&mut shown, (body, number, alone, item.hash), item, way);
        }
        warnings.into_iter().for_each(|words| source.warn(words));
    }
    for (body, (name, ways)) in &disputed {
        let names: Vec<_> = ways
            .iter()
            .filter_map(|way| sources.get(*way))
            .map(|source| source.view.from.clone())
            .collect();
        let id: String = body.to_string().chars().take(LETTERS).collect();
        let words = format!(
            "{} forward what {name} ({id}) says under different keys: at most one of them is right; ask that body itself",
            names.join(" and ")
        );
        for way in ways {
            if let Some(source) = sources.get_mut(*way) {
                source.warn(words.clone());
            }
        }
    }
    two_versions(&shown, sources);
    supersede(&mut shown);
    hush(&mut shown, sources);
    for source in sources {
        let unread = source.items.iter().filter(|item| {
            let shown = item.shown_as.as_ref().and_then(|key| shown.get(key));
            shown.is_some_and(|shown| !shown.view.read && shown.view.gone.is_none())
        });
        source.view.unread = unread.count() as u64;
    }
    shown
}

fn put(shown: &mut BTreeMap<Key, Shown>, key: Key, item: &mut Heard, way: usize) {
    item.shown_as = Some(key);
    let Some(known) = shown.get_mut(&key) else {
        let view = item.view.clone();
        let (muted, digest, ways) = (false, false, BTreeSet::from([way]));
        shown.insert(
            key,
            Shown {
                view,
                muted,
                digest,
                ways,
            },
        );
        return;
    };
    known.ways.insert(way);
    known.view.read |= item.view.read;
    // What was read goes before what was handed over, whichever source came first.
    if known.view.handed_by.is_some() && item.is_read() {
        known.view = ItemView {
            heard_in: core::mem::take(&mut known.view.heard_in),
            read: known.view.read,
            gone: known.view.gone,
            ..item.view.clone()
        };
    }
    for name in &item.view.heard_in {
        if !known.view.heard_in.contains(name) {
            known.view.heard_in.push(name.clone());
        }
    }
    // Whoever hears the origin needs nobody's word for it.
    if known.view.origin.is_some() {
        for name in &item.view.by_way_of {
            if !known.view.by_way_of.contains(name) {
                known.view.by_way_of.push(name.clone());
            }
        }
    }
    known.view.gone = known
        .view
        .gone
        .or(item.view.gone.filter(|_| item.origin.is_none()));
}

/// Origins of which different keys of one number are named, and by which sources.
fn disputed(sources: &[Source], known: &Acquaintance) -> BTreeMap<BodyId, (String, BTreeSet<usize>)> {
    let mut named: BTreeMap<BodyId, (String, Vec<RootKey>, BTreeSet<usize>)> = BTreeMap::new();
    for (way, source) in sources.iter().enumerate() {
        for item in &source.items {
            let Some((body, root)) = item.origin else { continue };
            if !matches!(known.trust(&body, &root), Trust::Word) {
                continue;
            }
            let (_, roots, ways) = named
                .entry(body)
                .or_insert_with(|| (item.view.from.clone(), Vec::new(), BTreeSet::new()));
            if !roots.contains(&root) {
                roots.push(root);
            }
            ways.insert(way);
        }
    }
    let differ = |roots: &[RootKey]| {
        let numbers: BTreeSet<_> = roots.iter().map(|root| root.number).collect();
        numbers.len() < roots.len()
    };
    named
        .into_iter()
        .filter(|(_, (_, roots, _))| differ(roots))
        .map(|(body, (name, _, ways))| (body, (name, ways)))
        .collect()
}

/// An origin that signed two versions of one announcement is shown to have.
fn two_versions(shown: &BTreeMap<Key, Shown>, sources: &mut [Source]) {
    let mut versions: BTreeMap<(BodyId, u32, Option<usize>), Vec<&Shown>> = BTreeMap::new();
    for ((body, number, alone, hash), item) in shown {
        if hash.is_some() {
            versions.entry((*body, *number, *alone)).or_default().push(item);
        }
    }
    for items in versions.values().filter(|items| items.len() > 1) {
        for item in items {
            let words = format!(
                "{} signed two versions of its number {}",
                item.view.from, item.view.number
            );
            for way in &item.ways {
                if let Some(source) = sources.get_mut(*way) {
                    source.warn(words.clone());
                }
            }
        }
    }
}

/// Corrections and withdrawals supersede, visibly, whichever way they came.
fn supersede(shown: &mut BTreeMap<Key, Shown>) {
    let replaced: Vec<_> = (shown.iter())
        .filter_map(|((body, by, alone, _), item)| {
            let handed = item.view.handed_by.is_some();
            Some(((*body, item.view.replaces?, *alone), *by, handed))
        })
        .filter(|((_, of, _), by, _)| of < by)
        .collect();
    for ((body, of, alone), by, handed) in replaced {
        let from = (body, of, alone, None);
        let to = (body, of, alone, Some([u8::MAX; 32]));
        for (_, item) in shown.range_mut(from..=to) {
            // What was handed over supersedes nothing that this device has read itself.
            if handed && item.view.handed_by.is_none() {
                continue;
            }
            item.view.gone.get_or_insert(by);
        }
    }
}

/// How each is shown: as its origin's are, where that is heard; otherwise as those are who forward it.
fn hush(shown: &mut BTreeMap<Key, Shown>, sources: &[Source]) {
    for ((body, ..), item) in shown {
        let direct: Vec<_> = sources.iter().filter(|source| source.body == *body).collect();
        let ways: Vec<_> = if direct.is_empty() {
            item.ways.iter().filter_map(|way| sources.get(*way)).collect()
        } else {
            direct
        };
        item.muted = ways.iter().all(|source| source.mark.muted);
        item.digest = ways.iter().all(|source| source.mark.digest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use caucus_proto::org::PersonaPublic;

    const COUNCIL: BodyId = BodyId([1; 32]);

    fn root(number: u32, key: u8) -> RootKey {
        RootKey {
            number,
            key: PersonaPublic([key; 32]),
        }
    }

    fn source(from: &str, body: BodyId, items: Vec<Heard>) -> Source {
        Source {
            view: SourceView {
                from: from.to_owned(),
                heard_in: "South".to_owned(),
                how: "show".to_owned(),
                unread: 0,
                up_to: None,
                warnings: Vec::new(),
            },
            mark: FeedMark::default(),
            body,
            items,
        }
    }

    fn item(number: u32, title: &str, replaces: Option<u32>) -> Heard {
        let hash = [title.len() as u8; 32];
        Heard {
            view: ItemView {
                number,
                title: title.to_owned(),
                from: "Council".to_owned(),
                replaces,
                ..ItemView::default()
            },
            place: number,
            hash: Some(hash),
            origin: None,
            shown_as: None,
        }
    }

    fn by_way(way: &str, key: RootKey, mut heard: Heard) -> Heard {
        heard.view.by_way_of = vec![way.to_owned()];
        heard.view.origin = Some(COUNCIL.to_string());
        heard.origin = Some((COUNCIL, key));
        heard
    }

    fn knows(root: RootKey, live: bool) -> Acquaintance {
        let known = Known {
            name: "Council".to_owned(),
            root: Some(root),
            own: false,
            live,
        };
        Acquaintance(BTreeMap::from([(COUNCIL, known)]))
    }

    /// Titles in order, each with who forwarded it and what took its place.
    fn shown(sources: &mut [Source], known: &Acquaintance) -> Vec<(String, Vec<String>, Option<u32>)> {
        merge(sources, known)
            .into_values()
            .map(|shown| (shown.view.title, shown.view.by_way_of, shown.view.gone))
            .collect()
    }

    fn warned(sources: &[Source]) -> Vec<usize> {
        sources.iter().map(|source| source.view.warnings.len()).collect()
    }

    fn two_ways(first: RootKey, second: RootKey, titles: [&str; 2]) -> [Source; 2] {
        let [one, other] = titles;
        [
            source(
                "North",
                BodyId([2; 32]),
                vec![by_way("North", first, item(1, one, None))],
            ),
            source(
                "East",
                BodyId([3; 32]),
                vec![by_way("East", second, item(1, other, None))],
            ),
        ]
    }

    #[test]
    fn what_comes_over_several_ways_is_shown_once_and_with_all_of_them() {
        let mut sources = two_ways(root(1, 1), root(1, 1), ["Come", "Come"]);
        let both = vec!["North".to_owned(), "East".to_owned()];
        let expected = vec![("Come".to_owned(), both, None)];
        assert_eq!(shown(&mut sources, &Acquaintance::default()), expected);
        assert_eq!(warned(&sources), [0, 0]);
        assert_eq!(sources[0].view.unread, 1);
    }

    #[test]
    fn the_word_of_the_origin_comes_before_what_is_forwarded_and_supersedes_it() {
        let [north, _] = two_ways(root(1, 1), root(1, 1), ["Come", "Come"]);
        let heard = vec![item(2, "Come later", Some(1))];
        let mut sources = [north, source("Council", COUNCIL, heard)];
        let (north, nobody) = (vec!["North".to_owned()], Vec::new());
        let expected = vec![
            ("Come".to_owned(), north, Some(2)),
            ("Come later".to_owned(), nobody.clone(), None),
        ];
        assert_eq!(shown(&mut sources, &knows(root(1, 1), true)), expected);
        // Heard from both, it is the origin's, and nobody's word is needed.
        let [north, _] = two_ways(root(1, 1), root(1, 1), ["Come", "Come"]);
        let mut sources = [north, source("Council", COUNCIL, vec![item(1, "Come", None)])];
        let expected = vec![("Come".to_owned(), nobody.clone(), None)];
        assert_eq!(shown(&mut sources, &knows(root(1, 1), true)), expected);
        // Another version of it is not shown, and who forwards it is.
        let [north, _] = two_ways(root(1, 1), root(1, 1), ["Stay away", "Come"]);
        let mut sources = [north, source("Council", COUNCIL, vec![item(1, "Come", None)])];
        assert_eq!(shown(&mut sources, &knows(root(1, 1), true)), expected);
        assert_eq!(warned(&sources), [1, 0]);
    }

    #[test]
    fn what_another_key_signed_than_the_known_one_is_told_of_and_not_shown() {
        let known = |number, live| knows(root(number, 1), live);
        for (known, key, titles, warnings) in [
            (known(1, true), root(1, 9), 0, 1),
            (known(1, false), root(1, 9), 0, 1),
            // Of one from before, or to come, the origin itself is heard.
            (known(2, true), root(1, 9), 0, 0),
            (known(2, true), root(3, 9), 0, 0),
            // Where the link has ended, it may have come after.
            (known(2, false), root(3, 9), 1, 0),
        ] {
            let [north, _] = two_ways(key, key, ["Come", "Come"]);
            let mut sources = [north];
            assert_eq!(shown(&mut sources, &known).len(), titles);
            assert_eq!(warned(&sources), [warnings]);
        }
    }

    #[test]
    fn who_name_different_keys_of_one_body_are_shown_apart_and_withdraw_nothing_of_each_other() {
        let [mut north, east] = two_ways(root(1, 1), root(1, 9), ["Come", "Come"]);
        north
            .items
            .push(by_way("North", root(1, 1), item(2, "1 is withdrawn", Some(1))));
        let mut sources = [north, east];
        let expected = vec![
            ("Come".to_owned(), vec!["North".to_owned()], Some(2)),
            ("Come".to_owned(), vec!["East".to_owned()], None),
            ("1 is withdrawn".to_owned(), vec!["North".to_owned()], None),
        ];
        assert_eq!(shown(&mut sources, &Acquaintance::default()), expected);
        assert_eq!(warned(&sources), [1, 1]);
    }

    #[test]
    fn an_origin_that_signed_two_versions_is_shown_to_have() {
        let mut sources = two_ways(root(1, 1), root(1, 1), ["Come", "Stay away"]);
        assert_eq!(shown(&mut sources, &Acquaintance::default()).len(), 2);
        assert_eq!(warned(&sources), [1, 1]);
    }

    #[test]
    fn another_body_of_a_known_name_is_told_of() {
        let mut known = Acquaintance::default();
        known.0 = knows(root(1, 1), true)
            .0
            .into_iter()
            .map(|(_, it)| (BodyId([7; 32]), it))
            .collect();
        let [north, _] = two_ways(root(1, 1), root(1, 1), ["Come", "Come"]);
        let mut sources = [north];
        assert_eq!(shown(&mut sources, &known).len(), 1);
        assert_eq!(warned(&sources), [1]);
    }

    #[test]
    fn who_mutes_a_body_hears_it_from_nobody() {
        let [mut north, east] = two_ways(root(1, 1), root(1, 1), ["Come", "Come"]);
        let mut council = source("Council", COUNCIL, Vec::new());
        council.mark.muted = true;
        let mut sources = [north, council];
        let all = merge(&mut sources, &knows(root(1, 1), true));
        assert!(all.values().all(|shown| shown.muted));
        // Nobody hears it directly: it is shown for as long as one of the ways is.
        [north, _] = sources;
        north.mark.muted = true;
        let mut sources = [north, east];
        let all = merge(&mut sources, &Acquaintance::default());
        assert!(all.values().all(|shown| !shown.muted));
    }
}
