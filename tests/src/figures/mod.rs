//! The figures of a release build: what Caucus costs in time, memory and disk, measured on real processes, each
//! beside its target where it has one. `docs/figures.md` says how to read them.
//!
//! Not here: correctness (the stories), and load on many machines at once.

mod appends;
mod engine;
mod figure;
mod renewal;
pub(crate) mod samples;
mod size;
mod socket;
mod talk;
mod unlock;
pub mod vitals;
mod watchers;

use std::path::Path;

pub use figure::{Figure, Target, table};

/// What can be measured alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Part {
    /// Sizes of the program and of its list of dependencies.
    Size,
    /// Durable appends of raw clients, and what they take on the relay's disk.
    Appends,
    /// Opening a vault.
    Unlock,
    /// Two people with their agents: saying and seeing.
    Talk,
    /// The same without agents and sockets, to tell where the time goes.
    Engine,
    /// Coming back after the state was lost; takes ten minutes, and only runs when it is asked for.
    Renewal,
    /// What who watches the network or the relay can guess; takes a quarter of an hour, and only runs when it is asked for.
    Watchers,
    /// A build from nothing; takes minutes, and only runs when it is asked for.
    CleanBuild,
}

impl Part {
    /// What is measured where nobody chooses.
    pub const USUAL: [Self; 5] = [Self::Size, Self::Appends, Self::Unlock, Self::Talk, Self::Engine];

    /// Measures it. Whatever is kept on a disk meanwhile is kept in this folder.
    ///
    /// # Panics
    /// If something that is measured does not work.
    pub fn measure(self, folder: &Path) -> Vec<Figure> {
        match self {
            Self::Size => size::measure(),
            Self::Appends => appends::measure(folder),
            Self::Unlock => unlock::measure(folder),
            Self::Talk => talk::measure(folder),
            Self::Engine => engine::measure(folder),
            Self::Renewal => renewal::measure(folder),
            Self::Watchers => watchers::measure(folder),
            Self::CleanBuild => size::clean_build(folder),
        }
    }
}
