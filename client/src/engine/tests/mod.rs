//! The sync core over a channel in memory: real rooms, real vaults, real MLS, and a network that does what it likes.

mod channel;
mod check;
mod crash;
mod duties;
mod events;
mod fork;
mod hostile;
mod insider;
mod large;
mod races;
mod random;
mod renewal;
mod verdict;
mod world;
