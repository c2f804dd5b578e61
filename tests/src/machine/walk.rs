//! Random acts by honest and dishonest people: what one of them does next, in the light of what there is.

use caucus_proto::id::{ChannelId, Counter, IntentId, Minutes, Nonce, PersonaId, Position};
use caucus_proto::org::{
    Act, At, CommitOps, Deed, Denied, Input, Notice, NoticeKind, Outcome, PersonaPublic, SeatAdded, SeatKept,
    Signature, SignedNotice, Sphere, State, Wording, key_package_hash,
};

use super::cast::{FOUNDED, application, encoded, intent, persona, public, rekey_proof, relay};
use super::interpreter::{Did, Model, Someone, Stand, Word};
use super::{holding, proposing};
use crate::net::Draw;

/// People who exist; the founder is number 0.
const PEOPLE: u32 = 10;

pub(super) const SPHERES: [Sphere; 3] = [Sphere::Volunteer, Sphere::Member, Sphere::Cadre];

/// New devices of those who lost theirs, or of somebody else who says so: people of these numbers come after all others.
const DEVICES: u32 = 20;

/// Kinds of what is done besides deciding; from there on it is what proposals and offices need.
const OTHERS: u16 = 190;

/// Names to choose from: fewer than people, and some differ in case alone.
const NAMES: [&str; 8] = ["ana", "Ben", "BEN", "Cem", "Dora", "Eva", "eVa", "Flo"];

/// Raw choices, read in the light of the state they meet.
#[derive(Clone, Debug)]
pub(super) struct Roll {
    kind: u16,
    odd: u8,
    who: u8,
    whom: u8,
    n: u16,
    time: u8,
    /// What else chance decides.
    pub(super) more: Draw,
}

impl Roll {
    pub(super) fn of(draw: &mut Draw) -> Self {
        Self {
            kind: draw.below(u64::from(OTHERS + proposing::KINDS + holding::KINDS)) as u16,
            odd: draw.below(60) as u8,
            who: draw.number() as u8,
            whom: draw.number() as u8,
            n: draw.number() as u16,
            time: draw.number() as u8,
            more: Draw::of(draw.number()),
        }
    }
}

/// What a step says and where it stands.
#[derive(Clone)]
pub(super) struct Step {
    pub(super) at: At,
    pub(super) author: Option<(PersonaId, u64)>,
    pub(super) word: Word,
    pub(super) bytes: Vec<u8>,
}

/// A text in two languages.
pub(super) fn wordings(number: u32) -> Vec<Wording> {
    let wording = |language: &str| Wording {
        language: language.to_owned(),
        text: format!("{language} {number}"),
    };
    vec![wording("de"), wording("en")]
}

pub(super) fn pick<T: Copy>(from: &[T], choice: u8) -> Option<T> {
    from.get(usize::from(choice) % from.len().max(1)).copied()
}

fn reason(n: u16) -> String {
    "r".repeat(if n.is_multiple_of(16) { 281 } else { 5 })
}

/// Whether this person says that they are that one, of whom nothing was heard since.
fn is_lost(model: &Model, person: &Someone, id: &PersonaId) -> bool {
    let silent = |since: u64| {
        model
            .find(id)
            .is_some_and(|p| p.heard.iter().all(|at| *at < since))
    };
    person
        .claims
        .is_some_and(|(claimed, since)| claimed == *id && silent(since))
}

impl Roll {
    pub(super) fn odd_way(&self, way: u8) -> bool {
        self.odd == way
    }

    fn anybody(&self) -> PersonaId {
        persona(u32::from(self.whom) % PEOPLE)
    }

    /// Somebody in a fitting standing, or anybody.
    fn target(&self, model: &Model, fits: impl Fn(&Someone) -> bool) -> PersonaId {
        let fitting: Vec<_> = model.people.iter().filter(|p| fits(p)).map(|p| p.id).collect();
        match pick(&fitting, self.whom) {
            Some(id) if !self.odd_way(1) => id,
            _ => self.anybody(),
        }
    }

