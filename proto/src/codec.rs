//! The one place that encodes and decodes.
//!
//! bincode 2.0.1 through serde, big-endian, variable-length integers, behind a size limit chosen by the
//! caller. One value has one encoding: trailing bytes are refused, and what does not encode back to the
//! same bytes is refused too. Types from the network hold no recursion and no zero-sized elements, because
//! bincode's limit does not see those.
//!
//! What a decode allocates is bounded by what came: a text or byte string that claims more than eight times
//! the input's size class is refused before it is allocated, and serde sets aside at most 1 MiB for a list
//! on its word alone.

use bincode::config;
use bincode::enc::write::{SizeWriter, Writer};
use bincode::error::EncodeError;
use serde::Serialize;
use serde::de::{Deserialize, DeserializeOwned};

use crate::error::{Misuse, PeerFault};

/// Largest encoded value anywhere: one bucket of 256 KiB and its frame.
pub const LIMIT: usize = 320 * 1024;

/// Largest record that a person's own device writes for itself (group state of a large room).
pub const LOCAL_LIMIT: usize = 64 * 1024 * 1024;

/// bincode counts an integer at its full width, up to eight bytes, where one byte came.
const WIDEST: usize = 8;

/// Inputs up to this size are decoded under a limit of their own.
const SMALL: usize = 4 * 1024;

fn settings() -> config::Configuration<config::BigEndian, config::Varint> {
    config::standard().with_big_endian()
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

/// Bytes of an encoded value.
///
/// # Errors
/// `Misuse::TooLarge` if they are more than `limit`.
pub fn size<T: Serialize>(value: &T, limit: usize) -> Result<usize, Misuse> {
    let mut counted = SizeWriter::default();
    let size = bincode::serde::encode_into_writer(value, &mut counted, settings())
        .map_or(usize::MAX, |()| counted.bytes_written);
    if size > limit {
        return Err(Misuse::TooLarge { size, limit });
    }
    Ok(size)
}

/// Encodes a value behind what is there.
///
/// # Errors
/// `Misuse::TooLarge` if it cannot be encoded.
pub fn append<T: Serialize>(value: &T, to: &mut Vec<u8>) -> Result<(), Misuse> {
    let limit = usize::MAX;
    let written = bincode::serde::encode_into_writer(value, Behind(to), settings());
    written.map_err(|_| Misuse::TooLarge { size: limit, limit })
}

/// Decodes a value that must fill the bytes exactly and be in its only form.
///
/// # Errors
/// `PeerFault` if there are more than `limit` bytes, if they are not a value, or not its canonical form.
pub fn decode<T: DeserializeOwned + Serialize>(bytes: &[u8], limit: usize) -> Result<T, PeerFault> {
    decode_as(bytes, limit, |value: T| value)
}

/// Decodes a value of which parts may lie in the bytes, and makes it the one that is meant, which must be encoded as they are.
///
/// # Errors
/// As [`decode`].
pub fn decode_as<'a, L: Deserialize<'a>, T: Serialize>(
    bytes: &'a [u8],
    limit: usize,
    own: impl FnOnce(L) -> T,
) -> Result<T, PeerFault> {
    if bytes.len() > limit {
        return Err(PeerFault::TooLarge {
            size: bytes.len(),
            limit,
        });
    }
    // Without a limit of its own bincode allocates whatever length a string claims, and the process aborts.
    let read = if bytes.len() <= SMALL {
        bincode::serde::borrow_decode_from_slice(bytes, settings().with_limit::<{ SMALL * WIDEST }>())
    } else if bytes.len() <= LIMIT {
        bincode::serde::borrow_decode_from_slice(bytes, settings().with_limit::<{ LIMIT * WIDEST }>())
    } else {
        bincode::serde::borrow_decode_from_slice(bytes, settings().with_limit::<{ LOCAL_LIMIT * WIDEST }>())
    };
    let (lent, used): (L, usize) = read.map_err(|_| PeerFault::Malformed)?;
    if used != bytes.len() {
        return Err(PeerFault::Trailing(bytes.len().saturating_sub(used)));
    }
    let value = own(lent);
    let mut again = Same { left: bytes };
    let same = bincode::serde::encode_into_writer(&value, &mut again, settings());
    if same.is_err() || !again.left.is_empty() {
        return Err(PeerFault::Malformed);
    }
    Ok(value)
}

/// Writes behind what is there.
struct Behind<'a>(&'a mut Vec<u8>);

impl Writer for Behind<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

/// Takes only the bytes that it was given.
struct Same<'a> {
    left: &'a [u8],
}

impl Writer for Same<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.left = self.left.strip_prefix(bytes).ok_or(EncodeError::UnexpectedEnd)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// 2^60 as a variable-length integer: more than any machine can allocate.
    const BOMB: [u8; 9] = [253, 0x10, 0, 0, 0, 0, 0, 0, 0];

    #[test]
    fn a_length_that_lies_is_refused_before_it_is_allocated() {
        // Each of these would abort the process, which no test survives, if the length were believed.
        assert_eq!(decode::<String>(&BOMB, LIMIT), Err(PeerFault::Malformed));
        assert_eq!(decode::<bytes::Bytes>(&BOMB, LIMIT), Err(PeerFault::Malformed));
        assert_eq!(decode::<Vec<u8>>(&BOMB, LIMIT), Err(PeerFault::Malformed));
        assert_eq!(decode::<Vec<u16>>(&BOMB, LIMIT), Err(PeerFault::Malformed));
        assert_eq!(decode::<Vec<Vec<u64>>>(&BOMB, LIMIT), Err(PeerFault::Malformed));
        assert_eq!(
            decode::<BTreeMap<u64, u64>>(&BOMB, LIMIT),
            Err(PeerFault::Malformed)
        );
        for padding in [0, SMALL, LIMIT - 9] {
            let mut long = BOMB.to_vec();
            long.resize(BOMB.len() + padding, 1);
            assert_eq!(decode::<String>(&long, LOCAL_LIMIT), Err(PeerFault::Malformed));
            assert_eq!(decode::<Vec<u16>>(&long, LOCAL_LIMIT), Err(PeerFault::Malformed));
        }
    }

    #[test]
    fn what_fits_its_limit_decodes_however_its_integers_are_counted() {
        for len in [0, 1, SMALL - 3, SMALL, SMALL + 1, LIMIT - 5] {
            let numbers = vec![1_u64; len];
            let bytes = encode(&numbers, LIMIT).unwrap();
            assert_eq!(decode::<Vec<u64>>(&bytes, LIMIT).unwrap(), numbers);
        }
        let whole = "a".repeat(LOCAL_LIMIT - 5);
        let bytes = encode(&whole, LOCAL_LIMIT).unwrap();
        assert_eq!(bytes.len(), LOCAL_LIMIT);
        assert!(decode::<String>(&bytes, LOCAL_LIMIT).unwrap() == whole);
    }

    #[test]
    fn trailing_bytes_and_second_forms_are_refused() {
        assert_eq!(decode::<u64>(&[7], LIMIT), Ok(7));
        assert_eq!(decode::<u64>(&[7, 0], LIMIT), Err(PeerFault::Trailing(1)));
        // 7 as if it needed two bytes.
        assert_eq!(decode::<u64>(&[251, 0, 7], LIMIT), Err(PeerFault::Malformed));
        assert_eq!(
            decode::<BTreeMap<u8, u8>>(&[2, 5, 0, 4, 0], LIMIT),
            Err(PeerFault::Malformed)
        );
        assert_eq!(
            decode::<u64>(&[0; 9], 8),
            Err(PeerFault::TooLarge { size: 9, limit: 8 })
        );
    }
}
