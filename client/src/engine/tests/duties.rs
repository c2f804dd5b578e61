//! What devices do by themselves as time goes on.

use caucus_proto::id::{Minutes, PersonaId};
use caucus_proto::org::Deed;

use super::world::World;
use crate::engine::send::Outgoing;

const HOUR: u64 = 60 * 60 * 1000;

#[test]
fn a_room_hears_about_one_heartbeat_in_ten_minutes_over_all_its_people() {
    let mut world = World::cell(&["ana", "ben", "cem"]);
    for n in 0..3 {
        let never = Minutes(u64::MAX);
        world
            .room(n)
            .move_cursor(|cursor| cursor.refresh = never)
            .unwrap();
    }
    world.settle();
    let before = world.channel.entries.len();
    for _ in 0..3 * 60 * 40 {
        world.pass(30_000);
        for n in 0..3 {
            world.read(n, 9).unwrap();
            world.step(n).unwrap();
        }
    }
    // 60 hours: 360 expected.
    let beats = world.channel.entries.len() - before;
    assert!((250..480).contains(&beats), "{beats}");
    assert!(
        world
            .channel
            .entries
            .iter()
            .rev()
            .take(100)
            .all(|entry| entry.bytes.len() == 1024)
    );
}

#[test]
fn one_who_is_alone_sends_no_heartbeats() {
    let mut world = World::cell(&["ana"]);
    for _ in 0..100 {
        world.pass(HOUR);
        assert_eq!(world.step(0).unwrap(), None);
    }
}

#[test]
fn the_keys_turn_at_least_weekly_and_the_second_leaves_it_to_the_first_for_an_hour() {
    let mut world = World::cell(&["ana", "ben", "cem"]);
    world.settle();
    for _ in 0..8 * 24 {
        world.pass(HOUR);
        world.settle();
    }
    assert_eq!(world.channel.cuts, 1);
    world.check();
    let key = world.room(1).cursor().access.clone();
    for _ in 0..8 * 24 {
        world.pass(HOUR);
        world.settle();
    }
    assert_eq!(world.channel.cuts, 2);
    assert_ne!(world.room(1).cursor().access, key);
    world.check();
}

#[test]
fn a_cut_that_the_relay_refuses_goes_as_an_advance_and_is_made_up_for_later() {
    let mut world = World::cell(&["ana", "ben", "cem"]);
    world.remove(0, 2);
    let cut = loop {
        match world.outgoing(0).unwrap() {
            Some(commit @ Outgoing::Commit { .. }) => break commit,
            Some(other) => {
                world.channel.store(&other);
                world.read(0, 9).unwrap();
            }
            None => world.pass(2_000),
        }
    };
    let Outgoing::Commit {
        bytes, cut: Some(_), ..
    } = &cut
    else {
        panic!("a removal cuts");
    };
    let until = world.now.ms + 600_000;
    world.room(0).cut_refused(until).unwrap();
    let Some(Outgoing::Commit {
        bytes: again,
        cut: None,
        ..
    }) = world.outgoing(0).unwrap()
    else {
        panic!("the same commit as an advance");
    };
    assert_eq!(*bytes, again, "only the same bytes are ever sent");
    world.step(0).unwrap();
    world.read(0, 9).unwrap();
    assert!(world.room(0).state().is_uncut());
    // Ben keeps out of it: the first keyholder's device cannot cut for now, and does when it may.
    for _ in 0..10 {
        assert_eq!(world.channel.cuts, 0);
        if let Some(outgoing) = world.outgoing(0).unwrap() {
            world.channel.store(&outgoing);
            world.read(0, 9).unwrap();
        }
        world.pass(30_000);
    }
    world.pass(600_000);
    world.settle();
    assert_eq!(world.channel.cuts, 1);
    assert!(!world.room(0).state().is_uncut());
    world.check();
}

#[test]
fn a_cut_that_landed_although_it_was_refused_afterwards_is_known() {
    let mut world = World::cell(&["ana", "ben"]);
    let now = world.now;
    world.room(0).stage_refresh(true, now).unwrap();
    let cut = world.outgoing(0).unwrap().unwrap();
    // The answer is lost; the next try is told that it comes too fast; then the log shows the first.
    world.channel.store(&cut);
    world.room(0).cut_refused(now.ms + 600_000).unwrap();
    world.people[0].restart();
    world.settle_attested();
    world.check();
    assert_eq!(world.channel.cuts, 1);
}

