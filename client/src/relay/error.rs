//! What can go wrong between a client and a relay, sorted by fault.

use core::fmt;

use caucus_proto::error::{Misuse, PeerFault};
use caucus_proto::wire::RefusedBecause;
use thiserror::Error;

/// Why a request, a reading or a connection failed.
///
/// Never holds an address, a name or a key, so that it can be shown and logged.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum LinkError {
    /// No connection came about: nothing was asked.
    #[error("the relay cannot be reached: {why}")]
    Unreachable {
        /// What stood in the way.
        why: Unreachable,
    },
    /// Somebody answers there, but does not hold the key that the address names. Nothing was sent.
    #[error("the relay at this address has another key than the address says")]
    WrongKey,
    /// The relay speaks no version of the protocol that this client speaks.
    #[error("the relay speaks versions {theirs:?} of the protocol, this program speaks {ours:?}", ours = super::dial::VERSIONS)]
    Version {
        /// What it speaks.
        theirs: Vec<u16>,
    },
    /// The relay said no: nothing was done.
    #[error("the relay refused: {0}")]
    Refused(RefusedBecause),
    /// The relay goes away: nothing was done.
    #[error("the relay is shutting down; back in about {back_in_ms} ms")]
    Draining {
        /// Milliseconds, as the relay says.
        back_in_ms: u32,
    },
    /// The connection is gone before the answer came.
    #[error("the connection to the relay is lost{sent}")]
    Lost {
        /// Whether the request had left.
        sent: Sent,
    },
    /// No answer in time; the connection may still stand.
    #[error("the relay did not answer in time{sent}")]
    Timeout {
        /// Whether the request had left.
        sent: Sent,
    },
    /// The relay sent what no relay sends; the connection was closed.
    #[error("the relay answered with nonsense ({fault}){sent}")]
    Peer {
        /// What was wrong with it.
        fault: PeerFault,
        /// Whether the request had left.
        sent: Sent,
    },
    /// The request could not be formed: nothing was asked.
    #[error("not sent: {0}")]
    Misuse(#[from] Misuse),
}

/// Whether a request that got no answer had left this machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sent {
    /// It had not: it was not done and will not be.
    No,
    /// Some of its bytes had: it may be done, or not, or still be done.
    Maybe,
}

/// Why a relay cannot be reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum Unreachable {
    /// Nobody answers.
    #[error("it does not answer")]
    Timeout,
    /// Something there turns connections away.
    #[error("it turns connections away")]
    Refused,
    /// The name of the host leads nowhere.
    #[error("its name is unknown, or the network is down")]
    NameUnknown,
    /// What answers there does not agree to our kind of connection (TLS 1.3 with X25519MLKEM768 over
    /// QUIC version 1, ALPN `h3`).
    #[error("what answers there does not speak as a relay does")]
    NotARelay,
    /// This machine gives no socket or no route.
    #[error("this machine has no network for it")]
    NoNetwork,
    /// Somebody else named an address in a private network. Nothing was sent there.
    #[error("its address lies in a private network, and you have not added this relay yourself")]
    Private,
    /// No host can be there. Nothing was sent.
    #[error("no relay can be at its address")]
    Nowhere,
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::No => "; the request had not left",
            Self::Maybe => "; whether the request was carried out is unknown",
        })
    }
}

impl LinkError {
    /// Whether the request may have been carried out nevertheless. After `false` it can be sent again as it
    /// is; after `true` one must read first.
    #[must_use]
    pub const fn may_be_done(&self) -> bool {
        matches!(
            self,
            Self::Lost { sent: Sent::Maybe }
                | Self::Timeout { sent: Sent::Maybe }
                | Self::Peer {
                    sent: Sent::Maybe,
                    ..
                }
        )
    }

    /// Whether a new connection may help where this one failed.
    #[must_use]
    pub const fn ends_connection(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::Draining { .. } | Self::Lost { .. } | Self::Peer { .. }
        )
    }

    /// Milliseconds after which the relay says it makes sense again.
    #[must_use]
    pub const fn retry_ms(&self) -> Option<u32> {
        match self {
            Self::Draining { back_in_ms } => Some(*back_in_ms),
            Self::Refused(RefusedBecause::TooFast { retry_ms } | RefusedBecause::Held { retry_ms }) => {
                Some(*retry_ms)
            }
            _ => None,
        }
    }
}
