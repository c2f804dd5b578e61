//! The history that a relay shows now where this device has read another. Nothing of it is taken in. But its
//! envelopes open, and the heads in them are signed: where more than half of the room's people attest it, it is this
//! device that was shown what nobody else saw, and it asks to be renewed.

use std::collections::{BTreeMap, BTreeSet};

use caucus_proto::envelope;
use caucus_proto::id::{PersonaId, Position};
use caucus_proto::org::Running;
use caucus_proto::wire::Entry;

use super::error::EngineError;
use super::record::Health;
use super::room::Room;

/// Entries of another history that are looked at, at once.
pub(super) const MOST: usize = 10_000;

/// Another history, from where it parts from the one that was read.
#[derive(Debug)]
pub(super) struct Elsewhere {
    from: Position,
    last: Position,
    running: BTreeMap<Position, Running>,
    attested: BTreeSet<PersonaId>,
}

impl Room {
    /// Begins where the histories part; none where this device does not know what was before.
    pub(super) fn elsewhere(&self, from: Position) -> Result<Option<Elsewhere>, EngineError> {
        let before = Position(from.0.saturating_sub(1));
        Ok(self.log_at(before)?.map(|record| Elsewhere {
            from,
            last: before,
            running: BTreeMap::from([(before, record.facts.running)]),
            attested: BTreeSet::new(),
        }))
    }

    /// Looks at the next entry. False where it does not follow.
    pub(super) fn look_at(&self, elsewhere: &mut Elsewhere, entry: &Entry) -> bool {
        let Some(before) = elsewhere.running.get(&elsewhere.last) else {
            return false;
        };
        if entry.position != elsewhere.last.next() {
            return false;
        }
        let running = before.then(entry.position, entry.counter, entry.flag.byte(), &entry.bytes);
        let key = self.cursor.access.envelope_key();
        let content = envelope::open(&key, &self.record.channel, entry.counter, &entry.bytes).ok();
        if let Some(head) = content.and_then(|content| self.authentic(&content)) {
            let named = head.head.position;
            // A head is about what was before it.
            if named >= elsewhere.from && elsewhere.running.get(&named) == Some(&head.head.running) {
                elsewhere.attested.insert(head.author);
            }
        }
        elsewhere.running.insert(entry.position, running);
        elsewhere.last = entry.position;
        true
    }

    /// Gives up what this device has read from there on, if more than half of all people attest the other history.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub(super) fn give_up(&mut self, elsewhere: &Elsewhere) -> Result<bool, EngineError> {
        if !matches!(self.cursor.health, Health::Open | Health::Forked { .. }) {
            return Ok(false);
        }
        let attest =
            |persona: &PersonaId| *persona != self.record.persona && elsewhere.attested.contains(persona);
        let attesting = self
            .state
            .present()
            .filter(|(persona, _)| attest(persona))
            .count();
        if !self.is_most(attesting) {
            return self.give_up_copied(elsewhere.from, attesting);
        }
        let at = elsewhere.from;
        self.move_cursor(|cursor| cursor.health = alone(at))?;
        Ok(true)
    }

    /// Whether so many others are more than half of all people in the room.
    pub(super) fn is_most(&self, others: usize) -> bool {
        others.saturating_mul(2) > self.state.present().count()
    }
}

/// How one stands who was shown what nobody else saw.
pub(super) fn alone(at: Position) -> Health {
    Health::Unsynced {
        at,
        why: "the relay showed this device another history than more than half of all people".to_owned(),
    }
}
