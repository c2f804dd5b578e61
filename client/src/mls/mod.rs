//! The only room that names the MLS library (RFC 9420; `openmls`): persona keys, key packages, groups.
//!
//! [`Group`] wraps one group: it seals, stages commits, and has one way in for everything that comes
//! ([`Group::process`]), whatever way it came. What the design allows of MLS is checked in one place
//! (`policy`), on what others sent and on what we stage alike: inline Add and Remove proposals, encrypted
//! framing, and a certified leaf of the same persona from every source of leaves.
//!
//! Every operation writes into an overlay of the vault and nothing else: the caller commits it together with
//! plaintext and cursor. A [`Group`] in memory may be ahead of its overlay after an error or a refusal, so
//! whoever discards the overlay also drops the group and calls [`Group::load`] again, which costs a few reads.
//!
//! What it does not do: it knows nothing of the log, of the machine's rules (who may add or remove whom), of
//! envelopes, of channels, or of time.

mod bearers;
mod certificate;
mod copy;
mod error;
mod framing;
mod group;
mod join;
mod key_package;
mod leaf;
mod persona;
mod policy;
mod process;
mod provider;
mod record;
mod records;
mod stage;
mod suite;
#[cfg(test)]
pub(crate) mod tests;
mod witness;

pub use bearers::Bearers;
pub use copy::GroupCopy;
pub use error::{Misuse, MlsError, Refusal};
pub use group::Group;
pub use join::Joined;
pub use key_package::{
    KeyPackageMade, KeyPackageView, forget_key_package, make_key_package, read_key_package,
};
pub use persona::PersonaKeys;
pub use process::{Incoming, IncomingCommit};
pub use stage::Staged;
