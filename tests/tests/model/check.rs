//! The model as `stateright` explores it, and the walk back over the explored graph.
//!
//! What must never be is an `always` property of the checker. What must stay possible ("from every reachable state some
//! path of honest steps leads there") is not something the checker asks, for its `eventually` speaks of every path to an
//! end: the graph is walked here a second time with the same `Model`, and backwards from the states where the goal is
//! reached, over honest steps alone.

use std::collections::HashMap;
use std::time::Instant;

use stateright::{Checker, Expectation, Model, Property};

use super::agent::{Agent, Forget, Place, Request, Setup};
use super::insider::INSIDER;
use super::people::{PEOPLE, Person, Set, Side, View};
use super::relay::{Answer, Body, Entry, Flag, Keys, Op, Relay};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) relay: Relay,
    pub(crate) agents: [Agent; PEOPLE as usize],
    pub(crate) insider_steps: u8,
    pub(crate) crashes: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// All that the relay serves.
    Read(Person),
    /// A request is written into the vault, and goes onto the wire.
    Write(Person, Request),
    /// The relay takes what is on the wire, and its answer arrives.
    Arrive(Person),
    Crash(Person),
    Resend(Person),
    Forget(Person),
    /// To the refuge.
    Post(Person),
    Insider(u8, Entry),
}

impl Step {
    fn honest(&self) -> bool {
        !matches!(self, Step::Crash(_) | Step::Insider(..))
    }
}

pub(crate) const IN_ITS_EPOCH: &str = "every message lies in the epoch of those who read it";
pub(crate) const ONE_EPOCH: &str = "who read as far is in the same epoch";
pub(crate) const ONE_ADVANCES: &str = "of racing commits one advances";
pub(crate) const AT_MOST_ONCE: &str = "no intent is applied twice";
/// What must be reachable in a configuration for its check to mean anything.
pub(crate) const RENEWED: &str = "somebody was renewed";
pub(crate) const ANSWERED: &str = "wrong keys were answered";
pub(crate) const VOIDED: &str = "a split commit was voided by heads";
pub(crate) const WON: &str = "a split commit was confirmed by heads";
pub(crate) const STORED_TWICE: &str = "a message was stored twice";
pub(crate) const LOST_A_RACE: &str = "a commit was told that the counter moved";
pub(crate) const CUT_OFF: &str = "a cut followed the removal";
pub(crate) const REFUSED: &str = "the removed append nothing after the cut";

impl Setup {
    fn view(&self, world: &World, who: Person) -> View {
        self.reader(&world.relay, who, world.agents[usize::from(who)].read)
            .judge()
    }

    fn views(&self, world: &World) -> Vec<(u8, View)> {
        self.honest
            .iter()
            .map(|p| (world.agents[usize::from(p)].read, self.view(world, p)))
            .collect()
    }

    /// Whether every honest person read all, in one epoch, with the keys in force, and with nothing on the way.
    pub(crate) fn together(&self, world: &World) -> bool {
        let relay = &world.relay;
        let first = self.view(world, 0).epoch;
        self.honest.iter().all(|p| {
            let agent = &world.agents[usize::from(p)];
            agent.request.is_none()
                && agent.read == relay.len()
                && relay.opens(p, relay.segment(), agent.read)
                && {
                    let view = self.view(world, p);
                    view.settled() && view.epoch == first && !view.is_wrong(relay.segment())
                }
        })
    }

    /// The same, with all that was to be done applied once at every honest person.
    pub(crate) fn done(&self, world: &World) -> bool {
        let once = |counts: &[u8], authors: Set| authors.iter().all(|a| counts[usize::from(a)] == 1);
        self.together(world)
            && self.views(world).iter().all(|(_, v)| {
                once(&v.said, self.messages)
                    && once(&v.acted, self.acts)
                    && v.turns >= self.turns
                    && v.removed == self.removal
            })
    }

    fn read(&self, world: &mut World, who: Person) -> bool {
        let agent = &mut world.agents[usize::from(who)];
        let to = self.reads_to(&world.relay, who, agent.read);
        if to == agent.read {
            return false;
        }
        agent.read = to;
        agent.refuge = None;
        let counter = world.relay.log[..usize::from(to)]
            .iter()
            .filter(|e| e.flag != Flag::Plain)
            .count() as u8;
        agent.request = agent.request.filter(|request| {
            let own = |e: &Entry| e == &request.entry;
            counter <= request.entry.counter && !world.relay.log[..usize::from(to)].iter().any(own)
        });
        true
    }

