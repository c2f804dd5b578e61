//! Chunks are sealed as every entry is, in an envelope (XChaCha20-Poly1305, draft-irtf-cfrg-xchacha-03, section 2.3). What
//! follows the key of its nonce, ChaCha20-Poly1305 (RFC 8439), comes from the library that QUIC has too: for records as long
//! as these it is three times as fast.

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use bytes::{Bytes, BytesMut};
use caucus_proto::envelope::{self, EnvelopeKey, NONCE, OVERHEAD};
use caucus_proto::error::Misuse;
use caucus_proto::id::{ChannelId, Counter};
use caucus_proto::wire::bucket;
use chacha20::{R20, hchacha};
use zeroize::Zeroizing;

/// Seals content, given in parts, into one bucket, as `envelope::seal_bytes` does at the counter of a file's channel.
///
/// # Errors
/// As there.
pub(super) fn seal(
    key: &EnvelopeKey,
    channel: &ChannelId,
    nonce: [u8; NONCE],
    content: &[&[u8]],
) -> Result<Vec<u8>, Misuse> {
    if nonce == [0; NONCE] {
        return Err(Misuse::NoRandomness);
    }
    let mut out = bucket::pad_behind(&nonce, content, OVERHEAD)?;
    let too_large = Misuse::TooLarge {
        size: out.len(),
        limit: bucket::LARGEST,
    };
    let (cipher, short) = cipher(key, &nonce).ok_or(too_large)?;
    let (_, padded) = out.split_at_mut_checked(NONCE).ok_or(too_large)?;
    let bound = Aad::from(envelope::associated(channel, Counter(0)));
    let tag = cipher
        .seal_in_place_separate_tag(short, bound, padded)
        .map_err(|_| too_large)?;
    out.extend_from_slice(tag.as_ref());
    Ok(out)
}

/// Opens what [`seal`] or `envelope::seal_bytes` made, where it lies if nobody else holds it; none for what does not open.
pub(super) fn open(key: &EnvelopeKey, channel: &ChannelId, counter: Counter, sealed: Bytes) -> Option<Bytes> {
    if !bucket::is_bucket(sealed.len()) {
        return None;
    }
    let mut sealed = sealed
        .try_into_mut()
        .unwrap_or_else(|shared| BytesMut::from(&*shared));
    let (nonce, rest) = sealed.split_first_chunk_mut::<NONCE>()?;
    let (cipher, short) = cipher(key, nonce)?;
    let bound = Aad::from(envelope::associated(channel, counter));
    let padded = cipher.open_in_place(short, bound, rest).ok()?;
    let content = bucket::unpad(padded, OVERHEAD).ok()?.len();
    let mut opened = sealed.freeze().split_off(NONCE + bucket::PREFIX);
    opened.truncate(content);
    Some(opened)
}

/// The key of a nonce, and what of the nonce is used with it.
fn cipher(key: &EnvelopeKey, nonce: &[u8; NONCE]) -> Option<(LessSafeKey, Nonce)> {
    let (first, last) = nonce.split_first_chunk::<16>()?;
    let key: Zeroizing<[u8; 32]> = Zeroizing::new(hchacha::<R20>(key.bytes().into(), first.into()).into());
    let mut short = [0; 12];
    short.split_first_chunk_mut::<4>()?.1.copy_from_slice(last);
    let key = UnboundKey::new(&CHACHA20_POLY1305, &*key).ok()?;
    Some((LessSafeKey::new(key), Nonce::assume_unique_for_key(short)))
}

#[cfg(test)]
mod tests {
    use caucus_proto::envelope::{open_bytes, seal_bytes};

    use super::*;

    const CHANNEL: ChannelId = ChannelId([7; 32]);

    fn key() -> EnvelopeKey {
        EnvelopeKey::from_bytes([3; 32])
    }

    #[test]
    fn a_chunk_is_an_envelope_like_every_other() {
        let nonce: [u8; NONCE] = core::array::from_fn(|at| at as u8 + 1);
        for len in [
            0,
            1,
            15,
            16,
            63,
            64,
            979,
            980,
            981,
            4_000,
            16_340,
            100_000,
            bucket::LARGEST - 44,
        ] {
            let content: Vec<u8> = (0..len).map(|at| (at * 31) as u8).collect();
            let (first, second) = content.split_at(len / 3);
            let sealed = seal(&key(), &CHANNEL, nonce, &[first, second]).unwrap();
            assert_eq!(
                sealed,
                seal_bytes(&key(), &CHANNEL, Counter(0), nonce, &content).unwrap()
            );
            assert_eq!(
                open_bytes(&key(), &CHANNEL, Counter(0), &sealed).unwrap(),
                content
            );
            assert_eq!(
                open(&key(), &CHANNEL, Counter(0), sealed.clone().into()).unwrap(),
                content
            );
            let held = Bytes::from(sealed);
            let opened = open(&key(), &CHANNEL, Counter(0), held.clone());
            assert_eq!(opened.unwrap(), content);
            assert_eq!(
                open_bytes(&key(), &CHANNEL, Counter(0), &held).unwrap(),
                content,
                "what others hold stays"
            );
        }
    }

    #[test]
    fn what_is_not_sealed_so_opens_with_neither() {
        let sealed = seal_bytes(&key(), &CHANNEL, Counter(4), [5; NONCE], b"words").unwrap();
        let other = EnvelopeKey::from_bytes([4; 32]);
        for at in 0..sealed.len() {
            let mut touched = sealed.clone();
            touched[at] ^= 1;
            assert!(open_bytes(&key(), &CHANNEL, Counter(4), &touched).is_err());
            assert_eq!(open(&key(), &CHANNEL, Counter(4), touched.into()), None);
        }
        for (key, channel, counter) in [
            (&other, CHANNEL, 4),
            (&key(), ChannelId([8; 32]), 4),
            (&key(), CHANNEL, 5),
        ] {
            assert_eq!(open(key, &channel, Counter(counter), sealed.clone().into()), None);
        }
        for len in [0, 23, 24, 40, 1_023] {
            assert_eq!(
                open(&key(), &CHANNEL, Counter(4), sealed[..len].to_vec().into()),
                None
            );
        }
        assert!(open(&key(), &CHANNEL, Counter(4), sealed.into()).is_some());
    }

    #[test]
    fn nothing_is_sealed_without_randomness_or_beyond_the_largest_bucket() {
        let zeros = seal(&key(), &CHANNEL, [0; NONCE], &[b"words"]);
        assert!(matches!(zeros, Err(Misuse::NoRandomness)));
        let large = vec![0; bucket::LARGEST - 43];
        assert!(matches!(
            seal(&key(), &CHANNEL, [5; NONCE], &[&large]),
            Err(Misuse::TooLarge { .. })
        ));
    }
}
