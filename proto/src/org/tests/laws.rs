//! The laws of the log (docs/organization.md), case by case.

use super::world::{FOUNDED, World, application, charter, encoded, intent, persona, public};
use crate::id::{ChannelId, Minutes, Position};
use crate::org::act::{Act, CommitOps, Deed};
use crate::org::apply::{At, Input, Outcome};
use crate::org::denied::{Denied, WantedStanding};
use crate::org::intents::REMEMBERED_INTENTS;
use crate::org::person::Standing;
use crate::org::state::{GONE_REMEMBERED, OPEN_INVITES, State, WAITING_REQUESTS};
use crate::org::witness::LAST;
use crate::org::{MessageRef, Name, Office, Person, Sphere, Voter};

/// The largest step on the word of few, in minutes.
const STEP: u64 = 26 * 60;

pub(super) fn refused(denied: Denied) -> Outcome {
    Outcome::NoOp(denied)
}

pub(super) fn is_done(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Done(_))
}

fn remove(seed: u32) -> Deed {
    Deed::Remove {
        persona: persona(seed),
        reason: String::new(),
    }
}

fn admit(seed: u32) -> Deed {
    Deed::Admit {
        persona: persona(seed),
    }
}

#[test]
fn law_1_an_entry_at_a_position_already_applied_changes_nothing() {
    let mut world = World::new();
    world.says(0);
    let before = world.state.clone();
    let at = At {
        position: world.position(),
        flagged: false,
        cut: false,
        seen: Position(0),
    };
    let author = Some((persona(0), Minutes(FOUNDED + 50)));
    assert_eq!(
        world.state.apply(at, author, &Input::Part),
        refused(Denied::OutOfOrder)
    );
    assert_eq!(before, world.state);
}

#[test]
fn law_1_a_position_is_the_entrys_own_even_where_others_are_left_out() {
    let mut world = World::new();
    let at = At {
        position: Position(7),
        flagged: false,
        cut: false,
        seen: Position(0),
    };
    let author = Some((persona(0), Minutes(FOUNDED)));
    assert!(is_done(&world.state.apply(at, author, &Input::Part)));
    assert_eq!(world.position(), Position(7));
}

#[test]
fn law_3_an_act_under_a_flag_and_a_commit_without_one_are_no_ops() {
    let mut world = World::new();
    world.joins(1);
    let author = Some((persona(0), Minutes(FOUNDED)));
    let say = Deed::Say {
        text: "under a flag".to_owned(),
    };
    let act = encoded(&world.act(intent(9_999), &say));
    let (plain, flagged) = (world.at(false, false), world.at(true, false));
    let mut other = world.state.clone();
    assert_eq!(
        world.state.apply(flagged, author, &Input::Act(&act)),
        refused(Denied::WrongFlag)
    );
    let refresh = CommitOps {
        path: Some(public(0)),
        ..CommitOps::default()
    };
    assert_eq!(
        other.apply(plain, author, &Input::Commit(&refresh)),
        refused(Denied::WrongFlag)
    );
}

#[test]
fn law_16_a_root_tells_every_two_states_apart() {
    let mut world = World::new();
    world.joins(1);
    world.invites(0, 1);
    let state = world.state;
    type Change = fn(&mut State);
    let changes: [Change; 21] = [
        |state| state.channel = ChannelId([1; 32]),
        |state| state.position = state.position.next(),
        |state| state.floor += 1,
        |state| state.clock.entries += 1,
        |state| state.next_invite += 1,
        |state| state.next_person += 1,
        |state| state.access = Position(99),
        |state| state.answered = true,
        |state| state.mandates[0].end = None,
        |state| state.people.get_mut(&persona(1)).unwrap().older = 3,
        |state| state.invites.clear(),
        |state| state.set_principles(1, &[], true),
        |state| state.set_charter(&charter(), Position(1)),
        |state| state.begun = true,
        |state| state.turns.extend([(Office::Secretary, (Position(1), 1))]),
        |state| state.next_proposal += 1,
        |state| state.next_meeting += 1,
        |state| {
            state.pins.push(MessageRef {
                position: Position(1),
                id: intent(1),
            });
        },
        |state| state.vanishing.hours += 1,
        |state| state.finality.seated = Position(99),
        |state| drop(state.voters.insert((1, persona(1)), Voter::default())),
    ];
    let mut roots = vec![state.root()];
    for change in changes {
        let mut other = state.clone();
        change(&mut other);
        roots.push(other.root());
        other.settle();
        assert_eq!(roots.last(), Some(&other.root()));
    }
    let count = roots.len();
    roots.sort_unstable_by_key(|root| root.0);
    roots.dedup();
    assert_eq!(roots.len(), count);
}

