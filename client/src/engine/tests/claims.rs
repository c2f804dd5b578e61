//! Forged claims and disputes of insiders, in the governing room and in another one, by every way in which a device takes
//! acts in: each costs one entry that changes nothing and says why, and what is allowed beside them counts.

use caucus_proto::codec;
use caucus_proto::id::{Nonce, Position, RoomId};
use caucus_proto::org::charter::RoomRule;
use caucus_proto::org::roster::LONGEST_CLAIM;
use caucus_proto::org::{
    Claim, Deed, Denied, Kind, Name, Notice, NoticeKind, Roster, SignedClaim, SignedNotice, Sphere,
    SuiteChoice,
};

use super::commits::hold;
use super::world::{Person, World, reply_drop};
use crate::charter;
use crate::engine::record::{Health, Item};
use crate::engine::room::Room;
use crate::mls::{PersonaKeys, make_key_package};

/// By which way a device takes an entry in. The author of each takes it in as its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Path {
    /// One by one, as they come.
    Live,
    /// All at once, by a program that was just started.
    CaughtUp,
    /// By a program that ends and starts again behind each entry.
    Restarted,
    /// By a snapshot that a newcomer is handed.
    Entered,
    /// By a snapshot that somebody is handed who is renewed.
    Renewed,
    /// While a commit is held that cannot be processed, and again once it is found void.
    Held,
}

impl Path {
    pub(super) const ALL: [Self; 6] = [
        Self::Live,
        Self::CaughtUp,
        Self::Restarted,
        Self::Entered,
        Self::Renewed,
        Self::Held,
    ];
}

/// The founder, caretaker and keyholder.
const ANA: usize = 0;

/// The other keyholder.
const BEN: usize = 1;

/// Holds no office.
const CEM: usize = 2;

/// Who is renewed.
pub(super) const DIA: usize = 3;

/// A volunteer: in the open room only.
const MAL: usize = 4;

const OPEN: &str = "open";

/// A body of two rooms.
struct Body {
    home: World,
    open: World,
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

impl Body {
    /// Five founders in both rooms, of whom mal is a volunteer by now.
    fn new() -> Self {
        let mut rules = charter::read(charter::shipped(Kind::Cell)).unwrap();
        rules.spheres = vec![Sphere::Volunteer, Sphere::Cadre];
        rules.rooms = vec![RoomRule {
            name: name(OPEN),
            sphere: Sphere::Volunteer,
        }];
        let names = ["ana", "ben", "cem", "dia", "mal"];
        let mut home = World::by(&names, SuiteChoice::Classical, rules);
        let open = home.opens_room(OPEN);
        let mut body = Self { home, open };
        body.tell(ANA, ANA);
        for n in BEN..=MAL {
            body.comes(n);
        }
        let demotion = Deed::Demote {
            persona: body.home.people[MAL].id(),
            sphere: Sphere::Volunteer,
            reason: String::new(),
        };
        body.home.submit(ANA, &demotion).unwrap();
        body.home.settle();
        body.tell(ANA, CEM);
        body.open.settle_attested();
        body.home.settle_attested();
        body
    }

    /// Number of the last claim.
    fn number(&mut self) -> u64 {
        self.home.room(ANA).state().open(OPEN).unwrap().number
    }

    fn room(&self) -> RoomId {
        RoomId::of(&self.home.genesis.body(), OPEN)
    }

    /// What the governing room says now, or something else, in the name of one and signed by another.
    fn claim(&mut self, by: usize, signer: usize, number: u64, change: impl FnOnce(&mut Claim)) -> Deed {
        let roster = self.home.room(ANA).state().roster(OPEN).unwrap();
        let mut claim = Claim {
            room: self.room(),
            number,
            roster,
        };
        change(&mut claim);
        let by = self.home.people[by].id();
        let digest = SignedClaim::digest(&by, &claim).unwrap();
        let signature = self.keys(signer).sign(&digest);
        let signed = SignedClaim { by, claim, signature };
        Deed::Claim {
            claim: codec::encode(&signed, LONGEST_CLAIM).unwrap(),
        }
    }

