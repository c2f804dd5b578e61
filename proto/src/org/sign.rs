//! Ed25519 signatures of personas (RFC 8032), verified strictly.

use core::fmt;

use ed25519_dalek::{Signature as Ed25519, VerifyingKey};
use serde::{Deserialize, Serialize};

use crate::error::PeerFault;

/// A persona's public key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct PersonaPublic(pub [u8; 32]);

/// A signature: R and S of 32 bytes each.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    r: [u8; 32],
    s: [u8; 32],
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(..)")
    }
}

impl From<[u8; 64]> for Signature {
    fn from(bytes: [u8; 64]) -> Self {
        let signature = Ed25519::from_bytes(&bytes);
        Self {
            r: *signature.r_bytes(),
            s: *signature.s_bytes(),
        }
    }
}

impl PersonaPublic {
    /// The X25519 key of the same point (RFC 7748, section 4.1): what is sealed to it, whoever has this key's secret opens.
    /// None for what is no point, or one of small order.
    #[must_use]
    pub fn exchange(&self) -> Option<[u8; 32]> {
        let key = VerifyingKey::from_bytes(&self.0).ok()?;
        (!key.is_weak()).then(|| key.to_montgomery().to_bytes())
    }

    /// Whether this key signed these 32 bytes: no small-order key, no second form of S.
    ///
    /// # Errors
    /// `PeerFault::Signature`.
    pub fn verify(&self, digest: &[u8; 32], signature: &Signature) -> Result<(), PeerFault> {
        let key = VerifyingKey::from_bytes(&self.0).map_err(|_| PeerFault::Signature)?;
        let signature = Ed25519::from_components(signature.r, signature.s);
        key.verify_strict(digest, &signature)
            .map_err(|_| PeerFault::Signature)
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer, SigningKey, Verifier};

    use super::*;

    #[test]
    fn small_order_keys_and_second_forms_of_s_are_refused() {
        let key = SigningKey::from_bytes(&[3; 32]);
        let public = PersonaPublic(key.verifying_key().to_bytes());
        let digest = [5; 32];
        let good = Signature::from(key.sign(&digest).to_bytes());
        assert_eq!(public.verify(&digest, &good), Ok(()));
        assert!(public.verify(&[6; 32], &good).is_err());

        // S + L, the group's order added once (RFC 8032, section 5.1.7 demands S < L).
        const ORDER: [u8; 32] = [
            0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
        ];
        let mut second = good;
        let mut carry = 0_u16;
        for (byte, add) in second.s.iter_mut().zip(ORDER) {
            let sum = u16::from(*byte) + u16::from(add) + carry;
            *byte = sum as u8;
            carry = sum >> 8;
        }
        assert!(public.verify(&digest, &second).is_err());
    }

    /// Every encoding of the eight points of small order that decompresses somewhere, those with a y above
    /// the prime and with a sign for x = 0 included (Chalkias, Garillot, Nikolaenko 2020, table 1).
    fn small_order_points() -> Vec<[u8; 32]> {
        let near_prime = |low: u8| {
            let mut bytes = [0xff; 32];
            (bytes[0], bytes[31]) = (low, 0x7f);
            bytes
        };
        let mut one = [0; 32];
        one[0] = 1;
        let order_8 = [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
            0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
        ];
        let order_8_too = [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
            0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
        ];
        let points = [
            one,
            [0; 32],
            order_8,
            order_8_too,
            near_prime(0xec),
            near_prime(0xed),
            near_prime(0xee),
        ];
        let negative = points.map(|mut point| {
            point[31] |= 0x80;
            point
        });
        points.into_iter().chain(negative).collect()
    }

    #[test]
    fn a_key_that_signs_has_one_that_others_seal_to() {
        let key = SigningKey::from_bytes(&[3; 32]);
        let secret = x25519_dalek::StaticSecret::from(key.to_scalar_bytes());
        let public = PersonaPublic(key.verifying_key().to_bytes());
        let expected = x25519_dalek::PublicKey::from(&secret).to_bytes();
        assert_eq!(public.exchange(), Some(expected));
        for point in small_order_points() {
            assert_eq!(PersonaPublic(point).exchange(), None);
        }
    }

    #[test]
    fn no_small_order_point_in_any_encoding_is_a_key_or_half_of_a_signature() {
        let points = small_order_points();
        let honest = SigningKey::from_bytes(&[3; 32]).verifying_key().to_bytes();
        let mut would_pass = 0;
        for digest in [[5; 32], [6; 32], [7; 32]] {
            for key in points.iter().chain([&honest]) {
                for r in &points {
                    let forged = Signature { r: *r, s: [0; 32] };
                    assert!(PersonaPublic(*key).verify(&digest, &forged).is_err());
                    let lenient = VerifyingKey::from_bytes(key).is_ok_and(|key| {
                        key.verify(&digest, &Ed25519::from_components(*r, [0; 32]))
                            .is_ok()
                    });
                    would_pass += usize::from(lenient);
                }
            }
        }
        // Without the strict check these forgeries are real.
        assert!(would_pass > 10, "{would_pass}");
    }
}
