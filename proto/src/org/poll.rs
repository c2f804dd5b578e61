//! Polls (law 8): a proposal is put to a vote. Voters, rule, options and text are fixed when it opens; each voter's latest
//! ballot before the close counts; a close lists what it counted, and who is missing in it says so.

use core::fmt;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::codec;
use crate::id::{IntentId, Minutes, PersonaId, Position};
use crate::label::{Label, hash};
use crate::org::ballot::{Ballot, MOST_OPTIONS, Method, SEALED_LENGTH, ballot_key};
use crate::org::count::{Count, Terms, count};
use crate::org::denied::Denied;
use crate::org::mandate::{DAY, Office};
use crate::org::person::Person;
use crate::org::power::Power;
use crate::org::proposal::{LONGEST_TITLE, Moved, Proposal, Stage, Subject};
use crate::org::rules::PollRule;
use crate::org::state::State;
use crate::org::vouch::Regard;

/// Polls that may be open at once.
pub const OPEN_POLLS: usize = 32;

/// Longest time that a poll is open, in days.
pub const LONGEST_POLL: u64 = 365;

/// How often a poll goes on because a ballot is missing.
pub const MOST_REOPENED: u8 = 3;

/// What is said in a poll, and by what rules it is counted, whatever the charter says later (law 9).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Poll {
    /// Who put it to the vote.
    pub by: PersonaId,
    /// Since when, in witnessed time.
    pub opened: Minutes,
    /// Where in the log.
    pub position: Position,
    /// How it is decided.
    pub method: Method,
    /// What there is to choose from, in words.
    pub options: Vec<String>,
    /// Or who there is, in the order in which the office would go round.
    pub candidates: Vec<PersonaId>,
    /// Until when.
    pub until: Minutes,
    /// Ballots are sealed to this key.
    pub seal: Option<[u8; 32]>,
    /// The rule.
    pub rule: PollRule,
    /// What else the charter said when it opened.
    pub kept: Kept,
    /// All who may vote.
    pub voters: u32,
    /// How often it went on after a close.
    pub reopened: u8,
}

/// What a charter says of all polls, as it was when one opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Kept {
    /// How many may be away.
    pub absent: u16,
    /// Hours to object.
    pub grace: u16,
    /// Who is out and has not voted counts no more.
    pub leavers: bool,
    /// Who is suspended may vote.
    pub suspended: bool,
    /// Days of silence that nobody waits for.
    pub silent: u16,
    /// More than half are enough for it to take effect.
    pub light: bool,
}

/// A poll that is closed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// The poll.
    pub poll: Poll,
    /// Who closed it.
    pub by: PersonaId,
    /// When.
    pub at: Minutes,
    /// Where in the log.
    pub position: Position,
    /// What it came to.
    pub count: Count,
    /// Hash of the ballots.
    pub ballots: [u8; 32],
    /// What opened sealed ones.
    pub secret: Option<[u8; 32]>,
}

/// Somebody who may vote in a poll.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Voter {
    /// Their ballot.
    pub ballot: Option<Ballot>,
    /// They have said once that theirs was missing.
    pub missed: bool,
}

// What people may choose from stays out of logs.
impl fmt::Debug for Poll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Poll({:?}, {} voters)", self.method, self.voters)
    }
}

impl fmt::Debug for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Closed({:?})", self.poll)
    }
}

impl Poll {
    /// When whoever objects must have done so, after a close at this time.
    #[must_use]
    pub const fn grace(&self, closed: Minutes) -> Minutes {
        Minutes(closed.0.saturating_add(self.kept.grace as u64 * 60))
    }

    /// How many options there are.
    #[must_use]
    pub const fn choices(&self) -> usize {
        if self.method.is_for_or_against() {
            return 0;
        }
        if self.candidates.is_empty() {
            self.options.len()
        } else {
            self.candidates.len()
        }
    }
}

impl State {
    /// Who would vote on a subject now. Where nobody has what the charter asks for, everybody in good standing votes, and
    /// where there is nobody in good standing, everybody; never whom it is about (law 13), unless there is nobody else.
    #[must_use]
    pub fn electorate(&self, subject: &Subject) -> Vec<PersonaId> {
        let rule = self.charter().polls.of(subject.matter());
        let which = |fits: &dyn Fn(&PersonaId, &Person) -> bool| -> Vec<PersonaId> {
            let fits = self.present().filter(|(id, person)| fits(id, person));
            fits.map(|(id, _)| *id).collect()
        };
        let other = |id: &PersonaId| subject.about() != Some(id);
        let good = |person: &Person| self.regard(person) == Regard::Good;
        let able = |person: &Person| {
            good(person) && person.sphere >= rule.sphere && (!rule.principles || self.has_accepted(person))
        };
        [
            which(&|id, person| other(id) && able(person)),
            which(&|id, person| other(id) && good(person)),
            which(&|id, _| other(id)),
        ]
        .into_iter()
        .find(|voters| !voters.is_empty())
        .unwrap_or_else(|| which(&|_, _| true))
    }

