//! Rooms of one body: what the governing room decides, and what the others take over from it (law 18).

use ed25519_dalek::Signer;

use super::world::{World, application, encoded, genesis, intent, key, persona, public};
use crate::id::{ChannelId, Minutes, Nonce, PersonaId, Position, RoomId};
use crate::org::act::{CommitOps, Deed, SeatAdded};
use crate::org::apply::{Input, Outcome};
use crate::org::charter::{BadCharter, RoomRule};
use crate::org::denied::Denied;
use crate::org::effect::Effect;
use crate::org::name::Name;
use crate::org::notice::{Notice, NoticeKind, SignedNotice};
use crate::org::person::Standing;
use crate::org::roster::{Claim, OpenRoom, Roster, SignedClaim};
use crate::org::sphere::Sphere;
use crate::org::state::State;

const HOME: ChannelId = ChannelId([7; 32]);
const OPEN: ChannelId = ChannelId([17; 32]);

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// A body of volunteers, members and cadre, with two rooms besides the governing one, in which nothing waits.
fn world() -> World {
    let mut genesis = genesis();
    let charter = &mut genesis.charter;
    charter.spheres = Sphere::ALL.to_vec();
    charter.admission.sphere = Sphere::Volunteer;
    charter.admission.vouches = 0;
    charter.member.vouches = 0;
    charter.member.days = 0;
    charter.cadre.vouches = 0;
    charter.cadre.days = 0;
    charter.rooms = vec![
        RoomRule {
            name: name("open"),
            sphere: Sphere::Volunteer,
        },
        RoomRule {
            name: name("core"),
            sphere: Sphere::Cadre,
        },
    ];
    charter.check().unwrap();
    World {
        state: State::found(genesis, HOME),
        ..World::new()
    }
}

/// The governing room with `open` opened by the founder, and the founder's other room.
fn two() -> (World, World) {
    let mut members = world();
    let deed = Deed::OpenRoom {
        name: name("open"),
        channel: OPEN,
    };
    let open = members
        .state
        .open_room(&persona(0), &name("open"), OPEN, [5; 32])
        .unwrap();
    done(&members.does(0, &deed));
    let open = World {
        state: open,
        ..World::new()
    };
    (members, open)
}

fn done(outcome: &Outcome) {
    assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
}

fn denied(outcome: &Outcome) -> Denied {
    match outcome {
        Outcome::NoOp(denied) => denied.clone(),
        other => panic!("{other:?}"),
    }
}

/// What the governing room says of a room now, signed by somebody.
fn claim(world: &World, by: u32, number: u64, change: impl FnOnce(&mut Roster)) -> Vec<u8> {
    let mut roster = world.state.roster("open").unwrap();
    change(&mut roster);
    let claim = Claim {
        room: RoomId::of(&world.state.genesis.body(), "open"),
        number,
        roster,
    };
    signed(by, claim)
}

fn signed(by: u32, claim: Claim) -> Vec<u8> {
    let digest = SignedClaim::digest(&persona(by), &claim).unwrap();
    encoded(&SignedClaim {
        by: persona(by),
        signature: key(by).sign(&digest).to_bytes().into(),
        claim,
    })
}

fn carry(world: &mut World, by: u32, claim: &[u8]) -> Outcome {
    world.does(
        by,
        &Deed::Claim {
            claim: claim.to_vec(),
        },
    )
}

/// A true claim by the founder, in both rooms.
fn tell(members: &mut World, open: &mut World, carrier: u32) {
    let number = members.state.open("open").unwrap().number + 1;
    let claim = claim(members, 0, number, |_| {});
    done(&carry(members, 0, &claim));
    done(&carry(open, carrier, &claim));
}

/// Somebody applies and is admitted as a volunteer, up to the seat in `open`.
fn volunteers(members: &mut World, open: &mut World, seed: u32) {
    let invite = members.invites(0, 1);
    done(&members.applies(0, seed, &format!("Person {seed}"), invite));
    done(&members.does(
        0,
        &Deed::Admit {
            persona: persona(seed),
        },
    ));
    let carrier = carrier(open);
    tell(members, open, carrier);
    done(&open.commits(
        0,
        &seat(seed, application(seed, "x", intent(0)).key_package_hash()),
        false,
    ));
}

/// The first who may carry what the founder signed.
fn carrier(open: &World) -> u32 {
    let may = |seed: &u32| open.state.may_carry_claim(&persona(*seed), &persona(0)).is_ok();
    (0..10).rev().find(may).unwrap()
}

