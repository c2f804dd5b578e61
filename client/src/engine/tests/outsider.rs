//! Somebody who was removed, together with the relay: with everything their device ever held and everything that comes
//! later, they read nothing of it.

use caucus_proto::envelope::{self, Body};

use super::verdict::five;
use crate::engine::record::{Health, Item};
use crate::mls::{Group, Incoming};

#[test]
fn whatever_the_relay_hands_to_one_who_was_removed_opens_to_nothing_they_ever_held() {
    let mut world = five();
    world.say(0, "while mal is here");
    world.settle_attested();
    let copy = world.people[4].copy();
    let held = {
        let cursor = world.room(4).cursor();
        let mut held = cursor.older.clone();
        held.push(cursor.access.clone());
        held
    };
    world.remove(0, 4);
    world.settle_attested();
    assert!(matches!(
        world.room(4).cursor().health,
        Health::Out { removed: true }
    ));
    assert_eq!(world.channel.cuts, 1);
    let out = world.channel.newest();
    for n in 0..20 {
        assert!(world.say(n % 4, &format!("without mal {n}")));
        world.settle();
        if n % 7 == 3 {
            let now = world.now;
            world.room(0).stage_refresh(n % 2 == 1, now).unwrap();
            world.settle();
        }
    }
    world.settle_attested();
    let later = world.channel.after(out, usize::MAX);
    assert!(later.len() > 20);
    world.people[4].put_back(&copy);
    let room = world.room(4).id();
    let vault = world.people[4].vault().clone();
    let (mut opened, mut given) = (0, 0);
    for entry in &later {
        let keys = held.iter().flat_map(|access| {
            let answers = (0..8).map(|ahead| {
                access.answer(
                    &world.channel_id,
                    caucus_proto::id::Counter(entry.counter.0 + ahead),
                )
            });
            std::iter::once(access.clone()).chain(answers)
        });
        for access in keys {
            let key = access.envelope_key();
            opened +=
                usize::from(envelope::open(&key, &world.channel_id, entry.counter, &entry.bytes).is_ok());
        }
        // Even if somebody inside opened the envelope for them.
        let inside = world.room(0).cursor().clone();
        for access in inside.older.iter().chain([&inside.access]) {
            let key = access.envelope_key();
            let Ok(content) = envelope::open(&key, &world.channel_id, entry.counter, &entry.bytes) else {
                continue;
            };
            if let Body::Mls(message) = content.body {
                given += 1;
                let overlay = vault.overlay();
                let mut group = Group::load(&overlay, &room).unwrap().unwrap();
                let incoming = group.process(&overlay, &message);
                assert!(!matches!(
                    incoming,
                    Ok(Incoming::Message { .. } | Incoming::Commit(_))
                ));
                opened += usize::from(incoming.is_ok());
            }
        }
    }
    assert_eq!(opened, 0);
    assert!(given > 10, "{given} messages were given to them");
    // What they say is nobody's word, and the relay may let them say it.
    let minutes = world.now.minutes;
    let said = {
        let room = world.room(4);
        let overlay = room.vault.overlay();
        let mut group = Group::load(&overlay, &room.id()).unwrap().unwrap();
        let sealed = group.seal(&overlay, b"still here").unwrap();
        room.entry(Body::Mls(sealed), minutes, true).unwrap()
    };
    let at = world.channel.force(caucus_proto::wire::Flag::Plain, &said);
    world.people[4].room = None;
    world.settle_attested();
    for n in 0..4 {
        let record = world.room(n).log_at(at).unwrap().unwrap();
        assert!(matches!(record.item, Item::NoOp(_)));
        assert_eq!(record.author, None);
    }
    world.check();
}
