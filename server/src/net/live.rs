//! A channel that is in use: its pace, its followers, and their fresh entries.
//!
//! A follower that has caught up is parked here: no task, no queue, a cursor and a stream. When entries became durable
//! the fan-out writes them to every parked stream, in rounds (`net::fanout`). A stream that does not keep up gets
//! a task of its own (`net::read`) that reads on, from the fresh entries as long as they are at hand, from the
//! store otherwise, and parks again when it has caught up.
//!
//! Fresh entries are encoded once and kept for a short while in a ring that all followers share and that is bounded
//! in entries, in bytes and, over all channels, by a budget.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use caucus_proto::id::{ChannelId, Hours, Position};
use caucus_proto::wire::{Entry, Flag, Served, frame};
use tokio::sync::{Notify, RwLock};
use tokio::time::timeout;

use crate::clock::Moment;
use crate::limits::Limits;
use crate::net::follower::{Follower, Readings};
use crate::net::totals::Count;
use crate::relay::pace::Pace;
use crate::relay::range::Range;
use crate::store::is_served;

const RING_ENTRIES: usize = 64;
const RING_BYTES: usize = 128 * 1024;
/// Bytes that gather for the next round of followers before whoever appended is answered only when it begins: with what a
/// follower has not acknowledged yet, they fit into the window of a narrow connection.
const TOGETHER: usize = 8 * 1024;
/// So long an answer waits at most.
const PATIENCE: Duration = Duration::from_secs(1);
/// What is left of a frame may wait for the next round, without the time that a task is given, up to this size.
const REST: usize = 8 * 1024;

/// Where a channel stands.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Tip {
    /// Newest position that was handed out since the channel is in use.
    pub(crate) newest: Position,
    /// Moves when what may be read changes.
    pub(crate) guard: u64,
    /// The channel was deleted.
    pub(crate) gone: bool,
}

/// An entry as it goes out.
#[derive(Clone)]
pub(crate) struct Fresh {
    pub(crate) position: Position,
    pub(crate) flag: Flag,
    pub(crate) expires: Hours,
    pub(crate) frame: Bytes,
}

#[derive(Default)]
struct Feed {
    tip: Tip,
    ring: VecDeque<Fresh>,
    bytes: usize,
    /// Those that have caught up.
    parked: Vec<Follower>,
    /// Followers with a task of their own at the moment.
    reading: usize,
    /// Whether entries came in that not all parked ones were handed.
    due: bool,
    /// Whether a round of the parked ones has begun and not ended, and where in `parked` it goes on.
    under_way: bool,
    place: usize,
    /// Bytes of entries that came in since it began.
    gathered: usize,
    /// Whether there was anything new when it began.
    patient: bool,
    /// Whether a stream did not take all since then.
    held: bool,
}

impl Feed {
    fn is_crowded(&self) -> bool {
        self.due && self.gathered >= TOGETHER
    }

    /// Lets go of some of the parked ones; a round that is under way goes on with the same.
    fn retain(&mut self, wanted: impl Fn(&mut Follower) -> bool) {
        let (place, mut seen, mut kept) = (self.place, 0, 0);
        self.parked.retain_mut(|follower| {
            let stays = wanted(follower);
            kept += usize::from(stays && seen < place);
            seen += 1;
            stays
        });
        self.place = kept;
    }
}

/// What came of a share of a hand-out.
#[derive(Default)]
pub(crate) struct Share {
    /// Followers that need a task of their own.
    pub(crate) behind: Vec<Follower>,
    /// Followers that were written to.
    pub(crate) touched: usize,
    /// There are more to write to.
    pub(crate) more: bool,
}

/// A channel that is in use.
pub(crate) struct Live {
    pace: Mutex<Pace>,
    /// Whoever changes the guard writes, whoever appends a plain entry reads: no change undoes another, and the
    /// position of a cut is known before it is stored.
    pub(crate) turn: RwLock<()>,
    feed: Mutex<Feed>,
    /// A round of followers begins.
    room: Notify,
    budget: Arc<Budget>,
}

