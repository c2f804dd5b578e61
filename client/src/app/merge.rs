//! What the sources of a feed come to: each announcement once, the word of its origin before that of anybody who forwards
//! it.
//!
//! Who forwards something says by which root key its origin speaks. Where the origin is known, its own key counts. Where
//! it is not, that is their word: what different keys signed is shown apart, and none withdraws what the other told. What
//! was handed over accuses nobody: whoever handed it over may have made it up.

use std::collections::{BTreeMap, BTreeSet};

use caucus_proto::id::BodyId;
use caucus_proto::org::between::RootKey;

use super::acquaintance::{Acquaintance, Trust};
use super::feed::ItemView;
use super::heard::{Heard, Source};

/// Letters of a body's id that people compare.
const LETTERS: usize = 12;

/// Which announcement: whose, its number, by which key where that is others' word or was signed by who may sign no more,
/// and its hash where only others told it.
pub(super) type Key = (BodyId, u32, Option<RootKey>, Option<[u8; 32]>);

/// An item of the feed.
pub(super) struct Shown {
    pub(super) view: ItemView,
    pub(super) muted: bool,
    pub(super) digest: bool,
    /// Places of the sources that it came from.
    ways: BTreeSet<usize>,
}

/// Puts together what all sources say.
pub(super) fn merge(sources: &mut [Source], known: &Acquaintance) -> BTreeMap<Key, Shown> {
    let mut shown = BTreeMap::new();
    let mut hashes = BTreeMap::new();
    for (way, source) in sources.iter_mut().enumerate() {
        for item in &mut source.items {
            if item.origin.is_none() {
                let key = (source.body, item.view.number, None, None);
                match item.hash {
                    Some(hash) if item.is_read() => {
                        hashes.insert(key, hash);
                    }
                    Some(hash) => {
                        hashes.entry(key).or_insert(hash);
                    }
                    None => {}
                }
                put(&mut shown, key, item, way);
            }
        }
    }
    for (way, source) in sources.iter_mut().enumerate() {
        let mut warnings = Vec::new();
        for item in &mut source.items {
            let warning = put_forwarded(&mut shown, &hashes, known, item, way);
            warnings.extend(warning.filter(|_| item.is_read()));
        }
        warnings.into_iter().for_each(|words| source.warn(words));
    }
    different_keys(sources, known);
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

fn letters(body: &BodyId) -> String {
    body.to_string().chars().take(LETTERS).collect()
}

/// Shows what is forwarded, if it is to be; what is to be said of whoever forwards it.
fn put_forwarded(
    shown: &mut BTreeMap<Key, Shown>,
    hashes: &BTreeMap<Key, [u8; 32]>,
    known: &Acquaintance,
    item: &mut Heard,
    way: usize,
) -> Option<String> {
    let origin = item.origin.filter(|_| item.view.gone.is_none())?;
    let (body, number) = (origin.body, item.view.number);
    if let Some(name) = known.name_of(&body) {
        name.clone_into(&mut item.view.from);
    }
    let name = &item.view.from;
    let trust = known.trust(&origin);
    let by = match trust {
        Trust::Known => None,
        Trust::Lapsed | Trust::Word => Some(origin.root),
        Trust::Unheard => return None,
        Trust::Forged => {
            return Some(format!(
                "it forwards in the name of {name} what is not signed by the key that you know of that body"
            ));
        }
    };
    item.view.on_their_word = by.is_some();
    let direct = (body, number, None, None);
    if let Some(own) = shown.get(&direct) {
        let signed = matches!(trust, Trust::Known) && item.is_read();
        // What somebody handed over gives way to what the origin has signed.
        let hearsay = own.view.handed_by.is_some() && signed;
        if hearsay || hashes.get(&direct) == item.hash.as_ref() {
            put(shown, direct, item, way);
            return None;
        }
        if own.view.handed_by.is_none() {
            return Some(format!(
                "it forwards another version of number {number} of {name} than {name} published itself"
            ));
        }
    }
    // What one's own body does not know of is no word of it.
    if known.is_own(&body) {
        return None;
    }
    let another = known.has_another(name, &body).then(|| {
        let id = letters(&body);
        format!(
            "it forwards what a {name} says whose id begins with {id}: that is not the {name} that you know"
        )
    });
    put(shown, (body, number, by, item.hash), item, way);
    another
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

/// Says of whoever forwards what different keys of one number signed that they do.
fn different_keys(sources: &mut [Source], known: &Acquaintance) {
    let mut named: BTreeMap<BodyId, (String, BTreeSet<RootKey>, BTreeSet<usize>)> = BTreeMap::new();
    for (way, source) in sources.iter().enumerate() {
        for item in source.items.iter().filter(|item| item.is_read()) {
            let standing = item.origin.filter(|_| item.view.gone.is_none());
            let Some(origin) = standing else { continue };
            if matches!(known.trust(&origin), Trust::Word) {
                let (_, roots, ways) = named
                    .entry(origin.body)
                    .or_insert_with(|| (item.view.from.clone(), BTreeSet::new(), BTreeSet::new()));
                roots.insert(origin.root);
                ways.insert(way);
            }
        }
    }
    for (body, (name, roots, ways)) in named {
        let numbers: BTreeSet<_> = roots.iter().map(|root| root.number).collect();
        if numbers.len() == roots.len() {
            continue;
        }
        let names: Vec<_> = ways
            .iter()
            .filter_map(|way| sources.get(*way))
            .map(|source| source.view.from.clone())
            .collect();
        let words = format!(
            "{} forward what {name} ({}) says under different keys: at most one of them is right; ask that body itself",
            names.join(" and "),
            letters(&body)
        );
        warn_all(sources, &ways, &words);
    }
}

fn warn_all(sources: &mut [Source], ways: &BTreeSet<usize>, words: &str) {
    for way in ways {
        if let Some(source) = sources.get_mut(*way) {
            source.warn(words.to_owned());
        }
    }
}

/// An origin that signed two versions of one announcement is shown to have.
fn two_versions(shown: &BTreeMap<Key, Shown>, sources: &mut [Source]) {
    let mut versions: BTreeMap<(BodyId, u32, Option<RootKey>), Vec<&Shown>> = BTreeMap::new();
    for ((body, number, by, hash), item) in shown {
        if hash.is_some() && item.view.handed_by.is_none() {
            versions.entry((*body, *number, *by)).or_default().push(item);
        }
    }
    for items in versions.values().filter(|items| items.len() > 1) {
        for item in items {
            let words = format!(
                "{} signed two versions of its number {}",
                item.view.from, item.view.number
            );
            warn_all(sources, &item.ways, &words);
        }
    }
}

/// Corrections and withdrawals supersede, visibly, whichever way they came, what the same key stands behind.
fn supersede(shown: &mut BTreeMap<Key, Shown>) {
    let replaced: Vec<_> = (shown.iter())
        .filter_map(|((body, by, key, _), item)| {
            let handed = item.view.handed_by.is_some();
            Some(((*body, item.view.replaces?, *key), *by, handed))
        })
        .filter(|((_, of, _), by, _)| of < by)
        .collect();
    for ((body, of, key), by, handed) in replaced {
        let from = (body, of, key, None);
        let to = (body, of, key, Some([u8::MAX; 32]));
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
mod tests;
