//! A long history, always the same: whatever the build, every entry has the outcome and the root that it had before.

use core::fmt::Write;

use sha2::{Digest, Sha256};

use crate::id::{ChannelId, Minutes, Position};
use crate::org::tests::world::{FOUNDED, World, intent, persona, public};
use crate::org::{
    Act, Ballot, CommitOps, Deed, Denied, Method, Office, Outcome, Person, Power, Sphere, Standing, Step,
    Subject, Wording,
};

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        u32::try_from((z ^ (z >> 31)) % u64::from(sides)).unwrap()
    }
}

/// People who were ever there.
const PEOPLE: u32 = 12;

/// Mostly somebody who is in the room.
fn somebody(world: &World, dice: &mut Dice) -> u32 {
    let present: Vec<u32> = (0..PEOPLE)
        .filter(|seed| {
            world
                .state
                .person(&persona(*seed))
                .is_some_and(Person::is_present)
        })
        .collect();
    match dice.roll(6) {
        0 => dice.roll(PEOPLE),
        _ => present[dice.roll(u32::try_from(present.len()).unwrap()) as usize],
    }
}

/// Mostly somebody who may do it.
fn whoever_may(world: &World, dice: &mut Dice, power: Power) -> u32 {
    let may = |seed: &u32| world.state.holds(&persona(*seed), power);
    match dice.roll(5) {
        0 => somebody(world, dice),
        _ => (0..PEOPLE).find(may).unwrap_or(0),
    }
}

fn deed(world: &World, dice: &mut Dice) -> Deed {
    let who = persona(somebody(world, dice));
    let reason = "because".to_owned();
    let text = |n: u32| Wording {
        language: "en".to_owned(),
        text: format!("be kind {n}"),
    };
    let version = world
        .state
        .principles
        .as_ref()
        .map_or(1, |principles| principles.version);
    match dice.roll(22) {
        0 => Deed::Say {
            text: "hello".to_owned(),
        },
        1 => Deed::Admit { persona: who },
        2 => Deed::Decline { persona: who, reason },
        3 if dice.roll(9) == 0 => Deed::Remove { persona: who, reason },
        4 if dice.roll(20) == 0 => Deed::Leave,
        5 => Deed::ControlKey { key: [7; 32] },
        6 | 7 => Deed::Vouch {
            persona: who,
            sphere: Sphere::Member,
        },
        8 => Deed::Vouch {
            persona: who,
            sphere: Sphere::Cadre,
        },
        9 => Deed::Promote {
            persona: who,
            sphere: Sphere::Cadre,
        },
        10 => Deed::Demote {
            persona: who,
            sphere: Sphere::Member,
            reason,
        },
        11 if dice.roll(2) == 0 => Deed::Suspend { persona: who, reason },
        12 => Deed::Lift { persona: who },
        13 => Deed::Principles {
            texts: vec![text(version)],
            substance: dice.roll(2) == 0,
        },
        14 => Deed::Accept {
            version,
            language: "en".to_owned(),
            hash: (world.state.principles.as_ref()).map_or([0; 32], |principles| principles.texts[0].hash()),
        },
        15 => Deed::HandOver {
            office: Office::ALL[dice.roll(2) as usize],
            holder: who,
        },
        16 if dice.roll(4) == 0 => Deed::Propose {
            title: "A hall".to_owned(),
            text: "We rent it.".to_owned(),
            subject: Box::new(match dice.roll(3) {
                0 => Subject::Remove { persona: who },
                _ => Subject::Text,
            }),
        },
        17..=20 => decision(world, dice),
        21 => Deed::StandAside {
            office: Office::Caretaker,
            aside: dice.roll(2) == 0,
        },
        _ => Deed::Revoke {
            invite: intent(dice.roll(99)),
        },
    }
}

/// Something about a proposal.
fn decision(world: &World, dice: &mut Dice) -> Deed {
    let live: Vec<_> = world.state.proposals.iter().collect();
    let Some((id, proposal)) = live.get(dice.roll(live.len().max(1) as u32) as usize) else {
        return Deed::ControlKey { key: [8; 32] };
    };
    let step = match dice.roll(8) {
        0 => Step::Support,
        1 | 2 => Step::Open {
            version: proposal.version,
            method: Method::Majority,
            options: Vec::new(),
            until: Minutes(world.state.now().0 + 26 * 60),
            seal: None,
        },
        3..=5 => Step::Vote {
            ballot: [Ballot::Yes, Ballot::No, Ballot::Abstain][dice.roll(3) as usize].clone(),
        },
        _ => Step::Close {
            ballots: world.state.ballots_hash(proposal.number),
            secret: None,
        },
    };
    Deed::Step {
        proposal: **id,
        step: Box::new(step),
    }
}

