//! A connection of nobody's, for one errand, as a file: what is said in the room does not wait behind it, and the relay does
//! not see on one connection whose it is. It stands in the pool, so that locking ends it, and goes when the errand is over,
//! however that ends.

use caucus_proto::id::PersonaId;
use caucus_proto::wire::RelayAddress;
use tokio::runtime::Handle;

use super::engine::Engine;
use super::error::EngineError;
use super::random;
use crate::relay::Connection;

/// A connection for one errand.
pub(super) struct Errand {
    engine: Engine,
    relay: RelayAddress,
    nobody: PersonaId,
}

impl Errand {
    /// Connects to a relay.
    ///
    /// # Errors
    /// `EngineError::{Relay, Random}`.
    pub(super) async fn to(engine: &Engine, relay: &RelayAddress) -> Result<(Self, Connection), EngineError> {
        let errand = Self {
            engine: engine.clone(),
            relay: relay.clone(),
            nobody: PersonaId(random::bytes()?),
        };
        let connection = engine.pool().connection(relay, &errand.nobody).await?;
        Ok((errand, connection))
    }
}

impl Drop for Errand {
    fn drop(&mut self) {
        let (engine, relay, nobody) = (self.engine.clone(), self.relay.clone(), self.nobody);
        // Without a runtime there is no connection either.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move { engine.pool().close(&relay, &nobody).await });
        }
    }
}
