//! A second machine, written to be read: lists instead of maps, whole histories instead of bounded ones,
//! every question answered by going through everything. It shares nothing with the first but the act types.

use crate::id::{ChannelId, IntentId, PersonaId};
use crate::org::act::{CommitOps, SeatAdded, SeatKept};

/// What was really done, as the one who did it knows.
#[derive(Clone, Debug)]
pub(super) enum Word {
    Garbage,
    Notice,
    Answer,
    Renewal {
        who: PersonaId,
        read: u64,
        key_package: [u8; 32],
    },
    Unreadable,
    Act {
        id: IntentId,
        judged_at: u64,
        feature: u16,
        deed: Did,
    },
    Commit(CommitOps),
}

#[derive(Clone, Debug)]
pub(super) enum Did {
    Unknown,
    Say {
        len: usize,
    },
    Invite {
        uses: u16,
        expires: u64,
        drop: ChannelId,
    },
    Revoke(IntentId),
    Apply {
        honest: bool,
        persona: PersonaId,
        name: String,
        invite: IntentId,
        key_package: [u8; 32],
    },
    Admit(PersonaId),
    Decline {
        persona: PersonaId,
        reason: usize,
    },
    Remove {
        persona: PersonaId,
        reason: usize,
    },
    Leave,
    ControlKey([u8; 32]),
    RaiseFloor(u16),
    Renew {
        persona: PersonaId,
        key_package: [u8; 32],
    },
}

#[derive(Clone, PartialEq, Debug)]
pub(super) enum Stand {
    Applied(IntentId, [u8; 32]),
    Admitted([u8; 32], PersonaId),
    Present(u64),
    Going(Option<PersonaId>),
    Gone(Option<PersonaId>, bool),
}

#[derive(Clone, PartialEq, Debug)]
pub(super) struct Someone {
    pub(super) id: PersonaId,
    pub(super) name: String,
    pub(super) number: u32,
    pub(super) stand: Stand,
    pub(super) control: Option<[u8; 32]>,
    /// Every (claimed time, witnessed time before it), in order.
    pub(super) claims: Vec<(u64, u64)>,
    /// Every (intent, position) ever applied, in order.
    pub(super) done: Vec<(IntentId, u64)>,
    /// Positions of all renewals.
    pub(super) renewals: Vec<u64>,
    /// Leaf keys that a commit gave them, in order.
    pub(super) leaves: Vec<[u8; 32]>,
    /// How many leaves before the last are still there.
    pub(super) older: usize,
    /// Position of every message in the group.
    pub(super) spoken: Vec<u64>,
    /// (had read, key package, codes compared) of the request to be renewed that counts.
    pub(super) wants: Option<(u64, [u8; 32], bool)>,
}

impl Someone {
    fn last_spoken(&self) -> u64 {
        self.spoken
            .iter()
            .chain(&self.renewals)
            .copied()
            .max()
            .unwrap_or(0)
    }
}

#[derive(Clone, PartialEq, Debug)]
pub(super) struct Ticket {
    pub(super) id: IntentId,
    pub(super) number: u32,
    pub(super) by: PersonaId,
    pub(super) left: u16,
    pub(super) expires: u64,
    pub(super) drop: ChannelId,
    pub(super) access: u64,
    pub(super) closed: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) people: Vec<Someone>,
    pub(super) tickets: Vec<Ticket>,
    pub(super) position: u64,
    pub(super) floor: u16,
    pub(super) now: u64,
    pub(super) entries: usize,
    pub(super) tickets_ever: u32,
    pub(super) people_ever: u32,
    pub(super) last_cut: u64,
    pub(super) answered: bool,
}

const DAY: u64 = 24 * 60;
const YEAR_9999_ENDS: u64 = 4_223_371_679;

impl Model {
    pub(super) fn found(founder: PersonaId, name: &str, control: [u8; 32], time: u64) -> Self {
        let founder = Someone {
            id: founder,
            name: name.to_owned(),
            number: 0,
            stand: Stand::Present(0),
            control: Some(control),
            claims: vec![(time, time)],
            done: vec![],
            renewals: vec![],
            leaves: vec![],
            older: 0,
            spoken: vec![],
            wants: None,
        };
        Self {
            people: vec![founder],
            tickets: vec![],
            position: 0,
            floor: 1,
            now: time,
            entries: 0,
            tickets_ever: 0,
            people_ever: 0,
            last_cut: 0,
            answered: false,
        }
    }

