//! The encrypted local store of one person.
//!
//! A folder with one file, `vault.redb`: a redb database whose commits are transactions that are on the disk
//! when they return. Every record is sealed with XChaCha20-Poly1305 under a key derived from a random master
//! key, bound to its place; the master key is wrapped by Argon2id of the passphrase. Writes go through an
//! [`Overlay`]: they stay in memory, readable through it alone, until all of them are committed at once.
//!
//! What a seized file shows without the passphrase: that it is a vault, the Argon2 parameters, how many
//! records it holds, their sizes in steps of 64 bytes, their numbers (positions in a log, say), and which
//! records share a scope. Tables and scopes themselves (room ids, names) do not show: a scope is stored as
//! a keyed hash.
//!
//! Scopes cannot be listed, because they are hashes: whoever needs a list keeps one as records of its own.
//!
//! When the disk is full or fails, a commit answers so and changes nothing; the vault opens its file again by
//! itself at the next call, so reading goes on, and writing does once there is room.
//!
//! What it does not do. It does not notice that the whole file was set back to an older one, or that one who
//! can write to it removed a record or put back an older one of the same place. Two overlays do not see one
//! another: where both write a place, the later commit stands. Forgetting ([`Vault::rewrite`]) ends at the
//! file system: what a copying file system, a snapshot, a backup or the flash controller kept of the old
//! file is out of its reach, and opens with the passphrase of its time.

mod backup;
mod destroy;
mod disk;
mod error;
mod examine;
mod folder;
mod header;
mod key;
mod overlay;
mod passphrase;
mod place;
mod progress;
mod read;
mod record;
mod restore;
mod rewrite;
mod store;
#[cfg(test)]
mod tests;

#[doc(hidden)]
pub use disk::Faults;
pub use error::{Damage, VaultError};
pub use examine::Examined;
pub use overlay::Overlay;
pub use passphrase::{Cost, Passphrase};
pub use place::{Place, Table};
pub use progress::{Progress, Tell, silent};
pub use store::Vault;
