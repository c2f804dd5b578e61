//! One connection: the greeting, then commands on its first stream and a reading on every other.

use std::future::{Future, poll_fn};
use std::ops::DerefMut;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use caucus_proto::wire::proof::Binding;
use caucus_proto::wire::{Answer, Answered, Asked, Greeting, Hello, RefusedBecause, VERSION, frame};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

use crate::net::budget::Share;
use crate::net::desk::Desk;
use crate::net::endpoint::FIRST_STREAMS;
use crate::net::frames::{Came, FrameError, Frames, tag_of};
use crate::net::goodbye::Goodbye;
use crate::net::lot::lot;
use crate::net::quic::{Connection, SendStream};
use crate::net::read;
use crate::net::session::Session;
use crate::relay::drain;
use crate::store::Store;

/// Versions a client may name.
const MOST_VERSIONS: usize = 8;
/// How long the last words may take.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// When whoever asked while there was no room should ask again.
const RETRY_MS: u32 = 500;
/// How long requests that were already on the way are still refused in words while draining.
const DRAIN_GRACE: Duration = Duration::from_millis(100);

/// Serves a connection until its end. `draining` turns true when the relay goes away.
pub(crate) async fn serve<S: Store>(
    desk: Arc<Desk<S>>,
    connection: Connection,
    draining: watch::Receiver<bool>,
) {
    let connection = Arc::new(connection);
    let patience = Duration::from_secs(u64::from(desk.limits().hello_seconds));
    // In a box: a connection has no room for its beginning any more when that is over.
    let greeted = timeout(patience, Box::pin(greet(&desk, &connection))).await;
    let _connected = desk.totals.connections.one();
    let goodbye = match greeted.unwrap_or(Err(Goodbye::TooSlow)) {
        Ok(greeted) => {
            let _parting = Parting(Arc::clone(&greeted.session));
            talk(&desk, &connection, greeted, draining).await
        }
        Err(goodbye) => goodbye,
    };
    connection.close(goodbye.var());
}

struct Greeted {
    session: Arc<Session>,
    frames: Frames,
    send: SendStream,
}

async fn greet<S: Store>(desk: &Desk<S>, connection: &Connection) -> Result<Greeted, Goodbye> {
    let patience = Duration::from_secs(u64::from(desk.limits().frame_seconds));
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
        exporter: connection.exporter().map_err(|_| Goodbye::Done)?,
    };
    let session = Arc::new(Session::new(binding, &desk.limits(), desk.clock.now()));
    Ok(Greeted {
        session,
        frames,
        send,
    })
}

async fn hello(connection: &Connection, patience: Duration) -> Result<(SendStream, Frames, Hello), Goodbye> {
    let (send, recv) = connection.accept().await.map_err(|_| Goodbye::Done)?;
    let mut frames = Frames::new(recv, frame::LARGEST_HELLO, patience);
    let payload = frames.next().await.map_err(goodbye)?;
    let hello: Hello = frame::payload(&payload).map_err(|_| Goodbye::Malformed)?;
    if hello.versions.len() > MOST_VERSIONS {
        return Err(Goodbye::Malformed);
    }
    Ok((send, frames, hello))
}

async fn talk<S: Store>(
    desk: &Arc<Desk<S>>,
    connection: &Arc<Connection>,
    greeted: Greeted,
    draining: watch::Receiver<bool>,
) -> Goodbye {
    let Greeted {
        session,
        frames,
        send,
    } = greeted;
    let answers = Answers(Arc::new(Answering {
        send: Mutex::new(send),
        connection: Arc::clone(connection),
        patience: Duration::from_secs(u64::from(desk.limits().stall_seconds)),
    }));
    let commands = Commands {
        desk,
        session: &session,
        answers: answers.clone(),
        in_flight: Arc::new(Semaphore::new(desk.limits().requests_in_flight)),
    };
    let goodbye = tokio::select! {
        goodbye = commands.run(frames, draining) => goodbye,
        () = readings(desk, &session, connection) => Goodbye::Done,
    };
    // Who does not read its answers gets no last words either.
    let _ = timeout(2 * LAST_WORDS, Box::pin(answers.finish())).await;
    goodbye
}

