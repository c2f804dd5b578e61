//! Heads of bulletins: with their heartbeats the people of a body say what they were shown last of the bulletins that it
//! hears. So what a relay shows to some of them and keeps from others is noticed, and two versions of one entry are too.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use caucus_proto::id::{Minutes, PersonaId};
use caucus_proto::org::NoticeKind;
use caucus_proto::org::between::{FeedHead, MOST_FEED_HEADS};
use serde::{Deserialize, Serialize};

use super::record::{CURSOR, FeedCursor, FeedRecord};
use crate::engine::error::EngineError;
use crate::engine::random;
use crate::engine::room::Room;
use crate::vault::{Overlay, Place, Table};

/// People whose last head of one bulletin is kept, where it is not what this device was shown.
const KEPT: usize = 8;

/// What somebody else in the body was shown of a bulletin.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct SeenHead {
    by: PersonaId,
    number: u64,
    hash: [u8; 32],
    /// When they said so, by their clock or the room's, whichever is ahead.
    at: Minutes,
}

/// Where what others were shown of a bulletin is not what this device was.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HeadsApart {
    /// Who was shown more, and up to which entry at most; by those who are furthest.
    pub further: Option<(u64, Vec<PersonaId>)>,
    /// Who was shown another version of an entry.
    pub other: BTreeMap<u64, Vec<PersonaId>>,
}

/// How a head of somebody else compares with what this device was shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Compared {
    /// It is the same, or nothing can be said.
    Same,
    Further,
    Other,
}

impl SeenHead {
    /// Compares it with the last entry that this device was shown, and its own of an earlier number where it has that.
    fn compared(&self, (number, hash): (u64, [u8; 32]), kept: Option<[u8; 32]>) -> Compared {
        // Who was shown nothing began to read behind the last entry, as far as they know.
        if number == 0 {
            return Compared::Same;
        }
        let shown = match self.number.cmp(&number) {
            Ordering::Greater => return Compared::Further,
            Ordering::Equal => Some(hash),
            Ordering::Less => kept,
        };
        match shown {
            Some(shown) if shown != self.hash => Compared::Other,
            _ => Compared::Same,
        }
    }
}

impl Room {
    /// A heartbeat, with the heads of bulletins that have news, and of as many others as fit.
    pub(in crate::engine) fn heartbeat_kind(&mut self) -> Result<NoticeKind, EngineError> {
        let (mut news, mut known) = (Vec::new(), Vec::new());
        for (link, over) in &self.state().between.links {
            if over.live().is_none() {
                continue;
            }
            let Some(FeedCursor { follower, .. }) = self.feed_cursor(*link)? else {
                continue;
            };
            let (number, hash) = follower.last;
            let head = FeedHead {
                link: *link,
                number,
                hash,
            };
            match self.plan.heads_told.get(link) {
                _ if number == 0 => {}
                Some(told) if *told == number => known.push(head),
                _ => news.push(head),
            }
        }
        if !known.is_empty() {
            let first = random::below(known.len() as u64)?;
            let most = known.len();
            known.rotate_left(usize::try_from(first).unwrap_or_default().min(most));
        }
        news.append(&mut known);
        news.truncate(MOST_FEED_HEADS);
        if news.is_empty() {
            return Ok(NoticeKind::Heartbeat);
        }
        for head in &news {
            self.plan.heads_told.insert(head.link, head.number);
        }
        Ok(NoticeKind::Heard(news))
    }

    /// Takes note of what somebody else was shown, where it is not what this device was.
    pub(in crate::engine) fn hear_heads(
        &self,
        overlay: &Overlay,
        (by, time): (PersonaId, Minutes),
        heads: &[FeedHead],
    ) -> Result<(), EngineError> {
        if by == self.me() {
            return Ok(());
        }
        for head in heads {
            let over = self.state().between.links.get(&head.link);
            if over.is_none_or(|link| link.live().is_none()) {
                continue;
            }
            let place = self.heads_place(head.link);
            let before: Vec<SeenHead> = overlay.get_value(&place)?.unwrap_or_default();
            let mut kept: Vec<_> = before.iter().filter(|seen| seen.by != by).copied().collect();
            let mut seen = SeenHead {
                by,
                number: head.number,
                hash: head.hash,
                at: time.max(self.state().now()),
            };
            // What is not shown yet may still come.
            if self.compare_head(overlay, head.link, &seen)? != Compared::Same {
                // Who was apart before, and still is, has been since then, however far the bulletin went on.
                if let Some(old) = before.iter().find(|old| old.by == by)
                    && self.compare_head(overlay, head.link, old)? != Compared::Same
                {
                    seen.at = old.at;
                }
                kept.push(seen);
            }
            let excess = kept.len().saturating_sub(KEPT);
            kept.drain(..excess);
            if kept != before {
                overlay.put_value(place, &kept)?;
            }
        }
        Ok(())
    }

    /// Where others were shown something else of a linked body's bulletin than this device, and said so before a time.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub fn heads_apart(&self, link: u32, before: Minutes) -> Result<HeadsApart, EngineError> {
        let overlay = self.vault.overlay();
        let seen: Vec<SeenHead> = overlay.get_value(&self.heads_place(link))?.unwrap_or_default();
        let mut apart = HeadsApart::default();
        for head in seen {
            let present = self
                .state()
                .person(&head.by)
                .is_some_and(|person| person.is_present());
            if !present || head.at > before {
                continue;
            }
            match self.compare_head(&overlay, link, &head)? {
                Compared::Same => {}
                Compared::Other => apart.other.entry(head.number).or_default().push(head.by),
                Compared::Further => {
                    let (number, by) = apart.further.get_or_insert_default();
                    if head.number > *number {
                        (*number, *by) = (head.number, Vec::new());
                    }
                    if head.number == *number {
                        by.push(head.by);
                    }
                }
            }
        }
        Ok(apart)
    }

    fn compare_head(&self, overlay: &Overlay, link: u32, seen: &SeenHead) -> Result<Compared, EngineError> {
        let cursor = overlay.get_value::<FeedCursor>(&self.feed_place(link, CURSOR))?;
        let last = cursor.map_or((0, [0; 32]), |cursor| cursor.follower.last);
        let read = |record: FeedRecord| match record.handed_by {
            None => record.entry.hash().ok(),
            Some(_) => None,
        };
        let kept = match seen.number < last.0 {
            true => overlay
                .get_value(&self.feed_place(link, seen.number))?
                .and_then(read),
            false => None,
        };
        Ok(seen.compared(last, kept))
    }

    fn heads_place(&self, link: u32) -> Place {
        let mut scope = self.record().room.as_bytes().to_vec();
        scope.extend_from_slice(b"heads");
        Place::new(Table::Between, scope, u64::from(link))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_and_a_further_entry_are_told_and_what_nobody_can_tell_is_not() {
        let seen = |number, hash| SeenHead {
            by: PersonaId([1; 32]),
            number,
            hash: [hash; 32],
            at: Minutes(0),
        };
        let last = (7, [7; 32]);
        for (number, hash, kept, is) in [
            (7, 7, None, Compared::Same),
            (7, 8, None, Compared::Other),
            (8, 8, None, Compared::Further),
            (5, 5, Some([5; 32]), Compared::Same),
            (5, 6, Some([5; 32]), Compared::Other),
            // It is forgotten, or was handed over.
            (5, 6, None, Compared::Same),
        ] {
            assert_eq!(seen(number, hash).compared(last, kept), is, "{number} {hash}");
        }
        assert_eq!(
            seen(9, 9).compared((0, [0; 32]), None),
            Compared::Same,
            "who begins to read"
        );
    }
}
