//! What every engine must do, told once.

use std::sync::Arc;

use bytes::Bytes;
use caucus_proto::id::{ChannelId, Counter, Hours, Position};
use caucus_proto::wire::{Access, Entry, Flag, Retention, SLOTS};

use crate::relay::guard::{Guard, Segment};
use crate::store::{Appended, GUARD_LIFE, NewEntry, Store, StoreError};

/// The hour all stories begin: the first of a day.
pub(super) const NOW: Hours = Hours(490_800);

pub(super) fn channel(n: u8) -> ChannelId {
    ChannelId([n; 32])
}

pub(super) fn guard() -> Guard {
    let access = Access {
        append: [1; 32],
        read: [2; 32],
    };
    Guard {
        counter: Counter(0),
        newest: Position(0),
        access,
        controls: [[3; 32]; SLOTS],
        solo: true,
        segments: vec![Segment {
            readers: vec![access.read],
            first: Position(1),
            last: None,
        }],
        plain: Retention::Month,
        flagged: Retention::Quarter,
        trimmed: Position(0),
        waiting: Vec::new(),
        pass: None,
        used: NOW,
    }
}

/// A plain entry of 1 KiB that lives a month.
pub(super) fn plain(n: u8, counter: u64, fill: u8) -> NewEntry {
    NewEntry {
        channel: channel(n),
        counter: Counter(counter),
        flag: Flag::Plain,
        expires: Hours(NOW.0 + Retention::Month.hours()),
        bytes: Bytes::from(vec![fill; 1024]),
        guard: None,
    }
}

/// A flagged entry that lives a quarter.
pub(super) fn flagged(n: u8, counter: u64, flag: Flag, guard: Option<Guard>) -> NewEntry {
    NewEntry {
        flag,
        guard,
        expires: Hours(NOW.0 + Retention::Quarter.hours()),
        ..plain(n, counter, 0xF1)
    }
}

pub(super) async fn create<S: Store>(store: &S, n: u8) {
    assert!(store.put_guard(channel(n), None, guard()).await.unwrap());
}

pub(super) async fn stored<S: Store>(store: &S, entry: NewEntry) -> u64 {
    match store.append(entry).await.unwrap() {
        Appended::Stored(position) => position.0,
        other => panic!("not stored: {other:?}"),
    }
}

pub(super) async fn in_force<S: Store>(store: &S, n: u8) -> Arc<Guard> {
    store.guard(channel(n)).await.unwrap().unwrap().0
}

pub(super) async fn all<S: Store>(store: &S, n: u8, after: u64) -> Vec<Entry> {
    let mut found = Vec::new();
    let mut after = Position(after);
    loop {
        let some = store.read(channel(n), after, 10_000, NOW).await.unwrap();
        let Some(last) = some.last() else { return found };
        after = last.position;
        found.extend(some);
    }
}

fn fills(entries: &[Entry]) -> Vec<(u64, u8)> {
    entries.iter().map(|e| (e.position.0, e.bytes[0])).collect()
}

/// Every story, each on a new store.
pub(super) async fn whole<S: Store>(open: impl Fn() -> S) {
    entries_come_back_in_the_order_of_their_positions(&open()).await;
    a_counter_that_moved_is_told_to_the_loser(&open()).await;
    a_flagged_entry_and_its_guard_are_one(&open()).await;
    a_guard_from_the_past_undoes_no_change(&open()).await;
    a_guard_changes_only_if_it_is_the_expected_one(&open()).await;
    a_read_is_bounded_but_never_empty_handed(&open()).await;
    trimmed_entries_are_gone_and_no_longer_counted(&open()).await;
    entries_end_with_their_hour_and_their_space_with_their_day(&open()).await;
    a_deleted_channel_is_gone_and_a_new_one_does_not_see_its_entries(&open()).await;
    a_channel_that_nobody_uses_is_forgotten(&open()).await;
    a_racing_pair_of_advances_has_one_winner(&open()).await;
    a_closed_store_does_nothing(&open()).await;
}

async fn entries_come_back_in_the_order_of_their_positions<S: Store>(store: &S) {
    assert!(store.guard(channel(1)).await.unwrap().is_none());
    assert_eq!(store.append(plain(1, 0, 1)).await.unwrap(), Appended::Gone);
    create(store, 1).await;
    create(store, 2).await;
    for fill in 1..=9 {
        assert_eq!(stored(store, plain(1, 0, fill)).await, u64::from(fill));
        assert_eq!(stored(store, plain(2, 0, fill + 100)).await, u64::from(fill));
    }
    let entries = all(store, 1, 0).await;
    assert_eq!(
        fills(&entries),
        (1..=9).map(|n| (n.into(), n)).collect::<Vec<_>>()
    );
    assert_eq!(fills(&all(store, 2, 7).await), [(8, 108), (9, 109)]);
    let (guard, usage) = store.guard(channel(1)).await.unwrap().unwrap();
    assert_eq!(guard.newest, Position(9));
    assert_eq!((usage.entries, usage.bytes), (9, 9 * 1024));
    assert_eq!(store.usage().channels, 2);
    assert!(store.usage().bytes >= 18 * 1024);
}

