//! Entries of a log as they stand in a copy of it, at another relay: with position, counter and flag, and so that
//! their bytes come out as they were.
//!
//! An envelope is made of its nonce and its content, so an entry that opens is copied as these two: it fits the bucket
//! that it came from. What opens to nobody is copied byte for byte, in two halves, because it may fill the largest bucket.

use serde::{Deserialize, Serialize};

use super::{EnvelopeKey, NONCE, open_bytes, seal_bytes};
use crate::id::{ChannelId, Counter, Hours, Position};
use crate::wire::channel::{Entry, Flag};

/// An entry, or half of one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Copied {
    /// One that opens.
    Sealed {
        /// Its place in the log.
        position: Position,
        /// The counter it was appended under.
        counter: Counter,
        /// What it did.
        flag: Flag,
        /// Nonce of its envelope.
        nonce: [u8; NONCE],
        /// What the envelope holds.
        #[serde(with = "serde_bytes")]
        content: Vec<u8>,
    },
    /// Half of one that does not.
    Half {
        /// Its place in the log.
        position: Position,
        /// The counter it was appended under.
        counter: Counter,
        /// What it did.
        flag: Flag,
        /// Whether it is the second half.
        second: bool,
        /// Half of its bytes.
        #[serde(with = "serde_bytes")]
        bytes: Vec<u8>,
    },
}

impl Copied {
    /// An entry of a log whose segment has this envelope key, to be copied in this order.
    #[must_use]
    pub fn of(entry: &Entry, key: &EnvelopeKey, channel: &ChannelId) -> Vec<Self> {
        let Entry {
            position,
            counter,
            flag,
            ref bytes,
            ..
        } = *entry;
        if let Ok(content) = open_bytes(key, channel, counter, bytes)
            && let Some(nonce) = bytes.first_chunk::<NONCE>().copied()
            && seal_bytes(key, channel, counter, nonce, &content).is_ok_and(|again| again == *bytes)
        {
            return vec![Self::Sealed {
                position,
                counter,
                flag,
                nonce,
                content,
            }];
        }
        let (first, second) = bytes.split_at(bytes.len() / 2);
        let half = |bytes: &[u8], second| Self::Half {
            position,
            counter,
            flag,
            second,
            bytes: bytes.to_vec(),
        };
        vec![half(first, false), half(second, true)]
    }

    /// Its place in the log.
    #[must_use]
    pub const fn position(&self) -> Position {
        match self {
            Self::Sealed { position, .. } | Self::Half { position, .. } => *position,
        }
    }

    /// About how many bytes it takes.
    #[must_use]
    pub const fn size(&self) -> usize {
        /// Position, counter, flag, nonce and lengths.
        const AROUND: usize = 64;
        match self {
            Self::Sealed { content, .. } => content.len().saturating_add(AROUND),
            Self::Half { bytes, .. } => bytes.len().saturating_add(AROUND),
        }
    }
}

/// Makes entries of what stands in a copy. Keeps one half at most.
#[derive(Default, Debug)]
pub struct Joiner {
    half: Option<(Position, Counter, Flag, Vec<u8>)>,
}

impl Joiner {
    /// The entry that this is, or that it completes; none where it is no entry that a relay could have served.
    pub fn join(&mut self, copied: Copied, key: &EnvelopeKey, channel: &ChannelId) -> Option<Entry> {
        let (position, counter, flag, bytes) = match copied {
            Copied::Sealed {
                position,
                counter,
                flag,
                nonce,
                content,
            } => {
                let bytes = seal_bytes(key, channel, counter, nonce, &content).ok()?;
                (position, counter, flag, bytes)
            }
            Copied::Half {
                position,
                counter,
                flag,
                second: false,
                bytes,
            } => {
                self.half = Some((position, counter, flag, bytes));
                return None;
            }
            Copied::Half {
                position,
                counter,
                flag,
                second: true,
                bytes,
            } => {
                let same = |half: &mut (Position, Counter, Flag, Vec<u8>)| {
                    (half.0, half.1, half.2) == (position, counter, flag)
                };
                let (.., first) = self.half.take_if(same)?;
                (position, counter, flag, [first, bytes].concat())
            }
        };
        crate::wire::bucket::is_bucket(bytes.len()).then(|| Entry {
            position,
            counter,
            flag,
            expires: Hours(0),
            bytes: bytes.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec;
    use crate::envelope::{AccessSecret, seal_bytes};
    use crate::wire::bucket::{self, BUCKETS};

    const CHANNEL: ChannelId = ChannelId([3; 32]);

    fn key() -> EnvelopeKey {
        AccessSecret::from_bytes([1; 32]).envelope_key()
    }

    fn entry(bytes: Vec<u8>) -> Entry {
        Entry {
            position: Position(41),
            counter: Counter(7),
            flag: Flag::Cut,
            expires: Hours(0),
            bytes: bytes.into(),
        }
    }

    fn joined(copied: Vec<Copied>) -> Vec<Entry> {
        let mut joiner = Joiner::default();
        let join = |copied| joiner.join(copied, &key(), &CHANNEL);
        copied.into_iter().filter_map(join).collect()
    }

    #[test]
    fn what_opens_comes_out_as_it_was_and_takes_no_larger_bucket() {
        for len in [0, 1, 600, 900, 3_900, 60_000, 261_500] {
            let bytes = seal_bytes(&key(), &CHANNEL, Counter(7), [5; 24], &vec![9; len]).unwrap();
            let entry = entry(bytes);
            let copied = Copied::of(&entry, &key(), &CHANNEL);
            assert!(matches!(copied[..], [Copied::Sealed { .. }]));
            let encoded = codec::encode(&copied, bucket::LARGEST).unwrap();
            let again = seal_bytes(&key(), &CHANNEL, Counter(0), [6; 24], &encoded).unwrap();
            assert_eq!(again.len(), entry.bytes.len(), "{len}");
            assert_eq!(joined(copied), [entry]);
        }
    }

    #[test]
    fn what_opens_to_nobody_comes_out_as_it_was_whatever_its_size() {
        for bucket in BUCKETS {
            let entry = entry(vec![bucket as u8 ^ 7; bucket]);
            let copied = Copied::of(&entry, &key(), &CHANNEL);
            for half in &copied {
                let encoded = codec::encode(&vec![half], bucket::LARGEST).unwrap();
                assert!(seal_bytes(&key(), &CHANNEL, Counter(0), [6; 24], &encoded).is_ok());
            }
            assert_eq!(joined(copied.clone()), std::slice::from_ref(&entry));
            // Two who copy at one time: each half twice.
            let twice = copied.iter().flat_map(|half| [half.clone(), half.clone()]);
            assert_eq!(joined(twice.collect()), [entry]);
        }
    }

    #[test]
    fn halves_that_do_not_belong_together_are_no_entry() {
        let halves = Copied::of(&entry(vec![7; 1024]), &key(), &CHANNEL);
        let other = Entry {
            position: Position(42),
            ..entry(vec![8; 1024])
        };
        let others = Copied::of(&other, &key(), &CHANNEL);
        assert_eq!(joined(vec![halves[0].clone(), others[1].clone()]), []);
        assert_eq!(joined(vec![halves[1].clone(), halves[0].clone()]), []);
        let odd = Copied::Half {
            position: Position(41),
            counter: Counter(7),
            flag: Flag::Cut,
            second: true,
            bytes: vec![1; 3],
        };
        assert_eq!(joined(vec![halves[0].clone(), odd]), []);
    }
}
