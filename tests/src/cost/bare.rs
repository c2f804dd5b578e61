//! A member of a group as the MLS library alone has it: its own storage in memory, none of our rules. The settings are
//! those of our groups, so that nothing but our part differs.

use openmls::group::{
    GroupId, MlsGroup, MlsGroupCreateConfig, MlsGroupJoinConfig, PURE_CIPHERTEXT_WIRE_FORMAT_POLICY,
    StagedWelcome,
};
use openmls::prelude::{
    BasicCredential, Capabilities, Ciphersuite, CredentialType, CredentialWithKey, KeyPackage, KeyPackageIn,
    Lifetime, MlsMessageBodyIn, MlsMessageIn, MlsMessageOut, ProcessedMessageContent, ProtocolVersion,
    RatchetTreeIn, SenderRatchetConfiguration, SignatureScheme,
};
use openmls_basic_credential::SignatureKeyPair;
use openmls_rust_crypto::OpenMlsRustCrypto;
use openmls_traits::OpenMlsProvider;
use tls_codec::{Deserialize, Serialize};

/// The suite of rooms that are founded now.
const SUITE: Ciphersuite = Ciphersuite::MLS_128_MLKEM768X25519_AES256GCM_SHA384_Ed25519;

/// Bytes of a credential; ours holds a persona key and a signature.
const CREDENTIAL: usize = 96;

/// Somebody with a leaf key, in no group yet.
pub(super) struct Stranger {
    provider: OpenMlsRustCrypto,
    signer: SignatureKeyPair,
}

/// Somebody in a group.
pub(super) struct Bare {
    provider: OpenMlsRustCrypto,
    signer: SignatureKeyPair,
    group: MlsGroup,
}

fn config() -> MlsGroupCreateConfig {
    MlsGroupCreateConfig::builder()
        .ciphersuite(SUITE)
        .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
        .padding_size(0)
        .max_past_epochs(0)
        .number_of_resumption_psks(0)
        .use_ratchet_tree_extension(false)
        .sender_ratchet_configuration(SenderRatchetConfiguration::new(8, 1000))
        .lifetime(Lifetime::init(0, u64::MAX))
        .capabilities(capabilities())
        .build()
}

fn join_config() -> MlsGroupJoinConfig {
    MlsGroupJoinConfig::builder()
        .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
        .padding_size(0)
        .max_past_epochs(0)
        .number_of_resumption_psks(0)
        .use_ratchet_tree_extension(false)
        .sender_ratchet_configuration(SenderRatchetConfiguration::new(8, 1000))
        .build()
}

fn capabilities() -> Capabilities {
    Capabilities::new(
        Some(&[ProtocolVersion::Mls10]),
        Some(&[SUITE]),
        Some(&[]),
        Some(&[]),
        Some(&[CredentialType::Basic]),
    )
}

fn encoded(message: MlsMessageOut) -> Vec<u8> {
    message.tls_serialize_detached().expect("a message")
}

impl Stranger {
    /// A fresh leaf key.
    pub(super) fn new() -> Self {
        let provider = OpenMlsRustCrypto::default();
        let signer = SignatureKeyPair::new(SignatureScheme::ED25519).expect("a key");
        signer.store(provider.storage()).expect("stored");
        Self { provider, signer }
    }

    fn credential(&self) -> CredentialWithKey {
        CredentialWithKey {
            credential: BasicCredential::new(vec![7; CREDENTIAL]).into(),
            signature_key: self.signer.public().into(),
        }
    }

    /// A key package, encoded.
    pub(super) fn key_package(&self) -> Vec<u8> {
        KeyPackage::builder()
            .key_package_lifetime(Lifetime::init(0, u64::MAX))
            .leaf_node_capabilities(capabilities())
            .build(SUITE, &self.provider, &self.signer, self.credential())
            .expect("a key package")
            .key_package()
            .tls_serialize_detached()
            .expect("a key package")
    }

