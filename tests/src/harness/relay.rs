//! A relay inside the test's process.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use caucus_server::clock::SystemClock;
use caucus_server::limits::Limits;
use caucus_server::net::{EndpointError, Identity};
use caucus_server::run::{Relay, RunningRelay, Setup, StartError};
use caucus_server::store::StoreError;
use caucus_server::store::embedded::{Embedded, Options};

/// A relay that can be stopped, killed and started again on the same port, key and folder.
pub struct RelayHost {
    folder: PathBuf,
    key: Vec<u8>,
    listen: SocketAddr,
    address: String,
    running: Option<RunningRelay>,
}

impl RelayHost {
    /// A new relay with a fresh key.
    pub async fn start(folder: &Path) -> Self {
        let identity = Identity::generate().expect("a key");
        let mut host = Self {
            folder: folder.to_owned(),
            key: identity.pkcs8().to_vec(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            address: String::new(),
            running: None,
        };
        host.start_again().await;
        host
    }

    /// Its address.
    pub fn address(&self) -> String {
        self.address.clone()
    }

    /// Starts it where it was.
    pub async fn start_again(&mut self) {
        let mut patience = 500;
        let running = loop {
            let store = Arc::new(self.open_store().await);
            let setup = Setup {
                identity: Identity::from_pkcs8(&self.key).expect("the key"),
                listen: self.listen,
                public: None,
                limits: Limits::default(),
                clock: Arc::new(SystemClock::new(None)),
            };
            match Relay::start(setup, store).await {
                // A killed relay of this process lets its socket go only when its last task has ended.
                Err(StartError::Endpoint(EndpointError::Bind { .. })) if patience > 0 => {
                    patience -= 1;
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                started => break started.expect("a relay"),
            }
        };
        self.listen = running.local_addr();
        self.address = running.address().to_string();
        self.running = Some(running);
    }

    /// A killed relay of this process lets its store go only when its last task has ended.
    async fn open_store(&self) -> Embedded {
        for _ in 0..500 {
            match Embedded::open(&self.folder, Options::default()) {
                Err(StoreError::InUse) => tokio::time::sleep(Duration::from_millis(10)).await,
                opened => return opened.expect("a store"),
            }
        }
        panic!("the killed relay never let its store go")
    }

    /// Ends it well.
    pub async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop().await.expect("a good end");
        }
    }

    /// Ends it as a crash would.
    pub async fn kill(&mut self) {
        if let Some(running) = self.running.take() {
            running.kill().await;
        }
    }

    /// Another key from now on.
    pub fn change_key(&mut self) {
        self.key = Identity::generate().expect("a key").pkcs8().to_vec();
    }

    /// Where its store is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}
