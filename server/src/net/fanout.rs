//! The hot path: entries that became durable go to everybody who follows their channels.
//!
//! One task for the whole relay. The store hands over a batch at a time; each follower that has caught up is
//! written to once a batch, without a task or a queue of its own.

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedReceiver;

use crate::net::desk::Desk;
use crate::store::{Committed, Store};

/// Batches that are handed out together.
const TOGETHER: usize = 16;

/// Until the store hands over no more.
pub(crate) async fn run<S: Store>(desk: Arc<Desk<S>>, mut committed: UnboundedReceiver<Committed>) {
    let mut batches = Vec::with_capacity(TOGETHER);
    let mut due = Vec::new();
    while committed.recv_many(&mut batches, TOGETHER).await > 0 {
        for mut batch in batches.drain(..) {
            for (channel, entry) in batch.entries.drain(..) {
                if let Some(live) = desk.in_use(&channel)
                    && live.take_in(entry)
                {
                    due.push(live);
                }
            }
            // Here who appended is answered.
            drop(batch);
        }
        let now = desk.clock.hours();
        for live in due.drain(..) {
            desk.read_on(live.hand_out(now, &desk.totals.deliveries));
        }
    }
}
