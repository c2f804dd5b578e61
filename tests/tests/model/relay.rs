//! The relay of the model: one channel, with its counter, its log and the access keys of each segment.
//!
//! It knows nothing of MLS: bodies are stored as they come, and only the counter and the access keys in force decide.
//! The questions that people ask of a log (who can open what, which epoch descends from which) stand here too,
//! because they follow from the log alone.

use super::people::{Person, Set};

/// An MLS epoch: 0 is the founding, any other the position of the commit that made it, plus one.
pub(crate) type Epoch = u8;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Flag {
    Plain,
    Advance,
    Cut,
}

/// What a commit does to the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Op {
    /// An ordinary act of a person that needs a commit (an admission, say).
    Act(Person),
    /// Keys turn and nothing else: the weekly cut, or the one after a removal.
    Turn,
    /// The insider is put out by a decision.
    Remove,
    /// One who lost their epoch is taken in again.
    Renew(Person),
    /// The insider's own update: by policy allowed.
    Update,
    /// Signed, and by policy forbidden to its author.
    Forbidden,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Body {
    /// Fails before its signature verifies.
    Junk,
    /// An MLS message made in an epoch.
    Say { from: Epoch },
    /// A signed commit; `can` are those for whom its path and tag are right, `keys` tells whether a cut's keys are.
    Commit {
        from: Epoch,
        op: Op,
        can: Set,
        keys: bool,
    },
    /// A cut without a commit: keys from the secret of segment `base`, its read key added to every segment since.
    Answer { base: u8 },
    /// A head with no more to say than itself, or a request for renewal; `of` is who signed it, be it carried or not.
    Notice { of: Person, asks: bool },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    pub(crate) flag: Flag,
    /// The counter that the entry named, and that stood when it was stored (but for a relay without a fence).
    pub(crate) counter: u8,
    pub(crate) by: Person,
    /// The author's signed head: their epoch, and how far they had read.
    pub(crate) head: Epoch,
    pub(crate) read: u8,
    pub(crate) body: Body,
}

/// Where the keys of a segment come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Keys {
    Exporter(Epoch),
    /// The insider's own.
    Rogue,
    Derived(u8),
}

/// Rules of the relay that a mutant may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RelayRules {
    /// Plain entries must name the current counter.
    pub(crate) plain_named: bool,
    /// Advances and cuts must name the current counter.
    pub(crate) flagged_named: bool,
    /// A cut ends the old append handles.
    pub(crate) keys_turn: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Relay {
    pub(crate) log: Vec<Entry>,
    pub(crate) counter: u8,
    pub(crate) segments: Vec<Keys>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Stored,
    Moved,
    Refused,
}

impl Relay {
    pub(crate) fn new() -> Self {
        Self {
            log: Vec::new(),
            counter: 0,
            segments: vec![Keys::Exporter(0)],
        }
    }

    pub(crate) fn len(&self) -> u8 {
        self.log.len() as u8
    }

    /// The segment that takes appends now.
    pub(crate) fn segment(&self) -> u8 {
        (self.segments.len() - 1) as u8
    }

    /// Stores an entry whose author proved the append key of `segment` (for a cut: a control key, no segment asked).
    pub(crate) fn store(&mut self, rules: &RelayRules, segment: u8, entry: Entry) -> Answer {
        let named = match entry.flag {
            Flag::Plain => rules.plain_named,
            Flag::Advance | Flag::Cut => rules.flagged_named,
        };
        if named && entry.counter != self.counter {
            return Answer::Moved;
        }
        if rules.keys_turn && entry.flag != Flag::Cut && segment != self.segment() {
            return Answer::Refused;
        }
        let position = self.len();
        self.log.push(entry);
        if entry.flag != Flag::Plain {
            self.counter += 1;
        }
        if entry.flag == Flag::Cut {
            self.segments.push(match entry.body {
                Body::Commit { keys: true, .. } => Keys::Exporter(position + 1),
                Body::Answer { base } => Keys::Derived(base),
                Body::Commit { .. } | Body::Junk | Body::Say { .. } | Body::Notice { .. } => Keys::Rogue,
            });
        }
        Answer::Stored
    }

    /// The segment in which the entry at a position lies; the cut that ends a segment belongs to it.
    pub(crate) fn segment_of(&self, position: u8) -> u8 {
        self.log[..usize::from(position)]
            .iter()
            .filter(|e| e.flag == Flag::Cut)
            .count() as u8
    }

    /// The epoch from which an epoch was made, with the operation, or none at the founding.
    fn made_by(&self, epoch: Epoch) -> Option<(Epoch, Op, Set)> {
        let position = epoch.checked_sub(1)?;
        match self.log[usize::from(position)].body {
            Body::Commit { from, op, can, .. } => Some((from, op, can)),
            _ => None,
        }
    }

    /// Whether `epoch` is `ancestor` or comes from it.
    pub(crate) fn descends(&self, epoch: Epoch, ancestor: Epoch) -> bool {
        let mut at = epoch;
        while at != ancestor {
            match self.made_by(at) {
                Some((from, ..)) => at = from,
                None => return false,
            }
        }
        true
    }

    /// Whether the insider is out of the group in an epoch.
    pub(crate) fn removed_in(&self, epoch: Epoch) -> bool {
        let mut at = epoch;
        while let Some((from, op, _)) = self.made_by(at) {
            if op == Op::Remove {
                return true;
            }
            at = from;
        }
        false
    }

    /// Whether a person could come to hold the secrets of an epoch.
    fn could(&self, person: Person, epoch: Epoch) -> bool {
        match self.made_by(epoch) {
            None => true,
            Some((_, Op::Renew(renewed), _)) if renewed == person => true,
            Some((from, _, can)) => can.has(person) && self.could(person, from),
        }
    }

    /// Whether an honest person who read up to a position could derive the access secret of a segment.
    pub(crate) fn opens(&self, person: Person, segment: u8, upto: u8) -> bool {
        let by_keys = match self.segments[usize::from(segment)] {
            Keys::Exporter(epoch) => self.could(person, epoch),
            Keys::Rogue => false,
            Keys::Derived(base) => self.opens(person, base, upto),
        };
        by_keys || self.welcomed(person, segment, upto)
    }

    /// Whether a renewal inside a segment, before a position, handed its access secret over.
    fn welcomed(&self, person: Person, segment: u8, upto: u8) -> bool {
        let renews = |e: &Entry| matches!(e.body, Body::Commit { op: Op::Renew(p), .. } if p == person);
        (0..upto).any(|p| renews(&self.log[usize::from(p)]) && self.segment_of(p) == segment)
    }

    /// Whether the insider holds the append key of a segment.
    pub(crate) fn insider_opens(&self, segment: u8) -> bool {
        match self.segments[usize::from(segment)] {
            Keys::Exporter(epoch) => !self.removed_in(epoch),
            Keys::Rogue => true,
            Keys::Derived(base) => self.insider_opens(base),
        }
    }

    /// Whether the relay serves an entry to a person: by the segment's key, by a read key added later, or by a control.
    pub(crate) fn serves(&self, person: Person, keyholder: bool, position: u8) -> bool {
        let segment = self.segment_of(position);
        let added =
            |base: u8, ends: u8| base < segment && segment < ends && self.opens(person, base, position);
        keyholder
            || self.opens(person, segment, position)
            || self.segments.iter().enumerate().any(|(s, keys)| match keys {
                Keys::Derived(base) => added(*base, s as u8),
                Keys::Exporter(_) | Keys::Rogue => false,
            })
    }
}