/// Lets go of everybody who follows on a connection when it ends, however it does: a parked stream would keep it, and the
/// socket.
struct Parting(Arc<Session>);

impl Drop for Parting {
    fn drop(&mut self) {
        self.0.part();
    }
}

/// Streams cost memory as soon as they may be opened: their number grows with those that ever were. One that the relay
/// has ended is the client's to close, and takes a place until then.
async fn readings<S: Store>(desk: &Arc<Desk<S>>, session: &Arc<Session>, connection: &Connection) {
    // The first stream is that of the commands; one more is always left.
    let (mut may, mut used) = (FIRST_STREAMS, 2_u32);
    while let Ok((mut send, recv)) = connection.accept().await {
        used = used.saturating_add(1);
        if used > may && may < desk.limits().streams {
            may = more_streams(may, desk.limits().streams);
            connection.allow_streams(may);
        }
        let Some(share) = desk.budget.reading() else {
            send.reset(Goodbye::Busy.var());
            continue;
        };
        let place = session.readings.place(share);
        if session.readings.open() + 2 > may {
            session.prune();
        }
        // Each ends with the connection.
        let (desk, session) = (Arc::clone(desk), Arc::clone(session));
        tokio::spawn(read::serve(desk, session, (send, recv), place));
    }
}

/// The next number of streams. QUIC announces only what is more than an eighth of the whole, so the last step is as large
/// as the others.
const fn more_streams(may: u32, most: u32) -> u32 {
    if may.saturating_mul(4) > most {
        most
    } else {
        may * 2
    }
}

/// The answering half of the stream of commands.
#[derive(Clone)]
struct Answers(Arc<Answering>);

struct Answering {
    send: Mutex<SendStream>,
    connection: Arc<Connection>,
    patience: Duration,
}

impl Answers {
    /// Fails only where the client has gone.
    async fn say(&self, frame: Bytes) -> Result<(), Goodbye> {
        let mut writing = pin!(async { self.0.send.lock().await.write(&mut [frame]).await });
        let written = match begun(&mut writing).await {
            Poll::Ready(written) => written,
            Poll::Pending => match timeout(self.0.patience, writing).await {
                Ok(written) => written,
                // Whoever asks and does not take the answers would hold them, and the requests behind them, for ever.
                Err(_) => {
                    self.0.connection.close(Goodbye::TooSlow.var());
                    return Err(Goodbye::TooSlow);
                }
            },
        };
        written.map_err(|_| Goodbye::Done)
    }

    async fn finish(&self) {
        finish(&mut *self.0.send.lock().await).await;
    }
}

struct Commands<'a, S> {
    desk: &'a Arc<Desk<S>>,
    session: &'a Arc<Session>,
    answers: Answers,
    in_flight: Arc<Semaphore>,
}

