//! What a member with another program sends: everything but encrypted messages and commits of inline Adds
//! and Removes is refused, alike by everybody.

use openmls::group::{
    MlsGroup, MlsGroupJoinConfig, PURE_CIPHERTEXT_WIRE_FORMAT_POLICY, PURE_PLAINTEXT_WIRE_FORMAT_POLICY,
};
use openmls::prelude::{
    CustomProposal, Extensions, LeafNodeIndex, MlsMessageBodyIn, MlsMessageIn, PreSharedKeyProposal, Proposal,
};
use openmls::schedule::{ExternalPsk, PreSharedKeyId, Psk};
use openmls_basic_credential::SignatureKeyPair;
use openmls_rust_crypto::RustCrypto;
use openmls_traits::OpenMlsProvider;
use openmls_traits::signatures::{Signer, SignerError};
use openmls_traits::types::SignatureScheme;
use tls_codec::{Deserialize, Serialize};

use super::raw::{CUSTOM, classical, smuggle, wide};
use super::raw::{Lie, Smuggled, certified, forged_message, leaf_key, message, odd_package, package, raw};
use super::*;
use crate::mls::group::group_id;
use crate::mls::provider::Provider;
use crate::mls::{framing, policy, suite};

/// A PSK that these members know.
fn psk(members: &[&Member]) -> Proposal {
    let psk = Psk::External(ExternalPsk::new(b"known".to_vec()));
    let id = PreSharedKeyId::new(classical(), &RustCrypto::default(), psk).unwrap();
    for member in members {
        let overlay = member.vault.overlay();
        id.store(&Provider::over(&overlay), b"secret").unwrap();
        overlay.commit().unwrap();
    }
    Proposal::PreSharedKey(Box::new(PreSharedKeyProposal::new(id)))
}

#[test]
fn a_smuggled_psk_is_refused_whether_it_is_known_or_not() {
    let people = people(SuiteChoice::Classical, 3);
    let [ann, bo, cem] = &people[..] else { panic!() };
    let proposals = vec![psk(&[ann, bo])];
    let commit = smuggle(
        ann,
        Smuggled {
            proposals,
            ..Smuggled::default()
        },
    );
    assert_eq!(bo.refuses(&commit), Refusal::Proposal);
    assert_eq!(cem.refuses(&commit), Refusal::Proposal);
}

#[test]
fn a_change_of_the_groups_extensions_is_refused() {
    let [ann, bo] = pair(SuiteChoice::Classical);
    let commit = raw(&ann, |inner, provider, signer| {
        let bundle = inner
            .commit_builder()
            .propose_group_context_extensions(Extensions::empty())
            .unwrap()
            .load_psks(provider.storage())
            .unwrap()
            .build(provider.rand(), provider.crypto(), signer, |_| true)
            .unwrap()
            .stage_commit(provider)
            .unwrap();
        message(bundle)
    });
    assert_eq!(bo.refuses(&commit), Refusal::Proposal);
}

#[test]
fn a_custom_proposal_is_refused_even_where_all_leaves_support_it() {
    let (ann, bo) = (Member::new(), Member::new());
    let overlay = ann.vault.overlay();
    let provider = Provider::over(&overlay);
    let signer = leaf_key();
    signer.store(provider.storage()).unwrap();
    let config = openmls::group::MlsGroupCreateConfig::builder()
        .ciphersuite(classical())
        .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
        .lifetime(suite::lifetime())
        .capabilities(wide(classical()))
        .with_group_context_extensions(suite::group_extensions().unwrap())
        .build();
    let credential = certified(&ann.persona, &signer, &room());
    MlsGroup::new_with_group_id(&provider, &signer, &config, group_id(&room()), credential).unwrap();
    overlay.commit().unwrap();
    let package = odd_package(&bo, classical(), &room(), |builder| {
        builder.leaf_node_capabilities(wide(classical()))
    });
    let bytes = package.tls_serialize_detached().unwrap();
    let staged = ann.act(|group, overlay| group.stage(overlay, &ann.persona, &[bytes], &[], false).unwrap());
    ann.lands();
    bo.joins(&staged);

    let proposals = vec![Proposal::Custom(Box::new(CustomProposal::new(CUSTOM, vec![1])))];
    let commit = smuggle(
        &ann,
        Smuggled {
            proposals,
            ..Smuggled::default()
        },
    );
    assert_eq!(bo.refuses(&commit), Refusal::Proposal);
    assert_eq!(bo.hears(&ann.says("and on")).1, "and on");
}

