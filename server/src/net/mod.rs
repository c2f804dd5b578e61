//! Bytes in and out: the QUIC endpoint, connections, fan-out to followers. The only room that names quinn.
//!
//! It asks the rules in `relay` before it asks the store, and holds no rule itself.

pub(crate) mod budget;
pub(crate) mod connection;
pub(crate) mod desk;
pub mod endpoint;
pub(crate) mod fanout;
mod follower;
pub(crate) mod frames;
pub mod goodbye;
pub mod identity;
mod live;
mod lot;
mod quic;
mod read;
mod session;
mod totals;

#[cfg(test)]
mod stories;
#[cfg(test)]
mod visitor;

pub use endpoint::EndpointError;
pub use goodbye::Goodbye;
pub use identity::{Identity, IdentityError};
pub(crate) use quic::{Connection, Endpoint, Incoming};
pub use quinn::AsyncUdpSocket;