#[test]
fn law_4_an_intent_counts_once_however_often_it_is_sent() {
    let mut world = World::new();
    let say = Deed::Say {
        text: "once".to_owned(),
    };
    let act = world.act(intent(1_000_000), &say);
    assert!(is_done(&world.send(0, &act)));
    assert_eq!(world.send(0, &act), refused(Denied::Repeated));
    // Judged anew at the position of now it is still the same intent.
    let again = Act {
        judged_at: world.position(),
        ..act.clone()
    };
    assert_eq!(world.send(0, &again), refused(Denied::Repeated));

    for _ in 0..REMEMBERED_INTENTS {
        assert!(is_done(&world.says(0)));
    }
    assert_eq!(
        world.state.person(&persona(0)).unwrap().intents.iter().count(),
        REMEMBERED_INTENTS
    );
    assert_eq!(world.send(0, &act), refused(Denied::TooOld));
    // Nobody else is bound by what the founder did.
    world.joins(1);
    assert!(is_done(&world.send(1, &act)));
}

#[test]
fn law_4_an_act_of_long_ago_by_one_who_did_little_since_is_still_good() {
    let mut world = World::new();
    world.joins(1);
    let say = Deed::Say {
        text: "late".to_owned(),
    };
    let old = world.act(intent(1_000_000), &say);
    for _ in 0..2 * REMEMBERED_INTENTS {
        assert!(is_done(&world.says(0)));
    }
    assert!(is_done(&world.send(1, &old)));
    let future = Act {
        judged_at: world.position().next(),
        id: intent(1_000_001),
        ..old
    };
    assert_eq!(world.send(1, &future), refused(Denied::FromTheFuture));
}

#[test]
fn law_6_no_single_liar_moves_the_clock_of_three() {
    let mut world = World::new();
    world.joins(1);
    world.joins(2);
    assert_eq!(world.claims(1, u64::MAX), Minutes(FOUNDED));
    for _ in 0..20 {
        assert_eq!(world.claims(1, FOUNDED + 100_000), Minutes(FOUNDED));
    }
    assert_eq!(world.claims(0, FOUNDED + 7), Minutes(FOUNDED + 7));
    // It never goes back.
    assert_eq!(world.claims(0, FOUNDED), Minutes(FOUNDED + 7));
    assert_eq!(world.claims(1, FOUNDED), Minutes(FOUNDED + 7));
}

#[test]
fn law_6_only_the_latest_claim_of_a_witness_counts() {
    let mut world = World::new();
    world.joins(1);
    world.joins(2);
    world.claims(1, FOUNDED + 90_000);
    world.claims(1, FOUNDED + 5);
    // Had the broken clock of the past hour still counted, the founder's would now move the room.
    assert_eq!(world.claims(0, FOUNDED + 80_000), Minutes(FOUNDED + 5));
}

#[test]
fn law_6_a_large_step_needs_half_or_goes_by_26_hours_per_k_entries() {
    let mut world = World::new();
    for seed in 1..10 {
        world.joins(seed);
    }
    // Ten people: half is five, and k is three.
    let far = FOUNDED + 100 * STEP;
    assert_eq!(world.claims(0, far), Minutes(FOUNDED));
    assert_eq!(world.claims(1, far), Minutes(FOUNDED));
    // Enough entries went by while they joined.
    assert_eq!(world.claims(2, far), Minutes(FOUNDED + STEP));
    assert_eq!(world.claims(2, far), Minutes(FOUNDED + STEP));
    assert_eq!(world.claims(2, far), Minutes(FOUNDED + STEP));
    assert_eq!(world.claims(2, far), Minutes(FOUNDED + 2 * STEP));
    world.claims(3, far);
    assert_eq!(world.claims(4, far), Minutes(far));
}

