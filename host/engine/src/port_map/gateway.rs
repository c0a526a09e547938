//! The router of the local network, as the kernel knows it.

use crate::bind::Bind;
use std::net::Ipv4Addr;

/// Where the kernel tells its routes of IPv4.
const ROUTES: &str = "/proc/self/net/route";

/// Flags of a route that is up and leads through a gateway.
const UP_BY_GATEWAY: u32 = 3;

/// The router that what is bound so leaves by; of several the one that the kernel prefers. Bound to an address, it is the
/// one of that address's network.
pub(super) fn default_gateway(bind: Bind) -> Option<Ipv4Addr> {
    gateway_in(&std::fs::read_to_string(ROUTES).ok()?, bind)
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
