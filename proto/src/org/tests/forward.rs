//! Announcements that are forwarded: whose word they are, what is refused, and what cannot be forwarded at all.

use super::belonging::pass;
use super::bodies::{
    BOTH, Body, announcement, body_of, end, is_void, issue, link, linked, order, powerless, sign, withdrawn,
};
use super::laws::{is_done, refused};
use super::world::{key, public};
use crate::id::Minutes;
use crate::org::apply::Outcome;
use crate::org::attachment::{Attachment, FileName, FileSecret};
use crate::org::between::{
    Announcement, Follower, Forwarded, Item, LinkStep as Step, Posted, Rogue, RootKey, Said, Says,
    SignedEntry, SignedMasthead, Taken,
};
use crate::org::denied::Denied;

fn said(title: &str) -> Box<Announcement> {
    match announcement(title) {
        Item::Announcement(said) => said,
        other => panic!("{other:?}"),
    }
}

fn forwarding(by: &Body, from: &Body, masthead: SignedMasthead, signed: SignedEntry) -> Step {
    Step::Forward {
        link: by.link_with(from),
        masthead: Box::new(masthead),
        signed: Box::new(signed),
    }
}

fn forward(by: &mut Body, from: &Body, entry: u64) -> Outcome {
    let step = forwarding(by, from, from.known_masthead(), from.published(entry, 0));
    by.step(0, step)
}

fn forwarded(body: &Body, item: u32) -> Forwarded {
    match &body.state().between.issued.get(&item).unwrap().item {
        Item::Forwarded(forwarded) => (**forwarded).clone(),
        other => panic!("{other:?}"),
    }
}

/// Who has the masthead of a body.
fn reader(of: &Body) -> Follower {
    let root = of.state().between.house().unwrap().root;
    let mut reader = Follower::new(body_of(of), root);
    reader.take(&Posted::Masthead(of.known_masthead())).unwrap();
    reader
}

/// What a body would publish if its editor were dishonest: it stands in no log.
fn posted(by: &Body, forwarded: Forwarded) -> Posted {
    let mut entry = by.state().entry(1).unwrap();
    entry.item = Item::Forwarded(Box::new(forwarded));
    Posted::Entry(by.sign_entry(entry, 0))
}

#[test]
fn what_is_forwarded_over_many_hops_is_the_entry_that_its_origin_signed() {
    let (mut north, mut south) = linked(BOTH);
    let (mut east, mut west) = (Body::new(2), Body::new(3));
    link(&mut south, &mut east, BOTH);
    link(&mut east, &mut west, BOTH);
    north.done(0, issue(announcement("Come"), &[]));
    assert!(is_done(&forward(&mut south, &north, 1)));
    assert!(is_done(&forward(&mut east, &south, 1)));
    assert!(is_done(&forward(&mut west, &east, 1)));
    let origin = north.state().entry(1).unwrap();
    for (body, far) in [(&south, &east), (&east, &west)] {
        let known = forwarded(body, 1);
        assert_eq!(known.entry(), origin);
        assert_eq!(
            (known.body(), known.name.to_string()),
            (body_of(&north), "North".to_owned())
        );
        assert_eq!(known, forwarded(far, 1));
        // Readers take it, and it is nothing that they have to carry into their log.
        let mut reader = reader(body);
        let taken = reader.take(&body.posted(1)).unwrap();
        assert!(matches!(taken, Taken::Entry { missing: 0, .. }));
        let carried = far.clone().step(2, far.carrying(body, body.published(1, 0)));
        assert_eq!(carried, refused(Denied::NotNext));
    }
    // So is what the origin withdraws.
    north.done(0, issue(withdrawn(1, false), &[]));
    assert!(is_done(&forward(&mut south, &north, 2)));
    let known = forwarded(&south, 2);
    assert!(matches!(known.said, Said::Withdrawal { of: 1, .. }));
    assert_eq!(known.entry(), north.state().entry(2).unwrap());
    // Whoever forwarded it may take it back; nobody else's is touched.
    south.done(0, issue(withdrawn(1, false), &[]));
    assert_eq!(south.state().between.issued.get(&1).unwrap().gone, Some(3));
    assert!(is_done(&forward(&mut south, &north, 1)));
}

