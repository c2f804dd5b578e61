//! A successor: the same room in another channel, which each person follows or does not.

use super::laws::{is_done, refused};
use super::world::{World, application, intent, persona, public};
use crate::id::{ChannelId, Counter, Minutes, Nonce, PersonaId, Position};
use crate::org::act::{CommitOps, Deed, SeatAdded};
use crate::org::application::key_package_hash;
use crate::org::apply::{Input, Outcome};
use crate::org::denied::Denied;
use crate::org::notice::{Notice, NoticeKind, SignedNotice};
use crate::org::person::Standing;
use crate::org::sign::Signature;
use crate::org::state::State;

const NEXT: ChannelId = ChannelId([77; 32]);

const PACKAGE: [u8; 3] = [7, 8, 9];

const NEW_LEAF: [u8; 32] = [33; 32];

const CONTROL: [u8; 32] = [44; 32];

fn asks(author: PersonaId, channel: ChannelId, asked: u64) -> SignedNotice {
    SignedNotice {
        author,
        notice: Notice {
            kind: NoticeKind::Follow {
                channel,
                asked: Minutes(asked),
                key_package: PACKAGE.to_vec(),
                reply: application(0, "x", intent(0)).reply,
            },
            nonce: Nonce([0; 16]),
        },
        signature: Signature::from([0; 64]),
    }
}

fn adding(seed: u32) -> CommitOps {
    CommitOps {
        adds: vec![SeatAdded {
            persona: persona(seed),
            key_package: key_package_hash(&PACKAGE),
            leaf: NEW_LEAF,
            key: public(seed),
        }],
        ..CommitOps::default()
    }
}

impl World {
    fn carries(&mut self, by: u32, notice: &SignedNotice) -> Outcome {
        let at = self.at(false, false);
        let author = Some((persona(by), Minutes(self.time)));
        self.state.apply(at, author, &Input::Notice(notice))
    }

    /// `by` carries in what somebody asked for in the channel before, when they had read so far.
    fn carries_renewal(&mut self, by: u32, of: u32, read: Position) -> Outcome {
        let mut notice = asks(persona(of), NEXT, 0);
        notice.notice.kind = NoticeKind::Renewal {
            read,
            counter: Counter(0),
            key_package: PACKAGE.to_vec(),
            reply: application(0, "x", intent(0)).reply,
        };
        self.carries(by, &notice)
    }

    /// Three people; Ana, who founded it, goes on in another channel.
    fn succeeded() -> (State, Self) {
        let mut world = Self::new();
        world.joins(1);
        world.joins(2);
        let before = world.state.clone();
        world.state = before
            .succeed(&persona(0), NEXT, CONTROL)
            .expect("a keyholder may");
        (before, world)
    }
}

#[test]
fn everybody_keeps_their_place_and_whoever_has_not_followed_has_no_voice() {
    let (before, mut world) = World::succeeded();
    assert_eq!(world.state.genesis, before.genesis);
    assert_eq!(world.state.position, before.position);
    assert_ne!(world.state.root(), before.root());
    assert_eq!(world.state.in_order(), [persona(0)]);
    assert!(world.state.person(&persona(1)).unwrap().is_awaited());
    assert!(!is_done(&world.says(1)));
    assert!(is_done(&world.says(0)));
    assert_eq!(world.state.people.len(), before.people.len());
}

#[test]
fn one_follows_and_is_back_in_their_place_and_one_who_does_not_is_not_counted() {
    let (before, mut world) = World::succeeded();
    let asked = world.time;
    assert!(is_done(&world.carries(0, &asks(persona(1), NEXT, asked))));
    assert_eq!(world.state.unexecuted().count(), 1);
    assert!(is_done(&world.commits(0, &adding(1), false)));
    assert!(is_done(&world.says(1)));
    assert_eq!(world.state.in_order(), [persona(0), persona(1)]);
    assert_eq!(world.state.keyholders(), before.keyholders());
    assert_eq!(world.state.present().count(), 2);
    let snapshot = world.state.snapshot().unwrap();
    assert_eq!(
        State::from_snapshot(&snapshot).unwrap().root(),
        world.state.root()
    );
    // The key package is used up.
    assert!(!is_done(&world.commits(0, &adding(1), false)));
}

#[test]
fn what_somebody_asked_for_in_the_channel_before_renews_nobody_in_the_next() {
    let (before, mut world) = World::succeeded();
    let asked = world.time;
    assert!(is_done(&world.carries(0, &asks(persona(1), NEXT, asked))));
    assert!(is_done(&world.commits(0, &adding(1), false)));
    assert!(is_done(&world.says(1)));
    for of in [0, 1] {
        assert_eq!(
            world.carries_renewal(1 - of, of, before.position),
            refused(Denied::RenewedSince)
        );
        let now = world.state.position;
        assert!(is_done(&world.carries_renewal(1 - of, of, now)));
    }
}

