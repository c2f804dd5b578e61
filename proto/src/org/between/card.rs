//! Who a body is to another: its keys, where it is written to, and what each may send.

use core::fmt;

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::codec;
use crate::error::{Misuse, PeerFault};
use crate::id::{BodyId, ChannelId, IntentId, Minutes};
use crate::label::{Label, hash};
use crate::org::genesis::Kind;
use crate::org::name::Name;
use crate::org::sign::{PersonaPublic, Signature};

/// Longest address of a relay in bytes.
pub(super) const LONGEST_RELAY: usize = 400;

/// Bytes of an X-Wing public key.
pub(super) const SEALING_KEY: usize = 1216;

/// Bytes that keys between bodies come from.
#[derive(Clone, Eq, Zeroize, ZeroizeOnDrop, Serialize, Deserialize)]
pub struct LinkSecret(pub [u8; 32]);

/// The key that a body speaks by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct RootKey {
    /// From 1; each is certified by the one before.
    pub number: u32,
    /// The key.
    pub key: PersonaPublic,
}

/// What opens a bulletin.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Reading {
    /// The relay's address.
    pub relay: String,
    /// The channel.
    pub channel: ChannelId,
    /// From 1; the keys turn with it.
    pub generation: u32,
    /// What they come from.
    pub secret: LinkSecret,
}

/// Who a body is to another.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Card {
    /// Its id.
    pub body: BodyId,
    /// What kind of body.
    pub kind: Kind,
    /// What it is called.
    pub name: Name,
    /// Its root key.
    pub root: RootKey,
    /// Whom letters to it are sealed to (X-Wing).
    #[serde(with = "serde_bytes")]
    pub sealing: Vec<u8>,
    /// The relay of its drop.
    pub relay: String,
    /// Where letters to it are dropped.
    pub drop: ChannelId,
    /// What they are appended by.
    pub append: LinkSecret,
    /// Number of its masthead: none from before counts.
    pub masthead: u32,
    /// Where it publishes, if the other may read that.
    pub bulletin: Option<Reading>,
}

/// What a body may send over a link. What answers something may always be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Sends {
    /// Announcements.
    pub announcements: bool,
    /// Directives.
    pub directives: bool,
    /// Motions, reports, questions.
    pub reports: bool,
}

/// What each side may send.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Terms {
    /// Who offers the link.
    pub offering: Sends,
    /// Who accepts it.
    pub accepting: Sends,
}

/// The offer of a link.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Offer {
    /// The link's id: that of the act.
    pub link: IntentId,
    /// Who offers.
    pub card: Card,
    /// What each may send.
    pub terms: Terms,
    /// Until when it can be accepted.
    pub expires: Minutes,
}

/// An offer, signed by the root key that its card names.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SignedOffer {
    /// The offer.
    pub offer: Offer,
    /// By the root key.
    pub signature: Signature,
}

impl RootKey {
    /// What the new root key of a body signs, and the one before it too.
    #[must_use]
    pub fn digest(&self, body: &BodyId) -> [u8; 32] {
        hash(
            Label::RootKey,
            &[body.as_bytes(), &self.number.to_be_bytes(), &self.key.0],
        )
    }
}

impl Sends {
    /// Whether nothing may be sent.
    #[must_use]
    pub const fn is_nothing(&self) -> bool {
        !(self.announcements || self.directives || self.reports)
    }

    /// Whether it may read the bulletin of the other.
    #[must_use]
    pub const fn publishes(&self) -> bool {
        self.announcements || self.directives
    }
}

impl Card {
    /// Whether every part has its size.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let relays = self.bulletin.iter().map(|bulletin| &bulletin.relay);
        self.sealing.len() == SEALING_KEY
            && self.root.number > 0
            && relays
                .chain([&self.relay])
                .all(|relay| relay.len() <= LONGEST_RELAY)
    }
}

impl SignedOffer {
    /// What its root key signs.
    ///
    /// # Errors
    /// `Misuse::TooLarge`.
    pub fn digest(offer: &Offer) -> Result<[u8; 32], Misuse> {
        Ok(hash(Label::LinkOffer, &[&codec::encode(offer, codec::LIMIT)?]))
    }

    /// Whether the root key that it names signed it.
    ///
    /// # Errors
    /// `PeerFault`.
    pub fn is_signed(&self) -> Result<(), PeerFault> {
        let key = &self.offer.card.root.key;
        let digest = || Self::digest(&self.offer).map_err(|_| PeerFault::Malformed);
        key.verify(&digest()?, &self.signature)
    }
}

// In constant time, as every comparison of secrets.
impl PartialEq for LinkSecret {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for LinkSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkSecret(..)")
    }
}
