//! Bad input over real QUIC: each has an end of its own, and an honest client is served on.

use std::sync::Arc;
use std::time::Duration;

use caucus_proto::codec;
use caucus_proto::id::{ChannelId, Counter, Position};
use caucus_proto::wire::{
    Answer, Asked, Greeting, Hello, Read, RefusedBecause, Request, Role, Served, VERSION, frame,
};
use quinn::{Connection, Endpoint, ReadError, ReadExactError};

use crate::limits::Limits;
use crate::net::stories::{APPEND, QUOTA, READ, World, closed, founded, stored};
use crate::net::visitor::{Frames, Visitor, dial, entry, groups};
use crate::net::{Goodbye, Identity};
use crate::store::Store;
use crate::store::memory::Memory;

const PATIENCE: Duration = Duration::from_secs(10);

async fn with(limits: Limits) -> World {
    let identity = Identity::generate().unwrap();
    World::with(limits, identity, Arc::new(Memory::new(QUOTA))).await
}

async fn stranger(world: &World) -> (Endpoint, Connection) {
    let key = world.relay.address().key;
    dial(world.relay.local_addr(), key, groups()).await.unwrap()
}

/// An honest client with a channel, to see that the relay still serves.
struct Honest {
    visitor: Visitor,
    append: u32,
    said: u64,
}

impl Honest {
    async fn new(world: &World) -> (Self, ChannelId) {
        let mut visitor = world.visitor().await;
        let channel = founded(&mut visitor).await;
        let append = visitor.open(channel, Role::Append, APPEND).await;
        let said = 0;
        (
            Self {
                visitor,
                append,
                said,
            },
            channel,
        )
    }

    async fn is_served(&mut self) {
        self.said += 1;
        assert_eq!(self.visitor.append(self.append, 0, 1).await, stored(self.said));
    }
}

fn hello() -> Vec<u8> {
    let versions = vec![VERSION];
    frame::frame(&Hello { versions }).unwrap().to_vec()
}

#[tokio::test]
async fn a_first_frame_that_is_no_hello_ends_the_connection_by_its_own_code() {
    let world = World::new().await;
    let (mut honest, _) = Honest::new(&world).await;
    let eight: Vec<u16> = (2..10).collect();
    let nine: Vec<u16> = (1..10).collect();
    let framed = |versions: &Vec<u16>| {
        frame::frame(&Hello {
            versions: versions.clone(),
        })
        .unwrap()
        .to_vec()
    };
    let cases: Vec<(&str, Vec<u8>, Goodbye)> = vec![
        ("a length of 4 GiB", vec![255; 4], Goodbye::Malformed),
        (
            "a length just above the limit",
            vec![0, 0, 0, 65, 0],
            Goodbye::Malformed,
        ),
        ("no payload", vec![0; 4], Goodbye::Malformed),
        (
            "a length inside that lies",
            vec![0, 0, 0, 9, 253, 16, 0, 0, 0, 0, 0, 0, 0],
            Goodbye::Malformed,
        ),
        (
            "another protocol",
            b"GET / HTTP/1.1\r\n\r\n".to_vec(),
            Goodbye::Malformed,
        ),
        (
            "bytes behind the value",
            vec![0, 0, 0, 3, 1, 1, 0],
            Goodbye::Malformed,
        ),
        (
            "more versions than there can be",
            framed(&nine),
            Goodbye::Malformed,
        ),
        ("no version", framed(&Vec::new()), Goodbye::Version),
        ("only other versions", framed(&eight), Goodbye::Version),
        ("the version 65535", framed(&vec![u16::MAX]), Goodbye::Version),
    ];
    for (what, bytes, expected) in cases {
        let (_endpoint, connection) = stranger(&world).await;
        let (mut send, recv) = connection.open_bi().await.unwrap();
        send.write_all(&bytes).await.unwrap();
        if expected == Goodbye::Version {
            let mut frames = Frames::new(recv);
            let greeting: Greeting = frame::payload(&frames.next().await.unwrap()).unwrap();
            let versions = vec![VERSION];
            assert_eq!(greeting, Greeting::TooOldOrNew { versions }, "{what}");
        }
        assert_eq!(closed(&connection).await, expected.code(), "{what}");
        honest.is_served().await;
    }
    world.relay.stop().await.unwrap();
}

