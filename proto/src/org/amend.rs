//! Another charter (law 9): by a poll under the rules in force. A poll in flight keeps its own.

use serde::{Deserialize, Serialize};

use crate::codec;
use crate::id::Position;
use crate::org::charter::Charter;
use crate::org::denied::Denied;
use crate::org::state::State;

/// Longest charter, encoded.
pub const LONGEST_CHARTER: usize = 16 * 1024;

/// A charter that took the place of the founding one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Amended {
    /// How many there were before it.
    pub version: u32,
    /// Since where.
    pub from: Position,
    /// The charter.
    pub charter: Charter,
}

impl State {
    /// The rules in force.
    #[must_use]
    pub fn charter(&self) -> &Charter {
        self.amended
            .as_ref()
            .map_or(&self.genesis.charter, |amended| &amended.charter)
    }

    /// How many charters there were before this one.
    #[must_use]
    pub fn charter_version(&self) -> u32 {
        self.amended.as_ref().map_or(0, |amended| amended.version)
    }

    /// Whether the body could take this charter. Spheres, and the rooms that there may be, stay: people are in them.
    pub(super) fn judge_charter(&self, charter: &Charter) -> Result<(), Denied> {
        charter
            .check()
            .map_err(|why| Denied::BadCharter { why: why.to_string() })?;
        codec::encode(charter, LONGEST_CHARTER).map_err(|_| Denied::Malformed)?;
        let now = self.charter();
        if charter == now {
            return Err(Denied::Repeated);
        }
        let stays = now.rooms.iter().all(|room| charter.rooms.contains(room));
        if charter.spheres != now.spheres || charter.governing != now.governing || !stays {
            return Err(Denied::Unchangeable);
        }
        Ok(())
    }

    pub(super) fn set_charter(&mut self, charter: &Charter, from: Position) {
        let elsewhere = self.charter().relays != charter.relays;
        self.amended = Some(Box::new(Amended {
            version: self.charter_version().saturating_add(1),
            from,
            charter: charter.clone(),
        }));
        if elsewhere {
            self.tell_alternates();
        }
    }
}
