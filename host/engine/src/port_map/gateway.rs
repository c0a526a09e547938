//! The router of the local network, as the kernel knows it.

use crate::bind::Bind;
use crate::http::is_local;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};

/// Where the kernel tells its routes of IPv4.
const ROUTES: &str = "/proc/self/net/route";

/// Where it tells those of IPv6.
const ROUTES_V6: &str = "/proc/self/net/ipv6_route";

/// An address that belongs to nobody (RFC 3849), by way of the default route: nothing is sent there.
const FAR_AWAY: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);

/// Flags of a route that is up and leads through a gateway.
const UP_BY_GATEWAY: u32 = 3;

/// The router that what is bound so leaves by; of several the one that the kernel prefers. Bound to an address, it is the
/// one of that address's network.
pub(super) fn default_gateway(bind: Bind) -> Option<Ipv4Addr> {
    gateway_in(&std::fs::read_to_string(ROUTES).ok()?, bind)
}

/// The router that packets of IPv6 leave by, from our address `own`.
pub(super) fn default_gateway_v6(own: Ipv6Addr, port: u16) -> Option<SocketAddr> {
    let interfaces = if_addrs::get_if_addrs().ok()?;
    let interface = interfaces.into_iter().find(|interface| interface.ip() == IpAddr::V6(own))?;
    let gateway = gateway_v6_in(&std::fs::read_to_string(ROUTES_V6).ok()?, &interface.name)?;
    Some(SocketAddrV6::new(gateway, port, 0, interface.index?).into())
}

/// The interface that has an address of ours.
pub(super) fn interface_of(own: Ipv6Addr) -> Option<u32> {
    if_addrs::get_if_addrs().ok()?.into_iter().find(|interface| interface.ip() == IpAddr::V6(own))?.index
}

/// The address of IPv6 that others see us by, of all that we have, if it is one of the public internet: the one we are
/// bound to, else the one that the system speaks from, which may be a temporary one.
pub(super) fn outward_v6(bind: Bind) -> Option<Ipv6Addr> {
    let bound = bind.v6?;
    let own = if bound.is_unspecified() {
        let socket = UdpSocket::bind(SocketAddr::from((bound, 0))).ok()?;
        bind.hold(&socket).ok()?;
        socket.connect((FAR_AWAY, 9)).ok()?;
        match socket.local_addr().ok()?.ip() {
            IpAddr::V6(own) => own,
            IpAddr::V4(_) => return None,
        }
    } else {
        bound
    };
    Some(own).filter(|own| !is_local(IpAddr::V6(*own)))
}

/// The gateway of the default route by an interface, of several the one with the least metric. A line has the target,
/// the length of its prefix, those of the source, the gateway, metric, two counters, flags and the interface, in hex.
fn gateway_v6_in(table: &str, interface: &str) -> Option<Ipv6Addr> {
    let nowhere = "0".repeat(32);
    let routes = table.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let number = |at: usize| u32::from_str_radix(fields.get(at)?, 16).ok();
        let is_default = *fields.first()? == nowhere && number(1)? == 0;
        let is_by_gateway = number(8)? & UP_BY_GATEWAY == UP_BY_GATEWAY;
        let gateway = u128::from_str_radix(fields.get(4)?, 16).ok()?;
        (is_default && is_by_gateway && *fields.get(9)? == interface)
            .then_some((number(5)?, Ipv6Addr::from(gateway)))
    });
    routes.min_by_key(|(metric, _)| *metric).map(|(_, gateway)| gateway)
}

/// One line of the table; addresses stand in it as the machine has them in memory.
struct Route<'a> {
    interface: &'a str,
    destination: u32,
    gateway: u32,
    flags: u32,
    metric: u32,
    mask: u32,
}

impl<'a> Route<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let address = |at: usize| u32::from_str_radix(fields.get(at)?, 16).ok().map(u32::from_be);
        Some(Self {
            interface: fields.first()?,
            destination: address(1)?,
            gateway: address(2)?,
            flags: u32::from_str_radix(fields.get(3)?, 16).ok()?,
            metric: fields.get(6)?.parse().ok()?,
            mask: address(7)?,
        })
    }
}

