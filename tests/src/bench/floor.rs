//! The floor: the least relay that one can write with quinn. No authorization, no index, no limits: one
//! append-only file, one thread that writes whatever is queued and flushes it (`fdatasync`), and after that
//! acknowledges and hands shared buffers to a task and a queue per follower, over quinn's default transport.
//!
//! It is what the relay's cost is compared with, and speaks the relay's frames, so that one load generator drives both:
//! the first frame of the first stream is a [`Hello`], then come `Append` requests; a follower's entries come
//! on a stream that the floor opens.

use std::fs::{self, File};
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, mpsc as queue};
use std::thread;

use bytes::Bytes;
use caucus_proto::id::{Hours, Position};
use caucus_proto::wire::frame::{self, Unframer};
use caucus_proto::wire::{ALPN, Answer, Answered, Asked, Entry, Flag, Request, Served};
use quinn::crypto::rustls::QuicServerConfig;
use quinn::{Connection, Endpoint, RecvStream, SendStream, ServerConfig};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

const CHUNK: usize = 64 * 1024;
/// Frames that one write takes.
const AT_ONCE: usize = 64;

/// The first frame of a client.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct Hello {
    /// Where it writes, and what it follows.
    pub(super) channel: u32,
    /// Whether it follows.
    pub(super) follow: bool,
}

type Frames = mpsc::UnboundedSender<Bytes>;

struct Append {
    channel: u32,
    tag: u32,
    bytes: Bytes,
    answers: Frames,
}

#[derive(Clone)]
struct Shared {
    log: queue::Sender<Append>,
    followers: Arc<Mutex<Vec<Vec<Frames>>>>,
}

/// Serves until the process is killed; the first line on standard output is the address.
///
/// # Panics
/// If it cannot listen or write.
pub fn serve(data: &Path, port: u16) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let endpoint = Endpoint::server(config(), address).expect("a socket");
        fs::create_dir_all(data).expect("a folder");
        let file = File::options().create(true).append(true).open(data.join("log"));
        let file = file.expect("a file");
        let (log, appends) = queue::channel();
        let followers = Arc::<Mutex<Vec<Vec<Frames>>>>::default();
        let shared = Shared {
            log,
            followers: Arc::clone(&followers),
        };
        thread::spawn(move || write_log(file, &appends, &followers));
        println!("{}", endpoint.local_addr().expect("an address"));
        while let Some(incoming) = endpoint.accept().await {
            let shared = shared.clone();
            tokio::spawn(async move {
                if let Ok(connection) = incoming.await {
                    let _ = serve_one(connection, shared).await;
                }
            });
        }
    });
}

pub(super) fn config() -> ServerConfig {
    let provider = CryptoProvider {
        kx_groups: vec![aws_lc_rs::kx_group::X25519MLKEM768],
        ..aws_lc_rs::default_provider()
    };
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key");
    let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
    let certificate = params.self_signed(&pair).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pair.serialize_der()));
    let mut crypto = rustls::ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("a pair");
    crypto.alpn_protocols = vec![ALPN.to_vec()];
    ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(crypto).expect("a suite")))
}

/// Answers in the order of the log, after what they answer is on the disk.
fn write_log(mut file: File, appends: &queue::Receiver<Append>, followers: &Mutex<Vec<Vec<Frames>>>) {
    let mut position = 0;
    while let Ok(first) = appends.recv() {
        let mut batch = vec![first];
        batch.extend(appends.try_iter().take(255));
        let mut buffer = Vec::new();
        for append in &batch {
            buffer.extend_from_slice(&append.channel.to_be_bytes());
            buffer.extend_from_slice(&(append.bytes.len() as u32).to_be_bytes());
            buffer.extend_from_slice(&append.bytes);
        }
        file.write_all(&buffer).expect("a write");
        file.sync_data().expect("a flush");
        for append in batch {
            position += 1;
            let position = Position(position);
            let _ = append.answers.send(encoded(&Answered {
                tag: append.tag,
                answer: Answer::Stored { position },
            }));
            let entry = encoded(&Served::Entry(Entry {
                position,
                counter: Default::default(),
                flag: Flag::Plain,
                expires: Hours(500_000),
                bytes: append.bytes,
            }));
            let mut followers = followers.lock().expect("followers");
            if let Some(followers) = followers.get_mut(append.channel as usize) {
                followers.retain(|follower| follower.send(entry.clone()).is_ok());
            }
        }
    }
}

async fn serve_one(connection: Connection, shared: Shared) -> Option<()> {
    let (send, mut recv) = connection.accept_bi().await.ok()?;
    let mut unframer = Unframer::new(frame::LARGEST);
    let hello: Hello = frame::payload(&next(&mut recv, &mut unframer).await?).ok()?;
    let (answers, outgoing) = mpsc::unbounded_channel();
    tokio::spawn(write(send, outgoing));
    if hello.follow {
        let stream = connection.open_uni().await.ok()?;
        let (entries, outgoing) = mpsc::unbounded_channel();
        let newest = Position(0);
        entries.send(encoded(&Served::CaughtUp { newest })).ok()?;
        tokio::spawn(write(stream, outgoing));
        let channel = hello.channel as usize;
        let mut followers = shared.followers.lock().expect("followers");
        if followers.len() <= channel {
            followers.resize_with(channel + 1, Vec::new);
        }
        followers[channel].push(entries);
    }
    loop {
        let asked: Asked = frame::payload(&next(&mut recv, &mut unframer).await?).ok()?;
        if let Request::Append { bytes, .. } = asked.request {
            let append = Append {
                channel: hello.channel,
                tag: asked.tag,
                bytes,
                answers: answers.clone(),
            };
            shared.log.send(append).ok()?;
        }
    }
}

async fn next(recv: &mut RecvStream, unframer: &mut Unframer) -> Option<Bytes> {
    loop {
        if let Some(payload) = unframer.next_payload().ok()? {
            return Some(payload);
        }
        let chunk = recv.read_chunk(CHUNK, true).await.ok()??;
        unframer.feed(&chunk.bytes);
    }
}

async fn write(mut send: SendStream, mut outgoing: mpsc::UnboundedReceiver<Bytes>) {
    let mut batch = Vec::with_capacity(AT_ONCE);
    while outgoing.recv_many(&mut batch, AT_ONCE).await > 0 {
        if send.write_all_chunks(&mut batch).await.is_err() {
            return;
        }
        batch.clear();
    }
}

fn encoded<T: Serialize>(value: &T) -> Bytes {
    frame::frame(value).expect("a frame")
}
