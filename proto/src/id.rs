//! Identifiers: newtypes over bytes and numbers, never bare arrays.

use core::fmt;

use data_encoding::BASE32_NOPAD;
use serde::{Deserialize, Serialize};

use crate::label::{Label, hash};

macro_rules! bytes_id {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub struct $name(pub [u8; $len]);

        // The order of the bytes. Mostly the first ones decide it, and they are compared as a number.
        impl Ord for $name {
            fn cmp(&self, other: &Self) -> core::cmp::Ordering {
                first(&self.0)
                    .cmp(&first(&other.0))
                    .then_with(|| self.0.cmp(&other.0))
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $len;

            /// The bytes.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8] {
                &self.0
            }

            /// From a slice of exactly the right length.
            #[must_use]
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&BASE32_NOPAD.encode(&self.0).to_lowercase())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let text = BASE32_NOPAD.encode(&self.0).to_lowercase();
                write!(f, "{}({})", stringify!($name), text.get(..8).unwrap_or(&text))
            }
        }
    };
}

/// The first eight bytes as a number, in the same order.
fn first(bytes: &[u8]) -> u64 {
    bytes
        .first_chunk::<8>()
        .map_or(0, |first| u64::from_be_bytes(*first))
}

bytes_id!(
    /// A channel on a relay: hash of its creation key and a salt, unguessable.
    ChannelId,
    32
);
bytes_id!(
    /// A room: one MLS group with one channel and one log. Hash of its body and its name.
    RoomId,
    32
);
bytes_id!(
    /// A body (cell, chapter, committee): hash of its genesis.
    BodyId,
    32
);
bytes_id!(
    /// A person inside one body: hash of its first persona key.
    PersonaId,
    32
);
bytes_id!(
    /// SHA-256 of an entry's bytes as the relay served them.
    EntryHash,
    32
);
bytes_id!(
    /// Hash of the canonical state of the organization machine.
    StateRoot,
    32
);
bytes_id!(
    /// The random id of an intent; the machine applies it once per author.
    IntentId,
    16
);
bytes_id!(
    /// Random bytes that make a notice or request new.
    Nonce,
    16
);

macro_rules! number {
    ($(#[$doc:meta])* $name:ident, $int:ty) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        pub struct $name(pub $int);

        impl $name {
            /// The one after; saturates.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }
    };
}

number!(
    /// Place of an entry in its channel. The first entry has position 1; 0 is before everything.
    Position,
    u64
);
number!(
    /// The fence of a channel: moves by one at every flagged entry.
    Counter,
    u64
);
number!(
    /// Whole minutes since 1970-01-01T00:00Z, as an author claims them.
    Minutes,
    u64
);
number!(
    /// Whole hours since 1970-01-01T00:00Z.
    Hours,
    u64
);

impl PersonaId {
    /// The id of a persona: hash of its first persona key (32 bytes, Ed25519).
    #[must_use]
    pub fn of(first_key: &[u8; 32]) -> Self {
        Self(hash(Label::PersonaId, &[first_key]))
    }
}

impl RoomId {
    /// The id of a body's room.
    #[must_use]
    pub fn of(body: &BodyId, name: &str) -> Self {
        Self(hash(Label::RoomId, &[body.as_bytes(), name.as_bytes()]))
    }
}

impl EntryHash {
    /// Hash of an entry's bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(hash(Label::Entry, &[bytes]))
    }
}

impl ChannelId {
    /// The id of the channel made with a creation key and a salt.
    #[must_use]
    pub fn of(creation_key: &[u8; 32], salt: &[u8; 32]) -> Self {
        Self(hash(Label::ChannelId, &[creation_key, salt]))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ids_are_in_the_order_of_their_bytes(a: [u8; 32], b: [u8; 32], same in 0..=32_usize) {
            let mut b = b;
            b[..same].copy_from_slice(&a[..same]);
            prop_assert_eq!(PersonaId(a).cmp(&PersonaId(b)), a.cmp(&b));
            let (a, b) = (*a.first_chunk().unwrap(), *b.first_chunk().unwrap());
            prop_assert_eq!(IntentId(a).cmp(&IntentId(b)), a.cmp(&b));
        }
    }
}
