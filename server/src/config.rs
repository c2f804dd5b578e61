//! What a relay is told: the file `relay.toml` and the flags over it. A [`Config`] that exists makes sense.
//!
//! ```toml
//! listen = "0.0.0.0:4433"          # UDP
//! public = "relay.example:4433"    # what goes into the address; the port may be left out
//! store = "disk"                   # or "memory"
//! quota_bytes = 8589934592         # of the disk store
//! memory_bytes = 268435456         # of the memory store
//! metrics = "127.0.0.1:9464"       # TCP, on the loopback only; off without this line
//!
//! [limits]                         # see `Limits`; every line is optional
//! creation = "open"                # or "pass"
//! plain = "quarter"
//! ```

use std::fs;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use caucus_proto::wire::{RelayAddress, RelayKey};
use serde::Deserialize;
use thiserror::Error;

use crate::limits::{Limits, LimitsError};

/// UDP port where none is given.
pub const PORT: u16 = 4433;
/// Name of the file in the data folder.
pub const FILE: &str = "relay.toml";

const DISK_QUOTA: u64 = 8 << 30;
const MEMORY_QUOTA: u64 = 256 << 20;

/// Which store.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StoreChoice {
    /// In the data folder.
    Disk,
    /// In memory: a restart forgets everything.
    Memory,
}

/// A host and perhaps a port.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Public {
    /// A name or an IP address (IPv6 without brackets).
    pub host: String,
    /// UDP port, if it is another than the one listened on.
    pub port: Option<u16>,
}

/// What a relay is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it listens.
    pub listen: SocketAddr,
    /// What goes into its address.
    pub public: Option<Public>,
    /// Where entries live.
    pub store: StoreChoice,
    /// Bytes of the disk store.
    pub quota_bytes: u64,
    /// Bytes of the memory store.
    pub memory_bytes: u64,
    /// Where totals are told by HTTP, if at all: an address of the loopback.
    pub metrics: Option<SocketAddr>,
    /// Its limits.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::UNSPECIFIED, PORT).into(),
            public: None,
            store: StoreChoice::Disk,
            quota_bytes: DISK_QUOTA,
            memory_bytes: MEMORY_QUOTA,
            metrics: None,
            limits: Limits::default(),
        }
    }
}

/// Flags, which go over the file.
#[derive(Clone, Default, Debug)]
pub struct Flags {
    /// As [`Config::listen`].
    pub listen: Option<SocketAddr>,
    /// As [`Config::public`].
    pub public: Option<String>,
    /// As [`Config::store`].
    pub store: Option<StoreChoice>,
}

/// Why there is no configuration.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {path}: {error}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The file is no TOML, or has keys nobody knows.
    #[error("{path} is not understood: {error}")]
    Parse {
        /// Which.
        path: PathBuf,
        /// Where and why.
        error: Box<toml::de::Error>,
    },
    /// `public` is no host.
    #[error("public = {0:?} is no HOST or HOST:PORT")]
    Public(String),
    /// `metrics` would tell everybody.
    #[error("metrics = \"{0}\" is no address of the loopback, such as 127.0.0.1:9464")]
    Metrics(SocketAddr),
    /// The limits contradict themselves.
    #[error(transparent)]
    Limits(#[from] LimitsError),
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    listen: Option<SocketAddr>,
    public: Option<String>,
    store: Option<StoreChoice>,
    quota_bytes: Option<u64>,
    memory_bytes: Option<u64>,
    metrics: Option<SocketAddr>,
    limits: Limits,
}

impl Config {
    /// From the flags and a file. A file that was named must be there; one that was not may be missing.
    ///
    /// # Errors
    /// `ConfigError`.
    pub fn load(file: &Path, named: bool, flags: &Flags) -> Result<Self, ConfigError> {
        let path = || file.to_path_buf();
        let text = match fs::read_to_string(file) {
            Ok(text) => text,
            // Where the data folder is none, whoever needs it tells.
            Err(error) if is_absent(&error) && !named => String::new(),
            Err(error) => return Err(ConfigError::Read { path: path(), error }),
        };
        let file: File = toml::from_str(&text).map_err(|error| ConfigError::Parse {
            path: path(),
            error: Box::new(error),
        })?;
        let base = Self::default();
        let public = flags.public.clone().or(file.public);
        Ok(Self {
            listen: flags.listen.or(file.listen).unwrap_or(base.listen),
            public: public.as_deref().map(public_place).transpose()?,
            store: flags.store.or(file.store).unwrap_or(base.store),
            quota_bytes: file.quota_bytes.unwrap_or(base.quota_bytes),
            memory_bytes: file.memory_bytes.unwrap_or(base.memory_bytes),
            metrics: file.metrics.map(private).transpose()?,
            limits: file.limits.checked()?,
        })
    }

    /// Host and port for the relay's address, given the port that is listened on. Where the relay listens on
    /// every interface and no public host is set, the address is good on this machine only.
    #[must_use]
    pub fn place(&self, port: u16) -> Public {
        match &self.public {
            Some(public) => Public {
                host: public.host.clone(),
                port: Some(public.port.unwrap_or(port)),
            },
            None => {
                let ip = match self.listen.ip() {
                    std::net::IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
                    std::net::IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
                    ip => ip,
                };
                Public {
                    host: ip.to_string(),
                    port: Some(port),
                }
            }
        }
    }

