//! What was said before somebody came: handed to them by whoever greets them, where the charter wants that, and kept by
//! them apart from the log. It enters no state, no head and no comparison, and never takes the place of what this device
//! took in itself.

use caucus_proto::codec;
use caucus_proto::id::{PersonaId, Position};
use caucus_proto::org::history::{LARGEST_HISTORY, MOST_HEARD, MOST_TOLD};
use caucus_proto::org::{BadHistory, Heard, History, Name, SignedHistory, Told, Words};
use serde::{Deserialize, Serialize};

use super::error::EngineError;
use super::files;
use super::log::decode_rows;
use super::record::{Item, LogRecord};
use super::room::Room;
use crate::vault::{Overlay, Place, Table};

/// Log records that are looked at for what is handed over.
const LOOKED_AT: usize = 20_000;

/// Log records that are read in one go.
const PAGE: usize = 256;

/// Bytes of announcements that are handed over at most; what was said has the rest.
const LARGEST_HEARD: usize = LARGEST_HISTORY / 4;

/// Bytes for what stands around it all.
const AROUND: usize = 1024;

/// What somebody handed over, as this device keeps it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HandedRecord {
    /// Who handed it over: it is their word.
    pub by: PersonaId,
    /// Who is said to have said it.
    pub author: PersonaId,
    /// Their name then.
    pub name: String,
    /// By their clock, in minutes since 1970-01-01T00:00Z.
    pub time: u64,
    /// What was said.
    pub item: Item,
}

/// What a person reads at a position.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Line {
    /// An entry that this device took in.
    Own(LogRecord),
    /// What somebody handed over.
    Handed(HandedRecord),
}

impl Line {
    /// What it was.
    #[must_use]
    pub const fn item(&self) -> &Item {
        match self {
            Self::Own(record) => &record.item,
            Self::Handed(record) => &record.item,
        }
    }

    /// The name of who said it, as far as that is known.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Own(record) => record.author.map(|_| record.name.as_str()),
            Self::Handed(record) => Some(&record.name),
        }
    }

    /// When it was said, by its author's clock, in minutes since 1970-01-01T00:00Z.
    #[must_use]
    pub fn time(&self) -> Option<u64> {
        match self {
            Self::Own(record) => record.time.map(|time| time.0),
            Self::Handed(record) => Some(record.time),
        }
    }
}

/// What of a log record is handed over: what people said, and nothing that was forgotten or is quiet.
fn words(item: &Item) -> Option<Words> {
    Some(match item {
        Item::Said(text) => Words::Said(text.clone()),
        Item::Attached { text, file } => Words::Attached {
            text: text.clone(),
            file: file.clone(),
        },
        Item::Discussed { proposal, text } => Words::Discussed {
            proposal: *proposal,
            text: text.clone(),
        },
        Item::Minutes {
            meeting,
            version,
            text,
        } => Words::Minutes {
            meeting: *meeting,
            version: *version,
            text: text.clone(),
        },
        Item::Event(_) | Item::Quiet(_) | Item::NoOp(_) | Item::Deleted | Item::Remarked { .. } => {
            return None;
        }
    })
}

fn item(words: Words) -> Item {
    match words {
        Words::Said(text) => Item::Said(text),
        Words::Attached { text, file } => Item::Attached { text, file },
        Words::Discussed { proposal, text } => Item::Discussed { proposal, text },
        Words::Minutes {
            meeting,
            version,
            text,
        } => Item::Minutes {
            meeting,
            version,
            text,
        },
    }
}

/// What of a row fits so many bytes, from its beginning.
fn fitting<T: Serialize>(row: impl Iterator<Item = T>, most: usize, mut bytes: usize) -> Vec<T> {
    let mut fit = Vec::new();
    for one in row.take(most) {
        let size = codec::encode(&one, LARGEST_HISTORY).map_or(usize::MAX, |bytes| bytes.len());
        let Some(left) = bytes.checked_sub(size) else {
            break;
        };
        bytes = left;
        fit.push(one);
    }
    fit
}

impl Room {
    /// What this device hands to those whom the commit at `came` seats, signed; none where there is nothing. What its
    /// authors, or this device's own retention, have forgotten is not in it, nor what was handed to this device.
    pub(super) fn history(&self, came: Position) -> Result<Option<Vec<u8>>, EngineError> {
        let heard = self.heard_before()?;
        let told = self.told_before(came, LARGEST_HISTORY - LARGEST_HEARD - AROUND)?;
        if told.is_empty() && heard.is_empty() {
            return Ok(None);
        }
        let history = History {
            room: self.record.room,
            channel: self.record.channel,
            before: came,
            by: self.record.persona,
            told,
            heard,
        };
        let Ok(digest) = SignedHistory::digest(&history) else {
            return Ok(None);
        };
        let signature = self.persona.sign(&digest);
        let signed = SignedHistory { history, signature };
        if signed.judge(&self.state, came).is_err() {
            return Ok(None);
        }
        Ok(Some(codec::encode(&signed, LARGEST_HISTORY)?))
    }

    fn told_before(&self, came: Position, bytes: usize) -> Result<Vec<Told>, EngineError> {
        let Some(since) = self.state.told_since() else {
            return Ok(Vec::new());
        };
        let (mut newest_first, mut before, mut looked_at) = (Vec::new(), came, 0);
        while newest_first.len() < MOST_TOLD && looked_at < LOOKED_AT {
            let page = self.log_before(before, PAGE)?;
            let Some((first, _)) = page.first() else { break };
            before = *first;
            looked_at += page.len();
            newest_first.extend(page.iter().rev().filter_map(|(position, record)| {
                Some(Told {
                    position: *position,
                    author: record.author?,
                    name: Name::new(&record.name).ok()?,
                    time: record.time.filter(|time| *time >= since)?,
                    words: words(&record.item)?,
                })
            }));
        }
        let mut told = fitting(newest_first.into_iter(), MOST_TOLD, bytes);
        told.reverse();
        Ok(told)
    }

