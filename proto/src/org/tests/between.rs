//! Links between bodies: offered, accepted and ended, and the keys that a body speaks by.

use super::belonging::pass;
use super::bodies::{
    ALL, BOTH, Body, NOTHING, announcement, answer, body_of, declined, end, is_void, issue, link, linked,
    naming, order, post, post_all, powerless, raise, raised, reading, reply, reported, sealing, secret, sign,
    withdrawal,
};
use super::decisions::{carried, decide};
use super::laws::{is_done, refused};
use super::world::{World, intent, persona, public};
use crate::id::{BodyId, Minutes};
use crate::org::act::Deed;
use crate::org::between::{
    Answer, Decision, LinkStep as Step, Offer, Raise, RootKey, Says, SignedOffer, Terms,
};
use crate::org::charter::How;
use crate::org::denied::Denied;
use crate::org::mandate::Office;
use crate::org::name::Name;
use crate::org::power::Power;
use crate::org::proposal::Subject;
use crate::org::state::State;

type Change<'a> = &'a dyn Fn(&mut Offer);

/// Somebody leaves, and the keys of the room turn.
fn cut(body: &mut Body, seed: u32) {
    assert!(is_done(&body.world.does(seed, &Deed::Leave)));
    assert!(is_done(&body.world.commits(0, &World::unseat(seed), true)));
}

#[test]
fn a_link_is_offered_and_accepted_and_then_both_know_each_other() {
    let (mut north, mut south) = (Body::new(0), Body::new(1));
    let offer = north.offers(BOTH);
    assert!(north.link(1).is_offered(north.state().now()) && north.link(1).live().is_none());
    assert_eq!(
        north.step(0, issue(announcement("Too early"), &[1])),
        refused(Denied::NoLink)
    );
    south.accepts(&offer);
    let known = south.link(1).live().unwrap();
    assert_eq!(
        (known.card.body, &known.card.name),
        (body_of(&north), &north.state().genesis.label)
    );
    assert!(known.keys.is_empty() && known.card.bulletin.is_none());
    post(&south, &mut north);
    let known = north.link(1).live().unwrap();
    assert_eq!((known.card.body, known.card.root.number), (body_of(&south), 1));
    assert_eq!(known.keys, [(1, secret(1))]);
    post(&north, &mut south);
    assert_eq!(south.link(1).live().unwrap().keys, [(1, secret(1))]);
    assert!(north.state().between.linked(&body_of(&south)).is_some());
    assert!(south.state().between.linked(&body_of(&north)).is_some());
    assert!(!north.link(1).is_offered(north.state().now()));
}

