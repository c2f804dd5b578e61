//! Whether the rooms of a body share a connection.

use super::answer::Answer;
use super::find;
use super::problem::Problem;
use crate::engine::Engine;

/// Shows it, after it was changed where that is asked for.
pub(super) fn isolate(engine: &Engine, body: &str, isolated: Option<bool>) -> Result<Answer, Problem> {
    let live = find::room(engine, body)?;
    let (label, persona) = {
        let room = live.room();
        (room.state().genesis.label.to_string(), room.me())
    };
    if let Some(isolated) = isolated {
        engine.isolate(&persona, isolated)?;
    }
    Ok(Answer::Isolation {
        body: label,
        isolated: engine.is_isolated(&persona)?,
        connections: engine.connections(&persona) as u64,
    })
}
