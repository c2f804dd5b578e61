//! Padding buckets: the only sizes an entry can have, so that its length tells a size class and no more.

use crate::error::{Misuse, PeerFault};

/// The sizes in bytes.
pub const BUCKETS: [usize; 7] = [
    1024,
    4 * 1024,
    16 * 1024,
    32 * 1024,
    64 * 1024,
    128 * 1024,
    256 * 1024,
];

/// The largest entry.
pub const LARGEST: usize = 256 * 1024;

/// Bytes before the content that say how long it is.
pub const PREFIX: usize = 4;

/// The smallest bucket that holds so many bytes.
#[must_use]
pub fn holding(len: usize) -> Option<usize> {
    BUCKETS.into_iter().find(|bucket| len <= *bucket)
}

/// Whether an entry of this size may exist.
#[must_use]
pub fn is_bucket(len: usize) -> bool {
    BUCKETS.contains(&len)
}

/// Content with its length before it and zeros after it, so that `overhead` more bytes (nonce and tag)
/// make it exactly a bucket.
///
/// # Errors
/// `Misuse::TooLarge` if no bucket holds it.
pub fn pad(content: &[u8], overhead: usize) -> Result<Vec<u8>, Misuse> {
    pad_behind(&[], &[content], overhead)
}

/// The same for content in parts, behind bytes that are part of the `overhead`; there is room for the rest of it.
///
/// # Errors
/// `Misuse::TooLarge` if no bucket holds it.
pub fn pad_behind(before: &[u8], content: &[&[u8]], overhead: usize) -> Result<Vec<u8>, Misuse> {
    let size = content
        .iter()
        .fold(0_usize, |sum, part| sum.saturating_add(part.len()));
    let limit = LARGEST.saturating_sub(overhead).saturating_sub(PREFIX);
    let too_large = Misuse::TooLarge { size, limit };
    if size > limit {
        return Err(too_large);
    }
    let bucket = holding(size + PREFIX + overhead).ok_or(too_large)?;
    let len = u32::try_from(size).map_err(|_| too_large)?;
    let mut padded = Vec::with_capacity(bucket);
    padded.extend_from_slice(before);
    padded.extend_from_slice(&len.to_be_bytes());
    for part in content {
        padded.extend_from_slice(part);
    }
    padded.resize(before.len() + bucket - overhead, 0);
    Ok(padded)
}

/// The content of what [`pad`] made. Padding that is not zero, or larger than its bucket needs, is refused:
/// one content has one padded form.
///
/// # Errors
/// `PeerFault::Malformed`.
pub fn unpad(padded: &[u8], overhead: usize) -> Result<&[u8], PeerFault> {
    let (prefix, rest) = padded.split_first_chunk::<PREFIX>().ok_or(PeerFault::Malformed)?;
    let len = usize::try_from(u32::from_be_bytes(*prefix)).map_err(|_| PeerFault::Malformed)?;
    if len > rest.len() {
        return Err(PeerFault::Malformed);
    }
    let (content, zeros) = rest.split_at(len);
    let fits = holding(len + PREFIX + overhead) == Some(padded.len() + overhead);
    if !fits || zeros.iter().any(|byte| *byte != 0) {
        return Err(PeerFault::Malformed);
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_pads_to_a_bucket_and_back() {
        let content = vec![7_u8; 70_000];
        for len in 0..=70_000 {
            let padded = pad(&content[..len], 40).unwrap();
            assert!(is_bucket(padded.len() + 40));
            assert_eq!(unpad(&padded, 40).unwrap(), &content[..len]);
        }
    }

    #[test]
    fn every_short_input_unpads_or_is_refused_without_panic() {
        for len in 0..64 {
            for fill in [0_u8, 1, 255] {
                assert!(unpad(&vec![fill; len], 40).is_err());
            }
        }
    }

    #[test]
    fn content_too_large_for_every_bucket_is_refused() {
        assert!(pad(&vec![0; LARGEST], 0).is_err());
        assert!(pad(&vec![0; LARGEST - 44], 40).is_ok());
    }

    #[test]
    fn a_second_form_of_the_same_content_is_refused() {
        let mut padded = pad(b"hello", 40).unwrap();
        if let Some(last) = padded.last_mut() {
            *last = 1;
        }
        assert_eq!(unpad(&padded, 40), Err(PeerFault::Malformed));
        let mut larger = pad(b"hello", 40).unwrap();
        larger.resize(4096 - 40, 0);
        assert_eq!(unpad(&larger, 40), Err(PeerFault::Malformed));
    }
}
