//! A link, as one of its two bodies has it.

use std::collections::VecDeque;
use std::mem;

use serde::{Deserialize, Serialize};

use super::WAITING_LETTERS;
use super::card::{Card, LinkSecret, Offer, Sends};
use super::letter::{Out, Says};
use crate::id::{ChannelId, IntentId, Minutes};
use crate::org::relays::RelayName;

/// Generations of reading keys that are remembered, for those who were away while they turned.
pub(super) const GENERATIONS: usize = 8;

/// Minutes after an offer in which whoever accepts it too late is told so.
const LATE: u64 = 30 * 24 * 60;

/// Why such a link ended, where nobody said otherwise.
const TOO_LATE: &str = "the offer was over when it was accepted: make another one";

/// Root keys that wait for one body besides other letters.
const WAITING_ROOTS: usize = 64;

/// The end of a link that is one's own: where letters come in.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct End {
    /// The relay of the drop.
    pub relay: String,
    /// The drop.
    pub drop: ChannelId,
    /// What the other appends by.
    pub append: LinkSecret,
    /// What it is read by.
    pub read: LinkSecret,
}

/// The other body.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Peer {
    /// Who it is, as of now.
    pub card: Card,
    /// The relay where it is written to since it moved, in a drop that follows from the card's.
    pub site: Option<RelayName>,
    /// Where it may go besides, in order, as it says itself.
    pub alternates: Vec<RelayName>,
    /// The secrets of its bulletin, the latest last.
    pub keys: VecDeque<(u32, LinkSecret)>,
    /// What the letter with the next keys of its bulletin may be sealed under, and the generation that it came with.
    pub pair: Option<(u32, LinkSecret)>,
    /// Number of the latest masthead of it that is known.
    pub masthead: u32,
    /// When it was heard last, in witnessed time.
    pub heard: Minutes,
    /// Numbers of the last entry of its bulletin: as its first letter named it, and as its latest does.
    pub published: (u64, u64),
}

impl Peer {
    /// The relay where it is written to now.
    #[must_use]
    pub fn relay(&self) -> &str {
        self.site.as_ref().map_or(&self.card.relay, RelayName::as_str)
    }

    /// Its letters name this entry of its bulletin as the last.
    pub(super) fn publishes_up_to(&mut self, number: u64) {
        self.published.1 = self.published.1.max(number);
    }

    /// Number of the last entry of its bulletin, where whoever read it up to this one was shown less than there is. What
    /// stood there before the link is none that it must show.
    #[must_use]
    pub fn withheld(&self, shown: u64) -> Option<u64> {
        let (first, last) = self.published;
        (last > first && last > shown).then_some(last)
    }
}

/// How a link ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Ended {
    /// By this body.
    pub by_us: bool,
    /// Why; may be empty.
    pub reason: String,
    /// When.
    pub at: Minutes,
}

/// A link.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Link {
    /// The same at both ends.
    pub id: IntentId,
    /// Where letters to this body come in.
    pub ours: End,
    /// The relay where they come in since this body moved, in a drop that follows from that.
    pub site: Option<RelayName>,
    /// What this body may send.
    pub we: Sends,
    /// What the other may send.
    pub they: Sends,
    /// Until when it can be accepted.
    pub expires: Minutes,
    /// The other, once it is known.
    pub peer: Option<Peer>,
    /// Since when it stands, in witnessed time; before that since when it is offered.
    pub since: Minutes,
    /// How it ended.
    pub ended: Option<Ended>,
    /// Number of the last letter to it.
    pub sent: u64,
    /// Number of the last one that it has read.
    pub acked: u64,
    /// Number of the last letter of it.
    pub heard: u64,
    /// Letters to it that it has not read, the first of them numbered after `acked`.
    pub out: VecDeque<Out>,
    /// What is written once there is room for it.
    pub again: Vec<Out>,
    /// The generation of the bulletin's keys that it is known to have, and nobody else who should not; 0 for none.
    pub reads: u32,
    /// A day, and how many letters of it were taken in on it.
    pub day: (u64, u16),
    /// Number of the next thing that is raised over it.
    pub next_raised: u32,
    /// Number of the last item of it that is forgotten: none up to there is taken in again.
    pub forgotten: u32,
}

impl Link {
    /// A link as it begins, on one's own side: what this body may send, then what the other may.
    pub(super) fn new(offer: &Offer, ours: End, (we, they): (Sends, Sends), since: Minutes) -> Self {
        Self {
            id: offer.link,
            ours,
            site: None,
            we,
            they,
            expires: offer.expires,
            peer: None,
            since,
            ended: None,
            sent: 0,
            acked: 0,
            heard: 0,
            out: VecDeque::new(),
            again: Vec::new(),
            reads: 0,
            day: (0, 0),
            next_raised: 1,
            forgotten: 0,
        }
    }

    /// The other body, while the link stands.
    #[must_use]
    pub const fn live(&self) -> Option<&Peer> {
        match (&self.peer, &self.ended) {
            (Some(peer), None) => Some(peer),
            _ => None,
        }
    }

    /// Whether it can still be accepted.
    #[must_use]
    pub fn is_offered(&self, now: Minutes) -> bool {
        self.peer.is_none() && self.ended.is_none() && self.expires >= now
    }

    /// Whether somebody may still come who accepts it, if only to hear that they are too late.
    #[must_use]
    pub const fn is_awaited(&self, now: Minutes) -> bool {
        self.peer.is_none() && self.expires.0.saturating_add(LATE) >= now.0
    }

    /// Puts a letter behind those that wait. What ties the bodies together has room where people's words have none left.
    pub(super) fn write(&mut self, out: Out) {
        let room = self.out.len() < WAITING_LETTERS + WAITING_ROOTS;
        match out {
            Out::Item(_) if self.out.contains(&out) => {}
            Out::Reading(_) | Out::Sealing | Out::Root(..) | Out::Place if room => self.put(out),
            // The newest is written once there is room; without a root key nothing that comes later is believed.
            Out::Reading(_) | Out::Sealing | Out::Place => {
                self.again
                    .retain(|other| std::mem::discriminant(other) != std::mem::discriminant(&out));
                self.again.push(out);
            }
            _ if self.is_full() => {}
            _ => self.put(out),
        }
    }

    /// Puts the last letter of all behind those that wait.
    pub(super) fn close(&mut self, out: Out) {
        self.again.clear();
        self.put(out);
    }

    /// Whoever accepted the offer when it was over is told so; the link has ended before it began.
    pub(super) fn turn_away(&mut self, at: Minutes) {
        let given = self.ended.take().map(|ended| ended.reason);
        let reason = given
            .filter(|reason| !reason.is_empty())
            .unwrap_or_else(|| TOO_LATE.to_owned());
        self.close(Out::Says(Box::new(Says::Ended {
            reason: reason.clone(),
        })));
        self.ended = Some(Ended {
            by_us: true,
            reason,
            at,
        });
    }

    fn put(&mut self, out: Out) {
        self.sent = self.sent.saturating_add(1);
        self.out.push_back(out);
    }

    /// The other has read up to here.
    pub(super) fn read_up_to(&mut self, heard: u64) {
        while self.acked < heard.min(self.sent) {
            self.acked += 1;
            if let Some(Out::Reading(generation)) = self.out.pop_front() {
                self.reads = generation;
            }
        }
        for out in mem::take(&mut self.again) {
            self.write(out);
        }
    }

    /// Whether one more letter waits than may.
    pub(super) fn is_full(&self) -> bool {
        self.out.len() >= WAITING_LETTERS
    }
}
