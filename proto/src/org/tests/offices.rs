//! Offices that go round, by a charter with a secretary for thirty days: who is next, who stands aside, and that over
//! any history nobody is skipped and nobody comes twice before the others.

use proptest::prelude::*;

use super::belonging::pass;
use super::laws::{is_done, refused};
use super::world::{World, charter, intent, persona};
use crate::id::{IntentId, Minutes, PersonaId};
use crate::org::act::Deed;
use crate::org::apply::Outcome;
use crate::org::ballot::{Ballot, Method};
use crate::org::charter::Charter;
use crate::org::denied::Denied;
use crate::org::effect::Effect;
use crate::org::mandate::{Filling, Office};
use crate::org::name::Name;
use crate::org::power::Power;
use crate::org::proposal::{Step, Subject};
use crate::org::sphere::Sphere;

fn with_secretary(days: u16) -> Charter {
    let mut charter = charter();
    let mut rule = charter.caretaker.clone();
    rule.days = days;
    rule.powers = vec![
        Power::Admit,
        Power::Remove,
        Power::Floor,
        Power::Promote,
        Power::Principles,
        Power::Poll,
    ];
    charter.offices.insert(Office::Secretary, rule);
    let word = Name::new("steward").unwrap();
    charter.words.offices.insert(Office::Secretary, word);
    charter.check().unwrap();
    charter
}

fn body(people: u32) -> World {
    let mut world = World::new();
    world.state.genesis.charter = with_secretary(30);
    (1..people).for_each(|seed| world.joins(seed));
    world
}

fn holder(world: &World, office: Office) -> Option<PersonaId> {
    world.state.mandates(office).next().map(|mandate| mandate.holder)
}

fn hand_over(office: Office, seed: u32) -> Deed {
    Deed::HandOver {
        office,
        holder: persona(seed),
    }
}

fn aside(aside: bool) -> Deed {
    Deed::StandAside {
        office: Office::Secretary,
        aside,
    }
}

#[test]
fn the_founder_is_caretaker_until_offices_begin_to_go_round_and_then_nobody_is() {
    let mut world = body(4);
    assert_eq!(holder(&world, Office::Caretaker), Some(persona(0)));
    assert_eq!(holder(&world, Office::Secretary), None);
    assert!(is_done(&world.does(0, &hand_over(Office::Caretaker, 0))));
    assert_eq!(holder(&world, Office::Caretaker), None);
    assert_eq!(holder(&world, Office::Secretary), Some(persona(1)));
    assert!(world.state.holds(&persona(1), Power::Remove) && !world.state.holds(&persona(0), Power::Remove));
    assert_eq!(
        world.state.next_holders(Office::Secretary),
        [persona(2), persona(3), persona(0)]
    );
    for next in [2, 3, 0, 1] {
        pass(&mut world, 30);
        let now = holder(&world, Office::Secretary).unwrap();
        let deed = Deed::HandOver {
            office: Office::Secretary,
            holder: now,
        };
        // Anybody who finds it over hands it on.
        assert!(is_done(&world.does(3, &deed)));
        assert_eq!(holder(&world, Office::Secretary), Some(persona(next)));
    }
}

