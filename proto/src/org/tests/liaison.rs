//! Whispers, and introductions of people of other bodies: who may, how much, what counts and what comes of it.

use super::belonging::pass;
use super::bodies::{ALL, BOTH, Body, NOTHING, body_of, end, is_void, link, post, post_all, powerless, sign};
use super::laws::{is_done, refused};
use super::world::{World, key, persona, public};
use crate::id::Minutes;
use crate::org::act::Deed;
use crate::org::apply::Outcome;
use crate::org::between::{
    Introduced, Introduction, LONGEST_ABOUT, LinkStep as Step, MOST_INTRODUCED, MOST_INTRODUCTION_DAYS,
    REMEMBERED_INTRODUCTIONS, RootKey, Says, Sends, SignedIntroduction, Terms, WAITING_INTRODUCTIONS,
};
use crate::org::denied::Denied;
use crate::org::effect::Effect;
use crate::org::state::State;
use crate::org::whisper::{SEALED_WORDS, WHISPERS_A_DAY};

const DAY: u64 = 24 * 60;

fn sealed(byte: u8) -> Vec<u8> {
    vec![byte; SEALED_WORDS]
}

fn whisper(size: usize) -> Deed {
    Deed::Whisper {
        sealed: vec![1; size],
    }
}

fn introduce(links: &[u32]) -> Step {
    Step::Introduce {
        links: links.to_vec(),
        about: "The harbour strike".to_owned(),
        days: 14,
    }
}

fn consent(number: u32) -> Step {
    Step::Consent {
        link: 1,
        number,
        sealed: sealed(7),
    }
}

fn no_consent(number: u32) -> Step {
    Step::NoConsent { link: 1, number }
}

fn bring(number: u32, count: usize) -> Step {
    Step::Bring {
        number,
        sealed: vec![sealed(8); count],
    }
}

fn asks(number: u32, until: u64) -> Says {
    Says::Introduce {
        number,
        about: "The harbour strike".to_owned(),
        until: Minutes(until),
        host: true,
        parties: 2,
    }
}

/// A committee that is linked with North and South.
fn three() -> (Body, Body, Body) {
    let (mut city, mut north, mut south) = (Body::new(2), Body::new(0), Body::new(1));
    link(&mut city, &mut north, BOTH);
    link(&mut city, &mut south, BOTH);
    (city, north, south)
}

/// The same, with an introduction that both have read.
fn asked() -> (Body, Body, Body) {
    let (mut city, mut north, mut south) = three();
    city.done(0, introduce(&[1, 2]));
    post(&city, &mut north);
    post(&city, &mut south);
    (city, north, south)
}

fn ended(body: &Body, number: u32) -> Option<Introduced> {
    let asked = body.state().between.asked.get(&(1, number)).unwrap();
    asked.ended.map(|(_, how)| how)
}

#[test]
fn a_whisper_has_one_size_and_says_nothing_but_who_whispers() {
    let mut world = World::new();
    world.joins(1);
    for size in [0, SEALED_WORDS - 1, SEALED_WORDS + 1] {
        assert_eq!(
            world.does(0, &whisper(size)),
            refused(Denied::Malformed),
            "{size}"
        );
    }
    assert_eq!(world.does(7, &whisper(SEALED_WORDS)), refused(Denied::NotPresent));
    // Nobody needs a power for it.
    let Outcome::Done(effects) = world.does(1, &whisper(SEALED_WORDS)) else {
        panic!()
    };
    assert_eq!(
        effects,
        [Effect::Whispered {
            sealed: vec![1; SEALED_WORDS]
        }]
    );
}

#[test]
fn nobody_whispers_more_often_than_a_day_allows_and_the_next_day_they_may_again() {
    let mut world = World::new();
    (1..4).for_each(|seed| world.joins(seed));
    for _ in 0..WHISPERS_A_DAY {
        assert!(is_done(&world.does(1, &whisper(SEALED_WORDS))));
    }
    let before = world.state.people.clone();
    assert_eq!(
        world.does(1, &whisper(SEALED_WORDS)),
        refused(Denied::WhisperedEnough)
    );
    let of = |state: &State| state.person(&persona(1)).unwrap().whispered;
    assert_eq!(before.get(&persona(1)).unwrap().whispered, of(&world.state));
    assert!(is_done(&world.does(2, &whisper(SEALED_WORDS))));
    pass(&mut world, 1);
    assert!(is_done(&world.does(1, &whisper(SEALED_WORDS))));
    assert_eq!(of(&world.state).1, 1);
}

