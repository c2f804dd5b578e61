//! A relay inside the test's process.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use caucus_server::clock::SystemClock;
use caucus_server::limits::Limits;
use caucus_server::net::Identity;
use caucus_server::run::{Relay, RunningRelay, Setup};
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
        let identity = Identity::from_pkcs8(&self.key).expect("the key");
        let store = Embedded::open(&self.folder, Options::default()).expect("a store");
        let setup = Setup {
            identity,
            listen: self.listen,
            public: None,
            limits: Limits::default(),
            clock: Arc::new(SystemClock::new()),
        };
        let running = Relay::start(setup, Arc::new(store)).await.expect("a relay");
        self.listen = running.local_addr();
        self.address = running.address().to_string();
        self.running = Some(running);
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
