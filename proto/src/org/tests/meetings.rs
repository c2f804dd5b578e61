//! Meetings, by the charter of these tests: the caretaker, who founded the body, may facilitate for ninety days.

use proptest::prelude::*;

use super::belonging::{body, pass};
use super::laws::{is_done, refused};
use super::world::{World, intent, persona};
use crate::id::{IntentId, Minutes, PersonaId};
use crate::org::act::Deed;
use crate::org::apply::Outcome;
use crate::org::denied::Denied;
use crate::org::effect::Effect;
use crate::org::mandate::Office;
use crate::org::meet::minutes_hash;
use crate::org::meeting::{
    FARTHEST, LONGEST_MINUTES, LONGEST_POINT, LONGEST_QUESTION, MOST_HANDS, MOST_POINTS, MOST_TURNS,
    MOST_WITNESSES, Meeting, MeetingMoved, MeetingStage, MeetingStep as Step, OPEN_MEETINGS,
    REMEMBERED_MEETINGS, UNADOPTED, UNOPENED,
};
use crate::org::proposal::LONGEST_TITLE;
use crate::org::state::State;

const DAY: u64 = 24 * 60;

fn call(at: Minutes, agenda: &[&str]) -> Deed {
    Deed::CallMeeting {
        title: "The winter".to_owned(),
        at,
        agenda: agenda.iter().map(|&text| text.to_owned()).collect(),
    }
}

/// Calls a meeting for tomorrow; its id.
fn called(world: &mut World, by: u32) -> IntentId {
    let tomorrow = Minutes(world.state.now().0 + DAY);
    let outcome = world.does(by, &call(tomorrow, &["The hall", "The heating"]));
    assert!(is_done(&outcome), "{outcome:?}");
    intent(world.intents)
}

fn step(world: &mut World, by: u32, meeting: IntentId, step: Step) -> Outcome {
    let step = Box::new(step);
    world.does(by, &Deed::Meeting { meeting, step })
}

fn done(world: &mut World, by: u32, meeting: IntentId, what: Step) {
    let outcome = step(world, by, meeting, what);
    assert!(is_done(&outcome), "{outcome:?}");
}

/// A meeting that is held, with all of these there.
fn held(world: &mut World, by: u32, here: &[u32]) -> IntentId {
    let meeting = called(world, by);
    done(world, by, meeting, Step::Open);
    for seed in here.iter().filter(|seed| **seed != by) {
        done(world, *seed, meeting, Step::Here { here: true });
    }
    meeting
}

fn of<'a>(world: &'a World, meeting: &IntentId) -> &'a Meeting {
    world.state.meeting(meeting).unwrap()
}

fn hands(yes: u16, no: u16, abstain: u16) -> Step {
    Step::Hands {
        question: "Do we rent it?".to_owned(),
        yes,
        no,
        abstain,
    }
}

fn text(text: &str) -> Step {
    Step::Minutes {
        text: text.to_owned(),
    }
}

fn contest(version: u32) -> Step {
    Step::Contest {
        version,
        reason: "Ben was not there".to_owned(),
    }
}

fn right(vote: u16, right: bool) -> Step {
    Step::Witness { vote, right }
}

fn give(seed: u32) -> Step {
    Step::Give {
        persona: persona(seed),
    }
}

const ASK: Step = Step::Ask { ask: true };
const BACK: Step = Step::Ask { ask: false };
const COME: Step = Step::Here { here: true };
const GO: Step = Step::Here { here: false };

#[test]
fn anybody_in_good_standing_calls_a_meeting_with_a_date_and_an_agenda() {
    let mut world = body(3);
    let meeting = called(&mut world, 2);
    let (made, now) = (of(&world, &meeting).clone(), world.state.now());
    assert_eq!((made.number, made.by, made.called), (1, persona(2), now));
    assert_eq!((made.at.0, made.stage), (now.0 + DAY, MeetingStage::Called));
    assert_eq!(made.agenda.len(), 2);
    // One that begins right away, and one at the end of the day before: clocks differ.
    assert!(is_done(&world.does(1, &call(now, &[]))));
    assert!(is_done(&world.does(1, &call(Minutes(now.0 - DAY), &[]))));
    for date in [now.0 - DAY - 1, now.0 + FARTHEST * DAY + 1, u64::MAX] {
        assert_eq!(
            world.does(1, &call(Minutes(date), &[])),
            refused(Denied::MeetingDate)
        );
    }
    let suspend = Deed::Suspend {
        persona: persona(2),
        reason: String::new(),
    };
    assert!(is_done(&world.does(0, &suspend)));
    assert_eq!(world.does(2, &call(now, &[])), refused(Denied::NotInGoodStanding));
}

