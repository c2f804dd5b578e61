//! Bodies and their people.

use caucus_proto::org::{Name, SuiteChoice};

use super::answer::Answer;
use super::app::PATIENCE;
use super::intent::{KindWord, SuiteWord};
use super::membership::done_or_queued;
use super::problem::{Code, Problem};
use super::{direct, find, view};
use crate::charter;
use crate::engine::{Engine, EngineError, Founding};

/// Founds a body at the relay that was added last.
pub(super) async fn found(
    engine: &Engine,
    kind: KindWord,
    label: &str,
    name: Option<&str>,
    suite: SuiteWord,
    charter: Option<&str>,
) -> Result<Answer, Problem> {
    let label = Name::new(label).map_err(EngineError::from)?;
    let name = Name::new(name.unwrap_or("founder")).map_err(EngineError::from)?;
    if find::room(engine, label.as_str()).is_ok_and(|live| live.room().may_act().is_ok()) {
        return Err(Problem::new(
            Code::BadInput,
            format!("you are in a body named \"{label}\" already"),
            "choose another label, so that commands can tell them apart",
        ));
    }
    let relay = engine
        .relays()?
        .last()
        .map(|relay| relay.address.clone())
        .ok_or(EngineError::NoRelay)?;
    let kind = view::kind(kind);
    let rules = charter.unwrap_or_else(|| charter::shipped(kind));
    let charter = charter::read(rules).map_err(|error| {
        Problem::new(
            Code::BadInput,
            format!("that is no charter: {error}"),
            "begin with one that `caucus charter draft` writes",
        )
    })?;
    let founding = Founding {
        kind,
        charter,
        label: label.clone(),
        name: name.clone(),
        suite: match suite {
            SuiteWord::Hybrid => SuiteChoice::Hybrid,
            SuiteWord::Classical => SuiteChoice::Classical,
        },
    };
    let outer: Vec<Name> = (founding.charter.rooms.iter())
        .filter(|rule| rule.sphere < founding.charter.governing)
        .map(|rule| rule.name.clone())
        .collect();
    let id = engine.found(&relay, founding).await?;
    if let Some(live) = engine.room(&id) {
        for name in outer {
            if let Err(error) = engine.open_room(&live, &name, PATIENCE).await {
                let problem = Problem::from(error);
                return Err(Problem::new(
                    problem.code,
                    format!(
                        "the body is founded, but not its room \"{name}\": {}",
                        problem.message
                    ),
                    format!("try `caucus open \"{label}\" {name}`"),
                ));
            }
        }
    }
    let body = engine
        .room(&id)
        .map(|live| live.room().record().body.to_string())
        .unwrap_or_default();
    Ok(Answer::Founded {
        body: label.to_string(),
        id: body,
        name: name.to_string(),
    })
}

/// Opens another room of a body.
pub(super) async fn open(engine: &Engine, body: &str, name: &str) -> Result<Answer, Problem> {
    let live = find::room(engine, body)?;
    let name = {
        let room = live.room();
        let charter = room.state().charter();
        let rule = charter.rooms.iter().find(|rule| rule.name.is_like(name));
        let Some(rule) = rule else {
            let there: Vec<_> = charter.rooms.iter().map(|rule| rule.name.as_str()).collect();
            return Err(Problem::new(
                Code::NotFound,
                format!("the charter has no room \"{}\"", name.trim()),
                match there.is_empty() {
                    true => "this body has one room only".to_owned(),
                    false => format!("it has: {}", there.join(", ")),
                },
            ));
        };
        rule.name.clone()
    };
    let fate = engine.open_room(&live, &name, PATIENCE).await?;
    done_or_queued(&live, fate)
}

/// The rooms.
pub(super) fn rooms(engine: &Engine) -> Result<Answer, Problem> {
    let mut rooms = Vec::new();
    let now = engine.now().minutes;
    for live in engine.rooms() {
        // Nobody came, and nobody can.
        if direct::is_over(&live.room(), now)? {
            continue;
        }
        rooms.push(view::room(engine, &live)?);
    }
    rooms.sort_by(|a, b| a.name.cmp(&b.name).then_with(|| a.body.cmp(&b.body)));
    Ok(Answer::Rooms { rooms })
}

/// The people of a body.
pub(super) fn people(engine: &Engine, body: &str) -> Result<Answer, Problem> {
    let live = find::room(engine, body)?;
    let room = live.room();
    Ok(Answer::People {
        body: view::room_name(&room),
        people: view::people(engine, &room)?,
    })
}

/// The code to compare with somebody.
pub(super) fn verify(engine: &Engine, body: &str, name: &str, confirmed: bool) -> Result<Answer, Problem> {
    let live = find::room(engine, body)?;
    let room = live.room();
    let (persona, person) = room.named(name)?;
    if persona == room.me() {
        return Err(Problem::new(
            Code::BadInput,
            "that is you",
            "name the person whom you compare codes with",
        ));
    }
    let code = room
        .state()
        .safety_code(&room.me(), &persona)
        .ok_or_else(|| EngineError::NotFound {
            what: "person",
            name: name.to_owned(),
        })?;
    let place = view::verified_place(&room, &persona);
    let overlay = engine.vault().overlay();
    let compared = code.to_string().into_bytes();
    // The key of one of the two may have changed since.
    let before = overlay.get(&place)?.is_some_and(|before| *before == compared);
    if confirmed && !before {
        overlay.put(place, compared)?;
        overlay.commit()?;
    }
    Ok(Answer::Code {
        name: person.name.to_string(),
        code: code.to_string(),
        verified: before || confirmed,
    })
}
