//! A malicious QUIC server: it holds its key and shakes hands as a relay does, and then plays one trick.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use caucus_proto::id::{Counter, Hours, Position};
use caucus_proto::wire::frame::{LARGEST, Unframer, frame, payload};
use caucus_proto::wire::{
    ALPN, Answer, Answered, Asked, Entry, Flag, Greeting, RelayAddress, RelayKey, Request, Served, VERSION,
};
use quinn::crypto::rustls::QuicServerConfig;
use quinn::{Endpoint, EndpointConfig, RecvStream, SendStream, ServerConfig, TokioRuntime, TransportConfig};
use rcgen::{CertificateParams, KeyPair, PublicKeyData};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivatePkcs8KeyDer;
use sha2::{Digest, Sha256};
use tokio::time::sleep;

use super::fabric::{Device, Fabric};
use super::socket::Socket;

/// Bytes that the server itself may have on the way: what it counts as taken is at most so much too high.
pub const ON_THE_WAY: u64 = 64 * 1024;
const PORT: u16 = 4_433;
/// What an endless answer is made of.
const PIECE: usize = 16 * 1024;

/// What it does instead of serving.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trick {
    /// Never greets.
    SilentGreeting,
    /// Greets a byte a second.
    DribbledGreeting,
    /// Announces a greeting of 2 GiB.
    OversizedGreeting,
    /// Greets, and never answers.
    SilentAnswer,
    /// Answers a byte a second.
    DribbledAnswer,
    /// Announces an answer of 2 GiB.
    OversizedAnswer,
    /// Announces the largest answer there may be, and sends bytes without end.
    EndlessAnswer,
    /// Sends answers to what nobody asked, without end.
    UnaskedAnswers,
    /// Opens every handle; serves a byte a second.
    DribbledReading,
    /// Says that the reader has caught up; then serves a byte a second.
    DribbledLiveReading,
    /// Announces an entry of 2 GiB.
    OversizedReading,
    /// Serves the largest entries without end, as fast as they are taken.
    EndlessReading,
}

/// A server that listens until its runtime ends.
pub struct Hostile {
    /// Its address, as a link would name it.
    pub address: RelayAddress,
    taken: Arc<AtomicU64>,
}

impl Hostile {
    /// Starts it on a device.
    #[must_use]
    pub fn start(fabric: &Fabric, device: Device, trick: Trick) -> Self {
        let pair = KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key");
        let key = RelayKey(Sha256::digest(pair.subject_public_key_info()).into());
        let place = SocketAddr::new(fabric.ip(device), PORT);
        let endpoint = Endpoint::new_with_abstract_socket(
            EndpointConfig::default(),
            Some(config(&pair)),
            Arc::new(Socket::bind(fabric, device, Some(PORT))),
            Arc::new(TokioRuntime),
        );
        let taken = Arc::new(AtomicU64::new(0));
        let played = Arc::clone(&taken);
        tokio::spawn(accept(endpoint.expect("an endpoint"), trick, played));
        Self {
            address: RelayAddress::new(key, &place.ip().to_string(), PORT, true).expect("an address"),
            taken,
        }
    }

    /// Bytes of answers that it got rid of: taken by the client, or on the way.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.taken.load(Ordering::SeqCst)
    }
}

pub(super) fn config(pair: &KeyPair) -> ServerConfig {
    let certificate = CertificateParams::new(vec!["localhost".to_owned()])
        .and_then(|params| params.self_signed(pair))
        .expect("a certificate");
    let secret = PrivatePkcs8KeyDer::from(pair.serialize_der());
    let mut tls = rustls::ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], secret.into())
        .expect("a certificate and its key");
    tls.alpn_protocols = vec![ALPN.to_vec()];
    let mut config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls).expect("a suite")));
    let mut transport = TransportConfig::default();
    transport.send_window(ON_THE_WAY);
    config.transport_config(Arc::new(transport));
    config
}

async fn accept(endpoint: Endpoint, trick: Trick, taken: Arc<AtomicU64>) {
    while let Some(incoming) = endpoint.accept().await {
        let taken = Arc::clone(&taken);
        tokio::spawn(async move {
            let Ok(quic) = incoming.await else { return };
            let mut first = true;
            while let Ok((send, recv)) = quic.accept_bi().await {
                let out = Out {
                    stream: send,
                    taken: Arc::clone(&taken),
                };
                // Each ends with its stream.
                if std::mem::replace(&mut first, false) {
                    tokio::spawn(commands(out, recv, trick));
                } else {
                    tokio::spawn(reading(out, recv, trick));
                }
            }
        });
    }
}