#[test]
fn law_6_the_end_of_time_locks_nobody_out() {
    let mut world = World::new();
    world.joins(1);
    assert_eq!(world.claims(1, u64::MAX), LAST);
    world.joins(2);
    assert_eq!(world.state.present().count(), 3);
}

#[test]
fn law_12_and_19_a_removal_stands_until_its_commit_and_unsays_nothing() {
    let mut world = World::new();
    world.joins(1);
    world.joins(2);
    assert!(is_done(&world.says(1)));
    assert!(is_done(&world.does(0, &remove(1))));
    for deed in [Deed::Leave, admit(1), remove(2)] {
        assert_eq!(world.does(1, &deed), refused(Denied::NotPresent));
    }
    assert_eq!(
        world.does(0, &remove(1)),
        refused(Denied::NotStanding(WantedStanding::Present))
    );
    // Its remover leaves, and the commit of a third still executes it.
    assert!(is_done(&world.does(0, &Deed::Leave)));
    let both = CommitOps {
        removes: vec![persona(1), persona(0)],
        path: Some(public(0)),
        ..CommitOps::default()
    };
    assert!(is_done(&world.commits(2, &both, true)));
    assert_eq!(world.does(2, &Deed::Leave), refused(Denied::LastOne));
    let by = Some(persona(0));
    assert_eq!(
        world.state.person(&persona(1)).unwrap().standing,
        Standing::Gone { by, uncut: false }
    );
    assert_eq!(world.state.keyholders(), [persona(2)]);
}

#[test]
fn who_is_silent_for_a_month_of_witnessed_time_is_told_and_stays() {
    let mut world = World::new();
    for seed in 1..5 {
        world.joins(seed);
    }
    world.says(4);
    let silent = |world: &World| {
        world
            .state
            .idle()
            .map(|(id, days)| (*id, days))
            .collect::<Vec<_>>()
    };
    for day in 1..=29 {
        for seed in 0..4 {
            world.claims(seed, FOUNDED + day * 24 * 60);
        }
    }
    assert_eq!(silent(&world), []);
    for day in 30..=45 {
        // One liar alone makes nobody idle.
        world.claims(0, FOUNDED + 10 * day * 24 * 60);
        for seed in 1..4 {
            world.claims(seed, FOUNDED + day * 24 * 60);
        }
    }
    assert_eq!(silent(&world), [(persona(4), 45)]);
    assert!(world.state.person(&persona(4)).unwrap().is_present());
    world.says(4);
    assert_eq!(silent(&world), []);
}

#[test]
fn law_19_an_admission_stands_whatever_slips_in_before_its_commit() {
    let mut world = World::new();
    world.joins(1);
    let invite = world.invites(1, 1);
    world.applies(1, 2, "Cem", invite);
    assert!(is_done(&world.does(1, &admit(2))));
    for deed in [
        remove(2),
        Deed::Decline {
            persona: persona(2),
            reason: String::new(),
        },
    ] {
        assert!(!is_done(&world.does(0, &deed)));
    }
    assert!(is_done(&world.does(0, &Deed::Revoke { invite })));
    assert!(is_done(&world.does(0, &remove(1))));
    world.claims(0, FOUNDED + 500_000);
    let mut other = World::seat(2);
    other.adds[0].key_package = [0; 32];
    assert_eq!(world.commits(0, &other, false), refused(Denied::AddsUnadmitted));
    assert!(is_done(&world.commits(0, &World::seat(2), false)));
    // One persona, one seat.
    assert_eq!(
        world.commits(0, &World::seat(2), false),
        refused(Denied::NoRenewal)
    );
}

#[test]
fn law_11_who_is_removed_loses_the_keys_only_at_a_path_and_the_views_know_until_a_cut() {
    let mut world = World::new();
    world.joins(1);
    world.does(0, &remove(1));
    let pathless = CommitOps {
        path: None,
        ..World::unseat(1)
    };
    assert_eq!(world.commits(0, &pathless, false), refused(Denied::OddCommit));
    assert_eq!(
        world.commits(0, &CommitOps::default(), false),
        refused(Denied::OddCommit)
    );
    assert!(is_done(&world.commits(0, &World::unseat(1), false)));
    assert!(world.state.is_uncut());
    let refresh = CommitOps {
        path: Some(public(0)),
        ..CommitOps::default()
    };
    assert!(is_done(&world.commits(0, &refresh, true)));
    assert!(!world.state.is_uncut());
    assert_eq!(world.state.access, world.position());
}

