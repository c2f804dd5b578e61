//! Proposals: what somebody would have the body decide, until it is decided. Discussed in a thread of its own, amended,
//! supported, put to a poll ([`crate::org::poll`]), and carried out once the result is final ([`crate::org::finality`]).

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{IntentId, Minutes, PersonaId, Position};
use crate::org::act::LONGEST_TEXT;
use crate::org::ballot::{Ballot, MOST_OPTIONS, Method};
use crate::org::between::{Answer, SignedOffer};
use crate::org::charter::Charter;
use crate::org::denied::{Denied, WantedStanding};
use crate::org::effect::Effect;
use crate::org::mandate::Office;
use crate::org::person::Person;
use crate::org::poll::{Closed, Poll};
use crate::org::power::Power;
use crate::org::principles::Wording;
use crate::org::rules::Matter;
use crate::org::state::State;
use crate::org::vouch::Regard;

/// Longest title, in bytes.
pub const LONGEST_TITLE: usize = 120;

/// Longest text, in bytes.
pub const LONGEST_PROPOSAL: usize = 16 * 1024;

/// Longest outcome in words, in bytes.
pub const LONGEST_OUTCOME: usize = 2 * 1024;

/// Proposals that are not decided yet, at once.
pub const OPEN_PROPOSALS: usize = 128;

/// Of them by one person.
pub const PROPOSALS_OF_ONE: usize = 16;

/// Amendments that wait on one proposal.
pub const WAITING_AMENDMENTS: usize = 8;

/// Decisions that the state remembers; the first are forgotten first, and stay in the log.
pub const REMEMBERED_DECISIONS: usize = 1024;

/// What a proposal is about, and what is carried out if it is decided.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Subject {
    /// Its text.
    Text,
    /// Another text for a proposal.
    Amendment {
        /// Which proposal.
        proposal: IntentId,
        /// Which of its amendments.
        number: u32,
    },
    /// Admits an applicant.
    Admit {
        /// Whom.
        persona: PersonaId,
    },
    /// Removes a person.
    Remove {
        /// Whom.
        persona: PersonaId,
    },
    /// Gives an office.
    Elect {
        /// Which.
        office: Office,
        /// To whom it may be given.
        candidates: Vec<PersonaId>,
    },
    /// Takes an office away.
    Recall {
        /// Which.
        office: Office,
        /// From whom.
        holder: PersonaId,
    },
    /// Another charter.
    Charter {
        /// The charter.
        charter: Box<Charter>,
    },
    /// Other points of unity.
    Principles {
        /// The text, by language.
        texts: Vec<Wording>,
        /// Whether everybody has to accept it anew.
        substance: bool,
    },
    /// Accepts the offer of a link with another body.
    Link {
        /// The offer.
        offer: Box<SignedOffer>,
    },
    /// Adopts a directive of another body; what is voted down is declined.
    Directive {
        /// The link's number.
        link: u32,
        /// The directive's.
        directive: u32,
    },
}

/// A proposal.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// A small number for people.
    pub number: u32,
    /// Who made it.
    pub by: PersonaId,
    /// When, in witnessed time.
    pub at: Minutes,
    /// Where in the log.
    pub position: Position,
    /// In a few words.
    pub title: String,
    /// What is proposed, in words. Once it is decided, only what the body agreed to stays in the state.
    pub text: String,
    /// From 1; every change of the text makes another.
    pub version: u32,
    /// What is carried out.
    pub subject: Subject,
    /// Who supports it besides.
    pub supporters: Vec<PersonaId>,
    /// Other texts that somebody would have.
    pub amendments: Vec<Amendment>,
    /// Number of the next one.
    pub next_amendment: u32,
    /// How far it is.
    pub stage: Stage,
}

/// Another text for a proposal.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amendment {
    /// From 1.
    pub number: u32,
    /// Who would have it.
    pub by: PersonaId,
    /// The text.
    pub text: String,
}

/// How far a proposal is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Stage {
    /// It is discussed.
    Open,
    /// It is voted on.
    Polled(Box<Poll>),
    /// The poll is closed, and not everybody has seen it.
    Closed(Box<Closed>),
    /// It is final.
    Decided(Box<Decided>),
}

/// A final decision.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Decided {
    /// What came out, and how.
    pub closed: Closed,
    /// Where it became final.
    pub position: Position,
    /// When.
    pub at: Minutes,
    /// What was decided is done; false where it could not be done any more, or nothing was decided.
    pub carried: bool,
    /// What it means, in words.
    pub outcome: Option<Outcome>,
}

