//! The request to join that an applicant drops at an invite.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::codec;
use crate::error::PeerFault;
use crate::id::{ChannelId, IntentId, PersonaId};
use crate::label::{Label, hash};
use crate::org::name::Name;
use crate::org::sign::{PersonaPublic, Signature};

/// Longest word an applicant says about themselves, in bytes.
pub const LONGEST_WORD: usize = 280;

/// Largest key package, in bytes.
pub const LARGEST_KEY_PACKAGE: usize = 12 * 1024;

/// Where answers to an applicant go: a channel that the applicant made.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplyDrop {
    /// The channel.
    pub channel: ChannelId,
    /// Secret append key of it (X25519): whoever may answer, may append.
    pub append: [u8; 32],
    /// HPKE public key of the applicant (X-Wing): answers are sealed to it.
    #[serde(with = "serde_bytes")]
    pub sealing: Vec<u8>,
}

/// The hash by which admissions, renewals and commits name a key package.
#[must_use]
pub fn key_package_hash(bytes: &[u8]) -> [u8; 32] {
    hash(Label::KeyPackage, &[bytes])
}

/// A request to join.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Application {
    /// Which invite.
    pub invite: IntentId,
    /// The persona's first key; of one who comes back, their next.
    pub key: PersonaPublic,
    /// The chosen name.
    pub name: Name,
    /// A word to those who decide; may be empty.
    pub word: String,
    /// A key package (RFC 9420, section 10).
    #[serde(with = "serde_bytes")]
    pub key_package: Vec<u8>,
    /// Where the answers go.
    pub reply: ReplyDrop,
    /// The name of whom the applicant claims to be: somebody of the body who lost everything.
    pub claims: Option<Name>,
    /// By the persona key over [`Application::digest`].
    pub signature: Signature,
}

impl fmt::Debug for ReplyDrop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReplyDrop({:?}, ..)", self.channel)
    }
}

impl fmt::Debug for Application {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Application({:?}, ..)", self.persona())
    }
}

impl Application {
    /// The persona that applies.
    #[must_use]
    pub fn persona(&self) -> PersonaId {
        PersonaId::of(&self.key.0)
    }

    /// Hash of the key package, by which the admission and the commit name it.
    #[must_use]
    pub fn key_package_hash(&self) -> [u8; 32] {
        key_package_hash(&self.key_package)
    }

    /// What is signed: everything but the signature.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        hash(
            Label::Application,
            &[
                &self.invite.0,
                &self.key.0,
                self.name.as_str().as_bytes(),
                self.word.as_bytes(),
                &self.key_package,
                self.reply.channel.as_bytes(),
                &self.reply.append,
                &self.reply.sealing,
                // No name is empty.
                self.claims.as_ref().map_or("", Name::as_str).as_bytes(),
            ],
        )
    }

    /// Reads an application and checks its bounds and its signature.
    ///
    /// # Errors
    /// `PeerFault`.
    pub fn read(bytes: &[u8]) -> Result<Self, PeerFault> {
        let application = Self::read_again(bytes)?;
        application
            .key
            .verify(&application.digest(), &application.signature)?;
        Ok(application)
    }

    /// Reads an application that this device read and kept before. Its signature is not checked again.
    ///
    /// # Errors
    /// `PeerFault`.
    pub fn read_again(bytes: &[u8]) -> Result<Self, PeerFault> {
        let application: Self = codec::decode(bytes, codec::LIMIT)?;
        let bounded = application.word.len() <= LONGEST_WORD
            && application.key_package.len() <= LARGEST_KEY_PACKAGE
            && application.reply.sealing.len() <= 2048;
        if !bounded {
            return Err(PeerFault::Malformed);
        }
        Ok(application)
    }
}
