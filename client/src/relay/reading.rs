//! One channel's entries as the relay serves them, on a stream of their own.

use core::fmt;
use std::time::Duration;

use bytes::Bytes;
use caucus_proto::error::PeerFault;
use caucus_proto::id::Position;
use caucus_proto::wire::frame::{self, Unframer};
use caucus_proto::wire::{Read, RefusedBecause, Served, bucket};
use quinn::{RecvStream, SendStream};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};

use super::connection::Connection;
use super::dial::{FrameError, more};
use super::error::{LinkError, Sent};

/// The slowest way that counts as one, in bytes a second: slower is a relay that dribbles.
const SLOWEST: u64 = 1024;

/// A read that goes on. Dropping it ends it. Holds its connection open.
pub struct Reading {
    connection: Connection,
    stream: RecvStream,
    // Dropped with the reading, never before: its end would look to the relay like ours.
    _asked: SendStream,
    _permit: OwnedSemaphorePermit,
    unframer: Unframer,
    newest: Position,
    live: bool,
    follow: bool,
    silence: Duration,
    /// Since when the relay owes a frame. Outlives a caller who goes away while waiting, so that one who asks again
    /// and again does not wait for ever.
    owed_since: Option<Instant>,
    over: Option<Result<Served, LinkError>>,
}

/// Why a reading has no frame.
enum NoFrame {
    /// It was owed for too long.
    Late,
    /// There will be none.
    Because(FrameError),
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reading(..)")
    }
}

impl Reading {
    pub(super) fn new(
        connection: Connection,
        streams: (SendStream, RecvStream),
        permit: OwnedSemaphorePermit,
        read: Read,
        silence: Duration,
    ) -> Self {
        let (asked, stream) = streams;
        Self {
            connection,
            stream,
            _asked: asked,
            _permit: permit,
            unframer: Unframer::new(frame::LARGEST),
            newest: read.after,
            live: false,
            follow: read.follow,
            silence,
            owed_since: None,
            over: None,
        }
    }

    /// The next thing served: entries in strictly rising positions, each exactly one bucket;
    /// `Served::Refused` comes as an error. After `Served::End`, `Served::Gone` or an error, the same comes
    /// again for ever. May be dropped while it waits without losing anything.
    ///
    /// # Errors
    /// `LinkError::Refused`; `Lost`, or `Draining` if the relay had said so before; `Timeout` if it stays
    /// silent before it has caught up, or does not end a frame that it began; `Peer`. Nothing about a read is ever unknown: all can be asked again.
    pub async fn next(&mut self) -> Result<Served, LinkError> {
        if let Some(over) = &self.over {
            return over.clone();
        }
        let bytes = match self.frame().await {
            Ok(Some(bytes)) => bytes,
            Err(NoFrame::Late) => return self.end(Err(LinkError::Timeout { sent: Sent::No })),
            Ok(None) | Err(NoFrame::Because(FrameError::Lost)) => {
                let lost = LinkError::Lost { sent: Sent::No };
                let error = self.connection.over().unwrap_or(lost);
                return self.end(Err(error));
            }
            Err(NoFrame::Because(FrameError::Peer(fault))) => return self.misbehaved(fault),
        };
        let served = match frame::served(&bytes) {
            Ok(served) => served,
            Err(fault) => return self.misbehaved(fault),
        };
        match &served {
            Served::Entry(entry) if !bucket::is_bucket(entry.bytes.len()) => {
                self.misbehaved(PeerFault::NoBucket(entry.bytes.len()))
            }
            Served::Entry(entry) if entry.position <= self.newest => self.misbehaved(PeerFault::Malformed),
            Served::Entry(entry) => {
                self.newest = entry.position;
                Ok(served)
            }
            Served::CaughtUp { .. } => {
                self.live = true;
                Ok(served)
            }
            Served::End | Served::Gone => self.end(Ok(served)),
            Served::Refused(RefusedBecause::Draining) => {
                let error = self.connection.farewell();
                self.end(Err(error))
            }
            Served::Refused(why) => {
                let error = LinkError::Refused(*why);
                self.end(Err(error))
            }
        }
    }

    /// The next payload, none at the end of the stream.
    async fn frame(&mut self) -> Result<Option<Bytes>, NoFrame> {
        loop {
            let next = self.unframer.next_payload();
            if let Some(bytes) = next.map_err(|fault| NoFrame::Because(FrameError::Peer(fault)))? {
                self.owed_since = None;
                return Ok(Some(bytes));
            }
            let begun = self.unframer.waiting();
            let more = more(&mut self.stream, &mut self.unframer);
            let came = if self.live && self.follow && begun == 0 {
                more.await
            } else {
                let since = *self.owed_since.get_or_insert_with(Instant::now);
                let moving = Duration::from_secs(begun as u64 / SLOWEST);
                let late = |_| NoFrame::Late;
                timeout_at(since + self.silence + moving, more)
                    .await
                    .map_err(late)?
            };
            if !came.map_err(NoFrame::Because)? {
                return Ok(None);
            }
        }
    }

    fn misbehaved(&mut self, fault: PeerFault) -> Result<Served, LinkError> {
        self.connection.misbehaved(fault);
        self.end(Err(LinkError::Peer {
            fault,
            sent: Sent::No,
        }))
    }

    fn end(&mut self, how: Result<Served, LinkError>) -> Result<Served, LinkError> {
        self.over = Some(how.clone());
        how
    }
}
