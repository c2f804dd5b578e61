//! Heads (law 5): what others say they saw, against what this device was shown. A head that contradicts is kept
//! as evidence; this device goes on only while more people agree with it than contradict.

use std::collections::btree_map::Entry;

use caucus_proto::envelope::{Body, Content};
use caucus_proto::id::{Minutes, PersonaId, Position};
use caucus_proto::org::{Head, SignedHead};

use super::elsewhere::alone;
use super::error::EngineError;
use super::files::FileError;
use super::random;
use super::record::{Evidence, HeadFacts, Health, LogRecord};
use super::room::Room;
use super::send::Now;
use crate::mls::Group;
use crate::vault::{Overlay, Table};

/// Pieces of evidence that are kept, a room.
const EVIDENCE: usize = 64;

/// Milliseconds between two heartbeats of a room, expected, over all its people.
const HEARTBEAT_MS: u64 = 10 * 60 * 1000;

/// Milliseconds within which a contradiction makes everybody say what they saw.
const DISPUTE_MS: u64 = 3_000;

/// Minutes by which the room's clock and this device's may be apart before the person is told (law 6).
const CLOCKS_APART: u64 = 26 * 60;

/// Others who have to attest a newcomer's history before files are fetched, at most.
const ATTESTING: u64 = 3;

impl Room {
    /// What is true after the last entry.
    pub(super) fn facts(&self) -> HeadFacts {
        let authenticator = self.group.as_ref().map(Group::authenticator_hash);
        HeadFacts {
            running: self.cursor.running,
            epoch: self.epoch(),
            authenticator: authenticator.unwrap_or_default(),
            root: self.state.root(),
        }
    }

    /// One's head beside a body. For chat it is rounded down to the last flagged entry: it is a read receipt too.
    pub(super) fn head(&self, body: &Body, now: Minutes, exact: bool) -> Result<SignedHead, EngineError> {
        let named = if exact {
            self.cursor.position
        } else {
            self.cursor.flagged.max(self.record.joined_at)
        };
        // What the log says also holds where the group is lost meanwhile.
        let (position, facts) = match self.log_at(named)? {
            Some(record) => (named, record.facts),
            None => (self.cursor.position, self.facts()),
        };
        let head = Head {
            position,
            running: facts.running,
            epoch: facts.epoch,
            authenticator: facts.authenticator,
            root: facts.root,
            time: now,
            body: body.digest(),
        };
        let digest = SignedHead::digest(&self.record.room, &self.record.persona, &head);
        Ok(SignedHead {
            author: self.record.persona,
            head,
            signature: self.persona.sign(&digest),
        })
    }

    /// The head of an entry's content, if the one it names signed it for this very body.
    pub(super) fn authentic(&self, content: &Content) -> Option<SignedHead> {
        let head = &content.head;
        let person = self.state.person(&head.author)?;
        let fits =
            head.head.body == content.body.digest() && head.verify(&self.record.room, &person.key).is_ok();
        fits.then_some(*head)
    }

    /// Compares somebody's head with what this device was shown.
    pub(super) fn compare(
        &mut self,
        overlay: &Overlay,
        head: &SignedHead,
        at: Position,
    ) -> Result<(), EngineError> {
        let speaks = self
            .state
            .person(&head.author)
            .is_some_and(|person| person.is_present());
        if !speaks || head.author == self.record.persona {
            return Ok(());
        }
        let named = head.head.position;
        // What this device read before it was let in, or let in anew, may be another history.
        if named < self.record.joined_at {
            return Ok(());
        }
        // Before a verdict fell, both sides said what they saw.
        if self
            .cursor
            .voids
            .iter()
            .any(|void| void.from <= named && named < void.to)
        {
            return Ok(());
        }
        let agrees = if named >= at {
            // Nobody can have seen what stands after their own entry.
            false
        } else {
            match overlay.get_value::<LogRecord>(&self.place(Table::Log, named.0))? {
                None => return Ok(()),
                Some(record) => agree(&record.facts, &head.head),
            }
        };
        if agrees {
            let latest = self.cursor.heads.entry(head.author).or_default();
            *latest = named.max(*latest);
        } else if let Entry::Vacant(vacant) = self.cursor.disputes.entry(head.author) {
            vacant.insert(named.min(at));
            self.keep_evidence(overlay, at, &Evidence::Head(*head))?;
        }
        self.weigh();
        Ok(())
    }

    /// Up to where a head shows that its author was served the same log as this device (0: nothing).
    pub(super) fn seen(
        &self,
        overlay: &Overlay,
        head: Option<&SignedHead>,
        at: Position,
    ) -> Result<Position, EngineError> {
        let Some(head) = head.map(|signed| &signed.head).filter(|head| head.position < at) else {
            return Ok(Position(0));
        };
        let record = overlay.get_value::<LogRecord>(&self.place(Table::Log, head.position.0))?;
        let same = record.is_some_and(|record| record.facts.running == head.running);
        Ok(if same { head.position } else { Position(0) })
    }

