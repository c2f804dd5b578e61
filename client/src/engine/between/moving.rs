//! Where the room goes, what its body publishes and what is written to it go too: whoever holds the root key makes a channel
//! for the bulletin where the room lies now, and says so by a step. What else follows, follows from the log.

use std::time::Duration;

use caucus_proto::org::between::LinkStep;
use caucus_proto::org::{Power, RelayName};
use caucus_proto::wire::RelayAddress;

use super::bulletin::OWN;
use super::offer::between;
use crate::engine::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::live::LiveRoom;
use crate::engine::room::Room;
use crate::engine::send::Now;

/// How long the step may take to land.
const LANDING: Duration = Duration::from_secs(30);

/// Milliseconds after which it is tried once more where that failed, at first and at most: each time may cost a channel.
const AGAIN_MS: (u64, u64) = (5_000, 10 * 60 * 1000);

/// What this process remembers of moves that failed.
#[derive(Default)]
pub(super) struct Moving {
    failed: u32,
    not_before: u64,
}

impl Moving {
    /// Brings the bulletin and the drops after the room, where that is this device's to do.
    pub(super) async fn go_on(&mut self, engine: &Engine, live: &LiveRoom) {
        if engine.now().ms < self.not_before {
            return;
        }
        match go_on(engine, live).await {
            Ok(()) => *self = Self::default(),
            Err(error) => {
                // Nobody else did it either. It is said until the bulletin is read where it goes.
                if live.room().house_is_elsewhere().is_ok_and(|goes| goes.is_some()) {
                    live.feed_trouble(OWN, Some(error.to_string()));
                }
                let (first, most) = AGAIN_MS;
                let pause = first.saturating_mul(1 << self.failed.min(10)).min(most);
                self.not_before = engine.now().ms.saturating_add(pause);
                self.failed = self.failed.saturating_add(1);
            }
        }
    }
}

async fn go_on(engine: &Engine, live: &LiveRoom) -> Result<(), EngineError> {
    if !live.is_live() {
        return Ok(());
    }
    let goes = live.room().house_goes_to(engine.now())?;
    let Some((relay, generation)) = goes else {
        return Ok(());
    };
    let (reading, publishing) = engine.make_bulletin(live, relay.to_string(), generation).await?;
    let step = LinkStep::Move {
        reading: Box::new(reading),
        publishing,
    };
    live.act(&between(step), LANDING).await?;
    Ok(())
}

impl Room {
    /// The relay of the charter where the room lies and its bulletin does not, with the number of the next keys.
    fn house_goes_to(&mut self, now: Now) -> Result<Option<(RelayName, u32)>, EngineError> {
        let goes = self.house_is_elsewhere()?;
        if !self.is_turn("move", goes.is_some(), now) || self.is_stepping("Move") {
            return Ok(None);
        }
        Ok(goes)
    }

    fn house_is_elsewhere(&self) -> Result<Option<(RelayName, u32)>, EngineError> {
        let may = self.state.annex.is_none() && self.may_act().is_ok() && self.holds(Power::Link);
        let Some(house) = self.state.between.house().filter(|_| may) else {
            return Ok(None);
        };
        let Some(bulletin) = &house.bulletin else {
            return Ok(None);
        };
        let here = |relay: &str| {
            let address = relay.parse::<RelayAddress>();
            address.is_ok_and(|address| address == self.record.relay)
        };
        if here(&bulletin.reading.relay) || self.link_keys()?.root(&house.root).is_none() {
            return Ok(None);
        }
        // As the charter writes it: the other bodies know it so.
        let mut named = self.state.charter().relays.alternates.iter();
        let name = named.find(|name| here(name.as_str())).cloned();
        Ok(name.map(|name| (name, bulletin.reading.generation.saturating_add(1))))
    }
}
