//! Coming back after a loss, and another key: two recognize, a day passes, one may be away (`world::charter`).

use super::belonging::{body, pass, pass_but};
use super::laws::{is_done, refused};
use super::world::{LEAF, World, application, encoded, intent, key, persona, public};
use crate::id::{ChannelId, IntentId, Minutes, PersonaId, Position};
use crate::org::act::{CommitOps, Deed, SeatAdded, SeatKept};
use crate::org::application::Application;
use crate::org::apply::{Input, Outcome};
use crate::org::denied::{Denied, WantedStanding};
use crate::org::effect::Effect;
use crate::org::name::Name;
use crate::org::person::{Person, Standing};
use crate::org::power::Power;
use crate::org::replace::rekey_digest;
use crate::org::sphere::Sphere;
use crate::org::state::State;
use ed25519_dalek::Signer;

const NEW_LEAF: [u8; 32] = [33; 32];

/// The new device of whoever lost everything.
pub(super) const NEW: u32 = 70;

/// Whoever has nothing to come back to.
const MAL: u32 = 71;

fn claiming(seed: u32, name: &str, claims: &str, invite: IntentId) -> Application {
    let mut application = application(seed, name, invite);
    application.claims = Some(Name::new(claims).unwrap());
    application.signature = key(seed).sign(&application.digest()).to_bytes().into();
    application
}

pub(super) fn recognize(applicant: u32, seed: u32) -> Deed {
    Deed::Recognize {
        applicant: persona(applicant),
        persona: persona(seed),
    }
}

pub(super) fn replace(seed: u32, applicant: u32) -> Deed {
    Deed::Replace {
        persona: persona(seed),
        applicant: persona(applicant),
    }
}

fn rekey(state: &State, seed: u32, new: u32, signer: u32) -> Deed {
    let old = state.person(&persona(seed)).unwrap().key;
    let digest = rekey_digest(&state.room(), &persona(seed), &old, &public(new));
    Deed::Rekey {
        key: public(new),
        proof: key(signer).sign(&digest).to_bytes().into(),
    }
}

/// The commit that adds the new device's leaf to a persona.
fn adding(seed: u32, applicant: u32) -> CommitOps {
    CommitOps {
        adds: vec![SeatAdded {
            persona: persona(seed),
            key_package: application(applicant, "x", intent(0)).key_package_hash(),
            leaf: NEW_LEAF,
            key: public(applicant),
        }],
        ..CommitOps::default()
    }
}

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
    fn person(&self, seed: u32) -> &Person {
        self.state.person(&persona(seed)).unwrap()
    }

    /// Person 1, who was here for a month, says by a new device that they lost everything.
    pub(super) fn returns(&mut self, applicant: u32, name: &str) -> Outcome {
        let invite = self.invites(0, 5);
        let application = encoded(&claiming(applicant, name, "person 1", invite));
        self.does(0, &Deed::Apply { application })
    }

    /// Ana and so many others, who have all been here for a month.
    fn settled(people: u32) -> Self {
        let mut world = body(people);
        pass(&mut world, 30);
        world
    }
}

#[test]
fn whoever_lost_everything_comes_back_as_the_same_person_with_office_and_place() {
    let mut world = World::settled(6);
    assert!(world.state.keyholders().contains(&persona(1)));
    let mut before = world.person(1).clone();
    assert!(is_done(&world.returns(NEW, "Ben again")));
    assert_eq!(world.person(NEW).claims.unwrap().persona, persona(1));
    assert!(is_done(&world.does(2, &recognize(NEW, 1))));
    assert!(is_done(&world.does(3, &recognize(NEW, 1))));
    pass_but(&mut world, 1, Some(1));
    let here = world.position().next();
    assert!(is_done(&world.does(0, &replace(1, NEW))));

    let after = world.person(1).clone();
    assert_eq!(after.key, public(NEW));
    assert_eq!(after.former, [public(1)]);
    assert!(after.lost && after.control.is_none() && after.leaf.is_none());
    assert!(world.state.person(&persona(NEW)).is_none());
    // Everything else is as it was.
    before.key = after.key;
    before.former.clone_from(&after.former);
    before.rekeyed = here;
    (before.control, before.leaf, before.lost) = (None, None, true);
    before.claimed = after.claimed;
    before.wants.clone_from(&after.wants);
    assert_eq!(before, after);
    assert!(world.state.keyholders().contains(&persona(1)));
    assert_eq!(world.state.bearer(&public(NEW)), Some(persona(1)));
    assert_eq!(world.state.bearers().get(&persona(NEW)), Some(&persona(1)));

    // It is a renewal from here on: anybody adds the leaf, and then the older ones go.
    assert_eq!(
        world.commits(4, &keeping(1, LEAF), false),
        refused(Denied::RemovesUnremoved)
    );
    assert!(is_done(&world.commits(4, &adding(1, NEW), false)));
    assert_eq!(world.person(1).leaf, Some(NEW_LEAF));
    assert!(!world.state.is_uncut());
    // While the lost leaf is there, the key that certified it still says whose it is.
    let refresh = CommitOps {
        path: Some(public(NEW)),
        ..CommitOps::default()
    };
    assert!(is_done(&world.commits_as(1, &refresh, false)));
    assert_eq!(world.person(1).former, [public(1)]);
    assert!(is_done(&world.commits(4, &keeping(1, NEW_LEAF), false)));
    assert!(world.state.is_uncut());
    assert!(is_done(&world.commits_as(1, &refresh, true)));
    assert!(!world.state.is_uncut() && world.person(1).former.is_empty());
    assert!(is_done(&world.says(1)));
}