#[test]
fn titles_and_agendas_have_bounds() {
    let mut world = body(2);
    let now = world.state.now();
    let titled = |title: String| Deed::CallMeeting {
        title,
        at: now,
        agenda: Vec::new(),
    };
    for title in [String::new(), "  ".to_owned(), "x".repeat(LONGEST_TITLE + 1)] {
        assert_eq!(world.does(1, &titled(title)), refused(Denied::Text));
    }
    assert!(is_done(&world.does(1, &titled("x".repeat(LONGEST_TITLE)))));
    let long = "x".repeat(LONGEST_POINT);
    let most = vec![long.as_str(); MOST_POINTS];
    assert!(is_done(&world.does(1, &call(now, &most))));
    let too_many = vec!["x"; MOST_POINTS + 1];
    let longer = "x".repeat(LONGEST_POINT + 1);
    for agenda in [&too_many[..], &[""], &[&longer]] {
        assert_eq!(world.does(1, &call(now, agenda)), refused(Denied::Agenda));
    }
}

#[test]
fn so_many_meetings_wait_at_once_and_one_that_nobody_opens_lapses() {
    let mut world = body(2);
    let first = called(&mut world, 1);
    for _ in 1..OPEN_MEETINGS {
        called(&mut world, 0);
    }
    let now = world.state.now();
    assert_eq!(world.does(1, &call(now, &[])), refused(Denied::TooManyWaiting));
    done(&mut world, 0, first, Step::Cancel);
    assert_eq!(of(&world, &first).stage, MeetingStage::Cancelled);
    let last = called(&mut world, 1);
    pass(&mut world, UNOPENED + 2);
    // They still can be held until somebody calls another.
    done(&mut world, 1, last, Step::Open);
    called(&mut world, 1);
    let stages = |stage| world.state.meetings.values().filter(|m| m.stage == stage).count();
    assert_eq!(stages(MeetingStage::Lapsed), OPEN_MEETINGS - 1);
    assert_eq!((stages(MeetingStage::Held), stages(MeetingStage::Called)), (1, 1));
}

#[test]
fn meetings_that_are_over_are_remembered_in_a_few_words_and_not_for_ever() {
    let mut world = body(2);
    let first = called(&mut world, 1);
    done(&mut world, 1, first, Step::Cancel);
    let record = of(&world, &first);
    assert!(record.agenda.is_empty() && record.people.is_empty() && !record.title.is_empty());
    for _ in 0..REMEMBERED_MEETINGS {
        let next = called(&mut world, 1);
        done(&mut world, 1, next, Step::Cancel);
    }
    assert!(world.state.meeting(&first).is_none());
    assert_eq!(world.state.meetings.len(), REMEMBERED_MEETINGS);
    assert_eq!(step(&mut world, 1, first, COME), refused(Denied::NoMeeting));
    let over = *world.state.meetings.iter().next().unwrap().0;
    assert_eq!(step(&mut world, 1, over, COME), refused(Denied::NoMeeting));
}

#[test]
fn who_may_facilitate_guides_and_while_none_of_them_is_there_who_called_it() {
    let mut world = body(4);
    let meeting = called(&mut world, 1);
    for what in [Step::Open, Step::Cancel, Step::Agenda { items: Vec::new() }] {
        assert_eq!(step(&mut world, 2, meeting, what), refused(Denied::NotGuide));
    }
    done(&mut world, 1, meeting, Step::Open);
    assert!(
        of(&world, &meeting).is_here(&persona(1)),
        "whoever opens it is there"
    );
    done(&mut world, 2, meeting, COME);
    done(&mut world, 2, meeting, ASK);
    assert_eq!(step(&mut world, 2, meeting, give(2)), refused(Denied::NotGuide));
    done(&mut world, 1, meeting, Step::Item { item: 1 });
    // The facilitator comes: the meeting is theirs, until they go.
    done(&mut world, 0, meeting, COME);
    for what in [give(2), Step::Item { item: 2 }, hands(1, 0, 0), Step::Close] {
        assert_eq!(step(&mut world, 1, meeting, what), refused(Denied::NotGuide));
    }
    done(&mut world, 0, meeting, give(2));
    done(&mut world, 0, meeting, GO);
    done(&mut world, 1, meeting, Step::Item { item: 2 });
    // Who may facilitate does so from elsewhere too.
    done(&mut world, 0, meeting, Step::Close);
}

