//! What a device does by itself for decisions: shows that it has seen a result, closes a poll whose time is over, and
//! says so if its own ballot is missing.

use caucus_proto::codec;
use caucus_proto::id::{IntentId, Minutes, PersonaId};
use caucus_proto::label::{Label, derive};
use caucus_proto::org::{Ballot, Deed, Moved, Power, Proposal, Stage, State, Step, Voter, ballot_key};
use zeroize::Zeroizing;

use super::error::EngineError;
use super::random;
use super::record::Health;
use super::room::Room;
use super::send::Now;

/// Milliseconds within which people's devices show that they have seen a result, for each of them.
const SHOWN_MS: u64 = 200;

/// At least so many.
const LEAST_SHOWN_MS: u64 = 2_000;

/// Milliseconds that a poll is left to those before in turn.
const TURN_MS: u64 = 60_000;

impl Room {
    /// The secret of a poll's sealed ballots that this device would open.
    pub(super) fn ballot_secret(&self, proposal: &IntentId) -> Zeroizing<[u8; 32]> {
        let own = &self.record.control_key.0;
        Zeroizing::new(derive(Label::BallotSecret, own, &[proposal.as_bytes()]))
    }

    /// The secret of the key that this person signs exports by.
    #[must_use]
    pub fn export_seed(&self) -> Zeroizing<[u8; 32]> {
        let own = self.persona.bytes();
        Zeroizing::new(derive(Label::ExportKey, own.as_slice(), &[]))
    }

    /// The key that ballots on a proposal are sealed to, where this device opens them.
    ///
    /// # Errors
    /// `EngineError`.
    pub fn ballot_key(&self, proposal: &IntentId) -> Result<[u8; 32], EngineError> {
        let key = ballot_key(&self.ballot_secret(proposal));
        key.map_err(|_| EngineError::Random)
    }

    /// A ballot as the poll takes it: sealed where it asks for that.
    ///
    /// # Errors
    /// `EngineError`.
    pub fn ballot(&self, id: &IntentId, ballot: Ballot) -> Result<Ballot, EngineError> {
        let seal = self
            .state
            .proposal(id)
            .and_then(Proposal::poll)
            .and_then(|poll| poll.seal);
        match seal {
            None => Ok(ballot),
            Some(key) => {
                let sealed = ballot.seal(&key, id, &self.record.persona, &mut random::source());
                sealed.map_err(|_| EngineError::Random)
            }
        }
    }

    /// The step that closes a poll as it stands here; with its secret, where this device has it.
    #[must_use]
    pub fn closing(&self, id: &IntentId) -> Option<Step> {
        let proposal = self.state.proposal(id)?;
        let poll = proposal.poll()?;
        let secret = poll.seal.and_then(|key| {
            let secret = self.ballot_secret(id);
            (ballot_key(&secret) == Ok(key)).then(|| *secret)
        });
        Some(Step::Close {
            ballots: self.state.ballots_hash(proposal.number),
            secret,
        })
    }

    /// Does for decisions what is due.
    pub(super) fn tend_decisions(&mut self, now: Now) -> Result<(), EngineError> {
        if self.cursor.health != Health::Open || self.state.proposals.is_empty() {
            return Ok(());
        }
        self.close_polls(now)?;
        self.miss_ballots()?;
        if self.is_to_be_shown(now.minutes) && self.plan.heartbeat_at.is_none_or(|at| at > self.soon(now.ms))
        {
            let within = self.soon(0);
            self.want_heartbeat(now.ms.saturating_add(random::below(within)?));
        }
        Ok(())
    }

    /// When everybody's device has spoken, where each does once.
    fn soon(&self, from: u64) -> u64 {
        let people = self.state.present().count() as u64;
        from.saturating_add(people.saturating_mul(SHOWN_MS).max(LEAST_SHOWN_MS))
    }

