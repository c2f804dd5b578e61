//! A QUIC client made by hand (RFC 9000, RFC 9001), which keeps none of the rules that a library would keep for it:
//! it sends any frame in any packet, from any address, and answers only what it wants to.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use caucus_proto::label::Label;
use caucus_proto::wire::proof::Binding;
use caucus_proto::wire::{ALPN, Greeting, Hello, RelayAddress, VERSION, frame};
use rustls::Side;
use rustls::crypto::aws_lc_rs::{self, cipher_suite::TLS13_AES_128_GCM_SHA256};
use rustls::pki_types::ServerName;
use rustls::quic::{ClientConnection, Connection, KeyChange, Keys, Secrets, Version};

use super::trust::Anybody;

/// The smallest datagram that may carry an Initial (RFC 9000, section 14.1).
pub const SMALLEST_INITIAL: usize = 1_200;
const TAG: usize = 16;
const OWN_ID: [u8; 8] = [7; 8];
/// The newest packets that are acknowledged; older ones were before.
const MOST_ACKNOWLEDGED: usize = 128;

/// A variable-length integer (RFC 9000, section 16).
///
/// # Panics
/// Above 2^62.
#[must_use]
pub fn integer(value: u64) -> Vec<u8> {
    match value {
        0..0x40 => vec![value as u8],
        0x40..0x4000 => (value as u16 | 0x4000).to_be_bytes().to_vec(),
        0x4000..0x4000_0000 => (value as u32 | 0x8000_0000).to_be_bytes().to_vec(),
        _ => {
            assert!(value < 1 << 62);
            (value | 0xc000_0000_0000_0000).to_be_bytes().to_vec()
        }
    }
}

fn take_integer(bytes: &mut &[u8]) -> Option<u64> {
    let first = *bytes.first()?;
    let (own, rest) = bytes.split_at_checked(1 << (first >> 6))?;
    *bytes = rest;
    let value = own.iter().enumerate().fold(0, |value, (place, byte)| {
        let byte = if place == 0 { byte & 0x3f } else { *byte };
        value << 8 | u64::from(byte)
    });
    Some(value)
}

/// A STREAM frame with offset and length.
#[must_use]
pub fn stream(id: u64, offset: u64, bytes: &[u8]) -> Vec<u8> {
    let parts = [
        vec![0x0e],
        integer(id),
        integer(offset),
        integer(bytes.len() as u64),
        bytes.to_vec(),
    ];
    parts.concat()
}

/// A CRYPTO frame.
#[must_use]
pub fn crypto(offset: u64, bytes: &[u8]) -> Vec<u8> {
    [
        vec![6],
        integer(offset),
        integer(bytes.len() as u64),
        bytes.to_vec(),
    ]
    .concat()
}

/// A transport parameter.
#[must_use]
pub fn parameter(id: u64, value: &[u8]) -> Vec<u8> {
    [integer(id), integer(value.len() as u64), value.to_vec()].concat()
}

/// What an ordinary client announces, with these windows.
#[must_use]
pub fn parameters(data: u64, stream: u64) -> Vec<u8> {
    [
        parameter(0x01, &integer(60_000)),
        parameter(0x04, &integer(data)),
        parameter(0x05, &integer(stream)),
        parameter(0x0f, &OWN_ID),
    ]
    .concat()
}

/// Keys of an Initial for whom the client calls `to`.
///
/// # Panics
/// If the library lacks AES-128-GCM for QUIC.
#[must_use]
pub fn initial_keys(to: &[u8]) -> Keys {
    let suite = TLS13_AES_128_GCM_SHA256.tls13().expect("a suite of TLS 1.3");
    let quic = suite.quic.expect("it is good for QUIC");
    Keys::initial(Version::V1, suite, quic, to, Side::Client)
}

/// An Initial with these frames, padded to the smallest datagram.
#[must_use]
pub fn initial(to: &[u8], token: &[u8], number: u32, frames: &[u8]) -> Vec<u8> {
    let keys = initial_keys(to);
    long_packet(
        &keys,
        0,
        (to, &OWN_ID),
        Some(token),
        number,
        frames,
        SMALLEST_INITIAL,
    )
}