fn seat(seed: u32, key_package: [u8; 32]) -> CommitOps {
    CommitOps {
        adds: vec![SeatAdded {
            persona: persona(seed),
            key_package,
            leaf: [3; 32],
            key: public(seed),
        }],
        ..CommitOps::default()
    }
}

/// The wish to be added to a room, carried there by somebody.
fn follows(world: &mut World, carrier: u32, seed: u32) -> Outcome {
    let kind = NoticeKind::Follow {
        channel: world.state.channel,
        asked: Minutes(world.time),
        key_package: vec![seed as u8; 40],
        reply: application(seed, "x", intent(0)).reply,
    };
    says_notice(world, carrier, seed, kind)
}

fn says_notice(world: &mut World, carrier: u32, seed: u32, kind: NoticeKind) -> Outcome {
    let notice = SignedNotice {
        author: persona(seed),
        notice: Notice {
            kind,
            nonce: Nonce([1; 16]),
        },
        signature: [0; 64].into(),
    };
    let at = world.at(false, false);
    let author = Some((persona(carrier), Minutes(world.time)));
    world.state.apply(at, author, &Input::Notice(&notice))
}

/// A volunteer becomes a member and comes into the governing room.
fn becomes_member(members: &mut World, open: &mut World, seed: u32) {
    let promotion = Deed::Promote {
        persona: persona(seed),
        sphere: Sphere::Member,
    };
    done(&members.does(0, &promotion));
    done(&follows(members, 0, seed));
    let package = crate::org::key_package_hash(&[seed as u8; 40]);
    done(&members.commits(0, &seat(seed, package), false));
    let carrier = carrier(open);
    tell(members, open, carrier);
}

fn standing(world: &World, seed: u32) -> &Standing {
    &world.state.person(&persona(seed)).unwrap().standing
}

#[test]
fn who_is_admitted_as_a_volunteer_has_no_seat_where_it_is_decided_and_one_in_the_open_room() {
    let (mut members, mut open) = two();
    volunteers(&mut members, &mut open, 1);
    assert!(matches!(
        standing(&members, 1),
        Standing::Outer { seated: false, .. }
    ));
    assert!(matches!(standing(&open, 1), Standing::Present { .. }));
    assert_eq!(denied(&members.says(1)), Denied::NotPresent);
    done(&open.says(1));
    // By the key package of the request nobody comes in twice.
    assert_eq!(members.state.roster("open").unwrap().people[0].package, None);
    assert!(!members.state.claim_due("open"));
}

#[test]
fn promotion_brings_into_the_governing_room_and_demotion_takes_the_seat_there_only() {
    let (mut members, mut open) = two();
    volunteers(&mut members, &mut open, 1);
    becomes_member(&mut members, &mut open, 1);
    done(&members.says(1));
    let back = Deed::Demote {
        persona: persona(1),
        sphere: Sphere::Volunteer,
        reason: String::new(),
    };
    done(&members.does(0, &back));
    assert_eq!(denied(&members.says(1)), Denied::NotPresent);
    assert!(members.state.unexecuted().any(|(id, _)| *id == persona(1)));
    done(&members.commits(0, &World::unseat(1), false));
    assert!(matches!(
        standing(&members, 1),
        Standing::Outer {
            seated: false,
            uncut: true,
            ..
        }
    ));
    assert!(members.state.is_uncut(), "law 11: access is not cut yet");
    done(&members.commits(
        0,
        &CommitOps {
            path: Some(public(0)),
            ..CommitOps::default()
        },
        true,
    ));
    assert!(!members.state.is_uncut());
    let carrier = carrier(&open);
    tell(&mut members, &mut open, carrier);
    done(&open.says(1));
    assert_eq!(open.state.person(&persona(1)).unwrap().sphere, Sphere::Volunteer);
}

#[test]
fn law_18_who_is_removed_where_it_is_decided_goes_from_every_room() {
    let (mut members, mut open) = two();
    volunteers(&mut members, &mut open, 1);
    let gone = Deed::Remove {
        persona: persona(1),
        reason: String::new(),
    };
    done(&members.does(0, &gone));
    assert!(
        matches!(standing(&members, 1), Standing::Gone { .. }),
        "no seat, no commit"
    );
    assert!(members.state.claim_due("open"));
    tell(&mut members, &mut open, 0);
    assert!(matches!(standing(&open, 1), Standing::Going { .. }));
    assert_eq!(denied(&open.says(1)), Denied::NotPresent);
    done(&open.commits(0, &World::unseat(1), false));
    assert!(open.state.is_uncut());
}