#[test]
fn one_voucher_is_not_enough_and_neither_whom_it_is_about_nor_who_decides_counts() {
    let mut world = World::settled(6);
    assert!(is_done(&world.returns(NEW, "Ben again")));
    assert!(is_done(&world.does(2, &recognize(NEW, 1))));
    assert!(is_done(&world.does(0, &recognize(NEW, 1))));
    assert_eq!(world.does(2, &recognize(NEW, 1)), refused(Denied::Repeated));
    pass_but(&mut world, 1, Some(1));
    assert_eq!(
        world.does(0, &replace(1, NEW)),
        refused(Denied::Vouches { needed: 2, have: 1 })
    );
    // Who is under review does not count.
    assert!(is_done(&world.does(3, &recognize(NEW, 1))));
    let suspend = Deed::Suspend {
        persona: persona(3),
        reason: String::new(),
    };
    assert!(is_done(&world.does(0, &suspend)));
    assert_eq!(
        world.does(0, &replace(1, NEW)),
        refused(Denied::Vouches { needed: 2, have: 1 })
    );
    assert!(is_done(&world.does(4, &recognize(NEW, 1))));
    let powerless = Denied::Powerless {
        power: "admit".to_owned(),
    };
    assert_eq!(world.does(4, &replace(1, NEW)), refused(powerless));
    assert!(is_done(&world.does(0, &replace(1, NEW))));
    assert_eq!(
        world.does(0, &replace(1, NEW)),
        refused(Denied::NotStanding(WantedStanding::Applied))
    );
}

#[test]
fn nobody_recognizes_or_replaces_themselves() {
    let mut world = World::settled(6);
    assert!(is_done(&world.returns(NEW, "Ben again")));
    // Person 1 may admit: they hold keys.
    assert!(world.state.holds(&persona(1), Power::Admit));
    let state = world.state.clone();
    let judged = |author: u32, deed: &Deed| {
        let act = world.act(intent(99_999), deed);
        state.judge(state.position.next(), &persona(author), &act)
    };
    assert_eq!(judged(1, &recognize(NEW, 1)), Err(Denied::OwnCase));
    assert_eq!(judged(1, &replace(1, NEW)), Err(Denied::OwnCase));
    assert_eq!(judged(NEW, &recognize(NEW, 1)), Err(Denied::NotPresent));
    assert_eq!(judged(NEW, &replace(1, NEW)), Err(Denied::NotPresent));
}

#[test]
fn whoever_is_heard_after_the_request_has_lost_nothing_and_everybody_sees_it() {
    for how in 0..3 {
        let mut world = World::settled(6);
        assert!(is_done(&world.returns(MAL, "Ben again")));
        assert!(is_done(&world.does(2, &recognize(MAL, 1))));
        assert!(is_done(&world.does(3, &recognize(MAL, 1))));
        pass_but(&mut world, 1, Some(1));
        let objected = Effect::Objected { persona: persona(1) };
        let (at, author) = (world.at(false, false), Some((persona(1), Minutes(world.time))));
        let outcome = match how {
            0 => world.says(1),
            // That they are here is enough, and so is what changes nothing.
            1 => world.state.apply(at, author, &Input::Part),
            _ => world
                .state
                .apply(at, author, &Input::Nothing(Denied::Unprocessable)),
        };
        match outcome {
            Outcome::Done(effects) => assert_eq!(effects.last(), Some(&objected)),
            other => assert_eq!(other, refused(Denied::Unprocessable)),
        }
        let claim = world.person(MAL).claims.unwrap();
        assert!(world.state.is_contradicted(&claim));
        assert_eq!(world.does(0, &replace(1, MAL)), refused(Denied::Contradicted));
        assert_eq!(world.does(4, &recognize(MAL, 1)), refused(Denied::Contradicted));
        // Said once.
        assert!(matches!(world.says(1), Outcome::Done(effects) if !effects.contains(&objected)));
        // What they said before a request speaks against none after it.
        assert!(is_done(&world.returns(NEW, "Really Ben")));
        assert!(is_done(&world.does(4, &recognize(NEW, 1))));
    }
}