    /// Whether something waits until this person is seen to have it, or to be past the hours to object.
    fn is_to_be_shown(&self, now: Minutes) -> bool {
        let Some(me) = self.myself().filter(|me| me.is_present()) else {
            return false;
        };
        let next = self.state.finality.next.is_some_and(|next| me.seen < next);
        let waits = |id: &IntentId| match self.state.proposal(id).map(|proposal| &proposal.stage) {
            Some(Stage::Closed(closed)) => {
                let grace = closed.poll.grace(closed.at);
                let spoke = me.latest.is_some_and(|latest| latest >= grace);
                me.seen < closed.position || (now >= grace && !spoke)
            }
            _ => false,
        };
        // A poll whose time is over by this device's clock is over once enough say what time it is.
        let over = |proposal: &Proposal| {
            proposal
                .poll()
                .is_some_and(|poll| now >= poll.until && me.latest.is_some_and(|latest| latest < poll.until))
        };
        next || self.state.finality.waiting.iter().any(waits) || self.state.proposals.values().any(over)
    }

    /// Whoever opened a poll closes it when its time is over; if they do not, others do.
    fn close_polls(&mut self, now: Now) -> Result<(), EngineError> {
        let due: Vec<_> = (self.state.proposals.iter())
            .filter(|(_, proposal)| is_over(&self.state, proposal))
            .map(|(id, proposal)| {
                (
                    *id,
                    proposal.poll().is_some_and(|poll| poll.by == self.record.persona),
                )
            })
            .collect();
        self.plan
            .over
            .retain(|id, _| due.iter().any(|(other, _)| other == id));
        for (id, mine) in due {
            let since = *self.plan.over.entry(id).or_insert(now.ms);
            let turn = match (mine, self.holds(Power::Poll)) {
                (true, _) => 0,
                (false, true) => TURN_MS,
                (false, false) => 2 * TURN_MS,
            };
            if now.ms.saturating_sub(since) < turn {
                continue;
            }
            if let Some(step) = self.closing(&id) {
                let step = Box::new(step);
                self.submit_once(&Deed::Step { proposal: id, step })?;
            }
        }
        Ok(())
    }

    /// Says that one's ballot was missing, and votes again once the poll goes on.
    fn miss_ballots(&mut self) -> Result<(), EngineError> {
        for (id, ballot) in std::mem::take(&mut self.plan.missing) {
            let step = match self.state.proposal(&id).map(|proposal| &proposal.stage) {
                Some(Stage::Closed(_)) => Step::Missing,
                Some(Stage::Polled(_)) => Step::Vote {
                    ballot: ballot.clone(),
                },
                _ => continue,
            };
            let objects = matches!(step, Step::Missing);
            let step = Box::new(step);
            self.submit_once(&Deed::Step { proposal: id, step })?;
            if objects {
                self.plan.missing.insert(id, ballot);
            }
        }
        Ok(())
    }

    /// A close that does not count this person's ballot, which waits to be sent or was withheld.
    pub(super) fn follow_decision(&mut self, proposal: &IntentId, moved: &Moved) {
        if !matches!(moved, Moved::Closed(_)) {
            return;
        }
        let Some(number) = self.state.proposal(proposal).map(|made| made.number) else {
            return;
        };
        let counted = |(persona, voter): (&PersonaId, &Voter)| {
            *persona == self.record.persona && voter.ballot.is_some()
        };
        let waiting = self.outbox.values().rev().filter(|item| item.landed.is_none());
        let voted = waiting
            .filter_map(|item| codec::decode(&item.deed, codec::LIMIT).ok())
            .find_map(|deed: Deed| match deed {
                Deed::Step { proposal: of, step } if of == *proposal => match *step {
                    Step::Vote { ballot } => Some(ballot),
                    _ => None,
                },
                _ => None,
            });
        if let Some(ballot) = voted.filter(|_| !self.state.voters_of(number).any(counted)) {
            self.plan.missing.insert(*proposal, ballot);
        }
    }
}

/// A poll that may be closed now.
fn is_over(state: &State, proposal: &Proposal) -> bool {
    proposal
        .poll()
        .is_some_and(|poll| state.now() >= poll.until || state.everybody_voted(proposal.number))
}