#[test]
fn invites_close_at_a_removal_and_at_the_cut_after_it_but_who_waits_may_still_come() {
    let mut world = World::new();
    world.joins(1);
    let idle = world.invites(0, 5);
    let waited_on = world.invites(0, 2);
    world.applies(0, 2, "Cem", waited_on);
    world.does(0, &remove(1));
    world.commits(0, &World::unseat(1), false);
    assert!(!world.state.invites.contains_key(&idle));
    assert_eq!(world.applies(0, 3, "Dora", waited_on), refused(Denied::NoInvite));
    // Opened under keys that the one who is out still knows: ends when they turn.
    let between = world.invites(0, 1);
    assert!(is_done(&world.applies(0, 3, "Dora", between)));
    let refresh = CommitOps {
        path: Some(public(0)),
        ..CommitOps::default()
    };
    world.commits(0, &refresh, true);
    assert_eq!(world.applies(0, 4, "Eva", between), refused(Denied::NoInvite));
    for (seed, outcome) in [(2, true), (3, true), (4, false)] {
        assert_eq!(is_done(&world.does(0, &admit(seed))), outcome);
    }
    // A cut without anybody gone leaves invites alone.
    let after = world.invites(0, 1);
    world.commits(0, &refresh, true);
    assert!(world.state.invites[&after].is_open(world.state.now()));
}

#[test]
fn who_is_gone_comes_back_under_the_old_name_but_only_as_a_new_persona() {
    let mut world = World::new();
    world.joins(1);
    world.does(1, &Deed::Leave);
    world.commits(0, &World::unseat(1), true);
    let invite = world.invites(0, 3);
    assert_eq!(
        world.applies(0, 1, "Person 1", invite),
        refused(Denied::KnownPersona)
    );
    assert!(is_done(&world.applies(0, 2, "PERSON 1", invite)));
    assert_eq!(
        world.applies(0, 3, "person 1", invite),
        refused(Denied::NameTaken)
    );
}

#[test]
fn a_link_used_up_lets_nobody_else_in() {
    let mut world = World::new();
    let invite = world.invites(0, 1);
    for (seed, name) in [(1, "Ben"), (2, "Cem")] {
        assert!(is_done(&world.applies(0, seed, name, invite)));
    }
    assert!(is_done(&world.does(0, &admit(1))));
    assert_eq!(world.does(0, &admit(2)), refused(Denied::InviteUsedUp));
    assert_eq!(world.applies(0, 3, "Dora", invite), refused(Denied::InviteUsedUp));
}

#[test]
fn law_15_an_act_above_the_floor_is_a_no_op_whether_or_not_its_deed_is_known() {
    let mut world = World::new();
    let known = encoded(&Deed::Leave);
    world.joins(1);
    for deed in [known, vec![250], Vec::new()] {
        let act = Act {
            id: intent(1_000_000),
            judged_at: world.position(),
            feature: 2,
            deed,
        };
        let mut expected = world.state.clone();
        assert!(matches!(
            world.send(0, &act),
            Outcome::NoOp(Denied::AboveFloor { feature: 2, floor: 1 })
        ));
        expected.position = world.position();
        expected.clock = world.state.clock;
        let author = persona(0);
        let person = expected.people.get_mut(&author).unwrap();
        (person.spoke, person.heard) = (world.position(), world.position());
        assert_eq!(expected, world.state);
    }
}

#[test]
fn law_15_a_deed_under_a_feature_that_is_not_its_own_is_malformed_for_everybody() {
    let mut world = World::new();
    for feature in [0, 1] {
        // What a later program may call a deed of feature 2.
        let later = Act {
            id: intent(1_000_000),
            judged_at: world.position(),
            feature,
            deed: vec![250],
        };
        assert_eq!(world.send(0, &later), refused(Denied::Malformed));
    }
    let lower = Act {
        feature: 0,
        ..world.act(
            intent(1_000_000),
            &Deed::Say {
                text: "hello".to_owned(),
            },
        )
    };
    assert_eq!(world.send(0, &lower), refused(Denied::Malformed));
}

