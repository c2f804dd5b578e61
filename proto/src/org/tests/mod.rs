//! The laws and rules of the machine, one by one. `caucus-tests` plays it against a slow, obvious model.

mod belonging;
mod between;
mod bodies;
mod bulletins;
mod counting;
mod decisions;
mod directives;
mod forward;
mod laws;
mod letters;
mod liaison;
mod meetings;
mod moving;
mod offices;
mod relays;
mod remarks;
mod renewal;
mod replace;
mod rooms;
mod succeed;
mod ways;
pub(crate) mod world;
