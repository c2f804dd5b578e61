//! Letters that were read and wait to be carried into the log, so that what comes from many bodies at once takes few
//! entries.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use caucus_proto::codec;
use caucus_proto::id::{ChannelId, Position};
use caucus_proto::org::Deed;
use caucus_proto::org::between::{LETTERS_AT_ONCE, LinkStep, SignedLetter};

use super::offer::between;
use crate::engine::room::Room;

/// Up to where a drop was read; the channel, where it is not the one that the link was made with.
pub(super) type DropRead = (Option<ChannelId>, Position);

/// Bytes of letters that one act carries, so that its entry stays small.
const BYTES_AT_ONCE: usize = 24 * 1024;

/// What this process has read and not written down yet; nothing is lost with it but work.
#[derive(Default)]
pub(super) struct Desk {
    /// By link: the reader of a drop brings one at a time.
    waiting: Mutex<BTreeMap<u32, SignedLetter>>,
    /// Whoever carries letters into the log: meanwhile the others' gather.
    pub(super) turn: tokio::sync::Mutex<()>,
    /// How far drops were read since that was last written down.
    read: Mutex<BTreeMap<u32, DropRead>>,
}

impl Desk {
    /// Lays a letter down.
    pub(super) fn put(&self, link: u32, signed: &SignedLetter) {
        lock(&self.waiting).insert(link, signed.clone());
    }

    /// What carries a letter, with others that may go with it; nothing where somebody has taken it already.
    pub(super) fn take(&self, room: &Room, link: u32) -> Option<Deed> {
        let mut waiting = lock(&self.waiting);
        let mine = waiting.remove(&link)?;
        let size = |signed: &SignedLetter| {
            codec::encode(signed, codec::LIMIT).map_or(usize::MAX, |bytes| bytes.len())
        };
        let mut letters = BTreeMap::from([(link, mine)]);
        let mut bytes = letters.values().map(size).fold(0, usize::saturating_add);
        if letters
            .iter()
            .all(|(link, signed)| room.state().hears_among(*link, signed))
        {
            for (other, signed) in waiting.iter() {
                let more = bytes.saturating_add(size(signed));
                if letters.len() >= LETTERS_AT_ONCE || more > BYTES_AT_ONCE {
                    break;
                }
                if room.state().hears_among(*other, signed) {
                    bytes = more;
                    letters.insert(*other, signed.clone());
                }
            }
        }
        waiting.retain(|other, _| !letters.contains_key(other));
        let mut letters: Vec<_> = letters.into_iter().collect();
        Some(between(match letters.pop() {
            Some((link, signed)) if letters.is_empty() => LinkStep::Hear {
                link,
                signed: Box::new(signed),
            },
            last => {
                letters.extend(last);
                LinkStep::HearAll { letters }
            }
        }))
    }

    /// A drop was read up to here.
    pub(super) fn read_to(&self, link: u32, read: DropRead) {
        lock(&self.read).insert(link, read);
    }

    /// How far drops were read since this was asked last.
    pub(super) fn read(&self) -> BTreeMap<u32, DropRead> {
        std::mem::take(&mut *lock(&self.read))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
