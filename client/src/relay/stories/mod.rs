//! Stories of a client and a fake relay over real QUIC on loopback.

mod asking;
mod lanes;
mod meeting;
mod parting;
mod reach;
mod reading;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use caucus_proto::error::PeerFault;
use caucus_proto::id::{ChannelId, Counter, Hours, PersonaId, Position};
use caucus_proto::wire::frame::frame;
use caucus_proto::wire::{
    Access, Answer, Asked, ChannelSpec, Entry, Flag, Greeting, RefusedBecause, RelayAddress, Request,
    Retention, Role, SLOTS, Served,
};
use rustls::crypto::aws_lc_rs;
use x25519_dalek::{PublicKey, StaticSecret};

use super::fake::{self, Deed, Fake, Identity, Wire, honest, say, serve};
use super::*;

const ANA: PersonaId = PersonaId([1; 32]);
const BEN: PersonaId = PersonaId([2; 32]);
const CHANNEL: ChannelId = ChannelId([3; 32]);

fn secret() -> StaticSecret {
    StaticSecret::from([5; 32])
}

fn hasty() -> Pool {
    Pool::new(Patience {
        connect: Duration::from_secs(8),
        request: Duration::from_millis(400),
        ..Patience::default()
    })
}

fn scripted(script: impl Fn(&Asked) -> Vec<Deed> + Send + Sync + 'static) -> Fake {
    Fake::start(fake::Role {
        script: Box::new(move |asked, binding| match asked.request {
            Request::Open { .. } => honest(asked, binding),
            _ => script(asked),
        }),
        ..fake::Role::default()
    })
}

fn shelf(shelf: impl Fn() -> Vec<Deed> + Send + Sync + 'static) -> Fake {
    Fake::start(fake::Role {
        shelf: Box::new(move |_| shelf()),
        ..fake::Role::default()
    })
}

async fn opened(pool: &Pool, fake: &Fake) -> (Connection, Handle) {
    let connection = pool.connection(&fake.address, &ANA).await.unwrap();
    let opened = connection.open(CHANNEL, Role::Read, &secret()).await.unwrap();
    (connection, opened.handle)
}

async fn refused(fake: &Fake) -> LinkError {
    Pool::default().connection(&fake.address, &ANA).await.unwrap_err()
}

fn entry(position: u64, size: usize) -> Served {
    Served::Entry(Entry {
        position: Position(position),
        counter: Counter(0),
        flag: Flag::Plain,
        expires: Hours(9),
        bytes: vec![7; size].into(),
    })
}

fn spec() -> ChannelSpec {
    ChannelSpec {
        creation_key: PublicKey::from(&secret()).to_bytes(),
        salt: [8; 32],
        access: Access {
            append: [1; 32],
            read: [2; 32],
        },
        controls: [[3; 32]; SLOTS],
        solo: true,
        plain: Retention::Month,
        flagged: Retention::Month,
        counter: Counter(0),
        after: Position(0),
    }
}

const NONSENSE: LinkError = LinkError::Peer {
    fault: PeerFault::Malformed,
    sent: Sent::Maybe,
};
const NOT_A_RELAY: LinkError = LinkError::Unreachable {
    why: Unreachable::NotARelay,
};
