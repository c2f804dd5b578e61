//! What a relay answers.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::id::{Counter, Hours, Position};
use crate::wire::channel::{Change, ChangeId, Entry, Retention};

/// The relay's first frame.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Greeting {
    /// The version both speak, and the relay's proof key: X25519 public, fresh for every process.
    Speaks {
        /// The version.
        version: u16,
        /// The proof key.
        proof_key: [u8; 32],
    },
    /// No version in common.
    TooOldOrNew {
        /// What the relay speaks.
        versions: Vec<u16>,
    },
}

/// An answer and the tag of its request; tag 0 is the relay's own word.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Answered {
    /// As asked.
    pub tag: u32,
    /// The answer.
    pub answer: Answer,
}

/// The answer to a request.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Answer {
    /// The channel exists now.
    Created,
    /// A handle.
    Opened {
        /// Its number on this connection.
        handle: u32,
        /// The channel's counter.
        counter: Counter,
        /// Position of the newest entry.
        newest: Position,
    },
    /// Durable at this position.
    Stored {
        /// Where.
        position: Position,
    },
    /// The counter named is not the channel's: nothing was stored.
    Moved {
        /// The channel's counter.
        counter: Counter,
        /// Position of the newest entry.
        newest: Position,
    },
    /// Done.
    Done,
    /// The change waits for a second keyholder, or for its time.
    Waits {
        /// Its name.
        change: ChangeId,
        /// The hour at which it happens by itself.
        due: Hours,
    },
    /// The changes that wait.
    Changes(Vec<Waiting>),
    /// What this relay promises.
    Info(RelayInfo),
    /// Not done.
    Refused(RefusedBecause),
    /// Tag 0: the relay goes away; come back after about so many milliseconds.
    Draining {
        /// Milliseconds.
        back_in_ms: u32,
    },
}

/// A change that waits.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Waiting {
    /// What.
    pub change: Change,
    /// Which slot asked for it.
    pub slot: u8,
    /// The hour at which it happens by itself.
    pub due: Hours,
}

/// Why not. Each is a different thing to do next for the one who asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error, Serialize, Deserialize)]
pub enum RefusedBecause {
    /// No such channel, a wrong key, or both expired: one answer for all, so that guessing teaches nothing.
    #[error("no channel opens with this key here")]
    NotOpened,
    /// The handle is not one of this connection, or of another role.
    #[error("this handle does not allow it")]
    WrongHandle,
    /// The keys of the channel have turned since this handle was opened.
    #[error("the keys of this channel have turned")]
    HandleEnded,
    /// The frame is not a request.
    #[error("malformed request")]
    Malformed,
    /// The entry's size is no padding bucket.
    #[error("the entry is not one of the padding sizes")]
    NoBucket,
    /// A channel with this id exists.
    #[error("this channel exists already")]
    Exists,
    /// What is asked contradicts the limits or itself.
    #[error("what is asked is not within the relay's limits")]
    NotAllowed,
    /// A creation pass is needed here.
    #[error("this relay wants a creation pass")]
    PassWanted,
    /// The pass is spent, too old, or not of this relay.
    #[error("this creation pass is spent or expired")]
    PassRefused,
    /// Too fast.
    #[error("too fast: again in {retry_ms} ms")]
    TooFast {
        /// Milliseconds until it makes sense again.
        retry_ms: u32,
    },
    /// A keyholder holds the channel for a cut.
    #[error("a keyholder is changing the keys: again in {retry_ms} ms")]
    Held {
        /// Milliseconds until the hold ends at the latest.
        retry_ms: u32,
    },
    /// The channel's share of the store is used up.
    #[error("this channel is full")]
    ChannelFull,
    /// The relay's store is full.
    #[error("this relay's store is full")]
    RelayFull,
    /// Too many handles or streams on this connection.
    #[error("too many handles or streams on this connection")]
    TooMany,
    /// The store failed; nothing was acknowledged.
    #[error("the relay's store failed; nothing was stored")]
    StoreFailed,
    /// The relay goes away.
    #[error("the relay is shutting down")]
    Draining,
}

/// What a relay promises.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RelayInfo {
    /// Version of the software, for people.
    pub software: String,
    /// Versions of the protocol it speaks.
    pub versions: Vec<u16>,
    /// Where entries live.
    pub store: StoreKind,
    /// Longest life of plain entries.
    pub plain: Retention,
    /// Longest life of flagged entries.
    pub flagged: Retention,
    /// Entries a channel may hold.
    pub channel_entries: u64,
    /// Bytes a channel may hold.
    pub channel_bytes: u64,
    /// Appends a second, a handle.
    pub appends_per_second: u32,
    /// Least milliseconds between two advances of a channel.
    pub advance_interval_ms: u32,
    /// Who may create channels.
    pub creation: CreationPolicy,
}

/// Where a relay keeps entries.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum StoreKind {
    /// On its disk: acknowledged means flushed.
    Disk,
    /// In memory only: a restart forgets everything.
    Memory,
    /// In a replicated log.
    Replicated,
}

/// Who may create channels.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum CreationPolicy {
    /// Everybody.
    Open,
    /// Who has a creation pass.
    Pass,
}

/// A frame of a reading stream.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Served {
    /// One entry, in order of position.
    Entry(Entry),
    /// Everything stored so far was sent; what follows is live.
    CaughtUp {
        /// Position of the newest entry of the channel.
        newest: Position,
    },
    /// This segment is over: its cut was the last entry sent. Or, without `follow`, all was sent.
    End,
    /// The channel or the handle is gone.
    Gone,
    /// The read is refused.
    Refused(RefusedBecause),
}
