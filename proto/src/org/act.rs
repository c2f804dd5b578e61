//! Acts: what a person does in a room. The words that go into MLS.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::codec;
use crate::error::{Misuse, PeerFault};
use crate::id::{ChannelId, IntentId, Minutes, PersonaId, Position};
use crate::org::attachment::Attachment;
use crate::org::between::LinkStep;
use crate::org::mandate::Office;
use crate::org::meeting::MeetingStep;
use crate::org::name::Name;
use crate::org::principles::Wording;
use crate::org::proposal::{Step, Subject};
use crate::org::relays::RelayName;
use crate::org::remark::Remark;
use crate::org::sign::{PersonaPublic, Signature};
use crate::org::sphere::Sphere;

/// An act: its id makes it count once per author, its position says what its author knew (law 4), its
/// feature says which clients must understand it (law 15).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// Random.
    pub id: IntentId,
    /// The log position it was judged at before it was sent.
    pub judged_at: Position,
    /// The feature the deed belongs to ([`Deed::feature`]).
    pub feature: u16,
    /// A [`Deed`], encoded by itself so that an unknown one is still an act.
    #[serde(with = "serde_bytes")]
    pub deed: Vec<u8>,
}

/// Longest text of a message in bytes.
pub const LONGEST_TEXT: usize = 64 * 1024;

/// What is done. Variants are only ever added at the end.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Deed {
    /// A message to the room.
    Say {
        /// Its text.
        text: String,
    },
    /// Opens an invite; the act's id is the invite's.
    Invite {
        /// How many may come by it.
        uses: u16,
        /// Until when, in witnessed time.
        expires: Minutes,
        /// The drop for requests.
        drop: ChannelId,
    },
    /// Ends an invite.
    Revoke {
        /// Which.
        invite: IntentId,
    },
    /// Carries a request from an invite's drop into the log; an encoded `Application`.
    Apply {
        /// The request.
        #[serde(with = "serde_bytes")]
        application: Vec<u8>,
    },
    /// Admits an applicant.
    Admit {
        /// Who.
        persona: PersonaId,
    },
    /// Declines an applicant.
    Decline {
        /// Who.
        persona: PersonaId,
        /// Why; may be empty.
        reason: String,
    },
    /// Removes a person.
    Remove {
        /// Who.
        persona: PersonaId,
        /// Why; may be empty.
        reason: String,
    },
    /// Leaves the body.
    Leave,
    /// Names the author's control key of the channel (X25519).
    ControlKey {
        /// The public key.
        key: [u8; 32],
    },
    /// Raises the feature floor.
    RaiseFloor {
        /// To this feature.
        feature: u16,
    },
    /// Allows the renewal of somebody who spoke after they signed their request: codes were compared.
    Renew {
        /// Who.
        persona: PersonaId,
        /// Hash of the key package of the request that was compared.
        key_package: [u8; 32],
    },
    /// Gives one's word for somebody's next step.
    Vouch {
        /// Whose.
        persona: PersonaId,
        /// Into which sphere.
        sphere: Sphere,
    },
    /// Takes somebody into the next sphere.
    Promote {
        /// Whom.
        persona: PersonaId,
        /// Into which.
        sphere: Sphere,
    },
    /// Takes somebody back into an outer sphere.
    Demote {
        /// Whom.
        persona: PersonaId,
        /// Into which.
        sphere: Sphere,
        /// Why; may be empty.
        reason: String,
    },
    /// Begins a review of somebody's conduct: no office, no vouch, no promotion until it ends.
    Suspend {
        /// Whose.
        persona: PersonaId,
        /// Why; may be empty.
        reason: String,
    },
    /// Ends a review before its time.
    Lift {
        /// Whose.
        persona: PersonaId,
    },
    /// Sets the points of unity.
    Principles {
        /// The text, by language.
        texts: Vec<Wording>,
        /// Whether everybody has to accept it anew.
        substance: bool,
    },
    /// Accepts the points of unity.
    Accept {
        /// Which version.
        version: u32,
        /// In which language.
        language: String,
        /// Hash of the text that was read.
        hash: [u8; 32],
    },
    /// Hands an office over to the next in line: one's own, or one whose time is over.
    HandOver {
        /// Which.
        office: Office,
        /// Whose.
        holder: PersonaId,
    },
    /// Opens a room of the body besides its governing one.
    OpenRoom {
        /// Which of the charter's.
        name: Name,
        /// Its channel.
        channel: ChannelId,
    },
    /// Says who belongs into a room of the body; an encoded `SignedClaim`. In the governing room by who signed it, in
    /// the other by whoever carries it there.
    Claim {
        /// The claim.
        #[serde(with = "serde_bytes")]
        claim: Vec<u8>,
    },
    /// Says that the governing room decided something else than the last claim tells.
    Dispute {
        /// The claim's number.
        number: u64,
    },
    /// Says that an applicant is whom they claim to be: somebody who lost everything.
    Recognize {
        /// Who asks.
        applicant: PersonaId,
        /// Who they are.
        persona: PersonaId,
    },
    /// Puts an applicant's key in the place of a lost one: the persona stays.
    Replace {
        /// Whose place.
        persona: PersonaId,
        /// Who comes back.
        applicant: PersonaId,
    },
    /// Changes the author's persona key; the old one signs by being the author's.
    Rekey {
        /// The new key.
        key: PersonaPublic,
        /// By the new key, over [`rekey_digest`](crate::org::replace::rekey_digest).
        proof: Signature,
    },
    /// Lets an office pass by the author, or no more.
    StandAside {
        /// Which.
        office: Office,
        /// It passes them by.
        aside: bool,
    },
    /// Proposes something; the act's id is the proposal's.
    Propose {
        /// In a few words.
        title: String,
        /// In more.
        text: String,
        /// What is carried out if it is decided.
        subject: Box<Subject>,
    },
    /// Does something with a proposal.
    Step {
        /// Which.
        proposal: IntentId,
        /// What.
        step: Box<Step>,
    },
    /// Calls a meeting; the act's id is the meeting's.
    CallMeeting {
        /// In a few words.
        title: String,
        /// For when.
        at: Minutes,
        /// What is to be spoken of.
        agenda: Vec<String>,
    },
    /// Does something with a meeting.
    Meeting {
        /// Which.
        meeting: IntentId,
        /// What.
        step: Box<MeetingStep>,
    },
    /// A message to the room with a file.
    Attach {
        /// Its text; may be empty.
        text: String,
        /// The file.
        file: Box<Attachment>,
    },
    /// Does something between bodies.
    Between {
        /// What.
        step: Box<LinkStep>,
    },
    /// Moves the room to another relay, from the next entry on.
    Relocate {
        /// One of the charter's.
        relay: RelayName,
        /// What its channel there is made from, by whoever comes first.
        seed: [u8; 32],
    },
    /// Does something with a message of the room.
    Remark {
        /// What.
        remark: Box<Remark>,
    },
    /// Words to one person of the room, sealed: everybody tries to open them, and nothing names whom they are for.
    Whisper {
        /// Of [`SEALED_WORDS`](crate::org::whisper::SEALED_WORDS) bytes.
        #[serde(with = "serde_bytes")]
        sealed: Vec<u8>,
    },
    /// Says that a room of the body besides its governing one goes on in another channel, as a successor.
    SucceedRoom {
        /// Which.
        name: Name,
        /// Its channel.
        channel: ChannelId,
    },
}

