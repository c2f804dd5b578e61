//! The harness: a relay and people in one process over real QUIC on loopback, and the same with real processes.

pub mod attack;
pub mod bench;
pub mod bulletin;
pub mod cost;
pub mod demo;
pub mod figures;
pub mod harness;
pub mod machine;
pub mod needles;
pub mod net;
pub mod process;