fn long_packet(
    keys: &Keys,
    kind: u8,
    (to, from): (&[u8], &[u8]),
    token: Option<&[u8]>,
    number: u32,
    frames: &[u8],
    least: usize,
) -> Vec<u8> {
    let mut header = vec![0xc3 | kind << 4, 0, 0, 0, 1, to.len() as u8];
    header.extend_from_slice(to);
    header.push(from.len() as u8);
    header.extend_from_slice(from);
    if let Some(token) = token {
        header.extend(integer(token.len() as u64));
        header.extend_from_slice(token);
    }
    let mut payload = frames.to_vec();
    let whole = header.len() + 2 + 4 + payload.len() + TAG;
    payload.resize(payload.len().max(4) + least.saturating_sub(whole), 0);
    let length = 4 + payload.len() + TAG;
    header.extend((length as u16 | 0x4000).to_be_bytes());
    seal(keys, header, number, payload)
}

fn short_packet(keys: &Keys, to: &[u8], number: u32, frames: &[u8], phase: bool) -> Vec<u8> {
    let mut header = vec![0x43 | u8::from(phase) << 2];
    header.extend_from_slice(to);
    let mut payload = frames.to_vec();
    payload.resize(payload.len().max(4), 0);
    seal(keys, header, number, payload)
}

/// Adds the packet number, encrypts, and protects the header (RFC 9001, section 5).
fn seal(keys: &Keys, mut header: Vec<u8>, number: u32, mut payload: Vec<u8>) -> Vec<u8> {
    let place = header.len();
    header.extend(number.to_be_bytes());
    let tag = keys
        .local
        .packet
        .encrypt_in_place(u64::from(number), &header, &mut payload)
        .expect("a key that encrypts");
    let mut packet = [header, payload, tag.as_ref().to_vec()].concat();
    let sample = packet[place + 4..place + 4 + keys.local.header.sample_len()].to_vec();
    let (first, rest) = packet.split_at_mut(1);
    keys.local
        .header
        .encrypt_in_place(&sample, &mut first[0], &mut rest[place - 1..place + 3])
        .expect("a key that protects");
    packet
}

/// Bytes of a ClientHello that a relay takes, with these transport parameters.
///
/// # Panics
/// If the library refuses.
#[must_use]
pub fn client_hello(parameters: Vec<u8>) -> (Connection, Vec<u8>) {
    let tls = ClientConnection::new(
        Anybody::config(),
        Version::V1,
        ServerName::try_from("relay").expect("a name"),
        parameters,
    )
    .expect("a client of TLS");
    let mut tls = Connection::Client(tls);
    let mut hello = Vec::new();
    assert!(tls.write_hs(&mut hello).is_none());
    (tls, hello)
}

/// The bytes of TLS in an Initial of a client: offsets and pieces. None if it is no Initial, or not a client's first.
#[must_use]
pub fn pieces_of_hello(datagram: &[u8]) -> Option<Vec<(u64, Vec<u8>)>> {
    let mut packet = datagram.to_vec();
    if packet.first()? & 0xf0 != 0xc0 {
        return None;
    }
    let mut rest = packet.get(5..)?;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let (length, more) = rest.split_first()?;
        let (id, more) = more.split_at_checked(usize::from(*length))?;
        ids.push(id.to_vec());
        rest = more;
    }
    let token = take_integer(&mut rest)?;
    rest = rest.get(usize::try_from(token).ok()?..)?;
    let length = take_integer(&mut rest)?;
    let place = packet.len() - rest.len();
    let suite = TLS13_AES_128_GCM_SHA256.tls13()?;
    let keys = Keys::initial(Version::V1, suite, suite.quic?, ids.first()?, Side::Server);
    let end = place + usize::try_from(length).ok()?;
    let packet = packet.get_mut(..end)?;
    let sample = packet.get(place + 4..place + 20)?.to_vec();
    let (head, tail) = packet.split_at_mut(1);
    let protected = &mut tail[place - 1..place + 3];
    keys.remote
        .header
        .decrypt_in_place(&sample, &mut head[0], protected)
        .ok()?;
    let size = usize::from(head[0] & 3) + 1;
    let number = protected[..size]
        .iter()
        .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let (header, payload) = packet.split_at_mut(place + size);
    let mut rest = keys
        .remote
        .packet
        .decrypt_in_place(number, header, payload)
        .ok()?;
    let mut pieces = Vec::new();
    while let Some(kind) = take_integer(&mut rest) {
        match kind {
            0 | 1 => {}
            6 => {
                let offset = take_integer(&mut rest)?;
                let length = usize::try_from(take_integer(&mut rest)?).ok()?;
                let (piece, more) = rest.split_at_checked(length)?;
                pieces.push((offset, piece.to_vec()));
                rest = more;
            }
            _ => return Some(pieces),
        }
    }
    Some(pieces)
}

