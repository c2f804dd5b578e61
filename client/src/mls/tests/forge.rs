//! Commits that no honest device makes, one of each shape: for whoever looks at what becomes of them on the way in.

use caucus_proto::org::Denied;
use openmls::group::{MlsGroup, MlsGroupJoinConfig, PURE_PLAINTEXT_WIRE_FORMAT_POLICY};
use openmls::prelude::{
    BasicCredential, CredentialWithKey, Extensions, KeyPackage, LeafNodeIndex, LeafNodeParameters, Lifetime,
    MlsMessageBodyIn, MlsMessageIn, ProtocolVersion, Sender,
};
use openmls_basic_credential::SignatureKeyPair;
use openmls_rust_crypto::RustCrypto;
use openmls_traits::OpenMlsProvider;
use openmls_traits::signatures::{Signer, SignerError};
use openmls_traits::types::SignatureScheme;
use tls_codec::{Deserialize, Serialize, VLBytes};

use super::raw::{
    CUSTOM, Liar, Smuggled, certified, foreign_welcome_to, leaf_key, message, package, smuggle, smuggled,
    with_key,
};
use super::*;
use crate::mls::framing::signed_content;
use crate::mls::group::group_id;
use crate::mls::provider::Provider;
use crate::mls::records::Records;
use crate::mls::{policy, suite};