impl Live {
    fn new(limits: &Limits, budget: Arc<Budget>, now: Moment) -> Self {
        Self {
            pace: Mutex::new(Pace::new(limits, now)),
            turn: RwLock::new(()),
            feed: Mutex::default(),
            room: Notify::new(),
            budget,
        }
    }

    /// Its pace; never hold it over an await.
    pub(crate) fn pace(&self) -> MutexGuard<'_, Pace> {
        locked(&self.pace)
    }

    /// Where it stands.
    pub(crate) fn tip(&self) -> Tip {
        locked(&self.feed).tip
    }

    /// Whether the channel was deleted since.
    pub(crate) fn is_gone(&self) -> bool {
        self.tip().gone
    }

    /// Waits while many entries wait for the next round of the parked ones: who appends and waits for the answer goes no
    /// faster than they can be written to, or every one would fall behind and need a task.
    pub(crate) async fn room(&self) {
        let room = async {
            loop {
                let begins = self.room.notified();
                if !locked(&self.feed).is_crowded() {
                    return;
                }
                begins.await;
            }
        };
        // What was stored is answered in any case.
        let _ = timeout(PATIENCE, room).await;
    }

    /// A follower has a task of its own until [`Live::reads_no_more`]: fresh entries are kept for it.
    pub(crate) fn reads(&self) {
        locked(&self.feed).reading += 1;
    }

    /// Its task ends.
    pub(crate) fn reads_no_more(&self) {
        let mut feed = locked(&self.feed);
        feed.reading = feed.reading.saturating_sub(1);
    }

    /// Parks a follower that has read everything up to its cursor, or lets go of it where its connection is over; gives
    /// it back if there is more by now, or if what it may read has changed.
    pub(crate) fn park(&self, follower: Follower) -> Option<Follower> {
        let mut feed = locked(&self.feed);
        if follower.is_over() {
            return None;
        }
        let stays = !feed.tip.gone && follower.guard == feed.tip.guard && follower.cursor >= feed.tip.newest;
        if stays {
            if feed.parked.is_empty() {
                // Many a channel has one follower on this relay.
                feed.parked.reserve_exact(1);
            }
            feed.parked.push(follower);
            return None;
        }
        Some(follower)
    }

    /// Takes in an entry that is durable. Tells whether the channel was not due to be handed out yet and is now.
    pub(crate) fn take_in(&self, entry: Entry) -> bool {
        let mut feed = locked(&self.feed);
        feed.tip.newest = feed.tip.newest.max(entry.position);
        if entry.flag == Flag::Cut {
            feed.tip.guard = feed.tip.guard.wrapping_add(1);
        }
        if feed.parked.is_empty() && feed.reading == 0 {
            self.empty(&mut feed);
            return false;
        }
        feed.gathered += entry.bytes.len();
        let (position, flag, expires) = (entry.position, entry.flag, entry.expires);
        // An entry is a bucket, so it fits into a frame; if it did not, followers would read from the store.
        if let Ok(frame) = frame::frame(&Served::Entry(entry)) {
            let fresh = Fresh {
                position,
                flag,
                expires,
                frame,
            };
            self.keep(&mut feed, fresh);
        }
        !std::mem::replace(&mut feed.due, true)
    }

    /// Writes to so many parked streams what they do not have yet, and counts it; the next call goes on where this one
    /// ended. Whoever does not take it all has another turn in the next round, which begins when this one ends. Those need a
    /// task of their own that do not take it all in a round that had nothing new, of which much is left, that miss
    /// what is no longer at hand, or whose segment a cut ends.
    pub(crate) fn hand_out(&self, most: usize, now: Hours, delivered: &Count) -> Share {
        let mut feed = locked(&self.feed);
        let feed = &mut *feed;
        let newest = feed.tip.newest;
        if !feed.under_way {
            (feed.under_way, feed.place) = (true, 0);
            feed.patient = feed.gathered > 0;
            (feed.gathered, feed.held) = (0, false);
            self.room.notify_waiters();
        }
        let mut count = 0;
        let mut share = Share::default();
        let mut run = Run::default();
        while share.touched < most
            && let Some(follower) = feed.parked.get_mut(feed.place)
        {
            if follower.cursor >= newest && follower.rest.is_empty() {
                feed.place += 1;
                continue;
            }
            if run.after != Some(follower.cursor) {
                run = Run::of(&feed.ring, follower.cursor, now);
            }
            share.touched += 1;
            let handed = follower.hand(&run.frames);
            let taken = *handed.as_ref().unwrap_or(&0);
            count += taken as u64;
            follower.cursor.0 += taken as u64;
            let waits = !follower.rest.is_empty();
            let stays = handed.is_ok()
                && run.last == newest
                && !run.cut
                && (!waits || (feed.patient && follower.rest.len() <= REST));
            feed.held |= stays && waits;
            if stays {
                feed.place += 1;
                continue;
            }
            let follower = feed.parked.swap_remove(feed.place);
            // A stream that the client stopped, or whose connection ended, is let go.
            if handed.is_ok() {
                share.behind.push(follower);
            }
        }
        delivered.add(count);
        if feed.place >= feed.parked.len() {
            feed.under_way = false;
            feed.due = feed.held || feed.gathered > 0;
        }
        share.more = feed.due;
        share
    }

    /// The guard has changed, and with it perhaps what may still be read: everybody looks anew.
    #[must_use]
    pub(crate) fn changed(&self) -> Vec<Follower> {
        let mut feed = locked(&self.feed);
        self.empty(&mut feed);
        feed.tip.guard = feed.tip.guard.wrapping_add(1);
        std::mem::take(&mut feed.parked)
    }

    /// The channel is gone: everybody is told.
    #[must_use]
    pub(crate) fn gone(&self) -> Vec<Follower> {
        let mut feed = locked(&self.feed);
        feed.tip.gone = true;
        std::mem::take(&mut feed.parked)
    }

    /// Lets go of parked streams that the client stopped, and of those of dead connections.
    pub(crate) fn prune(&self) {
        locked(&self.feed).retain(Follower::is_wanted);
    }

    /// Lets go of all parked streams of a connection.
    pub(crate) fn part(&self, connection: &Readings) {
        locked(&self.feed).retain(|follower| !follower.is_of(connection));
    }

    /// Fresh entries right after a position and inside the range, without a gap, up to and with the first
    /// cut. Empty if the next one is not at hand.
    pub(crate) fn fresh_after(&self, after: Position, range: Range, most: usize, now: Hours) -> Vec<Fresh> {
        let feed = locked(&self.feed);
        let mut bytes = 0;
        let mut taken = Vec::new();
        for fresh in following(&feed.ring, after, now) {
            if !range.holds(fresh.position) || bytes >= most {
                break;
            }
            bytes += fresh.frame.len();
            taken.push(fresh.clone());
        }
        taken
    }

    fn keep(&self, feed: &mut Feed, fresh: Fresh) {
        let size = fresh.frame.len();
        if !self.budget.take(size) {
            // Followers find a gap and read it from the store.
            self.empty(feed);
            return;
        }
        feed.ring.push_back(fresh);
        feed.bytes += size;
        while feed.ring.len() > RING_ENTRIES || (feed.bytes > RING_BYTES && feed.ring.len() > 1) {
            let Some(old) = feed.ring.pop_front() else {
                break;
            };
            feed.bytes -= old.frame.len();
            self.budget.give(old.frame.len());
        }
    }

    fn empty(&self, feed: &mut Feed) {
        self.budget.give(feed.bytes);
        feed.ring = VecDeque::new();
        feed.bytes = 0;
    }

    /// Forgets fresh entries that nobody follows.
    fn rest(&self) {
        let mut feed = locked(&self.feed);
        if feed.parked.is_empty() && feed.reading == 0 {
            self.empty(&mut feed);
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let bytes = locked(&self.feed).bytes;
        self.budget.give(bytes);
    }
}

