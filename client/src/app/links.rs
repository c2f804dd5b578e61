//! Links with other bodies: offered, accepted, ended; and the map of the bodies that a person knows of.

use caucus_proto::id::Minutes;
use caucus_proto::org::between::{Link, Sends, SignedOffer, Terms};
use caucus_proto::org::{How, Kind};
use serde::{Deserialize, Serialize};

use super::answer::Answer;
use super::app::PATIENCE;
use super::feed::{bulletin_warnings, withheld};
use super::membership::{done_or_queued, waiting_because};
use super::problem::{Code, Problem};
use super::{find, view};
use crate::engine::{Engine, EngineError, Fate, LiveRoom, Room};

/// Minutes after which a body that was not heard is called silent.
const SILENT: u64 = 14 * 24 * 60;

/// Minutes after which it is said that a body whose offer was accepted has not answered.
const UNANSWERED: u64 = 24 * 60;

/// What a body may send over a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct SendsWord {
    /// Announcements.
    #[serde(default)]
    pub announcements: bool,
    /// Directives.
    #[serde(default)]
    pub directives: bool,
    /// Motions, reports, questions.
    #[serde(default)]
    pub reports: bool,
}

/// A link.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LinkView {
    /// Its number.
    pub number: u32,
    /// What the other body calls itself; none while nobody has accepted the offer.
    pub with: Option<String>,
    /// Its id.
    pub id: Option<String>,
    /// `cell`, `chapter` or `committee`.
    pub kind: Option<String>,
    /// `offered`, `expired`, `linked`, `ended`.
    pub stage: String,
    /// What this body may send.
    pub we: SendsWord,
    /// What the other may send.
    pub they: SendsWord,
    /// Since when it stands, or is offered, in minutes since 1970-01-01T00:00Z.
    pub since: u64,
    /// When the other was heard last, in minutes since 1970-01-01T00:00Z.
    pub heard: Option<u64>,
    /// Letters that it has not acknowledged.
    pub waiting: u64,
    /// When its bulletin was read to the end last, in minutes since 1970-01-01T00:00Z.
    pub read: Option<u64>,
    /// What a person should know, in words.
    pub warnings: Vec<String>,
    /// Why it ended.
    pub reason: Option<String>,
}

/// Somebody offers a link.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OfferView {
    /// What the body calls itself.
    pub with: String,
    /// Its id.
    pub id: String,
    /// `cell`, `chapter` or `committee`.
    pub kind: String,
    /// What one's own body may send.
    pub we: SendsWord,
    /// What the other may send.
    pub they: SendsWord,
    /// Until when, in minutes since 1970-01-01T00:00Z.
    pub expires: u64,
    /// Everybody decides whether it is accepted, and has not decided that it is.
    pub by_poll: bool,
}

/// A body on the map.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NodeView {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// `cell`, `chapter` or `committee`.
    pub kind: String,
    /// One is in it.
    pub mine: bool,
    /// How many people are in it; only of one's own.
    pub people: Option<u64>,
}

/// A link on the map.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct EdgeView {
    /// Id of one's own body.
    pub from: String,
    /// Id of the other.
    pub to: String,
    /// What one's own body may send.
    pub we: SendsWord,
    /// What the other may send.
    pub they: SendsWord,
    /// `good`, `silent`, `troubled`.
    pub health: String,
    /// What a person should know, in words.
    pub warnings: Vec<String>,
}

impl SendsWord {
    const fn sends(self) -> Sends {
        Sends {
            announcements: self.announcements,
            directives: self.directives,
            reports: self.reports,
        }
    }

    const fn of(sends: Sends) -> Self {
        Self {
            announcements: sends.announcements,
            directives: sends.directives,
            reports: sends.reports,
        }
    }
}

/// A kind of body in a word.
pub(super) fn kind_word(kind: Kind) -> String {
    match kind {
        Kind::Cell => "cell",
        Kind::Chapter => "chapter",
        Kind::Committee => "committee",
        Kind::Direct => "direct",
    }
    .to_owned()
}

/// The links of a body.
pub(super) fn links(engine: &Engine, body: &str) -> Result<Answer, Problem> {
    let live = find::room(engine, body)?;
    let (room, mut links) = (live.room(), Vec::new());
    for (number, link) in &room.state().between.links {
        links.push(link_view(&live, &room, (*number, link), engine.now().minutes)?);
    }
    let body = view::room_name(&room);
    let own = own_warnings(&live, &room)?;
    Ok(Answer::Links {
        body,
        links,
        warnings: own,
    })
}

