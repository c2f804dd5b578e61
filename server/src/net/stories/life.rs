//! How a relay ends and comes back: drained, killed, with a disk that fails.

use std::sync::Arc;
use std::time::Duration;

use caucus_proto::id::{ChannelId, Hours, Position};
use caucus_proto::wire::{Answer, Entry, RefusedBecause, Role, StoreKind};

use crate::clock::Clock;
use crate::limits::Limits;
use crate::net::stories::{APPEND, CONTROL, QUOTA, READ, World, closed, cut, founded, room, stored};
use crate::net::{Goodbye, Identity};
use crate::relay::guard::Guard;
use crate::report::Readiness;
use crate::store::embedded::{Embedded, Options};
use crate::store::memory::Memory;
use crate::store::{Appended, ChannelUsage, Export, NewEntry, Outlet, Store, StoreError, Usage};

#[tokio::test]
async fn a_relay_that_goes_says_so_and_finishes_what_it_has_begun() {
    let store = Arc::new(Memory::new(QUOTA));
    let identity = Identity::generate().unwrap();
    let again = Identity::from_pkcs8(identity.pkcs8()).unwrap();
    let world = World::with(Limits::default(), identity, store).await;
    let mut visitor = world.visitor().await;
    let channel = founded(&mut visitor).await;
    let append = visitor.open(channel, Role::Append, APPEND).await;
    assert_eq!(visitor.append(append, 0, 1).await, stored(1));
    let key = world.relay.address().key;
    let stopping = tokio::spawn(world.relay.stop());
    let word = visitor.next().await;
    assert_eq!(word.tag, 0);
    assert!(matches!(word.answer, Answer::Draining { .. }));
    let refused = visitor.append(append, 0, 2).await;
    assert_eq!(refused, Answer::Refused(RefusedBecause::Draining));
    assert_eq!(closed(&visitor.connection).await, Goodbye::Draining.code());
    stopping.await.unwrap().unwrap();
    assert_eq!(again.key(), key);
}

#[tokio::test]
async fn a_relay_that_was_killed_comes_back_with_what_it_acknowledged() {
    let identity = Identity::generate().unwrap();
    let again = Identity::from_pkcs8(identity.pkcs8()).unwrap();
    let world = World::with(Limits::default(), identity, Arc::new(Memory::new(QUOTA))).await;
    let mut visitor = world.visitor().await;
    let channel = founded(&mut visitor).await;
    let append = visitor.open(channel, Role::Append, APPEND).await;
    assert_eq!(visitor.append(append, 0, 1).await, stored(1));
    world.relay.kill().await;
    let world = World::with(Limits::default(), again, world.store).await;
    let mut visitor = world.visitor().await;
    let read = visitor.open(channel, Role::Read, READ).await;
    let (entries, _) = visitor.read(read, 0, false).await.entries().await;
    assert_eq!(entries, [(1, 1)]);
    world.relay.stop().await.unwrap();
}

#[tokio::test]
async fn on_disk_what_was_acknowledged_outlives_a_killed_relay_whose_folder_is_free_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let open = || Arc::new(Embedded::open(&path, Options::default()).unwrap());
    let world = World::with(Limits::default(), Identity::generate().unwrap(), open()).await;
    let mut visitor = world.visitor().await;
    let channel = founded(&mut visitor).await;
    let append = visitor.open(channel, Role::Append, APPEND).await;
    let control = visitor.open(channel, Role::Control, CONTROL).await;
    assert_eq!(visitor.append(append, 0, 1).await, stored(1));
    assert_eq!(visitor.ask(cut(control, 0, [21; 32], [22; 32])).await, stored(2));
    let World { relay, store, .. } = world;
    relay.kill().await;
    // The tasks of its connections end on their own, and the store with the last of them.
    let kept = Arc::downgrade(&store);
    drop((store, visitor));
    while kept.strong_count() > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let world = World::with(Limits::default(), Identity::generate().unwrap(), open()).await;
    let mut visitor = world.visitor().await;
    let refused = visitor.try_open(channel, Role::Append, APPEND).await;
    assert_eq!(refused, Answer::Refused(RefusedBecause::NotOpened));
    let read = visitor.open(channel, Role::Read, READ).await;
    let (entries, _) = visitor.read(read, 0, false).await.entries().await;
    assert_eq!(entries, [(1, 1), (2, 99)]);
    world.relay.stop().await.unwrap();
}

