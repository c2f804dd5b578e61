//! Passive clients: someone joins by a welcome that another implementation made, follows what that
//! implementation's members propose and commit, and has their epoch authenticator after every step.

use openmls::group::{MIXED_PLAINTEXT_WIRE_FORMAT_POLICY, MlsGroup, MlsGroupJoinConfig, StagedWelcome};
use openmls::prelude::{
    KeyPackage, KeyPackageBundle, MlsMessageBodyIn, MlsMessageIn, ProcessedMessageContent, ProtocolMessage,
    ProtocolVersion, RatchetTreeIn,
};
use openmls::schedule::PreSharedKeyId;
use openmls_rust_crypto::OpenMlsRustCrypto;
use openmls_traits::OpenMlsProvider;
use openmls_traits::storage::StorageProvider;
use openmls_traits::types::HpkePrivateKey;
use serde::Deserialize;
use serde_json::json;
use tls_codec::Deserialize as _;

use crate::vectors::{Hex, SUITE, read};

#[derive(Deserialize)]
struct Vector {
    cipher_suite: u16,
    external_psks: Vec<ExternalPsk>,
    key_package: Hex,
    encryption_priv: Hex,
    init_priv: Hex,
    welcome: Hex,
    ratchet_tree: Option<Hex>,
    initial_epoch_authenticator: Hex,
    epochs: Vec<Epoch>,
}

#[derive(Deserialize)]
struct ExternalPsk {
    psk_id: Hex,
    psk: Hex,
}

#[derive(Deserialize)]
struct Epoch {
    proposals: Vec<Hex>,
    commit: Hex,
    epoch_authenticator: Hex,
}

/// The key package of a message, if every check of the library passes.
pub(super) fn key_package(provider: &OpenMlsRustCrypto, message: &Hex) -> KeyPackage {
    match MlsMessageIn::tls_deserialize_exact(&message.0).unwrap().extract() {
        MlsMessageBodyIn::KeyPackage(package) => package
            .validate(provider.crypto(), ProtocolVersion::Mls10)
            .unwrap(),
        other => panic!("no key package but {other:?}"),
    }
}

/// Stores a key package with its private keys, as if we had made it. The library gives no way to make a
/// bundle of keys that it did not draw itself, except to read a stored one.
pub(super) fn own(provider: &OpenMlsRustCrypto, package: &KeyPackage, init: &Hex, encryption: &Hex) {
    let private = |key: &Hex| serde_json::to_value(HpkePrivateKey::from(key.0.clone())).unwrap();
    let bundle: KeyPackageBundle = serde_json::from_value(json!({
        "key_package": package,
        "private_init_key": private(init),
        "private_encryption_key": { "key": private(encryption) },
    }))
    .unwrap();
    let reference = package.hash_ref(provider.crypto()).unwrap();
    provider.storage().write_key_package(&reference, &bundle).unwrap();
}

fn join(provider: &OpenMlsRustCrypto, vector: &Vector) -> Result<MlsGroup, String> {
    let config = MlsGroupJoinConfig::builder()
        .use_ratchet_tree_extension(true)
        .wire_format_policy(MIXED_PLAINTEXT_WIRE_FORMAT_POLICY)
        .number_of_resumption_psks(16)
        .build();
    let MlsMessageBodyIn::Welcome(welcome) = MlsMessageIn::tls_deserialize_exact(&vector.welcome.0)
        .unwrap()
        .extract()
    else {
        return Err("no welcome".to_owned());
    };
    let mut builder = StagedWelcome::build_from_welcome(provider, &config, welcome)
        .map_err(|error| format!("the welcome: {error:?}"))?
        .skip_lifetime_validation();
    if let Some(tree) = &vector.ratchet_tree {
        builder = builder.with_ratchet_tree(RatchetTreeIn::tls_deserialize_exact(&tree.0).unwrap());
    }
    builder
        .build()
        .and_then(|staged| staged.into_group(provider))
        .map_err(|error| format!("joining: {error:?}"))
}

fn take_in(provider: &OpenMlsRustCrypto, group: &mut MlsGroup, message: &Hex) -> Result<(), String> {
    let message: ProtocolMessage = MlsMessageIn::tls_deserialize_exact(&message.0)
        .unwrap()
        .try_into_protocol_message()
        .unwrap();
    let processed = group
        .process_message(provider, message)
        .map_err(|error| format!("{error:?}"))?;
    match processed.into_content() {
        ProcessedMessageContent::ProposalMessage(proposal) => group
            .store_pending_proposal(provider.storage(), *proposal)
            .map_err(|error| format!("{error:?}")),
        ProcessedMessageContent::StagedCommitMessage(commit) => group
            .merge_staged_commit(provider, *commit)
            .map_err(|error| format!("{error:?}")),
        other => Err(format!("neither a proposal nor a commit: {other:?}")),
    }
}

/// Follows a whole vector; the number of epochs that agreed.
fn follow(vector: &Vector) -> Result<usize, String> {
    let provider = OpenMlsRustCrypto::default();
    for external in &vector.external_psks {
        PreSharedKeyId::external(external.psk_id.0.clone(), Vec::new())
            .store(&provider, &external.psk.0)
            .unwrap();
    }
    let package = key_package(&provider, &vector.key_package);
    own(&provider, &package, &vector.init_priv, &vector.encryption_priv);

    let mut group = join(&provider, vector)?;
    agrees(&group, &vector.initial_epoch_authenticator).map_err(|error| format!("after joining: {error}"))?;
    for (at, epoch) in vector.epochs.iter().enumerate() {
        for proposal in &epoch.proposals {
            take_in(&provider, &mut group, proposal).map_err(|e| format!("epoch {at}, proposal: {e}"))?;
        }
        take_in(&provider, &mut group, &epoch.commit).map_err(|e| format!("epoch {at}, commit: {e}"))?;
        agrees(&group, &epoch.epoch_authenticator).map_err(|e| format!("epoch {at}: {e}"))?;
    }
    Ok(1 + vector.epochs.len())
}

fn agrees(group: &MlsGroup, authenticator: &Hex) -> Result<(), String> {
    if group.epoch_authenticator().as_slice() == authenticator.0 {
        Ok(())
    } else {
        Err("another epoch authenticator".to_owned())
    }
}

fn follow_all(file: &str, expected: usize) {
    let vectors: Vec<Vector> = read(file);
    let mut epochs = 0;
    let mut failed = Vec::new();
    for (at, vector) in vectors.iter().enumerate() {
        assert_eq!(vector.cipher_suite, u16::from(SUITE));
        match follow(vector) {
            Ok(passed) => epochs += passed,
            Err(error) => failed.push(format!("{file} {at}: {error}")),
        }
    }
    println!(
        "{file}: {} vectors, {epochs} epochs, {} failed",
        vectors.len(),
        failed.len()
    );
    assert_eq!(failed, Vec::<String>::new());
    assert_eq!(vectors.len(), expected);
}

#[test]
fn who_is_welcomed_by_another_implementation_has_its_epoch_authenticator() {
    follow_all("passive-client-welcome.json", 8);
}

#[test]
fn who_follows_the_commits_of_another_implementation_agrees_with_it_in_every_epoch() {
    follow_all("passive-client-handling-commit.json", 13);
}

#[test]
fn a_welcome_that_was_changed_in_one_bit_lets_nobody_in() {
    let mut vectors: Vec<Vector> = read("passive-client-welcome.json");
    for vector in &mut vectors {
        let last = vector.welcome.0.len() - 1;
        vector.welcome.0[last] ^= 1;
        assert!(follow(vector).is_err());
    }
}
