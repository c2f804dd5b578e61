//! What stands inside an envelope: the author's signed head, and one of the bodies.

use serde::{Deserialize, Serialize};

use crate::codec;
use crate::id::{EntryHash, Position};
use crate::label::{Label, hash};
use crate::org::{SignedHead, SignedNotice};

/// What stands inside.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Content {
    /// What the author had seen.
    pub head: SignedHead,
    /// What the author says.
    pub body: Body,
}

/// The body of an entry.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Body {
    /// An MLS message (RFC 9420, section 6).
    Mls(#[serde(with = "serde_bytes")] Vec<u8>),
    /// A notice outside MLS.
    Notice(SignedNotice),
    /// One part of a commit that is too large for a bucket; nobody processes it alone.
    Part(#[serde(with = "serde_bytes")] Vec<u8>),
    /// A commit whose MLS message is the named parts, joined in order.
    Parts(Vec<PartOf>),
}

impl Body {
    /// What the head beside it names.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        // A body that encodes to more than this fits no entry; then it is refused where it is sealed.
        let bytes = codec::encode(self, codec::LIMIT).unwrap_or_default();
        hash(Label::Body, &[&bytes])
    }
}

/// A part of a commit, as the flagged entry names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PartOf {
    /// Where it stands.
    pub position: Position,
    /// Hash of its entry's bytes.
    pub entry: EntryHash,
}
