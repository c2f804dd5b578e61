//! A commit that only some can process: heads decide whether it stands, and nobody is out for good.

use caucus_proto::envelope::Body;
use caucus_proto::id::{Minutes, Position};
use caucus_proto::org::Denied;
use caucus_proto::wire::Flag;

use super::world::World;
use crate::engine::record::{Health, Item};
use crate::mls::tests::raw::split_commit;

const EVERYBODY: &[usize] = &[0, 1, 2, 3];

/// Ana, ben, cem and dora, and mal, who is about to lie.
pub(super) fn five() -> World {
    let mut world = World::cell(&["ana"]);
    for name in ["ben", "cem", "dora", "mal"] {
        let n = world.apply(name);
        world.admit(n);
        world.settle();
        // Nobody renews keys by themselves: then mal seals a path secret for each, in their order.
        world.room(n).cursor.refresh = Minutes(u64::MAX);
    }
    world.settle_attested();
    world
}

/// Mal commits what these cannot process; from then on mal is silent.
fn mal_splits(world: &mut World, lied_to: &'static [usize]) -> Position {
    let minutes = world.now.minutes;
    let mal = world.room(4);
    let vault = mal.vault.clone();
    let overlay = vault.overlay();
    let (bytes, _) = split_commit(mal.group().unwrap(), &overlay, lied_to);
    overlay.commit().unwrap();
    let bytes = mal.entry(Body::Mls(bytes), minutes, true).unwrap();
    let at = world.channel.force(Flag::Advance, &bytes);
    world.people[4].room = None;
    at
}

fn holding(world: &mut World) -> Vec<usize> {
    (0..4)
        .filter(|n| matches!(world.room(*n).cursor().health, Health::Holding { .. }))
        .collect()
}

fn read_all(world: &mut World) {
    for n in 0..4 {
        world.read(n, usize::MAX).unwrap();
    }
}

#[test]
fn one_who_cannot_process_what_all_others_can_is_renewed() {
    let mut world = five();
    mal_splits(&mut world, &[2]);
    read_all(&mut world);
    let [alone] = holding(&mut world)[..] else {
        panic!("one holds")
    };
    let other = (alone + 1) % 4;
    assert!(world.room(alone).may_act().is_err());
    world.say(other, "we go on");
    world.settle();
    for _ in 0..20 {
        world.pass(20 * 60 * 1000);
        world.settle();
    }
    assert!(holding(&mut world).is_empty());
    world.say(alone, "back");
    world.settle_attested();
    world.check();
}

/// Three hold, and one is in an epoch that will have been void.
pub(super) fn one_against_three(world: &mut World) -> (usize, Position) {
    let at = mal_splits(world, &[1, 2, 3]);
    read_all(world);
    let holds = holding(world);
    assert_eq!(holds.len(), 3);
    let alone = (0..4).find(|n| !holds.contains(n)).unwrap();
    let epoch = world.room(holds[0]).epoch();
    assert_eq!(world.room(alone).epoch(), epoch + 1);
    (alone, at)
}

#[test]
fn a_commit_that_most_cannot_process_is_void_and_those_who_could_go_back() {
    let mut world = five();
    let (alone, at) = one_against_three(&mut world);
    // They do not know yet that they are alone.
    world.say(alone, "in the wrong epoch");
    world.step(alone).unwrap();
    world.read(alone, usize::MAX).unwrap();
    let (_, newest) = world.room(alone).log_before(Position(u64::MAX), 1).unwrap()[0].clone();
    assert!(matches!(newest.item, Item::Said(_)));
    world.settle();
    assert!(holding(&mut world).is_empty());
    let epochs: Vec<_> = (0..4).map(|n| world.room(n).epoch()).collect();
    assert!(epochs.iter().all(|epoch| *epoch == epochs[0]), "{epochs:?}");
    let item = world.room(alone).log_at(at).unwrap().unwrap().item;
    assert_eq!(item, Item::NoOp(Denied::Disputed));
    world.say((alone + 1) % 4, "all here");
    world.settle_attested();
    world.check();
}