    fn arrive(&self, world: &mut World, who: Person) -> Option<()> {
        let agent = &mut world.agents[usize::from(who)];
        let request = agent.request.as_mut().filter(|r| r.place == Place::Wire)?;
        let entry = request.entry;
        let answer = world.relay.store(&self.relay, request.segment, entry);
        request.place = if answer == Answer::Stored {
            Place::Acknowledged
        } else {
            Place::Refused
        };
        if answer == Answer::Stored && self.forget == Forget::Acknowledged {
            match entry.body {
                Body::Say { .. } => agent.keeps_message = false,
                Body::Commit { op: Op::Act(_), .. } => agent.keeps_act = false,
                _ => {}
            }
        }
        // A plain request that was refused can never be stored again; a commit's secrets stay until the log shows its fate.
        if answer != Answer::Stored && entry.flag == Flag::Plain {
            agent.request = None;
        }
        if answer == Answer::Stored && entry.flag == Flag::Cut {
            Self::new_refuge(world);
        }
        Some(())
    }

    fn happenings() -> Vec<Property<Self>> {
        fn verdict(setup: &Setup, world: &World, side: Side) -> bool {
            let reader = setup.reader(&world.relay, 0, world.agents[0].read);
            (0..reader.upto).any(|p| reader.verdict_on(p) == Some(side))
        }
        fn any(world: &World, test: impl Fn(&Entry) -> bool) -> bool {
            world.relay.log.iter().any(test)
        }
        vec![
            Property::sometimes(RENEWED, |_, world| {
                any(world, |e| matches!(e.body, Body::Commit { op: Op::Renew(_), .. }))
            }),
            Property::sometimes(ANSWERED, |_, world| {
                any(world, |e| matches!(e.body, Body::Answer { .. }))
            }),
            Property::sometimes(VOIDED, |setup, world| verdict(setup, world, Side::Old)),
            Property::sometimes(WON, |setup, world| verdict(setup, world, Side::New)),
            Property::sometimes(STORED_TWICE, |_, world: &World| {
                let says = |e: &&Entry| matches!(e.body, Body::Say { .. });
                let messages: Vec<&Entry> = world.relay.log.iter().filter(says).collect();
                (1..messages.len()).any(|i| messages[..i].iter().any(|e| *e == messages[i]))
            }),
            Property::sometimes(LOST_A_RACE, |_, world: &World| {
                let refused = |r: Request| r.place == Place::Refused && r.entry.flag != Flag::Plain;
                world.agents.iter().filter_map(|a| a.request).any(refused)
            }),
            Property::sometimes(CUT_OFF, |_, world: &World| {
                !world.relay.insider_opens(world.relay.segment())
            }),
        ]
    }

    fn new_refuge(world: &mut World) {
        for agent in &mut world.agents {
            agent.refuge = None;
        }
    }
}