#[test]
fn what_was_altered_or_is_nobodys_word_is_refused_alike_where_it_is_forwarded_and_where_it_is_read() {
    let (mut north, mut south) = linked(BOTH);
    let mut east = Body::new(2);
    link(&mut south, &mut east, BOTH);
    north.done(0, issue(announcement("Come"), &[]));
    south.done(0, issue(announcement("Ours"), &[]));
    let signed = north.published(1, 0);
    let mut altered = signed.clone();
    altered.entry.item = announcement("Stay away");
    let mut later = signed.clone();
    later.entry.at = Minutes(later.entry.at.0 + 1);
    let mut by_south = north.known_masthead();
    by_south.masthead.editors[0].key = public(south.pen(0));
    let own = SignedMasthead {
        signature: sign(
            &south.root(1),
            &SignedMasthead::digest(&by_south.masthead).unwrap(),
        ),
        ..by_south.clone()
    };
    for (masthead, signed) in [
        (north.known_masthead(), altered),
        (north.known_masthead(), later),
        (by_south, signed.clone()),
        (own, signed.clone()),
    ] {
        let step = forwarding(&south, &north, masthead, signed);
        let before = south.state().between.clone();
        assert_eq!(south.step(0, step), refused(Denied::NotSigned));
        assert_eq!(south.state().between, before);
    }
    // An editor who publishes such a thing beside the log is seen by whoever reads it.
    assert!(is_done(&forward(&mut south, &north, 1)));
    let honest = forwarded(&south, 2);
    let change = |change: &dyn Fn(&mut Forwarded)| {
        let mut forged = honest.clone();
        change(&mut forged);
        forged
    };
    let forged = [
        change(&|it| {
            it.said = Said::Withdrawal {
                of: 1,
                reason: String::new(),
            }
        }),
        change(&|it| it.at = Minutes(it.at.0 + 1)),
        change(&|it| it.number += 1),
        change(&|it| it.item_number += 1),
        change(&|it| it.previous = [1; 32]),
        change(&|it| it.under += 1),
        change(&|it| it.masthead.masthead.body = body_of(&east)),
        change(&|it| it.key = public(south.pen(0))),
        change(&|it| it.root.key = public(1)),
        change(&|it| it.root.number += 1),
    ];
    for forged in forged {
        assert_eq!(forged.judge(), Err(Denied::NotSigned));
        let mut reader = reader(&south);
        let before = reader.clone();
        assert_eq!(
            reader.take(&posted(&south, forged.clone())),
            Err(Rogue::NotOrigin)
        );
        assert_eq!(reader, before);
        let mut entry = south.state().entry(1).unwrap();
        entry.item = Item::Forwarded(Box::new(forged));
        let step = forwarding(&east, &south, south.known_masthead(), south.sign_entry(entry, 0));
        assert_eq!(east.step(0, step), refused(Denied::NotSigned));
    }
    let empty = change(&|it| it.said = Said::Announcement(said(" ")));
    assert_eq!(reader(&south).take(&posted(&south, empty)), Err(Rogue::Malformed));
    let far = change(&|it| it.relay = "x".repeat(401));
    assert_eq!(reader(&south).take(&posted(&south, far)), Err(Rogue::Malformed));
}

