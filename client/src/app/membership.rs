//! Invites, requests, admission, removal, leaving.

use std::sync::Arc;
use std::time::Duration;

use caucus_proto::id::PersonaId;
use caucus_proto::org::genesis::GOVERNING_ROOM;
use caucus_proto::org::{Deed, NoticeKind, Person, Standing};
use tokio::task::JoinSet;

use super::answer::{Answer, DecidedView, JoinStage, RemovedView};
use super::app::PATIENCE;
use super::problem::{Code, Problem};
use super::{find, view};
use crate::engine::{Engine, EngineError, Fate, InviteLink, JoinStep, LiveRoom};

/// How long a removal may take to be executed before the answer says "not yet cut".
const CUT_PATIENCE: Duration = Duration::from_secs(5);

/// Longest life of an invite in minutes.
const LONGEST_INVITE: u64 = 30 * 24 * 60;

/// Opens an invite.
pub(super) async fn invite(engine: &Engine, body: &str, uses: u16, minutes: u64) -> Result<Answer, Problem> {
    if uses == 0 || minutes == 0 || minutes > LONGEST_INVITE {
        return Err(Problem::new(
            Code::BadInput,
            "an invite is for at least one person and lives from one minute to 30 days",
            "choose other numbers",
        ));
    }
    let live = find::room(engine, body)?;
    let (id, link, fate) = engine.invite(&live, uses, minutes, PATIENCE).await?;
    let room = live.room();
    match (fate, room.state().invites.get(&id)) {
        (Fate::Landed(_), Some(invite)) => Ok(Answer::Invited {
            body: view::room_name(&room),
            number: invite.number,
            link,
            uses: invite.left,
            expires: invite.expires.0,
        }),
        _ => Ok(Answer::Queued {
            waiting: room.unsent(),
            why: waiting_because(&live),
        }),
    }
}

/// Open invites.
pub(super) fn invites(engine: &Engine, body: Option<&str>) -> Result<Answer, Problem> {
    let mut invites = Vec::new();
    for live in find::rooms(engine, body)? {
        invites.extend(view::invites(&live.room())?);
    }
    Ok(Answer::Invites { invites })
}

/// Ends an invite.
pub(super) async fn revoke(engine: &Engine, body: &str, number: u32) -> Result<Answer, Problem> {
    let live = find::room(engine, body)?;
    let (closed, invite) = {
        let mut room = live.room();
        let closed = room.end_closed_invite(number)?;
        let mut invites = room.state().invites.iter();
        let known = invites.find(|(_, invite)| invite.number == number);
        (closed, known.map(|(id, _)| *id))
    };
    let Some(invite) = invite else {
        return closed.then_some(Answer::Done {}).ok_or_else(|| {
            let name = number.to_string();
            EngineError::NotFound { what: "invite", name }.into()
        });
    };
    done_or_queued(&live, live.act(&Deed::Revoke { invite }, PATIENCE).await?)
}

/// Begins a request of one's own.
pub(super) async fn join(
    engine: &Engine,
    link: &str,
    name: &str,
    word: &str,
    claims: Option<&str>,
) -> Result<Answer, Problem> {
    let invite: InviteLink = link.parse().map_err(EngineError::from)?;
    if let Err(error) = engine.may_reach(&invite.relay).await {
        return Err(Problem {
            next: Some(format!(
                "nothing was sent there. If you know whose relay it is, add it and join again: `caucus relay add {}`",
                invite.relay
            )),
            ..Problem::from(error)
        });
    }
    let mut changes = engine.changes();
    let number = engine.join(link, name, word, claims)?;
    // The card tells the body's label; a moment's patience makes a better answer.
    let body = tokio::time::timeout(PATIENCE, async {
        loop {
            let joins = engine.joins()?;
            let label = joins.iter().find(|(n, _)| *n == number).map(|(n, record)| {
                let view = view::join(engine, *n, record);
                (view.stage, view.body, view.why)
            });
            match label {
                Some((JoinStage::Sending, _, None)) => {}
                Some((_, body, _)) => return Ok::<String, EngineError>(body),
                None => return Ok(String::new()),
            }
            if changes.changed().await.is_err() {
                return Ok(String::new());
            }
        }
    })
    .await
    .unwrap_or(Ok(String::new()))?;
    Ok(Answer::Joining { number, body })
}

