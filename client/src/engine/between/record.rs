//! What this device keeps of a bulletin that it reads.

use caucus_proto::id::{ChannelId, Minutes, PersonaId, Position};
use caucus_proto::org::between::{Entry, Follower, Rogue, SignedEntry};
use caucus_proto::org::{Heard, PersonaPublic, Signature};
use serde::{Deserialize, Serialize};

use crate::engine::error::EngineError;
use crate::engine::room::Room;
use crate::vault::{Overlay, Place, Table};

/// What is remembered of what is no word of a body, a bulletin.
const ROGUES: usize = 32;

/// Entries that are kept of one bulletin: the first go first.
const KEPT: usize = 2_000;

/// Number of the cursor among the records of a bulletin.
pub(super) const CURSOR: u64 = 0;

/// How far a bulletin was read.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FeedCursor {
    /// What was read so far amounts to.
    pub follower: Follower,
    /// In which generation of its keys.
    pub generation: u32,
    /// Up to where.
    pub position: Position,
    /// The generation of keys in which the masthead of now stands, in the body's own.
    pub masthead_in: u32,
    /// Number of the last entry that stands there as the log has it, in the body's own.
    pub published: u64,
    /// When it was read to its end last, by this device's clock.
    pub read: Minutes,
    /// Entries that were not shown, in all.
    pub missing: u64,
    /// Number of the last entry that letters had named when this device began to read: up to there it need not be shown any.
    pub named: u64,
    /// What stood there and is no word of the body.
    pub rogues: Vec<(Minutes, Rogue)>,
}

/// An entry of a bulletin as this device took it in.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FeedRecord {
    /// The entry.
    pub entry: Entry,
    /// How its editor signed it, where this device has read it itself.
    pub signature: Option<EntrySignature>,
    /// When, by this device's clock.
    pub taken: Minutes,
    /// Who handed it over, where this device has not read it itself: it is their word.
    pub handed_by: Option<PersonaId>,
}

/// What makes an entry one that its editor signed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct EntrySignature {
    /// Number of the masthead under which it was published.
    pub masthead: u32,
    /// The editor's key.
    pub key: PersonaPublic,
    /// By that.
    pub signature: Signature,
}

/// What a person wants to see of a bulletin, and has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct FeedMark {
    /// The link's number; 0 for the body's own.
    pub link: u32,
    /// Items were read up to this number.
    pub read: u32,
    /// Nothing of it is shown.
    pub muted: bool,
    /// Titles only.
    pub digest: bool,
}

impl FeedRecord {
    /// Of an entry that this device has read itself.
    pub(super) fn read(signed: SignedEntry, taken: Minutes) -> Self {
        Self {
            entry: signed.entry,
            signature: Some(EntrySignature {
                masthead: signed.masthead,
                key: signed.key,
                signature: signed.signature,
            }),
            taken,
            handed_by: None,
        }
    }

    /// The entry as its editor signed it; none of what was handed over, which is no word of that body for others.
    #[must_use]
    pub fn signed(self) -> Option<SignedEntry> {
        let by = self.signature?;
        Some(SignedEntry {
            entry: self.entry,
            masthead: by.masthead,
            key: by.key,
            signature: by.signature,
        })
    }
}

impl FeedCursor {
    pub(super) fn note(&mut self, at: Minutes, rogue: Rogue) {
        if self.rogues.last().is_some_and(|(_, last)| *last == rogue) {
            return;
        }
        self.rogues.push((at, rogue));
        let excess = self.rogues.len().saturating_sub(ROGUES);
        self.rogues.drain(..excess);
    }
}

impl Room {
    pub(super) fn feed_place(&self, link: u32, number: u64) -> Place {
        let mut scope = self.record().room.as_bytes().to_vec();
        scope.extend_from_slice(b"feed");
        scope.extend_from_slice(&link.to_be_bytes());
        Place::new(Table::Between, scope, number)
    }