#[test]
fn only_their_own_request_for_this_very_channel_brings_somebody_in() {
    let (_, mut world) = World::succeeded();
    let asked = world.time;
    assert_eq!(world.commits(0, &adding(1), false), refused(Denied::NoRenewal));
    assert_eq!(
        world.carries(0, &asks(persona(1), ChannelId([7; 32]), asked)),
        refused(Denied::AnotherChannel)
    );
    assert_eq!(
        world.carries(0, &asks(persona(9), NEXT, asked)),
        refused(Denied::NotPresent)
    );
    assert!(is_done(&world.carries(0, &asks(persona(1), NEXT, asked))));
    // An older one takes no newer one's place.
    assert_eq!(
        world.carries(0, &asks(persona(1), NEXT, asked - 1)),
        refused(Denied::Repeated)
    );
    assert_eq!(world.commits(0, &adding(2), false), refused(Denied::NoRenewal));
}

#[test]
fn who_is_no_keyholder_makes_no_successor_and_in_one_the_same_people_may() {
    let (before, world) = World::succeeded();
    assert_eq!(
        before.succeed(&persona(2), NEXT, CONTROL),
        Err(Denied::NoKeyholder)
    );
    assert_eq!(
        before.succeed(&persona(8), NEXT, CONTROL),
        Err(Denied::NotPresent)
    );
    for seed in [0, 1, 2, 8] {
        let may = before.may_succeed(&persona(seed));
        assert_eq!(world.state.may_succeed(&persona(seed)), may, "{seed}");
    }
}

#[test]
fn who_was_going_is_out_of_it_with_their_keys_and_invites_and_requests_end() {
    let mut world = World::new();
    world.joins(1);
    world.joins(2);
    let remove = Deed::Remove {
        persona: persona(2),
        reason: String::new(),
    };
    assert!(is_done(&world.does(0, &remove)));
    let invite = world.invites(0, 2);
    assert!(is_done(&world.applies(0, 5, "Eve", invite)));
    let next = world.state.succeed(&persona(1), NEXT, CONTROL).unwrap();
    assert!(matches!(
        next.person(&persona(2)).unwrap().standing,
        Standing::Gone { uncut: false, .. }
    ));
    assert!(next.person(&persona(5)).is_none());
    assert!(next.invites.is_empty());
    assert!(!next.is_uncut());
    assert_eq!(next.person(&persona(1)).unwrap().control, Some(CONTROL));
    assert_eq!(next.person(&persona(0)).unwrap().control, None);
}

#[test]
fn who_is_awaited_can_be_removed_and_can_then_not_follow() {
    let (_, mut world) = World::succeeded();
    let remove = Deed::Remove {
        persona: persona(2),
        reason: String::new(),
    };
    assert!(is_done(&world.does(0, &remove)));
    assert_eq!(world.state.unexecuted().count(), 0);
    let asked = world.time;
    assert_eq!(
        world.carries(0, &asks(persona(2), NEXT, asked)),
        refused(Denied::NotPresent)
    );
}

#[test]
fn whoever_follows_sees_that_people_and_places_are_what_they_were() {
    let (before, mut world) = World::succeeded();
    let kept = before.position;
    assert!(world.state.carries_on(&before, kept));
    let asked = world.time;
    assert!(is_done(&world.carries(0, &asks(persona(1), NEXT, asked))));
    assert!(is_done(&world.commits(0, &adding(1), false)));
    world.joins(7);
    assert!(world.state.carries_on(&before, kept));

    let since = |state: &mut State, seed: u32, to: Position| {
        let person = state.people.get_mut(&persona(seed)).unwrap();
        person.standing = Standing::Present { since: to };
    };
    let mut moved = world.state.clone();
    since(&mut moved, 1, Position(0));
    assert!(!moved.carries_on(&before, kept), "an earlier place");
    let mut slipped = world.state.clone();
    since(&mut slipped, 7, Position(1));
    assert!(!slipped.carries_on(&before, kept), "a stranger among the first");
    let mut short = world.state.clone();
    short.people.remove(&persona(2));
    assert!(!short.carries_on(&before, kept), "somebody left out");
    let mut stolen = world.state.clone();
    let key = stolen.person(&persona(0)).unwrap().key;
    stolen.people.get_mut(&persona(1)).unwrap().key = key;
    assert!(!stolen.carries_on(&before, kept), "another key");
}

#[test]
fn who_read_that_somebody_is_out_follows_nobody_who_brings_them_back_unless_the_successor_began_before() {
    let mut world = World::new();
    world.joins(1);
    world.joins(2);
    let early = world.state.succeed(&persona(0), NEXT, CONTROL).unwrap();
    let remove = Deed::Remove {
        persona: persona(2),
        reason: String::new(),
    };
    let kept = world.position();
    assert!(is_done(&world.does(0, &remove)));
    assert!(is_done(&world.commits(0, &World::unseat(2), true)));
    assert!(early.carries_on(&world.state, kept));
    assert!(!early.carries_on(&world.state, world.position()));
}
