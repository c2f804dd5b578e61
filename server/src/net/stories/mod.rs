//! The relay over real QUIC on loopback, with a clock that the story moves.

mod channel;
mod door;
mod life;
mod rough;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use caucus_proto::id::{ChannelId, Counter, Hours, Position};
use caucus_proto::wire::{Access, Answer, ChannelSpec, Request, SLOTS};
use quinn::ConnectionError;

use crate::clock::ManualClock;
use crate::limits::Limits;
use crate::net::Identity;
use crate::net::visitor::{Visitor, entry};
use crate::relay::sample::{public, spec};
use crate::run::{Relay, RunningRelay, Setup};
use crate::store::Store;
use crate::store::memory::Memory;

const QUOTA: u64 = 64 << 20;
const APPEND: [u8; 32] = [11; 32];
const READ: [u8; 32] = [12; 32];
const CONTROL: [u8; 32] = [13; 32];
const OTHER_CONTROL: [u8; 32] = [14; 32];

struct World<S = Memory> {
    relay: RunningRelay,
    clock: Arc<ManualClock>,
    store: Arc<S>,
}

impl World {
    async fn new() -> Self {
        World::with(
            Limits::default(),
            Identity::generate().unwrap(),
            Arc::new(Memory::new(QUOTA)),
        )
        .await
    }
}

impl<S: Store> World<S> {
    async fn with(limits: Limits, identity: Identity, store: Arc<S>) -> Self {
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

async fn closed(connection: &quinn::Connection) -> u32 {
    let reason = tokio::time::timeout(Duration::from_secs(10), connection.closed())
        .await
        .unwrap();
    let ConnectionError::ApplicationClosed(close) = reason else {
        panic!("not closed by the application: {reason:?}");
    };
    u32::try_from(close.error_code.into_inner()).unwrap()
}
