//! Application error codes with which a relay closes a connection or a stream. They say what class of thing
//! happened and nothing else.

use quinn::VarInt;

/// Why the relay ends it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Goodbye {
    /// Nothing went wrong.
    Done,
    /// Bytes that are no frame of the protocol.
    Malformed,
    /// No version in common.
    Version,
    /// No hello in time, a frame that was not whole in time, or what was owed was not taken.
    TooSlow,
    /// The relay goes away.
    Draining,
    /// The relay has no room for it now.
    Busy,
}

impl Goodbye {
    /// The number on the wire.
    #[must_use]
    pub const fn code(self) -> u32 {
        match self {
            Self::Done => 0,
            Self::Malformed => 1,
            Self::Version => 2,
            Self::TooSlow => 3,
            Self::Draining => 4,
            Self::Busy => 5,
        }
    }

    pub(crate) fn var(self) -> VarInt {
        VarInt::from_u32(self.code())
    }
}
