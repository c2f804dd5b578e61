//! One reading stream: a cursor that goes through the segments its key opens and then follows.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use caucus_proto::id::Position;
use caucus_proto::wire::{Flag, Read, RefusedBecause, Served, frame};
use quinn::{RecvStream, SendStream};
use tokio::sync::watch;
use tokio::time::{Duration, timeout};

use crate::net::budget::Share;
use crate::net::desk::Desk;
use crate::net::frames::{Frames, SLOWEST};
use crate::net::goodbye::Goodbye;
use crate::net::live::Tip;
use crate::net::session::{Handle, Session};
use crate::relay::range::{Range, readable};
use crate::store::Store;

/// The first frame of a reading stream is no larger.
const LARGEST_READ: usize = 32;
/// Bytes read from the store at once for one follower.
const BATCH: usize = 64 * 1024;

/// Why serving ended without a last word.
enum Broken {
    /// The client has gone, or does not want it any more.
    Gone,
    /// It does not take what it asked for.
    Slow,
}

/// Serves one reading stream until its end.
pub(crate) async fn serve<S: Store>(
    desk: Arc<Desk<S>>,
    session: Arc<Session>,
    send: SendStream,
    recv: RecvStream,
) {
    let mut reading = Reading { desk, send };
    let patience = Duration::from_secs(u64::from(reading.desk.limits.hello_seconds));
    let mut frames = Frames::new(recv, LARGEST_READ, patience);
    let asked = match timeout(patience, frames.next()).await {
        Ok(Ok(payload)) => frame::payload::<Read>(&payload).ok(),
        _ => None,
    };
    // Nothing more is read from it, so nothing more of it may be held.
    drop(frames);
    let Some(asked) = asked else {
        // A stream that is already closed needs no reset.
        let _ = reading.send.reset(Goodbye::Malformed.var());
        return;
    };
    let last = match session.reader(asked.handle) {
        Ok(handle) => reading.run(&handle, asked).await,
        Err(because) => Ok(Served::Refused(because)),
    };
    let ended = match last {
        Ok(last) => reading.end(&last).await,
        Err(broken) => Err(broken),
    };
    if let Err(Broken::Slow) = ended {
        // As above.
        let _ = reading.send.reset(Goodbye::TooSlow.var());
    }
}

struct Reading<S> {
    desk: Arc<Desk<S>>,
    send: SendStream,
}

/// What there was to read.
enum Step {
    /// Frames up to this position; whether the last is a cut; the turn in which they were read from the store.
    Frames(Vec<Bytes>, Position, Flag, Option<Share>),
    /// Nothing in this range up to here; the next may have some.
    Skip(Position),
    /// Nothing yet.
    Nothing,
}

impl<S: Store> Reading<S> {
    /// Runs to the last word of the stream.
    async fn run(&mut self, handle: &Handle, asked: Read) -> Result<Served, Broken> {
        let mut tips = handle.live.follow();
        let mut cursor = asked.after;
        let mut caught_up = false;
        let mut ranges = Vec::new();
        let mut newest = Position(0);
        let mut known: Option<Tip> = None;
        loop {
            let tip = *tips.borrow_and_update();
            if tip.gone {
                return Ok(Served::Gone);
            }
            if known.is_none_or(|known| known.guard != tip.guard) {
                let guard = match self.desk.guard(handle.channel, &handle.live).await {
                    Ok(guard) => guard,
                    Err(because) => return Ok(Served::Refused(because)),
                };
                let Some((guard, _)) = guard else {
                    return Ok(Served::Gone);
                };
                ranges = readable(&guard, handle.role, &handle.key);
                newest = guard.newest;
                if ranges.is_empty() {
                    return Ok(Served::Gone);
                }
                known = Some(tip);
            }
            let Some(range) = ranges.iter().find(|range| range.goes_beyond(cursor)).copied() else {
                return Ok(Served::End);
            };
            cursor = cursor.max(Position(range.first.0.saturating_sub(1)));
            match self.step(handle, range, cursor).await {
                Err(because) => return Ok(Served::Refused(because)),
                Ok(Step::Frames(mut frames, last, flag, turn)) => {
                    self.hand_over(&mut frames, turn).await?;
                    cursor = last;
                    if flag == Flag::Cut {
                        // By now the guard knows how far this key reads.
                        known = None;
                    }
                }
                Ok(Step::Skip(to)) => cursor = to,
                Ok(Step::Nothing) if !asked.follow => return Ok(Served::End),
                Ok(Step::Nothing) => {
                    if !caught_up {
                        caught_up = true;
                        self.say(&Served::CaughtUp {
                            newest: newest.max(cursor),
                        })
                        .await?;
                    }
                    self.wait(&mut tips).await?;
                }
            }
        }
    }

