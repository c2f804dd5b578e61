//! Finds rooms, people and requests by what a person calls them.

use std::sync::Arc;

use caucus_proto::org::genesis::GOVERNING_ROOM;

use super::view::split_room;
use crate::engine::{Engine, EngineError, LiveRoom};

/// Letters of an id that stand for it.
const SHORTEST_ID: usize = 6;

/// The room that `BODY[/ROOM]` names: by label, or by the first letters of the body's id.
pub(super) fn room(engine: &Engine, name: &str) -> Result<Arc<LiveRoom>, EngineError> {
    let (body, room) = split_room(name);
    if !room.eq_ignore_ascii_case(GOVERNING_ROOM) {
        return Err(EngineError::NotFound {
            what: "room",
            name: name.to_owned(),
        });
    }
    let mut found = Vec::new();
    for live in engine.rooms() {
        let matches = {
            let room = live.room();
            let id = room.record().body.to_string();
            room.state().genesis.label.is_like(body)
                || (body.len() >= SHORTEST_ID && id.starts_with(&body.to_lowercase()))
        };
        if matches {
            found.push(live);
        }
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
