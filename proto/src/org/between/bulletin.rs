//! What a body publishes: entries, numbered and chained, signed by editors whose keys the root key certifies. Readers
//! check the body, and never learn who of its people spoke.

use serde::{Deserialize, Serialize};

use super::card::RootKey;
use super::item::Item;
use crate::codec;
use crate::error::{Misuse, PeerFault};
use crate::id::{BodyId, Minutes};
use crate::label::{Label, hash};
use crate::org::denied::Denied;
use crate::org::sign::{PersonaPublic, Signature};

/// Editors that a masthead may name.
pub(super) const MOST_EDITORS: usize = 16;

/// Entries that a reader may have been kept from. What claims to come after more is no word of the body.
const MOST_MISSING: u64 = 100_000;

/// A key that may publish.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Editor {
    /// The key.
    pub key: PersonaPublic,
    /// It may announce.
    pub announces: bool,
    /// It may issue directives.
    pub directs: bool,
}

/// Who may publish from now on. Each takes the place of the one before.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Masthead {
    /// Whose.
    pub body: BodyId,
    /// From 1.
    pub number: u32,
    /// Who may.
    pub editors: Vec<Editor>,
}

/// A masthead, signed by the root key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SignedMasthead {
    /// The masthead.
    pub masthead: Masthead,
    /// Number of the root key.
    pub root: u32,
    /// By the root key.
    pub signature: Signature,
}

/// What is published, as everybody in the body can make it from the log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// Who speaks.
    pub body: BodyId,
    /// From 1.
    pub number: u64,
    /// Hash of the entry before; zeros before the first.
    pub previous: [u8; 32],
    /// When it was said.
    pub at: Minutes,
    /// Number of the item.
    pub item_number: u32,
    /// What is said.
    pub item: Item,
}

/// An entry, signed by an editor of a masthead.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SignedEntry {
    /// The entry.
    pub entry: Entry,
    /// Number of the masthead.
    pub masthead: u32,
    /// The editor's key.
    pub key: PersonaPublic,
    /// By that key.
    pub signature: Signature,
}

/// That there was nothing newer than an entry at a time, signed by an editor.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Fresh {
    /// Who speaks.
    pub body: BodyId,
    /// Number of the last entry.
    pub number: u64,
    /// Its hash.
    pub hash: [u8; 32],
    /// At this time.
    pub at: Minutes,
    /// Number of the masthead.
    pub masthead: u32,
    /// The editor's key.
    pub key: PersonaPublic,
    /// By that key.
    pub signature: Signature,
}

/// What stands in the channel of a bulletin.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Posted {
    /// Who may publish.
    Masthead(SignedMasthead),
    /// An entry.
    Entry(SignedEntry),
    /// Nothing newer.
    Fresh(Fresh),
    /// The keys turn after this.
    Turned,
    /// The body has another root key, certified by the one before.
    Root(RootKey, Signature),
}

/// What a reader knows of a bulletin.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Follower {
    /// Whose.
    pub body: BodyId,
    /// Its root key.
    pub root: RootKey,
    /// Who may publish.
    pub masthead: Option<SignedMasthead>,
    /// Number and hash of the last entry; zeros before the first.
    pub last: (u64, [u8; 32]),
    /// Last time at which there was nothing newer.
    pub fresh: Minutes,
}

/// The entry of a linked body's bulletin that somebody was shown last: heartbeats carry it, so that the people of a body
/// notice what one of them is not shown, and two versions of one entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FeedHead {
    /// The link's number.
    pub link: u32,
    /// The entry's number.
    pub number: u64,
    /// Its hash.
    pub hash: [u8; 32],
}

/// Heads of bulletins that one heartbeat may carry: with them it still fills the smallest bucket, as without.
pub const MOST_FEED_HEADS: usize = 13;

/// What was new in what was posted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Taken {
    /// An entry.
    Entry {
        /// The entry.
        entry: Box<Entry>,
        /// So many before it were not shown.
        missing: u64,
        /// It follows another entry than the one that was shown before it: there are two versions of that.
        forked: bool,
    },
    /// Who may publish, or that nothing is newer.
    Known,
    /// Nothing: it was known.
    Nothing,
}

