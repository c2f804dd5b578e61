//! What is kept of a relay's lies: which, since when, how often, and whether the relay shows the right log again.
//! While one stands, nothing is sent; what this device has verified stays as it is. And everything else that was
//! contradicted, as a person sees it, with its evidence.

use caucus_proto::codec;
use caucus_proto::id::{EntryHash, Minutes, Position};
use caucus_proto::wire::{Entry, Flag};
use serde::{Deserialize, Serialize};

use super::error::EngineError;
use super::lie::{Lie, Shown, Verified, hex, judge};
use super::record::{Evidence, LogRecord};
use super::room::Room;
use crate::vault::{Overlay, Place, Table};

/// Lies that are remembered, a room.
const LIES: usize = 32;

/// Pieces of evidence that are shown, a room.
const SHOWN: usize = 64;

/// Minutes since the log was read to its end within which nothing later can have expired: a little less than the
/// shortest life that entries have.
const FRESH: u64 = 23 * 60;

/// Minutes for which entries that were left out are waited for. Then they are as good as lost, and others' devices
/// renew this one.
const MISSING: u64 = 10;

/// A lie, as it is kept.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct LieRecord {
    /// What.
    pub lie: Lie,
    /// When it was noticed first, by one's own clock.
    pub noticed: Minutes,
    /// How often since.
    pub times: u64,
    /// The relay has shown the right log again.
    pub over: bool,
}

/// Something that contradicts what this device has verified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contradiction {
    /// One word for it: that of a [`Lie`], or `head`.
    pub kind: &'static str,
    /// The entry that it is about.
    pub at: Position,
    /// Whose signed head it is; none where it is the relay's own doing.
    pub by: Option<String>,
    /// When it was noticed: by one's own clock, a head by its author's.
    pub noticed: Option<Minutes>,
    /// It is so still.
    pub stands: bool,
    /// What this device has verified.
    pub here: String,
    /// What was shown or said instead.
    pub there: String,
    /// In words.
    pub words: String,
    /// What to do.
    pub next: &'static str,
    /// The evidence itself, in hexadecimal digits: a signed head, or the bytes of an entry.
    pub proof: Option<String>,
}

/// What a person does where somebody's head contradicts.
const NEXT_OF_HEAD: &str = "compare with them, by another way, what `caucus read` shows on both sides: the relay showed \
                            you two histories, or one of the devices is broken";

impl Room {
    /// Where what is kept of a relay's lies lies.
    pub(super) fn lies_place(&self) -> Place {
        let room: &[u8] = self.record.room.as_bytes();
        let scope = [room, b"relay"].concat();
        Place::new(Table::Evidence, scope, 0)
    }

    fn verified(&self, at: Position) -> Result<Verified, EngineError> {
        let around = if at > self.record.joined_at && at <= self.cursor.position {
            let before = self.log_at(Position(at.0.saturating_sub(1)))?;
            let after = self.log_at(at)?;
            let running = |record: LogRecord| record.facts.running;
            before.map(running).zip(after.map(running))
        } else {
            None
        };
        Ok(Verified {
            read: self.cursor.position,
            counter: self.cursor.counter,
            around,
            fresh: false,
        })
    }

    /// Whether the relay may show this entry now, after what it showed before.
    ///
    /// # Errors
    /// `EngineError::Contradicted`: nothing was taken in.
    pub(super) fn judge_entry(&mut self, entry: &Entry) -> Result<(), EngineError> {
        let verified = self.verified(entry.position)?;
        if let Some(lie) = judge(&verified, Shown::Entry(entry)) {
            if matches!(lie, Lie::Rewritten { .. }) {
                let evidence = Evidence::Entry {
                    counter: entry.counter,
                    flag: entry.flag,
                    bytes: entry.bytes.to_vec(),
                };
                self.transact(|room, overlay| room.keep_evidence(overlay, entry.position, &evidence))?;
            }
            return Err(EngineError::Contradicted(lie));
        }
        let shown = entry.position;
        self.end_lies(|lie| match lie {
            Lie::Rewritten { at, .. } | Lie::SetBack { read: at, .. } => *at == shown,
            _ => false,
        })
    }

