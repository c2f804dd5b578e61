//! The explored graph, and the walk back over it.
//!
//! "From every reachable state some path of honest steps leads there" is not something `stateright` asks: its `eventually`
//! speaks of every path to an end. So the same `Model` is walked here a second time, and then backwards from the states
//! where the goal is reached, over honest steps alone.

use std::collections::HashMap;

use stateright::Model;

use super::agent::Setup;
use super::check::{Step, World};

/// No configuration is larger; one that is has an agent that repeats itself for ever.
const MOST: usize = 3_000_000;

#[derive(Debug, Default)]
pub(crate) struct Trap {
    pub(crate) states: usize,
    pub(crate) shortest: Vec<String>,
}

pub(crate) struct Graph {
    pub(crate) worlds: Vec<World>,
    /// How each state was first reached.
    parents: Vec<Option<(usize, Step)>>,
    /// For each state the states from which one honest step leads to it.
    before: Vec<Vec<u32>>,
}

impl Graph {
    pub(crate) fn walk(setup: &Setup) -> Self {
        let mut graph = Self {
            worlds: Vec::new(),
            parents: Vec::new(),
            before: Vec::new(),
        };
        let mut index = HashMap::new();
        for world in setup.init_states() {
            index.insert(world.clone(), graph.add(world, None));
        }
        let mut at = 0;
        let mut steps = Vec::new();
        while at < graph.worlds.len() {
            if at >= MOST {
                let way = graph.way_to(at);
                panic!("more than {MOST} states: no end in sight\n{way:#?}");
            }
            let world = graph.worlds[at].clone();
            setup.actions(&world, &mut steps);
            for step in steps.drain(..) {
                let Some(next) = setup.next_state(&world, step) else {
                    continue;
                };
                let to = match index.get(&next) {
                    Some(known) => *known,
                    None => {
                        let new = graph.add(next.clone(), Some((at, step)));
                        index.insert(next, new);
                        new
                    }
                };
                if step.honest() {
                    graph.before[to].push(at as u32);
                }
            }
            at += 1;
        }
        graph
    }

    fn add(&mut self, world: World, parent: Option<(usize, Step)>) -> usize {
        self.worlds.push(world);
        self.parents.push(parent);
        self.before.push(Vec::new());
        self.worlds.len() - 1
    }

    /// The states from which no honest path leads to the goal.
    pub(crate) fn trap(&self, goal: impl Fn(&World) -> bool) -> Trap {
        let mut reaches: Vec<bool> = self.worlds.iter().map(goal).collect();
        let mut open: Vec<usize> = (0..reaches.len()).filter(|i| reaches[*i]).collect();
        while let Some(at) = open.pop() {
            for from in &self.before[at] {
                let from = *from as usize;
                if !reaches[from] {
                    reaches[from] = true;
                    open.push(from);
                }
            }
        }
        let states = reaches.iter().filter(|r| !**r).count();
        let first = reaches.iter().position(|r| !*r);
        Trap {
            states,
            shortest: first.map(|i| self.way_to(i)).unwrap_or_default(),
        }
    }

    fn way_to(&self, state: usize) -> Vec<String> {
        let mut way = Vec::new();
        let mut at = state;
        while let Some((from, step)) = self.parents[at] {
            way.push(format!("{step:?}"));
            at = from;
        }
        way.reverse();
        way
    }
}
