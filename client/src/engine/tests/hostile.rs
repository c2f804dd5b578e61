//! What somebody in the room, or one who was put out, can send.

use std::collections::BTreeSet;

use caucus_proto::envelope::{Body, Content, PartOf};
use caucus_proto::id::{Counter, EntryHash, Position};
use caucus_proto::org::{Deed, Effect};
use caucus_proto::wire::Flag;

use super::fork;
use super::world::{World, application};
use crate::engine::follow::invite_number;
use crate::engine::record::{Health, Item};

fn sealed(world: &mut World, n: usize, body: Body) -> Vec<u8> {
    let minutes = world.now.minutes;
    world.room(n).entry(body, minutes, true).unwrap()
}

#[test]
fn garbage_under_any_flag_changes_nothing_and_locks_nobody_out() {
    let mut world = World::cell(&["ana", "ben", "cem"]);
    let minutes = world.now.minutes;
    for size in [1024, 4096, 64 * 1024] {
        for flag in [Flag::Plain, Flag::Advance] {
            world.channel.force(flag, &vec![0x5a; size]);
        }
    }
    for body in [
        Body::Mls(Vec::new()),
        Body::Mls(vec![0; 3_000]),
        Body::Parts(Vec::new()),
        Body::Parts(vec![
            PartOf {
                position: Position(1),
                entry: EntryHash([0; 32]),
            };
            5_000
        ]),
    ] {
        for (flag, body) in [(Flag::Plain, body), (Flag::Advance, Body::Part(vec![1; 10]))] {
            let head = world.room(1).head(&body, minutes, true).unwrap();
            let bytes = fork::sealed(&world, 1, &Content { head, body });
            world.channel.force(flag, &bytes);
        }
    }
    // Ben's own program would never have sent these.
    world.people[1].room = None;
    for n in [0, 2] {
        world.read(n, 99).unwrap();
        assert!(world.say(n, &format!("here {n}")));
    }
    world.settle_attested();
    world.check();
}

#[test]
fn a_thousand_junk_entries_are_read_past_once_and_hold_nobody_up() {
    let mut world = World::cell(&["ana", "ben", "cem"]);
    for fill in 0..1_000_u32 {
        world.channel.force(Flag::Plain, &fill.to_be_bytes().repeat(256));
    }
    let read = world.read(2, usize::MAX).unwrap();
    assert_eq!(read.len(), 1_000);
    assert!(read.iter().all(|entry| entry.effects.is_empty()));
    assert_eq!(
        world.read(2, usize::MAX).unwrap().len(),
        0,
        "it is never shown again"
    );
    world.say(2, "after all that");
    world.settle_attested();
    world.check();
}

#[test]
fn whatever_times_a_relay_writes_on_entries_the_state_is_the_same() {
    let mut world = World::cell(&["ana", "ben", "cem"]);
    let mut number = 1_u64;
    for round in 0..100 {
        world.say(round % 3, &format!("round {round}"));
        for n in 0..3 {
            world.step(n).unwrap();
            // Each reader is told other times; nothing else in an entry is the relay's own.
            for entry in &mut world.channel.entries {
                number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                entry.expires = caucus_proto::id::Hours(number >> 32);
            }
            world.read(n, usize::MAX).unwrap();
        }
    }
    world.settle_attested();
    world.check();
    let roots = [0, 1, 2].map(|n| world.room(n).state().root());
    assert!(roots.iter().all(|root| *root == roots[0]));
    assert!(world.texts().contains("round 99"));
}

#[test]
fn a_plain_entry_with_a_commit_and_a_flagged_one_with_an_act_are_no_ops_for_everybody() {
    let mut world = World::cell(&["ana", "ben", "cem"]);
    // The relay flips the flags of two honest entries.
    let now = world.now;
    world.room(1).stage_refresh(false, now).unwrap();
    let crate::engine::send::Outgoing::Commit { counter, bytes, .. } = world.outgoing(1).unwrap().unwrap()
    else {
        panic!("a commit");
    };
    world.channel.put(counter, Flag::Plain, &bytes);
    world.say(0, "under a flag");
    world.read(0, 9).unwrap();
    let crate::engine::send::Outgoing::Append { counter, bytes } = world.outgoing(0).unwrap().unwrap() else {
        panic!("a message");
    };
    world.channel.put(counter, Flag::Advance, &bytes);
    world.settle_attested();
    world.check();
    let log = world.room(2).log_after(Position(0), 999).unwrap();
    let no_ops = log
        .iter()
        .filter(|(_, record)| matches!(record.item, Item::NoOp(_)))
        .count();
    assert_eq!(no_ops, 2);
}

