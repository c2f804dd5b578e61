//! Networks: what the whole stack does while datagrams are lost, late, overtaken, doubled or too large, in virtual
//! time (`caucus_tests::net`).

mod fingerprint;
mod handshakes;
mod hostile;
mod injection;
mod moves;
mod partitions;
mod provenance;
mod replay;
mod rough;
mod storms;

use std::future::Future;

/// Runs a story on one thread, in virtual time.
pub fn virtually<T>(story: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime")
        .block_on(story)
}

/// Whether the long campaigns run.
fn long() -> bool {
    std::env::var_os("CAUCUS_LONG").is_some()
}