macro_rules! shapes {
    ($($(#[$doc:meta])* $shape:ident,)*) => {
        /// What is wrong with a commit.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(crate) enum Shape { $($(#[$doc])* $shape,)* }

        impl Shape {
            pub(crate) const ALL: &[Self] = &[$(Self::$shape,)*];
        }
    };
}

shapes! {
    /// Adds somebody who never asked.
    AddsStranger,
    /// Adds somebody whom nobody admitted.
    AddsApplicant,
    /// Gives its author a second leaf that was not asked for.
    AddsItself,
    /// Removes somebody who is to stay.
    Removes,
    /// Removes somebody who is to stay, and adds a stranger.
    AddsAndRemoves,
    RemovesItself,
    RemovesTwice,
    RemovesNobody,
    /// Two leaves of one persona.
    AddsTwice,
    /// One key package, twice.
    AddsOneTwice,
    /// A leaf whose signature key is in the tree already.
    AddsKnownKey,
    AddsForAnotherRoom,
    /// A leaf with the certificate of somebody else's.
    AddsStolenCertificate,
    AddsUncertified,
    /// A leaf that one device's clock would refuse and another's not.
    AddsWithClock,
    /// Its path has a leaf of another persona.
    PathOfAnother,
    /// Its path has a leaf with the certificate of somebody else's.
    PathWithStolenCertificate,
    PathForAnotherRoom,
    PathUncertified,
    GroupContextExtensions,
    Psk,
    ReInit,
    ExternalInit,
    /// An Update, which is for others to commit.
    Update,
    SelfRemove,
    Custom,
    /// A type that is meant to be ignored.
    Grease,
    /// Refers to a proposal that stands in the log right before it.
    Reference,
    /// Renews its author's leaf, as anybody may, and refers to a proposal that nobody made.
    ReferenceToNothing,
    /// Renews its author's leaf, as anybody may, and changes the extensions beside it.
    RidesAlong,
    /// By somebody who is not in the group.
    External,
    /// Not encrypted.
    Plain,
    /// Has data in the open.
    OpenData,
    /// Signed by nobody.
    Unsigned,
    /// Of a group of the author's own with the same name.
    OfAnotherGroup,
}

impl Shape {
    /// Why everybody refuses it.
    pub(crate) const fn denied(self) -> Denied {
        match self {
            Self::AddsStranger | Self::AddsApplicant => Denied::AddsUnadmitted,
            Self::AddsItself => Denied::NoRenewal,
            Self::Removes | Self::AddsAndRemoves => Denied::RemovesUnremoved,
            _ => Denied::Unprocessable,
        }
    }
}

/// Whose hand forges, and what it has to hand.
pub(crate) struct Hand<'a> {
    pub(crate) group: &'a mut Group,
    /// Nothing of it is committed.
    pub(crate) overlay: &'a Overlay,
    pub(crate) persona: &'a PersonaKeys,
    /// The key package of somebody who asks to join.
    pub(crate) applicant: &'a [u8],
    /// Somebody who is in the room.
    pub(crate) victim: PersonaId,
}

impl Hand<'_> {
    /// A commit that anybody may make: it renews the author's leaf.
    pub(crate) fn allowed(&mut self) -> Vec<u8> {
        self.commit(Smuggled::default())
    }

    /// What is sent: the last is the commit, the others come before it.
    pub(crate) fn forge(&mut self, shape: Shape) -> Vec<Vec<u8>> {
        let (stranger, victim) = (self.stranger(), self.leaf_of(self.victim));
        let adds = |packages: &[&[u8]]| Smuggled {
            adds: packages.iter().map(|bytes| package(bytes)).collect(),
            ..Smuggled::default()
        };
        let proposals = match shape {
            Shape::AddsStranger => return vec![self.commit(adds(&[&stranger]))],
            Shape::AddsApplicant => return vec![self.commit(adds(&[self.applicant]))],
            Shape::AddsItself => {
                let own = self.made_by(self.persona);
                return vec![self.commit(adds(&[&own]))];
            }
            Shape::Removes | Shape::AddsAndRemoves => {
                let adds = match shape {
                    Shape::Removes => Smuggled::default(),
                    _ => adds(&[&stranger]),
                };
                let removes = vec![victim];
                return vec![self.commit(Smuggled { removes, ..adds })];
            }
            Shape::AddsTwice => {
                let persona = PersonaKeys::generate().unwrap();
                let twice = [self.made_by(&persona), self.made_by(&persona)];
                return vec![self.commit(adds(&[&twice[0], &twice[1]]))];
            }
            Shape::AddsForAnotherRoom
            | Shape::AddsStolenCertificate
            | Shape::AddsUncertified
            | Shape::AddsWithClock => {
                let package = self.odd_package(shape);
                let adds = vec![package];
                return vec![self.commit(Smuggled {
                    adds,
                    ..Smuggled::default()
                })];
            }
            Shape::PathOfAnother
            | Shape::PathWithStolenCertificate
            | Shape::PathForAnotherRoom
            | Shape::PathUncertified => {
                let provider = Provider::over(self.overlay);
                let signer = self.group.signer(&provider).unwrap();
                let credential = self.credential(shape, &signer);
                let leaf = LeafNodeParameters::builder()
                    .with_credential_with_key(credential)
                    .build();
                return vec![self.commit(Smuggled {
                    leaf,
                    ..Smuggled::default()
                })];
            }
            Shape::Reference => return self.reference(victim),
            Shape::External => return vec![self.external()],
            Shape::Plain => {
                let plain = MlsGroupJoinConfig::builder()
                    .wire_format_policy(PURE_PLAINTEXT_WIRE_FORMAT_POLICY)
                    .build();
                let provider = Provider::over(self.overlay);
                let inner = &mut self.group.inner;
                inner.set_configuration(provider.storage(), &plain).unwrap();
                return vec![self.allowed()];
            }
            Shape::OpenData => {
                self.group.inner.set_aad(b"in the open".to_vec());
                return vec![self.allowed()];
            }
            Shape::Unsigned => {
                let forge = true;
                return vec![self.commit(Smuggled {
                    forge,
                    ..Smuggled::default()
                })];
            }
            Shape::OfAnotherGroup => return vec![self.of_another_group()],
            Shape::RemovesItself => vec![remove(self.group.inner.own_leaf_index())],
            Shape::RemovesTwice => vec![remove(victim), remove(victim)],
            Shape::RemovesNobody => vec![remove(LeafNodeIndex::new(999))],
            Shape::AddsOneTwice => vec![inline(1, &stranger), inline(1, &stranger)],
            Shape::AddsKnownKey => {
                let provider = Provider::over(self.overlay);
                let signer = self.group.signer(&provider).unwrap();
                let credential = certified(self.persona, &signer, &self.group.room);
                let package = self.build(&signer, credential, suite::lifetime());
                vec![inline(1, &package.tls_serialize_detached().unwrap())]
            }
            Shape::GroupContextExtensions => return vec![self.extensions()],
            Shape::RidesAlong => vec![inline(7, &[0])],
            Shape::Psk => {
                // An external one, by a name that nobody knows, with a nonce.
                let psk = [&[1][..], &variable(b"psk"), &variable(&[7; 32])].concat();
                vec![inline(4, &psk)]
            }
            Shape::ReInit => {
                let suite = u16::from(self.group.inner.ciphersuite()).to_be_bytes();
                vec![inline(
                    5,
                    &[&variable(b"next"), &[0, 1][..], &suite, &[0]].concat(),
                )]
            }
            Shape::ExternalInit => vec![inline(6, &variable(&[7; 32]))],
            Shape::Update => {
                let leaf = package(&stranger).leaf_node().tls_serialize_detached().unwrap();
                vec![inline(2, &leaf)]
            }
            Shape::SelfRemove => vec![inline(10, &[])],
            Shape::Custom => vec![inline(CUSTOM, &variable(b"anything"))],
            Shape::Grease => vec![inline(0x0a0a, &variable(b"anything"))],
            Shape::ReferenceToNothing => vec![reference(&[7; 32])],
        };
        vec![self.rewritten(&proposals)]
    }

    fn commit(&mut self, goods: Smuggled) -> Vec<u8> {
        let provider = Provider::over(self.overlay);
        let signer = self.group.signer(&provider).unwrap();
        smuggled(&mut self.group.inner, &provider, &signer, goods)
    }

    /// A commit with a path and these proposals, each as it is encoded, signed by its author: also what the library
    /// refuses to make. Its tag is that of a commit without them.
    pub(super) fn rewritten(&mut self, proposals: &[Vec<u8>]) -> Vec<u8> {
        let provider = Provider::over(self.overlay);
        let key = self.group.signer(&provider).unwrap();
        let proposals = variable(&proposals.concat());
        let signer = Rewriter {
            key: &key,
            proposals: &proposals,
        };
        let lying = Lying {
            crypto: Liar::sealing(proposals.clone()),
            inner: &provider,
        };
        let bundle = (self.group.inner.commit_builder())
            .force_self_update(true)
            .load_psks(provider.storage())
            .unwrap()
            .build(provider.rand(), provider.crypto(), &signer, |_| true)
            .unwrap()
            .stage_commit(&lying)
            .unwrap();
        message(bundle)
    }

    fn leaf_of(&self, persona: PersonaId) -> LeafNodeIndex {
        policy::leaves_of(self.group.inner.public_group(), &self.group.bearers, &persona)[0].0
    }

    /// The key package of somebody who never asked.
    pub(crate) fn stranger(&self) -> Vec<u8> {
        self.made_by(&PersonaKeys::generate().unwrap())
    }

    fn made_by(&self, persona: &PersonaKeys) -> Vec<u8> {
        let (suite, room) = (self.group.suite(), self.group.room);
        make_key_package(self.overlay, persona, suite, &room)
            .unwrap()
            .bytes
    }

    /// A credential that a leaf with this key must not have.
    fn credential(&self, shape: Shape, signer: &SignatureKeyPair) -> CredentialWithKey {
        let elsewhere = RoomId::of(&BodyId([8; 32]), "members");
        let stranger = PersonaKeys::generate().unwrap();
        match shape {
            Shape::AddsForAnotherRoom => certified(&stranger, signer, &elsewhere),
            Shape::PathForAnotherRoom => certified(self.persona, signer, &elsewhere),
            Shape::PathOfAnother | Shape::AddsWithClock => certified(&stranger, signer, &self.group.room),
            Shape::AddsUncertified | Shape::PathUncertified => {
                with_key(BasicCredential::new(b"nobody".to_vec()).into(), signer)
            }
            _ => {
                let tree = self.group.inner.public_group();
                let stolen = tree.leaf(self.leaf_of(self.victim)).unwrap().credential();
                with_key(stolen.clone(), signer)
            }
        }
    }

    fn odd_package(&self, shape: Shape) -> KeyPackage {
        let signer = leaf_key();
        let lifetime = match shape {
            Shape::AddsWithClock => Lifetime::new(3_600),
            _ => suite::lifetime(),
        };
        self.build(&signer, self.credential(shape, &signer), lifetime)
    }

    fn build(
        &self,
        signer: &SignatureKeyPair,
        credential: CredentialWithKey,
        lifetime: Lifetime,
    ) -> KeyPackage {
        let suite = self.group.inner.ciphersuite();
        KeyPackage::builder()
            .key_package_lifetime(lifetime)
            .leaf_node_capabilities(suite::capabilities(suite))
            .build(suite, &Provider::over(self.overlay), signer, credential)
            .unwrap()
            .into_key_package()
    }

    fn extensions(&mut self) -> Vec<u8> {
        let provider = Provider::over(self.overlay);
        let signer = self.group.signer(&provider).unwrap();
        let bundle = (self.group.inner.commit_builder())
            .propose_group_context_extensions(Extensions::empty())
            .unwrap()
            .load_psks(provider.storage())
            .unwrap()
            .build(provider.rand(), provider.crypto(), &signer, |_| true)
            .unwrap()
            .stage_commit(&provider)
            .unwrap();
        message(bundle)
    }

    fn reference(&mut self, victim: LeafNodeIndex) -> Vec<Vec<u8>> {
        let provider = Provider::over(self.overlay);
        let signer = self.group.signer(&provider).unwrap();
        let inner = &mut self.group.inner;
        let (alone, _) = inner.propose_remove_member(&provider, &signer, victim).unwrap();
        let (commit, _, _) = inner.commit_to_pending_proposals(&provider, &signer).unwrap();
        [alone, commit]
            .map(|out| out.tls_serialize_detached().unwrap())
            .to_vec()
    }

    fn external(&self) -> Vec<u8> {
        let here = Provider::over(self.overlay);
        let signer = self.group.signer(&here).unwrap();
        let info = self
            .group
            .inner
            .export_group_info(here.crypto(), &signer, true)
            .unwrap();
        let info = info.tls_serialize_detached().unwrap();
        let MlsMessageBodyIn::GroupInfo(info) = MlsMessageIn::tls_deserialize_exact(info.as_slice())
            .unwrap()
            .extract()
        else {
            panic!()
        };
        let vault = spare_vault();
        let overlay = vault.1.overlay();
        let (provider, signer) = (Provider::over(&overlay), leaf_key());
        let credential = certified(&PersonaKeys::generate().unwrap(), &signer, &self.group.room);
        let (_, bundle) = MlsGroup::external_commit_builder()
            .with_config(suite::join_config())
            .skip_lifetime_validation()
            .build_group(&provider, info, credential)
            .unwrap()
            .load_psks(provider.storage())
            .unwrap()
            .build(provider.rand(), provider.crypto(), &signer, |_| true)
            .unwrap()
            .finalize(&provider)
            .unwrap();
        message(bundle)
    }

    fn of_another_group(&self) -> Vec<u8> {
        let vault = spare_vault();
        let overlay = vault.1.overlay();
        let (provider, signer) = (Provider::over(&overlay), leaf_key());
        let config = suite::create_config(self.group.inner.ciphersuite()).unwrap();
        let credential = certified(self.persona, &signer, &self.group.room);
        let id = group_id(&self.group.room);
        let mut other = MlsGroup::new_with_group_id(&provider, &signer, &config, id, credential).unwrap();
        loop {
            let here = other.epoch() >= self.group.inner.epoch();
            let bytes = smuggled(&mut other, &provider, &signer, Smuggled::default());
            if here {
                return bytes;
            }
            other.merge_pending_commit(&provider).unwrap();
        }
    }
}

