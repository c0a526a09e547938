//! The network interfaces of this machine, as far as multicast needs them.

use crate::bind::Bind;
use crate::limits::MAX_LSD_INTERFACES;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

/// The interface that stands for the system's own choice.
const ANY_V6: u32 = 0;

/// Addresses that stand for the IPv4 interfaces to use, one of each; loopback only if we are bound to it, the system's
/// own choice if there is no other and we are bound to nothing.
pub(super) fn v4(bind: Bind) -> Vec<Ipv4Addr> {
    let v4 = |ip: IpAddr, _: Option<u32>| match ip {
        IpAddr::V4(ip) => Some(ip),
        IpAddr::V6(_) => None,
    };
    or_any(bind, usable(bind, v4), Ipv4Addr::UNSPECIFIED)
}

/// Indexes of the IPv6 interfaces to use, by the same rule.
pub(super) fn v6(bind: Bind) -> Vec<u32> {
    or_any(bind, usable(bind, |ip, index| index.filter(|_| ip.is_ipv6())), ANY_V6)
}

fn usable<T: Ord>(bind: Bind, one: impl Fn(IpAddr, Option<u32>) -> Option<T>) -> Vec<T> {
    let all = if_addrs::get_if_addrs().unwrap_or_default();
    let used = all
        .iter()
        .filter(|at| bind.allows(at) && (!at.is_loopback() || bind.facing(at.ip()) == Some(at.ip())));
    let found: BTreeSet<T> = used.filter_map(|at| one(at.ip(), at.index)).collect();
    found.into_iter().take(MAX_LSD_INTERFACES).collect()
}

fn or_any<T>(bind: Bind, found: Vec<T>, any: T) -> Vec<T> {
    let is_free = bind.interface.is_none();
    if found.is_empty() && is_free { vec![any] } else { found }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_address_decides() {
        let loopback = Bind::from(IpAddr::V4(Ipv4Addr::LOCALHOST));
        assert_eq!(v4(loopback), [Ipv4Addr::LOCALHOST]);
        assert!(!v4(Bind::default()).is_empty() && !v6(Bind::default()).is_empty());
        let elsewhere = Bind { interface: crate::bind::Interface::named("none0"), ..Bind::default() };
        assert!(v4(elsewhere).is_empty() && v6(elsewhere).is_empty());
    }
}
