//! What people do with each other's messages: what the machine says of it, and what every device says by its log.

use super::world::{World, intent, persona};
use crate::id::{IntentId, PersonaId, Position};
use crate::org::act::{Deed, LONGEST_TEXT};
use crate::org::apply::Outcome;
use crate::org::denied::Denied;
use crate::org::remark::{
    LONGEST_VANISHING, MARKS_OF_ALL, MARKS_OF_ONE, MOST_PINS, Mark, Marks, Message, MessageRef, Remark,
    Vanishing, Written,
};

fn remarks(world: &mut World, seed: u32, remark: Remark) -> Result<(), Denied> {
    let remark = Box::new(remark);
    match world.does(seed, &Deed::Remark { remark }) {
        Outcome::Done(_) => Ok(()),
        Outcome::NoOp(denied) => Err(denied),
        other => panic!("{other:?}"),
    }
}

/// Somebody says something; what it is named by.
fn said(world: &mut World, seed: u32) -> MessageRef {
    world.says(seed);
    MessageRef {
        position: world.position(),
        id: intent(world.intents),
    }
}

fn mark(text: &str) -> Mark {
    Mark::new(text).unwrap()
}

fn pin(to: MessageRef, on: bool) -> Remark {
    Remark::Pin { to, on }
}

#[test]
fn words_of_remarks_are_bounded_as_words_are() {
    let mut world = World::new();
    let to = said(&mut world, 0);
    for (length, denied) in [
        (0, true),
        (1, false),
        (LONGEST_TEXT, false),
        (LONGEST_TEXT + 1, true),
    ] {
        let text = "t".repeat(length);
        let expected = if denied { Err(Denied::Text) } else { Ok(()) };
        let reply = Remark::Reply {
            to,
            text: text.clone(),
        };
        assert_eq!(remarks(&mut world, 0, reply), expected);
        assert_eq!(remarks(&mut world, 0, Remark::Edit { of: to, text }), expected);
    }
}

#[test]
fn a_remark_names_nothing_that_is_yet_to_come() {
    let mut world = World::new();
    let here = said(&mut world, 0);
    let next = |world: &World| MessageRef {
        position: world.position().next(),
        ..here
    };
    let text = "x".to_owned();
    let to = next(&world);
    assert_eq!(
        remarks(&mut world, 0, Remark::Reply { to, text }),
        Err(Denied::NoMessage)
    );
    let to = next(&world);
    assert_eq!(remarks(&mut world, 0, pin(to, true)), Err(Denied::NoMessage));
    let of = next(&world);
    assert_eq!(
        remarks(&mut world, 0, Remark::Unsay { of }),
        Err(Denied::NoMessage)
    );
    assert_eq!(remarks(&mut world, 0, pin(here, true)), Ok(()));
}

#[test]
fn anybody_pins_sixteen_messages_at_most_and_takes_a_pin_away() {
    let mut world = World::new();
    world.joins(1);
    let messages: Vec<_> = (0..=MOST_PINS).map(|_| said(&mut world, 0)).collect();
    for message in &messages[..MOST_PINS] {
        assert_eq!(remarks(&mut world, 1, pin(*message, true)), Ok(()));
        assert_eq!(remarks(&mut world, 0, pin(*message, true)), Err(Denied::PinnedSo));
    }
    assert_eq!(world.state.pins, messages[..MOST_PINS]);
    assert_eq!(
        remarks(&mut world, 1, pin(messages[MOST_PINS], true)),
        Err(Denied::TooManyPins)
    );
    assert_eq!(remarks(&mut world, 0, pin(messages[3], false)), Ok(()));
    assert_eq!(
        remarks(&mut world, 0, pin(messages[3], false)),
        Err(Denied::PinnedSo)
    );
    assert_eq!(remarks(&mut world, 1, pin(messages[MOST_PINS], true)), Ok(()));
    assert_eq!(world.state.pins.len(), MOST_PINS);
    assert!(world.state.is_pinned(&messages[MOST_PINS]) && !world.state.is_pinned(&messages[3]));
}

#[test]
fn whoever_facilitates_says_after_how_long_words_vanish_and_nobody_else() {
    let mut world = World::new();
    world.joins(1);
    let vanish = |hours| Remark::Vanish { hours };
    let powerless = Err(Denied::Powerless {
        power: "facilitate".to_owned(),
    });
    assert_eq!(remarks(&mut world, 1, vanish(24)), powerless);
    assert_eq!(world.state.vanishing, Vanishing::default());
    assert_eq!(remarks(&mut world, 0, vanish(0)), Err(Denied::Vanishing));
    assert_eq!(
        remarks(&mut world, 0, vanish(LONGEST_VANISHING + 1)),
        Err(Denied::Vanishing)
    );
    for hours in [24, LONGEST_VANISHING, 1, 0] {
        assert_eq!(remarks(&mut world, 0, vanish(hours)), Ok(()));
        let since = world.position();
        assert_eq!(world.state.vanishing, Vanishing { hours, since });
        assert_eq!(remarks(&mut world, 0, vanish(hours)), Err(Denied::Vanishing));
    }
}

