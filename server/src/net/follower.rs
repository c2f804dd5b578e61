//! Whoever follows a channel: a stream and a cursor.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use bytes::Bytes;
use caucus_proto::id::Position;

use crate::net::budget::Share;
use crate::net::quic::{Gone, SendStream};
use crate::net::session::Handle;

/// The reading streams of a connection.
#[derive(Clone, Default)]
pub(crate) struct Readings(Arc<Streams>);

#[derive(Default)]
struct Streams {
    open: AtomicU32,
    over: AtomicBool,
}

impl Readings {
    /// How many are open.
    pub(crate) fn open(&self) -> u32 {
        self.0.open.load(Ordering::Relaxed)
    }

    /// The connection is over.
    pub(crate) fn end(&self) {
        self.0.over.store(true, Ordering::Release);
    }

    /// Counts one more, until it is dropped.
    pub(crate) fn place(&self, share: Share) -> Place {
        self.0.open.fetch_add(1, Ordering::Relaxed);
        Place {
            readings: self.clone(),
            _share: share,
        }
    }
}

/// The place of an open reading stream.
pub(crate) struct Place {
    readings: Readings,
    /// Of the readings of the whole relay.
    _share: Share,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.readings.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A stream that goes on with live entries.
pub(crate) struct Follower {
    pub(crate) send: SendStream,
    pub(crate) handle: Arc<Handle>,
    /// Everything up to here was written to the stream, or is in `rest`.
    pub(crate) cursor: Position,
    /// The guard under which it may read, as `Tip::guard` counts.
    pub(crate) guard: u64,
    /// What the stream did not take yet of the frame at its cursor.
    pub(crate) rest: Bytes,
    place: Place,
}

impl Follower {
    /// After a position.
    pub(crate) fn new(send: SendStream, handle: Arc<Handle>, cursor: Position, place: Place) -> Self {
        Self {
            send,
            handle,
            cursor,
            guard: 0,
            rest: Bytes::new(),
            place,
        }
    }

    /// Whether it is one of this connection.
    pub(crate) fn is_of(&self, connection: &Readings) -> bool {
        Arc::ptr_eq(&self.place.readings.0, &connection.0)
    }

    /// Whether its connection is over.
    pub(crate) fn is_over(&self) -> bool {
        self.place.readings.0.over.load(Ordering::Acquire)
    }

    /// Writes what the stream takes without waiting, of what was left and of these frames, which begin right after the
    /// cursor. What it does not take of the frame that is its turn is left for the next time. Gives how many of the frames
    /// it has now, with that one.
    pub(crate) fn hand(&mut self, frames: &[Bytes]) -> Result<usize, Gone> {
        let left = usize::from(!self.rest.is_empty());
        let mut chunks = Vec::with_capacity(left + frames.len());
        if left > 0 {
            chunks.push(std::mem::take(&mut self.rest));
        }
        chunks.extend_from_slice(frames);
        let whole = self.send.offer(&mut chunks)?;
        match chunks.get(whole) {
            None => Ok(frames.len()),
            Some(rest) => {
                self.rest = rest.clone();
                Ok(whole + 1 - left)
            }
        }
    }

    /// Whether the client still wants it.
    pub(crate) fn is_wanted(&mut self) -> bool {
        self.hand(&[]).is_ok()
    }
}