    fn author(&self, model: &Model) -> Option<(PersonaId, u64)> {
        let now = model.now;
        let hours = 60;
        let time = match self.time {
            0 => 0,
            1 => now.saturating_sub(5000),
            2 => u64::MAX,
            3 => now + 26 * hours + 1,
            4..=9 => now + 30 * 24 * hours,
            10..=20 => now + 26 * hours,
            more => now + u64::from(more) * 2,
        };
        let mut present: Vec<_> = model.present().iter().map(|p| p.id).collect();
        if !self.n.is_multiple_of(32) {
            // Nothing is heard of most whose device is lost.
            present.retain(|id| !model.people.iter().any(|p| is_lost(model, p, id)));
        }
        match self.odd {
            2 => None,
            3..=6 => Some((self.anybody(), time)),
            // Who holds an office does most of what can be done at all.
            _ if self.who.is_multiple_of(2) => {
                let holder = model.seats[usize::from(self.who / 2) % model.seats.len()].holder;
                let speaks = present.contains(&holder) || present.is_empty();
                Some((
                    if speaks {
                        holder
                    } else {
                        pick(&present, self.who / 2)?
                    },
                    time,
                ))
            }
            _ => Some((pick(&present, self.who / 2)?, time)),
        }
    }

    fn deed(&self, model: &Model) -> (Did, Vec<u8>) {
        let tickets: Vec<_> = model.tickets.iter().map(|t| t.id).collect();
        let ticket: IntentId = pick(&tickets, self.whom).unwrap_or_else(|| intent(u32::from(self.n)));
        let (did, deed) = match self.kind {
            10..=19 => self.remark(model),
            0..=1 => {
                let len = [2048, 2048, 2047, 2049][usize::from(self.n % 4)];
                (Did::Whisper { len }, Deed::Whisper { sealed: vec![7; len] })
            }
            2..=9 => {
                let len = [5, 0, 65_536, 65_537][usize::from(self.n.saturating_sub(65_500)).min(3)];
                (
                    Did::Say { len },
                    Deed::Say {
                        text: "s".repeat(len),
                    },
                )
            }
            20..=29 => {
                let (uses, drop) = (self.n % 4, ChannelId([self.whom; 32]));
                let expires = model.now.saturating_sub(200) + u64::from(self.n % 4096) * 16;
                let deed = Deed::Invite {
                    uses,
                    expires: Minutes(expires),
                    drop,
                };
                (Did::Invite { uses, expires, drop }, deed)
            }
            30..=31 => (Did::Revoke(ticket), Deed::Revoke { invite: ticket }),
            32..=46 => {
                let author = self.author(model).map(|(author, _)| author);
                let mut claimed = model.present();
                claimed.retain(|p| self.odd_way(19) || Some(p.id) != author);
                let claimed = pick(&claimed, self.whom / 16).filter(|_| self.n % 4 == 3);
                let claims = claimed.map(|p| match self.n % 64 {
                    63 => "Nobody".to_owned(),
                    _ => p.name.clone(),
                });
                let seed = match claims {
                    Some(_) => PEOPLE + u32::from(self.n) / 4 % DEVICES,
                    None => u32::from(self.whom) % PEOPLE,
                };
                let again = format!("Again {seed}");
                let name = match claims {
                    Some(_) => again.as_str(),
                    None => NAMES[usize::from(self.n) % NAMES.len()],
                };
                let honest = self.n % 16 != 1;
                let mut application = application(seed, name, ticket, claims.as_deref());
                let key_package = application.key_package_hash();
                if !honest {
                    application.word.push('!');
                }
                let did = Did::Apply {
                    honest,
                    persona: persona(seed),
                    name: name.to_owned(),
                    invite: ticket,
                    key_package,
                    key: public(seed).0,
                    claims,
                };
                let application = encoded(&application);
                (did, Deed::Apply { application })
            }
            47..=58 => {
                let persona = self.target(model, |p| matches!(p.stand, Stand::Applied(..)));
                (Did::Admit(persona), Deed::Admit { persona })
            }
            59..=60 => {
                let persona = self.target(model, |p| matches!(p.stand, Stand::Applied(..)));
                let reason = reason(self.n);
                let did = Did::Decline {
                    persona,
                    reason: reason.len(),
                };
                (did, Deed::Decline { persona, reason })
            }
            61..=66 => {
                let persona = self.target(model, |p| matches!(p.stand, Stand::Present(_)));
                let reason = reason(self.n);
                let did = Did::Remove {
                    persona,
                    reason: reason.len(),
                };
                (did, Deed::Remove { persona, reason })
            }
            67..=68 => (Did::Leave, Deed::Leave),
            69..=70 => {
                let key = [self.whom; 32];
                (Did::ControlKey(key), Deed::ControlKey { key })
            }
            71..=73 | 112..=115 => {
                let persona = self.target(model, |p| p.wants.is_some());
                let wanted = model.find(&persona).and_then(|p| p.wants);
                let key_package = wanted.map_or([1; 32], |(_, key_package, _)| key_package);
                (
                    Did::Renew { persona, key_package },
                    Deed::Renew { persona, key_package },
                )
            }
            100..=111 => {
                let persona = self.target(model, |p| {
                    matches!(p.stand, Stand::Applied(..)) || (p.stage == 1 && p.joined + 1000 < model.now)
                });
                let fits = model.find(&persona).map_or(0, |p| match p.stand {
                    Stand::Applied(..) => 1,
                    _ => p.stage + 1,
                });
                let stage = if self.n.is_multiple_of(16) {
                    self.whom % 3
                } else {
                    fits.min(2)
                };
                let sphere = SPHERES[usize::from(stage)];
                (Did::Vouch { persona, stage }, Deed::Vouch { persona, sphere })
            }
            116..=120 => {
                let persona = self.target(model, |p| p.stage == 1 && !p.words.is_empty());
                let stage = if self.n.is_multiple_of(16) {
                    self.whom % 3
                } else {
                    2
                };
                let sphere = SPHERES[usize::from(stage)];
                (Did::Promote { persona, stage }, Deed::Promote { persona, sphere })
            }
            121..=122 => {
                let persona = self.target(model, |p| p.stage == 2);
                let stage = if self.n.is_multiple_of(16) {
                    self.whom % 3
                } else {
                    1
                };
                let (sphere, reason) = (SPHERES[usize::from(stage)], reason(self.n));
                let did = Did::Demote {
                    persona,
                    stage,
                    reason: reason.len(),
                };
                let deed = Deed::Demote {
                    persona,
                    sphere,
                    reason,
                };
                (did, deed)
            }
            123..=124 => {
                let persona = self.target(model, |p| matches!(p.stand, Stand::Present(_)));
                let reason = reason(self.n);
                let did = Did::Suspend {
                    persona,
                    reason: reason.len(),
                };
                (did, Deed::Suspend { persona, reason })
            }
            125 => {
                let persona = self.target(model, |p| p.review.is_some());
                (Did::Lift(persona), Deed::Lift { persona })
            }
            126..=127 => {
                let (text, sound) = (u32::from(self.n), !self.n.is_multiple_of(16));
                let substance = self.whom.is_multiple_of(2);
                let mut texts = wordings(text);
                if !sound {
                    match self.whom % 3 {
                        0 => texts.clear(),
                        1 => texts.reverse(),
                        _ => texts[0].text = " ".to_owned(),
                    }
                }
                let did = Did::Principles {
                    text,
                    sound,
                    substance,
                };
                (did, Deed::Principles { texts, substance })
            }
            128..=134 => {
                let version = u32::try_from(model.texts.len()).unwrap() + u32::from(self.odd_way(30));
                let newest = model.texts.last().map_or(0, |(text, ..)| *text);
                let text = if self.n.is_multiple_of(16) {
                    newest + 1
                } else {
                    newest
                };
                let wording = &wordings(text)[usize::from(self.whom % 2)];
                let deed = Deed::Accept {
                    version,
                    language: wording.language.clone(),
                    hash: wording.hash(),
                };
                (Did::Accept { version, text }, deed)
            }
            135..=139 => {
                let mut seats = model.seats.clone();
                if seats
                    .iter()
                    .any(|seat| seat.end.is_some_and(|end| end <= model.now))
                {
                    seats.retain(|seat| seat.end.is_some_and(|end| end <= model.now));
                }
                let seat = pick(&seats, self.whom).expect("somebody has an office");
                let holder = self.target(model, |p| p.id == seat.holder);
                let office = seat.office;
                (
                    Did::HandOver { office, holder },
                    Deed::HandOver { office, holder },
                )
            }
            140..=149 | 159..=172 => {
                let (applicant, persona) = self.claim(model);
                let did = Did::Recognize { applicant, persona };
                (did, Deed::Recognize { applicant, persona })
            }
            150..=155 | 173..=186 => {
                let (applicant, persona) = self.claim(model);
                let did = Did::Replace { persona, applicant };
                (did, Deed::Replace { persona, applicant })
            }
            156..=158 => {
                let author = self.author(model).map_or(persona(0), |(author, _)| author);
                let old = model.find(&author).map_or([0; 32], |p| p.key);
                // Some of them are somebody's.
                let new = u32::from(self.n) % (4 * PEOPLE + DEVICES);
                let signed = !self.n.is_multiple_of(5);
                let signer = if signed { new } else { new + 1 };
                let did = Did::Rekey {
                    key: public(new).0,
                    named: persona(new),
                    signed,
                };
                let proof = rekey_proof(&model.founded_by, &author, old, new, signer);
                (
                    did,
                    Deed::Rekey {
                        key: public(new),
                        proof,
                    },
                )
            }
            _ if self.n < 2_000 => {
                let feature = self.n % 4;
                (Did::RaiseFloor(feature), Deed::RaiseFloor { feature })
            }
            _ if self.n < 30_000 => {
                let number = usize::from(self.n % 4);
                let (relay, seed) = (relay(number), [self.whom; 32]);
                (Did::Relocate(number), Deed::Relocate { relay, seed })
            }
            // A deed of a later program under a feature that ours knows.
            _ => return (Did::Unknown, vec![200, self.whom]),
        };
        (did, encoded(&deed))
    }

