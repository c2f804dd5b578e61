//! What became durable together, on its way to the followers.

use std::sync::{Mutex, PoisonError};

use caucus_proto::id::ChannelId;
use caucus_proto::wire::Entry;
use tokio::sync::mpsc;

/// Entries that became durable together, in the order of each channel. Who appended them is answered when this is
/// dropped.
#[derive(Debug)]
pub struct Committed {
    /// The entries.
    pub entries: Vec<(ChannelId, Entry)>,
    _answers: Answers,
}

impl Committed {
    /// With what to do when it is dropped.
    pub(super) fn new(
        entries: Vec<(ChannelId, Entry)>,
        answer: impl FnOnce() + Send + Sync + 'static,
    ) -> Self {
        let _answers = Answers(Some(Box::new(answer)));
        Self { entries, _answers }
    }
}

struct Answers(Option<Box<dyn FnOnce() + Send + Sync>>);

impl core::fmt::Debug for Answers {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Answers(..)")
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        if let Some(answer) = self.0.take() {
            answer();
        }
    }
}

/// Where batches are handed over. What waits in it is bounded by what clients may have in flight, for an append is
/// answered only after its batch was taken out; the bytes are the store's own.
pub type Outlet = mpsc::UnboundedSender<Committed>;

/// The outlet of a store, once there is one.
#[derive(Debug, Default)]
pub(super) struct Handover(Mutex<Option<Outlet>>);

impl Handover {
    pub(super) fn to(&self, outlet: Outlet) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(outlet);
    }

    /// Hands over; without anybody to take it, it is dropped, and so answered.
    pub(super) fn give(&self, committed: Committed) {
        if let Some(outlet) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            // Where nobody hands out any more, nobody follows.
            let _ = outlet.send(committed);
        }
    }
}