/// Welcome and tree of a group under the name of this room, in which there are its maker and whose key package this is.
pub(crate) fn welcome_of_ones_own(room: &RoomId, maker: &PersonaKeys, added: &[u8]) -> Staged {
    let config = suite::create_config(suite::ciphersuite(SuiteChoice::Classical)).unwrap();
    let founder = |signer: &SignatureKeyPair| certified(maker, signer, room);
    foreign_welcome_to(room, &config, founder, vec![package(added)], false)
}

/// Bytes behind their length (RFC 9420, section 2.1.2).
fn variable(bytes: &[u8]) -> Vec<u8> {
    VLBytes::new(bytes.to_vec()).tls_serialize_detached().unwrap()
}

/// A proposal of this type in a commit.
fn inline(kind: u16, body: &[u8]) -> Vec<u8> {
    [&[1], &kind.to_be_bytes()[..], body].concat()
}

fn remove(leaf: LeafNodeIndex) -> Vec<u8> {
    inline(3, &leaf.u32().to_be_bytes())
}

/// A reference to a proposal in a commit.
fn reference(hash: &[u8]) -> Vec<u8> {
    [&[2], &variable(hash)[..]].concat()
}

/// A leaf key that signs a commit without proposals as one with these.
struct Rewriter<'a> {
    key: &'a SignatureKeyPair,
    proposals: &'a [u8],
}