/// A key package that a commit adds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SeatAdded {
    /// Whose, by its certificate.
    pub persona: PersonaId,
    /// Hash of the key package.
    pub key_package: [u8; 32],
    /// Signature key of its leaf.
    pub leaf: [u8; 32],
    /// Persona key that certifies the leaf.
    pub key: PersonaPublic,
}

/// The leaf that stays of a persona whose other leaves a commit removes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SeatKept {
    /// Whose.
    pub persona: PersonaId,
    /// Signature key of the leaf.
    pub leaf: [u8; 32],
}

/// What an MLS commit does, as far as the machine must judge it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct CommitOps {
    /// Inline Add proposals.
    pub adds: Vec<SeatAdded>,
    /// Personas of whom its inline Remove proposals leave no leaf.
    pub removes: Vec<PersonaId>,
    /// Personas of whom they leave one leaf.
    pub older: Vec<SeatKept>,
    /// It has an update path: the persona key that certifies its leaf.
    pub path: Option<PersonaPublic>,
}

impl Act {
    /// An act with the feature of its deed.
    ///
    /// # Errors
    /// `Misuse::TooLarge`.
    pub fn new(id: IntentId, judged_at: Position, deed: &Deed) -> Result<Self, Misuse> {
        Ok(Self {
            id,
            judged_at,
            feature: deed.feature(),
            deed: codec::encode(deed, codec::LIMIT)?,
        })
    }

    /// Its deed.
    ///
    /// # Errors
    /// `PeerFault` if the bytes are none that this program knows.
    pub fn read_deed(&self) -> Result<Deed, PeerFault> {
        codec::decode(&self.deed, codec::LIMIT)
    }
}

