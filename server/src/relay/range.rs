//! Which positions a key may read.

use caucus_proto::id::Position;
use caucus_proto::wire::Role;

use crate::relay::guard::Guard;

/// Positions from `first` to `last`, both included; open-ended without `last`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Range {
    /// First position.
    pub first: Position,
    /// Last position: the cut that ended the segment.
    pub last: Option<Position>,
}

impl Range {
    /// Whether it has anything after this position, now or later.
    #[must_use]
    pub fn goes_beyond(&self, position: Position) -> bool {
        self.last.is_none_or(|last| last > position)
    }

    /// Whether this position lies in it.
    #[must_use]
    pub fn holds(&self, position: Position) -> bool {
        position >= self.first && self.last.is_none_or(|last| position <= last)
    }
}

/// What a key reads, in order: its segments, or everything for a control. Empty for a key that opens nothing.
#[must_use]
pub fn readable(guard: &Guard, role: Role, key: &[u8; 32]) -> Vec<Range> {
    match role {
        Role::Append => Vec::new(),
        Role::Control if guard.slot(key).is_none() => Vec::new(),
        Role::Control => vec![Range {
            first: Position(0),
            last: None,
        }],
        Role::Read => {
            let mine = guard.segments.iter().filter(|segment| segment.opens_with(key));
            mine.map(|segment| Range {
                first: segment.first,
                last: segment.last,
            })
            .collect()
        }
    }
}
