//! What an accepted act, commit or notice changes.

use core::fmt;

use crate::id::{ChannelId, IntentId, Minutes, PersonaId, Position};
use crate::org::attachment::Attachment;
use crate::org::between::LinkStep;
use crate::org::charter::Charter;
use crate::org::mandate::Office;
use crate::org::meeting::MeetingMoved;
use crate::org::name::Name;
use crate::org::principles::{Accepted, Wording};
use crate::org::proposal::{Moved, Subject};
use crate::org::relays::RelayName;
use crate::org::remark::Remark;
use crate::org::roster::SignedClaim;
use crate::org::sign::PersonaPublic;
use crate::org::sphere::Sphere;

/// What an accepted act or commit changes.
#[derive(Clone, PartialEq, Eq)]
pub enum Effect {
    /// A message.
    Said {
        /// Its text.
        text: String,
    },
    /// An invite is open.
    Invited {
        /// Its id.
        invite: IntentId,
        /// How many may come by it.
        uses: u16,
        /// Until when.
        expires: Minutes,
        /// Its drop.
        drop: ChannelId,
    },
    /// An invite has ended.
    Revoked {
        /// Which.
        invite: IntentId,
    },
    /// Somebody asks to join.
    Applied {
        /// Who.
        persona: PersonaId,
        /// Their key.
        key: PersonaPublic,
        /// Their name.
        name: Name,
        /// By which invite.
        invite: IntentId,
        /// Hash of their key package.
        key_package: [u8; 32],
        /// Who they claim to be.
        claims: Option<PersonaId>,
    },
    /// Somebody is admitted; a commit has to follow.
    Admitted {
        /// Who.
        persona: PersonaId,
        /// By which invite.
        invite: IntentId,
        /// Hash of their key package.
        key_package: [u8; 32],
        /// Whose vouches counted.
        sponsors: Vec<PersonaId>,
    },
    /// A request was declined.
    Declined {
        /// Who.
        persona: PersonaId,
        /// Why.
        reason: String,
    },
    /// Somebody is removed; a commit has to follow.
    Removed {
        /// Who.
        persona: PersonaId,
        /// Why.
        reason: String,
    },
    /// Somebody leaves; a commit has to follow where they have a seat.
    Left {
        /// Who.
        persona: PersonaId,
    },
    /// The author named their control key.
    ControlNamed {
        /// The public key.
        key: [u8; 32],
    },
    /// The feature floor is higher.
    FloorRaised {
        /// The new floor.
        feature: u16,
    },
    /// A commit seated somebody.
    Seated {
        /// Who.
        persona: PersonaId,
        /// Signature key of the leaf.
        leaf: [u8; 32],
    },
    /// A commit took a seat away. Every invite is closed with it: the one who is out knows its keys.
    Unseated {
        /// Who.
        persona: PersonaId,
    },
    /// The author renewed their keys.
    Refreshed,
    /// Somebody asks for their leaf to be renewed.
    RenewalAsked {
        /// Who.
        persona: PersonaId,
        /// Up to where they had read.
        read: Position,
        /// Hash of the key package.
        key_package: [u8; 32],
    },
    /// Somebody's renewal is allowed although they spoke since: codes were compared.
    RenewalAllowed {
        /// Who.
        persona: PersonaId,
    },
    /// A commit gave somebody a new leaf; the older one is to be removed.
    Renewed {
        /// Who.
        persona: PersonaId,
        /// Signature key of the leaf.
        leaf: [u8; 32],
    },
    /// Somebody who is awaited asks to be added here.
    FollowAsked {
        /// Who.
        persona: PersonaId,
        /// Their clock when they signed it.
        asked: Minutes,
        /// Hash of the key package.
        key_package: [u8; 32],
    },
    /// A commit added somebody who was awaited.
    Followed {
        /// Who.
        persona: PersonaId,
        /// Signature key of the leaf.
        leaf: [u8; 32],
    },
    /// A commit removed the older leaves of somebody who was renewed.
    OlderRemoved {
        /// Who.
        persona: PersonaId,
    },
    /// A keyholder answered wrong keys. Whoever had the secret before can read envelopes again until the next cut.
    Answered,
    /// The author vouches for somebody.
    Vouched {
        /// Who.
        persona: PersonaId,
        /// Into which sphere.
        sphere: Sphere,
    },
    /// Somebody came closer.
    Promoted {
        /// Who.
        persona: PersonaId,
        /// Into which sphere.
        sphere: Sphere,
    },
    /// Somebody was set back.
    Demoted {
        /// Who.
        persona: PersonaId,
        /// Into which sphere.
        sphere: Sphere,
        /// Why.
        reason: String,
    },
    /// Somebody's conduct is under review.
    Suspended {
        /// Who.
        persona: PersonaId,
        /// Why.
        reason: String,
    },
    /// A review has ended.
    Lifted {
        /// Who.
        persona: PersonaId,
    },
    /// The points of unity are others.
    PrinciplesSet {
        /// Which version.
        version: u32,
        /// The texts.
        texts: Vec<Wording>,
        /// Everybody has to accept them anew.
        substance: bool,
    },
    /// Somebody accepted the points of unity.
    PrinciplesAccepted {
        /// Who.
        persona: PersonaId,
        /// What.
        accepted: Accepted,
    },
    /// An office has another holder.
    HandedOver {
        /// Which.
        office: Office,
        /// Whose it was.
        holder: PersonaId,
        /// Whose it is.
        to: PersonaId,
    },
    /// The body has another room.
    RoomOpened {
        /// Its name.
        name: Name,
        /// Its channel.
        channel: ChannelId,
    },
    /// A room's roster is another.
    Claimed {
        /// The room's name.
        name: Name,
        /// The claim.
        signed: Box<SignedClaim>,
        /// Hash of its bytes.
        hash: [u8; 32],
    },
    /// Somebody says that the last claim is false.
    Disputed {
        /// Its number.
        number: u64,
        /// Who signed it.
        by: PersonaId,
    },
    /// The author says that an applicant is somebody who lost everything.
    Recognized {
        /// Who asks.
        applicant: PersonaId,
        /// Who they are.
        persona: PersonaId,
    },
    /// An applicant is in the place of somebody who lost everything; a commit has to follow.
    Replaced {
        /// Whose.
        persona: PersonaId,
        /// Who asked.
        applicant: PersonaId,
        /// The persona's key from now on.
        key: PersonaPublic,
        /// By which invite.
        invite: IntentId,
        /// Hash of the key package.
        key_package: [u8; 32],
    },
    /// Somebody was heard who, by a claim, had lost everything.
    Objected {
        /// Who.
        persona: PersonaId,
    },
    /// The author has another persona key.
    Rekeyed {
        /// The key.
        key: PersonaPublic,
    },
    /// An office passes the author by, or does so no more.
    StoodAside {
        /// Which.
        office: Office,
        /// It passes them by.
        aside: bool,
    },
    /// Somebody holds an office no more, and nobody has it after them.
    Vacated {
        /// Which.
        office: Office,
        /// Whose it was.
        holder: PersonaId,
    },
    /// A decision took an office from somebody; it passes them by until they say otherwise.
    Recalled {
        /// Which.
        office: Office,
        /// From whom.
        holder: PersonaId,
    },
    /// A decision gave an office.
    Elected {
        /// Which.
        office: Office,
        /// To whom.
        holders: Vec<PersonaId>,
    },
    /// The charter is another.
    CharterChanged {
        /// It.
        charter: Box<Charter>,
    },
    /// Something is proposed.
    Proposed {
        /// By which id.
        proposal: IntentId,
        /// In a few words.
        title: String,
        /// In more.
        text: String,
        /// What is carried out.
        subject: Box<Subject>,
    },
    /// A proposal is further.
    Moved {
        /// Which.
        proposal: IntentId,
        /// By what.
        moved: Moved,
    },
    /// A result is final.
    Decided {
        /// Of which proposal.
        proposal: IntentId,
        /// What was decided is done.
        carried: bool,
    },
    /// A meeting is called.
    MeetingCalled {
        /// By which id.
        meeting: IntentId,
        /// In a few words.
        title: String,
        /// For when.
        at: Minutes,
        /// What is to be spoken of.
        agenda: Vec<String>,
    },
    /// A meeting is further.
    Met {
        /// Which.
        meeting: IntentId,
        /// By what.
        moved: MeetingMoved,
    },
    /// A message with a file.
    Attached {
        /// Its text.
        text: String,
        /// The file.
        file: Box<Attachment>,
    },
    /// A step between bodies.
    Between {
        /// The act's id.
        id: IntentId,
        /// The step.
        step: Box<LinkStep>,
        /// What the letter says does not count: it is read, and that is all.
        void: bool,
    },
    /// The room goes on at another relay.
    Relocated {
        /// Which.
        relay: RelayName,
    },
    /// Something was done with a message, or with what all of them have in common.
    Remarked {
        /// What.
        remark: Box<Remark>,
    },
    /// Somebody said something to one person.
    Whispered {
        /// Sealed.
        sealed: Vec<u8>,
    },
    /// A room of the body goes on in another channel.
    RoomSucceeded {
        /// Its name.
        name: Name,
        /// Its channel.
        channel: ChannelId,
    },
}

