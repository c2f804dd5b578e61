//! Verdicts on commits that not everybody can process, with an insider and accomplices, without a bound on their steps.
//!
//! The channel model bounds the steps of one insider. Here the log is left out, and with it the bound: what is kept is who
//! is inside, one commit that waits for its verdict, and the latest head of each person on it. So any number of dishonest
//! people may split, complain falsely, fall silent or change their heads for ever, and the graph is still finite.
//!
//! Two questions. `always`: somebody honest is inside, for nobody else renews the honest. And a game: from every reachable
//! state the honest can bring all of them inside whatever heads the dishonest post on the way (new splits left aside, for
//! each is paid with its author's right to commit).

use std::collections::HashMap;

use stateright::{Checker, Model, Property};

type People = u8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tie {
    /// A cut by any keyholder but the author of the commit decides.
    Cut,
    /// Once all who are counted spoke, the commit is void.
    Void,
}

#[derive(Clone, Copy, Debug)]
struct Rules {
    /// A commit is confirmed by more than half of all, not of those counted.
    confirmed_by_all: bool,
    tie: Tie,
    /// The state before a commit is kept until the commit is decided.
    kept: bool,
    /// A commit without a path is the same for all: it is never held, and complaints do not count against it.
    pathless: bool,
}

const REPAIRED: Rules = Rules {
    confirmed_by_all: true,
    tie: Tie::Void,
    kept: true,
    pathless: true,
};

