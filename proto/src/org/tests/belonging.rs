//! Vouches, stages, reviews, points of unity and offices, by the charter of these tests: two vouches of people who have
//! been here for 30 days, three a month, one may be away; a caretaker for 90 days and two keyholders.

use super::laws::{is_done, refused};
use super::world::{World, charter, persona};
use crate::id::{ChannelId, Minutes, Position};
use crate::org::act::Deed;
use crate::org::apply::Outcome;
use crate::org::charter::{BadCharter, MOST_VOUCHES};
use crate::org::denied::{Denied, WantedStanding};
use crate::org::effect::Effect;
use crate::org::mandate::Office;
use crate::org::power::Power;
use crate::org::principles::{LONGEST_PRINCIPLES, Wording};
use crate::org::sphere::Sphere;
use crate::org::state::State;
use crate::org::vouch::Regard;

const DAY: u64 = 24 * 60;

fn vouch(seed: u32, sphere: Sphere) -> Deed {
    Deed::Vouch {
        persona: persona(seed),
        sphere,
    }
}

fn admit(seed: u32) -> Deed {
    Deed::Admit {
        persona: persona(seed),
    }
}

fn promote(seed: u32) -> Deed {
    Deed::Promote {
        persona: persona(seed),
        sphere: Sphere::Cadre,
    }
}

fn suspend(seed: u32) -> Deed {
    Deed::Suspend {
        persona: persona(seed),
        reason: String::new(),
    }
}

fn lift(seed: u32) -> Deed {
    Deed::Lift {
        persona: persona(seed),
    }
}

fn hand_over(office: Office, seed: u32) -> Deed {
    Deed::HandOver {
        office,
        holder: persona(seed),
    }
}

fn texts(text: &str) -> Vec<Wording> {
    ["en", "es"]
        .map(|language| Wording {
            language: language.to_owned(),
            text: text.to_owned(),
        })
        .to_vec()
}

fn principles(text: &str, substance: bool) -> Deed {
    Deed::Principles {
        texts: texts(text),
        substance,
    }
}

fn accept(version: u32, text: &str) -> Deed {
    let wording = &texts(text)[1];
    Deed::Accept {
        version,
        language: wording.language.clone(),
        hash: wording.hash(),
    }
}

/// So many people, who all came at the beginning.
pub(super) fn body(people: u32) -> World {
    let mut world = World::new();
    (1..people).for_each(|seed| world.joins(seed));
    world
}

/// So many days pass, and everybody sees it.
pub(super) fn pass(world: &mut World, days: u64) {
    pass_but(world, days, None);
}

/// As [`pass`], and nothing is heard of one.
pub(super) fn pass_but(world: &mut World, days: u64, silent: Option<u32>) {
    let time = world.state.now().0 + days * DAY;
    // In steps that one entry of each may witness.
    for step in 1..=days {
        let then = time - (days - step) * DAY;
        let present: Vec<_> = (0..12)
            .filter(|seed| Some(*seed) != silent)
            .filter(|seed| {
                world
                    .state
                    .person(&persona(*seed))
                    .is_some_and(|person| person.is_present())
            })
            .collect();
        for seed in present {
            world.claims(seed, then);
        }
    }
    assert_eq!(world.state.now(), Minutes(time));
}

#[test]
fn while_nobody_has_been_there_long_enough_to_vouch_the_founder_admits_alone() {
    let mut world = body(4);
    let invite = world.invites(0, 5);
    assert!(is_done(&world.applies(0, 7, "Gus", invite)));
    // Ben came today: his word does not count yet.
    assert_eq!(
        world.does(1, &vouch(7, Sphere::Member)),
        refused(Denied::MayNotVouch)
    );
    assert!(is_done(&world.does(0, &admit(7))));
}

