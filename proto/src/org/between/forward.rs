//! Announcements that are forwarded: what a body heard of another, published once more for those who hear it, with the
//! signatures of its origin. A relayed word is none of the relayer's: whoever reads it checks the origin's signature.
//!
//! It holds the origin's entry and never another forwarded one, however many hops it makes: what cannot be written down
//! need not be bounded.

use core::fmt;

use serde::{Deserialize, Serialize};

use super::bulletin::{Entry, SignedEntry, SignedMasthead};
use super::card::{LONGEST_RELAY, RootKey};
use super::item::{Announcement, Item};
use super::link::Peer;
use crate::id::{BodyId, Minutes};
use crate::org::denied::Denied;
use crate::org::name::Name;
use crate::org::sign::{PersonaPublic, Signature};

/// What is forwarded of what a body says.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Said {
    /// It tells something.
    Announcement(Box<Announcement>),
    /// Something that it told holds no more.
    Withdrawal {
        /// The number of that.
        of: u32,
        /// Why; may be empty.
        reason: String,
    },
}

/// An entry of another body's bulletin, as whoever heard it publishes it once more.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forwarded {
    /// What its origin is called, as the first who forwarded it knows.
    pub name: Name,
    /// The origin's root key, as they know it. That it is the key of the body of this id is their word.
    pub root: RootKey,
    /// The relay of its files, where it has some.
    pub relay: String,
    /// Who may publish for the origin, by that key.
    pub masthead: SignedMasthead,
    /// Number of the entry in the origin's bulletin.
    pub number: u64,
    /// Hash of the entry before it there.
    pub previous: [u8; 32],
    /// When it was said.
    pub at: Minutes,
    /// Number of the item there.
    pub item_number: u32,
    /// What is said.
    pub said: Said,
    /// Number of the masthead that it was signed under.
    pub under: u32,
    /// The editor's key.
    pub key: PersonaPublic,
    /// By that key.
    pub signature: Signature,
}

impl Said {
    fn item(&self) -> Item {
        match self {
            Self::Announcement(said) => Item::Announcement(said.clone()),
            Self::Withdrawal { of, reason } => Item::Withdrawal {
                of: *of,
                directive: false,
                reason: reason.clone(),
            },
        }
    }
}

impl Forwarded {
    /// What a body forwards that reads this in the bulletin of another: that body's own word, or what it forwards itself.
    /// Nothing where it is neither: what is asked of some bodies is not for others.
    #[must_use]
    pub fn of(peer: &Peer, masthead: &SignedMasthead, signed: &SignedEntry) -> Option<Self> {
        let entry = &signed.entry;
        let said = match &entry.item {
            Item::Forwarded(forwarded) => return Some((**forwarded).clone()),
            Item::Announcement(said) => Said::Announcement(said.clone()),
            Item::Withdrawal {
                of,
                directive: false,
                reason,
            } => Said::Withdrawal {
                of: *of,
                reason: reason.clone(),
            },
            Item::Order(_) | Item::Withdrawal { .. } => return None,
        };
        let files = matches!(&said, Said::Announcement(said) if !said.files.is_empty());
        let relay = if files {
            peer.relay().to_owned()
        } else {
            String::new()
        };
        Some(Self {
            name: peer.card.name.clone(),
            root: peer.card.root,
            relay,
            masthead: masthead.clone(),
            number: entry.number,
            previous: entry.previous,
            at: entry.at,
            item_number: entry.item_number,
            said,
            under: signed.masthead,
            key: signed.key,
            signature: signed.signature,
        })
    }

    /// Whose word it is.
    #[must_use]
    pub const fn body(&self) -> BodyId {
        self.masthead.masthead.body
    }

    /// What is said.
    #[must_use]
    pub fn item(&self) -> Item {
        self.said.item()
    }

    /// The entry as its origin published it.
    #[must_use]
    pub fn entry(&self) -> Entry {
        Entry {
            body: self.body(),
            number: self.number,
            previous: self.previous,
            at: self.at,
            item_number: self.item_number,
            item: self.item(),
        }
    }

    /// Whether another one is the same word of the same body by the same key, whoever forwards it.
    #[must_use]
    pub fn says_the_same(&self, other: &Self) -> bool {
        self.root == other.root && self.entry() == other.entry()
    }

    /// Whether it is no longer to be told.
    #[must_use]
    pub fn is_over(&self, now: Minutes) -> bool {
        matches!(&self.said, Said::Announcement(said) if said.expires.is_some_and(|time| time <= now))
    }

    /// Whether the root key that it names certifies an editor who signed it.
    ///
    /// # Errors
    /// `Denied::NotSigned` where the origin did not say it so; another where it is none.
    pub fn judge(&self) -> Result<(), Denied> {
        if self.relay.len() > LONGEST_RELAY {
            return Err(Denied::Malformed);
        }
        self.item().judge()?;
        let certified = self.masthead.is_signed_by(&self.root, &self.body());
        certified.map_err(|_| Denied::NotSigned)?;
        let signed = SignedEntry {
            entry: self.entry(),
            masthead: self.under,
            key: self.key,
            signature: self.signature,
        };
        signed
            .is_by_an_editor_of(&self.masthead)
            .map_err(|_| Denied::NotSigned)
    }
}

// What bodies say to each other stays out of logs.
impl fmt::Debug for Forwarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Forwarded(..)")
    }
}

impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Announcement(_) => "Announcement(..)",
            Self::Withdrawal { .. } => "Withdrawal(..)",
        })
    }
}
