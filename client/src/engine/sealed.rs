//! Sealing to one recipient: HPKE (RFC 9180) with X-Wing, HKDF-SHA-256 and ChaCha20-Poly1305, padded to a
//! bucket, so that requests to join and their answers look alike.

use caucus_proto::codec;
use caucus_proto::error::PeerFault;
use caucus_proto::id::ChannelId;
use caucus_proto::label::Label;
use caucus_proto::wire::bucket;
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::XWing;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable, single_shot_open, single_shot_seal};
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use zeroize::Zeroizing;

const ENCAPSULATED: usize = 1120;
const OVERHEAD: usize = ENCAPSULATED + 16;

/// Why something was not sealed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum SealError {
    /// The recipient's key is no X-Wing key.
    #[error("the recipient's key is malformed")]
    Key,
    /// It is larger than the largest bucket.
    #[error("too large to be sealed")]
    TooLarge,
}

/// A recipient's secret: the seed of their key pair.
pub struct Recipient {
    seed: Zeroizing<[u8; 32]>,
}

impl Recipient {
    /// From a seed of 32 random bytes.
    #[must_use]
    pub fn new(seed: [u8; 32]) -> Self {
        Self {
            seed: Zeroizing::new(seed),
        }
    }

    /// The public key that others seal to (1,216 bytes).
    #[must_use]
    pub fn public(&self) -> Vec<u8> {
        XWing::derive_keypair(self.seed.as_slice()).1.to_bytes().to_vec()
    }

    /// Opens what [`seal`] made for this key, purpose and channel.
    ///
    /// # Errors
    /// `PeerFault`.
    pub fn open<T: DeserializeOwned + Serialize>(
        &self,
        purpose: Label,
        channel: &ChannelId,
        bytes: &[u8],
    ) -> Result<T, PeerFault> {
        if !bucket::is_bucket(bytes.len()) {
            return Err(PeerFault::NoBucket(bytes.len()));
        }
        let (encapsulated, sealed) = bytes.split_at_checked(ENCAPSULATED).ok_or(PeerFault::Malformed)?;
        let encapsulated =
            <XWing as Kem>::EncappedKey::from_bytes(encapsulated).map_err(|_| PeerFault::Malformed)?;
        let (secret, _) = XWing::derive_keypair(self.seed.as_slice());
        let padded = single_shot_open::<ChaCha20Poly1305, HkdfSha256, XWing>(
            &OpModeR::Base,
            &secret,
            &encapsulated,
            purpose.text().as_bytes(),
            sealed,
            channel.as_bytes(),
        )
        .map_err(|_| PeerFault::Sealed)?;
        codec::decode(bucket::unpad(&padded, OVERHEAD)?, bucket::LARGEST)
    }
}

/// Seals a value into one bucket for a recipient's public key, bound to a purpose and a channel.
///
/// # Errors
/// `SealError`.
pub fn seal<T: Serialize>(
    public: &[u8],
    purpose: Label,
    channel: &ChannelId,
    value: &T,
) -> Result<Vec<u8>, SealError> {
    let public = <XWing as Kem>::PublicKey::from_bytes(public).map_err(|_| SealError::Key)?;
    let content = codec::encode(value, bucket::LARGEST).map_err(|_| SealError::TooLarge)?;
    let padded = bucket::pad(&content, OVERHEAD).map_err(|_| SealError::TooLarge)?;
    let (encapsulated, sealed) = single_shot_seal::<ChaCha20Poly1305, HkdfSha256, XWing>(
        &OpModeS::Base,
        &public,
        purpose.text().as_bytes(),
        &padded,
        channel.as_bytes(),
    )
    .map_err(|_| SealError::Key)?;
    let mut out = encapsulated.to_bytes().to_vec();
    out.extend_from_slice(&sealed);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_recipient_opens_and_only_for_this_purpose_and_channel() {
        let ana = Recipient::new([1; 32]);
        let here = ChannelId([2; 32]);
        let value = vec![7_u8; 3000];
        let sealed = seal(&ana.public(), Label::SealedAnswer, &here, &value).unwrap();
        assert!(bucket::is_bucket(sealed.len()));
        assert_eq!(
            ana.open::<Vec<u8>>(Label::SealedAnswer, &here, &sealed),
            Ok(value)
        );
        let open =
            |who: &Recipient, purpose, channel: &ChannelId| who.open::<Vec<u8>>(purpose, channel, &sealed);
        assert!(open(&Recipient::new([3; 32]), Label::SealedAnswer, &here).is_err());
        assert!(open(&ana, Label::SealedApplication, &here).is_err());
        assert!(open(&ana, Label::SealedAnswer, &ChannelId([4; 32])).is_err());
    }

    #[test]
    fn garbage_and_foreign_keys_are_refused_without_panic() {
        let ana = Recipient::new([1; 32]);
        for len in [0, 1, 1024, 4096, 16 * 1024] {
            let garbage = vec![0xa5; len];
            assert!(
                ana.open::<Vec<u8>>(Label::SealedAnswer, &ChannelId([2; 32]), &garbage)
                    .is_err()
            );
        }
        assert_eq!(
            seal(&[0; 3], Label::SealedAnswer, &ChannelId([2; 32]), &1_u8),
            Err(SealError::Key)
        );
    }
}