/// What the relay said, in the order in which it came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Heard {
    /// Bytes of a stream.
    Stream {
        /// Which.
        id: u64,
        /// From where on.
        offset: u64,
        /// What.
        bytes: Vec<u8>,
    },
    /// It closed the connection: by QUIC itself (`0x1c`) or by the application (`0x1d`), with this code.
    Closed {
        /// Which frame.
        frame: u64,
        /// Its code.
        code: u64,
    },
    /// It demanded to prove the address.
    Retry,
    /// Something that a client could be told by later: NEW_TOKEN.
    Token,
    /// Another frame, by its type.
    Other(u64),
}

struct Space {
    keys: Option<Keys>,
    next: u32,
    largest: Option<u64>,
    came: BTreeSet<u64>,
    owes_ack: bool,
    sent: u64,
    received: u64,
    early: BTreeMap<u64, Vec<u8>>,
}

impl Space {
    const fn new() -> Self {
        Self {
            keys: None,
            next: 0,
            largest: None,
            came: BTreeSet::new(),
            owes_ack: false,
            sent: 0,
            received: 0,
            early: BTreeMap::new(),
        }
    }
}

const INITIAL: usize = 0;
const HANDSHAKE: usize = 1;
const DATA: usize = 2;

/// A connection made by hand.
pub struct Raw {
    /// Its socket.
    pub socket: UdpSocket,
    tls: Connection,
    spaces: [Space; 3],
    next_secrets: Option<Secrets>,
    phase: bool,
    to: Vec<u8>,
    token: Vec<u8>,
    hello: Vec<u8>,
    confirmed: bool,
    /// Whether it acknowledges what it hears.
    pub acknowledges: bool,
    /// Bytes that came and went.
    pub traffic: (u64, u64),
    /// All that was heard and not taken.
    pub heard: Vec<Heard>,
}

impl Raw {
    /// Shakes hands from this address.
    ///
    /// # Errors
    /// If it is not done in time, or the relay refuses.
    pub fn connect(
        relay: &RelayAddress,
        from: Ipv4Addr,
        parameters: Vec<u8>,
        patience: Duration,
    ) -> io::Result<Self> {
        let mut raw = Self::begin(relay, from, parameters)?;
        let due = Instant::now() + patience;
        while !raw.confirmed {
            if raw.is_closed() {
                return Err(io::Error::other(format!("closed: {:?}", raw.heard)));
            }
            if Instant::now() >= due {
                return Err(io::ErrorKind::TimedOut.into());
            }
            raw.hear(Duration::from_millis(200))?;
        }
        Ok(raw)
    }

