//! From an address to a connection whose two first frames were exchanged.
//!
//! Every attempt has a UDP socket of its own. Where a name has several addresses they are tried a quarter of
//! a second apart and the first that answers is kept (after RFC 8305). Where none has answered after a while, all
//! are tried once more beside the attempts under way: a handshake of which several packets are lost waits twice
//! as long after each, and where a fifth of all packets is lost three of a hundred would outlast our patience.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use caucus_proto::error::PeerFault;
use caucus_proto::label::Label;
use caucus_proto::wire::frame::{Unframer, frame, payload};
use caucus_proto::wire::proof::Binding;
use caucus_proto::wire::{Greeting, Hello, RelayAddress, RelayKey, VERSION};
use quinn::{
    ClientConfig, ConnectionError, Endpoint, NoneTokenStore, RecvStream, SendStream, TransportConfig,
    TransportErrorCode, VarInt,
};
use tokio::net::lookup_host;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::acks::LazyAcks;
use super::error::{LinkError, Sent, Unreachable};
use super::patience::Patience;
use super::reach::Reach;
use super::sockets::Sockets;
use super::tls::{Pinned, SERVER_NAME};

/// The versions of the protocol that this client speaks.
pub(super) const VERSIONS: &[u16] = &[VERSION];

/// Readings of one connection at a time.
pub(super) const READINGS: usize = 64;

/// Close code: done with it.
pub(super) const CLOSE_DONE: VarInt = VarInt::from_u32(0);
/// Close code: the relay broke the protocol.
pub(super) const CLOSE_NONSENSE: VarInt = VarInt::from_u32(1);

const ADDRESSES: usize = 4;
const STAGGER: Duration = Duration::from_millis(250);
/// Attempts at each address, and the time from one to the next.
const WAVES: u32 = 3;
const NEXT_WAVE: Duration = Duration::from_millis(2_500);
/// How long a name is looked up before a person is answered.
const LOOKED_UP: Duration = Duration::from_secs(2);
const LARGEST_GREETING: usize = 256;
const CHUNK: usize = 64 * 1024;
/// Bytes of one stream that came and were not read, as many as a relay has under way: 3.9 MB/s at a round trip of 100 ms.
const STREAM_WINDOW: u32 = 384 * 1024;
/// Every reading may stall with a full window, and answers still come through: room for all of them, and a
/// quarter more, because quinn gives credit back only once an eighth of this window was read.
const CONNECTION_WINDOW: u32 = (READINGS as u32 / 4 * 5) * STREAM_WINDOW;
const SEND_WINDOW: u64 = 2 * 1024 * 1024;

/// A connection that stands, and its command stream after hello and greeting.
pub(super) struct Dialled {
    pub(super) endpoint: Endpoint,
    pub(super) quic: quinn::Connection,
    pub(super) commands: SendStream,
    pub(super) answers: RecvStream,
    pub(super) unframer: Unframer,
    pub(super) version: u16,
    pub(super) binding: Binding,
}

/// Connects and greets. What the name of the host leads to is looked at each time: nothing is sent into a private network
/// unless the relay may be anywhere.
///
/// # Errors
/// `LinkError::{Unreachable, WrongKey, Version, Lost, Peer}`; nothing was asked yet.
pub(super) async fn dial(
    address: &RelayAddress,
    patience: &Patience,
    sockets: &Sockets,
    anywhere: bool,
) -> Result<Dialled, LinkError> {
    timeout(patience.connect, race(address, patience, sockets, anywhere))
        .await
        .unwrap_or(Err(unreachable(Unreachable::Timeout)))
}

