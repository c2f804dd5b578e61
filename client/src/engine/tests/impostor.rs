//! An insider who acts in another's name, in their own of yesterday, or twice under one id.

use caucus_proto::codec;
use caucus_proto::envelope::{Body, Content};
use caucus_proto::id::{IntentId, Position};
use caucus_proto::org::{Act, Deed, Denied, Office, Power};
use caucus_proto::wire::Flag;

use super::fork;
use super::verdict::five;
use super::world::World;
use crate::engine::record::Item;
use crate::engine::send::Outgoing;

const ANA: usize = 0;
const BEN: usize = 1;
const DORA: usize = 3;

/// The member of the five who lies; holds no office.
const MAL: usize = 4;

/// This person's device says it as if it were allowed.
fn forge(world: &mut World, n: usize, act: &Act) -> Position {
    let plain = codec::encode(act, codec::LIMIT).unwrap();
    let body = Body::Mls(sealed(world, n, &plain));
    let head = content(world, n, body);
    put(world, &head)
}

/// A message of the group by this person.
fn sealed(world: &mut World, n: usize, plain: &[u8]) -> Vec<u8> {
    let vault = world.room(n).vault.clone();
    let overlay = vault.overlay();
    let sealed = world.room(n).group().unwrap().seal(&overlay, plain).unwrap();
    overlay.commit().unwrap();
    sealed
}

fn content(world: &mut World, n: usize, body: Body) -> Content {
    let minutes = world.now.minutes;
    world.room(n).content(body, minutes, true).unwrap()
}

/// Into the log, by mal's hand.
fn put(world: &mut World, content: &Content) -> Position {
    let bytes = fork::sealed(world, MAL, content);
    world.channel.force(Flag::Plain, &bytes)
}

fn say(text: &str) -> Deed {
    Deed::Say {
        text: text.to_owned(),
    }
}

fn item(world: &mut World, n: usize, at: Position) -> Item {
    world.room(n).log_at(at).unwrap().unwrap().item
}

#[test]
fn an_act_that_is_dated_back_to_when_its_author_had_the_power_is_judged_where_it_lands() {
    let mut world = five();
    let before = world.channel.newest();
    assert!(world.room(ANA).holds(Power::Remove));
    let (holder, persona) = (world.people[ANA].id(), world.people[DORA].id());
    let office = Office::Caretaker;
    world.submit(ANA, &Deed::HandOver { office, holder }).unwrap();
    world.settle_attested();
    assert!(!world.room(ANA).holds(Power::Remove));
    let now = world.channel.newest();
    let (present, reason) = (world.room(BEN).state().present().count(), String::new());
    let remove = Deed::Remove { persona, reason };

    let mut forged = Vec::new();
    for judged_at in [Position(0), Position(1), before, now] {
        let act = Act::new(world.intent(), judged_at, &remove).unwrap();
        forged.push((forge(&mut world, ANA, &act), false));
        let act = Act::new(world.intent(), Position(u64::MAX), &remove).unwrap();
        forged.push((forge(&mut world, ANA, &act), true));
        // Ben and cem read along.
        (BEN..DORA).for_each(|n| drop(world.read(n, usize::MAX).unwrap()));
    }
    world.people[ANA].room = None;
    world.people[DORA].restart();
    for n in BEN..=MAL {
        world.read(n, usize::MAX).unwrap();
        for (at, from_the_future) in &forged {
            let denied = if *from_the_future {
                Denied::FromTheFuture
            } else {
                Denied::Powerless {
                    power: "remove".to_owned(),
                }
            };
            assert_eq!(item(&mut world, n, *at), Item::NoOp(denied), "{n} at {at}");
        }
        assert_eq!(world.room(n).state().present().count(), present);
        let root = world.room(BEN).state().root();
        assert_eq!(world.room(n).state().root(), root);
    }
    world.settle_attested();
    world.check();
}

#[test]
fn of_two_acts_under_one_id_the_first_in_the_log_counts_for_everybody_and_nobody_uses_up_anothers_id() {
    let mut world = five();
    let (id, judged_at) = (IntentId([7; 16]), world.room(MAL).state().position);
    let act = |id, text| Act::new(id, judged_at, &say(text)).unwrap();
    let first = forge(&mut world, MAL, &act(id, "for one"));
    world.read(BEN, usize::MAX).unwrap();
    let second = forge(&mut world, MAL, &act(id, "for another"));
    // Mal has heard of an id before it lands.
    assert!(world.say(BEN, "ben's own"));
    let bens = world.room(BEN).outbox.values().next_back().unwrap().id;
    let stolen = forge(&mut world, MAL, &act(bens, "in ben's place"));
    world.people[MAL].room = None;
    world.people[DORA].restart();
    world.settle_attested();
    world.check();
    for n in ANA..MAL {
        assert_eq!(item(&mut world, n, first), Item::Said("for one".to_owned()));
        assert_eq!(item(&mut world, n, second), Item::NoOp(Denied::Repeated));
        assert_eq!(
            item(&mut world, n, stolen),
            Item::Said("in ben's place".to_owned())
        );
    }
    assert!(world.texts().contains("ben's own"));
}

#[test]
fn nobody_is_heard_unless_the_head_and_the_leaf_are_signed_by_one_and_the_same() {
    let mut world = five();
    let mal = world.people[MAL].id();
    // Ben is about to speak; mal has his entry first.
    assert!(world.say(BEN, "ben's own"));
    let Outgoing::Append { counter, bytes } = world.outgoing(BEN).unwrap().unwrap() else {
        panic!("a message");
    };
    let key = world.room(MAL).cursor().access.envelope_key();
    let bens = caucus_proto::envelope::open(&key, &world.channel_id, counter, &bytes).unwrap();
    let plain = codec::encode(
        &Act::new(world.intent(), Position(1), &say("forged")).unwrap(),
        codec::LIMIT,
    );
    let words = Body::Mls(sealed(&mut world, MAL, &plain.unwrap()));
    let as_ben = |mut content: Content| {
        content.head.author = bens.head.author;
        content
    };

    // Mal's head and ben's leaf, ben's name over mal's signature, with either leaf, and ben's head beside mal's leaf.
    let mals_head = content(&mut world, MAL, bens.body.clone());
    let own = content(&mut world, MAL, words.clone());
    let forged = [
        (mals_head.clone(), Some(mal)),
        (as_ben(own), None),
        (as_ben(mals_head), None),
        (
            Content {
                head: bens.head,
                body: words,
            },
            None,
        ),
    ]
    .map(|(content, author)| (put(&mut world, &content), author));
    world.people[MAL].room = None;
    // What nobody could open is there for its author to say.
    world.settle_attested();
    world.check();
    for n in ANA..MAL {
        for (at, author) in &forged {
            let record = world.room(n).log_at(*at).unwrap().unwrap();
            assert_eq!(record.item, Item::NoOp(Denied::Unprocessable), "{n} at {at}");
            assert_eq!(record.author, *author, "{n} at {at}");
        }
    }
    let texts = world.texts();
    assert!(texts.contains("ben's own") && !texts.contains("forged"));
}