#[test]
fn people_of_two_bodies_are_brought_together_and_neither_body_hears_of_the_other() {
    let (mut city, mut north, mut south) = asked();
    let north_is_asked = north.state().between.asked.get(&(1, 1)).unwrap().clone();
    let south_is_asked = south.state().between.asked.get(&(1, 1)).unwrap();
    assert!(north_is_asked.host && !south_is_asked.host);
    assert_eq!((north_is_asked.parties, south_is_asked.parties), (2, 2));
    // Whoever is in the body may come: no power is needed, and who comes second is too late.
    north.done(3, consent(1));
    assert_eq!(north.step(2, consent(1)), refused(Denied::Repeated));
    assert_eq!(
        north.state().between.asked.get(&(1, 1)).unwrap().consented,
        Some(persona(3))
    );
    post(&north, &mut city);
    assert!(city.state().introductions_due().is_empty());
    assert_eq!(city.step(0, bring(1, 2)), refused(Denied::NoIntroduction));
    south.done(2, consent(1));
    post(&south, &mut city);
    assert_eq!(city.state().introductions_due(), [1]);
    assert_eq!(city.step(2, bring(1, 2)), refused(powerless("link")));
    // Who has the power and not the root key cannot sign it.
    let mut turned = city.clone();
    turned.roots(0, true);
    assert_eq!(turned.step(1, bring(1, 2)), refused(Denied::NoRoot));
    assert_eq!(city.step(0, bring(1, 1)), refused(Denied::Malformed));
    let short = Step::Bring {
        number: 1,
        sealed: vec![sealed(1), vec![1; SEALED_WORDS - 1]],
    };
    assert_eq!(city.step(0, short), refused(Denied::Malformed));
    city.done(0, bring(1, 2));
    assert!(city.state().introductions_due().is_empty());
    assert_eq!(city.step(0, bring(1, 2)), refused(Denied::NoIntroduction));
    // What was sealed to it is not kept.
    assert!(
        city.state()
            .between
            .introducing
            .get(&1)
            .unwrap()
            .consents
            .is_empty()
    );
    for body in [&mut north, &mut south] {
        post_all(&mut city, body);
        assert_eq!(ended(body, 1), Some(Introduced::Met));
        assert_eq!(body.step(2, consent(1)), refused(Denied::NoIntroduction));
        assert_eq!(body.step(0, no_consent(1)), refused(Denied::NoIntroduction));
    }
    // Of each other they have nothing: no id, no name, no key.
    let kept = |body: &Body| body.state().snapshot().unwrap();
    let has = |bytes: &[u8], part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    for (one, other) in [(&north, &south), (&south, &north)] {
        let bytes = kept(one);
        assert!(has(&bytes, one.state().genesis.label.as_str().as_bytes()));
        assert!(!has(&bytes, body_of(other).as_bytes()));
        assert!(!has(&bytes, other.state().genesis.label.as_str().as_bytes()));
        let root = other.state().between.house().unwrap().root.key;
        assert!(!has(&bytes, &root.0) && !has(&bytes, &public(other.pen(0)).0));
    }
}

#[test]
fn who_would_not_come_ends_it_for_all_and_only_who_may_says_so() {
    let (mut city, mut north, mut south) = asked();
    assert_eq!(north.step(2, no_consent(1)), refused(powerless("link")));
    assert_eq!(north.step(0, no_consent(2)), refused(Denied::NoIntroduction));
    // Who consented takes it back.
    north.done(2, consent(1));
    assert_eq!(north.step(3, no_consent(1)), refused(powerless("link")));
    north.done(2, no_consent(1));
    assert_eq!(ended(&north, 1), Some(Introduced::Declined));
    assert_eq!(north.step(3, consent(1)), refused(Denied::NoIntroduction));
    south.done(2, consent(1));
    post(&north, &mut city);
    // What comes too late is read, and counts for nothing.
    let letter = south.letter(&city, south.link(1).sent);
    post_all(&mut city, &mut north);
    assert!(is_void(&city.hears(&south, &letter)));
    assert_eq!(city.step(0, bring(1, 2)), refused(Denied::NoIntroduction));
    post(&city, &mut south);
    assert_eq!(ended(&south, 1), Some(Introduced::Declined));
    // Whoever links a body with others says it for all.
    city.done(0, introduce(&[2, 1]));
    post(&city, &mut south);
    south.done(1, no_consent(2));
    post(&south, &mut city);
    post(&city, &mut north);
    assert_eq!(ended(&north, 2), Some(Introduced::Declined));
}