#[test]
fn an_offer_says_who_offers_it_and_whom_letters_are_sealed_to_now() {
    let mut north = Body::new(0);
    let offers = |north: &mut Body, change: &dyn Fn(&mut Offer)| {
        let mut offer = north.an_offer(BOTH);
        change(&mut offer);
        let signed = north.signed(offer);
        north.step(0, Body::offering(&signed))
    };
    let changes: [(Change<'_>, Denied); 10] = [
        (&|offer| offer.link = intent(1), Denied::Malformed),
        (&|offer| offer.card.body = BodyId([1; 32]), Denied::Malformed),
        (
            &|offer| offer.card.name = Name::new("South").unwrap(),
            Denied::Malformed,
        ),
        (&|offer| offer.card.root.number = 2, Denied::Malformed),
        (&|offer| offer.card.relay = "x".repeat(401), Denied::Malformed),
        (&|offer| offer.card.sealing = vec![1; 1215], Denied::Malformed),
        (&|offer| offer.card.sealing = sealing(9), Denied::OldSealing),
        (&|offer| offer.terms = Terms::default(), Denied::Malformed),
        (&|offer| offer.expires = Minutes(0), Denied::OfferOver),
        (
            &|offer| {
                let Says::Reading(reading, _) = reading(1) else {
                    panic!()
                };
                offer.card.bulletin = Some(*reading);
            },
            Denied::Malformed,
        ),
    ];
    for (number, (change, denied)) in changes.into_iter().enumerate() {
        assert_eq!(offers(&mut north, change), refused(denied), "{number}");
    }
    let mut signed = north.signed(north.an_offer(BOTH));
    signed.offer.terms.accepting = NOTHING;
    assert_eq!(north.step(0, Body::offering(&signed)), refused(Denied::NotSigned));
    let offer = north.an_offer(BOTH);
    let signed = north.signed(offer);
    assert_eq!(north.step(2, Body::offering(&signed)), refused(powerless("link")));
    // Whoever left could read letters to the key of before.
    cut(&mut north, 3);
    assert_eq!(offers(&mut north, &|_| ()), refused(Denied::OldSealing));
    let public = sealing(3);
    north.done(1, naming(&north, public));
    assert!(is_done(&offers(&mut north, &|_| ())));
    let mut alone = Body::alone(2, |_| ());
    let public = sealing(3);
    assert_eq!(alone.step(0, naming(&alone, public)), refused(Denied::NoRoot));
    let public = vec![3; 1217];
    assert_eq!(north.step(0, naming(&north, public)), refused(Denied::Malformed));
}

#[test]
fn an_offer_is_accepted_as_it_was_signed_in_time_and_by_another_body_once() {
    let (mut north, mut south, mut east) = (Body::new(0), Body::new(1), Body::new(2));
    let offer = north.offers(BOTH);
    let accepts = |body: &mut Body, offer: &SignedOffer| {
        let step = body.accepting(offer);
        body.step(0, step)
    };
    let mut changed = offer.clone();
    changed.offer.expires = Minutes(u64::MAX);
    assert_eq!(accepts(&mut south, &changed), refused(Denied::NotSigned));
    let mut unsound = offer.offer.clone();
    unsound.card.sealing.pop();
    let unsound = north.signed(unsound);
    assert_eq!(accepts(&mut south, &unsound), refused(Denied::Malformed));
    assert_eq!(accepts(&mut north, &offer), refused(Denied::LinkedAlready));
    assert_eq!(south.step(2, south.accepting(&offer)), refused(powerless("link")));
    let mut alone = Body::alone(3, |_| ());
    let step = Step::Accept {
        signed: Box::new(offer.clone()),
        ours: Box::new(south.end()),
    };
    assert_eq!(alone.step(0, step), refused(Denied::NoRoot));
    south.accepts(&offer);
    assert_eq!(accepts(&mut south, &offer), refused(Denied::LinkedAlready));
    // Two have it: who is heard first is linked with.
    east.accepts(&offer);
    post(&south, &mut north);
    let late = east.letter(&north, 1);
    assert_eq!(north.hears(&east, &late), refused(Denied::NotSigned));
    // One link is enough.
    let second = north.offers(BOTH);
    assert_eq!(accepts(&mut south, &second), refused(Denied::LinkedAlready));
    pass(&mut east.world, 8);
    assert_eq!(accepts(&mut east, &second), refused(Denied::OfferOver));
}

#[test]
fn an_acceptance_is_heard_in_time_and_offers_that_nobody_took_are_forgotten() {
    let (mut north, mut south) = (Body::new(0), Body::new(1));
    let offer = north.offers(BOTH);
    south.accepts(&offer);
    let letter = south.letter(&north, 1);
    let mut early = letter.letter.clone();
    early.number = 2;
    let early = south.sign_letter(early, 1);
    assert_eq!(north.hears(&south, &early), refused(Denied::NotNext));
    let mut other = letter.letter.clone();
    other.says = Says::Nothing;
    let other = south.sign_letter(other, 1);
    assert_eq!(north.hears(&south, &other), refused(Denied::NotNext));
    let forged = south.sign_letter(letter.letter.clone(), 2);
    assert_eq!(north.hears(&south, &forged), refused(Denied::NotSigned));
    // Meanwhile somebody may come too late: an offer is forgotten a month after it was over.
    pass(&mut north.world, 8);
    north.offers(BOTH);
    assert_eq!(north.state().between.links.len(), 2);
    pass(&mut north.world, 30);
    north.offers(BOTH);
    assert_eq!(north.state().between.links.keys().collect::<Vec<_>>(), [&2, &3]);
    let signed = Box::new(letter);
    assert_eq!(
        north.step(2, Step::Hear { link: 1, signed }),
        refused(Denied::NoLink)
    );
}

#[test]
fn who_accepts_an_offer_that_is_over_is_told_so_and_both_see_that_the_link_has_ended() {
    for taken_back in [false, true] {
        let (mut north, mut south) = (Body::new(0), Body::new(1));
        let offer = north.offers(BOTH);
        south.accepts(&offer);
        if taken_back {
            north.done(0, end(1));
        } else {
            pass(&mut north.world, 8);
        }
        let letter = south.letter(&north, 1);
        assert!(is_void(&north.hears(&south, &letter)));
        assert_eq!(north.hears(&south, &letter), refused(Denied::LinkOver));
        // Nothing of either is in the other's hands: there are no keys to turn.
        assert!(north.link(1).peer.as_ref().unwrap().keys.is_empty());
        assert!(!north.state().turn_is_due());
        post(&north, &mut south);
        let reasons = [north.link(1), south.link(1)].map(|link| link.ended.clone().unwrap().reason);
        assert_eq!(reasons[0], reasons[1]);
        assert_eq!(reasons[0].starts_with("the offer was over"), !taken_back);
        let again = north.offers(BOTH);
        south.accepts(&again);
        assert!(south.link(2).live().is_some());
    }
}

#[test]
fn an_offer_is_taken_back_before_anybody_takes_it() {
    let (mut north, mut south) = (Body::new(0), Body::new(1));
    let offer = north.offers(BOTH);
    assert_eq!(north.step(2, end(1)), refused(powerless("link")));
    assert_eq!(north.step(0, end(2)), refused(Denied::NoLink));
    north.done(0, end(1));
    assert!(!north.state().turn_is_due());
    south.accepts(&offer);
    let letter = south.letter(&north, 1);
    assert!(is_void(&north.hears(&south, &letter)));
    assert!(north.link(1).live().is_none() && north.state().between.linked(&body_of(&south)).is_none());
}

#[test]
fn a_link_is_ended_by_either_and_nothing_is_heard_after_it_but_that() {
    for by_north in [true, false] {
        let (mut north, mut south) = linked(BOTH);
        let (by, other) = match by_north {
            true => (&mut north, &mut south),
            false => (&mut south, &mut north),
        };
        other.done(0, raise(Raise::Question, "When?"));
        by.done(0, end(1));
        assert!(by.link(1).live().is_none() && by.state().turn_is_due());
        assert_eq!(by.step(0, end(1)), refused(Denied::LinkOver));
        for step in [raise(Raise::Motion, "Stay"), issue(announcement("After"), &[1])] {
            assert_eq!(by.step(0, step), refused(Denied::LinkOver));
        }
        let late = other.letter(by, other.link(1).sent);
        assert_eq!(by.hears(other, &late), refused(Denied::LinkOver));
        post(by, other);
        let ended = other.link(1).ended.clone().unwrap();
        assert_eq!((ended.by_us, ended.reason.as_str()), (false, "we go our own way"));
        assert!(other.state().turn_is_due());
        let last = by.letter(other, by.link(1).sent);
        assert_eq!(other.hears(by, &last), refused(Denied::LinkOver));
        // They may begin anew.
        link(by, other, BOTH);
        assert_eq!(by.state().between.linked(&body_of(other)).unwrap().0, 2);
    }
}

#[test]
fn by_poll_a_link_is_accepted_once_everybody_decided_and_no_other_in_its_place() {
    let mut north = Body::new(0);
    let mut south = Body::with(1, |charter| charter.between.links = How::Poll);
    let offer = north.offers(Terms {
        offering: ALL,
        accepting: NOTHING,
    });
    let subject = |offer: &SignedOffer| Subject::Link {
        offer: Box::new(offer.clone()),
    };
    assert_eq!(south.step(0, south.accepting(&offer)), refused(Denied::ByPoll));
    let agreed = Step::Agreed {
        link: offer.offer.link,
        offer: [0; 32],
    };
    assert_eq!(south.step(0, agreed), refused(Denied::ByPoll));
    let no = decide(&mut south.world, 1, subject(&offer), &[0], &[1, 2, 3]);
    assert_eq!(carried(&south.world, &no), Some(false));
    assert_eq!(south.step(0, south.accepting(&offer)), refused(Denied::ByPoll));
    let yes = decide(&mut south.world, 1, subject(&offer), &[0, 1, 2], &[3]);
    assert_eq!(carried(&south.world, &yes), Some(true));
    // The other body may sign two offers of one id.
    let mut other = offer.offer.clone();
    other.terms = BOTH;
    let other = north.signed(other);
    assert_eq!(south.step(0, south.accepting(&other)), refused(Denied::ByPoll));
    south.accepts(&offer);
    assert!(south.state().between.agreed.is_empty());
    let mut changed = offer;
    changed.offer.terms = BOTH;
    let deed = Deed::Propose {
        title: "A link".to_owned(),
        text: String::new(),
        subject: Box::new(subject(&changed)),
    };
    assert_eq!(south.world.does(1, &deed), refused(Denied::NotSigned));
}

#[test]
fn a_root_key_follows_from_the_one_before_it() {
    let mut north = Body::alone(0, |_| ());
    let first = north.next_root(true);
    assert_eq!(north.step(2, first.clone()), refused(powerless("link")));
    let Step::Root { root, .. } = first else { panic!() };
    let proof = sign(&north.root(2), &root.digest(&body_of(&north)));
    assert_eq!(
        north.step(
            0,
            Step::Root {
                root,
                proof,
                chain: None
            }
        ),
        refused(Denied::NotSigned)
    );
    assert_eq!(north.step(0, north.entrusting(1)), refused(Denied::NoRoot));
    north.roots(0, true);
    assert_eq!(north.state().root_holders(), [persona(0)]);
    assert_eq!(north.step(0, north.next_root(false)), refused(Denied::NotSigned));
    let Step::Root { root, proof, .. } = north.next_root(true) else {
        panic!()
    };
    let chain = Some(sign(&north.root(3), &root.digest(&body_of(&north))));
    assert_eq!(
        north.step(0, Step::Root { root, proof, chain }),
        refused(Denied::NotSigned)
    );
    let first = RootKey {
        number: 1,
        key: north.state().between.house().unwrap().root.key,
    };
    let proof = sign(&north.root(1), &first.digest(&body_of(&north)));
    let (root, chain) = (first, None);
    let same = Step::Root { root, proof, chain };
    assert_eq!(north.step(0, same), refused(Denied::Repeated));
    north.roots(0, true);
    assert_eq!(north.root_number(), 2);
}

#[test]
fn the_root_key_is_entrusted_by_who_has_it_to_who_may_have_it() {
    let mut north = Body::alone(0, |_| ());
    north.roots(0, true);
    assert_eq!(
        north.step(2, Step::Custody { sealing: sealing(2) }),
        refused(powerless("link"))
    );
    assert_eq!(
        north.step(1, Step::Custody { sealing: vec![2; 5] }),
        refused(Denied::Malformed)
    );
    assert_eq!(north.step(0, north.entrusting(1)), refused(Denied::NotNext));
    north.holds_root(1);
    for by in [1, 2] {
        assert_eq!(north.step(by, north.entrusting(1)), refused(Denied::NoRoot));
    }
    assert_eq!(north.step(0, north.entrusting(2)), refused(Denied::NotNext));
    for (root, sealed, denied) in [
        (2, vec![7; 9], Denied::NotNext),
        (1, Vec::new(), Denied::Malformed),
        (1, vec![7; 4097], Denied::Malformed),
    ] {
        let step = Step::Entrust {
            to: persona(1),
            root,
            sealed,
        };
        assert_eq!(north.step(0, step), refused(denied));
    }
    north.done(0, north.entrusting(1));
    assert_eq!(north.step(0, north.entrusting(1)), refused(Denied::Repeated));
    assert_eq!(north.state().root_holders(), [persona(0), persona(1)]);
    // Another one is entrusted anew.
    north.roots(1, true);
    assert_eq!(north.state().root_holders(), [persona(1)]);
    assert_eq!(north.step(0, north.entrusting(1)), refused(Denied::NoRoot));
    north.holds_root(0);
    north.done(1, north.entrusting(0));
    assert!(!north.state().root_is_due());
}

/// Somebody who may link.
fn holder(body: &Body) -> u32 {
    let holders = body.state().holders(Power::Link);
    (0..4).find(|seed| holders.contains(&persona(*seed))).unwrap()
}

pub(super) fn hands_on_keys(body: &mut Body, seed: u32) {
    let (office, holder) = (Office::Keyholder, persona(seed));
    assert!(is_done(
        &body.world.does(seed, &Deed::HandOver { office, holder })
    ));
}

#[test]
fn once_somebody_has_the_root_key_who_may_not_another_is_due() {
    let mut north = Body::new(0);
    assert!(!north.state().root_is_due());
    hands_on_keys(&mut north, 1);
    assert!(north.state().root_is_due());
    assert_eq!(north.state().root_holders(), [persona(0)]);
    // The other keyholder has it: no way around them.
    assert_eq!(north.step(0, north.next_root(false)), refused(Denied::NotSigned));
    north.roots(0, true);
    assert!(!north.state().root_is_due() && !north.state().between.custody.contains_key(&persona(1)));
    // Who may have it and who has it are different people.
    hands_on_keys(&mut north, 0);
    assert!(north.state().root_is_due() && north.state().root_holders().is_empty());
    assert_eq!(north.step(0, north.next_root(true)), refused(powerless("link")));
    let step = north.next_root(false);
    let by = holder(&north);
    north.done(by, step);
    assert_eq!(north.state().root_holders(), [persona(by)]);
}

#[test]
fn a_body_has_no_due_root_key_before_its_first() {
    let north = Body::alone(0, |_| ());
    assert!(!north.state().root_is_due() && !north.state().masthead_is_due() && !north.state().turn_is_due());
}

#[test]
fn who_hears_of_another_root_key_believes_the_one_before_no_more() {
    let (mut north, mut south) = linked(BOTH);
    south.done(0, raise(Raise::Question, "Before?"));
    south.roots(0, true);
    south.done(0, raise(Raise::Question, "After?"));
    let forged = south.next_letter(&north, Says::Nothing);
    assert_eq!(
        north.hears(&south, &south.sign_letter(forged, 2)),
        refused(Denied::NotSigned)
    );
    post(&south, &mut north);
    assert_eq!(north.link(1).live().unwrap().card.root.number, 2);
    let forged = south.next_letter(&north, raised(7));
    assert_eq!(
        north.hears(&south, &south.sign_letter(forged.clone(), 1)),
        refused(Denied::NotSigned)
    );
    assert!(!is_void(&north.hears(&south, &south.sign_letter(forged, 2))));
    // One that does not follow from it is none.
    let body = body_of(&south);
    let of = |number| RootKey {
        number,
        key: public(9),
    };
    for (root, by) in [(of(4), 2), (of(3), 1), (of(2), 2)] {
        let chain = sign(&south.root(by), &root.digest(&body));
        assert!(is_void(&north.is_told(&south, Says::Root(root, chain))));
    }
}

#[test]
fn a_body_that_lost_its_root_key_is_linked_with_anew() {
    let (mut north, mut south) = (Body::new(0), Body::new(1));
    south.roots(0, true);
    link(&mut north, &mut south, BOTH);
    hands_on_keys(&mut south, 0);
    let step = south.next_root(false);
    let by = holder(&south);
    south.done(by, step);
    assert!(south.link(1).out.is_empty());
    assert_eq!(north.is_told(&south, raised(1)), refused(Denied::NotSigned));
    let offer = north.offers(BOTH);
    let accept = south.accepting(&offer);
    assert_eq!(south.step(by, accept.clone()), refused(Denied::LinkedAlready));
    south.done(by, end(1));
    north.done(0, end(1));
    south.done(by, accept);
    post_all(&mut south, &mut north);
    let (_, anew) = north.state().between.linked(&body_of(&south)).unwrap();
    assert_eq!(anew.live().unwrap().card.root.number, 3);
}

/// Much of what two bodies have to do with each other; what each decided on the way.
fn story(north: &mut Body, south: &mut Body, mut after: impl FnMut(&Body, &Body)) {
    let steps: Vec<(bool, Step)> = vec![
        (true, issue(order(), &[])),
        (true, issue(announcement("Come"), &[])),
        (true, issue(order(), &[1])),
        (true, issue(withdrawal(1), &[])),
        (false, answer(3, Answer::Acknowledged)),
        (false, answer(3, declined("We cannot."))),
        (false, answer(3, Answer::Adopted)),
        (false, answer(3, Answer::CarriedOut)),
        (false, answer(3, reported("It went well."))),
        (false, raise(Raise::Motion, "A strike")),
        (true, reply(1)),
        (true, naming(north, sealing(4))),
        (false, Step::Editor { key: public(77) }),
        (true, end(1)),
    ];
    for (of_north, step) in steps {
        match of_north {
            true => north.done(0, step),
            false => south.done(0, step),
        }
        after(north, south);
        post(north, south);
        if north.link(1).ended.is_none() {
            post(south, north);
        }
        after(north, south);
    }
    north.roots(0, true);
    after(north, south);
}

#[test]
fn two_replicas_agree_at_every_entry_though_one_began_from_a_snapshot() {
    let (mut north, mut south) = linked(BOTH);
    let mut roots = Vec::new();
    let read = |body: &Body| {
        let mut body = body.clone();
        body.world.state = State::from_snapshot(&body.state().snapshot().unwrap()).unwrap();
        body
    };
    let (mut twin, mut other) = (read(&north), read(&south));
    story(&mut north, &mut south, |north, south| {
        roots.push((north.state().root(), south.state().root()));
        for state in [north.state(), south.state()] {
            let read = State::from_snapshot(&state.snapshot().unwrap()).unwrap();
            assert_eq!((&read, read.root()), (state, state.root()));
        }
    });
    let mut at = 0;
    story(&mut twin, &mut other, |north, south| {
        assert_eq!(roots[at], (north.state().root(), south.state().root()), "{at}");
        at += 1;
    });
    assert_eq!(
        (at, twin.state(), other.state()),
        (roots.len(), north.state(), south.state())
    );
    let done = north.state().between.board.get(&(3, 1)).unwrap();
    assert_eq!(done.decided.as_ref().unwrap().1, Decision::Adopted);
    assert!(done.reported.is_some());
}

#[test]
fn the_root_holds_all_that_a_body_has_to_do_with_others() {
    let mut north = Body::alone(0, |_| ());
    let mut roots = Vec::new();
    let mut differs = |body: &Body| {
        let root = body.state().between.root();
        assert!(!roots.contains(&root));
        roots.push(root);
    };
    differs(&north);
    north.holds_root(0);
    differs(&north);
    north.edits(0);
    differs(&north);
    north.roots(0, true);
    differs(&north);
    north.entrusts(0, 1);
    differs(&north);
    north.done(0, naming(&north, sealing(1)));
    differs(&north);
    north.turns();
    differs(&north);
    let mut south = Body::new(1);
    link(&mut north, &mut south, BOTH);
    differs(&north);
    north.done(0, issue(order(), &[1]));
    differs(&north);
    post(&north, &mut south);
    post(&south, &mut north);
    differs(&north);
}
