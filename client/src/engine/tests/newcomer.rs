//! Whoever comes in is handed a state and a group by somebody inside, who may lie.

use caucus_proto::codec;
use caucus_proto::envelope::Body;
use caucus_proto::id::Position;
use caucus_proto::org::state::LARGEST_SNAPSHOT;
use caucus_proto::org::{Act, Deed, Office, Power, State, Tally};
use caucus_proto::wire::Flag;

use super::fork;
use super::verdict::five;
use super::world::{Greeting, World};
use crate::engine::follow::invite_number;
use crate::engine::record::{Health, Item, WelcomeRecord};
use crate::mls::tests::forge::{Hand, Shape, welcome_of_ones_own};
use crate::mls::{Group, PersonaKeys};

/// The member of the five who lies; holds no office.
const MAL: usize = 4;

/// Eve was admitted and greeted, and is about to come in; everybody has read everything.
fn before_the_door(world: &mut World) -> (usize, Vec<u8>) {
    let (invite, application) = world.stranger("eve");
    let (eve, package) = (world.people.len() - 1, application.key_package.clone());
    let carried = world
        .room(0)
        .carry(invite_number(&invite), Position(1), Some(application));
    carried.unwrap();
    world.settle();
    world.admit(eve);
    for _ in 0..200 {
        for n in 0..=MAL {
            world.read(n, usize::MAX).unwrap();
            world.step(n).unwrap();
            world.read(n, usize::MAX).unwrap();
            world.jobs(n).unwrap();
        }
        if !world.people[eve].greetings.is_empty() && (0..=MAL).all(|n| world.is_caught_up(n)) {
            return (eve, package);
        }
        world.pass(1_500);
    }
    panic!("nobody was greeted");
}

/// A greeting with a state that somebody bent.
fn bent(greeting: &Greeting, bend: impl FnOnce(&mut State)) -> Greeting {
    let read: Result<(Vec<u8>, Vec<Tally>), _> = codec::decode(&greeting.snapshot, 2 * LARGEST_SNAPSHOT);
    let (state, doubts) = read.unwrap();
    let mut state = State::from_snapshot(&state).unwrap();
    bend(&mut state);
    let given = (state.snapshot().unwrap(), doubts);
    Greeting {
        snapshot: codec::encode(&given, 2 * LARGEST_SNAPSHOT).unwrap(),
        ..greeting.clone()
    }
}

/// The others speak, and everybody ends with one history.
fn all_come_together(world: &mut World, eve: usize) {
    for n in 0..MAL {
        world.say(n, &format!("{n} was here all along"));
    }
    for _ in 0..20 {
        world.settle();
        world.pass(20 * 60 * 1000);
    }
    assert_eq!(world.room(eve).cursor().health, Health::Open);
    assert!(world.say(eve, "now I see"));
    world.settle_attested();
    // Her log keeps what she was told before; from where she was let in anew it is everybody's.
    let since = world.room(eve).record().joined_at;
    let log = world.room(0).log_after(since, usize::MAX).unwrap();
    assert_eq!(world.room(eve).log_after(since, usize::MAX).unwrap(), log);
    assert!(
        log.iter()
            .any(|(_, record)| record.item == Item::Said("now I see".to_owned()))
    );
    for n in 1..MAL {
        assert_eq!(world.room(n).cursor().health, Health::Open);
        assert_eq!(world.room(n).facts(), world.room(0).facts());
    }
    assert_eq!(world.room(eve).facts(), world.room(0).facts());
    assert!(world.room(eve).attested() >= 3);
}

