//! A relay's address: `caucus://<base32 of the SPKI hash>@host:port`, with `?memory` where the relay keeps
//! nothing on disk. The key is its identity; there is no certificate authority.

use core::fmt;
use core::str::FromStr;

use data_encoding::BASE32_NOPAD;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// SHA-256 of a relay's SubjectPublicKeyInfo (RFC 5280, section 4.1.2.7).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RelayKey(pub [u8; 32]);

impl fmt::Display for RelayKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE32_NOPAD.encode(&self.0).to_lowercase())
    }
}

impl fmt::Debug for RelayKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RelayKey({self})")
    }
}

/// Where a relay is and who it is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct RelayAddress {
    /// Its identity.
    pub key: RelayKey,
    /// A host name or an IP address (IPv6 without brackets).
    pub host: String,
    /// UDP port.
    pub port: u16,
    /// It keeps entries in memory only.
    pub memory: bool,
}

/// Why a text is no relay address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum AddressError {
    /// It does not begin with `caucus://`.
    #[error("a relay address begins with caucus://")]
    Scheme,
    /// The key is missing or is not 52 base32 characters.
    #[error("the key before the @ must be 52 letters and digits; the address may be cut off")]
    Key,
    /// The host is missing or has characters that no host has.
    #[error("the host after the @ is missing or malformed")]
    Host,
    /// The port is missing or no number from 1 to 65535.
    #[error("the port after the last : must be a number from 1 to 65535")]
    Port,
    /// Something unknown follows the port.
    #[error("unknown words after the port")]
    Rest,
}

const SCHEME: &str = "caucus://";
const LONGEST_HOST: usize = 253;

impl FromStr for RelayAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let rest = text.trim().strip_prefix(SCHEME).ok_or(AddressError::Scheme)?;
        let (key, place) = rest.split_once('@').ok_or(AddressError::Key)?;
        let key = BASE32_NOPAD
            .decode(key.to_uppercase().as_bytes())
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .map(RelayKey)
            .ok_or(AddressError::Key)?;
        let (place, memory) = match place.split_once('?') {
            None => (place, false),
            Some((place, "memory")) => (place, true),
            Some(_) => return Err(AddressError::Rest),
        };
        let (host, port) = place.rsplit_once(':').ok_or(AddressError::Port)?;
        let port = port
            .parse()
            .ok()
            .filter(|port| *port != 0)
            .ok_or(AddressError::Port)?;
        let host = match host.strip_prefix('[') {
            Some(inner) => {
                let inner = inner.strip_suffix(']').ok_or(AddressError::Host)?;
                inner
                    .parse::<core::net::Ipv6Addr>()
                    .map_err(|_| AddressError::Host)?;
                inner
            }
            None => host,
        };
        Self::new(key, host, port, memory)
    }
}

impl RelayAddress {
    /// An address from its parts.
    ///
    /// # Errors
    /// `AddressError::Host` if the host has characters that no host has.
    pub fn new(key: RelayKey, host: &str, port: u16, memory: bool) -> Result<Self, AddressError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        let named = !host.is_empty() && host.len() <= LONGEST_HOST && host.chars().all(plain);
        if !named && host.parse::<core::net::Ipv6Addr>().is_err() {
            return Err(AddressError::Host);
        }
        Ok(Self {
            key,
            host: host.to_owned(),
            port,
            memory,
        })
    }
}

impl fmt::Display for RelayAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}@", self.key)?;
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)?;
        } else {
            write!(f, "{}:{}", self.host, self.port)?;
        }
        if self.memory {
            f.write_str("?memory")
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reads_back_as_written() {
        for (host, memory) in [("relay.example", false), ("127.0.0.1", true), ("::1", false)] {
            let address = RelayAddress::new(RelayKey([7; 32]), host, 4433, memory).unwrap();
            assert_eq!(address.to_string().parse(), Ok(address));
        }
    }

    #[test]
    fn a_broken_address_says_which_part_is_wrong() {
        let good = RelayAddress::new(RelayKey([7; 32]), "a.b", 4433, false)
            .unwrap()
            .to_string();
        let parse = |text: String| text.parse::<RelayAddress>();
        assert_eq!(
            parse(good.replace("caucus://", "https://")),
            Err(AddressError::Scheme)
        );
        assert_eq!(parse(good[..30].to_owned()), Err(AddressError::Key));
        assert_eq!(parse(good.replace("a.b", "a b")), Err(AddressError::Host));
        assert_eq!(parse(good.replace("4433", "0")), Err(AddressError::Port));
        assert_eq!(parse(format!("{good}?x")), Err(AddressError::Rest));
    }
}
