//! Who may publish for a body, what readers take for its word, and when the keys of its bulletin turn.

use proptest::prelude::*;

use super::belonging::{pass, pass_but};
use super::between::hands_on_keys;
use super::bodies::{
    BOTH, Body, NOTHING, announcement, end, is_void, issue, link, linked, naming, order, post, post_all,
    powerless, reading, sealing, sign, withdrawal,
};
use super::laws::{is_done, refused};
use super::replace::{NEW, recognize, replace};
use super::world::{World, key, persona, public};
use crate::id::{ChannelId, Minutes};
use crate::org::act::Deed;
use crate::org::apply::Outcome;
use crate::org::between::{
    Editor, Entry, Follower, Fresh, LinkStep as Step, Posted, Reading, Rogue, RootKey, SignedEntry,
    SignedMasthead, Taken,
};
use crate::org::denied::Denied;
use crate::org::mandate::Office;

/// The North, whose two editors published so many announcements.
fn published(entries: u64) -> Body {
    let mut north = Body::new(0);
    north.edits(1);
    north.signs_masthead();
    for _ in 0..entries {
        north.done(0, issue(announcement("Come"), &[]));
    }
    north
}

fn root(body: &Body) -> RootKey {
    body.state().between.house().unwrap().root
}

fn stranger(body: &Body) -> Follower {
    Follower::new(body.state().genesis.body(), root(body))
}

fn masthead(body: &Body) -> Posted {
    Posted::Masthead(body.known_masthead())
}

/// Who knows the masthead of now.
fn reader(body: &Body) -> Follower {
    let mut reader = stranger(body);
    assert_eq!(reader.take(&masthead(body)), Ok(Taken::Known));
    reader
}

fn takes(reader: &mut Follower, posted: &Posted) -> Option<(u64, u64)> {
    match reader.take(posted).unwrap() {
        Taken::Entry { entry, missing, .. } => Some((entry.number, missing)),
        Taken::Known | Taken::Nothing => None,
    }
}

fn refuses(reader: &mut Follower, posted: &Posted, rogue: Rogue) {
    let before = reader.clone();
    assert_eq!(reader.take(posted), Err(rogue));
    assert_eq!(&before, reader);
}

/// By an editor, that nothing is newer than this.
fn fresh(body: &Body, (number, hash): (u64, [u8; 32]), at: u64, editor: u32) -> Fresh {
    let pen = body.pen(editor);
    let mut fresh = Fresh {
        body: body.state().genesis.body(),
        number,
        hash,
        at: Minutes(at),
        masthead: body.known_masthead().masthead.number,
        key: public(pen),
        signature: [0; 64].into(),
    };
    fresh.signature = sign(&key(pen), &fresh.digest());
    fresh
}

fn carry(to: &mut Body, from: &Body, masthead: &SignedMasthead, signed: SignedEntry) -> Outcome {
    let link = to.link_with(from);
    let (masthead, signed) = (Box::new(masthead.clone()), Box::new(signed));
    to.step(
        2,
        Step::Carry {
            link,
            masthead,
            signed,
        },
    )
}