fn link_view(
    live: &LiveRoom,
    room: &Room,
    (number, link): (u32, &Link),
    time: Minutes,
) -> Result<LinkView, EngineError> {
    let now = room.state().now();
    let peer = link.peer.as_ref();
    let stage = match (peer, &link.ended) {
        (_, Some(_)) => "ended",
        (Some(_), None) => "linked",
        (None, None) if link.is_offered(now) => "offered",
        (None, None) => "expired",
    };
    let cursor = room.feed_cursor(number)?;
    let mut warnings = live.troubles_of(number);
    if link.ended.is_none() {
        if let Some(peer) = peer
            && now.0.saturating_sub(peer.heard.0) >= SILENT
        {
            warnings.push("it was not heard for two weeks".to_owned());
        }
        if peer.is_some() && link.heard == 0 && now.0.saturating_sub(link.since.0) >= UNANSWERED {
            warnings.push(
                "it has not answered since its offer was accepted: somebody else may have been first; end the link and ask for another offer"
                    .to_owned(),
            );
        }
        warnings.extend(bulletin_warnings(cursor.as_ref(), false));
        if let Some(peer) = peer {
            warnings.extend(withheld(room, (number, peer), cursor.as_ref(), time)?);
        }
    }
    Ok(LinkView {
        number,
        with: peer.map(|peer| peer.card.name.to_string()),
        id: peer.map(|peer| peer.card.body.to_string()),
        kind: peer.map(|peer| kind_word(peer.card.kind)),
        stage: stage.to_owned(),
        we: SendsWord::of(link.we),
        they: SendsWord::of(link.they),
        since: link.since.0,
        heard: peer.map(|peer| peer.heard.0),
        waiting: link.sent.saturating_sub(link.acked),
        read: cursor.map(|cursor| cursor.read.0).filter(|time| *time > 0),
        warnings,
        reason: link.ended.as_ref().map(|ended| ended.reason.clone()),
    })
}

/// What one should know of one's own bulletin.
fn own_warnings(live: &LiveRoom, room: &Room) -> Result<Vec<String>, EngineError> {
    let mut warnings = live.troubles_of(0);
    warnings.extend(bulletin_warnings(room.feed_cursor(0)?.as_ref(), true));
    Ok(warnings)
}

/// Offers a link.
pub(super) async fn offer(
    engine: &Engine,
    body: &str,
    we: SendsWord,
    they: SendsWord,
    minutes: u64,
) -> Result<Answer, Problem> {
    let live = find::room(engine, body)?;
    let terms = Terms {
        offering: we.sends(),
        accepting: they.sends(),
    };
    if terms.offering.is_nothing() && terms.accepting.is_nothing() {
        return Err(Problem::new(
            Code::BadInput,
            "by such a link nobody could send anything",
            "say what each side may send, such as --we announcements --they reports",
        ));
    }
    let (offer, fate) = engine.offer_link(&live, terms, minutes, PATIENCE).await?;
    match fate {
        Fate::Landed(_) => Ok(Answer::LinkOffered {
            body: view::room_name(&live.room()),
            offer,
            expires: engine.now().minutes.0.saturating_add(minutes),
        }),
        Fate::Waits => Ok(Answer::Queued {
            waiting: live.room().unsent(),
            why: waiting_because(&live),
        }),
    }
}

/// What an offer says, before it is accepted.
pub(super) async fn read(engine: &Engine, body: &str, offer: &str) -> Result<Answer, Problem> {
    let live = find::room(engine, body)?;
    let signed = engine.read_offer(offer).await?;
    let room = live.room();
    let state = room.state();
    let decided = SignedOffer::digest(&signed.offer)
        .is_ok_and(|digest| state.between.agreed.get(&signed.offer.link) == Some(&digest));
    let by_poll = state.charter().between.links == How::Poll && !decided;
    Ok(Answer::Offer(offer_view(&signed, by_poll)))
}

fn offer_view(signed: &SignedOffer, by_poll: bool) -> OfferView {
    let (offer, card) = (&signed.offer, &signed.offer.card);
    OfferView {
        with: card.name.to_string(),
        id: card.body.to_string(),
        kind: kind_word(card.kind),
        we: SendsWord::of(offer.terms.accepting),
        they: SendsWord::of(offer.terms.offering),
        expires: offer.expires.0,
        by_poll,
    }
}

