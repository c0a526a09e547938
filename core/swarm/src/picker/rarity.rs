//! Pieces in order of how many peers have them, kept in order by swaps; one such order for each priority.
//!
//! One array holds the pieces, rarest first, as adjoining buckets of equal availability; another tells where
//! each piece is. A piece whose availability changes by one crosses one bucket border by one swap; inside a
//! bucket the order is random, so ties are.

use crate::contract::Priority;
use metainfo::{Bitfield, PieceIndex};

const ABSENT: u32 = u32::MAX;

/// How many peers have each piece, and the order of the pieces nobody has begun.
#[derive(Clone, Debug)]
pub(crate) struct Rarity {
    counts: Vec<u32>,
    /// Per piece; empty: all are normal.
    priorities: Vec<Priority>,
    /// Per piece: where it is in the order of its priority.
    positions: Vec<u32>,
    orders: [Order; Priority::ALL.len()],
}

impl Rarity {
    pub(crate) fn new(pieces: u32) -> Self {
        Self {
            counts: vec![0; pieces as usize],
            priorities: Vec::new(),
            positions: vec![ABSENT; pieces as usize],
            orders: std::array::from_fn(|_| Order::new(pieces)),
        }
    }

    /// The priorities that pieces have, highest first.
    pub(crate) const fn priorities(&self) -> &'static [Priority] {
        if self.priorities.is_empty() { &[Priority::Normal] } else { &Priority::ALL }
    }

    /// The priority of `piece`.
    pub(crate) fn priority(&self, piece: PieceIndex) -> Priority {
        self.priorities.get(piece.as_usize()).copied().unwrap_or_default()
    }

    /// Other priorities count from now on, one a piece; none at all means that all are normal.
    pub(crate) fn set_priorities(&mut self, priorities: Vec<Priority>, rng: &mut fastrand::Rng) {
        let untouched: Vec<_> = self.orders.iter().flat_map(|order| order.pieces.clone()).collect();
        for piece in &untouched {
            self.remove(*piece);
        }
        self.priorities = priorities;
        for piece in untouched {
            self.insert(piece, rng);
        }
    }

    /// The pieces of one priority in order, rarest first.
    pub(crate) fn order(&self, priority: Priority) -> &[PieceIndex] {
        &self.orders[priority as usize].pieces
    }

    /// The pieces in the order of one priority, as a set.
    pub(crate) const fn untouched(&self, priority: Priority) -> &Bitfield {
        &self.orders[priority as usize].untouched
    }

    /// How many pieces all orders have.
    pub(crate) fn len(&self) -> usize {
        self.orders.iter().map(|order| order.pieces.len()).sum()
    }

    /// Whether no order has a piece.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many peers have `piece`.
    pub(crate) fn count(&self, piece: PieceIndex) -> u32 {
        self.counts.get(piece.as_usize()).copied().unwrap_or(0)
    }

    /// Where `piece` is in the order of its priority.
    pub(crate) fn position(&self, piece: PieceIndex) -> Option<u32> {
        self.positions.get(piece.as_usize()).copied().filter(|position| *position != ABSENT)
    }

    /// Puts `piece` into its order; nothing happens if it is there or does not exist.
    pub(crate) fn insert(&mut self, piece: PieceIndex, rng: &mut fastrand::Rng) {
        if self.positions.get(piece.as_usize()) != Some(&ABSENT) {
            return;
        }
        let bucket = self.counts[piece.as_usize()] as usize;
        let order = &mut self.orders[self.priority(piece) as usize];
        order.insert(piece, bucket, &mut self.positions);
        order.shuffle(piece, bucket, &mut self.positions, rng);
    }

    /// Takes `piece` out of its order; true if it was there.
    pub(crate) fn remove(&mut self, piece: PieceIndex) -> bool {
        if self.position(piece).is_none() {
            return false;
        }
        let bucket = self.counts[piece.as_usize()] as usize;
        let order = &mut self.orders[self.priority(piece) as usize];
        order.remove(piece, bucket, &mut self.positions);
        true
    }

    /// One more peer has `piece`.
    pub(crate) fn raise(&mut self, piece: PieceIndex, rng: &mut fastrand::Rng) {
        let Some(count) = self.counts.get_mut(piece.as_usize()) else { return };
        let bucket = *count as usize;
        *count += 1;
        if let Some(at) = self.position(piece) {
            let order = &mut self.orders[self.priority(piece) as usize];
            order.reach(bucket + 1);
            let last = order.ends[bucket] - 1;
            order.swap(at, last, &mut self.positions);
            order.ends[bucket] = last;
            order.shuffle(piece, bucket + 1, &mut self.positions, rng);
        }
    }

    /// One peer less has `piece`.
    pub(crate) fn lower(&mut self, piece: PieceIndex, rng: &mut fastrand::Rng) {
        let Some(count) = self.counts.get_mut(piece.as_usize()).filter(|count| **count > 0) else { return };
        let bucket = *count as usize;
        *count -= 1;
        if let Some(at) = self.position(piece) {
            let order = &mut self.orders[self.priority(piece) as usize];
            let first = order.start(bucket);
            order.swap(at, first, &mut self.positions);
            order.ends[bucket - 1] += 1;
            order.shuffle(piece, bucket - 1, &mut self.positions, rng);
        }
    }
}