#[test]
fn law_18_nothing_is_decided_in_a_room_that_does_not_govern() {
    let (mut members, mut open) = two();
    volunteers(&mut members, &mut open, 1);
    for deed in [
        Deed::Invite {
            uses: 1,
            expires: Minutes(u64::MAX),
            drop: OPEN,
        },
        Deed::Admit { persona: persona(1) },
        Deed::Remove {
            persona: persona(1),
            reason: String::new(),
        },
        Deed::Promote {
            persona: persona(1),
            sphere: Sphere::Member,
        },
        Deed::Vouch {
            persona: persona(1),
            sphere: Sphere::Member,
        },
        Deed::Leave,
        Deed::OpenRoom {
            name: name("core"),
            channel: OPEN,
        },
    ] {
        assert_eq!(denied(&open.does(0, &deed)), Denied::NotHere, "{deed:?}");
    }
}

#[test]
fn law_18_a_claim_that_says_something_else_than_what_was_decided_is_refused_where_it_was_decided() {
    let (mut members, mut open) = two();
    volunteers(&mut members, &mut open, 1);
    let next = members.state.open("open").unwrap().number + 1;
    let invented = claim(&members, 0, next, |roster| {
        roster.people[0].sphere = Sphere::Cadre
    });
    let forgotten = claim(&members, 0, next, |roster| {
        roster.people.pop();
    });
    let keys = claim(&members, 0, next, |roster| {
        roster.authority = vec![(persona(1), public(1))]
    });
    let future = claim(&members, 0, next, |roster| roster.position = Position(u64::MAX));
    for bad in [invented, forgotten, keys, future] {
        assert_eq!(denied(&carry(&mut members, 0, &bad)), Denied::FalseClaim);
    }
    let (old, far, fine) = (
        claim(&members, 0, next - 1, |_| {}),
        claim(&members, 0, u64::MAX, |_| {}),
        claim(&members, 0, next, |_| {}),
    );
    assert_eq!(denied(&carry(&mut members, 0, &old)), Denied::OldClaim);
    assert_eq!(denied(&carry(&mut members, 0, &far)), Denied::OldClaim);
    done(&carry(&mut members, 0, &fine));
}

#[test]
fn law_18_a_room_takes_no_claim_that_no_keyholder_signed_nor_an_old_one_nor_one_for_another_room() {
    let (mut members, mut open) = two();
    volunteers(&mut members, &mut open, 1);
    let before = open.state.annex.clone();
    let forged = claim(&members, 1, 9, |_| {});
    assert_eq!(denied(&carry(&mut open, 0, &forged)), Denied::NoAuthority);
    let mut passed_off: SignedClaim = crate::codec::decode(&forged, crate::codec::LIMIT).unwrap();
    passed_off.by = persona(0);
    assert_eq!(
        denied(&carry(&mut open, 0, &encoded(&passed_off))),
        Denied::NoAuthority
    );
    let old = claim(&members, 0, 1, |_| {});
    assert_eq!(denied(&carry(&mut open, 0, &old)), Denied::OldClaim);
    let elsewhere = signed(
        0,
        Claim {
            room: RoomId::of(&members.state.genesis.body(), "core"),
            number: 2,
            roster: members.state.roster("core").unwrap(),
        },
    );
    assert_eq!(denied(&carry(&mut open, 0, &elsewhere)), Denied::NoRoom);
    let twice = claim(&members, 0, 2, |roster| {
        let first = roster.people[0].clone();
        roster.people.insert(0, first);
    });
    assert_eq!(denied(&carry(&mut open, 0, &twice)), Denied::Malformed);
    assert_eq!(denied(&carry(&mut open, 0, b"no claim")), Denied::Malformed);
    // A volunteer is not where it is decided, and cannot know.
    let fine = claim(&members, 0, 2, |_| {});
    assert_eq!(denied(&carry(&mut open, 1, &fine)), Denied::OutsideHere);
    assert_eq!(open.state.annex, before);
}

