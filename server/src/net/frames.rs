//! Frames from a stream, and what can be told of one that is no request.

use bytes::Bytes;
use caucus_proto::error::PeerFault;
use caucus_proto::wire::frame::Unframer;
use quinn::RecvStream;
use thiserror::Error;

/// How much is taken from the stream at once.
const CHUNK: usize = 64 * 1024;

/// Why no frame came.
#[derive(Debug, Error)]
pub(crate) enum FrameError {
    /// The stream or the connection ended.
    #[error("the stream ended")]
    Ended,
    /// A length above what is allowed here.
    #[error(transparent)]
    Peer(#[from] PeerFault),
}

/// The receiving half of a stream, cut into payloads.
pub(crate) struct Frames {
    stream: RecvStream,
    unframer: Unframer,
}

impl Frames {
    pub(crate) fn new(stream: RecvStream, limit: usize) -> Self {
        Self {
            stream,
            unframer: Unframer::new(limit),
        }
    }

    /// Allows larger frames from here on.
    pub(crate) fn limit(&mut self, limit: usize) {
        self.unframer.limit(limit);
    }

    /// The next payload.
    pub(crate) async fn next(&mut self) -> Result<Bytes, FrameError> {
        loop {
            if let Some(payload) = self.unframer.next_payload()? {
                return Ok(payload);
            }
            match self.stream.read_chunk(CHUNK, true).await {
                Ok(Some(chunk)) => self.unframer.feed(&chunk.bytes),
                Ok(None) | Err(_) => return Err(FrameError::Ended),
            }
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
