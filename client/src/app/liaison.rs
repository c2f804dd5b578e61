//! Introductions: a body brings people of others together; what they are asked, and what became of it.

use caucus_proto::org::between::{Asked, Introduced, Introducing, LinkStep};
use caucus_proto::org::{Deed, Denied};
use serde::{Deserialize, Serialize};

use super::answer::{Answer, InboxItem};
use super::app::PATIENCE;
use super::direct::{free_label, fresh_name};
use super::links::named;
use super::membership::done_or_queued;
use super::problem::{Code, Problem};
use super::{find, view};
use crate::engine::{Engine, EngineError, IntroducedRecord, Room, linked_name};

/// An introduction.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct IntroductionView {
    /// Which of one's bodies makes it, or is asked.
    pub body: String,
    /// Which body makes it, where one's own is asked.
    pub from: Option<String>,
    /// Its number, in the body that makes it.
    pub number: u32,
    /// What it is for.
    pub about: String,
    /// Until when people may consent, in minutes since 1970-01-01T00:00Z.
    pub until: u64,
    /// `open`, `consented`: of this body somebody comes; `met`, `declined`, `over`.
    pub stage: String,
    /// Where one's own is asked: whoever consents founds the room.
    pub host: bool,
    /// Where one's own makes it: bodies whose people it brings together, the host's first, and whether somebody comes.
    pub between: Vec<(String, bool)>,
    /// Of how many bodies people meet.
    pub parties: u64,
    /// Who of one's own body consented.
    pub consented: Option<String>,
}

/// Who introduced the people of a direct room.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct IntroducedView {
    /// What the body is called.
    pub by: String,
    /// What it is for.
    pub about: String,
    /// When, in minutes since 1970-01-01T00:00Z.
    pub at: u64,
    /// The root key of that body, as one's own body knew it, signed it.
    pub signed: bool,
}

impl IntroducedView {
    pub(super) fn of(record: &IntroducedRecord) -> Self {
        let said = &record.signed.introduction;
        Self {
            by: record.by.to_string(),
            about: said.about.clone(),
            at: said.at.0,
            signed: record.is_signed(),
        }
    }
}

const fn ending(how: Introduced) -> &'static str {
    match how {
        Introduced::Met => "met",
        Introduced::Declined => "declined",
    }
}

fn made(room: &Room, number: u32, made: &Introducing) -> IntroductionView {
    let state = room.state();
    let comes = |link: &u32| match made.ended {
        Some((_, how)) => how == Introduced::Met,
        None => made.consents.contains_key(link),
    };
    let stage = match made.ended {
        Some((_, how)) => ending(how),
        None if made.is_open(state.now()) => "open",
        None => "over",
    };
    let links = made.links.iter();
    IntroductionView {
        body: view::room_name(room),
        from: None,
        number,
        about: made.about.clone(),
        until: made.until.0,
        stage: stage.to_owned(),
        host: false,
        between: links
            .map(|link| (linked_name(state, *link), comes(link)))
            .collect(),
        parties: made.links.len() as u64,
        consented: None,
    }
}

fn asked(room: &Room, (link, number): (u32, u32), asked: &Asked) -> IntroductionView {
    let state = room.state();
    let stage = match (asked.ended, asked.consented) {
        (Some((_, how)), _) => ending(how),
        (None, _) if asked.until < state.now() => "over",
        (None, Some(_)) => "consented",
        (None, None) => "open",
    };
    IntroductionView {
        body: view::room_name(room),
        from: Some(linked_name(state, link)),
        number,
        about: asked.about.clone(),
        until: asked.until.0,
        stage: stage.to_owned(),
        host: asked.host,
        between: Vec::new(),
        parties: u64::from(asked.parties),
        consented: asked.consented.map(|who| room.name_of(&who)),
    }
}

/// Introductions that one's bodies make, and are asked for: the latest first.
pub(super) fn list(engine: &Engine, body: Option<&str>) -> Result<Answer, Problem> {
    let mut introductions = Vec::new();
    for live in find::rooms(engine, body)? {
        let room = live.room();
        let between = &room.state().between;
        introductions.extend(
            between
                .introducing
                .iter()
                .rev()
                .map(|(number, of)| made(&room, *number, of)),
        );
        introductions.extend(between.asked.iter().rev().map(|(key, of)| asked(&room, *key, of)));
    }
    Ok(Answer::Introductions { introductions })
}

