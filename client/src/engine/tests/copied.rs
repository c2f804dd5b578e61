//! What was read in a copy at another relay, against what the room's own relay shows.

use bytes::Bytes;
use caucus_proto::id::{Counter, Hours, Position};
use caucus_proto::wire::{Entry, Flag};

use super::world::World;
use crate::engine::error::EngineError;
use crate::engine::lie::Lie;
use crate::engine::record::Health;

fn noise(position: Position, counter: Counter) -> Entry {
    Entry {
        position,
        counter,
        flag: Flag::Plain,
        expires: Hours(0),
        bytes: Bytes::from(vec![7; 1024]),
    }
}

/// Ana takes in an entry of a copy that nobody else has.
fn reads_a_lie(world: &mut World) -> Position {
    let room = world.room(0);
    let (at, counter) = (room.cursor().position.next(), room.cursor().counter);
    room.begin_by_copy(at).unwrap();
    room.ingest(&noise(at, counter)).unwrap();
    assert_eq!(world.room(0).cursor().position, at);
    at
}

fn is_unsynced(world: &mut World, at: Position) -> bool {
    matches!(&world.room(0).cursor().health, Health::Unsynced { at: from, .. } if *from == at)
}

#[test]
fn what_was_read_in_a_copy_gives_way_to_what_the_rooms_own_relay_shows() {
    let mut world = World::cell(&["ana", "ben", "cem"]);
    let at = reads_a_lie(&mut world);
    world.say(1, "the truth");
    while world.channel.newest() < at {
        world.step(1).unwrap();
        world.read(1, 99).unwrap();
    }
    let shown = world.channel.after(Position(at.0 - 1), 1).remove(0);
    let room = world.room(0);
    let refused = room.ingest(&shown);
    assert!(
        matches!(refused, Err(EngineError::Contradicted(Lie::Rewritten { at: there, .. })) if there == at),
        "{refused:?}"
    );
    let mut elsewhere = room.elsewhere(at).unwrap().unwrap();
    assert!(room.look_at(&mut elsewhere, &shown));
    assert!(room.give_up(&elsewhere).unwrap());
    assert!(is_unsynced(&mut world, at));
    assert_eq!(world.room(0).cursor().by_copy, None);
}

#[test]
fn what_the_rooms_own_relay_has_shown_gives_way_only_to_what_most_attest() {
    let mut world = World::cell(&["ana", "ben", "cem"]);
    let at = reads_a_lie(&mut world);
    let room = world.room(0);
    // It showed the same.
    room.end_by_copy().unwrap();
    let mut elsewhere = room.elsewhere(at).unwrap().unwrap();
    let counter = room.cursor().counter;
    let other = Entry {
        bytes: Bytes::from(vec![8; 1024]),
        ..noise(at, counter)
    };
    assert!(room.look_at(&mut elsewhere, &other));
    assert!(!room.give_up(&elsewhere).unwrap());
    assert_eq!(world.room(0).cursor().health, Health::Open);
}

#[test]
fn more_than_the_rooms_own_relay_has_is_given_up_and_what_it_showed_itself_is_not() {
    let mut world = World::cell(&["ana", "ben", "cem"]);
    let before = world.channel.newest();
    let at = reads_a_lie(&mut world);
    let room = world.room(0);
    assert!(!room.drop_copied(at).unwrap(), "it has it");
    assert!(
        !room.drop_copied(Position(before.0 - 1)).unwrap(),
        "it was set back: that is a lie of its own"
    );
    assert!(room.drop_copied(before).unwrap());
    assert!(is_unsynced(&mut world, at));
}

#[test]
fn only_what_this_device_read_itself_counts_as_copied() {
    let mut world = World::cell(&["ana", "ben"]);
    world.say(0, "one");
    world.say(0, "two");
    world.settle();
    let newest = world.channel.newest();
    let entries = world.channel.after(Position(0), 999);
    let room = world.room(0);
    let mut known = crate::engine::copier::Known::default();
    for entry in &entries[..3] {
        room.note_copied(entry, &mut known).unwrap();
    }
    assert_eq!(known.have, Some(Position(3)));
    // Twice, and out of order.
    for entry in [&entries[1], &entries[5]] {
        room.note_copied(entry, &mut known).unwrap();
    }
    // Another entry in its place, and one that nobody has read.
    let counter = entries[3].counter;
    for position in [Position(4), newest.next(), Position(u64::MAX)] {
        room.note_copied(&noise(position, counter), &mut known).unwrap();
    }
    assert_eq!(known.have, Some(Position(3)));
    for entry in &entries[3..] {
        room.note_copied(entry, &mut known).unwrap();
    }
    assert_eq!(known.have, Some(newest));
}
