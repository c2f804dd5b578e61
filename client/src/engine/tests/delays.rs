//! Every entry reaches every person after a time of its own, up to a day: all end with one history, and no clock decides
//! anything.

use super::random::{Dice, seeds};
use super::world::World;
use crate::engine::record::Health;

const MINUTE: u64 = 60 * 1000;
const DAY: u64 = 24 * 60 * MINUTE;

fn play(seed: u64) {
    let mut dice = Dice(seed);
    let mut world = World::cell(&["ana", "ben", "cem", "dora"]);
    world.settle_attested();
    // From when on each person is shown each entry.
    let mut shown: Vec<Vec<u64>> = vec![vec![0; world.channel.entries.len()]; 4];
    let mut said = 0;
    for _ in 0..150 {
        world.pass(dice.roll(90 * MINUTE));
        for (n, shown) in shown.iter_mut().enumerate() {
            while shown.len() < world.channel.entries.len() {
                // One's own answer comes at once, or hardly later.
                let longest = if dice.roll(3) == 0 { DAY } else { 10 * MINUTE };
                shown.push(world.now.ms + dice.roll(longest));
            }
            let from = usize::try_from(world.people[n].room.as_ref().unwrap().read_to().0).unwrap();
            let ready = shown[from..].iter().take_while(|at| **at <= world.now.ms).count();
            world.read(n, ready).unwrap();
        }
        let n = usize::try_from(dice.roll(4)).unwrap();
        if dice.roll(2) == 0 {
            said += 1;
            world.say(n, &format!("{seed} {said}"));
        }
        if dice.roll(10) == 0 && world.room(n).cursor().health == Health::Open {
            let now = world.now;
            if !world.room(n).group().unwrap().has_pending() {
                world.room(n).stage_refresh(dice.roll(3) == 0, now).unwrap();
            }
        }
        // It sends whatever it believes; the fence refuses what was made for a counter that is over.
        if let Some(outgoing) = world.outgoing(n).unwrap() {
            world.channel.store(&outgoing);
        }
        for n in 0..4 {
            assert_eq!(world.room(n).cursor().health, Health::Open, "seed {seed}: {n}");
        }
    }
    world.settle_attested();
    world.check();
    let root = world.room(0).state().root();
    assert!(
        (1..4).all(|n| world.people[n].room.as_ref().unwrap().state().root() == root),
        "seed {seed}"
    );
    assert!(world.texts().len() >= said / 2, "seed {seed}: {said}");
}

#[test]
fn however_late_each_entry_reaches_each_person_all_end_with_one_history() {
    for seed in 0..seeds(8, 10_000) {
        play(seed);
    }
}
