//! What an applicant gets at the reply drop: the welcome before the commit lands, the snapshot and the access
//! secret after it, or a decline.

use caucus_proto::envelope::AccessSecret;
use caucus_proto::id::{ChannelId, Counter, EntryHash, PersonaId, Position};
use caucus_proto::org::{Genesis, Running, Signature};
use serde::{Deserialize, Serialize};

use super::blob::BlobRef;

/// An answer, sealed to the applicant's key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Reply {
    /// A commit that adds the applicant is about to be sent. It counts only once the log shows it.
    Welcome {
        /// The channel that the room's log began in.
        channel: ChannelId,
        /// The channel that it lies in, at the relay of the reply drop.
        lies_in: ChannelId,
        /// What the body began with.
        genesis: Genesis,
        /// Hash of the commit's entry.
        commit: EntryHash,
        /// The MLS Welcome.
        welcome: BlobRef,
        /// The ratchet tree.
        tree: BlobRef,
    },
    /// The commit landed.
    Landed {
        /// Hash of the commit's entry.
        commit: EntryHash,
        /// Its position.
        position: Position,
        /// The channel's counter after it.
        counter: Counter,
        /// Running hash after it.
        running: Running,
        /// Access secret of the segment after it.
        access: AccessSecret,
        /// The state after it.
        snapshot: BlobRef,
        /// What was said before, for those who are new in the room.
        history: Option<BlobRef>,
    },
    /// The request was declined.
    Declined {
        /// Why; may be empty.
        reason: String,
    },
    /// Whoever asks to be renewed is not in the room any more.
    Out {
        /// The keyholder who says so.
        by: PersonaId,
        /// Theirs.
        signature: Signature,
    },
}
