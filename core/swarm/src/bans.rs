//! Hosts that sent bad data.

use crate::admission::group;
use crate::limits;
use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;

/// The hosts banned, the oldest forgotten when there are too many.
#[derive(Debug, Default)]
pub(crate) struct Bans {
    hosts: BTreeSet<IpAddr>,
    order: VecDeque<IpAddr>,
}

impl Bans {
    /// Bans a host (an IPv6 /64 as a whole); true if that is news.
    pub(crate) fn add(&mut self, host: IpAddr) -> bool {
        let host = group(host);
        if !self.hosts.insert(host) {
            return false;
        }
        self.order.push_back(host);
        if self.order.len() > limits::BANS
            && let Some(oldest) = self.order.pop_front()
        {
            self.hosts.remove(&oldest);
        }
        true
    }

    /// Whether the host is banned.
    pub(crate) fn contains(&self, host: IpAddr) -> bool {
        self.hosts.contains(&group(host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_banned_under_each_of_its_names_and_the_list_is_bounded() {
        let mut bans = Bans::default();
        assert!(bans.add("10.0.0.1".parse().unwrap()) && !bans.add("::ffff:10.0.0.1".parse().unwrap()));
        assert!(bans.add("2001:db8::1".parse().unwrap()) && bans.contains("2001:db8::9".parse().unwrap()));
        for n in 0..limits::BANS as u32 {
            bans.add(IpAddr::V4((0x0b00_0000 + n).into()));
        }
        assert!(!bans.contains("10.0.0.1".parse().unwrap()));
        assert_eq!(bans.hosts.len(), limits::BANS);
    }
}