/// Accepts an offer.
pub(super) async fn accept(engine: &Engine, body: &str, offer: &str) -> Result<Answer, Problem> {
    let live = find::room(engine, body)?;
    let signed = engine.read_offer(offer).await?;
    let fate = engine.accept_link(&live, signed, PATIENCE).await?;
    done_or_queued(&live, fate)
}

/// Ends a link, or takes an offer back.
pub(super) async fn end(engine: &Engine, body: &str, link: &str, reason: &str) -> Result<Answer, Problem> {
    use caucus_proto::org::Deed;
    use caucus_proto::org::between::LinkStep;
    let live = find::room(engine, body)?;
    let number = named(&live.room(), link)?;
    let step = LinkStep::End {
        link: number,
        reason: reason.to_owned(),
    };
    let fate = live
        .act(&Deed::Between { step: Box::new(step) }, PATIENCE)
        .await?;
    done_or_queued(&live, fate)
}

/// The link that a person means: by its number, or by what the other body is called or its id begins with. One that stands
/// comes before one that has ended.
pub(super) fn named(room: &Room, name: &str) -> Result<u32, EngineError> {
    let links = &room.state().between.links;
    let number = name.trim_start_matches('#').parse::<u32>().ok();
    if let Some(number) = number.filter(|number| links.contains_key(number)) {
        return Ok(number);
    }
    let is_like = |link: &Link| {
        link.peer.as_ref().is_some_and(|peer| {
            let id = peer.card.body.to_string();
            peer.card.name.is_like(name) || (name.len() >= 6 && id.starts_with(&name.to_lowercase()))
        })
    };
    let found: Vec<_> = links.iter().filter(|(_, link)| is_like(link)).collect();
    let live: Vec<_> = found.iter().filter(|(_, link)| link.live().is_some()).collect();
    let ambiguous = || EngineError::Ambiguous {
        what: "linked body",
        name: name.to_owned(),
    };
    match (live.as_slice(), found.as_slice()) {
        ([(number, _)], _) => Ok(**number),
        ([], [.., (number, _)]) => Ok(**number),
        ([], []) => Err(EngineError::NotFound {
            what: "linked body",
            name: name.to_owned(),
        }),
        _ => Err(ambiguous()),
    }
}

/// The bodies that a person knows of, and the links between them.
pub(super) fn map(engine: &Engine) -> Result<Answer, Problem> {
    let (mut nodes, mut edges) = (Vec::<NodeView>::new(), Vec::new());
    for live in engine.rooms() {
        let room = live.room();
        let state = room.state();
        if state.annex.is_some() || room.may_act().is_err() || state.genesis.kind == Kind::Direct {
            continue;
        }
        let own = NodeView {
            id: room.record().body.to_string(),
            name: state.genesis.label.to_string(),
            kind: kind_word(state.genesis.kind),
            mine: true,
            people: Some(state.present().count() as u64),
        };
        nodes.retain(|node| node.id != own.id);
        for (number, link) in &state.between.links {
            let Some(peer) = link.live() else { continue };
            let other = NodeView {
                id: peer.card.body.to_string(),
                name: peer.card.name.to_string(),
                kind: kind_word(peer.card.kind),
                mine: false,
                people: None,
            };
            let seen = link_view(&live, &room, (*number, link), engine.now().minutes)?;
            let silent = state.now().0.saturating_sub(peer.heard.0) >= SILENT;
            let health = match (silent, seen.warnings.is_empty()) {
                (true, _) => "silent",
                (false, false) => "troubled",
                (false, true) => "good",
            };
            edges.push(EdgeView {
                from: own.id.clone(),
                to: other.id.clone(),
                we: seen.we,
                they: seen.they,
                health: health.to_owned(),
                warnings: seen.warnings,
            });
            if nodes.iter().all(|node| node.id != other.id) {
                nodes.push(other);
            }
        }
        nodes.push(own);
    }
    let order = |kind: &str| match kind {
        "committee" => 0,
        "chapter" => 1,
        _ => 2,
    };
    nodes.sort_by(|a, b| (order(&a.kind), &a.name, &a.id).cmp(&(order(&b.kind), &b.name, &b.id)));
    Ok(Answer::Map { nodes, edges })
}
