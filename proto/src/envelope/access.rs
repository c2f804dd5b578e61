//! The access secret of a segment and the keys that come from it; the keys of an invite link.

use core::fmt;

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::id::{ChannelId, Counter, IntentId};
use crate::label::{Label, derive};
use crate::wire::channel::{Access, Control, SLOTS};

macro_rules! secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Eq, Zeroize, ZeroizeOnDrop, Serialize, Deserialize)]
        pub struct $name([u8; 32]);

        impl $name {
            /// From its bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// Its bytes.
            #[must_use]
            pub const fn bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        // In constant time, as every comparison of secrets.
        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.0.ct_eq(&other.0).into()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}

secret!(
    /// What everybody in a room derives at a cut from the exporter of the MLS epoch that the cut creates,
    /// and keeps until the next one.
    AccessSecret
);
secret!(
    /// What id and keys of a refuge come from: it is kept longer than the access secret that it comes from, and
    /// opens nothing else.
    RefugeSecret
);
secret!(
    /// What id and keys of a segment's copy at another relay come from.
    CopySecret
);
secret!(
    /// What a room's channel at another relay is made from, by whoever comes first.
    SiteSeed
);
secret!(
    /// Key of the envelopes of a segment.
    EnvelopeKey
);
secret!(
    /// Seed of an HPKE key: requests to join by an invite, or letters of other bodies, are sealed to it.
    SealingSeed
);

impl AccessSecret {
    /// Context for the MLS exporter: the channel, and the counter after the cut.
    #[must_use]
    pub fn exporter_context(channel: &ChannelId, counter: Counter) -> Vec<u8> {
        [channel.as_bytes(), &counter.0.to_be_bytes()].concat()
    }

    /// Secret append key of the segment.
    #[must_use]
    pub fn append_key(&self) -> StaticSecret {
        derive(Label::AppendKey, &self.0, &[]).into()
    }

    /// Secret read key of the segment.
    #[must_use]
    pub fn read_key(&self) -> StaticSecret {
        derive(Label::ReadKey, &self.0, &[]).into()
    }

    /// The public halves, as the relay gets them.
    #[must_use]
    pub fn access(&self) -> Access {
        Access {
            append: PublicKey::from(&self.append_key()).to_bytes(),
            read: PublicKey::from(&self.read_key()).to_bytes(),
        }
    }

    /// Key of the envelopes of the segment.
    #[must_use]
    pub fn envelope_key(&self) -> EnvelopeKey {
        EnvelopeKey(derive(Label::EnvelopeKey, &self.0, &[]))
    }

    /// The access secret after a cut that answers wrong keys, for the counter after it: whoever has this secret,
    /// the one from before the wrong cut, can follow, in or out of the MLS epoch.
    #[must_use]
    pub fn answer(&self, channel: &ChannelId, counter: Counter) -> Self {
        let counter = counter.0.to_be_bytes();
        Self(derive(
            Label::AnswerSecret,
            &self.0,
            &[channel.as_bytes(), &counter],
        ))
    }

    /// The refuge of this secret: a channel where whoever cannot follow a cut is still heard.
    #[must_use]
    pub fn refuge(&self) -> RefugeSecret {
        RefugeSecret(derive(Label::Refuge, &self.0, &[b"secret"]))
    }

    /// The copy of this segment at a relay: a channel in which its entries stand once more.
    #[must_use]
    pub fn copy(&self, relay: &str) -> CopySecret {
        CopySecret(derive(Label::Copy, &self.0, &[relay.as_bytes()]))
    }

    /// Where the room goes on, at a relay of its charter, when its own cannot be reached: the first of these seeds
    /// whose channel carries the room on. Whoever has the secret can make it.
    #[must_use]
    pub fn haven(&self, relay: &str, attempt: u8) -> SiteSeed {
        SiteSeed(derive(
            Label::Site,
            &self.0,
            &[b"haven", relay.as_bytes(), &[attempt]],
        ))
    }

    /// Seed of the HPKE key that letters of other bodies are sealed to, for those who have the room.
    #[must_use]
    pub fn letters(&self) -> SealingSeed {
        SealingSeed(derive(Label::LetterSealingKey, &self.0, &[]))
    }