#[test]
fn the_masthead_names_the_editors_by_mandate_and_nobody_else() {
    let mut north = Body::new(0);
    let editor = |seed, directs| Editor {
        key: public(north.pen(seed)),
        announces: true,
        directs,
    };
    assert_eq!(north.known_masthead().masthead.editors, [editor(0, true)]);
    let (mut both, secret) = (vec![editor(0, true), editor(1, false)], editor(2, true));
    both.sort_unstable_by_key(|editor| editor.key);
    let key = public(north.pen(2));
    assert_eq!(
        north.step(2, Step::Editor { key }),
        refused(powerless("announce"))
    );
    let key = public(north.pen(0));
    assert_eq!(north.step(1, Step::Editor { key }), refused(Denied::AnotherKey));
    let puts = |north: &mut Body, by, signed: SignedMasthead| {
        let signed = Box::new(signed);
        north.step(by, Step::Masthead { signed })
    };
    let again = north.masthead(north.state().editors_due());
    assert_eq!(puts(&mut north, 0, again), refused(Denied::Repeated));
    north.edits(1);
    assert!(north.state().masthead_is_due());
    assert_eq!(north.state().editors_due(), both);
    let mut directs = both.clone();
    directs.iter_mut().for_each(|editor| editor.directs = true);
    let more = both.iter().copied().chain([secret]).collect();
    let reversed = both.iter().rev().copied().collect();
    for editors in [Vec::new(), both[..1].to_vec(), more, directs, reversed] {
        let signed = north.masthead(editors);
        assert_eq!(puts(&mut north, 0, signed), refused(Denied::Editors));
    }
    let signed = north.masthead(both);
    assert_eq!(puts(&mut north, 2, signed.clone()), refused(powerless("link")));
    // Only the root makes a successor, never an editor.
    let mut by_editor = signed.clone();
    let digest = SignedMasthead::digest(&signed.masthead).unwrap();
    by_editor.signature = sign(&super::world::key(north.pen(0)), &digest);
    let (mut other_root, mut other_body) = (signed.clone(), signed.clone());
    other_root.root = 2;
    other_body.masthead.body = Body::new(1).state().genesis.body();
    for forged in [by_editor, other_root, other_body] {
        assert_eq!(puts(&mut north, 0, forged), refused(Denied::NotSigned));
    }
    assert!(is_done(&puts(&mut north, 1, signed)));
    assert!(!north.state().masthead_is_due());
}

#[test]
fn another_masthead_is_due_when_mandates_keys_or_the_root_change() {
    let mut north = published(0);
    let mut due = |change: &dyn Fn(&mut Body)| {
        assert!(!north.state().masthead_is_due());
        change(&mut north);
        assert!(north.state().masthead_is_due());
        north.signs_masthead();
        north.known_masthead().masthead.editors
    };
    let (office, holder) = (Office::Caretaker, persona(0));
    let editors = due(&|north| {
        assert!(is_done(&north.world.does(0, &Deed::HandOver { office, holder })));
    });
    let directs = editors.iter().filter(|editor| editor.directs);
    assert!(directs.map(|editor| editor.key).eq([public(15_001)]));
    assert_eq!(due(&|north| north.roots(0, true)).len(), 2);
    due(&|north| north.done(1, Step::Editor { key: public(99) }));
    assert_eq!(due(&|north| hands_on_keys(north, 0)).len(), 1);
    // Whoever is next in the office announces from then on.
    let editors = due(&|north| assert!(is_done(&north.world.does(1, &Deed::Leave))));
    assert!(editors.iter().map(|editor| editor.key).eq([public(15_000)]));
}

#[test]
fn a_masthead_names_so_many_editors_at_most() {
    let mut north = Body::of(19, 0, |charter| charter.caretaker.seats = 18);
    north.roots(0, true);
    for seed in 0..18 {
        north.edits(seed);
    }
    let due = north.state().editors_due();
    assert_eq!(due.len(), 16);
    assert!(due.is_sorted_by_key(|editor| editor.key));
    let mut more = due.clone();
    more.push(due[0]);
    let signed = Box::new(north.masthead(more));
    assert_eq!(
        north.step(0, Step::Masthead { signed }),
        refused(Denied::NotSigned)
    );
    north.signs_masthead();
}

