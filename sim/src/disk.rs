//! A disk that can be full, fail, or lie.

use metainfo::{BLOCK_LENGTH, BlockIndex, BlockRequest, Geometry, PieceIndex};
use std::collections::{BTreeMap, BTreeSet};
use swarm::{BlockDigest, SourceKey, StorageFact};

/// The content tag of the true bytes.
pub(crate) const TRUE_CONTENT: u64 = 0;

/// How a disk behaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum DiskState {
    /// As it should.
    #[default]
    Sound,
    /// Nothing can be written until there is space again.
    Full,
    /// Every third piece is lost while it is written, and the disk recovers at once.
    Failing,
    /// Writes look fine; what is read back is not what was written.
    Lying,
}

#[derive(Default)]
pub(crate) struct Disk {
    pub(crate) state: DiskState,
    partial: BTreeMap<PieceIndex, BTreeMap<BlockIndex, (SourceKey, u64)>>,
    failed_before: BTreeSet<PieceIndex>,
    attempts: u32,
    /// Something was lost and the swarm waits for a word.
    owes_recovery: bool,
}

impl Disk {
    /// Takes a block in; a whole piece gives facts.
    pub(crate) fn write(
        &mut self,
        geometry: &Geometry,
        request: BlockRequest,
        source: SourceKey,
        content: u64,
    ) -> Vec<StorageFact> {
        let piece = request.piece;
        let blocks = self.partial.entry(piece).or_default();
        blocks.entry(BlockIndex(request.begin / BLOCK_LENGTH)).or_insert((source, content));
        if blocks.len() < geometry.block_count(piece) as usize {
            return Vec::new();
        }
        let blocks = self.partial.remove(&piece).unwrap_or_default();
        self.attempts += 1;
        match self.state {
            DiskState::Full => {
                self.owes_recovery = true;
                return vec![StorageFact::Failed { piece }];
            }
            DiskState::Failing if self.attempts.is_multiple_of(3) => {
                return vec![StorageFact::Failed { piece }, StorageFact::Recovered];
            }
            _ => {}
        }
        let digests = || {
            blocks.iter().map(|(block, (source, digest))| BlockDigest {
                block: *block,
                source: *source,
                digest: *digest,
            })
        };
        if blocks.values().any(|(_, content)| *content != TRUE_CONTENT) {
            self.failed_before.insert(piece);
            return vec![StorageFact::PieceFailed { piece, blocks: digests().collect() }];
        }
        let blocks = if self.failed_before.remove(&piece) { digests().collect() } else { Vec::new() };
        vec![StorageFact::PieceStored { piece, blocks }]
    }

    /// There is space again.
    pub(crate) fn recover(&mut self) -> Option<StorageFact> {
        self.state = DiskState::Sound;
        std::mem::take(&mut self.owes_recovery).then_some(StorageFact::Recovered)
    }
}
