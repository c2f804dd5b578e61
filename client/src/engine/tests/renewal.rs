//! Whoever lost their state comes back by themselves.

use caucus_proto::org::{Deed, Denied};

use super::world::World;
use crate::engine::record::{Health, Item};

fn is_unsynced(world: &mut World, n: usize) -> bool {
    matches!(world.room(n).cursor().health, Health::Unsynced { .. })
}

#[test]
fn a_device_that_lost_its_group_is_renewed_and_what_waited_is_sent_once() {
    let mut world = World::cell(&["ana", "ben", "cem"]);
    world.say(1, "before");
    world.settle();
    world.say(1, "waits");
    world.people[1].lose_group();
    assert!(is_unsynced(&mut world, 1));
    assert!(world.room(1).may_act().is_err(), "it may read, not act");
    world.say(0, "meanwhile");
    world.settle();
    assert!(!is_unsynced(&mut world, 1));
    world.say(1, "after");
    world.settle_attested();
    world.check();
    let office = world.room(0).state().keyholders();
    let ben = world.people[1].id();
    assert!(office.contains(&ben), "renewal takes nobody's office");
    assert_eq!(
        world.room(2).group().unwrap().roster().len(),
        3,
        "the lost leaf is removed"
    );
    assert_eq!(world.room(0).state().unexecuted().count(), 0);
}

#[test]
fn a_vault_of_yesterday_heals_before_it_sends_and_uses_no_ratchet_key_twice() {
    let mut world = World::cell(&["ana", "ben", "cem"]);
    world.say(1, "one");
    world.settle();
    let yesterday = world.people[1].copy();
    world.say(1, "two");
    world.say(1, "three");
    world.settle_attested();
    let newest = world.channel.newest();
    world.people[1].put_back(&yesterday);
    let said_before = world.channel.newest();
    assert_eq!(newest, said_before);
    world.say(1, "four");
    // It reads to the end before it sends: what it finds there are words of its own.
    world.read(1, usize::MAX).unwrap();
    assert!(is_unsynced(&mut world, 1));
    assert_eq!(world.outgoing(1).unwrap(), None);
    world.settle_attested();
    world.check();
    let log = world.room(0).log_after(newest, usize::MAX).unwrap();
    let said: Vec<_> = log
        .iter()
        .filter_map(|(_, record)| match &record.item {
            Item::Said(text) => Some(text.as_str()),
            Item::NoOp(denied) => panic!("an entry that nobody could open: {denied}"),
            _ => None,
        })
        .collect();
    assert_eq!(said, ["four"]);
}

#[test]
fn one_who_was_away_longer_than_the_entries_live_is_told_how_much_was_missed() {
    let mut world = World::cell(&["ana", "ben", "cem"]);
    world.settle_attested();
    let away = world.people[2].room.take();
    for n in 0..5 {
        world.say(0, &format!("text {n}"));
        world.settle();
    }
    let gone = world.people[2].id();
    let stood = away.as_ref().unwrap().cursor().position;
    world.people[2].room = away;
    // The relay has forgotten the first of what cem did not read.
    let expired = usize::try_from(stood.0).unwrap()..usize::try_from(stood.0).unwrap() + 3;
    world.channel.expired = expired;
    world.settle();
    assert!(!is_unsynced(&mut world, 2));
    let record = world.room(2).record().clone();
    let (_, first) = world.room(2).log_after(stood, 1).unwrap().pop().unwrap();
    let missed = record.joined_at.0 - stood.0 - 1;
    assert_eq!(
        first.item,
        Item::Event(format!(
            "this device was renewed; {missed} entries before were missed"
        ))
    );
    world.say(2, "back");
    world.settle_attested();
    world.check();
    assert!(world.room(0).state().person(&gone).unwrap().is_present());
}

#[test]
fn nobody_online_but_one_without_an_office_is_enough() {
    let mut world = World::cell(&["ana", "ben", "cem", "dora"]);
    world.settle_attested();
    // Both keyholders are away.
    let ana = world.people[0].room.take();
    let ben = world.people[1].room.take();
    world.people[2].lose_group();
    world.settle();
    assert!(!is_unsynced(&mut world, 2));
    world.say(2, "thanks, dora");
    world.settle();
    world.people[0].room = ana;
    world.people[1].room = ben;
    world.settle_attested();
    world.check();
}

#[test]
fn all_but_one_lose_their_state_and_come_back() {
    let mut world = World::cell(&["ana", "ben", "cem", "dora"]);
    world.settle_attested();
    for n in 1..4 {
        world.people[n].lose_group();
    }
    world.settle();
    for n in 0..4 {
        assert!(!is_unsynced(&mut world, n));
        world.say(n, &format!("{n} is here"));
    }
    world.settle_attested();
    world.check();
}

#[test]
fn a_request_of_another_or_an_old_one_evicts_nobody() {
    let mut world = World::cell(&["ana", "ben", "cem"]);
    let yesterday = world.people[1].copy();
    world.say(1, "today");
    world.settle_attested();
    world.people[1].put_back(&yesterday);
    world.settle_attested();
    assert!(!is_unsynced(&mut world, 1));
    let asked: Vec<_> = world
        .channel
        .entries
        .iter()
        .map(|entry| entry.bytes.clone())
        .collect();
    let ben = world.people[1].id();
    let before = world.room(0).state().person(&ben).unwrap().renewed;
    // An insider puts every entry of the past, the request among them, into the log once more.
    for bytes in asked {
        world.channel.force(caucus_proto::wire::Flag::Plain, &bytes);
    }
    world.settle_attested();
    let person = world.room(0).state().person(&ben).unwrap().clone();
    assert_eq!(person.renewed, before);
    assert!(person.wants.is_none());
    world.check();
    // Nor does anybody's commit without a request.
    let cem = world.people[2].id();
    let refused = world.room(0).state().judge_commit(
        &cem,
        &caucus_proto::org::CommitOps {
            adds: vec![caucus_proto::org::SeatAdded {
                persona: ben,
                key_package: [1; 32],
                leaf: [2; 32],
                key: person.key,
            }],
            ..caucus_proto::org::CommitOps::default()
        },
    );
    assert_eq!(refused, Err(Denied::NoRenewal));
    assert!(
        world
            .submit(
                0,
                &Deed::Renew {
                    persona: ben,
                    key_package: [1; 32]
                }
            )
            .is_err()
    );
}

#[test]
fn a_live_device_contradicts_a_request_in_its_name_that_it_did_not_make() {
    let mut world = World::cell(&["ana", "ben", "cem"]);
    world.say(1, "here");
    world.settle_attested();
    let live = world.people[1].copy();
    // Somebody with ben's keys asks to be renewed in his place.
    world.people[1].lose_group();
    world.read(1, usize::MAX).unwrap();
    assert!(world.ask(1).unwrap());
    world.people[1].put_back(&live);
    let ben = world.people[1].id();
    let before = world.room(0).state().person(&ben).unwrap().renewed;
    world.settle_attested();
    assert!(!is_unsynced(&mut world, 1));
    let person = world.room(0).state().person(&ben).unwrap();
    assert_eq!(person.renewed, before, "the live leaf stays");
    assert!(person.wants.is_none());
    world.say(1, "still here");
    world.settle_attested();
    world.check();
}