    /// Whether others cannot use the address.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.public.is_none() && (self.listen.ip().is_unspecified() || self.listen.ip().is_loopback())
    }

    /// The relay's address with this key.
    #[must_use]
    pub fn address(&self, key: RelayKey, port: u16) -> Option<RelayAddress> {
        let place = self.place(port);
        let memory = self.store == StoreChoice::Memory;
        RelayAddress::new(key, &place.host, place.port.unwrap_or(port), memory).ok()
    }
}

fn private(metrics: SocketAddr) -> Result<SocketAddr, ConfigError> {
    if metrics.ip().is_loopback() {
        return Ok(metrics);
    }
    Err(ConfigError::Metrics(metrics))
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

fn public_place(text: &str) -> Result<Public, ConfigError> {
    let wrong = || ConfigError::Public(text.to_owned());
    let (host, port) = if text.parse::<Ipv6Addr>().is_ok() {
        (text, None)
    } else if let Some(inner) = text.strip_prefix('[') {
        let (host, rest) = inner.split_once(']').ok_or_else(wrong)?;
        let port = match rest {
            "" => None,
            rest => Some(rest.strip_prefix(':').ok_or_else(wrong)?),
        };
        (host, port)
    } else {
        match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        }
    };
    let port: Option<u16> = port.map(str::parse).transpose().map_err(|_| wrong())?;
    // The address itself judges which hosts there are.
    RelayAddress::new(RelayKey([0; 32]), host, port.unwrap_or(PORT), false).map_err(|_| wrong())?;
    if port == Some(0) {
        return Err(wrong());
    }
    Ok(Public {
        host: host.to_owned(),
        port,
    })
}

#[cfg(test)]
mod tests {
    use caucus_proto::wire::{CreationPolicy, Retention};

    use super::*;

    fn load(text: &str) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        fs::write(&path, text).unwrap();
        Config::load(&path, true, &Flags::default())
    }

    #[test]
    fn every_word_of_the_example_is_understood() {
        let config = load(
            "listen = \"127.0.0.1:9\"\npublic = \"relay.example:4433\"\nstore = \"memory\"\nquota_bytes = 5\n\
             memory_bytes = 6\n[limits]\ncreation = \"pass\"\nplain = \"week\"\nhandles = 7\n",
        )
        .unwrap();
        assert_eq!(config.listen, "127.0.0.1:9".parse().unwrap());
        assert_eq!(config.store, StoreChoice::Memory);
        assert_eq!((config.quota_bytes, config.memory_bytes), (5, 6));
        assert_eq!(config.limits.creation, CreationPolicy::Pass);
        assert_eq!(config.limits.plain, Retention::Week);
        assert_eq!(config.limits.handles, 7);
        let address = config.address(RelayKey([1; 32]), 9).unwrap().to_string();
        assert!(address.ends_with("@relay.example:4433?memory"), "{address}");
    }

    #[test]
    fn unknown_words_and_wrong_ones_are_refused_by_name() {
        for (text, named) in [
            ("listn = \"1.2.3.4:5\"", "listn"),
            ("[limits]\nhandels = 5", "handels"),
            ("[limits]\nplain = \"fortnight\"", "fortnight"),
            ("[limits]\nhandles = 0", "handles"),
            ("store = \"tape\"", "tape"),
            ("public = \"a b\"", "a b"),
            ("public = \"a:0\"", "a:0"),
            ("metrics = \"0.0.0.0:9464\"", "0.0.0.0:9464"),
        ] {
            let error = load(text).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }

    #[test]
    fn a_named_file_must_be_there_and_another_may_be_missing() {
        let missing = Path::new("/nonexistent/relay.toml");
        assert!(Config::load(missing, false, &Flags::default()).is_ok());
        assert!(Config::load(missing, true, &Flags::default()).is_err());
    }

    #[test]
    fn hosts_come_with_and_without_ports() {
        let place = |text: &str| public_place(text).map(|public| (public.host, public.port));
        assert_eq!(place("a.b").unwrap(), ("a.b".to_owned(), None));
        assert_eq!(place("a.b:1").unwrap(), ("a.b".to_owned(), Some(1)));
        assert_eq!(place("::1").unwrap(), ("::1".to_owned(), None));
        assert_eq!(place("[::1]:2").unwrap(), ("::1".to_owned(), Some(2)));
        let config = Config::default();
        assert_eq!(config.place(7).host, "127.0.0.1");
        assert!(config.is_local());
    }

    #[test]
    fn the_example_that_is_shipped_names_every_setting_with_its_default() {
        let example = include_str!("../../dist/relay.toml");
        let shipped = load(example).unwrap();
        let base = Config::default();
        assert_eq!(format!("{shipped:?}"), format!("{base:?}"));
        // What is off by default stands in a comment.
        let shown = example
            .replace("# public =", "public =")
            .replace("# metrics =", "metrics =");
        let shown: toml::Table = shown.parse().unwrap();
        let debug = format!("{base:?}");
        let (own, limits) = debug.split_once("limits: Limits {").unwrap();
        for (text, table) in [(own, &shown), (limits, shown["limits"].as_table().unwrap())] {
            for field in text.split(", ").filter_map(|part| part.split_once(": ")) {
                let name = field
                    .0
                    .trim_start_matches("Config {")
                    .trim()
                    .trim_start_matches("limits");
                assert!(table.contains_key(name), "{name} is not in dist/relay.toml");
            }
        }
    }
}
