//! A second machine, written to be read: lists instead of maps, whole histories instead of bounded ones,
//! every question answered by going through everything. It shares nothing with the first but the act types.

use caucus_proto::id::{ChannelId, IntentId, PersonaId};
use caucus_proto::org::{CommitOps, MeetingStep, Office, SeatAdded, SeatKept, Step};

use super::decisions::{Motion, Stride};
use super::mandates::{Place, Seat};
use super::meetings::Gathering;
use super::remarks::Note;
use super::rules::Rules;

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
    Whisper {
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
        key: [u8; 32],
        /// Who they say they are.
        claims: Option<String>,
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
    /// To the relay of this number, as charters name them.
    Relocate(usize),
    Renew {
        persona: PersonaId,
        key_package: [u8; 32],
    },
    Vouch {
        persona: PersonaId,
        stage: u8,
    },
    Promote {
        persona: PersonaId,
        stage: u8,
    },
    Demote {
        persona: PersonaId,
        stage: u8,
        reason: usize,
    },
    Suspend {
        persona: PersonaId,
        reason: usize,
    },
    Lift(PersonaId),
    /// The number of a text; whether it is a sound one.
    Principles {
        text: u32,
        sound: bool,
        substance: bool,
    },
    /// Accepts the text of this number as this version.
    Accept {
        version: u32,
        text: u32,
    },
    HandOver {
        office: Office,
        holder: PersonaId,
    },
    StandAside {
        office: Office,
        aside: bool,
    },
    Propose(Box<Motion>),
    Step(Box<Stride>),
    Call(Box<Gathering>),
    Meet(IntentId, Box<MeetingStep>),
    Recognize {
        applicant: PersonaId,
        persona: PersonaId,
    },
    Replace {
        persona: PersonaId,
        applicant: PersonaId,
    },
    /// The new key, what it would be called, and whether it signed.
    Rekey {
        key: [u8; 32],
        named: PersonaId,
        signed: bool,
    },
    Remark(Note),
}

impl Did {
    /// The same by somebody for whom it was not made: a ballot that was sealed for another says nothing.
    pub(super) fn of_another(mut self) -> Self {
        if let Self::Step(stride) = &mut self {
            stride.inside = None;
        }
        self
    }
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
    pub(super) times: Vec<(u64, u64)>,
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
    /// 1 is a member, 2 is cadre.
    pub(super) stage: u8,
    pub(super) joined: u64,
    pub(super) stage_since: u64,
    /// Who vouched for the next step.
    pub(super) words: Vec<(PersonaId, u64)>,
    pub(super) sponsors: Vec<PersonaId>,
    /// When they vouched, ever.
    pub(super) gave_word: Vec<u64>,
    /// When they whispered, ever.
    pub(super) whispers: Vec<u64>,
    /// By whom, and until when.
    pub(super) review: Option<(PersonaId, u64)>,
    /// (version, number of the text).
    pub(super) accepted: Option<(u32, u32)>,
    pub(super) key: [u8; 32],
    /// Keys before this one that leaves may still be certified by.
    pub(super) former: Vec<[u8; 32]>,
    /// Positions of all changes of the key.
    pub(super) rekeyed: Vec<u64>,
    /// Position of every entry.
    pub(super) heard: Vec<u64>,
    /// Position of every request that says it is theirs.
    pub(super) claimed: Vec<u64>,
    /// Their device was lost, and nobody has turned the keys since it was put out.
    pub(super) lost: bool,
    /// Who they say they are, and where.
    pub(super) claims: Option<(PersonaId, u64)>,
    /// Offices that pass them by.
    pub(super) aside: Vec<Office>,
    /// Every head of theirs that counts.
    pub(super) heads: Vec<u64>,
    /// Whose heads are waited for, and whose will be.
    pub(super) elector: bool,
    pub(super) next_elector: bool,
}

impl Someone {
    fn new(id: PersonaId, key: [u8; 32], name: &str, number: u32, stand: Stand, now: u64) -> Self {
        Self {
            id,
            name: name.to_owned(),
            number,
            stand,
            control: None,
            times: vec![],
            done: vec![],
            renewals: vec![],
            leaves: vec![],
            older: 0,
            spoken: vec![],
            wants: None,
            stage: 1,
            joined: now,
            stage_since: now,
            words: vec![],
            sponsors: vec![],
            gave_word: vec![],
            whispers: Vec::new(),
            review: None,
            accepted: None,
            key,
            former: vec![],
            rekeyed: vec![],
            heard: vec![],
            claimed: vec![],
            lost: false,
            claims: None,
            aside: vec![],
            heads: vec![],
            elector: false,
            next_elector: false,
        }
    }

