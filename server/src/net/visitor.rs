//! A small client for the stories of the network.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use caucus_proto::id::{ChannelId, Counter, Position};
use caucus_proto::label::Label;
use caucus_proto::wire::frame::Unframer;
use caucus_proto::wire::proof::{Binding, Purpose};
use caucus_proto::wire::{
    ALPN, Answer, Answered, Asked, ChannelSpec, Greeting, Hello, Pass, Proof, Read, RelayAddress, RelayKey,
    Request, Role, Served, VERSION, frame,
};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Connection, ConnectionError, Endpoint, RecvStream, SendStream};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, SupportedKxGroup, aws_lc_rs, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{DigitallySignedStruct, Error, SignatureScheme};
use sha2::{Digest, Sha256};
use x25519_dalek::StaticSecret;

use crate::relay::sample::{CREATION_SECRET, public};

const PATIENCE: Duration = Duration::from_secs(10);

/// A connection that has been greeted.
pub(crate) struct Visitor {
    pub(crate) connection: Connection,
    _endpoint: Endpoint,
    send: SendStream,
    frames: Frames,
    binding: Binding,
    tag: u32,
}

pub(crate) fn groups() -> Vec<&'static dyn SupportedKxGroup> {
    vec![aws_lc_rs::kx_group::X25519MLKEM768]
}

/// A connection of QUIC and no more.
pub(crate) async fn dial(
    to: SocketAddr,
    key: RelayKey,
    groups: Vec<&'static dyn SupportedKxGroup>,
) -> Result<(Endpoint, Connection), ConnectionError> {
    let provider = Arc::new(CryptoProvider {
        kx_groups: groups,
        ..aws_lc_rs::default_provider()
    });
    let mut crypto = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Pin { key, provider }))
        .with_no_client_auth();
    crypto.alpn_protocols = vec![ALPN.to_vec()];
    let config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(crypto).unwrap()));
    let endpoint = Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let connection = endpoint.connect_with(config, to, "relay").unwrap().await?;
    Ok((endpoint, connection))
}

impl Visitor {
    pub(crate) async fn visit(address: &RelayAddress, to: SocketAddr) -> Self {
        let (endpoint, connection) = dial(to, address.key, groups()).await.unwrap();
        let (mut send, recv) = connection.open_bi().await.unwrap();
        let hello = Hello {
            versions: vec![VERSION],
        };
        send.write_all(&frame::frame(&hello).unwrap()).await.unwrap();
        let mut frames = Frames::new(recv);
        let greeting = frame::payload(&frames.next().await.unwrap()).unwrap();
        let Greeting::Speaks { version, proof_key } = greeting else {
            panic!("no common version: {greeting:?}");
        };
        assert_eq!(version, VERSION);
        let mut exporter = [0; 32];
        connection
            .export_keying_material(&mut exporter, Label::ProofExporter.text().as_bytes(), b"")
            .unwrap();
        let binding = Binding {
            relay_key: proof_key,
            exporter,
        };
        Self {
            connection,
            _endpoint: endpoint,
            send,
            frames,
            binding,
            tag: 0,
        }
    }

    pub(crate) fn relay_key(&self) -> [u8; 32] {
        self.binding.relay_key
    }

    pub(crate) fn exporter(&self) -> [u8; 32] {
        self.binding.exporter
    }

    /// Sends a request without waiting; gives its tag.
    pub(crate) async fn send(&mut self, request: Request) -> u32 {
        self.tag += 1;
        let asked = Asked {
            tag: self.tag,
            request,
        };
        self.raw(&frame::frame(&asked).unwrap()).await;
        self.tag
    }

    pub(crate) async fn raw(&mut self, bytes: &[u8]) {
        self.send.write_all(bytes).await.unwrap();
    }

    /// The next answer, whatever it answers.
    pub(crate) async fn next(&mut self) -> Answered {
        let payload = tokio::time::timeout(PATIENCE, self.frames.next())
            .await
            .unwrap()
            .unwrap();
        frame::payload(&payload).unwrap()
    }

    pub(crate) async fn ask(&mut self, request: Request) -> Answer {
        let tag = self.send(request).await;
        let answered = self.next().await;
        assert_eq!(answered.tag, tag, "{:?}", answered.answer);
        answered.answer
    }

