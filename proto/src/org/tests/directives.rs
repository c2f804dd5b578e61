//! Directives and announcements: issued by one body, and what others do with them.

use super::bodies::{
    BOTH, Body, NOTHING, announcement, answer, declined, is_void, issue, link, linked, order, order_with,
    post, post_all, powerless, raise, reported, withdrawal,
};
use super::decisions::{carried, close, decide, open, propose, show, vote};
use super::laws::{is_done, refused};
use crate::id::{ChannelId, Minutes};
use crate::org::act::Deed;
use crate::org::apply::Outcome;
use crate::org::attachment::{Attachment, FileName, FileSecret, LARGEST_FILE};
use crate::org::ballot::Ballot;
use crate::org::between::{
    Announcement, Answer, Decision, Field, FieldKind, Item, LONGEST_ANSWER, LinkStep as Step, Order,
    Progress, REMEMBERED_ITEMS, Raise, Says, Terms, Told, Value, WAITING_LETTERS,
};
use crate::org::charter::How;
use crate::org::denied::Denied;
use crate::org::proposal::{LONGEST_PROPOSAL, LONGEST_TITLE, Subject};

fn board(body: &Body, directive: u32, link: u32) -> Progress {
    let board = &body.state().between.board;
    board.get(&(directive, link)).cloned().unwrap_or_default()
}

fn told(body: &Body, item: u32) -> Option<&Told> {
    body.state().between.told.get(&(1, item))
}

/// A directive that stands in the log of who it is for.
fn directed(form: Vec<Field>) -> (Body, Body) {
    let (mut north, mut south) = linked(BOTH);
    north.done(0, issue(order_with(form, None), &[1]));
    post_all(&mut north, &mut south);
    (north, south)
}

fn field(label: &str, kind: FieldKind) -> Field {
    let label = label.to_owned();
    Field { label, kind }
}

fn carry(to: &mut Body, from: &Body, number: u64) -> Outcome {
    let step = to.carrying(from, from.published(number, 0));
    to.step(2, step)
}

#[test]
fn a_directive_is_received_acknowledged_adopted_carried_out_and_reported() {
    let (mut north, mut south) = directed(Vec::new());
    let known = board(&north, 1, 1);
    assert!(known.received.is_some() && known.acknowledged.is_none());
    assert_eq!(
        south.step(2, answer(1, Answer::Acknowledged)),
        refused(powerless("direct"))
    );
    let steps = [
        Answer::Acknowledged,
        Answer::Adopted,
        Answer::CarriedOut,
        reported("Forty came."),
        reported("Fifty came, in truth."),
    ];
    for said in steps {
        south.done(0, answer(1, said));
        post_all(&mut south, &mut north);
        let ours = &told(&south, 1).unwrap().progress;
        assert_eq!(board(&north, 1, 1).answers(), ours.answers());
    }
    let known = board(&north, 1, 1);
    assert_eq!(known.answers().len(), 5);
    assert_eq!(known.reported.unwrap().text, "Fifty came, in truth.");
}

#[test]
fn answers_that_do_not_follow_are_refused_where_they_are_given_and_do_not_count_where_they_are_told() {
    let (north, south) = directed(Vec::new());
    let long = |len| "x".repeat(len);
    let after = |answers: &[Answer]| {
        let (mut north, mut south) = (north.clone(), south.clone());
        for said in answers {
            south.done(0, answer(1, said.clone()));
        }
        post_all(&mut south, &mut north);
        (north, south)
    };
    let (adopted, acknowledged) = (Answer::Adopted, Answer::Acknowledged);
    let no = declined("We are three.");
    for (before, then, denied) in [
        (vec![], Answer::Received, Denied::NotNext),
        (vec![], Answer::CarriedOut, Denied::NotNext),
        (vec![], reported("Done"), Denied::NotNext),
        (vec![], declined(" "), Denied::Text),
        (vec![], declined(&long(LONGEST_ANSWER + 1)), Denied::Text),
        (vec![acknowledged.clone()], acknowledged.clone(), Denied::NotNext),
        (vec![adopted.clone()], acknowledged, Denied::NotNext),
        (vec![adopted.clone()], adopted.clone(), Denied::NotNext),
        (vec![adopted.clone()], no.clone(), Denied::NotNext),
        (vec![adopted.clone()], reported(" "), Denied::Text),
        (
            vec![adopted.clone()],
            reported(&long(LONGEST_ANSWER + 1)),
            Denied::Text,
        ),
        (
            vec![adopted.clone(), Answer::CarriedOut],
            Answer::CarriedOut,
            Denied::NotNext,
        ),
        (vec![no.clone()], no.clone(), Denied::NotNext),
        (vec![no.clone()], Answer::CarriedOut, Denied::NotNext),
        (vec![no.clone()], reported("Done"), Denied::NotNext),
    ] {
        let (mut north, mut south) = after(&before);
        assert_eq!(
            south.step(0, answer(1, then.clone())),
            refused(denied),
            "{before:?} {then:?}"
        );
        let was = board(&north, 1, 1);
        assert!(is_void(&north.is_told(&south, Says::Answer(1, Box::new(then)))));
        assert_eq!(board(&north, 1, 1), was);
    }
    let (_, mut south) = after(&[]);
    for (link, directive, denied) in [(1, 2, Denied::NoDirective), (2, 1, Denied::NoLink)] {
        let answer = Box::new(Answer::Adopted);
        let step = Step::Answer {
            link,
            directive,
            answer,
        };
        assert_eq!(south.step(0, step), refused(denied));
    }
}

