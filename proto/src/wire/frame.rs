//! Frames: four bytes of length, big-endian, then one encoded value.

use bytes::{Buf, Bytes, BytesMut};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::codec;
use crate::error::{Misuse, PeerFault};
use crate::id::{Counter, Hours, Position};
use crate::wire::{Entry, Flag, RefusedBecause, Served, bucket};

/// Largest payload of a frame: the largest entry and what stands around it.
pub const LARGEST: usize = bucket::LARGEST + 4096;

/// Largest first frame of a client, read before anything is known of it.
pub const LARGEST_HELLO: usize = 64;

const PREFIX: usize = 4;

/// A frame gets the room that it needs once what came of it, times this, reaches its size.
const GENEROUS: usize = 4;

/// As much as a packet brings.
const SLACK: usize = 1500;

/// From this size on the bytes of an entry are not copied out of the payload in which they came: it is little more.
const LENT: usize = 16 * 1024;

/// One value as a frame.
///
/// # Errors
/// `Misuse::TooLarge` if it does not fit into a frame.
pub fn frame<T: Serialize>(value: &T) -> Result<Bytes, Misuse> {
    let size = codec::size(value, LARGEST)?;
    let limit = LARGEST;
    let len = u32::try_from(size).map_err(|_| Misuse::TooLarge { size, limit })?;
    let mut out = Vec::with_capacity(PREFIX + size);
    out.extend_from_slice(&len.to_be_bytes());
    codec::append(value, &mut out)?;
    Ok(out.into())
}

/// The payload of one frame.
///
/// # Errors
/// `PeerFault` if it is not exactly one value.
pub fn payload<T: DeserializeOwned + Serialize>(payload: &[u8]) -> Result<T, PeerFault> {
    codec::decode(payload, LARGEST)
}

/// The payload of a frame of a reading stream. A long entry stays where it lies in the payload.
///
/// # Errors
/// As [`payload`].
pub fn served(payload: &Bytes) -> Result<Served, PeerFault> {
    codec::decode_as(payload, LARGEST, |lent: Lent<'_>| match lent {
        Lent::Entry(entry) => Served::Entry(Entry {
            position: entry.position,
            counter: entry.counter,
            flag: entry.flag,
            expires: entry.expires,
            bytes: if entry.bytes.len() >= LENT {
                payload.slice_ref(entry.bytes)
            } else {
                Bytes::copy_from_slice(entry.bytes)
            },
        }),
        Lent::CaughtUp { newest } => Served::CaughtUp { newest },
        Lent::End => Served::End,
        Lent::Gone => Served::Gone,
        Lent::Refused(because) => Served::Refused(because),
    })
}

/// [`Served`] as it lies in a payload.
#[derive(Deserialize)]
enum Lent<'a> {
    #[serde(borrow)]
    Entry(LentEntry<'a>),
    CaughtUp {
        newest: Position,
    },
    End,
    Gone,
    Refused(RefusedBecause),
}

#[derive(Deserialize)]
struct LentEntry<'a> {
    position: Position,
    counter: Counter,
    flag: Flag,
    expires: Hours,
    bytes: &'a [u8],
}

/// Cuts a stream of bytes into payloads. Holds at most one frame's worth of bytes beyond what it was fed.
#[derive(Debug)]
pub struct Unframer {
    buffer: BytesMut,
    limit: usize,
    /// Bytes of a frame given up that are still to come.
    passed: usize,
}

