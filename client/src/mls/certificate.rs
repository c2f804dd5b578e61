//! The certificate of a leaf: what stands in its credential.

use caucus_proto::codec;
use caucus_proto::id::RoomId;
use caucus_proto::label::{Label, hash};
use caucus_proto::org::{PersonaPublic, Signature};
use openmls::prelude::{BasicCredential, Credential};
use serde::{Deserialize, Serialize};

use crate::mls::error::{MlsError, Refusal};
use crate::mls::persona::PersonaKeys;

/// Longest encoded certificate in bytes.
const LONGEST: usize = 1024;

/// Binds a leaf's signature key to a persona for one room. Variants are only ever added at the end.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum Certificate {
    /// By a persona key. Whose it is, the machine knows.
    First {
        /// The persona's key when the leaf was made.
        key: PersonaPublic,
        /// By that key over leaf key and room.
        signature: Signature,
    },
}

impl Certificate {
    /// Certifies a leaf key for a room.
    pub(super) fn issue(persona: &PersonaKeys, leaf_key: &[u8], room: &RoomId) -> Self {
        let key = persona.public();
        Self::First {
            key,
            signature: persona.sign(&digest(&key, leaf_key, room)),
        }
    }

    /// Reads the certificate of a credential and verifies it for a leaf key and a room.
    pub(super) fn verify(
        credential: &Credential,
        leaf_key: &[u8],
        room: &RoomId,
    ) -> Result<PersonaPublic, Refusal> {
        let Self::First { key, signature } = Self::read(credential)?;
        key.verify(&digest(&key, leaf_key, room), &signature)
            .map_err(|_| Refusal::Certificate)?;
        Ok(key)
    }

    /// By which key it claims to be: enough where the leaf was verified when it came into the tree.
    pub(super) fn key(credential: &Credential) -> Result<PersonaPublic, Refusal> {
        let Self::First { key, .. } = Self::read(credential)?;
        Ok(key)
    }

    /// The credential that holds it.
    pub(super) fn credential(&self) -> Result<Credential, MlsError> {
        let bytes = codec::encode(self, LONGEST).map_err(|_| MlsError::Library("encode a certificate"))?;
        Ok(BasicCredential::new(bytes).into())
    }

    fn read(credential: &Credential) -> Result<Self, Refusal> {
        let basic = BasicCredential::try_from(credential.clone()).map_err(|_| Refusal::Certificate)?;
        codec::decode(basic.identity(), LONGEST).map_err(|_| Refusal::Certificate)
    }
}

fn digest(key: &PersonaPublic, leaf_key: &[u8], room: &RoomId) -> [u8; 32] {
    hash(Label::LeafCertificate, &[&key.0, leaf_key, room.as_bytes()])
}
