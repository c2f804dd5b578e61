//! What a channel is to both sides: its keys, its entries, the changes that need two keyholders.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::codec;
use crate::id::{ChannelId, Counter, Hours, Position};
use crate::label::{Label, hash};

/// Number of control slots of a channel. Unused ones are random, so that their number does not show.
pub const SLOTS: usize = 8;

/// A public X25519 key that guards a channel.
pub type Control = [u8; 32];

/// The keys of the current segment; both are X25519 public keys.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Access {
    /// Who holds its secret may append.
    pub append: [u8; 32],
    /// Who holds its secret may read this segment.
    pub read: [u8; 32],
}

/// What a handle allows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Role {
    /// Append and advance.
    Append,
    /// Read one segment.
    Read,
    /// Cut, hold, change; may read every segment.
    Control,
}

impl Role {
    /// The byte that stands for it in a proof.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Append => 1,
            Self::Read => 2,
            Self::Control => 3,
        }
    }
}

/// How long entries live. Few presets, so that a ttl is no fingerprint of a body.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Retention {
    /// One day.
    Day,
    /// Seven days.
    Week,
    /// Thirty days.
    Month,
    /// Ninety days.
    Quarter,
    /// A year of 366 days.
    Year,
}

impl Retention {
    /// In hours.
    #[must_use]
    pub const fn hours(self) -> u64 {
        match self {
            Self::Day => 24,
            Self::Week => 7 * 24,
            Self::Month => 30 * 24,
            Self::Quarter => 90 * 24,
            Self::Year => 366 * 24,
        }
    }
}

/// What `Create` asks for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ChannelSpec {
    /// Public half of a key that is used once and destroyed.
    pub creation_key: [u8; 32],
    /// Random.
    pub salt: [u8; 32],
    /// Keys of the first segment.
    pub access: Access,
    /// Control keys.
    pub controls: [Control; SLOTS],
    /// Only one slot is used: its holder changes alone. Ends with the first `Controls` that says so.
    pub solo: bool,
    /// Life of plain entries.
    pub plain: Retention,
    /// Life of flagged entries; not shorter than `plain`.
    pub flagged: Retention,
    /// Where the counter starts: 0, or where a lost channel stood.
    pub counter: Counter,
    /// Position of the last entry before the first: 0, or where a lost channel stood.
    pub after: Position,
}

impl ChannelSpec {
    /// The id this channel gets.
    #[must_use]
    pub fn id(&self) -> ChannelId {
        ChannelId::of(&self.creation_key, &self.salt)
    }
}

/// What an entry did besides being stored.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Flag {
    /// Nothing.
    Plain,
    /// Moved the counter by one.
    Advance,
    /// Moved the counter by one and turned the keys.
    Cut,
}

impl Flag {
    /// The byte that stands for it in a running hash.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Plain => 0,
            Self::Advance => 1,
            Self::Cut => 2,
        }
    }

    /// Whether it moves the counter.
    #[must_use]
    pub const fn moves(self) -> bool {
        matches!(self, Self::Advance | Self::Cut)
    }
}

/// One entry of a channel as a reader gets it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// Its place.
    pub position: Position,
    /// The counter it was appended under (before it moved it, if it is flagged).
    pub counter: Counter,
    /// What it did.
    pub flag: Flag,
    /// The hour after which it is no longer served.
    pub expires: Hours,
    /// One bucket of opaque bytes.
    pub bytes: Bytes,
}

/// A read key that a commit-less cut adds to an earlier segment.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct SegmentReader {
    /// First position of the segment.
    pub first: Position,
    /// X25519 public key that may read it too.
    pub read: [u8; 32],
}

/// What only keyholders may do to a channel: at once where one slot is used or two agree, else after
/// seven days in which another may cancel.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Change {
    /// Who holds the controls.
    Controls {
        /// All slots anew.
        controls: [Control; SLOTS],
        /// Whether only one of them is used.
        solo: bool,
    },
    /// The channel goes.
    Delete,
    /// Entries up to here go.
    Trim {
        /// Last position that goes.
        until: Position,
    },
    /// A shorter life for entries appended from now on.
    Shorten {
        /// Life of plain entries.
        plain: Retention,
        /// Life of flagged entries.
        flagged: Retention,
    },
}

/// Names a change that waits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct ChangeId(pub [u8; 32]);

impl Change {
    /// Its name on this channel.
    #[must_use]
    pub fn id(&self, channel: &ChannelId) -> ChangeId {
        // A change holds at most eight keys, so encoding it cannot pass the limit.
        let bytes = codec::encode(self, codec::LIMIT).unwrap_or_default();
        ChangeId(hash(Label::ControlChange, &[channel.as_bytes(), &bytes]))
    }
}
