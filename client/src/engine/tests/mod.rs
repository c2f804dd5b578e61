//! The sync core over a channel in memory: real rooms, real vaults, real MLS, and a network that does what it likes.

mod channel;
mod check;
mod claims;
mod commits;
mod crash;
mod crowd;
mod decisions;
mod delays;
mod duties;
mod events;
mod fork;
mod history;
mod hostile;
mod impostor;
mod insider;
mod large;
mod newcomer;
mod outsider;
mod races;
mod random;
mod reissue;
mod renewal;
mod replace;
mod steps;
mod verdict;
mod world;
