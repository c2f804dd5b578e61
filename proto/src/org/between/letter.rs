//! Letters: what one body writes to another that it is linked to. Numbered and taken in by number, so that nothing counts
//! twice, nothing is left out unseen, and what was said first counts first.

use core::fmt;

use serde::{Deserialize, Serialize};

use super::Raise;
use super::answer::Answer;
use super::card::{Card, LinkSecret, Reading, RootKey};
use super::item::Item;
use crate::codec;
use crate::error::{Misuse, PeerFault};
use crate::id::{BodyId, IntentId, Minutes};
use crate::label::{Label, hash};
use crate::org::relays::RelayName;
use crate::org::sign::Signature;

/// What is written.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Says {
    /// Nothing but how far the other's letters were read.
    Nothing,
    /// The link is accepted: who accepts it.
    Accepted(Box<Card>),
    /// What opens the bulletin from now on, and what the letter with the next keys may be sealed under.
    Reading(Box<Reading>, LinkSecret),
    /// What letters are sealed to from now on.
    Sealing(Vec<u8>),
    /// The body has another root key, certified by the one before.
    Root(RootKey, Signature),
    /// An item of this number, for this body, or still in force.
    Item(u32, Box<Item>),
    /// What is done with a directive of this number.
    Answer(u32, Box<Answer>),
    /// A motion, a report, a question, of this number.
    Raised {
        /// Its number.
        number: u32,
        /// What it is.
        kind: Raise,
        /// In words.
        text: String,
        /// By when an answer is owed.
        due: Minutes,
    },
    /// The answer to that.
    Reply {
        /// To which.
        number: u32,
        /// In words.
        text: String,
    },
    /// The link has ended.
    Ended {
        /// Why; may be empty.
        reason: String,
    },
    /// Somebody of the other body would be brought together with people of others.
    Introduce {
        /// The number of the introduction.
        number: u32,
        /// What it is for.
        about: String,
        /// Until when somebody may consent.
        until: Minutes,
        /// Whoever consents founds the room.
        host: bool,
        /// Of how many bodies people would meet.
        parties: u8,
    },
    /// Somebody of this body comes.
    Consent {
        /// To which introduction.
        number: u32,
        /// Under which key, sealed to the other's root key.
        #[serde(with = "serde_bytes")]
        sealed: Vec<u8>,
    },
    /// Nobody of this body comes.
    NoConsent {
        /// To which introduction.
        number: u32,
    },
    /// Whoever consented is introduced.
    Introduced {
        /// The number of the introduction.
        number: u32,
        /// To whom, sealed to the key that they come under.
        #[serde(with = "serde_bytes")]
        sealed: Vec<u8>,
    },
    /// Nobody is introduced: somebody of another body would not come.
    NotIntroduced {
        /// The number of the introduction.
        number: u32,
    },
    /// Where letters to the body that writes are dropped from now on.
    Place {
        /// At this relay, in a drop that follows from the card's; in that of the card itself where none is named.
        relay: Option<RelayName>,
        /// Where it may be found besides, in order.
        alternates: Vec<RelayName>,
    },
}

/// What is to be written. What follows from the state of now is not kept twice.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Out {
    /// The body's card.
    Card,
    /// What opens its bulletin, of this generation.
    Reading(u32),
    /// What letters to it are sealed to.
    Sealing,
    /// Its root key, as the one before certifies it.
    Root(RootKey, Signature),
    /// One of its items.
    Item(u32),
    /// Something else.
    Says(Box<Says>),
    /// Where it is written to, and where it may be found besides.
    Place,
}

/// A letter.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Letter {
    /// Over which link.
    pub link: IntentId,
    /// Who writes.
    pub from: BodyId,
    /// From 1; 0 for one that only says how far the other's were read.
    pub number: u64,
    /// The other's letters were read up to here.
    pub heard: u64,
    /// Number of the last entry of the writer's bulletin, if the other may read that: whoever is shown less sees it.
    pub published: u64,
    /// What is written.
    pub says: Says,
}

/// A letter, signed by the root key of the body that writes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SignedLetter {
    /// The letter.
    pub letter: Letter,
    /// By the root key.
    pub signature: Signature,
}

impl SignedLetter {
    /// What the root key signs.
    ///
    /// # Errors
    /// `Misuse::TooLarge`.
    pub fn digest(letter: &Letter) -> Result<[u8; 32], Misuse> {
        Ok(hash(Label::Letter, &[&codec::encode(letter, codec::LIMIT)?]))
    }

    /// Whether this root key signed it.
    ///
    /// # Errors
    /// `PeerFault`.
    pub fn is_signed_by(&self, root: &RootKey) -> Result<(), PeerFault> {
        let digest = || Self::digest(&self.letter).map_err(|_| PeerFault::Malformed);
        root.key.verify(&digest()?, &self.signature)
    }
}

// What bodies say to each other stays out of logs.
impl fmt::Debug for Says {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "Nothing",
            Self::Accepted(_) => "Accepted(..)",
            Self::Reading(..) => "Reading(..)",
            Self::Sealing(_) => "Sealing(..)",
            Self::Root(..) => "Root(..)",
            Self::Item(..) => "Item(..)",
            Self::Answer(..) => "Answer(..)",
            Self::Raised { .. } => "Raised(..)",
            Self::Reply { .. } => "Reply(..)",
            Self::Ended { .. } => "Ended(..)",
            Self::Introduce { .. } => "Introduce(..)",
            Self::Consent { .. } => "Consent(..)",
            Self::NoConsent { .. } => "NoConsent(..)",
            Self::Introduced { .. } => "Introduced(..)",
            Self::NotIntroduced { .. } => "NotIntroduced(..)",
            Self::Place { .. } => "Place(..)",
        })
    }
}
