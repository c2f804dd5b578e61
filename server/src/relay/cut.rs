//! `Cut`: an entry of a keyholder that moves the counter and turns the keys.

use caucus_proto::id::{Counter, Position};
use caucus_proto::wire::{Access, Control, RefusedBecause, SegmentReader, bucket};

use crate::relay::append::Scene;
use crate::relay::guard::{Guard, SEGMENT_READERS, SEGMENTS, Segment};
use crate::relay::pace::{Deed, Pace};
use crate::relay::quota::{Share, fits};
use crate::relay::stop::Stop;

/// What is asked.
#[derive(Clone, Copy)]
pub struct Cutting<'a> {
    /// The control's key.
    pub control: &'a Control,
    /// The counter it names.
    pub counter: Counter,
    /// Bytes of the entry.
    pub size: usize,
    /// Keys from here on.
    pub access: &'a Access,
    /// Read keys for earlier segments.
    pub readers: &'a [SegmentReader],
}

/// The guard after the cut, if it may land. `oldest` is the channel's oldest living entry, or the position
/// after its newest: segments that end before it are forgotten. The cut of another's hold is not bound by it.
///
/// # Errors
/// `NoBucket`, `HandleEnded`, `Moved`, `TooFast`, `NotAllowed` or `ChannelFull`, in this order.
pub fn cut(scene: &Scene<'_>, asked: &Cutting<'_>, pace: &Pace, oldest: Position) -> Result<Guard, Stop> {
    let guard = scene.guard;
    if !bucket::is_bucket(asked.size) {
        return Err(RefusedBecause::NoBucket.into());
    }
    if guard.slot(asked.control).is_none() {
        return Err(RefusedBecause::HandleEnded.into());
    }
    if guard.counter != asked.counter {
        return Err(Stop::moved(guard));
    }
    pace.may(asked.control, Deed::Cut, scene.now)?;
    let turned = asked.access.append != guard.access.append
        && asked.access.read != guard.access.read
        && asked.access.append != asked.access.read;
    if !turned {
        return Err(RefusedBecause::NotAllowed.into());
    }
    fits(scene.usage, asked.size, Share::Control, scene.limits)?;
    let position = guard.newest.next();
    let mut segments = with_readers(&guard.segments, asked.readers)?;
    if let Some(current) = segments.last_mut() {
        current.last = Some(position);
    }
    segments.retain(|segment| segment.last.is_none_or(|last| last >= oldest));
    segments.push(Segment {
        readers: vec![asked.access.read],
        first: position.next(),
        last: None,
    });
    let excess = segments.len().saturating_sub(SEGMENTS);
    segments.drain(..excess);
    Ok(Guard {
        counter: guard.counter.next(),
        newest: position,
        access: *asked.access,
        segments,
        ..guard.clone()
    })
}

/// Notes that a cut was stored.
pub fn stored(pace: &mut Pace, control: &Control, now: crate::clock::Moment) {
    pace.did(control, Deed::Cut, now);
    pace.release(control);
}

fn with_readers(segments: &[Segment], added: &[SegmentReader]) -> Result<Vec<Segment>, RefusedBecause> {
    let mut segments = segments.to_vec();
    for reader in added {
        let segment = segments
            .iter_mut()
            .find(|segment| segment.first == reader.first)
            .ok_or(RefusedBecause::NotAllowed)?;
        if segment.readers.contains(&reader.read) {
            continue;
        }
        if segment.readers.len() >= SEGMENT_READERS {
            return Err(RefusedBecause::NotAllowed);
        }
        segment.readers.push(reader.read);
    }
    Ok(segments)
}

#[cfg(test)]
mod tests {
    use caucus_proto::wire::Role;

    use super::*;
    use crate::clock::Moment;
    use crate::limits::Limits;
    use crate::relay::range::{Range, readable};
    use crate::relay::sample::{APPEND, CONTROL, READ, guard, other_control};
    use crate::store::ChannelUsage;

    struct World {
        guard: Guard,
        limits: Limits,
        pace: Pace,
        now: Moment,
    }

    impl World {
        fn new() -> Self {
            let limits = Limits::default();
            let pace = Pace::new(&limits, Moment(0));
            let guard = guard();
            Self {
                guard,
                limits,
                pace,
                now: Moment(0),
            }
        }

