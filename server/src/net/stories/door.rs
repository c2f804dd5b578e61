//! Who gets in and with what: versions, keys, proofs, passes, handles, load.

use std::sync::Arc;

use caucus_proto::id::ChannelId;
use caucus_proto::wire::{
    Answer, CreationPolicy, Greeting, Hello, Pass, RefusedBecause, Request, Role, Served, frame,
};
use quinn::ConnectionError;
use rustls::crypto::aws_lc_rs;

use crate::limits::Limits;
use crate::net::stories::{APPEND, CONTROL, QUOTA, READ, World, closed, cut, founded, room};
use crate::net::visitor::{Frames, dial, groups};
use crate::net::{Goodbye, Identity};
use crate::relay::sample::public;
use crate::store::memory::Memory;

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
async fn a_client_of_another_version_is_told_which_the_relay_speaks() {
    let world = World::new().await;
    let key = world.relay.address().key;
    let (_endpoint, connection) = dial(world.relay.local_addr(), key, groups()).await.unwrap();
    let (mut send, recv) = connection.open_bi().await.unwrap();
    let hello = Hello { versions: vec![7] };
    send.write_all(&frame::frame(&hello).unwrap()).await.unwrap();
    let mut frames = Frames::new(recv);
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
async fn a_relay_under_load_asks_for_proof_of_address_and_a_full_one_turns_away() {
    let limits = Limits {
        retry_above: 0,
        connections: 1,
        ..Limits::default()
    };
    let world = World::with(
        limits,
        Identity::generate().unwrap(),
        Arc::new(Memory::new(QUOTA)),
    )
    .await;
    let mut visitor = world.visitor().await;
    assert_eq!(visitor.create(&room(1)).await, Answer::Created);
    let key = world.relay.address().key;
    let second = dial(world.relay.local_addr(), key, groups()).await;
    assert!(
        matches!(second, Err(ConnectionError::ConnectionClosed(_))),
        "{:?}",
        second.err()
    );
    world.relay.stop().await.unwrap();
}

#[tokio::test]
async fn a_pass_creates_one_channel_however_often_it_is_shown() {
    let limits = Limits {
        creation: CreationPolicy::Pass,
        ..Limits::default()
    };
    let identity = Identity::generate().unwrap();
    let secret = identity.pass_secret();
    let world = World::with(limits, identity, Arc::new(Memory::new(QUOTA))).await;
    let mut visitor = world.visitor().await;
    let wanted = Answer::Refused(RefusedBecause::PassWanted);
    assert_eq!(visitor.create(&room(1)).await, wanted);
    let pass = Pass::mint(&secret, 20_000, [5; 16]);
    assert_eq!(visitor.create_with(&room(1), Some(pass)).await, Answer::Created);
    let again = visitor.create_with(&room(2), Some(pass)).await;
    assert_eq!(again, Answer::Refused(RefusedBecause::PassRefused));
    let same = visitor.create_with(&room(1), Some(pass)).await;
    assert_eq!(same, Answer::Refused(RefusedBecause::Exists));
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