    fn keys(&self, n: usize) -> PersonaKeys {
        PersonaKeys::from_bytes(&self.home.people[n].key.0)
    }

    /// A true claim, said in the governing room and carried into the open one.
    fn tell(&mut self, signer: usize, carrier: usize) -> [Position; 2] {
        let number = self.number() + 1;
        let deed = self.claim(signer, signer, number, |_| {});
        let stands = |world: &mut World, n: usize| {
            world.submit(n, &deed).unwrap();
            world.step(n).unwrap();
            let at = world.channel.newest();
            world.settle();
            at
        };
        [stands(&mut self.home, signer), stands(&mut self.open, carrier)]
    }

    /// Somebody whom a claim lists asks to come into the open room, by a device of its own, and comes in.
    fn comes(&mut self, n: usize) {
        let mut person = Person::new(&self.home.people[n].name);
        person.key = self.home.people[n].key.clone();
        let persona = self.keys(n);
        let overlay = person.vault().overlay();
        let package = make_key_package(&overlay, &persona, self.home.genesis.suite, &self.room()).unwrap();
        overlay.commit().unwrap();
        let notice = Notice {
            kind: NoticeKind::Follow {
                channel: self.open.channel_id,
                asked: self.open.now.minutes,
                key_package: package.bytes,
                reply: reply_drop(),
            },
            nonce: Nonce([n as u8; 16]),
        };
        let digest = SignedNotice::digest(&self.room(), &persona.id(), &notice);
        let asks = SignedNotice {
            author: persona.id(),
            signature: persona.sign(&digest),
            notice,
        };
        self.open.people.push(person);
        self.open.room(ANA).plan.carried.push_back(asks);
        self.open.settle();
        let came = self.open.people.last().unwrap();
        assert!(came.room.is_some(), "{} did not come in", came.name);
    }

    /// One more in both rooms.
    fn sly(&mut self) {
        let sly = self.home.apply("sly");
        self.home.admit(sly);
        self.home.settle();
        self.tell(ANA, CEM);
        self.comes(sly);
        for world in [&mut self.home, &mut self.open] {
            world.settle_attested();
        }
    }

    /// What is forged in the governing room: by whom, and why it changes nothing there.
    fn in_home(&mut self) -> Vec<Forged> {
        let next = self.number() + 1;
        let powerless = Denied::Powerless {
            power: "keys".to_owned(),
        };
        vec![
            (BEN, self.claim(BEN, BEN, next, without_ana), Denied::FalseClaim),
            (
                BEN,
                self.claim(BEN, BEN, next, |claim| stranger_holds_keys(&mut claim.roster)),
                Denied::FalseClaim,
            ),
            (
                BEN,
                self.claim(BEN, BEN, next, |claim| claim.roster.position = Position(u64::MAX)),
                Denied::FalseClaim,
            ),
            (BEN, self.claim(BEN, CEM, next, |_| {}), Denied::NoAuthority),
            (BEN, self.claim(ANA, ANA, next, |_| {}), Denied::NoAuthority),
            (BEN, self.claim(ANA, BEN, next, |_| {}), Denied::NoAuthority),
            (BEN, self.claim(BEN, BEN, next - 1, |_| {}), Denied::OldClaim),
            (BEN, self.claim(BEN, BEN, next + 1_000, |_| {}), Denied::OldClaim),
            (BEN, self.claim(BEN, BEN, next, of_no_room), Denied::NoRoom),
            (CEM, self.claim(CEM, CEM, next, |_| {}), powerless.clone()),
            (CEM, self.claim(BEN, BEN, next, |_| {}), powerless),
            (CEM, Deed::Claim { claim: vec![7; 99] }, Denied::Malformed),
            (CEM, Deed::Dispute { number: next - 1 }, Denied::NoRoom),
        ]
    }

