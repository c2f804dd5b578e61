//! Between bodies: links, what a body publishes to those that it is linked to, directives and what is answered to them.
//!
//! A body speaks by its *root key*, which the holders of the power `link` have. To every body that it is linked to it
//! writes *letters*, numbered and in order, into a drop of theirs; to all of them at once it publishes *entries*, numbered
//! and chained, in its bulletin. What is written or published follows from the body's own log alone, so whoever holds the
//! keys can do it, again and with the same result, and what does not stand in the log is no word of the body.

mod answer;
mod bulletin;
mod card;
mod enact;
mod forward;
mod hear;
mod item;
mod judge;
mod keys;
mod letter;
mod liaison;
mod link;
mod place;
mod step;
mod write;

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

pub use answer::{Answer, Decision, LONGEST_ANSWER, Progress, Report, Value};
pub use bulletin::{
    Editor, Entry, FeedHead, Follower, Fresh, MOST_FEED_HEADS, Masthead, Posted, Rogue, SignedEntry,
    SignedMasthead, Taken,
};
pub use card::{Card, LinkSecret, Offer, Reading, RootKey, Sends, SignedOffer, Terms};
pub use forward::{Forwarded, Said};
pub use item::{Announcement, Field, FieldKind, Item, Order, Priority};
pub use letter::{Letter, Out, Says, SignedLetter};
pub use liaison::{
    Asked, Introduced, Introducing, Introduction, LONGEST_ABOUT, MOST_INTRODUCED, MOST_INTRODUCTION_DAYS,
    REMEMBERED_INTRODUCTIONS, SignedIntroduction, WAITING_INTRODUCTIONS,
};
pub use link::{End, Ended, Link, Peer};
pub use step::LinkStep;

use crate::id::{BodyId, IntentId, Minutes, PersonaId, Position};
use crate::org::records::{Records, leaf};
use crate::org::relays::RelayName;
use crate::org::sign::{PersonaPublic, Signature};

/// Links that a body may have, those that have ended included.
pub const MOST_LINKS: usize = 4096;

/// Items that a body remembers of what it published, and of what it was told. The first are forgotten first.
pub const REMEMBERED_ITEMS: usize = 512;

/// Letters that wait for one body.
pub const WAITING_LETTERS: usize = 64;

/// Letters of one body that are taken in on one day.
pub const LETTERS_A_DAY: u16 = 100;

/// Letters that one act may carry into the log, each of another body.
pub const LETTERS_AT_ONCE: usize = 64;

/// Questions, motions and reports over one link that wait for an answer.
pub const WAITING_RAISED: usize = 32;

/// What a body has to do with others, in the state of its governing room.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Between {
    /// At key 0; none while the body has no root key.
    pub house: Records<u8, House>,
    /// Holders of the power `link`, with where the root key is sealed to.
    pub custody: Records<PersonaId, Custodian>,
    /// Keys by which editors publish.
    pub editors: Records<PersonaId, PersonaPublic>,
    /// Links by number.
    pub links: Records<u32, Link>,
    /// What this body published or sent, by number.
    pub issued: Records<u32, Issued>,
    /// What the bodies that a directive is for have done with it: number of the directive, of the link.
    pub board: Records<(u32, u32), Progress>,
    /// What this body was told: number of the link, of the item.
    pub told: Records<(u32, u32), Told>,
    /// What was raised over a link: its number, whether by this body, a number.
    pub raised: Records<(u32, bool, u32), Raised>,
    /// Digests of the offers that the body decided to accept, by their link's id.
    pub agreed: Records<IntentId, [u8; 32]>,
    /// Introductions that this body makes, by number.
    pub introducing: Records<u32, Introducing>,
    /// Introductions that others would make of somebody of this body: number of the link, of the introduction.
    pub asked: Records<(u32, u32), Asked>,
}

/// What a body speaks by.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct House {
    /// Its root key.
    pub root: RootKey,
    /// By the root key before, if there was one.
    pub chain: Option<Signature>,
    /// The root key was on a device that is lost.
    pub lost: bool,
    /// Whom letters to it are sealed to, and the cut whose access secret that comes from.
    pub sealing: Option<(Position, Vec<u8>)>,
    /// Who may publish, as the root key says.
    pub masthead: Option<SignedMasthead>,
    /// Where it publishes.
    pub bulletin: Option<Bulletin>,
    /// The relay of its charter where it publishes and is written to, since it moved.
    pub site: Option<RelayName>,
    /// Number and hash of the last entry of its bulletin.
    pub last: (u64, [u8; 32]),
    /// Number of the next item.
    pub next_item: u32,
    /// Number of the next link.
    pub next_link: u32,
}

