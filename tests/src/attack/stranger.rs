//! Somebody who speaks QUIC as everybody does, and on top of it whatever they like.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use caucus_proto::label::Label;
use caucus_proto::wire::frame::{LARGEST, Unframer, frame, payload};
use caucus_proto::wire::proof::Binding;
use caucus_proto::wire::{Answer, Answered, Asked, Greeting, Hello, RelayAddress, Request, VERSION};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Connection, Endpoint, RecvStream, SendStream, TransportConfig, VarInt};
use tokio::time::timeout;

use super::trust::Anybody;

const PATIENCE: Duration = Duration::from_secs(20);

/// A greeted connection.
pub struct Stranger {
    /// Its connection.
    pub connection: Connection,
    /// Its socket.
    pub endpoint: Endpoint,
    /// Its commands.
    pub send: SendStream,
    recv: RecvStream,
    unframer: Unframer,
    binding: Binding,
    tag: u32,
}

/// Windows of a client: of all streams together, and of each.
#[must_use]
pub fn windows(all: u32, each: u32) -> TransportConfig {
    let mut transport = TransportConfig::default();
    transport
        .receive_window(VarInt::from_u32(all))
        .stream_receive_window(VarInt::from_u32(each))
        .max_idle_timeout(Some(VarInt::from_u32(60_000).into()))
        .keep_alive_interval(Some(Duration::from_secs(5)));
    transport
}

/// Shakes hands from this address of the loopback.
///
/// # Errors
/// As QUIC says.
///
/// # Panics
/// If the library refuses the settings.
pub async fn shake(
    relay: &RelayAddress,
    from: Ipv4Addr,
    transport: TransportConfig,
) -> io::Result<(Endpoint, Connection)> {
    let tls = (*Anybody::config()).clone();
    let crypto = QuicClientConfig::try_from(tls).expect("a suite");
    let mut config = ClientConfig::new(Arc::new(crypto));
    config.transport_config(Arc::new(transport));
    let host: IpAddr = relay.host.parse().map_err(io::Error::other)?;
    let endpoint = Endpoint::client((from, 0).into())?;
    let connecting = endpoint.connect_with(config, SocketAddr::new(host, relay.port), "relay");
    let connecting = connecting.map_err(io::Error::other)?;
    let connection = timeout(PATIENCE, connecting).await?.map_err(io::Error::other)?;
    Ok((endpoint, connection))
}

impl Stranger {
    /// Shakes hands and greets.
    ///
    /// # Errors
    /// As QUIC says.
    pub async fn come(relay: &RelayAddress, from: Ipv4Addr, transport: TransportConfig) -> io::Result<Self> {
        let (endpoint, connection) = shake(relay, from, transport).await?;
        let (mut send, mut recv) = connection.open_bi().await?;
        let versions = vec![VERSION];
        let hello = frame(&Hello { versions }).map_err(io::Error::other)?;
        send.write_all(&hello).await?;
        let mut unframer = Unframer::new(LARGEST);
        let greeting: Greeting = timeout(PATIENCE, next(&mut recv, &mut unframer)).await??;
        let Greeting::Speaks { proof_key, .. } = greeting else {
            return Err(io::Error::other("no common version"));
        };
        let mut exporter = [0; 32];
        connection
            .export_keying_material(&mut exporter, Label::ProofExporter.text().as_bytes(), b"")
            .map_err(|_| io::Error::other("no exporter"))?;
        let binding = Binding {
            relay_key: proof_key,
            exporter,
        };
        Ok(Self {
            connection,
            endpoint,
            send,
            recv,
            unframer,
            binding,
            tag: 0,
        })
    }

    /// What proofs are bound to.
    #[must_use]
    pub fn binding(&self) -> &Binding {
        &self.binding
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// If the connection is gone.
    pub async fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        Ok(self.send.write_all(bytes).await?)
    }

    /// Sends a request without waiting.
    ///
    /// # Errors
    /// If the connection is gone.
    pub async fn send(&mut self, request: Request) -> io::Result<u32> {
        self.tag += 1;
        let tag = self.tag;
        let bytes = frame(&Asked { tag, request }).map_err(io::Error::other)?;
        self.raw(&bytes).await?;
        Ok(tag)
    }

    /// The next answer.
    ///
    /// # Errors
    /// If none comes.
    pub async fn next(&mut self) -> io::Result<Answered> {
        timeout(PATIENCE, next(&mut self.recv, &mut self.unframer)).await?
    }

    /// Asks and waits.
    ///
    /// # Errors
    /// If no answer comes.
    pub async fn ask(&mut self, request: Request) -> io::Result<Answer> {
        let tag = self.send(request).await?;
        let answered = self.next().await?;
        if answered.tag != tag {
            return Err(io::Error::other("another answer"));
        }
        Ok(answered.answer)
    }

    /// The handle that a request opens.
    ///
    /// # Errors
    /// If it opens none.
    pub async fn open(&mut self, opening: Request) -> io::Result<u32> {
        match self.ask(opening).await? {
            Answer::Opened { handle, .. } => Ok(handle),
            other => Err(io::Error::other(format!("{other:?}"))),
        }
    }

    /// Splits off the two halves of the commands, to send and hear at the same time.
    #[must_use]
    pub fn halves(self) -> (Connection, Endpoint, SendStream, RecvStream) {
        (self.connection, self.endpoint, self.send, self.recv)
    }
}

async fn next<T: serde::Serialize + serde::de::DeserializeOwned>(
    recv: &mut RecvStream,
    unframer: &mut Unframer,
) -> io::Result<T> {
    loop {
        let bytes = unframer.next_payload().map_err(io::Error::other)?;
        if let Some(bytes) = bytes {
            return payload(&bytes).map_err(io::Error::other);
        }
        match recv.read_chunk(65_536, true).await.map_err(io::Error::other)? {
            Some(chunk) => unframer.feed(&chunk.bytes),
            None => return Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}
