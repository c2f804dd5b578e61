//! Two rooms of a body as a slow, obvious interpreter has them: one decides, the other takes claims. It shares nothing
//! with the machine but the act types. Nothing here waits for vouches or days; the larger interpreter knows of those.

use caucus_proto::id::{Minutes, PersonaId, Position};
use caucus_proto::org::{Mandate, Office, PersonaPublic, Roster, Sphere};

use super::cast::{FOUNDED, persona, public};

/// How somebody stands in a room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stand {
    Applied([u8; 32]),
    In(u64),
    Going,
    Gone {
        uncut: bool,
    },
    /// Of the body, in the other room only.
    Outer {
        since: u64,
        seated: bool,
        uncut: bool,
    },
    /// Belongs here since; since when they ask, and by what they may be added; whether they know keys from before.
    Awaited(u64, Option<(u64, [u8; 32])>, bool),
}

#[derive(Clone, Debug)]
pub(super) struct Human {
    pub seed: u32,
    pub sphere: Sphere,
    pub stand: Stand,
    /// By what they come into the other room, until that is said there.
    pub package: Option<[u8; 32]>,
}

/// A claim, as far as it matters.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub signer: u32,
    /// The key that signed it.
    pub key: u32,
    pub number: u64,
    pub roster: Roster,
}

/// One room.
#[derive(Clone, Debug)]
pub(super) struct RoomModel {
    pub governs: bool,
    /// In order of number.
    pub people: Vec<Human>,
    /// Office, holder, and the entry by which they have it; the longest held first.
    pub offices: Vec<(Office, u32, u64)>,
    pub position: u64,
    /// Number of the last claim.
    pub number: u64,
    /// Of the other room: who may sign.
    pub authority: Vec<u32>,
    pub disputed: Vec<u32>,
    /// Of the governing room: whether the other one was told all.
    told: Option<Roster>,
}

impl RoomModel {
    pub(super) fn new(governs: bool) -> Self {
        let mut room = Self {
            governs,
            people: vec![Human {
                seed: 0,
                sphere: Sphere::Cadre,
                stand: Stand::In(0),
                package: None,
            }],
            offices: Vec::new(),
            position: 0,
            number: 0,
            authority: vec![0],
            disputed: Vec::new(),
            told: None,
        };
        room.fill(0);
        room
    }

    pub(super) fn human(&self, seed: u32) -> Option<&Human> {
        self.people.iter().find(|human| human.seed == seed)
    }

    fn of(&mut self, seed: u32) -> Option<&mut Human> {
        self.people.iter_mut().find(|human| human.seed == seed)
    }

    pub(super) fn is_in(&self, seed: u32) -> bool {
        self.human(seed)
            .is_some_and(|human| matches!(human.stand, Stand::In(_)))
    }

    fn insiders(&self) -> Vec<&Human> {
        let mut insiders: Vec<_> = self
            .people
            .iter()
            .filter(|human| self.is_in(human.seed))
            .collect();
        insiders.sort_by_key(|human| match human.stand {
            Stand::In(since) => (since, human.seed),
            _ => (u64::MAX, human.seed),
        });
        insiders
    }

    fn holds(&self, seed: u32, office: Office) -> bool {
        self.is_in(seed)
            && self
                .offices
                .iter()
                .any(|(of, who, _)| *of == office && *who == seed)
    }

    fn fill(&mut self, position: u64) {
        for (office, seats) in [(Office::Caretaker, 1), (Office::Keyholder, 2)] {
            if !self.governs && office == Office::Caretaker {
                continue;
            }
            let members = |human: &&&Human| human.sphere >= Sphere::Member;
            let mut able: Vec<u32> = self
                .insiders()
                .iter()
                .filter(members)
                .map(|human| human.seed)
                .collect();
            if able.is_empty() {
                able = self.insiders().iter().map(|human| human.seed).collect();
            }
            self.offices
                .retain(|(of, who, _)| *of != office || able.contains(who));
            for seed in able {
                let holders = self.offices.iter().filter(|(of, ..)| *of == office).count();
                let has = self
                    .offices
                    .iter()
                    .any(|(of, who, _)| *of == office && *who == seed);
                if holders < seats && !has {
                    self.offices.push((office, seed, position));
                }
            }
        }
    }

    /// An entry stands at the next position.
    pub(super) fn next(&mut self) -> u64 {
        self.position += 1;
        self.position
    }

