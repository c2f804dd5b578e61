//! The organization machine (`docs/organization.md`): what members of a body must agree on, as a pure state
//! machine over a log that the relay orders and cannot read.
//!
//! [`State::judge`] and [`State::judge_commit`] are the only authority, before sending and at replay;
//! [`State::apply`] is total and deterministic: an entry that breaks a rule is a recorded no-op.

pub mod act;
pub mod amend;
pub mod application;
pub mod apply;
pub mod attachment;
pub mod ballot;
pub mod between;
pub mod charter;
pub mod count;
pub mod denied;
pub mod effect;
pub mod finality;
pub mod genesis;
pub mod head;
pub mod history;
pub mod hold;
pub mod intents;
pub mod judge;
pub mod kept;
pub mod mandate;
pub mod meet;
pub mod meeting;
pub mod name;
pub mod notice;
pub mod person;
pub mod poll;
pub mod power;
pub mod principles;
pub mod proposal;
pub mod records;
pub mod relays;
pub mod remark;
pub mod replace;
pub mod root;
pub mod roster;
pub mod rules;
pub mod safety;
pub mod share;
pub mod sign;
pub mod sphere;
pub mod state;
pub mod succeed;
pub mod verdict;
pub mod vouch;
pub mod whisper;
pub mod witness;
mod witnesses;

#[cfg(test)]
pub(crate) mod tests;

pub use act::{Act, CommitOps, Deed, SeatAdded, SeatKept};
pub use amend::Amended;
pub use application::{Application, ReplyDrop, key_package_hash};
pub use apply::{At, Input, Outcome};
pub use attachment::{Attachment, FileName, FileSecret};
pub use ballot::{Ballot, Method, ballot_key};
pub use charter::{BadCharter, Charter, Dealings, HandedOver, How, RoomRule};
pub use count::{Count, Votes};
pub use denied::Denied;
pub use effect::Effect;
pub use genesis::{Genesis, Kind, SuiteChoice};
pub use head::{Head, Running, SignedHead};
pub use history::{BadHistory, Heard, History, SignedHistory, Told, Words};
pub use intents::{Intent, Intents};
pub use kept::Changed;
pub use mandate::{Filling, Mandate, Office};
pub use meet::minutes_hash;
pub use meeting::{Hands, Meeting, MeetingMoved, MeetingStage, MeetingStep, Minuted};
pub use name::Name;
pub use notice::{Notice, NoticeKind, SignedNotice};
pub use person::{Following, OLDER_LEAVES, Person, Renewal, Standing};
pub use poll::{Closed, Poll, Voter};
pub use power::Power;
pub use principles::{Accepted, Principles, Wording};
pub use proposal::{Amendment, Decided, Moved, Proposal, Stage, Step, Subject};
pub use relays::{NoRelayName, RelayName, Relays};
pub use remark::{Mark, Marks, Message, MessageRef, Remark, Vanishing, Written};
pub use replace::Return;
pub use roster::{Annex, Claim, OpenRoom, Place, Roster, SignedClaim};
pub use rules::{Base, Matter, PollRule, Polls};
pub use safety::SafetyCode;
pub use share::Share;
pub use sign::{PersonaPublic, Signature};
pub use sphere::Sphere;
pub use state::{Invite, State};
pub use verdict::{Side, Tally};
pub use vouch::{Regard, Suspension, Vouch};

/// The newest feature this program knows (law 15).
pub const FEATURE: u16 = 1;