#[test]
fn an_introduction_is_over_after_its_last_day() {
    let (mut city, mut north, mut south) = asked();
    north.done(2, consent(1));
    post(&north, &mut city);
    for body in [&mut city, &mut south] {
        pass(&mut body.world, 15);
    }
    assert_eq!(south.step(2, consent(1)), refused(Denied::NoIntroduction));
    assert!(is_void(&city.is_told(
        &south,
        Says::Consent {
            number: 1,
            sealed: sealed(1)
        }
    )));
    assert!(city.state().introductions_due().is_empty());
}

#[test]
fn an_introduction_is_made_by_who_links_of_linked_bodies_that_take_directives_and_is_bounded() {
    let (mut city, _, _) = three();
    let change = |change: &dyn Fn(&mut Vec<u32>, &mut String, &mut u16)| {
        let (mut links, mut about, mut days) = (vec![1, 2], "Why".to_owned(), 14);
        change(&mut links, &mut about, &mut days);
        Step::Introduce { links, about, days }
    };
    assert_eq!(city.step(2, introduce(&[1, 2])), refused(powerless("link")));
    let wrong: [(Step, Denied); 9] = [
        (introduce(&[1]), Denied::Introduces),
        (introduce(&[]), Denied::Introduces),
        (introduce(&[1, 1]), Denied::Introduces),
        (introduce(&[1; MOST_INTRODUCED + 1]), Denied::Introduces),
        (introduce(&[1, 3]), Denied::NoLink),
        (change(&|_, about, _| about.clear()), Denied::Text),
        (
            change(&|_, about, _| *about = "x".repeat(LONGEST_ABOUT + 1)),
            Denied::Text,
        ),
        (change(&|_, _, days| *days = 0), Denied::IntroductionDays),
        (
            change(&|_, _, days| *days = MOST_INTRODUCTION_DAYS + 1),
            Denied::IntroductionDays,
        ),
    ];
    for (step, denied) in wrong {
        assert_eq!(city.step(0, step), refused(denied));
    }
    let mut alone = Body::alone(3, |_| ());
    assert_eq!(alone.step(0, introduce(&[1, 2])), refused(Denied::NoRoot));
    for _ in 0..WAITING_INTRODUCTIONS {
        city.done(0, introduce(&[1, 2]));
    }
    assert_eq!(city.step(0, introduce(&[1, 2])), refused(Denied::TooManyWaiting));
    city.done(0, end(2));
    assert_eq!(city.step(0, introduce(&[1, 2])), refused(Denied::LinkOver));
    // Without directives in the terms a body introduces nobody.
    let quiet = Sends {
        directives: false,
        ..ALL
    };
    let terms = Terms {
        offering: quiet,
        accepting: NOTHING,
    };
    let (mut east, mut north, mut south) = (Body::new(2), Body::new(0), Body::new(1));
    link(&mut east, &mut north, terms);
    link(&mut east, &mut south, terms);
    assert_eq!(east.step(0, introduce(&[1, 2])), refused(Denied::NotInTerms));
    let until = north.state().now().0 + DAY;
    assert!(is_void(&north.is_told(&east, asks(1, until))));
}