/// What a decision means, by a person.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Who says so.
    pub by: PersonaId,
    /// What.
    pub text: String,
    /// When it is to be looked at again; none once that is done.
    pub review: Option<Minutes>,
}

/// What is done with a proposal.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// Says something about it.
    Discuss {
        /// What.
        text: String,
    },
    /// Supports it.
    Support,
    /// Would have another text; whoever made the proposal changes it.
    Amend {
        /// The text.
        text: String,
    },
    /// Takes an amendment over.
    Take {
        /// Its number.
        amendment: u32,
    },
    /// Takes the proposal back.
    Withdraw,
    /// Puts it to a poll.
    Open {
        /// Which version of the text.
        version: u32,
        /// How it is decided.
        method: Method,
        /// What there is to choose from, where the candidates are not.
        options: Vec<String>,
        /// Until when.
        until: Minutes,
        /// Ballots are sealed to this key.
        seal: Option<[u8; 32]>,
    },
    /// Votes, or votes otherwise.
    Vote {
        /// The ballot.
        ballot: Ballot,
    },
    /// Closes the poll.
    Close {
        /// Hash of all ballots ([`State::ballots_hash`]).
        ballots: [u8; 32],
        /// The secret that opens sealed ones.
        secret: Option<[u8; 32]>,
    },
    /// Says that the author's ballot is missing from what was counted.
    Missing,
    /// Says what the decision means.
    State {
        /// In words.
        text: String,
        /// When to look at it again.
        review: Option<Minutes>,
    },
    /// Says that the decision was looked at again.
    Review {
        /// When to look at it once more.
        again: Option<Minutes>,
    },
}

/// What an accepted step changes.
#[derive(Clone, PartialEq, Eq)]
pub enum Moved {
    /// Something was said.
    Discussed {
        /// What.
        text: String,
    },
    /// Somebody supports it.
    Supported,
    /// Somebody would have another text.
    Amended {
        /// The text.
        text: String,
    },
    /// The text is another.
    Changed {
        /// By which amendment; none: by whoever made the proposal.
        amendment: Option<u32>,
        /// The text.
        text: String,
    },
    /// It is taken back.
    Withdrawn,
    /// It is voted on.
    Opened(Box<Poll>, Vec<PersonaId>),
    /// A ballot, or another one.
    Voted(Ballot),
    /// The poll is closed.
    Closed(Box<Closed>),
    /// Sealed ballots were not opened in time: no poll was held.
    Void,
    /// Somebody's ballot is missing: the poll goes on.
    Reopened {
        /// Until when.
        until: Minutes,
    },
    /// What it means is said.
    Stated {
        /// In words.
        text: String,
        /// When to look at it again.
        review: Option<Minutes>,
    },
    /// It was looked at again.
    Reviewed {
        /// When to look at it once more.
        again: Option<Minutes>,
    },
}

// What people propose and say stays out of logs.
impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl fmt::Debug for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Proposal({}, {:?}, {:?})",
            self.number, self.subject, self.stage
        )
    }
}

impl fmt::Debug for Amendment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Amendment({})", self.number)
    }
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outcome(..)")
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Step(..)")
    }
}

impl Subject {
    /// Of what kind it is, in a word.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Amendment { .. } => "amendment",
            Self::Admit { .. } => "admission",
            Self::Remove { .. } => "removal",
            Self::Elect { .. } => "election",
            Self::Recall { .. } => "recall",
            Self::Charter { .. } => "charter",
            Self::Principles { .. } => "principles",
            Self::Link { .. } => "link",
            Self::Directive { .. } => "directive",
        }
    }

    /// By which rule it is decided.
    #[must_use]
    pub const fn matter(&self) -> Matter {
        match self {
            Self::Text | Self::Amendment { .. } | Self::Link { .. } | Self::Directive { .. } => {
                Matter::Ordinary
            }
            Self::Admit { .. } | Self::Remove { .. } | Self::Elect { .. } | Self::Recall { .. } => {
                Matter::People
            }
            Self::Charter { .. } | Self::Principles { .. } => Matter::Rules,
        }
    }

    /// Whom it is about, so that they do not decide it (law 13).
    #[must_use]
    pub const fn about(&self) -> Option<&PersonaId> {
        match self {
            Self::Remove { persona } | Self::Recall { holder: persona, .. } => Some(persona),
            _ => None,
        }
    }

    /// Whether it gives one of several a place.
    #[must_use]
    pub const fn candidates(&self) -> Option<&Vec<PersonaId>> {
        match self {
            Self::Elect { candidates, .. } => Some(candidates),
            _ => None,
        }
    }
}

