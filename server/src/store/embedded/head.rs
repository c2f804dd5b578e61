//! The head of a channel: its guard, its newest position, how much it holds, and which day folders the
//! records lie in that it could be rebuilt from.

use std::sync::Arc;

use caucus_proto::codec;
use caucus_proto::id::Position;
use serde::{Deserialize, Serialize};

use crate::relay::guard::Guard;
use crate::store::embedded::record::LARGEST_HEAD;
use crate::store::{ChannelUsage, StoreError};

/// A head; the guard's own `newest` is not kept up to date in memory.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) guard: Arc<Guard>,
    pub(super) marks: Marks,
}

/// Everything but the guard.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Marks {
    /// Position of the newest entry.
    pub(super) newest: Position,
    /// Sequence of the record that made the channel. Older entries are those of a deleted one.
    pub(super) born: u64,
    /// Sequence of the last record that is in this head.
    pub(super) sequence: u64,
    /// Day folder of the newest record with a head.
    pub(super) guard_day: u64,
    /// Day folder of the newest record that tells the newest position.
    pub(super) newest_day: u64,
    /// Latest day folder that ever got a record with a head.
    pub(super) last_day: u64,
    /// What lies in which day folder, oldest first.
    pub(super) days: Vec<Day>,
}

/// Entries of a channel in a day folder.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Day {
    pub(super) day: u64,
    pub(super) entries: u64,
    pub(super) bytes: u64,
}

#[derive(Serialize, Deserialize)]
struct Written {
    guard: Guard,
    marks: Marks,
}

impl Head {
    /// The head of a new channel, whose first record will have this sequence.
    pub(super) fn new(guard: Guard, sequence: u64) -> Self {
        Self {
            marks: Marks {
                newest: guard.newest,
                born: sequence,
                sequence,
                guard_day: 0,
                newest_day: 0,
                last_day: 0,
                days: Vec::new(),
            },
            guard: Arc::new(guard),
        }
    }

    /// The guard with its newest position.
    pub(super) fn guard(&self) -> Arc<Guard> {
        if self.guard.newest == self.marks.newest {
            return Arc::clone(&self.guard);
        }
        let mut guard = Guard::clone(&self.guard);
        guard.newest = self.marks.newest;
        Arc::new(guard)
    }

    /// What it holds in day folders from `floor` on.
    pub(super) fn usage(&self, floor: u64) -> ChannelUsage {
        let mut usage = ChannelUsage::default();
        for day in self.marks.days.iter().filter(|day| day.day >= floor) {
            usage.entries = usage.entries.saturating_add(day.entries);
            usage.bytes = usage.bytes.saturating_add(day.bytes);
        }
        usage
    }

    /// The earliest day folder without which it could not be rebuilt.
    pub(super) fn rests_on(&self) -> u64 {
        self.marks.guard_day.min(self.marks.newest_day)
    }

    /// Takes in an entry.
    pub(super) fn took(&mut self, position: Position, sequence: u64, day: u64, bytes: usize, floor: u64) {
        let marks = &mut self.marks;
        marks.newest = position;
        marks.sequence = sequence;
        marks.newest_day = day;
        if marks.days.first().is_some_and(|first| first.day < floor) {
            marks.days.retain(|day| day.day >= floor);
        }
        let at = marks.days.partition_point(|held| held.day < day);
        if let Some(held) = marks.days.get_mut(at).filter(|held| held.day == day) {
            held.entries += 1;
            held.bytes += bytes as u64;
        } else {
            marks.days.insert(
                at,
                Day {
                    day,
                    entries: 1,
                    bytes: bytes as u64,
                },
            );
        }
    }

    /// No longer counts an entry of a day.
    pub(super) fn lost(&mut self, day: u64, bytes: u64) {
        if let Some(held) = self.marks.days.iter_mut().find(|held| held.day == day) {
            held.entries = held.entries.saturating_sub(1);
            held.bytes = held.bytes.saturating_sub(bytes);
        }
    }

