//! Forged commits of an insider, of every shape, by every way in which a device takes entries in: each costs one entry
//! that changes nothing, says why, and the room goes on. An allowed commit beside them counts, on every way.

use caucus_proto::envelope::Body;
use caucus_proto::id::{Minutes, PersonaId, Position};
use caucus_proto::org::{Denied, Standing};
use caucus_proto::wire::Flag;

use super::fork;
use super::verdict::five;
use super::world::World;
use crate::engine::follow::invite_number;
use crate::engine::record::{Health, Item, PendingRecord};
use crate::engine::room::Room;
use crate::engine::send::Outgoing;
use crate::mls::tests::forge::{Hand, Shape};
use crate::mls::tests::raw::split_commit;
use crate::mls::{Group, PersonaKeys, make_key_package};

/// By which way a device takes an entry in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Path {
    /// One by one, as they come.
    Live,
    /// All at once.
    CaughtUp,
    /// By a program that ends and starts again behind each entry.
    Restarted,
    /// By somebody who enters where they stand in the log already.
    Welcomed,
    /// By somebody who is renewed where they stand in the log already.
    Renewed,
    /// While a commit is held that cannot be processed, and again once it is found void.
    Held,
    /// By its own author, whose device believed that it may.
    Echoed,
}

impl Path {
    const ALL: [Self; 7] = [
        Self::Live,
        Self::CaughtUp,
        Self::Restarted,
        Self::Welcomed,
        Self::Renewed,
        Self::Held,
        Self::Echoed,
    ];

    /// What can come this way: an honest program stages nothing but Adds and Removes.
    fn shapes(self) -> Vec<Shape> {
        let all = Shape::ALL.iter().copied();
        match self {
            Self::Echoed => all
                .filter(|shape| shape.denied() != Denied::Unprocessable)
                .collect(),
            _ => all.collect(),
        }
    }
}

/// The member of the five who lies; holds no office.
const MAL: usize = 4;

/// Whom mal would like to see out.
const ANA: usize = 0;

/// Whose device stages what it may not, on the way of the echo.
const BEN: usize = 1;

/// Who is renewed.
const CEM: usize = 2;

struct Story {
    world: World,
    path: Path,
    /// Key package of somebody who asks to join.
    applicant: Vec<u8>,
    /// Who takes in what is forged.
    readers: Vec<usize>,
    /// Who comes in behind it.
    late: Option<usize>,
    /// Where each stands, and why it changed nothing.
    forged: Vec<(Position, Shape, Denied)>,
}

impl Story {
    fn begin(path: Path) -> Self {
        let mut world = five();
        let (invite, application) = world.stranger("zoe");
        let carried = world
            .room(ANA)
            .carry(invite_number(&invite), Position(1), Some(application.clone()));
        carried.unwrap();
        world.settle();
        let mut story = Self {
            world,
            path,
            applicant: application.key_package,
            readers: (0..MAL).collect(),
            late: None,
            forged: Vec::new(),
        };
        match path {
            Path::Welcomed => {
                let eve = story.world.apply("eve");
                story.world.admit(eve);
                story.without_entering(|world| !world.people[eve].greetings.is_empty());
                story.late = Some(eve);
            }
            Path::Renewed => {
                let greeted = story.world.people[CEM].greetings.len();
                story.world.people[CEM].lose_group();
                assert!(story.world.ask(CEM).unwrap());
                story.without_entering(|world| world.people[CEM].greetings.len() > greeted);
                story.late = Some(CEM);
                story.readers.retain(|n| *n != CEM);
            }
            Path::Held => story.hold(),
            _ => {}
        }
        story
    }

    /// Everybody but those who are to come in goes on until then, and has read everything.
    fn without_entering(&mut self, enough: impl Fn(&World) -> bool) {
        let world = &mut self.world;
        for _ in 0..200 {
            for n in 0..=MAL {
                world.read(n, usize::MAX).unwrap();
                if world.people[n]
                    .room
                    .as_ref()
                    .is_some_and(|room| !room.wants_renewal())
                {
                    world.step(n).unwrap();
                    world.read(n, usize::MAX).unwrap();
                    world.jobs(n).unwrap();
                }
            }
            if enough(world) && (0..=MAL).all(|n| n == CEM || world.is_caught_up(n)) {
                return;
            }
            world.pass(1_500);
        }
        panic!("nobody was greeted");
    }

