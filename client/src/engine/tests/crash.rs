//! Every write of the vault fails once, in everything that a room does: nothing is lost, doubled or undecryptable.

use super::world::World;
use crate::engine::record::Health;

/// What a device does while its disk fails.
type Deed = fn(&mut World, usize);

fn fails_at_every_write(prepare: impl Fn() -> (World, usize), deed: Deed) {
    let mut failures = 0;
    for commits in 0..4 {
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
    }
    assert!(failures > 0, "no write failed");
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
