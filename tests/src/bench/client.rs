//! Clients of either side: bare QUIC and `proto::wire`, no groups, no vault. Towards the relay they have the QUIC
//! settings of the real client; towards the floor, quinn's own.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use caucus_client::relay::{Patience, settings};
use caucus_proto::id::{Counter, Position};
use caucus_proto::label::Label;
use caucus_proto::wire::frame::{self, Unframer};
use caucus_proto::wire::proof::{Binding, Purpose};
use caucus_proto::wire::{
    Access, Answer, Answered, Asked, ChannelSpec, Entry, Greeting, Hello, Proof, Read, RelayAddress, Request,
    Retention, Role, SLOTS, Served, VERSION,
};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Connection, Endpoint, RecvStream, SendStream};
use serde::Serialize;
use sha2::{Digest, Sha256};
use x25519_dalek::{PublicKey, StaticSecret};

use super::floor;
use crate::attack::trust::Anybody;

/// Connections that share a UDP socket.
const PER_SOCKET: usize = 10;
const CHUNK: usize = 64 * 1024;
/// Above this, a served frame is an entry.
const ENTRY: u32 = 512;

/// Connects to one server.
pub struct Dialler {
    is_relay: bool,
    place: SocketAddr,
    config: ClientConfig,
    endpoints: Vec<Endpoint>,
}

impl Dialler {
    /// To a relay, for so many connections.
    ///
    /// # Panics
    /// If there are no sockets.
    pub fn relay(address: &RelayAddress, place: SocketAddr, connections: usize) -> Self {
        let config = settings(address.key, &Patience::default()).expect("QUIC settings");
        Self::with(config, place, connections, true)
    }

    /// To a relay, with quinn's settings instead of ours.
    ///
    /// # Panics
    /// If there are no sockets.
    pub fn stock(place: SocketAddr, connections: usize) -> Self {
        Self::with(stock(), place, connections, true)
    }

    /// To the floor.
    pub(super) fn floor(place: SocketAddr, connections: usize) -> Self {
        Self::with(stock(), place, connections, false)
    }

    fn with(config: ClientConfig, place: SocketAddr, connections: usize, is_relay: bool) -> Self {
        let endpoint = |_| Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).expect("a socket");
        Self {
            is_relay,
            place,
            config,
            endpoints: (0..connections.div_ceil(PER_SOCKET)).map(endpoint).collect(),
        }
    }

    /// Connects and greets; the floor is told at once what is wanted.
    ///
    /// # Panics
    /// If that fails.
    pub async fn dial(&self, number: usize, channel: u32, follow: bool) -> Session {
        self.try_dial(number, channel, follow)
            .await
            .expect("a connection")
    }

    /// The same; none if there is no connection.
    pub async fn try_dial(&self, number: usize, channel: u32, follow: bool) -> Option<Session> {
        let endpoint = &self.endpoints[number % self.endpoints.len()];
        let connecting = endpoint.connect_with(self.config.clone(), self.place, "relay");
        let quic = connecting.ok()?.await.ok()?;
        let (mut send, recv) = quic.open_bi().await.ok()?;
        let mut frames = Frames::new(recv);
        if !self.is_relay {
            let hello = floor::Hello { channel, follow };
            send.write_all(&encoded(&hello)).await.ok()?;
            return Some(Session::new(quic, send, frames, None));
        }
        let versions = vec![VERSION];
        send.write_all(&encoded(&Hello { versions })).await.ok()?;
        let greeting = frame::payload(&frames.next().await?).ok()?;
        let Greeting::Speaks { proof_key, .. } = greeting else {
            return None;
        };
        let mut exporter = [0; 32];
        quic.export_keying_material(&mut exporter, Label::ProofExporter.text().as_bytes(), b"")
            .ok()?;
        let binding = Binding {
            relay_key: proof_key,
            exporter,
        };
        Some(Session::new(quic, send, frames, Some(binding)))
    }
}

/// A connection that was greeted.
pub struct Session {
    quic: Connection,
    pub(super) send: SendStream,
    pub(super) frames: Frames,
    /// None towards the floor, which asks for no proofs.
    binding: Option<Binding>,
    tag: u32,
}

impl Session {
    fn new(quic: Connection, send: SendStream, frames: Frames, binding: Option<Binding>) -> Self {
        Self {
            quic,
            send,
            frames,
            binding,
            tag: 0,
        }
    }

