//! What all connections of a relay together may hold. Nobody waits for another client here: who finds a budget
//! used up is told to come back, and one who does not take what is his is let go.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::limits::Limits;

/// A share of a budget, given back when it is dropped.
pub(crate) type Share = OwnedSemaphorePermit;

/// Readings that fetch from the store at once.
pub(crate) const READS: usize = 32;

/// The budgets.
pub(crate) struct Budget {
    /// Bytes of large frames that began and are not whole.
    begun: Arc<Semaphore>,
    /// Bytes of requests that are being carried out. A budget of its own, so that whoever begins frames and never
    /// ends them takes nothing from those who do.
    asked: Arc<Semaphore>,
    /// Bytes that are owed to readers and that their streams do not take.
    stalled: Arc<Semaphore>,
    reads: Arc<Semaphore>,
    readings: Arc<Semaphore>,
    handles: Arc<Semaphore>,
}

impl Budget {
    pub(crate) fn new(limits: &Limits) -> Self {
        let of = |most: usize| Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS)));
        Self {
            begun: of(limits.request_bytes / 2),
            asked: of(limits.request_bytes / 2),
            stalled: of(limits.stalled_bytes),
            reads: of(READS),
            readings: of(limits.readings),
            handles: of(limits.open_handles),
        }
    }

    /// For a large frame that began.
    pub(crate) fn begin(&self, bytes: usize) -> Option<Share> {
        take(&self.begun, bytes)
    }

    /// For a request.
    pub(crate) fn ask(&self, bytes: usize) -> Option<Share> {
        take(&self.asked, bytes)
    }

    /// For what a reader does not take.
    pub(crate) fn stall(&self, bytes: usize) -> Option<Share> {
        take(&self.stalled, bytes)
    }

    /// Waits for a turn to read from the store, which only the store's speed can delay.
    pub(crate) async fn turn(&self) -> Option<Share> {
        Arc::clone(&self.reads).acquire_owned().await.ok()
    }

    /// For one more reading.
    pub(crate) fn reading(&self) -> Option<Share> {
        take(&self.readings, 1)
    }

    /// For one more handle.
    pub(crate) fn handle(&self) -> Option<Share> {
        take(&self.handles, 1)
    }
}

fn take(budget: &Arc<Semaphore>, many: usize) -> Option<Share> {
    let many = u32::try_from(many).ok()?;
    Arc::clone(budget).try_acquire_many_owned(many).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_that_is_used_up_gives_nothing_until_something_comes_back() {
        let limits = Limits {
            request_bytes: 200,
            ..Limits::default()
        };
        let budget = Budget::new(&limits);
        let first = budget.begin(60).unwrap();
        assert!(budget.begin(41).is_none());
        let second = budget.begin(40).unwrap();
        assert!(budget.begin(1).is_none());
        // Frames that never end leave requests their own.
        assert!(budget.ask(100).is_some());
        drop((first, second));
        assert!(budget.begin(100).is_some());
    }
}
