//! A store whose answers hold the paused clock.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

use caucus_proto::id::{ChannelId, Hours, Position};
use caucus_proto::wire::{Entry, StoreKind};
use caucus_server::relay::guard::Guard;
use caucus_server::store::{Appended, ChannelUsage, Export, NewEntry, Outlet, Store, StoreError, Usage};

/// A store that works in threads of its own, made fit for virtual time: while an answer of it is due, time
/// stands still.
pub struct Held<S>(pub S);

/// While it lives, the runtime's paused clock does not jump: tokio waits for blocking work.
struct Hold(#[allow(dead_code)] Sender<()>);

fn hold() -> Hold {
    let (sender, receiver) = channel();
    tokio::task::spawn_blocking(move || {
        // Ends with an error when the other half is dropped: that is all it waits for.
        let _ = receiver.recv();
    });
    Hold(sender)
}

impl<S: Store> Store for Held<S> {
    fn kind(&self) -> StoreKind {
        self.0.kind()
    }

    fn hand_over(&self, outlet: Outlet) {
        self.0.hand_over(outlet);
    }

    async fn guard(&self, channel: ChannelId) -> Result<Option<(Arc<Guard>, ChannelUsage)>, StoreError> {
        let _hold = hold();
        self.0.guard(channel).await
    }

    async fn put_guard(
        &self,
        channel: ChannelId,
        expected: Option<Arc<Guard>>,
        guard: Guard,
    ) -> Result<bool, StoreError> {
        let _hold = hold();
        self.0.put_guard(channel, expected, guard).await
    }

    async fn append(&self, entry: NewEntry) -> Result<Appended, StoreError> {
        let _hold = hold();
        self.0.append(entry).await
    }

    async fn read(
        &self,
        channel: ChannelId,
        after: Position,
        max_bytes: usize,
        now: Hours,
    ) -> Result<Vec<Entry>, StoreError> {
        let _hold = hold();
        self.0.read(channel, after, max_bytes, now).await
    }

    async fn delete(&self, channel: ChannelId) -> Result<(), StoreError> {
        let _hold = hold();
        self.0.delete(channel).await
    }

    async fn expire(&self, now: Hours) -> Result<(), StoreError> {
        let _hold = hold();
        self.0.expire(now).await
    }

    async fn export(&self) -> Result<Option<Box<dyn Export>>, StoreError> {
        self.0.export().await
    }

    fn known_hour(&self) -> Option<Hours> {
        self.0.known_hour()
    }

    fn usage(&self) -> Usage {
        self.0.usage()
    }

    async fn close(&self) -> Result<(), StoreError> {
        let _hold = hold();
        self.0.close().await
    }
}