    /// Sends a ClientHello and no more.
    ///
    /// # Errors
    /// If there is no socket.
    ///
    /// # Panics
    /// If the library refuses.
    pub fn begin(relay: &RelayAddress, from: Ipv4Addr, parameters: Vec<u8>) -> io::Result<Self> {
        let socket = UdpSocket::bind((from, 0))?;
        let host: IpAddr = relay.host.parse().map_err(io::Error::other)?;
        socket.connect(SocketAddr::new(host, relay.port))?;
        let (tls, hello) = client_hello(parameters);
        let mut to = vec![0; 16];
        getrandom::fill(&mut to).expect("randomness");
        let mut spaces = [const { Space::new() }; 3];
        spaces[INITIAL].keys = Some(initial_keys(&to));
        let mut raw = Self {
            socket,
            tls,
            spaces,
            next_secrets: None,
            phase: false,
            to,
            token: Vec::new(),
            hello,
            confirmed: false,
            acknowledges: true,
            traffic: (0, 0),
            heard: Vec::new(),
        };
        raw.say_hello()?;
        Ok(raw)
    }

    fn say_hello(&mut self) -> io::Result<()> {
        let hello = self.hello.clone();
        for (place, part) in hello.chunks(1_000).enumerate() {
            self.packet(INITIAL, &crypto(place as u64 * 1_000, part))?;
        }
        self.spaces[INITIAL].sent = hello.len() as u64;
        Ok(())
    }

