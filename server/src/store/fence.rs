//! The one judgement that every engine makes at the moment it writes: whether an entry's counter is the
//! channel's, and which guard follows. Pure, so that no engine decides it differently.

use caucus_proto::id::Position;

use crate::relay::guard::Guard;
use crate::store::{Appended, NewEntry};

/// The answer to an entry whose counter is not the channel's; none if it is.
pub(super) fn refusal(in_force: &Guard, newest: Position, entry: &NewEntry) -> Option<Appended> {
    (in_force.counter != entry.counter).then_some(Appended::Moved {
        counter: in_force.counter,
        newest,
    })
}

/// The guard after a flagged entry at `position`. Only what a flagged entry may change is taken from the
/// proposal: one computed before a concurrent change of controls, lives or trim must not undo it.
pub(super) fn following(in_force: &Guard, proposed: Option<&Guard>, position: Position) -> Guard {
    let mut guard = in_force.clone();
    if let Some(proposed) = proposed {
        guard.access = proposed.access;
        guard.segments.clone_from(&proposed.segments);
        guard.used = guard.used.max(proposed.used);
    }
    guard.counter = in_force.counter.next();
    guard.newest = position;
    guard
}

/// Whether two guards are the same but for the newest position.
pub(super) fn same_but_newest(one: &Guard, other: &Guard) -> bool {
    // Destructured so that a field added to the guard is compared or fails to compile.
    let Guard {
        counter,
        newest: _,
        access,
        controls,
        solo,
        segments,
        plain,
        flagged,
        trimmed,
        waiting,
        pass,
        used,
    } = one;
    *counter == other.counter
        && *access == other.access
        && *controls == other.controls
        && *solo == other.solo
        && *segments == other.segments
        && *plain == other.plain
        && *flagged == other.flagged
        && *trimmed == other.trimmed
        && *waiting == other.waiting
        && *pass == other.pass
        && *used == other.used
}