    /// Keys of an invite, for those who have the room.
    #[must_use]
    pub fn invite(&self, invite: &IntentId) -> InviteKeys {
        InviteKeys {
            read: derive(Label::InviteDropKey, &self.0, &[&invite.0]).into(),
            sealing: SealingSeed(derive(Label::InviteSealingKey, &self.0, &[&invite.0])),
        }
    }
}

impl SiteSeed {
    /// Of the drop at a relay where a body is written to over a link, once it moved there, or went there because its own
    /// relay was lost: both bodies know what the link's first drop is appended by, and find it by that.
    #[must_use]
    pub fn drop_at(append: &[u8; 32], relay: &str) -> Self {
        Self(derive(Label::Site, append, &[b"drop", relay.as_bytes()]))
    }

    /// Secret creation key: whoever comes first makes the channel.
    #[must_use]
    pub fn creation(&self) -> StaticSecret {
        derive(Label::Site, &self.0, &[b"creation"]).into()
    }

    /// Salt of the channel's id.
    #[must_use]
    pub fn salt(&self) -> [u8; 32] {
        derive(Label::Site, &self.0, &[b"salt"])
    }

    /// The channel.
    #[must_use]
    pub fn channel(&self) -> ChannelId {
        ChannelId::of(&PublicKey::from(&self.creation()).to_bytes(), &self.salt())
    }
}

impl RefugeSecret {
    /// Id and keys of the channel.
    #[must_use]
    pub fn keys(&self) -> CommonKeys {
        CommonKeys::of(|what| derive(Label::Refuge, &self.0, &[what]))
    }
}

impl CopySecret {
    /// Id and keys of the channel.
    #[must_use]
    pub fn keys(&self) -> CommonKeys {
        CommonKeys::of(|what| derive(Label::Copy, &self.0, &[what]))
    }
}

/// Id and keys of a channel that whoever has its secret can find, make, read and write: a refuge, or a copy.
pub struct CommonKeys {
    /// Secret creation key: whoever comes first makes the channel.
    pub creation: StaticSecret,
    /// Salt of its id.
    pub salt: [u8; 32],
    /// Secret append key.
    pub append: StaticSecret,
    /// Secret read key.
    pub read: StaticSecret,
    /// Key of its envelopes; every entry is sealed for counter 0.
    pub envelope: EnvelopeKey,
    /// Seed of its control slots, which nobody uses.
    pub controls: [u8; 32],
}

impl CommonKeys {
    fn of(key: impl Fn(&[u8]) -> [u8; 32]) -> Self {
        Self {
            creation: key(b"creation").into(),
            salt: key(b"salt"),
            append: key(b"append").into(),
            read: key(b"read").into(),
            envelope: EnvelopeKey(key(b"envelope")),
            controls: key(b"controls"),
        }
    }

    /// What its control slots hold: nobody has the secrets of these.
    #[must_use]
    pub fn slots(&self) -> [Control; SLOTS] {
        let mut slots = [[0; 32]; SLOTS];
        for (slot, index) in slots.iter_mut().zip(0_u8..) {
            *slot = derive(Label::Refuge, &self.controls, &[&[index]]);
        }
        slots
    }

    /// The channel.
    #[must_use]
    pub fn channel(&self) -> ChannelId {
        ChannelId::of(&PublicKey::from(&self.creation).to_bytes(), &self.salt)
    }
}

/// Keys of an invite, for those who have the room now.
pub struct InviteKeys {
    /// Secret read key of the drop.
    pub read: StaticSecret,
    /// Seed of the HPKE key that requests are sealed to.
    pub sealing: SealingSeed,
}

/// Keys that come from the secret in an invite link, for whoever holds the link.
pub struct LinkKeys {
    /// Secret read key of the card's channel.
    pub card_read: StaticSecret,
    /// Key of the card's envelope.
    pub card: EnvelopeKey,
    /// Secret append key of the drop.
    pub drop_append: StaticSecret,
}

impl LinkKeys {
    /// From the link's secret.
    #[must_use]
    pub fn of(secret: &[u8; 16]) -> Self {
        Self {
            card_read: derive(Label::ReadKey, secret, &[b"card"]).into(),
            card: EnvelopeKey(derive(Label::EnvelopeKey, secret, &[b"card"])),
            drop_append: derive(Label::AppendKey, secret, &[b"drop"]).into(),
        }
    }
}
