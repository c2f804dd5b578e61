//! What a client and a relay say to one another.
//!
//! One bidirectional stream carries the commands of a connection: the client's [`Hello`], the relay's
//! [`Greeting`], then [`Asked`] and [`Answered`] in any order, matched by tag. Every read has a
//! bidirectional stream of its own that begins with [`Read`] and goes on with [`Served`] frames. Frames are
//! length-prefixed ([`frame`]); entries are padded to a bucket ([`bucket`]); capabilities are proved without
//! signatures ([`proof`]).

pub mod address;
pub mod answer;
pub mod bucket;
pub mod channel;
pub mod frame;
pub mod proof;
pub mod request;

pub use address::{AddressError, RelayAddress, RelayKey};
pub use answer::{
    Answer, Answered, CreationPolicy, Greeting, RefusedBecause, RelayInfo, Served, StoreKind, Waiting,
};
pub use channel::{
    Access, Change, ChangeId, ChannelSpec, Control, Entry, Flag, Retention, Role, SLOTS, SegmentReader,
};
pub use proof::{Pass, Proof};
pub use request::{Asked, Hello, Read, Request};

/// The version of this protocol. The first frame of a connection names the versions a client speaks.
pub const VERSION: u16 = 1;

/// The ALPN protocol name. It travels readable in the first packet, so it is everybody's, not ours.
pub const ALPN: &[u8] = b"h3";
