//! A relay for tests: real QUIC and TLS, answers by script, and counts of what reached it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use caucus_proto::id::{Counter, Position};
use caucus_proto::label::Label;
use caucus_proto::wire::frame::{LARGEST, Unframer, frame, payload};
use caucus_proto::wire::proof::{Binding, Purpose};
use caucus_proto::wire::{
    ALPN, Answer, Answered, Asked, Greeting, Hello, Read, RefusedBecause, RelayAddress, RelayKey, Request,
    Served, VERSION,
};
use quinn::crypto::rustls::{HandshakeData, QuicServerConfig};
use quinn::{Endpoint, RecvStream, ServerConfig, TokenLog, TokenReuseError, ValidationTokenConfig, VarInt};
use rcgen::{CertificateParams, KeyPair, PublicKeyData};
use rustls::crypto::{ActiveKeyExchange, CompletedKeyExchange, CryptoProvider, SupportedKxGroup, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, StoresServerSessions};
use rustls::sign::CertifiedKey;
use rustls::{NamedGroup, version};
use sha2::{Digest, Sha256};
use tokio::net::UdpSocket;
use tokio::time::sleep;
use x25519_dalek::{PublicKey, StaticSecret};

/// What the fake does next.
pub(super) enum Deed {
    Send(Bytes),
    Wait(Duration),
    Finish,
    HangUp,
}

pub(super) type Script = Box<dyn Fn(&Asked, &Binding) -> Vec<Deed> + Send + Sync>;
pub(super) type Shelf = Box<dyn Fn(&Read) -> Vec<Deed> + Send + Sync>;

/// What kind of relay it plays.
pub(super) struct Role {
    pub(super) groups: Vec<&'static dyn SupportedKxGroup>,
    pub(super) alpn: Vec<u8>,
    pub(super) greeting: Option<Bytes>,
    pub(super) script: Script,
    pub(super) shelf: Shelf,
    pub(super) identity: Arc<Identity>,
    /// Shows this one's certificate while it holds only its own key.
    pub(super) stolen: Option<Arc<Identity>>,
}

impl Default for Role {
    fn default() -> Self {
        Self {
            groups: vec![aws_lc_rs::kx_group::X25519, aws_lc_rs::kx_group::X25519MLKEM768],
            alpn: ALPN.to_vec(),
            greeting: None,
            script: Box::new(honest),
            shelf: Box::new(|_| vec![serve(&Served::End)]),
            identity: Arc::new(Identity::fresh()),
            stolen: None,
        }
    }
}

/// A key and its certificate.
pub(super) struct Identity {
    certificate: CertificateDer<'static>,
    secret: Vec<u8>,
    pub(super) key: RelayKey,
}

impl Identity {
    pub(super) fn fresh() -> Self {
        let pair = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let certificate = CertificateParams::new(vec!["unread.example".to_owned()])
            .unwrap()
            .self_signed(&pair)
            .unwrap();
        Self {
            certificate: certificate.der().clone(),
            secret: pair.serialize_der(),
            key: RelayKey(Sha256::digest(pair.subject_public_key_info()).into()),
        }
    }
}

/// Counts of what reached it.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) sessions: AtomicUsize,
    pub(super) stream_bytes: AtomicUsize,
    pub(super) hybrid: AtomicUsize,
    pub(super) other_groups: AtomicUsize,
    pub(super) names: AtomicUsize,
    pub(super) tickets_given: AtomicUsize,
    pub(super) tickets_shown: AtomicUsize,
    pub(super) tokens_shown: AtomicUsize,
    pub(super) peers: Mutex<Vec<SocketAddr>>,
    pub(super) exporters: Mutex<Vec<[u8; 32]>>,
    pub(super) asked: Mutex<Vec<Asked>>,
}

impl Seen {
    pub(super) fn sessions(&self) -> usize {
        self.sessions.load(Ordering::SeqCst)
    }

    pub(super) fn stream_bytes(&self) -> usize {
        self.stream_bytes.load(Ordering::SeqCst)
    }
}

/// A fake relay that listens until it is dropped.
pub(super) struct Fake {
    pub(super) address: RelayAddress,
    pub(super) seen: Arc<Seen>,
    endpoint: Endpoint,
}