    /// Makes a channel, where channels are made.
    pub async fn create(&mut self, channel: u32) {
        let Some(binding) = &self.binding else { return };
        let (spec, secret) = (spec(channel), secret("creation", channel));
        let proof = Proof::make(&secret, &spec.id(), Purpose::Create, binding).expect("a proof");
        let pass = None;
        let answer = self.ask(Request::Create { spec, proof, pass }).await;
        assert_eq!(answer, Answer::Created);
    }

    /// A handle in a role; any number will do for the floor.
    ///
    /// # Panics
    /// If it is refused.
    pub async fn open(&mut self, channel: u32, role: Role) -> u32 {
        self.try_open(channel, role).await.expect("a handle")
    }

    /// The same; none if there is no such channel, or the connection is gone.
    pub async fn try_open(&mut self, channel: u32, role: Role) -> Option<u32> {
        let Some(binding) = &self.binding else {
            return Some(0);
        };
        let secret = secret(if role == Role::Read { "read" } else { "append" }, channel);
        let id = spec(channel).id();
        let proof = Proof::make(&secret, &id, Purpose::Open(role), binding).ok()?;
        let key = PublicKey::from(&secret).to_bytes();
        let channel = id;
        let asked = Request::Open {
            channel,
            role,
            key,
            proof,
        };
        match self.try_ask(asked).await? {
            Answer::Opened { handle, .. } => Some(handle),
            _ => None,
        }
    }

    /// The stream of a channel's entries, read up to where it says that it has caught up.
    pub async fn follow(&mut self, channel: u32) -> RecvStream {
        let stream = self.read(channel, 0, true).await;
        let mut frames = Frames::new(stream);
        // Nothing was appended yet: the first frame says so.
        frames.next().await.expect("that it has caught up");
        frames.stream
    }

    /// The stream of a channel's entries.
    pub async fn read(&mut self, channel: u32, after: u64, follow: bool) -> RecvStream {
        if self.binding.is_none() {
            return self.quic.accept_uni().await.expect("a stream");
        }
        let handle = self.open(channel, Role::Read).await;
        let (mut send, recv) = self.quic.open_bi().await.expect("a stream");
        let after = Position(after);
        let read = Read {
            handle,
            after,
            follow,
        };
        send.write_all(&encoded(&read)).await.expect("a read");
        recv
    }

    /// Everything in a channel after a position, as the relay gives it now; none if the connection is gone.
    pub async fn entries(&mut self, channel: u32, after: u64) -> Option<Vec<Entry>> {
        let handle = self.try_open(channel, Role::Read).await?;
        let (mut send, recv) = self.quic.open_bi().await.ok()?;
        let (after, follow) = (Position(after), false);
        let read = Read {
            handle,
            after,
            follow,
        };
        send.write_all(&encoded(&read)).await.ok()?;
        let mut frames = Frames::new(recv);
        let mut entries = Vec::new();
        loop {
            match frame::payload(&frames.next().await?).ok()? {
                Served::Entry(entry) => entries.push(entry),
                Served::End => return Some(entries),
                _ => {}
            }
        }
    }

    /// Appends and waits for the answer.
    ///
    /// # Panics
    /// If it is not stored.
    pub async fn append(&mut self, handle: u32, bytes: &Bytes) {
        let answer = self.try_append(handle, bytes).await;
        assert!(matches!(answer, Some(Answer::Stored { .. })), "{answer:?}");
    }

    /// The same; none if the connection went before the answer.
    pub async fn try_append(&mut self, handle: u32, bytes: &Bytes) -> Option<Answer> {
        let bytes = bytes.clone();
        let counter = Counter(0);
        self.try_ask(Request::Append {
            handle,
            counter,
            bytes,
        })
        .await
    }

    /// Frames of acknowledgement that this connection has sent.
    pub fn acks_sent(&self) -> u64 {
        self.quic.stats().frame_tx.acks
    }

    async fn ask(&mut self, request: Request) -> Answer {
        self.try_ask(request).await.expect("an answer")
    }

