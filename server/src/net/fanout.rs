//! The hot path: entries that became durable go to everybody who follows their channels.
//!
//! One task for the whole relay. The store hands over a batch at a time; each follower that has caught up is
//! written to without a task or a queue of its own. Followers are written to by shares, and what was written to one
//! share is sent before the next has its turn: a connection is touched once for both while it is in the processor's cache, and what a
//! channel takes in meanwhile goes to the next round of its followers together (docs/bench.md, "W6"). Channels take turns.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::yield_now;

use crate::net::desk::Desk;
use crate::store::{Committed, Store};

/// Batches that are taken in together.
const TOGETHER: usize = 16;
/// Followers of a share.
const SHARE: usize = 64;

/// Until the store hands over no more.
pub(crate) async fn run<S: Store>(desk: Arc<Desk<S>>, mut committed: UnboundedReceiver<Committed>) {
    let mut batches = Vec::with_capacity(TOGETHER);
    let mut due = VecDeque::new();
    loop {
        if due.is_empty() {
            if committed.recv_many(&mut batches, TOGETHER).await == 0 {
                return;
            }
        } else {
            yield_now().await;
            while batches.len() < TOGETHER
                && let Ok(batch) = committed.try_recv()
            {
                batches.push(batch);
            }
        }
        for mut batch in batches.drain(..) {
            for (channel, entry) in batch.entries.drain(..) {
                if let Some(live) = desk.in_use(&channel)
                    && live.take_in(entry)
                {
                    due.push_back(live);
                }
            }
            // Here who appended is answered.
            drop(batch);
        }
        let now = desk.clock.hours();
        let mut left = SHARE;
        while left > 0
            && let Some(live) = due.pop_front()
        {
            let share = live.hand_out(left, now, &desk.totals.deliveries);
            left -= share.touched;
            desk.read_on(share.behind);
            if share.more {
                due.push_back(live);
            }
        }
    }
}
