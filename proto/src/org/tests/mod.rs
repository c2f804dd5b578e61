//! The laws and rules of the machine, one by one. `caucus-tests` plays it against a slow, obvious model.

mod belonging;
mod counting;
mod decisions;
mod laws;
mod meetings;
mod offices;
mod renewal;
mod replace;
mod rooms;
mod succeed;
mod ways;
pub(crate) mod world;