    /// What is forged in the open room.
    fn in_open(&mut self) -> Vec<Forged> {
        let next = self.number() + 1;
        let unordered = |claim: &mut Claim| claim.roster.people.reverse();
        vec![
            (BEN, self.claim(BEN, BEN, next, without_ana), Denied::OwnCase),
            (BEN, self.claim(BEN, BEN, next, |_| {}), Denied::OwnCase),
            (CEM, self.claim(BEN, CEM, next, |_| {}), Denied::NoAuthority),
            (CEM, self.claim(CEM, CEM, next, |_| {}), Denied::NoAuthority),
            (MAL, self.claim(MAL, MAL, next, without_ana), Denied::NoAuthority),
            (MAL, self.claim(ANA, MAL, next, without_ana), Denied::NoAuthority),
            (MAL, self.claim(ANA, ANA, next, |_| {}), Denied::OutsideHere),
            (CEM, self.claim(ANA, ANA, next - 1, |_| {}), Denied::OldClaim),
            (CEM, self.claim(ANA, ANA, next + 1_000, |_| {}), Denied::OldClaim),
            (CEM, self.claim(ANA, ANA, next, of_no_room), Denied::NoRoom),
            (CEM, self.claim(ANA, ANA, next, unordered), Denied::Malformed),
            (CEM, Deed::Claim { claim: vec![7; 99] }, Denied::Malformed),
            (MAL, Deed::Dispute { number: next - 1 }, Denied::OutsideHere),
            (CEM, Deed::Dispute { number: next }, Denied::OldClaim),
            (CEM, Deed::Dispute { number: 0 }, Denied::OldClaim),
        ]
    }
}

fn without_ana(claim: &mut Claim) {
    claim.roster.people.retain(|place| place.name.as_str() != "ana");
}

fn stranger_holds_keys(roster: &mut Roster) {
    let keys = PersonaKeys::generate().unwrap();
    roster.authority.push((keys.id(), keys.public()));
    roster.authority.sort_unstable_by_key(|(persona, _)| *persona);
}

fn of_no_room(claim: &mut Claim) {
    claim.room = RoomId([9; 32]);
}

/// What is forged: by whom, what, and why it changes nothing.
pub(super) type Forged = (usize, Deed, Denied);

/// The way begins: who takes in what is forged.
pub(super) fn begin(world: &mut World, path: Path, forged: &[Forged]) -> Vec<usize> {
    for (author, deed, _) in forged {
        let refused = world.submit(*author, deed);
        assert!(refused.is_err(), "an honest device does not even send {deed:?}");
    }
    let mut readers: Vec<_> = (0..world.people.len())
        .filter(|n| world.people[*n].room.as_ref().is_some_and(Room::is_in))
        .collect();
    match path {
        Path::Renewed => {
            world.people[DIA].lose_group();
            readers.retain(|n| *n != DIA);
        }
        Path::Held => {
            // The last to have come in lies.
            let sly = readers.pop().unwrap();
            let author = forged[0].0;
            // Who could follow the lie is renewed after the verdict, and has read nothing in between.
            readers = hold(world, sly, &[author]);
            readers.retain(|n| *n != author);
            assert!(readers.len() > 1, "who holds it takes in what is forged");
        }
        _ => {}
    }
    readers
}

/// Everybody takes in what is forged, by this way, as its authors say it.
pub(super) fn forge(
    world: &mut World,
    path: Path,
    readers: &[usize],
    forged: &[Forged],
    says: impl Fn(&mut World, usize, &Deed) -> Position,
) -> Vec<Position> {
    let mut stand = Vec::new();
    for (author, deed, _) in forged {
        stand.push(says(world, *author, deed));
        for n in readers
            .iter()
            .filter(|n| path != Path::CaughtUp || **n == *author)
        {
            world.read(*n, usize::MAX).unwrap();
            if path == Path::Restarted {
                world.people[*n].restart();
            }
        }
    }
    stand
}

/// The way ends: everybody has taken all of it in, and refused it at its position.
pub(super) fn end(world: &mut World, path: Path, readers: &[usize], forged: &[(Position, Forged)]) {
    if path == Path::CaughtUp {
        readers.iter().for_each(|n| world.people[*n].restart());
    }
    if path == Path::Held {
        world.settle();
    }
    for n in readers {
        world.read(*n, usize::MAX).unwrap();
    }
    for (at, (_, deed, denied)) in forged {
        for n in readers {
            let record = world.room(*n).log_at(*at).unwrap().unwrap();
            let refused = Item::NoOp(denied.clone());
            assert_eq!(record.item, refused, "{path:?}, {n}: {deed:?}");
        }
    }
}

/// While a commit is held, one device forges: what it does to itself meanwhile is its own affair.
pub(super) fn by_one(path: Path, mut forged: Vec<Forged>) -> Vec<Forged> {
    let author = forged[0].0;
    forged.retain(|(other, ..)| path != Path::Held || *other == author);
    forged
}

/// All of it, as if it were allowed.
fn plays(world: &mut World, path: Path, forged: Vec<Forged>) {
    let forged = by_one(path, forged);
    let readers = begin(world, path, &forged);
    let stand = forge(world, path, &readers, &forged, World::forges);
    let forged: Vec<_> = stand.into_iter().zip(forged).collect();
    end(world, path, &readers, &forged);
}

pub(super) fn agree(world: &mut World, path: Path) {
    let root = world.room(ANA).state().root();
    for n in 0..world.people.len() {
        if world.people[n].room.as_ref().is_some_and(Room::is_in) {
            assert_eq!(world.room(n).cursor().health, Health::Open, "{path:?}, {n}");
            assert_eq!(world.room(n).state().root(), root, "{path:?}, {n}");
        }
    }
}

fn play(path: Path) {
    let mut body = Body::new();
    if path == Path::Held {
        body.sly();
    }
    let number = body.number();
    let before = (
        body.home.room(ANA).state().rooms.clone(),
        body.open.room(ANA).state().annex.clone(),
    );
    let forged = body.in_home();
    plays(&mut body.home, path, forged);
    let forged = body.in_open();
    plays(&mut body.open, path, forged);
    let after = (
        body.home.room(ANA).state().rooms.clone(),
        body.open.room(ANA).state().annex.clone(),
    );
    assert_eq!(before, after, "{path:?}");
    if path == Path::Entered {
        let eve = body.home.apply("eve");
        body.home.admit(eve);
    }
    body.home.settle();
    body.open.settle();

    // What is allowed counts: a true claim, carried by another than its signer, and a dispute of it by somebody who governs.
    let [said, carried] = body.tell(BEN, CEM);
    assert_eq!(body.number(), number + 1);
    if path == Path::Entered {
        body.comes(body.home.people.len() - 1);
    }
    let dispute = Deed::Dispute { number: number + 1 };
    body.open.submit(DIA, &dispute).unwrap();
    body.open.settle();
    let annex = body.open.room(MAL).state().annex.clone().unwrap();
    let dia = body.home.people[DIA].id();
    assert_eq!(
        (annex.number, annex.disputed),
        (number + 1, vec![dia]),
        "{path:?}"
    );
    for (world, at) in [(&mut body.home, said), (&mut body.open, carried)] {
        agree(world, path);
        let record = world.room(ANA).log_at(at).unwrap().unwrap();
        assert!(!matches!(record.item, Item::NoOp(_)), "{path:?}: {record:?}");
        for n in [ANA, BEN, CEM, DIA] {
            assert!(world.say(n, &format!("{n} goes on")));
        }
        world.settle_attested();
        agree(world, path);
    }
}

#[test]
fn forged_claims_and_disputes_are_refused_in_both_rooms_at_their_position_on_every_way_in() {
    for path in Path::ALL {
        play(path);
    }
}