    /// Whether this device is on the side of more people than contradict it. Those who are silent since then
    /// count for nobody; two people who contradict one another both stop. Whom more than half of all contradict was
    /// shown what nobody else saw, and asks to be renewed.
    pub(super) fn weigh(&mut self) {
        if !matches!(self.cursor.health, Health::Open | Health::Forked { .. }) {
            return;
        }
        let present = |persona: &PersonaId| {
            self.state
                .person(persona)
                .is_some_and(|person| person.is_present())
        };
        let against: Vec<_> = self
            .cursor
            .disputes
            .iter()
            .filter(|(persona, _)| present(persona))
            .collect();
        let first = against.iter().min_by_key(|(_, at)| **at);
        let Some((by, at)) = first.map(|(by, at)| (**by, **at)) else {
            self.cursor.health = Health::Open;
            return;
        };
        let with = self
            .cursor
            .heads
            .iter()
            .filter(|(persona, seen)| {
                **seen >= at && present(persona) && !self.cursor.disputes.contains_key(persona)
            })
            .count()
            .saturating_add(1);
        self.cursor.health = if self.is_most(against.len()) {
            alone(at)
        } else if with > against.len() {
            Health::Open
        } else {
            Health::Forked { at, by }
        };
    }

    /// Keeps the first piece of evidence of an entry.
    pub(super) fn keep_evidence(
        &self,
        overlay: &Overlay,
        at: Position,
        evidence: &Evidence,
    ) -> Result<(), EngineError> {
        let kept = overlay.range(Table::Evidence, self.record.room.as_bytes(), 0, EVIDENCE)?;
        if kept.len() < EVIDENCE && !kept.iter().any(|(number, _)| *number == at.0) {
            overlay.put_value(self.place(Table::Evidence, at.0), evidence)?;
        }
        Ok(())
    }

    /// Up to where more than half have seen what this device has seen.
    pub(super) fn attested_to(&self) -> Position {
        let mut heads: Vec<Position> = self
            .state
            .present()
            .map(|(persona, _)| {
                if *persona == self.record.persona {
                    self.cursor.position
                } else {
                    self.cursor.heads.get(persona).copied().unwrap_or_default()
                }
            })
            .collect();
        heads.sort_unstable_by(|a, b| b.cmp(a));
        heads.get(heads.len() / 2).copied().unwrap_or_default()
    }

    /// How many other people's heads attest the history this device was given.
    #[must_use]
    pub fn attested(&self) -> u64 {
        let from = self.record.joined_at;
        let others = |(persona, position): &(&PersonaId, &Position)| {
            **persona != self.record.persona && **position >= from
        };
        self.cursor.heads.iter().filter(others).count() as u64
    }

    /// Whether this device was there from the beginning, or half of the other people, at most three, attest the history
    /// that it was given.
    ///
    /// # Errors
    /// `FileError::Unattested` says how many do.
    pub(super) fn trusts_history(&self) -> Result<(), FileError> {
        let others = self.state.present().count().saturating_sub(1) as u64;
        let (have, want) = (self.attested(), others.div_ceil(2).min(ATTESTING));
        if self.record.joined_at == Position(0) || have >= want {
            return Ok(());
        }
        Err(FileError::Unattested { have, want })
    }

    /// People whose heads contradict what this device was shown, by name, with the position.
    #[must_use]
    pub fn disputed(&self) -> Vec<(String, Position)> {
        let named = |(persona, at): (&PersonaId, &Position)| (self.name_of(persona), *at);
        self.cursor.disputes.iter().map(named).collect()
    }

    /// What to tell a person before a time is witnessed that this device's clock denies (law 6).
    #[must_use]
    pub fn clock_warning(&self, now: Minutes) -> Option<String> {
        let room = self.state.now();
        (room.0.abs_diff(now.0) > CLOCKS_APART).then(|| {
            let hours = room.0.abs_diff(now.0) / 60;
            let way = if room > now { "ahead of" } else { "behind" };
            format!("the room's clock is {hours} hours {way} this device's: one of them is wrong")
        })
    }

    /// A heartbeat is wanted soon, so that others' histories are attested.
    pub fn want_heartbeat(&mut self, at_ms: u64) {
        let at = self.plan.heartbeat_at.map_or(at_ms, |before| before.min(at_ms));
        self.plan.heartbeat_at = Some(at);
    }

    /// Whether a heartbeat is due; draws the time of the next one. All of a room's people together send about
    /// one in ten minutes.
    pub(super) fn heartbeat_is_due(&mut self, now: Now) -> Result<bool, EngineError> {
        let people = self.state.present().count() as u64;
        if people < 2 || self.myself().is_none_or(|person| !person.is_present()) {
            return Ok(false);
        }
        let forked = matches!(self.cursor.health, Health::Forked { .. });
        if forked && !std::mem::replace(&mut self.plan.disputing, forked) {
            self.want_heartbeat(now.ms.saturating_add(random::below(DISPUTE_MS)?));
        }
        self.plan.disputing = forked;
        if std::mem::take(&mut self.plan.speak) {
            self.want_heartbeat(now.ms.saturating_add(random::below(DISPUTE_MS)?));
        }
        if self.plan.heartbeat_at.is_some_and(|at| now.ms < at) {
            return Ok(false);
        }
        let due = self.plan.heartbeat_at.is_some();
        let span = HEARTBEAT_MS.saturating_mul(2).saturating_mul(people);
        self.plan.heartbeat_at = Some(now.ms.saturating_add(random::below(span)?));
        Ok(due)
    }
}

fn agree(facts: &HeadFacts, head: &Head) -> bool {
    facts.running == head.running
        && facts.epoch == head.epoch
        && facts.authenticator == head.authenticator
        && facts.root == head.root
}
