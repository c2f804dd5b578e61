//! The one loop of a relay: connections in, time passing, and its end. Also in one process with its clients,
//! for tests.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use caucus_proto::wire::{AddressError, RelayAddress, StoreKind};
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use zeroize::Zeroizing;

use crate::clock::Clock;
use crate::limits::Limits;
use crate::net::desk::Desk;
use crate::net::{
    AsyncUdpSocket, Connection, Endpoint, EndpointError, Goodbye, Identity, Incoming, connection, endpoint,
    fanout,
};
use crate::operate::Operator;
use crate::process::scrub_stack;
use crate::store::{Store, StoreError};

/// How often the relay overwrites what ended calls have left behind.
const ROUND_MS: u64 = 15_000;
/// Rounds after which it looks whether an hour has passed, and lets go of what nobody uses.
const ROUNDS: u32 = 4;
/// How long a graceful end waits for the last packets after the last connection.
const LAST_PACKETS: Duration = Duration::from_secs(1);

/// What a relay needs to start.
pub struct Setup {
    /// Its key.
    pub identity: Identity,
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Host and port under which clients reach it; else the address it listens on.
    pub public: Option<(String, Option<u16>)>,
    /// Its limits.
    pub limits: Limits,
    /// Its time.
    pub clock: Arc<dyn Clock>,
}

/// Why a relay does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// No endpoint.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The public host is none.
    #[error("the public address is wrong: {0}")]
    Public(#[from] AddressError),
    /// No randomness.
    #[error("the system gives no randomness: {0}")]
    Randomness(getrandom::Error),
}

/// A relay to start.
#[derive(Debug)]
pub enum Relay {}

impl Relay {
    /// Starts a relay on a store. It runs until one of the ends of [`RunningRelay`].
    ///
    /// # Errors
    /// `StartError`; the store is as it was then.
    pub async fn start<S: Store>(setup: Setup, store: Arc<S>) -> Result<RunningRelay, StartError> {
        let endpoint = endpoint::listen(setup.listen, &setup.identity, &setup.limits)?;
        Self::on(setup, store, endpoint)
    }

    /// Starts a relay on a store and on a socket that is there already: `setup.listen` opens none.
    ///
    /// # Errors
    /// `StartError`; the store is as it was then.
    pub async fn start_on<S: Store>(
        setup: Setup,
        store: Arc<S>,
        socket: Arc<dyn AsyncUdpSocket>,
    ) -> Result<RunningRelay, StartError> {
        let endpoint = endpoint::listen_on(socket, &setup.identity, &setup.limits)?;
        Self::on(setup, store, endpoint)
    }

    fn on<S: Store>(setup: Setup, store: Arc<S>, endpoint: Endpoint) -> Result<RunningRelay, StartError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seed).map_err(StartError::Randomness)?;
        let bound = |error| EndpointError::Bind {
            address: setup.listen,
            error,
        };
        let local = endpoint.local_addr().map_err(bound)?;
        let (host, port) = match &setup.public {
            Some((host, port)) => (host.clone(), port.unwrap_or(local.port())),
            None => (local.ip().to_string(), local.port()),
        };
        let memory = store.kind() == StoreKind::Memory;
        let address = RelayAddress::new(setup.identity.key(), &host, port, memory)?;
        let secret = setup.identity.pass_secret();
        let (outlet, committed) = mpsc::unbounded_channel();
        store.hand_over(outlet);
        let desk = Desk::new(store, setup.clock, setup.limits, secret, &seed).shared();
        let fanout = tokio::spawn(fanout::run(Arc::clone(&desk), committed));
        let drain = watch::Sender::new(false);
        let main = tokio::spawn(accept(Arc::clone(&desk), endpoint.clone(), drain.clone()));
        let operator: Arc<dyn Operator> = Arc::<Desk<S>>::clone(&desk);
        let rounds = tokio::spawn(rounds(desk));
        tracing::info!("the relay runs");
        Ok(RunningRelay {
            address,
            local,
            endpoint,
            drain,
            main,
            others: [rounds, fanout],
            operator: Operated(operator),
        })
    }
}

/// A relay that runs. Dropping it lets it run on; end it with [`RunningRelay::stop`] or [`RunningRelay::kill`].
#[derive(Debug)]
pub struct RunningRelay {
    address: RelayAddress,
    local: SocketAddr,
    endpoint: Endpoint,
    drain: watch::Sender<bool>,
    main: JoinHandle<Result<(), StoreError>>,
    others: [JoinHandle<()>; 2],
    operator: Operated,
}

struct Operated(Arc<dyn Operator>);

impl core::fmt::Debug for Operated {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Operated(..)")
    }
}

impl RunningRelay {
    /// Its address for clients.
    #[must_use]
    pub fn address(&self) -> &RelayAddress {
        &self.address
    }

    /// The socket it listens on.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// For whoever runs it.
    #[must_use]
    pub fn operator(&self) -> Arc<dyn Operator> {
        Arc::clone(&self.operator.0)
    }

    /// Waits until the relay has ended by itself, because its store failed. [`RunningRelay::stop`] then says
    /// how.
    pub async fn ended(&mut self) {
        let mut drained = self.drain.subscribe();
        // This relay holds the other half itself, so the wait ends only when it drains.
        let _ = drained.wait_for(|drained| *drained).await;
    }

    /// Ends it well: tells the clients, finishes what is in flight, closes the store.
    ///
    /// # Errors
    /// What the store says on closing.
    pub async fn stop(self) -> Result<(), StoreError> {
        self.drain.send_replace(true);
        let closed = self.main.await;
        self.others.iter().for_each(JoinHandle::abort);
        // The task neither panics nor is aborted here, so it has an outcome.
        closed.unwrap_or(Err(StoreError::Closed))
    }

