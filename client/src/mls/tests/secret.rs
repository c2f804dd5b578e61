//! Secrets of epochs, and what is forgotten.

use openmls::prelude::{KeyPackageIn, ProtocolVersion};
use openmls_rust_crypto::RustCrypto;
use openmls_traits::OpenMlsProvider;
use openmls_traits::storage::StorageProvider;
use tls_codec::Deserialize;

use super::*;
use crate::mls::provider::Provider;

#[test]
fn a_pending_commit_gives_the_secrets_that_others_derive() {
    for suite in BOTH {
        let [ann, bo] = pair(suite);
        let before = ann.group().access(&channel(), Counter(5)).unwrap();
        let staged = ann.commits(&[], &[], true);
        let pending = ann.group().pending_access(&channel(), Counter(5)).unwrap();
        let authenticator = ann.group().pending_authenticator_hash().unwrap();
        assert!(pending != before);

        let Incoming::Commit(commit) = bo.tries(&staged.message).unwrap() else {
            panic!()
        };
        assert!(commit.access(&channel(), Counter(5)).unwrap() == pending);
        assert_eq!(commit.authenticator_hash(), Some(authenticator));
        ann.lands();
        bo.follows(&staged.message);
        for group in [ann.group(), bo.group()] {
            assert!(group.access(&channel(), Counter(5)).unwrap() == pending);
            assert_eq!(group.authenticator_hash(), authenticator);
            assert!(group.access(&channel(), Counter(6)).unwrap() != pending);
            assert!(group.access(&ChannelId([8; 32]), Counter(5)).unwrap() != pending);
        }
        assert!(ann.group().pending_access(&channel(), Counter(5)).is_err());
    }
}

#[test]
fn a_key_package_is_used_once_and_its_private_part_is_gone() {
    for suite in BOTH {
        let ann = Member::founder(suite);
        let bo = Member::new();
        let made = bo.key_package(suite);
        let package = KeyPackageIn::tls_deserialize_exact(&made.bytes)
            .unwrap()
            .validate(&RustCrypto::default(), ProtocolVersion::Mls10)
            .unwrap();
        let name = package.hash_ref(&RustCrypto::default()).unwrap();
        let kept = || {
            let overlay = bo.vault.overlay();
            let provider = Provider::over(&overlay);
            let bundle: Option<openmls::prelude::KeyPackageBundle> =
                provider.storage().key_package(&name).unwrap();
            bundle.is_some()
        };
        assert!(kept());
        let staged = ann.commits(&[&made], &[], false);
        ann.lands();
        bo.joins(&staged);
        assert!(!kept());
        assert!(matches!(
            bo.try_join(&staged),
            Err(MlsError::Unprocessable(Refusal::Sealed))
        ));
        agree(&[&ann, &bo]);
    }
}

#[test]
fn the_vault_of_today_opens_nothing_that_was_read_before_however_much_was_recorded() {
    let long = std::env::var_os("CAUCUS_LONG").is_some();
    let count = if long { 10_000 } else { 300 };
    let [ann, bo] = pair(SuiteChoice::Hybrid);
    let mut recorded = Vec::new();
    for number in 0..count {
        if number % 100 == 50 {
            let staged = ann.commits(&[], &[], true);
            ann.lands();
            bo.follows(&staged.message);
            recorded.push(staged.message);
        }
        let (from, to) = if number % 2 == 0 { (&ann, &bo) } else { (&bo, &ann) };
        let message = from.says("said and read");
        assert_eq!(to.hears(&message).1, "said and read");
        recorded.push(message);
    }
    let [ann, bo] = [ann.restarts(), bo.restarts()];
    for member in [&ann, &bo] {
        for (number, message) in recorded.iter().enumerate() {
            // That it is one's own shows outside its seal.
            let incoming = member.tries(message);
            assert!(
                matches!(incoming, Err(_) | Ok(Incoming::Own)),
                "{number}: {incoming:?}"
            );
        }
    }
    let message = ann.says("what comes is read");
    assert_eq!(bo.hears(&message).1, "what comes is read");
}

#[test]
fn secrets_of_past_epochs_are_not_kept() {
    let [ann, bo] = pair(SuiteChoice::Hybrid);
    for _ in 0..2 {
        let staged = ann.commits(&[], &[], true);
        ann.lands();
        bo.follows(&staged.message);
    }
    for member in [&ann, &bo] {
        let overlay = member.vault.overlay();
        let epochs = Provider::over(&overlay).storage().epochs_kept(&room(), 8, 4);
        assert_eq!(epochs, [3]);
    }
}