async fn a_counter_that_moved_is_told_to_the_loser<S: Store>(store: &S) {
    create(store, 1).await;
    assert_eq!(stored(store, plain(1, 0, 1)).await, 1);
    assert_eq!(stored(store, flagged(1, 0, Flag::Advance, None)).await, 2);
    let moved = Appended::Moved {
        counter: Counter(1),
        newest: Position(2),
    };
    assert_eq!(store.append(plain(1, 0, 9)).await.unwrap(), moved);
    assert_eq!(store.append(plain(1, 2, 9)).await.unwrap(), moved);
    assert_eq!(
        store
            .append(flagged(1, 0, Flag::Cut, Some(guard())))
            .await
            .unwrap(),
        moved
    );
    assert_eq!(stored(store, plain(1, 1, 2)).await, 3);
    let entries = all(store, 1, 0).await;
    let seen: Vec<_> = entries.iter().map(|e| (e.counter.0, e.flag)).collect();
    assert_eq!(seen, [(0, Flag::Plain), (0, Flag::Advance), (1, Flag::Plain)]);
}

async fn a_flagged_entry_and_its_guard_are_one<S: Store>(store: &S) {
    create(store, 1).await;
    let mut next = guard();
    next.access.append = [7; 32];
    next.segments[0].last = Some(Position(1));
    next.segments.push(Segment {
        readers: vec![[8; 32]],
        first: Position(2),
        last: None,
    });
    assert_eq!(
        stored(store, flagged(1, 0, Flag::Cut, Some(next.clone()))).await,
        1
    );
    let now = in_force(store, 1).await;
    assert_eq!(now.counter, Counter(1));
    assert_eq!(now.newest, Position(1));
    assert_eq!(now.access.append, [7; 32]);
    assert_eq!(now.segments, next.segments);
}

async fn a_guard_from_the_past_undoes_no_change<S: Store>(store: &S) {
    create(store, 1).await;
    let before = in_force(store, 1).await;
    let mut changed = Guard::clone(&before);
    changed.controls[0] = [9; 32];
    changed.plain = Retention::Day;
    assert!(
        store
            .put_guard(channel(1), Some(Arc::clone(&before)), changed)
            .await
            .unwrap()
    );
    let mut cut = Guard::clone(&before);
    cut.access.append = [7; 32];
    assert_eq!(stored(store, flagged(1, 0, Flag::Cut, Some(cut))).await, 1);
    let now = in_force(store, 1).await;
    assert_eq!(now.access.append, [7; 32]);
    assert_eq!(now.controls[0], [9; 32]);
    assert_eq!(now.plain, Retention::Day);
}

async fn a_guard_changes_only_if_it_is_the_expected_one<S: Store>(store: &S) {
    assert!(
        !store
            .put_guard(channel(1), Some(Arc::new(guard())), guard())
            .await
            .unwrap()
    );
    assert!(store.guard(channel(1)).await.unwrap().is_none());
    create(store, 1).await;
    assert!(!store.put_guard(channel(1), None, guard()).await.unwrap());
    let before = in_force(store, 1).await;
    stored(store, plain(1, 0, 1)).await;
    let mut one = guard();
    one.solo = false;
    let mut other = guard();
    other.controls[7] = [9; 32];
    let expected = Some(Arc::clone(&before));
    assert!(store.put_guard(channel(1), expected.clone(), one).await.unwrap());
    assert!(!store.put_guard(channel(1), expected, other).await.unwrap());
    let now = in_force(store, 1).await;
    assert!(!now.solo);
    assert_eq!(now.controls[7], [3; 32]);
    assert_eq!(
        now.newest,
        Position(1),
        "a guard made before the entry does not hide it"
    );
    assert_eq!(stored(store, plain(1, 0, 2)).await, 2);
    stored(store, flagged(1, 0, Flag::Advance, None)).await;
    assert!(!store.put_guard(channel(1), Some(now), guard()).await.unwrap());
}

async fn a_read_is_bounded_but_never_empty_handed<S: Store>(store: &S) {
    create(store, 1).await;
    for fill in 1..=5 {
        stored(store, plain(1, 0, fill)).await;
    }
    let read = async |after, max| {
        let entries = store.read(channel(1), Position(after), max, NOW).await.unwrap();
        fills(&entries)
    };
    assert_eq!(read(0, 1).await, [(1, 1)]);
    assert_eq!(read(1, 2047).await, [(2, 2)]);
    assert_eq!(read(1, 2048).await, [(2, 2), (3, 3)]);
    assert_eq!(read(4, 1 << 20).await, [(5, 5)]);
    assert_eq!(read(5, 1 << 20).await, []);
    assert_eq!(read(u64::MAX, 1 << 20).await, []);
    assert!(
        store
            .read(channel(9), Position(0), 1, NOW)
            .await
            .unwrap()
            .is_empty()
    );
}

