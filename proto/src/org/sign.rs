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
    use ed25519_dalek::{Signer, SigningKey};

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

        let mut identity = [0; 32];
        identity[0] = 1;
        let forged = Signature {
            r: identity,
            s: [0; 32],
        };
        assert!(PersonaPublic(identity).verify(&digest, &forged).is_err());
    }
}