    /// Whether entries before this one are left out that cannot have expired. What was waited for long enough is
    /// as good as lost.
    ///
    /// # Errors
    /// `EngineError::Contradicted`: nothing is to be taken in.
    pub(super) fn judge_gap(&self, entry: &Entry, now: Minutes) -> Result<(), EngineError> {
        if entry.position <= self.read_to().next() {
            return Ok(());
        }
        let synced = self.cursor.synced;
        let fresh = synced.is_some_and(|synced| now.0.saturating_sub(synced.0) < FRESH);
        let verified = Verified {
            read: self.read_to(),
            counter: entry.counter,
            around: None,
            fresh,
        };
        let Some(lie) = judge(&verified, Shown::Entry(entry)) else {
            return Ok(());
        };
        let waited = self.lies.iter().any(|known| {
            let same = matches!(known.lie, Lie::Missing { first, .. } if first == lie.at());
            same && !known.over && now.0.saturating_sub(known.noticed.0) >= MISSING
        });
        if waited {
            return Ok(());
        }
        Err(EngineError::Contradicted(lie))
    }

    /// The relay has nothing after this position now.
    ///
    /// # Errors
    /// `EngineError::Contradicted` if this device has read further.
    pub(super) fn judge_newest(&self, newest: Position) -> Result<(), EngineError> {
        self.judge_word(Shown::Newest(newest))
    }

    /// The relay says that it has this entry, and that it is new.
    ///
    /// # Errors
    /// `EngineError::Contradicted` if this device has read it already.
    pub(super) fn judge_new(&self, position: Position) -> Result<(), EngineError> {
        self.judge_word(Shown::Has(position))
    }

    fn judge_word(&self, shown: Shown<'_>) -> Result<(), EngineError> {
        let verified = Verified {
            read: self.read_to(),
            counter: self.cursor.counter,
            around: None,
            fresh: false,
        };
        match judge(&verified, shown) {
            Some(lie) => Err(EngineError::Contradicted(lie)),
            None => Ok(()),
        }
    }

    /// The log was read to its end: whatever the relay shows now ends some lies, and none may stand.
    ///
    /// # Errors
    /// `EngineError::Contradicted`: nothing is to be sent.
    pub(super) fn judge_end(&mut self, newest: Position) -> Result<(), EngineError> {
        self.judge_newest(newest)?;
        let read = self.read_to();
        // The key of now does not open the cut that it comes from: that it opens anything says enough.
        let cut = |at: Position| {
            self.log_at(at)
                .map(|last| last.is_some_and(|last| last.flag == Flag::Cut))
        };
        let mut cuts = Vec::new();
        for known in self.lies.iter().filter(|known| !known.over) {
            if let Lie::SetBack { read, .. } = known.lie
                && cut(read)?
            {
                cuts.push(read);
            }
        }
        self.end_lies(|lie| match lie {
            Lie::Missing { before: at, .. }
            | Lie::WrongCounter { at, .. }
            | Lie::Withheld { said: at, .. } => *at <= read,
            Lie::SetBack { read, .. } => cuts.contains(read),
            Lie::Exchanged { .. } | Lie::NotNew { .. } => true,
            Lie::Rewritten { .. } => false,
        })?;
        match self.standing_lie() {
            Some(lie) => Err(EngineError::Contradicted(lie)),
            None => Ok(()),
        }
    }

    /// A lie that stands.
    pub(super) fn standing_lie(&self) -> Option<Lie> {
        self.lies.iter().find(|known| !known.over).map(|known| known.lie)
    }