/// The untouched pieces of one priority. Where each is, [`Rarity`] knows for all of them.
#[derive(Clone, Debug)]
struct Order {
    pieces: Vec<PieceIndex>,
    /// The same pieces as a set.
    untouched: Bitfield,
    /// `ends[a]`: one past the last place in `pieces` of those with availability `a`.
    ends: Vec<u32>,
}

impl Order {
    fn new(pieces: u32) -> Self {
        Self { pieces: Vec::new(), untouched: Bitfield::new(pieces), ends: Vec::new() }
    }

    fn start(&self, bucket: usize) -> u32 {
        if bucket == 0 { 0 } else { self.ends[bucket - 1] }
    }

    /// Makes sure that there is a bucket for an availability.
    fn reach(&mut self, bucket: usize) {
        if self.ends.len() <= bucket {
            self.ends.resize(bucket + 1, self.pieces.len() as u32);
        }
    }

    fn swap(&mut self, a: u32, b: u32, positions: &mut [u32]) {
        self.pieces.swap(a as usize, b as usize);
        positions[self.pieces[a as usize].as_usize()] = a;
        positions[self.pieces[b as usize].as_usize()] = b;
    }

    /// A piece trades places with a random member of its own bucket, so that ties are broken by chance.
    fn shuffle(&mut self, piece: PieceIndex, bucket: usize, positions: &mut [u32], rng: &mut fastrand::Rng) {
        let other = rng.u32(self.start(bucket)..self.ends[bucket]);
        self.swap(positions[piece.as_usize()], other, positions);
    }

    fn insert(&mut self, piece: PieceIndex, bucket: usize, positions: &mut [u32]) {
        self.reach(bucket);
        let mut at = self.pieces.len() as u32;
        self.pieces.push(piece);
        self.untouched.insert(piece);
        positions[piece.as_usize()] = at;
        for higher in (bucket + 1..self.ends.len()).rev() {
            let first = self.start(higher);
            self.swap(at, first, positions);
            self.ends[higher] += 1;
            at = first;
        }
        self.ends[bucket] += 1;
    }

    fn remove(&mut self, piece: PieceIndex, bucket: usize, positions: &mut [u32]) {
        let mut at = positions[piece.as_usize()];
        for bucket in bucket..self.ends.len() {
            let last = self.ends[bucket] - 1;
            self.swap(at, last, positions);
            self.ends[bucket] = last;
            at = last;
        }
        self.pieces.pop();
        self.untouched.remove(piece);
        positions[piece.as_usize()] = ABSENT;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn priority() -> impl Strategy<Value = Priority> {
        prop::sample::select(&Priority::ALL[..])
    }

    proptest! {
        #[test]
        fn each_order_is_by_count(
            steps in prop::collection::vec((0u8..4, 0u32..40), 0..400),
            priorities in prop::collection::vec(priority(), 40),
            change_at in 0usize..400,
            seed: u64,
        ) {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut rarity = Rarity::new(40);
            let mut inside = [false; 40];
            let mut counts = [0u32; 40];
            for (at, (step, piece)) in steps.into_iter().enumerate() {
                let (index, i) = (PieceIndex(piece), piece as usize);
                if at == change_at {
                    rarity.set_priorities(priorities.clone(), &mut rng);
                }
                match step {
                    0 => { rarity.insert(index, &mut rng); inside[i] = true; }
                    1 => { prop_assert_eq!(rarity.remove(index), inside[i]); inside[i] = false; }
                    2 => { rarity.raise(index, &mut rng); counts[i] += 1; }
                    _ => { rarity.lower(index, &mut rng); counts[i] = counts[i].saturating_sub(1); }
                }
                prop_assert_eq!(rarity.len(), inside.iter().filter(|in_it| **in_it).count());
                for priority in Priority::ALL {
                    let (order, untouched) = (rarity.order(priority), rarity.untouched(priority));
                    prop_assert_eq!(order.len(), untouched.count() as usize);
                    prop_assert!(order.is_sorted_by_key(|piece| counts[piece.as_usize()]));
                    for (at, piece) in order.iter().enumerate() {
                        prop_assert!(inside[piece.as_usize()] && untouched.contains(*piece));
                        prop_assert_eq!(rarity.priority(*piece), priority);
                        prop_assert_eq!(rarity.position(*piece), Some(at as u32));
                        prop_assert_eq!(rarity.count(*piece), counts[piece.as_usize()]);
                    }
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
                rarity.order(Priority::Normal)[0]
            })
            .collect();
        assert!(firsts.len() >= 6, "only {firsts:?} ever came first");
    }
}