#[test]
fn a_proposal_that_stands_alone_is_refused_and_so_is_the_commit_that_refers_to_it() {
    let people = people(SuiteChoice::Classical, 3);
    let [ann, bo, cem] = &people[..] else { panic!() };
    let (alone, commit) = raw(ann, |inner, provider, signer| {
        let (alone, _) = inner
            .propose_remove_member(provider, signer, LeafNodeIndex::new(2))
            .unwrap();
        let (commit, _, _) = inner.commit_to_pending_proposals(provider, signer).unwrap();
        let bytes = |out: openmls::prelude::MlsMessageOut| out.tls_serialize_detached().unwrap();
        (bytes(alone), bytes(commit))
    });
    assert_eq!(bo.refuses(&alone), Refusal::Standalone);
    assert_eq!(bo.refuses(&commit), Refusal::Proposal);
    assert_eq!(cem.refuses(&commit), Refusal::Proposal);
    assert_eq!(bo.group().inner.pending_proposals().count(), 0);
}

#[test]
fn public_messages_are_refused() {
    let [ann, bo] = pair(SuiteChoice::Classical);
    let commit = raw(&ann, |inner, provider, signer| {
        let plain = MlsGroupJoinConfig::builder()
            .wire_format_policy(PURE_PLAINTEXT_WIRE_FORMAT_POLICY)
            .build();
        inner.set_configuration(provider.storage(), &plain).unwrap();
        let bundle = inner
            .commit_builder()
            .force_self_update(true)
            .load_psks(provider.storage())
            .unwrap()
            .build(provider.rand(), provider.crypto(), signer, |_| true)
            .unwrap()
            .stage_commit(provider)
            .unwrap();
        message(bundle)
    });
    assert_eq!(bo.refuses(&commit), Refusal::Framing);
}

#[test]
fn an_external_commit_is_refused() {
    let [ann, bo] = pair(SuiteChoice::Classical);
    let eve = Member::new();
    let info = raw(&ann, |inner, provider, signer| {
        let info = inner.export_group_info(provider.crypto(), signer, true).unwrap();
        info.tls_serialize_detached().unwrap()
    });
    let MlsMessageBodyIn::GroupInfo(info) = MlsMessageIn::tls_deserialize_exact(&info).unwrap().extract()
    else {
        panic!()
    };
    let overlay = eve.vault.overlay();
    let provider = Provider::over(&overlay);
    let signer = leaf_key();
    let (_, bundle) = MlsGroup::external_commit_builder()
        .with_config(suite::join_config())
        .skip_lifetime_validation()
        .build_group(&provider, info, certified(&eve.persona, &signer, &room()))
        .unwrap()
        .load_psks(provider.storage())
        .unwrap()
        .build(provider.rand(), provider.crypto(), &signer, |_| true)
        .unwrap()
        .finalize(&provider)
        .unwrap();
    assert_eq!(bo.refuses(&message(bundle)), Refusal::Framing);
}

#[test]
fn authenticated_data_and_messages_of_other_kinds_are_refused() {
    let [ann, bo] = pair(SuiteChoice::Classical);
    let tagged = raw(&ann, |inner, provider, signer| {
        inner.set_aad(b"in the open".to_vec());
        let out = inner.create_message(provider, signer, b"hello").unwrap();
        out.tls_serialize_detached().unwrap()
    });
    assert_eq!(bo.refuses(&tagged), Refusal::Aad);
    let cem = Member::new();
    let staged = ann.commits(&[&cem.key_package(SuiteChoice::Classical)], &[], false);
    assert_eq!(bo.refuses(&staged.welcome.unwrap()), Refusal::Framing);
    assert_eq!(bo.refuses(b""), Refusal::Malformed);
    let longer = [staged.message, vec![0]].concat();
    assert_eq!(bo.refuses(&longer), Refusal::Malformed);
}

#[test]
fn only_a_commit_that_adds_and_does_nothing_else_may_lack_a_path() {
    let people = people(SuiteChoice::Classical, 3);
    let [ann, bo, cem] = &people[..] else { panic!() };
    let group = ann.group();
    let judge = |proposals: Vec<framing::Proposal>| {
        let commit = framing::Commit {
            proposals,
            path: None,
        };
        let tree = group.inner.public_group();
        policy::judge(
            &commit,
            LeafNodeIndex::new(0),
            &room(),
            SuiteChoice::Classical,
            tree,
            &Bearers::default(),
        )
    };
    let leaf = |index| framing::Proposal::Remove(LeafNodeIndex::new(index));
    let add = |member: &Member| framing::Proposal::Add(member.key_package(SuiteChoice::Classical).bytes);
    let dai = Member::new();
    assert_eq!(judge(vec![add(&dai)]).unwrap().path, None);
    assert_eq!(judge(vec![]), Err(Refusal::Commit));
    assert_eq!(judge(vec![leaf(1)]), Err(Refusal::Commit));
    assert_eq!(judge(vec![leaf(1), add(&dai)]), Err(Refusal::Commit));
    assert_eq!(judge(vec![add(&dai), add(&dai)]), Err(Refusal::Seat));
    assert_eq!(judge(vec![leaf(7)]), Err(Refusal::Removal));
    assert_eq!(cem.group().roster(), [ann.id(), bo.id(), cem.id()]);
}

