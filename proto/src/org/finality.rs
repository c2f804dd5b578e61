//! Finality (law 20): a result takes effect where the heads of more than two thirds of the electorate attest that they
//! have seen its close, so that two parts of a split room cannot both have it, even with one equivocator.
//!
//! The electorate is the one of the last final position. With each poll that opens, those who are there then are set down
//! as the next electorate; they are it once two thirds of the one before have seen that position. Whoever leaves, or is
//! removed by a final decision, is in it no more. Who was removed by somebody's power stays in it, but nobody is waited for
//! who has been silent for as many days as the charter says: a body must not wait for ever for who will not speak again.
//!
//! What counts of a head is that its author was served the same log as everybody: its running hash, at a position that
//! everybody in the room knows. Therefore a head that names no position after the last newcomer's is not counted. What is
//! said decides nothing: a message's head is rounded down, and a message is all that its line in the log shows.

use serde::{Deserialize, Serialize};

use crate::id::{IntentId, PersonaId, Position};
use crate::org::apply::At;
use crate::org::between::{Answer, LinkStep, SignedOffer};
use crate::org::effect::Effect;
use crate::org::mandate::DAY;
use crate::org::person::Person;
use crate::org::poll::Kept;
use crate::org::proposal::{Decided, Moved, Stage, Subject};
use crate::org::share::Share;
use crate::org::state::State;

/// More than two thirds.
const MOST: Share = Share {
    part: 2,
    of: 3,
    more: true,
};

/// What waits to be final, and for whose heads.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Finality {
    /// The last position from which the electorate is.
    pub last: Position,
    /// The position from which the next one is, until it is final.
    pub next: Option<Position>,
    /// Closed polls that are not final.
    pub waiting: Vec<IntentId>,
    /// Where somebody was seated last: everybody knows the log from there on.
    pub seated: Position,
}

impl State {
    /// How many of those whose heads are waited for have seen a position, and of how many.
    #[must_use]
    pub fn attested(&self, position: Position, silent: u16) -> (u32, u32) {
        let now = self.now().0;
        let days = u64::from(silent) * DAY;
        let heard = |person: &&Person| {
            person
                .active
                .is_some_and(|active| now.saturating_sub(active.0) <= days)
        };
        let of = |who: &dyn Fn(&Person) -> bool| {
            let (mut seen, mut all) = (0_u32, 0_u32);
            for person in self.people.values().filter(|person| who(person)).filter(heard) {
                all = all.saturating_add(1);
                seen = seen.saturating_add(u32::from(person.seen >= position));
            }
            (seen, all)
        };
        let electors = of(&|person| person.elector);
        if electors.1 > 0 {
            electors
        } else {
            of(&Person::is_present)
        }
    }

    /// Sets down who is there as the next electorate.
    pub(super) fn mark(&mut self, position: Position) {
        if self.finality.next.is_some() {
            return;
        }
        self.finality.next = Some(position);
        self.flag(|person| (person.elector, person.is_present()));
    }

    /// Those who were set down are the electorate.
    fn advance(&mut self, position: Position) {
        self.finality.last = position;
        self.finality.next = None;
        self.flag(|person| (person.next_elector, person.next_elector));
    }

    fn flag(&mut self, flags: impl Fn(&Person) -> (bool, bool)) {
        let other: Vec<_> = (self.people.iter())
            .map(|(id, person)| (*id, flags(person), (person.elector, person.next_elector)))
            .filter(|(_, now, before)| now != before)
            .collect();
        for (id, now, _) in other {
            if let Some(person) = self.people.get_mut(&id) {
                (person.elector, person.next_elector) = now;
            }
        }
    }

    /// Up to where the author of an entry has seen the log, if that counts.
    pub(super) fn counted(&self, at: At) -> Option<Position> {
        Some(at.seen).filter(|seen| *seen > self.finality.seated && *seen < at.position)
    }

    /// What is final now, and what follows from it.
    pub(super) fn finalize(&mut self, at: At) -> Vec<Effect> {
        let mut effects = Vec::new();
        let silent = self.charter().polls.silent;
        if let Some(next) = self.finality.next
            && meets(self.attested(next, silent), MOST)
        {
            self.advance(next);
        }
        for id in self.finality.waiting.clone() {
            if self.is_final(&id) {
                self.finality.waiting.retain(|other| *other != id);
                effects.extend(self.decide(at, &id));
            }
        }
        effects
    }

    fn is_final(&self, id: &IntentId) -> bool {
        let Some(Stage::Closed(closed)) = self.proposals.get(id).map(|proposal| &proposal.stage) else {
            return false;
        };
        let Kept { silent, light, .. } = closed.poll.kept;
        let share = if light { Share::HALF } else { MOST };
        self.now() >= closed.poll.grace(closed.at) && meets(self.attested(closed.position, silent), share)
    }