#[test]
fn law_18_who_signs_a_claim_does_not_carry_it_while_others_could() {
    let (mut members, mut open) = two();
    for seed in 1..=2 {
        volunteers(&mut members, &mut open, seed);
        becomes_member(&mut members, &mut open, seed);
    }
    volunteers(&mut members, &mut open, 3);
    // One keyholder alone takes a room over by no claim.
    let mine = claim(&members, 0, 20, |roster| {
        roster.people.retain(|place| place.persona == persona(0));
    });
    assert_eq!(denied(&carry(&mut open, 0, &mine)), Denied::OwnCase);
    done(&carry(&mut open, 2, &mine));
    // It is called out by whoever is in both, once each.
    assert_eq!(
        denied(&open.does(3, &Deed::Dispute { number: 20 })),
        Denied::NotPresent
    );
}

#[test]
fn law_18_a_false_claim_is_disputed_by_who_is_in_both_rooms_and_replaced_by_the_next() {
    let (mut members, mut open) = two();
    for seed in 1..=2 {
        volunteers(&mut members, &mut open, seed);
        becomes_member(&mut members, &mut open, seed);
    }
    volunteers(&mut members, &mut open, 3);
    let number = open.state.annex.as_ref().unwrap().number;
    let lie = claim(&members, 0, number + 1, |roster| {
        roster.people.retain(|place| place.persona != persona(3));
    });
    done(&carry(&mut open, 2, &lie));
    let dispute = Deed::Dispute { number: number + 1 };
    assert_eq!(
        open.does(1, &dispute),
        Outcome::Done(vec![Effect::Disputed {
            number: number + 1,
            by: persona(0)
        }])
    );
    assert_eq!(denied(&open.does(1, &dispute)), Denied::Repeated);
    assert_eq!(denied(&open.does(1, &Deed::Dispute { number })), Denied::OldClaim);
    assert_eq!(open.state.annex.as_ref().unwrap().disputed, [persona(1)]);
    // What was decided by it stands until it is executed (law 19); then they come again.
    let truth = claim(&members, 0, number + 2, |_| {});
    done(&carry(&mut open, 2, &truth));
    assert!(open.state.annex.as_ref().unwrap().disputed.is_empty());
    assert!(matches!(standing(&open, 3), Standing::Outer { seated: true, .. }));
    done(&open.commits(0, &World::unseat(3), true));
    assert!(matches!(standing(&open, 3), Standing::Awaited { asks: None, .. }));
    done(&follows(&mut open, 0, 3));
}

#[test]
fn a_volunteer_leaves_by_a_notice_that_others_carry_to_where_it_is_decided() {
    let (mut members, mut open) = two();
    volunteers(&mut members, &mut open, 1);
    done(&says_notice(&mut open, 1, 1, NoticeKind::Leave));
    assert!(matches!(standing(&open, 1), Standing::Going { by: None }));
    done(&says_notice(&mut members, 0, 1, NoticeKind::Leave));
    assert!(matches!(
        standing(&members, 1),
        Standing::Gone {
            by: None,
            uncut: false
        }
    ));
    assert_eq!(
        denied(&says_notice(&mut members, 0, 1, NoticeKind::Leave)),
        Denied::NotPresent
    );
    assert_eq!(
        denied(&says_notice(&mut members, 0, 0, NoticeKind::Leave)),
        Denied::LastOne
    );
}

#[test]
fn a_volunteer_reads_the_points_of_unity_and_accepts_them_before_they_are_promoted() {
    let (mut members, mut open) = two();
    volunteers(&mut members, &mut open, 1);
    let texts = vec![crate::org::Wording {
        language: "en".to_owned(),
        text: "We decide together.".to_owned(),
    }];
    let set = Deed::Principles {
        texts: texts.clone(),
        substance: true,
    };
    done(&members.does(0, &set));
    let promotion = Deed::Promote {
        persona: persona(1),
        sphere: Sphere::Member,
    };
    assert_eq!(denied(&members.does(0, &promotion)), Denied::NotAccepted);
    assert_eq!(
        denied(&open.does(0, &set)),
        Denied::NotHere,
        "no claim names it yet"
    );
    tell(&mut members, &mut open, 0);
    let mut other = texts.clone();
    other[0].text.push('!');
    let wrong = Deed::Principles {
        texts: other,
        substance: true,
    };
    assert_eq!(denied(&open.does(0, &wrong)), Denied::AnotherText);
    done(&open.does(0, &set));
    let accept = NoticeKind::Accept {
        version: 1,
        language: "en".to_owned(),
        hash: texts[0].hash(),
    };
    done(&says_notice(&mut open, 1, 1, accept.clone()));
    done(&says_notice(&mut members, 0, 1, accept.clone()));
    assert_eq!(denied(&says_notice(&mut members, 0, 1, accept)), Denied::Repeated);
    done(&members.does(0, &promotion));
}