impl Signer for Rewriter<'_> {
    fn sign(&self, payload: &[u8]) -> Result<Vec<u8>, SignerError> {
        let Some(content) = signed_content(payload) else {
            return self.key.sign(payload);
        };
        let mut rest = content.as_slice();
        ProtocolVersion::tls_deserialize(&mut rest).unwrap();
        u16::tls_deserialize(&mut rest).unwrap();
        VLBytes::tls_deserialize(&mut rest).unwrap();
        u64::tls_deserialize(&mut rest).unwrap();
        Sender::tls_deserialize(&mut rest).unwrap();
        VLBytes::tls_deserialize(&mut rest).unwrap();
        let [3, 0, path @ ..] = rest else {
            panic!("a commit without proposals")
        };
        let before = &content[..content.len() - path.len() - 1];
        let content = [before, self.proposals, path].concat();
        let label = variable(b"MLS 1.0 FramedContentTBS");
        self.key.sign(&[label, variable(&content)].concat())
    }

    fn signature_scheme(&self) -> SignatureScheme {
        self.key.signature_scheme()
    }
}

/// Everything as it is, but for the cryptography.
struct Lying<'a, 'b> {
    crypto: Liar,
    inner: &'a Provider<'b>,
}

impl<'b> OpenMlsProvider for Lying<'_, 'b> {
    type CryptoProvider = Liar;
    type RandProvider = RustCrypto;
    type StorageProvider = Records<'b>;

    fn storage(&self) -> &Self::StorageProvider {
        self.inner.storage()
    }

    fn crypto(&self) -> &Self::CryptoProvider {
        &self.crypto
    }

    fn rand(&self) -> &Self::RandProvider {
        self.inner.rand()
    }
}

