//! One connection to one relay for one persona: requests by tag on one stream, readings on others.

use core::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use caucus_proto::error::PeerFault;
use caucus_proto::id::Position;
use caucus_proto::wire::frame::{Unframer, frame, payload};
use caucus_proto::wire::proof::Binding;
use caucus_proto::wire::{Answer, Asked, Read, RefusedBecause, RelayAddress, Request};
use quinn::{Endpoint, RecvStream, SendStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, timeout_at};

use super::dial::{CLOSE_DONE, CLOSE_NONSENSE, Dialled, FrameError, READINGS, dial, next_frame};
use super::error::{LinkError, Sent};
use super::exchange::{Ended, Exchange, OPEN_REQUESTS};
use super::patience::Patience;
use super::reading::Reading;
use super::sockets::Sockets;

/// Frames that wait for the stream to take them.
const QUEUE: usize = 16;

/// A relay that goes away without saying for how long.
const BACK_IN_MS: u32 = 1_000;

/// A connection that greeted. Cheap to clone; closed when the last clone and the last reading are gone.
///
/// Requests may be asked at the same time from everywhere; they leave in the order in which they were asked
/// and end when their answers come. A request whose future is dropped may be carried out.
#[derive(Clone)]
pub struct Connection(Arc<Shared>);

/// A handle on a channel, good only on the connection that opened it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Handle {
    number: u32,
    connection: u64,
}

struct Shared {
    core: Arc<Core>,
    commands: mpsc::Sender<Outgoing>,
    requests: Semaphore,
    readings: Arc<Semaphore>,
    binding: Binding,
    version: u16,
    patience: Patience,
    serial: u64,
    endpoint: Endpoint,
}

/// What the tasks of a connection share with it without keeping it open.
struct Core {
    quic: quinn::Connection,
    exchange: Mutex<Exchange>,
}

struct Outgoing {
    tag: u32,
    frame: Bytes,
}

impl Connection {
    /// Connects to the relay at an address and greets it; in a private network only where it may be anywhere.
    ///
    /// # Errors
    /// `LinkError::{Unreachable, WrongKey, Version, Lost, Peer}`; nothing was asked.
    pub(super) async fn to(
        address: &RelayAddress,
        patience: &Patience,
        sockets: &Sockets,
        anywhere: bool,
    ) -> Result<Self, LinkError> {
        static SERIAL: AtomicU64 = AtomicU64::new(0);
        let Dialled {
            endpoint,
            quic,
            commands,
            answers,
            unframer,
            version,
            binding,
        } = dial(address, patience, sockets, anywhere).await?;
        let core = Arc::new(Core {
            quic,
            exchange: Mutex::default(),
        });
        let (sender, queue) = mpsc::channel(QUEUE);
        tokio::spawn(write(Arc::clone(&core), commands, queue));
        tokio::spawn(listen(Arc::clone(&core), answers, unframer));
        Ok(Self(Arc::new(Shared {
            core,
            commands: sender,
            requests: Semaphore::new(OPEN_REQUESTS),
            readings: Arc::new(Semaphore::new(READINGS)),
            binding,
            version,
            patience: *patience,
            serial: SERIAL.fetch_add(1, Ordering::Relaxed),
            endpoint,
        })))
    }

    /// The version of the protocol that both speak.
    #[must_use]
    pub fn version(&self) -> u16 {
        self.0.version
    }

