//! Letters between bodies: whose they are, in which order they count, what waits and what the terms allow.

use super::belonging::pass;
use super::bodies::{
    ALL, BOTH, Body, NOTHING, announcement, body_of, end, is_void, issue, link, linked, naming, order, post,
    post_all, powerless, raise, raised, reading, reply, sealing, secret, sign, withdrawal,
};
use super::laws::{is_done, refused};
use super::world::{World, intent, key, public};
use crate::org::act::Deed;
use crate::org::between::{
    Answer, Ended, LETTERS_A_DAY, LETTERS_AT_ONCE, Letter, LinkStep as Step, Raise, RootKey, Says, Sends,
    SignedLetter, Terms, WAITING_LETTERS, WAITING_RAISED,
};
use crate::org::denied::Denied;
use crate::org::proposal::LONGEST_PROPOSAL;

const DAY: u64 = 24 * 60;

#[test]
fn letters_are_of_the_other_body_and_come_in_order_and_once() {
    let (mut north, mut south) = linked(BOTH);
    for text in ["When?", "Where?"] {
        south.done(0, raise(Raise::Question, text));
    }
    let (first, second) = (south.letter(&north, 2), south.letter(&north, 3));
    let change = |change: &dyn Fn(&mut Letter)| {
        let mut letter = first.letter.clone();
        change(&mut letter);
        south.sign_letter(letter, 1)
    };
    let east = Body::new(2);
    let mut claimed = first.clone();
    claimed.letter.heard = 0;
    for (letter, denied) in [
        (second.clone(), Denied::NotNext),
        (change(&|letter| letter.number += 2), Denied::NotNext),
        (change(&|letter| letter.number = 1), Denied::Repeated),
        (
            change(&|letter| letter.heard = north.link(1).sent + 1),
            Denied::NotNext,
        ),
        (change(&|letter| letter.link = intent(7)), Denied::NotNext),
        (change(&|letter| letter.from = body_of(&east)), Denied::NotSigned),
        (change(&|letter| letter.from = body_of(&north)), Denied::NotSigned),
        (east.sign_letter(first.letter.clone(), 1), Denied::NotSigned),
        (south.sign_letter(first.letter.clone(), 2), Denied::NotSigned),
        (claimed, Denied::NotSigned),
        // Who only says how far they read says nothing else, and nothing old.
        (change(&|letter| letter.number = 0), Denied::Repeated),
        (south.letter(&north, 0), Denied::Repeated),
    ] {
        let before = north.state().between.clone();
        assert_eq!(north.hears(&south, &letter), refused(denied), "{letter:?}");
        assert_eq!(before, north.state().between);
    }
    assert_eq!(
        north.step(
            0,
            Step::Hear {
                link: 4,
                signed: Box::new(first.clone())
            }
        ),
        refused(Denied::NoLink)
    );
    assert!(is_done(&north.hears(&south, &first)));
    assert_eq!(north.hears(&south, &first), refused(Denied::Repeated));
    assert!(is_done(&north.hears(&south, &second)));
    assert_eq!(north.state().between.raised.len(), 2);
}

#[test]
fn whoever_writes_too_much_waits_for_the_next_day() {
    let (mut north, south) = linked(BOTH);
    let read = north.link(1).day.1;
    for _ in read..LETTERS_A_DAY {
        assert!(is_void(&north.is_told(&south, Says::Nothing)));
    }
    assert_eq!(north.is_told(&south, raised(1)), refused(Denied::TooManyLetters));
    pass(&mut north.world, 1);
    assert!(is_done(&north.is_told(&south, raised(1))));
    assert_eq!((north.state().between.raised.len(), north.link(1).day.1), (1, 1));
}

