//! The two halves of a stream.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use quinn_proto::{FinishError, ReadError, StreamId, VarInt, WriteError, Written};

use crate::net::quic::connection::Link;

/// The stream was stopped or reset by the client, or is closed, or its connection is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Gone;

/// The half that is written. What was written still goes out when it is dropped.
pub(crate) struct SendStream {
    link: Arc<Link>,
    id: StreamId,
}

impl SendStream {
    pub(super) fn new(link: Arc<Link>, id: StreamId) -> Self {
        Self { link, id }
    }

    /// Writes what can be written without waiting, from the front: chunks that were taken whole are empty then, the next one
    /// is cut. Gives how many were taken whole.
    pub(crate) fn offer(&mut self, chunks: &mut [Bytes]) -> Result<usize, Gone> {
        let mut state = self.link.state();
        if state.is_over() {
            return Err(Gone);
        }
        match state.quic.send_stream(self.id).write_chunks(chunks) {
            Ok(Written { bytes, chunks }) => {
                if bytes > 0 {
                    self.link.mark(&mut state);
                }
                Ok(chunks)
            }
            Err(WriteError::Blocked) => Ok(0),
            Err(WriteError::Stopped(_) | WriteError::ClosedStream) => Err(Gone),
        }
    }

    /// Writes them all. What was written when this is dropped is no longer in them.
    pub(crate) async fn write(&mut self, chunks: &mut [Bytes]) -> Result<(), Gone> {
        let mut done = 0;
        poll_fn(|cx| {
            while let Some(rest) = chunks.get_mut(done..)
                && !rest.is_empty()
            {
                let mut state = self.link.state();
                if state.is_over() {
                    return Poll::Ready(Err(Gone));
                }
                match state.quic.send_stream(self.id).write_chunks(rest) {
                    Ok(Written { chunks, .. }) => {
                        done += chunks;
                        self.link.mark_first(&mut state);
                    }
                    Err(WriteError::Blocked) => {
                        state.writers.wait(self.id, cx.waker());
                        return Poll::Pending;
                    }
                    Err(WriteError::Stopped(_) | WriteError::ClosedStream) => return Poll::Ready(Err(Gone)),
                }
            }
            Poll::Ready(Ok(()))
        })
        .await
    }

    /// Ends it; what was written still goes out.
    pub(crate) fn finish(&mut self) -> Result<(), Gone> {
        let mut state = self.link.state();
        if state.is_over() {
            return Err(Gone);
        }
        state.quic.send_stream(self.id).finish().map_err(|_| Gone)?;
        self.link.mark(&mut state);
        Ok(())
    }

    /// Waits until everything was taken by the client, or it wants no more.
    pub(crate) async fn taken(&mut self) {
        poll_fn(|cx| {
            let mut state = self.link.state();
            let open = matches!(state.quic.send_stream(self.id).stopped(), Ok(None));
            if open && !state.is_over() {
                state.writers.wait(self.id, cx.waker());
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        })
        .await;
    }

    /// Ends it at once. One that is closed already needs no reset.
    pub(crate) fn reset(&mut self, code: VarInt) {
        let mut state = self.link.state();
        if !state.is_over() && state.quic.send_stream(self.id).reset(code).is_ok() {
            self.link.mark(&mut state);
        }
    }
}

impl Drop for SendStream {
    fn drop(&mut self) {
        let mut state = self.link.state();
        state.writers.forget(self.id);
        if state.is_over() {
            return;
        }
        let mut stream = state.quic.send_stream(self.id);
        let changed = match stream.finish() {
            Ok(()) => true,
            // What the client wants no more of is closed by a reset (RFC 9000, section 3.5).
            Err(FinishError::Stopped(code)) => stream.reset(code).is_ok(),
            Err(FinishError::ClosedStream) => false,
        };
        if changed {
            self.link.mark(&mut state);
        }
    }
}

/// The half that is read. What nobody reads any more is stopped when it is dropped.
pub(crate) struct RecvStream {
    link: Arc<Link>,
    id: StreamId,
    ended: bool,
}

impl RecvStream {
    pub(super) fn new(link: Arc<Link>, id: StreamId) -> Self {
        let ended = false;
        Self { link, id, ended }
    }

    /// The next bytes, at most so many; none at the end. May be dropped while it waits without losing anything.
    pub(crate) async fn read(&mut self, most: usize) -> Result<Option<Bytes>, Gone> {
        poll_fn(|cx| {
            if self.ended {
                return Poll::Ready(Ok(None));
            }
            let mut state = self.link.state();
            let mut stream = state.quic.recv_stream(self.id);
            let Ok(mut chunks) = stream.read(true) else {
                return Poll::Ready(Err(Gone));
            };
            let next = chunks.next(most);
            // The client may be told that it has room for more.
            if chunks.finalize().should_transmit() {
                self.link.mark(&mut state);
            }
            match next {
                Ok(Some(chunk)) => Poll::Ready(Ok(Some(chunk.bytes))),
                Ok(None) => {
                    self.ended = true;
                    Poll::Ready(Ok(None))
                }
                Err(ReadError::Blocked) if !state.is_over() => {
                    state.readers.wait(self.id, cx.waker());
                    Poll::Pending
                }
                Err(ReadError::Blocked) => Poll::Ready(Err(Gone)),
                Err(ReadError::Reset(_)) => {
                    self.ended = true;
                    Poll::Ready(Err(Gone))
                }
            }
        })
        .await
    }
}

impl Drop for RecvStream {
    fn drop(&mut self) {
        let mut state = self.link.state();
        state.readers.forget(self.id);
        if state.is_over() || self.ended {
            return;
        }
        // One that is closed already needs no stop.
        if state.quic.recv_stream(self.id).stop(VarInt::from_u32(0)).is_ok() {
            self.link.mark(&mut state);
        }
    }
}
