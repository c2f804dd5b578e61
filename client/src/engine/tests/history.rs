//! What a newcomer is handed of what was said before, by somebody who may lie.

use caucus_proto::codec;
use caucus_proto::id::{BodyId, Minutes, Position};
use caucus_proto::org::between::{Entry, Item as Published};
use caucus_proto::org::history::{LARGEST_HISTORY, MOST_TOLD};
use caucus_proto::org::{BadHistory, Charter, Heard, History, Kind, SignedHistory, SuiteChoice, Told, Words};

use super::world::World;
use crate::engine::Line;
use crate::engine::record::{Item, SecretKey};
use crate::engine::retention::{Look, Retention};
use crate::mls::PersonaKeys;

const CEM: usize = 2;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

fn charter(days: u16) -> Charter {
    let mut charter = crate::charter::read(crate::charter::shipped(Kind::Cell)).unwrap();
    charter.history.days = days;
    charter
}

/// Ana and ben, who have talked, and cem, who came after that.
fn world(days: u16) -> World {
    let mut world = World::by(&["ana", "ben"], SuiteChoice::Classical, charter(days));
    for (n, text) in [
        (0, "good morning"),
        (1, "good morning, ana"),
        (0, "who brings tea?"),
    ] {
        assert!(world.say(n, text));
        world.settle();
    }
    let cem = world.apply("cem");
    world.admit(cem);
    world.settle();
    assert_eq!(cem, CEM);
    world
}

fn came(world: &mut World) -> Position {
    world.room(CEM).record().joined_at
}

/// What cem reads: text, author, and who handed it over.
fn reads(world: &mut World) -> Vec<(String, String, Option<String>)> {
    let room = world.room(CEM);
    let lines = room.shown_after(Position(0), usize::MAX).unwrap();
    let said = |(_, line): &(Position, Line)| match (line.item(), line) {
        (Item::Said(text), Line::Handed(handed)) => {
            Some((text.clone(), handed.name.clone(), Some(room.name_of(&handed.by))))
        }
        (Item::Said(text), Line::Own(record)) => Some((text.clone(), record.name.clone(), None)),
        _ => None,
    };
    lines.iter().filter_map(said).collect()
}

fn handed(text: &str, author: &str) -> (String, String, Option<String>) {
    (text.to_owned(), author.to_owned(), Some("ana".to_owned()))
}

fn true_history(world: &mut World) -> History {
    let came = came(world);
    let bytes = world.room(0).history(came).unwrap().unwrap();
    SignedHistory::read(&bytes).unwrap().history
}

fn signed(history: History, key: &SecretKey) -> Vec<u8> {
    let digest = SignedHistory::digest(&history).unwrap();
    let signature = PersonaKeys::from_bytes(&key.0).sign(&digest);
    codec::encode(&SignedHistory { history, signature }, LARGEST_HISTORY).unwrap()
}

#[test]
fn what_was_said_before_is_read_as_the_word_of_who_handed_it_over_and_enters_nothing() {
    let mut world = world(30);
    let came = came(&mut world);
    let bytes = world.room(0).history(came).unwrap().unwrap();
    let room = world.room(CEM);
    let (cursor, root, facts) = (room.cursor().clone(), room.state().root(), room.facts());
    assert_eq!(room.take_history(&bytes, came).unwrap(), Ok(()));
    assert_eq!(
        (room.cursor(), room.state().root(), room.facts()),
        (&cursor, root, facts)
    );
    for number in 0..came.0 {
        assert_eq!(
            room.log_at(Position(number)).unwrap(),
            None,
            "the log has no word of it"
        );
    }
    assert_eq!(
        reads(&mut world),
        [
            handed("good morning", "ana"),
            handed("good morning, ana", "ben"),
            handed("who brings tea?", "ana"),
        ]
    );
    // It is there after a restart, once, and what comes is one's own to have heard.
    world.people[CEM].reopen();
    assert_eq!(world.room(CEM).take_history(&bytes, came).unwrap(), Ok(()));
    world.say(1, "I do");
    world.settle_attested();
    let read = reads(&mut world);
    assert_eq!(read.len(), 4);
    assert_eq!(read[3], ("I do".to_owned(), "ben".to_owned(), None));
    assert_eq!(world.room(CEM).facts(), world.room(0).facts());
    // Nobody hands on what they were handed.
    let dan = world.apply("dan");
    world.admit(dan);
    world.settle();
    let came = world.room(dan).record().joined_at;
    let bytes = world.room(CEM).history(came).unwrap().unwrap();
    let told = SignedHistory::read(&bytes).unwrap().history.told;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].words, Words::Said("I do".to_owned()));
}