    /// Whether anything more can be asked: the connection stands and the relay does not go away.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.over().is_none()
    }

    /// Waits until the connection is gone and says why.
    pub async fn closed(&self) -> LinkError {
        self.0.core.quic.closed().await;
        self.0.core.exchange().end(Ended::Lost);
        self.over().unwrap_or(LinkError::Lost { sent: Sent::No })
    }

    /// Reads the entries after a position; with `follow`, live ones too. At most 64 readings go on at a time
    /// on one connection; one more waits for one to end.
    ///
    /// # Errors
    /// `LinkError::{Refused, Draining, Lost, Timeout}`; what the relay thinks of it comes with
    /// [`Reading::next`].
    pub async fn read(&self, handle: Handle, after: Position, follow: bool) -> Result<Reading, LinkError> {
        const LATE: LinkError = LinkError::Timeout { sent: Sent::No };
        let read = Read {
            handle: self.number(handle)?,
            after,
            follow,
        };
        let first = frame(&read)?;
        if let Some(error) = self.over() {
            return Err(error);
        }
        let begin = async {
            let permit = Arc::clone(&self.0.readings)
                .acquire_owned()
                .await
                .map_err(|_| self.lost())?;
            let (mut asked, served) = self.0.core.quic.open_bi().await.map_err(|_| self.lost())?;
            asked.write_all(&first).await.map_err(|_| self.lost())?;
            Ok(Reading::new(
                self.clone(),
                (asked, served),
                permit,
                read,
                self.0.patience.request,
            ))
        };
        let deadline = Instant::now() + self.0.patience.request;
        timeout_at(deadline, begin).await.unwrap_or(Err(LATE))
    }

    /// Says goodbye: every open request and reading ends.
    pub(super) fn hang_up(&self) {
        self.0.core.quic.close(CLOSE_DONE, b"");
        self.0.core.exchange().end(Ended::Lost);
    }

    /// Waits until the goodbye is delivered or given up.
    pub(super) async fn drained(&self) {
        self.0.endpoint.wait_idle().await;
    }

    /// The socket's own address.
    #[cfg(test)]
    pub(super) fn socket(&self) -> Option<std::net::SocketAddr> {
        self.0.endpoint.local_addr().ok()
    }

    /// The connection underneath, which it outlives no more than any clone does.
    #[cfg(test)]
    pub(super) fn quic(&self) -> quinn::Connection {
        self.0.core.quic.clone()
    }

    /// Why nothing more can be asked, if so.
    pub(super) fn over(&self) -> Option<LinkError> {
        self.0.core.over()
    }

    /// The relay refused because it goes away.
    pub(super) fn farewell(&self) -> LinkError {
        LinkError::Draining {
            back_in_ms: self.0.core.exchange().draining().unwrap_or(BACK_IN_MS),
        }
    }

    /// The relay broke the protocol: closes.
    pub(super) fn misbehaved(&self, fault: PeerFault) {
        self.0.core.misbehaved(fault);
    }

    fn lost(&self) -> LinkError {
        self.over().unwrap_or(LinkError::Lost { sent: Sent::No })
    }

    /// What proofs on this connection are bound to.
    pub(super) fn binding(&self) -> &Binding {
        &self.0.binding
    }

    /// A handle by the number that the relay gave it.
    pub(super) fn handle(&self, number: u32) -> Handle {
        Handle {
            number,
            connection: self.0.serial,
        }
    }

    /// The relay's number of a handle.
    pub(super) fn number(&self, handle: Handle) -> Result<u32, LinkError> {
        // Numbers are given anew on every connection: an old one could name another channel here.
        if handle.connection == self.0.serial {
            Ok(handle.number)
        } else {
            Err(LinkError::Refused(RefusedBecause::WrongHandle))
        }
    }

    /// Asks and waits for the answer; a refusal is an error.
    pub(super) async fn ask(&self, request: Request) -> Result<Answer, LinkError> {
        const LATE: LinkError = LinkError::Timeout { sent: Sent::No };
        let deadline = Instant::now() + self.0.patience.request;
        let _permit = timeout_at(deadline, self.0.requests.acquire())
            .await
            .map_err(|_| LATE)?
            .map_err(|_| self.lost())?;
        let (tag, outcome) = self.0.core.exchange().begin()?;
        let mut open = OpenRequest {
            core: &self.0.core,
            tag: Some(tag),
        };
        let frame = frame(&Asked { tag, request })?;
        let outgoing = Outgoing { tag, frame };
        match timeout_at(deadline, self.0.commands.send(outgoing)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(self.lost()),
            Err(_) => return Err(LATE),
        }
        match timeout_at(deadline, outcome).await {
            Ok(Ok(outcome)) => {
                open.tag = None;
                match outcome? {
                    Answer::Refused(RefusedBecause::Draining) => Err(self.farewell()),
                    Answer::Refused(why) => Err(LinkError::Refused(why)),
                    answer => Ok(answer),
                }
            }
            Ok(Err(_)) => Err(LinkError::Lost { sent: Sent::Maybe }),
            Err(_) => Err(LinkError::Timeout { sent: open.give_up() }),
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connection(..)")
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.core.quic.close(CLOSE_DONE, b"");
    }
}

/// Gives a request up when its caller goes away, however it goes.
struct OpenRequest<'a> {
    core: &'a Core,
    tag: Option<u32>,
}

impl OpenRequest<'_> {
    fn give_up(&mut self) -> Sent {
        let Some(tag) = self.tag.take() else {
            return Sent::No;
        };
        let mut exchange = self.core.exchange();
        let sent = exchange.give_up(tag);
        if exchange.owes_too_much() {
            exchange.end(Ended::Lost);
            self.core.quic.close(CLOSE_NONSENSE, b"");
        }
        sent
    }
}

impl Drop for OpenRequest<'_> {
    fn drop(&mut self) {
        self.give_up();
    }
}

impl Core {
    fn exchange(&self) -> MutexGuard<'_, Exchange> {
        self.exchange.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn over(&self) -> Option<LinkError> {
        let mut exchange = self.exchange();
        if self.quic.close_reason().is_some() && !exchange.ended() {
            exchange.end(Ended::Lost);
        }
        exchange.over(Sent::No)
    }

    fn misbehaved(&self, fault: PeerFault) {
        self.exchange().end(Ended::Peer(fault));
        self.quic.close(CLOSE_NONSENSE, b"");
    }
}

/// Writes frames whole and in order, so that a caller who goes away never leaves half a frame.
async fn write(core: Arc<Core>, mut commands: SendStream, mut queue: mpsc::Receiver<Outgoing>) {
    while let Some(Outgoing { tag, frame }) = queue.recv().await {
        if !core.exchange().leaves(tag) {
            continue;
        }
        if commands.write_all(&frame).await.is_err() {
            core.exchange().end(Ended::Lost);
            core.quic.close(CLOSE_DONE, b"");
            return;
        }
    }
}

/// Hands answers to those who asked, until the stream ends.
async fn listen(core: Arc<Core>, mut answers: RecvStream, mut unframer: Unframer) {
    loop {
        let fault = match next_frame(&mut answers, &mut unframer).await {
            Ok(Some(bytes)) => {
                match payload(&bytes).and_then(|answered| core.exchange().answered(answered)) {
                    Ok(()) => continue,
                    Err(fault) => fault,
                }
            }
            Ok(None) | Err(FrameError::Lost) => {
                core.exchange().end(Ended::Lost);
                core.quic.close(CLOSE_DONE, b"");
                return;
            }
            Err(FrameError::Peer(fault)) => fault,
        };
        core.misbehaved(fault);
        return;
    }
}
