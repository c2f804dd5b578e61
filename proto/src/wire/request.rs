//! What a client asks.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::id::{ChannelId, Counter, Position};
use crate::wire::channel::{Access, Change, ChangeId, ChannelSpec, Role, SegmentReader};
use crate::wire::proof::{Pass, Proof};

/// First frame of a connection.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Hello {
    /// Versions the client speaks, at most eight.
    pub versions: Vec<u16>,
}

/// A request and the tag its answer will carry. Tag 0 is the relay's own word and never asked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Asked {
    /// Chosen by the client, unique among its open requests.
    pub tag: u32,
    /// What is asked.
    pub request: Request,
}

/// A request on the command stream.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Request {
    /// A new channel. Answer: `Created`.
    Create {
        /// What it is to be.
        spec: ChannelSpec,
        /// Proof of the creation key, bound to the channel's id.
        proof: Proof,
        /// A creation pass where the relay wants one.
        pass: Option<Pass>,
    },
    /// A handle on this connection. Answer: `Opened`.
    Open {
        /// Which channel.
        channel: ChannelId,
        /// What for.
        role: Role,
        /// The channel's key for it, X25519 public.
        key: [u8; 32],
        /// Proof that its secret is held.
        proof: Proof,
    },
    /// Gives a handle back. Answer: `Done`.
    Close {
        /// Which.
        handle: u32,
    },
    /// One plain entry. Answer: `Stored` or `Moved`.
    Append {
        /// An append handle.
        handle: u32,
        /// Must be the channel's.
        counter: Counter,
        /// One bucket.
        bytes: Bytes,
    },
    /// One entry that moves the counter. Answer: `Stored` or `Moved`.
    Advance {
        /// An append handle.
        handle: u32,
        /// Must be the channel's.
        counter: Counter,
        /// One bucket.
        bytes: Bytes,
    },
    /// One entry that moves the counter and turns the keys. Answer: `Stored` or `Moved`.
    Cut {
        /// A control handle.
        handle: u32,
        /// Must be the channel's.
        counter: Counter,
        /// One bucket.
        bytes: Bytes,
        /// Keys of the segment that begins after this entry.
        access: Access,
        /// Read keys added to earlier segments, at most three keys a segment; none is replaced.
        readers: Vec<SegmentReader>,
    },
    /// Suspends others' appends so that a cut lands. Answer: `Done`.
    Hold {
        /// A control handle.
        handle: u32,
        /// At most 60.
        seconds: u8,
    },
    /// A change that needs two keyholders, or time. Answer: `Done` or `Waits`.
    Change {
        /// A control handle.
        handle: u32,
        /// What.
        change: Change,
    },
    /// Takes a waiting change back. Answer: `Done`.
    Cancel {
        /// A control handle, of another slot than the one that asked, or the same.
        handle: u32,
        /// Which.
        change: ChangeId,
    },
    /// Which changes wait. Answer: `Changes`.
    Changes {
        /// A control handle.
        handle: u32,
    },
    /// What this relay promises. Answer: `Info`.
    Info,
}

/// First frame of a reading stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Read {
    /// A read or control handle of this connection.
    pub handle: u32,
    /// Entries after this position.
    pub after: Position,
    /// Go on with live entries.
    pub follow: bool,
}
