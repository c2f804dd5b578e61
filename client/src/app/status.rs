//! How things stand, in one answer.

use super::answer::{Answer, ProtectionView, RelayState, Status, VaultWord};
use super::problem::Problem;
use super::view;
use crate::engine::{Engine, JoinStep};
use crate::process;

/// Protects this process's memory, once; how far that went. To be called before anything secret is read.
#[must_use]
pub fn protect() -> ProtectionView {
    let process::Protection {
        undumpable,
        locked,
        swap,
        may_lock,
    } = process::protect();
    ProtectionView {
        undumpable,
        locked,
        swap,
        may_lock,
    }
}

/// What a person should know of it.
fn warning_of(protection: &ProtectionView) -> Option<String> {
    let words = match protection {
        ProtectionView {
            undumpable: false, ..
        } => "a crash of the agent may leave its memory on the disk: `caucus doctor` tells more",
        ProtectionView {
            locked: false,
            swap: true,
            ..
        } => "the agent's memory may be written to the swap: `caucus doctor` tells more",
        _ => return None,
    };
    Some(words.to_owned())
}

/// How things stand.
pub(super) fn status(
    vault: VaultWord,
    engine: Option<&Engine>,
    idle_minutes: u32,
) -> Result<Answer, Problem> {
    let mut status = Status {
        vault,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        idle_minutes,
        relays: Vec::new(),
        rooms: Vec::new(),
        joins: Vec::new(),
        requests: 0,
        unsent: 0,
        warnings: Vec::new(),
        protection: protect(),
    };
    status.warnings.extend(warning_of(&status.protection));
    let Some(engine) = engine else {
        return Ok(Answer::Status(status));
    };
    let lives = engine.rooms();
    for live in &lives {
        let room = view::room(engine, live)?;
        for warning in &room.warnings {
            status.warnings.push(format!("{}: {warning}", room.name));
        }
        for name in &room.uncut {
            status
                .warnings
                .push(format!("{}: {name}'s access is not yet cut", room.name));
        }
        status.unsent = status.unsent.saturating_add(room.unsent);
        status.rooms.push(room);
        status.requests = status
            .requests
            .saturating_add(view::requests(engine, live)?.len() as u64);
    }
    status.rooms.sort_by(|a, b| a.name.cmp(&b.name));
    for (number, record) in engine.joins()? {
        if !matches!(record.stage, JoinStep::Joined { .. }) {
            status.joins.push(view::join(engine, number, &record));
        }
    }
    let relays = engine.relays()?;
    let default = relays.last().map(|relay| relay.address.clone());
    for relay in relays {
        let here = || {
            lives
                .iter()
                .filter(|live| live.room().record().relay == relay.address)
        };
        status.relays.push(RelayState {
            address: relay.address.to_string(),
            default: default.as_ref() == Some(&relay.address),
            connections: here().filter(|live| live.is_live()).count() as u64,
            trouble: here().find_map(|live| live.trouble()),
        });
    }
    Ok(Answer::Status(status))
}
