//! Signed notices: what is said outside MLS, so that people in different epochs can still hear it.

use serde::{Deserialize, Serialize};

use crate::codec;
use crate::error::PeerFault;
use crate::id::{ChannelId, Counter, EntryHash, Minutes, Nonce, PersonaId, Position, RoomId, StateRoot};
use crate::label::{Label, hash};
use crate::org::between::FeedHead;
use crate::org::head::Running;
use crate::org::relays::RelayName;
use crate::org::sign::{PersonaPublic, Signature};

/// What a notice says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum NoticeKind {
    /// "I am here": the head beside it is the content.
    Heartbeat,
    /// A signed commit could not be processed.
    Complaint {
        /// Where it stands.
        position: Position,
        /// Which bytes were served there.
        entry: EntryHash,
    },
    /// The group state is lost, broken or set back: add me anew.
    Renewal {
        /// Up to where the persona has read, whether it could open that or not.
        read: Position,
        /// The channel's counter as the persona knows it.
        counter: Counter,
        /// A fresh key package (RFC 9420, section 10).
        #[serde(with = "serde_bytes")]
        key_package: Vec<u8>,
        /// Where the welcome goes.
        reply: super::ReplyDrop,
    },
    /// A cut without a commit, by a keyholder: the keys that a cut before it set are not those that its commit
    /// gives, so they turn to what comes from the secret before it (`AccessSecret::answer`).
    Answer {
        /// The cut whose keys are wrong.
        wrong: Position,
    },
    /// The room is to go on in another channel, with a new group: a proposal, which each person follows or does not
    /// (`State::succeed`). It stands in refuges, which people who are out may read, and holds nothing secret.
    Successor {
        /// The other channel.
        channel: ChannelId,
        /// The last entry that the room keeps of this channel.
        position: Position,
        /// Running hash there.
        running: Running,
        /// State root there.
        root: StateRoot,
        /// The author's clock: of one person's proposals the latest counts.
        made: Minutes,
    },
    /// Add me to the successor in this channel.
    Follow {
        /// The channel. A request counts in no other.
        channel: ChannelId,
        /// The author's clock: the latest request counts.
        asked: Minutes,
        /// A fresh key package (RFC 9420, section 10).
        #[serde(with = "serde_bytes")]
        key_package: Vec<u8>,
        /// Where the welcome goes.
        reply: super::ReplyDrop,
    },
    /// I leave the body: for who is not in its governing room. Others carry it there.
    Leave,
    /// I accept the points of unity: as `Deed::Accept`, for who is not in the governing room.
    Accept {
        /// Which version.
        version: u32,
        /// In which language.
        language: String,
        /// Hash of the text that was read.
        hash: [u8; 32],
    },
    /// A notice for another room of the body: whoever is in both carries it there.
    Elsewhere {
        /// Which room.
        room: RoomId,
        /// An encoded `SignedNotice`, signed for that room.
        #[serde(with = "serde_bytes")]
        notice: Vec<u8>,
    },
    /// I cannot reach the room's relay. Posted in the refuge of the access secret of now, at another relay.
    Stranded {
        /// The entry that its author read last.
        position: Position,
        /// Running hash there.
        running: Running,
        /// The author's clock.
        made: Minutes,
    },
    /// The room lies at another relay. Posted in refuges, for those who look there; it holds nothing secret.
    Relocated {
        /// Which.
        relay: RelayName,
        /// Its channel there.
        channel: ChannelId,
        /// The last entry before.
        after: Position,
    },
    /// A heartbeat that says too what its author was shown last of the bulletins that the body hears.
    Heard(Vec<FeedHead>),
}

/// A notice before it is signed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Notice {
    /// What.
    pub kind: NoticeKind,
    /// Makes it new.
    pub nonce: Nonce,
}

/// A notice and who signed it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SignedNotice {
    /// Who.
    pub author: PersonaId,
    /// What.
    pub notice: Notice,
    /// By the persona key, over [`SignedNotice::digest`].
    pub signature: Signature,
}

impl SignedNotice {
    /// What is signed.
    #[must_use]
    pub fn digest(room: &RoomId, author: &PersonaId, notice: &Notice) -> [u8; 32] {
        // What does not fit into an entry is refused where it is sealed; here it signs as empty.
        let bytes = codec::encode(notice, codec::LIMIT).unwrap_or_default();
        hash(Label::Notice, &[room.as_bytes(), author.as_bytes(), &bytes])
    }

    /// Whether this key signed it for this room.
    ///
    /// # Errors
    /// `PeerFault::Signature`.
    pub fn verify(&self, room: &RoomId, key: &PersonaPublic) -> Result<(), PeerFault> {
        key.verify(&Self::digest(room, &self.author, &self.notice), &self.signature)
    }
}
