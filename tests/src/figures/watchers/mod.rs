//! What somebody can guess who watches the way to the relay, or runs the relay: which action it was (N-10), who speaks to
//! whom (N-11), which connections are one person's (N-13). Entries are padded to few sizes; there is no cover traffic and no
//! second hop, so nobody has to be at chance: these figures say how far from it they are.

mod actions;
mod correlation;
mod crowd;
mod nearest;
mod rooms;
mod trace;

use std::path::Path;

use super::figure::{Figure, table};

/// Measures all three.
pub(super) fn measure(folder: &Path) -> Vec<Figure> {
    let mut figures = crowd::measure();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    figures.splice(0..0, runtime.block_on(rooms::measure(folder)));
    // The rest takes ten minutes.
    eprintln!("{}", table(&figures));
    figures.splice(0..0, runtime.block_on(actions::measure(folder)));
    figures
}

fn percent(what: &str, share: f64, how: impl Into<String>) -> Figure {
    Figure::of(what, share * 100.0, "%", how)
}
