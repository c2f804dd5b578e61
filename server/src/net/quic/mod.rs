//! QUIC for a server that owns one socket: quinn's protocol without quinn's tasks.
//!
//! Every other way to run it gives each connection a task, a queue and a timer of its own, and touches all of them, cold,
//! for every packet. Here one task, the driver, owns the socket and all timers; a connection is its protocol state and
//! whoever waits for it. Who writes to a stream marks the connection, and the driver sends what all marked ones have.
//!
//! ```text
//!   packets ─► driver ─► connection: handle_event ─┐              ┌─ SendStream, RecvStream, Connection
//!   socket ◄── driver ◄─ connection: poll_transmit ◄┴─ marked ◄────┘  (wakers of who waits)
//! ```
//!
//! A lock of a connection may be held while the endpoint's or the list's is taken, never the other way round.

mod connection;
mod deadlines;
mod driver;
mod endpoint;
mod hub;
mod stream;
mod waiting;

#[cfg(test)]
mod tests;

pub(crate) use connection::Connection;
pub(crate) use endpoint::{Endpoint, Incoming};
pub(crate) use stream::{Gone, RecvStream, SendStream};
