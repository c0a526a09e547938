//! A block of payload on its way from a source to the disk.

use crate::pool::{BlockBuffer, PoolPermit};
use bytes::Bytes;
use metainfo::BlockRequest;

/// A received block and where it belongs.
pub struct Block {
    /// Where the bytes belong.
    pub request: BlockRequest,
    /// The bytes, at least `request.length` of them.
    pub data: BlockData,
    /// Who sent it: a tag that storage carries and does not read.
    pub source: u64,
}

/// The bytes of a block.
pub enum BlockData {
    /// The first `request.length` bytes of a pooled buffer.
    Pooled(BlockBuffer),
    /// Pieces of somebody else's buffers, and the pool's leave to hold them.
    Shared(SharedBlock),
}

/// Bytes of a block in foreign buffers (an HTTP body), in order, together `request.length` long.
pub struct SharedBlock {
    /// The parts, none empty.
    pub segments: Vec<Bytes>,
    /// Room in the pool, so that back-pressure holds for these bytes too.
    pub permit: PoolPermit,
}

impl BlockData {
    /// The bytes as slices, cut after `length` bytes.
    pub(crate) fn slices(&self, length: u32) -> impl Iterator<Item = &[u8]> {
        let (pooled, shared): (&[u8], &[Bytes]) = match self {
            Self::Pooled(buffer) => (buffer, &[]),
            Self::Shared(block) => (&[], &block.segments),
        };
        let mut left = length as usize;
        std::iter::once(pooled).chain(shared.iter().map(|bytes| &bytes[..])).filter_map(move |slice| {
            let slice = &slice[..slice.len().min(left)];
            left -= slice.len();
            (!slice.is_empty()).then_some(slice)
        })
    }

    /// Whether at least `length` bytes are there.
    pub(crate) fn holds(&self, length: u32) -> bool {
        self.slices(length).map(<[u8]>::len).sum::<usize>() == length as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BlockPool;

    #[test]
    fn slices_are_cut_at_the_block_length() {
        let pool = BlockPool::new(2);
        let pooled = BlockData::Pooled(pool.try_acquire().unwrap());
        assert!(pooled.holds(16384) && !pooled.holds(16385));
        assert_eq!(pooled.slices(100).map(<[u8]>::len).collect::<Vec<_>>(), [100]);
        let segments = vec![Bytes::from_static(b"abc"), Bytes::from_static(b"defg")];
        let shared = BlockData::Shared(SharedBlock { segments, permit: pool.try_permit().unwrap() });
        assert_eq!(shared.slices(5).collect::<Vec<_>>(), [&b"abc"[..], b"de"]);
        assert!(shared.holds(7) && !shared.holds(8));
    }
}