    /// Voters of a poll by its proposal's number.
    pub fn voters_of(&self, number: u32) -> impl Iterator<Item = (&PersonaId, &Voter)> {
        let (first, last) = (PersonaId([0; 32]), PersonaId([u8::MAX; 32]));
        let voters = self.voters.range((number, first)..=(number, last));
        voters.map(|((_, persona), voter)| (persona, voter))
    }

    /// Whether nobody is left who may vote and has not.
    #[must_use]
    pub fn everybody_voted(&self, number: u32) -> bool {
        self.voters_of(number).all(|(_, voter)| voter.ballot.is_some())
    }

    /// Hash of all ballots of a poll, in order of persona.
    #[must_use]
    pub fn ballots_hash(&self, number: u32) -> [u8; 32] {
        let cast = |(persona, voter): (&PersonaId, &Voter)| {
            let ballot = codec::encode(voter.ballot.as_ref()?, codec::LIMIT).ok()?;
            Some(hash(Label::Ballots, &[persona.as_bytes(), &ballot]))
        };
        let ballots: Vec<u8> = self.voters_of(number).filter_map(cast).flatten().collect();
        hash(Label::Ballots, &[&ballots])
    }

    /// Others whose support counts, and how many are needed for a poll that nobody with the power opens.
    #[must_use]
    pub fn support(&self, proposal: &Proposal) -> (u16, u16) {
        let able = |id: &PersonaId| {
            let good = |person: &Person| person.is_present() && self.regard(person) == Regard::Good;
            *id != proposal.by && proposal.subject.about() != Some(id) && self.person(id).is_some_and(good)
        };
        let have = proposal.supporters.iter().filter(|id| able(id)).count();
        let could = self.present().filter(|(id, _)| able(id)).count();
        let awaited = could.saturating_sub(usize::from(self.charter().absent));
        let needed = usize::from(self.charter().polls.support).min(awaited);
        let narrow = |count| u16::try_from(count).unwrap_or(u16::MAX);
        (narrow(have), narrow(needed))
    }

    #[allow(clippy::too_many_arguments)]
    pub(super) fn judge_poll(
        &self,
        author: &PersonaId,
        proposal: &Proposal,
        version: u32,
        method: Method,
        options: Vec<String>,
        until: Minutes,
        seal: Option<[u8; 32]>,
    ) -> Result<Poll, Denied> {
        if !proposal.is_open() {
            return Err(Denied::NotOpen);
        }
        self.in_good_standing(author)?;
        if proposal.version != version {
            return Err(Denied::OtherVersion);
        }
        let subject = &proposal.subject;
        if subject.about() == Some(author) {
            return Err(Denied::OwnCase);
        }
        self.judge_subject(&proposal.by, subject)?;
        if !self.holds(author, Power::Poll) {
            let (have, needed) = self.support(proposal);
            if proposal.by != *author || have < needed {
                return Err(Denied::Support { needed, have });
            }
        }
        if seal.is_some() {
            self.with_power(author, Power::Tell)?;
        }
        if self
            .proposals
            .values()
            .filter(|other| other.poll().is_some())
            .count()
            >= OPEN_POLLS
        {
            return Err(Denied::TooManyWaiting);
        }
        if self.amendment_is_polled(proposal.number) {
            return Err(Denied::AmendmentPolled);
        }
        let candidates = self.check_choices(subject, method, &options)?;
        let rule = self.poll_rule(subject);
        let (least, most) = (u64::from(rule.days) * DAY, LONGEST_POLL * DAY);
        let open = until.0.saturating_sub(self.now().0);
        if until <= self.now() || open < least || open > most {
            return Err(Denied::PollTime { days: rule.days });
        }
        let polls = &self.charter().polls;
        let voters = self.electorate(subject).len();
        Ok(Poll {
            by: *author,
            opened: self.now(),
            position: Position(0),
            method,
            options,
            candidates,
            until,
            seal,
            rule,
            kept: Kept {
                absent: self.reckoned_absent(subject),
                grace: polls.grace,
                leavers: polls.leavers,
                suspended: polls.suspended,
                silent: polls.silent,
                light: polls.light && matches!(subject, Subject::Text | Subject::Amendment { .. }),
            },
            voters: u32::try_from(voters).unwrap_or(u32::MAX),
            reopened: 0,
        })
    }

