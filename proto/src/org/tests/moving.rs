//! Links of a body that goes to another relay: what it publishes goes on there, and those who write to it are told where.

use super::bodies::{
    BOTH, Body, announcement, is_void, issue, link, naming, post, post_all, powerless, raise, sealing, secret,
};
use super::laws::refused;
use crate::id::{ChannelId, Position};
use crate::org::between::{End, House, LinkStep as Step, Out, Peer, Raise, Reading, Says, WAITING_LETTERS};
use crate::org::denied::Denied;
use crate::org::relays::{MOST_ALTERNATES, RelayName};

fn relay(n: usize) -> RelayName {
    RelayName::try_from(format!("caucus://key{n}@relay{n}.example:4433")).unwrap()
}

/// A body that may go to these relays.
fn may_go(number: u32, relays: &[usize]) -> Body {
    Body::with(number, |charter| {
        charter.relays.alternates = relays.iter().map(|n| relay(*n)).collect();
    })
}

/// North and South, linked; each has read all that the other wrote.
fn two(north: &[usize], south: &[usize]) -> (Body, Body) {
    let (mut north, mut south) = (may_go(0, north), may_go(1, south));
    link(&mut north, &mut south, BOTH);
    post_all(&mut north, &mut south);
    (north, south)
}

/// The bulletin goes on at a relay, in this channel.
fn moving(body: &Body, to: &RelayName, channel: u8) -> Step {
    let generation = body.generation() + 1;
    let reading = Reading {
        relay: to.to_string(),
        channel: ChannelId([channel; 32]),
        generation,
        secret: secret(generation.to_le_bytes()[0]),
    };
    Step::Move {
        reading: Box::new(reading),
        publishing: secret(60),
    }
}

/// The bulletin's keys turn, at this relay, in this channel.
fn turning_at(generation: u32, relay: &str, channel: u8) -> Step {
    let reading = Reading {
        relay: relay.to_owned(),
        channel: ChannelId([channel; 32]),
        generation,
        secret: secret(generation.to_le_bytes()[0]),
    };
    Step::Turn {
        reading: Box::new(reading),
        publishing: secret(60),
    }
}

fn house(body: &Body) -> &House {
    body.state().between.house().unwrap()
}

/// The other body of its first link.
fn peer(body: &Body) -> &Peer {
    body.link(1).live().unwrap()
}

#[test]
fn a_body_that_moved_publishes_on_where_it_was_and_tells_where_letters_are_dropped_now() {
    let (mut north, mut south) = two(&[1], &[]);
    north.done(0, issue(announcement("Before"), &[]));
    let last = house(&north).last;
    north.done(1, moving(&north, &relay(1), 70));
    assert_eq!((house(&north).last, &house(&north).site), (last, &Some(relay(1))));
    // The drop follows from the one that the link was made with, so that stays written down.
    assert_eq!(
        (&north.link(1).ours, &north.link(1).site),
        (&north.end(), &Some(relay(1)))
    );
    assert_eq!(
        (peer(&south).relay(), &peer(&south).site),
        ("relay.example", &None)
    );
    post_all(&mut north, &mut south);
    let known = peer(&south);
    assert_eq!((known.relay(), &known.site), (relay(1).as_str(), &Some(relay(1))));
    let reading = known.card.bulletin.as_ref().unwrap();
    assert_eq!(
        (reading.relay.as_str(), reading.channel, reading.generation),
        (relay(1).as_str(), ChannelId([70; 32]), 2)
    );
    assert_eq!(known.keys.back().unwrap(), &(2, secret(2)));
    assert!(north.link(1).out.is_empty() && south.link(1).site.is_none());
    // Both ways as before, in numbers that go on.
    north.done(0, issue(announcement("After"), &[]));
    let entry = north.state().entry(2).unwrap();
    assert_eq!((entry.previous, house(&north).last.0), (last.1, 2));
    south.done(0, raise(Raise::Question, "Where?"));
    north.done(0, raise(Raise::Question, "When?"));
    post_all(&mut south, &mut north);
    assert_eq!(north.state().between.raised.len(), 2);
    assert_eq!(south.state().between.raised.len(), 2);
}

#[test]
fn links_are_moved_by_holders_of_link_to_a_relay_of_the_charter_in_a_channel_of_its_own() {
    let (mut north, _) = two(&[1], &[]);
    let good = moving(&north, &relay(1), 70);
    assert_eq!(north.step(2, good.clone()), refused(powerless("link")));
    let unnamed = moving(&north, &relay(2), 70);
    assert_eq!(north.step(0, unnamed), refused(Denied::NoAlternate));
    let same = moving(&north, &relay(1), 50);
    assert_eq!(north.step(0, same), refused(Denied::Malformed));
    for change in [
        |reading: &mut Reading| reading.generation += 1,
        |reading: &mut Reading| reading.generation -= 1,
        |reading: &mut Reading| reading.relay = "relay.example".to_owned(),
    ] {
        let mut step = good.clone();
        let Step::Move { reading, .. } = &mut step else {
            panic!()
        };
        change(reading);
        assert_eq!(north.step(0, step), refused(Denied::Repeated));
    }
    north.done(0, good.clone());
    assert_eq!(north.step(1, good), refused(Denied::Repeated));
    assert_eq!(
        north.step(1, moving(&north, &relay(1), 71)),
        refused(Denied::Repeated)
    );
    // Keys turn where the bulletin lies, and nowhere else: not in another channel, and not at a relay of somebody's choice.
    assert_eq!(north.step(0, north.turning(3)), refused(Denied::Malformed));
    assert_eq!(
        north.step(0, turning_at(3, "relay.example", 70)),
        refused(Denied::Malformed)
    );
    assert_eq!(
        north.step(0, turning_at(3, relay(2).as_str(), 70)),
        refused(Denied::Malformed)
    );
    north.done(0, turning_at(3, relay(1).as_str(), 70));
    let mut alone = Body::alone(2, |charter| charter.relays.alternates = vec![relay(1)]);
    let Step::Move {
        mut reading,
        publishing,
    } = moving(&north, &relay(1), 70)
    else {
        panic!()
    };
    reading.generation = 1;
    let first = Step::Move { reading, publishing };
    assert_eq!(alone.step(0, first.clone()), refused(Denied::NoRoot));
    alone.roots(0, true);
    alone.done(0, naming(&alone, sealing(1)));
    assert_eq!(alone.step(0, first), refused(Denied::NoBulletin));
}