    pub(super) fn find(&self, id: &PersonaId) -> Option<&Someone> {
        self.people.iter().find(|p| p.id == *id)
    }

    fn find_mut(&mut self, id: &PersonaId) -> &mut Someone {
        self.people.iter_mut().find(|p| p.id == *id).unwrap()
    }

    pub(super) fn present(&self) -> Vec<&Someone> {
        let mut present: Vec<_> = self
            .people
            .iter()
            .filter(|p| matches!(p.stand, Stand::Present(_)))
            .collect();
        present.sort_by_key(|p| match p.stand {
            Stand::Present(since) => (since, p.number),
            _ => unreachable!(),
        });
        present
    }

    /// One entry. True if it did what it says.
    pub(super) fn step(
        &mut self,
        position: u64,
        flagged: bool,
        cut: bool,
        author: Option<(PersonaId, u64)>,
        word: &Word,
    ) -> bool {
        if self.floor > 1 || position <= self.position {
            return false;
        }
        let here = |m: &Self, id: &PersonaId| m.present().iter().any(|p| p.id == *id);
        let did = match (author, word) {
            (None, _) | (_, Word::Garbage | Word::Unreadable) => false,
            (_, Word::Notice) => !flagged,
            (Some((author, _)), Word::Answer) => {
                let ok = flagged
                    && cut
                    && here(self, &author)
                    && self.present().iter().take(2).any(|p| p.id == author);
                if ok {
                    self.last_cut = position;
                    self.answered = true;
                }
                ok || !flagged
            }
            (
                _,
                Word::Renewal {
                    who,
                    read,
                    key_package,
                },
            ) => !flagged && here(self, who) && self.asks_renewal(position, *who, *read, *key_package),
            (
                Some((author, _)),
                Word::Act {
                    id,
                    judged_at,
                    feature,
                    deed,
                },
            ) => {
                !flagged
                    && here(self, &author)
                    && *judged_at < position
                    && *feature == 1
                    && !self.may_be_done_already(&author, id, *judged_at)
                    && self.act(position, author, *id, deed)
            }
            (Some((author, _)), Word::Commit(ops)) => {
                flagged && here(self, &author) && self.commit(position, cut, ops)
            }
        };
        self.position = position;
        if let Some((author, _)) = author
            && matches!(word, Word::Act { .. } | Word::Commit(_) | Word::Garbage)
            && self.find(&author).is_some()
        {
            let someone = self.find_mut(&author);
            someone.spoken.push(position);
            someone.wants = None;
        }
        if did && cut && !matches!(word, Word::Answer) {
            self.cut(position);
        }
        if let Some((author, time)) = author
            && here(self, &author)
        {
            self.tick(author, time);
        }
        did
    }

    fn asks_renewal(&mut self, position: u64, who: PersonaId, read: u64, key_package: [u8; 32]) -> bool {
        let someone = self.find_mut(&who);
        let Stand::Present(since) = someone.stand else {
            return false;
        };
        let last = someone.renewals.iter().copied().chain([since]).max().unwrap();
        let newer_waits = matches!(someone.wants, Some((waiting, _, _)) if waiting > read);
        if read >= position || read < last || newer_waits {
            return false;
        }
        someone.wants = Some((read, key_package, false));
        true
    }

    fn may_be_done_already(&self, author: &PersonaId, id: &IntentId, judged_at: u64) -> bool {
        let done = &self.find(author).unwrap().done;
        let (old, recent) = done.split_at(done.len().saturating_sub(256));
        recent.iter().any(|(other, _)| other == id) || old.iter().any(|(_, at)| judged_at < *at)
    }