    /// Takes in that it is itself in the record of this sequence in this day folder.
    pub(super) fn written_in(&mut self, sequence: u64, day: u64) {
        let marks = &mut self.marks;
        marks.sequence = sequence;
        marks.guard_day = day;
        marks.newest_day = day;
        marks.last_day = marks.last_day.max(day);
    }

    /// Its bytes.
    pub(super) fn encode(&self) -> Result<Vec<u8>, StoreError> {
        let written = Written {
            guard: Guard::clone(&self.guard()),
            marks: self.marks.clone(),
        };
        codec::encode(&written, LARGEST_HEAD)
            .map_err(|_| StoreError::Failed("the guard of a channel is too large to be kept".to_owned()))
    }

    /// From its bytes.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let Written { guard, marks } = codec::decode(bytes, LARGEST_HEAD).ok()?;
        Some(Self {
            guard: Arc::new(guard),
            marks,
        })
    }
}

#[cfg(test)]
mod tests {
    use caucus_proto::id::{ChannelId, Counter, Hours};
    use caucus_proto::wire::{Access, Change, Retention, SLOTS};
    use data_encoding::HEXLOWER;

    use super::*;
    use crate::relay::guard::{Segment, WaitingChange};

    /// Every field set, every list with something in it.
    fn head() -> Head {
        let access = Access {
            append: [1; 32],
            read: [2; 32],
        };
        let change = Change::Trim { until: Position(5) };
        let guard = Guard {
            counter: Counter(3),
            newest: Position(300),
            access,
            controls: [[3; 32]; SLOTS],
            solo: true,
            segments: vec![
                Segment {
                    readers: vec![[4; 32], [5; 32]],
                    first: Position(1),
                    last: Some(Position(9)),
                },
                Segment {
                    readers: vec![access.read],
                    first: Position(10),
                    last: None,
                },
            ],
            plain: Retention::Month,
            flagged: Retention::Year,
            trimmed: Position(4),
            waiting: vec![WaitingChange {
                id: change.id(&ChannelId([6; 32])),
                change,
                slot: 7,
                due: Hours(490_968),
            }],
            pass: Some(([8; 16], 20_450)),
            used: Hours(490_800),
        };
        let marks = Marks {
            newest: Position(300),
            born: 11,
            sequence: 70_000,
            guard_day: 20_850,
            newest_day: 20_480,
            last_day: 20_816,
            days: vec![Day {
                day: 20_480,
                entries: 12,
                bytes: 12_288,
            }],
        };
        Head {
            guard: Arc::new(guard),
            marks,
        }
    }

    fn snapshot() -> String {
        let bytes = |byte: &str, count: usize| byte.repeat(count);
        [
            // Guard: counter, newest, access, controls, solo.
            "03fb012c",
            &bytes("01", 32),
            &bytes("02", 32),
            &bytes("03", 32 * SLOTS),
            "01",
            // Segments, each: readers, first, last.
            "0202",
            &bytes("04", 32),
            &bytes("05", 32),
            "01010901",
            &bytes("02", 32),
            "0a00",
            // Lives, trimmed, waiting changes, pass, used.
            "0204",
            "04",
            "01",
            WAITING,
            "01",
            &bytes("08", 16),
            "fb4fe2",
            "fc00077d30",
            // Marks.
            "fb012c0bfc00011170fb5172fb5000fb515001fb50000cfb3000",
        ]
        .concat()
    }

    /// Id, change (a trim until 5), slot, due.
    const WAITING: &str = concat!(
        "9fd15a9da7d0a900b796c6d2c1bf6aa97451090aa875e7c266a88e50d332f399",
        "020507fc00077dd8",
    );

    #[test]
    fn the_bytes_of_a_head_and_its_guard_do_not_drift() {
        let bytes = head().encode().unwrap();
        assert_eq!(HEXLOWER.encode(&bytes), snapshot());
        let back = Head::decode(&bytes).unwrap();
        assert_eq!((back.guard, back.marks), (head().guard, head().marks));
    }
}