    /// It is final: what was decided is done, as far as it can be.
    fn decide(&mut self, at: At, id: &IntentId) -> Vec<Effect> {
        let Some(proposal) = self.proposals.get(id).cloned() else {
            return Vec::new();
        };
        let Stage::Closed(closed) = proposal.stage else {
            return Vec::new();
        };
        let chosen: Vec<_> = match closed.count.chosen.as_slice() {
            [] if closed.count.passed => closed.poll.candidates.clone(),
            chosen => (chosen.iter())
                .filter_map(|option| closed.poll.candidates.get(usize::from(*option)).copied())
                .collect(),
        };
        let done = match closed.count.passed {
            true => self.consequence(proposal.number, &proposal.subject, &chosen),
            false => None,
        };
        let carried = done.is_some();
        let voted_down = || match closed.count.passed {
            true => Vec::new(),
            false => self.rejection(proposal.number, &proposal.subject),
        };
        let effects = done.unwrap_or_else(voted_down);
        for effect in &effects {
            self.enact(at, &proposal.by, effect);
        }
        if let (Subject::Remove { persona }, true) = (&proposal.subject, carried) {
            self.unelect(persona);
        }
        let now = self.now();
        if let Some(proposal) = self.proposals.get_mut(id) {
            if !(carried && matches!(proposal.subject, Subject::Text)) {
                proposal.text.clear();
            }
            if let Subject::Principles { texts, .. } = &mut proposal.subject {
                texts.clear();
            }
            proposal.supporters.clear();
            proposal.amendments.clear();
            proposal.stage = Stage::Decided(Box::new(Decided {
                closed: *closed,
                position: at.position,
                at: now,
                carried,
                outcome: None,
            }));
        }
        self.forget_voters(proposal.number);
        self.forget_decisions();
        let decided = Effect::Decided {
            proposal: *id,
            carried,
        };
        [decided].into_iter().chain(effects).collect()
    }

    /// What follows where a proposal was voted down.
    fn rejection(&self, number: u32, subject: &Subject) -> Vec<Effect> {
        let Subject::Directive { link, directive } = subject else {
            return Vec::new();
        };
        let reason = format!("voted down in decision {number}");
        let answer = Answer::Declined { reason };
        match self.judge_answer_to(*link, *directive, &answer) {
            Ok(()) => vec![answered(*link, *directive, answer)],
            Err(_) => Vec::new(),
        }
    }

    /// What follows from a decision; nothing if it cannot be done any more.
    fn consequence(&self, number: u32, subject: &Subject, chosen: &[PersonaId]) -> Option<Vec<Effect>> {
        let effect = match subject {
            Subject::Text => return Some(Vec::new()),
            Subject::Amendment { proposal, number } => {
                let of = self.open_proposal(proposal).ok()?;
                let amendment = of
                    .amendments
                    .iter()
                    .find(|amendment| amendment.number == *number)?;
                Effect::Moved {
                    proposal: *proposal,
                    moved: Moved::Changed {
                        amendment: Some(*number),
                        text: amendment.text.clone(),
                    },
                }
            }
            Subject::Admit { persona } => {
                let (invite, key_package) = self.admissible(persona).ok()?;
                Effect::Admitted {
                    persona: *persona,
                    invite,
                    key_package,
                    sponsors: Vec::new(),
                }
            }
            Subject::Remove { persona } => {
                self.removable(persona).ok()?;
                // The last one in the room cannot leave it.
                self.present().find(|(id, _)| *id != persona)?;
                Effect::Removed {
                    persona: *persona,
                    reason: format!("decision {number}"),
                }
            }
            Subject::Elect { office, .. } => {
                // Another poll may have given it to them once more, or another charter let it go round.
                let able = self.eligible(*office);
                let may = |id: &&PersonaId| able.contains(id) && !self.has_served(*office, id);
                let holders: Vec<_> = chosen.iter().filter(may).copied().collect();
                if holders.is_empty() || !self.is_elected(*office) {
                    return None;
                }
                Effect::Elected {
                    office: *office,
                    holders,
                }
            }
            Subject::Recall { office, holder } => {
                self.mandates(*office).find(|mandate| mandate.holder == *holder)?;
                Effect::Recalled {
                    office: *office,
                    holder: *holder,
                }
            }
            Subject::Charter { charter } => {
                self.judge_charter(charter).ok()?;
                Effect::CharterChanged {
                    charter: charter.clone(),
                }
            }
            Subject::Principles { texts, substance } => {
                Self::sound_texts(texts).ok()?;
                let version = self.principles.as_ref().map_or(0, |text| text.version);
                Effect::PrinciplesSet {
                    version: version.checked_add(1)?,
                    texts: texts.clone(),
                    substance: *substance || self.principles.is_none(),
                }
            }
            Subject::Link { offer } => {
                self.judge_offered(offer).ok()?;
                between(LinkStep::Agreed {
                    link: offer.offer.link,
                    offer: SignedOffer::digest(&offer.offer).ok()?,
                })
            }
            Subject::Directive { link, directive } => {
                self.judge_answer_to(*link, *directive, &Answer::Adopted).ok()?;
                answered(*link, *directive, Answer::Adopted)
            }
        };
        Some(vec![effect])
    }

    /// Nobody waits for this person's heads any more.
    pub(super) fn unelect(&mut self, persona: &PersonaId) {
        if let Some(person) = self.people.get_mut(persona) {
            person.elector = false;
            person.next_elector = false;
        }
    }
}

fn between(step: LinkStep) -> Effect {
    Effect::Between {
        id: IntentId([0; 16]),
        step: Box::new(step),
        void: false,
    }
}

fn answered(link: u32, directive: u32, answer: Answer) -> Effect {
    between(LinkStep::Answer {
        link,
        directive,
        answer: Box::new(answer),
    })
}

const fn meets((seen, all): (u32, u32), share: Share) -> bool {
    all > 0 && share.is_met(seen, all)
}