/// Fresh entries right after a position, without a gap, up to and with the first cut.
fn following(ring: &VecDeque<Fresh>, after: Position, now: Hours) -> impl Iterator<Item = &Fresh> {
    let mut next = after.next();
    let mut over = false;
    let start = ring.partition_point(|fresh| fresh.position <= after);
    ring.range(start..).take_while(move |fresh| {
        let goes_on = !over && fresh.position == next && is_served(fresh.expires, now);
        over = fresh.flag == Flag::Cut;
        next = next.next();
        goes_on
    })
}

/// What parked followers at one position are handed.
#[derive(Default)]
struct Run {
    after: Option<Position>,
    frames: Vec<Bytes>,
    last: Position,
    cut: bool,
}

impl Run {
    fn of(ring: &VecDeque<Fresh>, after: Position, now: Hours) -> Self {
        let mut run = Self {
            after: Some(after),
            last: after,
            ..Self::default()
        };
        for fresh in following(ring, after, now) {
            run.frames.push(fresh.frame.clone());
            run.last = fresh.position;
            run.cut = fresh.flag == Flag::Cut;
        }
        run
    }
}

/// Bytes of fresh entries on the whole relay.
struct Budget {
    left: AtomicUsize,
}

impl Budget {
    fn take(&self, size: usize) -> bool {
        let less = |left: usize| left.checked_sub(size);
        self.left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
            .is_ok()
    }

