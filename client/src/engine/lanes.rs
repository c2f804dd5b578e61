//! Which connection what is done for a persona goes over: all over one, or, where the persona is isolated, every room and
//! every end of a link over one of its own, so that the relay cannot tell from connections that they are one person's.
//! What still may tell it: the network address, and what happens at one time.

use std::time::Duration;

use caucus_proto::id::{PersonaId, RoomId};
use caucus_proto::wire::RelayAddress;

use super::engine::Engine;
use super::error::EngineError;
use super::random;
use crate::relay::{Connection, Lane};
use crate::vault::{Place, Table};

/// Links whose drops and bulletins are read over one connection: a relay serves a few dozen readings on each.
const LINKS_OF_ONE: u32 = 24;

/// Milliseconds between two connections of an isolated persona, at least and at most: drawn anew for each, counted from when
/// the one before it stands.
pub const APART_MS: (u64, u64) = (500, 4_000);

/// Milliseconds within which an isolated persona's connections part, each at a moment of its own.
pub const PARTING_MS: u64 = 3_000;

/// What is done at a relay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Purpose {
    /// Whatever has to do with one room, and with coming into it.
    Room(RoomId),
    /// The bulletin of one's own body.
    Bulletin,
    /// Reading the drop of a link.
    Drop(u32),
    /// Reading the bulletin of the body at the other end of a link.
    Feed(u32),
    /// Writing to the drop at the other end of a link.
    Letters(u32),
    /// The copy of a room at another relay.
    Copy(RoomId),
}

impl Purpose {
    const fn lane(self, isolated: bool) -> Lane {
        match (self, isolated) {
            (Self::Room(room), true) => Lane::Room(room),
            (Self::Bulletin, true) => Lane::Bulletin,
            (Self::Drop(link), true) => Lane::Drop(link),
            (Self::Feed(link), true) => Lane::Feed(link),
            (Self::Letters(link), true) => Lane::Letters(link),
            (Self::Copy(room), true) => Lane::CopyApart(room),
            (Self::Copy(room), false) => Lane::Copy(room),
            (Self::Drop(link) | Self::Feed(link), false) if link >= LINKS_OF_ONE => {
                Lane::Links(link / LINKS_OF_ONE)
            }
            (_, false) => Lane::Shared,
        }
    }
}

impl Engine {
    /// Whether a persona is isolated: nothing that it does shares a connection.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub fn is_isolated(&self, persona: &PersonaId) -> Result<bool, EngineError> {
        Ok(self.vault().overlay().get(&chosen(persona))?.is_some())
    }

    /// Isolates a persona, or not any more. What is connected otherwise parts at once, and comes back as is wanted.
    ///
    /// # Errors
    /// `EngineError::Vault`; then everything is as it was.
    pub fn isolate(&self, persona: &PersonaId, isolated: bool) -> Result<(), EngineError> {
        {
            let _turn = self.vault().turn();
            let overlay = self.vault().overlay();
            match isolated {
                true => overlay.put_value(chosen(persona), &true)?,
                false => overlay.delete(chosen(persona)),
            }
            overlay.commit()?;
        }
        let fits = |lane: Lane| lane.is_apart() == isolated;
        self.pool().close_unfit(persona, fits, parting);
        self.changed();
        Ok(())
    }

    /// How many connections a persona has.
    #[must_use]
    pub fn connections(&self, persona: &PersonaId) -> usize {
        self.pool().standing(persona)
    }

    /// The connection over which a persona does something at a relay.
    ///
    /// # Errors
    /// `EngineError::Relay`.
    pub(super) async fn connection(
        &self,
        relay: &RelayAddress,
        persona: &PersonaId,
        purpose: Purpose,
    ) -> Result<Connection, EngineError> {
        loop {
            let lane = purpose.lane(self.is_isolated(persona)?);
            let (least, most) = APART_MS;
            let pause = Duration::from_millis(least.saturating_add(random::below(most - least)?));
            let connection = self.pool().connection_in(relay, persona, lane, pause).await?;
            if lane == purpose.lane(self.is_isolated(persona)?) {
                return Ok(connection);
            }
            // It was chosen otherwise meanwhile.
            self.pool().close_in(relay, persona, lane).await;
        }
    }

    /// Ends the connection over which a persona does something, and what shares it.
    pub(super) async fn part(&self, relay: &RelayAddress, persona: &PersonaId, purpose: Purpose) {
        // Where the vault cannot be read, both may be there.
        for isolated in [true, false] {
            if self.is_isolated(persona).is_ok_and(|is| is != isolated) {
                continue;
            }
            self.pool().close_in(relay, persona, purpose.lane(isolated)).await;
        }
    }

    /// Ends the connection where it is for this purpose alone and that comes seldom.
    pub(super) async fn part_if_apart(&self, relay: &RelayAddress, persona: &PersonaId, purpose: Purpose) {
        self.pool().close_in(relay, persona, purpose.lane(true)).await;
    }
}

/// After how long a connection that is apart says goodbye.
pub(super) fn parting() -> Duration {
    // Without randomness they fall silent together, which says less than a goodbye at once.
    Duration::from_millis(random::below(PARTING_MS).unwrap_or(PARTING_MS).max(1))
}

fn chosen(persona: &PersonaId) -> Place {
    Place::new(
        Table::Settings,
        [b"isolate ".as_slice(), persona.as_bytes()].concat(),
        0,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_isolated_persona_does_no_two_things_in_one_lane() {
        let room = |byte| Purpose::Room(RoomId([byte; 32]));
        let mut lanes = Vec::new();
        for purpose in [
            room(1),
            room(2),
            Purpose::Bulletin,
            Purpose::Drop(1),
            Purpose::Drop(2),
            Purpose::Feed(1),
            Purpose::Letters(1),
        ] {
            let lane = purpose.lane(true);
            assert!(lane.is_apart() && !lanes.contains(&lane), "{purpose:?}");
            lanes.push(lane);
            assert_eq!(purpose.lane(false), Lane::Shared);
        }
        let copy = Purpose::Copy(RoomId([1; 32]));
        assert!(copy.lane(true).is_apart() && !lanes.contains(&copy.lane(true)));
        assert!(!copy.lane(false).is_apart() && copy.lane(false) != Lane::Shared);
        assert_eq!(Purpose::Drop(23).lane(false), Lane::Shared);
        assert_eq!(Purpose::Feed(24).lane(false), Lane::Links(1));
        assert_eq!(Purpose::Letters(24).lane(false), Lane::Shared);
    }
}
