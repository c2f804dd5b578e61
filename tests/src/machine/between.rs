//! Two rooms of a body: random decisions, true and false claims, carried in any order, twice, late or never, by anybody;
//! after every entry both rooms are what the interpreter says, and a replica of each has the same root.

use caucus_proto::id::{ChannelId, Minutes, Nonce, Position, RoomId};
use caucus_proto::org::{
    Act, At, Claim, CommitOps, Deed, Genesis, Input, Notice, NoticeKind, Outcome, Place, Roster, SeatAdded,
    SignedClaim, SignedNotice, Sphere, Standing, State, key_package_hash,
};
use ed25519_dalek::Signer;

use super::cast::{FOUNDED, application, encoded, genesis, intent, key, name, persona, public, rooms};
use super::rooms::{RoomModel, Stand, Told};
use super::{Account, Plan};
use crate::net::Draw;

pub(super) const HOME: ChannelId = ChannelId([7; 32]);
const OPEN: ChannelId = ChannelId([17; 32]);

/// Entries of a history, at most.
const LONGEST: u64 = 300;

/// People who apply in one history.
const MOST_PEOPLE: u32 = 9;

/// Seeds of strangers whom nobody admitted.
const STRANGERS: u32 = 900;

/// A room twice: as the machine has it, and as the interpreter.
struct Pair {
    state: State,
    replica: State,
    model: RoomModel,
}

/// A walk between them.
struct Walk {
    draw: Draw,
    members: Pair,
    open: Pair,
    /// Claims that somebody made.
    claims: Vec<(Told, Vec<u8>)>,
    intents: u32,
    applied: u32,
    asked: u64,
}

/// Plays histories of two rooms.
#[must_use]
pub fn play_rooms(plan: Plan) -> Account {
    let mut account = Account::default();
    let mut seed = plan.seed;
    while account.acts < plan.acts {
        let mut walk = Walk::new(Draw::part(seed, 77));
        let length = walk.draw.between(1, LONGEST).min(plan.acts - account.acts);
        for entry in 0..length {
            account.acts += 1;
            if let Err(difference) = walk.step(&mut account) {
                account
                    .differences
                    .push(format!("rooms, seed {seed}, entry {entry}: {difference}"));
                break;
            }
        }
        account.histories += 1;
        seed += 1;
    }
    account
}

fn founded() -> Genesis {
    let mut genesis = genesis();
    rooms(&mut genesis.charter);
    genesis
}

impl Walk {
    fn new(draw: Draw) -> Self {
        let mut state = State::found(founded(), HOME);
        let room = name_of("open");
        let open = state
            .open_room(&persona(0), &room, OPEN, [5; 32])
            .expect("a room of the charter");
        let deed = Deed::OpenRoom {
            name: room,
            channel: OPEN,
        };
        let mut members = RoomModel::new(true);
        let act = Act::new(intent(0), Position(0), &deed).expect("small");
        let at = At {
            position: Position(members.next()),
            flagged: false,
            cut: false,
            seen: Position(0),
        };
        let author = Some((persona(0), Minutes(FOUNDED)));
        let opened = state.apply(at, author, &Input::Act(&encoded(&act)));
        assert!(matches!(opened, Outcome::Done(_)), "{opened:?}");
        Self {
            draw,
            members: Pair {
                replica: state.clone(),
                state,
                model: members,
            },
            open: Pair {
                replica: open.clone(),
                state: open,
                model: RoomModel::new(false),
            },
            claims: Vec::new(),
            intents: 1,
            applied: 0,
            asked: 0,
        }
    }

    fn anybody(&mut self) -> u32 {
        if self.draw.percent(30) {
            return 0;
        }
        self.draw.below(u64::from(self.applied) + 1) as u32
    }

    /// Mostly another than the founder.
    fn somebody(&mut self) -> u32 {
        match self.applied {
            0 => 0,
            last if self.draw.percent(95) => self.draw.between(1, u64::from(last)) as u32,
            _ => 0,
        }
    }

    /// Mostly who may decide.
    fn decider(&mut self) -> u32 {
        if self.draw.percent(70) { 0 } else { self.anybody() }
    }

    fn sphere(&mut self) -> Sphere {
        *self.draw.one(&Sphere::ALL)
    }

    fn pair(&mut self, governs: bool) -> &mut Pair {
        if governs {
            &mut self.members
        } else {
            &mut self.open
        }
    }