    async fn try_ask(&mut self, request: Request) -> Option<Answer> {
        self.tag += 1;
        let tag = self.tag;
        let asked = encoded(&Asked { tag, request });
        self.send.write_all(&asked).await.ok()?;
        loop {
            let answered: Answered = frame::payload(&self.frames.next().await?).ok()?;
            // Tag 0 is the relay's own word: that it goes away.
            if answered.tag != 0 {
                assert_eq!(answered.tag, tag);
                return Some(answered.answer);
            }
        }
    }
}

/// Frames from a stream.
pub struct Frames {
    pub stream: RecvStream,
    unframer: Unframer,
}

impl Frames {
    pub fn new(stream: RecvStream) -> Self {
        let unframer = Unframer::new(frame::LARGEST);
        Self { stream, unframer }
    }

    pub async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(payload) = self.unframer.next_payload().expect("a frame") {
                return Some(payload);
            }
            let chunk = self.stream.read_chunk(CHUNK, true).await.ok()??;
            self.unframer.feed(&chunk.bytes);
        }
    }
}

/// Counts entries of a stream until it ends, or until `most` came. Looks at lengths only, so that the load takes
/// little of the machine.
pub async fn count(mut stream: RecvStream, entries: Arc<AtomicU64>, most: u64) {
    let mut chunks = vec![Bytes::new(); 32];
    let mut lengths = Lengths::default();
    let mut mine = 0;
    while let Ok(Some(read)) = stream.read_chunks(&mut chunks).await {
        let came: u64 = chunks[..read].iter().map(|chunk| lengths.feed(chunk)).sum();
        entries.fetch_add(came, Ordering::Relaxed);
        mine += came;
        if mine >= most {
            return;
        }
    }
}

/// Walks over frames.
#[derive(Default)]
struct Lengths {
    prefix: [u8; 4],
    known: usize,
    left: u32,
}

impl Lengths {
    /// How many entries ended in these bytes.
    fn feed(&mut self, mut bytes: &[u8]) -> u64 {
        let mut entries = 0;
        while !bytes.is_empty() {
            if self.known < 4 {
                self.prefix[self.known] = bytes[0];
                self.known += 1;
                bytes = &bytes[1..];
                if self.known == 4 {
                    self.left = u32::from_be_bytes(self.prefix);
                }
                continue;
            }
            let step = bytes.len().min(self.left as usize);
            bytes = &bytes[step..];
            self.left -= step as u32;
            if self.left == 0 {
                entries += u64::from(u32::from_be_bytes(self.prefix) > ENTRY);
                self.known = 0;
            }
        }
        entries
    }
}

/// A channel by its number: the same keys in every run.
pub fn spec(channel: u32) -> ChannelSpec {
    let public = |what| PublicKey::from(&secret(what, channel)).to_bytes();
    ChannelSpec {
        creation_key: public("creation"),
        salt: seed("salt", channel),
        access: Access {
            append: public("append"),
            read: public("read"),
        },
        controls: std::array::from_fn::<_, SLOTS, _>(|slot| seed(&format!("control {slot}"), channel)),
        solo: true,
        plain: Retention::Month,
        flagged: Retention::Month,
        counter: Counter(0),
        after: Position(0),
    }
}

fn secret(what: &str, channel: u32) -> StaticSecret {
    StaticSecret::from(seed(what, channel))
}

fn seed(what: &str, channel: u32) -> [u8; 32] {
    let digest = Sha256::new()
        .chain_update(what)
        .chain_update(channel.to_be_bytes());
    digest.finalize().into()
}

pub fn encoded<T: Serialize>(value: &T) -> Bytes {
    frame::frame(value).expect("a frame")
}

/// quinn's settings, and a client that believes everybody.
pub(super) fn stock() -> ClientConfig {
    let crypto = QuicClientConfig::try_from(Anybody::config()).expect("a suite");
    ClientConfig::new(Arc::new(crypto))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_counted_however_the_stream_is_cut() {
        let mut stream = Vec::new();
        for size in [5, 1024, 3, 513, 512, 2000] {
            stream.extend_from_slice(&u32::to_be_bytes(size));
            stream.extend(vec![0; size as usize]);
        }
        for step in [1, 2, 3, 7, 1000, 10_000] {
            let mut lengths = Lengths::default();
            let counted: u64 = stream.chunks(step).map(|piece| lengths.feed(piece)).sum();
            assert_eq!(counted, 3);
        }
    }
}