    fn act(&mut self, position: u64, author: PersonaId, id: IntentId, deed: &Did) -> bool {
        let rank = self.present().iter().position(|p| p.id == author).unwrap();
        let (keyholder, first) = (rank < 2, rank == 0);
        let stand = |m: &Self, id: &PersonaId| m.find(id).map(|p| p.stand.clone());
        let ok = match deed {
            Did::Unknown => false,
            Did::Say { len } => (1..=65_536).contains(len),
            Did::Invite { uses, expires, drop } => {
                let usable = |t: &&Ticket| t.left > 0 && t.expires >= self.now;
                let ok = keyholder
                    && *uses > 0
                    && *expires > self.now
                    && !self.tickets.iter().any(|t| t.id == id)
                    && self.tickets.iter().filter(usable).count() < 64;
                if ok {
                    let now = self.now;
                    self.tickets.retain(|t| t.left > 0 && t.expires >= now);
                    self.tickets_ever += 1;
                    self.tickets.push(Ticket {
                        id,
                        number: self.tickets_ever,
                        by: author,
                        left: *uses,
                        expires: *expires,
                        drop: *drop,
                        access: self.last_cut,
                        closed: false,
                    });
                }
                ok
            }
            Did::Renew { persona, key_package } => {
                let doubtful = self.find(persona).is_some_and(|p| {
                    matches!(p.stand, Stand::Present(_))
                        && matches!(p.wants, Some((read, key, false))
                            if key == *key_package && p.last_spoken() > read)
                });
                let ok = keyholder && *persona != author && doubtful;
                if ok && let Some(wants) = &mut self.find_mut(persona).wants {
                    wants.2 = true;
                }
                ok
            }
            Did::Revoke(ticket) => {
                let ok = keyholder && self.tickets.iter().any(|t| t.id == *ticket);
                if ok {
                    self.tickets.retain(|t| t.id != *ticket);
                }
                ok
            }
            Did::Apply {
                honest,
                persona,
                name,
                invite,
                key_package,
            } => {
                let open = self
                    .tickets
                    .iter()
                    .any(|t| t.id == *invite && !t.closed && t.left > 0 && t.expires >= self.now);
                let gone = |p: &Someone| matches!(p.stand, Stand::Gone(..));
                let name_free = !self
                    .people
                    .iter()
                    .any(|p| !gone(p) && p.name.eq_ignore_ascii_case(name));
                let ok = keyholder && *honest && open && name_free && self.find(persona).is_none();
                if ok {
                    self.people_ever += 1;
                    self.people.push(Someone {
                        id: *persona,
                        name: name.clone(),
                        number: self.people_ever,
                        stand: Stand::Applied(*invite, *key_package),
                        control: None,
                        claims: vec![],
                        done: vec![],
                        renewals: vec![],
                        leaves: vec![],
                        older: 0,
                        spoken: vec![],
                        wants: None,
                    });
                }
                ok
            }
            Did::Admit(persona) => match stand(self, persona) {
                Some(Stand::Applied(invite, key_package)) if keyholder => {
                    let now = self.now;
                    let ticket = self
                        .tickets
                        .iter_mut()
                        .find(|t| t.id == invite && t.left > 0 && t.expires >= now);
                    let ok = ticket.is_some();
                    if let Some(ticket) = ticket {
                        ticket.left -= 1;
                        self.find_mut(persona).stand = Stand::Admitted(key_package, author);
                    }
                    ok
                }
                _ => false,
            },
            Did::Decline { persona, reason } => {
                let ok =
                    keyholder && *reason <= 280 && matches!(stand(self, persona), Some(Stand::Applied(..)));
                if ok {
                    self.people.retain(|p| p.id != *persona);
                }
                ok
            }
            Did::Remove { persona, reason } => {
                let ok = first
                    && *reason <= 280
                    && *persona != author
                    && matches!(stand(self, persona), Some(Stand::Present(_)));
                if ok {
                    self.find_mut(persona).stand = Stand::Going(Some(author));
                }
                ok
            }
            Did::Leave => {
                let ok = self.present().len() > 1;
                if ok {
                    self.find_mut(&author).stand = Stand::Going(None);
                }
                ok
            }
            Did::ControlKey(key) => {
                if keyholder {
                    self.find_mut(&author).control = Some(*key);
                }
                keyholder
            }
            Did::RaiseFloor(feature) => {
                let ok = first && *feature == self.floor + 1;
                if ok {
                    self.floor = *feature;
                }
                ok
            }
        };
        if ok {
            self.find_mut(&author).done.push((id, position));
        }
        ok
    }

