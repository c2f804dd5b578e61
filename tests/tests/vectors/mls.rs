//! The working group's vectors that are no whole group: labelled cryptography, a welcome, trees, and the
//! encoding of every message.

use openmls::ciphersuite::hash_ref::HashReference;
use openmls::ciphersuite::signable::{Signable, SignatureError, SignedStruct, Verifiable, VerifiedStruct};
use openmls::ciphersuite::signature::OpenMlsSignaturePublicKey;
use openmls::ciphersuite::signature::Signature;
use openmls::group::{GroupId, MlsGroupJoinConfig, ProcessedWelcome};
use openmls::messages::proposals::{
    ExternalInitProposal, PreSharedKeyProposal, ReInitProposal, RemoveProposal,
};
use openmls::messages::proposals_in::{AddProposalIn, ProposalIn, UpdateProposalIn};
use openmls::prelude::{MlsMessageBodyIn, MlsMessageIn, RatchetTreeIn};
use openmls_basic_credential::SignatureKeyPair;
use openmls_rust_crypto::OpenMlsRustCrypto;
use openmls_traits::OpenMlsProvider;
use openmls_traits::crypto::OpenMlsCrypto;
use openmls_traits::types::{HpkeCiphertext, SignatureScheme};
use serde::Deserialize;
use tls_codec::{Deserialize as _, Serialize as _, VLBytes};

use crate::vectors::passive::{key_package, own};
use crate::vectors::{Hex, SUITE, read};

/// What the public interface does not reach, each with its number in our suite (or in all, where a file
/// names none) and why.
const LEFT_OUT: [(&str, usize, &str); 10] = [
    (
        "deserialization",
        14,
        "lengths of the codec: in no package; every message decoded here has many",
    ),
    ("key-schedule", 1, "its secrets are private to the library"),
    ("message-protection", 1, "no group can be made from given secrets"),
    ("passive-client-random", 0, "only in suite 0x0001"),
    ("psk_secret", 11, "private to the library"),
    ("secret-tree", 3, "private to the library"),
    ("transcript-hashes", 1, "private to the library"),
    ("tree-math", 10, "private to the library"),
    ("tree-operations", 5, "no proposal can be applied to a bare tree"),
    ("treekem", 11, "no path can be applied to a bare tree"),
];

#[test]
fn what_the_vectors_cannot_reach_is_told() {
    let files = [
        "crypto-basics",
        "messages",
        "passive-client-handling-commit",
        "passive-client-welcome",
    ];
    let run: usize = files
        .into_iter()
        .chain(["tree-validation", "welcome"])
        .map(|file| read::<serde_json::Value>(&format!("{file}.json")).len())
        .sum();
    for (file, number, why) in LEFT_OUT {
        println!("{file}: {number} not run: {why}");
    }
    let left: usize = LEFT_OUT.iter().map(|(_, number, _)| number).sum();
    println!("MLS, suite 0x0003: {run} run, {left} not; suite 0x004E has no vectors");
    assert_eq!((run, left), (337, 57));
}

#[derive(Deserialize)]
struct Basics {
    cipher_suite: u16,
    ref_hash: RefHash,
    expand_with_label: Expand,
    derive_secret: Derive,
    derive_tree_secret: DeriveTree,
    sign_with_label: Sign,
    encrypt_with_label: Encrypt,
}

#[derive(Deserialize)]
struct RefHash {
    label: String,
    value: Hex,
    out: Hex,
}

#[derive(Deserialize)]
struct Expand {
    secret: Hex,
    label: String,
    context: Hex,
    length: u16,
    out: Hex,
}

#[derive(Deserialize)]
struct Derive {
    secret: Hex,
    label: String,
    out: Hex,
}

#[derive(Deserialize)]
struct DeriveTree {
    secret: Hex,
    label: String,
    generation: u32,
    length: u16,
    out: Hex,
}

#[derive(Deserialize)]
struct Sign {
    r#priv: Hex,
    r#pub: Hex,
    content: Hex,
    label: String,
    signature: Hex,
}

