//! People with keys, and a machine to put them into.

use std::collections::BTreeMap;

use ed25519_dalek::{Signer, SigningKey};

use crate::codec;
use crate::id::{ChannelId, IntentId, Minutes, Nonce, PersonaId, Position};
use crate::org::act::{Act, CommitOps, Deed, SeatAdded};
use crate::org::application::{Application, ReplyDrop};
use crate::org::apply::{At, Input, Outcome};
use crate::org::charter::{
    Acceptance, Admission, Charter, Dealings, HandedOver, OfficeRule, Promotion, Replacing, Review, Vouching,
    Words,
};
use crate::org::genesis::{Genesis, Kind, SuiteChoice};
use crate::org::mandate::Filling;
use crate::org::name::Name;
use crate::org::power::Power;
use crate::org::relays::Relays;
use crate::org::rules::{Base, PollRule, Polls};
use crate::org::share::Share;
use crate::org::sign::{PersonaPublic, Signature};
use crate::org::sphere::Sphere;
use crate::org::state::State;

/// Signature key of everybody's first leaf.
pub(crate) const LEAF: [u8; 32] = [3; 32];

/// When the body was founded.
pub(crate) const FOUNDED: u64 = 29_000_000;

pub(crate) fn key(seed: u32) -> SigningKey {
    let mut bytes = [0x5a; 32];
    bytes[..4].copy_from_slice(&seed.to_be_bytes());
    SigningKey::from_bytes(&bytes)
}

pub(crate) fn public(seed: u32) -> PersonaPublic {
    PersonaPublic(key(seed).verifying_key().to_bytes())
}

pub(crate) fn persona(seed: u32) -> PersonaId {
    PersonaId::of(&public(seed).0)
}

pub(crate) fn intent(n: u32) -> IntentId {
    let mut bytes = [0xee; 16];
    bytes[..4].copy_from_slice(&n.to_be_bytes());
    IntentId(bytes)
}

/// Members and cadre; two vouches, one may be away; a caretaker for ninety days, two keyholders.
pub(crate) fn charter() -> Charter {
    let word = |text| Name::new(text).unwrap();
    Charter {
        between: Dealings::default(),
        relays: Relays::default(),
        history: HandedOver::default(),
        absent: 1,
        spheres: vec![Sphere::Member, Sphere::Cadre],
        governing: Sphere::Member,
        words: Words {
            body: word("cell"),
            volunteer: word("volunteer"),
            member: word("member"),
            cadre: word("cadre"),
            principles: word("points of unity"),
            caretaker: word("caretaker"),
            keyholder: word("keyholder"),
            offices: BTreeMap::new(),
        },
        admission: Admission {
            sphere: Sphere::Member,
            vouches: 2,
        },
        vouching: Vouching {
            sphere: Sphere::Member,
            days: 30,
            a_month: 3,
        },
        member: Promotion {
            vouches: 1,
            days: 30,
            principles: true,
        },
        cadre: Promotion {
            vouches: 1,
            days: 60,
            principles: true,
        },
        principles: Acceptance { days: 14 },
        review: Review { days: 30 },
        caretaker: OfficeRule {
            seats: 1,
            days: 90,
            sphere: Sphere::Member,
            powers: vec![
                Power::Admit,
                Power::Remove,
                Power::Floor,
                Power::Promote,
                Power::Principles,
                Power::Poll,
                Power::Facilitate,
                Power::Tell,
                Power::Announce,
                Power::Direct,
            ],
            filling: Filling::Rotation,
            terms: 0,
        },
        keyholder: OfficeRule {
            seats: 2,
            days: 0,
            sphere: Sphere::Member,
            powers: vec![Power::Keys, Power::Admit, Power::Link],
            filling: Filling::Rotation,
            terms: 0,
        },
        replacing: Replacing { vouches: 2, days: 1 },
        polls: polls(),
        offices: BTreeMap::new(),
        rooms: Vec::new(),
    }
}