    /// The rule of a subject. Whoever asks for more in another charter has to reach it themselves (law 10).
    #[must_use]
    pub fn poll_rule(&self, subject: &Subject) -> PollRule {
        let rule = *self.charter().polls.of(subject.matter());
        match subject {
            Subject::Charter { charter } => rule.stricter(&charter.polls.rules),
            _ => rule,
        }
    }

    /// How many may be away by the rule of a subject: whoever would have fewer away decides without them (law 10).
    #[must_use]
    pub fn reckoned_absent(&self, subject: &Subject) -> u16 {
        let absent = self.charter().absent;
        match subject {
            Subject::Charter { charter } => absent.min(charter.absent),
            _ => absent,
        }
    }

    fn amendment_is_polled(&self, number: u32) -> bool {
        self.proposals.values().any(|other| {
            let of = match &other.subject {
                Subject::Amendment { proposal, .. } => self.proposals.get(proposal),
                _ => None,
            };
            !other.is_open() && other.decided().is_none() && of.is_some_and(|of| of.number == number)
        })
    }

    /// Whether method and options fit what is decided; the candidates in their order.
    fn check_choices(
        &self,
        subject: &Subject,
        method: Method,
        options: &[String],
    ) -> Result<Vec<PersonaId>, Denied> {
        let candidates = match subject {
            Subject::Elect { office, candidates } => self.in_turn(*office, candidates),
            _ => Vec::new(),
        };
        let fits = match subject {
            Subject::Text => method.fits(options.len()),
            Subject::Elect { office, .. } => {
                let seats = self.charter().office(*office).map_or(0, |rule| rule.seats);
                let one = method.is_for_or_against() && candidates.len() == 1;
                let some = method.fits(candidates.len()) && u16::from(method.winners()) <= seats;
                options.is_empty() && (one || (some && !method.is_for_or_against()))
            }
            _ => method.is_for_or_against() && options.is_empty(),
        };
        let said = |option: &String| !option.trim().is_empty() && option.len() <= LONGEST_TITLE;
        let distinct: BTreeSet<_> = options.iter().collect();
        if !fits
            || options.len() > MOST_OPTIONS
            || !options.iter().all(said)
            || distinct.len() != options.len()
        {
            return Err(Denied::Method);
        }
        Ok(candidates)
    }

    /// Candidates in the order in which an office would go round.
    fn in_turn(&self, office: Office, candidates: &[PersonaId]) -> Vec<PersonaId> {
        let last = self.turns.get(&office).copied();
        let mut candidates = candidates.to_vec();
        candidates.sort_by_key(|id| (self.turn(id) <= last, self.turn(id)));
        candidates
    }

    pub(super) fn judge_vote(
        &self,
        author: &PersonaId,
        proposal: &Proposal,
        ballot: Ballot,
    ) -> Result<Moved, Denied> {
        let poll = proposal.poll().ok_or(Denied::NoPoll)?;
        let voter = self
            .voters
            .get(&(proposal.number, *author))
            .ok_or(Denied::NoVoter)?;
        if self.now() >= poll.until {
            return Err(Denied::PollOver);
        }
        let suspended = |person: &Person| person.is_suspended(self.now());
        if !poll.kept.suspended && self.person(author).is_some_and(suspended) {
            return Err(Denied::NotInGoodStanding);
        }
        let fits = match (&ballot, poll.seal) {
            (Ballot::Sealed(bytes), Some(_)) => bytes.len() == SEALED_LENGTH,
            (_, Some(_)) => false,
            (ballot, None) => ballot.fits(poll.method, poll.choices()),
        };
        if !fits {
            return Err(Denied::BadBallot);
        }
        if voter.ballot.as_ref() == Some(&ballot) {
            return Err(Denied::Repeated);
        }
        // A close has shown what the others said; and a secret, once it is on its way, opens nothing that changes yet.
        let shown = poll.reopened > 0 || (poll.seal.is_some() && self.everybody_voted(proposal.number));
        if shown && voter.ballot.is_some() {
            return Err(Denied::BallotStands);
        }
        Ok(Moved::Voted(ballot))
    }

