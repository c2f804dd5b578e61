//! The relay's key: its identity on the network, and the root of its creation passes.

use core::fmt;

use caucus_proto::label::{Label, derive};
use caucus_proto::wire::RelayKey;
use rcgen::{CertificateParams, DistinguishedName, KeyPair, PKCS_ED25519, PublicKeyData};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use sha2::{Digest, Sha256};
use thiserror::Error;
use zeroize::Zeroizing;

/// Why a key is none.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// The bytes are no PKCS#8 Ed25519 key.
    #[error("this is not the key of a relay (an Ed25519 key in PKCS#8)")]
    NotAKey,
    /// The cryptographic library failed.
    #[error("the key could not be made: {0}")]
    Library(String),
}

/// An Ed25519 key in PKCS#8 (RFC 5208, RFC 8410).
pub struct Identity {
    pkcs8: Zeroizing<Vec<u8>>,
    key: RelayKey,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.key)
    }
}

impl Identity {
    /// A new key.
    ///
    /// # Errors
    /// `IdentityError::Library` if the system has no randomness.
    pub fn generate() -> Result<Self, IdentityError> {
        let pair = KeyPair::generate_for(&PKCS_ED25519)
            .map_err(|error| IdentityError::Library(error.to_string()))?;
        Ok(Self::of(&pair))
    }

    /// From the bytes that [`Identity::pkcs8`] gave.
    ///
    /// # Errors
    /// `IdentityError::NotAKey`.
    pub fn from_pkcs8(bytes: &[u8]) -> Result<Self, IdentityError> {
        Ok(Self::of(&pair(bytes)?))
    }

    fn of(pair: &KeyPair) -> Self {
        Self {
            pkcs8: Zeroizing::new(pair.serialize_der()),
            key: RelayKey(Sha256::digest(pair.subject_public_key_info()).into()),
        }
    }

    /// The public identity: SHA-256 of the SubjectPublicKeyInfo.
    #[must_use]
    pub fn key(&self) -> RelayKey {
        self.key
    }

    /// The secret, for a backup.
    #[must_use]
    pub fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// The secret under which creation passes are minted: the same wherever this key is.
    #[must_use]
    pub fn pass_secret(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(derive(Label::Pass, &self.pkcs8, &[b"relay"]))
    }

    /// The keys of connection ids and of stateless resets (RFC 9000, section 10.3): the same after a restart, so that
    /// whoever still talks to the process before is told at once that it is gone.
    pub(crate) fn reset_keys(&self) -> (Zeroizing<[u8; 32]>, Zeroizing<[u8; 32]>) {
        let key = |part: &[u8]| Zeroizing::new(derive(Label::StatelessReset, &self.pkcs8, &[part]));
        (key(b"connection ids"), key(b"tokens"))
    }

    /// A certificate that says nothing but the key, and the key for TLS.
    pub(crate) fn certificate(
        &self,
    ) -> Result<(CertificateDer<'static>, PrivatePkcs8KeyDer<'static>), IdentityError> {
        let pair = pair(&self.pkcs8)?;
        let failed = |error: rcgen::Error| IdentityError::Library(error.to_string());
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).map_err(failed)?;
        params.distinguished_name = DistinguishedName::new();
        let certificate = params.self_signed(&pair).map_err(failed)?;
        Ok((
            certificate.der().clone(),
            PrivatePkcs8KeyDer::from(self.pkcs8.to_vec()),
        ))
    }
}

fn pair(bytes: &[u8]) -> Result<KeyPair, IdentityError> {
    let der = PrivatePkcs8KeyDer::from(bytes);
    KeyPair::from_pkcs8_der_and_sign_algo(&der, &PKCS_ED25519).map_err(|_| IdentityError::NotAKey)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_keeps_its_identity_and_its_passes_through_a_backup() {
        let one = Identity::generate().unwrap();
        let back = Identity::from_pkcs8(one.pkcs8()).unwrap();
        assert_eq!(back.key(), one.key());
        assert_eq!(back.pass_secret(), one.pass_secret());
        assert_ne!(Identity::generate().unwrap().key(), one.key());
        assert!(Identity::from_pkcs8(&one.pkcs8()[1..]).is_err());
        let shown = format!("{one:?}");
        assert_eq!(shown, format!("Identity({})", one.key()));
    }
}