    /// Who belongs into the other room, as this one has it at its last entry.
    pub(super) fn roster(&self) -> Roster {
        let mut people: Vec<_> = self
            .people
            .iter()
            .filter_map(|human| {
                if !matches!(
                    human.stand,
                    Stand::In(_) | Stand::Awaited(..) | Stand::Outer { .. }
                ) {
                    return None;
                }
                Some(caucus_proto::org::Place {
                    persona: persona(human.seed),
                    key: public(human.seed),
                    name: super::cast::name(human.seed),
                    number: human.seed,
                    sphere: human.sphere,
                    package: human.package,
                })
            })
            .collect();
        people.sort_by_key(|place| place.persona);
        let mut authority: Vec<(PersonaId, PersonaPublic)> = self
            .offices
            .iter()
            .filter(|(office, ..)| *office == Office::Keyholder)
            .map(|(_, who, _)| (persona(*who), public(*who)))
            .collect();
        authority.sort_by_key(|(who, _)| *who);
        let offices = self.offices.iter().map(|(office, who, from)| Mandate {
            office: *office,
            holder: persona(*who),
            start: Minutes(FOUNDED),
            end: (*office == Office::Caretaker).then_some(Minutes(FOUNDED + 90 * 24 * 60)),
            from: Position(*from),
            terms: 0,
        });
        Roster {
            position: Position(self.position),
            governing: super::between::HOME,
            people,
            authority,
            offices: offices.collect(),
            principles: None,
            amended: None,
        }
    }

    /// Whether the other room is to be told.
    pub(super) fn is_due(&self) -> bool {
        let plain = |roster: &Roster| {
            let mut roster = roster.clone();
            roster.position = Position(0);
            roster.people.iter_mut().for_each(|place| place.package = None);
            roster
        };
        self.number == 0 || self.told.as_ref().map(plain) != Some(plain(&self.roster()))
    }

    pub(super) fn applies(&mut self, seed: u32, package: [u8; 32]) {
        self.people.push(Human {
            seed,
            sphere: Sphere::Volunteer,
            stand: Stand::Applied(package),
            package: None,
        });
    }

    pub(super) fn admit(&mut self, author: u32, seed: u32, at: u64) -> bool {
        let may = self.holds(author, Office::Caretaker) || self.holds(author, Office::Keyholder);
        if !may || !self.governs {
            return false;
        }
        let Some(human) = self.of(seed) else { return false };
        let Stand::Applied(package) = human.stand else {
            return false;
        };
        human.stand = Stand::Outer {
            since: at,
            seated: false,
            uncut: false,
        };
        human.package = Some(package);
        true
    }

    pub(super) fn promote(&mut self, author: u32, seed: u32, sphere: Sphere, at: u64) -> bool {
        if !self.governs || !self.holds(author, Office::Caretaker) || author == seed {
            return false;
        }
        let Some(human) = self.of(seed) else { return false };
        let next = match human.sphere {
            Sphere::Volunteer => Sphere::Member,
            Sphere::Member | Sphere::Cadre => Sphere::Cadre,
        };
        let outer = matches!(human.stand, Stand::Outer { seated: false, .. });
        let there = outer || matches!(human.stand, Stand::In(_));
        if !there || human.sphere == Sphere::Cadre || sphere != next {
            return false;
        }
        human.sphere = sphere;
        if outer {
            human.stand = Stand::Awaited(at, None, false);
        }
        self.fill(at);
        true
    }

    pub(super) fn demote(&mut self, author: u32, seed: u32, sphere: Sphere, at: u64) -> bool {
        if !self.governs || !self.holds(author, Office::Caretaker) || author == seed {
            return false;
        }
        let Some(human) = self.of(seed) else { return false };
        let outer = matches!(human.stand, Stand::Outer { seated: false, .. });
        let inside = matches!(human.stand, Stand::In(_));
        if !(outer || inside) || sphere >= human.sphere {
            return false;
        }
        human.sphere = sphere;
        if inside && sphere == Sphere::Volunteer {
            human.stand = Stand::Outer {
                since: at,
                seated: true,
                uncut: false,
            };
        }
        self.fill(at);
        true
    }

    pub(super) fn remove(&mut self, author: u32, seed: u32, at: u64) -> bool {
        if !self.governs || !self.holds(author, Office::Caretaker) || author == seed {
            return false;
        }
        if !self.goes(seed) {
            return false;
        }
        self.fill(at);
        true
    }

    fn goes(&mut self, seed: u32) -> bool {
        let governs = self.governs;
        let Some(human) = self.of(seed) else { return false };
        let before = human.stand;
        human.stand = match before {
            Stand::In(_) => Stand::Going,
            Stand::Awaited(_, _, uncut) => Stand::Gone { uncut },
            Stand::Outer {
                seated: false, uncut, ..
            } => Stand::Gone { uncut },
            Stand::Outer { seated: true, .. } if !governs => Stand::Going,
            _ => return false,
        };
        if matches!(human.stand, Stand::Gone { .. }) {
            human.package = None;
        }
        true
    }

    /// They say it themselves, whoever carries it.
    pub(super) fn leaves(&mut self, seed: u32, at: u64) -> bool {
        let seated = |human: &Human| matches!(human.stand, Stand::Outer { seated: true, .. });
        let last = self.is_in(seed) && self.insiders().len() < 2;
        if last || self.human(seed).is_some_and(seated) || !self.goes(seed) {
            return false;
        }
        self.fill(at);
        true
    }

    pub(super) fn follows(&mut self, seed: u32, asked: u64, package: [u8; 32]) -> bool {
        let Some(human) = self.of(seed) else { return false };
        match human.stand {
            Stand::Awaited(_, Some((before, _)), _) if before >= asked => false,
            Stand::Awaited(since, _, uncut) => {
                human.stand = Stand::Awaited(since, Some((asked, package)), uncut);
                true
            }
            _ => false,
        }
    }