impl<S: Store> Commands<'_, S> {
    async fn run(self, mut frames: Frames, mut draining: watch::Receiver<bool>) -> Goodbye {
        loop {
            let came = tokio::select! {
                came = frames.take(&self.desk.budget) => came,
                // In a box: a connection holds the room for its end from its beginning.
                () = drained(&mut draining) => return Box::pin(self.drain(frames)).await,
            };
            let taken = match came {
                Ok(Came::Whole(payload, share)) => self.take(payload, share).await,
                Ok(Came::Shed(begun)) => {
                    let retry_ms = RETRY_MS;
                    Box::pin(self.refuse(&begun, RefusedBecause::TooFast { retry_ms })).await
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
    async fn take(&self, payload: Bytes, share: Share) -> Result<(), Goodbye> {
        let permit = Arc::clone(&self.in_flight)
            .acquire_owned()
            .await
            .map_err(|_| Goodbye::Done)?;
        match self.work(&payload, share, permit) {
            // Once begun, a request is carried to its end even if the connection goes: what is stored must also
            // reach the followers.
            Some(mut work) => {
                if begun(&mut work).await.is_pending() {
                    tokio::spawn(work);
                }
                Ok(())
            }
            None => Box::pin(self.refuse(&payload, RefusedBecause::Malformed)).await,
        }
    }

    /// What is to be done for a request; none if it is none. In a box, so that a connection has room for a request only
    /// while there is one.
    fn work(
        &self,
        payload: &[u8],
        share: Share,
        permit: OwnedSemaphorePermit,
    ) -> Option<Pin<Box<impl Future<Output = ()> + Send + use<S>>>> {
        let asked: Asked = frame::payload(payload)
            .ok()
            .filter(|asked: &Asked| asked.tag != 0)?;
        let (desk, session, answers) = (
            Arc::clone(self.desk),
            Arc::clone(self.session),
            self.answers.clone(),
        );
        Some(Box::pin(async move {
            let answer = desk.answer(&session, asked.request).await;
            drop(share);
            if let Ok(frame) = framed(&desk, asked.tag, answer) {
                // Fails only where the client has gone.
                let _ = answers.say(frame).await;
            }
            drop(permit);
        }))
    }

    /// Refuses the request of which this is at least the beginning.
    async fn refuse(&self, payload: &[u8], because: RefusedBecause) -> Result<(), Goodbye> {
        let tag = tag_of(payload)
            .filter(|tag| *tag != 0)
            .ok_or(Goodbye::Malformed)?;
        let frame = framed(self.desk, tag, Answer::Refused(because))?;
        self.answers.say(frame).await
    }

    /// Says that the relay goes, finishes what is in flight and refuses the rest in words.
    async fn drain(self, mut frames: Frames) -> Goodbye {
        let back_in_ms = drain::back_in_ms(self.desk.totals.connections.get(), lot());
        if let Ok(frame) = framed(self.desk, 0, Answer::Draining { back_in_ms }) {
            let _ = self.answers.say(frame).await;
        }
        let all = u32::try_from(self.desk.limits().requests_in_flight).unwrap_or(u32::MAX);
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

/// An answer as it goes out; a refusal is counted.
fn framed<S: Store>(desk: &Desk<S>, tag: u32, answer: Answer) -> Result<Bytes, Goodbye> {
    if let Answer::Refused(because) = &answer {
        desk.totals.refused(*because);
    }
    frame::frame(&Answered { tag, answer }).map_err(|_| Goodbye::Done)
}

/// Polls a future once.
async fn begun<P: DerefMut<Target: Future>>(work: &mut Pin<P>) -> Poll<<P::Target as Future>::Output> {
    poll_fn(|cx| Poll::Ready(work.as_mut().poll(cx))).await
}

async fn drained(draining: &mut watch::Receiver<bool>) {
    // A relay whose other half is gone goes away too.
    let _ = draining.wait_for(|draining| *draining).await;
}

async fn say(send: &mut SendStream, greeting: &Greeting) -> Result<(), Goodbye> {
    let frame = frame::frame(greeting).map_err(|_| Goodbye::Done)?;
    send.write(&mut [frame]).await.map_err(|_| Goodbye::Done)
}

/// Ends a stream and waits a little for what is on the way: closing a connection drops it.
async fn finish(send: &mut SendStream) {
    if send.finish().is_ok() {
        let _ = timeout(LAST_WORDS, send.taken()).await;
    }
}

fn goodbye(error: FrameError) -> Goodbye {
    match error {
        FrameError::Ended => Goodbye::Done,
        FrameError::TooSlow => Goodbye::TooSlow,
        FrameError::Peer(_) => Goodbye::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_to_more_streams_is_large_enough_to_be_announced() {
        for most in 2..2_000 {
            let mut may = FIRST_STREAMS.min(most);
            while may < most {
                let next = more_streams(may, most);
                assert!(next - may > next / 8, "{may} to {next} of {most}");
                may = next;
            }
            assert_eq!(may, most);
        }
    }
}