    pub(crate) async fn create(&mut self, spec: &ChannelSpec) -> Answer {
        self.create_with(spec, None).await
    }

    pub(crate) async fn create_with(&mut self, spec: &ChannelSpec, pass: Option<Pass>) -> Answer {
        let secret = StaticSecret::from(CREATION_SECRET);
        let proof = Proof::make(&secret, &spec.id(), Purpose::Create, &self.binding).unwrap();
        let spec = spec.clone();
        self.ask(Request::Create { spec, proof, pass }).await
    }

    pub(crate) async fn try_open(&mut self, channel: ChannelId, role: Role, secret: [u8; 32]) -> Answer {
        let proof = Proof::make(
            &StaticSecret::from(secret),
            &channel,
            Purpose::Open(role),
            &self.binding,
        );
        self.ask(Request::Open {
            channel,
            role,
            key: public(secret),
            proof: proof.unwrap(),
        })
        .await
    }

    pub(crate) async fn open(&mut self, channel: ChannelId, role: Role, secret: [u8; 32]) -> u32 {
        match self.try_open(channel, role, secret).await {
            Answer::Opened { handle, .. } => handle,
            other => panic!("not opened: {other:?}"),
        }
    }

    pub(crate) async fn append(&mut self, handle: u32, counter: u64, fill: u8) -> Answer {
        self.ask(Request::Append {
            handle,
            counter: Counter(counter),
            bytes: entry(fill),
        })
        .await
    }

    pub(crate) async fn advance(&mut self, handle: u32, counter: u64, fill: u8) -> Answer {
        self.ask(Request::Advance {
            handle,
            counter: Counter(counter),
            bytes: entry(fill),
        })
        .await
    }

    pub(crate) async fn read(&self, handle: u32, after: u64, follow: bool) -> Reader {
        let (mut send, recv) = self.connection.open_bi().await.unwrap();
        let read = Read {
            handle,
            after: Position(after),
            follow,
        };
        send.write_all(&frame::frame(&read).unwrap()).await.unwrap();
        Reader {
            frames: Frames::new(recv),
            _send: send,
        }
    }
}

/// A reading stream.
pub(crate) struct Reader {
    frames: Frames,
    _send: SendStream,
}

impl Reader {
    pub(crate) async fn next(&mut self) -> Served {
        let payload = tokio::time::timeout(PATIENCE, self.frames.next())
            .await
            .unwrap()
            .unwrap();
        frame::payload(&payload).unwrap()
    }

    /// Positions and first bytes of the next entries, until another word, which comes last.
    pub(crate) async fn entries(&mut self) -> (Vec<(u64, u8)>, Served) {
        let mut entries = Vec::new();
        loop {
            match self.next().await {
                Served::Entry(entry) => entries.push((entry.position.0, entry.bytes[0])),
                word => return (entries, word),
            }
        }
    }

    pub(crate) async fn entry(&mut self) -> (u64, u8) {
        match self.next().await {
            Served::Entry(entry) => (entry.position.0, entry.bytes[0]),
            other => panic!("no entry: {other:?}"),
        }
    }
}

/// Payloads of a stream, as they come.
pub(crate) struct Frames {
    stream: RecvStream,
    unframer: Unframer,
}

impl Frames {
    pub(crate) fn new(stream: RecvStream) -> Self {
        let unframer = Unframer::new(frame::LARGEST);
        Self { stream, unframer }
    }

    /// The next payload; none at the end.
    pub(crate) async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(payload) = self.unframer.next_payload().unwrap() {
                return Some(payload);
            }
            let chunk = self.stream.read_chunk(usize::MAX, true).await.ok()??;
            self.unframer.feed(&chunk.bytes);
        }
    }
}

pub(crate) fn entry(fill: u8) -> Bytes {
    vec![fill; 1024].into()
}

/// Believes whoever holds the key.
#[derive(Debug)]
struct Pin {
    key: RelayKey,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pin {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let parsed = ParsedCertificate::try_from(certificate)?;
        let hash: [u8; 32] = Sha256::digest(parsed.subject_public_key_info().as_ref()).into();
        if hash == self.key.0 {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(Error::General("another key".to_owned()))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
