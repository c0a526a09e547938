//! Who spoilt a piece.
//!
//! A failed piece from one sender names it. From several it does not: the digest of each block is kept, and
//! once the piece passes, those whose block differed are named and the others cleared.

use crate::contract::{BlockDigest, SourceKey};
use crate::limits;
use metainfo::{BlockIndex, PieceIndex};
use std::collections::{BTreeMap, BTreeSet};

type Attempt = Vec<BlockDigest>;

/// What one verdict of storage says about senders.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Blame {
    /// They sent bad data.
    pub(crate) guilty: BTreeSet<SourceKey>,
    /// They took part in a failed piece and may or may not be to blame.
    pub(crate) suspects: BTreeSet<SourceKey>,
    /// They were suspects of this piece, and their blocks were good.
    pub(crate) cleared: BTreeSet<SourceKey>,
}

/// The failed pieces whose culprits are not known yet.
#[derive(Debug, Default)]
pub(crate) struct SmartBan {
    failed: BTreeMap<PieceIndex, Vec<Attempt>>,
}

impl SmartBan {
    /// A piece failed.
    pub(crate) fn failed(&mut self, piece: PieceIndex, blocks: Vec<BlockDigest>) -> Blame {
        let senders: BTreeSet<SourceKey> = blocks.iter().map(|block| block.source).collect();
        let mut blame = Blame::default();
        if senders.len() == 1 {
            blame.guilty = senders;
            return blame;
        }
        let earlier = self.failed.get(&piece).map_or(&[][..], Vec::as_slice);
        // Two different blocks for one place: at least one is bad, and one sender made both.
        for old in earlier.iter().flatten() {
            let twice = |new: &&BlockDigest| {
                new.source == old.source && new.block == old.block && new.digest != old.digest
            };
            blame.guilty.extend(blocks.iter().find(twice).map(|block| block.source));
        }
        blame.suspects = senders.difference(&blame.guilty).copied().collect();
        if self.failed.len() < limits::FAILED_PIECES || self.failed.contains_key(&piece) {
            let attempts = self.failed.entry(piece).or_default();
            if attempts.len() < limits::FAILED_ATTEMPTS {
                attempts.push(blocks);
            }
        }
        blame
    }

    /// A piece passed; `blocks` tell how it looks when it is good.
    pub(crate) fn stored(&mut self, piece: PieceIndex, blocks: &[BlockDigest]) -> Blame {
        let Some(attempts) = self.failed.remove(&piece) else { return Blame::default() };
        let good: BTreeMap<BlockIndex, u64> =
            blocks.iter().map(|block| (block.block, block.digest)).collect();
        let mut blame = Blame::default();
        for block in attempts.iter().flatten() {
            match good.get(&block.block) {
                Some(digest) if *digest != block.digest => blame.guilty.insert(block.source),
                Some(_) => blame.cleared.insert(block.source),
                None => false,
            };
        }
        blame.cleared.retain(|source| !blame.guilty.contains(source));
        blame
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{PeerKey, WebSeedKey};

    const LIAR: SourceKey = SourceKey::Peer(PeerKey(1));
    const HONEST: SourceKey = SourceKey::Peer(PeerKey(2));
    const MIRROR: SourceKey = SourceKey::WebSeed(WebSeedKey(1));

    fn blocks(senders: &[(SourceKey, u64)]) -> Vec<BlockDigest> {
        let numbered = (0..).map(BlockIndex).zip(senders);
        numbered
            .map(|(block, (source, digest))| BlockDigest { block, source: *source, digest: *digest })
            .collect()
    }

    fn set(sources: &[SourceKey]) -> BTreeSet<SourceKey> {
        sources.iter().copied().collect()
    }

    #[test]
    fn a_sole_sender_is_guilty_at_once() {
        let mut ban = SmartBan::default();
        let blame = ban.failed(PieceIndex(0), blocks(&[(LIAR, 1), (LIAR, 2)]));
        assert_eq!((blame.guilty, blame.suspects), (set(&[LIAR]), set(&[])));
    }

    #[test]
    fn of_several_the_one_whose_block_changed_is_guilty() {
        let mut ban = SmartBan::default();
        let blame = ban.failed(PieceIndex(0), blocks(&[(HONEST, 1), (LIAR, 66), (MIRROR, 3), (LIAR, 4)]));
        assert_eq!((blame.guilty, blame.suspects), (set(&[]), set(&[LIAR, HONEST, MIRROR])));
        let blame = ban.stored(PieceIndex(0), &blocks(&[(HONEST, 1), (HONEST, 2), (HONEST, 3), (HONEST, 4)]));
        assert_eq!((blame.guilty, blame.cleared), (set(&[LIAR]), set(&[HONEST, MIRROR])));
        assert_eq!(ban.stored(PieceIndex(0), &[]), Blame::default());
    }

    #[test]
    fn who_sends_two_versions_of_a_block_is_guilty() {
        let mut ban = SmartBan::default();
        ban.failed(PieceIndex(0), blocks(&[(HONEST, 1), (LIAR, 66)]));
        let blame = ban.failed(PieceIndex(0), blocks(&[(HONEST, 1), (LIAR, 67)]));
        assert_eq!((blame.guilty, blame.suspects), (set(&[LIAR]), set(&[HONEST])));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut ban = SmartBan::default();
        for piece in 0..10_000 {
            ban.failed(PieceIndex(piece % 5000), blocks(&[(HONEST, 1), (LIAR, 66)]));
        }
        assert!(ban.failed.len() <= limits::FAILED_PIECES);
    }
}
