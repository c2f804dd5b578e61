//! Renewal: who lost their state is added anew, and nobody is put out by it.

use super::laws::{is_done, refused};
use super::world::{LEAF, World, application, intent, persona, public};
use crate::id::{Counter, Minutes, Nonce, PersonaId, Position};
use crate::org::act::{CommitOps, Deed, SeatAdded, SeatKept};
use crate::org::application::key_package_hash;
use crate::org::apply::{Input, Outcome};
use crate::org::denied::Denied;
use crate::org::notice::{Notice, NoticeKind, SignedNotice};
use crate::org::person::OLDER_LEAVES;
use crate::org::sign::Signature;

const PACKAGE: [u8; 3] = [7, 8, 9];

const NEW_LEAF: [u8; 32] = [33; 32];

fn request(author: PersonaId, read: Position, package: &[u8]) -> SignedNotice {
    SignedNotice {
        author,
        notice: Notice {
            kind: NoticeKind::Renewal {
                read,
                counter: Counter(0),
                key_package: package.to_vec(),
                reply: application(0, "x", intent(0)).reply,
            },
            nonce: Nonce([0; 16]),
        },
        signature: Signature::from([0; 64]),
    }
}

fn renewing(seed: u32, package: &[u8]) -> CommitOps {
    CommitOps {
        adds: vec![SeatAdded {
            persona: persona(seed),
            key_package: key_package_hash(package),
            leaf: NEW_LEAF,
            key: public(seed),
        }],
        ..CommitOps::default()
    }
}

/// Removes whatever leaf somebody had before this one.
fn keeping(seed: u32, leaf: [u8; 32]) -> CommitOps {
    CommitOps {
        older: vec![SeatKept {
            persona: persona(seed),
            leaf,
        }],
        path: Some(public(0)),
        ..CommitOps::default()
    }
}

impl World {
    /// `by` posts a request that somebody signed.
    fn posts(&mut self, by: u32, request: &SignedNotice) -> Outcome {
        let at = self.at(false, false);
        let author = Some((persona(by), Minutes(self.time)));
        self.state.apply(at, author, &Input::Notice(request))
    }

    fn asks(&mut self, seed: u32, read: Position) -> Outcome {
        self.posts(seed, &request(persona(seed), read, &PACKAGE))
    }
}

#[test]
fn whoever_asks_is_renewed_by_anybody_and_keeps_office_and_place() {
    let mut world = World::new();
    world.joins(1);
    world.joins(2);
    let before = world.state.keyholders();
    let here = world.position();
    assert!(is_done(&world.asks(0, here)));
    assert_eq!(world.state.unexecuted().count(), 1);
    assert!(is_done(&world.commits(2, &renewing(0, &PACKAGE), false)));
    assert_eq!(world.state.keyholders(), before);
    // Once is all that it is good for.
    assert_eq!(
        world.commits(2, &renewing(0, &PACKAGE), false),
        refused(Denied::NoRenewal)
    );
}

#[test]
fn without_a_request_of_their_own_nobody_is_renewed() {
    let mut world = World::new();
    world.joins(1);
    world.joins(2);
    assert_eq!(
        world.commits(2, &renewing(1, &PACKAGE), false),
        refused(Denied::NoRenewal)
    );
    // By another key package than the one that was asked for.
    let here = world.position();
    assert!(is_done(&world.asks(1, here)));
    assert_eq!(
        world.commits(2, &renewing(1, &[1]), false),
        refused(Denied::NoRenewal)
    );
    // A removal is none, with or without an addition.
    let mut removal = renewing(1, &PACKAGE);
    removal.path = Some(public(0));
    removal.removes.push(persona(1));
    assert_eq!(
        world.commits(2, &removal, false),
        refused(Denied::RemovesUnremoved)
    );
    removal.adds.clear();
    assert_eq!(
        world.commits(2, &removal, false),
        refused(Denied::RemovesUnremoved)
    );
    let mut twice = renewing(1, &PACKAGE);
    twice.adds.extend(twice.adds.clone());
    assert_eq!(world.commits(2, &twice, false), refused(Denied::OddCommit));
}

#[test]
fn the_older_leaf_goes_after_the_new_one_came_and_never_the_new_one() {
    let mut world = World::new();
    world.joins(1);
    world.joins(2);
    assert_eq!(
        world.commits(0, &keeping(1, LEAF), false),
        refused(Denied::RemovesUnremoved)
    );
    let here = world.position();
    assert!(is_done(&world.asks(1, here)));
    // Without a path it is the same for all: nobody can be lied to about who is back.
    assert!(is_done(&world.commits(2, &renewing(1, &PACKAGE), false)));
    assert_eq!(world.state.unexecuted().count(), 1);
    assert_eq!(
        world.commits(0, &keeping(1, LEAF), false),
        refused(Denied::RemovesUnremoved)
    );
    let mut pathless = keeping(1, NEW_LEAF);
    pathless.path = None;
    assert_eq!(world.commits(0, &pathless, false), refused(Denied::OddCommit));
    assert!(is_done(&world.commits(0, &keeping(1, NEW_LEAF), false)));
    assert_eq!(world.state.unexecuted().count(), 0);
    assert_eq!(
        world.commits(0, &keeping(1, NEW_LEAF), false),
        refused(Denied::RemovesUnremoved)
    );
}

