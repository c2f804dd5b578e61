//! `cargo bench-bulletin`: one device of a committee and many bodies that it is linked with (`docs/bench.md`, `docs/scale.md`).
//! The device is real: an app over a vault, a relay as a process of its own on the loopback. The other bodies are puppets:
//! each has the state of a body of one person and its keys, and writes and reads its own letters; what they cost is no
//! figure here.

mod committee;
mod growth;
mod lines;
mod measure;
mod puppet;

use std::path::Path;

use crate::figures::Figure;

pub use growth::growth;

/// The sizes of a run, unless others are named.
pub const SIZES: [usize; 3] = [10, 100, 1_000];

/// The sizes of a quick run.
pub const QUICK: [usize; 2] = [10, 100];

/// Figures of one size.
pub struct Size {
    /// Bodies that the committee is linked with.
    pub bodies: usize,
    /// What was measured.
    pub figures: Vec<Figure>,
}

/// Measures with so many bodies. `say` is told what is being done; what is kept on a disk is kept in this folder.
///
/// # Panics
/// If something that is measured does not work.
pub fn run(bodies: usize, folder: &Path, say: &dyn Fn(&str)) -> Size {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let figures = runtime.block_on(measure::measure(bodies, folder, say));
    Size { bodies, figures }
}