#[test]
fn an_admission_needs_the_vouches_of_two_others_but_never_of_the_last_who_could() {
    let mut world = body(4);
    pass(&mut world, 30);
    let invite = world.invites(0, 5);
    assert!(is_done(&world.applies(0, 7, "Gus", invite)));
    let short = |have| refused(Denied::Vouches { needed: 2, have });
    assert_eq!(world.does(0, &admit(7)), short(0));
    // One's own word, beside the decision, does not count.
    assert!(is_done(&world.does(0, &vouch(7, Sphere::Member))));
    assert_eq!(world.does(0, &admit(7)), short(0));
    assert!(is_done(&world.does(1, &vouch(7, Sphere::Member))));
    assert_eq!(
        world.does(1, &vouch(7, Sphere::Member)),
        refused(Denied::Repeated)
    );
    assert_eq!(world.does(0, &admit(7)), short(1));
    // To the other who may admit, the founder is another.
    let mut other = world.clone();
    assert_eq!(
        other.does(1, &admit(7)),
        refused(Denied::Vouches { needed: 2, have: 1 })
    );
    assert!(is_done(&world.does(2, &vouch(7, Sphere::Member))));
    assert!(is_done(&world.does(0, &admit(7))));
    let gus = world.state.person(&persona(7)).unwrap();
    assert_eq!(gus.sponsors, [persona(1), persona(2)]);
    assert!(gus.vouches.is_empty());

    // Of three who could besides the founder one is away and one out: the word of one is enough, and of nobody when
    // there is nobody left to be away.
    assert!(is_done(&other.does(
        0,
        &Deed::Remove {
            persona: persona(3),
            reason: String::new()
        }
    )));
    assert_eq!(other.state.vouches_needed(2, &persona(0), &persona(7)), 1);
    assert!(is_done(&other.does(0, &admit(7))));
}

#[test]
fn who_vouches_is_bound_by_the_month_and_vouches_for_one_step() {
    let mut world = body(5);
    pass(&mut world, 30);
    let invite = world.invites(0, 9);
    for seed in 6..10 {
        assert!(is_done(&world.applies(0, seed, &format!("P{seed}"), invite)));
    }
    assert_eq!(
        world.does(1, &vouch(6, Sphere::Cadre)),
        refused(Denied::NoSuchStep)
    );
    assert_eq!(world.does(1, &vouch(1, Sphere::Cadre)), refused(Denied::OwnCase));
    assert_eq!(
        world.does(1, &vouch(11, Sphere::Member)),
        refused(Denied::NotStanding(WantedStanding::Applied))
    );
    for seed in 6..9 {
        assert!(is_done(&world.does(1, &vouch(seed, Sphere::Member))));
    }
    assert_eq!(
        world.does(1, &vouch(9, Sphere::Member)),
        refused(Denied::VouchedEnough)
    );
    pass(&mut world, 29);
    assert_eq!(
        world.does(1, &vouch(9, Sphere::Member)),
        refused(Denied::VouchedEnough)
    );
    pass(&mut world, 1);
    assert!(is_done(&world.does(1, &vouch(9, Sphere::Member))));
}

#[test]
fn the_vouch_of_somebody_who_is_out_or_suspended_counts_no_more() {
    let mut world = body(6);
    pass(&mut world, 30);
    let invite = world.invites(0, 5);
    assert!(is_done(&world.applies(0, 7, "Gus", invite)));
    assert!(is_done(&world.does(2, &vouch(7, Sphere::Member))));
    assert!(is_done(&world.does(3, &vouch(7, Sphere::Member))));
    let mut other = world.clone();
    assert!(is_done(&world.does(0, &suspend(2))));
    assert!(is_done(&other.does(2, &Deed::Leave)));
    for world in [&mut world, &mut other] {
        assert_eq!(
            world.does(0, &admit(7)),
            refused(Denied::Vouches { needed: 2, have: 1 })
        );
    }
    assert!(is_done(&world.does(0, &lift(2))));
    assert!(is_done(&world.does(0, &admit(7))));
}

