//! A network in memory for the whole real stack: real relay, real QUIC, real engine with its groups and vaults, in
//! one process, by seed, in virtual time.
//!
//! [`Fabric`] is the switch between all [`Socket`]s. It loses, delays, overtakes and doubles datagrams as the
//! [`Weather`] of a device says, cuts devices off, changes their address or what their address translation
//! knows. Relay and client are the product's own, over sockets that are handed in.
//!
//! **Time.** Everything runs on one thread whose tokio clock is paused: when no task can go on, the clock jumps
//! to the next timer. quinn asks the same clock (`TokioRuntime::now`), and so do [`Clock`] for relay and client and
//! every timeout of theirs, so thirty minutes cost as much as the work in them. What would make time run away is
//! work that the runtime does not see. There are two kinds:
//!
//! - The passphrase's hash runs in `spawn_blocking`; tokio does not let the clock jump while such work is
//!   outstanding.
//! - A store with a thread of its own would answer from outside. So the relay runs on the store in memory, which
//!   answers at once; [`Held`] holds the clock for any other store, by blocking work that lasts as long as the
//!   answer is due.
//!
//! The vaults' writes and all cryptography run on the one thread, within a task: time stands still during them.
//!
//! **Seeds.** A seed determines every decision of the network and of the people: fates, delays, weather, who does
//! what and when. It does not determine bytes: keys, nonces and connection ids are the system's randomness, as in
//! the product, and with them sizes of some packets may differ by a few bytes and timers by a jitter. A seed
//! that failed is run several times.
//!
//! Not here: bandwidth, congestion by other traffic, ECN, IPv6, errors that a system reports on sending.

mod account;
mod campaign;
mod channel;
mod clock;
mod draw;
mod fabric;
mod held;
mod hostile;
mod liar;
mod marker;
mod packet;
mod relay;
mod socket;
mod somebody;
mod weather;
mod world;

pub use account::{Account, Ledger};
pub use campaign::{Storm, storm};
pub use channel::{Channel, append};
pub use clock::Clock;
pub use draw::Draw;
pub use fabric::{Datagram, Device, Fabric, Traffic};
pub use held::Held;
pub use hostile::{Hostile, ON_THE_WAY, Trick};
pub use liar::{Kept, Liar, Lie, numbered_anew};
pub use marker::{Marker, Said};
pub use packet::{Packet, PacketKind};
pub use relay::RelayHost;
pub use socket::Socket;
pub use somebody::{Somebody, sockets};
pub use weather::Weather;
pub use world::{SOON, World, admitted};
