//! Leaves of other personas, at every place where a leaf comes from.

use caucus_proto::org::OLDER_LEAVES;
use openmls::group::MlsGroupCreateConfig;
use openmls::prelude::{BasicCredential, KeyPackage, LeafNodeParameters, Lifetime};
use tls_codec::Serialize;

use super::raw::{
    Smuggled, certified, classical, foreign_welcome, odd_package, package, raw, smuggle, with_key,
};
use super::*;
use crate::mls::suite;

fn elsewhere() -> RoomId {
    RoomId::of(&BodyId([8; 32]), "members")
}

fn bytes(package: &KeyPackage) -> Vec<u8> {
    package.tls_serialize_detached().unwrap()
}

/// Refused when read, when we would stage it, and when somebody else commits it.
fn refused_everywhere(package: KeyPackage, why: Refusal) {
    let [ann, bo] = pair(SuiteChoice::Classical);
    let read = read_key_package(&bytes(&package), SuiteChoice::Classical, &room());
    assert_eq!(read, Err(why));
    let staged = ann
        .group()
        .stage(&ann.vault.overlay(), &ann.persona, &[bytes(&package)], &[], false);
    assert!(matches!(staged, Err(MlsError::Unprocessable(refusal)) if refusal == why));
    let goods = Smuggled {
        adds: vec![package],
        ..Smuggled::default()
    };
    assert_eq!(bo.refuses(&smuggle(&ann, goods)), why);
}

#[test]
fn a_good_key_package_says_whose_it_is() {
    for suite in BOTH {
        let member = Member::new();
        let made = member.key_package(suite);
        let view = read_key_package(&made.bytes, suite, &room()).unwrap();
        assert_eq!((view.persona, view.key), (member.id(), member.persona.public()));
        assert_eq!(view.hash, made.hash);
        let other = BOTH.into_iter().find(|other| *other != suite).unwrap();
        assert_eq!(read_key_package(&made.bytes, other, &room()), Err(Refusal::Suite));
        assert_eq!(
            read_key_package(&made.bytes, suite, &elsewhere()),
            Err(Refusal::Certificate)
        );
    }
}

#[test]
fn an_add_of_a_leaf_certified_for_another_room_is_refused() {
    let package = odd_package(&Member::new(), classical(), &elsewhere(), |builder| builder);
    refused_everywhere(package, Refusal::Certificate);
}

#[test]
fn an_add_with_a_clock_in_it_is_refused() {
    let package = odd_package(&Member::new(), classical(), &room(), |builder| {
        builder.key_package_lifetime(Lifetime::new(3600))
    });
    refused_everywhere(package, Refusal::Lifetime);
}

#[test]
fn an_add_that_can_be_used_more_than_once_is_refused() {
    let package = odd_package(&Member::new(), classical(), &room(), |builder| {
        builder
            .leaf_node_capabilities(openmls::prelude::Capabilities::new(
                None,
                Some(&[classical()]),
                Some(&[openmls::prelude::ExtensionType::LastResort]),
                None,
                None,
            ))
            .mark_as_last_resort()
    });
    refused_everywhere(package, Refusal::Extension);
}

#[test]
fn two_leaves_of_one_persona_in_one_commit_are_refused() {
    let [ann, bo] = pair(SuiteChoice::Classical);
    let cem = Member::new();
    let twice = [
        cem.key_package(SuiteChoice::Classical),
        cem.key_package(SuiteChoice::Classical),
    ];
    let goods = Smuggled {
        adds: twice.iter().map(|made| package(&made.bytes)).collect(),
        ..Smuggled::default()
    };
    assert_eq!(bo.refuses(&smuggle(&ann, goods)), Refusal::Seat);
    let adds: Vec<_> = twice.iter().map(|made| made.bytes.clone()).collect();
    let staged = ann
        .group()
        .stage(&ann.vault.overlay(), &ann.persona, &adds, &[], false);
    assert!(matches!(staged, Err(MlsError::Unprocessable(Refusal::Seat))));
}

#[test]
fn an_update_path_whose_leaf_is_of_another_persona_is_refused() {
    let [ann, bo] = pair(SuiteChoice::Classical);
    let eve = PersonaKeys::generate().unwrap();
    let path_of = |persona: &PersonaKeys, room: &RoomId| {
        let credential = raw(&ann, |_, _, signer| certified(persona, signer, room));
        let leaf = LeafNodeParameters::builder()
            .with_credential_with_key(credential)
            .build();
        smuggle(
            &ann,
            Smuggled {
                leaf,
                ..Smuggled::default()
            },
        )
    };
    assert_eq!(bo.refuses(&path_of(&eve, &room())), Refusal::Persona);
    assert_eq!(bo.refuses(&path_of(&bo.persona, &room())), Refusal::Persona);
    assert_eq!(
        bo.refuses(&path_of(&ann.persona, &elsewhere())),
        Refusal::Certificate
    );
    assert!(matches!(
        bo.tries(&path_of(&ann.persona, &room())),
        Ok(Incoming::Commit(commit)) if commit.author == ann.id()
    ));
}

