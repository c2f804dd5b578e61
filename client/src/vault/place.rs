//! Where a record lies: table, scope, number.

use std::fmt;

/// What kind of record it is. The numbers are on disk: they never change, and none is used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
#[non_exhaustive]
pub enum Table {
    /// What the person chose for the whole program.
    Settings = 1,
    /// Relays and their pins.
    Relays = 2,
    /// Rooms and where the person stands in each.
    Rooms = 3,
    /// State of MLS groups.
    Mls = 4,
    /// Logs: the entries of rooms, opened.
    Log = 5,
    /// Intents that no entry has carried yet.
    Outbox = 6,
    /// Intents that the relay stored, until others attest them.
    Sent = 7,
    /// Heads of others.
    Heads = 8,
    /// The person's personas and their keys.
    Personas = 9,
    /// Joins that wait for admission.
    Joins = 10,
    /// Blobs and their keys.
    Blobs = 11,
    /// Invites that the person made.
    Invites = 12,
    /// Requests of others to join.
    Requests = 13,
    /// Work that goes on after a restart.
    Jobs = 14,
    /// Access secrets of segments.
    Access = 15,
    /// Personas whose code was compared.
    Verified = 16,
    /// What shows that somebody broke a rule.
    Evidence = 17,
    /// Snapshots of the organization's state.
    Snapshots = 18,
    /// Commits that are on their way, with what they need to be merged.
    Pending = 19,
    /// Cursors: how far each channel was read.
    Cursors = 20,
    /// Control keys.
    Controls = 21,
    /// Complaints and requests for renewal.
    Notices = 22,
    /// Parts of commits that are too large for an entry, until the commit names them.
    Parts = 23,
    /// Between bodies: keys, how far drops and bulletins were read, and what stood there.
    Between = 24,
    /// Direct rooms: what they are called here and whom they were founded for; who would talk with this person alone.
    Direct = 25,
    /// The people of an organization's state, by groups.
    People = 26,
}

impl Table {
    /// Its number on disk.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }
}

/// Where one record lies. Records of one table and scope are ordered by number.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// What kind of record it is.
    pub table: Table,
    /// Whose it is: a room's id, a key of the MLS library; empty where there is one scope only.
    pub scope: Vec<u8>,
    /// Which one: a position, a count; 0 where there is one only.
    pub number: u64,
}

impl Place {
    /// A place.
    #[must_use]
    pub fn new(table: Table, scope: impl Into<Vec<u8>>, number: u64) -> Self {
        Self {
            table,
            scope: scope.into(),
            number,
        }
    }
}

/// Scopes name rooms and people, so they are not shown.
impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Place({:?}, {} bytes, {})",
            self.table,
            self.scope.len(),
            self.number
        )
    }
}
