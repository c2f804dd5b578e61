//! The signed content of a message, read from its bytes (RFC 9420, sections 5.1.2, 6.1 and 12.4).
//!
//! Of a commit the library shows proposals and path only once everything in it succeeded. The rules of the
//! design must be checked before that counts, and alike on commits that we stage: so they are checked on the
//! bytes that the author signed.

use openmls::messages::proposals_in::{ProposalIn, ProposalOrRefIn};
use openmls::prelude::{LeafNodeIndex, ProtocolVersion, Sender};
use tls_codec::{Deserialize, Serialize, VLBytes};

use crate::mls::error::Refusal;
use crate::mls::leaf::Leaf;

/// Label of the signature over a message, and of no other.
const LABEL: &[u8] = b"MLS 1.0 FramedContentTBS";

/// Wire format of an encrypted message.
const PRIVATE_MESSAGE: u16 = 2;

/// The content of a message, as signed.
pub(super) struct Content {
    /// The leaf of its author.
    pub(super) author: LeafNodeIndex,
    /// Whether authenticated data came with it.
    pub(super) aad: bool,
    /// What it is.
    pub(super) body: Body,
}

/// What a message is.
pub(super) enum Body {
    /// Application data.
    Application,
    /// A proposal that stands alone.
    Proposal,
    /// A commit.
    Commit(Commit),
}

/// A commit.
pub(super) struct Commit {
    /// Its proposals, in order.
    pub(super) proposals: Vec<Proposal>,
    /// The leaf of its path, if it has one.
    pub(super) path: Option<Leaf>,
}

/// A proposal of a commit.
pub(super) enum Proposal {
    /// Adds this key package.
    Add(Vec<u8>),
    /// Removes this leaf.
    Remove(LeafNodeIndex),
    /// Anything else, or one by reference.
    Other,
}

/// The content that a signature covers, if it is one over a message.
pub(super) fn signed_content(payload: &[u8]) -> Option<Vec<u8>> {
    let mut rest = payload;
    let label = VLBytes::tls_deserialize(&mut rest).ok()?;
    let content = VLBytes::tls_deserialize(&mut rest).ok()?;
    (label.as_slice() == LABEL && rest.is_empty()).then(|| content.into())
}

impl Content {
    /// Reads signed content.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        let mut rest = bytes;
        let framed = Framed::parse(&mut rest).map_err(|_| Refusal::Malformed)?;
        if framed.wire_format != PRIVATE_MESSAGE {
            return Err(Refusal::Framing);
        }
        let Sender::Member(author) = framed.sender else {
            return Err(Refusal::Framing);
        };
        let body = match framed.content_type {
            1 => Body::Application,
            2 => Body::Proposal,
            3 => Body::Commit(Commit::read(&mut rest)?),
            _ => return Err(Refusal::Malformed),
        };
        Ok(Self {
            author,
            aad: !framed.aad.as_slice().is_empty(),
            body,
        })
    }
}

/// What stands before the body.
struct Framed {
    wire_format: u16,
    sender: Sender,
    aad: VLBytes,
    content_type: u8,
}

impl Framed {
    fn parse(rest: &mut &[u8]) -> Result<Self, tls_codec::Error> {
        let _version = ProtocolVersion::tls_deserialize(rest)?;
        let wire_format = u16::tls_deserialize(rest)?;
        let _group = VLBytes::tls_deserialize(rest)?;
        let _epoch = u64::tls_deserialize(rest)?;
        Ok(Self {
            wire_format,
            sender: Sender::tls_deserialize(rest)?,
            aad: VLBytes::tls_deserialize(rest)?,
            content_type: u8::tls_deserialize(rest)?,
        })
    }
}

impl Commit {
    fn read(rest: &mut &[u8]) -> Result<Self, Refusal> {
        let proposals = Vec::<ProposalOrRefIn>::tls_deserialize(rest).map_err(|_| Refusal::Malformed)?;
        let path = match u8::tls_deserialize(rest).map_err(|_| Refusal::Malformed)? {
            0 => None,
            _ => Some(Leaf::read(rest)?),
        };
        Ok(Self {
            proposals: proposals.iter().map(Proposal::of).collect::<Result<_, _>>()?,
            path,
        })
    }
}

impl Proposal {
    fn of(proposal: &ProposalOrRefIn) -> Result<Self, Refusal> {
        let ProposalOrRefIn::Proposal(proposal) = proposal else {
            return Ok(Self::Other);
        };
        match proposal.as_ref() {
            // An Add proposal is a key package and nothing else.
            ProposalIn::Add(add) => add
                .tls_serialize_detached()
                .map(Self::Add)
                .map_err(|_| Refusal::Malformed),
            ProposalIn::Remove(remove) => Ok(Self::Remove(remove.removed())),
            _ => Ok(Self::Other),
        }
    }
}
