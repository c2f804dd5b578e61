//! The relay: a QUIC server of channels, append-only, expiring, capability-guarded logs of opaque bytes.
//!
//! It knows no accounts and no names, and writes nothing about a connection. `relay` holds the rules,
//! `store` keeps entries, `net` moves bytes.

mod attend;
pub mod clock;
pub mod config;
pub mod control;
pub mod keyfile;
pub mod limits;
pub mod memory;
pub mod net;
pub mod operate;
pub mod process;
pub mod relay;
pub mod report;
pub mod run;
pub mod store;