async fn race(
    address: &RelayAddress,
    patience: &Patience,
    sockets: &Sockets,
    anywhere: bool,
) -> Result<Dialled, LinkError> {
    let found = lookup_host((address.host.as_str(), address.port))
        .await
        .map_err(|_| unreachable(Unreachable::NameUnknown))?;
    let places = reachable(found, anywhere).map_err(unreachable)?;
    let mut attempts = JoinSet::new();
    let mut failure = unreachable(Unreachable::NameUnknown);
    for wave in 1..=WAVES {
        for (place, turn) in places.iter().zip(0_u32..) {
            let (place, key, patience, sockets) = (*place, address.key, *patience, sockets.clone());
            attempts.spawn(async move {
                sleep(STAGGER * turn).await;
                let (endpoint, quic) = shake(place, key, &patience, &sockets).await?;
                greet(endpoint, quic).await
            });
        }
        let next = sleep(if wave < WAVES { NEXT_WAVE } else { patience.connect });
        tokio::pin!(next);
        loop {
            let ended = tokio::select! {
                ended = attempts.join_next() => ended,
                () = &mut next => break,
            };
            match ended {
                Some(Ok(Ok(standing))) => return Ok(standing),
                // That somebody else answers at one of the addresses is the news, whatever the others do.
                Some(Ok(Err(error))) if failure != LinkError::WrongKey => failure = error,
                Some(Ok(Err(_)) | Err(_)) => {}
                None => return Err(failure),
            }
        }
    }
    Err(unreachable(Unreachable::Timeout))
}

/// Why nothing may be sent to the relay at an address, if that is known before.
pub(super) async fn look(address: &RelayAddress, anywhere: bool) -> Result<(), LinkError> {
    let found = lookup_host((address.host.as_str(), address.port));
    match timeout(LOOKED_UP, found).await {
        Ok(Ok(found)) => reachable(found, anywhere).map(|_| ()).map_err(unreachable),
        // It may be there later.
        Ok(Err(_)) | Err(_) => Ok(()),
    }
}

/// Where packets may be sent, of what a name leads to; why not, if nowhere.
fn reachable(
    found: impl Iterator<Item = SocketAddr>,
    anywhere: bool,
) -> Result<Vec<SocketAddr>, Unreachable> {
    let (mut places, mut why) = (Vec::new(), Unreachable::NameUnknown);
    for place in found {
        match Reach::of(place.ip()) {
            Reach::Nowhere if why == Unreachable::NameUnknown => why = Unreachable::Nowhere,
            Reach::Nowhere => {}
            Reach::Private if !anywhere => why = Unreachable::Private,
            Reach::Private | Reach::Public => places.push(place),
        }
    }
    places.truncate(ADDRESSES);
    if places.is_empty() { Err(why) } else { Ok(places) }
}

async fn shake(
    place: SocketAddr,
    key: RelayKey,
    patience: &Patience,
    sockets: &Sockets,
) -> Result<(Endpoint, quinn::Connection), LinkError> {
    let pinned = Pinned::to(key).map_err(|_| unreachable(Unreachable::NoNetwork))?;
    let endpoint = sockets
        .towards(place)
        .map_err(|_| unreachable(Unreachable::NoNetwork))?;
    let config = quic_config(&pinned, patience);
    let connecting = endpoint
        .connect_with(config, place, SERVER_NAME)
        .map_err(|_| unreachable(Unreachable::NoNetwork))?;
    match connecting.await {
        Ok(quic) => Ok((endpoint, quic)),
        Err(_) if pinned.refused_the_key() => Err(LinkError::WrongKey),
        Err(error) => Err(unreachable(reason(&error))),
    }
}

/// The QUIC settings of a connection to the relay that holds this key.
///
/// # Errors
/// `LinkError::Unreachable` only if the cryptographic library lacks what we ask of it.
pub fn settings(key: RelayKey, patience: &Patience) -> Result<ClientConfig, LinkError> {
    let pinned = Pinned::to(key).map_err(|_| unreachable(Unreachable::NoNetwork))?;
    Ok(quic_config(&pinned, patience))
}

fn quic_config(pinned: &Pinned, patience: &Patience) -> ClientConfig {
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(0))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .datagram_receive_buffer_size(None)
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .receive_window(VarInt::from_u32(CONNECTION_WINDOW))
        .send_window(SEND_WINDOW)
        .keep_alive_interval(Some(patience.keep_alive))
        .max_idle_timeout(patience.idle.try_into().ok())
        .allow_spin(false);
    let mut config = ClientConfig::new(Arc::new(LazyAcks(Arc::clone(&pinned.config))));
    config
        .transport_config(Arc::new(transport))
        .token_store(Arc::new(NoneTokenStore));
    config
}

