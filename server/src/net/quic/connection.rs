//! One connection.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use caucus_proto::label::Label;
use quinn_proto::{ConnectionHandle, Dir, Event, StreamEvent, VarInt};

use crate::net::live::locked;
use crate::net::quic::hub::{Hub, Rank, now};
use crate::net::quic::stream::{Gone, RecvStream, SendStream};
use crate::net::quic::waiting::Waiting;

/// A connection, as the driver and its streams hold it.
pub(super) struct Link {
    state: Mutex<State>,
    hub: Arc<Hub>,
}

pub(super) struct State {
    pub(super) quic: quinn_proto::Connection,
    pub(super) handle: ConnectionHandle,
    /// Whether the driver will look at it, and how soon.
    mark: Option<Rank>,
    established: bool,
    over: bool,
    /// The endpoint has forgotten it: its handle may be another's by now.
    pub(super) forgotten: bool,
    /// Who waits until it is established, or for a stream that the client opens.
    task: Option<Waker>,
    pub(super) readers: Waiting,
    pub(super) writers: Waiting,
}

impl State {
    /// Whether nothing comes or goes on it any more.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// Marks it; tells whether it has to be queued for that. One whose mark is raised while it waits stands in the queue twice,
    /// and is looked at once.
    pub(super) fn raise(&mut self, rank: Rank) -> bool {
        let raised = self.mark < Some(rank);
        if raised {
            self.mark = Some(rank);
        }
        raised
    }

    /// Takes the mark away; tells whether there was one.
    pub(super) fn lower(&mut self) -> bool {
        self.mark.take().is_some()
    }

    /// Tells whoever waits what has happened.
    pub(super) fn tell(&mut self) {
        while let Some(event) = self.quic.poll() {
            match event {
                Event::Connected => {
                    self.established = true;
                    self.wake_task();
                }
                Event::ConnectionLost { .. } => self.end(),
                Event::Stream(StreamEvent::Opened { .. }) => self.wake_task(),
                Event::Stream(StreamEvent::Readable { id }) => self.readers.wake(id),
                Event::Stream(
                    StreamEvent::Writable { id }
                    | StreamEvent::Finished { id }
                    | StreamEvent::Stopped { id, .. },
                ) => self.writers.wake(id),
                Event::HandshakeDataReady
                | Event::Stream(StreamEvent::Available { .. })
                | Event::DatagramReceived
                | Event::DatagramsUnblocked => {}
            }
        }
    }

    /// It is over for everybody who waits.
    pub(super) fn end(&mut self) {
        self.over = true;
        self.wake_task();
        self.readers.wake_all();
        self.writers.wake_all();
    }

    fn wake_task(&mut self) {
        if let Some(task) = self.task.take() {
            task.wake();
        }
    }
}

impl Link {
    pub(super) fn new(hub: Arc<Hub>, handle: ConnectionHandle, quic: quinn_proto::Connection) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                quic,
                handle,
                mark: None,
                established: false,
                over: false,
                forgotten: false,
                task: None,
                readers: Waiting::default(),
                writers: Waiting::default(),
            }),
            hub,
        })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }

    /// There may be something to send.
    pub(super) fn mark(self: &Arc<Self>, state: &mut State) {
        self.mark_as(state, Rank::Other);
    }

    /// There may be something to send, for which somebody waits.
    pub(super) fn mark_first(self: &Arc<Self>, state: &mut State) {
        self.mark_as(state, Rank::First);
    }

    fn mark_as(self: &Arc<Self>, state: &mut State, rank: Rank) {
        if state.raise(rank) {
            self.hub.mark(Arc::clone(self), rank);
        }
    }

    pub(super) fn close(self: &Arc<Self>, code: VarInt) {
        let mut state = self.state();
        if !state.over {
            state.quic.close(now(), code, Bytes::new());
            state.end();
            self.mark(&mut state);
        }
    }
}

/// A connection, for whom it belongs to: it is closed when this is dropped.
pub(crate) struct Connection(Arc<Link>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.close(VarInt::from_u32(0));
    }
}

impl Connection {
    pub(super) fn new(link: Arc<Link>) -> Self {
        Self(link)
    }

    /// Waits for the end of the handshake.
    pub(crate) async fn established(&self) -> Result<(), Gone> {
        poll_fn(|cx| {
            let mut state = self.0.state();
            if state.over {
                Poll::Ready(Err(Gone))
            } else if state.established {
                Poll::Ready(Ok(()))
            } else {
                wait(&mut state, cx)
            }
        })
        .await
    }

    /// The next stream that the client opens. One may wait at a time.
    pub(crate) async fn accept(&self) -> Result<(SendStream, RecvStream), Gone> {
        poll_fn(|cx| {
            let mut state = self.0.state();
            if state.over {
                Poll::Ready(Err(Gone))
            } else if let Some(id) = state.quic.streams().accept(Dir::Bi) {
                // The client may be told that it has room for another one.
                self.0.mark(&mut state);
                let link = || Arc::clone(&self.0);
                Poll::Ready(Ok((SendStream::new(link(), id), RecvStream::new(link(), id))))
            } else {
                wait(&mut state, cx)
            }
        })
        .await
    }

    /// Ends it. Nothing more is sent, and what was sent may be lost.
    pub(crate) fn close(&self, code: VarInt) {
        self.0.close(code);
    }

    /// 32 bytes of the TLS exporter (RFC 8446, section 7.5) with an empty context: what proofs on this connection are bound
    /// to. The client computes the same.
    pub(crate) fn exporter(&self) -> Result<[u8; 32], Gone> {
        let mut out = [0; 32];
        let state = self.0.state();
        let session = state.quic.crypto_session();
        session
            .export_keying_material(&mut out, Label::ProofExporter.text().as_bytes(), b"")
            .map_err(|_| Gone)?;
        Ok(out)
    }

    /// How many streams the client may have open.
    pub(crate) fn allow_streams(&self, most: u32) {
        let mut state = self.0.state();
        if state.over {
            return;
        }
        state
            .quic
            .set_max_concurrent_streams(Dir::Bi, VarInt::from_u32(most));
        self.0.mark(&mut state);
    }

    /// Bytes that may be on the way in either direction.
    pub(crate) fn widen(&self, send: u32, receive: u32) {
        let mut state = self.0.state();
        if state.over {
            return;
        }
        state.quic.set_send_window(u64::from(send));
        state.quic.set_receive_window(VarInt::from_u32(receive));
        self.0.mark(&mut state);
    }
}

fn wait<T>(state: &mut State, cx: &Context<'_>) -> Poll<T> {
    state.task = Some(cx.waker().clone());
    Poll::Pending
}