/// Does something with the hand of this member; nothing of it is committed.
fn by<T>(member: &Member, victim: PersonaId, deed: impl FnOnce(&mut Hand<'_>) -> T) -> T {
    let overlay = member.vault.overlay();
    let mut group = member.group();
    let applicant = make_key_package(
        &overlay,
        &PersonaKeys::generate().unwrap(),
        group.suite(),
        &room(),
    );
    deed(&mut Hand {
        group: &mut group,
        overlay: &overlay,
        persona: &member.persona,
        applicant: &applicant.unwrap().bytes,
        victim,
    })
}

#[test]
fn a_commit_of_every_forged_shape_is_refused_alike_by_everybody_or_left_to_the_machine_and_none_is_held() {
    for suite in BOTH {
        let people = people(suite, 4);
        let [ann, bo, cem, dai] = &people[..] else {
            panic!()
        };
        for shape in Shape::ALL {
            let sent = by(ann, dai.id(), |hand| hand.forge(*shape));
            let verdicts = [bo, cem].map(|other| match other.tries(sent.last().unwrap()) {
                Ok(Incoming::Commit(commit)) => Ok((commit.author, commit.ops)),
                Err(MlsError::Unprocessable(refusal)) => Err(refusal),
                other => panic!("{shape:?}: {other:?}"),
            });
            assert_eq!(verdicts[0], verdicts[1], "{shape:?}");
            let is_the_machines = shape.denied() != Denied::Unprocessable;
            assert_eq!(verdicts[0].is_ok(), is_the_machines, "{shape:?}: {verdicts:?}");
        }
        let allowed = by(ann, dai.id(), |hand| hand.allowed());
        assert!(matches!(bo.tries(&allowed), Ok(Incoming::Commit(_))));
    }
}

#[test]
fn whatever_proposals_are_mixed_into_a_commit_one_that_is_not_an_inline_add_or_remove_undoes_it() {
    let mixes = if std::env::var_os("CAUCUS_LONG").is_some() {
        10_000
    } else {
        300
    };
    let people = people(SuiteChoice::Classical, 4);
    let [ann, bo, cem, dai] = &people[..] else {
        panic!()
    };
    let (mut allowed, mut refused) = (0, 0);
    let mut number = 7_u64;
    let mut roll = |sides: u64| {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from((number >> 33) % sides).unwrap()
    };
    for _ in 0..mixes {
        let (commit, lawful) = by(ann, dai.id(), |hand| {
            let leaf = package(hand.applicant)
                .leaf_node()
                .tls_serialize_detached()
                .unwrap();
            let pool = [
                (true, inline(1, &hand.stranger())),
                (true, inline(1, hand.applicant)),
                (true, remove(LeafNodeIndex::new(2))),
                (true, remove(LeafNodeIndex::new(3))),
                (false, inline(2, &leaf)),
                (
                    false,
                    inline(4, &[&[1][..], &variable(b"psk"), &variable(&[7; 32])].concat()),
                ),
                (false, inline(6, &variable(&[7; 32]))),
                (false, inline(7, &[0])),
                (false, inline(10, &[])),
                (false, inline(CUSTOM, &variable(b"anything"))),
                (false, reference(&[7; 32])),
            ];
            // Of most, few are unlawful.
            let mut chosen = std::collections::BTreeSet::new();
            for _ in 0..roll(4) {
                let sides = if roll(2) == 0 { 4 } else { pool.len() as u64 };
                chosen.insert(roll(sides));
            }
            let lawful = chosen.iter().all(|at| pool[*at].0);
            let proposals: Vec<_> = chosen.iter().map(|at| pool[*at].1.clone()).collect();
            (hand.rewritten(&proposals), lawful)
        });
        let verdicts = [bo, cem].map(|other| other.tries(&commit));
        for verdict in verdicts {
            match verdict {
                // What only its receivers can reckon does not fit: it came past every rule.
                Err(MlsError::Broken { .. }) | Err(MlsError::Unprocessable(Refusal::Commit)) if lawful => {
                    allowed += 1;
                }
                Ok(Incoming::Commit(_)) if lawful => allowed += 1,
                Err(MlsError::Unprocessable(refusal)) if !lawful => {
                    assert_eq!(refusal, Refusal::Proposal);
                    refused += 1;
                }
                other => panic!("lawful: {lawful}, {other:?}"),
            }
        }
    }
    assert!(allowed > mixes / 4 && refused > mixes / 4, "{allowed} {refused}");
    let goods = Smuggled::default();
    assert!(matches!(bo.tries(&smuggle(ann, goods)), Ok(Incoming::Commit(_))));
}
