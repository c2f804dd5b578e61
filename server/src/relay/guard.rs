//! The guard of a channel: everything the relay knows of it besides its entries.

use caucus_proto::id::{Counter, Hours, Position};
use caucus_proto::wire::{Access, Change, ChangeId, ChannelSpec, Control, Retention, SLOTS};
use serde::{Deserialize, Serialize};

/// Read keys a segment can have: its own, and two that commit-less cuts add.
pub const SEGMENT_READERS: usize = 3;

/// What guards a channel. Everything that is not entries, and nothing about anybody.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Guard {
    /// The fence.
    pub counter: Counter,
    /// Position of the newest entry.
    pub newest: Position,
    /// Append and read key of the current segment.
    pub access: Access,
    /// Control keys; unused slots are random.
    pub controls: [Control; SLOTS],
    /// Only one slot is used.
    pub solo: bool,
    /// Segments, oldest first; the last one is current and open-ended.
    pub segments: Vec<Segment>,
    /// Life of plain entries.
    pub plain: Retention,
    /// Life of flagged entries.
    pub flagged: Retention,
    /// Entries up to here were trimmed.
    pub trimmed: Position,
    /// Changes that wait for a second keyholder or for their hour; at most one a slot.
    pub waiting: Vec<WaitingChange>,
    /// The pass it was created with, and that pass's day, so that it counts once.
    pub pass: Option<([u8; 16], u32)>,
    /// The hour of its last use, rounded to a day; it lives 400 days after that.
    pub used: Hours,
}

/// Entries between two cuts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Segment {
    /// Keys that open it, at most [`SEGMENT_READERS`].
    pub readers: Vec<[u8; 32]>,
    /// Its first position.
    pub first: Position,
    /// The cut that ended it, which belongs to it.
    pub last: Option<Position>,
}

/// A change that waits.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct WaitingChange {
    /// Its name.
    pub id: ChangeId,
    /// What.
    pub change: Change,
    /// The slot that asked.
    pub slot: u8,
    /// The hour at which it happens by itself.
    pub due: Hours,
}

impl Guard {
    /// The guard of a new channel.
    #[must_use]
    pub fn new(spec: &ChannelSpec, pass: Option<([u8; 16], u32)>, now: Hours) -> Self {
        let first = Segment {
            readers: vec![spec.access.read],
            first: spec.after.next(),
            last: None,
        };
        Self {
            counter: spec.counter,
            newest: spec.after,
            access: spec.access,
            controls: spec.controls,
            solo: spec.solo,
            segments: vec![first],
            plain: spec.plain,
            flagged: spec.flagged,
            trimmed: spec.after,
            waiting: Vec::new(),
            pass,
            used: now,
        }
    }
}