    /// The lost device's leaf is out, and it may still know the channel's keys.
    fn reads_on(&self) -> bool {
        self.lost && !self.leaves.is_empty() && self.older == 0
    }

    pub(super) fn is_under_review(&self, now: u64) -> bool {
        self.review.is_some_and(|(_, until)| until > now)
    }

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
    /// The charter now, and how it began.
    pub(super) rules: Rules,
    pub(super) founded_by: Rules,
    pub(super) charters: u32,
    pub(super) charter_from: u64,
    pub(super) seats: Vec<Seat>,
    /// Every place that ever had an office, in order.
    pub(super) had: Vec<(Office, Place)>,
    pub(super) begun: bool,
    /// Every election: whom it chose, and how often in a row each.
    pub(super) elections: Vec<(Office, Vec<(PersonaId, u16)>)>,
    /// Every text there ever was: its number, whether it asked everybody anew, and when it came.
    pub(super) texts: Vec<(u32, bool, u64)>,
    pub(super) motions: Vec<Motion>,
    pub(super) motions_ever: u32,
    pub(super) gatherings: Vec<Gathering>,
    pub(super) gatherings_ever: u32,
    /// Closed polls that are not final, the earliest closed first.
    pub(super) waiting: Vec<IntentId>,
    pub(super) last_final: u64,
    pub(super) next_final: Option<u64>,
    /// Where somebody was seated last.
    pub(super) seated: u64,
    /// Who can hold an office may be others by this entry.
    pub(super) moved: bool,
    /// Pinned messages: where they stand, and their ids.
    pub(super) pins: Vec<(u64, IntentId)>,
    /// After how many hours words vanished, ever, and from where on.
    pub(super) vanishings: Vec<(u32, u64)>,
    /// When the room went to another relay last.
    pub(super) relocated: Option<u64>,
}

/// Whether an entry that did what it says may change who can hold an office; a commit that only renews does not.
fn moves_people(people: &[Someone], position: u64, word: &Word) -> bool {
    let seated = |add: &SeatAdded| {
        let now = Stand::Present(position);
        people.iter().any(|p| p.id == add.persona && p.stand == now)
    };
    match word {
        Word::Commit(ops) => !ops.removes.is_empty() || ops.adds.iter().any(seated),
        Word::Act { deed, .. } => matches!(
            deed,
            Did::Remove { .. }
                | Did::Leave
                | Did::Promote { .. }
                | Did::Demote { .. }
                | Did::Suspend { .. }
                | Did::Lift(_)
        ),
        _ => false,
    }
}

/// Whether it is what somebody says to the others: that shows nothing of what they have seen.
fn is_said(word: &Word) -> bool {
    let Word::Act { deed, .. } = word else {
        return false;
    };
    match deed {
        Did::Say { .. } => true,
        Did::Step(stride) => matches!(stride.step, Step::Discuss { .. }),
        Did::Remark(note) => note.is_said(),
        _ => false,
    }
}

pub(super) const DAY: u64 = 24 * 60;
const YEAR_9999_ENDS: u64 = 4_223_371_679;

impl Model {
    pub(super) fn found(
        founder: PersonaId,
        key: [u8; 32],
        name: &str,
        control: [u8; 32],
        time: u64,
        rules: Rules,
    ) -> Self {
        let founder = Someone {
            control: Some(control),
            times: vec![(time, time)],
            stage: 2,
            elector: true,
            ..Someone::new(founder, key, name, 0, Stand::Present(0), time)
        };
        let mut model = Self {
            founded_by: rules.clone(),
            rules,
            charters: 0,
            charter_from: 0,
            seats: vec![],
            had: vec![],
            begun: false,
            elections: vec![],
            texts: vec![],
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
            motions: vec![],
            motions_ever: 0,
            gatherings: vec![],
            gatherings_ever: 0,
            waiting: vec![],
            last_final: 0,
            next_final: None,
            seated: 0,
            moved: false,
            pins: vec![],
            vanishings: vec![],
            relocated: None,
        };
        model.fill(0);
        model
    }

    pub(super) fn find(&self, id: &PersonaId) -> Option<&Someone> {
        self.people.iter().find(|p| p.id == *id)
    }