    /// A commit that adds and removes; whether it also turns the keys.
    pub(super) fn commits(
        &mut self,
        author: u32,
        adds: &[(u32, [u8; 32])],
        removes: &[u32],
        path: bool,
        cut: bool,
        at: u64,
    ) -> bool {
        let goes = |human: &Human| matches!(human.stand, Stand::Going | Stand::Outer { seated: true, .. });
        let comes = |(seed, package): &(u32, [u8; 32])| {
            let by = self.human(*seed).map(|human| human.stand);
            matches!(by, Some(Stand::Awaited(_, Some((_, theirs)), _)) if theirs == *package)
        };
        let fine = self.is_in(author)
            && removes.iter().all(|seed| self.human(*seed).is_some_and(goes))
            && adds.iter().all(comes)
            && (path || (removes.is_empty() && !adds.is_empty()));
        if !fine {
            return false;
        }
        let governs = self.governs;
        for seed in removes {
            if let Some(human) = self.of(*seed) {
                human.stand = match human.stand {
                    Stand::Outer { since, .. } if governs => Stand::Outer {
                        since,
                        seated: false,
                        uncut: !cut,
                    },
                    Stand::Outer { since, .. } => Stand::Awaited(since, None, !cut),
                    _ => Stand::Gone { uncut: !cut },
                };
            }
        }
        for (seed, _) in adds {
            if let Some(human) = self.of(*seed)
                && let Stand::Awaited(since, ..) = human.stand
            {
                human.stand = Stand::In(since);
            }
        }
        if !(adds.is_empty() && removes.is_empty()) {
            self.fill(at);
        }
        if cut {
            for human in &mut self.people {
                match &mut human.stand {
                    Stand::Gone { uncut } | Stand::Outer { uncut, .. } | Stand::Awaited(_, _, uncut) => {
                        *uncut = false
                    }
                    _ => {}
                }
            }
        }
        true
    }

    fn comes_after(&self, number: u64) -> bool {
        number > self.number && number <= self.number + 1_000
    }

    /// Where it is decided.
    pub(super) fn claims(&mut self, author: u32, told: &Told) -> bool {
        let mut mine = self.roster();
        // The position before this entry is the last that anybody can name.
        mine.position = told.roster.position;
        let fine = self.holds(author, Office::Keyholder)
            && told.signer == author
            && told.key == author
            && self.comes_after(told.number)
            && told.roster.position.0 < self.position
            && mine == told.roster;
        if fine {
            self.number = told.number;
            self.told = Some(told.roster.clone());
            for human in &mut self.people {
                human.package = None;
            }
        }
        fine
    }

    /// Where it is taken over.
    pub(super) fn takes(&mut self, carrier: u32, told: &Told, at: u64) -> bool {
        let governs = |human: &&&Human| human.sphere >= Sphere::Member;
        let insiders = self.insiders();
        let others = insiders
            .iter()
            .filter(governs)
            .filter(|human| human.seed != told.signer);
        let others = others.count();
        let fine = insiders.iter().filter(governs).any(|human| human.seed == carrier)
            && self.authority.contains(&told.signer)
            && told.key == told.signer
            && self.comes_after(told.number)
            && !told.roster.authority.is_empty()
            && (carrier != told.signer || others <= 1);
        if !fine {
            return false;
        }
        for place in &told.roster.people {
            match self.of(place.number) {
                None => self.people.push(Human {
                    seed: place.number,
                    sphere: place.sphere,
                    stand: Stand::Awaited(at, place.package.map(|package| (0, package)), false),
                    package: None,
                }),
                Some(human) => {
                    human.sphere = place.sphere;
                    human.stand = match human.stand {
                        Stand::Going => Stand::Outer {
                            since: at,
                            seated: true,
                            uncut: false,
                        },
                        Stand::Gone { .. } => Stand::Awaited(at, None, false),
                        stays => stays,
                    };
                }
            }
        }
        let listed: Vec<u32> = told.roster.people.iter().map(|place| place.number).collect();
        let out: Vec<u32> = self.people.iter().map(|human| human.seed).collect();
        for seed in out.into_iter().filter(|seed| !listed.contains(seed)) {
            self.goes(seed);
        }
        self.number = told.number;
        let keys = told.roster.authority.iter();
        self.authority = keys
            .filter_map(|(who, _)| (0..1_000).find(|seed| persona(*seed) == *who))
            .collect();
        self.disputed.clear();
        self.fill(at);
        true
    }

    pub(super) fn disputes(&mut self, author: u32, number: u64) -> bool {
        let member = self
            .human(author)
            .is_some_and(|human| human.sphere >= Sphere::Member);
        let fine = !self.governs
            && self.is_in(author)
            && member
            && number == self.number
            && number > 0
            && !self.disputed.contains(&author)
            && self.disputed.len() < 16;
        if fine {
            self.disputed.push(author);
        }
        fine
    }
}
