//! Answers: read models, as JSON lines carry them (`docs/agent.md`). Other people's words in them are as they
//! were said; whoever prints them makes them harmless first (`cli::plain`).

use serde::{Deserialize, Serialize};

use super::attachments::AttachmentView;
use super::decision::{OfficeLine, PowerLine, ProposalView, WordView};
use super::direct::DirectView;
use super::directives::{BoardView, DirectiveView, RaisedView};
use super::export::FileView;
use super::feed::{ItemView, SourceView};
use super::intent::Keep;
use super::liaison::{IntroducedView, IntroductionView};
use super::links::{EdgeView, LinkView, NodeView, OfferView};
use super::meetings::MeetingView;
use super::relocate::PlaceView;
use super::remarks::RemarksView;
use super::search::HitView;

/// What the agent answers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Answer {
    /// The agent.
    Agent {
        /// Version of the program.
        version: String,
        /// What it holds.
        vault: VaultWord,
        /// Its process.
        pid: u32,
    },
    /// Done; nothing to show.
    Done {},
    /// How things stand.
    Status(Status),
    /// A relay.
    Relay(RelayView),
    /// A body was founded.
    Founded {
        /// Its label.
        body: String,
        /// Its id.
        id: String,
        /// The founder's name.
        name: String,
    },
    /// An invite is open.
    Invited {
        /// The body.
        body: String,
        /// Its number.
        number: u32,
        /// The link: whoever has it may ask to join.
        link: String,
        /// How many may come by it.
        uses: u16,
        /// Minutes since 1970-01-01T00:00Z.
        expires: u64,
    },
    /// Open invites.
    Invites {
        /// By number.
        invites: Vec<InviteView>,
    },
    /// A request to join was sent.
    Joining {
        /// Its number.
        number: u64,
        /// The body's label, as the invite says.
        body: String,
    },
    /// Requests of one's own.
    Joins {
        /// By number.
        joins: Vec<JoinView>,
    },
    /// Requests of others.
    Requests {
        /// By number.
        requests: Vec<RequestView>,
    },
    /// Requests were decided.
    Decided {
        /// One line each.
        decided: Vec<DecidedView>,
    },
    /// It stands in the log.
    Stored {
        /// Where.
        position: u64,
    },
    /// It waits on this device until the relay is there.
    Queued {
        /// How many intents wait in this room, this one included.
        waiting: u64,
        /// Why.
        why: String,
    },
    /// What was said.
    Messages {
        /// In order of position.
        messages: Vec<MessageView>,
        /// The last position that this device has read.
        position: u64,
        /// After how many hours what is said here now vanishes, if it does.
        #[serde(default)]
        vanish_hours: Option<u32>,
    },
    /// One more message, while following.
    Message(MessageView),
    /// The rooms.
    Rooms {
        /// By label.
        rooms: Vec<RoomView>,
    },
    /// People of a body.
    People {
        /// The body.
        body: String,
        /// In order of admission.
        people: Vec<PersonView>,
    },
    /// The code to compare.
    Code {
        /// With whom.
        name: String,
        /// 60 digits in twelve groups of five.
        code: String,
        /// It was compared before.
        verified: bool,
    },
    /// How far something long has come; the answer itself follows.
    Progress {
        /// What is being done, in words.
        what: String,
        /// How much of it is done.
        done: u64,
        /// How much there is.
        total: u64,
        /// It is bytes that are counted.
        #[serde(default)]
        bytes: bool,
    },
    /// How long words are kept on this device.
    Retention {
        /// Where no other is chosen.
        default: Keep,
        /// Rooms, by label.
        rooms: Vec<RetentionView>,
    },
    /// Whether each room of a body has a connection of its own.
    Isolation {
        /// The body.
        body: String,
        /// It is so.
        isolated: bool,
        /// How many connections stand at this moment.
        connections: u64,
    },
    /// The vault was destroyed.
    Destroyed {
        /// There was one.
        vault: bool,
        /// An agent was ended.
        agent: bool,
        /// The home folder is gone too; it stays where other things lie in it.
        home: bool,
    },
    /// What a shell needs to complete commands.
    Completions {
        /// In the shell's own language.
        script: String,
    },
    /// Manual pages were written.
    Manual {
        /// Their names.
        pages: Vec<String>,
    },
    /// What is right and wrong on this machine.
    Examined {
        /// One line each.
        checks: Vec<Check>,
    },
    /// The rules of a body.
    Charter {
        /// The body.
        body: String,
        /// What kind it is: `cell`, `chapter`, `committee` or `direct`; of rules that no body lives by yet, their word for it.
        kind: String,
        /// The rules as TOML, which `found --charter` takes.
        toml: String,
        /// The rules in words, one a line.
        rules: Vec<String>,
    },
    /// The points of unity.
    Principles(PrinciplesView),
    /// What waits for this person.
    Inbox {
        /// What has a date first, the earliest first.
        items: Vec<InboxItem>,
    },
    /// Something is proposed.
    Proposed {
        /// In which body.
        body: String,
        /// Its number.
        number: u32,
    },
    /// Proposals.
    Proposals {
        /// The newest first.
        proposals: Vec<ProposalView>,
    },
    /// A proposal.
    Proposal {
        /// It.
        proposal: Box<ProposalView>,
        /// What was said about it, in order.
        words: Vec<WordView>,
    },
    /// The offices of a body.
    Offices {
        /// Which body.
        body: String,
        /// Its offices.
        offices: Vec<OfficeLine>,
    },
    /// Who may do what now.
    Powers {
        /// In which body.
        body: String,
        /// By power.
        powers: Vec<PowerLine>,
    },
    /// What was exported, to be written to files.
    Exported {
        /// Of which body.
        body: String,
        /// Files: their names, and what is in them.
        files: Vec<FileView>,
    },
    /// The signature of an export fits.
    Verified {
        /// The key that signed it.
        key: String,
    },
    /// Somebody was removed.
    Removed {
        /// Whom.
        name: String,
        /// Where the decision stands; none while it waits for the relay.
        position: Option<u64>,
        /// The keys have turned in every room: they read nothing from here on.
        cut: bool,
        /// The body's rooms that this device is in and they were in.
        rooms: Vec<RemovedView>,
    },
    /// Meetings.
    Meetings {
        /// Of which body.
        body: String,
        /// By number.
        meetings: Vec<MeetingView>,
    },
    /// A draft of minutes.
    DraftMinutes {
        /// Of which body.
        body: String,
        /// Of which meeting.
        number: u32,
        /// The draft, as Markdown.
        text: String,
    },
    /// A file was sent.
    FileSent {
        /// Into which room.
        room: String,
        /// Its number: the position of its message.
        number: u64,
        /// The name that it has for the others.
        name: String,
        /// Bytes.
        size: u64,
        /// Until when the relay has it, in minutes since 1970-01-01T00:00Z.
        expires: u64,
    },
    /// Files of a room.
    Files {
        /// Which room.
        room: String,
        /// The oldest first.
        files: Vec<AttachmentView>,
    },
    /// A file was fetched.
    FileSaved {
        /// Its name.
        name: String,
        /// Bytes.
        size: u64,
        /// Its whole path.
        path: String,
    },
    /// What is due soon, or over, and was not told before.
    Reminders {
        /// The earliest first.
        items: Vec<InboxItem>,
    },
    /// The links of a body.
    Links {
        /// The body.
        body: String,
        /// By number.
        links: Vec<LinkView>,
        /// What a person should know of its own bulletin, in words.
        warnings: Vec<String>,
    },
    /// A link is offered.
    LinkOffered {
        /// The body.
        body: String,
        /// What the other body accepts by: whoever has it may.
        offer: String,
        /// Until when, in minutes since 1970-01-01T00:00Z.
        expires: u64,
    },
    /// What an offer says.
    Offer(OfferView),
    /// The bodies that a person knows of.
    Map {
        /// Committees first, then chapters, then cells.
        nodes: Vec<NodeView>,
        /// Their links.
        edges: Vec<EdgeView>,
    },
    /// Something was published or sent.
    Issued {
        /// The body.
        body: String,
        /// Its number.
        number: u32,
    },
    /// What a body published and sent.
    Items {
        /// The body.
        body: String,
        /// The latest first.
        items: Vec<ItemView>,
    },
    /// What bodies announce.
    Feed {
        /// The oldest first.
        items: Vec<ItemView>,
        /// Where it comes from.
        sources: Vec<SourceView>,
    },
    /// Directives of other bodies.
    Directives {
        /// The latest first.
        directives: Vec<DirectiveView>,
    },
    /// What became of directives.
    Board {
        /// The body.
        body: String,
        /// The latest first.
        boards: Vec<BoardView>,
    },
    /// What was raised.
    Raised {
        /// The oldest first.
        raised: Vec<RaisedView>,
    },
    /// Where the rooms of a body lie.
    Places {
        /// Each room.
        rooms: Vec<PlaceView>,
        /// Where they may go, in order.
        alternates: Vec<String>,
    },
    /// Pinned messages.
    Pins {
        /// Of which room.
        room: String,
        /// The first pinned first.
        pins: Vec<MessageView>,
    },
    /// How long messages of a room are kept.
    Vanishing {
        /// Of which room.
        room: String,
        /// After how many hours what is said now vanishes; 0: it does not.
        hours: u32,
        /// Since which entry.
        since: u64,
    },
    /// What was found.
    Found {
        /// The newest first.
        hits: Vec<HitView>,
        /// There is more than was asked for.
        more: bool,
    },
    /// A draft.
    Draft {
        /// Of which room.
        room: String,
        /// Its text; none if there is none.
        text: Option<String>,
    },
    /// Whether the agent tells the desktop that there is something new.
    Notifications {
        /// It does.
        on: bool,
        /// This program can.
        possible: bool,
    },
    /// Whom one talks with alone, whom one asked, and who asks.
    Direct {
        /// Who asks first.
        direct: Vec<DirectView>,
    },
    /// Introductions that one's bodies make, and are asked for.
    Introductions {
        /// By body, the latest first.
        introductions: Vec<IntroductionView>,
    },
}

