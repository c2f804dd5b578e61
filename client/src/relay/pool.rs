//! The connections of one person, by relay and persona.

use core::fmt;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use caucus_proto::id::PersonaId;
use caucus_proto::wire::RelayAddress;
use tokio::sync::{Mutex as Turn, watch};
use tokio::time::timeout;

use super::connection::Connection;
use super::error::{LinkError, Sent};
use super::patience::Patience;
use super::sockets::Sockets;

/// How long closing waits for goodbyes to be delivered.
const GOODBYE: Duration = Duration::from_millis(500);

type Key = (RelayAddress, PersonaId);
type Slot = Arc<Turn<Option<Connection>>>;

/// One connection for each pair of relay and persona, made when it is wanted. Two personas never share one.
pub struct Pool {
    patience: Patience,
    sockets: Sockets,
    slots: Mutex<HashMap<Key, Slot>>,
    closings: watch::Sender<u64>,
}

impl Default for Pool {
    fn default() -> Self {
        Self::new(Patience::default())
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pool(..)")
    }
}

impl Pool {
    /// An empty pool.
    #[must_use]
    pub fn new(patience: Patience) -> Self {
        Self::over(patience, Sockets::default())
    }

    /// An empty pool whose connections use these sockets.
    #[must_use]
    pub fn over(patience: Patience, sockets: Sockets) -> Self {
        Self {
            patience,
            sockets,
            slots: Mutex::default(),
            closings: watch::Sender::new(0),
        }
    }

    /// The connection of a persona to a relay: the one that stands, else a new one. A relay that goes away
    /// is connected to anew, for its successor may be there already. Who asks while one is being made waits
    /// for that one.
    ///
    /// # Errors
    /// `LinkError::{Unreachable, WrongKey, Version, Lost, Peer}`; nothing was asked. `Lost` also if the pool
    /// was closed meanwhile.
    pub async fn connection(
        &self,
        address: &RelayAddress,
        persona: &PersonaId,
    ) -> Result<Connection, LinkError> {
        let mut closings = self.closings.subscribe();
        let slot = self.slot(address, persona);
        let connect = async {
            let mut turn = slot.lock().await;
            if let Some(standing) = turn.as_ref().filter(|connection| connection.is_open()) {
                return Ok(standing.clone());
            }
            *turn = None;
            let fresh = Connection::to(address, &self.patience, &self.sockets).await?;
            Ok(turn.insert(fresh).clone())
        };
        tokio::select! {
            biased;
            _ = closings.changed() => Err(LinkError::Lost { sent: Sent::No }),
            connection = connect => connection,
        }
    }

    /// Closes the connection of a persona to a relay, if there is one, for instance after a change of
    /// network: the next one has another socket.
    pub async fn close(&self, address: &RelayAddress, persona: &PersonaId) {
        // The slot stays where it is: who waits for it must not connect outside the pool.
        let slot = self.slots().get(&(address.clone(), *persona)).cloned();
        if let Some(slot) = slot {
            part(vec![slot]).await;
        }
    }

    /// Closes everything, connections that are being made too. Open requests and readings end with
    /// `LinkError::Lost`. The pool can be used again afterwards.
    pub async fn close_all(&self) {
        self.closings.send_modify(|times| *times = times.wrapping_add(1));
        let slots = self.slots().drain().map(|(_, slot)| slot).collect();
        part(slots).await;
    }

    fn slot(&self, address: &RelayAddress, persona: &PersonaId) -> Slot {
        let mut slots = self.slots();
        // Slots whose connection is over go, so that the map is not a record of relays once used.
        slots.retain(|_, slot| {
            let idle = slot
                .try_lock()
                .is_ok_and(|turn| !turn.as_ref().is_some_and(Connection::is_open));
            !idle || Arc::strong_count(slot) > 1
        });
        Arc::clone(slots.entry((address.clone(), *persona)).or_default())
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<Key, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn part(slots: Vec<Slot>) {
    let mut leaving = Vec::new();
    for slot in slots {
        if let Some(connection) = slot.lock().await.take() {
            connection.hang_up();
            leaving.push(connection);
        }
    }
    let delivered = async {
        for connection in &leaving {
            connection.drained().await;
        }
    };
    // A relay that does not take its goodbye will find out by silence.
    let _ = timeout(GOODBYE, delivered).await;
}
