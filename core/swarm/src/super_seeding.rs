//! What a lone first seed shows of itself (BEP 16): to each peer a few pieces at a time, those that the fewest have, and
//! more once it has passed those on. So nearly every byte that the seed sends is one that nobody else could have sent.

use crate::contract::PeerKey;
use crate::limits::{OFFERS_AT_ONCE, PASS_ON_WITHIN};
use metainfo::{Bitfield, PieceIndex};
use std::collections::BTreeMap;
use std::time::Instant;

/// What was shown to whom.
pub(crate) struct SuperSeeding {
    /// How often each piece was offered.
    offers: Vec<u32>,
    peers: BTreeMap<PeerKey, Shown>,
}

/// What one peer was shown.
struct Shown {
    /// All of it.
    pieces: Bitfield,
    /// What it has not passed on yet, and when it was offered.
    open: Vec<(PieceIndex, Instant)>,
}

impl SuperSeeding {
    pub(crate) fn new(pieces: u32) -> Self {
        Self { offers: vec![0; pieces as usize], peers: BTreeMap::new() }
    }

    /// A newcomer is shown nothing so far.
    pub(crate) fn meet(&mut self, key: PeerKey) {
        let (pieces, open) = (Bitfield::new(self.offers.len() as u32), Vec::new());
        self.peers.insert(key, Shown { pieces, open });
    }

    pub(crate) fn forget(&mut self, key: PeerKey) {
        self.peers.remove(&key);
    }

    /// Whether a peer does not see all of us.
    pub(crate) fn hides_from(&self, key: PeerKey) -> bool {
        self.peers.contains_key(&key)
    }

    /// Everybody who does not see all of us.
    pub(crate) fn keys(&self) -> Vec<PeerKey> {
        self.peers.keys().copied().collect()
    }

    /// Everybody is to see all of us: which pieces each peer was not shown.
    pub(crate) fn end(self) -> Vec<(PeerKey, Vec<PieceIndex>)> {
        let hidden = |shown: &Shown| {
            let all = (0..shown.pieces.length()).map(PieceIndex);
            all.filter(|piece| !shown.pieces.contains(*piece)).collect()
        };
        self.peers.iter().map(|(key, shown)| (*key, hidden(shown))).collect()
    }

    /// A peer got a piece: whoever else was offered it has passed it on, and is told here.
    pub(crate) fn got(&mut self, by: PeerKey, piece: PieceIndex) -> Vec<PeerKey> {
        let mut passed_on = Vec::new();
        for (key, shown) in self.peers.iter_mut().filter(|(key, _)| **key != by) {
            let before = shown.open.len();
            shown.open.retain(|(open, _)| *open != piece);
            if shown.open.len() < before {
                passed_on.push(*key);
            }
        }
        passed_on
    }

    /// A peer has all that it was offered, and there is nobody to pass it on to.
    pub(crate) fn finish(&mut self, key: PeerKey) {
        if let Some(shown) = self.peers.get_mut(&key) {
            shown.open.clear();
        }
    }

    /// The next piece for a peer, if it may see one more. `have` is what it has; `is_alone`: there is nobody to pass
    /// anything on to; `availability` counts who else has a piece.
    pub(crate) fn next(
        &mut self,
        now: Instant,
        key: PeerKey,
        (have, is_alone): (&Bitfield, bool),
        availability: impl Fn(PieceIndex) -> u32,
    ) -> Option<PieceIndex> {
        let shown = self.peers.get_mut(&key)?;
        let is_over = |at: &Instant| now.saturating_duration_since(*at) >= PASS_ON_WITHIN;
        shown.open.retain(|(piece, at)| !(is_alone && have.contains(*piece) || is_over(at)));
        if shown.open.len() >= OFFERS_AT_ONCE {
            return None;
        }
        let news = (0..have.length()).map(PieceIndex);
        let news = news.filter(|piece| !have.contains(*piece) && !shown.pieces.contains(*piece));
        let offers = &self.offers;
        let piece = news.min_by_key(|piece| {
            let offered = offers.get(piece.0 as usize).copied().unwrap_or_default();
            (availability(*piece), offered, piece.0)
        })?;
        shown.pieces.insert(piece);
        shown.open.push((piece, now));
        if let Some(offers) = self.offers.get_mut(piece.0 as usize) {
            *offers = offers.saturating_add(1);
        }
        Some(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::origin;

    const A: PeerKey = PeerKey(1);
    const B: PeerKey = PeerKey(2);

    fn offers(seed: &mut SuperSeeding, now: Instant, key: PeerKey, have: &Bitfield, alone: bool) -> Vec<u32> {
        std::iter::from_fn(|| seed.next(now, key, (have, alone), |_| 0)).map(|piece| piece.0).collect()
    }

    #[test]
    fn different_peers_are_offered_different_pieces() {
        let (mut seed, nothing, now) = (SuperSeeding::new(10), Bitfield::new(10), origin());
        seed.meet(A);
        seed.meet(B);
        assert_eq!(offers(&mut seed, now, A, &nothing, false), [0, 1]);
        assert_eq!(offers(&mut seed, now, B, &nothing, false), [2, 3]);
        assert_eq!(offers(&mut seed, now, PeerKey(3), &nothing, false), [0; 0], "it sees all");
    }

    #[test]
    fn at_the_end_each_peer_is_to_see_what_it_was_not_shown() {
        let (mut seed, nothing, now) = (SuperSeeding::new(4), Bitfield::new(4), origin());
        seed.meet(A);
        seed.meet(B);
        assert_eq!(offers(&mut seed, now, A, &nothing, false), [0, 1]);
        let rest = |pieces: &[u32]| pieces.iter().map(|piece| PieceIndex(*piece)).collect::<Vec<_>>();
        assert_eq!(seed.end(), [(A, rest(&[2, 3])), (B, rest(&[0, 1, 2, 3]))]);
    }

    #[test]
    fn more_is_offered_to_whoever_passes_on() {
        let (mut seed, mut have, now) = (SuperSeeding::new(10), Bitfield::new(10), origin());
        seed.meet(A);
        seed.meet(B);
        assert_eq!(offers(&mut seed, now, A, &have, false), [0, 1]);
        have.insert(PieceIndex(0));
        assert!(seed.got(A, PieceIndex(0)).is_empty());
        assert_eq!(offers(&mut seed, now, A, &have, false), [0; 0], "it kept it to itself");
        assert_eq!(seed.got(B, PieceIndex(0)), [A]);
        assert_eq!(offers(&mut seed, now, A, &have, false), [2]);
        // Nobody took the others for long: the peer is not to blame.
        assert_eq!(offers(&mut seed, now + PASS_ON_WITHIN, A, &have, false), [3, 4]);
    }

    #[test]
    fn a_peer_that_is_alone_is_shown_one_piece_after_the_other() {
        let (mut seed, mut have, now) = (SuperSeeding::new(5), Bitfield::new(5), origin());
        seed.meet(A);
        let mut shown = Vec::new();
        loop {
            let next = offers(&mut seed, now, A, &have, true);
            if next.is_empty() {
                break;
            }
            for piece in &next {
                have.insert(PieceIndex(*piece));
            }
            shown.extend(next);
        }
        assert_eq!(shown, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn the_rarest_come_first() {
        let (mut seed, nothing) = (SuperSeeding::new(4), Bitfield::new(4));
        seed.meet(A);
        let piece = seed.next(origin(), A, (&nothing, false), |piece| 3 - piece.0);
        assert_eq!(piece, Some(PieceIndex(3)));
    }
}
