//! Words to one person: HPKE (RFC 9180) with X25519, HKDF-SHA-256 and ChaCha20-Poly1305 to the X25519 key that their
//! Ed25519 key is. All have one size, so that nothing is told by it.

use caucus_proto::codec;
use caucus_proto::label::{Label, hash};
use caucus_proto::org::PersonaPublic;
use caucus_proto::org::whisper::SEALED_WORDS;
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256 as Curve;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable, single_shot_open, single_shot_seal};
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::engine::error::EngineError;
use crate::mls::PersonaKeys;

const ENCAPSULATED: usize = 32;
const TAG: usize = 16;
const PREFIX: usize = 2;

/// Largest encoded value.
const LARGEST: usize = SEALED_WORDS - ENCAPSULATED - TAG - PREFIX;

/// Seals a value to whoever has the secret of a key, for one purpose and bound to where and by whom it is said.
///
/// # Errors
/// `EngineError::RoomState` if it is too large, or the key is none.
pub(in crate::engine) fn seal_words<T: Serialize>(
    to: &PersonaPublic,
    purpose: Label,
    bound: &[&[u8]],
    value: &T,
) -> Result<Vec<u8>, EngineError> {
    let refused = |why: &str| EngineError::RoomState(why.to_owned());
    let public = to
        .exchange()
        .and_then(|key| <Curve as Kem>::PublicKey::from_bytes(&key).ok());
    let public = public.ok_or_else(|| refused("their key is none that anything can be sealed to"))?;
    let content = Zeroizing::new(codec::encode(value, LARGEST)?);
    let len = u16::try_from(content.len()).map_err(|_| refused("that is too much for one person's ears"))?;
    let mut padded = Zeroizing::new(Vec::with_capacity(LARGEST + PREFIX));
    padded.extend_from_slice(&len.to_be_bytes());
    padded.extend_from_slice(&content);
    padded.resize(LARGEST + PREFIX, 0);
    let (encapsulated, sealed) = single_shot_seal::<ChaCha20Poly1305, HkdfSha256, Curve>(
        &OpModeS::Base,
        &public,
        purpose.text().as_bytes(),
        &padded,
        &hash(purpose, bound),
    )
    .map_err(|_| refused("their key is none that anything can be sealed to"))?;
    let mut out = encapsulated.to_bytes().to_vec();
    out.extend_from_slice(&sealed);
    Ok(out)
}

/// Opens what [`seal_words`] sealed to this key; none for what is for somebody else, or was said elsewhere or by another.
pub(in crate::engine) fn open_words<T: DeserializeOwned + Serialize>(
    keys: &PersonaKeys,
    purpose: Label,
    bound: &[&[u8]],
    bytes: &[u8],
) -> Option<T> {
    if bytes.len() != SEALED_WORDS {
        return None;
    }
    let (encapsulated, sealed) = bytes.split_at_checked(ENCAPSULATED)?;
    let encapsulated = <Curve as Kem>::EncappedKey::from_bytes(encapsulated).ok()?;
    let secret = <Curve as Kem>::PrivateKey::from_bytes(keys.exchange().as_slice()).ok()?;
    let padded = single_shot_open::<ChaCha20Poly1305, HkdfSha256, Curve>(
        &OpModeR::Base,
        &secret,
        &encapsulated,
        purpose.text().as_bytes(),
        sealed,
        &hash(purpose, bound),
    )
    .ok()
    .map(Zeroizing::new)?;
    let (len, rest) = padded.split_first_chunk::<PREFIX>()?;
    let (content, padding) = rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
    if padding.iter().any(|byte| *byte != 0) {
        return None;
    }
    codec::decode(content, LARGEST).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_one_it_is_for_opens_it_and_only_where_and_by_whom_it_was_said() {
        let (ana, ben) = (
            PersonaKeys::from_bytes(&[1; 32]),
            PersonaKeys::from_bytes(&[2; 32]),
        );
        let bound: &[&[u8]] = &[b"room", b"author"];
        let value = "between us".to_owned();
        let sealed = seal_words(&ana.public(), Label::Whisper, bound, &value).unwrap();
        assert_eq!(sealed.len(), SEALED_WORDS);
        let open =
            |who: &PersonaKeys, purpose, bound: &[&[u8]]| open_words::<String>(who, purpose, bound, &sealed);
        assert_eq!(open(&ana, Label::Whisper, bound), Some(value));
        assert_eq!(open(&ben, Label::Whisper, bound), None);
        assert_eq!(open(&ana, Label::SealedAnswer, bound), None);
        assert_eq!(open(&ana, Label::Whisper, &[b"room", b"another"]), None);
        assert_eq!(open(&ana, Label::Whisper, &[b"another", b"author"]), None);
        for place in [0, 31, 32, 40, SEALED_WORDS - 1] {
            let mut forged = sealed.clone();
            forged[place] ^= 1;
            assert_eq!(open_words::<String>(&ana, Label::Whisper, bound, &forged), None);
        }
    }

    #[test]
    fn everything_has_one_size_and_garbage_and_weak_keys_are_refused() {
        let ana = PersonaKeys::from_bytes(&[1; 32]);
        let size =
            |value: &Vec<u8>| seal_words(&ana.public(), Label::Whisper, &[], value).map(|bytes| bytes.len());
        assert_eq!(size(&vec![]).unwrap(), SEALED_WORDS);
        assert_eq!(size(&vec![7; LARGEST - 3]).unwrap(), SEALED_WORDS);
        assert!(size(&vec![7; LARGEST]).is_err());
        for len in [0, 1, SEALED_WORDS - 1, SEALED_WORDS, SEALED_WORDS + 1] {
            let garbage = vec![0xa5; len];
            assert_eq!(open_words::<String>(&ana, Label::Whisper, &[], &garbage), None);
        }
        assert!(seal_words(&PersonaPublic([0; 32]), Label::Whisper, &[], &1_u8).is_err());
    }
}