impl Model for Setup {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        let agent = |p| Agent {
            read: 0,
            request: None,
            keeps_message: self.messages.has(p),
            keeps_act: self.acts.has(p),
            refuge: None,
        };
        vec![World {
            relay: Relay::new(),
            agents: std::array::from_fn(|p| agent(p as u8)),
            insider_steps: self.insider.steps,
            crashes: self.crashes,
        }]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        for who in self.honest.iter() {
            let agent = &world.agents[usize::from(who)];
            let behind = self.reads_to(&world.relay, who, agent.read) != agent.read;
            if behind {
                steps.push(Step::Read(who));
            }
            match agent.request.map(|r| r.place) {
                None if !behind => {
                    let wants = self.wants(&world.relay, &world.agents, who);
                    steps.extend(wants.into_iter().map(|request| Step::Write(who, request)));
                }
                Some(Place::Wire) => steps.extend([Step::Arrive(who), Step::Crash(who)]),
                Some(Place::Acknowledged) => steps.push(Step::Crash(who)),
                Some(Place::Unsure) => steps.push(Step::Resend(who)),
                None | Some(Place::Refused) => {}
            }
            if !behind && self.post(&world.relay, agent, who).is_some() {
                steps.push(Step::Post(who));
            }
            if self.forget == Forget::Attested
                && agent.keeps_message
                && self.attested(&world.relay, agent, who)
            {
                steps.push(Step::Forget(who));
            }
        }
        if world.insider_steps > 0 {
            let all = self.insider_steps(&world.relay);
            steps.extend(
                all.into_iter()
                    .map(|(segment, entry)| Step::Insider(segment, entry)),
            );
        }
    }

    fn next_state(&self, last: &World, step: Step) -> Option<World> {
        let mut world = last.clone();
        match step {
            Step::Read(who) => {
                if !self.read(&mut world, who) {
                    return None;
                }
            }
            Step::Write(who, request) => world.agents[usize::from(who)].request = Some(request),
            Step::Arrive(who) => self.arrive(&mut world, who)?,
            Step::Crash(who) => {
                world.crashes = world.crashes.checked_sub(1)?;
                world.agents[usize::from(who)].request.as_mut()?.place = Place::Unsure;
            }
            Step::Resend(who) => world.agents[usize::from(who)].request.as_mut()?.place = Place::Wire,
            Step::Forget(who) => world.agents[usize::from(who)].keeps_message = false,
            Step::Post(who) => {
                let post = self.post(&world.relay, &world.agents[usize::from(who)], who);
                world.agents[usize::from(who)].refuge = post;
            }
            Step::Insider(segment, entry) => {
                world.insider_steps -= 1;
                if world.relay.store(&self.relay, segment, entry) != Answer::Stored {
                    return None;
                }
                if entry.flag == Flag::Cut {
                    Self::new_refuge(&mut world);
                }
            }
        }
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always(ONE_ADVANCES, |_, world: &World| {
                let named = |e: &&Entry| e.flag != Flag::Plain;
                let counters: Vec<u8> = world.relay.log.iter().filter(named).map(|e| e.counter).collect();
                counters.windows(2).all(|pair| pair[0] < pair[1])
            }),
            Property::always(AT_MOST_ONCE, |setup: &Self, world| {
                setup
                    .views(world)
                    .iter()
                    .all(|(_, v)| v.said.iter().chain(&v.acted).all(|n| *n <= 1))
            }),
            Property::always(REFUSED, |_, world: &World| {
                let relay = &world.relay;
                let cut_off = |p: u8| match relay.segments[usize::from(relay.segment_of(p))] {
                    Keys::Exporter(epoch) => relay.removed_in(epoch),
                    Keys::Rogue | Keys::Derived(_) => false,
                };
                (0..relay.len()).all(|p| relay.log[usize::from(p)].by != INSIDER || !cut_off(p))
            }),
        ];
        properties.extend(Self::happenings());
        // Where a commit can be made that not all process, people are in two epochs until the verdict.
        if !self.insider.splits {
            properties.push(Property::always(ONE_EPOCH, |setup: &Self, world| {
                let views = setup.views(world);
                views
                    .iter()
                    .all(|(r, v)| views.iter().all(|(s, w)| r != s || v.epoch == w.epoch))
            }));
            properties.push(Property::always(IN_ITS_EPOCH, |setup: &Self, world: &World| {
                let relay = &world.relay;
                (0..relay.len()).all(|p| match relay.log[usize::from(p)].body {
                    Body::Say { from } => setup.honest.iter().all(|who| {
                        world.agents[usize::from(who)].read <= p
                            || setup.reader(relay, who, p).judge().epoch == from
                    }),
                    _ => true,
                })
            }));
        }
        properties
    }
}

/// No configuration is larger; one that is has an agent that repeats itself for ever.
const MOST: usize = 3_000_000;

/// What an exploration found.
pub(crate) struct Found {
    pub(crate) states: usize,
    /// The `always` properties that failed.
    pub(crate) violated: Vec<&'static str>,
    /// The `sometimes` properties that were met.
    pub(crate) seen: Vec<&'static str>,
    /// States from which no honest path leads all together, and from which none leads to everything done; each with
    /// the shortest way into one.
    pub(crate) locked_out: Trap,
    pub(crate) lost: Trap,
}

#[derive(Debug, Default)]
pub(crate) struct Trap {
    pub(crate) states: usize,
    pub(crate) shortest: Vec<String>,
}

/// Explores a configuration to its end, prints what it counted, and answers what was found.
pub(crate) fn explore(name: &str, setup: Setup) -> Found {
    let began = Instant::now();
    let graph = Graph::walk(&setup);
    let checker = setup.checker().spawn_bfs().join();
    let discovered = checker.discoveries();
    let (mut violated, mut seen) = (Vec::new(), Vec::new());
    for property in setup
        .properties()
        .into_iter()
        .filter(|p| discovered.contains_key(p.name))
    {
        match property.expectation {
            Expectation::Sometimes => seen.push(property.name),
            Expectation::Always | Expectation::Eventually => violated.push(property.name),
        }
    }
    if discovered.len() < setup.properties().len() {
        assert_eq!(
            graph.worlds.len(),
            checker.unique_state_count(),
            "both walks see the same states: {name}"
        );
    }
    let found = Found {
        states: graph.worlds.len(),
        violated,
        seen,
        locked_out: graph.trap(|w| setup.together(w)),
        lost: graph.trap(|w| setup.done(w)),
    };
    println!(
        "{name}: {} states, depth {}, {} violated, {} locked out, {} lost, {:.1} s",
        found.states,
        checker.max_depth(),
        found.violated.len(),
        found.locked_out.states,
        found.lost.states,
        began.elapsed().as_secs_f32()
    );
    found
}

struct Graph {
    worlds: Vec<World>,
    /// How each state was first reached.
    parents: Vec<Option<(usize, Step)>>,
    /// For each state the states from which one honest step leads to it.
    before: Vec<Vec<u32>>,
}

impl Graph {
    fn walk(setup: &Setup) -> Self {
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
    fn trap(&self, goal: impl Fn(&World) -> bool) -> Trap {
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
