//! The one task that moves packets: it takes what came, looks at every connection that something has happened to, and sends.

use std::collections::VecDeque;
use std::future::Future;
use std::io::{self, IoSliceMut};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::BytesMut;
use quinn::udp::{BATCH_SIZE, RecvMeta};
use quinn::{AsyncUdpSocket, UdpPoller};
use quinn_proto::{DatagramEvent, Transmit};
use tokio::time::Sleep;

use crate::net::quic::connection::{Link, State};
use crate::net::quic::deadlines::Deadlines;
use crate::net::quic::hub::{Hub, Rank, mark_of, now, packet};

/// Times that packets are taken from the system before everybody else has a turn; each time up to 32 that are up to 64 long.
const TAKES: usize = 4;
/// Connections that are looked at before everybody else has a turn.
const TURN: usize = 256;
/// Packets that a connection may send before the others have a turn.
const PACKETS: usize = 20;
/// Packets that go out by one call: few enough that they are built in the cache.
const SEGMENTS: usize = 10;

pub(super) struct Driver {
    hub: Arc<Hub>,
    socket: Arc<dyn AsyncUdpSocket>,
    writable: Pin<Box<dyn UdpPoller>>,
    /// Room for what comes.
    received: Box<[u8]>,
    /// What goes.
    outgoing: Vec<u8>,
    /// The system takes no more: these bytes of `outgoing` are still to go.
    stuck: Option<Transmit>,
    /// Connections that are to be looked at.
    turn: VecDeque<Arc<Link>>,
    deadlines: Deadlines,
    sleep: Pin<Box<Sleep>>,
}