    pub(super) fn judge_close(
        &self,
        author: &PersonaId,
        id: &IntentId,
        proposal: &Proposal,
        ballots: [u8; 32],
        secret: Option<[u8; 32]>,
    ) -> Result<Moved, Denied> {
        let poll = proposal.poll().ok_or(Denied::NoPoll)?;
        if proposal.subject.about() == Some(author) {
            return Err(Denied::OwnCase);
        }
        let now = self.now();
        if now < poll.until && !self.everybody_voted(proposal.number) {
            return Err(Denied::NotOver);
        }
        if ballots != self.ballots_hash(proposal.number) {
            return Err(Denied::OtherBallots);
        }
        match (poll.seal, &secret) {
            (None, Some(_)) => return Err(Denied::Malformed),
            (Some(_), None) if now >= poll.grace(poll.until) => return Ok(Moved::Void),
            (Some(_), None) => return Err(Denied::StillSealed),
            (Some(key), Some(secret)) if ballot_key(secret) != Ok(key) => return Err(Denied::WrongSecret),
            _ => {}
        }
        let counts = |(persona, voter): &(&PersonaId, &Voter)| {
            let here = self.person(persona).is_some_and(Person::is_present);
            voter.ballot.is_some() || here || !poll.kept.leavers
        };
        let voters = self.voters_of(proposal.number).filter(counts).count();
        let opened: Vec<_> = self
            .voters_of(proposal.number)
            .filter_map(|(persona, voter)| {
                Some(match (voter.ballot.as_ref()?, &secret) {
                    (Ballot::Sealed(sealed), Some(secret)) => Ballot::open(sealed, secret, id, persona).ok(),
                    (Ballot::Sealed(_), None) => None,
                    (ballot, _) => Some(ballot.clone()),
                })
            })
            .collect();
        let terms = Terms {
            method: poll.method,
            options: poll.choices(),
            rule: &poll.rule,
            absent: poll.kept.absent,
            voters: u32::try_from(voters).unwrap_or(u32::MAX),
        };
        Ok(Moved::Closed(Box::new(Closed {
            poll: poll.clone(),
            by: *author,
            at: now,
            position: Position(0),
            count: count(terms, opened.iter().map(Option::as_ref)),
            ballots,
            secret,
        })))
    }

    pub(super) fn judge_missing(&self, author: &PersonaId, proposal: &Proposal) -> Result<Moved, Denied> {
        let Stage::Closed(closed) = &proposal.stage else {
            return Err(Denied::NoPoll);
        };
        let poll = &closed.poll;
        if self.now() >= poll.grace(closed.at) {
            return Err(Denied::GraceOver);
        }
        let voter = self
            .voters
            .get(&(proposal.number, *author))
            .ok_or(Denied::NoVoter)?;
        if voter.ballot.is_some() || voter.missed || poll.reopened >= MOST_REOPENED {
            return Err(Denied::NotMissing);
        }
        let hour = 60;
        let until = poll.grace(self.now()).0.max(self.now().0.saturating_add(hour));
        Ok(Moved::Reopened {
            until: Minutes(until),
        })
    }

    pub(super) fn open_poll(&mut self, id: &IntentId, poll: &Poll, voters: &[PersonaId], position: Position) {
        let Some(proposal) = self.proposals.get_mut(id) else {
            return;
        };
        proposal.stage = Stage::Polled(Box::new(Poll {
            position,
            ..poll.clone()
        }));
        let number = proposal.number;
        for voter in voters {
            self.voters.insert((number, *voter), Voter::default());
        }
        self.mark(position);
    }

    pub(super) fn take_ballot(&mut self, author: &PersonaId, id: &IntentId, ballot: &Ballot) {
        let number = self.proposals.get(id).map(|proposal| proposal.number);
        if let Some(voter) = number.and_then(|number| self.voters.get_mut(&(number, *author))) {
            voter.ballot = Some(ballot.clone());
        }
    }

    pub(super) fn take_close(&mut self, id: &IntentId, closed: &Closed, position: Position) {
        if let Some(proposal) = self.proposals.get_mut(id) {
            proposal.stage = Stage::Closed(Box::new(Closed {
                position,
                ..closed.clone()
            }));
            self.finality.waiting.push(*id);
        }
    }

    /// No poll was held.
    pub(super) fn void_poll(&mut self, id: &IntentId) {
        if let Some(proposal) = self.proposals.get_mut(id) {
            proposal.stage = Stage::Open;
            let number = proposal.number;
            self.forget_voters(number);
        }
    }

    pub(super) fn reopen(&mut self, author: &PersonaId, id: &IntentId, until: Minutes) {
        let Some(proposal) = self.proposals.get_mut(id) else {
            return;
        };
        if let Stage::Closed(closed) = &proposal.stage {
            let poll = Poll {
                until,
                reopened: closed.poll.reopened.saturating_add(1),
                ..closed.poll.clone()
            };
            proposal.stage = Stage::Polled(Box::new(poll));
        }
        let number = proposal.number;
        self.finality.waiting.retain(|other| other != id);
        if let Some(voter) = self.voters.get_mut(&(number, *author)) {
            voter.missed = true;
        }
    }

    pub(super) fn forget_voters(&mut self, number: u32) {
        let voters: Vec<_> = self.voters_of(number).map(|(persona, _)| *persona).collect();
        for persona in voters {
            self.voters.remove(&(number, persona));
        }
    }
}
