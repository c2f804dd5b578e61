//! Search over everything that was said and is still on this device. There is no index: the logs are read through, so that
//! nothing of words is kept beside them, and what is forgotten is found nowhere.
//!
//! Case does not count, and accents of Latin, Greek and Cyrillic letters do not; forms of one letter (wide, in a ligature)
//! are one. Every word, or phrase, must be there.

use std::num::NonZero;
use std::sync::Arc;
use std::thread::{self, ScopedJoinHandle};

use caucus_proto::id::{Minutes, Position};
use caucus_proto::org::Name;
use serde::{Deserialize, Serialize};
use unicode_normalization::char::decompose_compatible;

use super::alike::is_accent;
use super::answer::Answer;
use super::problem::{Code, Problem};
use super::{attachments, find, view};
use crate::engine::{Engine, EngineError, Item, Line, LiveRoom, Room};

/// Hits shown where nobody says how many.
const SHOWN: u32 = 20;

/// Most hits in one answer.
const MOST: u32 = 1_000;

/// Most words that are looked for at once, and how long each may be in bytes.
const WORDS: usize = 16;
const LONGEST: usize = 256;

/// Positions that one thread looks through before the room is let go for others.
const STRETCH: u64 = 1_024;

/// Threads of one search, at most.
const THREADS: usize = 8;

/// Characters that are shown before and after the first hit.
const AROUND: usize = 60;

/// Something that was found.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HitView {
    /// In which room.
    pub room: String,
    /// Where it stands.
    pub position: u64,
    /// Who said it.
    pub author: Option<String>,
    /// Minutes since 1970-01-01T00:00Z, by the author's clock.
    pub time: Option<u64>,
    /// Who handed it over, where it was said before this person came: it is their word, and verified by nothing.
    #[serde(default)]
    pub handed_by: Option<String>,
    /// What stands around the first hit.
    pub excerpt: Vec<PieceView>,
}

/// A piece of an excerpt.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PieceView {
    /// The text.
    pub text: String,
    /// It is what was looked for.
    pub hit: bool,
}

/// What is looked for.
struct Wanted {
    words: Vec<String>,
    from: Option<Name>,
    since: Option<Minutes>,
}

/// Looks for words.
pub(super) async fn search(
    engine: &Engine,
    words: &[String],
    (room, from, since): (Option<&str>, Option<&str>, Option<u64>),
    limit: Option<u32>,
) -> Result<Answer, Problem> {
    let wanted = wanted(words, from, since)?;
    let rooms = match room {
        Some(room) => vec![find::room(engine, room)?],
        None => engine.rooms(),
    };
    let limit = limit.unwrap_or(SHOWN).clamp(1, MOST) as usize;
    let searched = tokio::task::spawn_blocking(move || all(&rooms, &wanted, limit)).await;
    match searched {
        Ok(found) => Ok(found?),
        Err(_) => Err(Problem::new(
            Code::Internal,
            "the search was interrupted",
            "try again",
        )),
    }
}

fn wanted(words: &[String], from: Option<&str>, since: Option<u64>) -> Result<Wanted, Problem> {
    let words: Vec<String> = words
        .iter()
        .map(|word| fold(word.trim()))
        .filter(|word| !word.is_empty())
        .collect();
    if words.is_empty() || words.len() > WORDS || words.iter().any(|word| word.len() > LONGEST) {
        return Err(Problem::new(
            Code::BadInput,
            format!("a search has 1 to {WORDS} words or phrases of at most {LONGEST} bytes"),
            "give the words to look for; quotes make a phrase of several",
        ));
    }
    Ok(Wanted {
        words,
        from: from.map(Name::new).transpose().map_err(EngineError::from)?,
        since: since.map(Minutes),
    })
}

