//! Cuts a stream of bytes into blocks, without copying them.

use crate::limits::MAX_BLOCK_PARTS;
use bytes::{Bytes, BytesMut};
use metainfo::{BLOCK_LENGTH, BlockIndex, BlockRequest, Geometry, PieceIndex};
use std::sync::Arc;
use storage::{Block, BlockData, PoolPermit, SharedBlock};

/// Zeros for pad files, which are never fetched.
static ZEROS: [u8; BLOCK_LENGTH as usize] = [0; BLOCK_LENGTH as usize];

/// The blocks of a torrent from some offset on, out of bytes as they come.
pub(super) struct Cutter {
    geometry: Arc<Geometry>,
    source: u64,
    /// Torrent offset of the next byte.
    position: u64,
    /// The block under way, and the bytes of it so far.
    current: Option<(BlockRequest, PoolPermit)>,
    parts: Vec<Bytes>,
    have: u32,
}

impl Cutter {
    /// Begins at `position`, where a block begins. `source` goes with every block.
    pub(super) const fn new(geometry: Arc<Geometry>, position: u64, source: u64) -> Self {
        Self { geometry, source, position, current: None, parts: Vec::new(), have: 0 }
    }

    /// Whether the next byte begins a block, so that [`Cutter::begin`] is due before [`Cutter::push`].
    pub(super) const fn wants_permit(&self) -> bool {
        self.current.is_none()
    }

    /// Begins the next block with the pool's leave.
    pub(super) fn begin(&mut self, permit: PoolPermit) {
        self.current = request_at(&self.geometry, self.position).map(|request| (request, permit));
    }

    /// Takes bytes off the front of `bytes`, to the end of the block at most; the block if that completes it.
    pub(super) fn push(&mut self, bytes: &mut Bytes) -> Option<Block> {
        let missing = self.current.as_ref()?.0.length - self.have;
        let part = bytes.split_to(bytes.len().min(missing as usize));
        self.position += part.len() as u64;
        self.have += part.len() as u32;
        if !part.is_empty() {
            self.parts.push(part);
        }
        if self.parts.len() > MAX_BLOCK_PARTS {
            self.join();
        }
        if self.have < self.current.as_ref()?.0.length {
            return None;
        }
        let (request, permit) = self.current.take()?;
        self.have = 0;
        let segments = std::mem::take(&mut self.parts);
        let data = BlockData::Shared(SharedBlock { segments, permit });
        Some(Block { request, data, source: self.source })
    }

    /// Copies small parts together, so that they do not hold large buffers.
    fn join(&mut self) {
        let mut joined = BytesMut::with_capacity(BLOCK_LENGTH as usize);
        for part in self.parts.drain(..) {
            joined.extend_from_slice(&part);
        }
        self.parts.push(joined.freeze());
    }
}

/// Up to a block of zeros.
pub(super) fn zeros(length: u64) -> Bytes {
    Bytes::from_static(&ZEROS[..length.min(u64::from(BLOCK_LENGTH)) as usize])
}

fn request_at(geometry: &Geometry, position: u64) -> Option<BlockRequest> {
    let piece_length = u64::from(geometry.piece_length());
    let piece = PieceIndex(u32::try_from(position / piece_length).ok()?);
    let begin = (position % piece_length) as u32;
    geometry.block(piece, BlockIndex(begin / BLOCK_LENGTH)).filter(|request| request.begin == begin)
}

#[cfg(test)]
mod tests {
    use super::*;
    use storage::BlockPool;

    #[test]
    fn bytes_of_any_size_become_the_blocks_of_odd_pieces() {
        let geometry = Arc::new(Geometry::new(40_000, [100_001]).unwrap());
        let content: Vec<u8> = (0..100_001u32).map(|i| (i % 251) as u8).collect();
        for size in [1, 997, 16_384, 40_000, 100_001] {
            let pool = BlockPool::new(100);
            let mut cutter = Cutter::new(Arc::clone(&geometry), 40_000, 9);
            let mut found = Vec::new();
            for part in content[40_000..].chunks(size) {
                let mut bytes = Bytes::copy_from_slice(part);
                while !bytes.is_empty() {
                    if cutter.wants_permit() {
                        cutter.begin(pool.try_permit().unwrap());
                    }
                    found.extend(cutter.push(&mut bytes));
                }
            }
            let shape: Vec<_> = found
                .iter()
                .map(|block| (block.request.piece.0, block.request.begin, block.request.length))
                .collect();
            let wanted =
                [(1, 0, 16_384), (1, 16_384, 16_384), (1, 32_768, 7_232), (2, 0, 16_384), (2, 16_384, 3_617)];
            assert_eq!(shape, wanted, "in parts of {size}");
            let mut joined = Vec::new();
            for block in found {
                let BlockData::Shared(SharedBlock { segments, .. }) = block.data else { panic!("pooled") };
                assert!(segments.len() <= MAX_BLOCK_PARTS && block.source == 9);
                joined.extend(segments.concat());
            }
            assert_eq!(joined, content[40_000..], "in parts of {size}");
            assert_eq!(pool.available(), 100);
            cutter.begin(pool.try_permit().unwrap());
            assert!(cutter.wants_permit(), "nothing begins behind the end");
        }
    }
}
