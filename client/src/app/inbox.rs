//! One quiet list of what waits for this person.

use caucus_proto::id::PersonaId;
use caucus_proto::org::{Office, Power, Stage, State};

use super::answer::{Answer, InboxItem, RequestView};
use super::problem::Problem;
use super::remarks::ForMe;
use super::{direct, directives, liaison, meetings, remarks, view};
use crate::engine::{Engine, EngineError, LiveRoom, Room};

/// What waits, in all bodies: what has a date first, the earliest first.
pub(super) fn inbox(engine: &Engine) -> Result<Answer, Problem> {
    let items = waiting(engine)?;
    Ok(Answer::Inbox { items })
}

/// What waits, in the order of the list.
pub(super) fn waiting(engine: &Engine) -> Result<Vec<InboxItem>, Problem> {
    let mut items = Vec::new();
    for live in engine.rooms() {
        items.extend(of_room(engine, &live)?);
    }
    items.extend(direct::waiting(engine)?);
    items.sort_by(|a: &InboxItem, b| {
        let date = |item: &InboxItem| (item.due.is_none(), item.due);
        date(a).cmp(&date(b)).then_with(|| a.body.cmp(&b.body))
    });
    Ok(items)
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
    let admits = state.holds(&me, Power::Admit);
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
        if admits && !short {
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
    for (_, person) in state.present().filter(|_| admits) {
        if person.doubtful_renewal().is_some() {
            put(
                "renewal",
                format!("{}'s device asks to be let back in: compare codes", person.name),
                format!("caucus renew \"{body}\" \"{}\"", person.name),
                None,
            );
        }
    }
    decisions(&room, &mut put);
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
    words(&room, &body, &mut items)?;
    items.extend(meetings::waiting(&room, &body));
    items.extend(directives::waiting(&room, &body));
    items.extend(liaison::waiting(&room, &body));
    Ok(items)
}

/// Words that were not read and are for this person, the latest of a room.
fn words(room: &Room, body: &str, items: &mut Vec<InboxItem>) -> Result<(), EngineError> {
    let mut found = Vec::new();
    for (position, record) in view::unread_of(room)? {
        let Some(way) = remarks::is_for_me(room, &record)? else {
            continue;
        };
        let (kind, verb) = match way {
            ForMe::Mention => ("mention", "mentions you"),
            ForMe::Answer => ("answer", "answers you"),
        };
        let words = remarks::excerpt_of(position, &record).unwrap_or_default();
        found.push(InboxItem {
            kind: kind.to_owned(),
            body: body.to_owned(),
            what: format!("{} {verb}: {words}", record.name),
            next: format!("caucus read \"{body}\" --since {}", position.0.saturating_sub(1)),
            due: None,
        });
    }
    let first = found.len().saturating_sub(MOST_WORDS);
    items.extend(found.drain(first..));
    Ok(())
}

/// Most words of a room in the list.
const MOST_WORDS: usize = 20;

/// Days before a term begins from which on whoever is next is told.
const SOON: u64 = 7 * 24 * 60;

/// What decisions and offices ask of this person.
fn decisions(room: &Room, put: &mut impl FnMut(&str, String, String, Option<u64>)) {
    let (state, me) = (room.state(), room.me());
    let (body, now) = (view::room_name(room), state.now());
    for proposal in state.proposals.values() {
        let (number, title) = (proposal.number, proposal.title.as_str());
        let show = format!("caucus proposal show \"{body}\" {number}");
        let answers = proposal.by == me || state.holds(&me, Power::Poll);
        match &proposal.stage {
            Stage::Polled(poll) => {
                let voter = state.voters.get(&(number, me));
                if now < poll.until && voter.is_some_and(|voter| voter.ballot.is_none()) {
                    let what = format!("A vote on {number} \"{title}\"");
                    put("vote", what, show, Some(poll.until.0));
                }
            }
            Stage::Open => {
                let (have, needed) = state.support(proposal);
                let open = format!("caucus poll open \"{body}\" {number}");
                if proposal.by == me && have >= needed {
                    put(
                        "poll",
                        format!("{number} \"{title}\" may be put to the vote"),
                        open,
                        None,
                    );
                }
                if proposal.by == me && !proposal.amendments.is_empty() {
                    put(
                        "amendment",
                        format!("Amendments to {number} \"{title}\" wait for you"),
                        show,
                        None,
                    );
                }
            }
            Stage::Decided(decided) if answers => match &decided.outcome {
                None if decided.closed.count.passed => put(
                    "outcome",
                    format!("Say in words what the decision on {number} \"{title}\" means"),
                    format!("caucus proposal outcome \"{body}\" {number}"),
                    None,
                ),
                Some(outcome) if outcome.review.is_some_and(|review| review <= now) => put(
                    "review",
                    format!("Look at the decision on {number} \"{title}\" again"),
                    format!("caucus proposal reviewed \"{body}\" {number}"),
                    outcome.review.map(|review| review.0),
                ),
                _ => {}
            },
            Stage::Closed(_) | Stage::Decided(_) => {}
        }
    }
    for (office, _) in state.charter().offices() {
        let ends = state.mandates(office).filter_map(|mandate| mandate.end).min();
        let soon = ends.filter(|end| *end > now && end.0 - now.0 <= SOON);
        let next = !state.is_elected(office) && state.next_holders(office).first() == Some(&me);
        if let (Some(end), true) = (soon, next) {
            let word = state.charter().office_word(office);
            put(
                "office",
                format!("You are {word} next"),
                format!("caucus offices decline \"{body}\" \"{word}\""),
                Some(end.0),
            );
        }
    }
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
