//! What is measured: a relay or the floor, as a process of its own.

use std::fs::{self, DirBuilder};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::client::Dialler;
use crate::figures::vitals;
use crate::process::RelayProcess;

/// Everybody may write, open and create as fast as the relay can; all other limits are the defaults.
const CONFIG: &str = "quota_bytes = 1000000000000
[limits]
appends_per_second = 1000000
channel_appends_per_second = 1000000
channel_entries = 100000000
channel_bytes = 1000000000000
creates_per_second = 1000000
opens_per_second = 1000000
channels = 10000000
connections = 10000
retry_above = 10000
readings = 100000
open_handles = 1000000
";

/// Which of the two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Side {
    Relay,
    Floor,
}

impl Side {
    pub(super) const BOTH: [Self; 2] = [Self::Relay, Self::Floor];
}

/// A running one.
pub(super) enum Server {
    Relay(RelayProcess),
    Floor(FloorProcess),
}

impl Server {
    /// Starts one on an empty folder.
    pub(super) fn start(side: Side, folder: &Path) -> Self {
        match side {
            Side::Relay => {
                if !folder.exists() {
                    DirBuilder::new().mode(0o700).create(folder).expect("a folder");
                }
                fs::write(folder.join("relay.toml"), CONFIG).expect("a file");
                Self::Relay(RelayProcess::start(folder))
            }
            Side::Floor => Self::Floor(FloorProcess::start(folder)),
        }
    }

    /// Kills it and starts it where it was.
    pub(super) fn restart(&mut self) {
        match self {
            Self::Relay(relay) => {
                relay.kill();
                relay.start_again();
            }
            Self::Floor(floor) => {
                floor.kill();
                floor.start_again();
            }
        }
    }

    pub(super) const fn is_relay(&self) -> bool {
        matches!(self, Self::Relay(_))
    }

    /// Clients of it, for so many connections.
    pub(super) fn dialler(&self, connections: usize) -> Dialler {
        match self {
            Self::Relay(relay) => {
                let (_, place) = relay.address().rsplit_once('@').expect("a place");
                let address = relay.address().parse().expect("an address");
                Dialler::relay(
                    &address,
                    place.parse().expect("an address and a port"),
                    connections,
                )
            }
            Self::Floor(floor) => Dialler::floor(floor.place, connections),
        }
    }

    pub(super) fn cpu(&self) -> Duration {
        vitals::cpu(self.pid())
    }

    /// Resident MiB.
    pub(super) fn memory(&self) -> f64 {
        vitals::memory(self.pid()).0
    }

    /// Bytes of all its files.
    pub(super) fn disk(&self) -> u64 {
        vitals::bytes(match self {
            Self::Relay(relay) => relay.data(),
            Self::Floor(floor) => &floor.data,
        })
    }

    fn pid(&self) -> u32 {
        match self {
            Self::Relay(relay) => relay.pid().expect("it runs"),
            Self::Floor(floor) => floor.child.as_ref().expect("it runs").id(),
        }
    }
}

/// The floor as a process: this program, called as `floor`.
pub(super) struct FloorProcess {
    data: PathBuf,
    place: SocketAddr,
    child: Option<Child>,
}

impl FloorProcess {
    fn start(data: &Path) -> Self {
        let mut floor = Self {
            data: data.to_owned(),
            place: SocketAddr::from(([127, 0, 0, 1], 0)),
            child: None,
        };
        floor.start_again();
        floor
    }

    fn start_again(&mut self) {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .arg("floor")
            .arg("--data")
            .arg(&self.data)
            .args(["--port", &self.place.port().to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the floor");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output"))
            .read_line(&mut line)
            .expect("its first line");
        self.place = line.trim().parse().expect("its address");
        self.child = Some(child);
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for FloorProcess {
    fn drop(&mut self) {
        self.kill();
    }
}