#[test]
fn what_people_say_of_messages_changes_no_state_but_of_its_author() {
    let mut world = World::new();
    world.joins(1);
    let to = said(&mut world, 0);
    let before = world.state.clone();
    let text = || "other words".to_owned();
    for remark in [
        Remark::Reply { to, text: text() },
        Remark::React {
            to,
            mark: mark("👍"),
            on: true,
        },
        Remark::Edit { of: to, text: text() },
        Remark::Unsay { of: to },
    ] {
        assert!(remark.is_said());
        assert_eq!(remarks(&mut world, 1, remark), Ok(()));
    }
    let mut after = world.state.clone();
    after.position = before.position;
    after.clock = before.clock;
    let was = before.person(&persona(1)).unwrap();
    *after.people.get_mut(&persona(1)).unwrap() = was.clone();
    assert_eq!(after, before);
}

/// A message of person 0 as a log has it.
struct Logged {
    of: MessageRef,
    words: Written,
    marks: Marks,
}

impl Logged {
    fn new(words: Written) -> Self {
        let of = MessageRef {
            position: Position(7),
            id: intent(3),
        };
        let marks = Marks::default();
        Self { of, words, marks }
    }

    fn message(&self) -> Message<'_> {
        Message {
            id: self.of.id,
            author: persona(0),
            words: self.words,
            marks: &self.marks,
        }
    }

    fn fits(&self, seed: u32, remark: &Remark) -> Result<(), Denied> {
        remark.fits(&persona(seed), Some(&self.message()))
    }
}

#[test]
fn only_its_author_edits_or_deletes_a_message() {
    let logged = Logged::new(Written::Own);
    let edit = |of| Remark::Edit {
        of,
        text: "never said".to_owned(),
    };
    for remark in [edit(logged.of), Remark::Unsay { of: logged.of }] {
        assert_eq!(logged.fits(0, &remark), Ok(()));
        for other in 1..20 {
            assert_eq!(logged.fits(other, &remark), Err(Denied::NotYourWords));
        }
        assert_eq!(remark.fits(&persona(0), None), Err(Denied::NoMessage));
    }
    // Another act stands there: after a successor, or because somebody made the name up.
    let another = MessageRef {
        id: intent(4),
        ..logged.of
    };
    for remark in [edit(another), Remark::Unsay { of: another }] {
        assert_eq!(logged.fits(0, &remark), Err(Denied::NoMessage));
    }
}

#[test]
fn what_is_deleted_forgotten_or_part_of_a_decision_is_not_said_in_other_words() {
    let edit = |of| Remark::Edit {
        of,
        text: "again".to_owned(),
    };
    for (words, edited, unsaid) in [
        (Written::Own, Ok(()), Ok(())),
        (Written::Deleted, Err(Denied::NoMessage), Ok(())),
        (Written::None, Err(Denied::NoMessage), Err(Denied::NoMessage)),
        (
            Written::Decision,
            Err(Denied::OfDecision),
            Err(Denied::OfDecision),
        ),
    ] {
        let logged = Logged::new(words);
        assert_eq!(logged.fits(0, &edit(logged.of)), edited, "{words:?}");
        assert_eq!(
            logged.fits(0, &Remark::Unsay { of: logged.of }),
            unsaid,
            "{words:?}"
        );
    }
}

#[test]
fn marks_are_put_once_on_words_that_are_there_and_are_bounded_by_person_and_in_all() {
    let mut logged = Logged::new(Written::Own);
    let react = |of, text: &str, on| Remark::React {
        to: of,
        mark: mark(text),
        on,
    };
    let of = logged.of;
    for n in 0..MARKS_OF_ONE {
        assert_eq!(logged.fits(1, &react(of, &n.to_string(), true)), Ok(()));
        logged.marks.set(&persona(1), &mark(&n.to_string()), true);
        logged.marks.set(&persona(1), &mark(&n.to_string()), true);
    }
    assert_eq!(logged.marks.iter().count(), MARKS_OF_ONE);
    assert_eq!(
        logged.fits(1, &react(of, "more", true)),
        Err(Denied::TooManyMarks)
    );
    assert_eq!(logged.fits(1, &react(of, "0", true)), Ok(()), "it is there");
    assert_eq!(logged.fits(1, &react(of, "0", false)), Ok(()));
    assert_eq!(logged.fits(2, &react(of, "0", true)), Ok(()));
    logged.marks.set(&persona(1), &mark("0"), false);
    logged.marks.set(&persona(2), &mark("1"), false);
    assert_eq!(logged.marks.iter().count(), MARKS_OF_ONE - 1, "only one's own");
    for n in 0..MARKS_OF_ALL {
        let by = PersonaId([u8::try_from(n % 250).unwrap(); 32]);
        logged.marks.set(&by, &mark(&n.to_string()), true);
    }
    assert_eq!(
        logged.fits(9, &react(of, "last", true)),
        Err(Denied::TooManyMarks)
    );
    for words in [Written::Deleted, Written::None] {
        let logged = Logged::new(words);
        assert_eq!(logged.fits(1, &react(of, "x", true)), Err(Denied::NoMessage));
    }
    let logged = Logged::new(Written::Decision);
    assert_eq!(logged.fits(1, &react(of, "x", true)), Ok(()));
    let stranger = MessageRef {
        id: IntentId([1; 16]),
        ..of
    };
    assert_eq!(
        logged.fits(1, &react(stranger, "x", true)),
        Err(Denied::NoMessage)
    );
}

#[test]
fn an_answer_to_what_is_not_here_is_an_answer_all_the_same() {
    let logged = Logged::new(Written::None);
    let reply = Remark::Reply {
        to: logged.of,
        text: "yes".to_owned(),
    };
    assert_eq!(logged.fits(1, &reply), Ok(()));
    assert_eq!(reply.fits(&persona(1), None), Ok(()));
}
