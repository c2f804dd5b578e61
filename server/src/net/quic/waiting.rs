//! Who waits for which stream.

use std::task::Waker;

use quinn_proto::StreamId;

/// Sorted by stream; most connections have one or two.
#[derive(Default)]
pub(super) struct Waiting(Vec<(StreamId, Waker)>);

impl Waiting {
    /// Whoever waited for this stream before does not any more.
    pub(super) fn wait(&mut self, stream: StreamId, waker: &Waker) {
        match self.place(stream) {
            Ok(place) => {
                if let Some((_, waiting)) = self.0.get_mut(place) {
                    waiting.clone_from(waker);
                }
            }
            Err(place) => {
                if self.0.is_empty() {
                    self.0.reserve_exact(1);
                }
                self.0.insert(place, (stream, waker.clone()));
            }
        }
    }

    pub(super) fn wake(&mut self, stream: StreamId) {
        if let Some(waker) = self.forget(stream) {
            waker.wake();
        }
    }

    pub(super) fn wake_all(&mut self) {
        for (_, waker) in std::mem::take(&mut self.0) {
            waker.wake();
        }
    }

    /// Gives who waited for this stream.
    pub(super) fn forget(&mut self, stream: StreamId) -> Option<Waker> {
        let place = self.place(stream).ok()?;
        Some(self.0.remove(place).1)
    }

    fn place(&self, stream: StreamId) -> Result<usize, usize> {
        self.0.binary_search_by_key(&stream, |(stream, _)| *stream)
    }
}
