//! Heads that contradict, logs that change, devices that were set back.

use bytes::Bytes;
use caucus_proto::envelope::{Body, Content};
use caucus_proto::id::{Counter, Position};
use caucus_proto::org::{Running, SignedHead};
use caucus_proto::wire::Flag;

use super::world::World;
use crate::engine::random;
use crate::engine::record::Health;
use crate::vault::Table;

/// An entry of this person whose head tells what `bend` makes of it.
fn bent(world: &mut World, n: usize, bend: impl FnOnce(&mut SignedHead)) -> Vec<u8> {
    let minutes = world.now.minutes;
    let room = world.people[n].room.as_ref().unwrap();
    let notice = room.notice(caucus_proto::org::NoticeKind::Heartbeat).unwrap();
    let body = Body::Notice(notice);
    let mut head = room.head(&body, minutes, true).unwrap();
    bend(&mut head);
    let digest = SignedHead::digest(&room.record.room, &head.author, &head.head);
    head.signature = room.persona.sign(&digest);
    sealed(world, n, &Content { head, body })
}

pub(super) fn sealed(world: &World, n: usize, content: &Content) -> Vec<u8> {
    let room = world.people[n].room.as_ref().unwrap();
    caucus_proto::envelope::seal(
        &room.cursor().access.envelope_key(),
        &room.record.channel,
        world.channel.counter,
        random::bytes().unwrap(),
        content,
    )
    .unwrap()
}

#[test]
fn of_two_people_whose_heads_contradict_both_stop_and_keep_the_evidence() {
    let mut world = World::cell(&["ana", "ben"]);
    let lie = bent(&mut world, 1, |head| head.head.running = Running([1; 32]));
    let at = world.channel.force(Flag::Plain, &lie);
    world.read(0, 9).unwrap();
    let ben = world.people[1].id();
    assert!(matches!(world.room(0).cursor().health, Health::Forked { by, .. } if by == ben));
    assert!(!world.say(0, "to whom?"));
    let place = world.room(0).place(Table::Evidence, at.0);
    assert!(world.people[0].vault().get(&place).unwrap().is_some());
    // It stays so over a restart, and reading goes on.
    world.people[0].restart();
    assert!(matches!(world.room(0).cursor().health, Health::Forked { .. }));
    assert_eq!(world.room(0).disputed().len(), 1);
    // What it saw itself it still says, so that others can judge.
    world.pass(60_000);
    let mut spoke = false;
    for _ in 0..5 {
        spoke |= world.step(0).unwrap().is_some();
        world.read(0, 9).unwrap();
        world.pass(5_000);
    }
    assert!(spoke);
}

#[test]
fn one_liar_among_many_is_shown_and_stops_nobody() {
    let mut world = World::cell(&["ana", "ben", "cem", "dia"]);
    for position in [Position(1), Position(u64::MAX)] {
        let lie = bent(&mut world, 3, |head| {
            head.head.position = position;
            head.head.running = Running([1; 32]);
        });
        world.channel.force(Flag::Plain, &lie);
    }
    for n in 0..3 {
        world.read(n, 99).unwrap();
    }
    // The honest say what they saw, and go on.
    for _ in 0..6 {
        world.pass(5_000);
        for n in 0..3 {
            world.read(n, 99).unwrap();
            world.step(n).unwrap();
        }
    }
    for n in 0..3 {
        world.read(n, 99).unwrap();
        assert_eq!(world.room(n).cursor().health, Health::Open, "{n}");
        let disputed = world.room(n).disputed();
        assert!(
            matches!(disputed.as_slice(), [(name, _)] if name == "dia"),
            "{disputed:?}"
        );
        assert!(world.say(n, &format!("we go on {n}")));
    }
}

#[test]
fn a_head_that_was_copied_beside_another_body_is_nobodys() {
    let mut world = World::cell(&["ana", "ben", "cem"]);
    // Ben takes Ana's head from her last entry and puts it beside words of his own.
    world.say(0, "mine");
    world.settle();
    let last = world.channel.entries.last().unwrap().clone();
    let key = world.room(1).cursor().access.envelope_key();
    let stolen = caucus_proto::envelope::open(&key, &world.channel_id, last.counter, &last.bytes).unwrap();
    for body in [Body::Mls(vec![1; 40]), Body::Part(vec![2; 40])] {
        let forged = Content {
            head: stolen.head,
            body,
        };
        let bytes = sealed(&world, 1, &forged);
        world.channel.force(Flag::Plain, &bytes);
        world.channel.force(Flag::Advance, &bytes);
    }
    // The whole of it in another envelope is what everybody has had already.
    let again = sealed(&world, 1, &stolen);
    world.channel.force(Flag::Plain, &again);
    world.channel.force(Flag::Advance, &again);
    world.say(0, "still mine");
    world.settle_attested();
    world.check();
}

