//! The agent: one process a person, a private socket of JSON lines over `app` (`docs/agent.md`).
//!
//! It carries intents to the app and answers back. It holds no rules and knows nothing of terminals.

mod bell;
mod call;
mod end;
mod home;
mod line;
mod listen;
mod serve;
mod spawn;
#[cfg(test)]
mod tests;

pub use bell::bell;
pub use call::Call;
pub use end::{clear, end_at_once, process_of};
pub use home::{Home, HomeError};
pub use line::{LONGEST_LINE, Reply, Request};
pub use listen::{Agent, AgentError};
pub use spawn::reach_or_start;
#[cfg(test)]
pub(crate) use tests::Running;
