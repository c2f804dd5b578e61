//! A QUIC client made by hand (RFC 9000, RFC 9001), which keeps none of the rules that a library would keep for it:
//! it sends any frame in any packet, from any address, and answers only what it wants to.

mod frames;
mod packets;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use caucus_proto::label::Label;
use caucus_proto::wire::proof::Binding;
use caucus_proto::wire::{Greeting, Hello, RelayAddress, VERSION, frame};
use rustls::quic::{Connection, KeyChange, Keys, Secrets};

use frames::{acknowledgement, take_integer};
pub use frames::{crypto, integer, parameter, parameters, stream};
pub use packets::{SMALLEST_INITIAL, client_hello, initial, initial_keys, pieces_of_hello};
use packets::{TAG, long_packet, short_packet, whole_number};

const OWN_ID: [u8; 8] = [7; 8];
/// The newest packets that are acknowledged; older ones were before.
const MOST_ACKNOWLEDGED: usize = 128;

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