/// Where a body publishes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Bulletin {
    /// What readers get.
    pub reading: Reading,
    /// What editors append by.
    pub publishing: LinkSecret,
    /// When the keys turned last, in witnessed time.
    pub turned: Minutes,
    /// A linked body asked that they turn, at the next beat.
    pub asked: bool,
    /// They turn at once: somebody who knows them is out.
    pub urgent: bool,
    /// Somebody who is out was in this body: what its people know is known outside.
    pub outside: bool,
    /// The first generation that nobody of this body knew who is out.
    pub inside_from: u32,
    /// The latest generations: number, what readers and what editors have.
    pub kept: VecDeque<(u32, LinkSecret, LinkSecret)>,
}

/// Who holds the root key, or is to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Custodian {
    /// Where it is sealed to (X-Wing).
    #[serde(with = "serde_bytes")]
    pub sealing: Vec<u8>,
    /// Number of the root key that they have; 0 for none.
    pub has: u32,
}

/// What a body published or sent.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Issued {
    /// What.
    pub item: Item,
    /// By whom; never said to others.
    pub by: PersonaId,
    /// When, in witnessed time.
    pub at: Minutes,
    /// For the bodies of these links only; empty for all.
    pub to: Vec<u32>,
    /// Its entry in the bulletin: number, and hash of the entry before.
    pub entry: Option<(u64, [u8; 32])>,
    /// Number of the item that took its place or withdrew it.
    pub gone: Option<u32>,
}

/// What a body was told.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Told {
    /// What; nothing where only its withdrawal came.
    pub item: Option<Item>,
    /// When, in witnessed time.
    pub at: Minutes,
    /// Number of the item that took its place or withdrew it.
    pub gone: Option<u32>,
    /// What this body has done with it.
    pub progress: Progress,
}

/// What a raised text is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Raise {
    /// The other body is asked to decide something.
    Motion,
    /// It is told something.
    Report,
    /// It is asked something.
    Question,
}

/// What was raised over a link.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Raised {
    /// What it is.
    pub kind: Raise,
    /// In words.
    pub text: String,
    /// When.
    pub at: Minutes,
    /// By when an answer is owed.
    pub due: Minutes,
    /// The answer, and when.
    pub reply: Option<(Minutes, String)>,
}

impl Between {
    /// What the body speaks by.
    #[must_use]
    pub fn house(&self) -> Option<&House> {
        self.house.get(&0)
    }

    /// A link by its id.
    #[must_use]
    pub fn link(&self, id: &IntentId) -> Option<(u32, &Link)> {
        self.links
            .iter()
            .find(|(_, link)| link.id == *id)
            .map(|(number, link)| (*number, link))
    }

    /// The live link to a body.
    #[must_use]
    pub fn linked(&self, body: &BodyId) -> Option<(u32, &Link)> {
        let live = |link: &Link| link.live().is_some_and(|peer| peer.card.body == *body);
        self.links
            .iter()
            .find(|(_, link)| live(link))
            .map(|(number, link)| (*number, link))
    }

    pub(super) fn pass(&mut self) {
        self.house.pass();
        self.custody.pass();
        self.editors.pass();
        self.links.pass();
        self.issued.pass();
        self.board.pass();
        self.told.pass();
        self.raised.pass();
        self.agreed.pass();
        self.introducing.pass();
        self.asked.pass();
    }

    pub(super) fn settle(&mut self) {
        self.house.settle();
        self.custody.settle();
        self.editors.settle();
        self.links.settle();
        self.issued.settle();
        self.board.settle();
        self.told.settle();
        self.raised.settle();
        self.agreed.settle();
        self.introducing.settle();
        self.asked.settle();
    }

    pub(in crate::org) fn root(&self) -> [u8; 32] {
        if self.house.is_empty() && self.custody.is_empty() && self.editors.is_empty() {
            return [0; 32];
        }
        leaf([
            self.house.root(),
            self.custody.root(),
            self.editors.root(),
            self.links.root(),
            self.issued.root(),
            self.board.root(),
            self.told.root(),
            self.raised.root(),
            self.agreed.root(),
            self.introducing.root(),
            self.asked.root(),
        ])
    }
}
