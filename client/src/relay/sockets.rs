//! Where the UDP sockets of connections come from: the system, or a network that tests make. And whether others' word
//! leads into private networks over them.

use core::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;

use quinn::{AsyncUdpSocket, Endpoint, EndpointConfig, TokioRuntime};

type Make = dyn Fn(SocketAddr) -> io::Result<Arc<dyn AsyncUdpSocket>> + Send + Sync;

/// Gives every attempt to connect a socket of its own. Cheap to clone. By default sockets are the system's, and relays in
/// private networks are dialled only where this person added them.
#[derive(Clone, Default)]
pub struct Sockets {
    make: Option<Arc<Make>>,
    anywhere: bool,
}

impl fmt::Debug for Sockets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sockets(..)")
    }
}

impl Sockets {
    /// Sockets of another network than the system's; `make` is told where each will send to.
    pub fn from_fn(
        make: impl Fn(SocketAddr) -> io::Result<Arc<dyn AsyncUdpSocket>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            make: Some(Arc::new(make)),
            anywhere: true,
        }
    }

    /// Sockets of the system, where relays in private networks are dialled whoever names them.
    #[must_use]
    pub const fn anywhere() -> Self {
        Self {
            make: None,
            anywhere: true,
        }
    }

    /// Whether relays in private networks are dialled whoever names them.
    pub(super) const fn lead_anywhere(&self) -> bool {
        self.anywhere
    }

    /// An endpoint on a fresh socket towards `place`.
    pub(super) fn towards(&self, place: SocketAddr) -> io::Result<Endpoint> {
        match &self.make {
            None => Endpoint::client(own_address(place)?),
            Some(make) => Endpoint::new_with_abstract_socket(
                EndpointConfig::default(),
                None,
                make(place)?,
                Arc::new(TokioRuntime),
            ),
        }
    }
}

/// The address of this machine from which packets to `place` leave now, with a free port.
///
/// A socket that is bound to it falls silent when the machine changes its network, so no packet of an old
/// connection ever leaves from a new address, where it would tell an observer that both are the same person.
fn own_address(place: SocketAddr) -> io::Result<SocketAddr> {
    let any = match place.ip() {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let probe = UdpSocket::bind(SocketAddr::new(any, 0))?;
    // Sends nothing: it only asks the routing table.
    probe.connect(place)?;
    let mut own = probe.local_addr()?;
    own.set_port(0);
    Ok(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_belongs_to_the_one_address_from_which_the_relay_is_reached() {
        let place = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
        let endpoint = Sockets::default().towards(place).unwrap();
        let own = endpoint.local_addr().unwrap();
        assert_eq!(own.ip(), IpAddr::V4(Ipv4Addr::LOCALHOST));
        assert_ne!(own.port(), 0);
        let other = Sockets::default().towards(place).unwrap();
        assert_ne!(other.local_addr().unwrap().port(), own.port());
    }
}
