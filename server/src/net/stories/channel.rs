//! What happens on a channel: entries, followers, advances, cuts, holds, changes, expiry.

use std::sync::Arc;
use std::time::Duration;

use caucus_proto::id::{Counter, Position};
use caucus_proto::wire::{Answer, Change, RefusedBecause, Request, Role, Served, StoreKind};

use crate::limits::Limits;
use crate::net::Identity;
use crate::net::stories::{
    APPEND, CONTROL, OTHER_CONTROL, QUOTA, READ, World, cut, founded, moved, room, stored,
};
use crate::net::visitor::entry;
use crate::store::memory::Memory;

#[tokio::test]
async fn what_one_appends_another_reads_and_follows() {
    let world = World::new().await;
    let mut writer = world.visitor().await;
    let channel = founded(&mut writer).await;
    assert_eq!(
        writer.create(&room(1)).await,
        Answer::Refused(RefusedBecause::Exists)
    );
    let append = writer.open(channel, Role::Append, APPEND).await;
    assert_eq!(writer.append(append, 0, 1).await, stored(1));
    assert_eq!(writer.append(append, 0, 2).await, stored(2));

    let mut reader = world.visitor().await;
    let read = reader.open(channel, Role::Read, READ).await;
    let mut once = reader.read(read, 0, false).await;
    assert_eq!(once.entries().await, (vec![(1, 1), (2, 2)], Served::End));

    let mut following = reader.read(read, 1, true).await;
    let caught_up = Served::CaughtUp { newest: Position(2) };
    assert_eq!(following.entries().await, (vec![(2, 2)], caught_up));
    for (position, fill) in [(3, 3), (4, 4)] {
        assert_eq!(writer.append(append, 0, fill).await, stored(position));
        assert_eq!(following.entry().await, (position, fill));
    }
    let Answer::Info(info) = writer.ask(Request::Info).await else {
        panic!("no info");
    };
    assert_eq!(info.store, StoreKind::Memory);
    assert!(world.relay.address().memory);
    world.relay.stop().await.unwrap();
}

#[tokio::test]
async fn pipelined_appends_are_stored_in_the_order_in_which_they_were_sent() {
    let world = World::new().await;
    let mut writer = world.visitor().await;
    let channel = founded(&mut writer).await;
    let handle = writer.open(channel, Role::Append, APPEND).await;
    let mut tags = Vec::new();
    for fill in 1..=100 {
        let bytes = entry(fill);
        let counter = Counter(0);
        tags.push(
            writer
                .send(Request::Append {
                    handle,
                    counter,
                    bytes,
                })
                .await,
        );
    }
    for _ in &tags {
        assert!(matches!(writer.next().await.answer, Answer::Stored { .. }));
    }
    let read = writer.open(channel, Role::Read, READ).await;
    let (entries, _) = writer.read(read, 0, false).await.entries().await;
    assert_eq!(entries, (1..=100).map(|n| (u64::from(n), n)).collect::<Vec<_>>());
    world.relay.stop().await.unwrap();
}

#[tokio::test]
async fn of_two_that_race_an_advance_one_is_told_that_the_counter_moved() {
    let world = World::new().await;
    let (mut one, mut two) = (world.visitor().await, world.visitor().await);
    let channel = founded(&mut one).await;
    let (first, second) = (
        one.open(channel, Role::Append, APPEND).await,
        two.open(channel, Role::Append, APPEND).await,
    );
    let (a, b) = tokio::join!(one.advance(first, 0, 1), two.advance(second, 0, 2));
    let mut answers = [a, b];
    answers.sort_by_key(|answer| matches!(answer, Answer::Moved { .. }));
    assert_eq!(answers, [stored(1), moved(1, 1)]);
    // The loser, who has caught up, must wait for its turn.
    let too_fast = two.advance(second, 1, 2).await;
    assert_eq!(
        too_fast,
        Answer::Refused(RefusedBecause::TooFast { retry_ms: 2_000 })
    );
    world.pass(2);
    let tag = two.send(Request::Advance {
        handle: second,
        counter: Counter(1),
        bytes: entry(2),
    });
    let tag = tag.await;
    // Somebody was told to wait, so lots are drawn for a moment: the clock stands, nothing comes.
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(matches!(two.ask(Request::Info).await, Answer::Info(_)));
    world.pass(1);
    let answered = two.next().await;
    assert_eq!((answered.tag, answered.answer), (tag, stored(2)));
    assert_eq!(one.append(first, 1, 3).await, moved(2, 2));
    world.relay.stop().await.unwrap();
}

