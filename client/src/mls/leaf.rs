//! A leaf node as we judge it, from whatever source it comes.

use caucus_proto::id::RoomId;
use caucus_proto::org::PersonaPublic;
use openmls::prelude::{
    Capabilities, Ciphersuite, Credential, CredentialType, Extensions, LeafNode, ProtocolVersion,
};
use openmls::treesync::LeafNodeSource;
use tls_codec::{Deserialize, Serialize, VLBytes};

use crate::mls::certificate::Certificate;
use crate::mls::error::Refusal;
use crate::mls::suite;

/// The parts of a leaf node (RFC 9420, section 7.2) that count for us.
pub(super) struct Leaf {
    signature_key: VLBytes,
    credential: Credential,
    capabilities: Capabilities,
    source: LeafNodeSource,
    bare: bool,
}

impl Leaf {
    /// Reads a leaf off the front of bytes; what follows it stays.
    pub(super) fn read(bytes: &mut &[u8]) -> Result<Self, Refusal> {
        Self::parse(bytes).map_err(|_| Refusal::Malformed)
    }

    /// A leaf of the library.
    pub(super) fn of(leaf: &LeafNode) -> Result<Self, Refusal> {
        let bytes = leaf.tls_serialize_detached().map_err(|_| Refusal::Malformed)?;
        Self::read(&mut bytes.as_slice())
    }

    fn parse(bytes: &mut &[u8]) -> Result<Self, tls_codec::Error> {
        let _encryption_key = VLBytes::tls_deserialize(bytes)?;
        let signature_key = VLBytes::tls_deserialize(bytes)?;
        let credential = Credential::tls_deserialize(bytes)?;
        let capabilities = Capabilities::tls_deserialize(bytes)?;
        let source = LeafNodeSource::tls_deserialize(bytes)?;
        let extensions = Extensions::<LeafNode>::tls_deserialize(bytes)?;
        let _signature = VLBytes::tls_deserialize(bytes)?;
        Ok(Self {
            signature_key,
            credential,
            capabilities,
            source,
            bare: extensions.iter().next().is_none(),
        })
    }

    /// Checks it against what a leaf of a room must be, and says which persona key certified it.
    pub(super) fn certify(&self, room: &RoomId, suite: Ciphersuite) -> Result<PersonaPublic, Refusal> {
        let able = self.capabilities.versions().contains(&ProtocolVersion::Mls10)
            && self.capabilities.ciphersuites().contains(&suite.into())
            && self.capabilities.credentials().contains(&CredentialType::Basic);
        if !able {
            return Err(Refusal::Capabilities);
        }
        if !self.bare {
            return Err(Refusal::Extension);
        }
        if let LeafNodeSource::KeyPackage(lifetime) = &self.source
            && *lifetime != suite::lifetime()
        {
            return Err(Refusal::Lifetime);
        }
        Certificate::verify(&self.credential, self.signature_key.as_slice(), room)
    }
}
