//! A channel that is in use: its pace, and its followers' fresh entries.
//!
//! A follower is a cursor. Fresh entries are encoded once and kept for a short while in a ring that all
//! followers share and that is bounded in entries, in bytes and, over all channels, by a budget; a follower
//! that finds its next entry no longer there reads from the store.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use caucus_proto::id::{ChannelId, Hours, Position};
use caucus_proto::wire::Flag;
use tokio::sync::{RwLock, watch};

use crate::clock::Moment;
use crate::limits::Limits;
use crate::relay::pace::Pace;
use crate::relay::range::Range;
use crate::store::is_served;

const RING_ENTRIES: usize = 64;
const RING_BYTES: usize = 128 * 1024;

/// What followers wait for.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Tip {
    /// Newest position this process knows.
    pub(crate) newest: Position,
    /// Moves when the guard changes in more than its newest position.
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
struct Ring {
    entries: VecDeque<Fresh>,
    bytes: usize,
}

/// A channel that is in use.
pub(crate) struct Live {
    pace: Mutex<Pace>,
    /// Whoever changes the guard writes, whoever appends a plain entry reads: no change undoes another, and the
    /// position of a cut is known before it is stored.
    pub(crate) turn: RwLock<()>,
    tip: watch::Sender<Tip>,
    ring: Mutex<Ring>,
    budget: Arc<Budget>,
}

impl Live {
    fn new(limits: &Limits, budget: Arc<Budget>, now: Moment) -> Self {
        Self {
            pace: Mutex::new(Pace::new(limits, now)),
            turn: RwLock::new(()),
            tip: watch::Sender::new(Tip::default()),
            ring: Mutex::new(Ring::default()),
            budget,
        }
    }

