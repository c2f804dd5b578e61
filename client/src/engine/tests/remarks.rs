//! What people do with each other's messages, as every device's log shows it: the same for all, live, caught up and after a
//! restart, and nobody's words but by their author.

use caucus_proto::id::{Minutes, Position};
use caucus_proto::org::{Deed, Denied, Mark, MessageRef, Remark};

use super::insider::{MAL, forge, persona};
use super::verdict::five;
use super::world::World;
use crate::engine::error::EngineError;
use crate::engine::record::{Item, LogRecord, Remarked};
use crate::engine::retention::Look;
use crate::engine::{Mute, Retention};

const ANA: usize = 0;
const BEN: usize = 1;

fn remark(remark: Remark) -> Deed {
    Deed::Remark {
        remark: Box::new(remark),
    }
}

/// Says something that may be gone later.
fn says(world: &mut World, n: usize, text: &str) {
    let text = text.to_owned();
    world.submit(n, &Deed::Say { text }).unwrap();
}

/// Says something that everybody reads; what it is named by.
fn said(world: &mut World, n: usize, text: &str) -> MessageRef {
    says(world, n, text);
    world.settle();
    let log = world.room(n).log_after(Position(0), usize::MAX).unwrap();
    let (position, record) = log
        .into_iter()
        .rfind(|(_, record)| record.item == Item::Said(text.to_owned()))
        .unwrap();
    MessageRef {
        position,
        id: record.act.unwrap(),
    }
}

fn does(world: &mut World, n: usize, what: Remark) {
    world.submit(n, &remark(what)).unwrap();
    world.settle();
}

fn at(world: &mut World, n: usize, of: &MessageRef) -> LogRecord {
    world.room(n).log_at(of.position).unwrap().unwrap()
}

fn denied(world: &mut World, n: usize, what: Remark) -> Denied {
    match world.submit(n, &remark(what)) {
        Err(EngineError::Denied(denied)) => denied,
        other => panic!("{other:?}"),
    }
}

fn mark(text: &str) -> Mark {
    Mark::new(text).unwrap()
}

/// Whether a text lies anywhere in what one who knows the passphrase finds.
fn holds(world: &World, n: usize, text: &str) -> bool {
    let records = world.people[n].vault().every_record().unwrap();
    assert!(records.len() > 3);
    records
        .iter()
        .any(|record| record.windows(text.len()).any(|window| window == text.as_bytes()))
}

#[test]
fn a_mark_other_words_and_a_deletion_show_at_the_message_for_everybody_and_after_a_restart() {
    let mut world = World::cell(&["ana", "ben", "cem"]);
    let first = said(&mut world, ANA, "meeting at eight");
    let second = said(&mut world, ANA, "bring the needle-7f3a");
    for (n, text, on) in [
        (1, "👍", true),
        (2, "👍", true),
        (2, "no", true),
        (2, "no", false),
    ] {
        let mark = mark(text);
        does(&mut world, n, Remark::React { to: first, mark, on });
    }
    let text = "meeting at nine".to_owned();
    does(&mut world, ANA, Remark::Edit { of: first, text });
    does(&mut world, ANA, Remark::Unsay { of: second });
    let (ben, cem) = (persona(&world, 1), persona(&world, 2));
    for restarted in [false, true] {
        for n in 0..3 {
            if restarted {
                world.people[n].reopen();
            }
            let record = at(&mut world, n, &first);
            assert_eq!(record.item, Item::Said("meeting at nine".to_owned()));
            assert!(record.remarks.edited);
            let marks: Vec<_> = record
                .remarks
                .marks
                .iter()
                .map(|(by, mark)| (*by, mark.to_string()))
                .collect();
            assert_eq!(marks, [(ben, "👍".to_owned()), (cem, "👍".to_owned())]);
            let record = at(&mut world, n, &second);
            assert_eq!(record.item, Item::Deleted);
            assert!(!holds(&world, n, "needle-7f3a"), "{n}: nowhere any more");
            assert!(!holds(&world, n, "meeting at eight"), "{n}");
            assert!(
                holds(&world, n, "meeting at nine"),
                "the search finds what is there"
            );
        }
    }
    // What was done is a line of its own, without the words.
    let log = world.room(BEN).log_after(second.position, usize::MAX).unwrap();
    let lines: Vec<_> = log
        .into_iter()
        .filter_map(|(_, record)| match record.item {
            Item::Remarked { of, what } => Some((of, what)),
            _ => None,
        })
        .collect();
    assert_eq!(lines.last(), Some(&(second.position, Remarked::Deleted)));
    assert!(lines.contains(&(first.position, Remarked::Edited)));
    world.check();
}

