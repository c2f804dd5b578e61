//! The secret key of a persona.

use core::fmt;

use caucus_proto::id::PersonaId;
use caucus_proto::org::{PersonaPublic, Signature};
use ed25519_dalek::{Signer, SigningKey};
use zeroize::Zeroizing;

use crate::mls::error::MlsError;

/// The Ed25519 key of a persona: it certifies leaf keys and signs heads, notices and applications. Erased
/// when dropped.
pub struct PersonaKeys(SigningKey);

impl PersonaKeys {
    /// A new persona.
    ///
    /// # Errors
    /// `Randomness`.
    pub fn generate() -> Result<Self, MlsError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut_slice()).map_err(|_| MlsError::Randomness)?;
        Ok(Self::from_bytes(&seed))
    }

    /// From the 32 bytes of [`PersonaKeys::bytes`].
    #[must_use]
    pub fn from_bytes(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The secret, for the vault.
    #[must_use]
    pub fn bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// Signs a digest.
    #[must_use]
    pub fn sign(&self, digest: &[u8; 32]) -> Signature {
        Signature::from(self.0.sign(digest).to_bytes())
    }

    /// The secret of [`PersonaPublic::exchange`] (X25519).
    #[must_use]
    pub fn exchange(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_scalar_bytes())
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> PersonaPublic {
        PersonaPublic(self.0.verifying_key().to_bytes())
    }

    /// The persona.
    #[must_use]
    pub fn id(&self) -> PersonaId {
        PersonaId::of(&self.public().0)
    }
}

impl fmt::Debug for PersonaKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonaKeys(..)")
    }
}