impl Fake {
    pub(super) fn start(role: Role) -> Self {
        let seen = Arc::new(Seen::default());
        let endpoint =
            Endpoint::server(server_config(&role, &seen), (Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let key = role.stolen.as_ref().unwrap_or(&role.identity).key;
        let port = endpoint.local_addr().unwrap().port();
        let address = RelayAddress::new(key, "127.0.0.1", port, true).unwrap();
        tokio::spawn(accept(endpoint.clone(), Arc::new(role), Arc::clone(&seen)));
        Self {
            address,
            seen,
            endpoint,
        }
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.endpoint.close(VarInt::from_u32(0), b"");
    }
}

/// Answers as a relay with one empty channel does that opens to every key proved.
pub(super) fn honest(asked: &Asked, binding: &Binding) -> Vec<Deed> {
    let secret = proof_secret();
    let answer = match &asked.request {
        Request::Open {
            channel,
            role,
            key,
            proof,
        } if proof.holds(&secret, key, channel, Purpose::Open(*role), binding) => Answer::Opened {
            handle: 1,
            counter: Counter(0),
            newest: Position(0),
        },
        Request::Create { spec, proof, .. }
            if proof.holds(&secret, &spec.creation_key, &spec.id(), Purpose::Create, binding) =>
        {
            Answer::Created
        }
        Request::Open { .. } | Request::Create { .. } => Answer::Refused(RefusedBecause::NotOpened),
        Request::Append { counter, .. } | Request::Advance { counter, .. } if *counter != Counter(0) => {
            Answer::Moved {
                counter: Counter(0),
                newest: Position(0),
            }
        }
        Request::Append { .. } | Request::Advance { .. } | Request::Cut { .. } => Answer::Stored {
            position: Position(1),
        },
        Request::Changes { .. } => Answer::Changes(Vec::new()),
        _ => Answer::Done,
    };
    vec![say(asked.tag, answer)]
}

pub(super) fn say(tag: u32, answer: Answer) -> Deed {
    Deed::Send(frame(&Answered { tag, answer }).unwrap())
}

pub(super) fn serve(served: &Served) -> Deed {
    Deed::Send(frame(served).unwrap())
}

fn proof_secret() -> StaticSecret {
    StaticSecret::from([42; 32])
}

#[derive(Debug)]
struct Counted {
    group: &'static dyn SupportedKxGroup,
    count: fn(&Seen) -> &AtomicUsize,
    seen: SeenRef,
}

#[derive(Clone)]
struct SeenRef(Arc<Seen>);

impl core::fmt::Debug for SeenRef {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SeenRef")
    }
}

impl SupportedKxGroup for Counted {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, rustls::Error> {
        self.group.start()
    }

    fn start_and_complete(&self, peer: &[u8]) -> Result<CompletedKeyExchange, rustls::Error> {
        let completed = self.group.start_and_complete(peer)?;
        (self.count)(&self.seen.0).fetch_add(1, Ordering::SeqCst);
        Ok(completed)
    }

    fn name(&self) -> NamedGroup {
        self.group.name()
    }
}

#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesServerCert for Always {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

fn server_config(role: &Role, seen: &Arc<Seen>) -> ServerConfig {
    let counted = |group: &&'static dyn SupportedKxGroup| -> &'static dyn SupportedKxGroup {
        let count: fn(&Seen) -> &AtomicUsize = match group.name() {
            NamedGroup::X25519MLKEM768 => |seen| &seen.hybrid,
            _ => |seen| &seen.other_groups,
        };
        Box::leak(Box::new(Counted {
            group: *group,
            count,
            seen: SeenRef(Arc::clone(seen)),
        }))
    };
    let provider = CryptoProvider {
        kx_groups: role.groups.iter().map(counted).collect(),
        ..aws_lc_rs::default_provider()
    };
    let shown = role.stolen.as_ref().unwrap_or(&role.identity).certificate.clone();
    let secret = PrivatePkcs8KeyDer::from(role.identity.secret.clone());
    let signer = aws_lc_rs::sign::any_supported_type(&secret.into()).unwrap();
    let certified = CertifiedKey::new(vec![shown], signer);
    let mut tls = rustls::ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Always(Arc::new(certified))));
    tls.alpn_protocols = vec![role.alpn.clone()];
    // This relay would like to follow its clients by tickets and address tokens.
    tls.send_tls13_tickets = 4;
    tls.session_storage = Arc::new(Tickets(SeenRef(Arc::clone(seen))));
    let mut config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls).unwrap()));
    let mut tokens = ValidationTokenConfig::default();
    tokens.sent(4).log(Arc::new(EveryToken));
    config.validation_token_config(tokens);
    config
}

/// Counts tickets that clients are given, and that they show.
#[derive(Debug)]
struct Tickets(SeenRef);

impl StoresServerSessions for Tickets {
    fn put(&self, _key: Vec<u8>, _value: Vec<u8>) -> bool {
        self.0.0.tickets_given.fetch_add(1, Ordering::SeqCst);
        true
    }

    fn get(&self, _key: &[u8]) -> Option<Vec<u8>> {
        self.0.0.tickets_shown.fetch_add(1, Ordering::SeqCst);
        None
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.get(key)
    }

    fn can_cache(&self) -> bool {
        true
    }
}

/// Believes every address token, however often it is shown.
struct EveryToken;

impl TokenLog for EveryToken {
    fn check_and_insert(&self, _: u128, _: SystemTime, _: Duration) -> Result<(), TokenReuseError> {
        Ok(())
    }
}

