//! A commit that only some can process: heads decide whether it stands, and nobody is out for good.

use caucus_proto::envelope::{AccessSecret, Body};
use caucus_proto::id::{Minutes, Position};
use caucus_proto::org::{Denied, NoticeKind};
use caucus_proto::wire::Flag;

use super::world::World;
use crate::engine::record::{Health, Item};
use crate::engine::send::Now;
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
    mal_divides(world, lied_to, Flag::Advance)
}

fn mal_divides(world: &mut World, lied_to: &'static [usize], flag: Flag) -> Position {
    let minutes = world.now.minutes;
    let mal = world.room(4);
    let vault = mal.vault.clone();
    let overlay = vault.overlay();
    let (bytes, _) = split_commit(mal.group().unwrap(), &overlay, lied_to);
    overlay.commit().unwrap();
    let bytes = mal.entry(Body::Mls(bytes), minutes, true).unwrap();
    let at = world.channel.force(flag, &bytes);
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

/// Mal says of an entry that they cannot process it; somebody carries it in, as they would from the refuge.
fn mal_complains(world: &mut World, by: usize, at: Position) {
    let minutes = world.now.minutes;
    let entry = caucus_proto::id::EntryHash::of(&world.channel.entries[at.0 as usize - 1].bytes);
    let mal = world.people[4].id();
    let keys = crate::mls::PersonaKeys::from_bytes(&world.people[4].key.0);
    let room = world.room(by);
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
    mal_complains(&mut world, 1, renewed);
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
    mal_complains(&mut world, 0, at);
    world.say(2, "never mind");
    world.settle();
    assert!(holding(&mut world).is_empty());
    assert!((0..4).all(|n| world.people[n].room.as_ref().unwrap().epoch() > epoch));
    world.settle_attested();
    world.check();
    assert!((0..4).all(|n| world.people[n].room.as_ref().unwrap().doubts.is_empty()));
}

#[test]
fn who_joined_behind_a_commit_that_is_found_void_is_let_in_anew() {
    // Whom a lie hits depends on the tree.
    let mut found = None;
    for lied_to in std::iter::repeat_n([&[1, 2, 3], &[0, 1, 2], &[0, 2, 3], &[0, 1, 3]], 10).flatten() {
        let mut world = five();
        mal_divides(&mut world, lied_to, Flag::Advance);
        read_all(&mut world);
        if holding(&mut world) == [1, 2, 3] {
            found = Some(world);
            break;
        }
    }
    let mut world = found.unwrap();
    // Ana is alone in the epoch, and does not know it; she lets eve in.
    let others = [1, 2, 3].map(|n| (n, world.people[n].room.take()));
    let eve = world.apply("eve");
    world.admit(eve);
    world.settle();
    assert!(world.people[eve].room.is_some());
    assert_eq!(world.room(eve).cursor().health, Health::Open);
    assert_eq!(
        world.room(eve).doubts.len(),
        1,
        "she knows that a verdict is open"
    );
    for (n, room) in others {
        world.people[n].room = room;
    }
    world.settle();
    assert!(holding(&mut world).is_empty());
    for n in [0, 1, 2, 3, eve] {
        assert_eq!(world.room(n).cursor().health, Health::Open, "{n}");
        world.say(n, &format!("{n} is here"));
    }
    world.settle_attested();
    world.check();
    let id = world.people[eve].id();
    assert!(world.room(2).state().person(&id).unwrap().is_present());
}

/// A keyholder's device cuts without a commit, to keys that come from this secret.
fn answer(world: &mut World, n: usize, at: Position, base: &AccessSecret) {
    let (counter, minutes) = (world.channel.counter, world.now.minutes);
    let room = world.room(n);
    let notice = room.notice(NoticeKind::Answer { wrong: at }).unwrap();
    let bytes = room.entry_under(base, counter, Body::Notice(notice), minutes, true);
    world.channel.force(Flag::Cut, &bytes.unwrap());
}

/// Those who follow hear one another in the segment that only they can open.
fn talk_apart(world: &mut World, holds: &[usize]) {
    for n in (0..4).filter(|n| !holds.contains(n)) {
        world.say(n, &format!("{n} is apart"));
        while world.step(n).unwrap().is_some() {
            read_all(world);
        }
    }
    assert_eq!(holding(world), holds);
}

fn all_come_together(world: &mut World) {
    for _ in 0..30 {
        world.settle();
        world.pass(20 * 60 * 1000);
    }
    assert!(holding(world).is_empty());
    for n in 0..4 {
        assert_eq!(world.room(n).cursor().health, Health::Open, "{n}");
        world.say(n, &format!("{n} is back"));
    }
    world.settle_attested();
    world.check();
}

#[test]
fn a_cut_that_one_can_follow_is_answered_by_a_keyholder_who_cannot_and_is_void() {
    let mut world = five();
    let at = mal_divides(&mut world, &[1, 2, 3], Flag::Cut);
    read_all(&mut world);
    let holds = holding(&mut world);
    assert_eq!(holds.len(), 3);
    talk_apart(&mut world, &holds);
    let keyholder = holds[0];
    assert!(world.room(keyholder).is_keyholder());
    let base = world.room(keyholder).cursor().access.clone();
    answer(&mut world, keyholder, at, &base);
    all_come_together(&mut world);
    let item = world.room(0).log_at(at).unwrap().unwrap().item;
    assert_eq!(item, Item::NoOp(Denied::Disputed));
}

/// Two cannot follow mal's cut; ana and another can, and hear it from the refuge.
struct Divided {
    world: World,
    at: Position,
    holds: Vec<usize>,
    follows: Vec<usize>,
}

fn divided() -> Divided {
    // Whom a lie hits depends on the tree.
    let mut found = None;
    for lied_to in std::iter::repeat_n([&[0, 1], &[2, 3], &[0, 2], &[1, 3]], 10).flatten() {
        let mut world = five();
        let at = mal_divides(&mut world, lied_to, Flag::Cut);
        read_all(&mut world);
        let holds = holding(&mut world);
        if !holds.contains(&0) {
            found = Some((world, at, holds));
            break;
        }
    }
    let (mut world, at, holds) = found.unwrap();
    let follows: Vec<usize> = (0..4).filter(|n| !holds.contains(n)).collect();
    talk_apart(&mut world, &holds);
    let now = world.now;
    let complaints: Vec<_> = (holds.iter())
        .map(|n| world.room(*n).complaint(now).unwrap().unwrap())
        .collect();
    for n in holds.iter().copied() {
        // Alone these make nothing void: who knows what others hear there.
        let heard = world.room(n).hear_refuge(&complaints, now.minutes).unwrap();
        assert!(!heard.stopped);
        world.room(n).complained();
    }
    for complaint in complaints {
        world.room(0).found_in_refuge(complaint).expect("heard");
    }
    while world.step(0).unwrap().is_some() {
        read_all(&mut world);
    }
    Divided {
        world,
        at,
        holds,
        follows,
    }
}

fn ana_answers_for_others(world: &mut World) {
    let asked = |world: &mut World| {
        let now = world.now.ms;
        world.room(0).answers_for_others(now).unwrap()
    };
    assert!(asked(world).is_none(), "it is left to those who hold for a while");
    world.pass(30_000);
    let (at, base) = asked(world).unwrap();
    answer(world, 0, at, &base);
    read_all(world);
    assert!(asked(world).is_none());
}

#[test]
fn a_cut_that_half_can_follow_is_answered_for_the_others_and_decided_by_all() {
    for mal_flips in [true, false] {
        let Divided { mut world, at, .. } = divided();
        ana_answers_for_others(&mut world);
        let now = Now {
            ms: world.now.ms + 60_000,
            ..world.now
        };
        assert!(
            !world.room(0).cut_is_due(true, now),
            "the others are to speak first"
        );
        if mal_flips {
            mal_complains(&mut world, 0, at);
        }
        all_come_together(&mut world);
        let item = world.room(0).log_at(at).unwrap().unwrap().item;
        assert_eq!(item == Item::NoOp(Denied::Disputed), mal_flips);
    }
}

#[test]
fn who_could_not_follow_a_cut_asks_for_renewal_once_most_say_in_the_refuge_that_they_could_or_after_a_day() {
    for (heads, waits) in [(2, 0), (1, 24 * 60 + 1)] {
        let Divided {
            mut world,
            holds,
            follows,
            ..
        } = divided();
        let now = world.now.minutes;
        let said: Vec<_> = (follows.iter())
            .map(|n| {
                let room = world.room(*n);
                let body = Body::Notice(room.notice(NoticeKind::Heartbeat).unwrap());
                room.content(body, now, true).unwrap()
            })
            .collect();
        let stuck = world.room(holds[0]);
        for minutes in [0, waits] {
            assert!(!stuck.wants_renewal() || waits == 0);
            let now = Minutes(now.0 + minutes);
            stuck.hear_refuge(&said[..heads], now).unwrap();
        }
        assert!(stuck.wants_renewal());
    }
}