#[test]
fn what_a_dishonest_body_says_of_introductions_counts_for_nothing() {
    let (mut city, mut north, _) = asked();
    let now = north.state().now().0;
    let change = |change: &dyn Fn(&mut String, &mut u8)| {
        let (mut about, mut parties) = ("Why".to_owned(), 2);
        change(&mut about, &mut parties);
        Says::Introduce {
            number: 2,
            about,
            until: Minutes(now + DAY),
            host: false,
            parties,
        }
    };
    let tells = [
        // Of this number one was told before; of another nobody consented, or it is none.
        asks(1, now + DAY),
        asks(2, now - 1),
        asks(2, now + 23 * DAY),
        change(&|about, _| about.clear()),
        change(&|about, _| *about = "x".repeat(LONGEST_ABOUT + 1)),
        change(&|_, parties| *parties = 1),
        change(&|_, parties| *parties = 9),
        Says::Introduced {
            number: 1,
            sealed: sealed(1),
        },
        Says::Introduced {
            number: 9,
            sealed: sealed(1),
        },
        Says::NotIntroduced { number: 9 },
        Says::Consent {
            number: 1,
            sealed: sealed(1),
        },
        Says::NoConsent { number: 1 },
    ];
    for says in tells {
        let said = format!("{says:?}");
        let before = north.state().between.asked.clone();
        assert!(is_void(&north.is_told(&city, says)), "{said}");
        assert_eq!(before, north.state().between.asked);
    }
    north.done(2, consent(1));
    let short = Says::Introduced {
        number: 1,
        sealed: vec![1; SEALED_WORDS + 1],
    };
    assert!(is_void(&north.is_told(&city, short)));
    // A body that is not meant says nothing of it, nor does one that is meant twice.
    let mut east = Body::new(3);
    link(&mut city, &mut east, BOTH);
    for says in [
        Says::Consent {
            number: 1,
            sealed: sealed(1),
        },
        Says::NoConsent { number: 1 },
    ] {
        assert!(is_void(&city.is_told(&east, says)));
    }
    let comes = || Says::Consent {
        number: 1,
        sealed: sealed(1),
    };
    let short = Says::Consent {
        number: 1,
        sealed: vec![1; 3],
    };
    assert!(is_void(&city.is_told(&north, short)));
    assert!(!is_void(&city.is_told(&north, comes())));
    assert!(is_void(&city.is_told(&north, comes())));
}

#[test]
fn what_waits_and_what_is_remembered_of_introductions_is_bounded() {
    let (city, mut north, _) = three();
    let ask = |north: &mut Body, number| {
        let until = north.state().now().0 + DAY;
        north.is_told(&city, asks(number, until))
    };
    for number in 1..=WAITING_INTRODUCTIONS as u32 {
        assert!(!is_void(&ask(&mut north, number)), "{number}");
    }
    assert!(is_void(&ask(&mut north, 1_000)));
    let mut number = WAITING_INTRODUCTIONS as u32;
    for _ in 0..5 {
        pass(&mut north.world, 2);
        for _ in 0..WAITING_INTRODUCTIONS {
            number += 1;
            assert!(!is_void(&ask(&mut north, number)), "{number}");
        }
    }
    assert_eq!(north.state().between.asked.len(), REMEMBERED_INTRODUCTIONS);
    // What is forgotten does not come again.
    pass(&mut north.world, 2);
    assert!(is_void(&ask(&mut north, 1)));
}

#[test]
fn an_introduction_is_signed_by_the_root_key_and_says_nothing_else() {
    let root = |seed| RootKey {
        number: 1,
        key: public(seed),
    };
    let introduction = Introduction {
        body: body_of(&Body::alone(0, |_| ())),
        number: 1,
        about: "The harbour strike".to_owned(),
        keys: vec![public(1), public(2)],
        at: Minutes(9),
    };
    let digest = SignedIntroduction::digest(&introduction).unwrap();
    let signed = SignedIntroduction {
        introduction,
        signature: sign(&key(7), &digest),
    };
    assert_eq!(signed.is_signed_by(&root(7)), Ok(()));
    assert!(signed.is_signed_by(&root(8)).is_err());
    let changes: [&dyn Fn(&mut Introduction); 5] = [
        &|said| said.number = 2,
        &|said| said.about.push('!'),
        &|said| said.keys.reverse(),
        &|said| said.at = Minutes(10),
        &|said| said.body.0[0] ^= 1,
    ];
    for change in changes {
        let mut forged = signed.clone();
        change(&mut forged.introduction);
        assert!(forged.is_signed_by(&root(7)).is_err());
    }
}

#[test]
fn introductions_stand_in_the_root_and_in_snapshots() {
    let (mut city, mut north, mut south) = three();
    let mut roots = Vec::new();
    let mut differ = |body: &Body| {
        let state = body.state();
        let read = State::from_snapshot(&state.snapshot().unwrap()).unwrap();
        assert_eq!((&read, read.root()), (state, state.root()));
        let root = state.between.root();
        assert!(!roots.contains(&root));
        roots.push(root);
    };
    differ(&city);
    differ(&north);
    city.done(0, introduce(&[1, 2]));
    differ(&city);
    post(&city, &mut north);
    differ(&north);
    north.done(2, consent(1));
    differ(&north);
    post(&north, &mut city);
    differ(&city);
    post(&city, &mut south);
    south.done(0, no_consent(1));
    differ(&south);
}
