//! Passive clients: someone joins by a welcome that another implementation made, follows what that
//! implementation's members propose and commit, and has their epoch authenticator after every step.

use openmls::group::{MIXED_PLAINTEXT_WIRE_FORMAT_POLICY, MlsGroup, MlsGroupJoinConfig, StagedWelcome};
use openmls::prelude::{
    KeyPackage, KeyPackageBundle, KeyPackageVerifyError, MlsMessageBodyIn, MlsMessageIn,
    ProcessedMessageContent, ProtocolMessage, ProtocolVersion, RatchetTreeIn,
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

/// The key package of a message. The library's checks must pass, except that of the lifetime, which ended
/// years ago and is the last of them.
pub(super) fn key_package(provider: &OpenMlsRustCrypto, message: &Hex) -> KeyPackage {
    let MlsMessageBodyIn::KeyPackage(package) =
        MlsMessageIn::tls_deserialize_exact(&message.0).unwrap().extract()
    else {
        panic!("no key package");
    };
    let stored = serde_json::to_value(&package).unwrap();
    match package.validate(provider.crypto(), ProtocolVersion::Mls10) {
        Ok(package) => package,
        Err(KeyPackageVerifyError::LifetimeError(_)) => serde_json::from_value(stored).unwrap(),
        Err(error) => panic!("{error:?}"),
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

/// How far a vector could be followed.
struct Followed {
    /// Epochs with the same authenticator, the one of joining among them.
    epochs: usize,
    /// Whether it ended early, at a key package whose lifetime is over: of those that a commit adds, the
    /// library checks it against the clock of the machine, and nothing turns that off.
    expired: bool,
}

fn follow(vector: &Vector) -> Result<Followed, String> {
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
        for message in epoch.proposals.iter().chain([&epoch.commit]) {
            match take_in(&provider, &mut group, message) {
                Ok(()) => {}
                Err(error) if error.contains("LifetimeError(Expired") => {
                    return Ok(Followed {
                        epochs: 1 + at,
                        expired: true,
                    });
                }
                Err(error) => return Err(format!("epoch {at}: {error}")),
            }
        }
        agrees(&group, &epoch.epoch_authenticator).map_err(|error| format!("epoch {at}: {error}"))?;
    }
    Ok(Followed {
        epochs: 1 + vector.epochs.len(),
        expired: false,
    })
}

fn agrees(group: &MlsGroup, authenticator: &Hex) -> Result<(), String> {
    if group.epoch_authenticator().as_slice() == authenticator.0 {
        Ok(())
    } else {
        Err("another epoch authenticator".to_owned())
    }
}

/// Follows all vectors of a file: how many to the end, how many until a lifetime was over.
fn follow_all(file: &str) -> (usize, usize) {
    let vectors: Vec<Vector> = read(file);
    let (mut whole, mut expired, mut epochs) = (0, 0, 0);
    let mut failed = Vec::new();
    for (at, vector) in vectors.iter().enumerate() {
        assert_eq!(vector.cipher_suite, u16::from(SUITE));
        match follow(vector) {
            Ok(followed) => {
                epochs += followed.epochs;
                whole += usize::from(!followed.expired);
                expired += usize::from(followed.expired);
            }
            Err(error) => failed.push(format!("{file} {at}: {error}")),
        }
    }
    let all: usize = vectors.iter().map(|vector| 1 + vector.epochs.len()).sum();
    println!(
        "{file}: {} vectors, {whole} to the end, {expired} until a lifetime was over, {} failed; \
         {epochs} of {all} epochs",
        vectors.len(),
        failed.len()
    );
    assert_eq!(failed, Vec::<String>::new());
    (whole, expired)
}

#[test]
fn who_is_welcomed_by_another_implementation_has_its_epoch_authenticator() {
    assert_eq!(follow_all("passive-client-welcome.json"), (8, 0));
}

#[test]
fn who_follows_the_commits_of_another_implementation_agrees_with_it_in_every_epoch() {
    assert_eq!(follow_all("passive-client-handling-commit.json"), (9, 4));
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