impl Deed {
    /// The feature that this deed came with. It is fixed for ever: a program that does not know a deed and
    /// one that does must agree whether it is above the floor, whatever its author claims.
    #[must_use]
    pub const fn feature(&self) -> u16 {
        match self {
            Self::Say { .. }
            | Self::Invite { .. }
            | Self::Revoke { .. }
            | Self::Apply { .. }
            | Self::Admit { .. }
            | Self::Decline { .. }
            | Self::Remove { .. }
            | Self::Leave
            | Self::ControlKey { .. }
            | Self::RaiseFloor { .. }
            | Self::Renew { .. }
            | Self::Vouch { .. }
            | Self::Promote { .. }
            | Self::Demote { .. }
            | Self::Suspend { .. }
            | Self::Lift { .. }
            | Self::Principles { .. }
            | Self::Accept { .. }
            | Self::HandOver { .. }
            | Self::OpenRoom { .. }
            | Self::Claim { .. }
            | Self::Dispute { .. }
            | Self::Recognize { .. }
            | Self::Replace { .. }
            | Self::Rekey { .. }
            | Self::StandAside { .. }
            | Self::Propose { .. }
            | Self::Step { .. }
            | Self::CallMeeting { .. }
            | Self::Meeting { .. }
            | Self::Attach { .. }
            | Self::Between { .. }
            | Self::Relocate { .. }
            | Self::Remark { .. }
            | Self::Whisper { .. }
            | Self::SucceedRoom { .. } => 1,
        }
    }

    /// Whether it is what somebody says to the others.
    #[must_use]
    pub fn is_said(&self) -> bool {
        match self {
            Self::Say { .. } | Self::Attach { .. } => true,
            Self::Step { step, .. } => matches!(**step, Step::Discuss { .. }),
            Self::Remark { remark } => remark.is_said(),
            _ => false,
        }
    }

    /// Whether only the body's governing room decides it (law 18).
    #[must_use]
    pub const fn governs(&self) -> bool {
        !matches!(
            self,
            Self::Say { .. }
                | Self::Attach { .. }
                | Self::Whisper { .. }
                | Self::ControlKey { .. }
                | Self::RaiseFloor { .. }
                | Self::Renew { .. }
                | Self::HandOver { .. }
                | Self::Principles { .. }
                | Self::Claim { .. }
                | Self::Dispute { .. }
                | Self::Relocate { .. }
                | Self::Remark { .. }
        )
    }

    const fn word(&self) -> &'static str {
        match self {
            Self::Say { .. } => "Say",
            Self::Invite { .. } => "Invite",
            Self::Revoke { .. } => "Revoke",
            Self::Apply { .. } => "Apply",
            Self::Admit { .. } => "Admit",
            Self::Decline { .. } => "Decline",
            Self::Remove { .. } => "Remove",
            Self::Leave => "Leave",
            Self::ControlKey { .. } => "ControlKey",
            Self::RaiseFloor { .. } => "RaiseFloor",
            Self::Renew { .. } => "Renew",
            Self::Vouch { .. } => "Vouch",
            Self::Promote { .. } => "Promote",
            Self::Demote { .. } => "Demote",
            Self::Suspend { .. } => "Suspend",
            Self::Lift { .. } => "Lift",
            Self::Principles { .. } => "Principles",
            Self::Accept { .. } => "Accept",
            Self::HandOver { .. } => "HandOver",
            Self::OpenRoom { .. } => "OpenRoom",
            Self::Claim { .. } => "Claim",
            Self::Dispute { .. } => "Dispute",
            Self::Recognize { .. } => "Recognize",
            Self::Replace { .. } => "Replace",
            Self::Rekey { .. } => "Rekey",
            Self::StandAside { .. } => "StandAside",
            Self::Propose { .. } => "Propose",
            Self::Step { .. } => "Step",
            Self::CallMeeting { .. } => "CallMeeting",
            Self::Meeting { .. } => "Meeting",
            Self::Attach { .. } => "Attach",
            Self::Between { .. } => "Between",
            Self::Relocate { .. } => "Relocate",
            Self::Remark { .. } => "Remark",
            Self::Whisper { .. } => "Whisper",
            Self::SucceedRoom { .. } => "SucceedRoom",
        }
    }
}

// What people write and whom they name stays out of logs: only the kind of a deed prints.
impl fmt::Debug for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(..)", self.word())
    }
}

impl fmt::Debug for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Act")
            .field("id", &self.id)
            .field("judged_at", &self.judged_at)
            .field("feature", &self.feature)
            .finish_non_exhaustive()
    }
}