#[tokio::test]
async fn a_request_that_is_none_is_answered_by_its_tag_and_the_next_one_is_served() {
    let world = World::new().await;
    let (mut honest, _) = Honest::new(&world).await;
    let mut visitor = world.visitor().await;
    let malformed = Answer::Refused(RefusedBecause::Malformed);
    let mut info = codec::encode(
        &Asked {
            tag: 9,
            request: Request::Info,
        },
        64,
    )
    .unwrap();
    info.push(0);
    let mut huge = vec![9, 3];
    // An append whose bytes claim to be 2^60.
    huge.extend_from_slice(&[1, 0, 253, 16, 0, 0, 0, 0, 0, 0, 0]);
    let cases = [
        ("a request nobody knows", vec![9, 200]),
        ("a tag and nothing", vec![9]),
        ("bytes behind the request", info),
        ("bytes of which only the length came", huge),
        (
            "a role nobody knows",
            [&[9, 1][..], &[7; 32], &[9], &[7; 64]].concat(),
        ),
    ];
    for (what, payload) in cases {
        let framed = [&(payload.len() as u32).to_be_bytes()[..], &payload].concat();
        visitor.raw(&framed).await;
        let answered = visitor.next().await;
        assert_eq!((answered.tag, &answered.answer), (9, &malformed), "{what}");
        assert!(
            matches!(visitor.ask(Request::Info).await, Answer::Info(_)),
            "{what}"
        );
    }
    for (what, bytes) in [
        ("no payload", vec![0; 4]),
        ("the relay's own tag", vec![0, 0, 0, 2, 0, 10]),
        ("no tag", vec![0, 0, 0, 1, 255]),
        ("a length of 4 GiB", vec![255; 4]),
        (
            "a length just above the limit",
            (frame::LARGEST as u32 + 1).to_be_bytes().to_vec(),
        ),
    ] {
        let mut visitor = world.visitor().await;
        visitor.raw(&bytes).await;
        assert_eq!(
            closed(&visitor.connection).await,
            Goodbye::Malformed.code(),
            "{what}"
        );
        honest.is_served().await;
    }
    world.relay.stop().await.unwrap();
}

#[tokio::test]
async fn handles_nobody_gave_out_and_appends_of_any_size_are_refused_in_words() {
    let world = World::new().await;
    let (mut honest, channel) = Honest::new(&world).await;
    let mut visitor = world.visitor().await;
    let append = visitor.open(channel, Role::Append, APPEND).await;
    let no_bucket = Answer::Refused(RefusedBecause::NoBucket);
    for len in [
        0,
        1,
        1023,
        1025,
        256 * 1024 - 1,
        256 * 1024 + 1,
        frame::LARGEST - 32,
    ] {
        let request = Request::Append {
            handle: append,
            counter: Counter(0),
            bytes: vec![1; len].into(),
        };
        assert_eq!(visitor.ask(request).await, no_bucket, "{len}");
    }
    let wrong = Answer::Refused(RefusedBecause::WrongHandle);
    for handle in [0, append + 1, u32::MAX] {
        assert_eq!(visitor.append(handle, 0, 1).await, wrong);
    }
    honest.is_served().await;
    world.relay.stop().await.unwrap();
}

#[tokio::test]
async fn a_reading_stream_that_begins_with_garbage_is_reset_and_the_connection_goes_on() {
    let world = World::new().await;
    let (mut honest, channel) = Honest::new(&world).await;
    honest.is_served().await;
    let mut visitor = world.visitor().await;
    let handle = visitor.open(channel, Role::Read, READ).await;
    let after = Position(0);
    let read = frame::frame(&Read {
        handle,
        after,
        follow: true,
    })
    .unwrap();
    let mut trailing = read.to_vec();
    trailing[3] += 1;
    trailing.push(0);
    for (what, bytes) in [
        ("a hello", hello()),
        ("a length of 4 GiB", vec![255; 8]),
        ("no payload", vec![0; 4]),
        ("text", b"GET / HTTP/1.1\r\n".to_vec()),
        ("bytes behind the value", trailing),
    ] {
        let (mut send, mut recv) = visitor.connection.open_bi().await.unwrap();
        send.write_all(&bytes).await.unwrap();
        let mut byte = [0];
        let end = tokio::time::timeout(PATIENCE, recv.read_exact(&mut byte))
            .await
            .unwrap();
        let Err(ReadExactError::ReadError(ReadError::Reset(code))) = end else {
            panic!("{what}: {end:?}");
        };
        assert_eq!(code.into_inner(), u64::from(Goodbye::Malformed.code()), "{what}");
    }
    // More on a stream than its first frame is of no interest to anybody.
    let (mut send, recv) = visitor.connection.open_bi().await.unwrap();
    send.write_all(&[&read[..], b"and more"].concat()).await.unwrap();
    let mut frames = Frames::new(recv);
    let served: Served = frame::payload(&frames.next().await.unwrap()).unwrap();
    assert!(matches!(served, Served::Entry(_)), "{served:?}");
    honest.is_served().await;
    world.relay.stop().await.unwrap();
}