#[test]
fn whose_turn_it_is_may_stand_aside_and_come_in_again_later() {
    let mut world = body(4);
    assert!(is_done(&world.does(1, &aside(true))));
    assert_eq!(world.does(1, &aside(true)), refused(Denied::Repeated));
    assert!(is_done(&world.does(0, &hand_over(Office::Caretaker, 0))));
    assert_eq!(holder(&world, Office::Secretary), Some(persona(2)));
    assert!(is_done(&world.does(1, &aside(false))));
    // Their turn has passed; it comes round.
    assert_eq!(
        world.state.next_holders(Office::Secretary),
        [persona(3), persona(0), persona(1)]
    );
    // Where all others stand aside, whoever has it goes on; and once they are gone, it comes to the others all the same.
    for seed in [0, 1, 3] {
        assert!(is_done(&world.does(seed, &aside(true))));
    }
    assert_eq!(
        world.does(2, &hand_over(Office::Secretary, 2)),
        refused(Denied::NobodyElse)
    );
    // When the time is over, they go on by their own act; to whoever does not hear from them it goes all the same.
    pass(&mut world, 31);
    assert!(is_done(&world.does(2, &hand_over(Office::Secretary, 2))));
    assert_eq!(holder(&world, Office::Secretary), Some(persona(2)));
    pass(&mut world, 31);
    assert!(is_done(&world.does(0, &hand_over(Office::Secretary, 2))));
    assert_eq!(holder(&world, Office::Secretary), Some(persona(3)));
    assert!(is_done(&world.does(3, &hand_over(Office::Secretary, 3))));
    assert!(is_done(&world.does(2, &Deed::Leave)));
    assert_eq!(holder(&world, Office::Secretary), Some(persona(3)));
    let other = Deed::StandAside {
        office: Office::Treasurer,
        aside: true,
    };
    assert_eq!(world.does(1, &other), refused(Denied::NoOffice));
}

#[test]
fn an_office_that_no_body_lives_without_is_for_everybody_where_all_who_are_of_its_stage_may_be_away() {
    let mut world = body(3);
    let charter = &mut world.state.genesis.charter;
    assert_eq!(charter.absent, 1);
    charter.offices.get_mut(&Office::Secretary).unwrap().sphere = Sphere::Cadre;
    let cadre = |world: &mut World, seed| {
        let person = world.state.people.get_mut(&persona(seed)).unwrap();
        person.sphere = Sphere::Cadre;
    };
    (1..3).for_each(|seed| world.state.people.get_mut(&persona(seed)).unwrap().sphere = Sphere::Member);
    cadre(&mut world, 0);
    let all = [persona(0), persona(1), persona(2)];
    assert_eq!(world.state.eligible(Office::Secretary), all);
    cadre(&mut world, 1);
    assert_eq!(world.state.eligible(Office::Secretary), all[..2]);
}

#[test]
fn who_was_recalled_comes_round_no_more_until_they_say_so() {
    let mut world = body(4);
    assert!(is_done(&world.does(0, &hand_over(Office::Caretaker, 0))));
    let recalled = Effect::Recalled {
        office: Office::Secretary,
        holder: persona(1),
    };
    let at = world.at(false, false);
    world.state.enact(at, &persona(0), &recalled);
    world.state.fill_seats(at.position);
    world.state.pass();
    assert_eq!(holder(&world, Office::Secretary), Some(persona(2)));
    let next = |world: &World| world.state.next_holders(Office::Secretary);
    assert_eq!(next(&world), [persona(3), persona(0)]);
    assert!(is_done(&world.does(1, &aside(false))));
    assert_eq!(next(&world), [persona(3), persona(0), persona(1)]);
}

#[test]
fn when_the_secretary_leaves_the_next_after_them_has_the_office_and_not_the_first() {
    let mut world = body(5);
    assert!(is_done(&world.does(0, &hand_over(Office::Caretaker, 0))));
    assert!(is_done(&world.does(1, &hand_over(Office::Secretary, 1))));
    assert_eq!(holder(&world, Office::Secretary), Some(persona(2)));
    assert!(is_done(&world.does(2, &Deed::Leave)));
    assert_eq!(holder(&world, Office::Secretary), Some(persona(3)));
}

#[test]
fn no_charter_leaves_a_power_that_a_body_needs_to_nobody() {
    let good = with_secretary(30);
    let mut bad = good.clone();
    bad.offices
        .get_mut(&Office::Secretary)
        .unwrap()
        .powers
        .push(Power::Keys);
    assert!(bad.check().is_err());
    let mut bad = good.clone();
    bad.caretaker.powers.retain(|power| *power != Power::Poll);
    assert!(bad.check().is_err());
    let mut bad = good.clone();
    bad.offices
        .get_mut(&Office::Secretary)
        .unwrap()
        .powers
        .retain(|power| *power != Power::Remove);
    assert!(bad.check().is_err());
    let mut bad = good.clone();
    bad.offices.get_mut(&Office::Secretary).unwrap().terms = 3;
    assert!(bad.check().is_err());
    bad.offices.get_mut(&Office::Secretary).unwrap().filling = Filling::Election;
    assert!(bad.check().is_ok());
    let mut bad = good.clone();
    bad.words
        .offices
        .insert(Office::Secretary, good.words.keyholder.clone());
    assert!(bad.check().is_err());
    let mut bad = good;
    let rule = bad.keyholder.clone();
    bad.offices.insert(Office::Keyholder, rule);
    assert!(bad.check().is_err());
}

