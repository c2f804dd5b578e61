//! When which connection must be looked at.
//!
//! A deadline that moved to a later time is moved only when the old one comes, and what is far away is rounded up, so that
//! several come together: sending a packet and taking its acknowledgement mostly touch nothing but a place in a list.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use quinn_proto::ConnectionHandle;

/// What is nearer is exact: it paces packets.
const FAR: Duration = Duration::from_millis(32);
/// What is farther away comes at a multiple of this: a loss is looked for, or a silent client let go, so much later.
const GRID_MS: u64 = 8;

pub(super) struct Deadlines {
    start: Instant,
    order: BTreeSet<(Instant, usize)>,
    /// By the number of the handle.
    places: Vec<Place>,
}

#[derive(Clone, Copy, Default)]
struct Place {
    /// What stands for it in the order.
    armed: Option<Instant>,
    /// What it waits for: not before that.
    due: Option<Instant>,
}

impl Deadlines {
    pub(super) fn new(start: Instant) -> Self {
        Self {
            start,
            order: BTreeSet::new(),
            places: Vec::new(),
        }
    }

    /// The next one.
    pub(super) fn first(&self) -> Option<Instant> {
        self.order.first().map(|(when, _)| *when)
    }

    /// Takes one that has come.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<ConnectionHandle> {
        while self.first()? <= now {
            let (_, number) = self.order.pop_first()?;
            let place = self.places.get_mut(number)?;
            place.armed = place.due.filter(|due| *due > now);
            match place.armed {
                Some(later) => {
                    self.order.insert((later, number));
                }
                None => return Some(ConnectionHandle(number)),
            }
        }
        None
    }

    /// A connection is to be looked at no later than about then.
    pub(super) fn arm(&mut self, handle: ConnectionHandle, due: Option<Instant>, now: Instant) {
        let due = due.map(|due| self.rounded(due, now));
        if self.places.len() <= handle.0 {
            self.places.resize(handle.0 + 1, Place::default());
        }
        let Some(place) = self.places.get_mut(handle.0) else {
            return;
        };
        place.due = due;
        if let (Some(armed), Some(due)) = (place.armed, due)
            && armed <= due
        {
            return;
        }
        if let Some(old) = place.armed.take() {
            self.order.remove(&(old, handle.0));
        }
        if let Some(due) = due {
            self.order.insert((due, handle.0));
            place.armed = Some(due);
        }
    }

    /// A connection is gone.
    pub(super) fn forget(&mut self, handle: ConnectionHandle) {
        self.arm(handle, None, self.start);
    }

    fn rounded(&self, due: Instant, now: Instant) -> Instant {
        if due.saturating_duration_since(now) < FAR {
            return due;
        }
        let past = due.saturating_duration_since(self.start).as_millis();
        let past = u64::try_from(past).unwrap_or(u64::MAX);
        let next = (past / GRID_MS + 1).saturating_mul(GRID_MS);
        self.start.checked_add(Duration::from_millis(next)).unwrap_or(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HANDLE: ConnectionHandle = ConnectionHandle(7);

    #[test]
    fn an_earlier_deadline_comes_at_once_and_a_later_one_when_its_own_time_has_come() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut deadlines = Deadlines::new(start);
        deadlines.arm(HANDLE, Some(at(10)), at(0));
        deadlines.arm(HANDLE, Some(at(20)), at(0));
        assert_eq!(deadlines.first(), Some(at(10)));
        assert_eq!(deadlines.take_due(at(10)), None);
        assert_eq!(deadlines.first(), Some(at(20)));
        deadlines.arm(HANDLE, Some(at(15)), at(10));
        assert_eq!((deadlines.first(), deadlines.order.len()), (Some(at(15)), 1));
        assert_eq!(deadlines.take_due(at(14)), None);
        assert_eq!(deadlines.take_due(at(15)), Some(HANDLE));
        assert_eq!(deadlines.first(), None);
        deadlines.arm(HANDLE, Some(at(30)), at(15));
        deadlines.forget(HANDLE);
        assert_eq!(deadlines.first(), None);
    }

    #[test]
    fn what_is_far_away_comes_together_and_never_early() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut deadlines = Deadlines::new(start);
        for place in 0..GRID_MS {
            let handle = ConnectionHandle(usize::try_from(place).unwrap());
            deadlines.arm(handle, Some(at(100 + place)), at(0));
        }
        let mut came = Vec::new();
        for ms in 0..200 {
            while let Some(handle) = deadlines.take_due(at(ms)) {
                came.push(ms);
                assert!(ms >= 100 + handle.0 as u64 && ms <= 100 + handle.0 as u64 + GRID_MS);
            }
        }
        came.dedup();
        assert_eq!(came, [104, 112]);
    }
}
