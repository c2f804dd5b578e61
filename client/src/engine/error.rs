//! Why the engine did not do something, sorted by whose side it lies on.

use caucus_proto::error::Misuse;
use caucus_proto::org::Denied;
use thiserror::Error;

use super::blob::BlobError;
use super::files::FileError;
use super::lie::Lie;
use super::link::LinkError as InviteLinkError;
use super::sealed::SealError;
use crate::mls::MlsError;
use crate::relay::LinkError;
use crate::vault::VaultError;

/// Why not.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The vault.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The group.
    #[error(transparent)]
    Mls(#[from] MlsError),
    /// The relay.
    #[error(transparent)]
    Relay(#[from] LinkError),
    /// The rules of the body.
    #[error("{0}")]
    Denied(#[from] Denied),
    /// The invite link.
    #[error(transparent)]
    Link(#[from] InviteLinkError),
    /// A blob.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// Sealing to somebody's key.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// Too large to be sent.
    #[error(transparent)]
    TooLarge(#[from] Misuse),
    /// The system gives no randomness; nothing is made without it.
    #[error("the system's random numbers failed")]
    Random,
    /// There is no such thing.
    #[error("there is no {what} \"{name}\"")]
    NotFound {
        /// What was looked for.
        what: &'static str,
        /// By which name.
        name: String,
    },
    /// A name that stands for more than one.
    #[error("\"{name}\" is the name of more than one {what}")]
    Ambiguous {
        /// What was looked for.
        what: &'static str,
        /// By which name.
        name: String,
    },
    /// A name or label that cannot be.
    #[error(transparent)]
    Name(#[from] caucus_proto::org::name::NameError),
    /// The room cannot be acted in now.
    #[error("{0}")]
    RoomState(String),
    /// The relay contradicts what it showed or said before; nothing of it was taken in.
    #[error("{0}")]
    Contradicted(Lie),
    /// No relay is known yet.
    #[error("no relay is known yet")]
    NoRelay,
}