    /// An act in a room; the interpreter says whether it counts.
    fn act(
        &mut self,
        governs: bool,
        author: u32,
        deed: &Deed,
        counts: impl FnOnce(&mut RoomModel, u64) -> bool,
    ) -> Result<bool, String> {
        let id = intent(self.intents);
        self.intents += 1;
        let pair = self.pair(governs);
        let act = Act::new(id, pair.state.position, deed).expect("small enough");
        pair.take(author, false, false, &Input::Act(&encoded(&act)), counts)
    }

    fn step(&mut self, account: &mut Account) -> Result<(), String> {
        let kind = self.draw.below(100);
        let (what, done) = match kind {
            0..=7 => ("applied", self.apply()?),
            8..=19 => ("admitted", self.admit()?),
            20..=39 => ("moved", self.move_somebody()?),
            40..=42 => ("removed", self.remove()?),
            43..=45 => ("left", self.leave()?),
            46..=59 => ("claimed", self.claim()?),
            60..=72 => ("carried", self.carry()?),
            73..=75 => ("disputed", self.dispute()?),
            76..=86 => ("asked to come in", self.follow()?),
            _ => ("committed", self.commit()?),
        };
        *account
            .seen
            .entry(if done { what } else { "refused between rooms" })
            .or_default() += 1;
        self.is_due_alike()?;
        for pair in [&mut self.members, &mut self.open] {
            if self.draw.percent(20) {
                let snapshot = pair.replica.snapshot().map_err(|error| error.to_string())?;
                pair.replica = State::from_snapshot(&snapshot).map_err(|error| error.to_string())?;
            }
        }
        Ok(())
    }

    /// Both say alike whether the other room is to be told.
    fn is_due_alike(&self) -> Result<(), String> {
        let due = self.members.model.is_due();
        match self.members.state.claim_due("open") == due {
            true => Ok(()),
            false => Err(format!("the interpreter says that a claim is due: {due}")),
        }
    }

    fn apply(&mut self) -> Result<bool, String> {
        let seed = self.applied + 1;
        if seed > MOST_PEOPLE {
            return Ok(false);
        }
        let expires = Minutes(FOUNDED + 1_000_000);
        let invite = intent(self.intents);
        let deed = Deed::Invite {
            uses: 1,
            expires,
            drop: ChannelId([11; 32]),
        };
        self.act(true, 0, &deed, |_, _| true)?;
        let application = application(seed, &format!("Person {seed}"), invite, None);
        let package = application.key_package_hash();
        let deed = Deed::Apply {
            application: encoded(&application),
        };
        self.applied = seed;
        self.act(true, 0, &deed, |model, _| {
            model.applies(seed, package);
            true
        })
    }

    fn admit(&mut self) -> Result<bool, String> {
        let (author, seed, governs) = (self.decider(), self.somebody(), self.draw.percent(90));
        let deed = Deed::Admit {
            persona: persona(seed),
        };
        self.act(governs, author, &deed, |model, at| model.admit(author, seed, at))
    }

    fn move_somebody(&mut self) -> Result<bool, String> {
        let (author, seed, sphere) = (self.decider(), self.somebody(), self.sphere());
        let governs = self.draw.percent(90);
        if self.draw.percent(70) {
            let deed = Deed::Promote {
                persona: persona(seed),
                sphere,
            };
            return self.act(governs, author, &deed, |model, at| {
                model.promote(author, seed, sphere, at)
            });
        }
        let deed = Deed::Demote {
            persona: persona(seed),
            sphere,
            reason: String::new(),
        };
        self.act(governs, author, &deed, |model, at| {
            model.demote(author, seed, sphere, at)
        })
    }

    fn remove(&mut self) -> Result<bool, String> {
        let (author, seed, governs) = (self.decider(), self.somebody(), self.draw.percent(90));
        let deed = Deed::Remove {
            persona: persona(seed),
            reason: String::new(),
        };
        self.act(governs, author, &deed, |model, at| model.remove(author, seed, at))
    }

    fn notice(
        &mut self,
        governs: bool,
        author: u32,
        kind: NoticeKind,
        counts: impl FnOnce(&mut RoomModel, u64) -> bool,
    ) -> Result<bool, String> {
        let carrier = self.anybody();
        let notice = SignedNotice {
            author: persona(author),
            notice: Notice {
                kind,
                nonce: Nonce([1; 16]),
            },
            signature: [0; 64].into(),
        };
        self.pair(governs)
            .take(carrier, false, false, &Input::Notice(&notice), counts)
    }

    fn leave(&mut self) -> Result<bool, String> {
        let (seed, governs) = (self.somebody(), self.draw.percent(50));
        // The founder stays, so that there is always somebody who decides.
        if seed == 0 {
            return Ok(false);
        }
        self.notice(governs, seed, NoticeKind::Leave, |model, at| {
            model.leaves(seed, at)
        })
    }