#[test]
fn a_letter_that_does_not_count_is_read_and_the_next_one_counts() {
    let (mut north, south) = linked(BOTH);
    north.done(0, issue(announcement("No directive"), &[]));
    let other = Says::Root(
        RootKey {
            number: 2,
            key: public(1),
        },
        sign(&key(1), &[0; 32]),
    );
    let card = south.state().card(&south.end(), false).unwrap();
    for says in [
        Says::Nothing,
        Says::Accepted(Box::new(card)),
        Says::Sealing(vec![1; 1215]),
        other,
        reading(1),
        Says::Item(1, Box::new(announcement(" "))),
        Says::Item(0, Box::new(order())),
        Says::Item(3, Box::new(withdrawal(3))),
        Says::Answer(1, Box::new(Answer::Adopted)),
        Says::Answer(9, Box::new(Answer::Adopted)),
        Says::Reply {
            number: 1,
            text: "Yes".to_owned(),
        },
        Says::Ended {
            reason: "x".repeat(LONGEST_PROPOSAL),
        },
    ] {
        let mut before = north.state().between.clone();
        let said = format!("{says:?}");
        assert!(is_void(&north.is_told(&south, says)), "{said}");
        let mut after = north.state().between.clone();
        for state in [&mut before, &mut after] {
            let link = state.links.get_mut(&1).unwrap();
            (link.heard, link.day) = (0, (0, 0));
        }
        assert_eq!(before, after, "{said}");
    }
    assert!(is_done(&north.is_told(&south, raised(1))));
    assert!(is_void(&north.is_told(&south, raised(1))));
    assert_eq!(north.state().between.raised.len(), 1);
}

#[test]
fn letters_of_several_bodies_are_carried_at_once_and_do_what_each_alone_would() {
    let (mut north, south) = linked(BOTH);
    let mut east = Body::new(2);
    link(&mut north, &mut east, BOTH);
    let to = |from: &Body, north: &Body, says: Says| {
        let letter = from.next_letter(north, says);
        (
            north.link_with(from),
            from.sign_letter(letter, from.root_number()),
        )
    };
    let question = |from: &Body, north: &Body| to(from, north, raised(1));
    let (first, second) = (question(&south, &north), question(&east, &north));
    let all = |letters: &[(u32, SignedLetter)]| Step::HearAll {
        letters: letters.to_vec(),
    };
    let void = to(
        &east,
        &north,
        Says::Reply {
            number: 1,
            text: "Yes".to_owned(),
        },
    );
    let card = east.state().card(&east.end(), false).unwrap();
    let accepting = to(&east, &north, Says::Accepted(Box::new(card)));
    for (letters, denied) in [
        (vec![], Denied::Malformed),
        (vec![second.clone(), first.clone()], Denied::Malformed),
        (vec![first.clone(), first.clone()], Denied::Malformed),
        (vec![first.clone(), accepting], Denied::Malformed),
        (vec![first.clone(); LETTERS_AT_ONCE + 1], Denied::Malformed),
        (vec![first.clone(), (second.0, first.1.clone())], Denied::NotNext),
        // One that would be read and not count goes alone.
        (vec![first.clone(), void], Denied::NotRaised),
    ] {
        let before = north.state().between.clone();
        assert_eq!(north.step(2, all(&letters)), refused(denied));
        assert_eq!(before, north.state().between);
    }
    assert!(north.state().hears_among(first.0, &first.1));
    assert!(is_done(&north.step(2, all(&[first.clone(), second.clone()]))));
    assert_eq!(north.state().between.raised.len(), 2);
    assert!(!north.state().hears_among(first.0, &first.1));
    assert_eq!(north.step(2, all(&[first, second])), refused(Denied::Repeated));
}