    fn heard_before(&self) -> Result<Vec<Heard>, EngineError> {
        let mut heard = Vec::new();
        if !self.state.charter().history.announcements {
            return Ok(heard);
        }
        for link in self.state.between.links.keys() {
            let own = self.feed(*link)?.into_iter();
            heard.extend(
                own.filter(|record| record.handed_by.is_none())
                    .map(|record| Heard {
                        link: *link,
                        entry: record.entry,
                    }),
            );
        }
        heard.sort_by_key(|heard| core::cmp::Reverse(heard.entry.at));
        let mut heard = fitting(heard.into_iter(), MOST_HEARD, LARGEST_HEARD);
        heard.sort_by_key(|heard| (heard.link, heard.entry.number));
        Ok(heard)
    }

    /// Keeps what was handed to this device, which came in by the commit at `came`. What it may not take is told.
    pub(super) fn take_history(
        &mut self,
        bytes: &[u8],
        came: Position,
    ) -> Result<Result<(), BadHistory>, EngineError> {
        let signed = match SignedHistory::read(bytes) {
            Ok(signed) => signed,
            Err(bad) => return Ok(Err(bad)),
        };
        if let Err(bad) = signed.judge(&self.state, came) {
            return Ok(Err(bad));
        }
        let History { by, told, heard, .. } = signed.history;
        self.transact(|room, overlay| {
            for told in told {
                room.keep_told(overlay, &by, told)?;
            }
            room.keep_heard(overlay, &by, heard)
        })?;
        Ok(Ok(()))
    }

    /// Keeps what stands where nothing is known here.
    fn keep_told(&self, overlay: &Overlay, by: &PersonaId, told: Told) -> Result<(), EngineError> {
        let place = self.handed_place(told.position);
        let taken_in = overlay.get(&self.place(Table::Log, told.position.0))?.is_some();
        if taken_in || overlay.get(&place)?.is_some() {
            return Ok(());
        }
        let record = HandedRecord {
            by: *by,
            author: told.author,
            name: told.name.to_string(),
            time: told.time.0,
            item: item(told.words),
        };
        overlay.put_value(place, &record)?;
        Ok(())
    }

    fn handed_place(&self, position: Position) -> Place {
        Place::new(Table::Log, self.handed_scope(), position.0)
    }

    fn handed_scope(&self) -> Vec<u8> {
        [self.record.room.as_bytes(), b"handed".as_slice()].concat()
    }

    /// Forgets what was handed over of what stood up to a position. Answers whether there was anything.
    pub(super) fn forget_handed(&self, overlay: &Overlay, until: Position) -> Result<bool, EngineError> {
        let mut any = false;
        for (number, _) in overlay.range(Table::Log, &self.handed_scope(), 0, usize::MAX)? {
            if number > until.0 {
                break;
            }
            let place = self.handed_place(Position(number));
            if let Some(HandedRecord {
                item: Item::Attached { file, .. },
                ..
            }) = overlay.get_value(&place)?
            {
                files::forget(overlay, &file);
            }
            overlay.delete(place);
            any = true;
        }
        Ok(any)
    }

    /// What a person reads at a position, if this device has anything there.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub fn shown_at(&self, position: Position) -> Result<Option<Line>, EngineError> {
        if let Some(record) = self.log_at(position)? {
            return Ok(Some(Line::Own(record)));
        }
        let handed = self.vault.overlay().get_value(&self.handed_place(position))?;
        Ok(handed.map(Line::Handed))
    }

    /// What a person reads after a position, in order, at most so much.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub fn shown_after(&self, after: Position, limit: usize) -> Result<Vec<(Position, Line)>, EngineError> {
        let from = after.0.saturating_add(1);
        let handed = self.vault.range(Table::Log, &self.handed_scope(), from, limit)?;
        let mut shown = merged(self.log_after(after, limit)?, &handed);
        shown.truncate(limit);
        Ok(shown)
    }

    /// What a person reads from a position to before another, in order.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub fn shown_within(
        &self,
        first: Position,
        before: Position,
    ) -> Result<Vec<(Position, Line)>, EngineError> {
        let rows = |scope: &[u8]| self.vault.range_within(Table::Log, scope, first.0, before.0);
        let handed = rows(&self.handed_scope())?;
        Ok(merged(decode_rows(&rows(self.record.room.as_bytes())?), &handed))
    }

    /// The latest that a person reads before a position, in order, at most so much.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub fn shown_before(&self, before: Position, limit: usize) -> Result<Vec<(Position, Line)>, EngineError> {
        let scope = self.handed_scope();
        let handed = self.vault.range_back(Table::Log, &scope, before.0, limit)?;
        let mut shown = merged(self.log_before(before, limit)?, &handed);
        let excess = shown.len().saturating_sub(limit);
        shown.drain(..excess);
        Ok(shown)
    }
}

fn merged(
    own: Vec<(Position, LogRecord)>,
    handed: &[(u64, zeroize::Zeroizing<Vec<u8>>)],
) -> Vec<(Position, Line)> {
    let handed = handed.iter().filter_map(|(number, bytes)| {
        let record = codec::decode(bytes, codec::LOCAL_LIMIT).ok()?;
        Some((Position(*number), Line::Handed(record)))
    });
    let own = own
        .into_iter()
        .map(|(position, record)| (position, Line::Own(record)));
    let mut all: Vec<_> = own.chain(handed).collect();
    all.sort_by_key(|(position, _)| *position);
    all.dedup_by_key(|(position, _)| *position);
    all
}