#[test]
fn one_who_was_removed_is_heard_by_nobody() {
    let mut world = World::cell(&["ana", "ben", "cem", "dia"]);
    // Dia keeps what she had before she is removed.
    world.say(3, "words of one who is out");
    let words = world.outgoing(3).unwrap().unwrap();
    let heartbeat = {
        let notice = world
            .room(3)
            .notice(caucus_proto::org::NoticeKind::Heartbeat)
            .unwrap();
        sealed(&mut world, 3, Body::Notice(notice))
    };
    world.remove(0, 3);
    world.read(0, 9).unwrap();
    world.step(0).unwrap();
    // Going, not yet out: she can still append.
    world.channel.store(&words);
    world.channel.force(Flag::Plain, &heartbeat);
    world.settle();
    assert!(matches!(
        world.room(3).cursor().health,
        Health::Out { removed: true }
    ));
    world.settle_attested();
    world.check();
    let log = world.room(0).log_after(Position(0), 999).unwrap();
    let heard = log
        .iter()
        .any(|(_, record)| matches!(&record.item, Item::Said(text) if text.contains("who is out")));
    assert!(!heard);
    assert_eq!(world.channel.cuts, 1, "the keys turned with the removal");
    assert_ne!(Some(world.room(3).cursor().access.access()), world.channel.access);
}

#[test]
fn a_flood_of_parts_keeps_a_bounded_number_and_hinders_no_commit() {
    let mut world = World::cell(&["ana", "ben"]);
    for n in 0..40_u8 {
        let bytes = sealed(&mut world, 1, Body::Part(vec![n; 200]));
        world.channel.force(Flag::Plain, &bytes);
        world.read(1, 9).unwrap();
    }
    world.read(0, 99).unwrap();
    let room = world.room(0).id();
    let kept = world.people[0]
        .vault()
        .range(crate::vault::Table::Parts, room.as_bytes(), 0, usize::MAX)
        .unwrap();
    assert_eq!(kept.len(), crate::engine::parts::MOST_PARTS);
    let now = world.now;
    world.room(0).stage_refresh(true, now).unwrap();
    world.settle_attested();
    world.check();
}

#[test]
fn applicants_who_send_nonsense_stop_nothing() {
    let mut world = World::cell(&["ana", "ben"]);
    let (invite, good) = world.stranger("cem");
    let number = invite_number(&invite);
    // No request at all, one without a key package, and one whose key package is another's.
    world.room(0).carry(number, Position(1), None).unwrap();
    let mut bad = good.clone();
    bad.key_package = vec![7; 9_000];
    world.room(0).carry(number, Position(2), Some(bad)).unwrap();
    let mut bad = good.clone();
    bad.reply.sealing = Vec::new();
    bad.reply.append = [0; 32];
    world.room(0).carry(number, Position(3), Some(bad)).unwrap();
    let (_, other) = world.stranger("dia");
    let mut bad = good.clone();
    bad.key_package = other.key_package;
    world.room(0).carry(number, Position(4), Some(bad)).unwrap();
    // The same request many times is carried once.
    for position in 5..50 {
        world
            .room(0)
            .carry(number, Position(position), Some(good.clone()))
            .unwrap();
    }
    world.settle();
    let applied = world.room(1).log_after(Position(0), 999).unwrap();
    let asked = |record: &Item| matches!(record, Item::Event(text) if text == "cem asks to join");
    assert_eq!(
        applied.iter().filter(|(_, record)| asked(&record.item)).count(),
        1
    );
    world.admit(2);
    world.settle_attested();
    world.check();
    assert!(world.people[2].room.is_some());
}

