//! Which of the addresses a tracker names can be a peer's at all.

use crate::limits::MAX_PEERS;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Below, ports belong to a system's services: a peer there is rare, a service that somebody wants disturbed is
/// not. Such addresses come last.
const FIRST_ORDINARY_PORT: u16 = 1024;

/// The usable ones among the addresses named, each once, at most [`MAX_PEERS`].
pub fn usable_peers(named: impl IntoIterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut seen = BTreeSet::new();
    let mut peers: Vec<SocketAddr> = named
        .into_iter()
        .map(|address| SocketAddr::new(address.ip().to_canonical(), address.port()))
        .filter(|address| address.port() != 0 && is_one_host(address.ip()))
        .filter(|address| seen.insert(*address))
        .take(MAX_PEERS)
        .collect();
    // A stable sort keeps the tracker's order otherwise.
    peers.sort_by_key(|address| address.port() < FIRST_ORDINARY_PORT);
    peers
}

/// An address is one host's: not unspecified, broadcast, multicast or reserved.
fn is_one_host(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [first, ..] = v4.octets();
            first != 0 && first < 224 && v4 != Ipv4Addr::new(127, 255, 255, 255)
        }
        IpAddr::V6(v6) => !v6.is_unspecified() && !v6.is_multicast() && !is_discarded(v6),
    }
}

/// The range that routers throw away (RFC 6666).
const fn is_discarded(address: Ipv6Addr) -> bool {
    matches!(address.segments(), [0x100, 0, 0, 0, ..])
}

/// Addresses of 4 bytes and ports of 2, as in BEP 23; a rest that is too short is ignored.
pub(crate) fn compact_v4(bytes: &[u8]) -> impl Iterator<Item = SocketAddr> {
    bytes.as_chunks::<6>().0.iter().map(|&[a, b, c, d, high, low]| {
        SocketAddr::new(Ipv4Addr::new(a, b, c, d).into(), u16::from_be_bytes([high, low]))
    })
}

/// Addresses of 16 bytes and ports of 2, as in BEP 7; a rest that is too short is ignored.
pub(crate) fn compact_v6(bytes: &[u8]) -> impl Iterator<Item = SocketAddr> {
    bytes.as_chunks::<18>().0.iter().filter_map(|entry| {
        let (address, port) = entry.split_first_chunk::<16>()?;
        let port = u16::from_be_bytes(port.try_into().ok()?);
        Some(SocketAddr::new(Ipv6Addr::from(*address).into(), port))
    })
}

/// The compact form of those addresses that are of one family (BEP 23, BEP 7).
pub(crate) fn to_compact(peers: &[SocketAddr], v6: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    for peer in peers {
        match peer.ip() {
            IpAddr::V4(address) if !v6 => bytes.extend(address.octets()),
            IpAddr::V6(address) if v6 => bytes.extend(address.octets()),
            _ => continue,
        }
        bytes.extend(peer.port().to_be_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn addresses_of_nobody_are_dropped() {
        let named = parse(&[
            "0.0.0.0:6881",
            "255.255.255.255:6881",
            "224.0.0.1:6881",
            "240.0.0.1:6881",
            "127.255.255.255:6881",
            "1.2.3.4:0",
            "[::]:1",
            "[ff02::1]:6881",
            "[100::1]:6881",
            "1.2.3.4:6881",
            "[2001:db8::1]:6881",
        ]);
        assert_eq!(usable_peers(named), parse(&["1.2.3.4:6881", "[2001:db8::1]:6881"]));
    }

    #[test]
    fn an_address_comes_once_however_it_is_written() {
        let named = parse(&["1.2.3.4:5000", "1.2.3.4:5000", "[::ffff:1.2.3.4]:5000", "1.2.3.4:5001"]);
        assert_eq!(usable_peers(named), parse(&["1.2.3.4:5000", "1.2.3.4:5001"]));
    }

    #[test]
    fn service_ports_come_last() {
        let named = parse(&["1.2.3.4:22", "1.2.3.5:443", "1.2.3.6:51413"]);
        assert_eq!(usable_peers(named), parse(&["1.2.3.6:51413", "1.2.3.4:22", "1.2.3.5:443"]));
    }

    #[test]
    fn a_flood_is_cut() {
        let bytes: Vec<u8> = (0..300_000u32)
            .flat_map(|i| [127, 150, (i >> 8) as u8, i as u8, 0x20 + (i >> 16) as u8, 1])
            .collect();
        assert_eq!(usable_peers(compact_v4(&bytes)).len(), MAX_PEERS);
    }

    #[test]
    fn compact_forms_and_their_rests() {
        let peers = parse(&["1.2.3.4:6881", "[2001:db8::1]:6881", "5.6.7.8:51413"]);
        let mut v4 = to_compact(&peers, false);
        assert_eq!(v4.len(), 12);
        v4.push(9);
        assert_eq!(compact_v4(&v4).collect::<Vec<_>>(), parse(&["1.2.3.4:6881", "5.6.7.8:51413"]));
        let v6 = to_compact(&peers, true);
        assert_eq!(compact_v6(&v6).collect::<Vec<_>>(), parse(&["[2001:db8::1]:6881"]));
        assert_eq!(compact_v6(&v6[..17]).count(), 0);
    }
}