/// Honest people come first; where ties are cut, the first honest and the last dishonest person are the keyholders.
#[derive(Clone, Copy, Debug)]
struct Room {
    honest: u8,
    dishonest: u8,
    rules: Rules,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Pending {
    author: u8,
    /// The honest for whom path and tag are right.
    can: People,
    /// Those of them whom it takes in again.
    renewed: People,
    new: People,
    old: People,
    /// Dishonest people who ask for renewal.
    asks: People,
    day: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct World {
    /// The honest who are in the epoch that all agree on; the others wait for renewal.
    inside: People,
    pending: Option<Pending>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Split {
        author: u8,
        can: People,
    },
    Commit {
        author: u8,
        renewed: People,
    },
    AddOnly(u8),
    Head {
        who: u8,
        new: bool,
    },
    Ask(u8),
    /// A witnessed day passes after a complaint.
    Day,
    Cut {
        by: u8,
        new: bool,
    },
}

impl Room {
    fn all(&self) -> People {
        (1 << (self.honest + self.dishonest)) - 1
    }

    fn good(&self) -> People {
        (1 << self.honest) - 1
    }

    fn is_good(&self, who: u8) -> bool {
        who < self.honest
    }

    fn counted(&self, world: &World, pending: &Pending) -> People {
        let waiting = self.good() & !world.inside & !pending.renewed;
        let silent = if pending.day {
            !(pending.new | pending.old)
        } else {
            0
        };
        self.all() & !waiting & !pending.asks & !silent
    }

    /// The verdict, where there is one: whether the commit stands.
    fn verdict(&self, world: &World, pending: &Pending) -> Option<bool> {
        let counted = self.counted(world, pending);
        let half = |side: People, of: People| side.count_ones() * 2 > of.count_ones();
        let confirmed = if self.rules.confirmed_by_all {
            half(pending.new, self.all())
        } else {
            half(pending.new & counted, counted)
        };
        let undisputed = pending.old == 0 && pending.can & pending.new == world.inside | pending.renewed;
        if confirmed || undisputed {
            return Some(true);
        }
        let spoken = counted & !(pending.new | pending.old) == 0;
        let void = half(pending.old & counted, counted);
        (void || self.rules.tie == Tie::Void && spoken && pending.old != 0).then_some(false)
    }

    fn decide(&self, world: &World, stands: bool) -> World {
        let Some(pending) = world.pending else {
            return *world;
        };
        let inside = match stands {
            true => pending.can,
            false if self.rules.kept => world.inside,
            false => world.inside & !pending.can,
        };
        World {
            inside,
            pending: None,
        }
    }

    fn honest_step(&self, step: Step) -> bool {
        match step {
            Step::Split { .. } | Step::Ask(_) => false,
            Step::Day | Step::AddOnly(_) => true,
            Step::Commit { author: who, .. } | Step::Head { who, .. } | Step::Cut { by: who, .. } => {
                self.is_good(who)
            }
        }
    }

    fn begins(&self, world: &World, steps: &mut Vec<Step>) {
        for author in 0..self.honest + self.dishonest {
            if !self.is_good(author) {
                let fewer = (0..world.inside).filter(|can| can & !world.inside == 0);
                steps.extend(fewer.map(|can| Step::Split { author, can }));
            } else if world.inside & 1 << author != 0 {
                steps.push(Step::Commit { author, renewed: 0 });
                let waiting = (0..self.honest).filter(|p| world.inside & 1 << p == 0);
                for who in waiting {
                    let renewed = 1 << who;
                    steps.push(Step::Commit { author, renewed });
                    if self.rules.pathless {
                        steps.push(Step::AddOnly(who));
                    }
                }
            }
        }
    }

    fn speaks(&self, world: &World, pending: &Pending, steps: &mut Vec<Step>) {
        for who in 0..self.honest + self.dishonest {
            let me = 1 << who;
            if !self.is_good(who) {
                steps.extend([true, false].map(|new| Step::Head { who, new }));
                steps.push(Step::Ask(who));
            } else if (world.inside | pending.renewed) & me != 0 {
                let new = pending.can & me != 0;
                steps.push(Step::Head { who, new });
            }
        }
        if pending.old != 0 && !pending.day {
            steps.push(Step::Day);
        }
        let counted = self.counted(world, pending);
        let (new, old) = (pending.new & counted, pending.old & counted);
        let equal = counted & !(new | old) == 0 && new.count_ones() == old.count_ones();
        if self.rules.tie == Tie::Cut && equal {
            if world.inside & 1 != 0 && pending.author != 0 {
                let new = pending.can & 1 != 0;
                steps.push(Step::Cut { by: 0, new });
            }
            let by = self.honest + self.dishonest - 1;
            if !self.is_good(by) && pending.author != by {
                steps.extend([true, false].map(|new| Step::Cut { by, new }));
            }
        }
    }
}

const SOMEBODY: &str = "somebody honest is inside";

impl Model for Room {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![World {
            inside: self.good(),
            pending: None,
        }]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        match &world.pending {
            None => self.begins(world, steps),
            Some(pending) => self.speaks(world, pending, steps),
        }
    }

    fn next_state(&self, last: &World, step: Step) -> Option<World> {
        let mut world = *last;
        let begin = |author: u8, can: People, renewed: People| Pending {
            author,
            can,
            renewed,
            new: 1 << author,
            old: 0,
            asks: 0,
            day: false,
        };
        match (step, &mut world.pending) {
            (Step::Split { author, can }, none) => *none = Some(begin(author, can, 0)),
            (Step::Commit { author, renewed }, none) => {
                *none = Some(begin(author, last.inside | renewed, renewed));
            }
            (Step::AddOnly(who), _) => world.inside |= 1 << who,
            (Step::Head { who, new }, Some(pending)) => {
                let me = 1 << who;
                (pending.new, pending.old) = match new {
                    true => (pending.new | me, pending.old & !me),
                    false => (pending.new & !me, pending.old | me),
                };
            }
            (Step::Ask(who), Some(pending)) => pending.asks |= 1 << who,
            (Step::Day, Some(pending)) => pending.day = true,
            (Step::Cut { new, .. }, Some(_)) => return Some(self.decide(&world, new)),
            (_, None) => return None,
        }
        if let Some(stands) = world.pending.and_then(|p| self.verdict(&world, &p)) {
            world = self.decide(&world, stands);
        }
        (world != *last).then_some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always(SOMEBODY, |_, world: &World| world.inside != 0)]
    }
}