#[tokio::test]
async fn an_append_handle_dies_at_a_cut_and_the_old_read_key_ends_there() {
    let world = World::new().await;
    let mut visitor = world.visitor().await;
    let channel = founded(&mut visitor).await;
    let append = visitor.open(channel, Role::Append, APPEND).await;
    let read = visitor.open(channel, Role::Read, READ).await;
    let control = visitor.open(channel, Role::Control, CONTROL).await;
    let mut following = visitor.read(read, 0, true).await;
    let mut keyholder = visitor.read(control, 0, true).await;
    assert_eq!(following.next().await, Served::CaughtUp { newest: Position(0) });
    assert_eq!(keyholder.next().await, Served::CaughtUp { newest: Position(0) });
    assert_eq!(visitor.append(append, 0, 1).await, stored(1));
    assert_eq!(visitor.ask(cut(control, 0, [21; 32], [22; 32])).await, stored(2));

    let ended = Answer::Refused(RefusedBecause::HandleEnded);
    assert_eq!(visitor.append(append, 1, 2).await, ended);
    let fresh = visitor.open(channel, Role::Append, [21; 32]).await;
    assert_eq!(visitor.append(fresh, 1, 3).await, stored(3));
    // Whoever has the old key sees the cut and nothing after it, live or later.
    assert_eq!(following.entries().await, (vec![(1, 1), (2, 99)], Served::End));
    let (later, word) = visitor.read(read, 0, true).await.entries().await;
    assert_eq!((later, word), (vec![(1, 1), (2, 99)], Served::End));
    let old = visitor.open(channel, Role::Read, [22; 32]).await;
    let (after, word) = visitor.read(old, 0, false).await.entries().await;
    assert_eq!((after, word), (vec![(3, 3)], Served::End));
    for expected in [(1, 1), (2, 99), (3, 3)] {
        assert_eq!(keyholder.entry().await, expected);
    }
    let refused = visitor.try_open(channel, Role::Append, APPEND).await;
    assert_eq!(refused, Answer::Refused(RefusedBecause::NotOpened));
    world.relay.stop().await.unwrap();
}

#[tokio::test]
async fn a_hold_lets_only_its_holder_write_until_its_cut() {
    let world = World::new().await;
    let (mut keyholder, mut other) = (world.visitor().await, world.visitor().await);
    let channel = founded(&mut keyholder).await;
    let theirs = other.open(channel, Role::Append, APPEND).await;
    let mine = keyholder.open(channel, Role::Append, APPEND).await;
    let control = keyholder.open(channel, Role::Control, CONTROL).await;
    let hold = Request::Hold {
        handle: control,
        seconds: 30,
    };
    assert_eq!(keyholder.ask(hold).await, Answer::Done);
    let held = Answer::Refused(RefusedBecause::Held { retry_ms: 30_000 });
    assert_eq!(other.append(theirs, 0, 1).await, held);
    assert_eq!(other.advance(theirs, 0, 1).await, held);
    assert_eq!(keyholder.append(mine, 0, 2).await, stored(1));
    assert_eq!(
        keyholder.ask(cut(control, 0, [21; 32], [22; 32])).await,
        stored(2)
    );
    let fresh = other.open(channel, Role::Append, [21; 32]).await;
    assert_eq!(other.append(fresh, 1, 3).await, stored(3));
    world.relay.stop().await.unwrap();
}

