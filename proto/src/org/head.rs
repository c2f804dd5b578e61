//! Heads (law 5): what an author had seen, signed, and readable across MLS epochs.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::codec;
use crate::error::PeerFault;
use crate::id::{Counter, Minutes, PersonaId, Position, RoomId, StateRoot};
use crate::label::{Label, hash};
use crate::org::sign::{PersonaPublic, Signature};

/// Running hash over a channel's entries as the relay served them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Running(pub [u8; 32]);

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "Running({a:02x}{b:02x}{c:02x}{d:02x})")
    }
}

impl Running {
    /// Before the first entry of a room's log.
    #[must_use]
    pub fn start(room: &RoomId) -> Self {
        Self(hash(Label::Running, &[room.as_bytes()]))
    }

    /// After one more entry; `flag` is the byte of what it did.
    #[must_use]
    pub fn then(&self, position: Position, counter: Counter, flag: u8, bytes: &[u8]) -> Self {
        let place = [position.0.to_be_bytes(), counter.0.to_be_bytes()].concat();
        Self(hash(Label::Running, &[&self.0, &place, &[flag], bytes]))
    }
}

/// What its author had seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Head {
    /// Up to where; for chat rounded down to the last flagged entry, because a head is a read receipt too.
    pub position: Position,
    /// Running hash there.
    pub running: Running,
    /// MLS epoch there.
    pub epoch: u64,
    /// Hash of the epoch's authenticator (RFC 9420, section 8.7).
    pub authenticator: [u8; 32],
    /// Root of the machine's state there.
    pub root: StateRoot,
    /// The author's clock when writing.
    pub time: Minutes,
    /// Hash of the body it stands beside (`Body::digest`), so that nobody can put it beside another.
    pub body: [u8; 32],
}

/// A head and who signed it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SignedHead {
    /// Who.
    pub author: PersonaId,
    /// What.
    pub head: Head,
    /// By the persona key, over [`SignedHead::digest`].
    pub signature: Signature,
}

impl SignedHead {
    /// What is signed.
    #[must_use]
    pub fn digest(room: &RoomId, author: &PersonaId, head: &Head) -> [u8; 32] {
        // A head is under 200 bytes, so encoding it cannot pass the limit.
        let bytes = codec::encode(head, codec::LIMIT).unwrap_or_default();
        hash(Label::Head, &[room.as_bytes(), author.as_bytes(), &bytes])
    }

    /// Whether this key signed it for this room.
    ///
    /// # Errors
    /// `PeerFault::Signature`.
    pub fn verify(&self, room: &RoomId, key: &PersonaPublic) -> Result<(), PeerFault> {
        key.verify(&Self::digest(room, &self.author, &self.head), &self.signature)
    }
}
