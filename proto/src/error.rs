//! Errors sorted by whose fault they are: the peer's bytes, the caller's use, the rules of the log.

use thiserror::Error;

/// What a peer sent cannot be what the protocol says. Nothing of it may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PeerFault {
    /// More bytes than this place allows.
    #[error("{size} bytes where at most {limit} are allowed")]
    TooLarge {
        /// Bytes that came or were announced.
        size: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The bytes end too early, or are not the canonical form of anything.
    #[error("malformed bytes")]
    Malformed,
    /// A valid value with bytes after it.
    #[error("{0} bytes after the end")]
    Trailing(usize),
    /// An entry whose size is no padding bucket.
    #[error("{0} bytes are no padding bucket")]
    NoBucket(usize),
    /// Bytes that do not open under the key at hand.
    #[error("does not open under this key")]
    Sealed,
    /// A signature that does not verify.
    #[error("signature does not verify")]
    Signature,
}

/// The caller asked for what cannot be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Misuse {
    /// A value that is too large to be sent.
    #[error("{size} bytes do not fit: at most {limit}")]
    TooLarge {
        /// Bytes wanted.
        size: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// A nonce of zeros: the source of randomness is broken.
    #[error("randomness that is all zeros")]
    NoRandomness,
    /// A key that the group operation turns into zero (RFC 7748, section 6.1).
    #[error("a key of low order")]
    LowOrderKey,
}