#[test]
fn a_commit_that_nobody_can_process_costs_one_entry_and_a_few_words() {
    let mut world = five();
    let at = mal_splits(&mut world, EVERYBODY);
    read_all(&mut world);
    assert_eq!(holding(&mut world), [0, 1, 2, 3]);
    world.settle();
    assert!(holding(&mut world).is_empty());
    assert!(world.channel.newest().0 <= at.0 + 4, "a complaint each at most");
    world.say(0, "that was all");
    world.settle_attested();
    world.check();
}

#[test]
fn whoever_holds_or_is_alone_may_end_and_start_again_at_any_time() {
    let mut world = five();
    let (alone, _) = one_against_three(&mut world);
    for n in 0..4 {
        world.people[n].reopen();
        world.read(n, usize::MAX).unwrap();
    }
    assert_eq!(holding(&mut world).len(), 3);
    world.say(alone, "meanwhile");
    for n in 0..4 {
        world.step(n).unwrap();
        world.people[n].reopen();
        world.read(n, usize::MAX).unwrap();
        world.people[(n + 1) % 4].restart();
    }
    world.settle();
    assert!(holding(&mut world).is_empty());
    world.say((alone + 1) % 4, "and on");
    world.settle_attested();
    world.check();
}

/// Mal says of an entry that they cannot process it; ben carries it in, as he would from the refuge.
fn mal_complains(world: &mut World, at: Position) {
    let minutes = world.now.minutes;
    let entry = caucus_proto::id::EntryHash::of(&world.channel.entries[at.0 as usize - 1].bytes);
    let mal = world.people[4].id();
    let keys = crate::mls::PersonaKeys::from_bytes(&world.people[4].key.0);
    let room = world.room(1);
    let notice = caucus_proto::org::Notice {
        kind: caucus_proto::org::NoticeKind::Complaint { position: at, entry },
        nonce: caucus_proto::id::Nonce([1; 16]),
    };
    let digest = caucus_proto::org::SignedNotice::digest(&room.id(), &mal, &notice);
    let notice = caucus_proto::org::SignedNotice {
        author: mal,
        notice,
        signature: keys.sign(&digest),
    };
    let bytes = room.entry(Body::Notice(notice), minutes, true).unwrap();
    world.channel.force(Flag::Plain, &bytes);
}

#[test]
fn a_false_complaint_delays_no_renewal_while_half_of_the_room_sleeps() {
    let mut world = five();
    world.settle_attested();
    let asleep = [world.people[2].room.take(), world.people[3].room.take()];
    world.people[4].room = None;
    world.people[1].lose_group();
    world.settle();
    let ben = world.people[1].id();
    let renewed = world.room(0).state().person(&ben).unwrap().renewed;
    mal_complains(&mut world, renewed);
    world.settle();
    let text = "back, whatever mal says";
    world.say(1, text);
    world.settle();
    assert!(world.texts().contains(text));
    for n in [0, 1] {
        let room = world.room(n);
        assert_eq!(room.cursor().health, Health::Open);
        assert!(room.doubts.iter().all(|doubt| doubt.position() != renewed));
        assert_eq!(room.state().person(&ben).unwrap().renewed, renewed);
    }
    for (n, room) in [2, 3].into_iter().zip(asleep) {
        world.people[n].room = room;
    }
    world.settle_attested();
    world.check();
}

#[test]
fn a_false_complaint_stops_nobody() {
    let mut world = five();
    world.people[4].room = None;
    // Ana's own commit is fine; mal says that it is not.
    let (epoch, minutes) = (world.room(0).epoch(), world.now.minutes);
    world.room(0).cursor.refresh = minutes;
    world.settle();
    assert_eq!(world.room(1).epoch(), epoch + 1);
    let at = world.channel.newest();
    mal_complains(&mut world, at);
    world.say(2, "never mind");
    world.settle();
    assert!(holding(&mut world).is_empty());
    assert!((0..4).all(|n| world.people[n].room.as_ref().unwrap().epoch() > epoch));
    world.settle_attested();
    world.check();
    assert!((0..4).all(|n| world.people[n].room.as_ref().unwrap().doubts.is_empty()));
}