#[test]
fn of_any_mixture_of_good_and_malicious_letters_all_count_or_nothing_does() {
    let mut north = Body::new(0);
    let mut others = [1, 2, 3].map(Body::new);
    for other in &mut others {
        link(&mut north, other, BOTH);
        other.done(0, raise(Raise::Question, "When?"));
    }
    let next = |from: &Body| {
        let heard = north.link(north.link_with(from)).heard;
        from.letter(&north, heard + 1)
    };
    let mut letters = Vec::new();
    for (place, from) in others.iter().enumerate() {
        let link = north.link_with(from);
        let good = next(from);
        let change = |change: &dyn Fn(&mut Letter)| {
            let mut letter = good.letter.clone();
            change(&mut letter);
            from.sign_letter(letter, from.root_number())
        };
        let mut forged = good.clone();
        forged.letter.heard = 0;
        let card = from.state().card(&from.end(), false).unwrap();
        letters.extend([
            (link, good.clone()),
            (link, change(&|letter| letter.number += 1)),
            (link, change(&|letter| letter.number -= 1)),
            (link, change(&|letter| letter.says = Says::Nothing)),
            (link, change(&|letter| letter.says = reply_to_nothing())),
            (
                link,
                change(&|letter| letter.says = Says::Accepted(Box::new(card.clone()))),
            ),
            (link, forged),
            // Somebody else's, over this link.
            (link, next(&others[(place + 1) % others.len()])),
        ]);
    }
    let counts = |(link, signed): &(u32, SignedLetter)| {
        let step = Step::Hear {
            link: *link,
            signed: Box::new(signed.clone()),
        };
        let outcome = north.clone().step(2, step);
        is_done(&outcome) && !is_void(&outcome)
    };
    let alone: Vec<bool> = letters.iter().map(counts).collect();
    let of_one = letters.len() / others.len();
    let mut lists: Vec<Vec<usize>> = vec![Vec::new()];
    for first in 0..letters.len() {
        lists.push(vec![first]);
        lists.extend((0..letters.len()).map(|second| vec![first, second]));
    }
    for first in 0..of_one {
        for second in of_one..2 * of_one {
            lists.extend((2 * of_one..letters.len()).map(|third| vec![first, second, third]));
        }
    }
    let mut counted = 0;
    for list in lists {
        let all: Vec<_> = list.iter().map(|place| letters[*place].clone()).collect();
        let expected = !all.is_empty()
            && all.is_sorted_by(|(a, _), (b, _)| a < b)
            && list.iter().all(|place| alone[*place]);
        let mut reader = north.clone();
        let outcome = reader.step(2, Step::HearAll { letters: all.clone() });
        assert_eq!(is_done(&outcome), expected, "{list:?}: {outcome:?}");
        if !expected {
            assert_eq!(reader.state().between, north.state().between);
            continue;
        }
        counted += 1;
        assert_eq!(reader.state().between.raised.len(), all.len());
        for (link, signed) in &all {
            assert_eq!(reader.link(*link).heard, signed.letter.number);
        }
    }
    // One, two and three good ones.
    assert_eq!(counted, 3 + 3 + 1);
}

fn reply_to_nothing() -> Says {
    Says::Reply {
        number: 1,
        text: "Yes".to_owned(),
    }
}

#[test]
fn what_was_read_waits_no_more() {
    let (mut north, mut south) = linked(BOTH);
    south.done(0, raise(Raise::Report, "It went well."));
    south.done(0, raise(Raise::Report, "It went very well."));
    let waits = |body: &Body| (body.link(1).out.len(), body.link(1).sent - body.link(1).acked);
    assert_eq!(waits(&south), (2, 2));
    let first = south.letter(&north, 2);
    assert!(is_done(&north.hears(&south, &first)));
    let read = north.letter(&south, 0);
    assert!(is_done(&south.hears(&north, &read)));
    assert_eq!(waits(&south), (1, 1));
    assert_eq!(south.hears(&north, &read), refused(Denied::Repeated));
    assert_eq!(south.state().letter(1, 2), None);
    assert_eq!(south.state().letter(1, 4), None);
    post(&south, &mut north);
    // Any letter says it.
    north.done(0, raise(Raise::Question, "How many came?"));
    post(&north, &mut south);
    assert_eq!(waits(&south), (0, 0));
}