async fn trimmed_entries_are_gone_and_no_longer_counted<S: Store>(store: &S) {
    create(store, 1).await;
    for fill in 1..=5 {
        stored(store, plain(1, 0, fill)).await;
    }
    let before = in_force(store, 1).await;
    let mut trimmed = Guard::clone(&before);
    trimmed.trimmed = Position(3);
    assert!(store.put_guard(channel(1), Some(before), trimmed).await.unwrap());
    assert_eq!(fills(&all(store, 1, 0).await), [(4, 4), (5, 5)]);
    let (_, usage) = store.guard(channel(1)).await.unwrap().unwrap();
    assert_eq!((usage.entries, usage.bytes), (2, 2048));
    assert_eq!(stored(store, plain(1, 0, 6)).await, 6);
}

async fn entries_end_with_their_hour_and_their_space_with_their_day<S: Store>(store: &S) {
    create(store, 1).await;
    stored(store, plain(1, 0, 1)).await;
    stored(store, flagged(1, 0, Flag::Advance, None)).await;
    let last = Hours(NOW.0 + Retention::Month.hours());
    let after = Hours(last.0 + 1);
    let read = async |now| {
        store
            .read(channel(1), Position(0), 1 << 20, now)
            .await
            .unwrap()
            .len()
    };
    assert_eq!(read(last).await, 2);
    assert_eq!(read(after).await, 1);
    store.expire(Hours(last.0 + 24)).await.unwrap();
    assert_eq!(read(Hours(last.0 + 24)).await, 1);
    let (guard, usage) = store.guard(channel(1)).await.unwrap().unwrap();
    assert_eq!((usage.entries, usage.bytes), (1, 1024));
    assert_eq!((guard.newest, guard.counter), (Position(2), Counter(1)));
    assert_eq!(stored(store, flagged(1, 1, Flag::Advance, None)).await, 3);
}

async fn a_deleted_channel_is_gone_and_a_new_one_does_not_see_its_entries<S: Store>(store: &S) {
    create(store, 1).await;
    stored(store, plain(1, 0, 1)).await;
    stored(store, plain(1, 0, 2)).await;
    store.delete(channel(1)).await.unwrap();
    assert!(store.guard(channel(1)).await.unwrap().is_none());
    assert!(all(store, 1, 0).await.is_empty());
    assert_eq!(store.append(plain(1, 0, 1)).await.unwrap(), Appended::Gone);
    assert_eq!(store.usage().channels, 0);
    store.delete(channel(1)).await.unwrap();
    create(store, 1).await;
    assert!(all(store, 1, 0).await.is_empty());
    assert_eq!(stored(store, plain(1, 0, 3)).await, 1);
    assert_eq!(fills(&all(store, 1, 0).await), [(1, 3)]);
    let (_, usage) = store.guard(channel(1)).await.unwrap().unwrap();
    assert_eq!(usage.entries, 1);
}

async fn a_channel_that_nobody_uses_is_forgotten<S: Store>(store: &S) {
    create(store, 1).await;
    let mut young = guard();
    young.used = Hours(NOW.0 + 24);
    assert!(store.put_guard(channel(2), None, young).await.unwrap());
    store.expire(Hours(NOW.0 + GUARD_LIFE)).await.unwrap();
    assert_eq!(store.usage().channels, 2);
    store.expire(Hours(NOW.0 + GUARD_LIFE + 24)).await.unwrap();
    assert!(store.guard(channel(1)).await.unwrap().is_none());
    assert!(store.guard(channel(2)).await.unwrap().is_some());
    assert_eq!(store.usage().channels, 1);
}

async fn a_racing_pair_of_advances_has_one_winner<S: Store>(store: &S) {
    create(store, 1).await;
    for counter in 0..20 {
        let (one, other) = tokio::join!(
            store.append(flagged(1, counter, Flag::Advance, None)),
            store.append(flagged(1, counter, Flag::Advance, None)),
        );
        let won = [one.unwrap(), other.unwrap()]
            .iter()
            .filter(|a| matches!(a, Appended::Stored(_)))
            .count();
        assert_eq!(won, 1);
    }
    assert_eq!(all(store, 1, 0).await.len(), 20);
}

async fn a_closed_store_does_nothing<S: Store>(store: &S) {
    create(store, 1).await;
    store.close().await.unwrap();
    assert!(matches!(
        store.append(plain(1, 0, 1)).await,
        Err(StoreError::Closed)
    ));
    assert!(matches!(store.guard(channel(1)).await, Err(StoreError::Closed)));
    assert!(matches!(store.close().await, Err(StoreError::Closed)));
}

/// On a store that has room for one channel and one entry of 1 KiB.
pub(super) async fn full<S: Store>(store: &S) {
    create(store, 1).await;
    stored(store, plain(1, 0, 1)).await;
    assert!(matches!(
        store.append(plain(1, 0, 2)).await,
        Err(StoreError::Full)
    ));
    assert!(matches!(
        store.put_guard(channel(2), None, guard()).await,
        Err(StoreError::Full)
    ));
    assert_eq!(fills(&all(store, 1, 0).await), [(1, 1)]);
    store.delete(channel(1)).await.unwrap();
    assert!(store.guard(channel(1)).await.unwrap().is_none());
}