    pub(super) fn find_mut(&mut self, id: &PersonaId) -> &mut Someone {
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

    /// One entry, whose author's head names a position. True if it did what it says.
    pub(super) fn step(
        &mut self,
        position: u64,
        (flagged, cut): (bool, bool),
        head: u64,
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
                let ok = flagged && cut && here(self, &author) && self.may(&author, "keys");
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
                flagged && here(self, &author) && self.commit(position, cut, author, ops)
            }
        };
        self.position = position;
        if let Some((author, _)) = author
            && self.find(&author).is_some()
        {
            self.find_mut(&author).heard.push(position);
        }
        if let Some((author, _)) = author
            && matches!(word, Word::Act { .. } | Word::Commit(_) | Word::Garbage)
            && self.find(&author).is_some()
        {
            let someone = self.find_mut(&author);
            someone.spoken.push(position);
            someone.wants = None;
        }
        if did && (moves_people(&self.people, position, word) || self.moved) {
            self.fill(position);
        }
        self.moved = false;
        if did && cut && !matches!(word, Word::Answer) {
            self.cut(position);
        }
        if let Some((author, time)) = author
            && here(self, &author)
        {
            self.tick(author, time);
        }
        if let Some((author, _)) = author
            && did
            && !is_said(word)
        {
            self.attest(position, &author, head);
            if self.moved {
                self.fill(position);
            }
            self.moved = false;
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
        let (old, recent) = done.split_at(done.len().saturating_sub(64));
        recent.iter().any(|(other, _)| other == id) || old.iter().any(|(_, at)| judged_at < *at)
    }