    fn follow(&mut self) -> Result<bool, String> {
        let (seed, governs) = (self.somebody(), self.draw.percent(50));
        // Who is in already would ask to be renewed: the larger interpreter knows of that.
        if self.pair(governs).model.is_in(seed) {
            return Ok(false);
        }
        self.asked += self.draw.below(2);
        let (asked, bytes) = (self.asked, vec![self.draw.below(3) as u8; 40]);
        let package = key_package_hash(&bytes);
        let kind = NoticeKind::Follow {
            channel: if governs { HOME } else { OPEN },
            asked: Minutes(asked),
            key_package: bytes,
            reply: application(seed, "x", intent(0), None).reply,
        };
        self.notice(governs, seed, kind, |model, _| {
            model.follows(seed, asked, package)
        })
    }

    fn commit(&mut self) -> Result<bool, String> {
        let governs = self.draw.percent(50);
        let (author, cut, path) = (self.anybody(), self.draw.percent(30), self.draw.percent(80));
        let (mut adds, mut removes) = (Vec::new(), Vec::new());
        for human in self.pair(governs).model.people.clone() {
            match human.stand {
                Stand::Awaited(_, Some((_, package)), _) if self.draw.percent(80) => {
                    adds.push((human.seed, package));
                }
                Stand::Going | Stand::Outer { seated: true, .. } if self.draw.percent(80) => {
                    removes.push(human.seed);
                }
                // Somebody whom nobody decided on.
                _ if self.draw.percent(1) => removes.push(human.seed),
                _ if self.draw.percent(1) => adds.push((human.seed, [9; 32])),
                _ => {}
            }
        }
        let ops = CommitOps {
            adds: (adds.iter())
                .map(|(seed, key_package)| SeatAdded {
                    persona: persona(*seed),
                    key_package: *key_package,
                    leaf: [3; 32],
                    key: public(*seed),
                })
                .collect(),
            removes: removes.iter().map(|seed| persona(*seed)).collect(),
            path: path.then(|| public(author)),
            ..CommitOps::default()
        };
        self.pair(governs)
            .take(author, true, cut, &Input::Commit(&ops), |model, at| {
                model.commits(author, &adds, &removes, path, cut, at)
            })
    }

    /// Somebody says who belongs into the other room, truly or not.
    fn claim(&mut self) -> Result<bool, String> {
        let told = self.invented();
        let claim = Claim {
            room: RoomId::of(&self.members.state.genesis.body(), "open"),
            number: told.number,
            roster: told.roster.clone(),
        };
        let by = persona(told.signer);
        let digest = SignedClaim::digest(&by, &claim).expect("small enough");
        let signed = encoded(&SignedClaim {
            by,
            signature: key(told.key).sign(&digest).to_bytes().into(),
            claim,
        });
        let author = if self.draw.percent(90) {
            told.signer
        } else {
            self.anybody()
        };
        self.claims.push((told.clone(), signed.clone()));
        let deed = Deed::Claim { claim: signed };
        self.act(true, author, &deed, |model, _| model.claims(author, &told))
    }

    fn invented(&mut self) -> Told {
        let mut roster = self.members.model.roster();
        let signer = self.decider();
        let last = self.members.model.number;
        let mut number = last + 1;
        if self.draw.percent(30) {
            match self.draw.below(6) {
                0 => roster.people.truncate(1),
                1 => {
                    let place = self.draw.below(roster.people.len() as u64) as usize;
                    roster.people.remove(place);
                }
                2 => {
                    let place = self.draw.below(roster.people.len() as u64) as usize;
                    roster.people[place].sphere = self.sphere();
                }
                3 => add_stranger(&mut roster, self.draw.below(5) as u32),
                4 => roster.authority = vec![(persona(signer), public(signer))],
                _ => number = self.draw.between(0, last + 1_200),
            }
        }
        if self.draw.percent(3) {
            roster.position = Position(self.draw.below(self.members.model.position + 3));
        }
        let key = if self.draw.percent(95) {
            signer
        } else {
            self.anybody()
        };
        Told {
            signer,
            key,
            number,
            roster,
        }
    }

    /// Somebody carries one of the claims that were ever made.
    fn carry(&mut self) -> Result<bool, String> {
        let Some(last) = self.claims.len().checked_sub(1) else {
            return Ok(false);
        };
        let late = if self.draw.percent(70) {
            0
        } else {
            self.draw.below(8) as usize
        };
        let (told, claim) = self.claims[last.saturating_sub(late)].clone();
        let carrier = self.anybody();
        let deed = Deed::Claim { claim };
        self.act(false, carrier, &deed, |model, at| model.takes(carrier, &told, at))
    }