struct Out {
    stream: SendStream,
    taken: Arc<AtomicU64>,
}

impl Out {
    async fn write(&mut self, bytes: &[u8]) -> Option<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let written = self.stream.write(rest).await.ok()?;
            self.taken.fetch_add(written as u64, Ordering::SeqCst);
            rest = rest.get(written..)?;
        }
        Some(())
    }

    async fn dribble(&mut self, bytes: &[u8]) -> Option<()> {
        for byte in bytes {
            sleep(Duration::from_secs(1)).await;
            self.write(&[*byte]).await?;
        }
        Some(())
    }

    async fn oversized(&mut self) -> Option<()> {
        self.write(&0x7fff_ffff_u32.to_be_bytes()).await?;
        self.endless().await
    }

    async fn endless(&mut self) -> Option<()> {
        loop {
            self.write(&[7; PIECE]).await?;
        }
    }
}

async fn commands(mut out: Out, recv: RecvStream, trick: Trick) -> Option<()> {
    let mut frames = Frames::new(recv, LARGEST);
    frames.next().await?;
    let greeting = frame(&Greeting::Speaks {
        version: VERSION,
        proof_key: [9; 32],
    })
    .ok()?;
    match trick {
        Trick::SilentGreeting => {
            while frames.next().await.is_some() {}
            return None;
        }
        Trick::DribbledGreeting => out.dribble(&greeting).await?,
        Trick::OversizedGreeting => out.oversized().await?,
        _ => out.write(&greeting).await?,
    }
    loop {
        let asked: Asked = payload(&frames.next().await?).ok()?;
        let answer = match asked.request {
            Request::Open { .. } => Answer::Opened {
                handle: 1,
                counter: Counter(0),
                newest: Position(0),
            },
            _ => Answer::Done,
        };
        let tag = asked.tag;
        let said = frame(&Answered { tag, answer }).ok()?;
        match trick {
            Trick::SilentAnswer => {}
            Trick::DribbledAnswer => {
                // Announced as large, so that it does not end by itself.
                let mut slow = (LARGEST as u32).to_be_bytes().to_vec();
                slow.resize(LARGEST, 0);
                out.dribble(&slow).await?;
            }
            Trick::OversizedAnswer => out.oversized().await?,
            Trick::EndlessAnswer => {
                out.write(&(LARGEST as u32).to_be_bytes()).await?;
                out.endless().await?;
            }
            Trick::UnaskedAnswers => loop {
                let answer = Answer::Done;
                let unasked = frame(&Answered {
                    tag: tag + 1_000,
                    answer,
                })
                .ok()?;
                out.write(&unasked).await?;
            },
            _ => out.write(&said).await?,
        }
    }
}

async fn reading(mut out: Out, recv: RecvStream, trick: Trick) -> Option<()> {
    let mut frames = Frames::new(recv, LARGEST);
    frames.next().await?;
    let entry = |position| {
        frame(&Served::Entry(Entry {
            position: Position(position),
            counter: Counter(0),
            flag: Flag::Plain,
            expires: Hours(1_000_000),
            bytes: vec![7; 256 * 1024].into(),
        }))
    };
    match trick {
        Trick::DribbledReading => out.dribble(&entry(1).ok()?).await,
        Trick::DribbledLiveReading => {
            let caught_up = frame(&Served::CaughtUp { newest: Position(0) }).ok()?;
            out.write(&caught_up).await?;
            out.dribble(&entry(1).ok()?).await
        }
        Trick::OversizedReading => out.oversized().await,
        _ => {
            for position in 1.. {
                out.write(&entry(position).ok()?).await?;
            }
            None
        }
    }
}

pub(super) struct Frames {
    stream: RecvStream,
    unframer: Unframer,
}

impl Frames {
    pub(super) fn new(stream: RecvStream, limit: usize) -> Self {
        Self {
            stream,
            unframer: Unframer::new(limit),
        }
    }

    pub(super) async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(bytes) = self.unframer.next_payload().ok()? {
                return Some(bytes);
            }
            let chunk = self.stream.read_chunk(PIECE, true).await.ok()??;
            self.unframer.feed(&chunk.bytes);
        }
    }
}