#[test]
fn what_is_meant_for_some_or_asked_or_over_or_ones_own_is_not_forwarded() {
    let (mut north, mut south) = linked(BOTH);
    let mut expiring = said("Tonight");
    expiring.expires = Some(Minutes(north.state().now().0 + 60));
    north.done(0, issue(announcement("Come"), &[]));
    north.done(0, issue(order(), &[]));
    north.done(0, issue(withdrawn(2, true), &[]));
    north.done(0, issue(Item::Announcement(expiring), &[]));
    let step =
        |south: &Body, entry| forwarding(south, &north, north.known_masthead(), north.published(entry, 0));
    let first = step(&south, 1);
    assert_eq!(south.step(2, first.clone()), refused(powerless("announce")));
    for directive in [2, 3] {
        let step = step(&south, directive);
        assert_eq!(south.step(0, step), refused(Denied::NotForAll));
    }
    south.done(0, first.clone());
    assert_eq!(south.step(0, first), refused(Denied::Repeated));
    // One's own word comes back as what it is, and is not forwarded again.
    let mut back = north.clone();
    assert_eq!(forward(&mut back, &south, 1), refused(Denied::NotForAll));
    let last = step(&south, 4);
    pass(&mut south.world, 1);
    assert_eq!(south.step(0, last.clone()), refused(Denied::NotForAll));
    // Nothing makes it one's own word, and no letter carries it.
    let known = Item::Forwarded(Box::new(forwarded(&south, 1)));
    assert_eq!(
        south.step(0, issue(known.clone(), &[])),
        refused(Denied::NotForAll)
    );
    assert_eq!(
        south.step(0, issue(known.clone(), &[1])),
        refused(Denied::NotForAll)
    );
    assert!(is_void(&north.is_told(&south, Says::Item(1, Box::new(known)))));
    assert!(north.state().between.told.is_empty());
    south.done(0, end(1));
    assert_eq!(south.step(0, last), refused(Denied::LinkOver));
}

#[test]
fn an_editor_who_was_named_once_forwards_nothing_and_of_a_body_that_is_known_its_own_key_counts() {
    let (mut north, mut south) = linked(BOTH);
    north.done(0, issue(announcement("Come"), &[]));
    let (old, signed) = (north.known_masthead(), north.published(1, 0));
    north.edits(1);
    north.signs_masthead();
    north.done(0, issue(announcement("And bring somebody"), &[]));
    assert!(is_done(&forward(&mut south, &north, 2)));
    let step = forwarding(&south, &north, old, signed.clone());
    assert_eq!(south.step(0, step), refused(Denied::Editors));
    let step = forwarding(&south, &north, north.known_masthead(), signed);
    assert!(is_done(&south.step(0, step)));
    // East hears both: what the South forwards in the North's name counts by the key that the East knows.
    let mut east = Body::new(2);
    link(&mut south, &mut east, BOTH);
    let from_south = |east: &Body| forwarding(east, &south, south.known_masthead(), south.published(1, 0));
    assert!(is_done(&east.clone().step(0, from_south(&east))));
    link(&mut north, &mut east, BOTH);
    assert!(is_done(&east.clone().step(0, from_south(&east))));
    let mut other = forwarded(&south, 1);
    let seed = 77;
    other.root = RootKey {
        number: 1,
        key: public(seed),
    };
    other.masthead.signature = sign(
        &key(seed),
        &SignedMasthead::digest(&other.masthead.masthead).unwrap(),
    );
    assert_eq!(
        other.judge(),
        Ok(()),
        "who knows nobody of the North believes the South"
    );
    let mut entry = south.state().entry(1).unwrap();
    entry.item = Item::Forwarded(Box::new(other));
    let step = forwarding(&east, &south, south.known_masthead(), south.sign_entry(entry, 0));
    assert_eq!(east.step(0, step), refused(Denied::NotSigned));
}

#[test]
fn the_relay_of_an_origin_is_told_where_it_has_files() {
    let (mut north, mut south) = linked(BOTH);
    let mut leaflet = said("With a leaflet");
    leaflet.files = vec![Attachment {
        name: FileName::clean("leaflet.txt"),
        size: 5,
        channel: crate::id::ChannelId([1; 32]),
        secret: FileSecret([2; 32]),
        hash: [3; 32],
        expires: Minutes(9),
    }];
    north.done(0, issue(announcement("Come"), &[]));
    north.done(0, issue(Item::Announcement(leaflet), &[]));
    for entry in [1, 2] {
        assert!(is_done(&forward(&mut south, &north, entry)));
    }
    assert_eq!(forwarded(&south, 1).relay, "");
    assert_eq!(forwarded(&south, 2).relay, "relay.example");
}
