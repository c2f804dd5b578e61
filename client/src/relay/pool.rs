//! The connections of one person, by relay, persona, and what a connection is for.

use core::fmt;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use caucus_proto::id::{PersonaId, RoomId};
use caucus_proto::wire::RelayAddress;
use tokio::sync::{Mutex as Turn, watch};
use tokio::time::{Instant, sleep, timeout};

use super::connection::Connection;
use super::dial::look;
use super::error::{LinkError, Sent};
use super::patience::Patience;
use super::sockets::Sockets;

/// How long closing waits for goodbyes to be delivered.
const GOODBYE: Duration = Duration::from_millis(500);

/// What a connection of a persona is for: what has the same lane shares a connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Lane {
    /// Whatever the persona does at the relay.
    Shared,
    /// Drops and bulletins of so many links, beside the shared one: a relay serves few readings on each.
    Links(u32),
    /// One room, apart: its log, its drops and refuges, what is handed to its newcomers.
    Room(RoomId),
    /// The bulletin of one's own body, apart.
    Bulletin,
    /// The drop of a link, apart.
    Drop(u32),
    /// The bulletin of the body at the other end of a link, apart.
    Feed(u32),
    /// What is dropped at the other end of a link, apart.
    Letters(u32),
    /// The copy of one room, beside the shared one: it ends when nothing is to be copied.
    Copy(RoomId),
    /// The copy of one room, apart.
    CopyApart(RoomId),
}

impl Lane {
    /// Whether it is one of a persona whose purposes share nothing.
    #[must_use]
    pub const fn is_apart(self) -> bool {
        !matches!(self, Self::Shared | Self::Links(_) | Self::Copy(_))
    }
}

type Key = (RelayAddress, PersonaId, Lane);
type Slot = Arc<Turn<Standing>>;
type Turns = HashMap<(RelayAddress, PersonaId), Arc<Turn<()>>>;

/// What stands in a lane.
#[derive(Default)]
struct Standing {
    connection: Option<Connection>,
    /// When the last attempt at one failed, and why.
    failed: Option<(Instant, LinkError)>,
}

impl Standing {
    fn open(&self) -> Option<&Connection> {
        self.connection.as_ref().filter(|connection| connection.is_open())
    }
}

/// One connection for each relay, persona and lane, made when it is wanted. Two personas never share one.
pub struct Pool {
    patience: Patience,
    sockets: Sockets,
    /// Relays that may be in a private network: this person named them.
    known: Mutex<HashSet<RelayAddress>>,
    slots: Mutex<HashMap<Key, Slot>>,
    /// Whose turn it is to connect, of the lanes of one persona that are apart.
    turns: Mutex<Turns>,
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
    /// An empty pool that connects to relays wherever they are.
    #[must_use]
    pub fn new(patience: Patience) -> Self {
        Self::over(patience, Sockets::anywhere())
    }

    /// An empty pool whose connections use these sockets.
    #[must_use]
    pub fn over(patience: Patience, sockets: Sockets) -> Self {
        Self {
            patience,
            sockets,
            known: Mutex::default(),
            slots: Mutex::default(),
            turns: Mutex::default(),
            closings: watch::Sender::new(0),
        }
    }

