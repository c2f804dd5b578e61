//! No lock-out (law 10), for every charter that can be reached: whoever is away, up to the charter's number, the others
//! find a way to admit somebody, to the secretary's office and to the keys. And nobody asks of others, in another charter,
//! for more than they reach themselves.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::world::{LEAF, World, application, charter, encoded, persona, public};
use crate::id::PersonaId;
use crate::org::act::{CommitOps, Deed, SeatAdded};
use crate::org::apply::Outcome;
use crate::org::ballot::{Ballot, Method};
use crate::org::charter::{Charter, OfficeRule};
use crate::org::count::{Terms, count};
use crate::org::effect::Effect;
use crate::org::mandate::{DAY, Filling, Office};
use crate::org::power::Power;
use crate::org::proposal::Subject;
use crate::org::rules::{Base, PollRule};
use crate::org::share::Share;
use crate::org::sphere::Sphere;
use crate::org::state::State;

/// People whom a history begins with, at most.
const PEOPLE: u32 = 7;

fn sphere() -> impl Strategy<Value = Sphere> {
    prop_oneof![3 => Just(Sphere::Member), 1 => Just(Sphere::Cadre)]
}

fn rule() -> impl Strategy<Value = PollRule> {
    let share = (1..=10_u16, 1..=10_u16, any::<bool>()).prop_map(|(a, b, more)| Share {
        part: a.min(b),
        of: a.max(b),
        more,
    });
    let base = prop_oneof![Just(Base::Cast), Just(Base::Present), Just(Base::Electorate)];
    (sphere(), any::<bool>(), share.clone(), base, share, 0..3_u16).prop_map(
        |(sphere, principles, threshold, base, quorum, days)| PollRule {
            sphere,
            principles,
            threshold,
            base,
            quorum,
            days,
        },
    )
}

fn office() -> impl Strategy<Value = OfficeRule> {
    let powers = proptest::sample::subsequence(Power::ALL.to_vec(), 0..=12);
    (1..=4_u16, 1..=20_u16, sphere(), powers, any::<bool>()).prop_map(
        |(seats, days, sphere, powers, elected)| OfficeRule {
            seats,
            days,
            sphere,
            powers: powers.into_iter().filter(|power| *power != Power::Keys).collect(),
            filling: if elected {
                Filling::Election
            } else {
                Filling::Rotation
            },
            terms: u16::from(elected),
        },
    )
}

/// Charters that pass the check; most begin with another that would not, made to.
fn charters() -> impl Strategy<Value = Charter> {
    let offices = [Office::Secretary, Office::Treasurer, Office::Facilitator];
    let offices = proptest::sample::subsequence(offices.to_vec(), 0..=3);
    let numbers = (0..=3_u16, 0..=3_u16, 0..=5_u16, 1..=6_u16, 0..=2_u16);
    let fixed = (office(), office(), 0..=20_u16);
    let made = (
        numbers,
        fixed,
        offices,
        proptest::collection::vec(office(), 3),
        (rule(), rule(), rule()),
    )
        .prop_map(
            |(
                (absent, vouches, days, a_month, cadre),
                (mut caretaker, mut keyholder, term),
                offices,
                others,
                rules,
            )| {
                let mut charter = charter();
                charter.absent = absent;
                charter.admission.vouches = vouches;
                (charter.vouching.days, charter.vouching.a_month) = (days, a_month);
                charter.cadre.vouches = cadre;
                for rule in [&mut caretaker, &mut keyholder] {
                    (rule.filling, rule.terms) = (Filling::Rotation, 0);
                }
                keyholder.days = term;
                keyholder.seats = keyholder.seats.max(absent + 1).max(2);
                keyholder.powers.retain(|power| *power != Power::Remove);
                keyholder.powers.push(Power::Keys);
                charter.offices = offices.into_iter().zip(others).collect::<BTreeMap<_, _>>();
                for rule in charter
                    .offices
                    .values_mut()
                    .filter(|rule| rule.filling == Filling::Rotation)
                {
                    rule.terms = 0;
                }
                for power in Power::ALL
                    .into_iter()
                    .filter(|power| power.is_vital() && *power != Power::Keys)
                {
                    // Now and then somebody else has it too, or instead.
                    if let Some(rule) = charter.offices.get_mut(&Office::Secretary)
                        && !rule.powers.contains(&power)
                    {
                        rule.powers.push(power);
                    }
                    if !caretaker.powers.contains(&power) {
                        caretaker.powers.push(power);
                    }
                }
                if let Some(rule) = charter.offices.get(&Office::Secretary) {
                    let more = rule
                        .powers
                        .iter()
                        .filter(|power| !caretaker.powers.contains(power));
                    let more: Vec<_> = more.copied().collect();
                    caretaker.powers.extend(more);
                }
                (charter.caretaker, charter.keyholder) = (caretaker, keyholder);
                (charter.polls.ordinary, charter.polls.people, charter.polls.rules) = rules;
                charter
            },
        );
    made.prop_filter("no body could live by it", |charter| charter.check().is_ok())
}

