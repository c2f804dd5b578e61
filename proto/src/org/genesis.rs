//! What a body begins with.

use serde::{Deserialize, Serialize};

use crate::codec;
use crate::id::{BodyId, Minutes, Nonce, PersonaId, RoomId};
use crate::label::{Label, hash};
use crate::org::charter::Charter;
use crate::org::name::Name;
use crate::org::sign::PersonaPublic;

/// What kind of body.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Kind {
    /// Small, closed, everyone a cadre.
    Cell,
    /// A mass organization.
    Chapter,
    /// An organizing committee or editorial board.
    Committee,
    /// A few people who talk alone, under names and keys of their own.
    Direct,
}

/// The MLS ciphersuite of a room (RFC 9420, section 17.1 and the post-quantum draft).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum SuiteChoice {
    /// 0x004E: X-Wing, AES-256-GCM, SHA-384, Ed25519.
    Hybrid,
    /// 0x0003: X25519, ChaCha20-Poly1305, SHA-256, Ed25519.
    Classical,
}

/// Name of a body's governing room in its id.
pub const GOVERNING_ROOM: &str = "members";

/// The first facts of a body; its hash is the body's id.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Genesis {
    /// What kind of body.
    pub kind: Kind,
    /// Its label.
    pub label: Name,
    /// The suite of its governing room.
    pub suite: SuiteChoice,
    /// The founder's persona key.
    pub founder: PersonaPublic,
    /// The founder's chosen name.
    pub founder_name: Name,
    /// The founder's control key of the channel (X25519).
    pub control: [u8; 32],
    /// When, by the founder's clock.
    pub founded: Minutes,
    /// The rules it begins with.
    pub charter: Charter,
    /// Random.
    pub nonce: Nonce,
}

impl Genesis {
    /// The body's id.
    #[must_use]
    pub fn body(&self) -> BodyId {
        // A genesis is less than two kilobytes, so encoding it cannot pass the limit.
        BodyId(hash(
            Label::BodyId,
            &[&codec::encode(self, codec::LIMIT).unwrap_or_default()],
        ))
    }

    /// The id of its governing room.
    #[must_use]
    pub fn room(&self) -> RoomId {
        RoomId::of(&self.body(), GOVERNING_ROOM)
    }

    /// The founder's persona.
    #[must_use]
    pub fn founder_id(&self) -> PersonaId {
        PersonaId::of(&self.founder.0)
    }
}
