//! The latest intents of a person, so that each counts once. An act that was judged before the oldest of them was applied
//! is refused, so forgetting the others opens no door to repeating them.

use core::fmt;

use serde::{Deserialize, Serialize, Serializer};

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

/// The latest intents; at most [`REMEMBERED_INTENTS`]. Written as their list, oldest first.
#[derive(Clone, Deserialize)]
#[serde(from = "Vec<Intent>")]
pub struct Intents {
    /// Once it is full, each new one takes the place of the oldest.
    list: Vec<Intent>,
    /// Where the oldest is.
    first: usize,
    /// Two bytes of each. Every act asks for one that is not there; in a large body that would fetch the whole list into
    /// the processor's cache.
    marks: [u16; REMEMBERED_INTENTS],
}

fn mark(id: &IntentId) -> u16 {
    let (pairs, _) = id.0.as_chunks::<2>();
    pairs
        .iter()
        .fold(0, |mark, pair| mark ^ u16::from_le_bytes(*pair))
}

impl Default for Intents {
    fn default() -> Self {
        Self {
            list: Vec::new(),
            first: 0,
            marks: [0; REMEMBERED_INTENTS],
        }
    }
}

impl From<Vec<Intent>> for Intents {
    fn from(list: Vec<Intent>) -> Self {
        let mut intents = Self::default();
        for intent in list {
            intents.push(intent);
        }
        intents
    }
}

impl Serialize for Intents {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl PartialEq for Intents {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Intents {}

impl fmt::Debug for Intents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Intents {
    /// Oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Intent> {
        let (after, before) = self.list.split_at_checked(self.first).unwrap_or_default();
        before.iter().chain(after)
    }

    /// Whether this one is remembered.
    #[must_use]
    pub fn contains(&self, id: &IntentId) -> bool {
        self.marks.contains(&mark(id)) && self.list.iter().any(|intent| intent.id == *id)
    }

    /// Remembers one more; the oldest, if it had to go for it.
    pub(crate) fn push(&mut self, intent: Intent) -> Option<Intent> {
        let full = self.list.len() >= REMEMBERED_INTENTS;
        let place = if full { self.first } else { self.list.len() };
        if let Some(at) = self.marks.get_mut(place) {
            *at = mark(&intent.id);
        }
        if !full {
            self.list.push(intent);
            return None;
        }
        self.first = (self.first + 1) % REMEMBERED_INTENTS;
        self.list
            .get_mut(place)
            .map(|oldest| std::mem::replace(oldest, intent))
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
        (id[0], id[2]) = (n, n & 0xfc);
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
        let list: Vec<Intent> = intents.iter().copied().collect();
        assert_eq!(bytes, codec::encode(&list, codec::LIMIT).unwrap());
        let again: Intents = codec::decode(&bytes, codec::LIMIT).unwrap();
        assert_eq!(again, intents);
        let (mut longer, mut longer_too) = (intents.clone(), again.clone());
        assert_eq!(longer.push(intent(100)), longer_too.push(intent(100)));
        assert_eq!(longer, longer_too);
        assert_ne!(longer, intents);
        assert!(again.contains(&intent(99).id) && !again.contains(&intent(1).id));
    }
}