fn step(world: &mut World, dice: &mut Dice) -> Outcome {
    world.time += u64::from(dice.roll(12 * 60));
    match dice.roll(8) {
        // Somebody asks, and may be let in.
        0 => {
            let carrier = whoever_may(world, dice, Power::Admit);
            world.intents += 1;
            let invite = intent(world.intents);
            let open = Deed::Invite {
                uses: 2,
                expires: Minutes(u64::MAX),
                drop: ChannelId([11; 32]),
            };
            let act = world.act(invite, &open);
            world.send(carrier, &act);
            let seed = dice.roll(PEOPLE);
            world.applies(carrier, seed, &format!("Person {seed}"), invite)
        }
        1 => {
            let waits = |seed: &u32| {
                let person = world.state.person(&persona(*seed));
                person.is_some_and(|person| matches!(person.standing, Standing::Applied { .. }))
            };
            let who = (0..PEOPLE).find(waits).unwrap_or(0);
            let admits = whoever_may(world, dice, Power::Admit);
            world.does(
                admits,
                &Deed::Admit {
                    persona: persona(who),
                },
            );
            world.commits(admits, &World::seat(who), false)
        }
        2 => {
            let going = |seed: &u32| {
                let person = world.state.person(&persona(*seed));
                person.is_some_and(|person| matches!(person.standing, Standing::Going { .. }))
            };
            let who = (0..PEOPLE).find(going).unwrap_or(1);
            let (author, cut) = (somebody(world, dice), dice.roll(2) == 0);
            world.commits(author, &World::unseat(who), cut)
        }
        3 => {
            let author = somebody(world, dice);
            let path = CommitOps {
                path: Some(public(author)),
                ..CommitOps::default()
            };
            world.commits(author, &path, dice.roll(3) == 0)
        }
        // An act of long ago or of tomorrow, under an id that may have counted before.
        4 => {
            let old = Position(u64::from(dice.roll(600)));
            let deed = deed(world, dice);
            let act = Act::new(intent(dice.roll(50)), old, &deed).unwrap();
            world.send(somebody(world, dice), &act)
        }
        _ => {
            let deed = deed(world, dice);
            let author = match &deed {
                Deed::Promote { .. } | Deed::Demote { .. } => whoever_may(world, dice, Power::Promote),
                Deed::Suspend { .. } | Deed::Lift { .. } => whoever_may(world, dice, Power::Remove),
                Deed::Principles { .. } => whoever_may(world, dice, Power::Principles),
                Deed::Step { step, .. } if matches!(**step, Step::Open { .. }) => {
                    whoever_may(world, dice, Power::Poll)
                }
                _ => somebody(world, dice),
            };
            world.does(author, &deed)
        }
    }
}

#[test]
fn every_entry_of_a_long_history_keeps_its_outcome_and_its_root() {
    let (mut world, mut dice) = (World::new(), Dice(1));
    for seed in 1..6 {
        world.joins(seed);
    }
    let (mut text, mut all) = (String::new(), Sha256::new());
    let (mut done, mut refused) = (0, std::collections::BTreeSet::new());
    for n in 1..=800 {
        let outcome = step(&mut world, &mut dice);
        match &outcome {
            Outcome::Done(_) => done += 1,
            Outcome::NoOp(denied) => drop(refused.insert(format!("{denied:?}"))),
            Outcome::UpgradeNeeded { .. } => panic!("nobody raises the floor"),
        }
        all.update(format!("{n} {outcome:?} {}", world.state.root()));
        if n % 80 == 0 {
            let (root, people) = (world.state.root(), world.state.present().count());
            writeln!(text, "{n:<4} {root} {people} present").unwrap();
        }
    }
    // The history must have been where things happen.
    assert!(done > 100 && refused.len() > 12, "{done} {refused:?}");
    assert!(refused.contains(&format!("{:?}", Denied::FromTheFuture)));
    assert!(world.state.now() > Minutes(FOUNDED));
    writeln!(text, "all  {}", data_encoding::HEXLOWER.encode(&all.finalize())).unwrap();
    insta::assert_snapshot!("long", text);
}
