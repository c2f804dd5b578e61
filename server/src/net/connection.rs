//! One connection: the greeting, then commands on its first stream and a reading on every other.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use caucus_proto::label::Label;
use caucus_proto::wire::proof::Binding;
use caucus_proto::wire::{Answer, Answered, Asked, Greeting, Hello, RefusedBecause, VERSION, frame};
use quinn::{Connection, SendStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::net::budget::Share;
use crate::net::desk::Desk;
use crate::net::frames::{Came, FrameError, Frames, tag_of};
use crate::net::goodbye::Goodbye;
use crate::net::read;
use crate::net::session::Session;
use crate::store::Store;

/// Versions a client may name.
const MOST_VERSIONS: usize = 8;
/// Answers that go out in one write.
const ANSWERS_AT_ONCE: usize = 32;
/// How long the last words may take.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// When whoever asked while there was no room should ask again.
const RETRY_MS: u32 = 500;
/// When drained clients should come back.
const BACK_IN_MS: u32 = 2_000;
/// How long requests that were already on the way are still refused in words while draining.
const DRAIN_GRACE: Duration = Duration::from_millis(100);

/// Serves a connection until its end. `draining` turns true when the relay goes away.
pub(crate) async fn serve<S: Store>(
    desk: Arc<Desk<S>>,
    connection: Connection,
    draining: watch::Receiver<bool>,
) {
    let patience = Duration::from_secs(u64::from(desk.limits.hello_seconds));
    let greeted = timeout(patience, greet(&desk, &connection)).await;
    let goodbye = match greeted.unwrap_or(Err(Goodbye::TooSlow)) {
        Ok(greeted) => talk(&desk, &connection, greeted, draining).await,
        Err(goodbye) => goodbye,
    };
    connection.close(goodbye.var(), b"");
}

struct Greeted {
    session: Arc<Session>,
    frames: Frames,
    send: SendStream,
}

async fn greet<S: Store>(desk: &Desk<S>, connection: &Connection) -> Result<Greeted, Goodbye> {
    let patience = Duration::from_secs(u64::from(desk.limits.frame_seconds));
    let (mut send, mut frames, hello) = hello(connection, patience).await?;
    if !hello.versions.contains(&VERSION) {
        let versions = vec![VERSION];
        say(&mut send, &Greeting::TooOldOrNew { versions }).await?;
        finish(&mut send).await;
        return Err(Goodbye::Version);
    }
    let greeting = Greeting::Speaks {
        version: VERSION,
        proof_key: desk.proof_key,
    };
    say(&mut send, &greeting).await?;
    frames.limit(frame::LARGEST);
    let binding = Binding {
        relay_key: desk.proof_key,
        exporter: exporter(connection)?,
    };
    let session = Arc::new(Session::new(binding, &desk.limits, desk.clock.now()));
    Ok(Greeted {
        session,
        frames,
        send,
    })
}

async fn hello(connection: &Connection, patience: Duration) -> Result<(SendStream, Frames, Hello), Goodbye> {
    let (send, recv) = connection.accept_bi().await.map_err(|_| Goodbye::Done)?;
    let mut frames = Frames::new(recv, frame::LARGEST_HELLO, patience);
    let payload = frames.next().await.map_err(goodbye)?;
    let hello: Hello = frame::payload(&payload).map_err(|_| Goodbye::Malformed)?;
    if hello.versions.len() > MOST_VERSIONS {
        return Err(Goodbye::Malformed);
    }
    Ok((send, frames, hello))
}

/// 32 bytes of the TLS exporter (RFC 8446, section 7.5) under the text of `Label::ProofExporter` with an
/// empty context: what proofs on this connection are bound to. The client computes the same.
fn exporter(connection: &Connection) -> Result<[u8; 32], Goodbye> {
    let mut out = [0; 32];
    connection
        .export_keying_material(&mut out, Label::ProofExporter.text().as_bytes(), b"")
        .map_err(|_| Goodbye::Done)?;
    Ok(out)
}

async fn talk<S: Store>(
    desk: &Arc<Desk<S>>,
    connection: &Connection,
    greeted: Greeted,
    draining: watch::Receiver<bool>,
) -> Goodbye {
    let Greeted {
        session,
        frames,
        send,
    } = greeted;
    let (answers, outgoing) = mpsc::channel(desk.limits.requests_in_flight);
    let patience = Duration::from_secs(u64::from(desk.limits.stall_seconds));
    let writer = tokio::spawn(write(connection.clone(), send, outgoing, patience));
    let commands = Commands {
        desk,
        session: &session,
        answers,
        in_flight: Arc::new(Semaphore::new(desk.limits.requests_in_flight)),
    };
    let goodbye = tokio::select! {
        goodbye = commands.run(frames, draining) => goodbye,
        () = readings(desk, &session, connection) => Goodbye::Done,
    };
    last_words(writer).await;
    goodbye
}

async fn readings<S: Store>(desk: &Arc<Desk<S>>, session: &Arc<Session>, connection: &Connection) {
    // Their number is bounded by the streams the transport allows; each ends with the connection.
    while let Ok((mut send, recv)) = connection.accept_bi().await {
        let Some(place) = desk.budget.reading() else {
            // A stream that is already closed needs no reset.
            let _ = send.reset(Goodbye::Busy.var());
            continue;
        };
        let (desk, session) = (Arc::clone(desk), Arc::clone(session));
        tokio::spawn(async move {
            read::serve(desk, session, send, recv).await;
            drop(place);
        });
    }
}

struct Commands<'a, S> {
    desk: &'a Arc<Desk<S>>,
    session: &'a Arc<Session>,
    answers: mpsc::Sender<Bytes>,
    in_flight: Arc<Semaphore>,
}