    /// Whether the relay has closed the connection.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.heard
            .iter()
            .any(|heard| matches!(heard, Heard::Closed { .. }))
    }

    /// The exporter of TLS, to which proofs are bound.
    ///
    /// # Panics
    /// Before the handshake is done.
    #[must_use]
    pub fn exporter(&self) -> [u8; 32] {
        self.tls
            .export_keying_material([0; 32], Label::ProofExporter.text().as_bytes(), Some(b""))
            .expect("the handshake is done")
    }

    /// Says hello on the first stream and waits for the greeting: what proofs are bound to. Gives the offset on
    /// the stream from which on more may be said.
    ///
    /// # Errors
    /// If there is no greeting in time.
    pub fn greet(&mut self, patience: Duration) -> io::Result<(Binding, u64)> {
        let versions = vec![VERSION];
        let hello = frame::frame(&Hello { versions }).map_err(io::Error::other)?;
        self.send(&stream(0, 0, &hello))?;
        let due = Instant::now() + patience;
        let mut pieces = BTreeMap::new();
        loop {
            self.hear(Duration::from_millis(200))?;
            for heard in std::mem::take(&mut self.heard) {
                match heard {
                    // What was not acknowledged in time comes again.
                    Heard::Stream { id: 0, offset, bytes } => drop(pieces.insert(offset, bytes)),
                    Heard::Closed { .. } => return Err(io::Error::other(format!("{heard:?}"))),
                    _ => {}
                }
            }
            let came: Vec<u8> = pieces.values().flatten().copied().collect();
            if let Some(payload) = came.get(4..)
                && let Ok(Greeting::Speaks { proof_key, .. }) = frame::payload(payload)
            {
                let exporter = self.exporter();
                let relay_key = proof_key;
                return Ok((Binding { relay_key, exporter }, hello.len() as u64));
            }
            if Instant::now() >= due {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
    }

    /// Sends frames in one packet of the established connection.
    ///
    /// # Errors
    /// As the socket says.
    pub fn send(&mut self, frames: &[u8]) -> io::Result<()> {
        self.packet(DATA, frames)
    }

    /// Turns the keys (RFC 9001, section 6), whether or not the relay has followed the last turn.
    ///
    /// # Panics
    /// Before the handshake is done.
    pub fn turn_keys(&mut self) {
        let next = self.next_secrets.as_mut().expect("the handshake is done");
        let keys = next.next_packet_keys();
        let own = self.spaces[DATA].keys.as_mut().expect("the handshake is done");
        own.local.packet = keys.local;
        own.remote.packet = keys.remote;
        self.phase = !self.phase;
    }

    /// Goes on from another socket, under the same ids and keys.
    ///
    /// # Errors
    /// If there is none.
    pub fn move_to(&mut self, from: Ipv4Addr) -> io::Result<()> {
        let relay = self.socket.peer_addr()?;
        self.socket = UdpSocket::bind((from, 0))?;
        self.socket.connect(relay)
    }

    /// Bytes of TLS that came after the handshake.
    #[must_use]
    pub const fn late_crypto(&self) -> u64 {
        self.spaces[DATA].received
    }

    /// Tickets to come back with, as TLS counts them.
    #[must_use]
    pub fn tickets(&self) -> u32 {
        match &self.tls {
            Connection::Client(client) => client.tls13_tickets_received(),
            Connection::Server(_) => 0,
        }
    }

    /// The token of the relay's Retry; empty if there was none.
    #[must_use]
    pub fn token(&self) -> &[u8] {
        &self.token
    }

    /// The next number of a packet of the established connection.
    #[must_use]
    pub fn next_number(&self) -> u32 {
        self.spaces[DATA].next
    }

    fn packet(&mut self, level: usize, frames: &[u8]) -> io::Result<()> {
        let space = &mut self.spaces[level];
        let Some(keys) = &space.keys else { return Ok(()) };
        let number = space.next;
        space.next += 1;
        let ids = (&*self.to, &OWN_ID[..]);
        let packet = match level {
            INITIAL => {
                let token = Some(&*self.token);
                long_packet(keys, 0, ids, token, number, frames, SMALLEST_INITIAL)
            }
            HANDSHAKE => long_packet(keys, 2, ids, None, number, frames, 0),
            _ => short_packet(keys, &self.to, number, frames, self.phase),
        };
        self.traffic.1 += packet.len() as u64;
        match self.socket.send(&packet) {
            // The relay is away, or its queue is full: the network may lose whatever it wants.
            Err(error) if error.kind() != io::ErrorKind::ConnectionRefused => Err(error),
            _ => Ok(()),
        }
    }

    /// Takes in all that comes until nothing has come for so long.
    ///
    /// # Errors
    /// As the socket says.
    pub fn hear(&mut self, patience: Duration) -> io::Result<()> {
        self.socket
            .set_read_timeout(Some(patience.max(Duration::from_millis(1))))?;
        let mut bytes = [0; 65_536];
        let length = match self.socket.recv(&mut bytes) {
            Ok(length) => length,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::ConnectionRefused
                ) =>
            {
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        self.traffic.0 += length as u64;
        let mut rest = &mut bytes[..length];
        while !rest.is_empty() {
            let Some(used) = self.open(rest)? else { break };
            rest = &mut rest[used..];
        }
        self.go_on()
    }

    /// Opens the first packet; how long it was, none if nothing more can be made of the datagram.
    fn open(&mut self, bytes: &mut [u8]) -> io::Result<Option<usize>> {
        let first = bytes[0];
        let (level, place, end) = if first & 0x80 == 0 {
            (DATA, 1 + OWN_ID.len(), bytes.len())
        } else {
            let kind = (first >> 4) & 3;
            let Some(mut rest) = bytes.get(5..) else {
                return Ok(None);
            };
            let mut ids = Vec::new();
            for _ in 0..2 {
                let Some((length, more)) = rest.split_first() else {
                    return Ok(None);
                };
                let Some((id, more)) = more.split_at_checked(usize::from(*length)) else {
                    return Ok(None);
                };
                ids.push(id.to_vec());
                rest = more;
            }
            if kind == 3 {
                self.retried(ids.swap_remove(1), rest)?;
                return Ok(None);
            }
            self.to = ids.swap_remove(1);
            let level = if kind == 0 { INITIAL } else { HANDSHAKE };
            if kind == 0 {
                let Some(length) = take_integer(&mut rest) else {
                    return Ok(None);
                };
                rest = rest.get(length as usize..).unwrap_or_default();
            }
            let Some(length) = take_integer(&mut rest) else {
                return Ok(None);
            };
            let place = bytes.len() - rest.len();
            (level, place, place + length as usize)
        };
        let Some(keys) = &self.spaces[level].keys else {
            return Ok(Some(end));
        };
        let Some(sample) = bytes.get(place + 4..place + 20).map(<[u8]>::to_vec) else {
            return Ok(None);
        };
        let Some(packet) = bytes.get_mut(..end) else {
            return Ok(None);
        };
        let (head, tail) = packet.split_at_mut(1);
        let protected = &mut tail[place - 1..place + 3];
        if keys
            .remote
            .header
            .decrypt_in_place(&sample, &mut head[0], protected)
            .is_err()
        {
            return Ok(Some(end));
        }
        let length = usize::from(head[0] & 3) + 1;
        let short = protected[..length]
            .iter()
            .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        let number = whole_number(self.spaces[level].largest, short, length);
        let (header, payload) = packet.split_at_mut(place + length);
        let Ok(payload) = keys.remote.packet.decrypt_in_place(number, header, payload) else {
            return Ok(Some(end));
        };
        let payload = payload.to_vec();
        let space = &mut self.spaces[level];
        space.largest = Some(space.largest.map_or(number, |largest| largest.max(number)));
        space.came.insert(number);
        while space.came.len() > MOST_ACKNOWLEDGED {
            space.came.pop_first();
        }
        self.frames(level, &payload);
        Ok(Some(end))
    }

    fn retried(&mut self, to: Vec<u8>, rest: &[u8]) -> io::Result<()> {
        if !self.token.is_empty() || rest.len() < TAG {
            return Ok(());
        }
        self.heard.push(Heard::Retry);
        self.token = rest[..rest.len() - TAG].to_vec();
        self.spaces[INITIAL].keys = Some(initial_keys(&to));
        self.to = to;
        self.say_hello()
    }

    fn frames(&mut self, level: usize, payload: &[u8]) {
        let mut rest = payload;
        while let Some(kind) = take_integer(&mut rest) {
            if !matches!(kind, 0 | 2 | 3 | 0x1c | 0x1d) {
                self.spaces[level].owes_ack = true;
            }
            if self.frame(level, kind, &mut rest).is_none() {
                return;
            }
        }
    }

    fn frame(&mut self, level: usize, kind: u64, rest: &mut &[u8]) -> Option<()> {
        fn bytes<'a>(rest: &mut &'a [u8], length: u64) -> Option<&'a [u8]> {
            let (own, more) = rest.split_at_checked(usize::try_from(length).ok()?)?;
            *rest = more;
            Some(own)
        }
        match kind {
            0 | 1 => {}
            2 | 3 => {
                let (_, _) = (take_integer(rest)?, take_integer(rest)?);
                let ranges = take_integer(rest)?;
                for _ in 0..=2 * ranges {
                    take_integer(rest)?;
                }
                for _ in 0..if kind == 3 { 3 } else { 0 } {
                    take_integer(rest)?;
                }
            }
            6 => {
                let offset = take_integer(rest)?;
                let length = take_integer(rest)?;
                let own = bytes(rest, length)?.to_vec();
                self.spaces[level].early.insert(offset, own);
                self.shake(level);
            }
            7 => {
                let length = take_integer(rest)?;
                bytes(rest, length)?;
                self.heard.push(Heard::Token);
            }
            8..=15 => {
                let id = take_integer(rest)?;
                let offset = if kind & 4 == 0 { 0 } else { take_integer(rest)? };
                let length = if kind & 2 == 0 {
                    rest.len() as u64
                } else {
                    take_integer(rest)?
                };
                let bytes = bytes(rest, length)?.to_vec();
                self.heard.push(Heard::Stream { id, offset, bytes });
            }
            0x18 => {
                let (_, _) = (take_integer(rest)?, take_integer(rest)?);
                let length = *bytes(rest, 1)?.first()?;
                bytes(rest, u64::from(length) + 16)?;
                self.heard.push(Heard::Other(kind));
            }
            0x1a | 0x1b => {
                bytes(rest, 8)?;
                self.heard.push(Heard::Other(kind));
            }
            0x1c | 0x1d => {
                let code = take_integer(rest)?;
                self.heard.push(Heard::Closed { frame: kind, code });
                return None;
            }
            0x1e => {
                self.confirmed = true;
            }
            _ => {
                let integers = match kind {
                    4 | 0x11 | 0x15 => 2 + u64::from(kind == 4),
                    5 => 2,
                    _ => 1,
                };
                for _ in 0..integers {
                    take_integer(rest)?;
                }
                self.heard.push(Heard::Other(kind));
            }
        }
        Some(())
    }

    /// Gives TLS what came in order.
    fn shake(&mut self, level: usize) {
        let space = &mut self.spaces[level];
        while let Some((offset, bytes)) = space.early.pop_first() {
            if offset > space.received {
                space.early.insert(offset, bytes);
                return;
            }
            let known = (space.received - offset) as usize;
            let Some(fresh) = bytes.get(known..) else { continue };
            space.received += fresh.len() as u64;
            if let Err(error) = self.tls.read_hs(fresh) {
                self.heard.push(Heard::Other(error.to_string().len() as u64));
                return;
            }
        }
    }

    /// Says what TLS wants to be said, and acknowledges.
    fn go_on(&mut self) -> io::Result<()> {
        loop {
            let mut bytes = Vec::new();
            let change = self.tls.write_hs(&mut bytes);
            // What TLS gives before the change belongs to the keys before.
            let level = (0..=HANDSHAKE)
                .rev()
                .find(|level| self.spaces[*level].keys.is_some())
                .unwrap_or(INITIAL);
            if !bytes.is_empty() {
                let offset = self.spaces[level].sent;
                self.spaces[level].sent += bytes.len() as u64;
                self.packet(level, &crypto(offset, &bytes))?;
            }
            match change {
                Some(KeyChange::Handshake { keys }) => self.spaces[HANDSHAKE].keys = Some(keys),
                Some(KeyChange::OneRtt { keys, next }) => {
                    self.spaces[DATA].keys = Some(keys);
                    self.next_secrets = Some(next);
                }
                None if bytes.is_empty() => break,
                None => {}
            }
        }
        if !self.acknowledges {
            return Ok(());
        }
        for level in [INITIAL, HANDSHAKE, DATA] {
            let space = &mut self.spaces[level];
            if std::mem::take(&mut space.owes_ack) {
                let ack = acknowledgement(&space.came);
                self.packet(level, &ack)?;
            }
        }
        Ok(())
    }
}

