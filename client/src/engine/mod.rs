//! The engine joins the parts: one room is a group, a machine, a log and an outbox ([`Room`]); its pump moves bytes
//! between it and a relay; joining, inviting and handing over are flows of their own. Rules live in
//! `caucus_proto::org`; nothing here decides what a body may do.

mod accuse;
mod adrift;
mod annex;
mod answer;
mod approach;
mod beside;
mod between;
mod blob;
mod by_copy;
mod commit;
mod copier;
mod copy;
mod cross;
mod decisions;
mod describe;
mod direct;
mod doubt;
mod drops;
mod duty;
mod elsewhere;
#[allow(clippy::module_inception)] // The noun of this folder is the noun of its main file.
mod engine;
mod enter;
mod entrance;
mod errand;
mod error;
mod files;
mod follow;
mod found;
mod haven;
mod heads;
mod heal;
mod history;
mod ingest;
mod invite;
mod jobs;
mod join;
mod keep;
mod keys;
mod lanes;
mod lie;
mod link;
mod live;
mod log;
mod meetings;
mod out;
mod own;
mod parts;
mod polls;
mod proposals;
mod pump;
mod quiet;
mod random;
mod record;
mod refuge;
mod reissue;
mod relay;
mod remarks;
mod renew;
mod replies;
mod requests;
mod retention;
mod room;
mod rosters;
mod sealed;
mod send;
mod session;
mod site;
mod succeed;
#[cfg(test)]
mod tests;

pub use accuse::Contradiction;
pub use beside::CopyState;
pub use between::{
    EntrySignature, FeedCursor, FeedMark, FeedRecord, HeadsApart, OfferLink, entry_key, linked_name,
    open_under, raise_word, read_key,
};
pub use blob::{BlobRef, fetch as fetch_blob};
pub use decisions::{aim, counted};
pub use direct::{DirectRecord, Expected, Guest, IntroducedRecord, Invitation, WhisperRecord};
pub use engine::{Engine, random_seed};
pub use error::EngineError;
pub use files::{FileError, Offer, Told, Wanted};
pub use found::Founding;
pub use history::{HandedRecord, Line};
pub use ingest::Ingested;
pub use lanes::{APART_MS, PARTING_MS};
pub use lie::Lie;
pub use link::{InviteLink, LinkError as InviteLinkError};
pub use live::{Fate, LiveRoom};
pub use proposals::{Agreement, Proposal};
pub use quiet::Mute;
pub use record::{
    Health, Item, JoinRecord, JoinStep, LogRecord, RelayRecord, Remarked, Remarks, RequestRecord,
};
pub use reissue::ClosedInvite;
pub use retention::{Look, Retention};
pub use room::Room;
pub use sealed::{Recipient, SealError, seal};
