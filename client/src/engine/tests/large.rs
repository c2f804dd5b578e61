//! A commit that is too large for an entry goes as parts.

use caucus_proto::envelope::Body;
use caucus_proto::wire::Flag;

use super::channel::Answer;
use super::world::World;
use crate::engine::send::Outgoing;

/// A pending refresh of this person that has to go as parts.
fn large(world: &mut World, n: usize) {
    let now = world.now;
    world.room(n).largest_message = 300;
    world.room(n).stage_refresh(true, now).unwrap();
    let parts = world.room(n).pending.as_ref().unwrap().parts.len();
    assert!(parts > 1, "{parts} parts");
}

#[test]
fn a_commit_in_parts_is_taken_in_by_everybody_and_survives_a_restart_at_every_step() {
    let mut world = World::cell(&["ana", "ben", "cem"]);
    let epoch = world.room(1).facts().epoch;
    large(&mut world, 0);
    let mut plain = 0;
    loop {
        world.people[0].restart();
        world.room(0).largest_message = 300;
        let outgoing = world.outgoing(0).unwrap().unwrap();
        // Asked again it says the same.
        assert_eq!(world.outgoing(0).unwrap(), Some(outgoing.clone()));
        let answer = world.channel.store(&outgoing);
        assert!(matches!(answer, Answer::Stored(_)));
        world.people[0].restart();
        world.room(0).largest_message = 300;
        world.read(0, 9).unwrap();
        if matches!(outgoing, Outgoing::Commit { .. }) {
            break;
        }
        plain += 1;
    }
    assert!(plain > 1);
    world.settle_attested();
    world.check();
    assert_eq!(world.room(2).facts().epoch, epoch + 1);
    assert_eq!(world.channel.cuts, 1);
}

#[test]
fn a_counter_that_moves_between_the_parts_begins_them_anew() {
    let mut world = World::cell(&["ana", "ben"]);
    large(&mut world, 0);
    world.step(0).unwrap();
    world.read(0, 9).unwrap();
    world.channel.force(Flag::Advance, &vec![0; 1024]);
    world.settle_attested();
    world.check();
    assert_eq!(world.channel.cuts, 1);
}

#[test]
fn parts_of_somebody_else_make_no_commit() {
    let mut world = World::cell(&["ana", "ben", "cem"]);
    large(&mut world, 0);
    let epoch = world.room(2).facts().epoch;
    // Ben seals Ana's parts as his own; her flagged entry would name them if they were hers.
    let mut chunks = Vec::new();
    while let Some(Outgoing::Append { counter, bytes }) = world.outgoing(0).unwrap() {
        let key = world.room(1).cursor().access.envelope_key();
        let content = caucus_proto::envelope::open(&key, &world.channel_id, counter, &bytes).unwrap();
        let Body::Part(chunk) = content.body else {
            panic!("a part");
        };
        let minutes = world.now.minutes;
        let stolen = world
            .room(1)
            .entry(Body::Part(chunk.clone()), minutes, true)
            .unwrap();
        let position = world.channel.force(Flag::Plain, &stolen);
        chunks.push(caucus_proto::envelope::PartOf {
            position,
            entry: caucus_proto::id::EntryHash::of(&stolen),
        });
        world.channel.store(&Outgoing::Append { counter, bytes });
        for n in 0..3 {
            world.read(n, 9).unwrap();
        }
    }
    let minutes = world.now.minutes;
    let forged = world.room(0).entry(Body::Parts(chunks), minutes, true).unwrap();
    world.read(2, 99).unwrap();
    world.channel.force(Flag::Advance, &forged);
    world.read(2, 99).unwrap();
    assert_eq!(world.room(2).facts().epoch, epoch);
    world.settle_attested();
    world.check();
}