async fn accept(endpoint: Endpoint, role: Arc<Role>, seen: Arc<Seen>) {
    while let Some(incoming) = endpoint.accept().await {
        let (role, seen) = (Arc::clone(&role), Arc::clone(&seen));
        tokio::spawn(async move {
            seen.peers.lock().unwrap().push(incoming.remote_address());
            seen.tokens_shown
                .fetch_add(usize::from(incoming.remote_address_validated()), Ordering::SeqCst);
            let Ok(quic) = incoming.await else { return };
            seen.sessions.fetch_add(1, Ordering::SeqCst);
            let data = quic
                .handshake_data()
                .unwrap()
                .downcast::<HandshakeData>()
                .unwrap();
            seen.names
                .fetch_add(usize::from(data.server_name.is_some()), Ordering::SeqCst);
            let mut first = true;
            while let Ok((mut send, recv)) = quic.accept_bi().await {
                let (role, seen, quic) = (Arc::clone(&role), Arc::clone(&seen), quic.clone());
                let commands = std::mem::replace(&mut first, false);
                tokio::spawn(async move {
                    let mut frames = Frames::of(recv, seen);
                    if commands {
                        command(&role, &quic, &mut send, &mut frames).await;
                    } else {
                        let read = payload(&frames.next().await?).ok()?;
                        act(&quic, &mut send, (role.shelf)(&read)).await?;
                        let _ = frames.next().await;
                    }
                    Some(())
                });
            }
        });
    }
}

async fn command(
    role: &Role,
    quic: &quinn::Connection,
    send: &mut quinn::SendStream,
    frames: &mut Frames,
) -> Option<()> {
    let hello: Hello = payload(&frames.next().await?).ok()?;
    assert!(hello.versions.len() <= 8);
    let speaks = Greeting::Speaks {
        version: VERSION,
        proof_key: PublicKey::from(&proof_secret()).to_bytes(),
    };
    let greeting = role.greeting.clone().unwrap_or_else(|| frame(&speaks).unwrap());
    send.write_all(&greeting).await.ok()?;
    let mut exporter = [0; 32];
    quic.export_keying_material(&mut exporter, Label::ProofExporter.text().as_bytes(), b"")
        .ok()?;
    frames.seen.exporters.lock().unwrap().push(exporter);
    let binding = Binding {
        relay_key: PublicKey::from(&proof_secret()).to_bytes(),
        exporter,
    };
    loop {
        let asked: Asked = payload(&frames.next().await?).ok()?;
        let deeds = (role.script)(&asked, &binding);
        frames.seen.asked.lock().unwrap().push(asked);
        act(quic, send, deeds).await?;
    }
}

async fn act(quic: &quinn::Connection, send: &mut quinn::SendStream, deeds: Vec<Deed>) -> Option<()> {
    for deed in deeds {
        match deed {
            Deed::Send(bytes) => send.write_all(&bytes).await.ok()?,
            Deed::Wait(time) => sleep(time).await,
            Deed::Finish => send.finish().ok()?,
            Deed::HangUp => quic.close(VarInt::from_u32(9), b""),
        }
    }
    Some(())
}

struct Frames {
    stream: RecvStream,
    unframer: Unframer,
    seen: Arc<Seen>,
}

impl Frames {
    fn of(stream: RecvStream, seen: Arc<Seen>) -> Self {
        Self {
            stream,
            unframer: Unframer::new(LARGEST),
            seen,
        }
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(bytes) = self.unframer.next_payload().ok()? {
                return Some(bytes);
            }
            let chunk = self.stream.read_chunk(64 * 1024, true).await.ok()??;
            self.seen
                .stream_bytes
                .fetch_add(chunk.bytes.len(), Ordering::SeqCst);
            self.unframer.feed(&chunk.bytes);
        }
    }
}

/// A wire between one client and a relay that can be cut: packets then vanish without a word.
pub(super) struct Wire {
    pub(super) port: u16,
    forwarding: tokio::task::JoinHandle<()>,
}

impl Wire {
    pub(super) async fn to(port: u16) -> Self {
        let near = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let far = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        far.connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        let own = near.local_addr().unwrap().port();
        let forwarding = tokio::spawn(async move {
            let (mut up, mut down) = (vec![0; 2048], vec![0; 2048]);
            let mut client = None;
            loop {
                tokio::select! {
                    Ok((size, from)) = near.recv_from(&mut up) => {
                        client = Some(from);
                        let _ = far.send(&up[..size]).await;
                    }
                    Ok(size) = far.recv(&mut down) => {
                        if let Some(client) = client {
                            let _ = near.send_to(&down[..size], client).await;
                        }
                    }
                }
            }
        });
        Self {
            port: own,
            forwarding,
        }
    }

    pub(super) fn cut(&self) {
        self.forwarding.abort();
    }
}
