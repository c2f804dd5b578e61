//! What people do between bodies: steps that stand in the log of the governing room.

use core::fmt;

use serde::{Deserialize, Serialize};

use super::Raise;
use super::answer::Answer;
use super::bulletin::{SignedEntry, SignedMasthead};
use super::card::{LinkSecret, Reading, RootKey, SignedOffer};
use super::item::Item;
use super::letter::SignedLetter;
use super::link::End;
use crate::id::{IntentId, PersonaId, Position};
use crate::org::sign::{PersonaPublic, Signature};

/// A step. Variants are only ever added at the end.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LinkStep {
    /// Names the root key of the body, the first or the next.
    Root {
        /// The key.
        root: RootKey,
        /// By itself.
        proof: Signature,
        /// By the one before.
        chain: Option<Signature>,
    },
    /// Says where the root key may be sealed to its author.
    Custody {
        /// X-Wing public key.
        #[serde(with = "serde_bytes")]
        sealing: Vec<u8>,
    },
    /// Gives the root key to another holder of the power.
    Entrust {
        /// To whom.
        to: PersonaId,
        /// The number of the key.
        root: u32,
        /// Sealed.
        #[serde(with = "serde_bytes")]
        sealed: Vec<u8>,
    },
    /// Names the key that letters are sealed to, of the access secret of now.
    Sealing {
        /// The cut that the access secret is of.
        access: Position,
        /// X-Wing public key.
        #[serde(with = "serde_bytes")]
        public: Vec<u8>,
    },
    /// Names the key that its author publishes by.
    Editor {
        /// The key.
        key: PersonaPublic,
    },
    /// Says who may publish.
    Masthead {
        /// As the root key signs it.
        signed: Box<SignedMasthead>,
    },
    /// Opens the bulletin, or turns its keys.
    Turn {
        /// What readers get.
        reading: Box<Reading>,
        /// What editors append by.
        publishing: LinkSecret,
    },
    /// Offers a link; its id is the act's.
    Offer {
        /// As the other gets it.
        signed: Box<SignedOffer>,
        /// What the drop is read by.
        read: LinkSecret,
    },
    /// Accepts an offer.
    Accept {
        /// The offer.
        signed: Box<SignedOffer>,
        /// Where letters come in.
        ours: Box<End>,
    },
    /// Ends a link, or takes an offer back.
    End {
        /// Its number.
        link: u32,
        /// Why; may be empty.
        reason: String,
    },
    /// Carries a letter into the log.
    Hear {
        /// The link's number.
        link: u32,
        /// The letter.
        signed: Box<SignedLetter>,
    },
    /// Carries an entry of another body's bulletin into the log.
    Carry {
        /// The link's number.
        link: u32,
        /// Who may publish there.
        masthead: Box<SignedMasthead>,
        /// The entry.
        signed: Box<SignedEntry>,
    },
    /// Publishes something, or sends it to some.
    Issue {
        /// What.
        item: Box<Item>,
        /// Numbers of the links that it is for; empty for all.
        to: Vec<u32>,
    },
    /// Does something with a directive of another body.
    Answer {
        /// The link's number.
        link: u32,
        /// The directive's.
        directive: u32,
        /// What.
        answer: Box<Answer>,
    },
    /// Raises something over a link.
    Raise {
        /// The link's number.
        link: u32,
        /// What it is.
        kind: Raise,
        /// In words.
        text: String,
        /// Days in which an answer is owed.
        days: u16,
    },
    /// Answers what the other raised.
    Reply {
        /// The link's number.
        link: u32,
        /// The number of what was raised.
        number: u32,
        /// In words.
        text: String,
    },
    /// The body decided to accept an offer; never an act by itself.
    Agreed {
        /// The link's id.
        link: IntentId,
        /// Digest of the offer.
        offer: [u8; 32],
    },
    /// Carries letters of several bodies into the log at once: of each the next, and every one counts.
    HearAll {
        /// Numbers of links, in order, each with its letter.
        letters: Vec<(u32, SignedLetter)>,
    },
    /// Would bring people of linked bodies together.
    Introduce {
        /// Numbers of the links; who comes of the first is the host.
        links: Vec<u32>,
        /// What it is for.
        about: String,
        /// Days in which they may consent.
        days: u16,
    },
    /// Comes when another body introduces somebody of this one.
    Consent {
        /// The link's number.
        link: u32,
        /// The introduction's.
        number: u32,
        /// Under which key, sealed to the other's root key.
        #[serde(with = "serde_bytes")]
        sealed: Vec<u8>,
    },
    /// Takes it back, or says for the body that nobody comes.
    NoConsent {
        /// The link's number.
        link: u32,
        /// The introduction's.
        number: u32,
    },
    /// Tells those who consented how to find each other.
    Bring {
        /// The introduction.
        number: u32,
        /// Sealed to the key of each, in the order of the links.
        sealed: Vec<Vec<u8>>,
    },
    /// Publishes once more what another body published, for those who hear this one.
    Forward {
        /// Number of the link over which it was heard.
        link: u32,
        /// Who may publish there.
        masthead: Box<SignedMasthead>,
        /// The entry.
        signed: Box<SignedEntry>,
    },
    /// Goes on at a relay of the charter: the bulletin in a channel there, letters to this body in drops there.
    Move {
        /// What readers get.
        reading: Box<Reading>,
        /// What editors append by.
        publishing: LinkSecret,
    },
}

impl LinkStep {
    /// One word for it.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Root { .. } => "Root",
            Self::Custody { .. } => "Custody",
            Self::Entrust { .. } => "Entrust",
            Self::Sealing { .. } => "Sealing",
            Self::Editor { .. } => "Editor",
            Self::Masthead { .. } => "Masthead",
            Self::Turn { .. } => "Turn",
            Self::Offer { .. } => "Offer",
            Self::Accept { .. } => "Accept",
            Self::End { .. } => "End",
            Self::Hear { .. } => "Hear",
            Self::Carry { .. } => "Carry",
            Self::Issue { .. } => "Issue",
            Self::Answer { .. } => "Answer",
            Self::Raise { .. } => "Raise",
            Self::Reply { .. } => "Reply",
            Self::Agreed { .. } => "Agreed",
            Self::HearAll { .. } => "HearAll",
            Self::Introduce { .. } => "Introduce",
            Self::Consent { .. } => "Consent",
            Self::NoConsent { .. } => "NoConsent",
            Self::Bring { .. } => "Bring",
            Self::Forward { .. } => "Forward",
            Self::Move { .. } => "Move",
        }
    }
}

// What bodies say to each other stays out of logs.
impl fmt::Debug for LinkStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(..)", self.word())
    }
}