#[test]
fn a_flood_of_requests_waits_for_its_turn_and_is_answered_within_bounds() {
    let mut world = World::cell(&["ana", "ben"]);
    let (invite, first) = world.stranger("cem");
    let number = invite_number(&invite);
    for n in 0..20 {
        world.people[2].name = format!("cem {n}");
        world.people[2].key = crate::engine::record::SecretKey([n; 32]);
        let flood = application(&world.people[2], &world.genesis.clone(), invite);
        if !world.room(0).may_carry() {
            assert!(n >= 8, "{n}");
            break;
        }
        world
            .room(0)
            .carry(number, Position(u64::from(n) + 1), Some(flood))
            .unwrap();
    }
    assert!(!world.room(0).may_carry());
    assert!(world.room(0).unsent() <= 8);
    drop(first);
}

#[test]
fn an_admitted_one_whom_nobody_can_seat_holds_up_no_cut() {
    let mut world = World::cell(&["ana", "ben"]);
    let cem = world.apply("cem");
    // Neither keyholder has the request any more.
    for n in 0..2 {
        world
            .room(n)
            .transact(|room, overlay| room.forget_requests(overlay))
            .unwrap();
    }
    world.admit(cem);
    for _ in 0..8 {
        world.pass(5_000);
        for n in 0..2 {
            world.read(n, 99).unwrap();
            world.step(n).unwrap();
        }
    }
    let persona = world.people[cem].id();
    let standing = world.room(0).state().person(&persona).unwrap().standing.clone();
    assert!(matches!(standing, caucus_proto::org::Standing::Admitted { .. }));
    let before = world.channel.cuts;
    world
        .room(0)
        .move_cursor(|cursor| cursor.cut = caucus_proto::id::Minutes(0))
        .unwrap();
    for _ in 0..4 {
        world.read(0, 99).unwrap();
        world.step(0).unwrap();
        world.pass(5_000);
    }
    assert_eq!(world.channel.cuts, before + 1);
}

#[test]
fn a_room_above_this_program_stops_and_goes_on_after_the_upgrade() {
    let mut world = World::cell(&["ana", "ben"]);
    world.submit(0, &Deed::RaiseFloor { feature: 2 }).unwrap();
    world.read(0, 9).unwrap();
    world.step(0).unwrap();
    let taken = world.read(1, 9).unwrap();
    assert!(
        taken
            .iter()
            .any(|one| one.effects.contains(&Effect::FloorRaised { feature: 2 }))
    );
    // The next entry is the first that this program may not judge.
    world.channel.force(Flag::Plain, &vec![0; 1024]);
    let before = world.room(1).cursor().position;
    assert!(world.read(1, 9).unwrap().last().unwrap().stopped);
    assert_eq!(world.room(1).cursor().health, Health::NeedsUpgrade { floor: 2 });
    assert_eq!(world.room(1).cursor().position, before);
    assert!(!world.say(1, "from an old program"));
    // A program that knows the feature goes on where it stopped; this one still does not.
    world.people[1].restart();
    assert_eq!(world.room(1).cursor().health, Health::NeedsUpgrade { floor: 2 });
    world
        .room(1)
        .move_cursor(|cursor| cursor.health = Health::NeedsUpgrade { floor: 1 })
        .unwrap();
    world.people[1].restart();
    assert_eq!(world.room(1).cursor().health, Health::Open);
}

#[test]
fn an_answer_is_found_however_far_junk_has_moved_the_counter_on() {
    let mut world = World::cell(&["ana", "ben", "cem"]);
    world.channel.force(Flag::Cut, b"garbage under keys of nobody's");
    world.read(2, usize::MAX).unwrap();
    let room = world.room(2);
    let (base, channel) = (room.cursor().access.clone(), room.record().channel);
    let from = room.cursor().counter.0;
    let mut unseen: BTreeSet<u64> = (1..=2_000).collect();
    for round in 0..64 {
        let ways = room.ways(round);
        assert!(ways.len() < 64 && ways.iter().all(|way| way.base == base));
        let gives = |ahead: u64| base.answer(&channel, Counter(from + ahead));
        assert!(ways.iter().any(|way| way.answer == gives(1)));
        let near = |ahead: &u64| *ahead <= 8 || ahead.saturating_sub(8).div_ceil(32) == u64::from(round) + 1;
        unseen.retain(|ahead| !(near(ahead) && ways.iter().any(|way| way.answer == gives(*ahead))));
    }
    assert!(unseen.is_empty(), "{unseen:?}");
}
