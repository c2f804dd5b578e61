//! What an organization costs: the machine, our part over the bare MLS library, and joining (`cargo bench-org`,
//! `docs/organization.md`).

mod bare;
mod failover;
mod group;
mod inbox;
mod joins;
mod mls;
mod search;

use std::path::Path;

use crate::figures::Figure;
use crate::machine;

/// What can be measured alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Part {
    /// Entries applied, roots, memory and snapshots of bodies of different sizes.
    Machine,
    /// Polls of a thousand people, counted, and what five hundred of them leave behind.
    Polls,
    /// Messages and commits over the bare MLS library's.
    Mls,
    /// The list of everything that waits for somebody, opened.
    Inbox,
    /// A thousand who join by one link, over a real relay, and then move to another; takes minutes.
    Joins,
    /// A word, found in everything that was said.
    Search,
    /// A relay that is killed for good under many cells; takes minutes.
    Failover,
}

impl Part {
    /// All, in the order in which they are measured: memory first, while nothing that was used is free to be used again.
    pub const ALL: [Self; 7] = [
        Self::Machine,
        Self::Polls,
        Self::Mls,
        Self::Inbox,
        Self::Search,
        Self::Failover,
        Self::Joins,
    ];

    /// Measures it. `say` is told what is being done; what is kept on a disk is kept in this folder.
    ///
    /// # Panics
    /// If something that is measured does not work.
    pub fn measure(self, folder: &Path, say: &dyn Fn(&str)) -> Vec<Figure> {
        match self {
            Self::Machine => machine::cost(say),
            Self::Polls => machine::polling(say),
            Self::Mls => mls::measure(folder, say),
            Self::Inbox => inbox::measure(folder, say),
            Self::Joins => joins::measure(folder, say),
            Self::Search => search::measure(folder, say),
            Self::Failover => failover::measure(folder, say),
        }
    }
}