#[test]
fn nobody_edits_or_deletes_the_words_of_others_by_an_honest_program() {
    let mut world = World::cell(&["ana", "ben"]);
    let of = said(&mut world, ANA, "mine");
    let text = "never said".to_owned();
    assert_eq!(
        denied(&mut world, BEN, Remark::Edit { of, text }),
        Denied::NotYourWords
    );
    assert_eq!(
        denied(&mut world, BEN, Remark::Unsay { of }),
        Denied::NotYourWords
    );
    let nothing = MessageRef {
        position: Position(1),
        ..of
    };
    assert_eq!(
        denied(&mut world, ANA, Remark::Unsay { of: nothing }),
        Denied::NoMessage
    );
    does(&mut world, ANA, Remark::Unsay { of });
    let (to, mark) = (of, mark("👍"));
    assert_eq!(
        denied(&mut world, BEN, Remark::React { to, mark, on: true }),
        Denied::NoMessage
    );
    assert!(world.room(BEN).message_at(of.position).is_err(), "it is gone");
}

#[test]
fn what_an_insider_forges_about_the_words_of_others_changes_them_nowhere() {
    for path in ["live", "caught up", "restarted"] {
        let mut world = five();
        let of = said(&mut world, BEN, "what ben said");
        let own = said(&mut world, MAL, "what mal said");
        let text = || "what ben never said".to_owned();
        let another = MessageRef { id: own.id, ..of };
        let many = |n: usize| Remark::React {
            to: of,
            mark: mark(&n.to_string()),
            on: true,
        };
        let mut wishes = vec![
            (Remark::Edit { of, text: text() }, Denied::NotYourWords),
            (Remark::Unsay { of }, Denied::NotYourWords),
            (
                Remark::Edit {
                    of: another,
                    text: text(),
                },
                Denied::NoMessage,
            ),
            (Remark::Unsay { of: another }, Denied::NoMessage),
            (
                Remark::Edit {
                    of,
                    text: String::new(),
                },
                Denied::Text,
            ),
            (
                Remark::Vanish { hours: 1 },
                Denied::Powerless {
                    power: "facilitate".to_owned(),
                },
            ),
        ];
        for n in 0..4 {
            forge(&mut world, &remark(many(n)));
        }
        wishes.push((many(4), Denied::TooManyMarks));
        let mut forged = Vec::new();
        for (wish, denied) in &wishes {
            forged.push((forge(&mut world, &remark(wish.clone())), denied));
            if path == "live" {
                (0..MAL).for_each(|n| drop(world.read(n, 1).unwrap()));
            }
        }
        world.people[MAL].room = None;
        (0..MAL).for_each(|n| {
            if path == "restarted" {
                world.people[n].reopen();
            }
            while !world.read(n, 3).unwrap().is_empty() {
                if path == "restarted" {
                    world.people[n].reopen();
                }
            }
        });
        let mut accepted = 0;
        for n in 0..MAL {
            for (position, denied) in &forged {
                let record = world.room(n).log_at(*position).unwrap().unwrap();
                accepted += usize::from(record.item != Item::NoOp((*denied).clone()));
            }
            let record = at(&mut world, n, &of);
            assert_eq!(record.item, Item::Said("what ben said".to_owned()), "{path} {n}");
            assert!(!record.remarks.edited);
            assert_eq!(record.remarks.marks.iter().count(), 4);
        }
        assert_eq!(accepted, 0, "{path}");
        let root = world.room(0).state().root();
        (1..MAL).for_each(|n| assert_eq!(world.room(n).state().root(), root));
    }
}

