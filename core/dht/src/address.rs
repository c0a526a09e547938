//! Which addresses may be a node's or a peer's, and which of them belong to one owner.

use crate::contract::Family;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Below, ports belong to a system's services. A node there is rare; a service that somebody wants disturbed by our
/// lookups is not.
const FIRST_NODE_PORT: u16 = 1024;

/// Addresses beside the global ones that are taken: those of the networks our bootstrap contacts lie in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Reach {
    /// 127.0.0.0/8 and `::1`.
    pub(crate) loopback: bool,
    /// Private and link-local networks.
    pub(crate) private: bool,
}

/// One owner, as far as an address tells: a /24 of IPv4, a /64 of IPv6. In a private network, where nobody owns a
/// whole /24 at the price of one address, a single address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Subnet(u64);

impl Subnet {
    pub(crate) fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) if is_private(address) => Self(1 << 40 | u64::from(u32::from(v4))),
            IpAddr::V4(v4) => Self(u64::from(u32::from(v4) >> 8)),
            IpAddr::V6(v6) => Self((u128::from(v6) >> 64) as u64),
        }
    }
}

impl Reach {
    /// Widens the reach by the network that a trusted contact lies in.
    pub(crate) fn include(&mut self, contact: IpAddr) {
        self.loopback |= contact.is_loopback();
        self.private |= is_private(contact);
    }

    /// Can a node be at this address?
    pub(crate) fn takes_node(self, family: Family, address: SocketAddr) -> bool {
        address.port() >= FIRST_NODE_PORT && self.takes_peer(family, address)
    }

    /// Can a peer be at this address?
    pub(crate) fn takes_peer(self, family: Family, address: SocketAddr) -> bool {
        let ip = address.ip();
        address.port() != 0
            && family.holds(address)
            && is_one_host(ip)
            && (self.loopback || !ip.is_loopback())
            && (self.private || !is_private(ip))
    }
}

/// Is the id of a node at this address free of BEP 42's rule?
pub(crate) fn is_exempt(address: IpAddr) -> bool {
    address.is_loopback() || is_private(address)
}

/// Private and self-assigned networks.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// An address is one host's: not unspecified, broadcast, multicast or reserved.
fn is_one_host(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [first, ..] = v4.octets();
            first != 0 && first < 224 && v4 != Ipv4Addr::new(127, 255, 255, 255)
        }
        IpAddr::V6(v6) => {
            !v6.is_unspecified() && !v6.is_multicast() && v6.to_ipv4_mapped().is_none() && !is_discarded(v6)
        }
    }
}

/// The range that routers throw away (RFC 6666).
const fn is_discarded(address: Ipv6Addr) -> bool {
    matches!(address.segments(), [0x100, 0, 0, 0, ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn addresses_of_nobody_and_of_services_are_no_nodes() {
        let reach = Reach { loopback: true, private: true };
        for bad in [
            "0.0.0.0:6881",
            "255.255.255.255:6881",
            "127.255.255.255:6881",
            "224.0.0.1:6881",
            "240.0.0.1:6881",
            "1.2.3.4:0",
            "1.2.3.4:53",
        ] {
            assert!(!reach.takes_node(Family::V4, at(bad)), "{bad}");
        }
        for bad in ["[::]:6881", "[ff02::1]:6881", "[::ffff:1.2.3.4]:6881", "[100::1]:6881", "1.2.3.4:6881"] {
            assert!(!reach.takes_node(Family::V6, at(bad)), "{bad}");
        }
        assert!(reach.takes_node(Family::V4, at("1.2.3.4:6881")));
        assert!(reach.takes_node(Family::V6, at("[2a00::1]:6881")));
    }

    #[test]
    fn local_addresses_count_only_where_a_contact_is_local() {
        let mut reach = Reach::default();
        assert!(!reach.takes_node(Family::V4, at("127.0.0.1:6881")));
        assert!(!reach.takes_node(Family::V4, at("10.0.0.1:6881")));
        reach.include("127.0.0.1".parse().unwrap());
        assert!(reach.takes_node(Family::V4, at("127.9.9.9:6881")));
        assert!(!reach.takes_node(Family::V4, at("10.0.0.1:6881")));
        reach.include("192.168.0.1".parse().unwrap());
        assert!(reach.takes_node(Family::V4, at("10.0.0.1:6881")));
    }

    #[test]
    fn a_24_and_a_64_are_one_owner() {
        let subnet = |text: &str| Subnet::of(text.parse().unwrap());
        assert_eq!(subnet("1.2.3.4"), subnet("1.2.3.99"));
        assert_eq!(subnet("127.0.1.4"), subnet("127.0.1.99"));
        assert_ne!(subnet("1.2.3.4"), subnet("1.2.4.4"));
        assert_ne!(subnet("10.0.0.1"), subnet("10.0.0.2"));
        assert_eq!(subnet("2a00:1:2:3::1"), subnet("2a00:1:2:3:ffff::9"));
        assert_ne!(subnet("2a00:1:2:3::1"), subnet("2a00:1:2:4::1"));
    }
}