/// Would bring people of linked bodies together.
pub(super) async fn introduce(
    engine: &Engine,
    body: &str,
    between: &[String],
    about: &str,
    days: u16,
) -> Result<Answer, Problem> {
    let live = find::room(engine, body)?;
    let step = {
        let room = live.room();
        let links = between.iter().map(|name| named(&room, name));
        LinkStep::Introduce {
            links: links.collect::<Result<_, _>>()?,
            about: about.to_owned(),
            days,
        }
    };
    let deed = Deed::Between { step: Box::new(step) };
    let fate = live.act(&deed, PATIENCE).await.map_err(|error| match error {
        EngineError::Denied(Denied::NotInTerms) => Problem::new(
            Code::Denied,
            "not allowed: a body introduces people of those that it may send directives to",
            "`caucus link list BODY` shows what each side may send; a link with other terms is offered anew",
        ),
        other => other.into(),
    })?;
    done_or_queued(&live, fate)
}

/// The link of an introduction that a person means: without a body it is the only open one of that number.
fn meant(room: &Room, from: Option<&str>, number: u32) -> Result<u32, Problem> {
    if let Some(from) = from {
        return Ok(named(room, from)?);
    }
    let asked = room.state().between.asked.iter();
    let of: Vec<_> = asked
        .filter(|((_, known), asked)| *known == number && asked.ended.is_none())
        .map(|((link, _), _)| *link)
        .collect();
    match of.as_slice() {
        [link] => Ok(*link),
        [] => Err(Problem::new(
            Code::NotFound,
            format!("there is no introduction {number} that waits"),
            "see which there are with `caucus liaison list`",
        )),
        _ => Err(Problem::new(
            Code::BadInput,
            format!("introduction {number} could be of several bodies"),
            "say of which with --from BODY",
        )),
    }
}

/// Consents, under a fresh persona.
pub(super) async fn consent(
    engine: &Engine,
    body: &str,
    from: Option<&str>,
    number: u32,
    given: Option<&str>,
) -> Result<Answer, Problem> {
    let live = find::room(engine, body)?;
    let (link, label, name) = {
        let room = live.room();
        let link = meant(&room, from, number)?;
        let label = format!("by {} {number}", linked_name(room.state(), link));
        (link, label, fresh_name(given, &room)?)
    };
    let label = free_label(engine, &label)?;
    let fate = engine
        .consent(&live, (link, number), (label, name), PATIENCE)
        .await?;
    done_or_queued(&live, fate)
}

/// Takes a consent back, or says for the body that nobody comes.
pub(super) async fn decline(
    engine: &Engine,
    body: &str,
    from: Option<&str>,
    number: u32,
) -> Result<Answer, Problem> {
    let live = find::room(engine, body)?;
    let link = meant(&live.room(), from, number)?;
    let step = Box::new(LinkStep::NoConsent { link, number });
    done_or_queued(&live, live.act(&Deed::Between { step }, PATIENCE).await?)
}

/// Introductions that wait for somebody of a body, for the inbox.
pub(super) fn waiting(room: &Room, body: &str) -> Vec<InboxItem> {
    let state = room.state();
    let open = state
        .between
        .asked
        .iter()
        .filter(|(_, asked)| asked.is_open(state.now()));
    open.map(|((link, number), asked)| {
        let from = linked_name(state, *link);
        let others = match asked.parties {
            0..=2 => "somebody of another body".to_owned(),
            parties => format!("people of {} other bodies", parties - 1),
        };
        InboxItem {
            kind: "introduction".to_owned(),
            body: body.to_owned(),
            what: format!(
                "{from} would introduce somebody of you to {others}: {}",
                asked.about
            ),
            next: format!("caucus liaison consent \"{body}\" {number} --from \"{from}\""),
            due: Some(asked.until.0),
        }
    })
    .collect()
}

/// Who introduced the people of a direct room.
pub(super) fn introduced(room: &Room) -> Result<Option<IntroducedView>, EngineError> {
    let record = room.direct()?.and_then(|record| record.introduced);
    Ok(record.as_ref().map(IntroducedView::of))
}
