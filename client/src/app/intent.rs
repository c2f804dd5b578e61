//! Intents: everything a person can ask of their agent, as JSON lines carry it (`docs/agent.md`).

use core::fmt;

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::convene::MeetingAct;
use super::decision::{StepWord, SubjectWord};
use super::directives::{AnswerWord, RaiseWord};
use super::feed::FeedWord;
use super::issue::ItemWord;
use super::links::SendsWord;
use super::remarks::RemarkWord;

/// A passphrase on its way to the vault.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// What kind of body.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KindWord {
    /// Small, closed.
    Cell,
    /// A mass organization.
    Chapter,
    /// An organizing committee or editorial board.
    Committee,
}

/// Which MLS ciphersuite a body is founded with.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SuiteWord {
    /// X-Wing hybrid post-quantum (0x004E).
    #[default]
    Hybrid,
    /// X25519 (0x0003).
    Classical,
}

/// How long words are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// For so many days.
    Days(u32),
    /// For as long as the vault is there.
    Forever,
    /// A room: as the default says.
    Default,
    /// For so many hours.
    Hours(u32),
}

/// What is exported.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportWord {
    /// What was decided.
    Decisions,
    /// Who is in the body now, with offices.
    Roster,
    /// Minutes of meetings that were adopted.
    Minutes,
}