#[test]
fn whoever_loses_their_state_again_and_again_waits_for_the_older_leaves_to_go() {
    let mut world = World::new();
    world.joins(1);
    for _ in 0..OLDER_LEAVES {
        let here = world.position();
        assert!(is_done(&world.asks(1, here)));
        assert!(is_done(&world.commits(0, &renewing(1, &PACKAGE), false)));
    }
    let here = world.position();
    assert!(is_done(&world.asks(1, here)));
    assert_eq!(
        world.commits(0, &renewing(1, &PACKAGE), false),
        refused(Denied::NoRenewal)
    );
    assert!(is_done(&world.commits(0, &keeping(1, NEW_LEAF), false)));
    assert!(is_done(&world.commits(0, &renewing(1, &PACKAGE), false)));
}

#[test]
fn an_old_request_that_somebody_carries_in_late_evicts_nobody() {
    let mut world = World::new();
    world.joins(1);
    world.joins(2);
    let old = request(persona(1), world.position(), &[1]);
    assert!(is_done(&world.posts(1, &old)));
    assert!(is_done(&world.commits(0, &renewing(1, &[1]), false)));
    // Renewed since: it is of no use any more, whoever brings it.
    assert_eq!(world.posts(2, &old), refused(Denied::RenewedSince));
    // A newer request waits: an older one does not take its place.
    let older = request(persona(1), world.position(), &[2]);
    world.says(0);
    let here = world.position();
    assert!(is_done(&world.posts(1, &request(persona(1), here, &[3]))));
    assert_eq!(world.posts(2, &older), refused(Denied::Repeated));
    assert!(is_done(&world.commits(2, &renewing(1, &[3]), false)));
}

#[test]
fn whoever_speaks_takes_the_request_back() {
    let mut world = World::new();
    world.joins(1);
    let here = world.position();
    let asked = request(persona(1), here, &PACKAGE);
    assert!(is_done(&world.posts(1, &asked)));
    assert!(is_done(&world.says(1)));
    assert_eq!(
        world.commits(0, &renewing(1, &PACKAGE), false),
        refused(Denied::NoRenewal)
    );
    // And so does a removal.
    assert!(is_done(&world.posts(0, &asked)));
    world.does(
        0,
        &Deed::Remove {
            persona: persona(1),
            reason: String::new(),
        },
    );
    assert_eq!(
        world.commits(0, &renewing(1, &PACKAGE), false),
        refused(Denied::AddsUnadmitted)
    );
    assert!(is_done(&world.commits(0, &World::unseat(1), false)));
    assert_eq!(world.posts(0, &asked), refused(Denied::NotPresent));
}

#[test]
fn a_live_leaf_is_not_renewed_without_a_compared_code() {
    let mut world = World::new();
    world.joins(1);
    world.joins(2);
    let read = world.position();
    world.says(1);
    assert!(is_done(&world.asks(1, read)));
    assert_eq!(
        world.commits(0, &renewing(1, &PACKAGE), false),
        refused(Denied::NoRenewal)
    );
    let allow = |package: &[u8]| Deed::Renew {
        persona: persona(1),
        key_package: key_package_hash(package),
    };
    assert!(matches!(
        world.does(2, &allow(&PACKAGE)),
        Outcome::NoOp(Denied::Powerless { .. })
    ));
    assert_eq!(world.does(1, &allow(&PACKAGE)), refused(Denied::Oneself));
    // That was the persona itself, speaking: the request is gone.
    assert_eq!(world.does(0, &allow(&PACKAGE)), refused(Denied::NoRenewal));
    assert!(is_done(&world.asks(1, read)));
    assert_eq!(world.does(0, &allow(&[1])), refused(Denied::NoRenewal));
    assert!(is_done(&world.does(0, &allow(&PACKAGE))));
    assert!(is_done(&world.commits(2, &renewing(1, &PACKAGE), false)));
}

#[test]
fn a_request_names_what_its_author_can_have_read() {
    let mut world = World::new();
    world.joins(1);
    let here = world.position();
    assert_eq!(world.asks(1, here.next()), refused(Denied::FromTheFuture));
    assert_eq!(world.asks(1, Position(1)), refused(Denied::RenewedSince));
    assert!(is_done(&world.asks(1, world.position())));
}