/// Requests of one's own.
pub(super) fn joins(engine: &Engine) -> Result<Answer, Problem> {
    let joins = engine
        .joins()?
        .iter()
        .map(|(number, record)| view::join(engine, *number, record))
        .collect();
    Ok(Answer::Joins { joins })
}

/// Waits until a request of one's own is decided.
pub(super) async fn await_join(engine: &Engine, number: u64, patience: Duration) -> Result<Answer, Problem> {
    let mut changes = engine.changes();
    let ended = tokio::time::timeout(patience, async {
        loop {
            let over = engine.joins()?.iter().any(|(n, record)| {
                *n == number && !matches!(record.stage, JoinStep::New | JoinStep::Applied(_))
            });
            if over || changes.changed().await.is_err() {
                return Ok::<(), EngineError>(());
            }
        }
    })
    .await;
    if let Ok(ended) = ended {
        ended?;
    }
    let joins: Vec<_> = engine
        .joins()?
        .iter()
        .filter(|(n, _)| *n == number)
        .map(|(n, record)| view::join(engine, *n, record))
        .collect();
    if joins.is_empty() {
        return Err(EngineError::NotFound {
            what: "request of yours",
            name: number.to_string(),
        }
        .into());
    }
    Ok(Answer::Joins { joins })
}

/// Gives up a request of one's own.
pub(super) fn cancel_join(engine: &Engine, number: u64) -> Result<Answer, Problem> {
    engine.cancel_join(number)?;
    Ok(Answer::Done {})
}

/// Requests of others.
pub(super) fn requests(engine: &Engine, body: Option<&str>) -> Result<Answer, Problem> {
    let mut requests = Vec::new();
    for live in find::rooms(engine, body)? {
        requests.extend(view::requests(engine, &live)?.into_iter().map(|(view, _)| view));
    }
    requests.sort_by_key(|request| request.number);
    Ok(Answer::Requests { requests })
}

/// Admits, all at once, so that one commit can seat many.
pub(super) async fn admit(engine: &Engine, numbers: &[u64], all: bool) -> Result<Answer, Problem> {
    if !all && numbers.is_empty() {
        return Err(Problem::new(
            Code::BadInput,
            "nobody was named",
            "give the numbers that `caucus requests` shows, or --all",
        ));
    }
    let chosen = chosen(engine, numbers, all)?;
    decide(chosen, |persona| Deed::Admit { persona }).await
}

/// Declines.
pub(super) async fn decline(engine: &Engine, numbers: &[u64], reason: &str) -> Result<Answer, Problem> {
    let chosen = chosen(engine, numbers, false)?;
    decide(chosen, |persona| Deed::Decline {
        persona,
        reason: reason.to_owned(),
    })
    .await
}

pub(super) type Chosen = (u64, String, PersonaId, Arc<LiveRoom>);

pub(super) fn chosen(engine: &Engine, numbers: &[u64], all: bool) -> Result<Vec<Chosen>, EngineError> {
    let mut waiting = Vec::new();
    for live in engine.rooms() {
        for (request, persona) in view::requests(engine, &live)? {
            waiting.push((request.number, request.name, persona, Arc::clone(&live)));
        }
    }
    waiting.sort_by_key(|(number, ..)| *number);
    if all {
        return Ok(waiting);
    }
    let mut chosen: Vec<Chosen> = Vec::new();
    for number in numbers {
        let found = waiting
            .iter()
            .find(|(n, ..)| n == number)
            .ok_or_else(|| EngineError::NotFound {
                what: "request",
                name: number.to_string(),
            })?;
        if !chosen.iter().any(|(n, ..)| n == number) {
            chosen.push(found.clone());
        }
    }
    Ok(chosen)
}

async fn decide(chosen: Vec<Chosen>, deed: impl Fn(PersonaId) -> Deed) -> Result<Answer, Problem> {
    let mut acts = JoinSet::new();
    for (number, name, persona, live) in chosen {
        let deed = deed(persona);
        acts.spawn(async move { (number, name, live.act(&deed, PATIENCE).await) });
    }
    let mut decided = Vec::new();
    let mut refused = None;
    while let Some(act) = acts.join_next().await {
        match act {
            Ok((number, name, Ok(fate))) => decided.push(DecidedView {
                number,
                name,
                position: match fate {
                    Fate::Landed(position) => Some(position.0),
                    Fate::Waits => None,
                },
            }),
            Ok((_, _, Err(error))) => refused = Some(error),
            Err(_) => {}
        }
    }
    decided.sort_by_key(|view| view.number);
    match refused {
        // What was decided stands; only where nothing was, it is the refusal that counts.
        Some(error) if decided.is_empty() => Err(error.into()),
        _ => Ok(Answer::Decided { decided }),
    }
}