impl Proposal {
    /// Whether it is neither decided nor voted on.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Open)
    }

    /// Its poll, while it is voted on.
    #[must_use]
    pub const fn poll(&self) -> Option<&Poll> {
        match &self.stage {
            Stage::Polled(poll) => Some(poll),
            _ => None,
        }
    }

    /// What came out, if it is closed, final or not.
    #[must_use]
    pub const fn closed(&self) -> Option<&Closed> {
        match &self.stage {
            Stage::Closed(closed) => Some(closed),
            Stage::Decided(decided) => Some(&decided.closed),
            _ => None,
        }
    }

    /// What was decided, once it is final.
    #[must_use]
    pub const fn decided(&self) -> Option<&Decided> {
        match &self.stage {
            Stage::Decided(decided) => Some(decided),
            _ => None,
        }
    }
}

impl State {
    /// A proposal.
    #[must_use]
    pub fn proposal(&self, id: &IntentId) -> Option<&Proposal> {
        self.proposals.get(id)
    }

    /// A proposal by its number.
    #[must_use]
    pub fn numbered(&self, number: u32) -> Option<(&IntentId, &Proposal)> {
        self.proposals
            .iter()
            .find(|(_, proposal)| proposal.number == number)
    }

    pub(super) fn judge_proposal(
        &self,
        author: &PersonaId,
        id: IntentId,
        (title, text): (String, String),
        subject: Subject,
    ) -> Result<Effect, Denied> {
        self.in_good_standing(author)?;
        if self.proposals.contains_key(&id) {
            return Err(Denied::Repeated);
        }
        let fits = |text: &str, most| !text.trim().is_empty() && text.len() <= most;
        if !fits(&title, LONGEST_TITLE) || text.len() > LONGEST_PROPOSAL {
            return Err(Denied::Text);
        }
        if matches!(subject, Subject::Text) && !fits(&text, LONGEST_PROPOSAL) {
            return Err(Denied::Text);
        }
        let open = |proposal: &&Proposal| proposal.decided().is_none();
        let mine = |proposal: &&Proposal| open(proposal) && proposal.by == *author;
        if self.proposals.values().filter(open).count() >= OPEN_PROPOSALS
            || self.proposals.values().filter(mine).count() >= PROPOSALS_OF_ONE
        {
            return Err(Denied::TooManyWaiting);
        }
        self.judge_subject(author, &subject)?;
        Ok(Effect::Proposed {
            proposal: id,
            title,
            text,
            subject: Box::new(subject),
        })
    }

    /// Whether it could be carried out now, if it were decided.
    pub(super) fn judge_subject(&self, author: &PersonaId, subject: &Subject) -> Result<(), Denied> {
        match subject {
            Subject::Text => Ok(()),
            Subject::Amendment { proposal, number } => {
                let proposal = self.open_proposal(proposal)?;
                let known = |amendment: &Amendment| amendment.number == *number;
                if matches!(proposal.subject, Subject::Amendment { .. })
                    || !proposal.amendments.iter().any(known)
                {
                    return Err(Denied::NoProposal);
                }
                Ok(())
            }
            Subject::Admit { persona } => self.admissible(persona).map(|_| ()),
            Subject::Remove { persona } if persona == author => Err(Denied::Oneself),
            Subject::Remove { persona } => self.removable(persona),
            Subject::Elect { office, candidates } => self.judge_candidates(*office, candidates),
            Subject::Recall { office, holder } => {
                let held = self.mandates(*office).any(|mandate| mandate.holder == *holder);
                if held { Ok(()) } else { Err(Denied::NoMandate) }
            }
            Subject::Charter { charter } => self.judge_charter(charter),
            Subject::Principles { texts, .. } => Self::sound_texts(texts),
            Subject::Link { offer } => {
                self.between.house().ok_or(Denied::NoRoot)?;
                self.judge_offered(offer)
            }
            Subject::Directive { link, directive } => {
                self.judge_answer_to(*link, *directive, &Answer::Adopted)
            }
        }
    }