#[test]
fn what_was_declined_with_a_reason_may_be_adopted_later() {
    let (mut north, mut south) = directed(Vec::new());
    south.done(0, answer(1, declined("We are three.")));
    post_all(&mut south, &mut north);
    let reason = "We are three.".to_owned();
    let known = board(&north, 1, 1);
    assert_eq!(known.decided.unwrap().1, Decision::Declined { reason });
    assert!(known.acknowledged.is_some());
    south.done(0, answer(1, Answer::Adopted));
    post_all(&mut south, &mut north);
    assert_eq!(board(&north, 1, 1).decided.unwrap().1, Decision::Adopted);
}

#[test]
fn a_report_fits_the_fields_of_its_form() {
    let choices = ["Hall".to_owned(), "Square".to_owned()].to_vec();
    let (mut north, mut south) = directed(vec![
        field("What was said", FieldKind::Text),
        field("How many came", FieldKind::Number),
        field("Again?", FieldKind::YesNo),
        field("Where", FieldKind::Choice(choices)),
    ]);
    south.done(0, answer(1, Answer::Adopted));
    let report = |values: &[Value]| {
        let values = values.to_vec();
        let text = String::new();
        let files = Vec::new();
        answer(1, Answer::Reported { values, text, files })
    };
    let (text, empty) = (|text: &str| Value::Text(text.to_owned()), Value::Empty);
    let whole = [
        text("Much"),
        Value::Number(-40),
        Value::YesNo(true),
        Value::Choice(1),
    ];
    for (place, wrong) in [
        (0, Value::Number(1)),
        (0, text(&"x".repeat(513))),
        (1, text("40")),
        (1, Value::YesNo(true)),
        (2, Value::Choice(0)),
        (3, Value::Choice(2)),
        (3, Value::Number(0)),
    ] {
        let mut values = whole.clone();
        values[place] = wrong;
        assert_eq!(
            south.step(0, report(&values)),
            refused(Denied::Form),
            "{values:?}"
        );
    }
    let mut more = whole.to_vec();
    more.push(empty.clone());
    for values in [&whole[..3], &more, &[]] {
        assert_eq!(south.step(0, report(values)), refused(Denied::Form));
    }
    let nothing = [const { Value::Empty }; 4];
    assert_eq!(south.step(0, report(&nothing)), refused(Denied::Text));
    let mut some = nothing;
    some[1] = Value::Number(i64::MIN);
    south.done(0, report(&some));
    south.done(0, report(&whole));
    post_all(&mut south, &mut north);
    assert_eq!(board(&north, 1, 1).reported.unwrap().values, whole);
}