#[test]
fn a_promotion_takes_time_a_vouch_and_the_points_of_unity() {
    let mut world = body(4);
    assert!(is_done(&world.does(0, &principles("bread", false))));
    assert!(is_done(&world.does(1, &accept(1, "bread"))));
    assert!(is_done(&world.does(2, &accept(1, "bread"))));
    assert!(is_done(&world.does(3, &accept(1, "bread"))));
    pass(&mut world, 59);
    assert_eq!(world.does(0, &promote(1)), refused(Denied::TooEarly { days: 60 }));
    pass(&mut world, 1);
    assert_eq!(
        world.does(0, &promote(1)),
        refused(Denied::Vouches { needed: 1, have: 0 })
    );
    assert!(is_done(&world.does(2, &vouch(1, Sphere::Cadre))));
    assert_eq!(
        world.does(1, &promote(1)),
        refused(Denied::Powerless {
            power: "promote".to_owned()
        })
    );
    assert_eq!(world.does(0, &promote(0)), refused(Denied::OwnCase));
    // A change of substance asks anew.
    assert!(is_done(&world.does(0, &principles("bread and roses", true))));
    assert_eq!(world.does(0, &promote(1)), refused(Denied::NotAccepted));
    assert!(is_done(&world.does(1, &accept(2, "bread and roses"))));
    assert!(is_done(&world.does(0, &promote(1))));
    let ben = world.state.person(&persona(1)).unwrap();
    assert_eq!((ben.sphere, ben.vouches.len()), (Sphere::Cadre, 0));
    assert_eq!(ben.sphere_since, world.state.now());
    assert_eq!(world.does(0, &promote(1)), refused(Denied::NoSuchStep));

    let demote = |seed, sphere| Deed::Demote {
        persona: persona(seed),
        sphere,
        reason: "by their own wish".to_owned(),
    };
    assert_eq!(
        world.does(0, &demote(1, Sphere::Volunteer)),
        refused(Denied::NoSuchStep)
    );
    for (seed, to) in [(2, Sphere::Cadre), (1, Sphere::Cadre)] {
        assert_eq!(world.does(0, &demote(seed, to)), refused(Denied::NoSuchStep));
    }
    assert_eq!(
        world.does(0, &demote(0, Sphere::Member)),
        refused(Denied::OwnCase)
    );
    assert!(is_done(&world.does(0, &demote(1, Sphere::Member))));
    assert_eq!(world.state.person(&persona(1)).unwrap().sphere, Sphere::Member);
}

#[test]
fn a_review_takes_office_and_word_away_and_ends_by_itself() {
    let mut world = body(4);
    pass(&mut world, 30);
    assert_eq!(world.state.keyholders(), [persona(0), persona(1)]);
    for (by, whom, denied) in [
        (0, 0, Denied::OwnCase),
        (0, 9, Denied::NotStanding(WantedStanding::Present)),
        (
            1,
            2,
            Denied::Powerless {
                power: "remove".to_owned(),
            },
        ),
    ] {
        assert_eq!(world.does(by, &suspend(whom)), refused(denied));
    }
    assert_eq!(world.does(0, &lift(1)), refused(Denied::NotSuspended));
    assert!(is_done(&world.does(0, &suspend(1))));
    assert_eq!(world.does(0, &suspend(1)), refused(Denied::Repeated));
    assert_eq!(
        world.does(1, &lift(1)),
        refused(Denied::Powerless {
            power: "remove".to_owned()
        })
    );
    // The keys have gone to the next already; whoever is under review still speaks.
    assert_eq!(world.state.keyholders(), [persona(0), persona(2)]);
    assert!(is_done(&world.says(1)));
    let regard = |world: &World| world.state.regard(world.state.person(&persona(1)).unwrap());
    assert_eq!(regard(&world), Regard::Suspended);
    pass(&mut world, 30);
    assert_eq!(regard(&world), Regard::Good);
    assert_eq!(world.state.keyholders(), [persona(0), persona(2)]);
}

