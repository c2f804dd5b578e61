//! The guard of a channel: everything the relay knows of it besides its entries.

use caucus_proto::id::{Counter, Hours, Position};
use caucus_proto::wire::{Access, Change, ChangeId, ChannelSpec, Control, Retention, Role, SLOTS};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::store::is_forgotten;

/// Read keys a segment can have: its own, and two that commit-less cuts add.
pub const SEGMENT_READERS: usize = 3;

/// Segments a guard remembers. Those whose entries are all gone are forgotten first; the bound is there so that
/// a rogue control cannot make guards grow without end.
pub const SEGMENTS: usize = 256;

const HOURS_A_DAY: u64 = 24;

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
            used: day_of(now),
        }
    }

    /// Whether its time is not over.
    #[must_use]
    pub fn lives(&self, now: Hours) -> bool {
        !is_forgotten(self.used, now)
    }

    /// The slot a control key is in.
    #[must_use]
    pub fn slot(&self, key: &Control) -> Option<u8> {
        let mut found = None;
        for (slot, control) in (0_u8..).zip(&self.controls) {
            if bool::from(control.ct_eq(key)) {
                found = Some(slot);
            }
        }
        found
    }

    /// Whether a key opens the channel in a role now.
    #[must_use]
    pub fn opens(&self, role: Role, key: &[u8; 32]) -> bool {
        match role {
            Role::Append => self.access.append.ct_eq(key).into(),
            Role::Control => self.slot(key).is_some(),
            Role::Read => {
                // No early end: the number of the segment that matched does not show in the time.
                let mine = self.segments.iter().filter(|segment| segment.opens_with(key));
                mine.count() > 0
            }
        }
    }
}

/// The first hour of a day: no guard tells a time finer than that.
#[must_use]
pub const fn day_of(hour: Hours) -> Hours {
    Hours(hour.0 - hour.0 % HOURS_A_DAY)
}

impl Segment {
    /// Whether this key reads it.
    #[must_use]
    pub fn opens_with(&self, key: &[u8; 32]) -> bool {
        let mine = self.readers.iter().filter(|reader| bool::from(reader.ct_eq(key)));
        mine.count() > 0
    }
}