#[test]
fn an_item_is_bounded_and_says_something() {
    let (mut north, mut south) = linked(BOTH);
    let long = |len| "x".repeat(len);
    let said = |change: &dyn Fn(&mut Announcement)| {
        let Item::Announcement(mut said) = announcement("Come") else {
            panic!()
        };
        change(&mut said);
        Item::Announcement(said)
    };
    let asked = |change: &dyn Fn(&mut Order)| {
        let Item::Order(mut asked) = order() else { panic!() };
        change(&mut asked);
        Item::Order(asked)
    };
    let with = |kind: Vec<String>| {
        asked(&|order| order.form = vec![field("Where", FieldKind::Choice(kind.clone()))])
    };
    let file = |size| Attachment {
        name: FileName::clean("poster.pdf"),
        size,
        channel: ChannelId([1; 32]),
        secret: FileSecret([2; 32]),
        hash: [3; 32],
        expires: Minutes(0),
    };
    let text = |len| field(&long(len), FieldKind::Text);
    for (item, denied) in [
        (said(&|said| said.title = " ".to_owned()), Denied::Text),
        (said(&|said| said.title = long(LONGEST_TITLE + 1)), Denied::Text),
        (said(&|said| said.text = long(LONGEST_PROPOSAL + 1)), Denied::Text),
        (said(&|said| said.language = long(36)), Denied::Text),
        (said(&|said| said.files = vec![file(1); 9]), Denied::File),
        (
            said(&|said| said.files = vec![file(LARGEST_FILE + 1)]),
            Denied::File,
        ),
        (asked(&|order| order.title = String::new()), Denied::Text),
        (
            asked(&|order| order.text = long(LONGEST_PROPOSAL + 1)),
            Denied::Text,
        ),
        (asked(&|order| order.form = vec![text(1); 17]), Denied::Form),
        (asked(&|order| order.form = vec![text(81)]), Denied::Form),
        (asked(&|order| order.form = vec![text(0)]), Denied::Form),
        (with(vec![long(1)]), Denied::Form),
        (with(vec![long(1); 17]), Denied::Form),
        (with(vec![long(1), long(81)]), Denied::Form),
        (with(vec![long(1), " ".to_owned()]), Denied::Form),
        (
            asked(&|order| (order.due, order.acknowledge) = (Some(Minutes(1)), Some(Minutes(2)))),
            Denied::Dates,
        ),
    ] {
        assert_eq!(item.judge(), Err(denied.clone()));
        assert_eq!(north.step(0, issue(item.clone(), &[])), refused(denied));
        assert!(is_void(&south.is_told(&north, Says::Item(1, Box::new(item)))));
    }
    let reason = long(LONGEST_PROPOSAL + 1);
    assert_eq!(
        Item::Withdrawal {
            of: 1,
            directive: true,
            reason
        }
        .judge(),
        Err(Denied::Text)
    );
    let most = said(&|said| (said.text, said.files) = (long(LONGEST_PROPOSAL), vec![file(LARGEST_FILE); 8]));
    north.done(0, issue(most, &[]));
    north.done(0, issue(asked(&|order| order.form = vec![text(80); 16]), &[]));
}

#[test]
fn items_go_to_all_or_to_those_named_by_who_may_say_them() {
    let (mut north, mut south) = linked(BOTH);
    let mut east = Body::new(2);
    link(&mut north, &mut east, BOTH);
    assert_eq!(
        north.step(2, issue(announcement("Come"), &[])),
        refused(powerless("announce"))
    );
    assert_eq!(north.step(1, issue(order(), &[])), refused(powerless("direct")));
    for (to, denied) in [
        (&[2, 1][..], Denied::Malformed),
        (&[1, 1], Denied::Malformed),
        (&[1, 3], Denied::NoLink),
    ] {
        assert_eq!(north.step(0, issue(order(), to)), refused(denied));
    }
    let mut alone = Body::alone(3, |_| ());
    assert_eq!(alone.step(0, issue(order(), &[])), refused(Denied::NoRoot));
    north.done(1, issue(announcement("Come"), &[]));
    north.done(0, issue(order(), &[2]));
    north.done(0, issue(order(), &[1, 2]));
    north.done(1, issue(announcement("For the South"), &[1]));
    post_all(&mut north, &mut south);
    post_all(&mut north, &mut east);
    let items = |body: &Body| {
        body.state()
            .between
            .told
            .keys()
            .map(|(_, item)| *item)
            .collect::<Vec<_>>()
    };
    assert_eq!((items(&south), items(&east)), (vec![3, 4], vec![2, 3]));
    let board: Vec<_> = north.state().between.board.keys().copied().collect();
    assert_eq!(board, [(2, 2), (3, 1), (3, 2)]);
    // What is for some only stands in no bulletin.
    assert!(north.state().entry(1).is_some() && north.state().entry(2).is_none());
}

