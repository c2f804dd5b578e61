//! Connections to relays over QUIC; the only room of the client that names
//! quinn and rustls.
//!
//! A [`Pool`] holds one [`Connection`] for each relay, persona and [`Lane`]. A connection carries requests on
//! one stream, pipelined and matched by tag, and every [`Reading`] on a stream of its own. Whether a request
//! that failed may nevertheless have been carried out is part of its error: [`LinkError::may_be_done`].
//!
//! Two personas share nothing that a relay or the network could follow: each connection has its own UDP
//! socket and TLS state; nothing is resumed, no address token is kept, no name goes out in the first packet.
//! What still links them is the network address itself, and the times at which they come and go.
//!
//! Not here: when to connect again ([`Backoff`] only says after how long), catching up, what entries mean.

mod acks;
mod backoff;
mod connection;
mod dial;
mod error;
mod exchange;
#[cfg(test)]
mod fake;
mod patience;
mod pool;
mod reach;
mod reading;
mod request;
mod sockets;
#[cfg(test)]
mod stories;
mod tls;

pub use backoff::Backoff;
pub use connection::{Connection, Handle};
pub use dial::settings;
pub use error::{LinkError, Sent, Unreachable};
pub use patience::Patience;
pub use pool::{Lane, Pool};
pub use reach::Reach;
pub use reading::Reading;
pub use request::{Appended, Changed, Opened};
pub use sockets::Sockets;