    fn act(&mut self, position: u64, author: PersonaId, id: IntentId, deed: &Did) -> bool {
        let admits = self.may(&author, "admit");
        let keyholder = self.may(&author, "keys");
        let first = self.may(&author, "remove");
        let promotes = self.may(&author, "promote");
        let other_here = |m: &Self, id: &PersonaId| {
            *id != author && m.find(id).is_some_and(|p| matches!(p.stand, Stand::Present(_)))
        };
        let under_review = |m: &Self, id: &PersonaId| m.find(id).unwrap().is_under_review(m.now);
        let stand = |m: &Self, id: &PersonaId| m.find(id).map(|p| p.stand.clone());
        let ok = match deed {
            Did::Unknown => false,
            Did::Say { len } => (1..=65_536).contains(len),
            Did::Whisper { len } => {
                let now = self.now;
                let today = |at: &&u64| **at / (24 * 60) == now / (24 * 60);
                let ok =
                    *len == 2048 && self.find(&author).unwrap().whispers.iter().filter(today).count() < 10;
                if ok {
                    self.find_mut(&author).whispers.push(now);
                }
                ok
            }
            Did::Invite { uses, expires, drop } => {
                let usable = |t: &&Ticket| t.left > 0 && t.expires >= self.now;
                let ok = admits
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
                let ok = admits && *persona != author && doubtful;
                if ok && let Some(wants) = &mut self.find_mut(persona).wants {
                    wants.2 = true;
                }
                ok
            }
            Did::Revoke(ticket) => {
                let ok = admits && self.tickets.iter().any(|t| t.id == *ticket);
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
                key,
                claims,
            } => {
                let claimed = claims.as_ref().map(|claims| {
                    let here = self.people.iter().find(|p| {
                        matches!(p.stand, Stand::Present(_)) && p.name.eq_ignore_ascii_case(claims)
                    });
                    here.map(|p| p.id)
                });
                let open = self
                    .tickets
                    .iter()
                    .any(|t| t.id == *invite && !t.closed && t.left > 0 && t.expires >= self.now);
                let gone = |p: &Someone| matches!(p.stand, Stand::Gone(..));
                let name_free = !self
                    .people
                    .iter()
                    .any(|p| !gone(p) && p.name.eq_ignore_ascii_case(name));
                let new = self.find(persona).is_none() && !self.is_somebodys(key);
                let ok = admits && *honest && open && name_free && new && claimed != Some(None);
                if ok {
                    self.people_ever += 1;
                    let stand = Stand::Applied(*invite, *key_package);
                    let mut someone = Someone::new(*persona, *key, name, self.people_ever, stand, self.now);
                    if let Some(Some(claimed)) = claimed {
                        someone.claims = Some((claimed, position));
                        self.find_mut(&claimed).claimed.push(position);
                    }
                    self.people.push(someone);
                }
                ok
            }
            Did::Admit(persona) => match stand(self, persona) {
                Some(Stand::Applied(invite, key_package))
                    if admits
                        && self.find(persona).unwrap().claims.is_none()
                        && self.enough_words(self.rules.admission_words, &author, persona) =>
                {
                    let sponsors = self.words_that_count(persona, &author);
                    let now = self.now;
                    let ticket = self
                        .tickets
                        .iter_mut()
                        .find(|t| t.id == invite && t.left > 0 && t.expires >= now);
                    let ok = ticket.is_some();
                    if let Some(ticket) = ticket {
                        ticket.left -= 1;
                        let someone = self.find_mut(persona);
                        someone.stand = Stand::Admitted(key_package, author);
                        someone.sponsors = sponsors;
                        someone.words.clear();
                    }
                    ok
                }
                _ => false,
            },
            Did::Decline { persona, reason } => {
                let ok = admits && *reason <= 280 && matches!(stand(self, persona), Some(Stand::Applied(..)));
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
                    let me = self.find_mut(&author);
                    me.stand = Stand::Going(None);
                    (me.elector, me.next_elector) = (false, false);
                }
                ok
            }
            Did::ControlKey(key) => {
                if keyholder {
                    self.find_mut(&author).control = Some(*key);
                }
                keyholder
            }
            Did::Vouch { persona, stage: into } => {
                let month = self.now.saturating_sub(30 * DAY);
                let next = match stand(self, persona) {
                    Some(Stand::Applied(..)) => Some(1),
                    Some(Stand::Present(_)) if self.find(persona).unwrap().stage == 1 => Some(2),
                    _ => None,
                };
                let me = self.find(&author).unwrap();
                let ok = *persona != author
                    && self.word_counts(&author)
                    && me.gave_word.iter().filter(|at| **at > month).count() < self.rules.words_a_month
                    && Some(*into) == next
                    && self.find(persona).unwrap().claims.is_none()
                    && !self
                        .find(persona)
                        .unwrap()
                        .words
                        .iter()
                        .any(|(by, _)| *by == author);
                if ok {
                    let now = self.now;
                    self.find_mut(persona).words.push((author, now));
                    self.find_mut(&author).gave_word.push(now);
                }
                ok
            }
            Did::Promote { persona, stage: into } => {
                let days = self.rules.cadre_days * DAY;
                let ok = promotes
                    && other_here(self, persona)
                    && self.in_good_standing(persona)
                    && self
                        .find(persona)
                        .is_some_and(|p| p.stage == 1 && *into == 2 && p.stage_since + days <= self.now)
                    && self.has_accepted(persona)
                    && self.enough_words(self.rules.cadre_words, &author, persona);
                if ok {
                    self.put_into(persona, *into);
                }
                ok
            }
            Did::Demote {
                persona,
                stage: into,
                reason,
            } => {
                let ok = promotes
                    && *reason <= 280
                    && other_here(self, persona)
                    && *into == 1
                    && self.find(persona).unwrap().stage == 2;
                if ok {
                    self.put_into(persona, *into);
                }
                ok
            }
            Did::Suspend { persona, reason } => {
                let ok = first && *reason <= 280 && other_here(self, persona) && !under_review(self, persona);
                if ok {
                    let until = self.now + self.rules.review_days * DAY;
                    self.find_mut(persona).review = Some((author, until));
                }
                ok
            }
            Did::Lift(persona) => {
                let ok = first && other_here(self, persona) && under_review(self, persona);
                if ok {
                    self.find_mut(persona).review = None;
                }
                ok
            }
            Did::Principles {
                text,
                sound,
                substance,
            } => {
                let ok = self.may(&author, "principles") && *sound;
                if ok {
                    let asks = *substance || self.texts.is_empty();
                    self.texts.push((*text, asks, self.now));
                }
                ok
            }
            Did::Accept { version, text } => {
                let newest = self.texts.last().map(|(number, ..)| *number);
                let ok = newest == Some(*text) && self.texts.len() == *version as usize;
                if ok {
                    self.find_mut(&author).accepted = Some((*version, *text));
                }
                ok
            }
            Did::HandOver { office, holder } => self.hands_over(position, &author, *office, holder),
            Did::StandAside { office, aside } => {
                let exists = self.rules.post(*office).is_some();
                let mine = &mut self.find_mut(&author).aside;
                let ok = exists && mine.contains(office) != *aside;
                if ok {
                    mine.retain(|other| other != office);
                    if *aside {
                        mine.push(*office);
                    }
                }
                ok
            }
            Did::Propose(motion) => {
                let motion = Motion {
                    id,
                    by: author,
                    ..(**motion).clone()
                };
                self.proposes(position, &author, motion)
            }
            Did::Step(stride) => self.strides(position, &author, stride),
            Did::Call(gathering) => self.calls(id, &author, gathering),
            Did::Meet(meeting, step) => self.meets(position, &author, meeting, step),
            Did::Remark(note) => self.notes(position, &author, note),
            Did::Recognize { applicant, persona } => {
                let month = self.now.saturating_sub(30 * DAY);
                let me = self.find(&author).unwrap();
                let ok = *persona != author
                    && self.word_counts(&author)
                    && me.gave_word.iter().filter(|at| **at > month).count() < self.rules.words_a_month
                    && self.is_claimed_by(persona, applicant)
                    && !self
                        .find(applicant)
                        .unwrap()
                        .words
                        .iter()
                        .any(|(by, _)| *by == author);
                if ok {
                    let now = self.now;
                    self.find_mut(applicant).words.push((author, now));
                    self.find_mut(&author).gave_word.push(now);
                }
                ok
            }
            Did::Replace { persona, applicant } => {
                let ok = admits && *persona != author && self.may_be_replaced(&author, persona, applicant);
                if ok {
                    let gone = self.people.iter().position(|p| p.id == *applicant).unwrap();
                    let claimant = self.people.remove(gone);
                    let Stand::Applied(invite, key_package) = claimant.stand else {
                        unreachable!()
                    };
                    for ticket in self.tickets.iter_mut().filter(|t| t.id == invite) {
                        ticket.left -= 1;
                    }
                    let back = self.find_mut(persona);
                    back.former.push(back.key);
                    back.key = claimant.key;
                    back.rekeyed.push(position);
                    back.control = None;
                    back.leaves.clear();
                    back.lost = true;
                    back.wants = Some((position, key_package, true));
                }
                ok
            }
            Did::Rekey { key, named, signed } => {
                let me = self.find(&author).unwrap();
                let ok =
                    *signed && me.former.is_empty() && !self.is_somebodys(key) && self.find(named).is_none();
                if ok {
                    let me = self.find_mut(&author);
                    me.former.push(me.key);
                    me.key = *key;
                    me.rekeyed.push(position);
                }
                ok
            }
            Did::Relocate(relay) => {
                let comes_in = |p: &Someone| matches!(p.stand, Stand::Admitted(..));
                let ok = keyholder
                    && *relay < self.rules.relays
                    && !self.people.iter().any(comes_in)
                    && self.relocated.is_none_or(|last| self.now - last >= DAY);
                if ok {
                    self.relocated = Some(self.now);
                    // Whatever leads to the relay of before leads nowhere now.
                    self.tickets.clear();
                    self.people.retain(|p| !matches!(p.stand, Stand::Applied(..)));
                }
                ok
            }
            Did::RaiseFloor(feature) => {
                let ok = self.may(&author, "floor") && *feature == self.floor + 1;
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

    /// Whether a key is somebody's, or was and may still certify a leaf.
    fn is_somebodys(&self, key: &[u8; 32]) -> bool {
        self.people
            .iter()
            .any(|p| p.key == *key || p.former.contains(key))
    }

    /// Whether this applicant says that they are this person, who is here and of whom nothing was heard since.
    fn is_claimed_by(&self, persona: &PersonaId, applicant: &PersonaId) -> bool {
        let Some(claimant) = self.find(applicant) else {
            return false;
        };
        let here = self
            .find(persona)
            .filter(|p| matches!(p.stand, Stand::Present(_)));
        matches!(claimant.stand, Stand::Applied(..))
            && here.is_some_and(|person| {
                matches!(claimant.claims, Some((claimed, since))
                    if claimed == *persona && person.heard.iter().all(|at| *at < since))
            })
    }

    fn may_be_replaced(&self, author: &PersonaId, persona: &PersonaId, applicant: &PersonaId) -> bool {
        if !self.is_claimed_by(persona, applicant) {
            return false;
        }
        let claimant = self.find(applicant).unwrap();
        let person = self.find(persona).unwrap();
        let open = |t: &Ticket| t.left > 0 && t.expires >= self.now;
        let invited = matches!(claimant.stand, Stand::Applied(invite, _)
            if self.tickets.iter().any(|t| t.id == invite && open(t)));
        let could = self
            .people
            .iter()
            .filter(|p| p.id != *author && p.id != *persona && self.word_counts(&p.id))
            .count();
        let reckoned = could.saturating_sub(self.rules.absent);
        let needed = self.rules.replace_words.min(reckoned);
        let words = self.words_that_count(applicant, author);
        invited
            && person.older < 7
            && person.former.len() < 7
            && claimant.joined + self.rules.replace_days * DAY <= self.now
            && words.iter().filter(|by| *by != persona).count() >= needed
    }

    fn commit(&mut self, position: u64, cut: bool, author: PersonaId, ops: &CommitOps) -> bool {
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
        let has = |id: &PersonaId, key: [u8; 32]| self.find(id).is_some_and(|p| p.key == key);
        let keys = ops.path.is_none_or(|key| has(&author, key.0))
            && ops.adds.iter().all(|add| has(&add.persona, add.key.0));
        let whole = ops.path.is_some() || only_adds;
        if !fit || !keys || named.len() != all || ops.adds.len() > 50 || !whole {
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
            person.words.clear();
            person.gave_word.clear();
            person.review = None;
            person.accepted = None;
            person.former.clear();
            person.lost = false;
            person.aside.clear();
            self.close_tickets();
        }
        for kept in &ops.older {
            self.find_mut(&kept.persona).older = 0;
        }
        let now = self.now;
        for add in &ops.adds {
            self.seated = position;
            let someone = self.find_mut(&add.persona);
            someone.leaves.push(add.leaf);
            if renewed.contains(add) {
                someone.older += 1;
                someone.renewals.push(position);
                someone.wants = None;
            } else {
                someone.stand = Stand::Present(position);
                someone.joined = now;
                someone.stage_since = now;
            }
        }
        let author = self.find_mut(&author);
        if ops.path.is_some() && author.older == 0 {
            author.former.clear();
        }
        true
    }

    fn put_into(&mut self, id: &PersonaId, stage: u8) {
        let now = self.now;
        let someone = self.find_mut(id);
        someone.stage = stage;
        someone.stage_since = now;
        someone.words.clear();
    }

    /// The last version that asked everybody, and when it came.
    fn last_asked(&self) -> Option<(u32, u64)> {
        let asked = self.texts.iter().zip(1..).filter(|((_, asks, _), _)| *asks);
        asked.map(|((.., at), version)| (version, *at)).last()
    }

    pub(super) fn has_accepted(&self, id: &PersonaId) -> bool {
        self.last_asked().is_none_or(|(version, _)| {
            self.find(id)
                .is_some_and(|p| p.accepted.is_some_and(|(has, _)| has >= version))
        })
    }

    pub(super) fn in_good_standing(&self, id: &PersonaId) -> bool {
        let late = |p: &Someone| {
            self.last_asked()
                .is_some_and(|(_, at)| at.max(p.joined) + self.rules.accept_days * DAY < self.now)
                && !self.has_accepted(id)
        };
        self.find(id)
            .is_some_and(|p| matches!(p.stand, Stand::Present(_)) && !p.is_under_review(self.now) && !late(p))
    }

    fn word_counts(&self, id: &PersonaId) -> bool {
        self.in_good_standing(id) && self.find(id).unwrap().joined + self.rules.word_days * DAY <= self.now
    }

    fn words_that_count(&self, subject: &PersonaId, but: &PersonaId) -> Vec<PersonaId> {
        let words = self.find(subject).unwrap().words.iter().map(|(by, _)| *by);
        words
            .filter(|by| by != but && self.in_good_standing(by))
            .collect()
    }

    fn enough_words(&self, asked: usize, but: &PersonaId, subject: &PersonaId) -> bool {
        let could = self
            .people
            .iter()
            .filter(|p| p.id != *but && p.id != *subject && self.word_counts(&p.id))
            .count();
        let needed = asked.min(could.saturating_sub(self.rules.absent));
        self.words_that_count(subject, but).len() >= needed
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
                .any(|p| matches!(p.stand, Stand::Gone(_, true)) || p.reads_on())
        {
            self.close_tickets();
        }
        self.answered = false;
        self.last_cut = position;
        for person in &mut self.people {
            if person.reads_on() {
                person.lost = false;
            }
            if let Stand::Gone(by, _) = person.stand {
                person.stand = Stand::Gone(by, false);
            }
        }
    }

    /// Law 6, word by word.
    fn tick(&mut self, author: PersonaId, time: u64) {
        let before = self.now;
        self.find_mut(&author)
            .times
            .push((time.min(YEAR_9999_ENDS), before));
        self.entries += 1;

        let present = self.present();
        let claims: Vec<u64> = present
            .iter()
            .filter_map(|p| p.times.last())
            .map(|c| c.0)
            .collect();
        let lately = present
            .iter()
            .filter(|p| {
                p.times
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
