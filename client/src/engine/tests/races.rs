//! Many commit at once: of those who race one advances, and every act ends up done once.

use caucus_proto::org::SuiteChoice;

use super::channel::Answer;
use super::random::{Dice, seeds};
use super::world::World;
use crate::engine::record::Item;

/// So many who will commit at one moment, and one, the last, whom all of them want to renew.
fn racers(count: usize) -> World {
    let names: Vec<String> = (0..=count).map(|n| format!("racer {n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    World::of(&names, SuiteChoice::Classical)
}

fn race(world: &mut World, seed: u64) {
    let mut dice = Dice(seed);
    let racers = world.people.len() - 1;
    let begin = world.channel.newest();
    world.people[racers].lose_group();
    world.ask(racers).unwrap();
    for n in 0..racers {
        world.read(n, usize::MAX).unwrap();
        // It is not their turn yet, and then it is everybody's.
        let _ = world.outgoing(n).unwrap();
    }
    world.pass(61_000);
    let mut sent = Vec::new();
    for n in 0..racers {
        sent.extend(world.outgoing(n).unwrap());
    }
    assert_eq!(sent.len(), racers, "seed {seed}: everybody commits");
    let mut lost = 0;
    while !sent.is_empty() {
        let next = usize::try_from(dice.roll(sent.len() as u64)).unwrap();
        lost += usize::from(matches!(
            world.channel.store(&sent.remove(next)),
            Answer::Moved(_)
        ));
    }
    assert_eq!(lost, racers - 1, "seed {seed}: of those who race one advances");
    // Meanwhile they decide and say other things.
    for n in 0..racers {
        if dice.roll(2) == 0 {
            world.say(n, &format!("{seed} {n}"));
        }
        if dice.roll(2) == 0 {
            world.people[n].restart();
        }
    }
    world.settle();
    let renewed = world
        .room(0)
        .log_after(begin, usize::MAX)
        .unwrap()
        .iter()
        .filter(|(_, record)| matches!(&record.item, Item::Event(event) if event.ends_with("was renewed")))
        .count();
    assert_eq!(renewed, 1, "seed {seed}");
    world.say(racers, &format!("{seed} back"));
}

#[test]
fn two_commit_at_once_and_every_act_ends_up_done() {
    let mut world = racers(2);
    for seed in 0..seeds(5, 500) {
        race(&mut world, seed);
    }
    world.settle_attested();
    world.check();
}

#[test]
fn ten_commit_at_once_and_every_act_ends_up_done() {
    let mut world = racers(10);
    for seed in 1_000..1_000 + seeds(3, 500) {
        race(&mut world, seed);
    }
    world.settle_attested();
    world.check();
}