    fn give(&self, size: usize) {
        self.left.fetch_add(size, Ordering::Relaxed);
    }
}

/// The channels that are in use.
pub(crate) struct Lives {
    map: Mutex<HashMap<ChannelId, Arc<Live>>>,
    budget: Arc<Budget>,
}

impl Lives {
    pub(crate) fn new(limits: &Limits) -> Self {
        let left = AtomicUsize::new(limits.fresh_bytes);
        Self {
            map: Mutex::new(HashMap::new()),
            budget: Arc::new(Budget { left }),
        }
    }

    /// The channel's, made if it was not in use.
    pub(crate) fn of(&self, channel: ChannelId, limits: &Limits, now: Moment) -> Arc<Live> {
        let mut map = locked(&self.map);
        let made = || Arc::new(Live::new(limits, Arc::clone(&self.budget), now));
        Arc::clone(map.entry(channel).or_insert_with(made))
    }

    /// The channel's, if it is in use.
    pub(crate) fn known(&self, channel: &ChannelId) -> Option<Arc<Live>> {
        locked(&self.map).get(channel).cloned()
    }

    /// The channel was deleted: whoever creates it again starts afresh.
    pub(crate) fn forget(&self, channel: &ChannelId) {
        locked(&self.map).remove(channel);
    }

    /// Lets go of channels that nobody has open and whose pace no longer matters.
    pub(crate) fn sweep(&self, now: Moment) {
        locked(&self.map).retain(|_, live| {
            live.prune();
            live.rest();
            Arc::strong_count(live) > 1 || !live.pace().is_idle(now)
        });
    }
}