    /// Ends it as a crash would, as far as one process can: nothing is finished, nobody is told, the store is
    /// not closed but let go.
    pub async fn kill(self) {
        self.main.abort();
        self.others.iter().for_each(JoinHandle::abort);
        self.endpoint.close(Goodbye::Done.var());
        // All have ended or are cancelled: there is no outcome to look at.
        let _ = self.main.await;
        for other in self.others {
            let _ = other.await;
        }
    }
}

async fn accept<S: Store>(
    desk: Arc<Desk<S>>,
    endpoint: Endpoint,
    drain: watch::Sender<bool>,
) -> Result<(), StoreError> {
    let draining = drain.subscribe();
    let door = Door::new(&desk.limits());
    let mut connections = JoinSet::new();
    let mut told = draining.clone();
    let mut failure = None;
    loop {
        let incoming = tokio::select! {
            incoming = endpoint.accept() => incoming,
            _ = told.wait_for(|draining| *draining) => None,
            error = desk.store_failed() => {
                failure = Some(error);
                None
            }
        };
        let Some(incoming) = incoming else {
            break;
        };
        while connections.try_join_next().is_some() {}
        if let Some(admitted) = door.admit(incoming) {
            connections.spawn(admitted.serve(Arc::clone(&desk), draining.clone()));
        }
    }
    tracing::info!("the relay is draining");
    // After a failed flush nobody knows what the disk holds: nothing more is accepted, and the relay ends.
    drain.send_replace(true);
    endpoint.let_nobody_in();
    desk.drain();
    let patience = Duration::from_secs(u64::from(desk.limits().drain_seconds));
    let finished = tokio::time::timeout(patience, async {
        while connections.join_next().await.is_some() {}
    });
    if finished.await.is_err() {
        tracing::warn!("some connections were cut off");
    }
    endpoint.close(Goodbye::Draining.var());
    // Whether every last packet was acknowledged changes nothing any more.
    let _ = tokio::time::timeout(LAST_PACKETS, endpoint.wait_idle()).await;
    let closed = desk.store.close().await;
    tracing::info!("the relay has stopped");
    failure.map_or(closed, Err)
}

/// Who comes in.
struct Door {
    connections: Arc<Semaphore>,
    /// Handshakes of addresses that have proved themselves.
    proved: Arc<Semaphore>,
    /// Handshakes of all others. Packets from invented addresses can fill these places and no more.
    unproved: Arc<Semaphore>,
    wide: Arc<Semaphore>,
    most: usize,
    retry_above: usize,
}

struct Admitted {
    connection: Connection,
    place: OwnedSemaphorePermit,
    handshake: OwnedSemaphorePermit,
    wide: Arc<Semaphore>,
}

impl Door {
    fn new(limits: &Limits) -> Self {
        let semaphore = |permits: usize| Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS)));
        Self {
            connections: semaphore(limits.connections),
            proved: semaphore(limits.handshakes.div_ceil(2)),
            unproved: semaphore(limits.handshakes / 2),
            wide: semaphore(limits.wide_connections),
            most: limits.connections,
            retry_above: limits.retry_above,
        }
    }

    /// Under load an address must first prove that packets reach it (RFC 9000, section 8.1.2).
    fn admit(&self, incoming: Incoming) -> Option<Admitted> {
        let proved = incoming.is_proved();
        let busy = self.most.saturating_sub(self.connections.available_permits()) >= self.retry_above
            || self.unproved.available_permits() == 0;
        if busy && !proved && incoming.may_retry() {
            incoming.retry();
            return None;
        }
        let place = Arc::clone(&self.connections).try_acquire_owned();
        let handshakes = if proved { &self.proved } else { &self.unproved };
        let handshake = Arc::clone(handshakes).try_acquire_owned();
        match (place, handshake) {
            (Ok(place), Ok(handshake)) => Some(Admitted {
                connection: incoming.accept()?,
                place,
                handshake,
                wide: Arc::clone(&self.wide),
            }),
            _ => {
                incoming.refuse();
                None
            }
        }
    }
}

impl Admitted {
    async fn serve<S: Store>(self, desk: Arc<Desk<S>>, draining: watch::Receiver<bool>) {
        let patience = Duration::from_secs(u64::from(desk.limits().hello_seconds));
        if let Ok(Ok(())) = tokio::time::timeout(patience, self.connection.established()).await {
            drop(self.handshake);
            let wide = self.wide.try_acquire_owned();
            if wide.is_ok() {
                endpoint::widen(&self.connection, &desk.limits());
            }
            connection::serve(desk, self.connection, draining).await;
            drop(wide);
        }
        drop(self.place);
    }
}

/// What time asks for: expired entries, channels nobody uses.
async fn rounds<S: Store>(desk: Arc<Desk<S>>) {
    let mut hour = None;
    for round in (0..ROUNDS).cycle() {
        let next = desk.clock.now().plus(ROUND_MS);
        scrub_stack();
        if round > 0 {
            desk.clock.sleep_until(next).await;
            continue;
        }
        let now = desk.clock.hours();
        if hour.replace(now) != Some(now) {
            desk.expire(now).await;
            let usage = desk.store.usage();
            tracing::info!(bytes = usage.bytes, channels = usage.channels, "totals");
        }
        desk.sweep();
        desk.clock.sleep_until(next).await;
    }
}
