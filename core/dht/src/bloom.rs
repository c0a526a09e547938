//! Filters that count peers without naming them (BEP 33).

use sha1::{Digest, Sha1};
use std::net::IpAddr;

const BYTES: usize = 256;
const BITS: usize = BYTES * 8;

/// A set of addresses of which only the size can be told, about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Filter([u8; BYTES]);

impl Default for Filter {
    fn default() -> Self {
        Self([0; BYTES])
    }
}

impl Filter {
    /// The filter that a node sent, if it has the right size.
    pub(crate) fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; BYTES] {
        &self.0
    }

    pub(crate) fn insert(&mut self, address: IpAddr) {
        let hash = match address {
            IpAddr::V4(v4) => Sha1::digest(v4.octets()),
            IpAddr::V6(v6) => Sha1::digest(v6.octets()),
        };
        for pair in [[hash[0], hash[1]], [hash[2], hash[3]]] {
            let index = usize::from(u16::from_le_bytes(pair)) % BITS;
            self.0[index / 8] |= 1 << (index % 8);
        }
    }

    /// Adds what another filter holds.
    pub(crate) fn unite(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(own, other)| *own |= other);
    }

    /// About how many addresses were inserted.
    pub(crate) fn estimate(&self) -> f64 {
        let zeros = self.0.iter().map(|byte| byte.count_zeros()).sum::<u32>().clamp(1, BITS as u32 - 1);
        let bits = BITS as f64;
        let size = (f64::from(zeros) / bits).ln() / (2.0 * (1.0 - 1.0 / bits).ln());
        if self.0 == [0; BYTES] { 0.0 } else { size }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    /// The filter of BEP 33's test vector.
    const VECTOR: &str = "\
        F6C3F5EAA07FFD91BDE89F777F26FB2BFF37BDB8FB2BBAA2FD3DDDE7BACFFF75EE7CCBAE\
        FE5EEDB1FBFAFF67F6ABFF5E43DDBCA3FD9B9FFDF4FFD3E9DFF12D1BDF59DB53DBE9FA5B\
        7FF3B8FDFCDE1AFB8BEDD7BE2F3EE71EBBBFE93BCDEEFE148246C2BC5DBFF7E7EFDCF24F\
        D8DC7ADFFD8FFFDFDDFFF7A4BBEEDF5CB95CE81FC7FCFF1FF4FFFFDFE5F7FDCBB7FD79B3\
        FA1FC77BFE07FFF905B7B7FFC7FEFEFFE0B8370BB0CD3F5B7F2BD93FEB4386CFDD6F7FD5\
        BFAF2E9EBFFFFEECD67ADBF7C67F17EFD5D75EBA6FFEBA7FFF47A91EB1BFBB53E8ABFB57\
        62ABE8FF237279BFEFBFEEF5FFC5FEBFDFE5ADFFADFEE1FB737FFFFBFD9F6AEFFEEE76B6\
        FD8F72EF";

    #[test]
    fn the_filter_of_the_specification() {
        let mut filter = Filter::default();
        assert!(filter.estimate().abs() < f64::EPSILON);
        (0..=255).for_each(|last| filter.insert(Ipv4Addr::new(192, 0, 2, last).into()));
        (0..=0x3e7).for_each(|last| filter.insert(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last).into()));
        let byte = |i: usize| u8::from_str_radix(&VECTOR[2 * i..2 * i + 2], 16).unwrap();
        assert_eq!(filter.as_bytes(), &std::array::from_fn(byte));
        assert!((filter.estimate() - 1224.9308).abs() < 0.001, "{}", filter.estimate());
    }

    #[test]
    fn a_union_counts_both_and_a_full_filter_breaks_nothing() {
        let (mut one, mut other) = (Filter::default(), Filter::default());
        (0..100).for_each(|last| one.insert(Ipv4Addr::new(1, 1, 1, last).into()));
        (50..150).for_each(|last| other.insert(Ipv4Addr::new(1, 1, 1, last).into()));
        one.unite(&other);
        assert!((140.0..160.0).contains(&one.estimate()), "{}", one.estimate());
        let full = Filter::from_slice(&[0xff; 256]).unwrap();
        assert!(full.estimate().is_finite());
        assert!(Filter::from_slice(&[0; 255]).is_none());
    }
}