#[test]
fn a_commit_that_removes_its_author_or_a_leaf_twice_is_refused() {
    let people = people(SuiteChoice::Classical, 3);
    let [ann, _, _] = &people[..] else { panic!() };
    let content = std::cell::RefCell::new(None);
    let group = ann.group();
    raw(ann, |inner, provider, signer| {
        let spy = Spy(signer, &content);
        let builder = inner.commit_builder().force_self_update(true);
        let loaded = builder.load_psks(provider.storage()).unwrap();
        loaded
            .build(provider.rand(), provider.crypto(), &spy, |_| true)
            .unwrap();
    });
    let content = content.take().unwrap();
    let removing = |leaves: &[u32]| {
        let framing::Body::Commit(mut commit) = framing::Content::read(&content).unwrap().body else {
            panic!()
        };
        let removes = leaves
            .iter()
            .map(|leaf| framing::Proposal::Remove(LeafNodeIndex::new(*leaf)));
        commit.proposals.extend(removes);
        policy::judge(
            &commit,
            LeafNodeIndex::new(0),
            &room(),
            SuiteChoice::Classical,
            group.inner.public_group(),
            &Bearers::default(),
        )
    };
    assert_eq!(removing(&[1]).unwrap().removes.len(), 1);
    assert_eq!(removing(&[0]), Err(Refusal::Removal));
    assert_eq!(removing(&[1, 1]), Err(Refusal::Removal));
}

/// A leaf key that keeps what it signed of a message.
struct Spy<'a>(&'a SignatureKeyPair, &'a std::cell::RefCell<Option<Vec<u8>>>);

impl Signer for Spy<'_> {
    fn sign(&self, payload: &[u8]) -> Result<Vec<u8>, SignerError> {
        if let Some(content) = framing::signed_content(payload) {
            self.1.replace(Some(content));
        }
        self.0.sign(payload)
    }

    fn signature_scheme(&self) -> SignatureScheme {
        self.0.signature_scheme()
    }
}

#[test]
fn a_signed_commit_that_fails_in_path_or_tag_is_broken_and_names_its_author() {
    for suite in BOTH {
        let people = people(suite, 3);
        let [ann, bo, cem] = &people[..] else { panic!() };
        for lie in [Lie::Path, Lie::Tag] {
            let commit = smuggle(
                bo,
                Smuggled {
                    lie: Some(lie),
                    ..Smuggled::default()
                },
            );
            for other in [ann, cem] {
                let broken = other.tries(&commit);
                assert!(
                    matches!(broken, Err(MlsError::Broken { author, .. }) if author == bo.id()),
                    "{broken:?}"
                );
            }
        }
        assert_eq!(ann.hears(&bo.says("never mind")).1, "never mind");
    }
}

#[test]
fn a_commit_that_is_broken_and_breaks_a_rule_is_only_refused() {
    let [ann, bo] = pair(SuiteChoice::Classical);
    for lie in [Lie::Path, Lie::Tag] {
        let goods = Smuggled {
            proposals: vec![psk(&[&ann, &bo])],
            lie: Some(lie),
            ..Smuggled::default()
        };
        assert_eq!(bo.refuses(&smuggle(&ann, goods)), Refusal::Proposal);
    }
    let cem = Member::new();
    let twice = [0, 1].map(|_| package(&cem.key_package(SuiteChoice::Classical).bytes));
    let goods = Smuggled {
        adds: twice.to_vec(),
        lie: Some(Lie::Path),
        ..Smuggled::default()
    };
    assert_eq!(bo.refuses(&smuggle(&ann, goods)), Refusal::Seat);
}

#[test]
fn what_is_signed_wrongly_is_never_called_broken() {
    let [ann, bo] = pair(SuiteChoice::Classical);
    for lie in [None, Some(Lie::Path), Some(Lie::Tag)] {
        let commit = smuggle(
            &ann,
            Smuggled {
                lie,
                forge: true,
                ..Smuggled::default()
            },
        );
        assert_eq!(bo.refuses(&commit), Refusal::Signature);
    }
    assert_eq!(bo.refuses(&forged_message(&ann)), Refusal::Signature);
}