#[tokio::test]
async fn a_follower_that_does_not_read_loses_nothing_and_holds_nobody_back() {
    let limits = Limits {
        appends_per_second: 10_000,
        channel_appends_per_second: 10_000,
        ..Limits::default()
    };
    let world = World::with(
        limits,
        Identity::generate().unwrap(),
        Arc::new(Memory::new(QUOTA)),
    )
    .await;
    let (mut writer, mut slow) = (world.visitor().await, world.visitor().await);
    let channel = founded(&mut writer).await;
    let read = slow.open(channel, Role::Read, READ).await;
    let mut following = slow.read(read, 0, true).await;
    assert!(matches!(following.next().await, Served::CaughtUp { .. }));
    let append = writer.open(channel, Role::Append, APPEND).await;
    // More than all windows and rings on the way hold together.
    const ENTRIES: u64 = 400;
    for n in 1..=ENTRIES {
        let bytes = vec![u8::try_from(n % 251).unwrap(); 16 * 1024].into();
        let answer = writer.ask(Request::Append {
            handle: append,
            counter: Counter(0),
            bytes,
        });
        assert_eq!(answer.await, stored(n));
    }
    for n in 1..=ENTRIES {
        assert_eq!(following.entry().await, (n, u8::try_from(n % 251).unwrap()));
    }
    world.relay.stop().await.unwrap();
}

#[tokio::test]
async fn a_deleted_channel_is_gone_for_readers_and_writers() {
    let world = World::new().await;
    let mut visitor = world.visitor().await;
    let channel = founded(&mut visitor).await;
    let append = visitor.open(channel, Role::Append, APPEND).await;
    let read = visitor.open(channel, Role::Read, READ).await;
    let mut following = visitor.read(read, 0, true).await;
    assert!(matches!(following.next().await, Served::CaughtUp { .. }));
    let one = visitor.open(channel, Role::Control, CONTROL).await;
    let two = visitor.open(channel, Role::Control, OTHER_CONTROL).await;
    let delete = |handle| Request::Change {
        handle,
        change: Change::Delete,
    };
    assert!(matches!(visitor.ask(delete(one)).await, Answer::Waits { .. }));
    assert_eq!(visitor.ask(delete(two)).await, Answer::Done);
    assert_eq!(following.next().await, Served::Gone);
    let gone = Answer::Refused(RefusedBecause::NotOpened);
    assert_eq!(visitor.append(append, 0, 1).await, gone);
    // Created again it is another channel, and the old handle is none of it.
    assert_eq!(visitor.create(&room(1)).await, Answer::Created);
    assert_eq!(visitor.append(append, 0, 1).await, gone);
    let fresh = visitor.open(channel, Role::Append, APPEND).await;
    assert_eq!(visitor.append(fresh, 0, 1).await, stored(1));
    world.relay.stop().await.unwrap();
}

#[tokio::test]
async fn a_change_that_waited_seven_days_has_happened() {
    let world = World::new().await;
    let mut visitor = world.visitor().await;
    let channel = founded(&mut visitor).await;
    let append = visitor.open(channel, Role::Append, APPEND).await;
    for n in 1..=3 {
        assert_eq!(visitor.append(append, 0, 1).await, stored(n));
    }
    let control = visitor.open(channel, Role::Control, CONTROL).await;
    let until = Position(2);
    let trim = Request::Change {
        handle: control,
        change: Change::Trim { until },
    };
    assert!(matches!(visitor.ask(trim).await, Answer::Waits { .. }));
    world.pass(7 * 24 * 3600);
    let mut visitor = world.visitor().await;
    let control = visitor.open(channel, Role::Control, CONTROL).await;
    assert_eq!(
        visitor.ask(Request::Changes { handle: control }).await,
        Answer::Changes(Vec::new())
    );
    let (entries, _) = visitor.read(control, 0, false).await.entries().await;
    assert_eq!(entries, [(3, 1)]);
    world.relay.stop().await.unwrap();
}

#[tokio::test]
async fn entries_end_for_readers_at_their_hour() {
    let world = World::new().await;
    let mut visitor = world.visitor().await;
    let channel = founded(&mut visitor).await;
    let append = visitor.open(channel, Role::Append, APPEND).await;
    assert_eq!(visitor.append(append, 0, 1).await, stored(1));
    assert_eq!(visitor.advance(append, 0, 2).await, stored(2));
    world.pass(31 * 24 * 3600);
    let mut visitor = world.visitor().await;
    let read = visitor.open(channel, Role::Read, READ).await;
    let (entries, _) = visitor.read(read, 0, false).await.entries().await;
    // The plain one lived a month, the flagged one a quarter.
    assert_eq!(entries, [(2, 2)]);
    world.relay.stop().await.unwrap();
}

