//! One quiet list of what waits for this person.

use caucus_proto::id::PersonaId;
use caucus_proto::org::{Office, Power, State};

use super::answer::{Answer, InboxItem, RequestView};
use super::problem::Problem;
use super::{meetings, view};
use crate::engine::{Engine, EngineError, LiveRoom};

/// What waits, in all bodies: what has a date first, the earliest first.
pub(super) fn inbox(engine: &Engine) -> Result<Answer, Problem> {
    let mut items = Vec::new();
    for live in engine.rooms() {
        items.extend(of_room(engine, &live)?);
    }
    items.sort_by(|a: &InboxItem, b| {
        let date = |item: &InboxItem| (item.due.is_none(), item.due);
        date(a).cmp(&date(b)).then_with(|| a.body.cmp(&b.body))
    });
    Ok(Answer::Inbox { items })
}

fn of_room(engine: &Engine, live: &LiveRoom) -> Result<Vec<InboxItem>, EngineError> {
    let requests = view::requests(engine, live)?;
    let room = live.room();
    if room.may_act().is_err() {
        return Ok(Vec::new());
    }
    let (state, me) = (room.state(), room.me());
    let Some(myself) = state.person(&me) else {
        return Ok(Vec::new());
    };
    let body = view::room_name(&room);
    let mut items = Vec::new();
    let mut put = |kind: &str, what: String, next: String, due: Option<u64>| {
        items.push(InboxItem {
            kind: kind.to_owned(),
            body: body.clone(),
            what,
            next,
            due,
        });
    };
    // Who is not in the governing room yet is asked too, without a date.
    let outside = state.annex.is_some() && myself.sphere < state.charter().governing;
    let due = state.acceptance_due(myself);
    if due.is_some() || (outside && !state.has_accepted(myself)) {
        put(
            "accept",
            format!(
                "Read the {} and say whether you accept them",
                state.charter().words.principles
            ),
            format!("caucus principles accept \"{body}\""),
            due.map(|due| due.0),
        );
    }
    for (request, persona) in &requests {
        let Some(person) = state.person(persona) else {
            continue;
        };
        let vouched = person.vouches.iter().any(|vouch| vouch.by == me);
        if let Some(claims) = &request.claims {
            if let Some((kind, what, next, due)) = claim(state, &me, request, claims, vouched) {
                put(kind, what, next, due);
            }
            continue;
        }
        let short = request.vouches.len() < request.vouches_needed;
        if state.holds(&me, Power::Admit) && !short {
            put(
                "request",
                format!("{} asks to join", request.name),
                format!("caucus admit {}", request.number),
                None,
            );
        } else if short && !vouched && state.may_vouch(myself) {
            put(
                "vouch",
                format!(
                    "{} asks to join and has {} of the vouches needed, {}: vouch if you know them",
                    request.name,
                    request.vouches.len(),
                    request.vouches_needed
                ),
                format!("caucus vouch \"{body}\" \"{}\"", request.name),
                None,
            );
        }
    }
    for (_, person) in state.present() {
        if state.holds(&me, Power::Admit) && person.doubtful_renewal().is_some() {
            put(
                "renewal",
                format!("{}'s device asks to be let back in: compare codes", person.name),
                format!("caucus renew \"{body}\" \"{}\"", person.name),
                None,
            );
        }
    }
    for office in Office::ALL {
        let word = state.charter().office_word(office);
        for mandate in state
            .mandates(office)
            .filter(|mandate| mandate.has_lapsed(state.now()))
        {
            let holder = room.name_of(&mandate.holder);
            put(
                "office",
                format!("The time of {holder} as {word} is over"),
                format!("caucus handover \"{body}\" \"{word}\""),
                mandate.end.map(|end| end.0),
            );
        }
    }
    items.extend(meetings::waiting(&room, &body));
    Ok(items)
}

/// What a request of somebody who says that they lost everything asks of this person, if anything.
fn claim(
    state: &State,
    me: &PersonaId,
    request: &RequestView,
    claims: &str,
    vouched: bool,
) -> Option<(&'static str, String, String, Option<u64>)> {
    let (name, number) = (&request.name, request.number);
    let admits = state.holds(me, Power::Admit);
    let enough = request.vouches.len() >= request.vouches_needed;
    if request.contradicted {
        return admits.then(|| {
            (
                "imposter",
                format!("{name} says that they are {claims}, but {claims}'s own device was heard since"),
                format!("caucus decline {number}"),
                None,
            )
        });
    }
    let myself = state.person(me)?;
    if !vouched && !enough && state.may_vouch(myself) {
        return Some((
            "recognize",
            format!(
                "{name} says that they are {claims} and lost everything: speak with {claims} before you say so"
            ),
            format!("caucus recognize {number}"),
            None,
        ));
    }
    (admits && enough).then(|| {
        (
            "replace",
            format!("{name} says that they are {claims} and lost everything, and is recognized"),
            format!("caucus replace {number}"),
            request.due,
        )
    })
}
