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
    /// Everything up to here was written to the stream.
    pub(crate) cursor: Position,
    /// The guard under which it may read, as `Tip::guard` counts.
    pub(crate) guard: u64,
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

    /// Writes what the stream takes without waiting; gives what is left.
    pub(crate) fn hand(&mut self, frames: &[Bytes]) -> Result<Vec<Bytes>, Gone> {
        let mut frames = frames.to_vec();
        let whole = self.send.offer(&mut frames)?;
        Ok(frames.split_off(whole))
    }

    /// Whether the client still wants it.
    pub(crate) fn is_wanted(&mut self) -> bool {
        self.hand(&[]).is_ok()
    }
}

/// A follower that needs a task of its own to go on.
pub(crate) struct Behind {
    pub(crate) follower: Follower,
    /// What is to be written first: everything up to its cursor that the stream did not take.
    pub(crate) rest: Vec<Bytes>,
}

impl From<Follower> for Behind {
    fn from(follower: Follower) -> Self {
        let rest = Vec::new();
        Self { follower, rest }
    }
}
