//! The same world as `harness`, with real processes: a relay, and for each person the program `caucus` with its
//! agent. Whatever is started here is ended by its process id.

mod agent;
mod build;
mod cable;
mod line;
mod person;
mod relay;
mod traced;

use std::time::Duration;

pub use agent::AgentProcess;
pub use build::binaries;
pub use cable::{Cable, Passed, Traffic};
pub use line::{Line, Unanswered};
pub use person::{Outcome, Person};
pub use relay::RelayProcess;
pub use traced::Traced;

/// With this option an agent connects to relays on this machine, whoever names them.
const PRIVATE_RELAYS: &str = "--private-relays";

/// How long a busy machine may take for what takes a moment.
pub const PATIENCE: Duration = Duration::from_secs(30);