#[test]
fn a_slip_of_the_pen_asks_nobody_and_a_change_of_substance_everybody() {
    let mut world = body(3);
    assert_eq!(world.does(1, &accept(1, "bread")), refused(Denied::NoPrinciples));
    assert_eq!(
        world.does(1, &principles("bread", true)),
        refused(Denied::Powerless {
            power: "principles".to_owned()
        })
    );
    // The first text asks, whatever it says of itself.
    let Outcome::Done(effects) = world.does(0, &principles("bred", false)) else {
        panic!("a text")
    };
    assert!(matches!(
        effects[..],
        [Effect::PrinciplesSet { substance: true, .. }]
    ));
    let due = |world: &World, seed| {
        let person = world.state.person(&persona(seed)).unwrap();
        world.state.acceptance_due(person)
    };
    assert_eq!(due(&world, 1), Some(Minutes(world.state.now().0 + 14 * DAY)));
    for (version, text) in [(2, "bred"), (0, "bred"), (1, "bread")] {
        assert_eq!(
            world.does(1, &accept(version, text)),
            refused(Denied::AnotherText)
        );
    }
    assert!(is_done(&world.does(1, &accept(1, "bred"))));
    assert!(is_done(&world.does(0, &principles("bread", false))));
    assert_eq!((due(&world, 1), due(&world, 2).is_some()), (None, true));
    // What is accepted now is the mended text only.
    assert_eq!(world.does(2, &accept(1, "bred")), refused(Denied::AnotherText));
    assert!(is_done(&world.does(2, &accept(2, "bread"))));
    assert!(is_done(&world.does(0, &principles("bread and roses", true))));
    pass(&mut world, 14);
    let regard = |world: &World, seed| world.state.regard(world.state.person(&persona(seed)).unwrap());
    assert_eq!(regard(&world, 1), Regard::Good);
    pass(&mut world, 1);
    assert_eq!(regard(&world, 1), Regard::Lapsed);
    assert!(is_done(&world.does(1, &accept(3, "bread and roses"))));
    assert_eq!(regard(&world, 1), Regard::Good);
    // Who comes later has their own time.
    world.joins(5);
    assert_eq!(due(&world, 5), Some(Minutes(world.state.now().0 + 14 * DAY)));
}

#[test]
fn a_text_that_is_none_is_refused() {
    let mut world = body(1);
    let one = |language: &str, text: String| Wording {
        language: language.to_owned(),
        text,
    };
    let mut backwards = texts("bread");
    backwards.reverse();
    for texts in [
        vec![],
        backwards,
        vec![one("en", " \n".to_owned())],
        vec![one("English", "bread".to_owned())],
        vec![one("e", "bread".to_owned())],
        vec![one("en", "b".repeat(LONGEST_PRINCIPLES + 1))],
        vec![one("en", "bread".to_owned()), one("en", "roses".to_owned())],
    ] {
        let deed = Deed::Principles {
            texts,
            substance: true,
        };
        assert_eq!(world.does(0, &deed), refused(Denied::Text));
    }
    assert!(is_done(&world.does(
        0,
        &Deed::Principles {
            texts: vec![one("en", "b".repeat(LONGEST_PRINCIPLES))],
            substance: true
        }
    )));
}

#[test]
fn a_caretaker_whose_time_is_over_may_nothing_and_anybody_hands_the_office_on() {
    let mut world = body(3);
    let remove = Deed::Remove {
        persona: persona(2),
        reason: String::new(),
    };
    assert_eq!(
        world.does(1, &hand_over(Office::Caretaker, 0)),
        refused(Denied::StillHeld)
    );
    assert_eq!(
        world.does(1, &hand_over(Office::Caretaker, 1)),
        refused(Denied::NoMandate)
    );
    pass(&mut world, 89);
    assert!(world.state.holds(&persona(0), Power::Remove));
    pass(&mut world, 1);
    assert_eq!(
        world.does(0, &remove),
        refused(Denied::Powerless {
            power: "remove".to_owned()
        })
    );
    // The keys have no term, and with them goes the power to admit: nothing is locked.
    assert_eq!(world.state.holders(Power::Admit), [persona(0), persona(1)]);
    assert!(is_done(&world.does(2, &hand_over(Office::Caretaker, 0))));
    assert_eq!(world.state.holders(Power::Remove), [persona(1)]);
    // One's own office goes on at any time, and comes round.
    assert!(is_done(&world.does(1, &hand_over(Office::Caretaker, 1))));
    assert_eq!(world.state.holders(Power::Remove), [persona(2)]);
    assert!(is_done(&world.does(2, &hand_over(Office::Caretaker, 2))));
    assert_eq!(world.state.holders(Power::Remove), [persona(0)]);
    let mandate = world.state.mandates(Office::Caretaker).next().unwrap();
    assert_eq!(mandate.from, world.position());
    assert_eq!(mandate.end, Some(Minutes(world.state.now().0 + 90 * DAY)));
}

