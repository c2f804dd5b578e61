//! The rules of renewal, by one person's requests: an old one, somebody else's, one that is carried in late.
//!
//! Every request that was ever signed lies about and may be carried out at any time. A thief holds the persona's key (an old
//! backup) but no leaf. A leaf is *live* while its owner holds the state of it. Evicted is who had a live leaf and can
//! neither keep it nor join by the request that replaced it. That a request is carried out once needs no rule of its own: one
//! that was carried out was signed before the last renewal.

use stateright::{Checker, Model, Property};

#[derive(Clone, Copy, Debug)]
struct Rules {
    /// A request is refused that was signed before the last renewal.
    after_last_join: bool,
    /// A request is refused if an MLS message of its persona stands after it, unless codes are compared.
    silent_since: bool,
    signed: bool,
    /// Whoever is healed otherwise keeps the keys of a request until a message of theirs stands after it.
    keys_kept: bool,
    /// One who is there answers a request that is not theirs with a message, and who carries requests out waits for it.
    objects: bool,
}

const REPAIRED: Rules = Rules {
    after_last_join: true,
    silent_since: true,
    signed: true,
    keys_kept: true,
    objects: true,
};

#[derive(Clone, Copy, Debug)]
struct Setup {
    rules: Rules,
    thief: bool,
    length: u8,
    losses: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum By {
    Owner,
    Stranger,
    Thief,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Request {
    by: By,
    position: u8,
    done: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    length: u8,
    losses: u8,
    live: bool,
    joined: u8,
    /// Behind the last message of the owner.
    said: u8,
    requests: Vec<Request>,
    /// The requests whose private keys the owner holds.
    keys: Vec<usize>,
    evicted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Lose {
        keys_too: bool,
    },
    Ask(By),
    /// The state comes back without a renewal.
    Heal,
    Say,
    Other,
    Renew(usize),
}

impl Setup {
    fn allowed(&self, world: &World, request: &Request) -> bool {
        let rules = self.rules;
        (!rules.signed || request.by != By::Stranger)
            && (!rules.after_last_join || request.position >= world.joined)
            && (!rules.silent_since || request.position >= world.said)
    }
}

const NOT_EVICTED: &str = "nobody whose leaf is live is evicted";

impl Model for Setup {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![World {
            length: 0,
            losses: self.losses,
            live: true,
            joined: 0,
            said: 0,
            requests: Vec::new(),
            keys: Vec::new(),
            evicted: false,
        }]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        if world.live && world.losses > 0 {
            steps.extend([true, false].map(|keys_too| Step::Lose { keys_too }));
        }
        if world.length >= self.length {
            return;
        }
        steps.push(Step::Other);
        steps.push(Step::Ask(By::Stranger));
        if self.thief {
            steps.push(Step::Ask(By::Thief));
        }
        steps.push(if world.live {
            Step::Say
        } else {
            Step::Ask(By::Owner)
        });
        if !world.live {
            steps.push(Step::Heal);
        }
        let may = |i: &usize| self.allowed(world, &world.requests[*i]);
        steps.extend((0..world.requests.len()).filter(may).map(Step::Renew));
    }

    fn next_state(&self, last: &World, step: Step) -> Option<World> {
        let mut world = last.clone();
        match step {
            Step::Lose { keys_too } => {
                world.losses -= 1;
                world.live = false;
                if keys_too {
                    world.keys.clear();
                }
            }
            Step::Ask(by) => {
                let request = Request {
                    by,
                    position: world.length,
                    done: false,
                };
                if by == By::Owner {
                    world.keys.push(world.requests.len());
                }
                world.requests.push(request);
                world.length += 1;
                if by == By::Thief && self.rules.objects && world.live {
                    world.said = world.length;
                }
            }
            Step::Heal => {
                // One whose own old request they hold no keys of is no other case than a thief's: they object to it.
                world.live = true;
                let lost = world.requests.iter().enumerate().any(|(i, r)| {
                    r.by != By::Stranger && self.allowed(&world, r) && !world.keys.contains(&i)
                });
                if !self.rules.keys_kept {
                    world.keys.clear();
                }
                if self.rules.objects && lost {
                    world.length += 1;
                    world.said = world.length;
                }
            }
            Step::Say => {
                world.length += 1;
                world.said = world.length;
                world.keys.clear();
            }
            Step::Other => world.length += 1,
            Step::Renew(which) => {
                let fits = world.keys.contains(&which);
                world.evicted |= world.live && (!fits || world.requests[which].done);
                world.live = fits && !world.requests[which].done;
                world.requests[which].done = true;
                world.length += 1;
                world.joined = world.length;
            }
        }
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(NOT_EVICTED, |_, world: &World| !world.evicted),
            Property::sometimes("a renewal", |_, world: &World| world.live && world.joined > 0),
        ]
    }
}

fn evicts(name: &str, rules: Rules, thief: bool) -> bool {
    let setup = Setup {
        rules,
        thief,
        length: 6,
        losses: 2,
    };
    let checker = setup.checker().spawn_bfs().join();
    println!("renewal, {name}: {} states", checker.unique_state_count());
    let way = checker.discovery(NOT_EVICTED).map(|p| p.into_actions());
    if let Some(way) = &way {
        println!("  evicted by {way:?}");
    } else {
        checker.assert_any_discovery("a renewal");
    }
    way.is_some()
}

#[test]
fn an_old_request_somebody_elses_and_a_late_one_evict_nobody() {
    assert!(!evicts("repaired", REPAIRED, false));
    assert!(!evicts("repaired, thief", REPAIRED, true));
}

macro_rules! mutants {
    ($($name:ident: $rule:ident, $thief:literal;)*) => {$(
        #[test]
        fn $name() {
            let rules = Rules { $rule: false, ..REPAIRED };
            assert!(evicts(concat!("mutant, no ", stringify!($rule)), rules, $thief));
        }
    )*};
}

mutants! {
    mutant_a_request_from_before_the_last_renewal_evicts: after_last_join, false;
    mutant_a_live_leaf_that_spoke_since_is_evicted: silent_since, false;
    mutant_a_strangers_request_evicts: signed, false;
    mutant_keys_thrown_away_too_early_let_an_old_request_evict: keys_kept, false;
    mutant_a_silent_live_leaf_is_evicted_by_a_thief: objects, true;
}
