//! Deniable proofs: a MAC from a Diffie-Hellman between the channel's key and a key of this relay process.
//!
//! It convinces this relay on this connection and nobody else: whoever holds the relay's half could have
//! made it.

use core::fmt;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroize;

use crate::error::Misuse;
use crate::id::ChannelId;
use crate::label::{Label, derive, hash};
use crate::wire::channel::Role;

/// The byte that stands for "the creation key of this channel" in a proof, beside the roles'.
const CREATION: u8 = 0;

/// A proof that the sender holds the secret of a channel's key.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof(pub [u8; 32]);

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proof(..)")
    }
}

/// What a proof is bound to on this connection.
#[derive(Clone, Copy)]
pub struct Binding {
    /// The relay's proof key, from its greeting.
    pub relay_key: [u8; 32],
    /// 32 bytes of the TLS exporter (RFC 8446, section 7.5) under `Label::ProofExporter`.
    pub exporter: [u8; 32],
}

/// What a proof is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// Creating the channel.
    Create,
    /// Opening it in a role.
    Open(Role),
}

impl Purpose {
    const fn byte(self) -> u8 {
        match self {
            Self::Create => CREATION,
            Self::Open(role) => role.byte(),
        }
    }
}

impl Proof {
    /// The client's side: `secret` is the channel key's.
    ///
    /// # Errors
    /// `Misuse::LowOrderKey` if the relay's key contributes nothing.
    pub fn make(
        secret: &StaticSecret,
        channel: &ChannelId,
        purpose: Purpose,
        binding: &Binding,
    ) -> Result<Self, Misuse> {
        let shared = secret.diffie_hellman(&PublicKey::from(binding.relay_key));
        if !shared.was_contributory() {
            return Err(Misuse::LowOrderKey);
        }
        let key = PublicKey::from(secret).to_bytes();
        Ok(Self(mac(shared.as_bytes(), &key, channel, purpose, binding)))
    }

    /// The relay's side: `secret` is this process's, `key` the channel's public key. Takes the same time
    /// whatever the outcome.
    #[must_use]
    pub fn holds(
        &self,
        secret: &StaticSecret,
        key: &[u8; 32],
        channel: &ChannelId,
        purpose: Purpose,
        binding: &Binding,
    ) -> bool {
        let shared = secret.diffie_hellman(&PublicKey::from(*key));
        let expected = mac(shared.as_bytes(), key, channel, purpose, binding);
        bool::from(expected.ct_eq(&self.0)) & shared.was_contributory()
    }
}

fn mac(
    shared: &[u8; 32],
    key: &[u8; 32],
    channel: &ChannelId,
    purpose: Purpose,
    binding: &Binding,
) -> [u8; 32] {
    // Direction is part of the input: a relay's answer could never be played back as a client's proof.
    derive(
        Label::Proof,
        shared,
        &[
            &[purpose.byte()],
            b"client to relay",
            &binding.relay_key,
            key,
            channel.as_bytes(),
            &binding.exporter,
        ],
    )
}

/// A creation pass: good for one channel until its day ends.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pass {
    /// Days since 1970-01-01; good through this day.
    pub day: u32,
    /// Random; names the pass.
    pub nonce: [u8; 16],
    /// MAC by the relay.
    pub mac: [u8; 16],
}

impl fmt::Debug for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pass(until day {})", self.day)
    }
}

impl Pass {
    /// A pass that [`Pass::is_of`] accepts under the same secret.
    #[must_use]
    pub fn mint(secret: &[u8; 32], day: u32, nonce: [u8; 16]) -> Self {
        Self {
            day,
            nonce,
            mac: Self::tag(secret, day, &nonce),
        }
    }

    /// Whether this relay made it.
    #[must_use]
    pub fn is_of(&self, secret: &[u8; 32]) -> bool {
        Self::tag(secret, self.day, &self.nonce).ct_eq(&self.mac).into()
    }

    fn tag(secret: &[u8; 32], day: u32, nonce: &[u8; 16]) -> [u8; 16] {
        let mut key = derive(Label::Pass, secret, &[]);
        let input = hash(Label::Pass, &[&day.to_be_bytes(), nonce]);
        let mut out = [0; 16];
        if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key) {
            mac.update(&input);
            let full: [u8; 32] = mac.finalize().into_bytes().into();
            for (to, from) in out.iter_mut().zip(full) {
                *to = from;
            }
        }
        key.zeroize();
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(byte: u8) -> StaticSecret {
        StaticSecret::from([byte; 32])
    }