async fn greet(endpoint: Endpoint, quic: quinn::Connection) -> Result<Dialled, LinkError> {
    const LOST: LinkError = LinkError::Lost { sent: Sent::No };
    let (mut commands, mut answers) = quic.open_bi().await.map_err(|_| LOST)?;
    let hello = frame(&Hello {
        versions: VERSIONS.to_vec(),
    })?;
    commands.write_all(&hello).await.map_err(|_| LOST)?;
    let mut unframer = Unframer::new(LARGEST_GREETING);
    let greeting = match next_frame(&mut answers, &mut unframer).await {
        Ok(Some(bytes)) => payload::<Greeting>(&bytes).map_err(|fault| nonsense(&quic, fault))?,
        Ok(None) | Err(FrameError::Lost) => return Err(LOST),
        Err(FrameError::Peer(fault)) => return Err(nonsense(&quic, fault)),
    };
    let (version, relay_key) = match greeting {
        Greeting::Speaks { version, proof_key } if VERSIONS.contains(&version) => (version, proof_key),
        Greeting::Speaks { .. } => return Err(nonsense(&quic, PeerFault::Malformed)),
        Greeting::TooOldOrNew { versions } => {
            quic.close(CLOSE_DONE, b"");
            return Err(LinkError::Version { theirs: versions });
        }
    };
    let mut exporter = [0; 32];
    quic.export_keying_material(&mut exporter, Label::ProofExporter.text().as_bytes(), b"")
        .map_err(|_| LOST)?;
    unframer.limit(caucus_proto::wire::frame::LARGEST);
    Ok(Dialled {
        endpoint,
        quic,
        commands,
        answers,
        unframer,
        version,
        binding: Binding { relay_key, exporter },
    })
}

/// Why no frame came.
pub(super) enum FrameError {
    Lost,
    Peer(PeerFault),
}

/// The next payload of a stream, none at its end. May be dropped at any time without losing bytes.
pub(super) async fn next_frame(
    stream: &mut RecvStream,
    unframer: &mut Unframer,
) -> Result<Option<bytes::Bytes>, FrameError> {
    loop {
        if let Some(bytes) = unframer.next_payload().map_err(FrameError::Peer)? {
            return Ok(Some(bytes));
        }
        if !more(stream, unframer).await? {
            return Ok(None);
        }
    }
}

/// Takes in what came, or waits for it; false at the end of the stream. May be dropped without losing bytes.
pub(super) async fn more(stream: &mut RecvStream, unframer: &mut Unframer) -> Result<bool, FrameError> {
    match stream.read_chunk(CHUNK, true).await {
        Ok(Some(chunk)) => {
            unframer.feed(&chunk.bytes);
            Ok(true)
        }
        Ok(None) => Ok(false),
        Err(_) => Err(FrameError::Lost),
    }
}

fn nonsense(quic: &quinn::Connection, fault: PeerFault) -> LinkError {
    quic.close(CLOSE_NONSENSE, b"");
    LinkError::Peer {
        fault,
        sent: Sent::No,
    }
}

const fn unreachable(why: Unreachable) -> LinkError {
    LinkError::Unreachable { why }
}

fn reason(error: &ConnectionError) -> Unreachable {
    match error {
        ConnectionError::TimedOut => Unreachable::Timeout,
        ConnectionError::ConnectionClosed(close)
            if close.error_code == TransportErrorCode::CONNECTION_REFUSED =>
        {
            Unreachable::Refused
        }
        ConnectionError::ApplicationClosed(_) | ConnectionError::Reset => Unreachable::Refused,
        ConnectionError::ConnectionClosed(_)
        | ConnectionError::TransportError(_)
        | ConnectionError::VersionMismatch => Unreachable::NotARelay,
        ConnectionError::LocallyClosed | ConnectionError::CidsExhausted => Unreachable::NoNetwork,
    }
}