    /// Who says that they are whom: as they say, or otherwise.
    fn claim(&self, model: &Model) -> (PersonaId, PersonaId) {
        let of = |p: &Someone| Some((p.id, p.claims?.0));
        let mut claims: Vec<_> = model.people.iter().filter_map(of).collect();
        if !self.odd_way(18)
            && claims
                .iter()
                .any(|(_, id)| model.people.iter().any(|p| is_lost(model, p, id)))
        {
            claims.retain(|(_, id)| model.people.iter().any(|p| is_lost(model, p, id)));
        }
        match pick(&claims, self.whom) {
            Some((applicant, _)) if self.odd_way(1) => (applicant, self.anybody()),
            Some(claim) => claim,
            None => (self.anybody(), persona(u32::from(self.n) % PEOPLE)),
        }
    }

    fn leaf(&self) -> [u8; 32] {
        let [high, low] = self.n.to_be_bytes();
        let mut leaf = [0; 32];
        leaf[..2].copy_from_slice(&[high, low]);
        leaf
    }

    fn ops(&self, model: &Model) -> CommitOps {
        let author = self.author(model).and_then(|(author, _)| model.find(&author));
        let key = author.map(|p| match p.former.last() {
            Some(former) if self.odd_way(14) || self.odd_way(15) => *former,
            _ => p.key,
        });
        let mut ops = CommitOps {
            path: (!self.n.is_multiple_of(8)).then(|| PersonaPublic(key.unwrap_or_default())),
            ..CommitOps::default()
        };
        let of = |p: &Someone| match p.former.last() {
            Some(former) if self.odd_way(16) || self.odd_way(17) => PersonaPublic(*former),
            _ => PersonaPublic(p.key),
        };
        for person in &model.people {
            match person.stand {
                Stand::Admitted(key_package, _) if self.n % 32 < 24 => ops.adds.push(SeatAdded {
                    persona: person.id,
                    key_package,
                    leaf: self.leaf(),
                    key: of(person),
                }),
                Stand::Going(_) if self.n % 32 > 8 => ops.removes.push(person.id),
                Stand::Present(_) if !self.n.is_multiple_of(4) => {
                    if let Some((_, key_package, _)) = person.wants {
                        ops.adds.push(SeatAdded {
                            persona: person.id,
                            key_package: if self.n % 32 == 1 { [9; 32] } else { key_package },
                            leaf: self.leaf(),
                            key: of(person),
                        });
                    } else if let Some(leaf) = person.leaves.last().filter(|_| person.older > 0) {
                        ops.older.push(SeatKept {
                            persona: person.id,
                            leaf: if self.n % 32 == 1 { [9; 32] } else { *leaf },
                        });
                    }
                }
                _ => {}
            }
        }
        match self.odd {
            10 => ops.removes.push(self.anybody()),
            11 => ops.adds.push(SeatAdded {
                persona: self.anybody(),
                key_package: [1; 32],
                leaf: self.leaf(),
                key: public(u32::from(self.whom) % PEOPLE),
            }),
            12 => ops.adds.extend(ops.adds.clone()),
            13 => ops.removes.extend(ops.removes.clone()),
            _ => {}
        }
        ops
    }

