//! Between bodies, on this device: who holds the keys writes and publishes what stands in the body's own log; letters of
//! others come into that log by whoever reads them first; bulletins are read by everybody for themselves.

mod bulletin;
mod describe;
mod desk;
mod duty;
mod feed;
mod heads;
mod keys;
mod letters;
mod liaison;
mod moving;
mod offer;
mod places;
mod post;
mod record;
mod worker;

pub(super) use describe::describe;
pub(super) use duty::Duties;
pub(super) use worker::run;

pub use describe::{linked_name, raise_word};
pub use heads::HeadsApart;
pub use keys::{entry_key, read_key};
pub use letters::open_under;
pub use offer::OfferLink;
pub use record::{EntrySignature, FeedCursor, FeedMark, FeedRecord};