    /// Somebody else commits what all but one cannot process; mal is among them.
    fn hold(&mut self) {
        let world = &mut self.world;
        let sly = world.apply("sly");
        world.admit(sly);
        world.settle();
        world.room(sly).cursor.refresh = Minutes(u64::MAX);
        world.settle_attested();
        let holding = hold(world, sly, &[MAL]);
        assert_eq!(holding.len(), 4, "somebody else than mal must be able to follow");
        // Mal's device says so as any other would; what it says later is forged.
        let now = world.now;
        let complaint = world.room(MAL).complaint(now).unwrap().unwrap();
        let bytes = fork::sealed(world, MAL, &complaint);
        world.channel.force(Flag::Plain, &bytes);
    }

    /// Forges, and puts what is forged into the log.
    fn forge(&mut self) {
        for shape in self.path.shapes() {
            if self.path == Path::Echoed {
                self.echo(shape);
                continue;
            }
            let mut sent = self.hand(|hand| hand.forge(shape));
            let commit = sent.pop().unwrap();
            for before in sent {
                self.put(Flag::Plain, shape, Denied::Unprocessable, before);
            }
            self.put(Flag::Advance, shape, shape.denied(), commit);
        }
    }

    /// Does something with mal's hand. Whatever is refused leaves no trace, so none is left with mal either.
    fn hand<T>(&mut self, deed: impl FnOnce(&mut Hand<'_>) -> T) -> T {
        let victim = self.world.people[ANA].id();
        let room = self.world.room(MAL);
        let vault = room.vault.clone();
        let overlay = vault.overlay();
        let mut group = Group::load(&overlay, &room.id()).unwrap().unwrap();
        group.drop_pending(&overlay).unwrap();
        deed(&mut Hand {
            group: &mut group,
            overlay: &overlay,
            persona: &room.persona,
            applicant: &self.applicant,
            victim,
        })
    }

    fn put(&mut self, flag: Flag, shape: Shape, denied: Denied, message: Vec<u8>) {
        let at = self.seal(flag, message);
        self.forged.push((at, shape, denied));
        self.read_on();
    }

    fn seal(&mut self, flag: Flag, message: Vec<u8>) -> Position {
        let minutes = self.world.now.minutes;
        let content = self.world.room(MAL).content(Body::Mls(message), minutes, true);
        let bytes = fork::sealed(&self.world, MAL, &content.unwrap());
        self.world.channel.force(flag, &bytes)
    }

    fn read_on(&mut self) {
        if matches!(self.path, Path::Live | Path::Restarted) {
            for n in self.readers.clone() {
                self.world.read(n, 1).unwrap();
                if self.path == Path::Restarted {
                    self.world.people[n].restart();
                }
            }
        }
    }

    /// Ben's device takes the commit for one that it may send, and sends it as any other.
    fn echo(&mut self, shape: Shape) {
        let (victim, applicant) = (self.world.people[ANA].id(), self.applicant.clone());
        let stranger = self.hand(|hand| hand.stranger());
        let own = PersonaKeys::from_bytes(&self.world.people[BEN].key.0);
        let room = self.world.room(BEN);
        let staged = room.transact(|room, overlay| {
            let (suite, id) = (room.record.suite, room.record.room);
            let again = make_key_package(overlay, &own, suite, &id)?.bytes;
            let (adds, removes) = match shape {
                Shape::AddsStranger => (vec![stranger], vec![]),
                Shape::AddsApplicant => (vec![applicant], vec![]),
                Shape::AddsItself => (vec![again], vec![]),
                Shape::Removes => (vec![], vec![victim]),
                _ => (vec![stranger], vec![victim]),
            };
            let staged = room.group()?.stage(overlay, &own, &adds, &removes, false)?;
            room.pending = Some(PendingRecord {
                message: staged.message,
                counter: room.cursor.counter,
                parts: Vec::new(),
                entry: None,
                cut: false,
                ops: staged.ops,
                access: None,
                welcome: None,
            });
            room.keep_pending(overlay)
        });
        staged.unwrap();
        let at = self.ben_commits();
        self.forged.push((at, shape, shape.denied()));
        for n in self.readers.clone() {
            self.world.read(n, usize::MAX).unwrap();
        }
        assert!(self.world.room(BEN).pending.is_none());
    }

    /// What ben's device has staged goes out.
    fn ben_commits(&mut self) -> Position {
        loop {
            self.world.read(BEN, usize::MAX).unwrap();
            let outgoing = self.world.outgoing(BEN).unwrap().unwrap();
            self.world.channel.store(&outgoing);
            if matches!(outgoing, Outgoing::Commit { .. }) {
                return self.world.channel.newest();
            }
        }
    }

    /// A commit that anybody may make, by the same hand.
    fn allow(&mut self) -> Position {
        if self.path == Path::Echoed {
            let now = self.world.now;
            self.world.room(BEN).stage_refresh(false, now).unwrap();
            return self.ben_commits();
        }
        let commit = self.hand(|hand| hand.allowed());
        let at = self.seal(Flag::Advance, commit);
        self.read_on();
        at
    }
}

/// Somebody commits what the devices of these cannot process, and of as few others as can be, and is silent from then on. All
/// who hold it.
pub(super) fn hold(world: &mut World, sly: usize, who: &[usize]) -> Vec<usize> {
    let before = world.channel.clone();
    let people: Vec<_> = (0..sly)
        .filter(|n| world.people[*n].room.as_ref().is_some_and(Room::is_in))
        .collect();
    let copies: Vec<_> = people.iter().map(|n| world.people[*n].copy()).collect();
    // Whom a lie hits depends on the tree: on who has renewed their keys in it.
    for lied_to in [
        &[0, 1, 2, 3],
        &[1, 2, 3, 4],
        &[0, 2, 3, 4],
        &[0, 1, 3, 4],
        &[0, 1, 2, 4],
        &[0, 1, 2, 3, 4][..],
    ] {
        let minutes = world.now.minutes;
        let room = world.room(sly);
        let vault = room.vault.clone();
        let overlay = vault.overlay();
        let mut group = Group::load(&overlay, &room.id()).unwrap().unwrap();
        let (bytes, _) = split_commit(&mut group, &overlay, lied_to);
        let bytes = room.entry(Body::Mls(bytes), minutes, true).unwrap();
        drop(overlay);
        world.channel.force(Flag::Advance, &bytes);
        for n in &people {
            world.read(*n, usize::MAX).unwrap();
        }
        let mut holding = people.clone();
        holding.retain(|n| matches!(world.room(*n).cursor().health, Health::Holding { .. }));
        if who.iter().all(|n| holding.contains(n)) {
            world.people[sly].room = None;
            return holding;
        }
        world.channel = before.clone();
        for (n, copy) in people.iter().zip(&copies) {
            world.people[*n].put_back(copy);
        }
    }
    panic!("no lie hits all of them");
}

fn roster(world: &mut World, n: usize) -> Vec<PersonaId> {
    let mut roster = world.room(n).group().unwrap().roster();
    roster.sort_unstable();
    roster
}

fn standings(world: &mut World, n: usize) -> Vec<(PersonaId, Standing)> {
    let people = world.room(n).state().people.iter();
    people
        .map(|(id, person)| (*id, person.standing.clone()))
        .collect()
}

fn play(path: Path) {
    let mut story = Story::begin(path);
    let epoch = story.world.room(MAL).epoch();
    let (before, seated) = (standings(&mut story.world, MAL), roster(&mut story.world, MAL));
    story.forge();
    let allowed = story.allow();
    let author = match path {
        Path::Echoed => BEN,
        _ => {
            // From here on mal is silent.
            story.world.people[MAL].room = None;
            MAL
        }
    };
    let author = story.world.people[author].id();
    if let Some(late) = story.late {
        assert!(story.world.enter(late).unwrap(), "{path:?}");
        story.readers.push(late);
    }
    for n in story.readers.clone() {
        story.world.read(n, usize::MAX).unwrap();
    }
    if path == Path::Held {
        story.world.settle();
    }
    let readers = story.readers.clone();
    let world = &mut story.world;
    for n in readers.clone() {
        assert_eq!(world.room(n).cursor().health, Health::Open, "{path:?}, {n}");
        for (at, shape, denied) in &story.forged {
            let record = world.room(n).log_at(*at).unwrap().unwrap();
            assert_eq!(
                record.item,
                Item::NoOp(denied.clone()),
                "{path:?}, {n}: {shape:?}"
            );
            assert_eq!(
                record.author,
                Some(author),
                "everybody sees whose it was: {shape:?}"
            );
        }
        let record = world.room(n).log_at(allowed).unwrap().unwrap();
        assert!(
            matches!(record.item, Item::Quiet(_)),
            "{path:?}, {n}: {:?}",
            record.item
        );
        assert_eq!(record.facts.epoch, epoch + 1, "{path:?}, {n}");
        assert_eq!(standings(world, n), before, "{path:?}, {n}");
        assert_eq!(roster(world, n), seated, "{path:?}, {n}");
        let root = world.room(n).state().root();
        assert_eq!(root, world.room(readers[0]).state().root(), "{path:?}, {n}");
    }
    for n in readers {
        assert!(world.say(n, &format!("{n} goes on")));
    }
    world.settle_attested();
    world.check();
}

#[test]
fn every_forged_commit_is_refused_at_its_position_by_everybody_on_every_way_in_and_the_room_goes_on() {
    for path in Path::ALL {
        play(path);
    }
}