#[test]
fn controls_are_asked_for_once_until_the_office_changes() {
    let mut world = World::cell(&["ana", "ben", "cem"]);
    // Ben names his key: Ana asks once, whatever the relay says.
    world.room(1).name_control_key().unwrap();
    world.settle();
    let (keys, controls, solo) = world.room(0).controls_wanted().unwrap();
    assert_eq!((keys.len(), solo), (2, false));
    // Asked again before an answer, it is the very same change.
    assert_eq!(world.room(0).controls_wanted().unwrap().1, controls);
    world.room(0).controls_refused(keys);
    assert!(world.room(0).controls_wanted().is_none());
    world.settle();
    assert!(world.room(0).controls_wanted().is_none());
    // Ben leaves: the relay never took his key. Cem follows him: one change.
    world.submit(1, &Deed::Leave).unwrap();
    world.settle();
    assert!(world.room(0).controls_wanted().is_none());
    world.room(2).name_control_key().unwrap();
    world.settle();
    let (keys, ..) = world.room(0).controls_wanted().unwrap();
    assert_eq!(keys.len(), 2);
    world.room(0).controls_set(keys).unwrap();
    world.people[0].restart();
    assert!(world.room(0).controls_wanted().is_none());
}

#[test]
fn clocks_that_are_more_than_a_day_apart_are_told() {
    let mut world = World::cell(&["ana", "ben"]);
    let now = world.now.minutes;
    assert_eq!(world.room(0).clock_warning(now), None);
    let later = Minutes(now.0 + 27 * 60);
    assert!(
        world
            .room(0)
            .clock_warning(later)
            .unwrap()
            .contains("27 hours behind")
    );
    let earlier = Minutes(now.0 - 30 * 60);
    assert!(world.room(0).clock_warning(earlier).unwrap().contains("ahead of"));
}

#[test]
fn newcomers_who_cannot_be_handed_anything_hold_up_no_talk() {
    let mut world = World::cell(&["ana", "ben"]);
    let cem = world.apply("cem");
    world.admit(cem);
    world.read(0, 9).unwrap();
    world.step(0).unwrap();
    world.read(0, 9).unwrap();
    let now = world.now;
    assert!(world.room(0).stage_decided(now, true).unwrap());
    assert!(world.room(0).is_handing());
    let until = now.ms + 60_000;
    world.room(0).hand_out_refused(until).unwrap();
    assert!(!world.room(0).is_handing() && !world.room(0).group().unwrap().has_pending());
    world.say(0, "meanwhile");
    let Some(Outgoing::Append { .. }) = world.outgoing(0).unwrap() else {
        panic!("the message");
    };
    world.step(0).unwrap();
    world.pass(70_000);
    world.settle_attested();
    world.check();
    assert!(world.people[cem].room.is_some());
}

#[test]
fn whoever_executed_last_goes_on_before_the_others() {
    let mut world = World::cell(&["ana", "ben", "cem"]);
    let turns = |world: &mut World| [0, 1, 2].map(|n| world.room(n).turn());
    assert_eq!(turns(&mut world), [0, 1, 3]);
    let dia = world.apply("dia");
    world.admit(dia);
    world.read(0, 9).unwrap();
    world.step(0).unwrap();
    // Ana goes away: Ben seats Dia, and would seat the next at once.
    for _ in 0..10 {
        world.pass(1_000);
        world.read(1, 9).unwrap();
        world.step(1).unwrap();
    }
    for n in [0, 2] {
        world.read(n, 99).unwrap();
    }
    assert_eq!(turns(&mut world), [1, 0, 3]);
    world.settle_attested();
    world.check();
    assert!(world.people[dia].room.is_some());
}

#[test]
fn those_who_may_admit_share_the_requests_each_in_another_order() {
    let mut world = World::cell(&["ana", "ben"]);
    let mut first = [0; 2];
    for request in 0..64_u8 {
        let places = [0, 1].map(|n| world.room(n).place_for(&[request]));
        assert_eq!(places.iter().sum::<u32>(), 1, "{places:?}");
        first[usize::from(places[0] == 1)] += 1;
    }
    assert!(first.iter().all(|share| *share > 10), "{first:?}");
}

#[test]
fn where_many_wait_already_a_request_stays_in_its_drop() {
    let mut world = World::cell(&["ana"]);
    let cem = world.apply("cem");
    let cem = world.people[cem].id();
    let room = world.room(0);
    assert!(room.may_carry());
    let waiting = room.state.person(&cem).unwrap().clone();
    for n in 0..120 {
        room.state.people.insert(PersonaId([n; 32]), waiting.clone());
    }
    assert!(!room.may_carry());
}