/// A room that somebody was removed from.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RemovedView {
    /// Its name.
    pub room: String,
    /// They have no seat in it.
    pub out: bool,
    /// Its keys have turned since.
    pub cut: bool,
}

/// The points of unity of a body.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PrinciplesView {
    /// The body.
    pub body: String,
    /// What the body calls them.
    pub word: String,
    /// Which version; 0 while there is none.
    pub version: u32,
    /// The texts, in order of language.
    pub texts: Vec<TextView>,
    /// Who has accepted what counts, by name.
    pub accepted: Vec<AcceptanceView>,
    /// Who has not.
    pub missing: Vec<String>,
    /// Until when this person has to accept, if they have not.
    pub due: Option<u64>,
}

/// A text in one language.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TextView {
    /// Language tag.
    pub language: String,
    /// The text.
    pub text: String,
    /// Its hash, by which it is accepted.
    pub hash: String,
}

/// Somebody's acceptance.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AcceptanceView {
    /// Whose.
    pub name: String,
    /// Of which version.
    pub version: u32,
    /// In which language.
    pub language: String,
}

/// Something that waits for a person.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct InboxItem {
    /// Which kind: `request`, `vouch`, `accept`, `renewal`, `office`, `vote`, `poll`, `outcome`, `amendment`, `review`,
    /// `meeting`, `word`, `minutes`, `acknowledge`, `directive`, `reply`, `mention`, `answer`,
    /// `introduction` or `talk`.
    pub kind: String,
    /// In which body.
    pub body: String,
    /// What, in words.
    pub what: String,
    /// The command that does it.
    pub next: String,
    /// Until when, where there is such a time (minutes since 1970-01-01T00:00Z).
    pub due: Option<u64>,
}