#[test]
fn whoever_may_facilitate_no_more_does_not_guide() {
    let mut world = body(3);
    let meeting = held(&mut world, 0, &[0, 1, 2]);
    let hand_over = Deed::HandOver {
        office: Office::Caretaker,
        holder: persona(0),
    };
    assert!(is_done(&world.does(0, &hand_over)));
    assert_eq!(
        step(&mut world, 0, meeting, hands(1, 0, 0)),
        refused(Denied::NotGuide)
    );
    done(&mut world, 1, meeting, hands(1, 0, 0));
}

#[test]
fn a_meeting_begins_once_and_is_called_off_only_before() {
    let mut world = body(2);
    let meeting = called(&mut world, 1);
    for what in [
        COME,
        ASK,
        BACK,
        give(1),
        Step::Item { item: 1 },
        hands(1, 0, 0),
        Step::Close,
    ] {
        let by = u32::from(matches!(what, Step::Here { .. } | Step::Ask { .. }));
        assert_eq!(step(&mut world, by, meeting, what), refused(Denied::NotHeld));
    }
    assert_eq!(
        step(&mut world, 1, meeting, text("x")),
        refused(Denied::NotClosed)
    );
    assert_eq!(
        step(&mut world, 0, meeting, Step::Adopt { version: 0 }),
        refused(Denied::NoMinutes)
    );
    done(&mut world, 1, meeting, Step::Open);
    for what in [Step::Open, Step::Cancel] {
        assert_eq!(step(&mut world, 1, meeting, what), refused(Denied::MeetingBegun));
    }
    assert_eq!(
        step(&mut world, 0, intent(99_999), Step::Open),
        refused(Denied::NoMeeting)
    );
}

#[test]
fn an_agenda_changes_but_for_what_was_reached() {
    let mut world = body(2);
    let meeting = called(&mut world, 1);
    let items = |items: &[&str]| Step::Agenda {
        items: items.iter().map(|&text| text.to_owned()).collect(),
    };
    done(
        &mut world,
        1,
        meeting,
        items(&["The hall", "The heating", "The roof"]),
    );
    done(&mut world, 1, meeting, Step::Open);
    done(&mut world, 1, meeting, Step::Item { item: 2 });
    for wrong in [&["The heating"][..], &["The hall"], &["The hall", "The door"]] {
        assert_eq!(
            step(&mut world, 1, meeting, items(wrong)),
            refused(Denied::Agenda)
        );
    }
    done(
        &mut world,
        1,
        meeting,
        items(&["The door", "The heating", "A party"]),
    );
    let now = world.state.now();
    let agenda: Vec<_> = (of(&world, &meeting).agenda.iter())
        .map(|point| (point.text.as_str(), point.reached))
        .collect();
    assert_eq!(
        agenda,
        [("The door", None), ("The heating", Some(now)), ("A party", None)]
    );
    for (item, denied) in [(0, Denied::NoPoint), (4, Denied::NoPoint), (2, Denied::Repeated)] {
        assert_eq!(step(&mut world, 1, meeting, Step::Item { item }), refused(denied));
    }
    done(&mut world, 1, meeting, Step::Item { item: 1 });
    done(&mut world, 1, meeting, Step::Item { item: 2 });
    assert_eq!(of(&world, &meeting).item, Some(2));
    done(&mut world, 1, meeting, Step::Close);
    assert_eq!(step(&mut world, 1, meeting, items(&[])), refused(Denied::NotHeld));
}

