//! Many act at once.

use caucus_proto::id::{Minutes, Position};
use caucus_proto::org::SuiteChoice;

use super::channel::Answer;
use super::random::seeds;
use super::world::World;
use crate::engine::follow::invite_number;

/// So many people in one room.
fn crowd(count: usize) -> World {
    let mut world = World::of(&["person 0"], SuiteChoice::Classical);
    while world.people.len() < count {
        let first = world.people.len();
        for n in first..count.min(first + 40) {
            let (invite, application) = world.stranger(&format!("person {n}"));
            let carried = world
                .room(0)
                .carry(invite_number(&invite), Position(1), Some(application));
            carried.unwrap();
            world.settle();
        }
        for n in first..world.people.len() {
            world.admit(n);
        }
        world.settle();
        for n in 0..world.people.len() {
            // Nobody renews keys by themselves: who commits is told below.
            world.room(n).cursor.refresh = Minutes(u64::MAX);
        }
    }
    world.settle();
    world
}

#[test]
#[allow(clippy::print_stderr)] // How often somebody had to try again is shown with it.
fn fifty_who_act_and_commit_at_one_moment_end_with_one_state_and_try_again_a_bounded_number_of_times() {
    let count = usize::try_from(seeds(50, 200)).unwrap();
    let mut world = crowd(count);
    let begin = world.channel.newest();
    for n in 0..count {
        assert!(world.say(n, &format!("{n} at once")));
        if n % 10 == 3 {
            let now = world.now;
            world.room(n).stage_refresh(false, now).unwrap();
        }
    }
    world.remove(0, count - 1);
    // All send what they made before anybody has heard of the others; whoever was refused reads on and tries again.
    let (mut refused, mut tries) = (0, vec![0_usize; count]);
    for _ in 0..50 {
        let mut sent = Vec::new();
        for n in 0..count {
            sent.extend(world.outgoing(n).unwrap().map(|outgoing| (n, outgoing)));
        }
        if sent.is_empty() {
            break;
        }
        for (n, outgoing) in sent {
            if let Answer::Moved(_) = world.channel.store(&outgoing) {
                refused += 1;
                tries[n] += 1;
            }
        }
        for n in 0..count {
            world.read(n, usize::MAX).unwrap();
            world.jobs(n).unwrap();
        }
        world.pass(1_500);
    }
    world.settle();
    world.check();
    let root = world.room(0).state().root();
    for n in 1..count - 1 {
        assert_eq!(world.room(n).state().root(), root, "{n}");
    }
    let texts = world.texts();
    // Who is removed is not heard any more.
    assert!((0..count - 1).all(|n| texts.contains(&format!("{n} at once"))));
    let most = tries.iter().max().copied().unwrap_or_default();
    let entries = world.channel.newest().0 - begin.0;
    eprintln!("{count} people: {entries} entries, {refused} refused, at most {most} times the same person");
    assert!(most <= 3, "{most}");
}