#[derive(Clone, Debug)]
enum Event {
    Charter(Box<Charter>),
    Elect(u32, u32),
    Recall(u32),
    Leave(u32),
    Aside(u32, u32),
    Suspend(u32),
    Days(u64),
    HandOver(u32),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let who = 0..PEOPLE;
    let event = prop_oneof![
        2 => charters().prop_map(|charter| Event::Charter(Box::new(charter))),
        2 => (0..9_u32, who.clone()).prop_map(|(office, who)| Event::Elect(office, who)),
        1 => (0..9_u32).prop_map(Event::Recall),
        1 => who.clone().prop_map(Event::Leave),
        2 => (0..9_u32, who.clone()).prop_map(|(office, who)| Event::Aside(office, who)),
        1 => who.prop_map(Event::Suspend),
        2 => (1..30_u64).prop_map(Event::Days),
        2 => (0..9_u32).prop_map(Event::HandOver),
    ];
    proptest::collection::vec(event, 0..8)
}

fn is_in(world: &World, seed: u32) -> bool {
    world
        .state
        .person(&persona(seed))
        .is_some_and(|person| person.is_present())
}

fn is_done(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Done(_))
}

/// What a final decision does.
fn decided(world: &mut World, effect: &Effect) {
    let at = world.at(false, false);
    world.state.enact(at, &persona(0), effect);
    world.state.fill_seats(at.position);
    world.state.pass();
}

fn happen(world: &mut World, event: &Event) {
    let offices: Vec<Office> = world
        .state
        .charter()
        .offices()
        .map(|(office, _)| office)
        .collect();
    let of = |number: &u32| offices[*number as usize % offices.len()];
    match event {
        Event::Charter(charter) if world.state.judge_charter(charter).is_ok() => {
            let charter = charter.clone();
            decided(world, &Effect::CharterChanged { charter });
        }
        Event::Charter(_) => {}
        Event::Elect(office, who) => {
            let (office, holders) = (of(office), vec![persona(*who)]);
            if world.state.is_elected(office) && is_in(world, *who) {
                decided(world, &Effect::Elected { office, holders });
            }
        }
        Event::Recall(office) => {
            let office = of(office);
            let held = world.state.mandates(office).next().map(|held| held.holder);
            if let Some(holder) = held {
                decided(world, &Effect::Recalled { office, holder });
            }
        }
        Event::Leave(who) => drop(world.does(*who, &Deed::Leave)),
        Event::Aside(office, who) => {
            let office = of(office);
            world.does(*who, &Deed::StandAside { office, aside: true });
        }
        Event::Suspend(who) => {
            let by = world.state.holders(Power::Remove).first().copied();
            let by = by.and_then(|by| (0..40).find(|seed| persona(*seed) == by));
            let (persona, reason) = (persona(*who), String::new());
            if let Some(by) = by {
                world.does(by, &Deed::Suspend { persona, reason });
            }
        }
        Event::Days(days) => {
            let then = world.state.now().0 + days * DAY;
            let here: Vec<_> = (0..PEOPLE).filter(|seed| is_in(world, *seed)).collect();
            here.iter().for_each(|seed| world.claims_loose(*seed, then));
        }
        Event::HandOver(office) => {
            let office = of(office);
            let held = world.state.mandates(office).next().map(|held| held.holder);
            let anybody = (0..PEOPLE).find(|seed| is_in(world, *seed));
            if let (Some(holder), Some(anybody)) = (held, anybody) {
                world.does(anybody, &Deed::HandOver { office, holder });
            }
        }
    }
}

/// Those who are not away try everything that they may, for as long as it takes.
struct Others {
    here: Vec<u32>,
    next: u32,
    admitted: bool,
    turned: bool,
}

impl Others {
    fn holding(&self, state: &State, power: Power) -> Option<u32> {
        self.here
            .iter()
            .copied()
            .find(|seed| state.holds(&persona(*seed), power))
    }

    /// The secretary is one of them, or who stands in for the secretary.
    fn lead(&self, state: &State) -> bool {
        let leads = |office: Office| {
            let mut held = state
                .mandates(office)
                .filter(|held| !held.has_lapsed(state.now()));
            held.any(|held| self.here.iter().any(|seed| persona(*seed) == held.holder))
        };
        leads(Office::Secretary) || leads(Office::Caretaker)
    }

    fn find_a_way(&mut self, world: &mut World) -> bool {
        for round in 0..400 {
            // Where time stands still, more who witness it are needed.
            if !self.admitted || round % 32 == 16 {
                self.admit(world);
            }
            self.turn(world);
            if self.admitted && self.turned && self.lead(&world.state) {
                return true;
            }
            let then = world.state.now().0 + 21 * DAY;
            self.here.iter().for_each(|seed| world.claims_loose(*seed, then));
            let now = world.state.now();
            let over: Vec<(Office, PersonaId)> = (world.state.mandates.iter())
                .filter(|held| held.has_lapsed(now))
                .map(|held| (held.office, held.holder))
                .collect();
            for (office, holder) in over {
                world.does(self.here[0], &Deed::HandOver { office, holder });
            }
        }
        false
    }

