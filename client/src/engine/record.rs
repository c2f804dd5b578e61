//! What the vault holds of a room and of a request to join. Every type here is persisted: fields and variants
//! are only ever added at the end; once there is a release, with a new format number in the vault's header.

use core::fmt;
use std::collections::BTreeMap;

use caucus_proto::envelope::{AccessSecret, RefugeSecret};
use caucus_proto::id::{
    BodyId, ChannelId, Counter, EntryHash, IntentId, Minutes, PersonaId, Position, RoomId, StateRoot,
};
use caucus_proto::org::{
    Attachment, CommitOps, Denied, Mark, Marks, MessageRef, NoticeKind, ReplyDrop, Running, SignedHead,
    SignedNotice, State, SuiteChoice,
};
use caucus_proto::wire::{Flag, Pass, RelayAddress};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::site::{Former, Site};
use crate::mls::GroupCopy;

/// A key of 32 bytes that never prints.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop, Serialize, Deserialize)]
pub struct SecretKey(pub [u8; 32]);

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

/// A relay that this person uses.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RelayRecord {
    /// Its address.
    pub address: RelayAddress,
    /// Creation passes that are left.
    pub passes: Vec<Pass>,
    /// This person added it: it may be in a private network.
    pub by_hand: bool,
}

/// What stays of a room on this device, whatever is read.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RoomRecord {
    /// The room.
    pub room: RoomId,
    /// Its body.
    pub body: BodyId,
    /// Where.
    pub relay: RelayAddress,
    /// The channel that its log began in: envelopes and group are bound to it, wherever the log lies.
    pub channel: ChannelId,
    /// The suite of its group.
    pub suite: SuiteChoice,
    /// One's persona in it.
    pub persona: PersonaId,
    /// Secret of the persona key in force.
    pub persona_key: SecretKey,
    /// Secret of one's control key of the channel; in force only once it is named and set.
    pub control_key: SecretKey,
    /// Position of the commit by which this device came in (0: it founded the body).
    pub joined_at: Position,
    /// Where at the relay, if not in the channel that the log began in.
    pub site: Option<Site>,
    /// Where it lay before, the latest last.
    pub former: Vec<Former>,
}

/// How far this device has read.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Cursor {
    /// The last entry taken in.
    pub position: Position,
    /// The channel's counter after it.
    pub counter: Counter,
    /// Running hash after it.
    pub running: Running,
    /// The last flagged entry.
    pub flagged: Position,
    /// Access secret of the current segment.
    pub access: AccessSecret,
    /// Control keys as this device last set or saw agreed, so that a change is asked for once.
    pub controls: Vec<[u8; 32]>,
    /// How it stands.
    pub health: Health,
    /// Up to which position each person's heads agree with what this device was shown.
    pub heads: BTreeMap<PersonaId, Position>,
    /// Up to where the person has read.
    pub seen: Position,
    /// When it was last read to the end, by one's own clock.
    pub synced: Option<Minutes>,
    /// When one's own leaf keys are renewed next, by one's own clock.
    pub refresh: Minutes,
    /// Witnessed time of the last cut.
    pub cut: Minutes,
    /// Whose heads contradict what this device was shown, and where first.
    pub disputes: BTreeMap<PersonaId, Position>,
    /// Stretches in which a person's commits are void.
    pub voids: Vec<Void>,
    /// Access secrets of the segments before, the latest last.
    pub older: Vec<AccessSecret>,
    /// Refuges of the access secrets before, the latest last: one who was away for long is heard there.
    pub refuges: Vec<RefugeSecret>,
    /// The first entry that was read in a copy and that the room's own relay has not shown yet.
    pub by_copy: Option<Position>,
}

/// A stretch of the log in which a person's commits are void: from one that was found so to its verdict.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Void {
    /// Whose.
    pub author: PersonaId,
    /// The commit that was found void.
    pub from: Position,
    /// The entry with which the verdict fell.
    pub to: Position,
}

/// What a device goes back to where a commit that it took in is found void.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct ShadowRecord {
    /// The group before the commit.
    pub group: GroupCopy,
    /// The cursor before it.
    pub cursor: Cursor,
    /// The state before it.
    pub state: State,
}

