//! Stories: what people do, over a real relay and real QUIC.

pub(crate) mod assembly;
mod belonging;
pub(crate) mod between;
mod decisions;
mod files;
mod forget;
mod history;
mod isolation;
mod join;
mod keys;
mod leave;
mod liaison;
mod meetings;
mod offline;
mod poster;
mod race;
mod relays;
mod remarks;
mod renewal;
mod replace;
mod rooms;
mod successor;
mod talk;
mod together;
