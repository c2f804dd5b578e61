//! Forwarding what another body announced; and finding that, whichever way it was heard.

use caucus_proto::id::BodyId;
use caucus_proto::org::between::{Forwarded, Item, LinkStep, SignedEntry};
use caucus_proto::org::{Attachment, Deed};
use caucus_proto::wire::RelayAddress;

use super::answer::Answer;
use super::app::PATIENCE;
use super::find;
use super::issue::issued_answer;
use super::links::named;
use super::problem::{Code, Problem};
use crate::engine::{Engine, EngineError, FeedRecord, Room};

/// Letters of an id that stand for it.
const SHORTEST_ID: usize = 6;

/// What others forward of one body that is not the same, or not by the same key.
pub(super) const TOLD_TWICE: &str = "key or announcement of that number";

/// Files, and the relays where they may lie if those are not the room's.
pub(super) type Files = (Vec<Attachment>, Vec<RelayAddress>);

/// Publishes once more what another body announced.
pub(super) async fn forward(engine: &Engine, body: &str, from: &str, number: u32) -> Result<Answer, Problem> {
    let live = find::room(engine, body)?;
    let step = step(&live.room(), from, number)?;
    engine.open_bulletin(&live, PATIENCE).await?;
    let deed = Deed::Between { step: Box::new(step) };
    let fate = live.act(&deed, PATIENCE).await?;
    Ok(issued_answer(&live, &fate))
}

fn step(room: &Room, from: &str, number: u32) -> Result<LinkStep, Problem> {
    let Some((link, signed)) = heard(room, from, number)? else {
        return Err(not_heard(room, from, number));
    };
    let masthead = room
        .feed_cursor(link)?
        .and_then(|cursor| cursor.follower.masthead);
    let masthead = masthead.ok_or_else(|| not_heard(room, from, number))?;
    if let Some(by) = superseded(room, link, &signed)? {
        return Err(Problem::new(
            Code::Denied,
            format!("announcement {number} of {from} holds no more"),
            format!("forward {by} instead: it took its place or withdraws it"),
        ));
    }
    Ok(LinkStep::Forward {
        link,
        masthead: Box::new(masthead),
        signed: Box::new(signed),
    })
}

fn not_heard(room: &Room, from: &str, number: u32) -> Problem {
    let told = named(room, from).is_ok_and(|link| room.state().between.told.contains_key(&(link, number)));
    if told {
        return Problem::new(
            Code::Denied,
            format!("number {number} of {from} was sent to your body alone: nothing signs it for others"),
            format!("ask {from} to announce it to all, or say it in your own words with `caucus announce`"),
        );
    }
    if handed(room, from, number).is_ok_and(|found| found.is_some()) {
        return Problem::new(
            Code::Denied,
            format!(
                "number {number} of {from} was handed to you by whoever let you in: nothing signs it for others"
            ),
            "ask somebody to forward it who was in the body when it was announced, or say it in your own words with `caucus announce`",
        );
    }
    Problem::new(
        Code::NotFound,
        format!("no announcement {number} of {from} was heard"),
        "see which there are with `caucus feed show --all`",
    )
}

/// The number of what took the place of something on the way by which it was heard.
fn superseded(room: &Room, link: u32, signed: &SignedEntry) -> Result<Option<u32>, EngineError> {
    let (body, number) = match &signed.entry.item {
        Item::Forwarded(forwarded) => (forwarded.body(), forwarded.item_number),
        _ => (signed.entry.body, signed.entry.item_number),
    };
    let found = room.feed(link)?.into_iter().find_map(|record| {
        let entry = record.signed()?.entry;
        match &entry.item {
            Item::Forwarded(other) if other.body() == body => {
                (other.item().replaces() == Some(number)).then_some(other.item_number)
            }
            Item::Forwarded(_) => None,
            item if entry.body == body => (item.replaces() == Some(number)).then_some(entry.item_number),
            _ => None,
        }
    });
    Ok(found)
}

