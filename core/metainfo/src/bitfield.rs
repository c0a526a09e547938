//! A dense set of pieces, laid out as on the wire: the high bit of byte 0 is piece 0 (BEP 3).

use crate::PieceIndex;

/// A set of pieces of one torrent.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Bitfield {
    bytes: Box<[u8]>,
    length: u32,
    count: u32,
}

impl Bitfield {
    /// An empty set over `length` pieces.
    pub fn new(length: u32) -> Self {
        Self { bytes: vec![0; length.div_ceil(8) as usize].into_boxed_slice(), length, count: 0 }
    }

    /// The set of all `length` pieces.
    pub fn full(length: u32) -> Self {
        let mut bytes = vec![0xff; length.div_ceil(8) as usize].into_boxed_slice();
        let spare = bytes.len() as u32 * 8 - length;
        if let Some(last) = bytes.last_mut() {
            *last = 0xff << spare;
        }
        Self { bytes, length, count: length }
    }

    /// Reads a wire bitfield. `None` unless it has exactly the right number of bytes and no spare bit set.
    pub fn from_bytes(bytes: &[u8], length: u32) -> Option<Self> {
        if bytes.len() != length.div_ceil(8) as usize {
            return None;
        }
        let spare = bytes.len() as u32 * 8 - length;
        if bytes.last().is_some_and(|last| last.trailing_zeros() < spare) {
            return None;
        }
        let count = bytes.iter().map(|byte| byte.count_ones()).sum();
        Some(Self { bytes: bytes.into(), length, count })
    }

    /// The wire form.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many pieces the torrent has.
    pub const fn length(&self) -> u32 {
        self.length
    }

    /// How many pieces are in the set.
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// Whether every piece is in the set.
    pub const fn is_full(&self) -> bool {
        self.count == self.length
    }

    /// Whether no piece is in the set.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether `piece` is in the set; an index past the end is not.
    pub fn contains(&self, piece: PieceIndex) -> bool {
        self.bytes.get(piece.0 as usize / 8).is_some_and(|byte| byte & (0x80 >> (piece.0 % 8)) != 0)
    }

    /// Adds `piece`; true if it was not there. An index past the end is ignored.
    pub fn insert(&mut self, piece: PieceIndex) -> bool {
        if piece.0 >= self.length || self.contains(piece) {
            return false;
        }
        self.bytes[piece.0 as usize / 8] |= 0x80 >> (piece.0 % 8);
        self.count += 1;
        true
    }

    /// Removes `piece`; true if it was there.
    pub fn remove(&mut self, piece: PieceIndex) -> bool {
        if !self.contains(piece) {
            return false;
        }
        self.bytes[piece.0 as usize / 8] &= !(0x80 >> (piece.0 % 8));
        self.count -= 1;
        true
    }

    /// The pieces in the set, ascending.
    pub fn iter(&self) -> impl Iterator<Item = PieceIndex> + '_ {
        self.common(self, PieceIndex(0))
    }

    /// The pieces from `from` on that are in both sets, ascending; 64 are looked at in one step.
    pub fn common<'a>(&'a self, other: &'a Self, from: PieceIndex) -> impl Iterator<Item = PieceIndex> + 'a {
        let first = from.0 / 64;
        (first..self.length.div_ceil(64)).flat_map(move |at| {
            let from = if at == first { u64::MAX >> (from.0 % 64) } else { u64::MAX };
            let mut both = self.word(at) & other.word(at) & from;
            std::iter::from_fn(move || {
                let bit = both.leading_zeros();
                both &= !((1 << 63) >> bit.min(63));
                (bit < 64).then_some(PieceIndex(at * 64 + bit))
            })
        })
    }

    /// How many pieces are in both sets.
    pub fn count_common(&self, other: &Self) -> u32 {
        (0..self.length.div_ceil(64)).map(|at| (self.word(at) & other.word(at)).count_ones()).sum()
    }

    /// The pieces `64 * at` to `64 * at + 63`, the first one in the high bit.
    fn word(&self, at: u32) -> u64 {
        let rest = self.bytes.get(at as usize * 8..).unwrap_or_default();
        match rest.first_chunk() {
            Some(bytes) => u64::from_be_bytes(*bytes),
            None => {
                rest.iter().zip(0u32..).fold(0, |word, (byte, at)| word | u64::from(*byte) << (56 - 8 * at))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spare_bits_and_length_are_checked() {
        assert!(Bitfield::from_bytes(&[0xff, 0x80], 9).is_some_and(|set| set.is_full()));
        assert!(Bitfield::from_bytes(&[0xff, 0xc0], 9).is_none());
        assert!(Bitfield::from_bytes(&[0xff], 9).is_none());
        assert!(Bitfield::from_bytes(&[], 0).is_some());
    }

    #[test]
    fn what_two_sets_have_in_common_is_found_from_anywhere() {
        for length in [1, 63, 64, 65, 128, 200] {
            let set_of = |step: u32| {
                let mut set = Bitfield::new(length);
                (0..length)
                    .filter(|piece| piece % step == 0)
                    .for_each(|piece| _ = set.insert(PieceIndex(piece)));
                set
            };
            let (twos, threes) = (set_of(2), set_of(3));
            for from in [0, 1, 62, 63, 64, 65, 127, 128, 199, 500] {
                let expected: Vec<u32> = (from..length).filter(|piece| piece % 6 == 0).collect();
                let found: Vec<u32> = twos.common(&threes, PieceIndex(from)).map(|piece| piece.0).collect();
                assert_eq!(found, expected, "{length} pieces from {from}");
            }
            assert_eq!(twos.count_common(&threes) as usize, twos.common(&threes, PieceIndex(0)).count());
        }
    }

    #[test]
    fn insert_remove_count() {
        let mut set = Bitfield::new(10);
        assert!(set.insert(PieceIndex(9)) && !set.insert(PieceIndex(9)) && !set.insert(PieceIndex(10)));
        assert_eq!(set.as_bytes(), [0, 0x40]);
        assert_eq!(set.iter().collect::<Vec<_>>(), [PieceIndex(9)]);
        assert!(set.remove(PieceIndex(9)) && set.is_empty());
        assert_eq!(Bitfield::full(10).as_bytes(), [0xff, 0xc0]);
        assert_eq!(Bitfield::full(16).count(), 16);
    }
}
