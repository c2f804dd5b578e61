use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use quinn::udp::{RecvMeta, Transmit};
use quinn::{
    AsyncUdpSocket, ConnectionError, ReadError, Runtime, TokioRuntime, UdpPoller, VarInt, WriteError,
};
use tokio::time::timeout;

use super::*;
use crate::limits::Limits;
use crate::net::endpoint::listen_on;
use crate::net::identity::Identity;
use crate::net::visitor::{dial, groups};

const PATIENCE: Duration = Duration::from_secs(20);
const LARGE: usize = 300_000;

/// A socket that is not always good.
struct Socket {
    inner: Arc<dyn AsyncUdpSocket>,
    sent: AtomicUsize,
    /// What becomes of the n-th packet that is sent.
    fate: fn(usize) -> Fate,
    /// To whom.
    to: Mutex<Vec<SocketAddr>>,
}

#[derive(Clone, Copy)]
enum Fate {
    Goes,
    Lost,
    NotNow,
    Refused,
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Socket(..)")
    }
}

impl AsyncUdpSocket for Socket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Arc::clone(&self.inner).create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.to.lock().unwrap().push(transmit.destination);
        match (self.fate)(self.sent.fetch_add(1, Ordering::Relaxed)) {
            Fate::Goes => self.inner.try_send(transmit),
            Fate::Lost => Ok(()),
            Fate::NotNow => Err(io::ErrorKind::WouldBlock.into()),
            Fate::Refused => Err(io::ErrorKind::PermissionDenied.into()),
        }
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        rooms: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        self.inner.poll_recv(cx, rooms, metas)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    fn max_receive_segments(&self) -> usize {
        self.inner.max_receive_segments()
    }

    fn may_fragment(&self) -> bool {
        self.inner.may_fragment()
    }
}

struct World {
    endpoint: Endpoint,
    socket: Weak<Socket>,
    identity: Identity,
}

impl World {
    fn new(fate: fn(usize) -> Fate) -> Self {
        Self::with(fate, &Limits::default())
    }

    fn with(fate: fn(usize) -> Fate, limits: &Limits) -> Self {
        let inner = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let inner = TokioRuntime.wrap_udp_socket(inner).unwrap();
        let sent = AtomicUsize::new(0);
        let to = Mutex::default();
        let socket = Arc::new(Socket {
            inner,
            sent,
            fate,
            to,
        });
        let identity = Identity::generate().unwrap();
        Self {
            socket: Arc::downgrade(&socket),
            endpoint: listen_on(socket, &identity, limits).unwrap(),
            identity,
        }
    }

    /// A client that is in, and its connection on this side.
    async fn pair(&self) -> ((quinn::Endpoint, quinn::Connection), Connection) {
        let to = self.endpoint.local_addr().unwrap();
        let comes = async {
            let connection = self.endpoint.accept().await.unwrap().accept().unwrap();
            connection.established().await.unwrap();
            connection
        };
        let (client, server) = tokio::join!(dial(to, self.identity.key(), groups()), comes);
        (client.unwrap(), server)
    }

    /// The socket is let go of.
    async fn frees(self) {
        let socket = self.socket;
        drop(self.endpoint);
        let freed = async {
            while socket.upgrade().is_some() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, freed).await.unwrap();
    }
}

fn pattern(size: usize) -> Bytes {
    (0..size).map(|place| (place % 251) as u8).collect()
}

async fn all(stream: &mut RecvStream) -> Vec<u8> {
    let mut got = Vec::new();
    while let Some(bytes) = stream.read(64 << 10).await.unwrap() {
        got.extend_from_slice(&bytes);
    }
    got
}

/// Both sides send the other a large text on one stream.
async fn exchange(fate: fn(usize) -> Fate) {
    let world = World::new(fate);
    let ((_endpoint, client), server) = world.pair().await;
    let asks = async {
        let (mut send, mut recv) = client.open_bi().await.unwrap();
        let write = async {
            send.write_all(&pattern(LARGE)).await.unwrap();
            send.finish().unwrap();
        };
        let (got, ()) = tokio::join!(recv.read_to_end(LARGE), write);
        assert_eq!(got.unwrap(), pattern(LARGE));
    };
    let answers = async {
        let (mut send, mut recv) = server.accept().await.unwrap();
        let write = async {
            let mut chunks: Vec<Bytes> = pattern(LARGE).chunks(7_000).map(Bytes::copy_from_slice).collect();
            send.write(&mut chunks).await.unwrap();
            send.finish().unwrap();
            send.taken().await;
        };
        let (got, ()) = tokio::join!(all(&mut recv), write);
        assert_eq!(got, pattern(LARGE));
    };
    timeout(PATIENCE, async { tokio::join!(asks, answers) })
        .await
        .unwrap();
    server.close(VarInt::from_u32(7));
    let ConnectionError::ApplicationClosed(close) = client.closed().await else {
        panic!("not told");
    };
    assert_eq!(close.error_code, VarInt::from_u32(7));
    timeout(PATIENCE, world.endpoint.wait_idle()).await.unwrap();
    drop(server);
    world.frees().await;
}