impl Driver {
    pub(super) fn new(hub: Arc<Hub>, socket: Arc<dyn AsyncUdpSocket>) -> Self {
        let largest = hub.door().endpoint.config().get_max_udp_payload_size();
        let largest = usize::try_from(largest).unwrap_or(usize::MAX).min(64 << 10);
        let room = largest * socket.max_receive_segments() * BATCH_SIZE;
        Self {
            hub,
            writable: Arc::clone(&socket).create_io_poller(),
            socket,
            received: vec![0; room].into(),
            outgoing: Vec::new(),
            stuck: None,
            turn: VecDeque::new(),
            deadlines: Deadlines::new(now()),
            sleep: Box::pin(tokio::time::sleep_until(tokio::time::Instant::now())),
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.hub.end();
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let driver = &mut *self;
        let more_came = match driver.receive(cx) {
            Ok(more) => more,
            Err(error) => {
                tracing::error!("the socket failed: {error}");
                return Poll::Ready(());
            }
        };
        driver.take_due(now());
        let more_to_do = driver.go_round(cx);
        let more_due = driver.wait(cx);
        let door = driver.hub.door();
        if door.left && door.is_empty() {
            return Poll::Ready(());
        }
        drop(door);
        if more_came || more_to_do || more_due {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl Driver {
    /// Takes what came; tells whether there may be more.
    fn receive(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        let mut metas = [RecvMeta::default(); BATCH_SIZE];
        let mut received = std::mem::take(&mut self.received);
        let mut rooms: Vec<IoSliceMut<'_>> = received
            .chunks_mut(received.len() / BATCH_SIZE)
            .map(IoSliceMut::new)
            .collect();
        let mut outcome = Ok(true);
        for _ in 0..TAKES {
            match self.socket.poll_recv(cx, &mut rooms, &mut metas) {
                Poll::Ready(Ok(count)) => {
                    let now = now();
                    for (meta, room) in metas.iter().zip(&rooms).take(count) {
                        self.take_in(now, meta, room);
                    }
                }
                // Says something about one peer only, and anybody could invent it.
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::ConnectionReset => {}
                Poll::Ready(Err(error)) => {
                    outcome = Err(error);
                    break;
                }
                Poll::Pending => {
                    outcome = Ok(false);
                    break;
                }
            }
        }
        drop(rooms);
        self.received = received;
        outcome
    }

    /// Takes in what came from one address.
    fn take_in(&mut self, now: Instant, meta: &RecvMeta, room: &[u8]) {
        let mut bytes = BytesMut::from(room.get(..meta.len).unwrap_or_default());
        while !bytes.is_empty() {
            let one = bytes.split_to(meta.stride.clamp(1, bytes.len()));
            let mut answer = Vec::new();
            let mut door = self.hub.door();
            let ecn = meta.ecn.map(mark_of);
            match door
                .endpoint
                .handle(now, meta.addr, meta.dst_ip, ecn, one, &mut answer)
            {
                Some(DatagramEvent::ConnectionEvent(handle, event)) => {
                    if let Some(link) = door.link(handle).cloned() {
                        drop(door);
                        let mut state = link.state();
                        state.quic.handle_event(event);
                        if state.raise(Rank::Other) {
                            drop(state);
                            self.turn.push_back(link);
                        }
                    }
                }
                Some(DatagramEvent::NewConnection(incoming)) if door.closed => {
                    let transmit = door.endpoint.refuse(incoming, &mut answer);
                    drop(door);
                    let _ = self.socket.try_send(&packet(&transmit, &answer));
                }
                Some(DatagramEvent::NewConnection(incoming)) => {
                    door.waiting.push_back(incoming);
                    drop(door);
                    self.hub.came.notify_waiters();
                }
                // What belongs to no connection and is not taken now is lost, like on the way.
                Some(DatagramEvent::Response(transmit)) => {
                    drop(door);
                    let _ = self.socket.try_send(&packet(&transmit, &answer));
                }
                None => {}
            }
        }
    }

    /// Those whose time has come are to be looked at.
    fn take_due(&mut self, now: Instant) {
        while let Some(handle) = self.deadlines.take_due(now) {
            let link = self.hub.door().link(handle).cloned();
            if let Some(link) = link {
                let mut state = link.state();
                if state.raise(Rank::Other) {
                    drop(state);
                    self.turn.push_back(link);
                }
            }
        }
    }

    /// Looks at connections; tells whether there are more.
    fn go_round(&mut self, cx: &mut Context<'_>) -> bool {
        self.hub.take_marked(cx.waker(), &mut self.turn);
        for _ in 0..TURN {
            if !self.is_writable(cx) {
                // The socket wakes it.
                return false;
            }
            let Some(link) = self.turn.pop_front() else {
                return false;
            };
            self.look_at(&link);
        }
        !self.turn.is_empty()
    }

    /// Sends what is stuck. Waits for the system if it still takes nothing.
    fn is_writable(&mut self, cx: &mut Context<'_>) -> bool {
        while let Some(transmit) = self.stuck.take() {
            // An error of waiting shows again when it is sent.
            if self.writable.as_mut().poll_writable(cx).is_pending() {
                self.stuck = Some(transmit);
                return false;
            }
            self.send(transmit);
        }
        true
    }

    /// Sends, or keeps what the system does not take now. What it refuses is lost, like on the way.
    fn send(&mut self, transmit: Transmit) {
        let sent = self.socket.try_send(&packet(&transmit, &self.outgoing));
        if sent.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock) {
            self.stuck = Some(transmit);
        }
    }

    /// Does what there is to do for a connection.
    fn look_at(&mut self, link: &Arc<Link>) {
        let mut state = link.state();
        if !state.lower() || state.forgotten {
            return;
        }
        let state = &mut *state;
        let now = now();
        self.tell_endpoint(state);
        let mut sent = 0;
        loop {
            if sent >= PACKETS || self.stuck.is_some() {
                state.raise(Rank::Other);
                self.turn.push_back(Arc::clone(link));
                break;
            }
            self.outgoing.clear();
            let segments = self.socket.max_transmit_segments().min(SEGMENTS);
            if let Some(transmit) = state.quic.poll_transmit(now, segments, &mut self.outgoing) {
                sent += transmit
                    .segment_size
                    .map_or(1, |each| transmit.size.div_ceil(each));
                self.send(transmit);
                continue;
            }
            match state.quic.poll_timeout() {
                Some(due) if due <= now => state.quic.handle_timeout(now),
                due => {
                    self.deadlines.arm(state.handle, due, now);
                    break;
                }
            }
        }
        state.tell();
        if self.tell_endpoint(state) && state.raise(Rank::Other) {
            self.turn.push_back(Arc::clone(link));
        }
    }

    /// Tells the endpoint what it has to know of a connection, which ids it uses and that it is gone, and the connection what
    /// comes of it; whether anything did.
    fn tell_endpoint(&mut self, state: &mut State) -> bool {
        let mut answered = false;
        while let Some(event) = state.quic.poll_endpoint_events() {
            let drained = event.is_drained();
            let mut door = self.hub.door();
            let answer = door.endpoint.handle_event(state.handle, event);
            if drained {
                self.deadlines.forget(state.handle);
                state.forgotten = true;
                door.remove(state.handle);
                if door.is_empty() {
                    self.hub.idle.notify_waiters();
                }
            } else if let Some(event) = answer {
                drop(door);
                state.quic.handle_event(event);
                answered = true;
            }
        }
        answered
    }

    /// Waits for the next deadline; tells whether it has come meanwhile.
    fn wait(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(first) = self.deadlines.first() else {
            return false;
        };
        let first = tokio::time::Instant::from_std(first);
        if self.sleep.deadline() != first {
            self.sleep.as_mut().reset(first);
        }
        self.sleep.as_mut().poll(cx).is_ready()
    }
}
