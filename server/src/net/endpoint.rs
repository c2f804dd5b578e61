//! The QUIC endpoint: TLS 1.3 with X25519MLKEM768 and nothing else, no tickets, no early data, no tokens
//! that could follow a client, bounded windows.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use caucus_proto::wire::ALPN;
use quinn::crypto::rustls::QuicServerConfig;
use quinn::{
    AckFrequencyConfig, AsyncUdpSocket, EndpointConfig, IdleTimeout, NoneTokenLog, Runtime, ServerConfig,
    TokioRuntime, TransportConfig, ValidationTokenConfig, VarInt,
};
use quinn_proto::HashedConnectionIdGenerator;
use rustix::net::sockopt::set_socket_recv_buffer_size;
use rustls::crypto::{CryptoProvider, aws_lc_rs as provider_of_tls};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::NoServerSessionStorage;
use rustls::version::TLS13;
use thiserror::Error;

use crate::limits::Limits;
use crate::net::identity::{Identity, IdentityError};
use crate::net::quic::{Connection, Endpoint};

/// Bytes of a handshake that came out of order: more than any first flight.
const CRYPTO_BUFFER: usize = 8 << 10;
/// Streams a client may have open at first; more as it opens them.
pub(crate) const FIRST_STREAMS: u32 = 4;
/// Handshakes that wait to be looked at, and what they may hold in memory.
const INCOMING: usize = 1_024;
const INCOMING_BYTES: u64 = 16 << 10;
pub(crate) const INCOMING_BYTES_TOTAL: u64 = 4 << 20;
/// Bytes of packets that the system keeps until the relay reads them: of about two thousand who come at once.
pub(crate) const RECEIVED_BYTES: usize = 4 << 20;
/// Packets before a follower that agreed to it must acknowledge. Below half a young connection's window.
const ACK_EVERY: u32 = 6;

/// Why there is no endpoint.
#[derive(Debug, Error)]
pub enum EndpointError {
    /// The address cannot be used.
    #[error("cannot listen on {address}: {error}")]
    Bind {
        /// Which.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// The relay's key is none.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// TLS or QUIC refuse these settings.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}

/// Listens. Call inside a tokio runtime.
pub(crate) fn listen(
    address: SocketAddr,
    identity: &Identity,
    limits: &Limits,
) -> Result<Endpoint, EndpointError> {
    let socket = UdpSocket::bind(address)
        .inspect(|socket| {
            // Where the system grants less (net.core.rmem_max), more is sent again after a restart, and comes later.
            let _ = set_socket_recv_buffer_size(socket, RECEIVED_BYTES);
        })
        .and_then(|socket| TokioRuntime.wrap_udp_socket(socket))
        .map_err(|error| EndpointError::Bind { address, error })?;
    listen_on(socket, identity, limits)
}

/// Listens on a socket that is there already. Call inside a tokio runtime.
pub(crate) fn listen_on(
    socket: Arc<dyn AsyncUdpSocket>,
    identity: &Identity,
    limits: &Limits,
) -> Result<Endpoint, EndpointError> {
    Ok(Endpoint::new(
        settings(identity),
        server(identity, limits)?,
        socket,
    ))
}

fn settings(identity: &Identity) -> EndpointConfig {
    let (ids, tokens) = identity.reset_keys();
    let mut settings = EndpointConfig::new(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, &*tokens)));
    let [a, b, c, d, e, f, g, h, ..] = *ids;
    let key = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
    settings.cid_generator(move || Box::new(HashedConnectionIdGenerator::from_key(key)));
    settings
}

fn server(identity: &Identity, limits: &Limits) -> Result<ServerConfig, EndpointError> {
    let tls = |error: rustls::Error| EndpointError::Tls(error.to_string());
    let (certificate, key) = identity.certificate()?;
    let mut crypto = rustls::ServerConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[&TLS13])
        .map_err(tls)?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], PrivateKeyDer::Pkcs8(key))
        .map_err(tls)?;
    crypto.alpn_protocols = vec![ALPN.to_vec()];
    crypto.max_early_data_size = 0;
    crypto.send_tls13_tickets = 0;
    crypto.session_storage = Arc::new(NoServerSessionStorage {});
    let crypto = QuicServerConfig::try_from(crypto).map_err(|error| EndpointError::Tls(error.to_string()))?;

    let mut tokens = ValidationTokenConfig::default();
    tokens.sent(0).log(Arc::new(NoneTokenLog));
    let mut config = ServerConfig::with_crypto(Arc::new(crypto));
    config
        .transport_config(Arc::new(transport(limits)))
        .validation_token_config(tokens)
        // Packets of a connection from another address than its own are dropped: a client that changed its
        // network comes back by a connection that shares nothing with the old one.
        .migration(false)
        .max_incoming(INCOMING)
        .incoming_buffer_size(INCOMING_BYTES)
        .incoming_buffer_size_total(INCOMING_BYTES_TOTAL);
    Ok(config)
}

/// aws-lc-rs with one key exchange.
fn provider() -> CryptoProvider {
    CryptoProvider {
        kx_groups: vec![provider_of_tls::kx_group::X25519MLKEM768],
        ..provider_of_tls::default_provider()
    }
}

/// Gives a connection the windows of a wide one.
pub(crate) fn widen(connection: &Connection, limits: &Limits) {
    connection.widen(limits.send_window, limits.receive_window);
}

fn transport(limits: &Limits) -> TransportConfig {
    let mut acks = AckFrequencyConfig::default();
    acks.ack_eliciting_threshold(VarInt::from_u32(ACK_EVERY));
    let idle = Duration::from_secs(u64::from(limits.idle_seconds));
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(FIRST_STREAMS.min(limits.streams)))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .datagram_receive_buffer_size(None)
        .datagram_send_buffer_size(0)
        .crypto_buffer_size(CRYPTO_BUFFER)
        // Bounded by the window of the connection; both are widened for the first ones (`widen`).
        .stream_receive_window(VarInt::from_u32(limits.receive_window))
        .receive_window(VarInt::from_u32(limits.narrow_window))
        .send_window(u64::from(limits.narrow_window))
        .max_idle_timeout(IdleTimeout::try_from(idle).ok())
        .keep_alive_interval(None)
        .ack_frequency_config(Some(acks))
        .allow_spin(false);
    transport
}