#[tokio::test]
async fn what_is_said_arrives_whole_both_ways() {
    exchange(|_| Fate::Goes).await;
}

#[tokio::test]
async fn what_is_said_arrives_whole_where_every_fifth_packet_is_lost() {
    exchange(|place| if place % 5 == 4 { Fate::Lost } else { Fate::Goes }).await;
}

#[tokio::test]
async fn what_is_said_arrives_whole_where_the_system_often_takes_no_more() {
    exchange(|place| if place % 3 == 2 { Fate::NotNow } else { Fate::Goes }).await;
}

#[tokio::test]
async fn a_packet_that_the_system_refuses_is_like_one_that_is_lost() {
    exchange(|place| if place % 9 == 8 { Fate::Refused } else { Fate::Goes }).await;
}

#[tokio::test]
async fn whoever_offers_more_than_fits_keeps_the_rest_and_whoever_writes_waits_until_it_is_read() {
    let world = World::new(|_| Fate::Goes);
    let ((_endpoint, client), server) = world.pair().await;
    let (mut asking, mut recv) = client.open_bi().await.unwrap();
    asking.write_all(b"x").await.unwrap();
    let (mut send, _recv) = server.accept().await.unwrap();
    let mut chunks = vec![
        pattern(LARGE),
        pattern(10),
        pattern(LARGE),
        pattern(LARGE),
        pattern(LARGE),
    ];
    let total: usize = chunks.iter().map(Bytes::len).sum();
    let mut whole = 0;
    loop {
        let more = send.offer(&mut chunks[whole..]).unwrap();
        whole += more;
        if more == 0 && send.offer(&mut chunks[whole..]).unwrap() == 0 {
            break;
        }
    }
    assert!(whole < chunks.len(), "nothing is bounded");
    let mut rest = chunks.split_off(whole);
    let write = async {
        send.write(&mut rest).await.unwrap();
        send.finish().unwrap();
    };
    let (got, ()) = timeout(PATIENCE, async { tokio::join!(recv.read_to_end(total), write) })
        .await
        .unwrap();
    let expected = [LARGE, 10, LARGE, LARGE, LARGE].map(pattern).concat();
    assert!(got.unwrap() == expected);
}

#[tokio::test]
async fn a_stream_that_one_side_gives_up_ends_for_the_other() {
    let world = World::new(|_| Fate::Goes);
    let ((_endpoint, client), server) = world.pair().await;
    let (mut asking, mut recv) = client.open_bi().await.unwrap();
    asking.write_all(b"x").await.unwrap();
    let (mut send, mut reading) = server.accept().await.unwrap();
    assert_eq!(reading.read(9).await, Ok(Some(Bytes::from_static(b"x"))));
    asking.reset(VarInt::from_u32(1)).unwrap();
    assert_eq!(timeout(PATIENCE, reading.read(9)).await.unwrap(), Err(Gone));
    recv.stop(VarInt::from_u32(2)).unwrap();
    timeout(PATIENCE, send.taken()).await.unwrap();
    assert_eq!(send.offer(&mut [pattern(1)]), Err(Gone));
    assert_eq!(send.write(&mut [pattern(1)]).await, Err(Gone));
    assert_eq!(send.finish(), Err(Gone));

    let (mut asking, mut recv) = client.open_bi().await.unwrap();
    asking.write_all(b"x").await.unwrap();
    let (mut send, reading) = server.accept().await.unwrap();
    drop(reading);
    let stopped = timeout(PATIENCE, asking.stopped()).await.unwrap();
    assert_eq!(stopped, Ok(Some(VarInt::from_u32(0))));
    assert!(matches!(
        asking.write_all(b"y").await,
        Err(WriteError::Stopped(_))
    ));
    send.reset(VarInt::from_u32(3));
    let ended = timeout(PATIENCE, recv.read_to_end(9)).await.unwrap();
    let reset = quinn::ReadToEndError::Read(ReadError::Reset(VarInt::from_u32(3)));
    assert_eq!(ended, Err(reset));
}

