//! What can go wrong with a group, sorted by whose fault it is.

use caucus_proto::id::PersonaId;
use caucus_proto::org::CommitOps;
use thiserror::Error;

use crate::vault::VaultError;

/// Why an operation on a group did not happen. After any of them the caller discards the overlay and loads
/// the group again.
#[derive(Debug, Error)]
pub enum MlsError {
    /// What came is none of ours, or breaks a rule that everybody sees broken: a no-op at once, for everybody.
    #[error("cannot be processed: {0}")]
    Unprocessable(#[from] Refusal),
    /// A commit that its author signed and that keeps every visible rule, but whose path or confirmation tag
    /// fails here: a split view, or our own state is broken. Only this one is ever complained of.
    #[error("a signed commit whose path or tag fails")]
    Broken {
        /// Whose leaf key signed it.
        author: PersonaId,
        /// What it would have done.
        ops: Box<CommitOps>,
    },
    /// The caller asked for what this group cannot do now.
    #[error("not possible now: {0}")]
    Misuse(#[from] Misuse),
    /// The vault.
    #[error(transparent)]
    Storage(#[from] VaultError),
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    Randomness,
    /// The library failed where it never should; our own state may be broken.
    #[error("the MLS library failed while it was to {0}")]
    Library(&'static str),
}

/// Why something that came is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The bytes are nothing that belongs here.
    #[error("malformed bytes")]
    Malformed,
    /// It belongs to another group.
    #[error("of another group")]
    Group,
    /// It belongs to another epoch.
    #[error("of another epoch")]
    Epoch,
    /// It is not encrypted, or no message of a group at all.
    #[error("not an encrypted message")]
    Framing,
    /// It does not decrypt: a wrong key, a used one, or no key package of ours.
    #[error("does not decrypt")]
    Sealed,
    /// A signature does not verify, or its author holds no leaf.
    #[error("a signature does not verify")]
    Signature,
    /// It carries authenticated data, which nobody here writes.
    #[error("carries authenticated data")]
    Aad,
    /// A proposal that stands alone.
    #[error("a proposal outside a commit")]
    Standalone,
    /// A commit with a proposal that is neither an inline Add nor an inline Remove.
    #[error("a proposal that is not allowed")]
    Proposal,
    /// A commit without a path that does more than add, or whose proposals do not fit the tree.
    #[error("a commit that does not fit the tree")]
    Commit,
    /// A commit removes its own author, or a leaf that is not there, or one twice.
    #[error("a removal that does not fit the tree")]
    Removal,
    /// A persona would hold two leaves.
    #[error("a second leaf of one persona")]
    Seat,
    /// A leaf that its persona did not certify for this room.
    #[error("a leaf without a valid certificate for this room")]
    Certificate,
    /// A leaf of another persona than it must be.
    #[error("a leaf of another persona")]
    Persona,
    /// Another ciphersuite than the room's.
    #[error("another ciphersuite")]
    Suite,
    /// A leaf that cannot do what the room requires.
    #[error("capabilities that do not suffice")]
    Capabilities,
    /// A key package whose lifetime is not the fixed one.
    #[error("another lifetime than the fixed one")]
    Lifetime,
    /// A group, a leaf or a key package with extensions that nobody here uses.
    #[error("an extension that is not allowed")]
    Extension,
    /// A key package that does not verify.
    #[error("a key package that does not verify")]
    KeyPackage,
    /// A welcome whose tree, tag or signature does not verify.
    #[error("a welcome that does not verify")]
    Welcome,
}

/// What the caller got wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Misuse {
    /// There is a group of this room already.
    #[error("there is a group of this room already")]
    Exists,
    /// We are not, or no longer, in the group.
    #[error("not a member any more")]
    NotMember,
    /// A commit of ours is pending.
    #[error("a commit is pending")]
    Pending,
    /// No commit of ours is pending.
    #[error("no commit is pending")]
    NothingPending,
    /// The persona's leaf is not in the group.
    #[error("no such leaf")]
    NoSuchLeaf,
    /// The persona is not the one whose leaf we hold.
    #[error("another persona than the one that joined")]
    Persona,
}