/// With a treasurer who is elected for thirty days, and twice in a row at most.
fn with_treasurer(people: u32) -> World {
    let mut world = World::new();
    let mut charter = charter();
    let mut rule = charter.caretaker.clone();
    (rule.days, rule.filling, rule.terms) = (30, Filling::Election, 2);
    rule.powers.clear();
    charter.offices.insert(Office::Treasurer, rule);
    charter.check().unwrap();
    world.state.genesis.charter = charter;
    (1..people).for_each(|seed| world.joins(seed));
    world
}

/// What the founder proposes with one candidate for treasurer, with the poll open.
fn nominate(world: &mut World, candidate: u32) -> Option<IntentId> {
    let deed = Deed::Propose {
        title: "Who keeps the money".to_owned(),
        text: String::new(),
        subject: Box::new(Subject::Elect {
            office: Office::Treasurer,
            candidates: vec![persona(candidate)],
        }),
    };
    if !is_done(&world.does(0, &deed)) {
        return None;
    }
    let proposal = intent(world.intents);
    let open = Step::Open {
        version: 1,
        method: Method::Majority,
        options: Vec::new(),
        until: Minutes(world.state.now().0 + 24 * 60),
        seal: None,
    };
    assert!(is_done(&steps(world, 0, proposal, open)));
    Some(proposal)
}

fn steps(world: &mut World, by: u32, proposal: IntentId, step: Step) -> Outcome {
    let step = Box::new(step);
    world.does(by, &Deed::Step { proposal, step })
}

/// Everybody is for it, and everybody sees it. Whether it was carried out.
fn everybody_agrees(world: &mut World, proposal: IntentId) -> bool {
    let people: Vec<u32> = (0..9)
        .filter(|seed| world.state.person(&persona(*seed)).is_some())
        .collect();
    for seed in &people {
        let ballot = Ballot::Yes;
        assert!(is_done(&steps(world, *seed, proposal, Step::Vote { ballot })));
    }
    let number = world.state.proposal(&proposal).unwrap().number;
    let close = Step::Close {
        ballots: world.state.ballots_hash(number),
        secret: None,
    };
    assert!(is_done(&steps(world, 0, proposal, close)));
    let then = world.state.now().0 + 2 * 60;
    for seed in people.iter().chain(&people) {
        world.claims_loose(*seed, then);
    }
    world
        .state
        .proposal(&proposal)
        .unwrap()
        .decided()
        .unwrap()
        .carried
}

#[test]
fn nobody_has_an_office_for_longer_than_the_charter_lets_them_by_laying_it_down_for_a_moment() {
    let mut world = with_treasurer(3);
    for term in 1..=2 {
        let proposal = nominate(&mut world, 1).unwrap();
        assert!(everybody_agrees(&mut world, proposal));
        assert_eq!(world.state.terms(Office::Treasurer, &persona(1)), term);
        // Between two elections nobody else had it.
        assert!(is_done(&world.does(1, &hand_over(Office::Treasurer, 1))));
        assert_eq!(holder(&world, Office::Treasurer), None);
    }
    assert!(nominate(&mut world, 1).is_none());
    let proposal = nominate(&mut world, 2).unwrap();
    assert!(everybody_agrees(&mut world, proposal));
    // Somebody else had it: it may come to them again.
    let proposal = nominate(&mut world, 1).unwrap();
    assert!(everybody_agrees(&mut world, proposal));
    assert_eq!(world.state.terms(Office::Treasurer, &persona(1)), 1);
}