/// What a body was told by another with a signature for everybody: by itself, or else by way of others.
fn heard(room: &Room, from: &str, number: u32) -> Result<Option<(u32, SignedEntry)>, EngineError> {
    let direct = match named(room, from) {
        Ok(link) => Some(link),
        Err(EngineError::NotFound { .. }) => None,
        Err(error) => return Err(error),
    };
    if let Some(link) = direct {
        let mut records = room.feed(link)?.into_iter().filter_map(FeedRecord::signed);
        let own = |signed: &SignedEntry| {
            signed.entry.item_number == number && !matches!(signed.entry.item, Item::Forwarded(_))
        };
        if let Some(signed) = records.find(own) {
            return Ok(Some((link, signed)));
        }
    }
    let links = &room.state().between.links;
    let peer = direct
        .and_then(|link| links.get(&link)?.peer.as_ref())
        .map(|peer| peer.card.body);
    let mut found: Vec<(Forwarded, bool, u32, SignedEntry)> = Vec::new();
    for (number_of, link) in links {
        for signed in room.feed(*number_of)?.into_iter().filter_map(FeedRecord::signed) {
            let Item::Forwarded(forwarded) = &signed.entry.item else {
                continue;
            };
            if forwarded.item_number == number && is_of(forwarded, from, peer) {
                let forwarded = (**forwarded).clone();
                found.push((forwarded, link.live().is_some(), *number_of, signed));
            }
        }
    }
    // A link that stands comes first: over another nothing is forwarded.
    if found.iter().any(|(_, live, ..)| *live) {
        found.retain(|(_, live, ..)| *live);
    }
    let mut others = found.iter().skip(1).map(|(forwarded, ..)| forwarded);
    let first = found.first().map(|(forwarded, ..)| forwarded);
    if let Some(first) = first
        && let Some(other) = others.find(|other| !first.says_the_same(other))
    {
        let what = if other.body() == first.body() {
            TOLD_TWICE
        } else {
            "body"
        };
        return Err(EngineError::Ambiguous {
            what,
            name: from.to_owned(),
        });
    }
    let first = found.into_iter().next();
    Ok(first.map(|(_, _, link, signed)| (link, signed)))
}

/// What was handed over of a body's announcements, and this device has not read itself.
fn handed(room: &Room, from: &str, number: u32) -> Result<Option<(u32, Item)>, EngineError> {
    let link = named(room, from)?;
    let mut handed = room.feed(link)?.into_iter().filter(|record| {
        let entry = &record.entry;
        record.handed_by.is_some() && entry.item_number == number && !matches!(entry.item, Item::Forwarded(_))
    });
    Ok(handed.next().map(|record| (link, record.entry.item)))
}

fn is_of(forwarded: &Forwarded, from: &str, peer: Option<BodyId>) -> bool {
    let body = forwarded.body();
    match peer {
        Some(peer) => peer == body,
        None => {
            let id = body.to_string();
            forwarded.name.is_like(from)
                || (from.len() >= SHORTEST_ID && id.starts_with(&from.to_lowercase()))
        }
    }
}

/// The files that go with an announcement of one's own body, or of one that it hears, if by way of others.
pub(super) fn announced(room: &Room, from: &str, number: u32) -> Result<Files, EngineError> {
    let state = room.state();
    if state.genesis.label.is_like(from)
        && let Some(issued) = state.between.issued.get(&number)
    {
        return files(&issued.item, Vec::new()).ok_or_else(|| no_announcement(number));
    }
    if let Some((link, signed)) = heard(room, from, number)? {
        return files(&signed.entry.item, relays_of(room, link)).ok_or_else(|| no_announcement(number));
    }
    if let Some((link, item)) = handed(room, from, number)? {
        return files(&item, relays_of(room, link)).ok_or_else(|| no_announcement(number));
    }
    let link = named(room, from)?;
    let told = state.between.told.get(&(link, number));
    told.and_then(|told| files(told.item.as_ref()?, relays_of(room, link)))
        .ok_or_else(|| no_announcement(number))
}

/// The files that go with the report of another body on a directive of one's own.
pub(super) fn reported(room: &Room, from: &str, number: u32) -> Result<Files, EngineError> {
    let link = named(room, from)?;
    let progress = room.state().between.board.get(&(number, link));
    let report = progress.and_then(|progress| progress.reported.as_ref());
    let report = report.ok_or_else(|| EngineError::NotFound {
        what: "report",
        name: number.to_string(),
    })?;
    Ok((report.files.clone(), relays_of(room, link)))
}

fn files(item: &Item, relays: Vec<RelayAddress>) -> Option<Files> {
    match item {
        Item::Announcement(said) => Some((said.files.clone(), relays)),
        Item::Forwarded(forwarded) => files(&forwarded.item(), forwarded.relay.parse().into_iter().collect()),
        Item::Order(_) | Item::Withdrawal { .. } => None,
    }
}

/// Where the files of a linked body lie: on the relay where it is now, or, if it sent them before it moved, where the link
/// was made.
fn relays_of(room: &Room, link: u32) -> Vec<RelayAddress> {
    let over = room.state().between.links.get(&link);
    let Some(peer) = over.and_then(|over| over.peer.as_ref()) else {
        return Vec::new();
    };
    let first = peer.site.is_some().then_some(peer.card.relay.as_str());
    let relays = [Some(peer.relay()), first].into_iter().flatten();
    relays.filter_map(|relay| relay.parse().ok()).collect()
}

fn no_announcement(number: u32) -> EngineError {
    EngineError::NotFound {
        what: "announcement",
        name: number.to_string(),
    }
}
