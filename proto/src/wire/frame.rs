//! Frames: four bytes of length, big-endian, then one encoded value.

use bytes::{Bytes, BytesMut};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::codec;
use crate::error::{Misuse, PeerFault};
use crate::wire::bucket;

/// Largest payload of a frame: the largest entry and what stands around it.
pub const LARGEST: usize = bucket::LARGEST + 4096;

/// Largest first frame of a client, read before anything is known of it.
pub const LARGEST_HELLO: usize = 64;

const PREFIX: usize = 4;

/// One value as a frame.
///
/// # Errors
/// `Misuse::TooLarge` if it does not fit into a frame.
pub fn frame<T: Serialize>(value: &T) -> Result<Bytes, Misuse> {
    let payload = codec::encode(value, LARGEST)?;
    let len = u32::try_from(payload.len()).map_err(|_| Misuse::TooLarge {
        size: payload.len(),
        limit: LARGEST,
    })?;
    let mut out = Vec::with_capacity(PREFIX + payload.len());
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(&payload);
    Ok(out.into())
}

/// The payload of one frame.
///
/// # Errors
/// `PeerFault` if it is not exactly one value.
pub fn payload<T: DeserializeOwned + Serialize>(payload: &[u8]) -> Result<T, PeerFault> {
    codec::decode(payload, LARGEST)
}

/// Cuts a stream of bytes into payloads. Holds at most one frame's worth of bytes beyond what it was fed.
#[derive(Debug)]
pub struct Unframer {
    buffer: BytesMut,
    limit: usize,
}

impl Unframer {
    /// Refuses payloads above `limit` bytes as soon as their length is announced.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            limit,
        }
    }

    /// Changes the limit for the frames that follow.
    pub fn limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Takes in bytes as they came.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Bytes that came and were not given out yet: after none was left to give, those of a frame that was begun.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.buffer.len()
    }

    /// The next whole payload, or none yet.
    ///
    /// # Errors
    /// `PeerFault::TooLarge` if the announced length is above the limit; the stream is then of no more use.
    pub fn next_payload(&mut self) -> Result<Option<Bytes>, PeerFault> {
        let Some((prefix, rest)) = self.buffer.split_first_chunk::<PREFIX>() else {
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
        let mut taken = self.buffer.split_to(PREFIX + size);
        Ok(Some(taken.split_off(PREFIX).freeze()))
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
