//! Places in the 160-bit space that nodes, torrents and items share, and how far apart they are.

use std::fmt;

/// A place in the id space: a node's id, a torrent's info-hash, or the target of an item.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub [u8; 20]);

/// How far two places are apart: their XOR, read as a number (BEP 5).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Distance([u8; 20]);

impl Distance {
    /// Nearer than everything: for a node whose id is not known yet, so that it is asked first.
    pub(crate) const ZERO: Self = Self([0; 20]);
}

impl Id {
    /// A place chosen by chance.
    pub fn random(rng: &mut fastrand::Rng) -> Self {
        let mut bytes = [0; 20];
        rng.fill(&mut bytes);
        Self(bytes)
    }

    /// The place that bytes from the network name, if there are 20.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub(crate) fn distance(self, other: Self) -> Distance {
        Distance(std::array::from_fn(|i| self.0[i] ^ other.0[i]))
    }

    /// Number of leading bits that two places share, 160 when they are the same.
    pub fn shared_bits(self, other: Self) -> u8 {
        let mut bits = 0;
        for byte in self.distance(other).0 {
            bits += byte.leading_zeros() as u8;
            if byte != 0 {
                break;
            }
        }
        bits
    }

    /// A place chosen by chance among those that share exactly `bits` leading bits with this one.
    #[must_use]
    pub fn random_sharing(self, bits: u8, rng: &mut fastrand::Rng) -> Self {
        let mut place = Self::random(rng);
        for bit in 0..=bits.min(159) {
            let (byte, mask) = (usize::from(bit / 8), 0x80 >> (bit % 8));
            let own = self.0[byte] & mask;
            // The first bit that is not shared is the opposite.
            let wanted = if bit == bits { own ^ mask } else { own };
            place.0[byte] = place.0[byte] & !mask | wanted;
        }
        place
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_orders_by_the_first_bit_that_differs() {
        let target = Id([0; 20]);
        let near = Id(std::array::from_fn(|i| u8::from(i == 19)));
        let far = Id(std::array::from_fn(|i| u8::from(i == 0)));
        assert!(target.distance(near) < target.distance(far));
        assert_eq!(target.distance(target), Distance::ZERO);
        assert_eq!(
            (target.shared_bits(near), target.shared_bits(far), near.shared_bits(near)),
            (159, 7, 160)
        );
    }

    #[test]
    fn a_place_that_shares_so_many_bits_shares_no_more() {
        let mut rng = fastrand::Rng::with_seed(3);
        let base = Id::random(&mut rng);
        for bits in 0..160 {
            assert_eq!(base.random_sharing(bits, &mut rng).shared_bits(base), bits);
        }
    }
}