#[test]
fn a_room_is_opened_once_by_a_keyholder_who_belongs_into_it_and_only_if_the_charter_has_it() {
    let (mut members, mut open) = two();
    volunteers(&mut members, &mut open, 1);
    becomes_member(&mut members, &mut open, 1);
    let deed = |text| Deed::OpenRoom {
        name: name(text),
        channel: OPEN,
    };
    assert_eq!(denied(&members.does(0, &deed("open"))), Denied::RoomOpen);
    assert_eq!(denied(&members.does(0, &deed("cellar"))), Denied::NoRoom);
    // Person 1 is a keyholder by now, and no cadre.
    assert_eq!(denied(&members.does(1, &deed("core"))), Denied::NotPresent);
    done(&members.does(0, &deed("core")));
}

#[test]
fn a_room_goes_on_in_another_channel_by_the_word_of_a_keyholder_who_belongs_there() {
    let (mut members, mut open) = two();
    volunteers(&mut members, &mut open, 1);
    becomes_member(&mut members, &mut open, 1);
    let goes = |text, channel| Deed::SucceedRoom {
        name: name(text),
        channel: ChannelId([channel; 32]),
    };
    assert_eq!(
        denied(&members.does(0, &goes("open", 17))),
        Denied::Repeated,
        "it is there"
    );
    assert_eq!(denied(&members.does(0, &goes("cellar", 18))), Denied::NoRoom);
    assert_eq!(
        denied(&members.does(0, &goes("core", 18))),
        Denied::NoRoom,
        "it was never opened"
    );
    assert_eq!(denied(&open.does(0, &goes("open", 18))), Denied::NotHere);
    let before = members.state.open("open").unwrap().clone();
    // Person 1 is a keyholder by now.
    done(&members.does(1, &goes("open", 18)));
    let moved = OpenRoom {
        channel: ChannelId([18; 32]),
        ..before
    };
    assert_eq!(
        members.state.open("open"),
        Some(&moved),
        "its claims are counted on"
    );
    done(&members.does(
        0,
        &Deed::OpenRoom {
            name: name("core"),
            channel: OPEN,
        },
    ));
    assert_eq!(
        denied(&members.does(1, &goes("core", 19))),
        Denied::NotPresent,
        "no cadre"
    );
}

#[test]
fn a_charter_names_its_rooms_so_that_nobody_is_nowhere() {
    let check = |change: &dyn Fn(&mut crate::org::Charter)| {
        let mut charter = world().state.charter().clone();
        change(&mut charter);
        charter.check()
    };
    let sphere = Sphere::Volunteer.word();
    assert_eq!(
        check(&|charter| charter.rooms.clear()),
        Err(BadCharter::Nowhere { sphere })
    );
    assert_eq!(
        check(&|charter| charter.rooms[1].name = name("open")),
        Err(BadCharter::RoomName)
    );
    assert_eq!(
        check(&|charter| charter.rooms[1].name = name("members")),
        Err(BadCharter::RoomName)
    );
    assert_eq!(
        check(&|charter| charter.rooms[1].name = name("Core")),
        Err(BadCharter::RoomName)
    );
    let many = |charter: &mut crate::org::Charter| {
        for n in 0..8 {
            let rule = RoomRule {
                name: name(&format!("room-{n}")),
                sphere: Sphere::Cadre,
            };
            charter.rooms.push(rule);
        }
    };
    assert_eq!(check(&many), Err(BadCharter::Rooms));
    let outside = |charter: &mut crate::org::Charter| charter.keyholder.sphere = Sphere::Volunteer;
    let what = "keyholder.sphere";
    assert_eq!(check(&outside), Err(BadCharter::Outside { what }));
}

#[test]
fn a_successor_keeps_who_belongs_to_the_body_and_has_no_seat() {
    let (mut members, mut open) = two();
    volunteers(&mut members, &mut open, 1);
    let next = members
        .state
        .succeed(&persona(0), ChannelId([99; 32]), [1; 32])
        .unwrap();
    assert!(matches!(
        next.person(&persona(1)).unwrap().standing,
        Standing::Outer { .. }
    ));
    assert!(next.carries_on(&members.state, members.position()));
    let _: PersonaId = persona(1);
    assert!(
        next.claim_due("open"),
        "the channel that they come into is another"
    );
}