#[tokio::test]
async fn a_connection_that_nobody_holds_any_more_is_closed_and_whoever_waits_on_it_is_told() {
    let world = World::new(|_| Fate::Goes);
    let ((_endpoint, client), server) = world.pair().await;
    let (mut asking, _recv) = client.open_bi().await.unwrap();
    asking.write_all(b"x").await.unwrap();
    let (mut send, mut reading) = server.accept().await.unwrap();
    reading.read(9).await.unwrap();
    let ends = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        drop(server);
    };
    let (read, ()) = timeout(PATIENCE, async { tokio::join!(reading.read(9), ends) })
        .await
        .unwrap();
    assert_eq!(read, Err(Gone));
    assert_eq!(send.offer(&mut [pattern(1)]), Err(Gone));
    assert!(matches!(
        client.closed().await,
        ConnectionError::ApplicationClosed(_)
    ));
    // Streams that somebody keeps hold neither the socket nor the others.
    world.frees().await;
    drop((send, reading));
}

#[tokio::test]
async fn whoever_falls_silent_is_let_go_after_the_idle_time() {
    let limits = Limits {
        idle_seconds: 1,
        ..Limits::default()
    };
    let world = World::with(|_| Fate::Goes, &limits);
    let ((_endpoint, client), server) = world.pair().await;
    assert!(timeout(PATIENCE, server.accept()).await.unwrap().is_err());
    timeout(PATIENCE, world.endpoint.wait_idle()).await.unwrap();
    assert_eq!(client.closed().await, ConnectionError::TimedOut);
}

#[tokio::test]
async fn an_answer_goes_before_deliveries_though_who_gets_it_is_delivered_to_as_well() {
    let world = World::new(|_| Fate::Goes);
    let (mut keep, mut streams) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        let ((endpoint, client), server) = world.pair().await;
        let (mut asking, recv) = client.open_bi().await.unwrap();
        asking.write_all(b"x").await.unwrap();
        streams.push(server.accept().await.unwrap().0);
        keep.push((endpoint, client, server, asking, recv));
    }
    // Nothing else is on the way by then.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let socket = world.socket.upgrade().unwrap();
    socket.to.lock().unwrap().clear();
    for stream in &mut streams {
        assert_eq!(stream.offer(&mut [pattern(100)]), Ok(1));
    }
    let last = streams.last_mut().unwrap();
    last.write(&mut [pattern(100)]).await.unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    let order = socket.to.lock().unwrap().clone();
    let places: Vec<_> = keep
        .iter()
        .map(|one| one.0.local_addr().unwrap().port())
        .collect();
    let order: Vec<_> = order.iter().map(SocketAddr::port).collect();
    let (answered, others) = places.split_last().unwrap();
    assert_eq!(order.first(), Some(answered));
    assert_eq!(order.get(1..5), Some(others), "each once");
}

#[tokio::test]
async fn after_the_end_nobody_comes_in() {
    let world = World::new(|_| Fate::Goes);
    let to = world.endpoint.local_addr().unwrap();
    let ((_endpoint, client), server) = world.pair().await;
    world.endpoint.close(VarInt::from_u32(4));
    assert!(world.endpoint.accept().await.is_none());
    assert!(server.accept().await.is_err());
    assert!(matches!(
        client.closed().await,
        ConnectionError::ApplicationClosed(_)
    ));
    let late = dial(to, world.identity.key(), groups()).await;
    assert!(
        matches!(late, Err(ConnectionError::ConnectionClosed(_))),
        "{late:?}"
    );
}

#[tokio::test]
async fn whoever_is_neither_let_in_nor_sent_away_is_refused() {
    let world = World::new(|_| Fate::Goes);
    let to = world.endpoint.local_addr().unwrap();
    let forgets = async { drop(world.endpoint.accept().await) };
    let (refused, ()) = tokio::join!(dial(to, world.identity.key(), groups()), forgets);
    assert!(
        matches!(refused, Err(ConnectionError::ConnectionClosed(_))),
        "{refused:?}"
    );
}

#[test]
fn the_end_of_the_runtime_frees_the_socket_though_somebody_keeps_a_stream() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (kept, socket) = runtime.block_on(async {
        let world = World::new(|_| Fate::Goes);
        let ((_endpoint, client), server) = world.pair().await;
        let (mut asking, _recv) = client.open_bi().await.unwrap();
        asking.write_all(b"x").await.unwrap();
        let kept = server.accept().await.unwrap();
        std::mem::forget(server);
        (kept, world.socket.clone())
    });
    drop(runtime);
    assert!(socket.upgrade().is_none());
    drop(kept);
}
