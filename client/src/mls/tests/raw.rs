//! What somebody with another program can do: the library without our rules, and cryptography that lies.

use openmls::group::{CommitMessageBundle, MlsGroup, MlsGroupCreateConfig};
use openmls::prelude::{
    Capabilities, Credential, CredentialType, CredentialWithKey, KeyPackage, KeyPackageBuilder, KeyPackageIn,
    LeafNodeIndex, LeafNodeParameters, Proposal, ProposalType, ProtocolVersion,
};
use openmls_basic_credential::SignatureKeyPair;
use openmls_rust_crypto::RustCrypto;
use openmls_traits::OpenMlsProvider;
use openmls_traits::crypto::OpenMlsCrypto;
use openmls_traits::signatures::{Signer, SignerError};
use openmls_traits::types::{
    AeadType, Ciphersuite, CryptoError, ExporterSecret, HashType, HpkeCiphertext, HpkeConfig, HpkeKeyPair,
    KemOutput, SignatureScheme,
};
use tls_codec::{Deserialize, SecretVLBytes, Serialize};

use super::*;
use crate::mls::certificate::Certificate;
use crate::mls::framing::signed_content;
use crate::mls::group::group_id;
use crate::mls::provider::Provider;
use crate::mls::suite;

/// A proposal type that nobody here knows.
pub(super) const CUSTOM: u16 = 0xF0C2;

/// Does something with the library itself; nothing of it is committed.
pub(super) fn raw<T>(
    member: &Member,
    deed: impl FnOnce(&mut MlsGroup, &Provider<'_>, &SignatureKeyPair) -> T,
) -> T {
    let overlay = member.vault.overlay();
    let provider = Provider::over(&overlay);
    let mut group = member.group();
    let signer = group.signer(&provider).unwrap();
    deed(&mut group.inner, &provider, &signer)
}

/// What goes into a commit of another program.
#[derive(Default)]
pub(super) struct Smuggled {
    pub(super) proposals: Vec<Proposal>,
    pub(super) adds: Vec<KeyPackage>,
    pub(super) removes: Vec<LeafNodeIndex>,
    pub(super) leaf: LeafNodeParameters,
    pub(super) lie: Option<Lie>,
    pub(super) forge: bool,
}

/// The bytes of a commit with a path and whatever is smuggled.
pub(super) fn smuggle(member: &Member, goods: Smuggled) -> Vec<u8> {
    raw(member, |inner, provider, signer| {
        smuggled(inner, provider, signer, goods)
    })
}

/// As [`smuggle`], of this group.
pub(super) fn smuggled(
    inner: &mut MlsGroup,
    provider: &Provider<'_>,
    signer: &SignatureKeyPair,
    goods: Smuggled,
) -> Vec<u8> {
    let bundle = inner
        .commit_builder()
        .force_self_update(true)
        .add_proposals(goods.proposals)
        .propose_removals(goods.removes)
        .propose_adds(goods.adds)
        .leaf_node_parameters(goods.leaf)
        .load_psks(provider.storage())
        .unwrap()
        .build(
            provider.rand(),
            &Liar::telling(goods.lie),
            &Forger(signer, goods.forge),
            |_| true,
        )
        .unwrap()
        .stage_commit(provider)
        .unwrap();
    message(bundle)
}

pub(super) fn message(bundle: CommitMessageBundle) -> Vec<u8> {
    bundle.into_commit().tls_serialize_detached().unwrap()
}

/// A credential for a leaf key, by this persona, for this room.
pub(super) fn certified(
    persona: &PersonaKeys,
    signer: &SignatureKeyPair,
    room: &RoomId,
) -> CredentialWithKey {
    with_key(
        Certificate::issue(persona, signer.public(), room)
            .credential()
            .unwrap(),
        signer,
    )
}

pub(super) fn with_key(credential: Credential, signer: &SignatureKeyPair) -> CredentialWithKey {
    CredentialWithKey {
        credential,
        signature_key: signer.public().into(),
    }
}

pub(super) fn leaf_key() -> SignatureKeyPair {
    SignatureKeyPair::new(suite::LEAF_SCHEME).unwrap()
}

/// A key package made to measure. Its private part is in the member's vault.
pub(super) fn odd_package(
    member: &Member,
    suite: Ciphersuite,
    room: &RoomId,
    shape: impl FnOnce(KeyPackageBuilder) -> KeyPackageBuilder,
) -> KeyPackage {
    let overlay = member.vault.overlay();
    let provider = Provider::over(&overlay);
    let signer = leaf_key();
    signer.store(provider.storage()).unwrap();
    let builder = KeyPackage::builder()
        .key_package_lifetime(suite::lifetime())
        .leaf_node_capabilities(suite::capabilities(suite));
    let package = shape(builder)
        .build(
            suite,
            &provider,
            &signer,
            certified(&member.persona, &signer, room),
        )
        .unwrap()
        .into_key_package();
    overlay.commit().unwrap();
    package
}

/// The library's form of a key package.
pub(super) fn package(bytes: &[u8]) -> KeyPackage {
    KeyPackageIn::tls_deserialize_exact(bytes)
        .unwrap()
        .validate(&RustCrypto::default(), ProtocolVersion::Mls10)
        .unwrap()
}

pub(super) fn classical() -> Ciphersuite {
    suite::ciphersuite(SuiteChoice::Classical)
}

/// Capabilities that name a proposal type of nobody's.
pub(super) fn wide(suite: Ciphersuite) -> Capabilities {
    Capabilities::new(
        Some(&[ProtocolVersion::Mls10]),
        Some(&[suite]),
        None,
        Some(&[ProposalType::Custom(CUSTOM)]),
        Some(&[CredentialType::Basic]),
    )
}

/// Welcome and tree of a group of another program that adds these key packages.
pub(super) fn foreign_welcome(
    config: &MlsGroupCreateConfig,
    founder: impl FnOnce(&SignatureKeyPair) -> CredentialWithKey,
    adds: Vec<KeyPackage>,
    tree_inside: bool,
) -> Staged {
    foreign_welcome_to(&room(), config, founder, adds, tree_inside)
}

/// As [`foreign_welcome`], under the name of this room.
pub(super) fn foreign_welcome_to(
    room: &RoomId,
    config: &MlsGroupCreateConfig,
    founder: impl FnOnce(&SignatureKeyPair) -> CredentialWithKey,
    adds: Vec<KeyPackage>,
    tree_inside: bool,
) -> Staged {
    let vault = spare_vault();
    let overlay = vault.1.overlay();
    let provider = Provider::over(&overlay);
    let signer = leaf_key();
    let mut group =
        MlsGroup::new_with_group_id(&provider, &signer, config, group_id(room), founder(&signer)).unwrap();
    let bundle = group
        .commit_builder()
        .propose_adds(adds)
        .load_psks(provider.storage())
        .unwrap()
        .use_ratchet_tree_extension(tree_inside)
        .build(provider.rand(), provider.crypto(), &signer, |_| true)
        .unwrap()
        .stage_commit(&provider)
        .unwrap();
    let (commit, welcome, _) = bundle.into_messages();
    group.merge_pending_commit(&provider).unwrap();
    Staged {
        message: commit.tls_serialize_detached().unwrap(),
        welcome: welcome.map(|welcome| welcome.tls_serialize_detached().unwrap()),
        tree: group.export_ratchet_tree().tls_serialize_detached().ok(),
        ops: CommitOps::default(),
    }
}

/// A leaf key that signs messages, and only these, with nonsense.
struct Forger<'a>(&'a SignatureKeyPair, bool);