impl Effect {
    /// Whether it is what somebody says to the others.
    pub(super) fn is_said(&self) -> bool {
        match self {
            Self::Said { .. } => true,
            Self::Moved { moved, .. } => matches!(moved, Moved::Discussed { .. }),
            Self::Remarked { remark } => remark.is_said(),
            _ => false,
        }
    }

    /// Whether it may change who can hold an office.
    pub(super) const fn moves_people(&self) -> bool {
        matches!(
            self,
            Self::Removed { .. }
                | Self::Left { .. }
                | Self::Seated { .. }
                | Self::Unseated { .. }
                | Self::Followed { .. }
                | Self::Promoted { .. }
                | Self::Demoted { .. }
                | Self::Suspended { .. }
                | Self::Lifted { .. }
                | Self::Claimed { .. }
                | Self::Vacated { .. }
                | Self::Recalled { .. }
                | Self::Elected { .. }
                | Self::CharterChanged { .. }
        )
    }
}

// What people write and whom they name stays out of logs: only the kind of an effect prints.
impl fmt::Debug for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Said { .. } => "Said(..)",
            Self::Invited { .. } => "Invited(..)",
            Self::Revoked { .. } => "Revoked(..)",
            Self::Applied { .. } => "Applied(..)",
            Self::Admitted { .. } => "Admitted(..)",
            Self::Declined { .. } => "Declined(..)",
            Self::Removed { .. } => "Removed(..)",
            Self::Left { .. } => "Left(..)",
            Self::ControlNamed { .. } => "ControlNamed(..)",
            Self::FloorRaised { .. } => "FloorRaised(..)",
            Self::Seated { .. } => "Seated(..)",
            Self::Unseated { .. } => "Unseated(..)",
            Self::Refreshed => "Refreshed",
            Self::RenewalAsked { .. } => "RenewalAsked(..)",
            Self::RenewalAllowed { .. } => "RenewalAllowed(..)",
            Self::Renewed { .. } => "Renewed(..)",
            Self::FollowAsked { .. } => "FollowAsked(..)",
            Self::Followed { .. } => "Followed(..)",
            Self::OlderRemoved { .. } => "OlderRemoved(..)",
            Self::Answered => "Answered",
            Self::Vouched { .. } => "Vouched(..)",
            Self::Promoted { .. } => "Promoted(..)",
            Self::Demoted { .. } => "Demoted(..)",
            Self::Suspended { .. } => "Suspended(..)",
            Self::Lifted { .. } => "Lifted(..)",
            Self::PrinciplesSet { .. } => "PrinciplesSet(..)",
            Self::PrinciplesAccepted { .. } => "PrinciplesAccepted(..)",
            Self::HandedOver { .. } => "HandedOver(..)",
            Self::RoomOpened { .. } => "RoomOpened(..)",
            Self::Claimed { .. } => "Claimed(..)",
            Self::Disputed { .. } => "Disputed(..)",
            Self::Recognized { .. } => "Recognized(..)",
            Self::Replaced { .. } => "Replaced(..)",
            Self::Objected { .. } => "Objected(..)",
            Self::Rekeyed { .. } => "Rekeyed(..)",
            Self::StoodAside { .. } => "StoodAside(..)",
            Self::Vacated { .. } => "Vacated(..)",
            Self::Recalled { .. } => "Recalled(..)",
            Self::Elected { .. } => "Elected(..)",
            Self::CharterChanged { .. } => "CharterChanged(..)",
            Self::Proposed { .. } => "Proposed(..)",
            Self::Moved { .. } => "Moved(..)",
            Self::Decided { .. } => "Decided(..)",
            Self::MeetingCalled { .. } => "MeetingCalled(..)",
            Self::Met { .. } => "Met(..)",
            Self::Attached { .. } => "Attached(..)",
            Self::Between { .. } => "Between(..)",
            Self::Relocated { .. } => "Relocated(..)",
            Self::Remarked { .. } => "Remarked(..)",
            Self::Whispered { .. } => "Whispered(..)",
            Self::RoomSucceeded { .. } => "RoomSucceeded(..)",
        })
    }
}
