//! Problems: what happened, then what to do next, each with its code and its own exit code.

use serde::{Deserialize, Serialize};

/// What kind of problem. The exit code of the command line follows from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// Something that should not happen.
    Internal,
    /// What was given cannot be right: a link, an address, a name, a number.
    BadInput,
    /// The vault is locked.
    Locked,
    /// The passphrase is wrong.
    WrongPassphrase,
    /// There is no vault.
    NoVault,
    /// There is a vault already.
    VaultExists,
    /// The vault cannot be used: newer version, damaged, full disk, read-only folder, used by another agent.
    Vault,
    /// No such room, body, person, invite or request.
    NotFound,
    /// The rules of the body do not allow it.
    Denied,
    /// The relay cannot be reached.
    Unreachable,
    /// Another key answers at the relay's address.
    WrongRelayKey,
    /// The relay does not do it.
    RelayRefused,
    /// The room cannot be acted in now.
    RoomState,
    /// The agent does not answer, or not as it should.
    Agent,
    /// It waits on this device (not an error; `queued` carries it).
    Queued,
}

impl Code {
    /// The exit code of a command that ends with it.
    #[must_use]
    pub const fn exit(self) -> u8 {
        match self {
            Self::Internal => 1,
            // 2 is the command line's own: wrong usage.
            Self::Queued => 3,
            Self::BadInput => 4,
            Self::Locked => 5,
            Self::WrongPassphrase => 6,
            Self::NoVault => 7,
            Self::VaultExists => 8,
            Self::Vault => 9,
            Self::NotFound => 10,
            Self::Denied => 11,
            Self::Unreachable => 12,
            Self::WrongRelayKey => 13,
            Self::RelayRefused => 14,
            Self::RoomState => 15,
            Self::Agent => 16,
        }
    }
}

/// A problem as a person gets it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Problem {
    /// What kind.
    pub code: Code,
    /// What happened.
    pub message: String,
    /// What to do next.
    pub next: Option<String>,
}

impl Problem {
    /// A problem and what to do about it.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>, next: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            next: Some(next.into()),
        }
    }
}