#[test]
fn a_directive_takes_the_place_of_another_and_answers_to_that_one_are_over() {
    let (mut north, mut south) = directed(Vec::new());
    let next = |replaces| order_with(Vec::new(), Some(replaces));
    let Item::Announcement(mut said) = announcement("No directive") else {
        panic!()
    };
    said.replaces = Some(1);
    for (item, to, denied) in [
        (next(9), &[1][..], Denied::NoDirective),
        (next(1), &[], Denied::NotNext),
        (Item::Announcement(said), &[1], Denied::NotNext),
    ] {
        assert_eq!(north.step(0, issue(item, to)), refused(denied));
    }
    north.done(0, issue(next(1), &[1]));
    assert_eq!(north.step(0, issue(next(1), &[1])), refused(Denied::Repeated));
    post_all(&mut north, &mut south);
    assert_eq!(told(&south, 1).unwrap().gone, Some(2));
    assert_eq!(
        south.step(0, answer(1, Answer::Adopted)),
        refused(Denied::DirectiveOver)
    );
    south.done(0, answer(2, Answer::Adopted));
    post_all(&mut north, &mut south);
    assert_eq!(board(&north, 2, 1).decided.unwrap().1, Decision::Adopted);
}

#[test]
fn a_withdrawn_directive_does_not_come_back() {
    let (mut north, mut south) = linked(BOTH);
    north.done(0, issue(order(), &[]));
    let posted = |north: &Body, number| north.published(number, 0);
    let old = posted(&north, 1);
    assert!(is_done(&carry(&mut south, &north, 1)));
    assert_eq!(
        north.step(1, issue(withdrawal(1), &[])),
        refused(powerless("direct"))
    );
    north.done(0, issue(withdrawal(1), &[]));
    assert_eq!(
        north.step(0, issue(withdrawal(1), &[])),
        refused(Denied::Repeated)
    );
    assert_eq!(north.step(0, issue(withdrawal(2), &[])), refused(Denied::NotNext));
    assert!(is_done(&carry(&mut south, &north, 2)));
    assert_eq!(told(&south, 1).unwrap().gone, Some(2));
    assert_eq!(
        south.step(0, answer(1, Answer::Acknowledged)),
        refused(Denied::DirectiveOver)
    );
    assert_eq!(carry(&mut south, &north, 2), refused(Denied::Repeated));
    let step = south.carrying(&north, old);
    assert_eq!(south.step(2, step), refused(Denied::Repeated));
    assert!(is_void(&south.is_told(&north, Says::Item(1, Box::new(order())))));
    assert_eq!(told(&south, 1).unwrap().gone, Some(2));
}

#[test]
fn a_withdrawal_that_comes_first_is_remembered() {
    let (mut north, mut south) = linked(BOTH);
    north.done(0, issue(order(), &[]));
    north.done(0, issue(withdrawal(1), &[]));
    assert!(is_done(&carry(&mut south, &north, 2)));
    let tomb = told(&south, 1).unwrap();
    assert!(tomb.item.is_none() && tomb.gone == Some(2));
    assert_eq!(
        south.step(0, answer(1, Answer::Adopted)),
        refused(Denied::NoDirective)
    );
    carry(&mut south, &north, 1);
    assert_eq!(told(&south, 1).unwrap().gone, Some(2));
    assert_eq!(
        south.step(0, answer(1, Answer::Adopted)),
        refused(Denied::DirectiveOver)
    );
}

#[test]
fn a_directive_that_comes_by_the_bulletin_and_by_letter_counts_once() {
    let (mut north, mut south) = (Body::new(0), Body::new(1));
    north.done(0, issue(order(), &[]));
    north.done(0, issue(announcement("Come"), &[]));
    link(&mut north, &mut south, BOTH);
    assert!(told(&south, 1).unwrap().item.is_some());
    assert_eq!(carry(&mut south, &north, 1), refused(Denied::Repeated));
    // Everybody reads announcements for themselves.
    assert_eq!(carry(&mut south, &north, 2), refused(Denied::NotNext));
    north.done(0, issue(order(), &[]));
    assert!(is_done(&carry(&mut south, &north, 3)));
    post_all(&mut south, &mut north);
    assert!(is_void(&south.is_told(&north, Says::Item(3, Box::new(order())))));
    assert_eq!(board(&north, 3, 1).answers(), [Answer::Received]);
    let mut east = Body::new(2);
    link(
        &mut north,
        &mut east,
        Terms {
            offering: NOTHING,
            ..BOTH
        },
    );
    assert_eq!(carry(&mut east, &north, 3), refused(Denied::NotInTerms));
}