#[test]
fn law_15_a_program_older_than_the_floor_stops_and_does_not_fork() {
    let mut world = World::new();
    world.joins(1);
    for feature in [0, 1, 3, u16::MAX] {
        assert_eq!(
            world.does(0, &Deed::RaiseFloor { feature }),
            refused(Denied::Floor)
        );
    }
    let raise = Deed::RaiseFloor { feature: 2 };
    assert!(matches!(
        world.does(1, &raise),
        Outcome::NoOp(Denied::Powerless { .. })
    ));
    assert!(is_done(&world.does(0, &raise)));
    let before = world.state.clone();
    assert_eq!(world.says(0), Outcome::UpgradeNeeded { floor: 2 });
    assert_eq!(before, world.state);
    let act = world.act(
        intent(1_000_000),
        &Deed::Say {
            text: "hello".to_owned(),
        },
    );
    assert_eq!(
        world.state.judge(Position(100), &persona(0), &act),
        Err(Denied::Outdated { floor: 2 })
    );
}

#[test]
fn an_application_of_another_key_or_with_another_word_is_no_application() {
    let mut world = World::new();
    let invite = world.invites(0, 5);
    let good = application(1, "Ben", invite);
    let mut tampered = [good.clone(), good.clone(), good.clone(), good.clone()];
    tampered[0].key = public(2);
    tampered[1].name = Name::new("Bea").unwrap();
    tampered[2].reply.append = [1; 32];
    tampered[3].word = "w".repeat(281);
    for application in tampered {
        let application = encoded(&application);
        assert_eq!(
            world.does(0, &Deed::Apply { application }),
            refused(Denied::Malformed)
        );
    }
    assert!(is_done(&world.does(
        0,
        &Deed::Apply {
            application: encoded(&good)
        }
    )));
}

fn gone(number: u32, uncut: bool) -> Person {
    let name = Name::new("Somebody").unwrap();
    Person {
        standing: Standing::Gone { by: None, uncut },
        leaf: Some([3; 32]),
        ..Person::new(public(0), name, number, Sphere::Member, Minutes(FOUNDED))
    }
}

#[test]
fn people_who_are_out_are_forgotten_in_the_order_they_came_and_who_knows_the_keys_last() {
    let mut world = World::new();
    world.joins(1);
    let first = 1000;
    for n in 0..u32::try_from(GONE_REMEMBERED).unwrap() {
        let id = crate::id::PersonaId(bytes_of(n));
        world.state.people.insert(id, gone(first + n, n == 0));
    }
    world.does(0, &remove(1));
    world.commits(0, &World::unseat(1), false);
    let out = |state: &State| {
        let numbers = state
            .people
            .values()
            .filter(|p| matches!(p.standing, Standing::Gone { .. }));
        let mut numbers: Vec<_> = numbers.map(|p| p.number).collect();
        numbers.sort_unstable();
        numbers
    };
    let numbers = out(&world.state);
    assert_eq!(numbers.len(), GONE_REMEMBERED);
    assert!(numbers.contains(&first) && !numbers.contains(&(first + 1)));
    assert!(world.state.snapshot().is_ok());
}

fn bytes_of(n: u32) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&n.to_be_bytes());
    bytes
}

#[test]
fn what_waits_is_bounded_and_what_is_over_does_not_count() {
    let mut world = World::new();
    let invite = world.invites(0, 1);
    world.applies(0, 1, "Ben", invite);
    world.does(0, &admit(1));
    for _ in 0..OPEN_INVITES {
        world.invites(0, 300);
    }
    let one_more = Deed::Invite {
        uses: 1,
        expires: Minutes(FOUNDED + 50_000),
        drop: ChannelId([0; 32]),
    };
    assert_eq!(world.does(0, &one_more), refused(Denied::TooManyWaiting));
    // Some days later the first ones are over.
    world.claims(0, FOUNDED + 20_000);
    assert!(is_done(&world.does(0, &one_more)));
    assert_eq!(world.state.invites.len(), 1);

    let invite = world.invites(0, 1000);
    let seeds = 100..100 + u32::try_from(WAITING_REQUESTS).unwrap();
    for seed in seeds {
        assert!(is_done(&world.applies(0, seed, &format!("P{seed}"), invite)));
    }
    assert_eq!(
        world.applies(0, 99, "One more", invite),
        refused(Denied::TooManyWaiting)
    );
}