#[test]
fn who_is_let_in_by_a_false_state_is_led_away_no_longer_than_until_others_speak() {
    let mut world = five();
    let mal = world.people[MAL].id();
    let (zoe_invite, zoe) = world.stranger("zoe");
    let carried = world
        .room(0)
        .carry(invite_number(&zoe_invite), Position(1), Some(zoe.clone()));
    carried.unwrap();
    world.settle();
    let (eve, _) = before_the_door(&mut world);
    // In mal's story mal is the caretaker; everything else fits the log.
    let false_state = bent(&world.people[eve].greetings[0], |state| {
        for mandate in &mut state.mandates {
            if mandate.office == Office::Caretaker {
                mandate.holder = mal;
            }
        }
    });
    world.people[eve].greetings = vec![false_state];
    assert!(world.enter(eve).unwrap());
    assert!(world.room(eve).state().holds(&mal, Power::Admit));
    assert_eq!(world.room(eve).attested(), 0, "and the views say so");

    // Mal admits a friend and seats them: only eve can believe it.
    let persona = zoe.persona();
    let at = world.room(MAL).state().position;
    let act = Act::new(world.intent(), at, &Deed::Admit { persona }).unwrap();
    let plain = codec::encode(&act, codec::LIMIT).unwrap();
    let vault = world.room(MAL).vault.clone();
    let overlay = vault.overlay();
    let sealed = world.room(MAL).group().unwrap().seal(&overlay, &plain).unwrap();
    let mut group = Group::load(&overlay, &world.room(MAL).id()).unwrap().unwrap();
    let victim = world.people[0].id();
    let commit = Hand {
        group: &mut group,
        overlay: &overlay,
        persona: &PersonaKeys::from_bytes(&world.people[MAL].key.0),
        applicant: &zoe.key_package,
        victim,
    }
    .forge(Shape::AddsApplicant)
    .remove(0);
    drop(overlay);
    let epoch = world.room(eve).epoch();
    for (flag, message) in [(Flag::Plain, sealed), (Flag::Advance, commit)] {
        let minutes = world.now.minutes;
        let content = world
            .room(MAL)
            .content(Body::Mls(message), minutes, true)
            .unwrap();
        let bytes = fork::sealed(&world, MAL, &content);
        world.channel.force(flag, &bytes);
        for n in [0, 1, 2, 3, eve] {
            world.read(n, usize::MAX).unwrap();
        }
    }
    world.people[MAL].room = None;
    assert_eq!(world.room(eve).epoch(), epoch + 1, "she is led away");
    let at = world.channel.newest();
    for n in 0..MAL {
        assert_eq!(world.room(n).epoch(), epoch, "{n}");
        assert!(matches!(
            world.room(n).log_at(at).unwrap().unwrap().item,
            Item::NoOp(_)
        ));
        assert!(!world.room(n).state().person(&persona).unwrap().is_seated());
    }
    all_come_together(&mut world, eve);
    assert!(!world.room(eve).state().holds(&mal, Power::Admit));
}

#[test]
fn who_is_welcomed_into_a_group_of_the_liars_own_is_let_in_anew_once_others_speak() {
    let mut world = five();
    let (eve, package) = before_the_door(&mut world);
    let (room, maker) = (
        world.room(0).id(),
        PersonaKeys::from_bytes(&world.people[MAL].key.0),
    );
    let own = welcome_of_ones_own(&room, &maker, &package);
    let commit = world.people[eve].greetings[0].commit;
    let welcome = WelcomeRecord {
        welcome: own.welcome.unwrap(),
        tree: own.tree.unwrap(),
        handed: true,
    };
    world.people[eve].welcomes = vec![(commit, welcome)];
    world.people[eve].greetings.truncate(1);
    assert!(world.enter(eve).unwrap());
    world.people[MAL].room = None;
    assert_eq!(world.room(eve).group().unwrap().roster().len(), 2);
    assert_eq!(world.room(eve).attested(), 0, "and the views say so");
    all_come_together(&mut world, eve);
    assert_eq!(world.room(eve).group().unwrap().roster().len(), 6);
}

#[test]
fn a_hundred_welcomes_that_lead_nowhere_burn_no_key_package_and_the_right_one_lets_in() {
    let mut world = five();
    let (_, other) = world.stranger("fay");
    let (eve, _) = before_the_door(&mut world);
    let maker = PersonaKeys::from_bytes(&world.people[MAL].key.0);
    let room = world.room(0).id();
    let foreign = welcome_of_ones_own(&room, &maker, &other.key_package);
    let (greeting, (commit, right)) = (
        world.people[eve].greetings[0].clone(),
        world.people[eve].welcomes[0].clone(),
    );
    assert_eq!(greeting.commit, commit);
    let mut wrong: Vec<WelcomeRecord> = vec![WelcomeRecord {
        welcome: foreign.welcome.unwrap(),
        tree: foreign.tree.unwrap(),
        handed: true,
    }];
    for n in 0..99 {
        let mut bad = right.clone();
        match n % 3 {
            0 => bad.welcome.truncate(bad.welcome.len() * n / 99),
            1 => {
                let at = bad.welcome.len() * n / 99;
                bad.welcome[at] ^= 1;
            }
            _ => {
                let at = bad.tree.len() * n / 99;
                bad.tree[at] ^= 1;
            }
        }
        wrong.push(bad);
    }
    world.people[eve].greetings.truncate(1);
    for (n, bad) in wrong.into_iter().enumerate() {
        world.people[eve].welcomes = vec![(commit, bad)];
        assert!(!world.enter(eve).unwrap(), "{n}");
        assert!(world.people[eve].room.is_none());
    }
    world.people[eve].welcomes = vec![(commit, right)];
    assert!(world.enter(eve).unwrap());
    world.settle_attested();
    world.check();
}