    /// How far a bulletin was read: that of a link, or the body's own at 0.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub fn feed_cursor(&self, link: u32) -> Result<Option<FeedCursor>, EngineError> {
        Ok(self.vault.overlay().get_value(&self.feed_place(link, CURSOR))?)
    }

    /// Entries of a bulletin that this device has, in order.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub fn feed(&self, link: u32) -> Result<Vec<FeedRecord>, EngineError> {
        let overlay = self.vault.overlay();
        let scope = self.feed_place(link, CURSOR).scope;
        let records = overlay.values(Table::Between, &scope, 1)?;
        Ok(records.into_iter().map(|(_, record)| record).collect())
    }

    fn channel_place(&self, link: u32) -> Place {
        let mut scope = self.record().room.as_bytes().to_vec();
        scope.extend_from_slice(b"channel");
        Place::new(Table::Between, scope, u64::from(link))
    }

    /// How far a bulletin was read, in the channel where it lies now. In another one than before it is read from the
    /// beginning: numbers, chain and masthead go on, and the rest is up to whoever asks.
    pub(super) fn feed_cursor_in(
        &mut self,
        link: u32,
        channel: ChannelId,
        elsewhere: impl FnOnce(&mut FeedCursor),
    ) -> Result<Option<FeedCursor>, EngineError> {
        let mut cursor = self.feed_cursor(link)?;
        let known: Option<ChannelId> = self.vault.overlay().get_value(&self.channel_place(link))?;
        if known == Some(channel) {
            return Ok(cursor);
        }
        if let Some(cursor) = cursor.as_mut().filter(|_| known.is_some()) {
            (cursor.position, cursor.masthead_in) = (Position(0), 0);
            elsewhere(cursor);
        }
        self.transact(|room, overlay| {
            overlay.put_value(room.channel_place(link), &channel)?;
            if let Some(cursor) = &cursor {
                overlay.put_value(room.feed_place(link, CURSOR), cursor)?;
            }
            Ok(())
        })?;
        Ok(cursor)
    }

    fn mark_place(&self, link: u32) -> Place {
        let mut scope = self.record().room.as_bytes().to_vec();
        scope.extend_from_slice(b"mark");
        Place::new(Table::Between, scope, u64::from(link))
    }

    /// What a person wants to see of a bulletin, and has.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub fn feed_mark(&self, link: u32) -> Result<FeedMark, EngineError> {
        let kept = self.vault.overlay().get_value(&self.mark_place(link))?;
        Ok(kept.unwrap_or(FeedMark {
            link,
            ..FeedMark::default()
        }))
    }

    /// Keeps it.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub fn keep_feed_mark(&mut self, mark: &FeedMark) -> Result<(), EngineError> {
        self.transact(|room, overlay| {
            overlay.put_value(room.mark_place(mark.link), mark)?;
            Ok(())
        })
    }

    /// Keeps how far a bulletin was read in this channel, while it is the one where that lies.
    pub(super) fn keep_feed(
        &mut self,
        (link, channel): (u32, ChannelId),
        cursor: &FeedCursor,
        entry: Option<&FeedRecord>,
    ) -> Result<(), EngineError> {
        self.transact(|room, overlay| {
            // Whoever read on where it was does not write over what is read where it is.
            if overlay.get_value(&room.channel_place(link))? != Some(channel) {
                return Err(EngineError::RoomState(
                    "the bulletin lies elsewhere now".to_owned(),
                ));
            }
            overlay.put_value(room.feed_place(link, CURSOR), cursor)?;
            if let Some(record) = entry {
                overlay.put_value(room.feed_place(link, record.entry.number), record)?;
                room.forget_feed(overlay, link)?;
            }
            Ok(())
        })
    }

    /// Keeps what somebody handed over of bulletins, where this device has nothing.
    pub(in crate::engine) fn keep_heard(
        &self,
        overlay: &Overlay,
        by: &PersonaId,
        heard: Vec<Heard>,
    ) -> Result<(), EngineError> {
        for Heard { link, entry } in heard {
            let place = self.feed_place(link, entry.number);
            if overlay.get(&place)?.is_some() {
                continue;
            }
            let record = FeedRecord {
                taken: entry.at,
                entry,
                signature: None,
                handed_by: Some(*by),
            };
            overlay.put_value(place, &record)?;
            self.forget_feed(overlay, link)?;
        }
        Ok(())
    }

    fn forget_feed(&self, overlay: &Overlay, link: u32) -> Result<(), EngineError> {
        let scope = self.feed_place(link, CURSOR).scope;
        let all = overlay.range(Table::Between, &scope, 1, usize::MAX)?;
        let excess = all.len().saturating_sub(KEPT);
        for (number, _) in all.into_iter().take(excess) {
            overlay.delete(self.feed_place(link, number));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use caucus_proto::codec;
    use caucus_proto::id::BodyId;
    use caucus_proto::org::PersonaPublic;
    use caucus_proto::org::between::{
        Announcement, Editor, Entry, Item, Masthead, RootKey, SignedEntry, SignedMasthead,
    };

    use super::*;
    use crate::engine::lie::hex;

    const BODY: BodyId = BodyId([1; 32]);

    fn masthead() -> SignedMasthead {
        SignedMasthead {
            masthead: Masthead {
                body: BODY,
                number: 2,
                editors: vec![Editor {
                    key: PersonaPublic([3; 32]),
                    announces: true,
                    directs: false,
                }],
            },
            root: 4,
            signature: [5; 64].into(),
        }
    }

    fn signed() -> SignedEntry {
        let said = Announcement {
            title: "Come".to_owned(),
            text: "At eight.".to_owned(),
            language: "en".to_owned(),
            expires: Some(Minutes(6)),
            files: Vec::new(),
            replaces: Some(7),
        };
        SignedEntry {
            entry: Entry {
                body: BODY,
                number: 8,
                previous: [9; 32],
                at: Minutes(10),
                item_number: 11,
                item: Item::Announcement(Box::new(said)),
            },
            masthead: 2,
            key: PersonaPublic([3; 32]),
            signature: [12; 64].into(),
        }
    }

    #[test]
    fn what_is_kept_of_bulletins_has_these_bytes_in_the_vault() {
        let cursor = FeedCursor {
            follower: Follower {
                body: BODY,
                root: RootKey {
                    number: 4,
                    key: PersonaPublic([13; 32]),
                },
                masthead: Some(masthead()),
                last: (8, [14; 32]),
                fresh: Minutes(15),
            },
            generation: 16,
            position: Position(17),
            masthead_in: 18,
            published: 19,
            read: Minutes(20),
            missing: 21,
            named: 30,
            rogues: vec![
                (Minutes(22), Rogue::NotDecided),
                (Minutes(23), Rogue::Withheld { number: 24 }),
                (Minutes(25), Rogue::NotOrigin),
            ],
        };
        let record = FeedRecord::read(signed(), Minutes(26));
        assert_eq!(record.clone().signed(), Some(signed()));
        let handed = FeedRecord {
            signature: None,
            handed_by: Some(PersonaId([29; 32])),
            ..record.clone()
        };
        assert_eq!(handed.clone().signed(), None);
        let mark = FeedMark {
            link: 27,
            read: 28,
            muted: true,
            digest: false,
        };
        let written = [
            ("cursor", codec::encode(&cursor, codec::LIMIT)),
            ("record", codec::encode(&record, codec::LIMIT)),
            ("handed", codec::encode(&handed, codec::LIMIT)),
            ("mark", codec::encode(&mark, codec::LIMIT)),
        ];
        let lines = written.map(|(name, bytes)| format!("{name} {}", hex(&bytes.unwrap())));
        insta::assert_snapshot!("between", lines.join("\n"));
    }
}
