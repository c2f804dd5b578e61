//! A real relay on the network, on a store in memory that outlives it.

use std::net::SocketAddr;
use std::sync::Arc;

use caucus_proto::wire::RelayAddress;
use caucus_server::limits::Limits;
use caucus_server::net::Identity;
use caucus_server::run::{Relay, RunningRelay, Setup};
use caucus_server::store::Store;
use caucus_server::store::memory::Memory;

use super::clock::Clock;
use super::fabric::{Device, Fabric};
use super::socket::Socket;

/// Where relays listen.
const PORT: u16 = 4_433;

/// A relay that can be killed and started again, with the same address and key, on the same store.
pub struct RelayHost<S: Store = Memory> {
    /// Its machine.
    pub device: Device,
    fabric: Fabric,
    clock: Clock,
    key: Vec<u8>,
    limits: Limits,
    store: Arc<S>,
    address: Option<RelayAddress>,
    running: Option<RunningRelay>,
}

impl RelayHost {
    /// A new relay with a fresh key and an empty store in memory.
    pub async fn start(fabric: &Fabric, clock: Clock) -> Self {
        Self::start_with(fabric, clock, Limits::default(), Arc::new(Memory::new(1 << 30))).await
    }
}

impl<S: Store> RelayHost<S> {
    /// A new relay with a fresh key on a store.
    pub async fn start_with(fabric: &Fabric, clock: Clock, limits: Limits, store: Arc<S>) -> Self {
        let identity = Identity::generate().expect("a key");
        let mut host = Self {
            device: fabric.device(),
            fabric: fabric.clone(),
            clock,
            key: identity.pkcs8().to_vec(),
            limits,
            store,
            address: None,
            running: None,
        };
        host.start_again().await;
        host
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> &RelayAddress {
        self.address.as_ref().expect("it was started")
    }

    /// Its store.
    #[must_use]
    pub fn store(&self) -> &S {
        &self.store
    }

    /// The socket's address.
    #[must_use]
    pub fn place(&self) -> SocketAddr {
        SocketAddr::new(self.fabric.ip(self.device), PORT)
    }

    /// Ends it as a crash would: nobody is told, not even by a last packet.
    pub async fn kill(&mut self) {
        if let Some(running) = self.running.take() {
            self.fabric.set_online(self.device, false);
            running.kill().await;
        }
    }

    /// Starts it where it was.
    pub async fn start_again(&mut self) {
        self.fabric.set_online(self.device, true);
        let setup = Setup {
            identity: Identity::from_pkcs8(&self.key).expect("the key"),
            listen: self.place(),
            public: None,
            limits: self.limits.clone(),
            clock: Arc::new(self.clock),
        };
        let socket = Socket::bind(&self.fabric, self.device, Some(PORT));
        let running = Relay::start_on(setup, Arc::clone(&self.store), Arc::new(socket)).await;
        let running = running.expect("a relay");
        self.address = Some(running.address().clone());
        self.running = Some(running);
    }
}
