//! Sorted, merged ranges of addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Addresses of one family, both ends included.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Range {
    /// IPv4 addresses as numbers in the order of the network.
    V4(u32, u32),
    /// IPv6 addresses as numbers in the order of the network.
    V6(u128, u128),
}

impl Range {
    /// The range from `first` to `last`; `None` if they are of two families or the wrong way round.
    pub fn new(first: IpAddr, last: IpAddr) -> Option<Self> {
        match (first, last) {
            (IpAddr::V4(first), IpAddr::V4(last)) if first <= last => {
                Some(Self::V4(first.to_bits(), last.to_bits()))
            }
            (IpAddr::V6(first), IpAddr::V6(last)) if first <= last => {
                Some(Self::V6(first.to_bits(), last.to_bits()))
            }
            _ => None,
        }
    }

    /// The network of `prefix` bits around `address`; `None` if it has fewer bits than that.
    pub fn network(address: IpAddr, prefix: u32) -> Option<Self> {
        match address {
            IpAddr::V4(address) => {
                let host = u32::MAX.checked_shr(prefix).unwrap_or(0);
                let first = address.to_bits() & !host;
                (prefix <= Ipv4Addr::BITS).then_some(Self::V4(first, first | host))
            }
            IpAddr::V6(address) => {
                let host = u128::MAX.checked_shr(prefix).unwrap_or(0);
                let first = address.to_bits() & !host;
                (prefix <= Ipv6Addr::BITS).then_some(Self::V6(first, first | host))
            }
        }
    }
}

/// Addresses that are blocked. Empty by default.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Blocklist {
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u128)>,
}

impl Blocklist {
    /// The union of `ranges`, which may overlap and come in any order.
    pub fn new(ranges: impl IntoIterator<Item = Range>) -> Self {
        let mut list = Self::default();
        for range in ranges {
            match range {
                Range::V4(first, last) => list.v4.push((first, last)),
                Range::V6(first, last) => list.v6.push((first, last)),
            }
        }
        merge(&mut list.v4);
        merge(&mut list.v6);
        list
    }

    /// Ranges left after merging those that overlap.
    pub fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// Whether nothing is blocked.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether `address` is blocked. An IPv4 address in IPv6 clothes is looked up as what it is.
    pub fn contains(&self, address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(address) => holds(&self.v4, address.to_bits()),
            IpAddr::V6(address) => holds(&self.v6, address.to_bits()),
        }
    }
}

/// Sorts, and joins what overlaps.
fn merge<T: Ord + Copy>(ranges: &mut Vec<(T, T)>) {
    ranges.sort_unstable();
    ranges.dedup_by(|next, kept| {
        let overlaps = next.0 <= kept.1;
        if overlaps {
            kept.1 = kept.1.max(next.1);
        }
        overlaps
    });
    ranges.shrink_to_fit();
}

fn holds<T: Ord + Copy>(ranges: &[(T, T)], address: T) -> bool {
    let after = ranges.partition_point(|(first, _)| *first <= address);
    after.checked_sub(1).and_then(|at| ranges.get(at)).is_some_and(|(_, last)| address <= *last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranges_that_overlap_become_one() {
        let list = Blocklist::new([Range::V4(5, 9), Range::V4(1, 5), Range::V4(20, 30), Range::V4(22, 25)]);
        assert_eq!(list.len(), 2);
        assert!(list.contains(Ipv4Addr::from_bits(9).into()));
        assert!(list.contains(Ipv4Addr::from_bits(30).into()));
        assert!(!list.contains(Ipv4Addr::from_bits(10).into()));
        assert!(!list.contains(Ipv4Addr::from_bits(0).into()));
    }

    #[test]
    fn mapped_addresses_are_looked_up_as_ipv4() {
        let list = Blocklist::new(Range::network(Ipv4Addr::new(10, 0, 0, 0).into(), 8));
        assert!(list.contains("::ffff:10.9.8.7".parse().unwrap()));
        assert!(!list.contains("::10.9.8.7".parse().unwrap()));
    }

    #[test]
    fn networks_reach_from_nothing_to_everything() {
        let any = Ipv4Addr::new(192, 0, 2, 77).into();
        assert_eq!(Range::network(any, 0), Some(Range::V4(0, u32::MAX)));
        assert_eq!(Range::network(any, 32), Range::new(any, any));
        assert_eq!(Range::network(any, 33), None);
        assert_eq!(Range::network(Ipv6Addr::LOCALHOST.into(), 0), Some(Range::V6(0, u128::MAX)));
        assert_eq!(Range::network(Ipv6Addr::LOCALHOST.into(), 129), None);
    }

    proptest! {
        #[test]
        fn a_list_answers_like_its_ranges(
            ranges in prop::collection::vec((0u32..200, 0u32..40), 0..40),
            address in 0u32..260,
        ) {
            let ranges: Vec<_> = ranges.into_iter().map(|(first, more)| (first, first + more)).collect();
            let list = Blocklist::new(ranges.iter().map(|(first, last)| Range::V4(*first, *last)));
            let blocked = ranges.iter().any(|(first, last)| (*first..=*last).contains(&address));
            prop_assert_eq!(list.contains(Ipv4Addr::from_bits(address).into()), blocked);
        }
    }
}