#[test]
fn letters_that_wait_are_bounded_and_what_must_be_said_is_said_all_the_same() {
    let (mut north, mut south) = linked(BOTH);
    for _ in 0..WAITING_LETTERS {
        south.done(0, raise(Raise::Report, "It went well."));
    }
    south.done(0, naming(&south, sealing(8)));
    south.turns();
    // What ties the bodies together has room where words have none left.
    assert_eq!(south.link(1).out.len(), WAITING_LETTERS + 2);
    for step in [raise(Raise::Report, "Too much"), issue(order(), &[1])] {
        assert_eq!(south.step(0, step), refused(Denied::TooManyWaiting));
    }
    south.roots(0, true);
    let raised = south.letter(&north, south.link(1).sent - 1);
    // What is posted already keeps its number.
    let mut ended = south.clone();
    ended.done(0, end(1));
    assert_eq!(ended.letter(&north, raised.letter.number), raised);
    let mut told = north.clone();
    post(&ended, &mut told);
    let by_us = false;
    let reason = "we go our own way".to_owned();
    let at = told.state().now();
    assert_eq!(told.link(1).ended, Some(Ended { by_us, reason, at }));

    post_all(&mut south, &mut north);
    let peer = north.link(1).live().unwrap();
    assert_eq!((peer.card.root.number, peer.card.sealing[0]), (2, 8));
    assert_eq!(peer.keys.back().unwrap().0, 2);
    assert!(south.link(1).out.is_empty());
}

#[test]
fn what_changes_while_a_letter_on_it_is_under_way_is_written_anew() {
    let (mut north, mut south) = linked(BOTH);
    south.turns();
    south.done(0, naming(&south, sealing(8)));
    let posted: Vec<_> = [2, 3].map(|number| south.letter(&north, number)).to_vec();
    for number in 9..20 {
        south.turns();
        south.done(0, naming(&south, sealing(number)));
    }
    for letter in posted {
        assert!(is_done(&north.hears(&south, &letter)));
    }
    post_all(&mut north, &mut south);
    let peer = north.link(1).live().unwrap();
    assert_eq!(peer.card.sealing[0], 19);
    assert_eq!(peer.keys.back().unwrap(), &(13, secret(13)));
    assert!(south.link(1).out.is_empty() && south.link(1).again.is_empty());
}

#[test]
fn a_body_without_a_bulletin_writes_all_the_same() {
    let (mut north, mut south) = (Body::alone(0, |_| ()), Body::new(1));
    north.roots(0, true);
    north.done(0, naming(&north, sealing(1)));
    link(&mut north, &mut south, BOTH);
    assert_eq!(north.step(0, issue(order(), &[])), refused(Denied::NoBulletin));
    north.done(0, issue(order(), &[1]));
    post_all(&mut north, &mut south);
    assert_eq!(south.state().between.told.len(), 1);
    assert!(north.link(1).out.is_empty());
    north.turns();
    post_all(&mut north, &mut south);
    assert_eq!(south.link(1).live().unwrap().keys.len(), 1);
}

type Allow = fn(&mut Sends);

/// What each kind of content needs, as said and as sent.
fn contents() -> Vec<(Allow, Says, Option<Step>)> {
    let announcements: Allow = |sends| sends.announcements = true;
    let directives: Allow = |sends| sends.directives = true;
    let reports: Allow = |sends| sends.reports = true;
    let item = |item| Says::Item(5, Box::new(item));
    let said = announcement("Come");
    vec![
        (announcements, item(said.clone()), Some(issue(said, &[1]))),
        (directives, item(order()), Some(issue(order(), &[1]))),
        (directives, item(withdrawal(4)), None),
        (announcements, reading(7), None),
        (reports, raised(1), Some(raise(Raise::Question, "When?"))),
    ]
}