#[test]
fn everybody_says_for_themselves_that_they_are_there() {
    let mut world = body(4);
    let meeting = held(&mut world, 0, &[0, 1]);
    assert_eq!(step(&mut world, 1, meeting, COME), refused(Denied::Repeated));
    assert_eq!(step(&mut world, 2, meeting, GO), refused(Denied::Repeated));
    assert_eq!(step(&mut world, 2, meeting, ASK), refused(Denied::NotAttending));
    done(&mut world, 1, meeting, ASK);
    done(&mut world, 1, meeting, GO);
    let meeting_now = of(&world, &meeting);
    assert!(meeting_now.queue.is_empty() && !meeting_now.is_here(&persona(1)));
    assert_eq!((meeting_now.people.len(), meeting_now.attended), (2, 2));
    let came = meeting_now.people[&persona(1)].came;
    pass(&mut world, 1);
    done(&mut world, 1, meeting, COME);
    let again = &of(&world, &meeting).people[&persona(1)];
    assert_eq!((again.came, again.left), (came, None));
    // Who is out of the body is not there, and nobody waits for them to speak.
    done(&mut world, 1, meeting, ASK);
    assert!(is_done(&world.does(1, &Deed::Leave)));
    let meeting_now = of(&world, &meeting);
    assert_eq!(world.state.here(meeting_now), [persona(0)]);
    assert!(world.state.speakers(meeting_now).is_empty());
    assert_eq!(step(&mut world, 0, meeting, give(1)), refused(Denied::NotAsked));
}

#[test]
fn the_word_goes_to_whom_the_guide_chooses_of_those_who_asked() {
    let mut world = body(4);
    let meeting = held(&mut world, 0, &[0, 1, 2, 3]);
    for seed in [3, 1, 2] {
        done(&mut world, seed, meeting, ASK);
    }
    assert_eq!(step(&mut world, 1, meeting, ASK), refused(Denied::Repeated));
    assert_eq!(of(&world, &meeting).queue, [3, 1, 2].map(persona));
    done(&mut world, 1, meeting, BACK);
    assert_eq!(step(&mut world, 1, meeting, BACK), refused(Denied::NotAsked));
    for seed in [0, 1, 9] {
        assert_eq!(
            step(&mut world, 0, meeting, give(seed)),
            refused(Denied::NotAsked)
        );
    }
    done(&mut world, 0, meeting, Step::Item { item: 1 });
    done(&mut world, 0, meeting, give(2));
    let now = of(&world, &meeting);
    assert_eq!(
        (now.speaker, &now.queue[..]),
        (Some(persona(2)), &[persona(3)][..])
    );
    assert_eq!((now.turns[0].to, now.turns[0].item), (persona(2), Some(1)));
    // Who has the word may ask for it once more, and gives it back.
    done(&mut world, 2, meeting, ASK);
    done(&mut world, 2, meeting, BACK);
    assert_eq!(of(&world, &meeting).speaker, Some(persona(2)));
    done(&mut world, 2, meeting, BACK);
    assert_eq!(of(&world, &meeting).speaker, None);
    done(&mut world, 0, meeting, give(3));
    done(&mut world, 3, meeting, GO);
    assert_eq!(of(&world, &meeting).speaker, None);
    done(&mut world, 1, meeting, ASK);
    done(&mut world, 0, meeting, Step::Close);
    assert!(of(&world, &meeting).queue.is_empty());
}

#[test]
fn turns_beyond_those_remembered_are_taken_all_the_same() {
    let mut world = body(2);
    let meeting = held(&mut world, 0, &[0, 1]);
    for _ in 0..=MOST_TURNS {
        done(&mut world, 1, meeting, ASK);
        done(&mut world, 0, meeting, give(1));
    }
    assert_eq!(of(&world, &meeting).turns.len(), MOST_TURNS);
    assert_eq!(of(&world, &meeting).speaker, Some(persona(1)));
}