#[test]
fn a_forgotten_group_leaves_no_record() {
    let [ann, bo] = pair(SuiteChoice::Classical);
    ann.says("something");
    ann.commits(&[], &[], true);
    let overlay = ann.vault.overlay();
    assert!(Provider::over(&overlay).storage().group_records(&room()) > 9);
    let group = ann.group();
    let leaf = group.inner.own_leaf_node().unwrap().signature_key().clone();
    Group::forget(&overlay, &room()).unwrap();
    overlay.commit().unwrap();

    let overlay = ann.vault.overlay();
    let provider = Provider::over(&overlay);
    assert_eq!(provider.storage().group_records(&room()), 0);
    assert!(provider.storage().epochs_kept(&room(), 8, 4).is_empty());
    let key = openmls_basic_credential::SignatureKeyPair::read(
        provider.storage(),
        leaf.as_slice(),
        crate::mls::suite::LEAF_SCHEME,
    );
    assert!(key.is_none());
    assert!(Group::load(&overlay, &room()).unwrap().is_none());
    assert!(Group::load(&bo.vault.overlay(), &room()).unwrap().is_some());
}

#[test]
fn a_removed_member_can_forget() {
    let [ann, bo] = pair(SuiteChoice::Classical);
    let staged = ann.commits(&[], &[bo.id()], true);
    ann.lands();
    bo.follows(&staged.message);
    let overlay = bo.vault.overlay();
    assert!(
        Provider::over(&overlay)
            .storage()
            .epochs_kept(&room(), 8, 4)
            .is_empty()
    );
    Group::forget(&overlay, &room()).unwrap();
    overlay.commit().unwrap();
    let overlay = bo.vault.overlay();
    let provider = Provider::over(&overlay);
    assert_eq!(provider.storage().group_records(&room()), 0);
    assert!(provider.storage().epochs_kept(&room(), 8, 4).is_empty());
}

#[test]
fn secrets_do_not_show_when_printed() {
    let persona = PersonaKeys::generate().unwrap();
    assert_eq!(format!("{persona:?}"), "PersonaKeys(..)");
    let ann = Member::founder(SuiteChoice::Classical);
    let shown = format!("{:?}", ann.group());
    assert!(shown.len() < 64, "{shown}");
    let again = PersonaKeys::from_bytes(&persona.bytes());
    assert_eq!(again.id(), persona.id());
    assert!(again.public().verify(&[1; 32], &persona.sign(&[1; 32])).is_ok());
}

#[test]
fn a_key_package_that_was_forgotten_opens_no_welcome() {
    let ann = Member::founder(SuiteChoice::Classical);
    let bo = Member::new();
    let made = bo.key_package(SuiteChoice::Classical);
    let staged = ann.commits(&[&made], &[], false);
    let overlay = bo.vault.overlay();
    forget_key_package(&overlay, &made.bytes, SuiteChoice::Classical, &room()).unwrap();
    overlay.commit().unwrap();
    assert!(matches!(
        bo.try_join(&staged),
        Err(MlsError::Unprocessable(Refusal::Sealed))
    ));
}

#[test]
fn groups_and_commits_can_go_to_another_thread() {
    fn goes<T: Send>() {}
    goes::<Group>();
    goes::<Incoming>();
    goes::<MlsError>();
}

#[test]
fn a_message_too_far_ahead_of_its_authors_ratchet_is_refused_and_the_next_ones_are_read() {
    for suite in BOTH {
        let [ann, bo] = pair(suite);
        let (far, near) = ann.act(|group, overlay| {
            let mut sealed: Vec<_> = (0..1_002)
                .map(|_| group.seal(overlay, b"again").unwrap())
                .collect();
            (sealed.pop().unwrap(), sealed.swap_remove(500))
        });
        assert!(matches!(bo.tries(&far), Err(MlsError::Unprocessable(_))));
        assert_eq!(bo.hears(&near), (ann.id(), "again".into()));
        assert_eq!(
            bo.hears(&far),
            (ann.id(), "again".into()),
            "now it is near enough"
        );
    }
}

#[test]
fn a_message_that_is_cut_short_or_made_longer_is_refused() {
    for suite in BOTH {
        let [ann, bo] = pair(suite);
        let said = ann.says("whole");
        for by in 1..=32 {
            let longer = [said.as_slice(), &vec![0; by]].concat();
            for bytes in [&said[..said.len() - by], &said[by..], &longer] {
                assert!(matches!(bo.tries(bytes), Err(MlsError::Unprocessable(_))));
            }
        }
        assert_eq!(bo.hears(&said), (ann.id(), "whole".into()));
    }
}
