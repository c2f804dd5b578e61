//! The fixed settings of every group.

use caucus_proto::org::SuiteChoice;
use openmls::group::{
    GroupContext, MlsGroupCreateConfig, MlsGroupJoinConfig, PURE_CIPHERTEXT_WIRE_FORMAT_POLICY,
};
use openmls::prelude::{
    Capabilities, Ciphersuite, CredentialType, Extension, Extensions, Lifetime, ProtocolVersion,
    RequiredCapabilitiesExtension, SenderRatchetConfiguration, SignatureScheme,
};

use crate::mls::error::MlsError;

/// Keys of skipped messages that are kept, per author: the relay orders entries, so only what one author
/// sends on two connections at once can overtake.
const OUT_OF_ORDER: u32 = 8;

/// How far an author's ratchet may jump: attempts to send that never got into the log.
const FORWARD: u32 = 1000;

/// The scheme of leaf keys, the same in both suites.
pub(super) const LEAF_SCHEME: SignatureScheme = SignatureScheme::ED25519;

/// The library's name of a suite.
pub(super) const fn ciphersuite(suite: SuiteChoice) -> Ciphersuite {
    match suite {
        SuiteChoice::Hybrid => Ciphersuite::MLS_128_MLKEM768X25519_AES256GCM_SHA384_Ed25519,
        SuiteChoice::Classical => Ciphersuite::MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519,
    }
}

/// The lifetime of every key package. A real one would be checked against each receiver's clock and split
/// the room; age is judged by log position.
pub(super) fn lifetime() -> Lifetime {
    Lifetime::init(0, u64::MAX)
}

/// What a leaf of a group of this suite can do.
pub(super) fn capabilities(suite: Ciphersuite) -> Capabilities {
    Capabilities::new(
        Some(&[ProtocolVersion::Mls10]),
        Some(&[suite]),
        Some(&[]),
        Some(&[]),
        Some(&[CredentialType::Basic]),
    )
}

/// The only extensions of a group: what every leaf must be able to do.
pub(super) fn group_extensions() -> Result<Extensions<GroupContext>, MlsError> {
    let required = RequiredCapabilitiesExtension::new(&[], &[], &[CredentialType::Basic]);
    Extensions::single(Extension::RequiredCapabilities(required))
        .map_err(|_| MlsError::Library("name the required capabilities"))
}

/// Settings of a group that we found.
pub(super) fn create_config(suite: Ciphersuite) -> Result<MlsGroupCreateConfig, MlsError> {
    Ok(MlsGroupCreateConfig::builder()
        .ciphersuite(suite)
        .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
        .padding_size(0)
        .max_past_epochs(0)
        .number_of_resumption_psks(0)
        .use_ratchet_tree_extension(false)
        .sender_ratchet_configuration(SenderRatchetConfiguration::new(OUT_OF_ORDER, FORWARD))
        .lifetime(lifetime())
        .capabilities(capabilities(suite))
        .with_group_context_extensions(group_extensions()?)
        .build())
}

/// Settings of a group that we join; the same as of one that we found.
pub(super) fn join_config() -> MlsGroupJoinConfig {
    MlsGroupJoinConfig::builder()
        .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
        .padding_size(0)
        .max_past_epochs(0)
        .number_of_resumption_psks(0)
        .use_ratchet_tree_extension(false)
        .sender_ratchet_configuration(SenderRatchetConfiguration::new(OUT_OF_ORDER, FORWARD))
        .build()
}