/// A relay of narrow connections, to which one may say much.
async fn narrow() -> World {
    let limits = Limits {
        wide_connections: 0,
        appends_per_second: 100_000,
        channel_appends_per_second: 100_000,
        ..Limits::default()
    };
    let store = Arc::new(Memory::new(QUOTA));
    World::with(limits, Identity::generate().unwrap(), store).await
}

#[tokio::test]
async fn a_stream_that_takes_only_a_part_never_gets_what_its_key_does_not_read() {
    let world = narrow().await;
    let mut writer = world.visitor().await;
    // The cut comes before, within and after what a narrow connection takes at once.
    for before in 8..24 {
        let spec = room(before);
        assert_eq!(writer.create(&spec).await, Answer::Created);
        let mut follower = world.visitor().await;
        let read = follower.open(spec.id(), Role::Read, READ).await;
        let mut reader = follower.read(read, 0, true).await;
        let newest = Position(0);
        assert_eq!(reader.next().await, Served::CaughtUp { newest });
        let append = writer.open(spec.id(), Role::Append, APPEND).await;
        let control = writer.open(spec.id(), Role::Control, CONTROL).await;
        let plain = |handle, fill| Request::Append {
            handle,
            counter: Counter(0),
            bytes: entry(fill),
        };
        for fill in 1..=before {
            writer.send(plain(append, fill)).await;
        }
        for _ in 1..=before {
            assert!(matches!(writer.next().await.answer, Answer::Stored { .. }));
        }
        let moved = [77; 32];
        writer.send(cut(control, 0, moved, [78; 32])).await;
        let stored = writer.next().await.answer;
        assert!(matches!(stored, Answer::Stored { .. }), "{stored:?}");
        let after = writer.open(spec.id(), Role::Append, moved).await;
        for fill in 100..110 {
            let request = Request::Append {
                handle: after,
                counter: Counter(1),
                bytes: entry(fill),
            };
            writer.send(request).await;
        }
        for _ in 100..110 {
            assert!(matches!(writer.next().await.answer, Answer::Stored { .. }));
        }
        let (entries, last) = reader.entries().await;
        let fills: Vec<u8> = entries.iter().map(|(_, fill)| *fill).collect();
        let expected: Vec<u8> = (1..=before).chain([99]).collect();
        assert_eq!((fills, last), (expected, Served::End));
    }
    world.relay.stop().await.unwrap();
}

#[tokio::test]
async fn whoever_follows_on_a_narrow_connection_gets_all_that_a_hasty_writer_says_in_order() {
    const SAID: u64 = 300;
    let world = narrow().await;
    let mut writer = world.visitor().await;
    let channel = founded(&mut writer).await;
    let mut following = Vec::new();
    // More than a share of the hand-out.
    for _ in 0..70 {
        let mut follower = world.visitor().await;
        let read = follower.open(channel, Role::Read, READ).await;
        let mut reader = follower.read(read, 0, true).await;
        assert_eq!(reader.next().await, Served::CaughtUp { newest: Position(0) });
        following.push(tokio::spawn(async move {
            for position in 1..=SAID {
                assert_eq!(reader.entry().await, (position, position as u8));
            }
            drop(follower);
        }));
    }
    let handle = writer.open(channel, Role::Append, APPEND).await;
    // Sixteen at a time wait for their answers.
    let (mut asked, mut answered) = (0, 0);
    while answered < SAID {
        while asked < SAID && asked - answered < 16 {
            asked += 1;
            let bytes = entry(asked as u8);
            let counter = Counter(0);
            writer
                .send(Request::Append {
                    handle,
                    counter,
                    bytes,
                })
                .await;
        }
        assert!(matches!(writer.next().await.answer, Answer::Stored { .. }));
        answered += 1;
    }
    for follower in following {
        follower.await.unwrap();
    }
    world.relay.stop().await.unwrap();
}