#[test]
fn nothing_is_sent_or_counts_that_the_terms_do_not_allow() {
    for (number, (allow, says, step)) in contents().into_iter().enumerate() {
        let mut allowed = NOTHING;
        allow(&mut allowed);
        let either = step.is_none();
        let forbidden = Sends {
            announcements: !(allowed.announcements || either),
            directives: !(allowed.directives || either),
            reports: !allowed.reports,
        };
        for (sends, may) in [(forbidden, false), (allowed, true)] {
            let terms = Terms {
                offering: sends,
                accepting: ALL,
            };
            let (mut north, mut south) = linked(terms);
            if let Some(step) = &step {
                let outcome = north.step(0, step.clone());
                assert_eq!(is_done(&outcome), may, "{number}");
                assert!(may || outcome == refused(Denied::NotInTerms), "{number}");
            }
            let outcome = south.is_told(&north, says.clone());
            assert_eq!(is_void(&outcome), !may, "{number}");
        }
    }
}

#[test]
fn who_may_send_no_directives_gets_no_answers_that_count() {
    let only = Sends {
        reports: true,
        ..NOTHING
    };
    let (mut north, south) = linked(Terms {
        offering: only,
        accepting: ALL,
    });
    north.done(0, issue(order(), &[]));
    assert!(is_void(
        &north.is_told(&south, Says::Answer(1, Box::new(Answer::Received)))
    ));
    // What is for others is not theirs to answer.
    let (mut north, south) = linked(BOTH);
    let mut east = Body::new(2);
    link(&mut north, &mut east, BOTH);
    north.done(0, issue(order(), &[1]));
    let received = || Says::Answer(1, Box::new(Answer::Received));
    assert!(is_void(&north.is_told(&east, received())));
    assert!(!is_void(&north.is_told(&south, received())));
    assert_eq!(north.state().between.board.keys().collect::<Vec<_>>(), [&(1, 1)]);
}

#[test]
fn questions_and_motions_are_answered_and_reports_are_told() {
    let (mut north, mut south) = linked(BOTH);
    assert_eq!(
        south.step(2, raise(Raise::Motion, "A strike")),
        refused(powerless("direct"))
    );
    for text in [" ".to_owned(), "x".repeat(LONGEST_PROPOSAL + 1)] {
        assert_eq!(south.step(0, raise(Raise::Motion, &text)), refused(Denied::Text));
        let text = text.clone();
        assert_eq!(
            north.step(
                0,
                Step::Reply {
                    link: 1,
                    number: 1,
                    text
                }
            ),
            refused(Denied::NotRaised)
        );
    }
    let late = Step::Raise {
        link: 1,
        kind: Raise::Motion,
        text: "A strike".to_owned(),
        days: 366,
    };
    assert_eq!(south.step(0, late), refused(Denied::Dates));
    south.done(0, raise(Raise::Motion, "A strike"));
    south.done(0, raise(Raise::Report, "It went well."));
    post_all(&mut south, &mut north);
    let motion = &north.state().between.raised.get(&(1, false, 1)).unwrap();
    assert_eq!((motion.kind, motion.text.as_str()), (Raise::Motion, "A strike"));
    assert_eq!(motion.due.0, south.state().now().0 + 14 * DAY);
    assert_eq!(north.step(2, reply(1)), refused(powerless("direct")));
    assert_eq!(north.step(0, reply(3)), refused(Denied::NotRaised));
    north.done(0, reply(1));
    assert_eq!(north.step(0, reply(1)), refused(Denied::Repeated));
    post_all(&mut north, &mut south);
    let raised = south.state().between.raised.get(&(1, true, 1)).unwrap();
    assert_eq!(raised.reply.as_ref().unwrap().1, "At eight.");
    let again = Says::Reply {
        number: 1,
        text: "At nine.".to_owned(),
    };
    assert!(is_void(&south.is_told(&north, again)));
}

