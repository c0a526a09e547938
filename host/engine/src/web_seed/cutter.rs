//! Cuts a stream of bytes into blocks.

use metainfo::{BLOCK_LENGTH, BlockIndex, BlockRequest, Geometry, PieceIndex};
use std::sync::Arc;
use storage::{Block, BlockBuffer};

/// Zeros for pad files, which are never fetched.
static ZEROS: [u8; BLOCK_LENGTH as usize] = [0; BLOCK_LENGTH as usize];

/// The blocks of a torrent from some offset on, out of bytes as they come.
pub(super) struct Cutter {
    geometry: Arc<Geometry>,
    source: u64,
    /// Torrent offset of the next byte.
    position: u64,
    /// The block under way, and how much of it is there.
    current: Option<(BlockRequest, BlockBuffer)>,
    have: usize,
}

impl Cutter {
    /// Begins at `position`, where a block begins. `source` goes with every block.
    pub(super) const fn new(geometry: Arc<Geometry>, position: u64, source: u64) -> Self {
        Self { geometry, source, position, current: None, have: 0 }
    }

    /// Whether the next byte begins a block, so that [`Cutter::begin`] is due before [`Cutter::push`].
    pub(super) const fn wants_buffer(&self) -> bool {
        self.current.is_none()
    }

    /// Begins the next block in `buffer`.
    pub(super) fn begin(&mut self, buffer: BlockBuffer) {
        self.current = request_at(&self.geometry, self.position).map(|request| (request, buffer));
    }

    /// Copies bytes off the front of `bytes`, to the end of the block at most; the block if that completes it.
    pub(super) fn push(&mut self, bytes: &mut &[u8]) -> Option<Block> {
        let (request, buffer) = self.current.as_mut()?;
        let missing = &mut buffer[self.have..request.length as usize];
        let length = missing.len().min(bytes.len());
        let (part, rest) = bytes.split_at(length);
        missing[..length].copy_from_slice(part);
        *bytes = rest;
        self.position += length as u64;
        self.have += length;
        if self.have < request.length as usize {
            return None;
        }
        self.have = 0;
        self.current.take().map(|(request, data)| Block { request, data, source: self.source })
    }
}

/// Up to a block of zeros.
pub(super) fn zeros(length: u64) -> &'static [u8] {
    &ZEROS[..length.min(u64::from(BLOCK_LENGTH)) as usize]
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
                let mut bytes = part;
                while !bytes.is_empty() {
                    if cutter.wants_buffer() {
                        cutter.begin(pool.try_acquire().unwrap());
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
                assert_eq!(block.source, 9);
                joined.extend_from_slice(&block.data[..block.request.length as usize]);
            }
            assert_eq!(joined, content[40_000..], "in parts of {size}");
            assert_eq!(pool.available(), 100);
            cutter.begin(pool.try_acquire().unwrap());
            assert!(cutter.wants_buffer(), "nothing begins behind the end");
        }
    }
}
