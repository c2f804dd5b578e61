//! A file of 100 MiB, sent and fetched by the real client over the relay, beside the same bytes over one stream of quinn
//! towards a process that does nothing with them. What the client does is all of it: it reads, hashes, seals, makes the
//! channel, says it in the room; it opens, verifies, hashes, writes.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use caucus_client::app::{Answer, Intent};
use quinn::{Endpoint, RecvStream, SendStream};

use super::client::stock;
use super::floor::config;
use super::report::Sample;
use super::server::Server;
use crate::figures::vitals::cpu;
use crate::harness::Person;

/// Bytes of the file.
const SIZE: usize = 100 * 1024 * 1024;
/// Bytes of a write, or at most of a read.
const PIECE: usize = 256 * 1024;
/// The first byte of a stream: what is wanted.
const TAKE: u8 = 1;
const GIVE: u8 = 2;

/// Serves raw streams until the process is killed; the first line on standard output is the address.
///
/// # Panics
/// If it cannot listen.
pub fn serve() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let place = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let endpoint = Endpoint::server(config(), place).expect("a socket");
        println!("{}", endpoint.local_addr().expect("an address"));
        while let Some(incoming) = endpoint.accept().await {
            tokio::spawn(async move {
                let connection = incoming.await.ok()?;
                while let Ok((send, mut recv)) = connection.accept_bi().await {
                    let mut wish = [0];
                    recv.read_exact(&mut wish).await.ok()?;
                    match wish {
                        [TAKE] => take(recv, send).await?,
                        _ => give(send).await?,
                    }
                }
                Some(())
            });
        }
    });
}

/// Reads a stream to its end, then says so.
async fn take(recv: RecvStream, mut send: SendStream) -> Option<()> {
    drain(recv).await?;
    send.write_all(&[TAKE]).await.ok()?;
    send.finish().ok()
}

async fn give(mut send: SendStream) -> Option<()> {
    let piece = vec![7; PIECE];
    for _ in 0..SIZE / PIECE {
        send.write_all(&piece).await.ok()?;
    }
    send.finish().ok()
}

async fn drain(mut recv: RecvStream) -> Option<usize> {
    let mut came = 0;
    while let Some(chunk) = recv.read_chunk(PIECE, true).await.ok()? {
        came += chunk.bytes.len();
    }
    Some(came)
}

/// The real client over the relay.
pub(super) async fn file(server: &Server, folder: &Path) -> Vec<Sample> {
    let Server::Relay(relay) = server else {
        return Vec::new();
    };
    let ana = Person::new("ana", &folder.join("ana")).await;
    ana.add_relay(relay.address()).await;
    ana.found("North").await;
    ana.await_live().await;
    let path = folder.join("file.bin");
    // Bytes that no chunk has like another.
    let content: Vec<u8> = (0..SIZE as u64)
        .map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as u8)
        .collect();
    std::fs::write(&path, &content).expect("a file");
    let own = || cpu(std::process::id());
    let (before, own_before) = (server.cpu(), own());
    let began = Instant::now();
    let sent = ana
        .ask(Intent::SendFile {
            room: "North".to_owned(),
            file: path.display().to_string(),
            text: String::new(),
        })
        .await;
    let upload = began.elapsed().as_secs_f64();
    let (uploaded, own_uploaded) = (server.cpu(), own());
    let Answer::FileSent { number, .. } = sent else {
        panic!("{sent:?}")
    };
    let copy = folder.join("copy.bin");
    let began = Instant::now();
    ana.ask(Intent::GetFile {
        room: "North".to_owned(),
        number,
        to: copy.display().to_string(),
        force: false,
    })
    .await;
    let download = began.elapsed().as_secs_f64();
    let (downloaded, own_downloaded) = (server.cpu(), own());
    assert!(
        std::fs::read(&copy).expect("the copy") == content,
        "it is another file"
    );
    ana.lock().await;
    let mut samples = times(upload, download).to_vec();
    for (name, took) in [
        ("upload CPU, relay", uploaded - before),
        ("upload CPU, client", own_uploaded - own_before),
        ("download CPU, relay", downloaded - uploaded),
        ("download CPU, client", own_downloaded - own_uploaded),
    ] {
        samples.push(Sample::of(name, "s", took.as_secs_f64()));
    }
    samples
}

/// The same bytes over a stream.
pub(super) async fn stream() -> Vec<Sample> {
    let raw = RawProcess::start();
    let endpoint = Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).expect("a socket");
    let connecting = endpoint.connect_with(stock(), raw.place, "relay").expect("a try");
    let connection = connecting.await.expect("a connection");
    let piece = vec![7; PIECE];
    let began = Instant::now();
    let (mut send, mut recv) = connection.open_bi().await.expect("a stream");
    send.write_all(&[TAKE]).await.expect("a wish");
    for _ in 0..SIZE / PIECE {
        send.write_all(&piece).await.expect("a piece");
    }
    send.finish().expect("an end");
    let mut taken = [0];
    recv.read_exact(&mut taken).await.expect("a word");
    let upload = began.elapsed().as_secs_f64();
    let began = Instant::now();
    let (mut send, recv) = connection.open_bi().await.expect("a stream");
    send.write_all(&[GIVE]).await.expect("a wish");
    assert_eq!(drain(recv).await, Some(SIZE));
    times(upload, began.elapsed().as_secs_f64()).to_vec()
}

fn times(upload: f64, download: f64) -> [Sample; 4] {
    let rate = |seconds: f64| SIZE as f64 / f64::from(1 << 20) / seconds;
    [
        Sample::of("upload", "s", upload),
        Sample::of("download", "s", download),
        Sample::of("upload rate", "MiB/s", rate(upload)),
        Sample::of("download rate", "MiB/s", rate(download)),
    ]
}

/// Raw streams as a process: this program, called as `raw`.
struct RawProcess {
    place: SocketAddr,
    child: Child,
}

impl RawProcess {
    fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .arg("raw")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("raw streams");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output"))
            .read_line(&mut line)
            .expect("its first line");
        let place = line.trim().parse().expect("its address");
        Self { place, child }
    }
}

impl Drop for RawProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