#[test]
fn what_waits_for_an_answer_is_bounded_on_both_sides() {
    let (mut north, mut south) = linked(BOTH);
    for _ in 0..WAITING_RAISED {
        south.done(0, raise(Raise::Question, "When?"));
    }
    assert_eq!(
        south.step(0, raise(Raise::Question, "When?")),
        refused(Denied::TooManyWaiting)
    );
    post_all(&mut south, &mut north);
    assert!(is_void(&north.is_told(&south, raised(99))));
    north.done(0, reply(1));
    assert!(!is_void(&north.is_told(&south, raised(99))));
}

#[test]
fn the_next_keys_are_sealed_under_what_the_last_came_with_unless_somebody_else_knows_that() {
    let (mut north, mut south) = linked(BOTH);
    let turned = |north: &mut Body| {
        north.turns();
        let number = north.link(1).sent;
        (number, north.state().seals(1, number))
    };
    // Before the first letter with keys was read, nothing is known to both alone.
    let (_, first) = turned(&mut north);
    let knows = north.link(1).reads;
    assert_eq!(
        first.map(|(generation, _)| generation),
        Some(knows).filter(|generation| *generation > 0)
    );
    post_all(&mut north, &mut south);
    let (number, under) = turned(&mut north);
    let (generation, secret) = under.unwrap();
    assert_eq!(south.link(1).live().unwrap().pair, Some((generation, secret)));
    assert_eq!(generation, north.link(1).reads);
    assert!(north.letter(&south, number).letter.number == number);
    post_all(&mut north, &mut south);
    // Somebody left the other body: they knew it.
    south.done(0, naming(&south, sealing(8)));
    post_all(&mut south, &mut north);
    assert_eq!(turned(&mut north).1, None);
    post_all(&mut north, &mut south);
    assert!(turned(&mut north).1.is_some());
    post_all(&mut north, &mut south);
    // Somebody left this one.
    assert!(is_done(&north.world.does(3, &Deed::Leave)));
    assert!(is_done(&north.world.commits(0, &World::unseat(3), true)));
    assert_eq!(turned(&mut north).1, None);
}

#[test]
fn until_the_next_root_key_was_read_letters_are_signed_by_the_one_before() {
    let (mut north, mut south) = linked(BOTH);
    north.done(0, raise(Raise::Report, "It went well."));
    north.roots(0, true);
    north.done(0, raise(Raise::Report, "It went on."));
    let sent = north.link(1).sent;
    let signs: Vec<_> = (sent - 2..=sent)
        .map(|number| north.state().signs(1, number))
        .collect();
    assert_eq!(signs, [Some(1), Some(1), Some(2)]);
    assert_eq!(north.state().signs(1, 0), Some(1));
    post_all(&mut north, &mut south);
    assert_eq!(south.link(1).live().unwrap().card.root.number, 2);
}

#[test]
fn letters_name_the_last_entry_so_that_whoever_is_shown_less_sees_it() {
    let mut north = Body::new(0);
    north.done(0, issue(announcement("Before"), &[]));
    let mut south = Body::new(1);
    link(&mut north, &mut south, BOTH);
    let withheld = |south: &Body, shown| south.link(1).live().unwrap().withheld(shown);
    // What stood there before the link need not be shown.
    assert_eq!(withheld(&south, 0), None);
    north.done(0, issue(announcement("After"), &[]));
    assert_eq!(withheld(&south, 0), None);
    north.done(0, issue(order(), &[1]));
    post(&north, &mut south);
    assert_eq!(
        [0, 1, 2].map(|shown| withheld(&south, shown)),
        [Some(2), Some(2), None]
    );
    // Whoever may not read the bulletin is told nothing of it.
    let (mut north, mut south) = linked(Terms {
        offering: Sends {
            reports: true,
            ..NOTHING
        },
        accepting: ALL,
    });
    north.done(0, issue(announcement("Come"), &[]));
    north.done(0, raise(Raise::Report, "Ten of us"));
    assert_eq!(north.letter(&south, north.link(1).sent).letter.published, 0);
    post_all(&mut north, &mut south);
}