#[test]
fn hands_are_counted_by_the_guide_and_confirmed_or_contested_by_others() {
    let mut world = body(4);
    let meeting = held(&mut world, 0, &[0, 1, 2]);
    let too_many = || refused(Denied::TooManyHands { here: 3 });
    assert_eq!(step(&mut world, 0, meeting, hands(2, 1, 1)), too_many());
    assert_eq!(step(&mut world, 0, meeting, hands(0, 0, 0)), too_many());
    assert_eq!(
        step(&mut world, 0, meeting, hands(u16::MAX, u16::MAX, 2)),
        too_many()
    );
    let asked = |question: String| Step::Hands {
        question,
        yes: 1,
        no: 0,
        abstain: 0,
    };
    for question in [" ".to_owned(), "x".repeat(LONGEST_QUESTION + 1)] {
        assert_eq!(
            step(&mut world, 0, meeting, asked(question)),
            refused(Denied::Text)
        );
    }
    done(&mut world, 0, meeting, Step::Item { item: 2 });
    done(&mut world, 0, meeting, hands(2, 1, 0));
    for (by, vote, denied) in [
        (0, 1, Denied::OwnCount),
        (3, 1, Denied::NotAttending),
        (1, 0, Denied::NoHands),
        (1, 2, Denied::NoHands),
    ] {
        assert_eq!(step(&mut world, by, meeting, right(vote, true)), refused(denied));
    }
    done(&mut world, 1, meeting, right(1, true));
    assert_eq!(
        step(&mut world, 1, meeting, right(1, true)),
        refused(Denied::Repeated)
    );
    done(&mut world, 2, meeting, right(1, false));
    let vote = &of(&world, &meeting).hands[0];
    assert_eq!((vote.yes, vote.no, vote.abstain, vote.item), (2, 1, 0, Some(2)));
    assert_eq!(
        (&vote.right[..], &vote.wrong[..]),
        (&[persona(1)][..], &[persona(2)][..])
    );
    // The latest word of each counts, also once the meeting is closed.
    done(&mut world, 0, meeting, Step::Close);
    done(&mut world, 2, meeting, right(1, true));
    let vote = &of(&world, &meeting).hands[0];
    assert_eq!((vote.right.len(), vote.wrong.len()), (2, 0));
    // Nothing else has changed: it decides nothing.
    assert!(world.state.proposals.is_empty());
}

#[test]
fn votes_and_their_witnesses_are_bounded() {
    let many = u32::try_from(MOST_WITNESSES).unwrap() + 2;
    let mut world = body(many);
    let here: Vec<_> = (0..many).collect();
    let meeting = held(&mut world, 0, &here);
    for _ in 0..MOST_HANDS {
        done(&mut world, 0, meeting, hands(1, 0, 0));
    }
    assert_eq!(
        step(&mut world, 0, meeting, hands(1, 0, 0)),
        refused(Denied::TooManyWaiting)
    );
    for seed in 1..many - 1 {
        done(&mut world, seed, meeting, right(1, true));
    }
    assert_eq!(
        step(&mut world, many - 1, meeting, right(1, true)),
        refused(Denied::WitnessedEnough)
    );
    // Agreement never keeps a contest out.
    done(&mut world, many - 1, meeting, right(1, false));
}

#[test]
fn after_a_day_anybody_who_is_there_closes_it() {
    let mut world = body(3);
    let meeting = held(&mut world, 0, &[0, 1]);
    assert_eq!(
        step(&mut world, 1, meeting, Step::Close),
        refused(Denied::NotGuide)
    );
    pass(&mut world, 1);
    assert_eq!(
        step(&mut world, 2, meeting, Step::Close),
        refused(Denied::NotGuide)
    );
    done(&mut world, 1, meeting, Step::Close);
    assert_eq!(of(&world, &meeting).closed.unwrap().at, world.state.now());
    assert_eq!(
        step(&mut world, 0, meeting, Step::Close),
        refused(Denied::NotHeld)
    );
    assert_eq!(step(&mut world, 2, meeting, COME), refused(Denied::NotHeld));
}

