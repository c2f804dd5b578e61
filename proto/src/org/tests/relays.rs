//! The relays of a body, and its move to one of them.

use super::laws::{is_done, refused};
use super::world::{World, persona};
use crate::id::Position;
use crate::org::act::Deed;
use crate::org::charter::BadCharter;
use crate::org::denied::Denied;
use crate::org::mandate::DAY;
use crate::org::relays::{MOST_ALTERNATES, RelayName};

fn relay(n: usize) -> RelayName {
    RelayName::try_from(format!("caucus://key{n}@relay{n}.example:4433")).unwrap()
}

fn to(n: usize) -> Deed {
    Deed::Relocate {
        relay: relay(n),
        seed: [9; 32],
    }
}

/// A body that may go to the relay 1, with two members besides the founder, of whom the first is the other keyholder.
fn world() -> World {
    let mut world = World::new();
    world.state.genesis.charter.relays.alternates = vec![relay(1)];
    for seed in 1..=3 {
        world.joins(seed);
    }
    world
}

#[test]
fn only_a_keyholder_moves_a_room_and_only_to_a_relay_that_the_charter_names() {
    let mut world = world();
    assert_eq!(world.does(0, &to(2)), refused(Denied::NoAlternate));
    let powerless = Denied::Powerless {
        power: "keys".to_owned(),
    };
    assert_eq!(world.does(3, &to(1)), refused(powerless));
    assert!(is_done(&world.does(1, &to(1))));
}

#[test]
fn a_room_moves_once_a_day() {
    let mut world = world();
    assert!(is_done(&world.does(0, &to(1))));
    assert_eq!(world.does(0, &to(1)), refused(Denied::MovedToday));
    let later = world.state.now().0 + DAY;
    for seed in 0..=3 {
        world.claims_loose(seed, later);
    }
    assert!(is_done(&world.does(0, &to(1))));
}

#[test]
fn a_move_ends_what_leads_to_the_relay_of_before_and_waits_for_whoever_comes_in() {
    let mut world = world();
    let invite = world.invites(0, 2);
    for (seed, name) in [(7, "Person 7"), (8, "Person 8")] {
        assert!(is_done(&world.applies(0, seed, name, invite)));
    }
    let admit = Deed::Admit { persona: persona(7) };
    assert!(is_done(&world.does(0, &admit)));
    assert_eq!(world.does(0, &to(1)), refused(Denied::SomebodyComesIn));
    assert!(is_done(&world.commits(0, &World::seat(7), false)));
    assert!(is_done(&world.does(0, &to(1))));
    assert!(world.state.invites.is_empty());
    assert!(world.state.person(&persona(8)).is_none());
    assert!(
        world
            .state
            .person(&persona(7))
            .is_some_and(|person| person.is_present())
    );
}

#[test]
fn a_move_shows_in_the_state_root_and_changes_nothing_else_of_the_room() {
    let mut world = world();
    let (root, channel) = (world.state.root(), world.state.channel);
    let before = world.state.position;
    assert!(is_done(&world.does(0, &to(1))));
    assert_ne!(world.state.root(), root);
    assert_eq!(
        (world.state.channel, world.state.position),
        (channel, before.next())
    );
    assert!(world.state.position > Position(0));
}

#[test]
fn a_room_goes_on_without_its_relay_only_where_more_than_half_say_that_they_cannot_reach_it() {
    let mut world = World::new();
    for others in 1..=6_u32 {
        world.joins(others);
        let people = others as usize + 1;
        for stranded in 0..=people {
            // Each once, however often they say it; who is not in the room counts for nothing.
            let voices = (0..stranded as u32).chain(0..stranded as u32).chain(50..60);
            let enough = world.state.may_go_on_without(voices.map(persona));
            assert_eq!(enough, stranded * 2 > people, "{stranded} of {people}");
        }
    }
}

#[test]
fn a_charter_names_few_relays_and_each_once() {
    let mut charter = super::world::charter();
    charter.relays.alternates = (0..MOST_ALTERNATES).map(relay).collect();
    assert_eq!(charter.check(), Ok(()));
    charter.relays.alternates.push(relay(9));
    assert_eq!(charter.check(), Err(BadCharter::Alternates));
    let elsewhere = RelayName::try_from("https://relay.example".to_owned()).unwrap();
    for bad in [vec![relay(1), relay(1)], vec![elsewhere]] {
        charter.relays.alternates = bad;
        assert_eq!(charter.check(), Err(BadCharter::Alternates));
    }
}

#[test]
fn two_relays_carry_a_room_together_only_where_the_charter_names_another() {
    let mut charter = super::world::charter();
    charter.relays.together = true;
    assert_eq!(charter.check(), Err(BadCharter::NoneBeside));
    charter.relays.alternates = vec![relay(1)];
    assert_eq!(charter.check(), Ok(()));
}

#[test]
fn what_is_no_address_is_no_relay() {
    let long = format!("caucus://{}", "a".repeat(256));
    for bad in ["", "caucus://a b", "caucus://a\u{1b}[2J", &long] {
        assert!(RelayName::try_from(bad.to_owned()).is_err(), "{bad:?}");
    }
}