        fn cut(
            &mut self,
            control: &Control,
            counter: u64,
            key: u8,
            readers: &[SegmentReader],
        ) -> Result<(), Stop> {
            let access = Access {
                append: [key; 32],
                read: [key + 1; 32],
            };
            let scene = Scene {
                guard: &self.guard,
                usage: ChannelUsage::default(),
                limits: &self.limits,
                now: self.now,
            };
            let asked = Cutting {
                control,
                counter: Counter(counter),
                size: 1024,
                access: &access,
                readers,
            };
            let after = cut(&scene, &asked, &self.pace, Position(0))?;
            stored(&mut self.pace, control, self.now);
            self.guard = after;
            Ok(())
        }
    }

    #[test]
    fn a_cut_turns_the_keys_and_begins_a_segment_after_itself() {
        let mut world = World::new();
        world.guard.newest = Position(4);
        world.cut(&CONTROL, 0, 100, &[]).unwrap();
        let guard = &world.guard;
        assert_eq!(guard.counter, Counter(1));
        assert_eq!(guard.newest, Position(5));
        assert!(!guard.opens(Role::Append, &APPEND));
        assert!(guard.opens(Role::Append, &[100; 32]));
        // Who could read before reads up to the cut itself, which tells that there was one, and no further.
        let old = readable(guard, Role::Read, &READ);
        let expected = Range {
            first: Position(1),
            last: Some(Position(5)),
        };
        assert_eq!(old, [expected]);
        let new = readable(guard, Role::Read, &[101; 32]);
        assert_eq!(
            new,
            [Range {
                first: Position(6),
                last: None
            }]
        );
    }

    #[test]
    fn each_control_cuts_once_in_ten_minutes_and_does_not_bind_the_others() {
        let mut world = World::new();
        world.cut(&CONTROL, 0, 100, &[]).unwrap();
        let again = world.cut(&CONTROL, 1, 110, &[]);
        assert_eq!(again, Err(RefusedBecause::TooFast { retry_ms: 600_000 }.into()));
        world.cut(&other_control(), 1, 120, &[]).unwrap();
        world.now = Moment(600_000);
        world.cut(&CONTROL, 2, 130, &[]).unwrap();
    }

    #[test]
    fn a_hold_ends_with_its_cut_and_not_with_anothers() {
        let mut world = World::new();
        world.pace.hold(CONTROL, Moment(60_000));
        world.cut(&other_control(), 0, 100, &[]).unwrap();
        assert!(world.pace.held(world.now).is_some());
        world.cut(&CONTROL, 1, 110, &[]).unwrap();
        assert!(world.pace.held(world.now).is_none());
    }

    #[test]
    fn a_cut_may_add_two_read_keys_to_a_segment_and_replaces_none() {
        let mut world = World::new();
        world.guard.newest = Position(4);
        world.cut(&CONTROL, 0, 100, &[]).unwrap();
        let add = |first, key| SegmentReader {
            first: Position(first),
            read: [key; 32],
        };
        world.now = Moment(600_000);
        world
            .cut(
                &CONTROL,
                1,
                110,
                &[add(1, 50), add(1, 51), add(1, 50), add(6, 50)],
            )
            .unwrap();
        for key in [READ, [50; 32], [51; 32]] {
            assert!(world.guard.opens(Role::Read, &key));
        }
        assert_eq!(readable(&world.guard, Role::Read, &[50; 32]).len(), 2);
        world.now = Moment(1_200_000);
        let fourth = world.cut(&CONTROL, 2, 120, &[add(1, 52)]);
        assert_eq!(fourth, Err(RefusedBecause::NotAllowed.into()));
        let nowhere = world.cut(&CONTROL, 2, 120, &[add(3, 52)]);
        assert_eq!(nowhere, Err(RefusedBecause::NotAllowed.into()));
    }

    #[test]
    fn a_cut_that_turns_nothing_is_not_allowed() {
        let mut world = World::new();
        world.guard.access.append = [100; 32];
        let same = world.cut(&CONTROL, 0, 100, &[]);
        assert_eq!(same, Err(RefusedBecause::NotAllowed.into()));
    }

    #[test]
    fn a_guard_does_not_grow_without_end() {
        let mut world = World::new();
        for counter in 0..2 * SEGMENTS as u64 {
            world.now = world.now.plus(600_000);
            let key = if counter % 2 == 0 { 100 } else { 110 };
            world.cut(&CONTROL, counter, key, &[]).unwrap();
        }
        assert_eq!(world.guard.segments.len(), SEGMENTS);
        assert!(world.guard.segments.last().unwrap().last.is_none());
    }
}