/// What a panicking thread left is whole: every change under these locks is a single step.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Range = Range {
        first: Position(0),
        last: None,
    };

    fn entry(position: u64, flag: Flag, size: usize) -> Entry {
        Entry {
            position: Position(position),
            counter: caucus_proto::id::Counter(0),
            flag,
            expires: Hours(10),
            bytes: vec![0; size].into(),
        }
    }

    fn positions(live: &Live, after: u64) -> Vec<u64> {
        let fresh = live.fresh_after(Position(after), ALL, usize::MAX, Hours(10));
        fresh.into_iter().map(|fresh| fresh.position.0).collect()
    }

    fn live(fresh_bytes: usize) -> Arc<Live> {
        let limits = Limits {
            fresh_bytes,
            ..Limits::default()
        };
        let live = Lives::new(&limits).of(ChannelId([1; 32]), &limits, Moment(0));
        live.reads();
        live
    }

    #[test]
    fn fresh_entries_come_without_a_gap() {
        let live = live(1 << 20);
        for position in [5, 6, 8] {
            live.take_in(entry(position, Flag::Plain, 10));
        }
        assert_eq!(positions(&live, 4), [5, 6]);
        assert_eq!(positions(&live, 5), [6]);
        assert!(positions(&live, 3).is_empty());
        assert!(positions(&live, 6).is_empty());
        assert_eq!(positions(&live, 7), [8]);
    }

    #[test]
    fn a_batch_ends_with_a_cut_and_stays_in_its_range() {
        let live = live(1 << 20);
        for (position, flag) in [(1, Flag::Plain), (2, Flag::Cut), (3, Flag::Plain)] {
            live.take_in(entry(position, flag, 10));
        }
        assert_eq!(positions(&live, 0), [1, 2]);
        let first = Range {
            first: Position(1),
            last: Some(Position(1)),
        };
        assert_eq!(
            live.fresh_after(Position(0), first, usize::MAX, Hours(10)).len(),
            1
        );
    }

    #[test]
    fn a_cut_and_a_change_are_seen_at_the_tip_and_an_advance_is_not() {
        let live = live(1 << 20);
        for (flag, guard) in [(Flag::Plain, 0), (Flag::Advance, 0), (Flag::Cut, 1)] {
            live.take_in(entry(live.tip().newest.0 + 1, flag, 10));
            assert_eq!(live.tip().guard, guard);
        }
        assert!(live.changed().is_empty());
        assert_eq!(live.tip().guard, 2);
    }

    #[test]
    fn a_channel_is_due_once_until_it_was_handed_out() {
        let live = live(1 << 20);
        assert!(live.take_in(entry(1, Flag::Plain, 10)));
        assert!(!live.take_in(entry(2, Flag::Plain, 10)));
        assert!(!live.hand_out(10, Hours(10), &Count::default()).more);
        assert!(live.take_in(entry(3, Flag::Plain, 10)));
    }

    #[tokio::test]
    async fn whoever_appended_is_answered_when_what_has_gathered_goes_out_or_soon_after() {
        let live = live(1 << 20);
        live.room().await;
        live.take_in(entry(1, Flag::Plain, TOGETHER - 1));
        live.room().await;
        live.take_in(entry(2, Flag::Plain, 1));
        let mut waits = std::pin::pin!(live.room());
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(waits.as_mut().poll(&mut cx).is_pending());
        live.hand_out(10, Hours(10), &Count::default());
        assert!(waits.as_mut().poll(&mut cx).is_ready());
        live.take_in(entry(3, Flag::Plain, TOGETHER));
        live.room().await;
        live.hand_out(10, Hours(10), &Count::default());
        // Nobody follows any more, so nobody waits for a round.
        live.reads_no_more();
        live.take_in(entry(4, Flag::Plain, TOGETHER));
        let mut waits = std::pin::pin!(live.room());
        assert!(waits.as_mut().poll(&mut cx).is_ready());
    }

    #[test]
    fn what_expired_or_was_trimmed_is_no_longer_fresh() {
        let live = live(1 << 20);
        live.take_in(entry(1, Flag::Plain, 10));
        assert_eq!(positions(&live, 0), [1]);
        assert!(
            live.fresh_after(Position(0), ALL, usize::MAX, Hours(11))
                .is_empty()
        );
        assert!(live.changed().is_empty());
        assert!(positions(&live, 0).is_empty());
        assert_eq!(live.budget.left.load(Ordering::Relaxed), 1 << 20);
    }

    #[test]
    fn fresh_entries_never_outgrow_their_bounds() {
        let live = live(1 << 20);
        for position in 1..=500 {
            live.take_in(entry(position, Flag::Plain, 10_000));
        }
        let kept = locked(&live.feed).bytes;
        assert!(kept <= RING_BYTES, "{kept}");
        assert_eq!(live.budget.left.load(Ordering::Relaxed), (1 << 20) - kept);
        assert!(positions(&live, 10).is_empty());
    }

    #[test]
    fn without_budget_or_followers_nothing_is_kept() {
        let poor = live(15_000);
        poor.take_in(entry(1, Flag::Plain, 10_000));
        poor.take_in(entry(2, Flag::Plain, 10_000));
        assert_eq!(locked(&poor.feed).bytes, 0);
        assert_eq!(poor.budget.left.load(Ordering::Relaxed), 15_000);
        let lonely = live(15_000);
        lonely.reads_no_more();
        lonely.take_in(entry(1, Flag::Plain, 10_000));
        assert_eq!(locked(&lonely.feed).bytes, 0);
        assert_eq!(lonely.tip().newest, Position(1));
    }
}