#[test]
fn minutes_are_adopted_by_more_than_half_of_those_who_were_there_but_their_author() {
    let mut world = body(6);
    let meeting = held(&mut world, 1, &[0, 1, 2, 3, 4]);
    done(&mut world, 4, meeting, GO);
    done(&mut world, 0, meeting, Step::Close);
    assert_eq!(step(&mut world, 2, meeting, text("x")), refused(Denied::NotGuide));
    for wrong in [" ".to_owned(), "x".repeat(LONGEST_MINUTES + 1)] {
        assert_eq!(step(&mut world, 1, meeting, text(&wrong)), refused(Denied::Text));
    }
    done(&mut world, 1, meeting, text("We rent the hall."));
    let adopt = |version| Step::Adopt { version };
    for (by, version, denied) in [
        (1, 1, Denied::OwnMinutes),
        (5, 1, Denied::NotAttending),
        (2, 2, Denied::OtherMinutes),
    ] {
        assert_eq!(step(&mut world, by, meeting, adopt(version)), refused(denied));
    }
    done(&mut world, 2, meeting, adopt(1));
    assert_eq!(step(&mut world, 2, meeting, adopt(1)), refused(Denied::Repeated));
    done(&mut world, 3, meeting, contest(1));
    // Another text begins anew, by whoever called or guides it.
    assert_eq!(
        step(&mut world, 0, meeting, text("We rent the hall.")),
        refused(Denied::Repeated)
    );
    done(&mut world, 0, meeting, text("We rent the small hall."));
    let minutes = of(&world, &meeting).minutes.clone().unwrap();
    assert_eq!((minutes.by, minutes.version, minutes.length), (persona(0), 2, 23));
    assert_eq!(minutes.hash, minutes_hash("We rent the small hall."));
    assert_eq!(minutes.written.position, world.position());
    assert!(minutes.adopted.is_empty() && minutes.contested.is_empty());
    assert_eq!(
        step(&mut world, 2, meeting, adopt(1)),
        refused(Denied::OtherMinutes)
    );
    // Four were there besides, one of them for a while: three are more than half.
    for seed in [1, 2] {
        done(&mut world, seed, meeting, adopt(2));
    }
    assert_eq!(of(&world, &meeting).stage, MeetingStage::Closed);
    done(&mut world, 4, meeting, adopt(2));
    let record = of(&world, &meeting);
    assert_eq!((record.stage, record.attended), (MeetingStage::Adopted, 5));
    assert!(record.people.is_empty() && record.agenda.is_empty());
    assert_eq!(record.minutes.as_ref().unwrap().hash, minutes.hash);
    assert_eq!(
        step(&mut world, 1, meeting, text("x")),
        refused(Denied::NoMeeting)
    );
}

#[test]
fn who_contests_minutes_says_why_and_takes_their_adoption_back() {
    let mut world = body(5);
    let meeting = held(&mut world, 0, &[0, 1, 2, 3, 4]);
    done(&mut world, 0, meeting, Step::Close);
    done(&mut world, 0, meeting, text("We rent the hall."));
    done(&mut world, 1, meeting, Step::Adopt { version: 1 });
    let without = Step::Contest {
        version: 1,
        reason: "  ".to_owned(),
    };
    assert_eq!(step(&mut world, 1, meeting, without), refused(Denied::Text));
    assert_eq!(
        step(&mut world, 0, meeting, contest(1)),
        refused(Denied::OwnMinutes)
    );
    let outcome = step(&mut world, 1, meeting, contest(1));
    let Outcome::Done(effects) = outcome else {
        panic!("{outcome:?}")
    };
    assert!(matches!(
        &effects[0],
        Effect::Met {
            moved: MeetingMoved::Contested { .. },
            ..
        }
    ));
    assert_eq!(
        step(&mut world, 1, meeting, contest(1)),
        refused(Denied::Repeated)
    );
    let minutes = of(&world, &meeting).minutes.clone().unwrap();
    assert_eq!(
        (minutes.adopted.len(), &minutes.contested[..]),
        (0, &[persona(1)][..])
    );
    done(&mut world, 1, meeting, Step::Adopt { version: 1 });
    let minutes = of(&world, &meeting).minutes.clone().unwrap();
    assert_eq!(
        (&minutes.adopted[..], minutes.contested.len()),
        (&[persona(1)][..], 0)
    );
}

#[test]
fn who_has_left_the_body_is_not_waited_for() {
    let mut world = body(5);
    let meeting = held(&mut world, 0, &[0, 1, 2, 3, 4]);
    done(&mut world, 0, meeting, Step::Close);
    done(&mut world, 0, meeting, text("We rent the hall."));
    for seed in [1, 2] {
        done(&mut world, seed, meeting, Step::Adopt { version: 1 });
    }
    assert_eq!(of(&world, &meeting).stage, MeetingStage::Closed);
    for seed in [3, 4] {
        assert!(is_done(&world.does(seed, &Deed::Leave)));
    }
    // Everybody who is left has adopted them: one of them says so once more.
    done(&mut world, 1, meeting, Step::Adopt { version: 1 });
    assert_eq!(of(&world, &meeting).stage, MeetingStage::Adopted);
}