#[test]
fn an_answer_names_what_it_answers_and_a_newcomer_who_never_had_that_reads_the_answer() {
    let mut world = World::cell(&["ana", "ben"]);
    let to = said(&mut world, ANA, "who comes?");
    let dora = world.apply("dora");
    world.admit(dora);
    world.settle();
    let text = "I do".to_owned();
    does(&mut world, BEN, Remark::Reply { to, text });
    let newest = world.channel.newest();
    for n in [ANA, BEN, dora] {
        let log = world.room(n).log_after(to.position, usize::MAX).unwrap();
        let (_, record) = log
            .iter()
            .find(|(_, record)| record.item == Item::Said("I do".to_owned()))
            .unwrap();
        assert_eq!(record.remarks.answers, Some(to));
        let known = world.room(n).named_message(&to).unwrap().is_some();
        assert_eq!(known, n != dora);
    }
    // She can neither mark nor pin what she has not, and her device stays in step with the others.
    let (mark, on) = (mark("👍"), true);
    assert_eq!(
        denied(&mut world, dora, Remark::React { to, mark, on }),
        Denied::NoMessage
    );
    does(&mut world, BEN, Remark::Pin { to, on });
    let mark = self::mark("👍");
    does(&mut world, BEN, Remark::React { to, mark, on });
    assert!(world.channel.newest() > newest);
    let root = world.room(ANA).state().root();
    assert_eq!(world.room(dora).state().root(), root);
    assert_eq!(world.room(dora).state().pins, [to]);
}

#[test]
fn what_waits_in_the_outbox_until_it_is_attested_is_what_it_is_now() {
    let mut world = World::cell(&["ana", "ben", "cem"]);
    says(&mut world, ANA, "first-needle");
    world.step(ANA).unwrap();
    world.read(ANA, 9).unwrap();
    let position = world.channel.newest();
    let of = world.room(ANA).message_at(position).unwrap();
    assert!(world.room(ANA).outbox.values().any(|item| item.id == of.id));
    let text = "second-needle".to_owned();
    world.submit(ANA, &remark(Remark::Edit { of, text })).unwrap();
    world.step(ANA).unwrap();
    world.read(ANA, 9).unwrap();
    assert!(!holds(&world, ANA, "first-needle") && holds(&world, ANA, "second-needle"));
    world.submit(ANA, &remark(Remark::Unsay { of })).unwrap();
    world.step(ANA).unwrap();
    world.read(ANA, 9).unwrap();
    assert!(
        !holds(&world, ANA, "second-needle"),
        "neither in the log nor in what waits"
    );
    world.settle_attested();
    world.check();
}

#[test]
fn messages_vanish_by_the_rooms_word_and_what_happened_stays() {
    let mut world = World::cell(&["ana", "ben"]);
    let before = said(&mut world, BEN, "before-needle");
    does(&mut world, ANA, Remark::Vanish { hours: 2 });
    let after = said(&mut world, BEN, "after-needle");
    does(
        &mut world,
        ANA,
        Remark::Reply {
            to: after,
            text: "answer-needle".to_owned(),
        },
    );
    let minutes = |world: &World, hours: u64| Minutes(world.now.minutes.0 + hours * 60);
    for n in [ANA, BEN] {
        assert!(world.room(n).vanishes().unwrap());
        for (hours, gone) in [(0, false), (1, false), (3, true)] {
            let now = minutes(&world, hours);
            world.room(n).forget_old(now, Look::Hourly).unwrap();
            for needle in ["after-needle", "answer-needle"] {
                assert_eq!(holds(&world, n, needle), !gone, "{n}, after {hours}");
            }
        }
        assert!(holds(&world, n, "before-needle"), "what was said before stays");
        let record = at(&mut world, n, &after);
        assert!(record.author.is_none() && record.name.is_empty());
        let log = world.room(n).log_after(before.position, usize::MAX).unwrap();
        let said = |record: &LogRecord| matches!(&record.item, Item::Event(line) if line.contains("vanish"));
        assert!(log.iter().any(|(_, record)| said(record)), "what happened stays");
    }
    // From now on nothing vanishes, and what came while it did goes on to.
    let last = said(&mut world, BEN, "last-needle");
    does(&mut world, ANA, Remark::Vanish { hours: 0 });
    said(&mut world, BEN, "kept-needle");
    for hours in [3, 6, 9] {
        let now = minutes(&world, hours);
        world.room(BEN).forget_old(now, Look::Hourly).unwrap();
    }
    assert!(!holds(&world, BEN, "last-needle") && holds(&world, BEN, "kept-needle"));
    assert!(!world.room(BEN).vanishes().unwrap());
    // What is gone is marked by nobody.
    let (to, mark, on) = (last, mark("👍"), true);
    assert_eq!(
        denied(&mut world, BEN, Remark::React { to, mark, on }),
        Denied::NoMessage
    );
}

