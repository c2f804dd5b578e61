//! Any order of saying, deciding, losing answers, ending and starting again leads everybody to one log.

use std::collections::{BTreeMap, BTreeSet};

use caucus_proto::id::Position;
use caucus_proto::org::{Deed, Power, SuiteChoice};
use caucus_proto::wire::Flag;

use super::channel::Answer;
use super::world::{Person, World};
use crate::engine::record::{Health, Item};

/// SplitMix64: the same seed, the same story.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }
}

fn send_badly(world: &mut World, n: usize, dice: &mut Dice) {
    if !world.is_caught_up(n) {
        return;
    }
    let Ok(Some(outgoing)) = world.outgoing(n) else {
        return;
    };
    match dice.roll(10) {
        // It never arrives.
        0 => {}
        // It arrives when the sender has read on and tried again.
        1 => world.channel.late.push(outgoing),
        // It arrives, and the sender dies before it hears of it.
        2 => {
            world.channel.store(&outgoing);
            world.people[n].restart();
        }
        // The relay takes it twice.
        3 => {
            world.channel.store(&outgoing);
            world.channel.store(&outgoing);
        }
        _ => {
            let answer = world.channel.store(&outgoing);
            if let Answer::Stored(position) = answer {
                assert_eq!(position, world.channel.newest());
            }
        }
    }
}

#[allow(clippy::print_stderr)] // The harness shows it only where the story fails.
fn play(seed: u64, suite: SuiteChoice, names: &[&str], steps: usize, disasters: bool) -> usize {
    eprintln!("seed {seed}");
    let mut dice = Dice(seed);
    let mut world = World::of(names, suite);
    let mut said = 0;
    let mut strangers = 0;
    let mut copies: Vec<(usize, Vec<u8>)> = Vec::new();
    let mut orphans = BTreeMap::new();
    let mut happened = 0;
    for _ in 0..steps {
        let n = usize::try_from(dice.roll(world.people.len() as u64)).unwrap();
        if world.people[n].room.is_none() {
            world.enter(n).unwrap();
            continue;
        }
        if disasters && dice.roll(8) == 0 {
            happened += usize::from(disaster(&mut world, n, &mut copies, &mut orphans, &mut dice));
        }
        match dice.roll(24) {
            0..=4 => {
                said += 1;
                let text = format!("{} {said}", world.people[n].name);
                world.say(n, &text);
            }
            5..=8 => {
                let most = usize::try_from(dice.roll(4)).unwrap();
                world.read(n, most).unwrap();
            }
            9..=16 => {
                world.read(n, usize::MAX).unwrap();
                send_badly(&mut world, n, &mut dice);
            }
            17 => {
                if let Some(outgoing) = world.channel.late.pop() {
                    world.channel.store(&outgoing);
                }
            }
            18 => world.people[n].restart(),
            19 => {
                // The disk fails in the middle of something.
                let commits = dice.roll(3);
                world.people[n].vault().faults().fail_commits_after(commits);
                let _ = world.read(n, 3);
                let _ = world.step(n);
                let _ = world.read(n, 2);
                let _ = world.jobs(n);
                world.people[n].vault().faults().heal();
                if dice.roll(2) == 0 {
                    world.people[n].restart();
                }
            }
            20 => {
                world.jobs(n).unwrap();
            }
            21 if strangers < 2 && world.room(0).holds(Power::Admit) => {
                strangers += 1;
                let name = format!("new {strangers}");
                if world.room(0).cursor().health == Health::Open {
                    // A removal meanwhile ends the invite: then there is nobody to admit.
                    let who = world.apply(&name);
                    let persona = world.people[who].id();
                    let _ = world.submit(0, &Deed::Admit { persona });
                }
            }
            22 if n > 1 && dice.roll(3) == 0 => {
                let present = world.people.iter().filter(|person| person.room.is_some()).count();
                let persona = world.people[n].id();
                let there = world
                    .room(0)
                    .state()
                    .person(&persona)
                    .is_some_and(|p| p.is_present());
                if present > 3 && there && world.room(0).may_act().is_ok() {
                    world.remove(0, n);
                }
            }
            _ => world.pass(dice.roll(8_000)),
        }
    }
    for n in 0..world.people.len() {
        world.people[n].vault().faults().heal();
    }
    world.settle_attested();
    world.check();
    assert!(
        world.channel.entries.len() > steps / 10,
        "seed {seed}: something happened"
    );
    happened
}