fn all(rooms: &[Arc<LiveRoom>], wanted: &Wanted, limit: usize) -> Result<Answer, EngineError> {
    let mut hits = Vec::new();
    for live in rooms {
        hits.extend(in_room(live, wanted, limit)?);
    }
    // Inside a room the log decides; between rooms, what the authors' clocks said.
    hits.sort_by_key(|hit: &HitView| std::cmp::Reverse((hit.time, hit.position)));
    let more = hits.len() > limit;
    hits.truncate(limit);
    Ok(Answer::Found { hits, more })
}

/// The latest hits of a room, one more than asked for if there are more. Opening what lies in the vault is most of the work:
/// as many threads do it as the machine has cores.
fn in_room(live: &LiveRoom, wanted: &Wanted, limit: usize) -> Result<Vec<HitView>, EngineError> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let newest = live.room().shown_before(Position(u64::MAX), 1)?;
    let mut before = newest
        .last()
        .map_or(0, |(position, _)| position.0.saturating_add(1));
    let mut hits = Vec::new();
    while before > 0 && hits.len() <= limit {
        let room = live.room();
        let mut stretches = Vec::new();
        while before > 0 && stretches.len() < threads.min(THREADS) {
            let first = before.saturating_sub(STRETCH);
            stretches.push((Position(first), Position(before)));
            before = first;
        }
        let look = |stretch| in_stretch(&room, stretch, wanted, limit);
        let found: Vec<_> = thread::scope(|scope| {
            let looking: Vec<_> = stretches
                .into_iter()
                .map(|stretch| scope.spawn(move || look(stretch)))
                .collect();
            looking.into_iter().map(ScopedJoinHandle::join).collect()
        });
        for found in found {
            hits.extend(found.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
    }
    hits.truncate(limit.saturating_add(1));
    Ok(hits)
}

/// The latest hits from one position to before another, one more than asked for if there are more.
fn in_stretch(
    room: &Room,
    (first, before): (Position, Position),
    wanted: &Wanted,
    limit: usize,
) -> Result<Vec<HitView>, EngineError> {
    let mut scratch = String::new();
    let mut hits = Vec::new();
    for (position, line) in room.shown_within(first, before)?.iter().rev() {
        if let Some(text) = hit(line, wanted, &mut scratch) {
            hits.push(HitView {
                room: view::room_name(room),
                position: position.0,
                author: line.name().map(ToOwned::to_owned),
                time: line.time(),
                handed_by: match line {
                    Line::Own(_) => None,
                    Line::Handed(handed) => Some(room.name_of(&handed.by)),
                },
                excerpt: excerpt(&text, &wanted.words),
            });
            if hits.len() > limit {
                break;
            }
        }
    }
    Ok(hits)
}

/// The text of what a person reads, if it is what is looked for.
fn hit(line: &Line, wanted: &Wanted, scratch: &mut String) -> Option<String> {
    let named;
    let text = match line.item() {
        Item::Said(text) | Item::Discussed { text, .. } | Item::Minutes { text, .. } => text,
        Item::Attached { text, file } => {
            named = attachments::named(file, text);
            &named
        }
        Item::Event(_) | Item::Quiet(_) | Item::NoOp(_) | Item::Deleted | Item::Remarked { .. } => {
            return None;
        }
    };
    let is_by = |from: &Name| line.name().is_some_and(|name| from.is_like(name));
    let is_since = |since: Minutes| line.time().is_some_and(|time| time >= since.0);
    if !(wanted.from.as_ref().is_none_or(is_by) && wanted.since.is_none_or(is_since)) {
        return None;
    }
    scratch.clear();
    if text.is_ascii() {
        scratch.push_str(text);
        scratch.make_ascii_lowercase();
    } else {
        text.chars().for_each(|c| folded(c, |c| scratch.push(c)));
    }
    let found = wanted.words.iter().all(|word| scratch.contains(word.as_str()));
    found.then(|| text.clone())
}

/// A text in which neither case nor accents count.
fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    text.chars().for_each(|c| folded(c, |c| out.push(c)));
    out
}

