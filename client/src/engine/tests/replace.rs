//! Coming back after a loss, and another key, on devices: what a lost device, an imposter and a stolen key are worth.

use caucus_proto::codec;
use caucus_proto::envelope::Body;
use caucus_proto::id::{PersonaId, Position};
use caucus_proto::org::replace::rekey_digest;
use caucus_proto::org::{Act, Deed, Denied, Name, Office, SuiteChoice};
use caucus_proto::wire::Flag;

use super::fork;
use super::world::World;
use crate::charter;
use crate::engine::error::EngineError;
use crate::engine::follow::invite_number;
use crate::engine::record::{Health, Item};
use crate::mls::PersonaKeys;

/// Two recognize and nobody is waited for; the others' words count at once.
fn world(names: &[&str]) -> World {
    let text = charter::shipped(caucus_proto::org::Kind::Cell)
        .replacen("absent = 1", "absent = 0", 1)
        .replacen(
            "sphere = \"cadre\"\nvouches = 2",
            "sphere = \"cadre\"\nvouches = 0",
            1,
        )
        .replacen(
            "sphere = \"cadre\"\ndays = 30\na_month",
            "sphere = \"cadre\"\ndays = 0\na_month",
            1,
        )
        .replacen(
            "[replacing]\nvouches = 2\ndays = 1",
            "[replacing]\nvouches = 2\ndays = 0",
            1,
        );
    World::by(names, SuiteChoice::Classical, charter::read(&text).unwrap())
}

impl World {
    /// Somebody asks to come back as somebody else; their number.
    fn returns(&mut self, name: &str, claims: &str) -> usize {
        let (invite, mut application) = self.stranger(name);
        let n = self.people.len() - 1;
        application.claims = Some(Name::new(claims).unwrap());
        let keys = PersonaKeys::from_bytes(&self.people[n].key.0);
        application.signature = keys.sign(&application.digest());
        self.room(0)
            .carry(invite_number(&invite), Position(1), Some(application))
            .unwrap();
        self.settle();
        n
    }

    fn recognize(&mut self, by: usize, applicant: PersonaId, persona: PersonaId) -> Result<(), EngineError> {
        let deed = Deed::Recognize { applicant, persona };
        self.submit(by, &deed)?;
        self.settle();
        Ok(())
    }

    /// A device says it as if it were allowed.
    pub(super) fn forges(&mut self, n: usize, deed: &Deed) -> Position {
        let id = self.intent();
        let position = self.room(n).state().position;
        self.forges_act(n, &Act::new(id, position, deed).unwrap())
    }

    /// The same, with what an honest device chooses by itself.
    pub(super) fn forges_act(&mut self, n: usize, act: &Act) -> Position {
        let minutes = self.now.minutes;
        let room = self.room(n);
        let plain = codec::encode(act, codec::LIMIT).unwrap();
        let vault = room.vault.clone();
        let overlay = vault.overlay();
        let sealed = room.group.as_mut().unwrap().seal(&overlay, &plain).unwrap();
        let body = Body::Mls(sealed);
        // So that the device itself goes on.
        room.keep_sent(&overlay, body.digest(), plain).unwrap();
        overlay.commit().unwrap();
        let content = room.content(body, minutes, true).unwrap();
        let bytes = fork::sealed(self, n, &content);
        self.channel.force(Flag::Plain, &bytes)
    }

    fn item(&mut self, n: usize, at: Position) -> Item {
        let log = self.room(n).log_after(Position(0), usize::MAX).unwrap();
        log.into_iter()
            .find(|(position, _)| *position == at)
            .unwrap()
            .1
            .item
    }

    /// Nobody's heartbeats are far away.
    fn breathe(&mut self) {
        for _ in 0..10 {
            self.pass(10_000);
            self.settle();
        }
    }
}

fn denied(result: Result<(), EngineError>) -> Denied {
    match result {
        Err(EngineError::Denied(denied)) => denied,
        other => panic!("{other:?}"),
    }
}