/// An ACK of these packets and no others: a relay leaves numbers out to find those who acknowledge what never came.
fn acknowledgement(came: &BTreeSet<u64>) -> Vec<u8> {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for number in came.iter().rev() {
        match ranges.last_mut() {
            Some((_, least)) if *least == number + 1 => *least = *number,
            _ => ranges.push((*number, *number)),
        }
    }
    let Some((largest, least)) = ranges.first().copied() else {
        return vec![1];
    };
    let mut ack = [
        vec![2],
        integer(largest),
        vec![0],
        integer(ranges.len() as u64 - 1),
    ]
    .concat();
    ack.extend(integer(largest - least));
    for two in ranges.windows(2) {
        ack.extend(integer(two[0].1 - two[1].0 - 2));
        ack.extend(integer(two[1].0 - two[1].1));
    }
    ack
}

/// RFC 9000, appendix A.3.
fn whole_number(largest: Option<u64>, short: u64, length: usize) -> u64 {
    let expected = largest.map_or(0, |largest| largest + 1);
    let window = 1_u64 << (8 * length);
    let candidate = expected & !(window - 1) | short;
    if candidate + window / 2 <= expected {
        candidate + window
    } else if candidate > expected + window / 2 && candidate >= window {
        candidate - window
    } else {
        candidate
    }
}

/// The name under which both ends know the protocol.
pub const PROTOCOL: &[u8] = ALPN;

/// The one set of algorithms.
#[must_use]
pub fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::CryptoProvider {
        kx_groups: vec![aws_lc_rs::kx_group::X25519MLKEM768],
        ..aws_lc_rs::default_provider()
    })
}