    async fn step(&self, handle: &Handle, range: Range, cursor: Position) -> Result<Step, RefusedBecause> {
        let now = self.desk.clock.hours();
        let fresh = handle.live.fresh_after(cursor, range, BATCH, now);
        if let Some(last) = fresh.last() {
            let (last, flag) = (last.position, last.flag);
            let frames = fresh.into_iter().map(|fresh| fresh.frame).collect();
            return Ok(Step::Frames(frames, last, flag, None));
        }
        let turn = self.desk.budget.turn().await;
        let entries = self
            .desk
            .store
            .read(handle.channel, cursor, BATCH, now)
            .await
            .map_err(|error| self.desk.refusal(error))?;
        let mut frames = Vec::new();
        let mut last = None;
        for entry in entries
            .into_iter()
            .take_while(|entry| range.holds(entry.position))
        {
            last = Some((entry.position, entry.flag));
            // An entry is a bucket, so it always fits into a frame.
            let framed = frame::frame(&Served::Entry(entry)).map_err(|_| RefusedBecause::StoreFailed)?;
            frames.push(framed);
            if last.is_some_and(|(_, flag)| flag == Flag::Cut) {
                break;
            }
        }
        Ok(match (last, range.last) {
            (Some((last, flag)), _) => Step::Frames(frames, last, flag, turn),
            (None, Some(end)) => Step::Skip(end),
            (None, None) => Step::Nothing,
        })
    }

    /// Waits for something new, or for the client to go.
    async fn wait(&self, tips: &mut watch::Receiver<Tip>) -> Result<(), Broken> {
        tokio::select! {
            changed = tips.changed() => changed.map_err(|_| Broken::Gone),
            _ = self.send.stopped() => Err(Broken::Gone),
        }
    }

    /// Writes frames. What the stream does not take at once is held for a while, within what all readers
    /// together may leave untaken.
    async fn hand_over(&mut self, frames: &mut [Bytes], turn: Option<Share>) -> Result<(), Broken> {
        let size: usize = frames.iter().map(Bytes::len).sum();
        let mut writing = pin!(self.send.write_all_chunks(frames));
        let first = poll_fn(|cx| Poll::Ready(writing.as_mut().poll(cx))).await;
        drop(turn);
        if let Poll::Ready(written) = first {
            return written.map_err(|_| Broken::Gone);
        }
        let _share = self.desk.budget.stall(size).ok_or(Broken::Slow)?;
        let earned = Duration::from_millis((size.saturating_mul(1_000) / SLOWEST) as u64);
        let patience = Duration::from_secs(u64::from(self.desk.limits.stall_seconds)) + earned;
        let written = timeout(patience, writing).await.map_err(|_| Broken::Slow)?;
        written.map_err(|_| Broken::Gone)
    }

    async fn say(&mut self, word: &Served) -> Result<(), Broken> {
        let frame = frame::frame(word).map_err(|_| Broken::Gone)?;
        self.hand_over(&mut [frame], None).await
    }

    async fn end(&mut self, last: &Served) -> Result<(), Broken> {
        self.say(last).await?;
        // Fails only where the client has gone, and then nobody needs it.
        let _ = self.send.finish();
        Ok(())
    }
}