#[test]
fn a_body_that_is_linked_with_later_is_told_what_is_in_force() {
    let (mut north, mut south) = linked(BOTH);
    north.done(0, issue(order(), &[]));
    north.done(0, issue(order(), &[1]));
    north.done(0, issue(order(), &[]));
    north.done(0, issue(order_with(Vec::new(), Some(1)), &[]));
    north.done(0, issue(withdrawal(3), &[]));
    north.done(0, issue(order(), &[]));
    let mut east = Body::new(2);
    link(&mut north, &mut east, BOTH);
    let items = |body: &Body| -> Vec<_> {
        let told = body.state().between.told.iter();
        told.filter(|(_, told)| told.item.is_some())
            .map(|((_, item), _)| *item)
            .collect()
    };
    assert_eq!(items(&east), [4, 6]);
    assert_eq!(board(&north, 6, 2).answers(), [Answer::Received]);
    post_all(&mut north, &mut south);
    assert_eq!(items(&south), [2]);
    // Also by who offered: the other side tells as well.
    let mut west = Body::new(3);
    link(&mut west, &mut north, BOTH);
    assert_eq!(items(&west), [4, 6]);
}

#[test]
fn what_one_body_does_not_read_is_still_withdrawn_from_the_others() {
    let (mut north, mut south) = linked(BOTH);
    let mut east = Body::new(2);
    link(&mut north, &mut east, BOTH);
    north.done(0, issue(order(), &[1, 2]));
    for _ in 1..WAITING_LETTERS {
        north.done(0, raise(Raise::Report, "It went well."));
    }
    let reason = String::new();
    north.done(0, Step::End { link: 1, reason });
    north.done(0, issue(withdrawal(1), &[1, 2]));
    post_all(&mut north, &mut east);
    assert_eq!(told(&east, 1).unwrap().gone, Some(2));
    post(&north, &mut south);
    assert!(told(&south, 1).unwrap().gone.is_none() && south.link(1).ended.is_some());
}

fn by_poll() -> (Body, Body) {
    let (mut north, mut south) = (
        Body::new(0),
        Body::with(1, |charter| charter.between.directives = How::Poll),
    );
    link(&mut north, &mut south, BOTH);
    north.done(0, issue(order(), &[1]));
    post_all(&mut north, &mut south);
    (north, south)
}

const DIRECTIVE: Subject = Subject::Directive {
    link: 1,
    directive: 1,
};

#[test]
fn by_poll_everybody_adopts_or_declines_a_directive_and_nobody_alone() {
    let (mut north, mut south) = by_poll();
    for said in [Answer::Adopted, declined("No.")] {
        assert_eq!(south.step(0, answer(1, said)), refused(Denied::ByPoll));
    }
    south.done(0, answer(1, Answer::Acknowledged));
    let down = decide(&mut south.world, 1, DIRECTIVE, &[0], &[1, 2, 3]);
    assert_eq!(carried(&south.world, &down), Some(false));
    post_all(&mut north, &mut south);
    let Some((_, Decision::Declined { reason })) = board(&north, 1, 1).decided else {
        panic!()
    };
    assert_eq!(reason, "voted down in decision 1");
    assert_eq!(
        south.step(0, answer(1, Answer::CarriedOut)),
        refused(Denied::NotNext)
    );
    let up = decide(&mut south.world, 1, DIRECTIVE, &[0, 1, 2], &[3]);
    assert_eq!(carried(&south.world, &up), Some(true));
    south.done(0, answer(1, Answer::CarriedOut));
    post_all(&mut north, &mut south);
    let known = board(&north, 1, 1);
    assert!(known.decided.unwrap().1 == Decision::Adopted && known.carried_out.is_some());
    // It is decided once.
    let deed = Deed::Propose {
        title: "Once more".to_owned(),
        text: String::new(),
        subject: Box::new(DIRECTIVE),
    };
    assert_eq!(south.world.does(1, &deed), refused(Denied::NotNext));
}

#[test]
fn what_is_withdrawn_while_everybody_votes_is_neither_adopted_nor_declined() {
    for ballot in [Ballot::Yes, Ballot::No] {
        let (mut north, mut south) = by_poll();
        let proposal = propose(&mut south.world, 1, DIRECTIVE);
        open(&mut south.world, 0, proposal);
        for voter in 0..4 {
            assert!(is_done(&vote(&mut south.world, voter, proposal, ballot.clone())));
        }
        assert!(is_done(&close(&mut south.world, 1, proposal)));
        north.done(0, issue(withdrawal(1), &[1]));
        post_all(&mut north, &mut south);
        show(&mut south.world, None);
        assert_eq!(carried(&south.world, &proposal), Some(false));
        post_all(&mut north, &mut south);
        assert_eq!(board(&north, 1, 1).answers(), [Answer::Received]);
    }
}