#[test]
fn alone_one_holds_an_office_for_another_term_and_gives_it_to_nobody() {
    let mut world = body(1);
    assert_eq!(
        world.does(0, &hand_over(Office::Caretaker, 0)),
        refused(Denied::NobodyElse)
    );
    assert_eq!(
        world.does(0, &hand_over(Office::Keyholder, 0)),
        refused(Denied::NobodyElse)
    );
    for _ in 0..90 {
        let tomorrow = world.state.now().0 + DAY;
        world.claims(0, tomorrow);
    }
    assert!(world.state.holders(Power::Remove).is_empty());
    assert!(is_done(&world.does(0, &hand_over(Office::Caretaker, 0))));
    assert_eq!(world.state.holders(Power::Remove), [persona(0)]);
}

#[test]
fn an_empty_seat_goes_to_the_next_at_once_and_to_who_was_awaited_when_they_are_back() {
    let mut world = body(4);
    assert!(is_done(&world.does(0, &Deed::Leave)));
    assert_eq!(world.state.holders(Power::Remove), [persona(1)]);
    assert_eq!(world.state.keyholders(), [persona(1), persona(2)]);
    // In a successor the one who makes it holds everything until the others are there.
    let next = world
        .state
        .succeed(&persona(2), ChannelId([9; 32]), [5; 32])
        .unwrap();
    for power in Power::ALL {
        assert_eq!(next.holders(power), [persona(2)], "{power:?}");
    }
    assert!(next.may_succeed(&persona(1)) && !next.may_succeed(&persona(3)));
    let mut back = next;
    let person = back.people.get_mut(&persona(1)).unwrap();
    person.standing = crate::org::Standing::Present { since: Position(3) };
    back.fill_seats(back.position);
    assert_eq!(back.holders(Power::Remove), [persona(1)]);
    assert_eq!(back.keyholders(), world.state.keyholders());
}

#[test]
fn who_is_suspended_holds_no_office_but_where_all_others_may_be_away() {
    let mut world = body(3);
    assert!(is_done(&world.does(0, &suspend(1))));
    assert_eq!(world.state.keyholders(), [persona(0), persona(2)]);
    let mut world = body(2);
    assert!(is_done(&world.does(0, &suspend(1))));
    assert_eq!(world.state.keyholders(), [persona(0), persona(1)]);
    assert!(is_done(&world.does(0, &Deed::Leave)));
    for power in Power::ALL {
        assert_eq!(world.state.holders(power), [persona(1)], "{power:?}");
    }
}

#[test]
fn a_snapshot_by_a_charter_that_locks_out_is_refused() {
    let mut state = body(1).state;
    assert!(State::from_snapshot(&state.snapshot().unwrap()).is_ok());
    state.genesis.charter.keyholder.powers.clear();
    assert!(State::from_snapshot(&state.snapshot().unwrap()).is_err());
}

#[test]
fn a_charter_is_checked_at_every_bound() {
    assert_eq!(charter().check(), Ok(()));
    let mut bad = charter();
    bad.admission.vouches = MOST_VOUCHES;
    assert_eq!(bad.check(), Ok(()));
    bad.admission.vouches += 1;
    assert!(matches!(bad.check(), Err(BadCharter::Number { .. })));
    let mut bad = charter();
    bad.absent = 2;
    assert_eq!(
        bad.check(),
        Err(BadCharter::LockOut {
            power: "admit",
            absent: 2
        })
    );
    // One person may be both caretaker and keyholder: three seats in two offices are not three people.
    bad.caretaker.seats = 3;
    assert_eq!(
        bad.check(),
        Err(BadCharter::LockOut {
            power: "keys",
            absent: 2
        })
    );
    bad.caretaker.seats = 1;
    bad.keyholder.seats = 3;
    assert_eq!(bad.check(), Ok(()));
    for spheres in [
        vec![],
        vec![Sphere::Cadre, Sphere::Member],
        vec![Sphere::Member, Sphere::Member],
    ] {
        let mut bad = charter();
        bad.spheres = spheres;
        assert_eq!(bad.check(), Err(BadCharter::Spheres));
    }
    let mut bad = charter();
    bad.caretaker.powers.retain(|power| *power != Power::Promote);
    assert!(matches!(
        bad.check(),
        Err(BadCharter::LockOut { power: "promote", .. })
    ));
    let mut bad = charter();
    bad.vouching.sphere = Sphere::Volunteer;
    assert!(matches!(bad.check(), Err(BadCharter::NoSphere { .. })));
    let mut bad = charter();
    bad.keyholder.powers.push(Power::Remove);
    assert_eq!(bad.check(), Err(BadCharter::Together));
}