/// What is no word of the body, and why.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Rogue {
    /// It is none, or of another body.
    Malformed,
    /// Not signed by whom it names.
    Signature,
    /// Signed by a key that the root key does not certify, or does no more.
    NoEditor,
    /// Another entry of this number is known.
    TwoVersions,
    /// It was published and does not stand in the body's log.
    NotDecided,
    /// Entries up to this number were published and are not shown.
    Withheld {
        /// The last.
        number: u64,
    },
    /// It is forwarded in the name of another body, which did not sign it so.
    NotOrigin,
}

impl SignedMasthead {
    /// What the root key signs.
    ///
    /// # Errors
    /// `Misuse::TooLarge`.
    pub fn digest(masthead: &Masthead) -> Result<[u8; 32], Misuse> {
        Ok(hash(Label::Masthead, &[&codec::encode(masthead, codec::LIMIT)?]))
    }

    /// Whether a root key signed it for a body.
    ///
    /// # Errors
    /// `PeerFault`.
    pub fn is_signed_by(&self, root: &RootKey, body: &BodyId) -> Result<(), PeerFault> {
        if self.masthead.body != *body
            || self.root != root.number
            || self.masthead.editors.len() > MOST_EDITORS
        {
            return Err(PeerFault::Malformed);
        }
        let digest = || Self::digest(&self.masthead).map_err(|_| PeerFault::Malformed);
        root.key.verify(&digest()?, &self.signature)
    }

    /// Whether a key may publish an item, by this masthead.
    #[must_use]
    pub fn allows(&self, key: &PersonaPublic, item: &Item) -> bool {
        let editor = self.masthead.editors.iter().find(|editor| editor.key == *key);
        editor.is_some_and(|editor| {
            if item.directs() {
                editor.directs
            } else {
                editor.announces
            }
        })
    }
}

impl Entry {
    /// Its hash, which the next one names and an editor signs.
    ///
    /// # Errors
    /// `Misuse::TooLarge`.
    pub fn hash(&self) -> Result<[u8; 32], Misuse> {
        Ok(hash(Label::FeedEntry, &[&codec::encode(self, codec::LIMIT)?]))
    }

    /// What an editor of a masthead signs.
    ///
    /// # Errors
    /// `Misuse::TooLarge`.
    pub fn digest(&self, masthead: u32) -> Result<[u8; 32], Misuse> {
        Ok(hash(Label::FeedEntry, &[&self.hash()?, &masthead.to_be_bytes()]))
    }
}

impl SignedEntry {
    /// Whether an editor of this masthead, or of one before it, signed it and may still publish it.
    ///
    /// # Errors
    /// `Rogue`.
    pub fn is_by_an_editor_of(&self, signed: &SignedMasthead) -> Result<(), Rogue> {
        let judged = self.entry.item.judge();
        let forged = judged == Err(Denied::NotSigned);
        if self.entry.body != signed.masthead.body || judged.is_err() && !forged {
            return Err(Rogue::Malformed);
        }
        if self.masthead > signed.masthead.number || !signed.allows(&self.key, &self.entry.item) {
            return Err(Rogue::NoEditor);
        }
        let digest = || self.entry.digest(self.masthead).map_err(|_| Rogue::Malformed);
        self.key
            .verify(&digest()?, &self.signature)
            .map_err(|_| Rogue::Signature)?;
        if forged { Err(Rogue::NotOrigin) } else { Ok(()) }
    }
}

impl Fresh {
    /// What an editor signs.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        hash(
            Label::Fresh,
            &[
                self.body.as_bytes(),
                &self.number.to_be_bytes(),
                &self.hash,
                &self.at.0.to_be_bytes(),
                &self.masthead.to_be_bytes(),
            ],
        )
    }
}

impl Follower {
    /// Who has read nothing yet.
    #[must_use]
    pub const fn new(body: BodyId, root: RootKey) -> Self {
        Self {
            body,
            root,
            masthead: None,
            last: (0, [0; 32]),
            fresh: Minutes(0),
        }
    }

    /// Takes in what was posted.
    ///
    /// # Errors
    /// `Rogue`: it changes nothing then.
    pub fn take(&mut self, posted: &Posted) -> Result<Taken, Rogue> {
        match posted {
            Posted::Masthead(signed) => self.take_masthead(signed),
            Posted::Entry(signed) => self.take_entry(signed),
            Posted::Fresh(fresh) => self.take_fresh(fresh),
            Posted::Turned => Ok(Taken::Nothing),
            Posted::Root(key, signature) => self.take_root(key, signature),
        }
    }