/// What a person wants.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Intent {
    /// Who is there? Answer: `agent`. Never needs an open vault.
    Hello {},
    /// Makes the vault. Answer: `done`.
    Init {
        /// Its passphrase.
        passphrase: Secret,
    },
    /// Opens the vault. Answer: `done`.
    Unlock {
        /// Its passphrase.
        passphrase: Secret,
    },
    /// Closes the vault and every connection. Answer: `done`.
    Lock {},
    /// Changes the passphrase. Answer: `done`.
    Passphrase {
        /// The one it has.
        old: Secret,
        /// The one it gets.
        new: Secret,
    },
    /// After how many minutes without a request the vault locks. Answer: `done`.
    Idle {
        /// Minutes; 0 means never.
        minutes: u32,
    },
    /// Writes a copy of the vault to a file. Answer: `done`.
    Backup {
        /// The file's whole path.
        file: String,
        /// Replace what has this name.
        #[serde(default)]
        force: bool,
    },
    /// Makes a backup the vault of a home that has none; it is locked then. Answer: `done`. Never needs an open
    /// vault.
    Restore {
        /// The file's whole path.
        file: String,
        /// The passphrase that the vault had when the backup was made.
        passphrase: Secret,
    },
    /// How long words are kept on this device. Answer: `retention`.
    Retention {
        /// `BODY[/ROOM]`; the default of all rooms if none is given.
        #[serde(default)]
        room: Option<String>,
        /// From now on; without it nothing is changed.
        #[serde(default)]
        keep: Option<Keep>,
    },
    /// Ends the agent. Answer: `done`.
    Stop {},
    /// How things stand. Answer: `status`.
    Status {},
    /// Remembers a relay; the last one added is where new bodies go. Answer: `relay`.
    RelayAdd {
        /// `caucus://...`
        address: String,
        /// Creation passes, where the relay wants them.
        #[serde(default)]
        passes: Vec<String>,
    },
    /// What a relay promises. Answer: `relay`.
    RelayInfo {
        /// Which; by default the one new bodies go to.
        #[serde(default)]
        address: Option<String>,
    },
    /// Founds a body. Answer: `founded`.
    Found {
        /// What kind.
        kind: KindWord,
        /// Its label.
        label: String,
        /// The founder's chosen name; "founder" if none is given.
        #[serde(default, rename = "as")]
        name: Option<String>,
        /// Its ciphersuite.
        #[serde(default)]
        suite: SuiteWord,
        /// Its rules, as TOML; those that come with the program if none are given.
        #[serde(default)]
        charter: Option<String>,
    },
    /// The rules of a body. Answer: `charter`.
    Charter {
        /// Which.
        body: String,
    },
    /// Opens an invite. Answer: `invited`.
    Invite {
        /// Into which body.
        body: String,
        /// How many may come by it.
        uses: u16,
        /// For how many minutes.
        minutes: u64,
    },
    /// Open invites. Answer: `invites`.
    Invites {
        /// Of which body; of all if none is given.
        #[serde(default)]
        body: Option<String>,
    },
    /// Ends an invite. Answer: `done`.
    Revoke {
        /// Of which body.
        body: String,
        /// Its number.
        number: u32,
    },
    /// Asks to join by a link. Answer: `joining`; what follows shows in `rooms` and `joins`.
    Join {
        /// `caucus-invite:...`
        link: String,
        /// The chosen name.
        #[serde(rename = "as")]
        name: String,
        /// A word to those who decide.
        #[serde(default)]
        word: String,
        /// The name of whom one was in the body before one lost everything.
        #[serde(default)]
        claims: Option<String>,
    },
    /// Requests of one's own that are under way. Answer: `joins`.
    Joins {},
    /// Waits until a request of one's own is decided. Answers: `joins` once, with that one.
    AwaitJoin {
        /// Its number.
        number: u64,
        /// At most so many milliseconds.
        milliseconds: u64,
    },
    /// Gives up a request of one's own. Answer: `done`.
    CancelJoin {
        /// Its number.
        number: u64,
    },
    /// Requests of others that wait for a decision. Answer: `requests`.
    Requests {
        /// In which body; in all if none is given.
        #[serde(default)]
        body: Option<String>,
    },
    /// Admits. Answer: `decided`.
    Admit {
        /// Numbers as `requests` shows them.
        #[serde(default)]
        numbers: Vec<u64>,
        /// Everybody who waits.
        #[serde(default)]
        all: bool,
    },
    /// Declines. Answer: `decided`.
    Decline {
        /// Numbers as `requests` shows them.
        numbers: Vec<u64>,
        /// Why.
        #[serde(default)]
        reason: String,
    },
    /// Says something. Answer: `stored` or `queued`.
    Say {
        /// `BODY[/ROOM]`.
        room: String,
        /// The text.
        text: String,
    },
    /// Reads. Answer: `messages`; with `follow`, `message` events until the connection closes.
    Read {
        /// `BODY[/ROOM]`.
        room: String,
        /// After this position; the latest ones if none is given.
        #[serde(default)]
        since: Option<u64>,
        /// At most so many.
        #[serde(default)]
        limit: Option<u32>,
        /// Go on with what comes.
        #[serde(default)]
        follow: bool,
        /// Everything that happened, not only what was said.
        #[serde(default)]
        all: bool,
        /// All of the room counts as read, not only what is shown.
        #[serde(default)]
        mark: bool,
    },
    /// Opens another room of a body, one of its charter's. Answer: `done`.
    OpenRoom {
        /// Of which body.
        body: String,
        /// Which.
        room: String,
    },
    /// The rooms. Answer: `rooms`.
    Rooms {},
    /// The people of a body. Answer: `people`.
    People {
        /// Which.
        body: String,
    },
    /// The code to compare with somebody. Answer: `code`.
    Verify {
        /// In which body.
        body: String,
        /// With whom.
        name: String,
        /// The codes were compared and are the same: remember it.
        #[serde(default)]
        confirmed: bool,
    },
    /// Lets somebody's request to be renewed count although they spoke since: codes were compared. Answer: `done`.
    Renew {
        /// In which body.
        body: String,
        /// Whom.
        name: String,
    },
    /// Removes somebody. Answer: `removed`.
    Remove {
        /// From which body.
        body: String,
        /// Whom.
        name: String,
        /// Why.
        #[serde(default)]
        reason: String,
    },
    /// Makes a successor of a body's room, for when its channel is gone or its relay is hostile: the same room in a new
    /// channel, proposed to the others. Answer: `done`.
    Successor {
        /// Of which body.
        body: String,
    },
    /// Follows the successor that somebody proposes; `status` shows when one is in. Answer: `done`.
    Follow {
        /// Of which body.
        body: String,
        /// Whose; nobody's any more if none is given.
        #[serde(default)]
        name: Option<String>,
    },
    /// Says that whoever asks to come back is whom they claim to be: the request's code was compared. Answer: `done`.
    Recognize {
        /// The request's number as `requests` shows it.
        number: u64,
    },
    /// Puts whoever asks to come back into the place of whom they claim to be. Answer: `done`.
    Replace {
        /// The request's number as `requests` shows it.
        number: u64,
    },
    /// Changes one's own persona key. Answer: `done`.
    Rekey {
        /// In which body.
        body: String,
    },
    /// Gives one's word for somebody's next step: in, or into the next stage. Answer: `done`.
    Vouch {
        /// In which body.
        body: String,
        /// For whom.
        name: String,
    },
    /// Takes somebody into the next stage. Answer: `done`.
    Promote {
        /// In which body.
        body: String,
        /// Whom.
        name: String,
    },
    /// Takes somebody back into the stage before. Answer: `done`.
    Demote {
        /// In which body.
        body: String,
        /// Whom.
        name: String,
        /// Why.
        #[serde(default)]
        reason: String,
    },
    /// Begins a review of somebody's conduct. Answer: `done`.
    Suspend {
        /// In which body.
        body: String,
        /// Whose.
        name: String,
        /// Why.
        #[serde(default)]
        reason: String,
    },
    /// Ends a review. Answer: `done`.
    Lift {
        /// In which body.
        body: String,
        /// Whose.
        name: String,
    },
    /// The points of unity, and who has accepted them. Answer: `principles`.
    Principles {
        /// Of which body.
        body: String,
    },
    /// Sets the points of unity. Answer: `done`.
    SetPrinciples {
        /// Of which body.
        body: String,
        /// The text by language tag.
        texts: std::collections::BTreeMap<String, String>,
        /// Everybody has to accept them anew; without it, it was a slip of the pen.
        #[serde(default)]
        substance: bool,
    },
    /// Accepts the points of unity that were read. Answer: `done`.
    Accept {
        /// Of which body.
        body: String,
        /// In which language.
        language: String,
        /// Hash of the text, as `principles` gives it.
        hash: String,
    },
    /// Hands an office to the next in line: one's own, or one whose time is over. Answer: `done`.
    HandOver {
        /// In which body.
        body: String,
        /// What the body calls it.
        office: String,
        /// Whose, where several hold it.
        #[serde(default)]
        name: Option<String>,
    },
    /// Proposes something. Answer: `proposed`.
    Propose {
        /// In which body.
        body: String,
        /// In a few words; made from what it does if there are none.
        #[serde(default)]
        title: String,
        /// In more.
        #[serde(default)]
        text: String,
        /// What is carried out if it is decided.
        subject: SubjectWord,
    },
    /// Does something with a proposal. Answer: `done`.
    Step {
        /// In which body.
        body: String,
        /// The proposal's number.
        number: u32,
        /// What.
        what: StepWord,
    },
    /// Proposals. Answer: `proposals`.
    Proposals {
        /// Of which body; of all if none is given.
        #[serde(default)]
        body: Option<String>,
    },
    /// A proposal, with what was said about it. Answer: `proposal`.
    Proposal {
        /// Of which body.
        body: String,
        /// Its number.
        number: u32,
    },
    /// Who holds which office until when, and who is next. Answer: `offices`.
    Offices {
        /// Of which body.
        body: String,
    },
    /// Lets an office pass by, or takes one's turn again. Answer: `done`.
    StandAside {
        /// In which body.
        body: String,
        /// What the body calls it.
        office: String,
        /// It passes by.
        aside: bool,
    },
    /// Who may do what now, and why. Answer: `powers`.
    Powers {
        /// In which body.
        body: String,
    },
    /// Decisions, minutes or a roster, signed, for people without this program. Answer: `exported`.
    Export {
        /// Of which body.
        body: String,
        /// Which.
        what: ExportWord,
        /// A roster: as of then (minutes since 1970-01-01T00:00Z); as of now if not given.
        #[serde(default)]
        at: Option<u64>,
    },
    /// What waits for this person. Answer: `inbox`.
    Inbox {},
    /// What of it is due within a day, or over, and was not told before: each is told once. Answer: `reminders`.
    Reminders {},
    /// Leaves a body. Answer: `done`.
    Leave {
        /// Which.
        body: String,
    },
    /// Calls a meeting. Answer: `meetings`, with that one.
    CallMeeting {
        /// Of which body.
        body: String,
        /// In a few words.
        title: String,
        /// For when, in minutes since 1970-01-01T00:00Z.
        at: u64,
        /// What is to be spoken of.
        #[serde(default)]
        agenda: Vec<String>,
    },
    /// The meetings of a body. Answer: `meetings`.
    Meetings {
        /// Of which body.
        body: String,
        /// One of them, with the text of its minutes.
        #[serde(default)]
        number: Option<u32>,
    },
    /// Does something with a meeting. Answer: `done`.
    Meeting {
        /// Of which body.
        body: String,
        /// Which; needed where it could be several.
        #[serde(default)]
        number: Option<u32>,
        /// What.
        act: MeetingAct,
    },
    /// Drafts the minutes of a meeting from the log; nothing is sent. Answer: `draft_minutes`.
    DraftMinutes {
        /// Of which body.
        body: String,
        /// Of which meeting; needed where it could be several.
        #[serde(default)]
        number: Option<u32>,
    },
    /// Sends a file, at most 100 MiB. Answer: `file_sent`, or `queued` once all of it is at the relay. Ends when its asker
    /// is gone; asked again, it goes on.
    SendFile {
        /// Where.
        room: String,
        /// The file's whole path.
        file: String,
        /// What to say with it.
        #[serde(default)]
        text: String,
    },
    /// The files of a room. Answer: `files`.
    Files {
        /// Of which room.
        room: String,
    },
    /// Fetches a file. Answer: `file_saved`. Ends when its asker is gone; asked again, it goes on.
    GetFile {
        /// Of which room.
        room: String,
        /// Its number.
        number: u64,
        /// The whole path of a folder, or of the file as it will be.
        to: String,
        /// Replace what has this name.
        #[serde(default)]
        force: bool,
    },
    /// Fetches a file that goes with an announcement, as `get_file`. Answer: `file_saved`.
    GetAnnounced {
        /// In which of one's bodies it was heard.
        body: String,
        /// Whose announcement; one's own body's too, and that of one which others forward.
        from: String,
        /// Its number.
        number: u32,
        /// Which of its files, from 1.
        place: usize,
        /// The whole path of a folder, or of the file as it will be.
        to: String,
        /// Replace what has this name.
        #[serde(default)]
        force: bool,
    },
    /// Fetches a file that goes with a report on a directive of one's own body, as `get_file`. Answer: `file_saved`.
    GetReported {
        /// Whose directive.
        body: String,
        /// Whose report.
        from: String,
        /// Number of the directive.
        number: u32,
        /// Which of its files, from 1.
        place: usize,
        /// The whole path of a folder, or of the file as it will be.
        to: String,
        /// Replace what has this name.
        #[serde(default)]
        force: bool,
    },
    /// Publishes once more what another body announced, with that body's signature, for those who hear one's own. Answer:
    /// `issued`.
    Forward {
        /// By which body.
        body: String,
        /// Whose announcement.
        from: String,
        /// Its number there.
        number: u32,
    },
    /// The links of a body with others. Answer: `links`.
    Links {
        /// Of which body.
        body: String,
    },
    /// Offers a link to another body. Answer: `link_offered`.
    OfferLink {
        /// By which body.
        body: String,
        /// What this body may send.
        we: SendsWord,
        /// What the other may send.
        they: SendsWord,
        /// For how many minutes it can be accepted.
        minutes: u64,
    },
    /// What an offer says; nothing is accepted. Answer: `offer`.
    ReadOffer {
        /// To which body it is made.
        body: String,
        /// The offer.
        offer: String,
    },
    /// Accepts an offer. Answer: `done`.
    AcceptLink {
        /// By which body.
        body: String,
        /// The offer.
        offer: String,
    },
    /// Ends a link, or takes an offer back. Answer: `done`.
    EndLink {
        /// Of which body.
        body: String,
        /// Its number, or what the other body is called.
        link: String,
        /// Why.
        #[serde(default)]
        reason: String,
    },
    /// The bodies that a person knows of, and their links. Answer: `map`.
    Map {},
    /// Publishes something for the bodies that are linked with, or sends it to some. Answer: `issued`.
    Issue {
        /// By which body.
        body: String,
        /// What.
        item: ItemWord,
        /// For whom; for all if nobody is named.
        #[serde(default)]
        to: Vec<String>,
    },
    /// What a body published and sent. Answer: `items`.
    Issued {
        /// Which body.
        body: String,
    },
    /// What one's bodies, and those that they hear, announce. Answer: `feed`.
    Feed {
        /// Of one body only.
        #[serde(default)]
        body: Option<String>,
        /// What is muted, over, or was replaced too.
        #[serde(default)]
        all: bool,
        /// What was not read only.
        #[serde(default)]
        unread: bool,
        /// All of it counts as read afterwards.
        #[serde(default)]
        mark: bool,
    },
    /// Sets how the announcements of a body are shown. Answer: `done`.
    SetFeed {
        /// Which of one's bodies hears them.
        body: String,
        /// Whose.
        from: String,
        /// How.
        how: FeedWord,
    },
    /// Directives of other bodies. Answer: `directives`.
    Directives {
        /// To one body only.
        #[serde(default)]
        body: Option<String>,
        /// Those that are over too.
        #[serde(default)]
        all: bool,
    },
    /// Does something with a directive. Answer: `done`.
    AnswerDirective {
        /// In which body.
        body: String,
        /// Of which other; needed where it could be several.
        #[serde(default)]
        from: Option<String>,
        /// Its number.
        number: u32,
        /// What.
        answer: AnswerWord,
    },
    /// What became of a body's own directives. Answer: `board`.
    Board {
        /// Which body.
        body: String,
        /// One of them.
        #[serde(default)]
        number: Option<u32>,
        /// Those that are over too.
        #[serde(default)]
        all: bool,
    },
    /// Raises a motion, a report or a question with another body. Answer: `done`.
    Raise {
        /// By which body.
        body: String,
        /// With which.
        to: String,
        /// What it is.
        kind: RaiseWord,
        /// In words.
        text: String,
        /// Days in which an answer is owed.
        days: u16,
    },
    /// Answers what another body raised. Answer: `done`.
    Reply {
        /// By which body.
        body: String,
        /// To which.
        to: String,
        /// Its number.
        number: u32,
        /// In words.
        text: String,
    },
    /// What was raised, by a body and with it. Answer: `raised`.
    Raised {
        /// One body only.
        #[serde(default)]
        body: Option<String>,
        /// What was answered too.
        #[serde(default)]
        all: bool,
    },
    /// Where the rooms of a body lie, and to which relays they may go. Answer: `places`.
    Places {
        /// Which body.
        body: String,
    },
    /// Moves every room of a body in which one holds keys to a relay that its charter names. Answer: `places`.
    Relocate {
        /// Which body.
        body: String,
        /// The relay's address.
        relay: String,
    },
    /// Whether each room of a body has a connection of its own. Answer: `isolation`.
    Isolate {
        /// Which body.
        body: String,
        /// From now on; without it nothing is changed.
        #[serde(default)]
        isolated: Option<bool>,
    },
    /// Does something with a message: answers, marks, edits, deletes or pins it. Answer: `stored` or `queued`.
    Remark {
        /// In which room.
        room: String,
        /// The message's number, as `read` shows it.
        number: u64,
        /// What.
        what: RemarkWord,
    },
    /// The pinned messages of a room. Answer: `pins`.
    Pins {
        /// Of which room.
        room: String,
    },
    /// After how many hours messages of a room vanish. Answer: `vanishing`; `stored` or `queued` where it is changed.
    Vanish {
        /// Of which room.
        room: String,
        /// Those that are said from now on; 0: they do not. Without it nothing is changed.
        #[serde(default)]
        hours: Option<u32>,
    },
    /// Looks for words in everything that was said, on this device. Answer: `found`.
    Search {
        /// What; all of them must be there. Case and accents do not count.
        words: Vec<String>,
        /// In one room only.
        #[serde(default)]
        room: Option<String>,
        /// By one person only.
        #[serde(default)]
        from: Option<String>,
        /// Not said before this minute (since 1970-01-01T00:00Z), by the author's clock.
        #[serde(default)]
        since: Option<u64>,
        /// At most so many, the newest; 20 if none is given.
        #[serde(default)]
        limit: Option<u32>,
    },
    /// Everything in a room counts as read. Answer: `done`.
    Mark {
        /// Which room.
        room: String,
        /// This message and what comes after count as not read instead.
        #[serde(default)]
        unread: Option<u64>,
    },
    /// Mutes a room for this person: what is said in it is no news. Answer: `done`.
    Mute {
        /// Which room.
        room: String,
        /// For how many minutes; until it is taken back if none is given.
        #[serde(default)]
        minutes: Option<u64>,
        /// Not any more.
        #[serde(default)]
        off: bool,
    },
    /// The draft of a room. Answer: `draft`; `stored` or `queued` where it is said.
    Draft {
        /// Of which room.
        room: String,
        /// Keeps this in place of the one that is there.
        #[serde(default)]
        text: Option<String>,
        /// What becomes of it.
        #[serde(default)]
        then: DraftWord,
    },
    /// Whether the agent tells the desktop that there is something new, without saying what. Answer: `notifications`.
    Notify {
        /// From now on; without it nothing is changed.
        #[serde(default)]
        on: Option<bool>,
    },
    /// Asks somebody to talk alone. Answer: `done`.
    AskDirect {
        /// In which body both are.
        body: String,
        /// Whom.
        to: String,
        /// One's name in the new room; one that says nothing if none is given.
        #[serde(default, rename = "as")]
        name: Option<String>,
        /// What to say with it.
        #[serde(default)]
        word: String,
    },
    /// Comes where one was asked to. Answer: `joining`.
    AcceptDirect {
        /// Its number as `directs` shows it.
        number: u64,
        /// One's name in the new room; one that says nothing if none is given.
        #[serde(default, rename = "as")]
        name: Option<String>,
    },
    /// Does not come. Answer: `done`.
    DeclineDirect {
        /// Its number as `directs` shows it.
        number: u64,
    },
    /// Whom one talks with alone, whom one asked, and who asks. Answer: `direct`.
    Directs {},
    /// Would bring people of linked bodies together. Answer: `done`.
    Introduce {
        /// Which body introduces them.
        body: String,
        /// Of which linked bodies; who comes of the first is the host.
        between: Vec<String>,
        /// What it is for.
        about: String,
        /// Days in which they may consent.
        days: u16,
    },
    /// Comes when a linked body introduces somebody. Answer: `done`.
    ConsentIntroduction {
        /// Which of one's bodies is asked.
        body: String,
        /// By which other; needed where it could be several.
        #[serde(default)]
        from: Option<String>,
        /// The introduction's number.
        number: u32,
        /// One's name in the new room; one that says nothing if none is given.
        #[serde(default, rename = "as")]
        name: Option<String>,
    },
    /// Takes a consent back, or says for the body that nobody comes. Answer: `done`.
    DeclineIntroduction {
        /// Which of one's bodies is asked.
        body: String,
        /// By which other; needed where it could be several.
        #[serde(default)]
        from: Option<String>,
        /// The introduction's number.
        number: u32,
    },
    /// Introductions that one's bodies make, and are asked for. Answer: `introductions`.
    Introductions {
        /// Of one body only.
        #[serde(default)]
        body: Option<String>,
    },
}

/// What becomes of a draft.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DraftWord {
    /// It is kept.
    #[default]
    Keep,
    /// It is said, and gone once that stands in the log or waits to be sent.
    Send,
    /// It is dropped.
    Drop,
}
