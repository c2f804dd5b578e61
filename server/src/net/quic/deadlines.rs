//! When which connection must be looked at.
//!
//! A deadline that moved to a later time is not moved here: the old one comes, and the later one is found then. So sending a
//! packet and taking its acknowledgement mostly touch nothing.

use std::collections::BTreeSet;
use std::time::Instant;

use quinn_proto::ConnectionHandle;

#[derive(Default)]
pub(super) struct Deadlines(BTreeSet<(Instant, usize)>);

impl Deadlines {
    /// The next one.
    pub(super) fn first(&self) -> Option<Instant> {
        self.0.first().map(|(when, _)| *when)
    }

    /// Takes one that has come.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<ConnectionHandle> {
        if self.first()? > now {
            return None;
        }
        self.0.pop_first().map(|(_, handle)| ConnectionHandle(handle))
    }

    /// Sees to it that a connection is looked at in time. `armed` is what stands for it here.
    pub(super) fn arm(
        &mut self,
        handle: ConnectionHandle,
        armed: &mut Option<Instant>,
        due: Option<Instant>,
    ) {
        if let (Some(armed), Some(due)) = (*armed, due)
            && armed <= due
        {
            return;
        }
        if let Some(old) = armed.take() {
            self.0.remove(&(old, handle.0));
        }
        if let Some(due) = due {
            self.0.insert((due, handle.0));
            *armed = Some(due);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_deadline_that_moves_to_a_later_time_comes_when_the_first_one_does_and_an_earlier_one_replaces_it() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let (mut deadlines, handle, mut armed) = (Deadlines::default(), ConnectionHandle(7), None);
        deadlines.arm(handle, &mut armed, Some(at(10)));
        deadlines.arm(handle, &mut armed, Some(at(20)));
        assert_eq!(deadlines.first(), Some(at(10)));
        deadlines.arm(handle, &mut armed, Some(at(5)));
        assert_eq!((deadlines.first(), deadlines.0.len()), (Some(at(5)), 1));
        assert_eq!(deadlines.take_due(at(4)), None);
        assert_eq!(deadlines.take_due(at(5)), Some(handle));
        assert_eq!(deadlines.first(), None);
        armed = None;
        deadlines.arm(handle, &mut armed, Some(at(30)));
        deadlines.arm(handle, &mut armed, None);
        assert_eq!((deadlines.first(), armed), (None, None));
    }
}