/// An office that somebody holds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OfficeView {
    /// What the body calls it.
    pub office: String,
    /// Until when; none: until it is handed over.
    pub until: Option<u64>,
    /// That time is over: it allows nothing but its hand-over.
    pub lapsed: bool,
}

/// How long words of a room are kept on this device.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RetentionView {
    /// The room.
    pub room: String,
    /// What was chosen for it; none where the default holds.
    pub own: Option<Keep>,
    /// Up to which position words were forgotten.
    pub forgotten: u64,
    /// After how many hours what is said in it now vanishes by the room's own word, if it does: the shorter time counts.
    #[serde(default)]
    pub vanish_hours: Option<u32>,
}

/// One thing that was looked at on this machine.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Check {
    /// What.
    pub what: String,
    /// How it stands.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// What to do about it.
    pub next: Option<String>,
}

/// How something stands. Later ones are worse.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// It works, but a person should know.
    Warning,
    /// It does not work.
    Broken,
}

/// What the agent holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VaultWord {
    /// There is none yet.
    None,
    /// It is locked: no keys, no connection, no sync.
    Locked,
    /// It is open.
    Open,
}

/// How things stand.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Status {
    /// What the agent holds.
    pub vault: VaultWord,
    /// Version of the program.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// Minutes without a request after which it locks; 0 means never.
    pub idle_minutes: u32,
    /// Relays it knows.
    pub relays: Vec<RelayState>,
    /// Rooms.
    pub rooms: Vec<RoomView>,
    /// Requests of one's own under way.
    pub joins: Vec<JoinView>,
    /// Requests of others that wait for a decision.
    pub requests: u64,
    /// Intents on this device that do not stand in a log yet.
    pub unsent: u64,
    /// What a person should know, in words.
    pub warnings: Vec<String>,
    /// How the agent keeps its memory to itself.
    pub protection: ProtectionView,
}

