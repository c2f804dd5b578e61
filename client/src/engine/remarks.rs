//! What people do with each other's messages, as the log of this device shows it: a mark, other words and a deletion are
//! written into the record of the message itself, in the transaction that takes the entry in. What was there before is gone
//! with it.

use caucus_proto::codec;
use caucus_proto::id::{IntentId, PersonaId, Position};
use caucus_proto::org::{Act, Deed, Denied, Effect, Message, MessageRef, Outcome, Remark, Written};

use super::error::EngineError;
use super::files;
use super::record::{Item, LogRecord, Remarked, Remarks};
use super::room::Room;
use crate::vault::{Overlay, Place, Table};

impl LogRecord {
    /// What stands of it that somebody said.
    #[must_use]
    pub fn words(&self) -> Written {
        match &self.item {
            Item::Said(_) | Item::Attached { .. } => Written::Own,
            Item::Discussed { .. } | Item::Minutes { .. } => Written::Decision,
            Item::Deleted => Written::Deleted,
            Item::Event(_) | Item::Quiet(_) | Item::NoOp(_) | Item::Remarked { .. } => Written::None,
        }
    }

    /// What was said to the others: the words alone, without the name of a file.
    #[must_use]
    pub fn said(&self) -> Option<&str> {
        match &self.item {
            Item::Said(text) | Item::Attached { text, .. } | Item::Discussed { text, .. } => Some(text),
            _ => None,
        }
    }

    /// What a remark may be about.
    fn message(&self) -> Option<Message<'_>> {
        Some(Message {
            id: self.act?,
            author: self.author?,
            words: self.words(),
            marks: &self.remarks.marks,
        })
    }
}

impl Room {
    /// What names the message at a position, for a remark about it.
    ///
    /// # Errors
    /// `EngineError::NotFound` if no words stand there.
    pub fn message_at(&self, position: Position) -> Result<MessageRef, EngineError> {
        let record = self.log_at(position)?;
        let message = record
            .as_ref()
            .filter(|record| !matches!(record.words(), Written::None | Written::Deleted))
            .and_then(LogRecord::message);
        match message {
            Some(message) => Ok(MessageRef {
                position,
                id: message.id,
            }),
            None => Err(EngineError::NotFound {
                what: "message",
                name: position.to_string(),
            }),
        }
    }

