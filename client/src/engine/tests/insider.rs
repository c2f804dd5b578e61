//! An insider whose device sends what the rules do not allow: on every path by which a device takes entries in, everybody
//! refuses the same, says why, and nobody is moved by it.

use caucus_proto::codec;
use caucus_proto::envelope::Body;
use caucus_proto::id::{ChannelId, IntentId, Minutes, PersonaId, Position};
use caucus_proto::org::replace::rekey_digest;
use caucus_proto::org::{Act, Deed, Denied, Office, Sphere, Wording};
use caucus_proto::wire::Flag;

use super::verdict::five;
use super::world::World;
use crate::engine::record::Item;
use crate::mls::PersonaKeys;

/// By which way a device takes an entry in.
#[derive(Clone, Copy, Debug)]
enum Path {
    /// One by one, as they come.
    Live,
    /// All at once, by a program that was just started.
    CaughtUp,
    /// By a snapshot that a newcomer is handed.
    Entered,
}

impl Path {
    const ALL: [Self; 3] = [Self::Live, Self::CaughtUp, Self::Entered];
}

/// The member of the five who lies; holds no office.
pub(super) const MAL: usize = 4;

pub(super) fn persona(world: &World, n: usize) -> PersonaId {
    world.people[n].id()
}

/// A change of this person's key: signed by somebody whose key it is not, or to a key that somebody has.
fn rekey(world: &World, persona: PersonaId, signer: usize) -> Deed {
    let keys = |n: usize| PersonaKeys::from_bytes(&world.people[n].key.0);
    let known = persona == self::persona(world, 0);
    let new = if known {
        keys(signer)
    } else {
        PersonaKeys::generate().unwrap()
    };
    let old = keys(MAL).public();
    let digest = rekey_digest(&world.genesis.room(), &persona, &old, &new.public());
    Deed::Rekey {
        key: new.public(),
        proof: keys(signer).sign(&digest),
    }
}

/// What mal might like to do, and why it may not.
fn wishes(world: &World, applicant: PersonaId, invite: IntentId) -> Vec<(Deed, Denied)> {
    let powerless = |power: &str| Denied::Powerless {
        power: power.to_owned(),
    };
    let (ana, ben, mal) = (persona(world, 0), persona(world, 1), persona(world, MAL));
    let reason = String::new();
    let wording = |text: &str| Wording {
        language: "en".to_owned(),
        text: text.to_owned(),
    };
    vec![
        (Deed::Admit { persona: applicant }, powerless("admit")),
        (
            Deed::Decline {
                persona: applicant,
                reason: reason.clone(),
            },
            powerless("admit"),
        ),
        (
            Deed::Invite {
                uses: 9,
                expires: Minutes(u64::MAX),
                drop: ChannelId([1; 32]),
            },
            powerless("admit"),
        ),
        (Deed::Revoke { invite }, powerless("admit")),
        (
            Deed::Remove {
                persona: ana,
                reason: reason.clone(),
            },
            powerless("remove"),
        ),
        (
            Deed::Suspend {
                persona: ana,
                reason: reason.clone(),
            },
            powerless("remove"),
        ),
        (Deed::Lift { persona: mal }, powerless("remove")),
        (
            Deed::Promote {
                persona: mal,
                sphere: Sphere::Cadre,
            },
            powerless("promote"),
        ),
        (
            Deed::Demote {
                persona: ben,
                sphere: Sphere::Volunteer,
                reason,
            },
            powerless("promote"),
        ),
        (
            Deed::Principles {
                texts: vec![wording("obey mal")],
                substance: true,
            },
            powerless("principles"),
        ),
        (Deed::ControlKey { key: [6; 32] }, powerless("keys")),
        (Deed::RaiseFloor { feature: 2 }, powerless("floor")),
        (
            Deed::Vouch {
                persona: applicant,
                sphere: Sphere::Cadre,
            },
            Denied::MayNotVouch,
        ),
        (
            Deed::Vouch {
                persona: mal,
                sphere: Sphere::Cadre,
            },
            Denied::OwnCase,
        ),
        (
            Deed::HandOver {
                office: Office::Caretaker,
                holder: ana,
            },
            Denied::StillHeld,
        ),
        (
            Deed::HandOver {
                office: Office::Keyholder,
                holder: mal,
            },
            Denied::NoMandate,
        ),
        (
            Deed::Accept {
                version: 1,
                language: "en".to_owned(),
                hash: wording("obey mal").hash(),
            },
            Denied::NoPrinciples,
        ),
        (
            Deed::Replace {
                persona: ana,
                applicant,
            },
            powerless("admit"),
        ),
        (
            Deed::Recognize {
                applicant,
                persona: ana,
            },
            Denied::MayNotVouch,
        ),
        (
            Deed::Recognize {
                applicant,
                persona: mal,
            },
            Denied::OwnCase,
        ),
        // Signed by the key before alone, and by the new one alone.
        (rekey(world, mal, MAL), Denied::Unproven),
        (rekey(world, ana, 1), Denied::KnownKey),
    ]
}