impl Unframer {
    /// Refuses payloads above `limit` bytes as soon as their length is announced.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            limit,
            passed: 0,
        }
    }

    /// Changes the limit for the frames that follow.
    pub fn limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Takes in bytes as they came.
    pub fn feed(&mut self, bytes: &[u8]) {
        let passed = self.passed.min(bytes.len());
        self.passed -= passed;
        let bytes = bytes.get(passed..).unwrap_or_default();
        let there = self.buffer.len() + bytes.len();
        if let Some(size) = self.announced().filter(|size| (LENT..=self.limit).contains(size))
            && size <= GENEROUS * there
        {
            // And for what may come with its end of the next one.
            let whole = PREFIX + size + SLACK;
            self.buffer.reserve(whole.saturating_sub(self.buffer.len()));
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Bytes that came and were not given out yet: after none was left to give, those of a frame that was begun.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.buffer.len()
    }

    /// The length of the payload that comes next, where it was announced: not above the limit once
    /// [`Unframer::next_payload`] had nothing to say against it.
    #[must_use]
    pub fn announced(&self) -> Option<usize> {
        let prefix = self.buffer.first_chunk::<PREFIX>()?;
        usize::try_from(u32::from_be_bytes(*prefix)).ok()
    }

    /// Gives up the payload that comes next: what came of it is given out, the rest is passed over when it comes.
    pub fn pass_over(&mut self) -> Bytes {
        let size = self.announced().unwrap_or(0).saturating_add(PREFIX);
        let mut taken = self.buffer.split_to(size.min(self.buffer.len()));
        self.passed = size - taken.len();
        taken.split_off(PREFIX.min(taken.len())).freeze()
    }

    /// The next whole payload, or none yet.
    ///
    /// # Errors
    /// `PeerFault::TooLarge` if the announced length is above the limit; the stream is then of no more use.
    pub fn next_payload(&mut self) -> Result<Option<Bytes>, PeerFault> {
        let Some((prefix, rest)) = self.buffer.split_first_chunk::<PREFIX>() else {
            if self.buffer.is_empty() {
                // Whoever is silent holds no memory.
                self.buffer = BytesMut::new();
            }
            return Ok(None);
        };
        let size = usize::try_from(u32::from_be_bytes(*prefix)).map_err(|_| PeerFault::Malformed)?;
        if size > self.limit {
            return Err(PeerFault::TooLarge {
                size,
                limit: self.limit,
            });
        }
        if rest.len() < size {
            return Ok(None);
        }
        let mut taken = if size >= LENT {
            // It gets the buffer, and what came behind it another: so whoever has it has it alone.
            let behind = BytesMut::from(self.buffer.get(PREFIX + size..).unwrap_or_default());
            let mut taken = std::mem::replace(&mut self.buffer, behind);
            taken.truncate(PREFIX + size);
            taken
        } else {
            self.buffer.split_to(PREFIX + size)
        };
        taken.advance(PREFIX);
        Ok(Some(taken.freeze()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_survive_any_cutting_of_the_stream() {
        let mut stream = Vec::new();
        for n in 0..20_u64 {
            stream.extend_from_slice(&frame(&(n, vec![n as u8; n as usize * 3])).unwrap());
        }
        for step in 1..40 {
            let mut unframer = Unframer::new(LARGEST);
            let mut seen = Vec::new();
            for piece in stream.chunks(step) {
                unframer.feed(piece);
                while let Some(bytes) = unframer.next_payload().unwrap() {
                    let (n, _): (u64, Vec<u8>) = payload(&bytes).unwrap();
                    seen.push(n);
                }
            }
            assert_eq!(seen, (0..20).collect::<Vec<_>>());
        }
    }

    #[test]
    fn what_is_served_is_the_same_whether_its_entry_is_copied_or_not() {
        let entry = |size| {
            Served::Entry(Entry {
                position: Position(300),
                counter: Counter(1),
                flag: Flag::Cut,
                expires: Hours(70_000),
                bytes: vec![9; size].into(),
            })
        };
        let words = [
            entry(0),
            entry(LENT - 1),
            entry(LENT),
            entry(bucket::LARGEST),
            Served::CaughtUp {
                newest: Position(u64::MAX),
            },
            Served::End,
            Served::Gone,
            Served::Refused(RefusedBecause::TooFast { retry_ms: 7 }),
        ];
        let mut unframer = Unframer::new(LARGEST);
        for word in &words {
            unframer.feed(&frame(word).unwrap());
        }
        for word in words {
            let bytes = unframer.next_payload().unwrap().unwrap();
            assert_eq!(payload::<Served>(&bytes).unwrap(), word);
            assert_eq!(served(&bytes).unwrap(), word);
            let longer = Bytes::from([&bytes[..], &[0]].concat());
            assert_eq!(served(&longer), payload::<Served>(&longer));
            if let Served::Entry(Entry { bytes: whole, .. }) = served(&bytes).unwrap() {
                drop(bytes);
                assert!(whole.is_empty() || whole.is_unique(), "{}", whole.len());
            }
        }
    }

    #[test]
    fn a_frame_that_is_given_up_is_passed_over_however_it_comes() {
        let frames: Vec<_> = (0..3_u8).map(|n| frame(&vec![n; 100]).unwrap()).collect();
        let stream = frames.concat();
        for step in 1..120 {
            let mut unframer = Unframer::new(LARGEST);
            let mut seen = Vec::new();
            for piece in stream.chunks(step) {
                unframer.feed(piece);
                if seen.len() == 1 && unframer.announced().is_some() {
                    let begun = unframer.pass_over();
                    assert_eq!(begun, frames[1].slice(4..4 + begun.len()));
                    seen.push(Vec::new());
                }
                while seen.len() != 1
                    && let Some(bytes) = unframer.next_payload().unwrap()
                {
                    seen.push(payload::<Vec<u8>>(&bytes).unwrap());
                }
                if seen.len() == 1 && unframer.announced().is_some() {
                    unframer.pass_over();
                    seen.push(Vec::new());
                }
                while seen.len() == 2
                    && let Some(bytes) = unframer.next_payload().unwrap()
                {
                    seen.push(payload::<Vec<u8>>(&bytes).unwrap());
                }
            }
            assert_eq!(seen, [vec![0; 100], Vec::new(), vec![2; 100]], "{step}");
        }
    }

    #[test]
    fn a_length_that_lies_is_refused_before_its_bytes_are_awaited() {
        let mut unframer = Unframer::new(64);
        unframer.feed(&u32::MAX.to_be_bytes());
        assert_eq!(
            unframer.next_payload(),
            Err(PeerFault::TooLarge {
                size: u32::MAX as usize,
                limit: 64
            })
        );
    }
}