impl<S: Store> Commands<'_, S> {
    async fn run(self, mut frames: Frames, mut draining: watch::Receiver<bool>) -> Goodbye {
        loop {
            let came = tokio::select! {
                came = frames.take(&self.desk.budget) => came,
                () = drained(&mut draining) => return self.drain(frames).await,
            };
            let taken = match came {
                Ok(Came::Whole(payload, share)) => self.take(&payload, share).await,
                Ok(Came::Shed(begun)) => {
                    let retry_ms = RETRY_MS;
                    self.refuse(&begun, RefusedBecause::TooFast { retry_ms }).await
                }
                Err(error) => Err(goodbye(error)),
            };
            if let Err(goodbye) = taken {
                return goodbye;
            }
        }
    }

    /// Takes one request up. Requests of a connection reach the store in the order in which they came; their
    /// answers come as they are ready.
    async fn take(&self, payload: &[u8], share: Share) -> Result<(), Goodbye> {
        let asked: Asked = match frame::payload(payload) {
            Ok(asked) => asked,
            Err(_) => return self.refuse(payload, RefusedBecause::Malformed).await,
        };
        if asked.tag == 0 {
            return Err(Goodbye::Malformed);
        }
        let permit = Arc::clone(&self.in_flight)
            .acquire_owned()
            .await
            .map_err(|_| Goodbye::Done)?;
        let (desk, session, answers) = (
            Arc::clone(self.desk),
            Arc::clone(self.session),
            self.answers.clone(),
        );
        let mut work = Box::pin(async move {
            let answer = desk.answer(&session, asked.request).await;
            drop(share);
            let answered = Answered {
                tag: asked.tag,
                answer,
            };
            if let Ok(frame) = frame::frame(&answered) {
                // Fails only where the client has gone.
                let _ = answers.send(frame).await;
            }
            drop(permit);
        });
        // Once begun, a request is carried to its end even if the connection goes: what is stored must also
        // reach the followers.
        if begun(&mut work).await.is_pending() {
            tokio::spawn(work);
        }
        Ok(())
    }

    /// Refuses the request of which this is at least the beginning.
    async fn refuse(&self, payload: &[u8], because: RefusedBecause) -> Result<(), Goodbye> {
        let tag = tag_of(payload)
            .filter(|tag| *tag != 0)
            .ok_or(Goodbye::Malformed)?;
        let answer = Answer::Refused(because);
        let frame = frame::frame(&Answered { tag, answer }).map_err(|_| Goodbye::Done)?;
        self.answers.send(frame).await.map_err(|_| Goodbye::Done)
    }

    /// Says that the relay goes, finishes what is in flight and refuses the rest in words.
    async fn drain(self, mut frames: Frames) -> Goodbye {
        let back_in_ms = BACK_IN_MS;
        let word = Answered {
            tag: 0,
            answer: Answer::Draining { back_in_ms },
        };
        if let Ok(frame) = frame::frame(&word) {
            let _ = self.answers.send(frame).await;
        }
        let all = u32::try_from(self.desk.limits.requests_in_flight).unwrap_or(u32::MAX);
        let finished = async {
            let _ = self.in_flight.acquire_many(all).await;
            tokio::time::sleep(DRAIN_GRACE).await;
        };
        let refusing = async {
            while let Ok(payload) = frames.next().await {
                if self.refuse(&payload, RefusedBecause::Draining).await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = finished => {}
            () = refusing => {}
        }
        Goodbye::Draining
    }
}

/// Polls a future once.
async fn begun<F: Future<Output = ()>>(work: &mut Pin<Box<F>>) -> Poll<()> {
    poll_fn(|cx| Poll::Ready(work.as_mut().poll(cx))).await
}

async fn drained(draining: &mut watch::Receiver<bool>) {
    // A relay whose other half is gone goes away too.
    let _ = draining.wait_for(|draining| *draining).await;
}

async fn write(
    connection: Connection,
    mut send: SendStream,
    mut outgoing: mpsc::Receiver<Bytes>,
    patience: Duration,
) {
    let mut batch = Vec::with_capacity(ANSWERS_AT_ONCE);
    while outgoing.recv_many(&mut batch, ANSWERS_AT_ONCE).await > 0 {
        match timeout(patience, send.write_all_chunks(&mut batch)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return,
            // Whoever asks and does not take the answers would hold them, and his requests behind them, for ever.
            Err(_) => return connection.close(Goodbye::TooSlow.var(), b""),
        }
        batch.clear();
    }
    finish(&mut send).await;
}

async fn last_words(mut writer: JoinHandle<()>) {
    if timeout(2 * LAST_WORDS, &mut writer).await.is_err() {
        writer.abort();
    }
}

async fn say(send: &mut SendStream, greeting: &Greeting) -> Result<(), Goodbye> {
    let frame = frame::frame(greeting).map_err(|_| Goodbye::Done)?;
    send.write_chunk(frame).await.map_err(|_| Goodbye::Done)
}

/// Ends a stream and waits a little for what is on the way: closing a connection drops it.
async fn finish(send: &mut SendStream) {
    if send.finish().is_ok() {
        let _ = timeout(LAST_WORDS, send.stopped()).await;
    }
}

fn goodbye(error: FrameError) -> Goodbye {
    match error {
        FrameError::Ended => Goodbye::Done,
        FrameError::TooSlow => Goodbye::TooSlow,
        FrameError::Peer(_) => Goodbye::Malformed,
    }
}