/// A device is set back to an earlier day, loses its group, or meets garbage under a flag. True if it did.
fn disaster(
    world: &mut World,
    n: usize,
    copies: &mut Vec<(usize, Vec<u8>)>,
    orphans: &mut BTreeMap<String, Position>,
    dice: &mut Dice,
) -> bool {
    let well = |person: &Person| {
        let room = person.room.as_ref();
        room.is_none_or(|room| matches!(room.cursor().health, Health::Open | Health::Out { .. }))
    };
    if !matches!(world.room(n).cursor().health, Health::Open) || !world.people.iter().all(well) {
        let _ = world.ask(n);
        let _ = world.enter(n);
        return false;
    }
    match dice.roll(5) {
        0 | 1 => {
            copies.push((n, world.people[n].copy()));
            false
        }
        2 => {
            let Some(nth) = copies.iter().position(|(who, _)| *who == n) else {
                return false;
            };
            let (_, bytes) = copies.remove(nth);
            let known = places(world);
            // What never left is lost with the vault of today.
            world.people[n].said.retain(|_, text| known.contains_key(text));
            world.people[n].put_back(&bytes);
            let left = world.texts();
            orphans.extend(known.into_iter().filter(|(text, _)| !left.contains(text)));
            orphaned(world, orphans);
            world.read(n, usize::MAX).unwrap();
            true
        }
        3 => {
            world.people[n].lose_group();
            orphaned(world, orphans);
            world.ask(n).unwrap();
            true
        }
        _ => {
            let garbage = dice.roll(u64::MAX).to_be_bytes().repeat(128);
            let flag = if dice.roll(2) == 0 {
                Flag::Plain
            } else {
                Flag::Advance
            };
            world.channel.force(flag, &garbage);
            true
        }
    }
}

/// Where every text stands that anybody has read.
fn places(world: &World) -> BTreeMap<String, Position> {
    let rooms = world.people.iter().filter_map(|person| person.room.as_ref());
    let records = rooms.flat_map(|room| room.log_after(Position(0), usize::MAX).unwrap());
    let said = records.filter_map(|(at, record)| match record.item {
        Item::Said(text) => Some((text, at)),
        _ => None,
    });
    said.collect()
}

/// What only the relay has, because its author's device was set back, is lost where everybody who has not read it has
/// lost the keys to it too.
fn orphaned(world: &mut World, orphans: &mut BTreeMap<String, Position>) {
    let known = world.texts();
    orphans.retain(|text, _| !known.contains(text));
    // A device cannot read its own words again.
    let can_read = |text: &str, at: Position| {
        let others = world
            .people
            .iter()
            .filter(|person| !text.starts_with(&person.name));
        let mut rooms = others.filter_map(|person| person.room.as_ref());
        rooms.any(|room| room.cursor().health == Health::Open && room.cursor().position < at)
    };
    let lost: BTreeSet<&String> = (orphans.iter())
        .filter(|(text, at)| !can_read(text, **at))
        .map(|(text, _)| text)
        .collect();
    for person in &mut world.people {
        person.said.retain(|_, text| !lost.contains(text));
    }
}

pub(super) fn seeds(few: u64, many: u64) -> u64 {
    let long = std::env::var_os("CAUCUS_LONG").is_some_and(|value| value == "1");
    if long { many } else { few }
}

#[test]
fn whatever_is_lost_late_or_crashes_everybody_ends_with_one_log_and_every_intent_once() {
    for seed in 0..seeds(10, 400) {
        play(
            seed,
            SuiteChoice::Classical,
            &["ana", "ben", "cem", "dia"],
            120,
            false,
        );
    }
}

#[test]
fn the_same_holds_for_two_and_in_the_hybrid_suite() {
    for seed in 1000..1000 + seeds(4, 100) {
        play(seed, SuiteChoice::Classical, &["ana", "ben"], 100, false);
    }
    for seed in 2000..2000 + seeds(1, 20) {
        play(seed, SuiteChoice::Hybrid, &["ana", "ben", "cem"], 60, false);
    }
}

#[test]
#[allow(clippy::print_stderr)] // What a campaign counted is shown with it.
fn whoever_is_set_back_or_loses_the_group_in_the_middle_of_it_comes_back_and_nothing_is_lost() {
    let mut happened = 0;
    for seed in 3000..3000 + seeds(8, 500) {
        happened += play(seed, SuiteChoice::Classical, &["ana", "ben", "cem"], 120, true);
    }
    for seed in 4000..4000 + seeds(4, 100) {
        happened += play(seed, SuiteChoice::Classical, &["ana", "ben"], 100, true);
    }
    eprintln!(
        "{} histories, {happened} set-backs, lost groups and garbage: lost 0, doubled 0, out of order 0, stuck 0",
        seeds(8, 500) + seeds(4, 100)
    );
    assert!(happened > 20, "{happened} disasters");
}