    fn take_root(&mut self, key: &RootKey, signature: &Signature) -> Result<Taken, Rogue> {
        if key.number <= self.root.number {
            return Ok(Taken::Nothing);
        }
        let next = self.root.number.checked_add(1) == Some(key.number);
        if !next || self.root.key.verify(&key.digest(&self.body), signature).is_err() {
            return Err(Rogue::Signature);
        }
        self.root = *key;
        Ok(Taken::Known)
    }

    fn take_masthead(&mut self, signed: &SignedMasthead) -> Result<Taken, Rogue> {
        // Of a root key from before nothing can be said.
        if signed.root < self.root.number {
            return Ok(Taken::Nothing);
        }
        signed
            .is_signed_by(&self.root, &self.body)
            .map_err(|_| Rogue::Signature)?;
        let known = self.masthead.as_ref().map_or(0, |known| known.masthead.number);
        if signed.masthead.number <= known {
            return Ok(Taken::Nothing);
        }
        self.masthead = Some(signed.clone());
        Ok(Taken::Known)
    }

    fn take_entry(&mut self, signed: &SignedEntry) -> Result<Taken, Rogue> {
        let hash = signed.entry.hash().map_err(|_| Rogue::Malformed)?;
        let (number, (known, last)) = (signed.entry.number, self.last);
        // Whoever publishes may do so twice, and by another masthead.
        if number == known && hash == last {
            return Ok(Taken::Nothing);
        }
        // Of what stood there before the first masthead nothing can be said.
        let Some(masthead) = &self.masthead else {
            return Ok(Taken::Nothing);
        };
        signed.is_by_an_editor_of(masthead)?;
        if known > 0 && number.saturating_sub(known) > MOST_MISSING {
            return Err(Rogue::Malformed);
        }
        if number <= known {
            // Of those before the last only its own hash is known: an older one is a repeat, or the last one's lie.
            return if number == known {
                Err(Rogue::TwoVersions)
            } else {
                Ok(Taken::Nothing)
            };
        }
        // Who begins to read begins where the bulletin is.
        let missing = if known == 0 { 0 } else { number - known - 1 };
        let forked = known > 0 && missing == 0 && signed.entry.previous != last;
        self.last = (number, hash);
        Ok(Taken::Entry {
            entry: Box::new(signed.entry.clone()),
            missing,
            forked,
        })
    }

    fn take_fresh(&mut self, fresh: &Fresh) -> Result<Taken, Rogue> {
        let Some(masthead) = &self.masthead else {
            return Ok(Taken::Nothing);
        };
        let names = masthead
            .masthead
            .editors
            .iter()
            .any(|editor| editor.key == fresh.key);
        if fresh.body != self.body || !names || fresh.masthead != masthead.masthead.number {
            return Err(Rogue::NoEditor);
        }
        fresh
            .key
            .verify(&fresh.digest(), &fresh.signature)
            .map_err(|_| Rogue::Signature)?;
        let (known, last) = self.last;
        // Who began to read after the last entry was shown none.
        if known == 0 {
            return Ok(Taken::Nothing);
        }
        if fresh.number > known {
            return Err(Rogue::Withheld { number: fresh.number });
        }
        if fresh.number == known && fresh.hash != last {
            return Err(Rogue::TwoVersions);
        }
        if fresh.at > self.fresh {
            self.fresh = fresh.at;
            return Ok(Taken::Known);
        }
        Ok(Taken::Nothing)
    }
}

impl Rogue {
    /// In words.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Self::Malformed => "something that is no word of it".to_owned(),
            Self::Signature => "something that is not signed by whom it names".to_owned(),
            Self::NoEditor => "something by a key that may not publish for it, or may no more".to_owned(),
            Self::NotOrigin => {
                "something that it forwards in another body's name and that body did not sign".to_owned()
            }
            Self::TwoVersions => "two versions of one announcement".to_owned(),
            Self::NotDecided => "something that was published and does not stand in its log".to_owned(),
            Self::Withheld { number } => {
                format!("less than there is: entry {number} was published and is not shown")
            }
        }
    }
}