#[test]
fn a_claim_waits_for_the_device_that_it_calls_lost() {
    let mut world = World::settled(6);
    assert!(is_done(&world.returns(NEW, "Ben again")));
    assert!(is_done(&world.does(2, &recognize(NEW, 1))));
    assert!(is_done(&world.does(3, &recognize(NEW, 1))));
    assert_eq!(
        world.does(0, &replace(1, NEW)),
        refused(Denied::MayStillObject { days: 1 })
    );
    pass_but(&mut world, 1, Some(1));
    assert!(is_done(&world.does(0, &replace(1, NEW))));
}

#[test]
fn a_claim_is_no_request_to_join_and_a_request_to_join_is_no_claim() {
    let mut world = World::settled(6);
    let invite = world.invites(0, 5);
    let nobody = encoded(&claiming(NEW, "Ben again", "nobody", invite));
    assert_eq!(
        world.does(0, &Deed::Apply { application: nobody }),
        refused(Denied::NobodyClaimed)
    );
    assert!(is_done(&world.returns(NEW, "Ben again")));
    assert!(is_done(&world.applies(0, MAL, "Mal", invite)));
    let admit = Deed::Admit {
        persona: persona(NEW),
    };
    let vouch = Deed::Vouch {
        persona: persona(NEW),
        sphere: Sphere::Member,
    };
    assert_eq!(world.does(0, &admit), refused(Denied::Claims));
    assert_eq!(world.does(2, &vouch), refused(Denied::Claims));
    assert_eq!(world.does(2, &recognize(MAL, 1)), refused(Denied::NoClaim));
    assert_eq!(world.does(2, &recognize(NEW, 3)), refused(Denied::NoClaim));
    assert_eq!(world.does(0, &replace(3, NEW)), refused(Denied::NoClaim));
    assert_eq!(
        world.does(2, &recognize(5, 1)),
        refused(Denied::NotStanding(WantedStanding::Applied))
    );
    // A claim that is signed by another is none.
    let mut forged = claiming(72, "Third", "person 1", invite);
    forged.claims = Some(Name::new("person 2").unwrap());
    let application = encoded(&forged);
    assert_eq!(
        world.does(0, &Deed::Apply { application }),
        refused(Denied::Malformed)
    );
}

#[test]
fn who_is_gone_is_not_replaced_and_who_is_going_is_not_either() {
    let mut world = World::settled(6);
    assert!(is_done(&world.returns(NEW, "Ben again")));
    let remove = Deed::Remove {
        persona: persona(1),
        reason: String::new(),
    };
    assert!(is_done(&world.does(0, &remove)));
    let not_here = Denied::NotStanding(WantedStanding::Present);
    assert_eq!(world.does(2, &recognize(NEW, 1)), refused(not_here.clone()));
    assert_eq!(world.does(0, &replace(1, NEW)), refused(not_here));
    assert!(is_done(&world.commits(0, &World::unseat(1), true)));
    assert_eq!(world.returns(MAL, "Ben"), refused(Denied::NobodyClaimed));
}