#[test]
fn what_an_editor_was_is_none_for_ever() {
    let (mut north, mut south) = linked(BOTH);
    north.edits(1);
    north.signs_masthead();
    let old = north.known_masthead();
    let (office, holder) = (Office::Caretaker, persona(0));
    for _ in 0..2 {
        north.done(0, issue(order(), &[]));
    }
    let (first, second) = (north.published(1, 0), north.published(2, 0));
    assert!(is_done(&north.world.does(0, &Deed::HandOver { office, holder })));
    hands_on_keys(&mut north, 0);
    north.roots(1, true);
    north.signs_masthead();
    // Nobody in the South has heard of that yet.
    assert!(is_done(&carry(&mut south, &north, &old, first.clone())));
    post_all(&mut north, &mut south);
    assert_eq!(
        carry(&mut south, &north, &old, second.clone()),
        refused(Denied::NotSigned)
    );
    let new = north.known_masthead();
    assert_eq!(
        carry(&mut south, &north, &new, second.clone()),
        refused(Denied::NotSigned)
    );
    assert!(is_done(&carry(&mut south, &north, &new, north.published(2, 1))));

    let mut reader = reader(&north);
    refuses(&mut reader, &Posted::Entry(second), Rogue::NoEditor);
    assert_eq!(
        takes(&mut reader, &Posted::Entry(north.published(2, 1))),
        Some((2, 0))
    );
    // The same by whoever may no more is no other version.
    assert_eq!(takes(&mut reader, &Posted::Entry(north.published(2, 0))), None);
    assert_eq!(reader.take(&Posted::Masthead(old)), Ok(Taken::Nothing));
}

#[test]
fn an_old_masthead_makes_nobody_an_editor_again() {
    let (mut north, mut south) = linked(BOTH);
    for _ in 0..3 {
        north.done(0, issue(order(), &[]));
    }
    let old = north.known_masthead();
    north.done(0, Step::Editor { key: public(99) });
    north.signs_masthead();
    let new = north.known_masthead();
    let lost = |number| north.published(number, 0);
    assert!(is_done(&carry(
        &mut south,
        &north,
        &old,
        old_entry(&lost(1), &old, &north)
    )));
    let mut found = lost(2);
    (found.key, found.masthead) = (public(99), 2);
    found.signature = sign(&key(99), &found.entry.digest(2).unwrap());
    assert!(is_done(&carry(&mut south, &north, &new, found)));
    let replayed = old_entry(&lost(3), &old, &north);
    assert_eq!(
        carry(&mut south, &north, &old, replayed.clone()),
        refused(Denied::Editors)
    );
    assert_eq!(
        carry(&mut south, &north, &new, replayed.clone()),
        refused(Denied::NotSigned)
    );

    let mut reader = stranger(&north);
    assert_eq!(reader.take(&Posted::Entry(replayed.clone())), Ok(Taken::Nothing));
    for (signed, taken) in [(&old, Taken::Known), (&new, Taken::Known), (&old, Taken::Nothing)] {
        assert_eq!(reader.take(&Posted::Masthead(signed.clone())), Ok(taken));
    }
    assert_eq!(reader.masthead.as_ref(), Some(&new));
    refuses(&mut reader, &Posted::Entry(replayed), Rogue::NoEditor);
}

/// An entry as the founder signed it by a masthead of before.
fn old_entry(signed: &SignedEntry, masthead: &SignedMasthead, body: &Body) -> SignedEntry {
    let number = masthead.masthead.number;
    let digest = signed.entry.digest(number).unwrap();
    SignedEntry {
        masthead: number,
        signature: sign(&key(body.pen(0)), &digest),
        ..signed.clone()
    }
}

