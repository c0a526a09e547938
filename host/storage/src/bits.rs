//! A set of pieces that many threads read while workers change it.

use metainfo::{Bitfield, PieceIndex};
use std::sync::atomic::{AtomicU64, Ordering};

/// A set of pieces, changed one at a time without a lock.
pub(crate) struct AtomicBitfield {
    words: Box<[AtomicU64]>,
    length: u32,
}

impl AtomicBitfield {
    pub(crate) fn new(length: u32) -> Self {
        Self { words: (0..length.div_ceil(64)).map(|_| AtomicU64::new(0)).collect(), length }
    }

    fn word(&self, piece: PieceIndex) -> Option<(&AtomicU64, u64)> {
        let word = self.words.get(piece.as_usize() / 64).filter(|_| piece.0 < self.length)?;
        Some((word, 1 << (piece.0 % 64)))
    }

    pub(crate) fn contains(&self, piece: PieceIndex) -> bool {
        self.word(piece).is_some_and(|(word, bit)| word.load(Ordering::Acquire) & bit != 0)
    }

    /// Adds a piece; true if it was not there.
    pub(crate) fn insert(&self, piece: PieceIndex) -> bool {
        self.word(piece).is_some_and(|(word, bit)| word.fetch_or(bit, Ordering::AcqRel) & bit == 0)
    }

    /// Removes a piece; true if it was there.
    pub(crate) fn remove(&self, piece: PieceIndex) -> bool {
        self.word(piece).is_some_and(|(word, bit)| word.fetch_and(!bit, Ordering::AcqRel) & bit != 0)
    }

    /// The set at this moment.
    pub(crate) fn snapshot(&self) -> Bitfield {
        let mut set = Bitfield::new(self.length);
        for piece in (0..self.length).map(PieceIndex).filter(|piece| self.contains(*piece)) {
            set.insert(piece);
        }
        set
    }
}