impl Signer for Forger<'_> {
    fn sign(&self, payload: &[u8]) -> Result<Vec<u8>, SignerError> {
        let mut signature = self.0.sign(payload)?;
        if self.1 && signed_content(payload).is_some() {
            signature[9] ^= 1;
        }
        Ok(signature)
    }

    fn signature_scheme(&self) -> SignatureScheme {
        self.0.signature_scheme()
    }
}

/// A message of a member whose signature is nonsense.
pub(super) fn forged_message(member: &Member) -> Vec<u8> {
    raw(member, |inner, provider, signer| {
        inner
            .create_message(provider, &Forger(signer, true), b"not mine")
            .unwrap()
            .tls_serialize_detached()
            .unwrap()
    })
}

/// A commit that renews the author's leaf and that those cannot process whose path secrets are sealed at these
/// turns; it is pending with its author.
pub(crate) fn split_commit(
    group: &mut Group,
    overlay: &Overlay,
    lied_to: &'static [usize],
) -> (Vec<u8>, CommitOps) {
    let provider = Provider::over(overlay);
    let signer = group.signer(&provider).unwrap();
    let bundle = group
        .inner
        .commit_builder()
        .force_self_update(true)
        .load_psks(provider.storage())
        .unwrap()
        .build(
            provider.rand(),
            &Liar::telling(Some(Lie::PathOf(lied_to))),
            &signer,
            |_| true,
        )
        .unwrap()
        .stage_commit(&provider)
        .unwrap();
    let ops = CommitOps {
        path: Certificate::key(group.inner.credential().unwrap()).ok(),
        ..CommitOps::default()
    };
    (message(bundle), ops)
}

/// What a commit is wrong about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Lie {
    /// The path secrets that others get.
    Path,
    /// The path secrets that are sealed at these turns.
    PathOf(&'static [usize]),
    /// The confirmation tag.
    Tag,
}

/// Cryptography that lies in one place.
pub(super) struct Liar {
    inner: RustCrypto,
    lie: Option<Lie>,
    sealed: std::sync::atomic::AtomicUsize,
    /// Encoded proposals that are sealed in the place of none.
    instead: Option<Vec<u8>>,
}