#[test]
fn a_message_that_comes_first_in_somebody_elses_envelope_counts_once_and_for_everybody() {
    let mut world = World::cell(&["ana", "ben", "cem"]);
    world.say(0, "mine");
    let outgoing = world.outgoing(0).unwrap().unwrap();
    let crate::engine::send::Outgoing::Append { counter, bytes } = outgoing.clone() else {
        panic!("a message");
    };
    let key = world.room(1).cursor().access.envelope_key();
    let content = caucus_proto::envelope::open(&key, &world.channel_id, counter, &bytes).unwrap();
    // A relay and a member together: the counter moves first, then the message comes in a new envelope.
    world.channel.force(Flag::Advance, &vec![0; 1024]);
    let envelope = sealed(&world, 1, &content);
    world.channel.force(Flag::Plain, &envelope);
    world.channel.store(&outgoing);
    world.settle_attested();
    world.check();
}

#[test]
fn a_device_that_was_set_back_reads_and_acts_no_more() {
    let mut world = World::cell(&["ana", "ben"]);
    let copy = tempfile::TempDir::new().unwrap();
    let file = world.people[0].folder().join("vault.redb");
    world.people[0].room = None;
    world.people[0].vault = None;
    std::fs::copy(&file, copy.path().join("old")).unwrap();
    world.people[0].reopen();
    world.say(0, "lost");
    world.settle();
    world.people[0].room = None;
    world.people[0].vault = None;
    std::fs::copy(copy.path().join("old"), &file).unwrap();
    world.people[0].reopen();
    let taken = world.read(0, 99).unwrap();
    assert!(taken.last().is_some_and(|last| last.stopped));
    let health = world.room(0).cursor().health.clone();
    assert!(
        matches!(&health, Health::Unsynced { why, .. } if why.contains("older copy")),
        "{health:?}"
    );
    assert!(!world.say(0, "again"));
    world.pass(600_000);
    assert_eq!(world.step(0).unwrap(), None);
    // The others go on.
    world.read(1, 99).unwrap();
    assert!(world.say(1, "still here"));
}

#[test]
fn a_relay_that_shows_another_log_is_told_and_recovers_with_the_right_one() {
    let mut world = World::cell(&["ana", "ben"]);
    world.say(1, "kept");
    world.settle();
    let right = world.channel.entries.clone();
    let last = right.last().unwrap().clone();
    let at = world.room(0).cursor().position;
    // It was set back.
    let error = world.room(0).judge_newest(Position(at.0 - 1)).unwrap_err();
    assert!(error.to_string().contains("set back"), "{error}");
    // It shows another entry where one was read.
    let mut other = last.clone();
    other.bytes = Bytes::from(vec![9; 1024]);
    let error = world.room(0).ingest(&other).unwrap_err();
    assert!(error.to_string().contains("another entry"), "{error}");
    let place = world.room(0).place(Table::Evidence, other.position.0);
    assert!(world.people[0].vault().get(&place).unwrap().is_some());
    // It names another counter.
    let mut next = last.clone();
    next.position = at.next();
    next.counter = Counter(world.channel.counter.0 + 5);
    assert!(world.room(0).ingest(&next).is_err());
    // Nothing was merged, and with the right log everything goes on.
    for entry in &right {
        world.room(0).ingest(entry).unwrap();
    }
    world.room(0).judge_newest(at).unwrap();
    world.say(0, "on we go");
    world.settle_attested();
    world.check();
}

#[test]
fn entries_that_are_missing_are_told_and_nothing_more_is_taken_in() {
    let mut world = World::cell(&["ana", "ben"]);
    for n in 0..3 {
        world.say(1, &format!("{n}"));
        world.step(1).unwrap();
        world.read(1, 9).unwrap();
    }
    let last = world.channel.entries.last().unwrap().clone();
    assert!(world.room(0).ingest(&last).unwrap().stopped);
    let health = world.room(0).cursor().health.clone();
    assert!(
        matches!(&health, Health::Unsynced { why, .. } if why.starts_with("2 entries")),
        "{health:?}"
    );
}