/// A store that says this to every append.
struct Failing(Memory, fn() -> StoreError);

impl Store for Failing {
    fn kind(&self) -> StoreKind {
        StoreKind::Disk
    }

    fn hand_over(&self, outlet: Outlet) {
        self.0.hand_over(outlet);
    }

    async fn guard(&self, channel: ChannelId) -> Result<Option<(Arc<Guard>, ChannelUsage)>, StoreError> {
        self.0.guard(channel).await
    }

    async fn put_guard(
        &self,
        channel: ChannelId,
        expected: Option<Arc<Guard>>,
        guard: Guard,
    ) -> Result<bool, StoreError> {
        self.0.put_guard(channel, expected, guard).await
    }

    async fn append(&self, _: NewEntry) -> Result<Appended, StoreError> {
        Err(self.1())
    }

    async fn read(
        &self,
        channel: ChannelId,
        after: Position,
        max_bytes: usize,
        now: Hours,
    ) -> Result<Vec<Entry>, StoreError> {
        self.0.read(channel, after, max_bytes, now).await
    }

    async fn delete(&self, channel: ChannelId) -> Result<(), StoreError> {
        self.0.delete(channel).await
    }

    async fn expire(&self, now: Hours) -> Result<(), StoreError> {
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
        self.0.close().await
    }
}

#[tokio::test]
async fn a_relay_whose_disk_fails_acknowledges_nothing_more_and_ends() {
    let failed = || StoreError::Failed("injected".to_owned());
    let store = Arc::new(Failing(Memory::new(QUOTA), failed));
    let mut world = World::with(Limits::default(), Identity::generate().unwrap(), store).await;
    let mut visitor = world.visitor().await;
    let channel = founded(&mut visitor).await;
    let append = visitor.open(channel, Role::Append, APPEND).await;
    let refused = visitor.append(append, 0, 1).await;
    assert_eq!(refused, Answer::Refused(RefusedBecause::StoreFailed));
    world.relay.ended().await;
    assert_eq!(closed(&visitor.connection).await, Goodbye::Draining.code());
    assert!(matches!(world.relay.stop().await, Err(StoreError::Failed(_))));
}

#[tokio::test]
async fn damage_that_a_request_meets_is_told_to_who_asks_and_ends_nothing() {
    let damaged = || StoreError::Damaged("injected".to_owned());
    let store = Arc::new(Failing(Memory::new(QUOTA), damaged));
    let world = World::with(Limits::default(), Identity::generate().unwrap(), store).await;
    let mut visitor = world.visitor().await;
    let channel = founded(&mut visitor).await;
    let append = visitor.open(channel, Role::Append, APPEND).await;
    for _ in 0..3 {
        let refused = visitor.append(append, 0, 1).await;
        assert_eq!(refused, Answer::Refused(RefusedBecause::StoreFailed));
    }
    assert_eq!(world.relay.operator().report().readiness, Readiness::Ready);
    world.relay.stop().await.unwrap();
}

#[tokio::test]
async fn what_is_stored_while_the_clock_is_in_doubt_lives_as_long_as_if_it_were_right() {
    const AHEAD: u64 = 1_000;
    let world = World::new().await;
    let mut visitor = world.visitor().await;
    let channel = founded(&mut visitor).await;
    let append = visitor.open(channel, Role::Append, APPEND).await;
    world.clock.doubt(AHEAD);
    assert_eq!(visitor.append(append, 0, 1).await, stored(1));
    let now = world.clock.hours();
    let entries = world.store.read(channel, Position(0), 1, now).await.unwrap();
    assert_eq!(entries[0].expires, Hours(now.0 + AHEAD + room(1).plain.hours()));
    world.relay.stop().await.unwrap();
}