#[test]
fn whoever_lost_everything_comes_back_as_themselves_and_the_lost_device_is_mute_and_shut_out() {
    let mut world = world(&["ana", "ben", "cem", "dora", "eva"]);
    let ben = world.people[1].id();
    assert!(world.room(0).state().keyholders().contains(&ben));
    let number = world.room(0).state().person(&ben).unwrap().number;
    let lost = world.people[1].room.take();
    let back = world.returns("ben again", "ben");
    let applicant = world.people[back].id();
    let replace = Deed::Replace {
        persona: ben,
        applicant,
    };
    world.recognize(2, applicant, ben).unwrap();
    // One word is not enough, whatever a device sends.
    let too_few = Denied::Vouches { needed: 2, have: 1 };
    assert_eq!(denied(world.submit(0, &replace).map(drop)), too_few);
    let at = world.forges(0, &replace);
    world.settle();
    for n in [2, 3, 4] {
        assert_eq!(world.item(n, at), Item::NoOp(too_few.clone()));
    }
    world.recognize(3, applicant, ben).unwrap();
    world.people[back].persona = Some(ben);
    world.people[1].persona = Some(PersonaId([0; 32]));
    world.submit(0, &replace).unwrap();
    let before = world.channel.newest();
    while world.room(0).state().person(&applicant).is_some() {
        world.step(0).unwrap();
        world.read(0, usize::MAX).unwrap();
        world.pass(100);
    }
    assert!(world.channel.newest() > before);
    // The lost device, which has not read that, speaks: nobody hears it, and it stops nothing.
    world.people[1].room = lost;
    let at = world.forges(
        1,
        &Deed::Say {
            text: "it is me".to_owned(),
        },
    );
    world.people[1].room = None;
    world.settle();
    assert_eq!(world.item(2, at), Item::NoOp(Denied::Unprocessable));

    // The same person, in office, by another key.
    assert_eq!(world.room(back).me(), ben);
    assert_eq!(world.room(back).cursor().health, Health::Open);
    for n in [0, 2, 3, 4, back] {
        let state = world.room(n).state();
        let person = state.person(&ben).unwrap();
        assert_eq!((person.name.as_str(), person.number), ("ben", number));
        assert!(person.is_present() && !person.lost && person.older == 0, "{n}");
        assert!(state.keyholders().contains(&ben) && !state.is_uncut());
        assert_eq!(state.mandates(Office::Keyholder).count(), 2);
        assert!(state.person(&applicant).is_none());
        let roster = world.room(n).group().unwrap().roster();
        assert_eq!(roster.iter().filter(|persona| **persona == ben).count(), 1);
        assert_eq!(roster.len(), 5);
    }
    assert!(world.say(back, "I am back"));
    world.settle();
    assert!(world.texts().contains("I am back"));
    assert!(world.room(back).state().person(&ben).unwrap().former.is_empty());
    world.people[back].restart();
    assert!(world.say(back, "and after a restart"));
    assert!(world.say(4, "good"));
    world.settle();

    // Found again, the lost device reads as far as its place, and no further.
    world.people[1].restart();
    world.read(1, usize::MAX).unwrap();
    let room = world.room(1);
    assert_eq!(room.cursor().health, Health::Replaced);
    assert!(room.group.is_none() && room.may_act().is_err() && !room.wants_renewal());
    world.people[1].reopen();
    assert_eq!(world.room(1).cursor().health, Health::Replaced);
}

#[test]
fn an_imposter_takes_nobodys_place_because_the_device_that_is_there_says_so_by_itself() {
    let mut world = world(&["ana", "ben", "cem", "dora", "mal"]);
    let ben = world.people[1].id();
    let imposter = world.returns("ben again", "ben");
    let applicant = world.people[imposter].id();
    world.breathe();
    let claim = world.room(0).state().person(&applicant).unwrap().claims.unwrap();
    assert!(world.room(0).state().is_contradicted(&claim));
    let replace = Deed::Replace {
        persona: ben,
        applicant,
    };
    assert_eq!(denied(world.recognize(4, applicant, ben)), Denied::Contradicted);
    assert_eq!(denied(world.submit(0, &replace).map(drop)), Denied::Contradicted);
    let at = [
        world.forges(
            4,
            &Deed::Recognize {
                applicant,
                persona: ben,
            },
        ),
        world.forges(0, &replace),
    ];
    world.settle();
    for n in 1..4 {
        for at in at {
            assert_eq!(world.item(n, at), Item::NoOp(Denied::Contradicted));
        }
        let log = world.room(n).log_after(Position(0), usize::MAX).unwrap();
        let told = |item: &Item| matches!(item, Item::Event(text) if text.contains("ben is heard"));
        assert_eq!(
            log.iter().filter(|(_, record)| told(&record.item)).count(),
            1,
            "{n}"
        );
    }
    assert!(world.say(1, "it is me"));
    world.settle();
    assert!(world.texts().contains("it is me"));
}