    /// Alone in a new group.
    pub(super) fn founds(self) -> Bare {
        let id = GroupId::from_slice(&[9; 32]);
        let group =
            MlsGroup::new_with_group_id(&self.provider, &self.signer, &config(), id, self.credential())
                .expect("a group");
        Bare {
            provider: self.provider,
            signer: self.signer,
            group,
        }
    }

    /// In a group, by a welcome and its tree.
    pub(super) fn joins(self, welcome: &[u8], tree: &[u8]) -> Bare {
        let message = MlsMessageIn::tls_deserialize_exact(welcome).expect("a message");
        let MlsMessageBodyIn::Welcome(welcome) = message.extract() else {
            panic!("a welcome");
        };
        let tree = RatchetTreeIn::tls_deserialize_exact(tree).expect("a tree");
        let group = StagedWelcome::build_from_welcome(&self.provider, &join_config(), welcome)
            .expect("a welcome")
            .with_ratchet_tree(tree)
            .skip_lifetime_validation()
            .build()
            .expect("a welcome")
            .into_group(&self.provider)
            .expect("a group");
        Bare {
            provider: self.provider,
            signer: self.signer,
            group,
        }
    }
}

impl Bare {
    /// Adds these in one commit and merges it. Welcome and tree, encoded.
    pub(super) fn adds(&mut self, packages: &[Vec<u8>]) -> (Vec<u8>, Vec<u8>) {
        let crypto = self.provider.crypto();
        let read = |bytes: &Vec<u8>| {
            KeyPackageIn::tls_deserialize_exact(bytes)
                .expect("a key package")
                .validate(crypto, ProtocolVersion::Mls10)
                .expect("a valid one")
        };
        let packages: Vec<_> = packages.iter().map(read).collect();
        let (_, welcome) = self.stages(packages, false);
        self.lands();
        let tree = self.group.export_ratchet_tree();
        let tree = tree.tls_serialize_detached().expect("a tree");
        (welcome.expect("a welcome"), tree)
    }

    fn stages(&mut self, adds: Vec<KeyPackage>, path: bool) -> (Vec<u8>, Option<Vec<u8>>) {
        let bundle = self
            .group
            .commit_builder()
            .consume_proposal_store(false)
            .force_self_update(path)
            .propose_adds(adds)
            .load_psks(self.provider.storage())
            .expect("no keys")
            .use_ratchet_tree_extension(false)
            .build(self.provider.rand(), self.provider.crypto(), &self.signer, |_| {
                true
            })
            .expect("a commit")
            .stage_commit(&self.provider)
            .expect("a commit");
        let (commit, welcome, _) = bundle.into_messages();
        (encoded(commit), welcome.map(encoded))
    }

    /// Stages a commit with a path.
    pub(super) fn refreshes(&mut self) -> Vec<u8> {
        self.stages(Vec::new(), true).0
    }

    /// Merges the commit that was staged.
    pub(super) fn lands(&mut self) {
        self.group
            .merge_pending_commit(&self.provider)
            .expect("a pending commit");
    }

    /// Seals a message.
    pub(super) fn seals(&mut self, text: &[u8]) -> Vec<u8> {
        let message = self.group.create_message(&self.provider, &self.signer, text);
        encoded(message.expect("a message"))
    }

    /// Takes in what another member made: a message, whose text it is, or a commit, which is merged.
    pub(super) fn processes(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let message = MlsMessageIn::tls_deserialize_exact(bytes).expect("a message");
        let MlsMessageBodyIn::PrivateMessage(message) = message.extract() else {
            panic!("a private message");
        };
        let processed = self.group.process_message(&self.provider, message);
        match processed.expect("it opens").into_content() {
            ProcessedMessageContent::ApplicationMessage(message) => Some(message.into_bytes()),
            ProcessedMessageContent::StagedCommitMessage(commit) => {
                self.group
                    .merge_staged_commit(&self.provider, *commit)
                    .expect("a commit");
                None
            }
            _ => panic!("neither a message nor a commit"),
        }
    }
}
