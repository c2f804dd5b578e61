//! Which network addresses are dialled. What an invite, a charter, or another body's letter names is the word of somebody
//! else: it never makes this device send into the network where it stands, to a printer, a router, or a service of the
//! machine itself. Who runs a relay there adds it by hand.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where an address leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reach {
    /// To one host of the internet.
    Public,
    /// Into this machine, or a network that has its addresses for itself (RFC 1918, RFC 4193, RFC 6598).
    Private,
    /// To no host where a relay could be: none, all, many, or only what is on the same cable (RFC 3927), where clouds
    /// answer with their secrets.
    Nowhere,
}

impl Reach {
    /// Of an address, and of the one of the other protocol that it holds.
    #[must_use]
    pub fn of(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) => Self::of_v4(ip),
            IpAddr::V6(ip) => inner(ip).map_or_else(|| Self::of_v6(ip), Self::of_v4),
        }
    }

    fn of_v4(ip: Ipv4Addr) -> Self {
        let [first, second, ..] = ip.octets();
        // "This network", and what is kept for later use (RFC 1122), the last of which is everybody.
        if first == 0 || first >= 240 || ip.is_multicast() || ip.is_link_local() {
            Self::Nowhere
        } else if ip.is_loopback() || ip.is_private() || (first == 100 && second & 0xc0 == 64) {
            Self::Private
        } else {
            Self::Public
        }
    }

    fn of_v6(ip: Ipv6Addr) -> Self {
        if ip.is_unspecified() || ip.is_multicast() || ip.is_unicast_link_local() {
            Self::Nowhere
        } else if ip.is_loopback() || ip.is_unique_local() {
            Self::Private
        } else {
            Self::Public
        }
    }
}

/// The IPv4 address that packets to an IPv6 address come to: mapped (RFC 4291), by NAT64 (RFC 6052), or by 6to4 (RFC 3056).
fn inner(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match ip.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(v4(high, low)),
        [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lead_to_the_internet_into_a_private_network_or_nowhere() {
        let of = |text: &str| Reach::of(text.parse().unwrap());
        for text in [
            "1.1.1.1",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.167.1.1",
            "2a01:4f8::1",
            "::ffff:9.9.9.9",
            "64:ff9b::9.9.9.9",
            "2002:0909:0909::1",
        ] {
            assert_eq!(of(text), Reach::Public, "{text}");
        }
        for text in [
            "127.0.0.1",
            "127.255.1.2",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "100.127.255.255",
            "::1",
            "fd00::1",
            "fc00::1",
            "::ffff:10.1.2.3",
            "::ffff:127.0.0.1",
            "64:ff9b::192.168.0.1",
            "2002:7f00:0001::",
        ] {
            assert_eq!(of(text), Reach::Private, "{text}");
        }
        for text in [
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "224.0.0.1",
            "239.1.1.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "fe80::1",
            "febf::1",
            "ff02::1",
            "::ffff:169.254.169.254",
            "64:ff9b::169.254.169.254",
            "2002:a9fe:a9fe::1",
        ] {
            assert_eq!(of(text), Reach::Nowhere, "{text}");
        }
    }
}