    fn admit(&mut self, world: &mut World) {
        let Some(by) = self.holding(&world.state, Power::Admit) else {
            return;
        };
        let (seed, invite) = (self.next, world.invites(by, 1));
        self.next += 1;
        let application = encoded(&application(seed, &format!("New {seed}"), invite));
        if !is_done(&world.does(by, &Deed::Apply { application })) {
            return;
        }
        let (persona, sphere) = (persona(seed), Sphere::Member);
        for other in self.here.clone() {
            world.does(other, &Deed::Vouch { persona, sphere });
        }
        if !is_done(&world.does(by, &Deed::Admit { persona })) {
            world.does(
                by,
                &Deed::Decline {
                    persona,
                    reason: String::new(),
                },
            );
            return;
        }
        let seat = CommitOps {
            adds: vec![SeatAdded {
                persona,
                key_package: super::world::application(seed, "x", invite).key_package_hash(),
                leaf: LEAF,
                key: public(seed),
            }],
            ..CommitOps::default()
        };
        assert!(is_done(&world.commits(self.here[0], &seat, false)));
        self.here.push(seed);
        self.admitted = true;
    }

    fn turn(&mut self, world: &mut World) {
        let Some(by) = self.holding(&world.state, Power::Keys) else {
            return;
        };
        self.turned = is_done(&world.does(by, &Deed::ControlKey { key: [8; 32] }));
    }
}

fn cases() -> u32 {
    if std::env::var_os("CAUCUS_LONG").is_some() {
        5_000
    } else {
        60
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 1_000_000, max_local_rejects: 10_000_000, ..ProptestConfig::with_cases(cases()) })]

    #[test]
    fn whoever_is_away_the_others_find_a_way(
        founding in charters(),
        people in 1..=PEOPLE,
        cadre in proptest::collection::vec(any::<bool>(), PEOPLE as usize),
        events in events(),
        away in proptest::sample::subsequence((0..PEOPLE).collect::<Vec<_>>(), 0..=3),
    ) {
        let mut world = World::new();
        (1..people).for_each(|seed| world.joins(seed));
        for seed in (0..people).filter(|seed| cadre[*seed as usize]) {
            if let Some(person) = world.state.people.get_mut(&persona(seed)) {
                person.sphere = Sphere::Cadre;
            }
        }
        let charter = Box::new(founding);
        decided(&mut world, &Effect::CharterChanged { charter });
        events.iter().for_each(|event| happen(&mut world, event));
        let most = usize::from(world.state.charter().absent);
        let away: Vec<u32> = away.into_iter().filter(|seed| is_in(&world, *seed)).take(most).collect();
        let here: Vec<u32> = (0..PEOPLE).filter(|seed| is_in(&world, *seed) && !away.contains(seed)).collect();
        prop_assume!(!here.is_empty());
        let mut others = Others { here, next: 20, admitted: false, turned: false };
        let found = others.find_a_way(&mut world);
        prop_assert!(
            found,
            "{away:?} are away: admitted {}, turned {}, lead {}", others.admitted, others.turned, others.lead(&world.state)
        );
    }

    #[test]
    fn nobody_asks_others_for_more_than_they_reach_themselves(
        now in charters(),
        other in charters(),
        voters in 1..=20_u32,
        votes in (0..=20_u32, 0..=20_u32, 0..=20_u32),
    ) {
        let mut world = World::new();
        world.state.genesis.charter = now;
        let yes = votes.0.min(voters);
        let no = votes.1.min(voters - yes);
        let abstained = votes.2.min(voters - yes - no);
        let subject = Subject::Charter { charter: Box::new(other.clone()) };
        let (rule, absent) = (world.state.poll_rule(&subject), world.state.reckoned_absent(&subject));
        let ballots = || {
            let ballots = [(Ballot::Yes, yes), (Ballot::No, no), (Ballot::Abstain, abstained)];
            ballots.into_iter().flat_map(|(ballot, times)| std::iter::repeat_n(ballot, times as usize))
        };
        let passes = |rule: &PollRule, absent: u16| {
            let all: Vec<_> = ballots().collect();
            let terms = Terms { method: Method::Majority, options: 0, rule, absent, voters };
            count(terms, all.iter().map(Some)).passed
        };
        // By the rules that would be in force the same votes would have been enough.
        prop_assert!(!passes(&rule, absent) || passes(&other.polls.rules, other.absent));
        prop_assert!(!passes(&rule, absent) || passes(&world.state.charter().polls.rules, world.state.charter().absent));
    }
}