/// A day at least, a third of all; more than half of the votes, for people two thirds, for rules three quarters of all
/// who may vote; an hour to object.
pub(crate) fn polls() -> Polls {
    let share = |part, of, more| Share { part, of, more };
    let ordinary = PollRule {
        sphere: Sphere::Member,
        principles: false,
        threshold: Share::HALF,
        base: Base::Cast,
        quorum: share(1, 3, false),
        days: 1,
    };
    Polls {
        support: 2,
        grace: 1,
        leavers: true,
        suspended: false,
        silent: 30,
        light: true,
        ordinary,
        people: PollRule {
            threshold: share(2, 3, false),
            ..ordinary
        },
        rules: PollRule {
            threshold: share(3, 4, false),
            base: Base::Electorate,
            ..ordinary
        },
    }
}

pub(crate) fn genesis() -> Genesis {
    Genesis {
        kind: Kind::Cell,
        label: Name::new("North").unwrap(),
        suite: SuiteChoice::Hybrid,
        founder: public(0),
        founder_name: Name::new("Ana").unwrap(),
        control: [4; 32],
        founded: Minutes(FOUNDED),
        charter: charter(),
        nonce: Nonce([6; 16]),
    }
}

pub(crate) fn founded() -> State {
    State::found(genesis(), ChannelId([7; 32]))
}

pub(crate) fn application(seed: u32, name: &str, invite: IntentId) -> Application {
    let mut application = Application {
        invite,
        key: public(seed),
        name: Name::new(name).unwrap(),
        word: "let me in".to_owned(),
        key_package: seed.to_be_bytes().repeat(8),
        reply: ReplyDrop {
            channel: ChannelId([8; 32]),
            append: [9; 32],
            sealing: vec![10; 40],
        },
        claims: None,
        signature: Signature::from([0; 64]),
    };
    application.signature = key(seed).sign(&application.digest()).to_bytes().into();
    application
}

pub(crate) fn encoded<T: serde::Serialize>(value: &T) -> Vec<u8> {
    codec::encode(value, codec::LIMIT).unwrap()
}