#[derive(Deserialize)]
struct Encrypt {
    r#priv: Hex,
    r#pub: Hex,
    label: String,
    context: Hex,
    plaintext: Hex,
    kem_output: Hex,
    ciphertext: Hex,
}

/// A content under a label, signed or to be signed.
#[derive(Clone)]
struct Labelled {
    label: String,
    content: Vec<u8>,
    signature: Signature,
}

impl Signable for Labelled {
    type SignedOutput = Labelled;

    fn unsigned_payload(&self) -> Result<Vec<u8>, tls_codec::Error> {
        Ok(self.content.clone())
    }

    fn label(&self) -> &str {
        &self.label
    }
}

impl SignedStruct<Labelled> for Labelled {
    fn from_payload(payload: Labelled, signature: Signature, _: Vec<u8>) -> Self {
        Self { signature, ..payload }
    }
}

/// A signature that holds.
struct Held;

impl VerifiedStruct for Held {}

struct ToVerify(Labelled);

impl Verifiable for ToVerify {
    type VerifiedStruct = Held;

    fn unsigned_payload(&self) -> Result<Vec<u8>, tls_codec::Error> {
        Ok(self.0.content.clone())
    }

    fn signature(&self) -> &Signature {
        &self.0.signature
    }

    fn label(&self) -> &str {
        &self.0.label
    }

    fn verify(
        self,
        crypto: &impl OpenMlsCrypto,
        key: &OpenMlsSignaturePublicKey,
    ) -> Result<Held, SignatureError> {
        self.verify_no_out(crypto, key).map(|()| Held)
    }
}

/// `RFC 9420` 5.2: a label and a context as one value. The library keeps its own encoder private.
fn labelled(label: &str, context: &[u8]) -> Vec<u8> {
    let label = VLBytes::new([b"MLS 1.0 ", label.as_bytes()].concat());
    let mut out = label.tls_serialize_detached().unwrap();
    out.extend(VLBytes::new(context.to_vec()).tls_serialize_detached().unwrap());
    out
}

fn expand(secret: &Hex, label: &str, context: &[u8], length: u16) -> Vec<u8> {
    let info = [&length.to_be_bytes()[..], &labelled(label, context)].concat();
    OpenMlsRustCrypto::default()
        .crypto()
        .hkdf_expand(SUITE.hash_algorithm(), &secret.0, &info, length.into())
        .unwrap()
        .as_slice()
        .to_vec()
}

#[test]
fn hashes_derivations_signatures_and_encryption_under_a_label_are_those_of_the_vectors() {
    let provider = OpenMlsRustCrypto::default();
    let crypto = provider.crypto();
    let vectors: Vec<Basics> = read("crypto-basics.json");
    for vector in &vectors {
        assert_eq!(vector.cipher_suite, u16::from(SUITE));
        let case = &vector.ref_hash;
        let hash = HashReference::new(&case.value.0, SUITE, crypto, case.label.as_bytes()).unwrap();
        assert_eq!(hash.as_slice(), case.out.0);

        let case = &vector.expand_with_label;
        assert_eq!(
            expand(&case.secret, &case.label, &case.context.0, case.length),
            case.out.0
        );
        let case = &vector.derive_secret;
        let length = u16::try_from(SUITE.hash_length()).unwrap();
        assert_eq!(expand(&case.secret, &case.label, &[], length), case.out.0);
        let case = &vector.derive_tree_secret;
        let generation = case.generation.to_be_bytes();
        assert_eq!(
            expand(&case.secret, &case.label, &generation, case.length),
            case.out.0
        );

        signs_as(crypto, &vector.sign_with_label);
        encrypts_as(crypto, &vector.encrypt_with_label);
    }
    println!("crypto-basics.json: {} vectors", vectors.len());
    assert_eq!(vectors.len(), 1);
}