fn folded(c: char, mut put: impl FnMut(char)) {
    if c.is_ascii() {
        return put(c.to_ascii_lowercase());
    }
    decompose_compatible(c, |c| {
        if !is_accent(c) {
            c.to_lowercase().filter(|c| !is_accent(*c)).for_each(&mut put);
        }
    });
}

/// What stands around the first hit, with every hit in it told apart. Line breaks become blanks.
fn excerpt(text: &str, words: &[String]) -> Vec<PieceView> {
    let letters: Vec<char> = text
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .collect();
    // The folded text, and for each of its bytes which letter it comes from.
    let (mut plain, mut from) = (String::new(), Vec::new());
    for (place, letter) in text.chars().enumerate() {
        let start = plain.len();
        folded(letter, |c| plain.push(c));
        from.resize(from.len() + plain.len() - start, place);
    }
    let mut hit = vec![false; letters.len()];
    let mut first = letters.len();
    for word in words {
        for (at, found) in plain.match_indices(word.as_str()) {
            let Some(begin) = from.get(at).copied() else {
                continue;
            };
            let end = from.get(at + found.len() - 1).map_or(begin, |last| *last);
            first = first.min(begin);
            hit.iter_mut()
                .take(end + 1)
                .skip(begin)
                .for_each(|hit| *hit = true);
        }
    }
    let begin = if first == letters.len() {
        0
    } else {
        first.saturating_sub(AROUND)
    };
    let mut pieces: Vec<PieceView> = Vec::new();
    if begin > 0 {
        put(&mut pieces, '…', false);
    }
    let shown = letters.iter().zip(&hit).skip(begin);
    let mut left = 3 * AROUND;
    for (letter, hit) in shown {
        if left == 0 {
            put(&mut pieces, '…', false);
            break;
        }
        left -= 1;
        put(&mut pieces, *letter, *hit);
    }
    pieces
}

fn put(pieces: &mut Vec<PieceView>, letter: char, hit: bool) {
    match pieces.last_mut().filter(|last| last.hit == hit) {
        Some(last) => last.text.push(letter),
        None => pieces.push(PieceView {
            text: letter.to_string(),
            hit,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, words: &[&str]) -> String {
        let words: Vec<String> = words.iter().map(|word| fold(word)).collect();
        let pieces = excerpt(text, &words);
        pieces
            .iter()
            .map(|piece| match piece.hit {
                true => format!("[{}]", piece.text),
                false => piece.text.clone(),
            })
            .collect()
    }

    #[test]
    fn case_and_accents_do_not_count_and_letters_of_other_scripts_stay_apart() {
        for (one, other) in [
            ("CAFÉ", "cafe"),
            ("Ÿ", "y"),
            ("Ёлка", "елка"),
            ("ΆΝΘΡΩΠΟΣ", "ανθρωποσ"),
            ("ﬁn", "FIN"),
            ("Ａｎａ", "ana"),
            ("cafe\u{301}", "café"),
            ("İ", "i"),
        ] {
            assert_eq!(fold(one), fold(other), "{one} {other}");
        }
        for (one, other) in [("a", "b"), ("कि", "की"), ("ла", "ля")] {
            assert_ne!(fold(one), fold(other), "{one} {other}");
        }
    }

    #[test]
    fn an_excerpt_shows_every_hit_around_the_first() {
        assert_eq!(
            shown("We rent the Hall.\nHALL 2", &["hall"]),
            "We rent the [Hall]. [HALL] 2"
        );
        assert_eq!(
            shown("Un café très bon", &["TRES", "cafe"]),
            "Un [café] [très] bon"
        );
        assert_eq!(shown("eﬃcient", &["fi"]), "e[ﬃ]cient");
        let long = format!("{} needle {}", "a".repeat(300), "b".repeat(300));
        let cut = shown(&long, &["needle"]);
        assert!(cut.starts_with("…aaa") && cut.ends_with("bbb…"), "{cut}");
        assert!(cut.contains("[needle]") && cut.chars().count() < 200, "{cut}");
        assert_eq!(shown("", &["x"]), "");
    }
}
