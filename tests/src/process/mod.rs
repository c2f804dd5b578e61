//! The same world as `harness`, with real processes: a relay, and for each person the program `caucus` with its
//! agent. Whatever is started here is ended by its process id.

mod build;
mod person;
mod relay;

pub use build::binaries;
pub use person::{Outcome, Person};
pub use relay::RelayProcess;
