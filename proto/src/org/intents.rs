//! The latest intents of a person, so that each counts once. An act that was judged before the oldest of them was applied
//! is refused, so forgetting the others opens no door to repeating them.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::id::{IntentId, Position};

/// How many are remembered.
pub const REMEMBERED_INTENTS: usize = 64;

/// An intent that was applied.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Intent {
    /// Its id.
    pub id: IntentId,
    /// Where.
    pub position: Position,
}

/// The latest intents, oldest first; at most [`REMEMBERED_INTENTS`]. Written as their list.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(from = "VecDeque<Intent>")]
pub struct Intents {
    list: VecDeque<Intent>,
    /// A byte of each. Every act asks for one that is not there; in a large body that would fetch the whole list into
    /// the processor's cache.
    #[serde(skip)]
    marks: VecDeque<u8>,
}

fn mark(id: &IntentId) -> u8 {
    id.0.iter().fold(0, |mark, byte| mark ^ byte)
}

impl From<VecDeque<Intent>> for Intents {
    fn from(list: VecDeque<Intent>) -> Self {
        let marks = list.iter().map(|intent| mark(&intent.id)).collect();
        Self { list, marks }
    }
}

impl Intents {
    /// Oldest first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Intent> {
        self.list.iter()
    }

    /// Whether this one is remembered.
    #[must_use]
    pub fn contains(&self, id: &IntentId) -> bool {
        let wanted = mark(id);
        let at = |place: usize| self.list.get(place).is_some_and(|intent| intent.id == *id);
        (self.marks.iter().enumerate()).any(|(place, mark)| *mark == wanted && at(place))
    }

    /// Remembers one more; the oldest, if it had to go for it.
    pub(crate) fn push(&mut self, intent: Intent) -> Option<Intent> {
        let oldest = if self.list.len() >= REMEMBERED_INTENTS {
            self.marks.pop_front();
            self.list.pop_front()
        } else {
            None
        };
        self.marks.push_back(mark(&intent.id));
        self.list.push_back(intent);
        oldest
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec;

    /// Of few different marks.
    fn intent(n: u8) -> Intent {
        let mut id = [0; 16];
        (id[0], id[1]) = (n, n & 0xfc);
        Intent {
            id: IntentId(id),
            position: Position(u64::from(n)),
        }
    }

    #[test]
    fn the_last_ones_are_remembered_and_no_other_that_looks_alike() {
        let mut intents = Intents::default();
        for n in 0..200 {
            let oldest = intents.push(intent(n)).map(|oldest| oldest.position.0);
            assert_eq!(oldest, u64::from(n).checked_sub(REMEMBERED_INTENTS as u64));
            let first = n.saturating_sub(REMEMBERED_INTENTS as u8 - 1);
            for other in 0..=255 {
                let is_there = (first..=n).contains(&other);
                assert_eq!(intents.contains(&intent(other).id), is_there, "{other} at {n}");
            }
        }
    }

    #[test]
    fn they_are_written_as_a_list_and_read_back_as_they_were() {
        let mut intents = Intents::default();
        for n in 0..100 {
            intents.push(intent(n));
        }
        let bytes = codec::encode(&intents, codec::LIMIT).unwrap();
        let list: VecDeque<Intent> = intents.iter().copied().collect();
        assert_eq!(bytes, codec::encode(&list, codec::LIMIT).unwrap());
        let again: Intents = codec::decode(&bytes, codec::LIMIT).unwrap();
        assert_eq!(again, intents);
        assert!(again.contains(&intent(99).id) && !again.contains(&intent(1).id));
    }
}