/// How a room stands on this device.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Health {
    /// In it.
    Open,
    /// A flagged entry could not be taken in: read, not act (law 14).
    Unsynced {
        /// Where.
        at: Position,
        /// In words.
        why: String,
    },
    /// A signed commit could not be processed: whether it stands is for everybody's heads to say.
    Holding {
        /// Where.
        at: Position,
    },
    /// Others' heads contradict what this device was shown (law 5).
    Forked {
        /// Where.
        at: Position,
        /// Whose head.
        by: PersonaId,
    },
    /// The room's floor is above this program (law 15).
    NeedsUpgrade {
        /// The floor.
        floor: u16,
    },
    /// This person is out.
    Out {
        /// Removed, or left by themselves.
        removed: bool,
    },
    /// The relay does not open the channel with the keys that this device has.
    Gone,
    /// Another device has this person's place: the persona key of this one is not theirs any more.
    Replaced,
}

/// What was true after an entry: what heads are compared with.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HeadFacts {
    /// Running hash.
    pub running: Running,
    /// MLS epoch.
    pub epoch: u64,
    /// Hash of the epoch's authenticator.
    pub authenticator: [u8; 32],
    /// State root.
    pub root: StateRoot,
}

/// One entry as the log of this device keeps it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LogRecord {
    /// What it did to the channel.
    pub flag: Flag,
    /// Who, as far as that was authenticated.
    pub author: Option<PersonaId>,
    /// Their name then.
    pub name: String,
    /// By the author's clock.
    pub time: Option<Minutes>,
    /// What it was.
    pub item: Item,
    /// What was true after it.
    pub facts: HeadFacts,
    /// The act's id, if it was one.
    pub act: Option<IntentId>,
    /// What it answers, and what was done with it since.
    pub remarks: Remarks,
}

/// What a message answers, and what people did with it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Remarks {
    /// The message that it answers.
    pub answers: Option<MessageRef>,
    /// Its author said it in other words since.
    pub edited: bool,
    /// What it was marked with.
    pub marks: Marks,
}

/// What somebody did with a message.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Remarked {
    /// Marked it.
    Marked(Mark),
    /// Took a mark away.
    Unmarked(Mark),
    /// Said it in other words.
    Edited,
    /// Deleted it.
    Deleted,
}

/// What an entry was.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Item {
    /// Somebody said something.
    Said(String),
    /// Something happened, in words.
    Event(String),
    /// Nothing a person needs to see (heartbeats, refreshes, parts).
    Quiet(String),
    /// It changed nothing.
    NoOp(Denied),
    /// Somebody said something about a proposal.
    Discussed {
        /// Its number.
        proposal: u32,
        /// What.
        text: String,
    },
    /// Somebody wrote the minutes of a meeting.
    Minutes {
        /// Its number.
        meeting: u32,
        /// Which version.
        version: u32,
        /// Their text.
        text: String,
    },
    /// Somebody said something with a file.
    Attached {
        /// What; may be empty.
        text: String,
        /// The file.
        file: Box<Attachment>,
    },
    /// Somebody said something, and deleted it.
    Deleted,
    /// Somebody did something with a message; it shows there.
    Remarked {
        /// Where that stands.
        of: Position,
        /// What.
        what: Remarked,
    },
}

/// An intent on its way (ARCHITECTURE.md, "How a word travels").
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct OutboxRecord {
    /// The intent's id.
    pub id: IntentId,
    /// An encoded `Deed`.
    #[serde(with = "serde_bytes")]
    pub deed: Vec<u8>,
    /// It stands in the log here; kept until more than half attest it.
    pub landed: Option<Position>,
    /// As it was sealed last: sent again as it is, so that trying often does not run the ratchet away.
    pub sealed: Option<SealedRecord>,
}

/// An intent, sealed for the group.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct SealedRecord {
    /// The MLS epoch it was sealed in; it can be opened in no other.
    pub epoch: u64,
    /// The MLS message.
    #[serde(with = "serde_bytes")]
    pub message: Vec<u8>,
    /// The counter of the entry.
    pub counter: Counter,
    /// The bytes of the entry.
    #[serde(with = "serde_bytes")]
    pub entry: Vec<u8>,
}

/// What a message that this device sent held: MLS does not decrypt one's own messages. Kept for as long as the
/// message's epoch lasts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct SentRecord {
    /// Digest of the body.
    pub body: [u8; 32],
    /// The act; none once it landed, because others can open it only once.
    #[serde(with = "serde_bytes")]
    pub act: Option<Vec<u8>>,
}

/// A commit of one's own that is not yet seen in the log. The group holds it as pending.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct PendingRecord {
    /// The MLS message.
    #[serde(with = "serde_bytes")]
    pub message: Vec<u8>,
    /// The counter that what follows was made for.
    pub counter: Counter,
    /// The parts, where the message is too large for an entry.
    pub parts: Vec<PartSent>,
    /// The flagged entry, once every part stands in the log; only its bytes are ever re-sent.
    pub entry: Option<Flagged>,
    /// It turns the keys.
    pub cut: bool,
    /// What it does.
    pub ops: CommitOps,
    /// Access secret of the epoch it creates, where it cuts.
    pub access: Option<AccessSecret>,
    /// The welcomes and the tree for those it adds.
    pub welcome: Option<WelcomeRecord>,
}