#[tokio::test]
async fn whoever_does_not_say_hello_in_time_is_sent_away_and_so_is_a_stream_that_asks_nothing() {
    let limits = Limits {
        hello_seconds: 1,
        streams: 4,
        ..Limits::default()
    };
    let world = with(limits).await;
    let (mut honest, channel) = Honest::new(&world).await;
    let (_silent, silent) = stranger(&world).await;
    let (_half, half) = stranger(&world).await;
    let (mut send, _recv) = half.open_bi().await.unwrap();
    send.write_all(&hello()[..3]).await.unwrap();
    assert_eq!(closed(&silent).await, Goodbye::TooSlow.code());
    assert_eq!(closed(&half).await, Goodbye::TooSlow.code());

    let mut visitor = world.visitor().await;
    let mut streams = Vec::new();
    for _ in 0..3 {
        let (mut send, recv) = visitor.connection.open_bi().await.unwrap();
        send.write_all(&[0]).await.unwrap();
        streams.push((send, recv));
    }
    // All streams the limits allow are open: no further one until one ends.
    let another = tokio::time::timeout(Duration::from_millis(100), visitor.connection.open_bi()).await;
    assert!(another.is_err());
    assert!(matches!(visitor.ask(Request::Info).await, Answer::Info(_)));
    for (_, recv) in &mut streams {
        let end = tokio::time::timeout(PATIENCE, recv.read_exact(&mut [0]))
            .await
            .unwrap();
        assert!(
            matches!(end, Err(ReadExactError::ReadError(ReadError::Reset(_)))),
            "{end:?}"
        );
    }
    drop(streams);
    let read = visitor.open(channel, Role::Read, READ).await;
    let reading = tokio::time::timeout(PATIENCE, visitor.read(read, 0, false)).await;
    assert_eq!(reading.unwrap().entries().await, (Vec::new(), Served::End));
    honest.is_served().await;
    world.relay.stop().await.unwrap();
}

#[tokio::test]
async fn a_client_that_never_reads_costs_the_relay_no_more_than_its_window() {
    let limits = Limits {
        send_window: 512 * 1024,
        requests_in_flight: 8,
        appends_per_second: 100_000,
        channel_appends_per_second: 100_000,
        ..Limits::default()
    };
    let world = with(limits).await;
    let (mut honest, channel) = Honest::new(&world).await;
    // 32 MiB to read, on streams that nobody reads.
    for _ in 0..128 {
        let request = Request::Append {
            handle: honest.append,
            counter: Counter(0),
            bytes: vec![1; 256 * 1024].into(),
        };
        honest.said += 1;
        assert_eq!(honest.visitor.ask(request).await, stored(honest.said));
    }
    let mut deaf = world.visitor().await;
    let read = deaf.open(channel, Role::Read, READ).await;
    let mut streams = Vec::new();
    for _ in 0..64 {
        streams.push(deaf.read(read, 0, true).await);
    }
    // And requests whose answers nobody takes: the relay stops to take them up, and the client cannot send on.
    let infos: Vec<u8> = (1..=1_000_u32)
        .flat_map(|tag| {
            let request = Request::Info;
            frame::frame(&Asked { tag, request }).unwrap().to_vec()
        })
        .collect();
    let mut sent = 0;
    while tokio::time::timeout(Duration::from_secs(2), deaf.raw(&infos))
        .await
        .is_ok()
    {
        sent += infos.len();
        assert!(
            sent < 8 << 20,
            "the relay takes up what nobody reads the answers of"
        );
    }
    honest.is_served().await;
    let mut attentive = world.visitor().await;
    let read = attentive.open(channel, Role::Read, READ).await;
    let served = attentive.read(read, 128, false).await.next().await;
    assert!(matches!(served, Served::Entry(found) if found.bytes == entry(1)));
    assert!(world.store.usage().bytes > 32 << 20);
    drop(streams);
    world.relay.stop().await.unwrap();
}

#[tokio::test]
async fn a_request_that_begins_and_does_not_end_ends_the_connection_and_one_without_room_is_told_to_wait() {
    let limits = Limits {
        frame_seconds: 2,
        request_bytes: 1 << 20,
        ..Limits::default()
    };
    let world = with(limits).await;
    let (mut honest, channel) = Honest::new(&world).await;
    let length = (frame::LARGEST as u32).to_be_bytes();
    let mut begun = world.visitor().await;
    // Enough to tell that it is a large one: the other half of the budget has room for one.
    begun.raw(&[&length[..], &[9; 16]].concat()).await;
    let mut dribbler = world.visitor().await;
    dribbler.raw(&[0, 0, 0, 99, 1]).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let mut late = world.visitor().await;
    let append = late.open(channel, Role::Append, APPEND).await;
    let request = || Request::Append {
        handle: append,
        counter: Counter(0),
        bytes: vec![1; 256 * 1024].into(),
    };
    let answer = late.ask(request()).await;
    assert!(
        matches!(answer, Answer::Refused(RefusedBecause::TooFast { .. })),
        "{answer:?}"
    );
    // What is small is served all the time, on the same connection too.
    assert!(matches!(late.ask(Request::Info).await, Answer::Info(_)));
    honest.is_served().await;
    assert_eq!(closed(&dribbler.connection).await, Goodbye::TooSlow.code());
    assert_eq!(closed(&begun.connection).await, Goodbye::TooSlow.code());
    let answer = late.ask(request()).await;
    assert!(matches!(answer, Answer::Stored { .. }), "{answer:?}");
    world.relay.stop().await.unwrap();
}
