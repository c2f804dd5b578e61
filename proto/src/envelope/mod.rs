//! The envelope: what the relay stores. It hides MLS framing (group id, epoch, content type) under a key
//! that outlives MLS epochs, so that people who are in different epochs still read one another's heads.
//!
//! Nonces are arguments and must be fresh random bytes for every entry: two entries of a segment under one
//! nonce give away the difference of their contents and let anybody who knows one forge. Callers draw them
//! from the operating system and stop if that fails. A nonce of zeros is refused here, so a source that is
//! silently broken is an error before anything is sent.

mod access;
mod content;
mod copied;

pub use access::{
    AccessSecret, CommonKeys, CopySecret, EnvelopeKey, InviteKeys, LinkKeys, RefugeSecret, SealingSeed,
    SiteSeed,
};
pub use content::{Body, Content, PartOf};
pub use copied::{Copied, Joiner};

use chacha20poly1305::aead::{Aead, AeadInOut, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};

use crate::codec;
use crate::error::{Misuse, PeerFault};
use crate::id::{ChannelId, Counter};
use crate::wire::bucket;

/// Bytes of a nonce, with which an entry begins.
pub const NONCE: usize = 24;
const TAG: usize = 16;
/// Bytes of an entry beside its padded content: the nonce before it, the tag after it.
pub const OVERHEAD: usize = NONCE + TAG;

/// Seals bytes into exactly one bucket, bound to a channel and a counter. `nonce` is random, drawn for this
/// call alone.
///
/// # Errors
/// `Misuse::TooLarge` if no bucket holds them; `Misuse::NoRandomness` for a nonce of zeros.
pub fn seal_bytes(
    key: &EnvelopeKey,
    channel: &ChannelId,
    counter: Counter,
    nonce: [u8; NONCE],
    content: &[u8],
) -> Result<Vec<u8>, Misuse> {
    if nonce == [0; NONCE] {
        return Err(Misuse::NoRandomness);
    }
    let mut out = bucket::pad_behind(&nonce, &[content], OVERHEAD)?;
    let too_large = Misuse::TooLarge {
        size: out.len(),
        limit: bucket::LARGEST,
    };
    let (_, padded) = out.split_at_mut_checked(NONCE).ok_or(too_large)?;
    let tag = cipher(key)
        .encrypt_inout_detached(&XNonce::from(nonce), &associated(channel, counter), padded.into())
        .map_err(|_| too_large)?;
    out.extend_from_slice(&tag);
    Ok(out)
}

/// Opens what [`seal_bytes`] made.
///
/// # Errors
/// `PeerFault` if it is no bucket, does not open under this key, channel and counter, or is padded oddly.
pub fn open_bytes(
    key: &EnvelopeKey,
    channel: &ChannelId,
    counter: Counter,
    bytes: &[u8],
) -> Result<Vec<u8>, PeerFault> {
    if !bucket::is_bucket(bytes.len()) {
        return Err(PeerFault::NoBucket(bytes.len()));
    }
    let (nonce, sealed) = bytes.split_first_chunk::<NONCE>().ok_or(PeerFault::Malformed)?;
    let aad = associated(channel, counter);
    let padded = cipher(key)
        .decrypt(
            &XNonce::from(*nonce),
            Payload {
                msg: sealed,
                aad: &aad,
            },
        )
        .map_err(|_| PeerFault::Sealed)?;
    bucket::unpad(&padded, OVERHEAD).map(<[u8]>::to_vec)
}

/// Seals an entry's content.
///
/// # Errors
/// As [`seal_bytes`].
pub fn seal(
    key: &EnvelopeKey,
    channel: &ChannelId,
    counter: Counter,
    nonce: [u8; NONCE],
    content: &Content,
) -> Result<Vec<u8>, Misuse> {
    seal_bytes(
        key,
        channel,
        counter,
        nonce,
        &codec::encode(content, bucket::LARGEST)?,
    )
}

/// Opens an entry's content.
///
/// # Errors
/// `PeerFault`.
pub fn open(
    key: &EnvelopeKey,
    channel: &ChannelId,
    counter: Counter,
    bytes: &[u8],
) -> Result<Content, PeerFault> {
    codec::decode(&open_bytes(key, channel, counter, bytes)?, bucket::LARGEST)
}

fn cipher(key: &EnvelopeKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&(*key.bytes()).into())
}

/// What an entry is bound to beside its content: the channel and the counter, big-endian.
#[must_use]
pub fn associated(channel: &ChannelId, counter: Counter) -> [u8; 40] {
    let mut out = [0; 40];
    let bytes = channel.as_bytes().iter().copied().chain(counter.0.to_be_bytes());
    for (to, from) in out.iter_mut().zip(bytes) {
        *to = from;
    }
    out
}
