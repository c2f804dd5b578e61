//! Where a room's log lies: at the relay and in the channel that it began in, or, after a move, in a channel at another
//! relay that carries it on. Group, envelopes and numbering know nothing of it: only those who ask a relay do.
//!
//! A move is an act, so everybody goes over at the same entry. The channel is made from a seed that the act holds, by
//! whoever comes first: its guard begins with the keys, the counter and the position that everybody has there.

use caucus_proto::envelope::SiteSeed;
use caucus_proto::id::{ChannelId, Position};
use caucus_proto::org::RelayName;
use caucus_proto::wire::{ChannelSpec, RefusedBecause, RelayAddress, RelayInfo, Retention};
use serde::{Deserialize, Serialize};
use x25519_dalek::PublicKey;

use super::engine::Engine;
use super::error::EngineError;
use super::live::LiveRoom;
use super::record::RoomRecord;
use super::relay::patiently;
use super::room::Room;
use crate::relay::{Connection, LinkError};
use crate::vault::Overlay;

/// Sites from before that are remembered: files that were sent there are fetched there.
const FORMER: usize = 16;

/// A channel that carries a room's log on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Site {
    /// The channel.
    pub channel: ChannelId,
    /// What it is made from, where this device may have to make it.
    pub(super) begins: Option<Begins>,
}

/// How a site begins.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Begins {
    /// What it is made from.
    pub seed: SiteSeed,
    /// The last entry that lies elsewhere.
    pub after: Position,
}

/// Where a room's log lay before.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Former {
    /// The relay.
    pub relay: RelayAddress,
    /// Its channel there, if not the one that it began in.
    pub site: Option<Site>,
    /// The last entry that lies there.
    pub until: Position,
    /// It stands in the refuges there where the log lies now.
    pub told: bool,
}

impl RoomRecord {
    /// The channel to ask the relay for.
    #[must_use]
    pub fn lies_in(&self) -> ChannelId {
        self.site.as_ref().map_or(self.channel, |site| site.channel)
    }

    /// The relay of now, and those where the log lay before, the latest first.
    pub(super) fn relays(&self) -> Vec<RelayAddress> {
        let former = self.former.iter().rev().map(|former| former.relay.clone());
        let mut relays = vec![self.relay.clone()];
        for relay in former {
            if !relays.contains(&relay) {
                relays.push(relay);
            }
        }
        relays
    }
}

impl Room {
    /// The room was moved by the entry that this device reads now.
    pub(super) fn relocated(
        &mut self,
        overlay: &Overlay,
        relay: &RelayName,
        seed: [u8; 32],
    ) -> Result<(), EngineError> {
        // An address that is none leads nowhere: then the room is looked for at the other relays of its charter.
        let Ok(relay) = relay.as_str().parse::<RelayAddress>() else {
            return Ok(());
        };
        let seed = SiteSeed::from_bytes(seed);
        let site = Site {
            channel: seed.channel(),
            begins: Some(Begins {
                seed,
                after: self.cursor.position,
            }),
        };
        self.end_invites(overlay)?;
        self.forget_requests(overlay)?;
        self.go_to(overlay, relay, site, self.cursor.position)?;
        self.tell_where(overlay, self.state.now())
    }

    /// From the entry after `until` on the log lies there.
    pub(super) fn go_to(
        &mut self,
        overlay: &Overlay,
        relay: RelayAddress,
        site: Site,
        until: Position,
    ) -> Result<(), EngineError> {
        let relay = std::mem::replace(&mut self.record.relay, relay);
        let site = self.record.site.replace(site);
        self.record.former.push(Former {
            relay,
            site,
            until,
            told: false,
        });
        let excess = self.record.former.len().saturating_sub(FORMER);
        self.record.former.drain(..excess);
        self.plan.moved = true;
        // What the relay of before shows is of no weight any more.
        self.cursor.by_copy = None;
        self.keep_record(overlay)
    }

    /// This device went back to an entry before: it reads on where that lies.
    pub(super) fn go_back_to_site(&mut self, overlay: &Overlay) -> Result<(), EngineError> {
        let position = self.cursor.position;
        while let Some(former) = self.record.former.pop_if(|former| former.until > position) {
            self.record.relay = former.relay;
            self.record.site = former.site;
            self.plan.moved = true;
        }
        self.keep_record(overlay)
    }

    /// The relay at which an entry lies, if the log lies elsewhere now.
    pub(super) fn relay_before(&self, position: Position) -> Option<RelayAddress> {
        let former = self
            .record
            .former
            .iter()
            .find(|former| position <= former.until)?;
        Some(former.relay.clone())
    }

    /// Whether the pump is to begin anew, because the log lies elsewhere now.
    pub(super) fn take_moved(&mut self) -> bool {
        std::mem::take(&mut self.plan.moved)
    }

    /// What the site is made from, where nothing was read there yet.
    fn begins(&self) -> Option<&SiteSeed> {
        let begins = self.record.site.as_ref()?.begins.as_ref()?;
        (begins.after == self.cursor.position).then_some(&begins.seed)
    }

    /// The channel that carries the log on from the entry that was read last: alike for all who have read so far.
    pub(super) fn site_spec(&self, seed: &SiteSeed, info: &RelayInfo) -> ChannelSpec {
        let (_, controls, solo) = self.controls();
        let plain = Retention::Month.min(info.plain);
        ChannelSpec {
            creation_key: PublicKey::from(&seed.creation()).to_bytes(),
            salt: seed.salt(),
            access: self.cursor.access.access(),
            controls,
            solo,
            plain,
            flagged: Retention::Quarter.min(info.flagged).max(plain),
            counter: self.cursor.counter,
            after: self.cursor.position,
        }
    }
}

/// Makes the channel of the site, if this device may and it is not there. False where it may not.
pub(super) async fn make(
    engine: &Engine,
    room: &LiveRoom,
    connection: &Connection,
) -> Result<bool, EngineError> {
    let Some(seed) = room.room().begins().cloned() else {
        return Ok(false);
    };
    let relay = room.room().record().relay.clone();
    create(engine, room, connection, &relay, &seed).await?;
    Ok(true)
}

/// Makes the channel that carries the log on. Somebody else may have been faster.
pub(super) async fn create(
    engine: &Engine,
    room: &LiveRoom,
    connection: &Connection,
    relay: &RelayAddress,
    seed: &SiteSeed,
) -> Result<(), EngineError> {
    let info = connection.info().await?;
    let spec = room.room().site_spec(seed, &info);
    let creation = seed.creation();
    let pass = engine.take_pass(relay);
    match patiently(|| connection.create(&spec, &creation, pass)).await {
        Ok(_) | Err(LinkError::Refused(RefusedBecause::Exists)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