#[test]
fn nothing_is_carried_that_is_no_word_of_the_body() {
    let (mut north, mut south) = linked(BOTH);
    north.edits(1);
    north.signs_masthead();
    north.done(0, issue(order(), &[]));
    let (masthead, entry) = (north.known_masthead(), north.published(1, 0));
    let mut by_editor = masthead.clone();
    let digest = SignedMasthead::digest(&masthead.masthead).unwrap();
    by_editor.signature = sign(&key(north.pen(0)), &digest);
    assert_eq!(
        carry(&mut south, &north, &by_editor, entry.clone()),
        refused(Denied::NotSigned)
    );
    let (mut changed, mut later) = (entry.clone(), entry.clone());
    changed.entry.at = Minutes(1);
    later.masthead += 1;
    let mut other = entry.entry.clone();
    other.body = south.state().genesis.body();
    for forged in [
        changed,
        later,
        north.sign_entry(other, 0),
        north.published(1, 1),
        north.published(1, 2),
    ] {
        assert_eq!(
            carry(&mut south, &north, &masthead, forged),
            refused(Denied::NotSigned)
        );
    }
    let mut long = entry.entry.clone();
    long.item = announcement("");
    let long = north.sign_entry(long, 0);
    assert_eq!(
        carry(&mut south, &north, &masthead, long),
        refused(Denied::NotSigned)
    );
    assert!(is_done(&carry(&mut south, &north, &masthead, entry.clone())));
    let reason = String::new();
    south.done(0, Step::End { link: 1, reason });
    north.done(0, issue(withdrawal(1), &[]));
    let late = north.published(2, 0);
    assert_eq!(
        carry(&mut south, &north, &masthead, late),
        refused(Denied::LinkOver)
    );
}

#[test]
fn a_reader_takes_entries_in_order_and_says_how_many_are_missing() {
    let north = published(6);
    let mut reader = reader(&north);
    for (number, taken) in [
        (1, Some((1, 0))),
        (2, Some((2, 0))),
        (2, None),
        (1, None),
        (5, Some((5, 2))),
        (3, None),
        (6, Some((6, 0))),
        (6, None),
    ] {
        assert_eq!(takes(&mut reader, &north.posted(number)), taken);
    }
    assert_eq!(reader.last, north.state().between.house().unwrap().last);
    assert_eq!(reader.take(&Posted::Turned), Ok(Taken::Nothing));
    // Who begins to read begins where the bulletin is.
    let mut later = self::reader(&north);
    assert_eq!(takes(&mut later, &north.posted(4)), Some((4, 0)));
    // Any editor publishes what stands in the log.
    assert_eq!(
        takes(&mut later, &Posted::Entry(north.published(5, 1))),
        Some((5, 0))
    );
    assert_eq!(takes(&mut later, &north.posted(5)), None);
}

#[test]
fn two_versions_of_one_entry_are_seen() {
    let north = published(3);
    let other = |number, change: &dyn Fn(&mut Entry)| {
        let mut entry = north.state().entry(number).unwrap();
        change(&mut entry);
        Posted::Entry(north.sign_entry(entry, 0))
    };
    let says = |text: &'static str| move |entry: &mut Entry| entry.item = announcement(text);
    let mut reader = reader(&north);
    takes(&mut reader, &north.posted(1));
    takes(&mut reader, &north.posted(2));
    refuses(&mut reader, &other(2, &says("Stay away")), Rogue::TwoVersions);
    let chained = |entry: &mut Entry| entry.previous = [1; 32];
    // Nobody can keep a reader from what comes next by one that follows another.
    let taken = reader.clone().take(&other(3, &chained));
    assert!(
        matches!(taken, Ok(Taken::Entry { forked: true, .. })),
        "{taken:?}"
    );
    assert_eq!(takes(&mut reader, &north.posted(3)), Some((3, 0)));
    refuses(&mut reader, &other(3, &says("Stay away")), Rogue::TwoVersions);
}

#[test]
fn what_is_not_signed_by_an_editor_is_rogue() {
    let north = published(2);
    let south = Body::new(1);
    let mut reader = reader(&north);
    takes(&mut reader, &north.posted(1));
    let good = north.published(2, 0);
    let (mut forged, mut other) = (good.clone(), good.entry.clone());
    forged.entry.at = Minutes(1);
    other.body = south.state().genesis.body();
    let mut empty = good.entry.clone();
    empty.item = announcement(" ");
    let mut later = good.clone();
    later.masthead += 1;
    let mut directs = good.entry.clone();
    directs.item = order();
    for (signed, rogue) in [
        (forged, Rogue::Signature),
        (north.sign_entry(other, 0), Rogue::Malformed),
        (north.sign_entry(empty, 0), Rogue::Malformed),
        (later, Rogue::NoEditor),
        (north.published(2, 2), Rogue::NoEditor),
        (north.sign_entry(directs, 1), Rogue::NoEditor),
    ] {
        refuses(&mut reader, &Posted::Entry(signed), rogue);
    }
    assert_eq!(takes(&mut reader, &Posted::Entry(good)), Some((2, 0)));
}

