//! One reading stream: a cursor that goes through the segments its key opens and then follows. It has a task only
//! while there is something to read: who follows and has caught up is parked (`net::live`).

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use caucus_proto::id::Position;
use caucus_proto::wire::{Flag, Read, RefusedBecause, Served, frame};
use tokio::time::{Duration, timeout};

use crate::net::budget::Share;
use crate::net::desk::Desk;
use crate::net::follower::{Follower, Place};
use crate::net::frames::{Frames, SLOWEST};
use crate::net::goodbye::Goodbye;
use crate::net::live::Live;
use crate::net::quic::{RecvStream, SendStream};
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

/// Serves a new reading stream until it ends, or follows and has caught up.
pub(crate) async fn serve<S: Store>(
    desk: Arc<Desk<S>>,
    session: Arc<Session>,
    (mut send, recv): (SendStream, RecvStream),
    place: Place,
) {
    let patience = Duration::from_secs(u64::from(desk.limits().hello_seconds));
    let mut frames = Frames::new(recv, LARGEST_READ, patience);
    let asked = match timeout(patience, frames.next()).await {
        Ok(Ok(payload)) => frame::payload::<Read>(&payload).ok(),
        _ => None,
    };
    // Nothing more is read from it, so nothing more of it may be held.
    drop(frames);
    let Some(asked) = asked else {
        send.reset(Goodbye::Malformed.var());
        return;
    };
    match session.reader(asked.handle) {
        Ok(handle) => {
            let reading = Reading {
                desk,
                follower: Follower::new(send, handle, asked.after, place),
                follow: asked.follow,
                caught_up: false,
            };
            reading.go().await;
        }
        Err(because) => {
            desk.totals.refused(because);
            // Fails only where the client has gone, and then nobody needs it.
            let _ = refuse(&mut send, because, patience).await;
        }
    }
}

/// Goes on with a follower that fell behind, until it has caught up.
pub(crate) async fn go_on<S: Store>(desk: Arc<Desk<S>>, follower: Follower) {
    let reading = Reading {
        desk,
        follower,
        follow: true,
        caught_up: true,
    };
    reading.go().await;
}

struct Reading<S> {
    desk: Arc<Desk<S>>,
    follower: Follower,
    follow: bool,
    /// Whether the client was told that it has caught up.
    caught_up: bool,
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

/// How a round of reading ended.
enum Round {
    /// There is more to read.
    More,
    /// With the last word of the stream.
    Over(Served),
    /// Caught up: it can be parked.
    CaughtUp,
}

/// While it stands, fresh entries of the channel are kept.
struct Interest(Arc<Live>);

impl Interest {
    fn of(live: &Arc<Live>) -> Self {
        live.reads();
        Self(Arc::clone(live))
    }
}

impl Drop for Interest {
    fn drop(&mut self) {
        self.0.reads_no_more();
    }
}

impl<S: Store> Reading<S> {
    /// Writes what is left, then reads until it ends or is parked.
    async fn go(mut self) {
        let live = Arc::clone(&self.follower.handle.live);
        let _interest = Interest::of(&live);
        loop {
            match self.catch_up().await {
                Ok(()) => {}
                Err(Broken::Gone) => return,
                Err(Broken::Slow) => {
                    self.follower.send.reset(Goodbye::TooSlow.var());
                    return;
                }
            }
            match live.park(self.follower) {
                None => return,
                Some(follower) => self.follower = follower,
            }
        }
    }

    /// Until it has caught up; a stream that ended is gone.
    async fn catch_up(&mut self) -> Result<(), Broken> {
        let rest = std::mem::take(&mut self.follower.rest);
        if !rest.is_empty() {
            self.hand_over(&mut [rest], None).await?;
        }
        match self.rounds().await? {
            None => Ok(()),
            Some(last) => {
                self.end(&last).await?;
                Err(Broken::Gone)
            }
        }
    }