impl Liar {
    fn telling(lie: Option<Lie>) -> Self {
        Self {
            inner: RustCrypto::default(),
            lie,
            sealed: std::sync::atomic::AtomicUsize::new(0),
            instead: None,
        }
    }

    /// Seals a commit that has a path and no proposal as one with these.
    pub(super) fn sealing(proposals: Vec<u8>) -> Self {
        Self {
            instead: Some(proposals),
            ..Self::telling(None)
        }
    }
}

impl OpenMlsCrypto for Liar {
    fn hmac(&self, hash: HashType, key: &[u8], message: &[u8]) -> Result<SecretVLBytes, CryptoError> {
        let tag = self.inner.hmac(hash, key, message)?;
        if self.lie != Some(Lie::Tag) {
            return Ok(tag);
        }
        let mut bytes = tag.as_slice().to_vec();
        bytes[0] ^= 1;
        Ok(bytes.into())
    }

    fn hpke_seal(
        &self,
        config: HpkeConfig,
        pk_r: &[u8],
        info: &[u8],
        aad: &[u8],
        ptxt: &[u8],
    ) -> Result<HpkeCiphertext, CryptoError> {
        let mut ptxt = ptxt.to_vec();
        let turn = self.sealed.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let lies = match self.lie {
            Some(Lie::Path) => true,
            Some(Lie::PathOf(turns)) => turns.contains(&turn),
            _ => false,
        };
        if lies {
            ptxt.iter_mut().for_each(|byte| *byte ^= 1);
        }
        self.inner.hpke_seal(config, pk_r, info, aad, &ptxt)
    }

    fn supports(&self, ciphersuite: Ciphersuite) -> Result<(), CryptoError> {
        self.inner.supports(ciphersuite)
    }

    fn supported_ciphersuites(&self) -> Vec<Ciphersuite> {
        self.inner.supported_ciphersuites()
    }

    fn hkdf_extract(&self, hash: HashType, salt: &[u8], ikm: &[u8]) -> Result<SecretVLBytes, CryptoError> {
        self.inner.hkdf_extract(hash, salt, ikm)
    }

    fn hkdf_expand(
        &self,
        hash: HashType,
        prk: &[u8],
        info: &[u8],
        okm_len: usize,
    ) -> Result<SecretVLBytes, CryptoError> {
        self.inner.hkdf_expand(hash, prk, info, okm_len)
    }

    fn hash(&self, hash: HashType, data: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.inner.hash(hash, data)
    }

    fn aead_encrypt(
        &self,
        alg: AeadType,
        key: &[u8],
        data: &[u8],
        nonce: &[u8],
        aad: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        match (&self.instead, data) {
            // No proposal, and a path.
            (Some(proposals), [0, 1, path @ ..]) => {
                let data = [proposals, &[1][..], path].concat();
                self.inner.aead_encrypt(alg, key, &data, nonce, aad)
            }
            _ => self.inner.aead_encrypt(alg, key, data, nonce, aad),
        }
    }

    fn aead_decrypt(
        &self,
        alg: AeadType,
        key: &[u8],
        ct_tag: &[u8],
        nonce: &[u8],
        aad: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        self.inner.aead_decrypt(alg, key, ct_tag, nonce, aad)
    }

    fn signature_key_gen(&self, alg: SignatureScheme) -> Result<(Vec<u8>, Vec<u8>), CryptoError> {
        self.inner.signature_key_gen(alg)
    }

    fn verify_signature(
        &self,
        alg: SignatureScheme,
        data: &[u8],
        pk: &[u8],
        signature: &[u8],
    ) -> Result<(), CryptoError> {
        self.inner.verify_signature(alg, data, pk, signature)
    }

    fn sign(&self, alg: SignatureScheme, data: &[u8], key: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.inner.sign(alg, data, key)
    }

    fn hpke_open(
        &self,
        config: HpkeConfig,
        input: &HpkeCiphertext,
        sk_r: &[u8],
        info: &[u8],
        aad: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        self.inner.hpke_open(config, input, sk_r, info, aad)
    }

    fn hpke_setup_sender_and_export(
        &self,
        config: HpkeConfig,
        pk_r: &[u8],
        info: &[u8],
        context: &[u8],
        length: usize,
    ) -> Result<(KemOutput, ExporterSecret), CryptoError> {
        self.inner
            .hpke_setup_sender_and_export(config, pk_r, info, context, length)
    }

    fn hpke_setup_receiver_and_export(
        &self,
        config: HpkeConfig,
        enc: &[u8],
        sk_r: &[u8],
        info: &[u8],
        context: &[u8],
        length: usize,
    ) -> Result<ExporterSecret, CryptoError> {
        self.inner
            .hpke_setup_receiver_and_export(config, enc, sk_r, info, context, length)
    }

    fn derive_hpke_keypair(&self, config: HpkeConfig, ikm: &[u8]) -> Result<HpkeKeyPair, CryptoError> {
        self.inner.derive_hpke_keypair(config, ikm)
    }
}
