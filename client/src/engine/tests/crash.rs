//! Every write of the vault fails once, in everything that a room does: nothing is lost, doubled or undecryptable.

use super::verdict::{five, one_against_three};
use super::world::World;
use crate::engine::record::Health;

/// What a device does while its disk fails.
type Deed = fn(&mut World, usize);

fn fails_at_every_write(prepare: impl Fn() -> (World, usize), deed: Deed) {
    let mut failures = 0;
    // Each of its writes in turn, until one run has fewer.
    for commits in 0.. {
        let before = failures;
        for restart in [false, true] {
            let (mut world, n) = prepare();
            let before = world.people[n].vault().faults().commits();
            world.people[n].vault().faults().fail_commits_after(commits);
            deed(&mut world, n);
            let done = world.people[n].vault().faults().commits() - before;
            failures += usize::from(done == commits);
            world.people[n].vault().faults().heal();
            if restart {
                world.people[n].reopen();
            }
            deed(&mut world, n);
            world.settle_attested();
            world.check();
            for person in &world.people {
                let room = person.room.as_ref().expect("in the room");
                assert_eq!(room.cursor().health, Health::Open);
            }
        }
        if failures == before {
            break;
        }
    }
    assert!(failures > 1, "no write failed");
}

#[test]
fn saying_and_sending() {
    fails_at_every_write(
        || {
            let mut world = World::cell(&["ana", "ben"]);
            world.say(1, "first");
            (world, 1)
        },
        |world, n| {
            let text = format!("then {}", world.number());
            let _ = world.say(n, &text);
            let _ = world.step(n);
            let _ = world.read(n, 9);
        },
    );
}

#[test]
fn taking_in_what_others_say() {
    fails_at_every_write(
        || {
            let mut world = World::cell(&["ana", "ben"]);
            for text in ["one", "two", "three"] {
                world.say(0, text);
                world.step(0).unwrap();
                world.read(0, 9).unwrap();
            }
            (world, 1)
        },
        |world, n| {
            let _ = world.read(n, 9);
        },
    );
}

#[test]
fn taking_in_a_commit_and_what_follows_it() {
    fails_at_every_write(
        || {
            let mut world = World::cell(&["ana", "ben"]);
            let now = world.now;
            world.room(0).stage_refresh(true, now).unwrap();
            world.step(0).unwrap();
            world.read(0, 9).unwrap();
            world.say(0, "after the cut");
            world.step(0).unwrap();
            world.read(0, 9).unwrap();
            (world, 1)
        },
        |world, n| {
            let _ = world.read(n, 9);
        },
    );
}

#[test]
fn making_and_merging_a_commit_of_ones_own() {
    fails_at_every_write(
        || {
            let mut world = World::cell(&["ana", "ben"]);
            world.say(1, "before");
            (world, 0)
        },
        |world, n| {
            let _ = world.read(n, 9);
            let now = world.now;
            if !world.room(n).group().unwrap().has_pending() && world.channel.cuts == 0 {
                let _ = world.room(n).stage_refresh(true, now);
            }
            let _ = world.step(n);
            let _ = world.read(n, 9);
        },
    );
}

#[test]
fn seating_greeting_and_entering() {
    let prepare = || {
        let mut world = World::cell(&["ana", "ben"]);
        let cem = world.apply("cem");
        world.admit(cem);
        world
    };
    // The one who admits.
    fails_at_every_write(
        || (prepare(), 0),
        |world, n| {
            for _ in 0..4 {
                let _ = world.read(n, 9);
                let _ = world.step(n);
            }
            let _ = world.jobs(n);
        },
    );
    // The one who comes in.
    fails_at_every_write(
        || {
            let mut world = prepare();
            for _ in 0..6 {
                world.pass(5_000);
                world.read(0, 99).unwrap();
                world.step(0).unwrap();
                world.read(0, 99).unwrap();
            }
            world.jobs(0).unwrap();
            (world, 2)
        },
        |world, n| {
            let _ = world.enter(n);
            let _ = world.read(n, 9);
        },
    );
}

/// Everybody does what there is to do, a few times; the disk of one of them may fail.
fn goes_on(world: &mut World) {
    for _ in 0..8 {
        world.pass(3_000);
        for n in 0..world.people.len() {
            let _ = world.read(n, usize::MAX);
            let _ = world.ask(n);
            let _ = world.step(n);
            let _ = world.read(n, usize::MAX);
            let _ = world.jobs(n);
            let _ = world.enter(n);
        }
    }
}

#[test]
fn asking_to_be_renewed_and_entering_anew() {
    fails_at_every_write(
        || {
            let mut world = World::cell(&["ana", "ben", "cem"]);
            world.say(1, "waits");
            world.people[1].lose_group();
            (world, 1)
        },
        |world, _| goes_on(world),
    );
}

#[test]
fn renewing_somebody_else() {
    fails_at_every_write(
        || {
            let mut world = World::cell(&["ana", "ben", "cem"]);
            world.people[1].lose_group();
            (world, 0)
        },
        |world, _| goes_on(world),
    );
}

#[test]
fn holding_a_commit_and_going_back_behind_one() {
    for who_holds in [false, true] {
        fails_at_every_write(
            || {
                let mut world = five();
                let (alone, _) = one_against_three(&mut world);
                world.say(alone, "in the wrong epoch");
                // Mal is out of the story.
                world.people.truncate(4);
                let n = if who_holds { (alone + 1) % 4 } else { alone };
                (world, n)
            },
            |world, _| goes_on(world),
        );
    }
}

#[test]
fn opening_an_invite_again_that_a_removal_closed() {
    fails_at_every_write(
        || {
            let mut world = World::cell(&["ana", "ben", "mal"]);
            world.opens(0, 3);
            world.settle();
            world.remove(0, 2);
            for _ in 0..20 {
                world.pass(3_000);
                let _ = world.read(0, 9);
                let _ = world.step(0);
            }
            // Mal is out of the story, and has lost the device.
            world.people.truncate(2);
            (world, 0)
        },
        |world, n| {
            let _ = world.read(n, 9);
            let _ = world.reissues(n);
            let _ = world.step(n);
            let _ = world.read(n, 9);
        },
    );
}