    fn judge_candidates(&self, office: Office, candidates: &[PersonaId]) -> Result<(), Denied> {
        let rule = self.charter().office(office).ok_or(Denied::NoOffice)?;
        if !self.is_elected(office) {
            return Err(Denied::GoesRound);
        }
        let sorted = candidates.is_sorted_by(|a, b| a < b);
        if candidates.is_empty() || candidates.len() > MOST_OPTIONS || !sorted {
            return Err(Denied::Candidates);
        }
        let eligible = self.eligible(office);
        if candidates.iter().any(|id| self.has_served(office, id)) {
            return Err(Denied::TermsOver { terms: rule.terms });
        }
        if candidates.iter().all(|id| eligible.contains(id)) {
            Ok(())
        } else {
            Err(Denied::Candidates)
        }
    }

    pub(super) fn removable(&self, persona: &PersonaId) -> Result<(), Denied> {
        // An accepted admission is not undone before its commit (law 19), only by a new act after it.
        self.person(persona)
            .filter(|person| person.is_present() || person.is_awaited() || person.is_outer())
            .map(|_| ())
            .ok_or(Denied::NotStanding(WantedStanding::Present))
    }

    pub(super) fn in_good_standing(&self, author: &PersonaId) -> Result<&Person, Denied> {
        self.person(author)
            .filter(|person| self.regard(person) == Regard::Good)
            .ok_or(Denied::NotInGoodStanding)
    }

    pub(super) fn open_proposal(&self, id: &IntentId) -> Result<&Proposal, Denied> {
        let proposal = self.proposals.get(id).ok_or(Denied::NoProposal)?;
        if proposal.is_open() {
            Ok(proposal)
        } else {
            Err(Denied::NotOpen)
        }
    }

    pub(super) fn judge_step(&self, author: &PersonaId, id: IntentId, step: Step) -> Result<Effect, Denied> {
        let moved = |moved: Moved| Effect::Moved { proposal: id, moved };
        let proposal = self.proposals.get(&id).ok_or(Denied::NoProposal)?;
        match step {
            Step::Discuss { text } => {
                if text.trim().is_empty() || text.len() > LONGEST_TEXT {
                    return Err(Denied::Text);
                }
                Ok(moved(Moved::Discussed { text }))
            }
            Step::Support => {
                self.open_proposal(&id)?;
                self.in_good_standing(author)?;
                if proposal.by == *author || proposal.supporters.contains(author) {
                    return Err(Denied::Repeated);
                }
                Ok(moved(Moved::Supported))
            }
            Step::Amend { text } => {
                self.open_proposal(&id)?;
                self.in_good_standing(author)?;
                if text.trim().is_empty() || text.len() > LONGEST_PROPOSAL || text == proposal.text {
                    return Err(Denied::Text);
                }
                if matches!(proposal.subject, Subject::Amendment { .. }) {
                    return Err(Denied::NotOpen);
                }
                if proposal.by == *author {
                    let amendment = None;
                    return Ok(moved(Moved::Changed { amendment, text }));
                }
                if proposal.amendments.len() >= WAITING_AMENDMENTS {
                    return Err(Denied::TooManyWaiting);
                }
                Ok(moved(Moved::Amended { text }))
            }
            Step::Take { amendment } => {
                self.open_proposal(&id)?;
                if proposal.by != *author {
                    return Err(Denied::NotYours);
                }
                let taken = proposal.amendments.iter().find(|other| other.number == amendment);
                let text = taken.ok_or(Denied::NoProposal)?.text.clone();
                let amendment = Some(amendment);
                Ok(moved(Moved::Changed { amendment, text }))
            }
            Step::Withdraw => {
                self.open_proposal(&id)?;
                if proposal.by != *author {
                    return Err(Denied::NotYours);
                }
                Ok(moved(Moved::Withdrawn))
            }
            Step::Open {
                version,
                method,
                options,
                until,
                seal,
            } => {
                let poll = self.judge_poll(author, proposal, version, method, options, until, seal)?;
                let voters = self.electorate(&proposal.subject);
                Ok(moved(Moved::Opened(Box::new(poll), voters)))
            }
            Step::Vote { ballot } => self.judge_vote(author, proposal, ballot).map(moved),
            Step::Close { ballots, secret } => self
                .judge_close(author, &id, proposal, ballots, secret)
                .map(moved),
            Step::Missing => self.judge_missing(author, proposal).map(moved),
            Step::State { text, review } => {
                let decided = self.answerable(author, proposal)?;
                if decided.outcome.is_some() {
                    return Err(Denied::Repeated);
                }
                if text.trim().is_empty() || text.len() > LONGEST_OUTCOME {
                    return Err(Denied::Text);
                }
                let review = self.later(review)?;
                Ok(moved(Moved::Stated { text, review }))
            }
            Step::Review { again } => {
                let decided = self.answerable(author, proposal)?;
                if decided
                    .outcome
                    .as_ref()
                    .is_none_or(|outcome| outcome.review.is_none())
                {
                    return Err(Denied::NoReview);
                }
                let again = self.later(again)?;
                Ok(moved(Moved::Reviewed { again }))
            }
        }
    }