#[test]
fn a_body_remembers_so_many_items_and_none_that_it_forgot_comes_back() {
    let (mut north, south) = (Body::new(0), Body::new(1));
    let most = u32::try_from(REMEMBERED_ITEMS).unwrap();
    let mut south = south;
    link(&mut north, &mut south, BOTH);
    for _ in 0..most + 5 {
        north.done(0, issue(order(), &[]));
    }
    assert_eq!(north.state().between.issued.len(), REMEMBERED_ITEMS);
    assert_eq!(north.state().entry(5), None);
    assert_eq!(
        north.state().entry(u64::from(most) + 5).unwrap().item_number,
        most + 5
    );
    assert_eq!(
        north.step(0, issue(withdrawal(5), &[])),
        refused(Denied::NoDirective)
    );
    let carries = |south: &mut Body, number, item| {
        let mut entry = north.state().entry(6).unwrap();
        (entry.item_number, entry.item) = (number, item);
        let step = south.carrying(&north, north.sign_entry(entry, 0));
        south.step(2, step)
    };
    for number in 1..=most + 5 {
        assert!(is_done(&carries(&mut south, number, order())));
    }
    let remembered = |south: &Body| (south.state().between.told.len(), south.link(1).forgotten);
    assert_eq!(remembered(&south), (REMEMBERED_ITEMS, 5));
    for number in [1, 5] {
        assert_eq!(carries(&mut south, number, order()), refused(Denied::TooOld));
        assert_eq!(
            carries(&mut south, most + 6, withdrawal(number)),
            refused(Denied::TooOld)
        );
    }
    // What takes the place of something forgotten brings nothing of it back.
    assert!(is_done(&carries(
        &mut south,
        most + 6,
        order_with(Vec::new(), Some(2))
    )));
    assert_eq!(remembered(&south), (REMEMBERED_ITEMS, 6));
    for number in [2, 3, 6] {
        assert_eq!(carries(&mut south, number, order()), refused(Denied::TooOld));
    }
    // Nor do withdrawals of what never came fill it.
    for of in most + 10..most + 30 {
        assert!(is_done(&carries(&mut south, of + 1, withdrawal(of))));
    }
    assert_eq!(remembered(&south), (REMEMBERED_ITEMS, 26));
}

#[test]
fn what_waits_so_long_that_it_is_forgotten_holds_nothing_up() {
    let (mut north, mut south) = linked(BOTH);
    north.done(0, issue(order(), &[1]));
    let waits = north.link(1).sent;
    for _ in 0..REMEMBERED_ITEMS {
        north.done(0, issue(announcement("Come"), &[]));
    }
    assert_eq!(north.state().letter(1, waits).unwrap().says, Says::Nothing);
    north.done(0, issue(order(), &[1]));
    post_all(&mut north, &mut south);
    assert_eq!(south.state().between.told.len(), 1);
    assert_eq!(north.state().between.board.len(), 1);
}

#[test]
fn files_go_with_a_report_so_many_and_so_large_at_most() {
    let (mut north, mut south) = linked(BOTH);
    north.done(0, issue(order(), &[]));
    let carrying = south.carrying(&north, north.published(1, 0));
    south.done(2, carrying);
    south.done(0, answer(1, Answer::Adopted));
    let file = |size| Attachment {
        name: FileName::clean("list.csv"),
        size,
        channel: ChannelId([1; 32]),
        secret: FileSecret([2; 32]),
        hash: [3; 32],
        expires: Minutes(9),
    };
    let report = |files: Vec<Attachment>| {
        let (values, text) = (Vec::new(), String::new());
        answer(1, Answer::Reported { values, text, files })
    };
    assert_eq!(south.step(0, report(Vec::new())), refused(Denied::Text));
    assert_eq!(south.step(0, report(vec![file(1); 9])), refused(Denied::File));
    assert_eq!(
        south.step(0, report(vec![file(LARGEST_FILE + 1)])),
        refused(Denied::File)
    );
    // A file says something by itself.
    south.done(0, report(vec![file(LARGEST_FILE), file(1)]));
    post_all(&mut south, &mut north);
    assert_eq!(board(&north, 1, 1).reported.unwrap().files.len(), 2);
}
