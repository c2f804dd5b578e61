//! Frames from a stream, and what can be told of one that is no request.

use std::time::Duration;

use bytes::Bytes;
use caucus_proto::error::PeerFault;
use caucus_proto::wire::frame::Unframer;
use thiserror::Error;
use tokio::time::{Instant, timeout_at};

use crate::net::budget::{Budget, Share};
use crate::net::quic::RecvStream;

/// How much is taken from the stream at once.
const CHUNK: usize = 64 * 1024;
/// Bytes of a frame that is not whole which cost no budget.
pub(crate) const FREE: usize = 8 * 1024;
/// The slowest way that counts as one, in bytes a second: what a frame is large earns it time.
pub(crate) const SLOWEST: usize = 4 * 1024;
/// Bytes of a frame that tell its tag: the length, and the longest tag.
const TAG: usize = 4 + 5;

/// Why no frame came.
#[derive(Debug, Error)]
pub(crate) enum FrameError {
    /// The stream or the connection ended.
    #[error("the stream ended")]
    Ended,
    /// A frame began and was not whole in time.
    #[error("a frame took too long")]
    TooSlow,
    /// A length above what is allowed here.
    #[error(transparent)]
    Peer(#[from] PeerFault),
}

/// A frame, or what became of it.
pub(crate) enum Came {
    /// A payload, and its share of what all requests may take.
    Whole(Bytes, Share),
    /// The beginning of a payload for which there is no room now.
    Shed(Bytes),
}

/// The receiving half of a stream, cut into payloads.
pub(crate) struct Frames {
    stream: RecvStream,
    unframer: Unframer,
    patience: Duration,
    /// When the frame that is not whole began to come, as far as we looked.
    begun: Option<Instant>,
    share: Option<Share>,
}

impl Frames {
    /// `patience` is what a whole frame may take from its first byte, and a second more for each 4 KiB of it.
    pub(crate) fn new(stream: RecvStream, limit: usize, patience: Duration) -> Self {
        Self {
            stream,
            unframer: Unframer::new(limit),
            patience,
            begun: None,
            share: None,
        }
    }

    /// Allows larger frames from here on.
    pub(crate) fn limit(&mut self, limit: usize) {
        self.unframer.limit(limit);
    }

    /// The next payload. May be dropped while it waits without losing anything.
    pub(crate) async fn next(&mut self) -> Result<Bytes, FrameError> {
        loop {
            if let Some(payload) = self.unframer.next_payload()? {
                self.begun = None;
                return Ok(payload);
            }
            self.more().await?;
        }
    }

    /// The next payload within a budget. May be dropped while it waits without losing anything.
    pub(crate) async fn take(&mut self, budget: &Budget) -> Result<Came, FrameError> {
        loop {
            if let Some(payload) = self.unframer.next_payload()? {
                self.begun = None;
                self.share = None;
                return Ok(match budget.ask(payload.len()) {
                    Some(share) => Came::Whole(payload, share),
                    None => Came::Shed(payload),
                });
            }
            if let Some(size) = self.unframer.announced()
                && size > FREE
                && self.share.is_none()
                && self.unframer.waiting() >= TAG
            {
                self.share = budget.begin(size);
                if self.share.is_none() {
                    self.begun = None;
                    return Ok(Came::Shed(self.unframer.pass_over()));
                }
            }
            self.more().await?;
        }
    }

    async fn more(&mut self) -> Result<(), FrameError> {
        let waiting = self.unframer.waiting();
        let read = self.stream.read(CHUNK);
        let chunk = if waiting == 0 {
            self.begun = None;
            read.await
        } else {
            let begun = *self.begun.get_or_insert_with(Instant::now);
            let earned = Duration::from_millis((waiting.saturating_mul(1_000) / SLOWEST) as u64);
            let due = begun + self.patience + earned;
            timeout_at(due, read).await.map_err(|_| FrameError::TooSlow)?
        };
        match chunk {
            Ok(Some(chunk)) => {
                self.unframer.feed(&chunk);
                Ok(())
            }
            Ok(None) | Err(_) => Err(FrameError::Ended),
        }
    }
}

/// The tag of a request that is otherwise malformed: the codec's variable-length integer at its beginning.
pub(crate) fn tag_of(payload: &[u8]) -> Option<u32> {
    const TWO_BYTES: u8 = 251;
    const FOUR_BYTES: u8 = 252;
    let (first, rest) = payload.split_first()?;
    match *first {
        TWO_BYTES => {
            let number = u16::from_be_bytes(*rest.first_chunk()?);
            (number >= u16::from(TWO_BYTES)).then(|| u32::from(number))
        }
        FOUR_BYTES => {
            let number = u32::from_be_bytes(*rest.first_chunk()?);
            (number > u32::from(u16::MAX)).then_some(number)
        }
        small if small < TWO_BYTES => Some(u32::from(small)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use caucus_proto::codec;
    use caucus_proto::wire::{Asked, Request};

    use super::*;

    #[test]
    fn the_tag_of_every_request_can_be_read_from_its_beginning() {
        for tag in [1, 250, 251, 255, 256, 65_535, 65_536, u32::MAX] {
            let asked = Asked {
                tag,
                request: Request::Info,
            };
            let bytes = codec::encode(&asked, codec::LIMIT).unwrap();
            assert_eq!(tag_of(&bytes), Some(tag));
        }
        for broken in [
            &[][..],
            &[251],
            &[251, 0, 1],
            &[252, 0, 0, 0, 1],
            &[253, 0],
            &[255],
        ] {
            assert_eq!(tag_of(broken), None);
        }
    }
}