/// How a process keeps its memory to itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ProtectionView {
    /// It leaves no core dump and no other process of its user reads its memory.
    pub undumpable: bool,
    /// No page of it is written to the swap.
    pub locked: bool,
    /// There is a swap on a disk.
    pub swap: bool,
    /// Bytes that it may lock; none for no limit.
    pub may_lock: Option<u64>,
}

/// A relay as this device sees it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RelayState {
    /// Its address.
    pub address: String,
    /// New bodies go there.
    pub default: bool,
    /// Connections that live now.
    pub connections: u64,
    /// Why there is none, if none lives though one is wanted.
    pub trouble: Option<String>,
}

/// What a relay promises.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RelayView {
    /// Its address.
    pub address: String,
    /// Version of its software.
    pub software: String,
    /// `disk`, `memory` or `replicated`.
    pub store: String,
    /// Days that messages live at most.
    pub message_days: u64,
    /// Days that commits live at most.
    pub commit_days: u64,
    /// Entries a channel may hold.
    pub channel_entries: u64,
    /// Bytes a channel may hold.
    pub channel_bytes: u64,
    /// Who may make channels: `open` or `pass`.
    pub creation: String,
    /// New bodies go there.
    pub default: bool,
}

/// An open invite.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct InviteView {
    /// The body.
    pub body: String,
    /// Its number.
    pub number: u32,
    /// Who opened it.
    pub by: String,
    /// How many may still come by it.
    pub left: u16,
    /// Minutes since 1970-01-01T00:00Z.
    pub expires: u64,
    /// The link, where this device opened it.
    pub link: Option<String>,
    /// Why nobody can ask by it at the moment, where a removal closed it.
    pub closed: Option<String>,
}

/// How far a request of one's own is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JoinStage {
    /// Not yet at the relay.
    Sending,
    /// Waiting for admission.
    Waiting,
    /// In the room.
    Joined,
    /// Declined.
    Declined,
    /// It cannot go on; `why` says it.
    Failed,
}

