//! The one place that encodes and decodes.
//!
//! bincode 2.0.1 through serde, big-endian, variable-length integers, behind a size limit chosen by the
//! caller. One value has one encoding: trailing bytes are refused, and what does not encode back to the
//! same bytes is refused too. Types from the network hold no recursion and no zero-sized elements, because
//! bincode's limit does not see those. A length inside a value allocates at most some eight times the bytes
//! that came, whatever it claims.

use bincode::config;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Misuse, PeerFault};

/// Largest encoded value anywhere: one bucket of 256 KiB and its frame.
pub const LIMIT: usize = 320 * 1024;

/// Largest record that a person's own device writes for itself (group state of a large room).
pub const LOCAL_LIMIT: usize = 64 * 1024 * 1024;

/// Most bytes of a value that is decoded under the smallest of the three budgets.
const SMALL: usize = 4 * 1024;

/// bincode counts a number by its size in memory, not by the bytes it took, so its budget is so many times
/// the input's length.
const WIDEST: usize = 8;

const fn settings() -> config::Configuration<config::BigEndian, config::Varint> {
    config::standard().with_big_endian()
}

/// Decodes within a budget of `N` bytes, which a length that lies exhausts before it allocates.
fn read<T: DeserializeOwned, const N: usize>(bytes: &[u8]) -> Result<(T, usize), PeerFault> {
    bincode::serde::decode_from_slice(bytes, settings().with_limit::<N>()).map_err(|_| PeerFault::Malformed)
}

/// Encodes a value.
///
/// # Errors
/// `Misuse::TooLarge` if it takes more than `limit` bytes.
pub fn encode<T: Serialize>(value: &T, limit: usize) -> Result<Vec<u8>, Misuse> {
    let bytes = bincode::serde::encode_to_vec(value, settings()).map_err(|_| Misuse::TooLarge {
        size: usize::MAX,
        limit,
    })?;
    if bytes.len() > limit {
        return Err(Misuse::TooLarge {
            size: bytes.len(),
            limit,
        });
    }
    Ok(bytes)
}

/// Decodes a value that must fill the bytes exactly and be in its only form.
///
/// # Errors
/// `PeerFault` if there are more than `limit` bytes, if they are not a value, or not its canonical form.
pub fn decode<T: DeserializeOwned + Serialize>(bytes: &[u8], limit: usize) -> Result<T, PeerFault> {
    if bytes.len() > limit {
        return Err(PeerFault::TooLarge {
            size: bytes.len(),
            limit,
        });
    }
    let (value, used): (T, usize) = if bytes.len() <= SMALL {
        read::<T, { WIDEST * SMALL }>(bytes)?
    } else if bytes.len() <= LIMIT {
        read::<T, { WIDEST * LIMIT }>(bytes)?
    } else {
        read::<T, { WIDEST * LOCAL_LIMIT }>(bytes)?
    };
    if used != bytes.len() {
        return Err(PeerFault::Trailing(bytes.len().saturating_sub(used)));
    }
    let again = bincode::serde::encode_to_vec(&value, settings()).map_err(|_| PeerFault::Malformed)?;
    if again != bytes {
        return Err(PeerFault::Malformed);
    }
    Ok(value)
}
