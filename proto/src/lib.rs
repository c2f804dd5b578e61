//! What two parties of Caucus must agree on, as pure data and pure functions.
//!
//! Nothing here opens a socket or a file, reads a clock, draws randomness or starts a thread: time and
//! randomness are arguments. `wire` is what a client and a relay say to one another; with the feature
//! `members`, `envelope` and `org` are what members say to one another and a relay never links.

pub mod codec;
pub mod error;
pub mod id;
pub mod label;
pub mod wire;

#[cfg(feature = "members")]
pub mod envelope;
#[cfg(feature = "members")]
pub mod org;

#[cfg(test)]
#[cfg(feature = "members")]
mod tests;