    /// This person named the relay: it is connected to in a private network too.
    pub fn know(&self, address: &RelayAddress) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(address.clone());
    }

    /// Whether anything may be sent to the relay at an address: not into a private network where others named it.
    ///
    /// # Errors
    /// `LinkError::Unreachable`; nothing was sent there.
    pub async fn may_reach(&self, address: &RelayAddress) -> Result<(), LinkError> {
        look(address, self.leads_anywhere(address)).await
    }

    fn leads_anywhere(&self, address: &RelayAddress) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        self.sockets.lead_anywhere() || known.contains(address)
    }

    async fn connect(&self, address: &RelayAddress) -> Result<Connection, LinkError> {
        let anywhere = self.leads_anywhere(address);
        Connection::to(address, &self.patience, &self.sockets, anywhere).await
    }

    /// The shared connection of a persona to a relay: the one that stands, else a new one. A relay that goes away
    /// is connected to anew, for its successor may be there already. Who asks while one is being made waits
    /// for that one, and is told if it fails: many who want a relay that is gone do not wait one after the other.
    ///
    /// # Errors
    /// `LinkError::{Unreachable, WrongKey, Version, Lost, Peer}`; nothing was asked. `Lost` also if the pool
    /// was closed meanwhile.
    pub async fn connection(
        &self,
        address: &RelayAddress,
        persona: &PersonaId,
    ) -> Result<Connection, LinkError> {
        self.connection_in(address, persona, Lane::Shared, Duration::ZERO)
            .await
    }

    /// As [`Pool::connection`], in a lane. A new connection of a lane that is apart is made after this pause, which begins
    /// when those that waited before it are made or given up: no two of one persona come to a relay in one instant,
    /// neither after a start nor when a network is back.
    ///
    /// # Errors
    /// As [`Pool::connection`].
    pub async fn connection_in(
        &self,
        address: &RelayAddress,
        persona: &PersonaId,
        lane: Lane,
        pause: Duration,
    ) -> Result<Connection, LinkError> {
        let mut closings = self.closings.subscribe();
        let slot = self.slot(address, persona, lane);
        let asked = Instant::now();
        let connect = async {
            let mut turn = slot.lock().await;
            if let Some(standing) = turn.open() {
                return Ok(standing.clone());
            }
            if let Some((_, why)) = turn.failed.as_ref().filter(|(at, _)| *at > asked) {
                return Err(why.clone());
            }
            *turn = Standing::default();
            let fresh = if lane.is_apart() {
                let row = self.row(address, persona);
                let _next = row.lock().await;
                sleep(pause).await;
                self.connect(address).await
            } else {
                self.connect(address).await
            };
            match fresh {
                Ok(fresh) => Ok(turn.connection.insert(fresh).clone()),
                Err(why) => {
                    turn.failed = Some((Instant::now(), why.clone()));
                    Err(why)
                }
            }
        };
        tokio::select! {
            biased;
            _ = closings.changed() => Err(LinkError::Lost { sent: Sent::No }),
            connection = connect => connection,
        }
    }

    /// Closes the shared connection of a persona to a relay, if there is one, for instance after a change of
    /// network: the next one has another socket.
    pub async fn close(&self, address: &RelayAddress, persona: &PersonaId) {
        self.close_in(address, persona, Lane::Shared).await;
    }

    /// As [`Pool::close`], in a lane.
    pub async fn close_in(&self, address: &RelayAddress, persona: &PersonaId, lane: Lane) {
        // The slot stays where it is: who waits for it must not connect outside the pool.
        let slot = self.slots().get(&(address.clone(), *persona, lane)).cloned();
        if let Some(slot) = slot {
            part(vec![slot]).await;
        }
    }

    /// Closes the connections of a persona whose lanes do not fit any more, each beside the caller and those that are
    /// apart each after a pause of its own.
    pub fn close_unfit(
        &self,
        persona: &PersonaId,
        fits: impl Fn(Lane) -> bool,
        pause: impl Fn() -> Duration,
    ) {
        let unfit: Vec<(Lane, Slot)> = self
            .slots()
            .iter()
            .filter(|((_, of, lane), _)| of == persona && !fits(*lane))
            .map(|((.., lane), slot)| (*lane, Arc::clone(slot)))
            .collect();
        for (lane, slot) in unfit {
            let pause = if lane.is_apart() { pause() } else { Duration::ZERO };
            tokio::spawn(async move {
                sleep(pause).await;
                part(vec![slot]).await;
            });
        }
    }

    /// Closes everything, connections that are being made too. Open requests and readings end with
    /// `LinkError::Lost`. The pool can be used again afterwards.
    pub async fn close_all(&self) {
        self.close_all_after(|| Duration::ZERO).await;
    }

    /// As [`Pool::close_all`], but connections that are apart say goodbye each after a pause of its own, beside the
    /// caller: together they would say whose they were. Where the process ends before, they fall silent.
    pub async fn close_all_after(&self, pause: impl Fn() -> Duration) {
        self.closings.send_modify(|times| *times = times.wrapping_add(1));
        let (apart, together): (Vec<_>, Vec<_>) = self
            .slots()
            .drain()
            .map(|((.., lane), slot)| (lane, slot))
            .partition(|(lane, _)| lane.is_apart());
        for (_, slot) in apart {
            let pause = pause();
            if pause.is_zero() {
                part(vec![slot]).await;
            } else {
                tokio::spawn(async move {
                    sleep(pause).await;
                    part(vec![slot]).await;
                });
            }
        }
        part(together.into_iter().map(|(_, slot)| slot).collect()).await;
    }

    /// How many connections of a persona stand.
    #[must_use]
    pub fn standing(&self, persona: &PersonaId) -> usize {
        let stands = |slot: &Slot| slot.try_lock().is_ok_and(|turn| turn.open().is_some());
        let slots = self.slots();
        let of = slots.iter().filter(|((_, of, _), _)| of == persona);
        of.filter(|(_, slot)| stands(slot)).count()
    }

    fn slot(&self, address: &RelayAddress, persona: &PersonaId, lane: Lane) -> Slot {
        let mut slots = self.slots();
        // Slots whose connection is over go, so that the map is not a record of relays once used.
        slots.retain(|_, slot| {
            let idle = slot.try_lock().is_ok_and(|turn| turn.open().is_none());
            !idle || Arc::strong_count(slot) > 1
        });
        Arc::clone(slots.entry((address.clone(), *persona, lane)).or_default())
    }

    /// Where the lanes of a persona that are apart stand in a row to connect to a relay.
    fn row(&self, address: &RelayAddress, persona: &PersonaId) -> Arc<Turn<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        Arc::clone(turns.entry((address.clone(), *persona)).or_default())
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<Key, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn part(slots: Vec<Slot>) {
    let mut leaving = Vec::new();
    for slot in slots {
        if let Some(connection) = slot.lock().await.connection.take() {
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