/// The states that can be reached, and those of them from which the honest cannot force that all of them are inside.
fn stuck(room: &Room) -> (usize, usize) {
    let mut worlds = room.init_states();
    let mut index: HashMap<World, usize> = worlds.iter().map(|w| (*w, 0)).collect();
    let (mut helps, mut harms): (Vec<Vec<usize>>, Vec<Vec<usize>>) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < worlds.len() {
        let (mut help, mut harm) = (Vec::new(), Vec::new());
        for (step, next) in room.next_steps(&worlds[at]) {
            let to = *index.entry(next).or_insert_with(|| {
                worlds.push(next);
                worlds.len() - 1
            });
            if room.honest_step(step) {
                help.push(to);
            } else if !matches!(step, Step::Split { .. }) {
                harm.push(to);
            }
        }
        helps.push(help);
        harms.push(harm);
        at += 1;
    }
    let mut wins: Vec<bool> = worlds
        .iter()
        .map(|w| w.inside == room.good() && w.pending.is_none())
        .collect();
    loop {
        // Safe: wins whatever heads come before the next honest step.
        let mut safe = wins.clone();
        loop {
            let unsafe_now: Vec<usize> = (0..safe.len())
                .filter(|i| safe[*i] && harms[*i].iter().any(|t| !safe[*t]))
                .collect();
            if unsafe_now.is_empty() {
                break;
            }
            for i in unsafe_now {
                safe[i] = false;
            }
        }
        let more: Vec<usize> = (0..wins.len())
            .filter(|i| !wins[*i] && helps[*i].iter().any(|t| safe[*t]))
            .collect();
        if more.is_empty() {
            return (worlds.len(), wins.iter().filter(|w| !**w).count());
        }
        for i in more {
            wins[i] = true;
        }
    }
}

/// Whether somebody honest is always inside, and in how many states the honest cannot force their way back.
fn ask(name: &str, honest: u8, dishonest: u8, rules: Rules) -> (bool, usize) {
    let began = std::time::Instant::now();
    let room = Room {
        honest,
        dishonest,
        rules,
    };
    let checker = room.checker().spawn_bfs().join();
    let way = checker.discovery(SOMEBODY).map(|path| path.into_actions());
    let (states, stuck) = stuck(&room);
    println!(
        "verdict, {name}: {honest} honest, {dishonest} dishonest: {states} states, {stuck} stuck, {:.1} s",
        began.elapsed().as_secs_f32()
    );
    if let Some(way) = &way {
        println!("  nobody inside by {way:?}");
    }
    (way.is_none(), stuck)
}

#[test]
fn an_insider_and_an_accomplice_put_nobody_out_for_good() {
    for (honest, dishonest) in [(2, 1), (2, 2), (3, 1), (3, 2), (4, 1), (4, 2)] {
        assert_eq!(ask("repaired", honest, dishonest, REPAIRED), (true, 0));
    }
    assert!(
        !ask("more than half dishonest", 2, 3, REPAIRED).0,
        "the bound is half"
    );
}

#[test]
fn mutant_confirmed_by_more_than_half_of_those_counted_alone_empties_the_room() {
    let rules = Rules {
        confirmed_by_all: false,
        ..REPAIRED
    };
    assert!(!ask("mutant, of those counted", 2, 2, rules).0);
    assert!(!ask("mutant, of those counted", 3, 2, rules).0);
}

#[test]
fn mutant_without_the_state_before_a_false_complaint_empties_the_room() {
    let rules = Rules {
        kept: false,
        ..REPAIRED
    };
    assert!(!ask("mutant, state not kept", 2, 1, rules).0);
    assert!(!ask("mutant, state not kept", 2, 2, rules).0);
}

#[test]
fn mutant_a_tie_that_any_keyholder_breaks_empties_the_room() {
    let rules = Rules {
        tie: Tie::Cut,
        ..REPAIRED
    };
    assert!(!ask("mutant, ties are cut", 2, 2, rules).0);
    assert!(!ask("mutant, ties are cut", 3, 2, rules).0);
    let paper = Rules {
        confirmed_by_all: false,
        kept: false,
        ..rules
    };
    assert!(!ask("mutant, all of these", 2, 1, paper).0);
}

#[test]
fn mutant_where_every_renewal_has_a_path_two_liars_void_them_all() {
    let rules = Rules {
        pathless: false,
        ..REPAIRED
    };
    let (somebody, stuck) = ask("mutant, renewals with a path", 2, 2, rules);
    assert!(somebody && stuck > 0);
}
