//! Direct rooms: a few people who know each other from elsewhere talk alone, each under a fresh persona. A direct room is a
//! small body of its own, so nothing in it is tied to where they met; what each device calls it, and whom its founder's
//! device lets in, stands in the vault alone.

mod ask;
mod record;
mod words;
mod worker;

pub use record::{DirectRecord, Expected, Guest, IntroducedRecord, Invitation, WhisperRecord};
pub(super) use record::{Entering, keep_direct};
pub(super) use words::{open_words, seal_words};
pub(super) use worker::run;