#[test]
fn nothing_is_handed_over_where_the_charter_wants_nothing_and_nothing_is_taken() {
    let mut wanted = world(30);
    let mut world = world(0);
    let came = came(&mut world);
    assert_eq!(world.room(0).history(came).unwrap(), None);
    let told = true_history(&mut wanted).told;
    let room = world.room(0);
    let history = History {
        room: room.id(),
        channel: room.record().channel,
        before: came,
        by: room.me(),
        told,
        heard: Vec::new(),
    };
    let bytes = signed(history, &world.people[0].key.clone());
    assert_eq!(
        world.room(CEM).take_history(&bytes, came).unwrap(),
        Err(BadHistory::Unwanted)
    );
    assert_eq!(reads(&mut world), []);
}

#[test]
fn a_history_that_could_not_be_one_is_refused_whole() {
    let mut world = world(30);
    let came = came(&mut world);
    let good = true_history(&mut world);
    let key = world.people[0].key.clone();
    let bent = |bend: &dyn Fn(&mut History)| {
        let mut history = good.clone();
        bend(&mut history);
        signed(history, &key)
    };
    let entry = |body| Entry {
        body,
        number: 1,
        previous: [0; 32],
        at: Minutes(1),
        item_number: 1,
        item: Published::Withdrawal {
            of: 1,
            directive: false,
            reason: String::new(),
        },
    };
    let repeated = Told {
        position: Position(2),
        ..good.told[0].clone()
    };
    let refused = [
        (
            BadHistory::Order,
            bent(&|h| h.told.last_mut().unwrap().position = came),
        ),
        (
            BadHistory::Order,
            bent(&|h| h.told.last_mut().unwrap().position = Position(u64::MAX)),
        ),
        (BadHistory::Order, bent(&|h| h.told.reverse())),
        (BadHistory::Order, bent(&|h| h.told = vec![repeated.clone(); 2])),
        (
            BadHistory::Malformed,
            bent(&|h| {
                h.told = (0..=MOST_TOLD as u64)
                    .map(|number| Told {
                        position: Position(number),
                        ..repeated.clone()
                    })
                    .collect();
            }),
        ),
        (
            BadHistory::Words,
            bent(&|h| h.told[0].words = Words::Said("x".repeat(64 * 1024 + 1))),
        ),
        (
            BadHistory::Words,
            bent(&|h| h.told[0].words = Words::Said(String::new())),
        ),
        (
            BadHistory::Words,
            bent(&|h| {
                h.told[0].words = Words::Minutes {
                    meeting: 1,
                    version: 1,
                    text: "x".repeat(16 * 1024 + 1),
                };
            }),
        ),
        (BadHistory::Elsewhere, bent(&|h| h.room.0[0] ^= 1)),
        (BadHistory::Elsewhere, bent(&|h| h.channel.0[0] ^= 1)),
        (BadHistory::Elsewhere, bent(&|h| h.before = came.next())),
        (
            BadHistory::Unwanted,
            bent(&|h| {
                h.heard = vec![Heard {
                    link: 1,
                    entry: entry(BodyId([1; 32])),
                }];
            }),
        ),
        (BadHistory::NotSigned, bent(&|h| h.by.0[0] ^= 1)),
        (BadHistory::NotSigned, signed(good.clone(), &world.people[1].key)),
        (BadHistory::Malformed, [bent(&|_| ()), vec![0]].concat()),
        (BadHistory::Malformed, b"no history".to_vec()),
        (BadHistory::Malformed, vec![0; LARGEST_HISTORY + 1]),
    ];
    for (case, (bad, bytes)) in refused.into_iter().enumerate() {
        let taken = world.room(CEM).take_history(&bytes, came).unwrap();
        assert_eq!(taken, Err(bad), "case {case}");
        assert_eq!(reads(&mut world), [], "case {case}");
    }
    assert_eq!(
        world.room(CEM).take_history(&bent(&|_| ()), came).unwrap(),
        Ok(())
    );
    assert_eq!(reads(&mut world).len(), 3);
}