/// A flagged entry of one's own.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Flagged {
    /// Its bytes.
    #[serde(with = "serde_bytes")]
    pub bytes: Vec<u8>,
    /// Their hash.
    pub hash: EntryHash,
    /// Digest of its body.
    pub body: [u8; 32],
}

/// A part of a commit of one's own.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct PartSent {
    /// The bytes of its entry.
    #[serde(with = "serde_bytes")]
    pub entry: Vec<u8>,
    /// Their hash.
    pub hash: EntryHash,
    /// Where it stands, once the log showed it.
    pub position: Option<Position>,
}

/// A part of somebody's commit, as the log showed it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct PartRecord {
    /// Whose.
    pub author: PersonaId,
    /// Hash of its entry.
    pub hash: EntryHash,
    /// What it holds.
    #[serde(with = "serde_bytes")]
    pub bytes: Vec<u8>,
}

/// What shows that somebody, or the relay, told two stories.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum Evidence {
    /// A head that contradicts the log of this device.
    Head(SignedHead),
    /// Another entry than the one that the relay served there before.
    Entry {
        /// Under which counter.
        counter: Counter,
        /// What it did.
        flag: Flag,
        /// Its bytes.
        #[serde(with = "serde_bytes")]
        bytes: Vec<u8>,
    },
}

/// What those whom a commit adds need, before it lands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct WelcomeRecord {
    /// The MLS Welcome.
    #[serde(with = "serde_bytes")]
    pub welcome: Vec<u8>,
    /// The ratchet tree after the commit.
    #[serde(with = "serde_bytes")]
    pub tree: Vec<u8>,
    /// Both were handed out: the reply drops name the commit.
    pub handed: bool,
}

/// Somebody's request, as the log carried it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RequestRecord {
    /// In which room.
    pub room: RoomId,
    /// Who.
    pub persona: PersonaId,
    /// The encoded `Application`.
    #[serde(with = "serde_bytes")]
    pub application: Vec<u8>,
}

/// An invite as this device knows it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct InviteRecord {
    /// Its id.
    pub id: IntentId,
    /// Its drop.
    pub drop: ChannelId,
    /// Secret read key of the drop.
    pub read: SecretKey,
    /// Seed of the key that requests are sealed to.
    pub sealing: SecretKey,
    /// Up to where the drop was read.
    pub cursor: Position,
    /// Where this device opened it: the link, and what deletes card and drop.
    pub own: Option<OwnInvite>,
}

impl InviteRecord {
    /// Whether a removal closed it and this device is to open it again.
    pub(super) fn is_closed(&self) -> bool {
        self.own.as_ref().is_some_and(|own| own.closed)
    }
}

/// What only the one who opened an invite has.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct OwnInvite {
    /// The link.
    pub link: String,
    /// The card's channel.
    pub card: ChannelId,
    /// Secret control key of card and drop; the card's append key comes from it.
    pub control: SecretKey,
    /// Its number, once it landed.
    pub number: u32,
    /// How many may still come by it.
    pub left: u16,
    /// A removal closed it: it is opened again under the keys after it.
    pub closed: bool,
}

/// One's own request to be renewed, or to be added to a successor.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct RenewalRecord {
    /// The request, signed.
    pub request: SignedNotice,
    /// Secret read key of the reply drop that it names.
    pub reply_read: SecretKey,
    /// Seed of the key that answers are sealed to.
    pub sealing: SecretKey,
    /// When it was put into the log last, by one's own clock.
    pub posted: Option<Minutes>,
    /// Up to where the reply drop was read.
    pub cursor: Position,
    /// Answers so far.
    pub answers: Vec<super::answer::Reply>,
}

impl RenewalRecord {
    /// Where the answers go.
    pub(super) fn reply(&self) -> Option<&ReplyDrop> {
        match &self.request.notice.kind {
            NoticeKind::Renewal { reply, .. } | NoticeKind::Follow { reply, .. } => Some(reply),
            _ => None,
        }
    }

    /// The channel of the successor that its author asks to be added to.
    pub(super) fn follows(&self) -> Option<ChannelId> {
        match &self.request.notice.kind {
            NoticeKind::Follow { channel, .. } => Some(*channel),
            _ => None,
        }
    }

    /// Up to where its author had read.
    pub(super) fn read(&self) -> Position {
        match &self.request.notice.kind {
            NoticeKind::Renewal { read, .. } => *read,
            _ => Position(0),
        }
    }
}

