//! Files beside messages (`docs/decisions/25-attachments-are-chunks-that-name-their-place.md`). A file is a channel of
//! sealed chunks, each of which says which one it is: they may come in any order and more than once, so that many are on
//! their way together and whatever broke off goes on with those that are missing. A message names the channel, its
//! secret, and a hash over the hashes of the chunks.

mod chunk;
mod cipher;
mod download;
mod part;
mod upload;

use std::path::PathBuf;

use thiserror::Error;

pub use download::Wanted;
pub(super) use download::forget;
pub use upload::Offer;

/// Largest file that is sent, in bytes.
pub(super) const LARGEST_SENT: u64 = 100 * 1024 * 1024;

/// Chunks that are worked on at a time.
const AT_ONCE: usize = 8;

/// Milliseconds of work that may be done again after a break.
const NOTED_EVERY_MS: u64 = 500;

/// Who is told how many bytes are done. Called often: it must be quick.
pub type Told<'a> = &'a (dyn Fn(u64) + Sync);

/// Why a file was not sent or fetched.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum FileError {
    /// Larger than what is sent.
    #[error("the file has {size} bytes, and at most {limit} are sent")]
    TooLarge {
        /// Its bytes.
        size: u64,
        /// The most.
        limit: u64,
    },
    /// Larger than what the relay keeps in one channel.
    #[error("the file has {size} bytes, and this relay takes at most {limit}")]
    NoRoom {
        /// Its bytes.
        size: u64,
        /// The most.
        limit: u64,
    },
    /// What is to be sent is no file that can be read.
    #[error("{path} cannot be sent: {why}")]
    Unreadable {
        /// Its path.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// It was written to while it was sent.
    #[error("{0} changed while it was sent: nobody was told of it")]
    Changed(PathBuf),
    /// The same is being done already.
    #[error("this is under way already")]
    Busy,
    /// There is something of this name.
    #[error("{0} is there already")]
    Taken(PathBuf),
    /// There is something under the name of the unfinished file that this program did not write.
    #[error("{0} is there already, and is not the beginning of this file")]
    PartTaken(PathBuf),
    /// The file cannot be written.
    #[error("{path} cannot be written: {why}")]
    Unwritable {
        /// Its path.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// The relay does not have it any more.
    #[error("the relay does not have the file any more")]
    Gone,
    /// A chunk does not open, or is none of this file.
    #[error(
        "what the relay has as chunk {at} of the file is damaged or not of this file: nothing was kept under its name"
    )]
    Damaged {
        /// Which entry of the file's channel.
        at: u64,
    },
    /// Some chunks are not there.
    #[error("the relay has {have} of the {want} chunks of the file")]
    Missing {
        /// So many.
        have: u32,
        /// So many there should be.
        want: u32,
    },
    /// All chunks are there, and the whole is not what the message says.
    #[error("the file is not the one that the message names: nothing was kept under its name")]
    Different,
    /// Too few others attest the history that this device was given.
    #[error(
        "{have} of the {want} other people who are needed have said that they see the same history as this device"
    )]
    Unattested {
        /// So many do.
        have: u64,
        /// So many are needed.
        want: u64,
    },
}
