//! The connections of the puppets: a few, each shared by as many as may read over it.

use std::time::Instant;

use bytes::Bytes;
use caucus_client::relay::{Appended, Connection, Handle, Pool};
use caucus_proto::id::{ChannelId, Counter, PersonaId, Position};
use caucus_proto::org::between::{End, LinkSecret};
use caucus_proto::wire::{Access, ChannelSpec, Entry, RelayAddress, Retention, Role, SLOTS, Served};
use tokio::sync::mpsc;
use x25519_dalek::{PublicKey, StaticSecret};

/// Puppets of one connection.
const OF_ONE: usize = 60;

/// Connections to a relay.
pub(super) struct Lines {
    pool: Pool,
    pub(super) relay: RelayAddress,
    lines: Vec<Connection>,
}

/// What lies in a drop, with when it came and how large it is.
pub(super) type Came = mpsc::UnboundedReceiver<(Instant, Entry)>;

impl Lines {
    /// For so many puppets.
    pub(super) async fn new(relay: &str, puppets: usize) -> Self {
        let relay: RelayAddress = relay.parse().expect("an address");
        let pool = Pool::default();
        let mut lines = Vec::new();
        for _ in 0..puppets.div_ceil(OF_ONE) {
            let persona = PersonaId(random());
            lines.push(pool.connection(&relay, &persona).await.expect("a connection"));
        }
        Self { pool, relay, lines }
    }

    /// The connection of a puppet.
    pub(super) fn of(&self, puppet: usize) -> Connection {
        self.lines[puppet / OF_ONE].clone()
    }

    /// A connection for whatever else is looked at.
    pub(super) async fn spare(&self) -> Connection {
        let persona = PersonaId(random());
        self.pool
            .connection(&self.relay, &persona)
            .await
            .expect("a connection")
    }

    pub(super) async fn close(&self) {
        self.pool.close_all().await;
    }
}

/// So many random bytes.
pub(super) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("randomness");
    bytes
}

pub(super) fn public(secret: [u8; 32]) -> [u8; 32] {
    PublicKey::from(&StaticSecret::from(secret)).to_bytes()
}

/// Makes a drop.
pub(super) async fn make_drop(line: &Connection, relay: &RelayAddress) -> End {
    let (append, read, creation) = (random(), random(), random());
    let spec = ChannelSpec {
        creation_key: public(creation),
        salt: random(),
        access: Access {
            append: public(append),
            read: public(read),
        },
        controls: [(); SLOTS].map(|()| random()),
        solo: true,
        plain: Retention::Month,
        flagged: Retention::Month,
        counter: Counter(0),
        after: Position(0),
    };
    let made = line.create(&spec, &StaticSecret::from(creation), None).await;
    made.expect("a drop");
    End {
        relay: relay.to_string(),
        drop: spec.id(),
        append: LinkSecret(append),
        read: LinkSecret(read),
    }
}

/// Follows a channel for as long as the receiver is there.
pub(super) async fn follow(line: &Connection, channel: ChannelId, key: &StaticSecret) -> Came {
    let opened = line.open(channel, Role::Read, key).await.expect("it opens");
    let mut reading = line
        .read(opened.handle, Position(0), true)
        .await
        .expect("a reading");
    let (sender, came) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok(served) = reading.next().await {
            match served {
                Served::Entry(entry) => {
                    if sender.send((Instant::now(), entry)).is_err() {
                        return;
                    }
                }
                Served::CaughtUp { .. } => {}
                _ => return,
            }
        }
    });
    came
}

/// A handle on a drop of another body.
pub(super) async fn open(line: &Connection, drop: ChannelId, append: &LinkSecret) -> Handle {
    let key = StaticSecret::from(append.0);
    let opened = line.open(drop, Role::Append, &key).await.expect("the drop opens");
    opened.handle
}

/// Drops letters by a handle, in order.
pub(super) async fn put(line: &Connection, handle: Handle, letters: Vec<Vec<u8>>) {
    for letter in letters {
        let answer = line.append(handle, Counter(0), Bytes::from(letter)).await;
        assert!(matches!(answer, Ok(Appended::Stored(_))), "{answer:?}");
    }
}
