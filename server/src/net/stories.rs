//! The relay over real QUIC on loopback, with the memory store and a clock that the story moves.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use caucus_proto::id::{ChannelId, Counter, Hours, Position};
use caucus_proto::wire::{
    Access, Answer, Change, ChannelSpec, Greeting, Hello, RefusedBecause, Request, Role, SLOTS, Served,
    StoreKind, frame,
};
use quinn::ConnectionError;
use rustls::crypto::aws_lc_rs;

use crate::clock::ManualClock;
use crate::limits::Limits;
use crate::net::frames::Frames;
use crate::net::visitor::{Visitor, dial, entry, groups};
use crate::net::{Goodbye, Identity};
use crate::relay::sample::{public, spec};
use crate::run::{Relay, RunningRelay, Setup};
use crate::store::memory::Memory;

const QUOTA: u64 = 64 << 20;
const APPEND: [u8; 32] = [11; 32];
const READ: [u8; 32] = [12; 32];
const CONTROL: [u8; 32] = [13; 32];
const OTHER_CONTROL: [u8; 32] = [14; 32];

struct World {
    relay: RunningRelay,
    clock: Arc<ManualClock>,
    store: Arc<Memory>,
}

impl World {
    async fn new() -> Self {
        Self::with(
            Limits::default(),
            Identity::generate().unwrap(),
            Arc::new(Memory::new(QUOTA)),
        )
        .await
    }

    async fn with(limits: Limits, identity: Identity, store: Arc<Memory>) -> Self {
        let clock = Arc::new(ManualClock::at(Hours(480_000)));
        let setup = Setup {
            identity,
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            public: None,
            limits,
            clock: Arc::clone(&clock) as Arc<dyn crate::clock::Clock>,
        };
        let relay = Relay::start(setup, Arc::clone(&store)).await.unwrap();
        Self { relay, clock, store }
    }

    async fn visitor(&self) -> Visitor {
        Visitor::visit(self.relay.address(), self.relay.local_addr()).await
    }

    fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

fn room(salt: u8) -> ChannelSpec {
    let mut controls = [[0; 32]; SLOTS];
    for (byte, slot) in (13..).zip(&mut controls) {
        *slot = public([byte; 32]);
    }
    ChannelSpec {
        salt: [salt; 32],
        access: access(APPEND, READ),
        controls,
        ..spec()
    }
}

fn access(append: [u8; 32], read: [u8; 32]) -> Access {
    Access {
        append: public(append),
        read: public(read),
    }
}

fn stored(position: u64) -> Answer {
    Answer::Stored {
        position: Position(position),
    }
}

fn moved(counter: u64, newest: u64) -> Answer {
    Answer::Moved {
        counter: Counter(counter),
        newest: Position(newest),
    }
}

async fn founded(visitor: &mut Visitor) -> ChannelId {
    let spec = room(1);
    assert_eq!(visitor.create(&spec).await, Answer::Created);
    spec.id()
}

fn cut(handle: u32, counter: u64, append: [u8; 32], read: [u8; 32]) -> Request {
    Request::Cut {
        handle,
        counter: Counter(counter),
        bytes: entry(99),
        access: access(append, read),
        readers: Vec::new(),
    }
}

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
async fn wrong_unknown_and_forgotten_channels_are_answered_alike() {
    let world = World::new().await;
    let mut visitor = world.visitor().await;
    let channel = founded(&mut visitor).await;
    let refused = Answer::Refused(RefusedBecause::NotOpened);
    assert_eq!(
        visitor.try_open(ChannelId([9; 32]), Role::Read, READ).await,
        refused
    );
    assert_eq!(visitor.try_open(channel, Role::Read, [77; 32]).await, refused);
    assert_eq!(visitor.try_open(channel, Role::Read, APPEND).await, refused);
    visitor.open(channel, Role::Read, READ).await;
    // A use every now and then keeps a channel; 400 days without end it.
    world.pass(399 * 24 * 3600);
    let mut visitor = world.visitor().await;
    visitor.open(channel, Role::Read, READ).await;
    world.pass(399 * 24 * 3600);
    let mut visitor = world.visitor().await;
    visitor.open(channel, Role::Read, READ).await;
    world.pass(401 * 24 * 3600);
    let mut visitor = world.visitor().await;
    assert_eq!(visitor.try_open(channel, Role::Read, READ).await, refused);
    world.relay.stop().await.unwrap();
}

#[tokio::test]
async fn a_proof_of_one_connection_is_worth_nothing_on_another() {
    use caucus_proto::wire::Proof;
    use caucus_proto::wire::proof::{Binding, Purpose};
    use x25519_dalek::StaticSecret;

    let world = World::new().await;
    let mut visitor = world.visitor().await;
    let channel = founded(&mut visitor).await;
    let binding = Binding {
        relay_key: visitor.relay_key(),
        exporter: world.visitor().await.exporter(),
    };
    let secret = StaticSecret::from(READ);
    let proof = Proof::make(&secret, &channel, Purpose::Open(Role::Read), &binding).unwrap();
    let stolen = Request::Open {
        channel,
        role: Role::Read,
        key: public(READ),
        proof,
    };
    assert_eq!(
        visitor.ask(stolen).await,
        Answer::Refused(RefusedBecause::NotOpened)
    );
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

#[tokio::test]
async fn a_client_of_another_version_is_told_which_the_relay_speaks() {
    let world = World::new().await;
    let key = world.relay.address().key;
    let (_endpoint, connection) = dial(world.relay.local_addr(), key, groups()).await.unwrap();
    let (mut send, recv) = connection.open_bi().await.unwrap();
    let hello = Hello { versions: vec![7] };
    send.write_all(&frame::frame(&hello).unwrap()).await.unwrap();
    let mut frames = Frames::new(recv, frame::LARGEST);
    let greeting: Greeting = frame::payload(&frames.next().await.unwrap()).unwrap();
    assert_eq!(greeting, Greeting::TooOldOrNew { versions: vec![1] });
    assert_eq!(closed(&connection).await, Goodbye::Version.code());
    world.relay.stop().await.unwrap();
}

#[tokio::test]
async fn bytes_that_are_no_frame_end_the_connection_and_bad_requests_only_themselves() {
    let world = World::new().await;
    let mut visitor = world.visitor().await;
    // A frame with the tag 5 and a request that does not exist.
    visitor.raw(&[0, 0, 0, 2, 5, 200]).await;
    let answered = visitor.next().await;
    let malformed = Answer::Refused(RefusedBecause::Malformed);
    assert_eq!((answered.tag, answered.answer), (5, malformed));
    assert!(matches!(visitor.ask(Request::Info).await, Answer::Info(_)));
    visitor.raw(&[255, 255, 255, 255, 1]).await;
    assert_eq!(closed(&visitor.connection).await, Goodbye::Malformed.code());

    let key = world.relay.address().key;
    let (_endpoint, connection) = dial(world.relay.local_addr(), key, groups()).await.unwrap();
    let (mut send, _recv) = connection.open_bi().await.unwrap();
    send.write_all(&[0, 1, 0, 0]).await.unwrap();
    assert_eq!(closed(&connection).await, Goodbye::Malformed.code());
    world.relay.stop().await.unwrap();
}

#[tokio::test]
async fn a_relay_with_another_key_is_refused_by_the_client() {
    let world = World::new().await;
    let other = Identity::generate().unwrap().key();
    let refused = dial(world.relay.local_addr(), other, groups()).await;
    assert!(
        matches!(refused, Err(ConnectionError::TransportError(_))),
        "{:?}",
        refused.err()
    );
    world.relay.stop().await.unwrap();
}

#[tokio::test]
async fn a_client_that_offers_only_a_classical_key_exchange_is_refused() {
    let world = World::new().await;
    let key = world.relay.address().key;
    let classical = vec![aws_lc_rs::kx_group::X25519, aws_lc_rs::kx_group::SECP256R1];
    let refused = dial(world.relay.local_addr(), key, classical).await;
    // TLS alert 40, handshake_failure (RFC 8446, section 6.2), as a QUIC error.
    let Err(ConnectionError::ConnectionClosed(close)) = refused else {
        panic!("not refused by the relay: {:?}", refused.err());
    };
    assert_eq!(close.error_code, quinn::TransportErrorCode::crypto(40));
    world.relay.stop().await.unwrap();
}

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
async fn handles_and_wrong_roles_have_refusals_of_their_own() {
    let limits = Limits {
        handles: 2,
        ..Limits::default()
    };
    let world = World::with(
        limits,
        Identity::generate().unwrap(),
        Arc::new(Memory::new(QUOTA)),
    )
    .await;
    let mut visitor = world.visitor().await;
    let channel = founded(&mut visitor).await;
    let append = visitor.open(channel, Role::Append, APPEND).await;
    let read = visitor.open(channel, Role::Read, READ).await;
    let many = visitor.try_open(channel, Role::Read, READ).await;
    assert_eq!(many, Answer::Refused(RefusedBecause::TooMany));
    let wrong = Answer::Refused(RefusedBecause::WrongHandle);
    assert_eq!(visitor.append(read, 0, 1).await, wrong);
    assert_eq!(visitor.ask(cut(append, 0, [21; 32], [22; 32])).await, wrong);
    let unread = visitor.read(append, 0, false).await.next().await;
    assert_eq!(unread, Served::Refused(RefusedBecause::WrongHandle));
    assert_eq!(visitor.ask(Request::Close { handle: read }).await, Answer::Done);
    assert_eq!(visitor.ask(Request::Close { handle: read }).await, wrong);
    visitor.open(channel, Role::Control, CONTROL).await;
    world.relay.stop().await.unwrap();
}

async fn closed(connection: &quinn::Connection) -> u32 {
    let reason = tokio::time::timeout(Duration::from_secs(10), connection.closed())
        .await
        .unwrap();
    let ConnectionError::ApplicationClosed(close) = reason else {
        panic!("not closed by the application: {reason:?}");
    };
    u32::try_from(close.error_code.into_inner()).unwrap()
}
