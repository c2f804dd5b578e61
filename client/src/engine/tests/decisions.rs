//! What devices do for decisions by themselves: close what is over, show what they have seen, miss a ballot that was withheld.

use caucus_proto::id::{IntentId, Minutes};
use caucus_proto::org::{Ballot, Deed, Kind, Method, Stage, Step, Subject, SuiteChoice};

use super::world::World;
use crate::charter;

const MINUTE: u64 = 60_000;

/// A charter with an hour to object and polls of any length.
pub(super) fn world(names: &[&str]) -> World {
    let mut charter = charter::read(charter::shipped(Kind::Cell)).unwrap();
    charter.admission.vouches = 0;
    charter.polls.grace = 1;
    for rule in [
        &mut charter.polls.ordinary,
        &mut charter.polls.people,
        &mut charter.polls.rules,
    ] {
        rule.days = 0;
    }
    World::by(names, SuiteChoice::Classical, charter)
}

/// Time goes on, a minute at a time, and devices do what they do by themselves; one of them is cut off.
pub(super) fn passes(world: &mut World, minutes: u64, away: Option<usize>) {
    for _ in 0..minutes {
        world.pass(MINUTE);
        for n in (0..world.people.len()).filter(|n| Some(*n) != away) {
            let now = world.now;
            world.room(n).tend_decisions(now).unwrap();
            world.read(n, 50).unwrap();
            world.step(n).unwrap();
        }
    }
}

pub(super) fn step(world: &mut World, n: usize, proposal: IntentId, step: Step) {
    let step = Box::new(step);
    world.submit(n, &Deed::Step { proposal, step }).unwrap();
}

/// Ben proposes, ana opens a poll of two hours.
fn polled(world: &mut World) -> IntentId {
    let proposal = world
        .submit(
            1,
            &Deed::Propose {
                title: "A hall".to_owned(),
                text: "We rent it.".to_owned(),
                subject: Box::new(Subject::Text),
            },
        )
        .unwrap();
    world.settle();
    let until = Minutes(world.room(0).state().now().0 + 120);
    let open = Step::Open {
        version: 1,
        method: Method::Majority,
        options: Vec::new(),
        until,
        seal: None,
    };
    step(world, 0, proposal, open);
    world.settle();
    proposal
}

fn stage(world: &mut World, n: usize, proposal: &IntentId) -> Stage {
    world.room(n).state().proposal(proposal).unwrap().stage.clone()
}

#[test]
fn a_vote_whose_time_is_over_is_closed_and_final_everywhere_without_anybody_doing_anything() {
    let mut world = world(&["ana", "ben", "cem"]);
    let proposal = polled(&mut world);
    for n in [0, 1] {
        step(&mut world, n, proposal, Step::Vote { ballot: Ballot::Yes });
    }
    world.settle();
    passes(&mut world, 119, None);
    assert!(matches!(stage(&mut world, 2, &proposal), Stage::Polled(_)));
    passes(&mut world, 20, None);
    assert!(matches!(stage(&mut world, 2, &proposal), Stage::Closed(_)));
    passes(&mut world, 90, None);
    for n in 0..3 {
        let Stage::Decided(decided) = stage(&mut world, n, &proposal) else {
            panic!()
        };
        assert!(decided.carried && decided.closed.count.cast == 2);
    }
}

#[test]
fn where_whoever_opened_a_vote_is_away_another_closes_it() {
    let mut world = world(&["ana", "ben", "cem"]);
    let proposal = polled(&mut world);
    for n in [1, 2] {
        step(&mut world, n, proposal, Step::Vote { ballot: Ballot::Yes });
    }
    world.settle();
    passes(&mut world, 150, Some(0));
    assert!(!matches!(stage(&mut world, 2, &proposal), Stage::Polled(_)));
}

#[test]
fn whose_ballot_the_relay_withheld_says_so_by_themselves_and_it_counts_in_the_end() {
    let mut world = world(&["ana", "ben", "cem"]);
    let proposal = polled(&mut world);
    step(&mut world, 0, proposal, Step::Vote { ballot: Ballot::Yes });
    step(&mut world, 1, proposal, Step::Vote { ballot: Ballot::No });
    // What cem's device sends goes nowhere until the vote is closed.
    step(&mut world, 2, proposal, Step::Vote { ballot: Ballot::No });
    passes(&mut world, 140, Some(2));
    assert!(matches!(stage(&mut world, 0, &proposal), Stage::Closed(_)));
    passes(&mut world, 10, None);
    let again = match stage(&mut world, 0, &proposal) {
        Stage::Polled(poll) => poll.reopened,
        Stage::Closed(closed) => closed.poll.reopened,
        _ => 0,
    };
    assert_eq!(again, 1);
    passes(&mut world, 200, None);
    for n in 0..3 {
        let Stage::Decided(decided) = stage(&mut world, n, &proposal) else {
            panic!()
        };
        assert_eq!(
            (decided.closed.count.cast, decided.closed.count.passed),
            (3, false)
        );
    }
    // Who came last may have said something by themselves that the others have not read.
    world.settle();
    let roots: Vec<_> = (0..3).map(|n| world.room(n).state().root()).collect();
    assert!(roots.windows(2).all(|pair| pair[0] == pair[1]));
}
