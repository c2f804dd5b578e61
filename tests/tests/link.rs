//! The client's connections and the real relay meet over QUIC on loopback.

use std::sync::Arc;

use caucus_client::relay::{Appended, LinkError, Pool};
use caucus_proto::id::{Counter, PersonaId, Position};
use caucus_proto::wire::{Access, ChannelSpec, RefusedBecause, Retention, Role, SLOTS, Served};
use caucus_server::clock::SystemClock;
use caucus_server::limits::Limits;
use caucus_server::net::Identity;
use caucus_server::run::{Relay, RunningRelay, Setup};
use caucus_server::store::memory::Memory;
use x25519_dalek::{PublicKey, StaticSecret};

async fn relay() -> RunningRelay {
    let setup = Setup {
        identity: Identity::generate().unwrap(),
        listen: "127.0.0.1:0".parse().unwrap(),
        public: None,
        limits: Limits::default(),
        clock: Arc::new(SystemClock::new(None)),
    };
    Relay::start(setup, Arc::new(Memory::new(1 << 26))).await.unwrap()
}

fn secret(byte: u8) -> StaticSecret {
    StaticSecret::from([byte; 32])
}

fn public(byte: u8) -> [u8; 32] {
    PublicKey::from(&secret(byte)).to_bytes()
}

fn spec() -> ChannelSpec {
    let mut controls = [0; SLOTS].map(|_| public(90));
    for (slot, key) in controls.iter_mut().zip(80..) {
        *slot = public(key);
    }
    ChannelSpec {
        creation_key: public(1),
        salt: [9; 32],
        access: Access {
            append: public(2),
            read: public(3),
        },
        controls,
        solo: true,
        plain: Retention::Month,
        flagged: Retention::Month,
        counter: Counter(0),
        after: Position(0),
    }
}

#[tokio::test]
async fn what_one_appends_through_a_real_relay_another_follows_until_it_says_goodbye() {
    let relay = relay().await;
    let pool = Pool::default();
    let (ana, ben) = (PersonaId([1; 32]), PersonaId([2; 32]));
    let spec = spec();
    let writer = pool.connection(relay.address(), &ana).await.unwrap();
    writer.create(&spec, &secret(1), None).await.unwrap();
    let append = writer.open(spec.id(), Role::Append, &secret(2)).await.unwrap();

    let reader = pool.connection(relay.address(), &ben).await.unwrap();
    let wrong = reader.open(spec.id(), Role::Read, &secret(2)).await;
    assert_eq!(wrong, Err(LinkError::Refused(RefusedBecause::NotOpened)));
    let read = reader.open(spec.id(), Role::Read, &secret(3)).await.unwrap();
    let mut reading = reader.read(read.handle, Position(0), true).await.unwrap();
    let newest = Position(0);
    assert_eq!(reading.next().await, Ok(Served::CaughtUp { newest }));

    let bytes = vec![7; 1024];
    let stored = writer
        .append(append.handle, Counter(0), bytes.clone().into())
        .await;
    assert_eq!(stored, Ok(Appended::Stored(Position(1))));
    let Ok(Served::Entry(entry)) = reading.next().await else {
        panic!("no entry")
    };
    assert_eq!((entry.position, entry.bytes.to_vec()), (Position(1), bytes));

    relay.stop().await.unwrap();
    let gone = reading.next().await;
    assert!(matches!(gone, Err(LinkError::Draining { .. })), "{gone:?}");
    let late = writer.info().await;
    assert!(matches!(late, Err(LinkError::Draining { .. })), "{late:?}");
}