    /// Its pace; never hold it over an await.
    pub(crate) fn pace(&self) -> MutexGuard<'_, Pace> {
        locked(&self.pace)
    }

    /// From now on.
    pub(crate) fn follow(&self) -> watch::Receiver<Tip> {
        self.tip.subscribe()
    }

    /// Whether somebody follows.
    pub(crate) fn is_followed(&self) -> bool {
        self.tip.receiver_count() > 0
    }

    /// Hands an entry that is durable to the followers.
    pub(crate) fn publish(&self, fresh: Fresh) {
        let position = fresh.position;
        let turned = fresh.flag.moves();
        self.keep(fresh);
        self.tip.send_modify(|tip| {
            tip.newest = tip.newest.max(position);
            if turned {
                tip.guard = tip.guard.wrapping_add(1);
            }
        });
    }

    /// Whether the channel was deleted since.
    pub(crate) fn is_gone(&self) -> bool {
        self.tip.borrow().gone
    }

    /// The guard has changed, and with it perhaps what may still be read.
    pub(crate) fn changed(&self) {
        self.empty(&mut locked(&self.ring));
        self.tip.send_modify(|tip| tip.guard = tip.guard.wrapping_add(1));
    }

    /// The channel is gone.
    pub(crate) fn gone(&self) {
        self.tip.send_modify(|tip| tip.gone = true);
    }

    /// Fresh entries right after a position and inside the range, without a gap, up to and with the first
    /// cut. Empty if the next one is not at hand.
    pub(crate) fn fresh_after(&self, after: Position, range: Range, most: usize, now: Hours) -> Vec<Fresh> {
        let ring = locked(&self.ring);
        let mut next = after.next();
        let mut bytes = 0;
        let mut taken = Vec::new();
        for fresh in ring.entries.iter().filter(|fresh| fresh.position > after) {
            let stop = fresh.position != next
                || !range.holds(next)
                || !is_served(fresh.expires, now)
                || bytes >= most;
            if stop {
                break;
            }
            bytes += fresh.frame.len();
            next = next.next();
            taken.push(fresh.clone());
            if fresh.flag == Flag::Cut {
                break;
            }
        }
        taken
    }

    fn keep(&self, fresh: Fresh) {
        let mut ring = locked(&self.ring);
        let size = fresh.frame.len();
        if !self.is_followed() || !self.budget.take(size) {
            // Followers find a gap and read it from the store.
            self.empty(&mut ring);
            return;
        }
        let place = ring
            .entries
            .partition_point(|other| other.position < fresh.position);
        ring.entries.insert(place, fresh);
        ring.bytes += size;
        while ring.entries.len() > RING_ENTRIES || (ring.bytes > RING_BYTES && ring.entries.len() > 1) {
            let Some(old) = ring.entries.pop_front() else {
                break;
            };
            ring.bytes -= old.frame.len();
            self.budget.give(old.frame.len());
        }
    }

    fn empty(&self, ring: &mut Ring) {
        self.budget.give(ring.bytes);
        *ring = Ring::default();
    }

    /// Forgets fresh entries that nobody follows.
    fn rest(&self) {
        if !self.is_followed() {
            self.empty(&mut locked(&self.ring));
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let bytes = locked(&self.ring).bytes;
        self.budget.give(bytes);
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

    /// The channel was deleted: whoever creates it again starts afresh.
    pub(crate) fn forget(&self, channel: &ChannelId) {
        locked(&self.map).remove(channel);
    }

    /// Lets go of channels that nobody has open and whose pace no longer matters.
    pub(crate) fn sweep(&self, now: Moment) {
        locked(&self.map).retain(|_, live| {
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

    fn fresh(position: u64, flag: Flag, size: usize) -> Fresh {
        Fresh {
            position: Position(position),
            flag,
            expires: Hours(10),
            frame: vec![0; size].into(),
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
        Lives::new(&limits).of(ChannelId([1; 32]), &limits, Moment(0))
    }

    #[test]
    fn fresh_entries_come_in_order_whatever_order_they_were_acknowledged_in() {
        let live = live(1 << 20);
        let _follower = live.follow();
        live.publish(fresh(6, Flag::Plain, 10));
        assert!(positions(&live, 4).is_empty());
        live.publish(fresh(5, Flag::Plain, 10));
        assert_eq!(positions(&live, 4), [5, 6]);
        assert_eq!(positions(&live, 5), [6]);
        assert!(positions(&live, 3).is_empty());
    }

    #[test]
    fn a_batch_ends_with_a_cut_and_stays_in_its_range() {
        let live = live(1 << 20);
        let _follower = live.follow();
        for (position, flag) in [(1, Flag::Plain), (2, Flag::Cut), (3, Flag::Plain)] {
            live.publish(fresh(position, flag, 10));
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
    fn what_expired_or_was_trimmed_is_no_longer_fresh() {
        let live = live(1 << 20);
        let _follower = live.follow();
        live.publish(fresh(1, Flag::Plain, 10));
        assert_eq!(positions(&live, 0), [1]);
        assert!(
            live.fresh_after(Position(0), ALL, usize::MAX, Hours(11))
                .is_empty()
        );
        live.changed();
        assert!(positions(&live, 0).is_empty());
        assert_eq!(live.budget.left.load(Ordering::Relaxed), 1 << 20);
    }

    #[test]
    fn fresh_entries_never_outgrow_their_bounds() {
        let live = live(1 << 20);
        let _follower = live.follow();
        for position in 1..=500 {
            live.publish(fresh(position, Flag::Plain, 10_000));
        }
        let kept = locked(&live.ring).bytes;
        assert!(kept <= RING_BYTES, "{kept}");
        assert_eq!(live.budget.left.load(Ordering::Relaxed), (1 << 20) - kept);
        assert!(positions(&live, 10).is_empty());
    }

    #[test]
    fn without_budget_or_followers_nothing_is_kept() {
        let poor = live(15_000);
        let _follower = poor.follow();
        poor.publish(fresh(1, Flag::Plain, 10_000));
        poor.publish(fresh(2, Flag::Plain, 10_000));
        assert_eq!(locked(&poor.ring).bytes, 0);
        assert_eq!(poor.budget.left.load(Ordering::Relaxed), 15_000);
        let lonely = live(15_000);
        lonely.publish(fresh(1, Flag::Plain, 10_000));
        assert_eq!(locked(&lonely.ring).bytes, 0);
    }
}