#[test]
fn of_what_a_person_chose_and_the_room_says_the_shorter_time_counts() {
    let mut world = World::cell(&["ana", "ben"]);
    does(&mut world, ANA, Remark::Vanish { hours: 24 });
    said(&mut world, ANA, "needle");
    let room = world.room(BEN).id();
    let place = crate::engine::retention::chosen(Some(&room));
    let overlay = world.people[BEN].vault().overlay();
    overlay.put_value(place, &Retention::Hours(1)).unwrap();
    overlay.commit().unwrap();
    for hours in [0, 2] {
        let now = Minutes(world.now.minutes.0 + hours * 60);
        for n in [ANA, BEN] {
            world.room(n).forget_old(now, Look::Hourly).unwrap();
        }
    }
    assert!(holds(&world, ANA, "needle") && !holds(&world, BEN, "needle"));
}

#[test]
fn a_newcomer_keeps_messages_no_longer_than_the_room_says() {
    let mut world = World::cell(&["ana", "ben"]);
    does(&mut world, ANA, Remark::Vanish { hours: 1 });
    let dora = world.apply("dora");
    world.admit(dora);
    world.settle();
    said(&mut world, ANA, "needle");
    assert!(world.room(dora).vanishes().unwrap());
    assert!(holds(&world, dora, "needle"));
    for hours in [0, 2] {
        let now = Minutes(world.now.minutes.0 + hours * 60);
        world.room(dora).forget_old(now, Look::Hourly).unwrap();
    }
    assert!(!holds(&world, dora, "needle"));
}

#[test]
fn words_of_others_are_news_where_the_room_is_not_muted() {
    let mut world = World::cell(&["ana", "ben"]);
    let of = said(&mut world, ANA, "hello");
    let now = world.now.minutes;
    let record = at(&mut world, BEN, &of);
    assert!(world.room(BEN).is_news(&record, now));
    assert!(!world.room(ANA).is_news(&record, now), "it is her own");
    let until = Minutes(now.0 + 60);
    world.room(BEN).mute(Some(Mute::Until(until))).unwrap();
    world.people[BEN].reopen();
    assert!(!world.room(BEN).is_news(&record, now));
    assert!(world.room(BEN).is_news(&record, until), "its time is over");
    world.room(BEN).mute(Some(Mute::Always)).unwrap();
    assert!(!world.room(BEN).is_news(&record, Minutes(u64::MAX)));
    world.room(BEN).mute(None).unwrap();
    assert!(world.room(BEN).is_news(&record, now));
    let event = LogRecord {
        item: Item::Event("something".to_owned()),
        ..record
    };
    assert!(!world.room(BEN).is_news(&event, now));
}

#[test]
fn a_draft_is_kept_and_dropped() {
    let mut world = World::cell(&["ana"]);
    assert_eq!(world.room(ANA).draft().unwrap(), None);
    world.room(ANA).keep_draft(Some("one-needle")).unwrap();
    world.room(ANA).keep_draft(Some("two-needle")).unwrap();
    world.people[ANA].reopen();
    assert_eq!(world.room(ANA).draft().unwrap().as_deref(), Some("two-needle"));
    world.room(ANA).keep_draft(None).unwrap();
    assert_eq!(world.room(ANA).draft().unwrap(), None);
    assert!(!holds(&world, ANA, "needle"));
}