    /// `fresh` is the number of the next new intent.
    pub(super) fn step(&self, model: &Model, state: &State, fresh: u32) -> Step {
        let mut author = self.author(model);
        let position = match self.odd {
            20 => model.position,
            21 => model.position.saturating_sub(3),
            22 => model.position + 5,
            _ => model.position + 1,
        };
        let (word, bytes) = match self.kind {
            0..=75 | 100.. => {
                let id = if self.odd_way(23) || self.odd_way(24) {
                    intent(u32::from(self.n) % fresh.max(1))
                } else {
                    intent(fresh)
                };
                let judged_at = match self.odd {
                    25 => position,
                    26 => 0,
                    _ => position.saturating_sub(1),
                };
                let feature = match self.odd {
                    27 => 0,
                    28 => 2,
                    _ => 1,
                };
                let (did, deed_bytes) = if self.kind < OTHERS {
                    self.deed(model)
                } else {
                    let kind = self.kind - OTHERS;
                    let (who, did, deed) = match kind.checked_sub(proposing::KINDS) {
                        None => self.decision(model, state, kind),
                        Some(kind) => self.meeting(model, kind),
                    };
                    if let Some(who) = who
                        && !(3..=6).contains(&self.odd)
                    {
                        author = author.map(|(_, time)| (who, time));
                    }
                    let mine = who == author.map(|(author, _)| author);
                    (if mine { did } else { did.of_another() }, encoded(&deed))
                };
                let act = Act {
                    id,
                    judged_at: Position(judged_at),
                    feature,
                    deed: deed_bytes,
                };
                let word = Word::Act {
                    id,
                    judged_at,
                    feature,
                    deed: did,
                };
                (word, encoded(&act))
            }
            76 | 78..=92 => (Word::Commit(self.ops(model)), vec![]),
            93 => (Word::Notice, vec![]),
            77 => (Word::Answer, vec![]),
            94..=96 => {
                let who = self.target(model, |p| matches!(p.stand, Stand::Present(_)));
                let read = (model.position + 1).saturating_sub(u64::from(self.n % 16));
                let key_package = vec![self.whom % 4; 3];
                let word = Word::Renewal {
                    who,
                    read,
                    key_package: key_package_hash(&key_package),
                };
                (word, key_package)
            }
            97..=98 => (Word::Unreadable, vec![]),
            _ => (Word::Garbage, self.n.to_be_bytes().repeat(usize::from(self.whom))),
        };
        let flagged = matches!(word, Word::Commit(_) | Word::Answer) != self.odd_way(29);
        Step {
            at: At {
                position: Position(position),
                flagged,
                cut: flagged && self.n.is_multiple_of(3),
                seen: Position(self.head(position)),
            },
            author,
            word,
            bytes,
        }
    }
}