    fn dispute(&mut self) -> Result<bool, String> {
        let (author, governs) = (self.anybody(), self.draw.percent(10));
        let number = self.open.model.number;
        let number = if self.draw.percent(80) {
            number
        } else {
            self.draw.below(5)
        };
        let deed = Deed::Dispute { number };
        self.act(governs, author, &deed, |model, _| model.disputes(author, number))
    }
}

impl Pair {
    /// One entry, in the machine, its replica and the interpreter.
    fn take(
        &mut self,
        author: u32,
        flagged: bool,
        cut: bool,
        input: &Input<'_>,
        counts: impl FnOnce(&mut RoomModel, u64) -> bool,
    ) -> Result<bool, String> {
        let at = At {
            position: Position(self.model.next()),
            flagged,
            cut,
            seen: Position(0),
        };
        let by = Some((persona(author), Minutes(FOUNDED)));
        let outcome = self.state.apply(at, by, input);
        self.replica.apply(at, by, input);
        let speaks = matches!(input, Input::Notice(_)) || self.model.is_in(author);
        let counted = speaks && counts(&mut self.model, at.position.0);
        let done = matches!(outcome, Outcome::Done(_));
        if done != counted {
            return Err(format!(
                "{input:?} by {author}: {outcome:?}, the interpreter says {counted}"
            ));
        }
        if self.state.root() != self.replica.root() {
            return Err("a replica came to another root".to_owned());
        }
        self.is_same()?;
        Ok(done)
    }

    fn is_same(&self) -> Result<(), String> {
        let people = &self.state.people;
        if people.len() != self.model.people.len() {
            return Err(format!(
                "{} people, not {}",
                people.len(),
                self.model.people.len()
            ));
        }
        for human in &self.model.people {
            let ours = self.state.person(&persona(human.seed));
            let stand = ours.map(|person| match &person.standing {
                Standing::Applied { key_package, .. } => Stand::Applied(*key_package),
                Standing::Admitted { .. } => unreachable!("nobody is admitted into the governing room"),
                Standing::Present { since } => Stand::In(since.0),
                Standing::Going { .. } => Stand::Going,
                Standing::Gone { uncut, .. } => Stand::Gone { uncut: *uncut },
                Standing::Outer { since, seated, uncut } => Stand::Outer {
                    since: since.0,
                    seated: *seated,
                    uncut: *uncut,
                },
                Standing::Awaited { since, asks } => Stand::Awaited(
                    since.0,
                    asks.map(|asks| (asks.asked.0, asks.key_package)),
                    person.lost,
                ),
            });
            let more = ours.map(|person| (person.sphere, person.package));
            if (stand, more) != (Some(human.stand), Some((human.sphere, human.package))) {
                return Err(format!("person {}: {stand:?}, not {:?}", human.seed, human.stand));
            }
        }
        let offices: Vec<_> = (self.state.mandates.iter())
            .map(|mandate| (mandate.office, mandate.holder, mandate.from.0))
            .collect();
        let theirs: Vec<_> = (self.model.offices.iter())
            .map(|(office, who, from)| (*office, persona(*who), *from))
            .collect();
        if offices != theirs {
            return Err(format!("offices {offices:?}, not {theirs:?}"));
        }
        let (number, mut authority, disputed) = match &self.state.annex {
            Some(annex) => (
                annex.number,
                annex.authority.iter().map(|(who, _)| *who).collect(),
                annex.disputed.clone(),
            ),
            None => (self.state.rooms[0].number, vec![persona(0)], Vec::new()),
        };
        let mut theirs: Vec<_> = match self.model.governs {
            true => vec![persona(0)],
            false => self.model.authority.iter().map(|who| persona(*who)).collect(),
        };
        authority.sort();
        theirs.sort();
        let said: Vec<_> = self.model.disputed.iter().map(|who| persona(*who)).collect();
        if (number, &authority, &disputed) != (self.model.number, &theirs, &said) {
            return Err(format!(
                "claim {number} under {authority:?}, not {}",
                self.model.number
            ));
        }
        Ok(())
    }
}

fn name_of(text: &str) -> caucus_proto::org::Name {
    caucus_proto::org::Name::new(text).expect("a name")
}

fn add_stranger(roster: &mut Roster, which: u32) {
    let seed = STRANGERS + which;
    let place = Place {
        persona: persona(seed),
        key: public(seed),
        name: name(seed),
        number: seed,
        sphere: Sphere::Cadre,
        package: Some([9; 32]),
    };
    roster.people.push(place);
    roster.people.sort_by_key(|place| place.persona);
}