fn gateway_in(table: &str, bind: Bind) -> Option<Ipv4Addr> {
    let routes: Vec<Route<'_>> = table.lines().skip(1).filter_map(Route::parse).collect();
    // The networks that our address lies in name the interfaces that it is reached by.
    let own = bind.v4?;
    let own_bits = u32::from(own);
    let is_ours = |interface: &str| {
        let has_us = |route: &Route<'_>| {
            route.interface == interface && route.mask != 0 && own_bits & route.mask == route.destination
        };
        bind.interface.is_none_or(|only| only.name() == interface.as_bytes())
            && (own.is_unspecified() || routes.iter().any(has_us))
    };
    let defaults = routes.iter().filter(|route| {
        route.destination == 0 && route.mask == 0 && route.flags & UP_BY_GATEWAY == UP_BY_GATEWAY
    });
    let best = defaults.filter(|route| is_ours(route.interface)).min_by_key(|route| route.metric);
    best.map(|route| Ipv4Addr::from(route.gateway))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bind::Interface;
    use std::net::IpAddr;

    const TABLE: &str = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
        wlan0\t00000000\t0105A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\n\
        eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
        vpn0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0\n\
        eth0\t0001A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n\
        wlan0\t0005A8C0\t00000000\t0001\t0\t0\t600\t00FFFFFF\t0\t0\t0\n";

    #[test]
    fn the_kernels_table_of_ipv6_is_read() {
        let zero = "0".repeat(32);
        let route = |gateway: &str, metric: &str, flags: &str, interface: &str| {
            format!("{zero} 00 {zero} 00 {gateway:0>32} {metric} 00000001 00000000 {flags} {interface}\n")
        };
        let table = [
            "20010db8000000010000000000000000 40 00000000000000000000000000000000 00 \
             00000000000000000000000000000000 00000100 00000001 00000000 00000001 eth0\n"
                .to_owned(),
            route("fe800000000000000000000000000009", "00000400", "00450003", "eth0"),
            route("fe800000000000000000000000000001", "00000064", "00450003", "eth0"),
            route("fe800000000000000000000000000002", "00000001", "00450003", "wlan0"),
            route("0", "ffffffff", "00200200", "lo"),
            "garbage\n".to_owned(),
        ]
        .concat();
        assert_eq!(gateway_v6_in(&table, "eth0"), "fe80::1".parse().ok());
        assert_eq!(gateway_v6_in(&table, "wlan0"), "fe80::2".parse().ok());
        assert_eq!(gateway_v6_in(&table, "lo"), None, "not by a gateway");
    }

    #[test]
    fn only_addresses_of_the_internet_are_opened() {
        for local in ["::1", "fe80::1", "fd00::1"] {
            assert_eq!(outward_v6(local.parse::<IpAddr>().expect("an address").into()), None);
        }
        let public: Ipv6Addr = "2606:4700::1111".parse().expect("an address");
        assert_eq!(outward_v6(IpAddr::V6(public).into()), Some(public));
        assert_eq!(outward_v6(IpAddr::from([127, 0, 0, 1]).into()), None, "no IPv6 at all");
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn the_kernels_table_is_read() {
        let gateway = |own: [u8; 4]| gateway_in(TABLE, IpAddr::from(own).into()).map(|ip| ip.octets());
        assert_eq!(gateway([0, 0, 0, 0]), Some([192, 168, 1, 1]), "the least metric");
        assert_eq!(gateway([192, 168, 5, 9]), Some([192, 168, 5, 1]), "the network of our address");
        assert_eq!(gateway([10, 8, 0, 2]), None);
        let by = |name: &str| Bind { interface: Interface::named(name), ..Bind::default() };
        assert_eq!(
            gateway_in(TABLE, by("wlan0")),
            Some([192, 168, 5, 1].into()),
            "the network of our interface"
        );
        assert_eq!(gateway_in(TABLE, by("vpn0")), None);
        assert_eq!(gateway_in("garbage\nmore\tgarbage\n", Bind::default()), None);
        assert_eq!(gateway_in("", Bind::default()), None);
    }
}