/// A request of one's own.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct JoinView {
    /// Its number.
    pub number: u64,
    /// The body's label.
    pub body: String,
    /// The chosen name.
    pub name: String,
    /// How far it is.
    pub stage: JoinStage,
    /// The reason of a decline or a failure.
    pub why: Option<String>,
    /// The name of whom one claims to be, where one lost everything.
    pub claims: Option<String>,
    /// The code of the request, once it is made: whoever is to recognize one asks for it.
    pub code: Option<String>,
    /// What others will be told of the name.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// A request of somebody else.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RequestView {
    /// Its number on this device.
    pub number: u64,
    /// The body.
    pub body: String,
    /// The chosen name.
    pub name: String,
    /// Their word.
    pub word: String,
    /// By which invite.
    pub invite: u32,
    /// Whose vouches count, by name.
    pub vouches: Vec<String>,
    /// How many of others are needed, where this person admits.
    pub vouches_needed: usize,
    /// The name of whom they claim to be, where they say that they lost everything.
    pub claims: Option<String>,
    /// Whoever is claimed was heard since: the request leads nowhere.
    pub contradicted: bool,
    /// When the claim may be granted at the earliest, in witnessed time.
    pub due: Option<u64>,
    /// The code of the request, which whoever asks can read out.
    pub code: String,
    /// What one should know of the name before one trusts it: that it looks like somebody else's or like an office.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// What became of one decision.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DecidedView {
    /// The request's number.
    pub number: u64,
    /// Whose.
    pub name: String,
    /// Where it stands; none while it waits for the relay.
    pub position: Option<u64>,
}

/// Something that stands in a log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MessageView {
    /// The room.
    pub room: String,
    /// Where.
    pub position: u64,
    /// Who; none where it could not be told.
    pub author: Option<String>,
    /// Minutes since 1970-01-01T00:00Z, by the author's clock.
    pub time: Option<u64>,
    /// What kind.
    pub kind: MessageKind,
    /// The text said, or in words what happened.
    pub text: String,
    /// It was written by this person.
    pub own: bool,
    /// The file that it names. A text that looks as if it named one does not.
    #[serde(default)]
    pub file: Option<AttachmentView>,
    /// Who handed it over, where it was said before this person came: it is their word, and verified by nothing.
    #[serde(default)]
    pub handed_by: Option<String>,
    /// What was done with it, and whom it is about.
    #[serde(default, flatten)]
    pub remarks: RemarksView,
}

/// What kind of thing stands in a log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// Somebody said something.
    Said,
    /// Something happened to the body.
    Event,
    /// An entry that changed nothing; the text says why.
    NoOp,
    /// Something was done with a message, which shows it too.
    Remark,
}

/// A room.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RoomView {
    /// `BODY`, or `BODY/ROOM` where it is not the governing room.
    pub name: String,
    /// The body's id.
    pub body: String,
    /// One's own name in it.
    pub me: String,
    /// People in it.
    pub people: u64,
    /// The last position read.
    pub position: u64,
    /// The latest position of something said that was not yet read by the person.
    pub unread: u64,
    /// Intents that wait.
    pub unsent: u64,
    /// Its relay.
    pub relay: String,
    /// The id of its channel there: what whoever runs the relay would need to delete it.
    #[serde(default)]
    pub channel: String,
    /// Following it now.
    pub live: bool,
    /// Minutes since 1970-01-01T00:00Z of the last time it was read to the end.
    pub synced: Option<u64>,
    /// The time that its people witness, in minutes since 1970-01-01T00:00Z.
    pub clock: u64,
    /// How it stands.
    pub state: RoomState,
    /// Removed people, and people whose lost device was replaced, where access is not yet cut.
    pub uncut: Vec<String>,
    /// How many others' heads attest the history this device was given; none where it saw all of it.
    pub attested: Option<u64>,
    /// Successors that others propose.
    pub successors: Vec<SuccessorView>,
    /// What a person should know, in words.
    pub warnings: Vec<String>,
    /// When somebody else was heard last, by their clock, in minutes since 1970-01-01T00:00Z.
    pub heard: Option<u64>,
    /// What the relay, or people's heads, contradicted of what this device has verified; what stands first.
    #[serde(default)]
    pub contradictions: Vec<ContradictionView>,
    /// Where its roster comes from, if it is not the governing room.
    #[serde(default)]
    pub roster: Option<RosterView>,
    /// It has a connection of its own, as every room of its body.
    #[serde(default)]
    pub isolated: bool,
    /// How much of what was not read mentions this person or answers them.
    #[serde(default)]
    pub for_me: u64,
    /// It is muted.
    #[serde(default)]
    pub muted: bool,
    /// Until when, in minutes since 1970-01-01T00:00Z; none: until it is not muted any more.
    #[serde(default)]
    pub muted_until: Option<u64>,
    /// There is a draft.
    #[serde(default)]
    pub draft: bool,
    /// After how many hours what is said in it now vanishes, if it does.
    #[serde(default)]
    pub vanish_hours: Option<u32>,
    /// A direct room: its name is this device's alone.
    #[serde(default)]
    pub direct: bool,
    /// Who introduced its people.
    #[serde(default)]
    pub introduced: Option<IntroducedView>,
}