fn signs_as(crypto: &impl OpenMlsCrypto, case: &Sign) {
    let theirs = Labelled {
        label: case.label.clone(),
        content: case.content.0.clone(),
        signature: case.signature.0.clone().into(),
    };
    let key = OpenMlsSignaturePublicKey::new(case.r#pub.0.clone().into(), SignatureScheme::ED25519).unwrap();
    assert!(ToVerify(theirs.clone()).verify(crypto, &key).is_ok());
    let other = Labelled {
        label: format!("{}x", case.label),
        ..theirs.clone()
    };
    assert!(ToVerify(other).verify(crypto, &key).is_err());

    let pair = SignatureKeyPair::from_raw(
        SignatureScheme::ED25519,
        case.r#priv.0.clone(),
        case.r#pub.0.clone(),
    );
    let ours = theirs.clone().sign(&pair).unwrap();
    // Ed25519 signs without randomness: the same bytes, not only a signature that holds.
    assert!(ours.signature == theirs.signature);
}

fn encrypts_as(crypto: &impl OpenMlsCrypto, case: &Encrypt) {
    let info = labelled(&case.label, &case.context.0);
    let open = |sealed: &HpkeCiphertext, info: &[u8]| {
        crypto.hpke_open(SUITE.hpke_config(), sealed, &case.r#priv.0, info, &[])
    };
    let theirs = HpkeCiphertext {
        kem_output: case.kem_output.0.clone().into(),
        ciphertext: case.ciphertext.0.clone().into(),
    };
    assert_eq!(open(&theirs, &info).unwrap(), case.plaintext.0);
    assert!(open(&theirs, &labelled(&case.label, b"other")).is_err());
    let ours = crypto
        .hpke_seal(SUITE.hpke_config(), &case.r#pub.0, &info, &[], &case.plaintext.0)
        .unwrap();
    assert_eq!(open(&ours, &info).unwrap(), case.plaintext.0);
}

#[derive(Deserialize)]
struct Welcomed {
    cipher_suite: u16,
    init_priv: Hex,
    signer_pub: Hex,
    key_package: Hex,
    welcome: Hex,
}

#[test]
fn a_welcome_opens_with_the_init_key_and_its_group_info_is_signed_by_its_signer() {
    let vectors: Vec<Welcomed> = read("welcome.json");
    for vector in &vectors {
        assert_eq!(vector.cipher_suite, u16::from(SUITE));
        let provider = OpenMlsRustCrypto::default();
        let package = key_package(&provider, &vector.key_package);
        // The vector has no key of the leaf: nothing before the tree needs it.
        own(&provider, &package, &vector.init_priv, &Hex(Vec::new()));
        let message = MlsMessageIn::tls_deserialize_exact(&vector.welcome.0).unwrap();
        let MlsMessageBodyIn::Welcome(welcome) = message.extract() else {
            panic!("no welcome");
        };
        let config = MlsGroupJoinConfig::default();
        let opened = ProcessedWelcome::new_from_welcome(&provider, &config, welcome).unwrap();
        let signer =
            OpenMlsSignaturePublicKey::new(vector.signer_pub.0.clone().into(), SignatureScheme::ED25519)
                .unwrap();
        let info = opened.unverified_group_info();
        assert!(info.verify_no_out(provider.crypto(), &signer).is_ok());
        let mut other = vector.signer_pub.0.clone();
        other[0] ^= 1;
        let other = OpenMlsSignaturePublicKey::new(other.into(), SignatureScheme::ED25519).unwrap();
        assert!(info.verify_no_out(provider.crypto(), &other).is_err());
    }
    println!(
        "welcome.json: {} vectors, without the confirmation tag",
        vectors.len()
    );
    assert_eq!(vectors.len(), 1);
}

#[derive(Deserialize)]
struct Tree {
    cipher_suite: u16,
    group_id: Hex,
    tree: Hex,
}

#[test]
fn every_leaf_of_every_tree_is_signed_for_its_place_and_group() {
    let provider = OpenMlsRustCrypto::default();
    let vectors: Vec<Tree> = read("tree-validation.json");
    let mut placed = 0;
    for vector in &vectors {
        assert_eq!(vector.cipher_suite, u16::from(SUITE));
        let tree = RatchetTreeIn::tls_deserialize_exact(&vector.tree.0).unwrap();
        assert_eq!(tree.tls_serialize_detached().unwrap(), vector.tree.0);
        let verified = |id: &[u8]| {
            tree.clone()
                .into_verified(SUITE, provider.crypto(), &GroupId::from_slice(id))
        };
        assert!(verified(&vector.group_id.0).is_ok());
        // Leaves of commits and updates sign the group's id; those of key packages do not.
        placed += usize::from(verified(b"another group").is_err());
    }
    println!(
        "tree-validation.json: {} vectors, of which {placed} name their group; without hashes and resolutions",
        vectors.len()
    );
    assert_eq!(vectors.len(), 14);
    assert!(placed > 0);
}

#[derive(Deserialize)]
struct Messages {
    mls_welcome: Hex,
    mls_group_info: Hex,
    mls_key_package: Hex,
    ratchet_tree: Hex,
    add_proposal: Hex,
    update_proposal: Hex,
    remove_proposal: Hex,
    pre_shared_key_proposal: Hex,
    re_init_proposal: Hex,
    external_init_proposal: Hex,
    group_context_extensions_proposal: Hex,
    public_message_application: Hex,
    public_message_proposal: Hex,
    public_message_commit: Hex,
    private_message: Hex,
}

/// Decodes to the end and encodes again, to the same bytes; one byte more or less is refused.
fn comes_back<T: tls_codec::Deserialize + tls_codec::Serialize>(name: &str, at: usize, bytes: &Hex) {
    let value = T::tls_deserialize_exact(&bytes.0).unwrap_or_else(|e| panic!("{name} {at}: {e:?}"));
    assert_eq!(value.tls_serialize_detached().unwrap(), bytes.0, "{name} {at}");
    assert!(
        T::tls_deserialize_exact([&bytes.0[..], &[0]].concat()).is_err(),
        "{name} {at}"
    );
    let shorter = &bytes.0[..bytes.0.len() - 1];
    assert!(T::tls_deserialize_exact(shorter).is_err(), "{name} {at}");
}

#[test]
fn every_message_that_a_group_may_have_decodes_and_comes_back_as_the_same_bytes() {
    let vectors: Vec<Messages> = read("messages.json");
    for (at, vector) in vectors.iter().enumerate() {
        comes_back::<MlsMessageIn>("welcome", at, &vector.mls_welcome);
        comes_back::<MlsMessageIn>("group info", at, &vector.mls_group_info);
        comes_back::<MlsMessageIn>("key package", at, &vector.mls_key_package);
        comes_back::<RatchetTreeIn>("tree", at, &vector.ratchet_tree);
        comes_back::<AddProposalIn>("add", at, &vector.add_proposal);
        comes_back::<UpdateProposalIn>("update", at, &vector.update_proposal);
        comes_back::<RemoveProposal>("remove", at, &vector.remove_proposal);
        comes_back::<PreSharedKeyProposal>("psk", at, &vector.pre_shared_key_proposal);
        // Each names an extension that no group may have, and the library reads no such proposal.
        let refused = ReInitProposal::tls_deserialize_exact(&vector.re_init_proposal.0).unwrap_err();
        assert!(
            format!("{refused:?}").contains("not allowed in the group context"),
            "{refused:?}"
        );
        comes_back::<ExternalInitProposal>("external init", at, &vector.external_init_proposal);
        // Readable only with its type before it.
        let extensions = [&[0, 7], &vector.group_context_extensions_proposal.0[..]].concat();
        comes_back::<ProposalIn>("extensions", at, &Hex(extensions));
        comes_back::<MlsMessageIn>("application", at, &vector.public_message_application);
        comes_back::<MlsMessageIn>("proposal", at, &vector.public_message_proposal);
        comes_back::<MlsMessageIn>("commit", at, &vector.public_message_commit);
        comes_back::<MlsMessageIn>("private message", at, &vector.private_message);
    }
    println!("messages.json: {} vectors, 14 of 17 fields", vectors.len());
    assert_eq!(vectors.len(), 300);
}