/// Something to do at the relay besides the room's own log; done at least once.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum Job {
    /// Hand the snapshot and the access secret to people whom a landed commit seated.
    Greet {
        /// Who.
        personas: Vec<PersonaId>,
        /// Those among them who are new in the room.
        newcomers: Vec<PersonaId>,
        /// The state after the commit.
        #[serde(with = "serde_bytes")]
        snapshot: Vec<u8>,
        /// Position of the commit.
        position: Position,
        /// Running hash there.
        running: Running,
        /// Counter after it.
        counter: Counter,
        /// Access secret of the segment after it.
        access: AccessSecret,
        /// Hash of the commit's entry.
        commit: EntryHash,
        /// Milliseconds that somebody else has for greeting first; after them only if somebody is still silent.
        after_ms: u64,
    },
    /// Tell an applicant that the request was declined.
    TellDeclined {
        /// The encoded `Application`.
        #[serde(with = "serde_bytes")]
        application: Vec<u8>,
        /// Why.
        reason: String,
    },
    /// Say in the refuge of the secret before a cut what was seen after it.
    SpeakInRefuge {
        /// The refuge.
        refuge: RefugeSecret,
        /// The encoded `Content`.
        #[serde(with = "serde_bytes")]
        content: Vec<u8>,
    },
    /// Delete card and drop of an invite that ended.
    EndInvite {
        /// The card's channel.
        card: ChannelId,
        /// The drop's channel.
        drop: ChannelId,
        /// Secret control key of both.
        control: SecretKey,
    },
    /// Tell somebody who asks to be renewed that they are out.
    TellOut {
        /// Whom.
        persona: PersonaId,
        /// Where they read it.
        reply: ReplyDrop,
        /// What is said.
        answer: super::answer::Reply,
    },
    /// Delete the drop of an invite that a removal closed.
    EndDrop {
        /// The drop's channel.
        drop: ChannelId,
        /// Its secret control key.
        control: SecretKey,
    },
    /// Take what was handed to this device of what was said before it came.
    TakeHistory {
        /// Where it lies.
        history: super::blob::BlobRef,
        /// Position of the commit by which this device came.
        came: Position,
    },
    /// Say in the governing room that this room went on in the channel where it is now.
    TellGoverning {
        /// The channel.
        channel: ChannelId,
    },
}

/// A request of one's own.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct JoinRecord {
    /// The link.
    pub link: String,
    /// The chosen name.
    pub name: String,
    /// A word to those who decide.
    pub word: String,
    /// Secret of the persona key.
    pub persona_key: SecretKey,
    /// Seed of the key that answers are sealed to.
    pub sealing: SecretKey,
    /// How far it is.
    pub stage: JoinStep,
    /// The name of whom one claims to be: somebody of the body who lost everything.
    pub claims: Option<String>,
    /// What there is besides where it leads into a direct room.
    pub direct: Option<super::direct::Entering>,
}

/// How far a request of one's own is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum JoinStep {
    /// Nothing was sent.
    New,
    /// The request is made and may have been sent.
    Applied(AppliedStep),
    /// In the room.
    Joined {
        /// Which.
        room: RoomId,
        /// The body's label.
        label: String,
    },
    /// Declined.
    Declined {
        /// The body's label.
        label: String,
        /// Why.
        reason: String,
    },
    /// It cannot go on.
    Failed {
        /// The body's label, if it is known.
        label: String,
        /// Why.
        why: String,
    },
}

/// A request that was made.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AppliedStep {
    /// The body's label, as the card says.
    pub label: String,
    /// The suite of its group.
    pub suite: SuiteChoice,
    /// The room.
    pub room: RoomId,
    /// The key package; its private half is in the vault until it is used or the request has ended.
    #[serde(with = "serde_bytes")]
    pub key_package: Vec<u8>,
    /// The invite.
    pub invite: IntentId,
    /// Where requests are dropped.
    pub drop: ChannelId,
    /// One bucket: the sealed request.
    #[serde(with = "serde_bytes")]
    pub request: Vec<u8>,
    /// The reply drop, and its secret read key.
    pub reply: ChannelId,
    /// Secret read key of the reply drop.
    pub reply_read: SecretKey,
    /// The relay has the request.
    pub sent: bool,
    /// Up to where the reply drop was read.
    pub cursor: Position,
    /// Answers so far.
    pub answers: Vec<super::answer::Reply>,
    /// Digest of the request (`Application::digest`).
    pub digest: [u8; 32],
    /// The request, encoded.
    #[serde(with = "serde_bytes")]
    pub application: Vec<u8>,
}