#[test]
fn a_link_that_begins_after_the_move_lies_where_the_body_is_also_where_it_was_offered_before() {
    let (mut north, mut south) = (may_go(0, &[1]), Body::new(1));
    let offer = north.offers(BOTH);
    north.done(0, moving(&north, &relay(1), 70));
    // Whoever accepts it writes where the offer says.
    assert!(north.link(1).site.is_none());
    south.accepts(&offer);
    assert!(south.link(1).site.is_none());
    post(&south, &mut north);
    assert_eq!(north.link(1).site, Some(relay(1)));
    post_all(&mut north, &mut south);
    assert_eq!(
        (&peer(&south).site, &peer(&south).alternates),
        (&Some(relay(1)), &vec![relay(1)])
    );
    // One that is made there needs no other drop.
    let mut east = Body::new(2);
    let offer = east.offers(BOTH);
    let ours = End {
        relay: relay(1).to_string(),
        ..north.end()
    };
    north.done(
        0,
        Step::Accept {
            signed: Box::new(offer),
            ours: Box::new(ours),
        },
    );
    assert!(north.link(2).live().is_some() && north.link(2).site.is_none());
}

#[test]
fn a_body_that_comes_back_to_its_first_relay_is_found_in_a_drop_that_can_be_made_anew() {
    let (mut north, mut south) = two(&[1, 2], &[]);
    for (to, channel) in [(1, 71), (2, 72), (1, 73)] {
        north.done(0, moving(&north, &relay(to), channel));
    }
    post_all(&mut north, &mut south);
    assert_eq!(peer(&south).site, Some(relay(1)));
    let reading = peer(&south).card.bulletin.as_ref().unwrap();
    assert_eq!((reading.channel, reading.generation), (ChannelId([73; 32]), 4));
}

#[test]
fn each_side_knows_from_the_beginning_where_the_other_may_go_and_hears_of_it_when_that_changes() {
    let (mut north, mut south) = two(&[1, 2], &[3]);
    assert_eq!(peer(&south).alternates, [relay(1), relay(2)]);
    assert_eq!(peer(&north).alternates, [relay(3)]);
    assert!(peer(&south).site.is_none() && peer(&north).site.is_none());
    let mut charter = north.state().charter().clone();
    charter.relays.alternates = vec![relay(4)];
    north.world.state.set_charter(&charter, Position(0));
    assert_eq!(north.link(1).out.len(), 1);
    post_all(&mut north, &mut south);
    assert_eq!(peer(&south).alternates, [relay(4)]);
    // Another rule is none of the other body's business.
    charter.polls.grace += 1;
    north.world.state.set_charter(&charter, Position(0));
    assert!(north.link(1).out.is_empty());
}

#[test]
fn where_a_body_is_only_its_own_root_key_says_and_what_waits_of_it_has_bounds() {
    let (mut north, south) = two(&[1], &[]);
    let east = may_go(2, &[]);
    let elsewhere = || Says::Place {
        relay: Some(relay(9)),
        alternates: Vec::new(),
    };
    let forged = east.sign_letter(south.next_letter(&north, elsewhere()), 1);
    assert_eq!(north.hears(&south, &forged), refused(Denied::NotSigned));
    assert!(peer(&north).site.is_none());
    assert!(!is_void(&north.is_told(&south, elsewhere())));
    assert_eq!(peer(&north).site, Some(relay(9)));
    // A body that sleeps while another changes its charter again and again hears of the last one.
    let mut charter = north.state().charter().clone();
    for n in 0..4 * WAITING_LETTERS {
        charter.relays.alternates = vec![relay(2 + n % 2)];
        north.world.state.set_charter(&charter, Position(0));
    }
    let link = north.link(1);
    assert!(link.out.len() <= 2 * WAITING_LETTERS);
    assert_eq!(link.again, [Out::Place]);
}

#[test]
fn whoever_names_what_no_charter_may_is_not_believed_and_blocks_nothing() {
    let (mut north, south) = two(&[], &[]);
    let places = |most: usize| Says::Place {
        relay: Some(relay(9)),
        alternates: (0..most).map(relay).collect(),
    };
    let elsewhere = RelayName::try_from("https://relay.example".to_owned()).unwrap();
    for says in [
        places(MOST_ALTERNATES + 1),
        Says::Place {
            relay: Some(elsewhere.clone()),
            alternates: Vec::new(),
        },
        Says::Place {
            relay: None,
            alternates: vec![elsewhere],
        },
        Says::Place {
            relay: None,
            alternates: vec![relay(1), relay(1)],
        },
    ] {
        assert!(is_void(&north.is_told(&south, says)));
    }
    assert!(peer(&north).site.is_none() && peer(&north).alternates.is_empty());
    assert!(!is_void(&north.is_told(&south, places(MOST_ALTERNATES))));
    assert_eq!(peer(&north).site, Some(relay(9)));
    assert_eq!(peer(&north).alternates.len(), MOST_ALTERNATES);
}