#[test]
fn who_reads_sees_when_entries_are_withheld() {
    let north = published(3);
    let mut reader = reader(&north);
    let last = north.state().between.house().unwrap().last;
    takes(&mut reader, &north.posted(1));
    takes(&mut reader, &north.posted(2));
    let withheld = Rogue::Withheld { number: 3 };
    refuses(&mut reader, &Posted::Fresh(fresh(&north, last, 100, 0)), withheld);
    takes(&mut reader, &north.posted(3));
    let good = fresh(&north, last, 100, 1);
    assert_eq!(reader.take(&Posted::Fresh(good.clone())), Ok(Taken::Known));
    assert_eq!(reader.fresh, Minutes(100));
    assert_eq!(
        reader.take(&Posted::Fresh(fresh(&north, last, 99, 0))),
        Ok(Taken::Nothing)
    );
    let other = fresh(&north, (3, [1; 32]), 101, 0);
    refuses(&mut reader, &Posted::Fresh(other), Rogue::TwoVersions);
    refuses(
        &mut reader,
        &Posted::Fresh(fresh(&north, last, 101, 2)),
        Rogue::NoEditor,
    );
    let (mut forged, mut older) = (good.clone(), good.clone());
    forged.at = Minutes(200);
    older.masthead = 1;
    refuses(&mut reader, &Posted::Fresh(forged), Rogue::Signature);
    refuses(&mut reader, &Posted::Fresh(older), Rogue::NoEditor);
    // Who knows no masthead yet, or no entry, says nothing of what stood there before.
    assert_eq!(stranger(&north).take(&Posted::Fresh(good)), Ok(Taken::Nothing));
}

#[test]
fn readers_follow_the_root_key_from_one_to_the_next() {
    let mut north = published(1);
    let mut reader = reader(&north);
    let old = masthead(&north);
    let turn = |north: &mut Body| {
        let Step::Root {
            root,
            proof: _,
            chain,
        } = north.next_root(true)
        else {
            panic!()
        };
        north.roots(0, true);
        Posted::Root(root, chain.unwrap())
    };
    let (second, third) = (turn(&mut north), turn(&mut north));
    north.signs_masthead();
    refuses(&mut reader, &third, Rogue::Signature);
    refuses(&mut reader, &masthead(&north), Rogue::Signature);
    let Posted::Root(root, _) = second else { panic!() };
    let by_editor = sign(&key(north.pen(0)), &root.digest(&reader.body));
    refuses(&mut reader, &Posted::Root(root, by_editor), Rogue::Signature);
    for (posted, taken) in [
        (&second, Taken::Known),
        (&third, Taken::Known),
        (&second, Taken::Nothing),
        (&masthead(&north), Taken::Known),
    ] {
        assert_eq!(reader.take(posted), Ok(taken));
    }
    assert_eq!(reader.take(&old), Ok(Taken::Nothing));
    assert_eq!(takes(&mut reader, &north.posted(1)), Some((1, 0)));
}