/// What a room that does not govern its body knows of who belongs into it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RosterView {
    /// Number of the last claim; 0 while there is none.
    pub number: u64,
    /// Who signed it.
    pub by: String,
    /// When it came, in minutes since 1970-01-01T00:00Z, by the room's witnessed time.
    pub came: u64,
    /// Who says that it is not what the governing room decided.
    pub disputed: Vec<String>,
    /// Who belongs into the room and is not in yet.
    pub awaited: Vec<String>,
}

/// Something that contradicts what this device has verified, with its evidence.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ContradictionView {
    /// `head` where a person's signed head contradicts; else what the relay did: `rewritten`, `set_back`, `missing`,
    /// `wrong_counter`, `withheld`, `exchanged`, `not_new`.
    pub kind: String,
    /// The entry that it is about.
    pub at: u64,
    /// Whose head it is; none where it is the relay's own doing.
    pub by: Option<String>,
    /// Minutes since 1970-01-01T00:00Z: when it was noticed first; of a head, when it was signed.
    pub noticed: Option<u64>,
    /// It is so still; if not, the relay has shown the right log again.
    pub stands: bool,
    /// What this device has verified: a running hash, a position or a counter.
    pub here: String,
    /// What was shown or said instead.
    pub there: String,
    /// In words.
    pub words: String,
    /// What to do.
    pub next: String,
    /// The signed head, or the bytes of the other entry, in hexadecimal digits.
    pub proof: Option<String>,
}

/// A successor of a room, as somebody proposes it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SuccessorView {
    /// Who.
    pub by: String,
    /// The last entry that it keeps.
    pub position: u64,
    /// How it compares with one's own log.
    pub word: SuccessorWord,
    /// By how many entries it is behind or beyond.
    pub entries: u64,
    /// This person follows it and waits to be let in.
    pub followed: bool,
}

/// How a successor compares with one's own log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SuccessorWord {
    /// It keeps all of it.
    Matches,
    /// The last entries are not in it.
    Behind,
    /// It goes beyond what was read here, and cannot be compared.
    Beyond,
    /// Its maker saw another log.
    Contradicts,
    /// It ends before this device came in, and cannot be compared.
    Unknown,
}

/// How a room stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoomState {
    /// In it.
    Open,
    /// This device cannot go on by itself: it may be read, not acted in, until others have renewed it.
    Unsynced,
    /// A commit could not be processed here: whether it stands is for the others' devices to say.
    Holding,
    /// Others' heads contradict what this device was shown.
    Forked,
    /// The room is above what this program knows.
    NeedsUpgrade,
    /// This person left.
    Left,
    /// This person was removed.
    Removed,
    /// The relay does not have the channel any more.
    Gone,
    /// Another device has this person's place.
    Replaced,
}

/// A person of a body.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PersonView {
    /// The chosen name.
    pub name: String,
    /// The persona's id.
    pub persona: String,
    /// Where they stand: `present`, `applied`, `admitted`, `going`, `gone` or `awaited`.
    pub standing: String,
    /// What they may do.
    pub powers: Vec<String>,
    /// Which stage they are in, or would come into, in the body's words.
    pub sphere: String,
    /// `good`, `lapsed` (the points of unity were not accepted in time) or `suspended`.
    pub regard: String,
    /// Offices they hold.
    pub offices: Vec<OfficeView>,
    /// Compared codes with this person.
    pub verified: bool,
    /// It is oneself.
    pub me: bool,
    /// Removed, or their lost device was replaced, and the room's keys have not turned since.
    pub uncut: bool,
    /// Days since they were last heard, where that is long ago.
    pub silent_days: Option<u64>,
    /// What one should know of the name before one trusts it: that it looks like somebody else's or like an office.
    #[serde(default)]
    pub warnings: Vec<String>,
}