#[test]
fn a_persona_key_changes_and_the_one_before_opens_nothing() {
    let mut world = world(&["ana", "ben", "cem"]);
    let (ben, stolen) = (world.people[1].id(), world.people[1].key.clone());
    let id = world.intent();
    world.room(1).submit_rekey(id).unwrap();
    world.settle();
    let key = world.room(1).persona.public();
    assert_ne!(key, PersonaKeys::from_bytes(&stolen.0).public());
    assert!(world.room(1).landed(&id).is_some());
    for n in 0..3 {
        let person = world.room(n).state().person(&ben).unwrap().clone();
        assert_eq!(
            (person.key, person.former.len()),
            (key, 0),
            "{n}: the leaf is certified anew"
        );
        let certified: Vec<_> = world.room(n).group().unwrap().certified().collect();
        assert!(certified.contains(&(ben, key)) && certified.len() == 3);
    }
    // It speaks on, also after a restart, and what waited goes out.
    assert!(world.say(1, "still me"));
    world.settle();
    world.people[1].reopen();
    assert!(world.say(1, "and after a restart"));
    world.settle_attested();
    assert!(world.texts().contains("still me") && world.texts().contains("and after a restart"));

    // Whoever has the key before signs nothing that anybody hears.
    let now = world.room(1).persona.bytes();
    world.room(1).persona = PersonaKeys::from_bytes(&stolen.0);
    let at = world.forges(1, &Deed::Leave);
    world.room(1).persona = PersonaKeys::from_bytes(&now);
    world.settle();
    assert_eq!(world.item(0, at), Item::NoOp(Denied::Unprocessable));
    assert!(world.room(0).state().person(&ben).unwrap().is_present());
    // Nor does it certify a leaf, not even for the device itself.
    let (at, now) = (world.channel.newest().next(), world.now);
    let room = world.room(1);
    let secret = std::mem::replace(&mut room.record.persona_key, stolen);
    room.stage_refresh(false, now).unwrap();
    room.record.persona_key = secret;
    world.settle();
    for n in 0..3 {
        assert_eq!(world.item(n, at), Item::NoOp(Denied::AnotherKey), "{n}");
        let certified: Vec<_> = world.room(n).group().unwrap().certified().collect();
        assert!(certified.contains(&(ben, key)));
    }
    assert!(world.say(1, "and me it stays"));
    world.settle();
    assert!(world.texts().contains("and me it stays"));
}

#[test]
fn a_change_of_key_that_one_key_alone_signed_is_refused_by_all() {
    let mut world = world(&["ana", "ben", "mal"]);
    let (ben, mal) = (world.people[1].id(), world.people[2].id());
    let keys = |world: &World, n: usize| PersonaKeys::from_bytes(&world.people[n].key.0);
    let new = PersonaKeys::generate().unwrap();
    let room = world.genesis.room();
    let proof = |of: &PersonaId, old: &PersonaKeys, signer: &PersonaKeys| {
        signer.sign(&rekey_digest(&room, of, &old.public(), &new.public()))
    };
    let (bens, mals) = (keys(&world, 1), keys(&world, 2));
    // By the old key alone; for another persona; from another key.
    for proof in [
        proof(&mal, &mals, &mals),
        proof(&ben, &mals, &new),
        proof(&mal, &bens, &new),
    ] {
        let deed = Deed::Rekey {
            key: new.public(),
            proof,
        };
        let at = world.forges(2, &deed);
        world.settle();
        for n in 0..2 {
            assert_eq!(world.item(n, at), Item::NoOp(Denied::Unproven));
        }
    }
    assert_eq!(world.room(0).state().person(&mal).unwrap().key, mals.public());
}
