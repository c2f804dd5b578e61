//! `Append` and `Advance`: entries by whoever holds the append key.

use caucus_proto::id::{Counter, Hours};
use caucus_proto::wire::{Flag, RefusedBecause, bucket};

use crate::clock::Moment;
use crate::limits::Limits;
use crate::relay::guard::Guard;
use crate::relay::pace::Pace;
use crate::relay::quota::{Share, fits};
use crate::relay::stop::Stop;
use crate::store::ChannelUsage;

/// A channel as a rule sees it.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// Its guard.
    pub guard: &'a Guard,
    /// What it holds.
    pub usage: ChannelUsage,
    /// The relay's limits.
    pub limits: &'a Limits,
    /// Now.
    pub now: Moment,
}

/// An entry that somebody wants stored.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// The key of the handle.
    pub key: &'a [u8; 32],
    /// The counter it names.
    pub counter: Counter,
    /// Bytes.
    pub size: usize,
    /// Whether the connection has a handle of the control that holds the channel: a hold binds others.
    pub holder: bool,
}

/// Whether a plain entry may be stored.
///
/// # Errors
/// `Moved` or the reason of the refusal; see [`may_enter`].
pub fn append(scene: &Scene<'_>, wanted: &Wanted<'_>, pace: &mut Pace) -> Result<(), Stop> {
    may_enter(scene, wanted, pace)?;
    Ok(pace.append(scene.now)?)
}

/// What appends and advances have in common; how fast advances may go, [`Pace::advance`] says.
///
/// # Errors
/// `NoBucket`, `HandleEnded`, `Moved`, `Held` or `ChannelFull`, in this order.
pub fn may_enter(scene: &Scene<'_>, wanted: &Wanted<'_>, pace: &Pace) -> Result<(), Stop> {
    if !bucket::is_bucket(wanted.size) {
        return Err(RefusedBecause::NoBucket.into());
    }
    if !scene.guard.opens(caucus_proto::wire::Role::Append, wanted.key) {
        return Err(RefusedBecause::HandleEnded.into());
    }
    if scene.guard.counter != wanted.counter {
        return Err(Stop::moved(scene.guard));
    }
    if let Some(hold) = pace.held(scene.now).filter(|_| !wanted.holder) {
        let retry_ms = scene.now.until(hold.until);
        return Err(RefusedBecause::Held { retry_ms }.into());
    }
    Ok(fits(scene.usage, wanted.size, Share::Ordinary, scene.limits)?)
}

/// The guard after an advance.
#[must_use]
pub fn advanced(guard: &Guard) -> Guard {
    Guard {
        counter: guard.counter.next(),
        newest: guard.newest.next(),
        ..guard.clone()
    }
}

/// The hour at which an entry ends for readers.
#[must_use]
pub fn expiry(guard: &Guard, flag: Flag, now: Hours) -> Hours {
    let life = if flag.moves() { guard.flagged } else { guard.plain };
    Hours(now.0.saturating_add(life.hours()))
}

#[cfg(test)]
mod tests {
    use caucus_proto::id::Position;

    use super::*;
    use crate::relay::sample::{APPEND, guard};

    fn setting() -> (Guard, Limits, Pace) {
        let limits = Limits::default();
        let pace = Pace::new(&limits, Moment(0));
        (guard(), limits, pace)
    }

    fn wanted(key: &[u8; 32], counter: u64, size: usize) -> Wanted<'_> {
        Wanted {
            key,
            counter: Counter(counter),
            size,
            holder: false,
        }
    }

    #[test]
    fn an_entry_enters_with_the_right_key_counter_and_size() {
        let (guard, limits, mut pace) = setting();
        let scene = Scene {
            guard: &guard,
            usage: ChannelUsage::default(),
            limits: &limits,
            now: Moment(0),
        };
        assert_eq!(append(&scene, &wanted(&APPEND, 0, 1024), &mut pace), Ok(()));
        let no_bucket = append(&scene, &wanted(&APPEND, 0, 1000), &mut pace);
        assert_eq!(no_bucket, Err(RefusedBecause::NoBucket.into()));
        let old_key = append(&scene, &wanted(&[9; 32], 0, 1024), &mut pace);
        assert_eq!(old_key, Err(RefusedBecause::HandleEnded.into()));
        let late = append(&scene, &wanted(&APPEND, 7, 1024), &mut pace);
        let moved = Stop::Moved {
            counter: Counter(0),
            newest: Position(0),
        };
        assert_eq!(late, Err(moved));
    }

    #[test]
    fn a_hold_suspends_others_and_not_the_holder() {
        let (guard, limits, mut pace) = setting();
        let scene = Scene {
            guard: &guard,
            usage: ChannelUsage::default(),
            limits: &limits,
            now: Moment(1_000),
        };
        pace.hold([1; 32], Moment(11_000));
        let other = append(&scene, &wanted(&APPEND, 0, 1024), &mut pace);
        assert_eq!(other, Err(RefusedBecause::Held { retry_ms: 10_000 }.into()));
        let holder = Wanted {
            holder: true,
            ..wanted(&APPEND, 0, 1024)
        };
        assert_eq!(append(&scene, &holder, &mut pace), Ok(()));
        let later = Scene {
            now: Moment(11_000),
            ..scene
        };
        assert_eq!(append(&later, &wanted(&APPEND, 0, 1024), &mut pace), Ok(()));
    }

    #[test]
    fn a_flooded_channel_refuses_by_time_and_not_for_ever() {
        let (guard, limits, mut pace) = setting();
        let at = |now| Scene {
            guard: &guard,
            usage: ChannelUsage::default(),
            limits: &limits,
            now: Moment(now),
        };
        let burst = limits.channel_appends_per_second * 4;
        for _ in 0..burst {
            assert_eq!(append(&at(0), &wanted(&APPEND, 0, 1024), &mut pace), Ok(()));
        }
        let refused = append(&at(0), &wanted(&APPEND, 0, 1024), &mut pace);
        assert_eq!(refused, Err(RefusedBecause::TooFast { retry_ms: 5 }.into()));
        assert_eq!(append(&at(5), &wanted(&APPEND, 0, 1024), &mut pace), Ok(()));
    }

    #[test]
    fn flagged_entries_get_the_longer_life() {
        let (guard, ..) = setting();
        let plain = expiry(&guard, Flag::Plain, Hours(100));
        assert_eq!(plain, Hours(100 + guard.plain.hours()));
        assert_eq!(
            expiry(&guard, Flag::Cut, Hours(100)),
            Hours(100 + guard.flagged.hours())
        );
    }
}