#[test]
fn the_keys_of_a_bulletin_turn_one_by_one() {
    let mut north = Body::new(0);
    assert_eq!(north.step(2, north.turning(2)), refused(powerless("link")));
    for generation in [0, 1, 3] {
        assert_eq!(
            north.step(0, north.turning(generation)),
            refused(Denied::Repeated)
        );
    }
    let change = |change: &dyn Fn(&mut Reading)| {
        let Step::Turn {
            mut reading,
            publishing,
        } = north.turning(2)
        else {
            panic!()
        };
        change(&mut reading);
        Step::Turn { reading, publishing }
    };
    let moved = change(&|reading| reading.channel = ChannelId([1; 32]));
    let long = change(&|reading| reading.relay = "x".repeat(401));
    for step in [moved, long] {
        assert_eq!(north.step(0, step), refused(Denied::Malformed));
    }
    let mut alone = Body::alone(1, |_| ());
    assert_eq!(alone.step(0, alone.turning(1)), refused(Denied::NoRoot));
    north.turns();
    assert_eq!(north.generation(), 2);
}

#[test]
fn the_keys_turn_at_once_when_somebody_who_has_them_is_out() {
    let (mut north, mut south) = linked(BOTH);
    let mut due = |change: &dyn Fn(&mut Body)| {
        assert!(!north.state().turn_is_due());
        change(&mut north);
        assert!(north.state().turn_is_due());
        north.turns();
        assert!(!north.state().turn_is_due());
    };
    due(&|north| {
        assert!(is_done(&north.world.does(3, &Deed::Leave)));
        assert!(!north.state().turn_is_due());
        assert!(is_done(&north.world.commits(0, &World::unseat(3), true)));
    });
    due(&|north| north.done(0, end(1)));
    let public = sealing(1);
    north.done(0, naming(&north, public));
    south.done(0, end(1));
    assert!(south.state().turn_is_due());
    // Who may read nothing knows nothing.
    let mut east = Body::new(2);
    let mut terms = BOTH;
    terms.offering = NOTHING;
    link(&mut north, &mut east, terms);
    north.done(0, end(2));
    assert!(!north.state().turn_is_due());
}

#[test]
fn the_keys_turn_at_the_beat_where_another_body_asks() {
    let (mut north, mut south) = linked(BOTH);
    south.done(0, naming(&south, sealing(5)));
    post(&south, &mut north);
    assert_eq!(north.link(1).live().unwrap().card.sealing[0], 5);
    assert!(!north.state().turn_is_due());
    pass(&mut north.world, 6);
    assert!(!north.state().turn_is_due());
    pass(&mut north.world, 1);
    assert!(north.state().turn_is_due());
    north.turns();
    // Nobody asked since.
    pass(&mut north.world, 8);
    assert!(!north.state().turn_is_due());
}

#[test]
fn so_many_keys_of_a_bulletin_are_remembered() {
    let (mut north, mut south) = linked(BOTH);
    for _ in 0..12 {
        north.turns();
        post_all(&mut north, &mut south);
    }
    let keys = &south.link(1).live().unwrap().keys;
    assert!(keys.iter().map(|(generation, _)| *generation).eq(6..=13));
    assert!(is_void(&south.is_told(&north, reading(13))));
    assert!(!is_void(&south.is_told(&north, reading(20))));
    assert_eq!(south.link(1).live().unwrap().keys.back().unwrap().0, 20);
}

#[test]
fn what_a_lost_device_knew_turns() {
    let mut north = Body::new(0);
    pass(&mut north.world, 30);
    assert!(is_done(&north.world.returns(NEW, "Ben again")));
    for by in [2, 3] {
        assert!(is_done(&north.world.does(by, &recognize(NEW, 1))));
    }
    pass_but(&mut north.world, 1, Some(1));
    assert!(!north.state().root_is_due() && !north.state().turn_is_due());
    assert!(is_done(&north.world.does(0, &replace(1, NEW))));
    assert!(north.state().root_is_due() && north.state().turn_is_due());
    assert_eq!(north.state().root_holders(), [persona(0)]);
    north.roots(0, true);
    north.turns();
    assert!(!north.state().root_is_due() && !north.state().turn_is_due());
}