    /// Keeps a lie.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub(super) fn note_lie(&mut self, lie: Lie, now: Minutes) -> Result<(), EngineError> {
        let about = |known: &LieRecord| known.lie.word() == lie.word() && known.lie.at() == lie.at();
        self.transact(|room, overlay| {
            match room.lies.iter_mut().find(|known| about(known)) {
                Some(known) => {
                    known.lie = lie;
                    known.over = false;
                    known.times = known.times.saturating_add(1);
                }
                None => {
                    if room.lies.len() >= LIES {
                        let place = room.lies.iter().position(|known| known.over).unwrap_or_default();
                        room.lies.remove(place);
                    }
                    room.lies.push(LieRecord {
                        lie,
                        noticed: now,
                        times: 1,
                        over: false,
                    });
                }
            }
            room.keep_lies(overlay)
        })
    }

    /// What the relay says it stored is shown: as it was?
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub(super) fn compare_stored(
        &mut self,
        entry: &Entry,
        stored: EntryHash,
        now: Minutes,
    ) -> Result<(), EngineError> {
        let shown = EntryHash::of(&entry.bytes);
        if shown == stored {
            return Ok(());
        }
        // Only the relay's word is broken: what others see at this place may well be what it shows.
        let at = entry.position;
        self.note_lie(Lie::Exchanged { at, stored, shown }, now)
    }

    fn end_lies(&mut self, is_over: impl Fn(&Lie) -> bool) -> Result<(), EngineError> {
        let ends = |known: &LieRecord| !known.over && is_over(&known.lie);
        if !self.lies.iter().any(ends) {
            return Ok(());
        }
        self.transact(|room, overlay| {
            for known in room.lies.iter_mut().filter(|known| ends(known)) {
                known.over = true;
            }
            room.keep_lies(overlay)
        })
    }

    /// Whoever enters anew begins with what was handed over: what the relay owed before is over.
    pub(super) fn forgive(&mut self) -> Result<(), EngineError> {
        self.end_lies(|_| true)
    }

    fn keep_lies(&self, overlay: &Overlay) -> Result<(), EngineError> {
        Ok(overlay.put_value(self.lies_place(), &self.lies)?)
    }

    /// What was contradicted in this room, with its evidence; what stands first.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub fn contradictions(&self) -> Result<Vec<Contradiction>, EngineError> {
        let overlay = self.vault.overlay();
        let mut found = Vec::new();
        let mut entries = Vec::new();
        for (number, _) in overlay.range(Table::Evidence, self.record.room.as_bytes(), 0, SHOWN)? {
            let at = Position(number);
            match overlay.get_value::<Evidence>(&self.place(Table::Evidence, number))? {
                Some(Evidence::Head(head)) => {
                    let named = head.head.position.min(at);
                    let here = self.log_at(named)?.map(|record| hex(&record.facts.running.0));
                    let said = self.log_at(at)?.and_then(|record| record.time);
                    let name = self.name_of(&head.author);
                    found.push(Contradiction {
                        kind: "head",
                        at: named,
                        words: format!("{name} saw another history than this device, at entry {named}"),
                        stands: self.cursor.disputes.contains_key(&head.author),
                        by: Some(name),
                        noticed: said,
                        here: here.unwrap_or_default(),
                        there: hex(&head.head.running.0),
                        next: NEXT_OF_HEAD,
                        proof: codec::encode(&head, codec::LIMIT).ok().map(|bytes| hex(&bytes)),
                    });
                }
                Some(Evidence::Entry { bytes, .. }) => entries.push((at, bytes)),
                None => {}
            }
        }
        for known in &self.lies {
            let (here, there) = known.lie.sides();
            let proof = entries
                .iter()
                .find(|(at, _)| matches!(known.lie, Lie::Rewritten { .. }) && *at == known.lie.at())
                .map(|(_, bytes)| hex(bytes));
            found.push(Contradiction {
                kind: known.lie.word(),
                at: known.lie.at(),
                by: None,
                noticed: Some(known.noticed),
                stands: !known.over,
                here,
                there,
                words: known.lie.to_string(),
                next: known.lie.next(),
                proof,
            });
        }
        found.sort_by_key(|one| (!one.stands, one.at));
        Ok(found)
    }
}