#[test]
fn what_another_body_announced_is_taken_only_of_a_body_that_one_is_linked_with() {
    let mut open = charter(0);
    open.history.announcements = true;
    let mut world = World::by(&["ana", "ben"], SuiteChoice::Classical, open);
    let cem = world.apply("cem");
    world.admit(cem);
    world.settle();
    let came = came(&mut world);
    let room = world.room(0);
    let history = History {
        room: room.id(),
        channel: room.record().channel,
        before: came,
        by: room.me(),
        told: Vec::new(),
        heard: vec![Heard {
            link: 1,
            entry: Entry {
                body: BodyId([1; 32]),
                number: 1,
                previous: [0; 32],
                at: Minutes(1),
                item_number: 1,
                item: Published::Withdrawal {
                    of: 1,
                    directive: false,
                    reason: String::new(),
                },
            },
        }],
    };
    let bytes = signed(history, &world.people[0].key.clone());
    assert_eq!(
        world.room(CEM).take_history(&bytes, came).unwrap(),
        Err(BadHistory::Elsewhere)
    );
}

#[test]
fn what_is_handed_over_never_takes_the_place_of_what_is_there() {
    let mut world = world(30);
    let came = came(&mut world);
    let good = true_history(&mut world);
    let key = world.people[0].key.clone();
    let bytes = signed(good.clone(), &key);
    assert_eq!(world.room(CEM).take_history(&bytes, came).unwrap(), Ok(()));
    let mut other = good.clone();
    for told in &mut other.told {
        told.words = Words::Said("never said".to_owned());
    }
    let bytes = signed(other.clone(), &key);
    assert_eq!(world.room(CEM).take_history(&bytes, came).unwrap(), Ok(()));
    assert!(reads(&mut world).iter().all(|(text, ..)| text != "never said"));
    // Nor of what this device took in itself, as whoever comes into a room again has a log of it.
    let at = good.told[0].position;
    assert_eq!(world.room(1).take_history(&bytes, came).unwrap(), Ok(()));
    let line = world.room(1).shown_at(at).unwrap().unwrap();
    assert!(matches!(line, Line::Own(record) if record.item == Item::Said("good morning".to_owned())));
}

#[test]
fn what_is_older_than_the_charter_says_or_was_forgotten_is_not_handed_over() {
    let mut world = world(7);
    world.pass(10 * DAY_MS);
    for n in [0, 1, CEM] {
        world.say(n, &format!("{n} is still here"));
        world.settle();
    }
    let dan = world.apply("dan");
    world.admit(dan);
    world.settle();
    let came = world.room(dan).record().joined_at;
    let texts = |world: &mut World| -> Vec<_> {
        let Some(bytes) = world.room(0).history(came).unwrap() else {
            return Vec::new();
        };
        let told = SignedHistory::read(&bytes).unwrap().history.told;
        told.into_iter().map(|told| told.words).collect()
    };
    let said = |n: usize| Words::Said(format!("{n} is still here"));
    assert_eq!(texts(&mut world), [said(0), said(1), said(2)]);

    // Ana's device forgets all that it has.
    let vault = world.people[0].vault().clone();
    let (turn, overlay) = (vault.turn(), vault.overlay());
    let place = crate::vault::Place::new(crate::vault::Table::Settings, b"retention ".to_vec(), 0);
    overlay.put_value(place, &Retention::Days(1)).unwrap();
    overlay.commit().unwrap();
    drop(turn);
    let now = world.now.minutes;
    for day in 0..4 {
        let later = Minutes(now.0 + day * 24 * 60);
        world.room(0).forget_old(later, Look::Hourly).unwrap();
    }
    assert_eq!(texts(&mut world), []);
}

#[test]
fn what_was_handed_over_is_forgotten_as_what_was_heard_is() {
    let mut world = world(30);
    let came = came(&mut world);
    let bytes = world.room(0).history(came).unwrap().unwrap();
    assert_eq!(world.room(CEM).take_history(&bytes, came).unwrap(), Ok(()));
    let vault = world.people[CEM].vault().clone();
    let (turn, overlay) = (vault.turn(), vault.overlay());
    let place = crate::vault::Place::new(crate::vault::Table::Settings, b"retention ".to_vec(), 0);
    overlay.put_value(place, &Retention::Days(2)).unwrap();
    overlay.commit().unwrap();
    drop(turn);
    let now = world.now.minutes;
    world.room(CEM).forget_old(now, Look::Hourly).unwrap();
    assert_eq!(
        reads(&mut world).len(),
        3,
        "it is as old as one's own time in the room"
    );
    for day in 1..5 {
        let later = Minutes(now.0 + day * 24 * 60);
        world.room(CEM).forget_old(later, Look::Hourly).unwrap();
    }
    assert_eq!(reads(&mut world), []);
}
