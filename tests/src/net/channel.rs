//! A channel without a room: raw appends and reads over the client's own connections.

use bytes::Bytes;
use caucus_client::relay::{Appended, Connection, Handle, LinkError};
use caucus_proto::id::{ChannelId, Counter, Position};
use caucus_proto::wire::proof::{Binding, Purpose};
use caucus_proto::wire::{Access, ChannelSpec, Proof, Request, Retention, Role, SLOTS, Served};
use x25519_dalek::{PublicKey, StaticSecret};

/// Bytes of an entry: the smallest bucket.
const ENTRY: usize = 1024;

/// The keys of one channel.
pub struct Channel {
    spec: ChannelSpec,
    creation: [u8; 32],
    append: [u8; 32],
    read: [u8; 32],
}

fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("randomness");
    bytes
}

fn public(secret: [u8; 32]) -> [u8; 32] {
    PublicKey::from(&StaticSecret::from(secret)).to_bytes()
}

impl Channel {
    /// Makes a new one at the relay.
    ///
    /// # Errors
    /// As the connection says.
    pub async fn create(connection: &Connection) -> Result<Self, LinkError> {
        let [creation, append, read] = [(); 3].map(|()| random());
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
        connection
            .create(&spec, &StaticSecret::from(creation), None)
            .await?;
        Ok(Self {
            spec,
            creation,
            append,
            read,
        })
    }

    /// The request that opens it in this role on a connection to which proofs are bound like this.
    ///
    /// # Panics
    /// If the relay's key is none.
    #[must_use]
    pub fn opening(&self, role: Role, binding: &Binding) -> Request {
        let secret = StaticSecret::from(if role == Role::Append {
            self.append
        } else {
            self.read
        });
        let channel = self.id();
        Request::Open {
            channel,
            role,
            key: PublicKey::from(&secret).to_bytes(),
            proof: Proof::make(&secret, &channel, Purpose::Open(role), binding).expect("a key of a relay"),
        }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> ChannelId {
        self.spec.id()
    }

    /// Asks for it to be made once more, as a client does that never got the answer.
    ///
    /// # Errors
    /// As the connection says.
    pub async fn create_again(&self, connection: &Connection) -> Result<(), LinkError> {
        let secret = StaticSecret::from(self.creation);
        connection.create(&self.spec, &secret, None).await
    }

    /// A handle to append with.
    ///
    /// # Errors
    /// As the connection says.
    pub async fn appender(&self, connection: &Connection) -> Result<Handle, LinkError> {
        let secret = StaticSecret::from(self.append);
        Ok(connection.open(self.id(), Role::Append, &secret).await?.handle)
    }

    /// A handle to read with.
    ///
    /// # Errors
    /// As the connection says.
    pub async fn reader(&self, connection: &Connection) -> Result<Handle, LinkError> {
        let secret = StaticSecret::from(self.read);
        Ok(connection.open(self.id(), Role::Read, &secret).await?.handle)
    }

    /// All that stands in it: positions and first bytes.
    ///
    /// # Errors
    /// As the connection says.
    pub async fn entries(&self, connection: &Connection) -> Result<Vec<(u64, u8)>, LinkError> {
        let handle = self.reader(connection).await?;
        let mut reading = connection.read(handle, Position(0), false).await?;
        let mut entries = Vec::new();
        while let Served::Entry(entry) = reading.next().await? {
            entries.push((entry.position.0, entry.bytes[0]));
        }
        Ok(entries)
    }
}

/// Appends one small entry full of this byte.
///
/// # Errors
/// As the connection says.
pub async fn append(connection: &Connection, handle: Handle, fill: u8) -> Result<Appended, LinkError> {
    let bytes = Bytes::from(vec![fill; ENTRY]);
    connection.append(handle, Counter(0), bytes).await
}