#[test]
fn the_keys_of_a_replaced_person_open_nothing_and_name_nobody_else() {
    let mut world = World::settled(6);
    assert!(is_done(&world.returns(NEW, "Ben again")));
    assert!(is_done(&world.does(2, &recognize(NEW, 1))));
    assert!(is_done(&world.does(3, &recognize(NEW, 1))));
    pass_but(&mut world, 1, Some(1));
    assert!(is_done(&world.does(0, &replace(1, NEW))));
    // Neither key applies again.
    let invite = world.invites(0, 5);
    assert_eq!(
        world.applies(0, NEW, "Other", invite),
        refused(Denied::KnownPersona)
    );
    assert_eq!(
        world.applies(0, 1, "Other", invite),
        refused(Denied::KnownPersona)
    );
    // The lost key certifies no leaf any more: not the one that is added, nor the path of a commit.
    let mut stale = adding(1, NEW);
    stale.adds[0].key = public(1);
    assert_eq!(world.commits(4, &stale, false), refused(Denied::AnotherKey));
    let path = CommitOps {
        path: Some(public(1)),
        ..CommitOps::default()
    };
    assert_eq!(world.commits_as(1, &path, false), refused(Denied::AnotherKey));
    assert_eq!(world.commits_as(2, &path, false), refused(Denied::AnotherKey));
    // Another device may be lost before the first came in.
    assert!(is_done(&world.returns(72, "Ben once more")));
    assert!(is_done(&world.does(3, &recognize(72, 1))));
    assert!(is_done(&world.does(4, &recognize(72, 1))));
    pass_but(&mut world, 1, Some(1));
    assert!(is_done(&world.does(0, &replace(1, 72))));
    assert_eq!(
        world.commits(4, &adding(1, NEW), false),
        refused(Denied::AnotherKey)
    );
    assert!(is_done(&world.commits(4, &adding(1, 72), false)));
    assert_eq!(world.person(1).former, [public(1), public(NEW)]);
}

#[test]
fn who_is_awaited_in_a_successor_comes_back_there() {
    let mut world = World::settled(6);
    world.state = world
        .state
        .succeed(&persona(0), ChannelId([9; 32]), [4; 32])
        .unwrap();
    assert!(is_done(&world.returns(NEW, "Ben again")));
    world.time += 24 * 60;
    world.says(0);
    assert!(is_done(&world.does(0, &replace(1, NEW))));
    let person = world.person(1);
    assert!(person.is_awaited() && person.former.is_empty() && !person.lost);
    assert!(is_done(&world.commits(0, &adding(1, NEW), false)));
    assert!(world.person(1).is_present());
}

#[test]
fn a_persona_key_changes_by_an_act_that_both_keys_sign() {
    let mut world = World::settled(3);
    let deed = rekey(&world.state, 1, NEW, 1);
    assert_eq!(world.does(1, &deed), refused(Denied::Unproven));
    // Proven for somebody else, or for another key before.
    let deed = rekey(&world.state, 2, NEW, NEW);
    assert_eq!(world.does(1, &deed), refused(Denied::Unproven));
    let deed = rekey(&world.state, 1, 2, 2);
    assert_eq!(world.does(1, &deed), refused(Denied::KnownKey));
    let deed = rekey(&world.state, 1, 1, 1);
    assert_eq!(world.does(1, &deed), refused(Denied::KnownKey));
    let deed = rekey(&world.state, 1, NEW, NEW);
    assert!(is_done(&world.does(1, &deed)));
    assert_eq!((world.person(1).key, world.person(1).number), (public(NEW), 1));
    assert!(!world.person(1).lost);

    // The next change waits until the leaf is certified by this one.
    let next = rekey(&world.state, 1, MAL, MAL);
    assert_eq!(world.does(1, &next), refused(Denied::KeyWaits));
    let with = |key: u32| CommitOps {
        path: Some(public(key)),
        ..CommitOps::default()
    };
    assert_eq!(world.commits_as(1, &with(1), false), refused(Denied::AnotherKey));
    assert!(is_done(&world.commits_as(1, &with(NEW), false)));
    assert!(is_done(&world.does(1, &next)));
    // Whom another key names applies as nobody.
    assert_eq!(world.state.bearer(&public(MAL)), Some(persona(1)));
    assert_eq!(
        world.state.bearers().get(&PersonaId::of(&public(NEW).0)),
        Some(&persona(1))
    );
}

#[test]
fn a_successor_knows_the_keys_of_its_people_and_lets_none_be_slipped_in() {
    let mut world = World::settled(4);
    let before = world.state.clone();
    let deed = rekey(&world.state, 1, NEW, NEW);
    assert!(is_done(&world.does(1, &deed)));
    let next = world
        .state
        .succeed(&persona(0), ChannelId([9; 32]), [4; 32])
        .unwrap();
    let kept = world.position();
    assert!(next.carries_on(&before, kept) && next.carries_on(&world.state, kept));
    let mut forged = next.clone();
    forged.people.get_mut(&persona(2)).unwrap().key = public(MAL);
    assert!(!forged.carries_on(&world.state, kept));
    // Who says that a key changed before what one had read says what one knows to be false.
    forged.people.get_mut(&persona(2)).unwrap().rekeyed = Position(3);
    assert!(!forged.carries_on(&world.state, kept));
    assert!(matches!(
        forged.person(&persona(2)).unwrap().standing,
        Standing::Awaited { .. }
    ));
}
