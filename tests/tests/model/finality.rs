//! Final decisions under a hostile relay that shows two histories, and people who sign heads on both.
//!
//! Who is who does not matter, only how many: the state counts people, which is the whole symmetry of the room. The relay
//! chooses each honest person's side and which heads are posted there; the honest sign on one side only, equivocators on both.

use stateright::{Checker, Model, Property};

#[derive(Clone, Copy, Debug)]
struct Room {
    honest: u8,
    equivocators: u8,
    /// Final is what more than `over` of `of` parts of all attest.
    over: u8,
    of: u8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Side {
    honest: u8,
    heads: u8,
    equivocators: u8,
}

/// The two histories; an honest person on one of them sooner or later posts a head there.
type World = [Side; 2];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Show(usize),
    Head(usize),
    Equivocate(usize),
}

impl Room {
    fn finals(&self, side: &Side) -> bool {
        let all = self.honest + self.equivocators;
        (side.heads + side.equivocators) * self.of > self.over * all
    }
}

const ONE_FINAL: &str = "at most one history has a final decision";

impl Model for Room {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![World::default()]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        for (at, side) in world.iter().enumerate() {
            if world[0].honest + world[1].honest < self.honest {
                steps.push(Step::Show(at));
            }
            if side.heads < side.honest {
                steps.push(Step::Head(at));
            }
            if side.equivocators < self.equivocators {
                steps.push(Step::Equivocate(at));
            }
        }
    }

    fn next_state(&self, last: &World, step: Step) -> Option<World> {
        let mut world = *last;
        match step {
            Step::Show(at) => world[at].honest += 1,
            Step::Head(at) => world[at].heads += 1,
            Step::Equivocate(at) => world[at].equivocators += 1,
        }
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(ONE_FINAL, |room: &Self, world: &World| {
                !world.iter().all(|side| room.finals(side))
            }),
            Property::sometimes("a decision is final", |room: &Self, world: &World| {
                world.iter().any(|side| room.finals(side))
            }),
        ]
    }
}

/// The states, and whether both histories can be final.
fn both(honest: u8, equivocators: u8, (over, of): (u8, u8)) -> (usize, bool) {
    let room = Room {
        honest,
        equivocators,
        over,
        of,
    };
    let checker = room.checker().spawn_bfs().join();
    checker.assert_any_discovery("a decision is final");
    (
        checker.unique_state_count(),
        checker.discovery(ONE_FINAL).is_some(),
    )
}

#[test]
fn with_more_than_two_thirds_one_who_signs_both_histories_makes_no_two_final() {
    let mut states = 0;
    for people in 2..=12 {
        for equivocators in 0..=1 {
            let (seen, twice) = both(people - equivocators, equivocators, (2, 3));
            states += seen;
            assert!(!twice, "{people} people, {equivocators}");
        }
    }
    println!("finality: {states} states, 2 to 12 people, 0 or 1 who signs both");
    let two: Vec<u8> = (3..=12).filter(|n| both(n - 2, 2, (2, 3)).1).collect();
    assert_eq!(two, [4], "two who sign both succeed only among four");
}

#[test]
fn mutant_a_simple_majority_is_final_on_both_sides_with_one_who_signs_both() {
    let odd: Vec<u8> = (3..=12).filter(|n| both(n - 1, 1, (1, 2)).1).collect();
    assert_eq!(odd, [3, 5, 7, 9, 11]);
}
