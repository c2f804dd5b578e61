//! TLS 1.3 towards a relay that is known by its key (RFC 8446).
//!
//! Offered: X25519MLKEM768 and no other group, ALPN `h3`, no server name (SNI is off, so the constant below
//! never leaves the machine), no resumption, no early data. Believed: a certificate whose public key has the
//! hash that the address names, and a handshake signed with it; its names, dates and issuer mean nothing.

use core::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use caucus_proto::wire::{ALPN, RelayKey};
use quinn::crypto::rustls::QuicClientConfig;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, PeerIncompatible, SignatureScheme, version,
};
use sha2::{Digest, Sha256};

/// What quinn wants as a name; with SNI off it is used for nothing.
pub(super) const SERVER_NAME: &str = "relay";

/// The TLS of one attempt to connect.
pub(super) struct Pinned {
    /// For quinn.
    pub(super) config: Arc<QuicClientConfig>,
    refused: Arc<AtomicBool>,
}

impl Pinned {
    /// Believes whoever holds this key.
    ///
    /// # Errors
    /// Only if the cryptographic library lacks what we ask of it.
    pub(super) fn to(key: RelayKey) -> Result<Self, Error> {
        let provider = provider();
        let refused = Arc::new(AtomicBool::new(false));
        let verifier = PinnedKey {
            key,
            algorithms: provider.signature_verification_algorithms,
            refused: Arc::clone(&refused),
        };
        let config = QuicClientConfig::try_from(offer(provider, verifier)?)
            .map_err(|_| Error::General("no cipher suite for QUIC's first packet".to_owned()))?;
        Ok(Self {
            config: Arc::new(config),
            refused,
        })
    }

    /// Whether the attempt ended because the other side showed another key, or did not hold the one it
    /// showed.
    pub(super) fn refused_the_key(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }
}

fn offer(provider: CryptoProvider, verifier: PinnedKey) -> Result<ClientConfig, Error> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.enable_sni = false;
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    Ok(config)
}

/// aws-lc-rs with the one key exchange.
fn provider() -> CryptoProvider {
    CryptoProvider {
        kx_groups: vec![aws_lc_rs::kx_group::X25519MLKEM768],
        ..aws_lc_rs::default_provider()
    }
}

struct PinnedKey {
    key: RelayKey,
    algorithms: WebPkiSupportedAlgorithms,
    refused: Arc<AtomicBool>,
}

impl fmt::Debug for PinnedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PinnedKey(..)")
    }
}

impl ServerCertVerifier for PinnedKey {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let key = ParsedCertificate::try_from(end_entity)?.subject_public_key_info();
        if <[u8; 32]>::from(Sha256::digest(&key)) == self.key.0 {
            return Ok(ServerCertVerified::assertion());
        }
        self.refused.store(true, Ordering::Relaxed);
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerIncompatible::ServerDoesNotSupportTls12Or13.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
            .inspect_err(|_| self.refused.store(true, Ordering::Relaxed))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use rustls::NamedGroup;

    use super::*;

    fn verifier() -> PinnedKey {
        PinnedKey {
            key: RelayKey([7; 32]),
            algorithms: provider().signature_verification_algorithms,
            refused: Arc::default(),
        }
    }

    #[test]
    fn one_group_one_protocol_no_name_and_no_older_tls_are_offered() {
        let config = offer(provider(), verifier()).unwrap();
        let groups: Vec<_> = config
            .crypto_provider()
            .kx_groups
            .iter()
            .map(|group| group.name())
            .collect();
        assert_eq!(groups, [NamedGroup::X25519MLKEM768]);
        assert_eq!(config.alpn_protocols, [b"h3".to_vec()]);
        assert!(!config.enable_sni);
        assert!(!config.enable_early_data);
        // The library is built without TLS 1.2: there is nothing to fall back to.
        assert_eq!(rustls::ALL_VERSIONS, [&version::TLS13]);
    }

    #[test]
    fn a_certificate_that_is_none_is_refused_without_panic() {
        let name = ServerName::try_from(SERVER_NAME).unwrap();
        let now = UnixTime::since_unix_epoch(core::time::Duration::ZERO);
        for junk in [
            vec![],
            vec![0x30],
            vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
            vec![0; 4096],
        ] {
            let junk = CertificateDer::from(junk);
            assert!(
                verifier()
                    .verify_server_cert(&junk, &[], &name, &[], now)
                    .is_err()
            );
        }
    }

    #[test]
    fn debug_does_not_tell_whose_key_is_pinned() {
        assert_eq!(format!("{:?}", verifier()), "PinnedKey(..)");
    }
}
