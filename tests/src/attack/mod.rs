//! Attacks on a real relay process, and what they cost those who are honest meanwhile (`docs/attacks.md`).
//!
//! [`Siege`] is a relay with an honest writer and an honest reader of one channel; [`Toll`] says what became of them
//! and of the relay while something else went on. Attackers are [`Stranger`]s, who speak QUIC by the library and
//! the protocol as they please, and [`raw::Raw`] ones, who make their packets themselves.

pub mod raw;
mod siege;
mod stranger;
pub(crate) mod trust;

pub use siege::{Siege, Toll};
pub use stranger::{Stranger, shake, windows};

/// Whether the whole campaigns run.
#[must_use]
pub fn long() -> bool {
    std::env::var_os("CAUCUS_LONG").is_some_and(|long| long == "1")
}