#[test]
fn a_welcome_into_a_tree_with_a_leaf_that_nobody_certified_is_refused() {
    let eve = PersonaKeys::generate().unwrap();
    let config = suite::create_config(classical()).unwrap();
    let welcome = |founder: &dyn Fn(&openmls_basic_credential::SignatureKeyPair) -> _,
                   more: Vec<KeyPackage>| {
        let cem = Member::new();
        let own = package(&cem.key_package(SuiteChoice::Classical).bytes);
        let adds = more.into_iter().chain([own]).collect();
        match cem.try_join(&foreign_welcome(&config, founder, adds, false)) {
            Err(MlsError::Unprocessable(refusal)) => Some(refusal),
            Ok(joined) => {
                assert_eq!(joined.by, eve.id());
                None
            }
            other => panic!("{other:?}"),
        }
    };
    let nobody = |signer: &_| with_key(BasicCredential::new(b"nobody".to_vec()).into(), signer);
    let foreign = |signer: &_| certified(&eve, signer, &elsewhere());
    let good = |signer: &_| certified(&eve, signer, &room());
    assert_eq!(welcome(&good, vec![]), None);
    assert_eq!(welcome(&nobody, vec![]), Some(Refusal::Certificate));
    assert_eq!(welcome(&foreign, vec![]), Some(Refusal::Certificate));

    let twins = |count: u8| {
        let twin = Member {
            persona: PersonaKeys::from_bytes(&eve.bytes()),
            ..Member::new()
        };
        let made = (0..count).map(|_| package(&twin.key_package(SuiteChoice::Classical).bytes));
        made.collect()
    };
    assert_eq!(welcome(&good, twins(OLDER_LEAVES)), None);
    assert_eq!(welcome(&good, twins(OLDER_LEAVES + 1)), Some(Refusal::Seat));
    let astray = odd_package(&Member::new(), classical(), &elsewhere(), |builder| builder);
    assert_eq!(welcome(&good, vec![astray]), Some(Refusal::Certificate));
}

#[test]
fn a_welcome_with_its_tree_inside_or_with_other_extensions_is_refused() {
    let eve = PersonaKeys::generate().unwrap();
    let good = |signer: &_| certified(&eve, signer, &room());
    let bare = MlsGroupCreateConfig::builder()
        .ciphersuite(classical())
        .lifetime(suite::lifetime())
        .capabilities(suite::capabilities(classical()))
        .build();
    let usual = suite::create_config(classical()).unwrap();
    for (config, inside) in [(&usual, true), (&bare, false)] {
        let cem = Member::new();
        let own = package(&cem.key_package(SuiteChoice::Classical).bytes);
        let refused = cem.try_join(&foreign_welcome(config, good, vec![own], inside));
        assert!(matches!(
            refused,
            Err(MlsError::Unprocessable(Refusal::Extension))
        ));
    }
}

#[test]
fn a_welcome_is_for_one_persona_and_one_room() {
    let ann = Member::founder(SuiteChoice::Classical);
    let bo = Member::new();
    let staged = ann.commits(&[&bo.key_package(SuiteChoice::Classical)], &[], false);
    let (welcome, tree) = (staged.welcome.unwrap(), staged.tree.unwrap());
    let join = |room: &RoomId, persona: &PersonaId, tree: &[u8]| match Group::join(
        &bo.vault.overlay(),
        room,
        persona,
        &welcome,
        tree,
        &Bearers::default(),
    ) {
        Err(MlsError::Unprocessable(refusal)) => refusal,
        other => panic!("{other:?}"),
    };
    assert_eq!(join(&elsewhere(), &bo.id(), &tree), Refusal::Group);
    assert_eq!(join(&room(), &ann.id(), &tree), Refusal::Persona);
    let old = ann
        .group()
        .inner
        .export_ratchet_tree()
        .tls_serialize_detached()
        .unwrap();
    assert_eq!(join(&room(), &bo.id(), &old), Refusal::Welcome);
    assert_eq!(join(&room(), &bo.id(), b""), Refusal::Malformed);
    assert!(
        Group::join(
            &bo.vault.overlay(),
            &room(),
            &bo.id(),
            &welcome,
            &tree,
            &Bearers::default()
        )
        .is_ok()
    );
}
