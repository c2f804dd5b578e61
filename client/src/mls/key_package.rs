//! Key packages: made by those who want in, read by those who let in.

use caucus_proto::id::{PersonaId, RoomId};

use caucus_proto::org::application::LARGEST_KEY_PACKAGE;
use caucus_proto::org::{PersonaPublic, SuiteChoice, key_package_hash};
use openmls::prelude::{CredentialWithKey, KeyPackage, KeyPackageIn, ProtocolVersion};
use openmls_basic_credential::SignatureKeyPair;
use openmls_rust_crypto::RustCrypto;
use openmls_traits::OpenMlsProvider;
use openmls_traits::storage::StorageProvider;
use tls_codec::{Deserialize, Serialize};

use crate::mls::certificate::Certificate;
use crate::mls::error::{MlsError, Refusal};
use crate::mls::leaf::Leaf;
use crate::mls::persona::PersonaKeys;
use crate::mls::provider::Provider;
use crate::mls::suite;
use crate::vault::Overlay;

/// A key package of our own; its private part is in the overlay until a welcome uses it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyPackageMade {
    /// The key package (RFC 9420, section 10).
    pub bytes: Vec<u8>,
    /// Its name in applications, admissions and commits.
    pub hash: [u8; 32],
}

/// What a key package says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyPackageView {
    /// Whose it is, by its certificate.
    pub persona: PersonaId,
    /// The persona key that certified it.
    pub key: PersonaPublic,
    /// Its name in applications, admissions and commits.
    pub hash: [u8; 32],
    /// The signature key of the leaf.
    pub leaf: [u8; 32],
}

/// Makes a key package for one room. It can be used once.
///
/// # Errors
/// `Storage`, `Library`.
pub fn make_key_package(
    overlay: &Overlay,
    persona: &PersonaKeys,
    suite: SuiteChoice,
    room: &RoomId,
) -> Result<KeyPackageMade, MlsError> {
    let provider = Provider::over(overlay);
    let made = make(&provider, persona, suite, room);
    provider.outcome(made)
}

fn make(
    provider: &Provider<'_>,
    persona: &PersonaKeys,
    suite: SuiteChoice,
    room: &RoomId,
) -> Result<KeyPackageMade, MlsError> {
    let suite = suite::ciphersuite(suite);
    let (signer, credential) = new_leaf_key(provider, persona, room)?;
    let bundle = KeyPackage::builder()
        .key_package_lifetime(suite::lifetime())
        .leaf_node_capabilities(suite::capabilities(suite))
        .build(suite, provider, &signer, credential)
        .map_err(|_| MlsError::Library("make a key package"))?;
    let bytes = bundle
        .key_package()
        .tls_serialize_detached()
        .map_err(|_| MlsError::Library("encode a key package"))?;
    let hash = key_package_hash(&bytes);
    Ok(KeyPackageMade { bytes, hash })
}

/// Deletes the private part of a key package of our own that no welcome will use any more.
///
/// # Errors
/// `Unprocessable` if it is none, `Storage`.
pub fn forget_key_package(
    overlay: &Overlay,
    bytes: &[u8],
    suite: SuiteChoice,
    room: &RoomId,
) -> Result<(), MlsError> {
    let (key_package, _) = verify(bytes, suite, room)?;
    let provider = Provider::over(overlay);
    let name = key_package
        .hash_ref(provider.crypto())
        .map_err(|_| MlsError::Library("name a key package"))?;
    let leaf_key = key_package.leaf_node().signature_key().as_slice();
    let deleted = SignatureKeyPair::delete(provider.storage(), leaf_key, suite::LEAF_SCHEME)
        .and_then(|()| provider.storage().delete_key_package(&name))
        .map_err(|_| MlsError::Library("delete a key package"));
    provider.outcome(deleted)
}

/// Reads a key package and checks all of it: suite, signatures, lifetime, capabilities, extensions, and the
/// certificate for this room.
///
/// # Errors
/// `Refusal`.
pub fn read_key_package(bytes: &[u8], suite: SuiteChoice, room: &RoomId) -> Result<KeyPackageView, Refusal> {
    let (_, view) = verify(bytes, suite, room)?;
    Ok(view)
}

/// As [`read_key_package`], with the library's form of it.
pub(super) fn verify(
    bytes: &[u8],
    suite: SuiteChoice,
    room: &RoomId,
) -> Result<(KeyPackage, KeyPackageView), Refusal> {
    if bytes.len() > LARGEST_KEY_PACKAGE {
        return Err(Refusal::Malformed);
    }
    let read = KeyPackageIn::tls_deserialize_exact(bytes).map_err(|_| Refusal::Malformed)?;
    let key_package = read
        .validate(&RustCrypto::default(), ProtocolVersion::Mls10)
        .map_err(|_| Refusal::KeyPackage)?;
    let again = key_package
        .tls_serialize_detached()
        .map_err(|_| Refusal::Malformed)?;
    if again != bytes {
        return Err(Refusal::Malformed);
    }
    let suite = suite::ciphersuite(suite);
    if key_package.ciphersuite() != suite {
        return Err(Refusal::Suite);
    }
    if key_package.extensions().iter().next().is_some() {
        return Err(Refusal::Extension);
    }
    let key = Leaf::of(key_package.leaf_node())?.certify(room, suite)?;
    let leaf = key_package.leaf_node().signature_key().as_slice();
    let leaf = leaf.try_into().map_err(|_| Refusal::KeyPackage)?;
    let view = KeyPackageView {
        persona: PersonaId::of(&key.0),
        key,
        hash: key_package_hash(bytes),
        leaf,
    };
    Ok((key_package, view))
}

/// A new leaf key, kept in the overlay, and its certified credential.
pub(super) fn new_leaf_key(
    provider: &Provider<'_>,
    persona: &PersonaKeys,
    room: &RoomId,
) -> Result<(SignatureKeyPair, CredentialWithKey), MlsError> {
    let signer =
        SignatureKeyPair::new(suite::LEAF_SCHEME).map_err(|_| MlsError::Library("make a leaf key"))?;
    signer
        .store(provider.storage())
        .map_err(|_| MlsError::Library("keep a leaf key"))?;
    let credential = Certificate::issue(persona, signer.public(), room).credential()?;
    let with_key = CredentialWithKey {
        credential,
        signature_key: signer.public().into(),
    };
    Ok((signer, with_key))
}