#[test]
fn where_only_the_author_was_there_anybody_else_adopts_the_minutes() {
    let mut world = body(3);
    let meeting = held(&mut world, 0, &[0]);
    done(&mut world, 0, meeting, Step::Close);
    done(&mut world, 0, meeting, text("I was alone."));
    assert_eq!(
        step(&mut world, 0, meeting, Step::Adopt { version: 1 }),
        refused(Denied::OwnMinutes)
    );
    done(&mut world, 2, meeting, Step::Adopt { version: 1 });
    assert_eq!(of(&world, &meeting).stage, MeetingStage::Adopted);
}

#[test]
fn minutes_that_nobody_adopts_keep_no_place_for_ever() {
    let mut world = body(3);
    let meeting = held(&mut world, 0, &[0, 1]);
    done(&mut world, 0, meeting, Step::Close);
    done(&mut world, 0, meeting, text("We rent the hall."));
    pass(&mut world, UNADOPTED + 1);
    called(&mut world, 1);
    let record = of(&world, &meeting);
    assert_eq!((record.stage, record.attended), (MeetingStage::Lapsed, 2));
    assert!(record.minutes.is_some());
}

#[test]
fn meetings_are_in_the_root_and_in_a_snapshot() {
    let mut world = body(2);
    let meeting = held(&mut world, 0, &[0, 1]);
    let (root, before) = (world.state.root(), world.state.clone());
    done(&mut world, 1, meeting, ASK);
    let mut other = before;
    other.position = world.state.position;
    assert_ne!(root, world.state.root());
    let read = State::from_snapshot(&world.state.snapshot().unwrap()).unwrap();
    assert_eq!((read.root(), &read), (world.state.root(), &world.state));
}

/// What people and the guide do with the queue.
#[derive(Clone, Copy, Debug)]
enum Act {
    Asks(u32),
    Back(u32),
    Goes(u32),
    Comes(u32),
    /// The guide takes the first.
    Next,
    /// The guide chooses another: the one at this place of the queue.
    Chooses(usize),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        5 => (1u32..6).prop_map(Act::Asks),
        1 => (1u32..6).prop_map(Act::Back),
        1 => (1u32..6).prop_map(Act::Goes),
        1 => (1u32..6).prop_map(Act::Comes),
        4 => Just(Act::Next),
        1 => (0usize..5).prop_map(Act::Chooses),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_queue_keeps_its_order_and_nobody_is_passed_over_unless_the_guide_chose_so(
        acts in prop::collection::vec(act(), 1..80)
    ) {
        let mut world = body(6);
        let meeting = held(&mut world, 0, &[0, 1, 2, 3, 4, 5]);
        // Who asks since when, by a count of ours.
        let mut asked: Vec<(PersonaId, usize)> = Vec::new();
        for (now, act) in acts.into_iter().enumerate() {
            let first = of(&world, &meeting).queue.first().copied();
            let seed_of = |id: PersonaId| (0..6).find(|seed| persona(*seed) == id).unwrap();
            match act {
                Act::Asks(seed) => {
                    if is_done(&step(&mut world, seed, meeting, ASK)) {
                        prop_assert!(asked.iter().all(|(id, _)| *id != persona(seed)));
                        asked.push((persona(seed), now));
                    }
                }
                Act::Back(seed) => {
                    step(&mut world, seed, meeting, BACK);
                    asked.retain(|(id, _)| *id != persona(seed));
                }
                Act::Goes(seed) => {
                    step(&mut world, seed, meeting, GO);
                    asked.retain(|(id, _)| *id != persona(seed));
                }
                Act::Comes(seed) => drop(step(&mut world, seed, meeting, COME)),
                Act::Next => {
                    if let Some(first) = first {
                        done(&mut world, 0, meeting, give(seed_of(first)));
                        let since = asked.iter().find(|(id, _)| *id == first).unwrap().1;
                        prop_assert!(asked.iter().all(|(id, at)| *id == first || *at > since));
                        asked.retain(|(id, _)| *id != first);
                    }
                }
                Act::Chooses(place) => {
                    if let Some(chosen) = of(&world, &meeting).queue.get(place).copied() {
                        done(&mut world, 0, meeting, give(seed_of(chosen)));
                        asked.retain(|(id, _)| *id != chosen);
                    }
                }
            }
            let queue: Vec<_> = asked.iter().map(|(id, _)| *id).collect();
            prop_assert_eq!(&of(&world, &meeting).queue, &queue);
            prop_assert!(of(&world, &meeting).speaker.is_none_or(|speaker| of(&world, &meeting).is_here(&speaker)));
        }
    }
}