    /// The record of the message that is named, if this device has it.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub fn named_message(&self, of: &MessageRef) -> Result<Option<LogRecord>, EngineError> {
        let record = self.log_at(of.position)?;
        Ok(record.filter(|record| record.act == Some(of.id)))
    }

    /// Judges an act of one's own as it will be where it lands: by the machine, and by the log.
    pub(super) fn judge_own(&self, act: &Act, deed: &Deed) -> Result<Result<(), Denied>, EngineError> {
        let me = self.record.persona;
        if let Err(denied) = self.state.judge(self.state.position.next(), &me, act) {
            return Ok(Err(denied));
        }
        match deed {
            Deed::Remark { remark } => self.fits(&self.vault.overlay(), &me, remark),
            _ => Ok(Ok(())),
        }
    }

    fn fits(
        &self,
        overlay: &Overlay,
        author: &PersonaId,
        remark: &Remark,
    ) -> Result<Result<(), Denied>, EngineError> {
        let record = match remark.names() {
            Some(named) => overlay.get_value::<LogRecord>(&self.place(Table::Log, named.position.0))?,
            None => None,
        };
        let message = record.as_ref().and_then(LogRecord::message);
        Ok(remark.fits(author, message.as_ref()))
    }

    /// What the machine says of an entry, and the log: a remark that fits no message here changes nothing.
    pub(super) fn by_the_log(
        &self,
        overlay: &Overlay,
        author: Option<PersonaId>,
        outcome: Outcome,
    ) -> Result<Outcome, EngineError> {
        let Outcome::Done(effects) = &outcome else {
            return Ok(outcome);
        };
        let remark = effects.iter().find_map(|effect| match effect {
            Effect::Remarked { remark } => Some(remark),
            _ => None,
        });
        match (remark, author) {
            (Some(remark), Some(author)) => match self.fits(overlay, &author, remark)? {
                Ok(()) => Ok(outcome),
                Err(denied) => Ok(Outcome::NoOp(denied)),
            },
            _ => Ok(outcome),
        }
    }

    /// Writes a remark into the record of the message that it is about.
    pub(super) fn follow_remark(
        &mut self,
        overlay: &Overlay,
        author: &PersonaId,
        remark: &Remark,
    ) -> Result<(), EngineError> {
        if let Remark::Vanish { hours } = remark {
            return self.begin_vanishing(overlay, *hours);
        }
        let Some(named) = remark.names() else {
            return Ok(());
        };
        let place = self.place(Table::Log, named.position.0);
        let Some(mut record) = overlay.get_value::<LogRecord>(&place)? else {
            return Ok(());
        };
        match remark {
            Remark::React { mark, on, .. } => record.remarks.marks.set(author, mark, *on),
            Remark::Edit { text, .. } => {
                match &mut record.item {
                    Item::Said(words) | Item::Attached { text: words, .. } => words.clone_from(text),
                    _ => return Ok(()),
                }
                record.remarks.edited = true;
                self.plan.destroyed = true;
            }
            Remark::Unsay { .. } => {
                if let Item::Attached { file, .. } = &record.item {
                    files::forget(overlay, file);
                }
                record.item = Item::Deleted;
                record.remarks = Remarks::default();
                self.plan.destroyed = true;
            }
            Remark::Reply { .. } | Remark::Pin { .. } | Remark::Vanish { .. } => return Ok(()),
        }
        overlay.put_value(place, &record)?;
        if *author == self.record.persona && !matches!(remark, Remark::React { .. }) {
            self.replace_sent(overlay, named.id, remark)?;
        }
        Ok(())
    }

    /// What was said and landed is kept in the outbox until others attest it: there too it is what it is now.
    fn replace_sent(&mut self, overlay: &Overlay, of: IntentId, remark: &Remark) -> Result<(), EngineError> {
        let mut gone = Vec::new();
        for (number, item) in &mut self.outbox {
            let Ok(mut deed) = codec::decode::<Deed>(&item.deed, codec::LIMIT) else {
                continue;
            };
            let edits = matches!(&deed, Deed::Remark { remark } if
                matches!(&**remark, Remark::Edit { of: named, .. } if named.id == of));
            match remark {
                Remark::Unsay { .. } if item.id == of || edits => gone.push(*number),
                Remark::Edit { text, .. } if item.id == of => {
                    match &mut deed {
                        Deed::Say { text: words } | Deed::Attach { text: words, .. } => {
                            words.clone_from(text)
                        }
                        Deed::Remark { remark } => match &mut **remark {
                            Remark::Reply { text: words, .. } => words.clone_from(text),
                            _ => continue,
                        },
                        _ => continue,
                    }
                    item.deed = codec::encode(&deed, codec::LIMIT)?;
                    let place = Place::new(Table::Outbox, self.record.room.as_bytes(), *number);
                    overlay.put_value(place, item)?;
                }
                _ => {}
            }
        }
        for number in gone {
            self.outbox.remove(&number);
            overlay.delete(self.place(Table::Outbox, number));
        }
        Ok(())
    }
}

/// What the log of this device says of a remark; none where it is an event of the room, or words.
pub(super) fn remarked(remark: &Remark) -> Option<Item> {
    let (named, what) = match remark {
        Remark::React { to, mark, on: true } => (to, Remarked::Marked(mark.clone())),
        Remark::React { to, mark, on: false } => (to, Remarked::Unmarked(mark.clone())),
        Remark::Edit { of, .. } => (of, Remarked::Edited),
        Remark::Unsay { of } => (of, Remarked::Deleted),
        Remark::Reply { .. } | Remark::Pin { .. } | Remark::Vanish { .. } => return None,
    };
    Some(Item::Remarked {
        of: named.position,
        what,
    })
}