#[test]
fn two_elections_at_once_give_nobody_more_terms_than_one_after_the_other() {
    let mut world = with_treasurer(3);
    let polls: Vec<_> = (0..3).map(|_| nominate(&mut world, 1).unwrap()).collect();
    let carried: Vec<_> = polls
        .into_iter()
        .map(|proposal| everybody_agrees(&mut world, proposal))
        .collect();
    assert_eq!(carried, [true, true, false]);
    assert_eq!(holder(&world, Office::Treasurer), Some(persona(1)));
}

#[test]
fn an_election_into_an_office_that_goes_round_by_now_is_not_carried_out() {
    let mut world = with_treasurer(3);
    let proposal = nominate(&mut world, 2).unwrap();
    let rule = world
        .state
        .genesis
        .charter
        .offices
        .get_mut(&Office::Treasurer)
        .unwrap();
    (rule.filling, rule.terms) = (Filling::Rotation, 0);
    assert!(!everybody_agrees(&mut world, proposal));
}

#[derive(Clone, Debug)]
enum Event {
    Next,
    Resign,
    Join,
    Leave(u32),
    Aside(u32, bool),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => Just(Event::Next),
        2 => Just(Event::Resign),
        2 => Just(Event::Join),
        1 => (1..12_u32).prop_map(Event::Leave),
        2 => (0..12_u32, any::<bool>()).prop_map(|(who, aside)| Event::Aside(who, aside)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if std::env::var_os("CAUCUS_LONG").is_some() { 10_000 } else { 100 }))]

    /// Between two terms of one person everybody has had a turn who was there all the time, willing, and behind them.
    #[test]
    fn nobody_is_passed_over_and_nobody_comes_twice(events in proptest::collection::vec(event(), 1..60)) {
        let mut world = body(3);
        assert!(is_done(&world.does(0, &hand_over(Office::Caretaker, 0))));
        let mut people = 3;
        // Who waits, since which turn, without a break.
        let mut terms: Vec<PersonaId> = vec![holder(&world, Office::Secretary).unwrap()];
        let mut waits: std::collections::BTreeMap<PersonaId, usize> = std::collections::BTreeMap::new();
        for event in events {
            let before = holder(&world, Office::Secretary).unwrap();
            let seed_of = |id: &PersonaId| (0..40).find(|seed| persona(*seed) == *id).unwrap();
            match event {
                Event::Next => {
                    for _ in 0..30 {
                        let tomorrow = world.state.now().0 + 24 * 60;
                        for seed in (0..people).filter(|seed| world.state.person(&persona(*seed)).is_some_and(|p| p.is_present())).collect::<Vec<_>>() {
                            world.claims_loose(seed, tomorrow);
                        }
                    }
                    let anybody = *world.state.present().next().unwrap().0;
                    world.does(seed_of(&anybody), &Deed::HandOver { office: Office::Secretary, holder: before });
                }
                Event::Resign => {
                    world.does(seed_of(&before), &Deed::HandOver { office: Office::Secretary, holder: before });
                }
                Event::Join if people < 12 => {
                    world.joins_by_any(people);
                    people += 1;
                }
                Event::Join => {}
                Event::Leave(seed) => {
                    world.does(seed, &Deed::Leave);
                }
                Event::Aside(seed, aside) => {
                    world.does(seed, &Deed::StandAside { office: Office::Secretary, aside });
                }
            }
            let now = holder(&world, Office::Secretary);
            prop_assert!(now.is_some());
            let now = now.unwrap();
            let willing: Vec<PersonaId> = world
                .state
                .present()
                .filter(|(_, person)| person.aside.is_empty())
                .map(|(id, _)| *id)
                .collect();
            if now != before {
                let since = terms.iter().rposition(|id| *id == now);
                if let Some(since) = since && willing.contains(&now) {
                    for other in &willing {
                        let passed = *other != now && waits.get(other).is_some_and(|from| *from <= since);
                        prop_assert!(!passed, "somebody waited all the time and was passed over");
                    }
                }
                terms.push(now);
            }
            waits.retain(|id, _| willing.contains(id) && *id != now);
            for id in willing.iter().filter(|id| **id != now) {
                waits.entry(*id).or_insert(terms.len() - 1);
            }
        }
    }
}