    fn commit(&mut self, position: u64, cut: bool, ops: &CommitOps) -> bool {
        let is_renewed = |add: &SeatAdded| {
            self.find(&add.persona).is_some_and(|p| {
                matches!(p.stand, Stand::Present(_))
                    && p.older < 7
                    && matches!(p.wants, Some((read, key, compared))
                        if key == add.key_package && (compared || p.last_spoken() <= read))
            })
        };
        let is_seated = |add: &SeatAdded| {
            self.find(&add.persona)
                .is_some_and(|p| matches!(p.stand, Stand::Admitted(kp, _) if kp == add.key_package))
        };
        let is_going = |id: &PersonaId| self.find(id).is_some_and(|p| matches!(p.stand, Stand::Going(_)));
        let keeps_last = |kept: &SeatKept| {
            self.find(&kept.persona).is_some_and(|p| {
                matches!(p.stand, Stand::Present(_)) && p.older > 0 && p.leaves.last() == Some(&kept.leaf)
            })
        };
        let renewed: Vec<_> = ops.adds.iter().filter(|add| is_renewed(add)).copied().collect();
        let fit = ops.adds.iter().all(|add| is_renewed(add) || is_seated(add))
            && ops.removes.iter().all(is_going)
            && ops.older.iter().all(keeps_last);
        let mut named: Vec<_> = ops.removes.clone();
        named.extend(ops.older.iter().map(|kept| kept.persona));
        named.extend(ops.adds.iter().map(|add| add.persona));
        let all = named.len();
        named.sort();
        named.dedup();
        let only_adds = !ops.adds.is_empty() && ops.removes.is_empty() && ops.older.is_empty();
        if !fit || named.len() != all || ops.adds.len() > 50 || !(ops.path || only_adds) {
            return false;
        }
        for id in &ops.removes {
            let person = self.find_mut(id);
            person.wants = None;
            person.leaves.clear();
            person.older = 0;
            if let Stand::Going(by) = person.stand {
                person.stand = Stand::Gone(by, !cut);
            }
            person.done.clear();
            person.control = None;
            self.close_tickets();
        }
        for kept in &ops.older {
            self.find_mut(&kept.persona).older = 0;
        }
        for add in &ops.adds {
            let someone = self.find_mut(&add.persona);
            someone.leaves.push(add.leaf);
            if renewed.contains(add) {
                someone.older += 1;
                someone.renewals.push(position);
                someone.wants = None;
            } else {
                someone.stand = Stand::Present(position);
            }
        }
        true
    }

    fn close_tickets(&mut self) {
        let people = &self.people;
        self.tickets.retain(|t| {
            people
                .iter()
                .any(|p| matches!(p.stand, Stand::Applied(invite, _) if invite == t.id))
        });
        for ticket in &mut self.tickets {
            ticket.closed = true;
        }
    }

    fn cut(&mut self, position: u64) {
        if self.answered
            || self
                .people
                .iter()
                .any(|p| matches!(p.stand, Stand::Gone(_, true)))
        {
            self.close_tickets();
        }
        self.answered = false;
        self.last_cut = position;
        for person in &mut self.people {
            if let Stand::Gone(by, _) = person.stand {
                person.stand = Stand::Gone(by, false);
            }
        }
    }

    /// Law 6, word by word.
    fn tick(&mut self, author: PersonaId, time: u64) {
        let before = self.now;
        self.find_mut(&author)
            .claims
            .push((time.min(YEAR_9999_ENDS), before));
        self.entries += 1;

        let present = self.present();
        let claims: Vec<u64> = present
            .iter()
            .filter_map(|p| p.claims.last())
            .map(|c| c.0)
            .collect();
        let lately = present
            .iter()
            .filter(|p| {
                p.claims
                    .last()
                    .is_some_and(|(_, at)| before.saturating_sub(*at) <= 14 * DAY)
            })
            .count();
        let half = present.len().div_ceil(2);
        let third = lately.div_ceil(3);
        let k = half.min(if third > 3 { third } else { 3 });
        let largest = |witnesses: usize| {
            let reached = |t: &u64| claims.iter().filter(|claim| *claim >= t).count() >= witnesses;
            claims
                .iter()
                .copied()
                .filter(reached)
                .max()
                .unwrap_or(before)
                .max(before)
        };

        let (by_k, by_half, bound) = (largest(k), largest(half), before + 26 * 60);
        if by_k <= bound {
            self.now = by_k;
        } else if by_half >= bound {
            self.now = by_half;
        } else if self.entries >= k {
            self.now = bound;
            self.entries = 0;
        } else {
            self.now = by_half;
        }
    }
}
