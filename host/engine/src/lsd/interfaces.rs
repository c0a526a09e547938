//! The network interfaces of this machine, as far as multicast needs them.
//!
//! Linux tells them in `/proc`; elsewhere, and where that cannot be read, the system's own choice is used.

use crate::limits::MAX_LSD_INTERFACES;
use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The interface that stands for the system's own choice.
const ANY_V6: u32 = 0;

/// Addresses that stand for the IPv4 interfaces to use: that of `bind`, or one of each; loopback only if there is
/// no other.
pub(super) fn v4(bind: Option<IpAddr>) -> Vec<Ipv4Addr> {
    match bind {
        Some(IpAddr::V4(address)) if !address.is_unspecified() => vec![address],
        Some(IpAddr::V6(_)) => Vec::new(),
        _ => {
            let text = fs::read_to_string("/proc/net/fib_trie").unwrap_or_default();
            let found: Vec<Ipv4Addr> = local_addresses(&text).into_iter().take(MAX_LSD_INTERFACES).collect();
            if found.is_empty() { vec![Ipv4Addr::UNSPECIFIED] } else { found }
        }
    }
}

/// Indexes of the IPv6 interfaces to use, by the same rule.
pub(super) fn v6(bind: Option<IpAddr>) -> Vec<u32> {
    let text = fs::read_to_string("/proc/net/if_inet6").unwrap_or_default();
    let all = indexes(&text);
    match bind {
        Some(IpAddr::V6(address)) if !address.is_unspecified() => {
            let own = all.iter().find(|(candidate, _)| *candidate == address);
            vec![own.map_or(ANY_V6, |(_, index)| *index)]
        }
        Some(IpAddr::V4(_)) => Vec::new(),
        _ => {
            let outside = all.iter().filter(|(address, _)| !address.is_loopback());
            let found: BTreeSet<u32> = outside.map(|(_, index)| *index).collect();
            let found: Vec<u32> = found.into_iter().take(MAX_LSD_INTERFACES).collect();
            if found.is_empty() { vec![ANY_V6] } else { found }
        }
    }
}

/// Reads the kernel's IPv4 routing trie: an address is followed by a line that calls it a host's and local.
fn local_addresses(fib_trie: &str) -> BTreeSet<Ipv4Addr> {
    let mut found = BTreeSet::new();
    let mut address = None;
    for line in fib_trie.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("|-- ") {
            address = text.parse::<Ipv4Addr>().ok();
        } else if line == "/32 host LOCAL" {
            found.extend(address.filter(|address| !address.is_loopback()));
        }
    }
    found
}

/// Reads the kernel's list of IPv6 addresses: the address, and the index of its interface, in hexadecimal.
fn indexes(if_inet6: &str) -> Vec<(Ipv6Addr, u32)> {
    let read = |line: &str| {
        let mut words = line.split_whitespace();
        let address = u128::from_str_radix(words.next()?, 16).ok()?;
        let index = u32::from_str_radix(words.next()?, 16).ok()?;
        Some((Ipv6Addr::from(address), index))
    };
    if_inet6.lines().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_as_linux_lists_them() {
        let text = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n     \
                    +-- 10.1.0.0/16 2 0 2\n        |-- 10.1.0.0\n           /16 link UNICAST\n        \
                    |-- 10.1.2.3\n           /32 host LOCAL\n        |-- 10.1.255.255\n           \
                    /32 link BROADCAST\n     |-- 127.0.0.1\n        /32 host LOCAL\n";
        assert_eq!(local_addresses(text), BTreeSet::from([Ipv4Addr::new(10, 1, 2, 3)]));
        let text = "00000000000000000000000000000001 01 80 10 80       lo\n\
                    fe800000000000000000000000000001 0a 40 20 80     eth0\n";
        let wanted = [(Ipv6Addr::LOCALHOST, 1), ("fe80::1".parse().unwrap(), 10)];
        assert_eq!(indexes(text), wanted);
    }

    #[test]
    fn a_bound_address_decides() {
        let bind = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
        assert_eq!(v4(bind), [Ipv4Addr::LOCALHOST]);
        assert!(v6(bind).is_empty());
        assert!(!v4(None).is_empty() && !v6(None).is_empty());
    }
}