/// Mal's device says it as if it were allowed.
pub(super) fn forge(world: &mut World, deed: &Deed) -> Position {
    let (id, minutes) = (world.intent(), world.now.minutes);
    let mal = world.room(MAL);
    let act = Act::new(id, mal.state().position, deed).unwrap();
    let plain = codec::encode(&act, codec::LIMIT).unwrap();
    let vault = mal.vault.clone();
    let overlay = vault.overlay();
    let sealed = mal.group.as_mut().unwrap().seal(&overlay, &plain).unwrap();
    overlay.commit().unwrap();
    let bytes = mal.entry(Body::Mls(sealed), minutes, true).unwrap();
    world.channel.force(Flag::Plain, &bytes)
}

fn play(path: Path) {
    let mut world = five();
    let (invite, _) = world.stranger("eve");
    let applicant = world.people.len() - 1;
    let application = super::world::application(&world.people[applicant], &world.genesis.clone(), invite);
    world
        .room(0)
        .carry(
            crate::engine::follow::invite_number(&invite),
            Position(1),
            Some(application),
        )
        .unwrap();
    world.settle();
    let before = world.room(0).state().clone();
    let wishes = wishes(&world, persona(&world, applicant), invite);
    let mut forged = Vec::new();
    for (deed, denied) in &wishes {
        let own = world.room(MAL).submit(IntentId([9; 16]), deed);
        assert!(own.is_err(), "an honest device does not even send {deed:?}");
        forged.push((forge(&mut world, deed), denied));
        if matches!(path, Path::Live) {
            (0..MAL).for_each(|n| drop(world.read(n, 1).unwrap()));
        }
    }
    // From here on mal is silent.
    world.people[MAL].room = None;
    if matches!(path, Path::CaughtUp) {
        (0..MAL).for_each(|n| world.people[n].restart());
    }
    (0..MAL).for_each(|n| drop(world.read(n, usize::MAX).unwrap()));
    for n in 0..MAL {
        let log = world.room(n).log_after(Position(0), usize::MAX).unwrap();
        for (at, denied) in &forged {
            let (_, record) = log.iter().find(|(position, _)| position == at).unwrap();
            assert_eq!(
                record.item,
                Item::NoOp((*denied).clone()),
                "{path:?}, {n} at {at}"
            );
        }
        let mut after = world.room(n).state().clone();
        let root = after.root();
        assert_eq!(root, world.room(0).state().root());
        // Nothing but position, clock, and that mal spoke.
        after.position = before.position;
        after.clock = before.clock;
        let mal = persona(&world, MAL);
        let was = before.person(&mal).unwrap();
        let is = after.people.get_mut(&mal).unwrap();
        (is.latest, is.active) = (was.latest, was.active);
        (is.spoke, is.heard) = (was.spoke, was.heard);
        assert_eq!(after, before, "{path:?}, {n}");
    }
    if matches!(path, Path::Entered) {
        let newcomer = world.apply("fay");
        world.admit(newcomer);
        world.settle();
        let (eve, root) = (persona(&world, applicant), world.room(0).state().root());
        let state = world.room(newcomer).state();
        assert_eq!(state.root(), root);
        assert!(!state.person(&eve).unwrap().is_present());
    }
}

#[test]
fn what_an_insider_may_not_do_is_refused_by_all_at_the_same_position_on_every_path() {
    for path in Path::ALL {
        play(path);
    }
}