    /// Who made a proposal, or may put any to a poll, says what came of it.
    fn answerable<'a>(&self, author: &PersonaId, proposal: &'a Proposal) -> Result<&'a Decided, Denied> {
        let decided = proposal.decided().ok_or(Denied::NotFinal)?;
        if proposal.by != *author {
            self.with_power(author, Power::Poll)?;
        }
        Ok(decided)
    }

    fn later(&self, date: Option<Minutes>) -> Result<Option<Minutes>, Denied> {
        match date {
            Some(date) if date <= self.now() => Err(Denied::InThePast),
            date => Ok(date),
        }
    }

    pub(super) fn propose(
        &mut self,
        (author, position): (&PersonaId, Position),
        id: IntentId,
        (title, text): (&str, &str),
        subject: &Subject,
    ) {
        let proposal = Proposal {
            number: self.next_proposal,
            by: *author,
            at: self.now(),
            position,
            title: title.to_owned(),
            text: text.to_owned(),
            version: 1,
            subject: subject.clone(),
            supporters: Vec::new(),
            amendments: Vec::new(),
            next_amendment: 1,
            stage: Stage::Open,
        };
        self.next_proposal = self.next_proposal.saturating_add(1);
        self.proposals.insert(id, proposal);
    }

    pub(super) fn step(&mut self, (author, position): (&PersonaId, Position), id: &IntentId, moved: &Moved) {
        match moved {
            Moved::Withdrawn => {
                self.proposals.remove(id);
                return;
            }
            Moved::Opened(poll, voters) => return self.open_poll(id, poll, voters, position),
            Moved::Voted(ballot) => return self.take_ballot(author, id, ballot),
            Moved::Closed(closed) => return self.take_close(id, closed, position),
            Moved::Void => return self.void_poll(id),
            Moved::Reopened { until } => return self.reopen(author, id, *until),
            _ => {}
        }
        let Some(proposal) = self.proposals.get_mut(id) else {
            return;
        };
        match moved {
            Moved::Supported => proposal.supporters.push(*author),
            Moved::Amended { text } => {
                let number = proposal.next_amendment;
                proposal.next_amendment = number.saturating_add(1);
                let (by, text) = (*author, text.clone());
                proposal.amendments.push(Amendment { number, by, text });
            }
            Moved::Changed { amendment, text } => {
                proposal
                    .amendments
                    .retain(|other| Some(other.number) != *amendment);
                proposal.text.clone_from(text);
                proposal.version = proposal.version.saturating_add(1);
                // Support was for the text that they read.
                proposal.supporters.clear();
            }
            Moved::Stated { text, review } => {
                if let Stage::Decided(decided) = &mut proposal.stage {
                    let (by, text, review) = (*author, text.clone(), *review);
                    decided.outcome = Some(Outcome { by, text, review });
                }
            }
            Moved::Reviewed { again } => {
                if let Stage::Decided(decided) = &mut proposal.stage
                    && let Some(outcome) = &mut decided.outcome
                {
                    outcome.review = *again;
                }
            }
            _ => {}
        }
    }

    /// Keeps the number of decisions bounded.
    pub(super) fn forget_decisions(&mut self) {
        let mut decided: Vec<_> = (self.proposals.iter())
            .filter(|(_, proposal)| proposal.decided().is_some())
            .map(|(id, proposal)| (proposal.number, *id))
            .collect();
        decided.sort_unstable();
        let excess = decided.len().saturating_sub(REMEMBERED_DECISIONS);
        for (_, first) in decided.into_iter().take(excess) {
            self.proposals.remove(&first);
        }
    }
}
