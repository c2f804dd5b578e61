//! Finds rooms, people and requests by what a person calls them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::view::split_room;
use crate::engine::{Engine, EngineError, LiveRoom};

/// Letters of an id that stand for it.
const SHORTEST_ID: usize = 6;

/// The room that `BODY[/ROOM]` names: the body by its label or by the first letters of its id; the room by its name, by
/// default the governing one, or the one that one is in.
pub(super) fn room(engine: &Engine, name: &str) -> Result<Arc<LiveRoom>, EngineError> {
    let (body, wanted) = split_room(name);
    let mut found = Vec::new();
    for live in engine.rooms() {
        let matches = {
            let room = live.room();
            let id = room.record().body.to_string();
            let of_body = room.called().is_like(body)
                || (body.len() >= SHORTEST_ID && id.starts_with(&body.to_lowercase()));
            of_body && wanted.is_none_or(|wanted| room.state().room_name().eq_ignore_ascii_case(wanted))
        };
        if matches {
            found.push(live);
        }
    }
    if wanted.is_none() {
        // Of each body the governing room, unless one is only in another.
        found.sort_by_key(|live| {
            let room = live.room();
            (!room.is_in(), room.state().annex.is_some())
        });
        let mut bodies = BTreeSet::new();
        found.retain(|live| bodies.insert(live.room().record().body));
    }
    // A body that one is out of gives way to one of the same name that one is in.
    if found.len() > 1 {
        let active: Vec<_> = found
            .iter()
            .filter(|live| live.room().may_act().is_ok())
            .cloned()
            .collect();
        if active.len() == 1 {
            found = active;
        }
    }
    match found.len() {
        0 => Err(EngineError::NotFound {
            what: "body or room",
            name: name.to_owned(),
        }),
        1 => found.pop().ok_or(EngineError::NoRelay),
        _ => Err(EngineError::Ambiguous {
            what: "body",
            name: name.to_owned(),
        }),
    }
}

/// The rooms of one body, or of all.
pub(super) fn rooms(engine: &Engine, body: Option<&str>) -> Result<Vec<Arc<LiveRoom>>, EngineError> {
    match body {
        Some(body) => Ok(vec![room(engine, body)?]),
        None => Ok(engine.rooms()),
    }
}