    /// Reads under one guard after another; none if it has caught up.
    async fn rounds(&mut self) -> Result<Option<Served>, Broken> {
        loop {
            let handle = Arc::clone(&self.follower.handle);
            let tip = handle.live.tip();
            if tip.gone {
                return Ok(Some(Served::Gone));
            }
            self.follower.guard = tip.guard;
            let guard = match self.desk.guard(handle.channel, &handle.live).await {
                Ok(Some((guard, _))) => guard,
                Ok(None) => return Ok(Some(Served::Gone)),
                Err(because) => return Ok(Some(Served::Refused(because))),
            };
            let ranges = readable(&guard, handle.role, &handle.key);
            if ranges.is_empty() {
                return Ok(Some(Served::Gone));
            }
            match self.under(&handle, &ranges, guard.newest).await? {
                Round::More => {}
                Round::Over(last) => return Ok(Some(last)),
                Round::CaughtUp => return Ok(None),
            }
        }
    }

    /// Reads under one guard.
    async fn under(&mut self, handle: &Handle, ranges: &[Range], newest: Position) -> Result<Round, Broken> {
        loop {
            if handle.live.tip().guard != self.follower.guard {
                return Ok(Round::More);
            }
            let mut cursor = self.follower.cursor;
            let Some(range) = ranges.iter().find(|range| range.goes_beyond(cursor)).copied() else {
                return Ok(Round::Over(Served::End));
            };
            cursor = cursor.max(Position(range.first.0.saturating_sub(1)));
            match self.step(handle, range, cursor).await {
                Err(because) => return Ok(Round::Over(Served::Refused(because))),
                Ok(Step::Frames(mut frames, last, flag, turn)) => {
                    self.desk.totals.deliveries.add(frames.len() as u64);
                    self.hand_over(&mut frames, turn).await?;
                    self.follower.cursor = last;
                    if flag == Flag::Cut {
                        // By now the guard knows how far this key reads.
                        return Ok(Round::More);
                    }
                }
                Ok(Step::Skip(to)) => self.follower.cursor = to,
                Ok(Step::Nothing) if !self.follow => return Ok(Round::Over(Served::End)),
                Ok(Step::Nothing) => {
                    self.follower.cursor = cursor;
                    if !self.caught_up {
                        self.caught_up = true;
                        let newest = newest.max(cursor);
                        self.say(&Served::CaughtUp { newest }).await?;
                    }
                    return Ok(Round::CaughtUp);
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

    /// Writes frames. What the stream does not take at once is held for a while, within what all readers
    /// together may leave untaken.
    async fn hand_over(&mut self, frames: &mut [Bytes], turn: Option<Share>) -> Result<(), Broken> {
        let size: usize = frames.iter().map(Bytes::len).sum();
        let mut writing = pin!(self.follower.send.write(frames));
        let first = poll_fn(|cx| Poll::Ready(writing.as_mut().poll(cx))).await;
        drop(turn);
        if let Poll::Ready(written) = first {
            return written.map_err(|_| Broken::Gone);
        }
        let _share = self.desk.budget.stall(size).ok_or(Broken::Slow)?;
        let earned = Duration::from_millis((size.saturating_mul(1_000) / SLOWEST) as u64);
        let patience = Duration::from_secs(u64::from(self.desk.limits().stall_seconds)) + earned;
        let written = timeout(patience, writing).await.map_err(|_| Broken::Slow)?;
        written.map_err(|_| Broken::Gone)
    }

    async fn say(&mut self, word: &Served) -> Result<(), Broken> {
        let frame = frame::frame(word).map_err(|_| Broken::Gone)?;
        self.hand_over(&mut [frame], None).await
    }

    async fn end(&mut self, last: &Served) -> Result<(), Broken> {
        if let Served::Refused(because) = last {
            self.desk.totals.refused(*because);
        }
        self.say(last).await?;
        // Fails only where the client has gone, and then nobody needs it.
        let _ = self.follower.send.finish();
        Ok(())
    }
}

async fn refuse(send: &mut SendStream, because: RefusedBecause, patience: Duration) -> Result<(), Broken> {
    let frame = frame::frame(&Served::Refused(because)).map_err(|_| Broken::Gone)?;
    let written = timeout(patience, send.write(&mut [frame])).await;
    written.map_err(|_| Broken::Slow)?.map_err(|_| Broken::Gone)?;
    send.finish().map_err(|_| Broken::Gone)
}