/// Everything that anybody without a pen of now may put into a bulletin, and what its editor put there.
fn pool(north: &Body, ex: &SignedMasthead) -> Vec<Posted> {
    let last = north.state().between.house().unwrap().last;
    let entries = last.0;
    let mut pool = vec![
        masthead(north),
        Posted::Masthead(ex.clone()),
        Posted::Turned,
        Posted::Fresh(fresh(north, last, 100, 0)),
        Posted::Fresh(fresh(north, (1, [9; 32]), 100, 1)),
    ];
    let mut seized = north.masthead(ex.masthead.editors.clone());
    seized.signature = sign(
        &key(north.pen(0)),
        &SignedMasthead::digest(&seized.masthead).unwrap(),
    );
    pool.push(Posted::Masthead(seized));
    for number in 1..=entries {
        let good = north.published(number, 0);
        let mut stolen = good.clone();
        stolen.entry.item = announcement("Stay away");
        let mut again = old_entry(&good, ex, north);
        again.key = public(north.pen(1));
        again.signature = sign(&key(north.pen(1)), &again.entry.digest(again.masthead).unwrap());
        pool.extend([
            Posted::Entry(north.published(number, 1)),
            Posted::Entry(north.sign_entry(stolen.entry.clone(), 1)),
            Posted::Entry(north.sign_entry(stolen.entry.clone(), 2)),
            Posted::Entry(stolen),
            Posted::Entry(again),
            Posted::Entry(old_entry(&good, ex, north)),
            Posted::Entry(good),
        ]);
    }
    pool
}

/// What a reader took: how many entries from the first on without a gap.
fn read(north: &Body, pool: &[Posted], order: &[usize]) -> Result<(Follower, Vec<[u8; 32]>), TestCaseError> {
    let mut reader = reader(north);
    let mut hashes = Vec::new();
    let mut whole = true;
    for place in order {
        let posted = &pool[place % pool.len()];
        let before = reader.clone();
        match (reader.take(posted), posted) {
            (
                Ok(Taken::Entry {
                    entry,
                    missing,
                    forked,
                }),
                Posted::Entry(signed),
            ) => {
                let allowed = reader.masthead.as_ref().unwrap();
                prop_assert!(allowed.allows(&signed.key, &entry.item));
                let stands = north.state().entry(entry.number).unwrap();
                prop_assert_eq!(&*entry, &stands);
                prop_assert!(before.last.0 == 0 || entry.number == before.last.0 + missing + 1);
                whole &= !forked && entry.number == hashes.len() as u64 + 1;
                if whole {
                    hashes.push(entry.hash().unwrap());
                }
            }
            (Ok(Taken::Entry { .. }), _) => prop_assert!(false),
            (Ok(Taken::Known), _) => {}
            (Ok(Taken::Nothing) | Err(_), _) => prop_assert_eq!(&before, &reader),
        }
        prop_assert!(reader.last.0 >= before.last.0);
        prop_assert_eq!(&reader.masthead, &before.masthead);
    }
    Ok((reader, hashes))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_is_shown_in_whatever_order_readers_never_disagree_on_what_they_read(
        entries in 1u64..6,
        one in prop::collection::vec(any::<usize>(), 1..60),
        other in prop::collection::vec(any::<usize>(), 1..60),
    ) {
        let mut north = published(entries);
        let ex = north.known_masthead();
        hands_on_keys(&mut north, 1);
        north.signs_masthead();
        let pool = pool(&north, &ex);
        let (_, one) = read(&north, &pool, &one)?;
        let (_, other) = read(&north, &pool, &other)?;
        let most = one.len().min(other.len());
        prop_assert_eq!(&one[..most], &other[..most]);
        // In order, all is read, whatever else is shown in between.
        let all: Vec<_> = (0..pool.len()).collect();
        let (reader, hashes) = read(&north, &pool, &all)?;
        prop_assert_eq!(hashes.len() as u64, entries);
        prop_assert_eq!(reader.last, north.state().between.house().unwrap().last);
    }
}