/// A machine and the number of its next intent.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) state: State,
    pub(crate) intents: u32,
    pub(crate) time: u64,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            state: founded(),
            intents: 0,
            time: FOUNDED,
        }
    }

    pub(crate) fn at(&self, flagged: bool, cut: bool) -> At {
        At {
            position: self.state.position.next(),
            flagged,
            cut,
            // Whoever speaks here has seen what there is.
            seen: self.state.position,
        }
    }

    pub(crate) fn act(&self, id: IntentId, deed: &Deed) -> Act {
        Act::new(id, self.state.position, deed).unwrap()
    }

    pub(crate) fn send(&mut self, seed: u32, act: &Act) -> Outcome {
        let at = self.at(false, false);
        let author = Some((persona(seed), Minutes(self.time)));
        self.state.apply(at, author, &Input::Act(&encoded(act)))
    }

    /// A deed under a new intent.
    pub(crate) fn does(&mut self, seed: u32, deed: &Deed) -> Outcome {
        self.intents += 1;
        let act = self.act(intent(self.intents), deed);
        self.send(seed, &act)
    }

    /// A commit whose path, if it has one, is certified by its author's key of now.
    pub(crate) fn commits(&mut self, seed: u32, ops: &CommitOps, cut: bool) -> Outcome {
        let mut ops = ops.clone();
        let key = self.state.person(&persona(seed)).map(|person| person.key);
        ops.path = ops.path.and(key);
        self.commits_as(seed, &ops, cut)
    }

    pub(crate) fn commits_as(&mut self, seed: u32, ops: &CommitOps, cut: bool) -> Outcome {
        let at = self.at(true, cut);
        let author = Some((persona(seed), Minutes(self.time)));
        self.state.apply(at, author, &Input::Commit(ops))
    }

    pub(crate) fn invites(&mut self, seed: u32, uses: u16) -> IntentId {
        let deed = Deed::Invite {
            uses,
            expires: Minutes(self.state.now().0 + 10_000),
            drop: ChannelId([11; 32]),
        };
        assert!(matches!(self.does(seed, &deed), Outcome::Done(_)));
        intent(self.intents)
    }

    pub(crate) fn applies(&mut self, carrier: u32, seed: u32, name: &str, invite: IntentId) -> Outcome {
        let application = encoded(&application(seed, name, invite));
        self.does(carrier, &Deed::Apply { application })
    }

    pub(crate) fn seat(seed: u32) -> CommitOps {
        CommitOps {
            adds: vec![SeatAdded {
                persona: persona(seed),
                key_package: application(seed, "x", intent(0)).key_package_hash(),
                leaf: LEAF,
                key: public(seed),
            }],
            ..CommitOps::default()
        }
    }

    /// Everything from the invite to the seat, by the founder.
    pub(crate) fn joins(&mut self, seed: u32) {
        let invite = self.invites(0, 1);
        let done = [
            self.applies(0, seed, &format!("Person {seed}"), invite),
            self.does(
                0,
                &Deed::Admit {
                    persona: persona(seed),
                },
            ),
            self.commits(0, &Self::seat(seed), false),
        ];
        assert!(
            done.iter().all(|outcome| matches!(outcome, Outcome::Done(_))),
            "{done:?}"
        );
    }

    pub(crate) fn unseat(seed: u32) -> CommitOps {
        CommitOps {
            removes: vec![persona(seed)],
            path: Some(public(0)),
            ..CommitOps::default()
        }
    }

    pub(crate) fn says(&mut self, seed: u32) -> Outcome {
        self.does(
            seed,
            &Deed::Say {
                text: "hello".to_owned(),
            },
        )
    }

    /// Somebody posts with a claimed time.
    pub(crate) fn claims(&mut self, seed: u32, time: u64) -> Minutes {
        self.time = time;
        let at = self.at(false, false);
        let author = Some((persona(seed), Minutes(time)));
        assert_eq!(self.state.apply(at, author, &Input::Part), Outcome::Done(vec![]));
        self.state.now()
    }

    /// Somebody posts with a claimed time; something may become final by it.
    pub(crate) fn claims_loose(&mut self, seed: u32, time: u64) {
        self.time = time;
        let at = self.at(false, false);
        let author = Some((persona(seed), Minutes(time)));
        assert!(matches!(
            self.state.apply(at, author, &Input::Part),
            Outcome::Done(_)
        ));
    }

    /// Everything from the invite to the seat, by whoever may admit now.
    pub(crate) fn joins_by_any(&mut self, seed: u32) {
        let who = self.state.holders(Power::Admit)[0];
        let by = (0..40).find(|seed| persona(*seed) == who).unwrap();
        let invite = self.invites(by, 1);
        let voucher = |world: &Self, id: &PersonaId| {
            let person = world.state.person(id).unwrap();
            world.state.may_vouch(person)
        };
        assert!(matches!(
            self.applies(by, seed, &format!("Person {seed}"), invite),
            Outcome::Done(_)
        ));
        for other in 0..40 {
            let id = persona(other);
            if other != by && self.state.person(&id).is_some_and(|p| p.is_present()) && voucher(self, &id) {
                let sphere = Sphere::Member;
                let persona = persona(seed);
                self.does(other, &Deed::Vouch { persona, sphere });
            }
        }
        let persona = persona(seed);
        if matches!(self.does(by, &Deed::Admit { persona }), Outcome::Done(_)) {
            self.commits(by, &Self::seat(seed), false);
        }
    }

    pub(crate) fn position(&self) -> Position {
        self.state.position
    }
}

/// Randomness that is the same every time.
pub(crate) struct Same(pub(crate) u8);

impl hpke::rand_core::TryRng for Same {
    type Error = core::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(u32::from(self.0))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(u64::from(self.0))
    }

    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Self::Error> {
        to.fill(self.0);
        Ok(())
    }
}

impl hpke::rand_core::TryCryptoRng for Same {}
