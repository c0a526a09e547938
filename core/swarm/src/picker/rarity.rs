//! Pieces in order of how many peers have them, kept in order by swaps.
//!
//! One array holds the pieces, rarest first, as adjoining buckets of equal availability; a second tells where
//! each piece is. A piece whose availability changes by one crosses one bucket border by one swap; inside a
//! bucket the order is random, so ties are.

use metainfo::{Bitfield, PieceIndex};

const ABSENT: u32 = u32::MAX;

/// How many peers have each piece, and the order of the pieces nobody has begun.
#[derive(Clone, Debug)]
pub(crate) struct Rarity {
    counts: Vec<u32>,
    order: Vec<PieceIndex>,
    /// The pieces in `order`.
    untouched: Bitfield,
    /// Per piece: where it is in `order`.
    positions: Vec<u32>,
    /// `ends[a]`: one past the last place in `order` of pieces with availability `a`.
    ends: Vec<u32>,
}

impl Rarity {
    pub(crate) fn new(pieces: u32) -> Self {
        Self {
            counts: vec![0; pieces as usize],
            order: Vec::new(),
            untouched: Bitfield::new(pieces),
            positions: vec![ABSENT; pieces as usize],
            ends: vec![0],
        }
    }

    /// The pieces in order, rarest first.
    pub(crate) fn order(&self) -> &[PieceIndex] {
        &self.order
    }

    /// The pieces in the order, as a set.
    pub(crate) const fn untouched(&self) -> &Bitfield {
        &self.untouched
    }

    /// How many peers have `piece`.
    pub(crate) fn count(&self, piece: PieceIndex) -> u32 {
        self.counts.get(piece.as_usize()).copied().unwrap_or(0)
    }

    /// Where `piece` is in the order.
    pub(crate) fn position(&self, piece: PieceIndex) -> Option<u32> {
        self.positions.get(piece.as_usize()).copied().filter(|position| *position != ABSENT)
    }

    fn swap(&mut self, a: u32, b: u32) {
        self.order.swap(a as usize, b as usize);
        self.positions[self.order[a as usize].as_usize()] = a;
        self.positions[self.order[b as usize].as_usize()] = b;
    }

    fn start(&self, bucket: usize) -> u32 {
        if bucket == 0 { 0 } else { self.ends[bucket - 1] }
    }

    /// Trades places with a random member of its own bucket, so that ties are broken by chance.
    fn shuffle(&mut self, piece: PieceIndex, rng: &mut fastrand::Rng) {
        let bucket = self.counts[piece.as_usize()] as usize;
        let other = rng.u32(self.start(bucket)..self.ends[bucket]);
        self.swap(self.positions[piece.as_usize()], other);
    }

    /// Puts `piece` into the order; nothing happens if it is there or does not exist.
    pub(crate) fn insert(&mut self, piece: PieceIndex, rng: &mut fastrand::Rng) {
        if self.positions.get(piece.as_usize()) != Some(&ABSENT) {
            return;
        }
        let mut at = self.order.len() as u32;
        self.order.push(piece);
        self.untouched.insert(piece);
        self.positions[piece.as_usize()] = at;
        let bucket = self.counts[piece.as_usize()] as usize;
        for higher in (bucket + 1..self.ends.len()).rev() {
            let first = self.start(higher);
            self.swap(at, first);
            self.ends[higher] += 1;
            at = first;
        }
        self.ends[bucket] += 1;
        self.shuffle(piece, rng);
    }

    /// Takes `piece` out of the order; true if it was there.
    pub(crate) fn remove(&mut self, piece: PieceIndex) -> bool {
        let Some(mut at) = self.position(piece) else { return false };
        for bucket in self.counts[piece.as_usize()] as usize..self.ends.len() {
            let last = self.ends[bucket] - 1;
            self.swap(at, last);
            self.ends[bucket] = last;
            at = last;
        }
        self.order.pop();
        self.untouched.remove(piece);
        self.positions[piece.as_usize()] = ABSENT;
        true
    }

    /// One more peer has `piece`.
    pub(crate) fn raise(&mut self, piece: PieceIndex, rng: &mut fastrand::Rng) {
        let Some(count) = self.counts.get_mut(piece.as_usize()) else { return };
        let bucket = *count as usize;
        *count += 1;
        if self.ends.len() == bucket + 1 {
            self.ends.push(self.order.len() as u32);
        }
        if let Some(at) = self.position(piece) {
            let last = self.ends[bucket] - 1;
            self.swap(at, last);
            self.ends[bucket] = last;
            self.shuffle(piece, rng);
        }
    }

    /// One peer less has `piece`.
    pub(crate) fn lower(&mut self, piece: PieceIndex, rng: &mut fastrand::Rng) {
        let Some(count) = self.counts.get_mut(piece.as_usize()).filter(|count| **count > 0) else { return };
        let bucket = *count as usize;
        *count -= 1;
        if let Some(at) = self.position(piece) {
            let first = self.start(bucket);
            self.swap(at, first);
            self.ends[bucket - 1] += 1;
            self.shuffle(piece, rng);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_order_is_by_count(steps in prop::collection::vec((0u8..4, 0u32..40), 0..400), seed: u64) {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut rarity = Rarity::new(40);
            let mut inside = [false; 40];
            let mut counts = [0u32; 40];
            for (step, piece) in steps {
                let (index, i) = (PieceIndex(piece), piece as usize);
                match step {
                    0 => { rarity.insert(index, &mut rng); inside[i] = true; }
                    1 => { prop_assert_eq!(rarity.remove(index), inside[i]); inside[i] = false; }
                    2 => { rarity.raise(index, &mut rng); counts[i] += 1; }
                    _ => { rarity.lower(index, &mut rng); counts[i] = counts[i].saturating_sub(1); }
                }
                prop_assert_eq!(rarity.order().len(), inside.iter().filter(|in_it| **in_it).count());
                prop_assert_eq!(rarity.order().len(), rarity.untouched().count() as usize);
                prop_assert!(rarity.order().is_sorted_by_key(|piece| counts[piece.as_usize()]));
                for (at, piece) in rarity.order().iter().enumerate() {
                    prop_assert!(inside[piece.as_usize()] && rarity.untouched().contains(*piece));
                    prop_assert_eq!(rarity.position(*piece), Some(at as u32));
                    prop_assert_eq!(rarity.count(*piece), counts[piece.as_usize()]);
                }
            }
        }
    }

    #[test]
    fn ties_are_broken_by_chance() {
        let firsts: std::collections::BTreeSet<_> = (0..50)
            .map(|seed| {
                let mut rng = fastrand::Rng::with_seed(seed);
                let mut rarity = Rarity::new(8);
                for piece in 0..8 {
                    rarity.insert(PieceIndex(piece), &mut rng);
                }
                rarity.order()[0]
            })
            .collect();
        assert!(firsts.len() >= 6, "only {firsts:?} ever came first");
    }
}