    fn setting() -> (StaticSecret, StaticSecret, Binding) {
        let relay = secret(1);
        let binding = Binding {
            relay_key: PublicKey::from(&relay).to_bytes(),
            exporter: [9; 32],
        };
        (relay, secret(2), binding)
    }

    #[test]
    fn a_proof_convinces_only_for_its_channel_role_relay_and_connection() {
        let (relay, channel_key, binding) = setting();
        let public = PublicKey::from(&channel_key).to_bytes();
        let (here, there) = (ChannelId([3; 32]), ChannelId([4; 32]));
        let open = Purpose::Open(Role::Append);
        let proof = Proof::make(&channel_key, &here, open, &binding).unwrap();
        assert!(proof.holds(&relay, &public, &here, open, &binding));
        assert!(!proof.holds(&relay, &public, &there, open, &binding));
        for other in [
            Purpose::Create,
            Purpose::Open(Role::Read),
            Purpose::Open(Role::Control),
        ] {
            assert!(!proof.holds(&relay, &public, &here, other, &binding));
        }
        assert!(!proof.holds(&secret(5), &public, &here, open, &binding));
        let elsewhere = Binding {
            exporter: [8; 32],
            ..binding
        };
        assert!(!proof.holds(&relay, &public, &here, open, &elsewhere));
    }

    #[test]
    fn keys_of_low_order_prove_nothing_on_either_side() {
        let (relay, channel_key, binding) = setting();
        let zero = [0; 32];
        let id = ChannelId([3; 32]);
        let forged = Proof(mac(&zero, &zero, &id, Purpose::Create, &binding));
        assert!(!forged.holds(&relay, &zero, &id, Purpose::Create, &binding));
        let hostile = Binding {
            relay_key: zero,
            ..binding
        };
        assert_eq!(
            Proof::make(&channel_key, &id, Purpose::Create, &hostile),
            Err(Misuse::LowOrderKey)
        );
    }

    /// Every point of order 1, 2, 4 or 8 of Curve25519 and its twist as X25519 reads it: with the values above
    /// the prime, and each with the top bit, which RFC 7748 ignores.
    fn low_order_points() -> Vec<[u8; 32]> {
        let near_prime = |low: u8| {
            let mut bytes = [0xff; 32];
            (bytes[0], bytes[31]) = (low, 0x7f);
            bytes
        };
        let mut one = [0; 32];
        one[0] = 1;
        let order_8 = [
            0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a,
            0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
        ];
        let order_8_too = [
            0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b,
            0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57,
        ];
        let points = [
            [0; 32],
            one,
            order_8,
            order_8_too,
            near_prime(0xec),
            near_prime(0xed),
            near_prime(0xee),
        ];
        let with_top_bit = points.map(|mut point| {
            point[31] |= 0x80;
            point
        });
        points.into_iter().chain(with_top_bit).collect()
    }

    #[test]
    fn no_low_order_point_in_any_encoding_proves_anything() {
        let (relay, channel_key, binding) = setting();
        let id = ChannelId([3; 32]);
        let purpose = Purpose::Open(Role::Control);
        assert_eq!(low_order_points().len(), 14);
        for point in low_order_points() {
            // What anybody can compute: the shared secret with such a key is zero.
            let forged = Proof(mac(&[0; 32], &point, &id, purpose, &binding));
            assert!(!forged.holds(&relay, &point, &id, purpose, &binding));
            let hostile = Binding {
                relay_key: point,
                ..binding
            };
            assert_eq!(
                Proof::make(&channel_key, &id, purpose, &hostile),
                Err(Misuse::LowOrderKey)
            );
        }
    }

    #[test]
    fn a_pass_is_good_only_at_the_relay_that_made_it() {
        let pass = Pass::mint(&[1; 32], 20_000, [2; 16]);
        assert!(pass.is_of(&[1; 32]));
        assert!(!pass.is_of(&[3; 32]));
        assert!(!Pass { day: 20_001, ..pass }.is_of(&[1; 32]));
    }
}