impl Roll {
    /// What the author's head names: mostly what there is, or something before, nothing, or what is not there yet.
    fn head(&self, position: u64) -> u64 {
        match self.n / 7 % 16 {
            0 => 0,
            1 => position + u64::from(self.n % 3),
            2..=4 => position.saturating_sub(u64::from(self.n % 40)),
            _ => position.saturating_sub(1),
        }
    }
}

/// How so many come in at the beginning, before there is anybody who could vouch.
pub(super) fn gathering(people: u32) -> Vec<Step> {
    let (invite, drop) = (intent(u32::MAX), ChannelId([11; 32]));
    let expires = FOUNDED + 100_000;
    let invited = Deed::Invite {
        uses: 7,
        expires: Minutes(expires),
        drop,
    };
    let mut acts = vec![(
        Did::Invite {
            uses: 7,
            expires,
            drop,
        },
        invited,
    )];
    let mut ops = CommitOps::default();
    for seed in 1..=people {
        let name = format!("Person {seed}");
        let application = application(seed, &name, invite, None);
        let (persona, key_package) = (persona(seed), application.key_package_hash());
        let (honest, key, claims) = (true, public(seed).0, None);
        ops.adds.push(SeatAdded {
            persona,
            key_package,
            leaf: [seed as u8; 32],
            key: public(seed),
        });
        acts.push((
            Did::Apply {
                honest,
                persona,
                name,
                invite,
                key_package,
                key,
                claims,
            },
            Deed::Apply {
                application: encoded(&application),
            },
        ));
        acts.push((Did::Admit(persona), Deed::Admit { persona }));
    }
    let at = |position| At {
        position: Position(position),
        flagged: false,
        cut: false,
        seen: Position(position - 1),
    };
    let author = Some((persona(0), FOUNDED));
    let mut steps: Vec<Step> = (acts.into_iter().zip(1_u32..))
        .map(|((deed, written), number)| {
            let (id, judged_at) = (intent(u32::MAX - number + 1), u64::from(number) - 1);
            let act = Act::new(id, Position(judged_at), &written).expect("a small act");
            let word = Word::Act {
                id,
                judged_at,
                feature: 1,
                deed,
            };
            Step {
                at: at(u64::from(number)),
                author,
                word,
                bytes: encoded(&act),
            }
        })
        .collect();
    let at = At {
        flagged: true,
        ..at(steps.len() as u64 + 1)
    };
    steps.push(Step {
        at,
        author,
        word: Word::Commit(ops),
        bytes: vec![],
    });
    steps
}