/// Removes somebody, and waits a little for the cut.
pub(super) async fn remove(engine: &Engine, body: &str, name: &str, reason: &str) -> Result<Answer, Problem> {
    let live = find::room(engine, body)?;
    let (persona, name) = {
        let room = live.room();
        let (persona, person) = room.named(name)?;
        (persona, person.name.to_string())
    };
    let deed = Deed::Remove {
        persona,
        reason: reason.to_owned(),
    };
    let mut changes = engine.changes();
    let fate = live.act(&deed, PATIENCE).await?;
    let position = match fate {
        Fate::Landed(position) => Some(position.0),
        Fate::Waits => None,
    };
    let look = || rooms_of(engine, &live, &persona);
    if position.is_some() {
        let _ = tokio::time::timeout(CUT_PATIENCE, async {
            while !look().iter().all(|room| room.cut) && changes.changed().await.is_ok() {}
        })
        .await;
    }
    let rooms = look();
    Ok(Answer::Removed {
        name,
        position,
        cut: position.is_some() && rooms.iter().all(|room| room.cut),
        rooms,
    })
}

/// Where somebody who was removed is out, of the rooms of the body that this device is in and they were in.
fn rooms_of(engine: &Engine, live: &LiveRoom, persona: &PersonaId) -> Vec<RemovedView> {
    let body = live.room().record().body;
    let mut views = Vec::new();
    for live in engine.rooms() {
        let room = live.room();
        if room.record().body != body || !room.is_in() {
            continue;
        }
        if let Some(person) = room.state().person(persona) {
            let out = matches!(person.standing, Standing::Gone { .. });
            views.push(RemovedView {
                room: room.state().room_name().to_owned(),
                out,
                cut: out && !person.is_uncut(),
            });
        }
    }
    // The governing room first.
    views.sort_by_key(|view| (view.room != GOVERNING_ROOM, view.room.clone()));
    views
}

/// Lets a doubtful request to be renewed count.
pub(super) async fn renew(engine: &Engine, body: &str, name: &str) -> Result<Answer, Problem> {
    let live = find::room(engine, body)?;
    let deed = {
        let room = live.room();
        let (persona, person) = room.named(name)?;
        let Some(wants) = person.doubtful_renewal() else {
            return Err(Problem::new(
                Code::NotFound,
                format!("{} does not ask for anything that needs your word", person.name),
                "who lost their place is renewed by itself; see `caucus read`",
            ));
        };
        Deed::Renew {
            persona,
            key_package: wants.key_package,
        }
    };
    done_or_queued(&live, live.act(&deed, PATIENCE).await?)
}

/// Leaves a body; the next who may, carries it out.
pub(super) async fn leave(engine: &Engine, body: &str) -> Result<Answer, Problem> {
    let live = find::room(engine, body)?;
    if live.room().state().annex.is_none() {
        return done_or_queued(&live, live.act(&Deed::Leave, PATIENCE).await?);
    }
    tell_body(engine, &live, &NoticeKind::Leave, |me| !me.is_present()).await
}

/// Says something to the whole body from a room that does not govern it, and waits until it counts here.
pub(super) async fn tell_body(
    engine: &Engine,
    live: &LiveRoom,
    kind: &NoticeKind,
    counts: impl Fn(&Person) -> bool,
) -> Result<Answer, Problem> {
    let mut changes = engine.changes();
    live.room().tell_body(kind)?;
    live.wake();
    let counted = || live.room().myself().is_none_or(&counts);
    let _ = tokio::time::timeout(PATIENCE, async {
        while !counted() && changes.changed().await.is_ok() {}
    })
    .await;
    done_or_queued(
        live,
        match counted() {
            true => Fate::Landed(live.room().cursor().position),
            false => Fate::Waits,
        },
    )
}

pub(super) fn done_or_queued(live: &LiveRoom, fate: Fate) -> Result<Answer, Problem> {
    Ok(match fate {
        Fate::Landed(_) => Answer::Done {},
        Fate::Waits => Answer::Queued {
            waiting: live.room().unsent(),
            why: waiting_because(live),
        },
    })
}

/// Why something waits, in words.
pub(super) fn waiting_because(live: &LiveRoom) -> String {
    live.trouble()
        .unwrap_or_else(|| "the relay has not stored it yet".to_owned())
}