impl Step {
    pub(super) fn apply(&self, state: &mut State) -> Outcome {
        let notice;
        let input = match &self.word {
            Word::Garbage | Word::Act { .. } => Input::Act(&self.bytes),
            Word::Notice => Input::Part,
            Word::Renewal { who, read, .. } => {
                let kind = NoticeKind::Renewal {
                    read: Position(*read),
                    counter: Counter(0),
                    key_package: self.bytes.clone(),
                    reply: application(0, "x", intent(0), None).reply,
                };
                notice = signed(*who, kind);
                Input::Notice(&notice)
            }
            Word::Answer => {
                let author = self.author.map_or(persona(0), |(author, _)| author);
                notice = signed(author, NoticeKind::Answer { wrong: Position(0) });
                Input::Notice(&notice)
            }
            Word::Unreadable => Input::Nothing(Denied::Unprocessable),
            Word::Commit(ops) => Input::Commit(ops),
        };
        let author = self.author.map(|(id, time)| (id, Minutes(time)));
        state.apply(self.at, author, &input)
    }
}

fn signed(author: PersonaId, kind: NoticeKind) -> SignedNotice {
    SignedNotice {
        author,
        notice: Notice {
            kind,
            nonce: Nonce([0; 16]),
        },
        signature: Signature::from([0; 64]),
    }
}
